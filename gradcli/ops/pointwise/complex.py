"""Complex numbers: their parts, their angle, and numbers made of parts.

Gradients follow PyTorch's convention: the gradient of a real L with respect to z = x + iy is
∂L/∂x + i ∂L/∂y. The rules of holomorphic functions need not know: `Elementwise` conjugates.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from gradcli.errors import ArgumentFault, DtypeFault, ShapeFault
from gradcli.ops.pointwise.elementwise import abs_, eq, where
from gradcli.ops.shape.indexing import select
from gradcli.ops.shape.shapes import conj, ones_like, zeros_like
from gradcli.rule.dtypes import SCALAR_NAMES, is_complex, is_floating, promote, to_complex, to_real
from gradcli.rule.meta import Meta, broadcast
from gradcli.rule.rows import composite, elementwise, primitive
from gradcli.rule.rule import POSITIVE, REAL, Elementwise, Multilinear

# ---- shapes and dtypes ---------------------------------------------------------------------


def _parts_meta(a: Any) -> Meta:
    if not is_complex(a.dtype):
        raise DtypeFault("view_as_real is only supported for complex tensors")
    return Meta((*a.shape, 2), to_real(a.dtype))


def _joined_meta(a: Any) -> Meta:
    if not is_floating(a.dtype):
        raise DtypeFault(
            "view_as_complex is only supported for half, float and double tensors, but got a "
            f"tensor of scalar type: {SCALAR_NAMES[a.dtype.name]}"
        )
    if not a.shape:
        raise ShapeFault("Input tensor must have one or more dimensions")
    if a.shape[-1] != 2:
        raise ShapeFault("Tensor must have a last dimension of size 2")
    return Meta(a.shape[:-1], to_complex(a.dtype))


def _complex_meta(a: Any, b: Any) -> Meta:
    for x in (a, b):
        dtype = getattr(x, "dtype", None)
        if dtype is not None and not is_floating(dtype):
            raise DtypeFault(
                "Expected both inputs to be Half, Float or Double tensors but got "
                f"{SCALAR_NAMES[a.dtype.name]} and {SCALAR_NAMES[b.dtype.name]}"
            )
    dtype = promote((a, b), next(x.default_dtype for x in (a, b) if hasattr(x, "default_dtype")))
    shape = broadcast(getattr(a, "shape", ()), getattr(b, "shape", ()))
    return Meta(shape, to_complex(dtype))


# ---- forward functions ---------------------------------------------------------------------


def _joined(real: Any, imag: Any) -> Any:
    """Put parts together; real + 1j * imag would make nan of an infinite part."""
    pair = np.stack(np.broadcast_arrays(real, imag), -1)
    return pair.view(to_complex(pair.dtype))[..., 0]


def _angle(a: Any) -> Any:
    if is_complex(a.dtype):
        return np.angle(a)
    return np.where(np.isnan(a), a, np.where(a < 0, np.pi, 0.0))


# ---- rules ---------------------------------------------------------------------------------


def _angle_rule(g: Any, y: Any, a: Any) -> Any:
    if not is_complex(a.dtype):
        return zeros_like(g)
    size = abs_(a)
    return where(eq(size, 0), 0.0, g * (a * 1j / where(eq(size, 0), 1.0, size) ** 2))


# ---- the rows ------------------------------------------------------------------------------

# fmt: off
conj_stored = elementwise("_conj_physical(input)", "ConjPhysicalBackward0", np.conj,
    lambda g, y, a: conj(g), doc="Complex conjugate")
view_as_real = primitive(Multilinear, "view_as_real(input)", "ViewAsRealBackward0",
    lambda a: np.stack([a.real, a.imag], -1), _parts_meta,
    lambda g, y, a: view_as_complex(g),
    view="alias", doc="Real and imaginary part, along a new last dimension",
    examples="view_as_real(complex(v, v*v))")
view_as_complex = primitive(Multilinear, "view_as_complex(input)", "ViewAsComplexBackward0",
    lambda a: _joined(a[..., 0], a[..., 1]), _joined_meta,
    lambda g, y, a: view_as_real(g),
    view="alias", doc="Complex numbers of the pairs along the last dimension",
    examples="view_as_complex(stack([v, v*v], dim=-1))")
complex_ = primitive(Elementwise, "complex(real, imag)", "ComplexBackward0",
    _joined, _complex_meta,
    lambda g, y, a, b: g,
    lambda g, y, a, b: g * 1j, promotes=True, saves="real imag", alike="real imag", doc="a + i·b")
polar = primitive(Elementwise, "polar(abs, angle)", "PolarBackward0",
    lambda a, b: _joined(a * np.cos(b), a * np.sin(b)), _complex_meta,
    lambda g, y, a, b: g * polar(ones_like(a), b),
    lambda g, y, a, b: g * (y * 1j), promotes=True, saves="result",
    alike="abs angle", doc="a·exp(i·b)", domain=(POSITIVE, REAL))
angle = elementwise("angle(input)", "AngleBackward0", _angle, _angle_rule, result="real float",
    saves="input",
    doc="Angle of a complex number; 0 or π of a real one", kink="0 at 0 and of real numbers",
    examples="angle(complex(v, v*v + 1)); angle(v)")
isreal = elementwise("isreal(input)", "", np.isreal, result="bool",
    doc="Where the imaginary part is 0")
# fmt: on


def _real(a: Any) -> Any:
    return select(view_as_real(a), dim=len(a.shape), index=0) if is_complex(a.dtype) else a


def _imag(a: Any) -> Any:
    if not is_complex(a.dtype):
        raise ArgumentFault("imag is not implemented for tensors with non-complex dtypes.")
    return select(view_as_real(a), dim=len(a.shape), index=1)


# fmt: off
real = composite("real(input)", _real, doc="Real part; a real tensor itself",
    examples="real(complex(v, v*v))")
conj_physical = composite("conj_physical(input)",
    lambda a: conj_stored(a) if is_complex(a.dtype) else a,
    doc="Complex conjugate, not as a view; a real tensor itself",
    examples="conj_physical(complex(v, v*v))")
resolve_conj = composite("resolve_conj(input)", lambda a: a, aliases="resolve_neg",
    doc="The tensor itself: a conjugate has values of its own here",
    examples="resolve_conj(v); resolve_conj(complex(v, v*v).conj()).real")
imag = composite("imag(input)", _imag, doc="Imaginary part", examples="imag(complex(v, v*v))")
# fmt: on
