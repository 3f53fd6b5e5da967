"""Values of a graph: one by one, in blocks, for other leaves, at many points, to many digits."""

from gradcli.execute.plain import apply, compute, evaluate, new_graph
from gradcli.execute.replay import Replay

__all__ = ["Replay", "apply", "compute", "evaluate", "new_graph"]
