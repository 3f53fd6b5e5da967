"""A page where one types and sees the run: an editor, and the report beside it; for teaching.

Four parts: what a run of a text gives (`evaluation.py`), the processes in which it is run
(`runs.py`), the files of the page (`files.py`), and the server, for this machine alone
(`server.py`).
"""
