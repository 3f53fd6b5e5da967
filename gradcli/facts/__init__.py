"""What is known of a run: of the whole at once, of a node when it is asked for."""

from gradcli.facts.whole import inspect

__all__ = ["inspect"]
