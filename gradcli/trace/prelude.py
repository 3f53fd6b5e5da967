"""The prelude in a run: its definitions are run where the file first uses them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from gradcli import prelude
from gradcli.trace import modules
from gradcli.trace.classes import UserClass
from gradcli.trace.values import Namespace

if TYPE_CHECKING:
    from gradcli.trace.interpreter import Tracer


@dataclass(frozen=True)
class Deferred:
    """A name of the prelude, which a run has yet to define for itself."""

    file: str
    name: str


def find(prefix: str, name: str) -> Deferred | None:
    """Return what the prelude has under a name behind a prefix, None where it has nothing."""
    file = prelude.FILES.get(prefix)
    if file is None or name.startswith("_") or name not in prelude.pieces(file):
        return None
    return Deferred(file, name)


def names(prefix: str) -> list[str]:
    """Return the names that the prelude has behind a prefix, none where it has nothing."""
    file = prelude.FILES.get(prefix)
    found = prelude.pieces(file) if file is not None else ()
    return [name for name in found if not name.startswith("_")]


LIBRARY = ("math", "copy", "collections")  # modules that the prelude has without importing them
# where Python says that classes are from, by the prelude's file: with the name of its part
HOMES = {
    "nn": "torch.nn.modules.{}",
    "data_parallel": "torch.nn.parallel.data_parallel",
    "utils": "torch.nn.utils",
    "data": "torch.utils.data",
}


class Definitions(dict[str, Any]):
    """The names of a file of the prelude: each is defined when it is first looked up."""

    def __init__(self, tracer: Tracer, file: str) -> None:
        super().__init__()
        self.tracer = tracer
        self.file = file

    def __contains__(self, name: object) -> bool:
        known = name in prelude.pieces(self.file) or name in LIBRARY or name in modules.METHODS
        return known or super().__contains__(name)

    def __missing__(self, name: str) -> Any:
        if name in LIBRARY:
            return Namespace(name)
        if name in modules.METHODS:
            return modules.METHODS[name]
        if name not in prelude.pieces(self.file):
            raise KeyError(name)
        tracer = self.tracer
        before, span = tracer.scope, tracer.graph.span
        home = tracer.graph.home
        tracer.graph.home, tracer.scope = tracer.graph.place, self
        try:
            for statement in prelude.statements(self.file, name):
                tracer.block((statement,))()
        finally:
            tracer.scope, tracer.graph.span, tracer.graph.home = before, span, home
        found = self[name]
        if isinstance(found, UserClass) and self.file in HOMES:
            stem = prelude.pieces(self.file)[name].stem
            found.module = HOMES.get(stem, HOMES[self.file].format(stem))
        return found


def defined(tracer: Tracer, found: Any) -> Any:
    """Return what a name of the prelude stands for in a run; anything else as it is."""
    if not isinstance(found, Deferred):
        return found
    definitions = tracer.preludes.get(found.file)
    if definitions is None:
        definitions = tracer.preludes[found.file] = Definitions(tracer, found.file)
    return definitions[found.name]
