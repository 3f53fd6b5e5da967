"""What a run differentiates, and why."""

from gradcli.roots.choice import Root, chosen
from gradcli.roots.sums import accumulated, name_of, sum_node, sum_text

__all__ = ["Root", "accumulated", "chosen", "name_of", "sum_node", "sum_text"]
