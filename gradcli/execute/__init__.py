"""Values of a graph: one by one, for other leaves, at many points at once, to many digits."""

from gradcli.execute.plain import apply, compute, evaluate, is_computed, new_graph
from gradcli.execute.replay import Replay

__all__ = ["Replay", "apply", "compute", "evaluate", "is_computed", "new_graph"]
