"""Two runs side by side: what belongs together, what differs, from where on, and why."""

from gradcli.compare.compared import compared
from gradcli.compare.found import Differences, Divergence, Gap, Row, Spot
from gradcli.compare.gaps import Tolerance

__all__ = ["Differences", "Divergence", "Gap", "Row", "Spot", "Tolerance", "compared"]
