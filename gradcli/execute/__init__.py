"""Values of a graph: one by one, in blocks, for other leaves, at many points, to many digits."""

from gradcli.execute.choice import ensure, is_large, new_graph
from gradcli.execute.plain import apply, compute, evaluate, is_computed
from gradcli.execute.replay import Replay

__all__ = [
    "Replay",
    "apply",
    "compute",
    "ensure",
    "evaluate",
    "is_computed",
    "is_large",
    "new_graph",
]
