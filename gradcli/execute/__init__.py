"""Values of a graph: one node at a time, again for other leaves, at many points at once."""

from gradcli.execute.plain import apply, compute, evaluate, new_graph
from gradcli.execute.replay import Replay

__all__ = ["Replay", "apply", "compute", "evaluate", "new_graph"]
