"""Random points keep what an operation needs or a value means, and what is an accident is false."""

import numpy as np
import pytest

from gradcli.render import CHECK
from gradcli.verify.structure import (
    LOWER,
    MASK,
    ONE_HOT,
    ORTHOGONAL,
    POSITIVE_DEFINITE,
    PROBABILITIES,
    SIGNS,
    STRUCTURES,
    SYMMETRIC,
    UPPER,
    WHOLE,
    Structure,
)
from tests.render.printing import printed
from tests.verify.checking import checked

S = "S = param([[2., 0.6, 0.1], [0.6, 1.5, -0.3], [0.1, -0.3, 1.2]])\nd = tensor([1., -2., 0.5])\n"
L = "L = param([[2., 0., 0.], [0.6, 1.5, 0.], [0.1, -0.3, 1.2]])\nd = tensor([1., -2., 0.5])\n"
Z = "Z = param([[0.2, -0.4, 1.1], [0.9, 0.3, -0.5]])\n"
SOFT = "Y = param([[0.2, 0.5, 0.3], [0.1, 0.1, 0.8]])\n"
HOT = "Y = param([[0., 1., 0.], [1., 0., 0.]])\n"
# a right derivative that needs the structure, a wrong one, and what is said to be kept
NEEDED = {
    "cholesky": (S + "y = 2*log(diag(linalg.cholesky(S))).sum()\n", "grad(y, S)", "inverse(S)",
                 "2*inverse(S)", "`S` stays symmetric positive definite (cholesky, line 3)"),
    "of a sum": (S + "y = 2*log(diag(linalg.cholesky(S + 0.1*eye(3)))).sum()\n", "grad(y, S)",
                 "inverse(S + 0.1*eye(3))", "inverse(S)",
                 "`S` stays symmetric positive definite (cholesky, line 3)"),
    "eigh": (S + "y = log(linalg.eigh(S)[0]).sum()\n", "grad(y, S)", "inverse(S)", "S/S.sum()",
             "`S` stays symmetric positive definite (eigh, line 3)"),
    "eigvalsh": ("A = param([[1., 2.], [2., -3.]])\ny = (linalg.eigvalsh(A)**3).sum()\n",
                 "grad(y, A)", "3*A @ A", "3*A*A", "`A` stays symmetric (eigh, line 2)"),
    "cholesky_solve": (L + "y = cholesky_solve(d[:, None], L).sum()\n", "grad(y, L)",
        "-(inverse(L @ L.T) @ (ones(3, 3)*d + (ones(3, 3)*d).T) @ inverse(L @ L.T)) @ L",
        "-(inverse(L @ L.T) @ (ones(3, 3)*d) @ inverse(L @ L.T)) @ L",
        "`L` stays lower triangular (cholesky_solve, line 3)"),
    "solve_triangular": (L + "y = linalg.solve_triangular(L, d[:, None], upper=False).sum()\n",
        "grad(y, L)", "-tril(outer(inverse(L).T @ ones(3), inverse(L) @ d))",
        "-tril(outer(inverse(L) @ d, inverse(L).T @ ones(3)))",
        "`L` stays lower triangular (solve_triangular, line 3)"),
    "cross_entropy": (Z + SOFT + "y = F.cross_entropy(Z, Y)\n", "grad(y, Z)",
        "(softmax(Z, 1) - Y)/2", "softmax(Z, 1) - Y",
        "`Y` stays made of rows that sum to one (cross_entropy, line 3)"),
    "of classes": (Z + HOT + "y = F.cross_entropy(Z, Y)\n", "grad(y, Z)", "(softmax(Z, 1) - Y)/2",
        "(softmax(Z, 1)*(1 - Y))/2", "`Y` stays one-hot (cross_entropy, line 3)"),
    "kl_div": (Z + SOFT + "y = F.kl_div(log_softmax(Z, 1), Y, reduction='sum')\n", "grad(y, Z)",
        "softmax(Z, 1) - Y", "Y - softmax(Z, 1)",
        "`Y` stays made of rows that sum to one (kl_div, line 3)"),
}  # fmt: skip
OTHERWISE = "; at others it does not hold"
MEANT = {
    "inverse": (S + "y = d @ inverse(S) @ tensor([1., 0., 2.])\n", "grad(y, S)",
        "-outer(inverse(S) @ d, inverse(S) @ tensor([1., 0., 2.]))",
        "-outer(inverse(S) @ d, inverse(S) @ d)", "`S` stays symmetric positive definite"),
    "det": (S + "y = det(S)\n", "grad(y, S)", "det(S)*inverse(S)", "det(S)*S",
            "`S` stays symmetric positive definite (det, line 3)"),
    "logdet": (S + "y = logdet(S)\n", "grad(y, S)", "inverse(S)", "-inverse(S)",
               "`S` stays symmetric positive definite (slogdet, line 3)"),
    "solve": (S + "x = linalg.solve(S, d)\ny = x.sum()\n", "grad(y, S)",
              "-outer(linalg.solve(S, ones(3)), x)", "-outer(x, ones(3))",
              "`S` stays symmetric positive definite (solve, line 3)"),
    "indefinite": ("A = param([[1., 2.], [2., -3.]])\ny = inverse(A)[0, 1]\n", "grad(y, A)",
                   "-outer(inverse(A)[0], inverse(A)[1])", "-outer(inverse(A)[0], A[1])",
                   "`A` stays symmetric (inv, line 2)"),
    "one-hot": (Z + HOT + "y = -(Y*log_softmax(Z, 1)).sum()\n", "grad(y, Z)", "softmax(Z, 1) - Y",
                "softmax(Z, 1)*(1 - Y)", "`Y` stays one-hot (mul, line 3)"),
    "probabilities": (Z + SOFT + "y = (Y*(logsumexp(Z, 1, keepdim=True) - Z)).sum()\n",
                      "grad(y, Z)", "softmax(Z, 1) - Y", "softmax(Z, 1) - Y/2",
                      "`Y` stays made of rows that sum to one"),
    "signs": ("s = param([1., -1., 1.])\nw = param([0.3, 2., -1.])\ny = (sin(s*w)*s).sum()\n",
              "grad(y, w)", "cos(w)", "s*cos(w)", "`s` stays made of -1 and 1"),
    "a mask": ("m = param([1., 0., 1.])\nw = param([0.3, 2., -1.])\ny = ((m*w)**2).sum()\n",
               "grad(y, w)", "2*m*w", "2*w", "`m` stays made of 0 and 1"),
    "numbers": ("k = param([1., 3., 2.])\nw = param([0.3, 2., -1.])\ny = (w*cos(2*pi*k)).sum()\n",
                "grad(y, w)", "cos(4*pi*k)", "k", "`k` stays made of whole numbers"),
}  # fmt: skip
# a derivative that is right for the file's numbers only, and by what
ACCIDENTS = {
    "symmetric": "A = param([[2., 1.], [1., 3.]])\nb = param([1., -2.])\ny = b @ A @ b\n"
                 "assert allclose(grad(y, b), 2*A @ b)\n",
    "symmetric ": "A = param([[2., 1.], [1., 3.]])\ny = trace(A @ A)\n"
                  "assert allclose(grad(y, A), 2*A)\n",
    "lower triangular": "A = param([[2., 0.], [1., 3.]])\ny = prod(A[0])*0 + A[0, 0]*A[1, 1] - "
        "A[0, 1]*A[1, 0]\nB = stack([stack([A[1, 1], -A[1, 0]]), stack([0*A[0, 0], A[0, 0]])])\n"
        "assert allclose(grad(y, A), B)\n",
    "diagonal": "A = param([[2., 0.], [0., 3.]])\ny = trace(A @ A @ A)\n"
                "assert allclose(grad(y, A), 3*A**2)\n",
    "orthogonal": "A = param([[0.6, 0.8], [-0.8, 0.6]])\ny = ((A.T @ A)**2).sum()\n"
                  "assert allclose(grad(y, A), 4*A)\n",
    "of norm 1": "v = param([0.6, 0.8])\nc = tensor([1., 2.])\ny = (c*v/norm(v)).sum()\n"
                 "assert allclose(grad(y, v), c - v*(v @ c))\n",
    "made of rows that sum to one": "p = param([0.2, 0.3, 0.5])\ny = (p/p.sum()).square().sum()\n"
                                    "assert allclose(grad(y, p), 2*p - 2*(p*p).sum())\n",
    "made of -1 and 1": "s = param([1., -1., 1.])\ny = (s**3).sum()\n"
                        "assert allclose(grad(y, s), 3*abs(s))\n",
    "made of 0 and 1": "m = param([1., 0., 1.])\ny = (m**3).sum()\n"
                       "assert allclose(grad(y, m), 3*m)\n",
    "made of whole numbers": "k = param([3., 5., 4.])\ny = (k**2/2).sum()\n"
                             "assert allclose(grad(y, k), round(k))\n",
    "in increasing order": "x = param([0.1, 0.11, 0.12, 0.13])\nc = tensor([1., 2., 3., 4.])\n"
                           "y = (c*sort(x)[0]**2).sum()\nassert allclose(grad(y, x), 2*c*x)\n",
    "zero where it is zero here": "w = param([[1.5, 0., 2.], [0.7, 0.3, 0.]])\ny = (w**2).sum()\n"
        "assert allclose(grad(y, w), 2*w + w[0, 1]*w[1, 2])\n",
}  # fmt: skip


@pytest.mark.parametrize("name", NEEDED)
def test_what_an_operation_needs_is_kept(name: str) -> None:
    file, side, right, _, said = NEEDED[name]
    found = checked(f"{file}assert allclose({side}, {right})\n").claims[0]
    assert found.holds
    assert (found.points, found.held) == (8, 8)
    assert found.kept == said


@pytest.mark.parametrize("name", MEANT)
def test_what_a_value_may_mean_is_kept_where_the_claim_needs_it(name: str) -> None:
    file, side, right, _, said = MEANT[name]
    found = checked(f"{file}assert allclose({side}, {right})\n").claims[0]
    assert found.holds
    assert (found.points, found.held) == (8, 8)
    assert found.kept.startswith(said)
    assert found.kept.endswith(OTHERWISE)


@pytest.mark.parametrize("name", [*NEEDED, *MEANT])
def test_a_wrong_claim_is_false_at_such_points_too(name: str) -> None:
    file, side, _, wrong, _ = (NEEDED | MEANT)[name]
    assert not checked(f"{file}assert allclose({side}, {wrong})\n").claims[0].holds


@pytest.mark.parametrize("name", ACCIDENTS)
def test_what_nothing_asks_for_is_no_excuse(name: str) -> None:
    found = checked(ACCIDENTS[name]).claims[0]
    assert found.claim.holds
    assert not found.holds
    assert f" is {name.strip()}, which nothing asks for" in found.note


def test_a_difference_at_a_random_point_is_said_to_be_there() -> None:
    report = checked(ACCIDENTS["symmetric"])
    text = " ".join(printed(CHECK["table"](report), 200).split())
    assert "only where `A` is symmetric, which nothing asks for" in text
    assert "at a random point: largest difference" in text


def test_a_claim_that_holds_in_general_keeps_nothing() -> None:
    found = checked(S + "y = logdet(S)\nassert allclose(grad(y, S), inverse(S).T)\n").claims[0]
    assert (found.holds, found.held, found.kept) == (True, 8, "")


def test_a_zero_is_moved_upwards_where_below_it_nothing_is_defined() -> None:
    text = "p = param([0.5, 0., 0.25])\ny = (sqrt(p + 1e-3)).sum()\n"
    found = checked(text + "assert allclose(grad(y, p), 0.5/sqrt(p + 1e-3))\n").claims[0]
    assert (found.held, found.outside) == (8, 0)


CHOICES = (SIGNS, MASK, WHOLE)  # of a few values, of which one may be missing
VALUES = {
    "symmetric": [[1.0, 2.0], [2.0, -3.0]],
    "symmetric positive definite": [[2.0, 1.0], [1.0, 3.0]],
    "lower triangular": [[2.0, 0.0], [1.0, 3.0]],
    "upper triangular": [[2.0, 1.0], [0.0, 3.0]],
    "diagonal": [[2.0, 0.0], [0.0, 3.0]],
    "orthogonal": [[0.6, 0.8], [-0.8, 0.6]],
    "of norm 1": [[0.6, 0.8], [1.0, 0.0]],
    "made of rows that sum to one": [[0.25, 0.75], [1.0, 0.0]],
    "one-hot": [[0.0, 1.0], [1.0, 0.0]],
    "in increasing order": [0.1, 0.5, 2.0],
    "made of -1 and 1": [1.0, -1.0, -1.0],
    "made of 0 and 1": [1.0, 0.0, 1.0],
    "made of whole numbers": [3.0, 1.0, 7.0],
    "zero where it is zero here": [[0.0, 1.5], [2.5, 0.0]],
}


@pytest.mark.parametrize("structure", STRUCTURES, ids=lambda s: s.name)
def test_a_move_keeps_the_structure_and_moves(structure: Structure) -> None:
    value, generator = np.array(VALUES[structure.name]), np.random.default_rng(0)
    assert structure.has(value)
    moved = [
        structure.kept(value, lambda x: x + generator.uniform(-0.1, 0.1, x.shape), generator)
        for _ in range(4)
    ]
    assert any(np.any(x != value) for x in moved)
    if structure in CHOICES:
        assert all(set(np.unique(x)) <= set(np.unique(value)) for x in moved)
    else:
        assert all(structure.has(x) for x in moved)


@pytest.mark.parametrize(
    ("structure", "value"),
    [
        (SYMMETRIC, [[1.0, 2.0], [2.1, 3.0]]),
        (SYMMETRIC, [[1.0, 2.0, 3.0]]),
        (POSITIVE_DEFINITE, [[1.0, 2.0], [2.0, 1.0]]),
        (LOWER, [[1.0, 2.0], [2.0, 1.0]]),
        (UPPER, [1.0, 2.0]),
        (ORTHOGONAL, [[1.0, 1.0], [-1.0, 1.0]]),
        (PROBABILITIES, [0.5, 0.6]),
        (PROBABILITIES, [1.5, -0.5]),
        (ONE_HOT, [[0.5, 0.5], [1.0, 0.0]]),
    ],
)
def test_what_is_near_a_structure_is_not_one(structure: Structure, value: list[float]) -> None:
    assert not structure.has(np.array(value))


def test_a_hermitian_matrix_stays_one() -> None:
    value, generator = np.array([[2, 1 - 1j], [1 + 1j, 3]]), np.random.default_rng(0)
    moved = POSITIVE_DEFINITE.kept(value, lambda x: x * 1.1, generator)
    assert POSITIVE_DEFINITE.has(moved)
    assert np.allclose(moved, 1.21 * value)
