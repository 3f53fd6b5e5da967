"""How often a check of an operation's own rule is mistaken, over every row of the table.

    python -m benchmarks.check_rules [--every N] [--dtype float64,float32] [--only gradcli] [-v]

Every call of the table's examples at a random point of its domain, its rule as it is and wrong in
some twenty ways: a factor, a sign, an argument left out, a mean in place of the sum over broadcast
dimensions, an index shifted, a matrix transposed, and each term and factor of its own formula left
out. A variant counts where some derivative becomes wrong by 3 % or more. `gradcheck` of PyTorch and
`check_grads` of JAX get the very same function and gradient, as black boxes; with float32 they get
a step and tolerances of 1e-2.
"""

from __future__ import annotations

import argparse
import time
import warnings
from collections import Counter
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from gradcli.autodiff import gradient_values
from gradcli.errors import GradcliError
from gradcli.execute import Replay
from gradcli.rule.dtypes import Array
from gradcli.verify import Settings, check
from tests.verify.rules import Trial, all_cases, session_of, values_at, wrong_trials

SINGLE = {"eps": 1e-2, "atol": 1e-2, "rtol": 1e-2}

Says = Callable[[Trial, str], str]


class Function:
    """A trial as a function on arrays with a gradient: what a black box knows of it."""

    def __init__(self, trial: Trial) -> None:
        self.trial = trial
        self.built = trial.built()
        self.names = [k for k in trial.values if k not in trial.case.fixed]
        self.roots = [y.id for y in self.built.outputs if y.requires_grad]
        self.leaves = [x.id for x in self.built.inputs]
        self.replay = Replay(self.built.graph, self.leaves, self.roots)

    @property
    def start(self) -> list[Array]:
        """The values of the inputs."""
        return [np.array(x.value) for x in self.built.inputs]

    def __call__(self, *values: Array) -> list[Array]:
        """Return the outputs."""
        arrays = [np.asarray(v) for v in values]
        return [np.array(y) for y in self.replay.run(dict(zip(self.leaves, arrays, strict=True)))]

    def pull(self, values: list[Array], cotangents: list[Array]) -> list[Array]:
        """Return the gradients, by the rule that is on trial."""
        made = self.trial.built(self.trial.values | dict(zip(self.names, values, strict=True)))
        roots = [y.id for y in made.outputs if y.requires_grad]
        found = gradient_values(
            made.graph, dict(zip(roots, cotangents, strict=True)), [x.id for x in made.inputs]
        )
        return [np.zeros_like(v) if g is None else g for v, g in zip(values, found, strict=True)]


def gradcli_says(trial: Trial, _: str) -> str:
    """Return the verdict: `right`, `wrong` or `undecided`."""
    session, names = session_of(trial.built())
    verdict = check(session, Settings(of=names)).verdict
    return {"WRONG": "wrong", "NOISY": "undecided"}.get(verdict, "right")


def torch_says(trial: Trial, dtype: str) -> str:
    """Return what gradcheck says."""
    import torch

    function = Function(trial)

    class Black(torch.autograd.Function):
        @staticmethod
        def forward(context: Any, *values: Any) -> Any:
            context.save_for_backward(*values)
            return tuple(torch.as_tensor(y) for y in function(*(v.numpy() for v in values)))

        @staticmethod
        def backward(context: Any, *cotangents: Any) -> Any:
            values = [v.numpy() for v in context.saved_tensors]
            found = function.pull(values, [g.numpy() for g in cotangents])
            return tuple(torch.as_tensor(np.array(g)) for g in found)

    apply: Any = Black.apply  # type: ignore[no-untyped-call]
    given = [torch.tensor(x, requires_grad=True) for x in function.start]
    loose: dict[str, Any] = SINGLE if dtype == "float32" else {}
    good = torch.autograd.gradcheck(apply, given, raise_exception=False, **loose)
    return "right" if good else "wrong"


def jax_says(trial: Trial, dtype: str) -> str:
    """Return what check_grads says; it takes one random direction."""
    import jax
    from jax.test_util import check_grads

    jax.config.update("jax_enable_x64", True)
    function = Function(trial)
    shapes = [jax.ShapeDtypeStruct(y.shape, y.dtype) for y in function(*function.start)]
    inputs = [jax.ShapeDtypeStruct(x.shape, x.dtype) for x in function.start]

    @jax.custom_vjp
    def black(*values: Any) -> Any:
        return jax.pure_callback(function, shapes, *values)

    def forward(*values: Any) -> Any:
        return black(*values), values

    def backward(values: Any, cotangents: Any) -> Any:
        def pull(values: Any, cotangents: Any) -> list[Array]:
            found = function.pull(
                [np.asarray(v) for v in values], [np.asarray(g) for g in cotangents]
            )
            return [np.asarray(g, x.dtype) for g, x in zip(found, inputs, strict=True)]

        return tuple(jax.pure_callback(pull, inputs, values, cotangents))

    black.defvjp(forward, backward)
    loose: dict[str, Any] = SINGLE if dtype == "float32" else {}
    try:
        check_grads(black, tuple(function.start), order=1, modes=["rev"], **loose)
    except AssertionError:
        return "wrong"
    return "right"


def measure(name: str, says: Says, dtype: str, every: int, verbose: bool) -> None:
    """Print the rates of one check."""
    right: Counter[str] = Counter()
    wrong: Counter[str] = Counter()
    rules, bad, started = set(), [], time.perf_counter()
    for case in all_cases()[::every]:
        try:
            trials = [Trial(case, values_at(case, 0, dtype)), *wrong_trials(case, 0, dtype)]
        except GradcliError:
            continue  # an operation that this dtype lacks
        for trial in trials:
            try:
                verdict = says(trial, dtype)
            except Exception as error:  # a case that a library cannot state
                verdict = "not stated"
                bad.append(f"{trial}: {type(error).__name__} {str(error)[:80]}")
            (right if trial.op is None else wrong)[verdict] += 1
            if trial.op is not None:
                rules.add(trial.op.name)
            if verdict not in ("not stated", "right" if trial.op is None else "wrong"):
                bad.append(f"{trial}: called {verdict}")
    seconds = time.perf_counter() - started
    print(
        f"{name:12} {dtype:8} false alarms {right['wrong']}/{_stated(right)}  missed "
        f"{wrong['right']}/{_stated(wrong)}  undecided {right['undecided']}+{wrong['undecided']}  "
        f"not stated {right['not stated']}+{wrong['not stated']}  {len(rules)} rules  "
        f"{seconds:.0f} s",
        flush=True,
    )
    for line in bad if verbose else ():
        print("   ", line)


def _stated(counts: Counter[str]) -> int:
    return counts.total() - counts["not stated"]


def main() -> None:
    """Print the rates of every check that is installed."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--every", type=int, default=1, help="take every Nth call")
    parser.add_argument("--dtype", default="float64,float32")
    parser.add_argument("--only", default="gradcli,gradcheck,check_grads", help="whose rates")
    parser.add_argument("-v", action="store_true", help="list the mistakes")
    given = parser.parse_args()
    warnings.simplefilter("ignore")
    checks: dict[str, tuple[str, Says]] = {
        "gradcli": ("gradcli", gradcli_says),
        "gradcheck": ("torch", torch_says),
        "check_grads": ("jax", jax_says),
    }
    for name, (library, says) in checks.items():
        if name not in given.only.split(","):
            continue
        try:
            __import__(library)
        except ImportError:
            print(f"{name}: {library} is not installed")
            continue
        run = partial(measure, every=given.every, verbose=given.v)
        for dtype in given.dtype.split(","):
            run(name, says, dtype)


if __name__ == "__main__":
    main()
