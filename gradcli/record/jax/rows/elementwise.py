"""Primitives of one element, or of two: one text for each."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from gradcli.record.jax.rows.call import Call, Row, Said, one

# `{a}` and `{b}` are tensors, `{k}` is which of several results
UNARY = {
    "neg": "-{a}",
    "exp": "exp({a})",
    "exp2": "exp2({a})",
    "expm1": "expm1({a})",
    "log": "log({a})",
    "log1p": "log1p({a})",
    "sin": "sin({a})",
    "cos": "cos({a})",
    "tan": "tan({a})",
    "asin": "asin({a})",
    "acos": "acos({a})",
    "atan": "atan({a})",
    "sinh": "sinh({a})",
    "cosh": "cosh({a})",
    "tanh": "tanh({a})",
    "asinh": "asinh({a})",
    "acosh": "acosh({a})",
    "atanh": "atanh({a})",
    "sqrt": "sqrt({a})",
    "rsqrt": "rsqrt({a})",
    "cbrt": "sign({a}) * abs({a}) ** (1 / 3)",
    "square": "square({a})",
    "logistic": "sigmoid({a})",
    "erf": "erf({a})",
    "erfc": "erfc({a})",
    "erf_inv": "erfinv({a})",
    "lgamma": "lgamma({a})",
    "digamma": "digamma({a})",
    "bessel_i0e": "special.i0e({a})",
    "bessel_i1e": "special.i1e({a})",
    "sign": "sign({a})",
    "floor": "floor({a})",
    "ceil": "ceil({a})",
    "is_finite": "isfinite({a})",
    "real": "real({a})",
    "imag": "imag({a})",
    "conj": "conj({a})",
    "stop_gradient": "{a}.detach()",
    "copy": "{a}.clone()",
    "copy_p": "{a}.clone()",
    "reduce_precision": "{a}.clone()",
}
OPERATORS = {
    "add": "+", "add_any": "+", "sub": "-", "mul": "*", "div": "/", "eq": "==", "ne": "!=",
    "lt": "<", "le": "<=", "gt": ">", "ge": ">=", "and": "&", "or": "|", "xor": "^",
    "shift_left": "<<", "shift_right_arithmetic": ">>", "shift_right_logical": ">>",
}  # fmt: skip
BINARY = {
    "max": "maximum({a}, {b})",
    "min": "minimum({a}, {b})",
    "rem": "fmod({a}, {b})",
    "atan2": "atan2({a}, {b})",
    "nextafter": "nextafter({a}, {b})",
    "complex": "complex({a}, {b})",
    "igamma": "special.gammainc({a}, {b})",
    "igammac": "special.gammaincc({a}, {b})",
    "zeta": "special.zeta({a}, {b})",
}
# functions with a derivative of their own, by their names in JAX: words for them, tried in turn
NAMED = {
    "relu": ("F.relu({a})",),
    "relu6": ("F.relu6({a})",),
    "logaddexp": ("logaddexp({a}, {b})", "F.softplus({a})", "F.softplus({b})"),
    "logaddexp2": ("logaddexp2({a}, {b})",),
    "sinc": ("sinc({a})",),
    "xlogy": ("special.xlogy({a}, {b})",),
    "xlog1py": ("special.xlog1py({a}, {b})",),
    "entr": ("special.entr({a})",),
    "logit": ("logit({a})",),
    "ndtri": ("special.ndtri({a})",),
    "log_ndtr": ("special.log_ndtr({a})",),
    "_det": ("linalg.det({a})",),
    "_slogdet_lu": ("linalg.slogdet({a})[{k}]",),
    "logsumexp": ("logsumexp({a}, tuple(range({a}.ndim)))",),
}


def template(text: str) -> Row:
    """Return the row of a primitive whose words are a text."""

    def row(call: Call) -> Iterator[Said]:
        words = dict(zip("abc", map(str, call.operands), strict=False))
        yield Said(tuple(text.format(**words, k=k) for k in range(len(call.results))))

    return row


def operator(sign: str) -> Row:
    """Return the row of a primitive that is an operator of Python; numbers stay numbers."""

    def row(call: Call) -> Iterator[Said]:
        a, b = call.operands
        left = a.tensor if b.is_number and a.is_number else a.factor
        yield one(f"{left} {sign} {b.factor}")
        yield one(f"{a} {sign} {b}")

    return row


def _div(call: Call) -> Iterator[Said]:
    a, b = call.operands
    if call.result.dtype.kind in "iu":
        yield one(f"div({a}, {b}, rounding_mode='trunc')")
    else:
        yield from operator("/")(call)


def _negated(call: Call) -> Iterator[Said]:
    yield one(f"~{call[0]}")


def _integer_pow(call: Call) -> Iterator[Said]:
    n = call.params["y"]
    if n < 0:
        yield one(f"1 / {call[0]} ** {-n}" if n < -1 else f"1 / {call[0]}")
    yield one(f"{call[0]}**{n}")


def _power(call: Call) -> Iterator[Said]:
    a, b = call.operands
    if not a.is_number:
        yield one(f"{a} ** {b.factor}")
    yield one(f"{a} ** {b}")


def _rounded(call: Call) -> Iterator[Said]:
    a = call[0]
    yield one(f"round({a})")
    yield one(f"sign({a}) * floor(abs({a}) + 0.5)")  # away from zero


def _converted(call: Call) -> Iterator[Said]:
    yield one(f"{call[0]}.to({call.result.dtype.name})")


def _select_n(call: Call) -> Iterator[Said]:
    which, *cases = call.operands
    text = str(cases[0])
    if which.dtype == "bool":
        yield one(f"where({which}, {cases[1].name}, {cases[0].name})")
        yield one(f"where({which}, {cases[1]}, {cases[0]})")
        return
    for k, case in enumerate(cases[1:], 1):
        text = f"where({which} == {k}, {case}, {text})"
    yield one(text)


def _clamp(call: Call) -> Iterator[Said]:
    low, a, high = call.operands
    yield one(f"clamp({a}, {low.name}, {high.name})")
    yield one(f"clamp({a}, {low}, {high})")
    # at the ends JAX has the derivative 0, PyTorch 1
    inside = f"({a} > {low.name}) & ({a} < {high.name})"
    yield one(f"where({inside}, {a}, clamp({a}.detach(), {low}, {high}))")


def _absolute(call: Call) -> Iterator[Said]:
    yield one(f"abs({call[0]})")
    yield one(f"where({call[0]} >= 0, {call[0]}, -{call[0]})")  # JAX's derivative at 0 is 1


def _polygamma(call: Call) -> Iterator[Said]:
    order = call[0].value
    if order.size and np.all(order == order.flat[0]):
        yield one(f"special.polygamma({int(order.flat[0])}, {call[1]})")


def _several(call: Call) -> Iterator[Said]:
    yield Said(tuple(f"{x}.clone()" for x in call.operands))


def _ruled(call: Call) -> Iterator[Said]:
    """Say a function with its own derivative, if it is JAX's own and known."""
    for text in NAMED.get(call.params["name"], ()) if call.params["library"] else ():
        if "{b}" not in text or len(call.operands) > 1:
            yield from template(text)(call)


ROWS: dict[str, Row] = {
    **{name: template(text) for name, text in (UNARY | BINARY).items()},
    **{name: operator(sign) for name, sign in OPERATORS.items()},
    "abs": _absolute,
    "div": _div,
    "not": _negated,
    "integer_pow": _integer_pow,
    "pow": _power,
    "round": _rounded,
    "convert_element_type": _converted,
    "select_n": _select_n,
    "clamp": _clamp,
    "polygamma": _polygamma,
    "optimization_barrier": _several,
    "lt_to": operator("<"),
    "le_to": operator("<="),
    "custom_jvp_call": _ruled,
    "custom_vjp_call": _ruled,
    "custom_vjp_call_jaxpr": _ruled,
}
