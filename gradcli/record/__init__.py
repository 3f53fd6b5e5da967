"""A run of a program as a file that replays without its library: `gradcli record`.

The room is named as the function that it is for: `gradcli.record("run")` calls this module.
"""

from __future__ import annotations

import sys
from types import ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from gradcli.record.api import record


class _Callable(ModuleType):
    def __call__(self, *args: Any, **keywords: Any) -> record:
        from gradcli.record.api import record

        return record(*args, **keywords)


sys.modules[__name__].__class__ = _Callable
