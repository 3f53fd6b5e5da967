"""A command again on every save: when files change, what of a page changed, how it is shown."""

from __future__ import annotations

from gradcli.watch.loop import follow
from gradcli.watch.process import Process
from gradcli.watch.saves import Saves
from gradcli.watch.screen import Log, Screen

__all__ = ["Log", "Process", "Saves", "Screen", "follow"]
