"""Products, decompositions and systems of equations."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from string import ascii_lowercase

from gradcli.record.jax.rows.call import Call, Row, Said, one, sizes


def _dot_general(call: Call) -> Iterator[Said]:
    a, b = call.operands
    (left, right), (batch_a, batch_b) = call.params["dimension_numbers"]
    n = len(batch_a)
    if (
        tuple(batch_a) == tuple(batch_b) == tuple(range(n))
        and tuple(left) == (len(a.shape) - 1,)
        and tuple(right) == (n,)
        and len(b.shape) <= n + 2
        and (n == 0 or len(a.shape) == len(b.shape) == n + 2)
    ):
        yield one(f"{a} @ {b}")
    if n == 0 and len(a.shape) == len(b.shape) == 2 and tuple(left) == (1,):
        yield one(f"{a} @ {b}.T")
    if n == 0 and len(a.shape) == len(b.shape) == 2 and tuple(left) == (0,):
        yield one(f"{a}.T @ {b}" if tuple(right) == (0,) else f"{a}.T @ {b}.T")
    if n == 0 and not left:
        spread = ", ".join([":"] * len(a.shape) + ["None"] * len(b.shape))
        yield one(f"{a}[{spread}] * {b}" if b.shape else f"{a} * {b}")
    of_a, of_b, result = _letters(len(a.shape), len(b.shape), left, right, batch_a, batch_b)
    yield one(f"einsum('{of_a},{of_b}->{result}', {a}, {b})")


def _letters(
    m: int, n: int, left: Sequence[int], right: Sequence[int], first: Sequence[int],
    second: Sequence[int],
) -> tuple[str, str, str]:  # fmt: skip
    """Return the letters of an einsum: batch, then what is left of each operand."""
    fresh = iter(ascii_lowercase)
    of_a, of_b = [""] * m, [""] * n
    for i, j in [*zip(first, second, strict=True), *zip(left, right, strict=True)]:
        of_a[i] = of_b[j] = next(fresh)
    of_a = [x or next(fresh) for x in of_a]
    of_b = [x or next(fresh) for x in of_b]
    rest = [of_a[i] for i in range(m) if i not in (*first, *left)]
    rest += [of_b[j] for j in range(n) if j not in (*second, *right)]
    return "".join(of_a), "".join(of_b), "".join([*(of_a[i] for i in first), *rest])


def _cholesky(call: Call) -> Iterator[Said]:
    yield one(f"linalg.cholesky({call[0]})")
    # the primitive leaves the other triangle as it was, and takes no gradient from there
    yield one(f"linalg.cholesky({call[0]}) + triu({call[0]}.detach(), 1)")


def _triangular_solve(call: Call) -> Iterator[Said]:
    a, b = call.operands
    p = call.params
    upper, text = not p["lower"], str(a)
    if p["transpose_a"]:
        upper, text = not upper, f"{a}.mT"
    if p["conjugate_a"] and call.result.dtype.kind == "c":
        text = f"conj({text})"
    words = [f"upper={upper}"]
    words += [] if p["left_side"] else ["left=False"]
    words += ["unitriangular=True"] if p["unit_diagonal"] else []
    yield one(f"linalg.solve_triangular({text}, {b}, {', '.join(words)})")


def _linear_solve(call: Call) -> Iterator[Said]:
    """`jnp.linalg.solve`: the matrix is the constant of what multiplies by it."""
    lengths = call.params["const_lengths"]
    if len(call.results) != 1 or lengths.matvec != 1:
        return
    a, b = call.operands[0], call.operands[-1]
    if len(a.shape) >= 2 and a.shape[-1] == a.shape[-2]:
        yield one(f"linalg.solve({a}, {b})")
        yield one(f"linalg.solve({a}, {b}.mT).mT")
        yield one(f"linalg.solve({a}.mT, {b})")
        yield one(f"linalg.solve({a}, {b}[..., None])[..., 0]")


def _eigh(call: Call) -> Iterator[Said]:
    yield Said((f"linalg.eigh({call[0]})[1]", f"linalg.eigh({call[0]})[0]"))


def _svd(call: Call) -> Iterator[Said]:
    a, p = call[0], call.params
    if not p["compute_uv"]:
        yield one(f"linalg.svdvals({a})")
        return
    text = f"linalg.svd({a}, full_matrices={p['full_matrices']})"
    yield Said((f"{text}[1]", f"{text}[0]", f"{text}[2]"))


def _qr(call: Call) -> Iterator[Said]:
    mode = "complete" if call.params["full_matrices"] else "reduced"
    text = f"linalg.qr({call[0]}, mode='{mode}')"
    yield Said((f"{text}[0]", f"{text}[1]"))


def _lu(call: Call) -> Iterator[Said]:
    text = f"linalg.lu_factor({call[0]})"
    # the permutation is in no words: where it is read, its value is stored
    yield Said((f"{text}[0]", f"{text}[1] - 1", ""))


def _fft(call: Call) -> Iterator[Said]:
    kind = call.params["fft_type"].name.lower()
    lengths = tuple(call.params["fft_lengths"])
    if len(lengths) == 1:
        yield one(f"fft.{kind}({call[0]}, {lengths[0]})")
    else:
        dims = sizes(range(-len(lengths), 0))
        yield one(f"fft.{kind}n({call[0]}, {sizes(lengths)}, {dims})")


ROWS: dict[str, Row] = {
    "dot_general": _dot_general,
    "cholesky": _cholesky,
    "triangular_solve": _triangular_solve,
    "custom_linear_solve": _linear_solve,
    "eigh": _eigh,
    "svd": _svd,
    "qr": _qr,
    "lu": _lu,
    "fft": _fft,
}
