"""How often a check is mistaken: right gradients that it refuses, wrong ones that it passes.

    python benchmarks/check_rates.py

Every case is an expression over one parameter at random points of its domain, with its gradient
as it is and made wrong in several ways. The same cases go through `torch.autograd.gradcheck`
(its defaults, and for float32 the tolerances its documentation suggests) where PyTorch is
installed. `python -m benchmarks.check_rules` does so with every operation's own rule, and with JAX.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from gradcli.api import options_for
from gradcli.errors import GradcliError, Source
from gradcli.session import Request, run
from gradcli.verify import check

POINTS = 4
ANY, POSITIVE, UNIT, ABOVE = (-2.0, 2.0), (0.1, 3.0), (-0.9, 0.9), (1.2, 3.0)

# an expression of v, a parameter of shape (2, 3), and where its elements are drawn from
CASES: tuple[tuple[str, tuple[float, float]], ...] = (
    ("v + 2*v", ANY), ("v - v*v", ANY), ("v*exp(v)", ANY), ("v/(v*v + 1)", ANY), ("-v", ANY),
    ("1/v", POSITIVE), ("v**2", ANY), ("v**3.0", POSITIVE), ("v**v", POSITIVE), ("2**v", ANY),
    ("sqrt(v)", POSITIVE), ("rsqrt(v)", POSITIVE), ("exp(v)", ANY), ("expm1(v)", ANY),
    ("log(v)", POSITIVE), ("log2(v)", POSITIVE), ("log10(v)", POSITIVE), ("log1p(v)", POSITIVE),
    ("logaddexp(v, v*v)", ANY), ("sin(v)", ANY), ("cos(v)", ANY), ("tan(v)", UNIT),
    ("asin(v)", UNIT), ("acos(v)", UNIT), ("atan(v)", ANY), ("sinh(v)", ANY), ("cosh(v)", ANY),
    ("tanh(v)", ANY), ("asinh(v)", ANY), ("acosh(v)", ABOVE), ("atanh(v)", UNIT),
    ("atan2(v, v*v + 1)", ANY), ("erf(v)", ANY), ("erfc(v)", ANY), ("abs(v)", ANY),
    ("relu(v)", ANY), ("maximum(v, v*v)", ANY), ("clamp(v, -1.0, 1.0)", ANY), ("sigmoid(v)", ANY),
    ("softplus(v)", ANY), ("softmax(v, 1)", ANY), ("log_softmax(v, 0)", ANY),
    ("logsumexp(v, 1)", ANY), ("sum(v, 0)", ANY), ("mean(v, 1)", ANY), ("prod(v, 1)", ANY),
    ("amax(v, 1)", ANY), ("var(v, 1)", ANY), ("std(v, 1)", ANY), ("norm(v)", ANY),
    ("v @ v.T", ANY), ("v.T @ exp(v)", ANY), ("v.reshape(3, 2)", ANY), ("v.T*2", ANY),
    ("cat((v, v*v), 0)", ANY), ("stack((v, exp(v)), 0)", ANY), ("v[0]*v[1]", ANY),
    ("v[:, 1:]**2", ANY), ("where(v > 0.5, v, v*v)", ANY), ("cumsum(v, 1)*v", ANY),
    ("(v - mean(v, 1, keepdim=True))**2", ANY), ("v[:, None]*v", ANY), ("exp(20*v)", ANY),
    ("sin(50*v)", ANY), ("1e6*v + v*v", ANY), ("1e-6*exp(v)", ANY), ("1e4 + v*v", ANY),
    ("log(v)/v**3", POSITIVE), ("exp(-v*v*20)", UNIT), ("sqrt(v*v + 1e-6)", ANY),
)  # fmt: skip

Change = Callable[[Any], Any]


def _missing(g: Any) -> Any:
    g = g + 0 * g
    g[0, 1] = 0
    return g


WRONG: dict[str, Change] = {
    "factor 1.03": lambda g: g * 1.03,
    "wrong sign": lambda g: -g,
    "missing element": _missing,
    "mean in place of a sum": lambda g: g / 3,
    "wrong index": lambda g: g[:, [1, 2, 0]],
    "term too many": lambda g: g + 0.05 * abs(g).max(),
}


def values(case: int, span: tuple[float, float], point: int) -> Any:
    """Return the parameter of a case at a point."""
    return np.random.default_rng([case, point]).uniform(*span, (2, 3))


def changes_something(text: str, x: Any, change: Change) -> bool:
    """Say whether a change makes a gradient wrong by 3 % or more somewhere."""
    session = _session(text, x, "float64")
    from gradcli.verify.analytic import reverse
    from gradcli.verify.probe import outputs_of

    graph, root = session.graph, session.root
    assert root is not None
    outputs = outputs_of(graph, [root], ["y"], np.random.default_rng(0))
    leaf = next(i for i, name in graph.notes.names.items() if name == "w")
    found = reverse(graph, outputs, (leaf,))[leaf]
    assert found is not None
    g = found[:, 0].reshape(2, 3)
    gap, size = np.abs(change(g.copy()) - g), np.abs(g)
    return bool(np.any((gap >= 0.0299 * size) & (gap > 1e-3 * size.max())))


def _session(text: str, x: Any, dtype: str, change: Change | None = None) -> Any:
    full = f"v = clone(w)\nweights = cos(arange({text_size(text, x)}, dtype={dtype}))\n"
    full += f"y = sum(({text}).reshape(-1)*weights)\n"
    options = options_for(dtype=dtype, param={"w": x.astype(dtype)})
    session = run(Source("<case>", full), options, Request(backward=False))
    if change is not None:
        graph = session.graph
        for id, op in enumerate(graph.ops):
            if op is not None and op.derivative is not None and op.name == "clone":
                wrong = replace(op.derivative, bodies=(lambda g, *_: change(g),))
                graph.ops[id] = replace(op, derivative=wrong)
    return session


_SIZES: dict[str, int] = {}


def text_size(text: str, x: Any) -> int:
    """Return how many elements an expression has."""
    if text not in _SIZES:
        options = options_for(param={"v": x})
        session = run(Source("<size>", f"y = {text}"), options, Request(backward=False))
        shape = session.tracer.scope["y"].shape
        _SIZES[text] = int(np.prod(shape))
    return _SIZES[text]


def _known(text: str, x: Any) -> bool:
    """Say whether gradcli has the operations of an expression."""
    try:
        return text_size(text, x) > 0
    except GradcliError:
        return False


def gradcli_says(text: str, x: Any, dtype: str, change: Change | None) -> str:
    """Return the verdict: `right`, `wrong` or `undecided`."""
    verdict = check(_session(text, x, dtype, change)).verdict
    return {"WRONG": "wrong", "NOISY": "undecided"}.get(verdict, "right")


def torch_says(text: str, x: Any, dtype: str, change: Change | None) -> str:
    """Return what gradcheck says of the same case."""
    import torch

    class Changed(torch.autograd.Function):
        @staticmethod
        def forward(_: Any, a: Any) -> Any:
            return a.clone()

        @staticmethod
        def backward(_: Any, g: Any) -> Any:
            return g if change is None else change(g.clone())

    names = {**vars(torch), **vars(torch.special), **vars(torch.nn.functional)}
    weights = torch.cos(torch.arange(text_size(text, x), dtype=getattr(torch, dtype)))

    apply: Any = Changed.apply

    def f(w: Any) -> Any:
        y = eval(text, {**names, "sum": torch.sum, "abs": torch.abs, "v": apply(w)})
        return (y.reshape(-1) * weights).sum()

    w = torch.tensor(x, dtype=getattr(torch, dtype), requires_grad=True)
    loose: dict[str, Any] = {"eps": 1e-3, "atol": 1e-2, "rtol": 1e-2} if dtype == "float32" else {}
    good = torch.autograd.gradcheck(f, (w,), raise_exception=False, **loose)
    return "right" if good else "wrong"


def measure(name: str, says: Callable[..., str], dtype: str) -> None:
    """Print the rates of one check."""
    alarms = unclear = right = missed = wrong = 0
    started, bad = time.perf_counter(), []
    for case, (text, span) in enumerate(CASES):
        if not _known(text, values(case, span, 0)):
            continue
        for point in range(POINTS):
            x = values(case, span, point)
            verdict = says(text, x, dtype, None)
            right += 1
            alarms += verdict == "wrong"
            unclear += verdict == "undecided"
            if verdict != "right":
                bad.append(f"{text} at point {point}: right, called {verdict}")
            for what, change in WRONG.items():
                if not changes_something(text, x, change):
                    continue
                verdict = says(text, x, dtype, change)
                wrong += 1
                missed += verdict == "right"
                unclear += verdict == "undecided"
                if verdict != "wrong":
                    bad.append(f"{text} at point {point}: {what}, called {verdict}")
    seconds = time.perf_counter() - started
    print(
        f"{name:28} {dtype:8} false alarms {alarms}/{right}  missed {missed}/{wrong}  "
        f"undecided {unclear}  {seconds:.1f} s"
    )
    for line in bad[: 12 if "-v" in sys.argv else 0]:
        print("   ", line)


def main() -> None:
    """Print the rates of every check that is installed."""
    for dtype in ("float64", "float32"):
        measure("gradcli check", gradcli_says, dtype)
    try:
        import torch  # noqa: F401
    except ImportError:
        print("PyTorch is not installed: pip install torch==2.13.0")
    else:
        for dtype in ("float64", "float32"):
            measure("torch.autograd.gradcheck", torch_says, dtype)


if __name__ == "__main__":
    main()
