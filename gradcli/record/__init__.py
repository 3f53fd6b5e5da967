"""A run of a program as a file that replays without its library: `gradcli record`."""
