"""`torch.autograd.gradcheck` and `gradgradcheck`: a function's derivatives against differences.

As in PyTorch both sides are whole Jacobians, and differences are central ones of one step. What
`gradcli check` says is sharper: it has error bars, and finds which operation is wrong.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from gradcli.errors import ArgumentFault, AutogradFault
from gradcli.graph import Node
from gradcli.rule.dtypes import FLOAT64, Array, is_complex, is_differentiable
from gradcli.rule.signature import Signature
from gradcli.trace import own
from gradcli.trace.derivatives import gradient, one
from gradcli.trace.values import Function, described

if TYPE_CHECKING:
    from gradcli.trace.interpreter import Tracer

Args = tuple[Any, ...]
Keywords = dict[str, Any]

NUMBERS = "eps: number = 1e-6, atol: number = 1e-5, rtol: number = 1e-3"
# options that change nothing in whether the Jacobians are the same
IGNORED = (
    "nondet_tol: any = None, check_undefined_grad: any = True, check_grad_dtypes: any = False, "
    "check_batched_grad: any = False, check_backward_ad: any = True, fast_mode: any = False, "
    "masked: any = None"
)
FIRST = Signature(
    f"gradcheck(func: any, inputs: any, {NUMBERS}, raise_exception: any = True, "
    f"{IGNORED}, check_batched_forward_grad: any = False, check_forward_ad: any = False)"
)
SECOND = Signature(
    f"gradgradcheck(func: any, inputs: any, grad_outputs: any = None, {NUMBERS}, "
    f"gen_non_contig_grad_outputs: any = False, raise_exception: any = True, {IGNORED}, "
    "check_fwd_over_rev: any = False, check_rev_over_rev: any = True)"
)
NO_INPUT = (
    "gradcheck expects at least one input tensor to require gradient, but none of them have "
    "requires_grad=True."
)
SINGLE = (
    "Input #{i} requires gradient and is not a double precision floating point or complex. This "
    "check will likely fail if all the inputs are not of double precision floating point or "
    "complex. "
)


def _mismatch(message: str) -> AutogradFault:
    """Return PyTorch's GradcheckError; where nothing catches it, what it says is one line."""
    error = AutogradFault(
        " ".join(message.replace(",\n", ", ").split()),
        hint="`gradcli check` says which operation is wrong, and how",
    )
    error.python, error.given = "GradcheckError", (message,)
    return error


def gradcheck(tracer: Tracer, args: Args, keywords: Keywords) -> bool:
    """`gradcheck(func, inputs)`: True, or the first Jacobian that is not that of differences.

    Raises: AutogradFault, as PyTorch's GradcheckError; ArgumentFault for what it does not take.
    """
    given = FIRST.bind(args, keywords)
    if given["check_forward_ad"] or given["check_batched_forward_grad"]:
        raise ArgumentFault(
            "gradcheck() compares reverse mode here",
            hint="`gradcli check --mode forward,reverse` compares both",
        )

    def compute(inputs: Args) -> Any:
        return tracer.call(given["func"], inputs, {})

    return _reported(tracer, compute, one(given["inputs"]), given)


def gradgradcheck(tracer: Tracer, args: Args, keywords: Keywords) -> bool:
    """`gradgradcheck(func, inputs)`: the same for the gradients, by inputs and cotangents.

    Raises: as `gradcheck`.
    """
    given = SECOND.bind(args, keywords)
    if given["check_fwd_over_rev"]:
        raise ArgumentFault("gradgradcheck() compares reverse mode over reverse mode here")
    inputs, graph = one(given["inputs"]), tracer.graph
    with own.inside(tracer, True):
        outputs = _differentiable(tracer.call(given["func"], inputs, {}))
        if given["grad_outputs"] is None:
            draw = np.random.default_rng(0)
            cotangents: Args = tuple(
                graph.leaf(draw.uniform(-1, 1, y.shape).astype(y.dtype), True) for y in outputs
            )
        else:
            cotangents = one(given["grad_outputs"])

    def compute(values: Args) -> Any:
        with graph.settings("inside", True):
            roots = _differentiable(tracer.call(given["func"], values[: len(inputs)], {}))
            wanted = tuple(x for x in values[: len(inputs)] if _is_input(x))
            found = gradient(roots, wanted, values[len(inputs) :], allow_unused=True)
        return tuple(g for g in found if g is not None)

    return _reported(tracer, compute, (*inputs, *cotangents), given)


def _reported(
    tracer: Tracer, compute: Callable[[Args], Any], inputs: Args, given: dict[str, Any]
) -> bool:
    if not any(map(_is_input, inputs)):
        error = ArgumentFault(NO_INPUT)
        error.python = "ValueError"
        raise error
    for i, x in enumerate(inputs):
        if _is_input(x) and is_complex(x.dtype):
            raise ArgumentFault(
                "gradcheck() of complex inputs is not here",
                hint="`gradcli check` compares real and imaginary parts",
            )
        if _is_input(x) and x.dtype != FLOAT64:
            tracer.notice(SINGLE.format(i=i))
    try:
        _compare(tracer, compute, inputs, given)
    except AutogradFault as error:
        if error.python != "GradcheckError" or given["raise_exception"]:
            raise
        return False
    return True


def _is_input(x: Any) -> bool:
    return isinstance(x, Node) and x.requires_grad and is_differentiable(x.dtype)


def _differentiable(found: Any) -> tuple[Node, ...]:
    """Return the outputs of a function that have a gradient."""
    outputs = one(found)
    for y in outputs:
        if not isinstance(y, Node):
            raise ArgumentFault(f"gradcheck(): the function gave {described(y)}, and no tensor")
        if is_complex(y.dtype):
            raise ArgumentFault("gradcheck() of complex outputs is not here")
    return tuple(y for y in outputs if y.requires_grad)


def _compare(
    tracer: Tracer, compute: Callable[[Args], Any], inputs: Args, given: dict[str, Any]
) -> None:
    wanted = [i for i, x in enumerate(inputs) if _is_input(x)]
    with own.inside(tracer, True):
        found = one(compute(inputs))
        outputs = _differentiable(found)
        numbers = [k for k, y in enumerate(found) if y.requires_grad]
        if not outputs:
            _check_zero(tracer, compute, inputs, wanted, len(found), given)
            return
        sides = [_analytic(y, [inputs[i] for i in wanted]) for y in outputs]
    for place, i in enumerate(wanted):
        numeric = _numeric(tracer, compute, inputs, i, numbers, given["eps"])
        for k, matrix, analytic in zip(numbers, numeric, sides, strict=True):
            if not np.allclose(analytic[place], matrix, given["rtol"], given["atol"]):
                raise _mismatch(
                    f"Jacobian mismatch for output {k} with respect to input {i},\n"
                    f"numerical:{_text(tracer, matrix)}\n"
                    f"analytical:{_text(tracer, analytic[place])}\n"
                )


def _check_zero(
    tracer: Tracer,
    compute: Callable[[Args], Any],
    inputs: Args,
    wanted: list[int],
    count: int,
    given: dict[str, Any],
) -> None:
    """Check that a function without a gradient has no slope either."""
    for i in wanted:
        for matrix in _numeric(tracer, compute, inputs, i, list(range(count)), given["eps"]):
            if matrix.any():
                raise _mismatch("Numerical gradient for function expected to be zero")


def _analytic(y: Node, inputs: list[Node]) -> list[Array]:
    """Return dy/dx for each input, shape (elements of x, elements of y)."""
    size = int(np.prod(y.shape))
    matrices = [np.zeros((int(np.prod(x.shape)), size), x.dtype) for x in inputs]
    for k in range(size):
        unit = np.zeros(size, y.dtype)
        unit[k] = 1
        found = gradient(y, tuple(inputs), y.constant(unit.reshape(y.shape)), create_graph=False,
                         retain_graph=True, allow_unused=True)  # fmt: skip
        for matrix, g in zip(matrices, found, strict=True):
            if g is not None:
                matrix[:, k] = np.reshape(g.value, -1)
    return matrices


def _numeric(
    tracer: Tracer,
    compute: Callable[[Args], Any],
    inputs: Args,
    i: int,
    outputs: list[int],
    eps: float,
) -> list[Array]:
    """Return the same by central differences: the input has other values meanwhile."""
    graph, x = tracer.graph, inputs[i]
    base = np.array(x.value)
    rows: list[list[Array]] = [[] for _ in outputs]

    def at(k: int, step: float) -> list[Array]:
        moved = base.copy()
        moved.reshape(-1)[k] += step
        graph.put(x.id, moved)
        found = one(compute(inputs))
        return [np.array(found[k].value).reshape(-1) for k in outputs]

    with own.inside(tracer):
        try:
            for k in range(base.size):
                for row, plus, minus in zip(rows, at(k, eps), at(k, -eps), strict=True):
                    row.append((plus - minus) / (2 * eps))
        finally:
            graph.put(x.id, base)
    return [np.array(row, x.dtype).reshape(base.size, -1) for row in rows]


def _text(tracer: Tracer, matrix: Array) -> str:
    with own.inside(tracer):
        return tracer.text(tracer.graph.leaf(matrix))


MEMBERS: dict[str, Any] = {
    f"torch.autograd{module}.{name}": Function(name, run)
    for module in ("", ".gradcheck")
    for name, run in (("gradcheck", gradcheck), ("gradgradcheck", gradgradcheck))
}
