"""`sys`, `os`, `time`, `warnings`: what they say here of a machine that a file does not see."""

from __future__ import annotations

import posixpath
import sys
from typing import TYPE_CHECKING, Any

from gradcli.errors import ArgumentFault
from gradcli.rule.signature import Signature
from gradcli.trace.calls import Args, Keywords, only
from gradcli.trace.sentences import class_name, fault, python_errors
from gradcli.trace.skipped import Environment, note
from gradcli.trace.standard.collections import named_tuple
from gradcli.trace.types import Callee
from gradcli.trace.values import Exit, Function, Skipped

if TYPE_CHECKING:
    from gradcli.trace.interpreter import Tracer


def _exit(tracer: Tracer, args: Args, keywords: Keywords) -> None:
    """End the run; with a message or another status than 0, as an error.

    Raises: Exit, or ArgumentFault.
    """
    status = Signature("exit(status: any = None)").bound(args, keywords)["status"]
    if status is None or status == 0:
        raise Exit
    raise ArgumentFault(f"the file ends itself: exit({tracer.text(status, quoted=True)})")


def _nothing(name: str) -> Function:
    """Return a function that takes anything and does nothing."""
    return Function(name, lambda tracer, args, keywords: None)


def _stream(name: str) -> Callee:
    def refuse(tracer: Tracer, args: Args, keywords: Keywords) -> None:
        raise fault(TypeError("'TextIOWrapper' object is not callable"))

    def write(tracer: Tracer, args: Args, keywords: Keywords) -> int:
        text = only(args, keywords, "write")
        if not isinstance(text, str):
            raise fault(TypeError(f"write() argument must be str, not {class_name(text)}"))
        if name == "sys.stdout":
            tracer.write(text)
        else:
            tracer.notice(text)
        return len(text)

    return Callee(name, refuse, {"write": Function("write", write), "flush": _nothing("flush")})


def _record(name: str, **fields: Any) -> Any:
    """Return a tuple with names: `sys.float_info`."""
    kind: Any = named_tuple(name, tuple(fields), (), "sys").classes[0]
    return kind.__new__(kind, fields.values())


def _zero(name: str, found: Any) -> Function:
    def run(tracer: Tracer, args: Args, keywords: Keywords) -> Any:
        Signature(f"{name}()").bound(args, keywords)
        return found

    return Function(name, run)


def _sleep(tracer: Tracer, args: Args, keywords: Keywords) -> None:
    seconds = only(args, keywords, "sleep")
    if not isinstance(seconds, int | float):
        said = f"'{class_name(seconds)}' object cannot be interpreted as an integer"
        raise fault(TypeError(said))
    if seconds < 0:
        raise fault(ValueError("sleep length must be non-negative"))


def _get(tracer: Tracer, args: Args, keywords: Keywords) -> Any:
    """`os.getenv(name, default)`: no variable is set."""
    return Signature("get(key: str, default: any = None)").bound(args, keywords)["default"]


def _of_path(name: str) -> Function:
    """Return a function of `os.path` that works on the text of a path alone."""
    function = getattr(posixpath, name)

    def run(tracer: Tracer, args: Args, keywords: Keywords) -> Any:
        for x in (*args, *keywords.values()):
            if isinstance(x, Skipped):
                return x
        with python_errors():
            return function(*args, **keywords)

    return Function(name, run)


def _no_file(tracer: Tracer, args: Args, keywords: Keywords) -> bool:
    """`os.path.exists(path)`: a run sees no file but those that it reads."""
    note(tracer, tracer.graph.place, "os.path")
    return False


def _warn(tracer: Tracer, args: Args, keywords: Keywords) -> None:
    message = WARN.bound(args, keywords)["message"]
    tracer.notice(tracer.text(message))


WARN = Signature(
    "warn(message: any, category: any = None, stacklevel: any = 1, source: any = None)"
)
_info = sys.float_info

MODULES: dict[str, dict[str, Any]] = {
    "sys": {
        "argv": [], "maxsize": sys.maxsize, "exit": Function("exit", _exit),
        "stdout": _stream("sys.stdout"), "stderr": _stream("sys.stderr"),
        "version_info": _record("version_info", major=sys.version_info.major,
                                minor=sys.version_info.minor, micro=sys.version_info.micro,
                                releaselevel="final", serial=0),
        "float_info": _record("float_info", max=_info.max, min=_info.min, epsilon=_info.epsilon,
                              dig=_info.dig, mant_dig=_info.mant_dig),
        "getrecursionlimit": _zero("getrecursionlimit", 1000),
        "setrecursionlimit": _nothing("setrecursionlimit"),
    },
    "os": {
        "environ": Environment("os.environ"), "getenv": Function("getenv", _get),
    },
    "os.path": {
        **{name: _of_path(name) for name in ("join", "basename", "dirname", "split", "splitext",
                                             "normpath")},
        **{name: Function(name, _no_file) for name in ("exists", "isfile", "isdir")},
        **{name: Skipped(f"os.path.{name}") for name in ("abspath", "realpath", "expanduser",
                                                         "getsize", "getmtime")},
    },
    "time": {
        **{name: _zero(name, 0.0) for name in ("time", "perf_counter", "monotonic",
                                               "process_time")},
        **{name: _zero(name, 0) for name in ("time_ns", "perf_counter_ns")},
        "sleep": Function("sleep", _sleep),
    },
    "warnings": {
        "warn": Function("warn", _warn), "filterwarnings": _nothing("filterwarnings"),
        "simplefilter": _nothing("simplefilter"), "resetwarnings": _nothing("resetwarnings"),
        "catch_warnings": Skipped("warnings.catch_warnings"),
    },
}  # fmt: skip
