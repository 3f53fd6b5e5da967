"""The workloads, a module for each family."""

from collections.abc import Sequence

from benchmarks.frame import Workload
from benchmarks.workloads import (
    checks,
    hessians,
    matrices,
    parsing,
    scalars,
    start,
    tensors,
    training,
)

WORKLOADS: Sequence[Workload] = (
    *start.WORKLOADS,
    *tensors.WORKLOADS,
    *scalars.WORKLOADS,
    *matrices.WORKLOADS,
    *checks.WORKLOADS,
    *parsing.WORKLOADS,
    *hessians.WORKLOADS,
    *training.WORKLOADS,
)
