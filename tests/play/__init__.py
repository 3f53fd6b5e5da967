"""`gradcli play`: the processes, the server, and the page in a browser."""
