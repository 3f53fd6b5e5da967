"""Textbook derivatives hold at random points, and with one thing changed they do not."""

import pytest

from tests.verify.checking import checked

LEAST_SQUARES = """
X = tensor([[1., 2.], [3., 4.], [5., 7.]])
y = tensor([1., 2., 4.])
w = param([0.5, -0.3])
r = X @ w - y
"""
CLASSES = """
Z = param([[0.2, -0.4, 1.1], [0.9, 0.3, -0.5]])
Y = tensor([[0., 1., 0.], [1., 0., 0.]])
"""
MATRIX = """
A = param([[2., 0.3, -0.4], [0.7, 1.5, 0.2], [0.1, -0.6, 1.8]])
b = tensor([1., -2., 0.5])
"""
SPD = """
S = param([[2., 0.6, 0.1], [0.6, 1.5, -0.3], [0.1, -0.3, 1.2]])
d = tensor([1., -2., 0.5])
"""
BATCH_NORM = """
x = param([[1., 2.], [3., 5.], [4., 7.], [6., 6.5]])
c = tensor([[1., 2.], [-1., 0.5], [3., -2.], [0.3, 1.]])
mu = x.mean(0)
var = ((x - mu)**2).mean(0)
xhat = (x - mu)/sqrt(var + 1e-5)
y = (c*xhat).sum()
"""
LAYER_NORM = """
x = param([[1., 2., 4.], [3., -5., 0.5]])
c = tensor([[1., 2., -1.], [0.5, 3., -2.]])
mu = x.mean(-1, keepdim=True)
sd = sqrt(((x - mu)**2).mean(-1, keepdim=True))
xhat = (x - mu)/sd
y = (c*xhat).sum()
"""
ATTENTION = """
Q = param([[0.2, -0.4], [0.9, 0.3], [0.5, 0.1]])
K = param([[0.7, 0.1], [-0.3, 0.8], [0.4, -0.6]])
V = param([[1., 2.], [0.3, -1.], [-0.5, 0.7]])
G = tensor([[1., -2.], [0.5, 0.3], [2., 1.]])
P = softmax(Q @ K.T / sqrt(2.), 1)
y = (G*(P @ V)).sum()
dP = G @ V.T
dS = P*(dP - (dP*P).sum(1, keepdim=True))
"""
KERNEL = """
x = param([0.3, -0.8])
C = tensor([[1., 0.5], [-0.2, 0.4], [0.7, -1.]])
a = tensor([1., -2., 0.5])
k = exp(-((x - C)**2).sum(1)/(2*0.7**2))
y = (a*k).sum()
"""
CONV = """
w = param([0.5, -1., 2.])
x = param([1., 3., -2., 0.5, 4.])
g = tensor([1., -0.5, 2.])
y = (g*stack([(w*x[i:i+3]).sum() for i in range(3)])).sum()
"""
NET = """
X = tensor([[1., 2.], [3., -4.], [0.3, 0.9]])
T = tensor([[1.], [0.5], [-2.]])
W1 = param([[0.5, -0.3, 0.2], [0.1, 0.4, -0.6]])
b1 = param([0.1, -0.2, 0.3])
W2 = param([[0.7], [-0.5], [0.3]])
"""
LOGISTIC = """
X = tensor([[1., 2.], [3., -4.], [0.3, 0.9]])
t = tensor([1., 0., 1.])
w = param([0.5, -0.3])
p = sigmoid(X @ w)
"""
# a function, its gradient, and the same with one thing wrong
TRUE = {
    "least squares": (LEAST_SQUARES + "f = (r**2).sum()", "w", "2*X.T @ r", "X.T @ r"),
    "mean square": (LEAST_SQUARES + "f = (r**2).mean()", "w", "2*X.T @ r/3", "2*X.T @ r/2"),
    "ridge": (
        LEAST_SQUARES + "f = (r**2).sum() + 0.1*(w**2).sum()", "w", "2*X.T @ r + 0.2*w",
        "2*X.T @ r + 0.1*w",
    ),
    "lasso": (
        LEAST_SQUARES + "f = 0.5*(r**2).sum() + 0.1*abs(w).sum()", "w", "X.T @ r + 0.1*sign(w)",
        "X.T @ r + 0.1*w",
    ),
    "weighted least squares": (
        LEAST_SQUARES + "q = tensor([1., 2., 0.5])\nf = (q*r**2).sum()", "w", "2*X.T @ (q*r)",
        "2*X.T @ (q**2*r)",
    ),
    "huber": (
        LEAST_SQUARES + "f = F.huber_loss(X @ w, y, reduction='sum')", "w",
        "X.T @ clamp(r, -1, 1)", "X.T @ r",
    ),
    "logistic": (
        LOGISTIC + "f = -(t*log(p) + (1 - t)*log(1 - p)).sum()", "w", "X.T @ (p - t)",
        "X.T @ ((p - t)*p*(1 - p))",
    ),
    "logistic loss of logits": (
        LOGISTIC + "f = F.binary_cross_entropy_with_logits(X @ w, t)", "w", "X.T @ (p - t)/3",
        "X.T @ (p - t)",
    ),
    "logistic loss of signs": (
        LOGISTIC + "s = 2*t - 1\nf = log(1 + exp(-s*(X @ w))).sum()", "w",
        "-X.T @ (s*sigmoid(-s*(X @ w)))", "-X.T @ (s*sigmoid(s*(X @ w)))",
    ),
    "brier": (LOGISTIC + "f = ((p - t)**2).sum()", "w", "X.T @ (2*(p - t)*p*(1 - p))",
              "X.T @ (2*(p - t))"),
    "perceptron": (
        LOGISTIC + "s = 2*t - 1\nf = relu(-s*(X @ w)).sum()", "w",
        "-X.T @ (s*(s*(X @ w) < 0))", "X.T @ (s*(s*(X @ w) < 0))",
    ),
    "softmax": (
        CLASSES + "f = -(Y*log_softmax(Z, 1)).sum()", "Z", "softmax(Z, 1) - Y", "softmax(Z, 1)",
    ),
    "cross entropy": (
        CLASSES + "f = F.cross_entropy(Z, tensor([1, 0]))", "Z", "(softmax(Z, 1) - Y)/2",
        "softmax(Z, 1) - Y",
    ),
    "logsumexp": (CLASSES + "f = logsumexp(Z, 1).sum()", "Z", "softmax(Z, 1)", "softmax(Z, 0)"),
    "a product of softmax": (
        CLASSES + "f = (Y*softmax(Z, 1)).sum()", "Z",
        "softmax(Z, 1)*(Y - (Y*softmax(Z, 1)).sum(1, keepdim=True))",
        "softmax(Z, 1)*(1 - softmax(Z, 1))*Y",
    ),
    "batch norm": (
        BATCH_NORM, "x", "(c - c.mean(0) - xhat*(c*xhat).mean(0))/sqrt(var + 1e-5)",
        "(c - c.mean(0))/sqrt(var + 1e-5)",
    ),
    "layer norm": (
        LAYER_NORM, "x",
        "(c - c.mean(-1, keepdim=True) - xhat*(c*xhat).mean(-1, keepdim=True))/sd", "c/sd",
    ),
    "rms norm": (
        "x = param([1., 2., -4.])\nc = tensor([1., -1., 0.5])\nq = sqrt((x**2).mean())\n"
        "y = (c*x/q).sum()", "x", "c/q - x*(c*x).sum()/(3*q**3)", "c/q",
    ),
    "a unit vector": (
        "x = param([1., 2., -4.])\nc = tensor([1., -1., 0.5])\ny = (c*x/norm(x)).sum()", "x",
        "(c - x*(x @ c)/(x @ x))/norm(x)", "(c - x*(x @ c))/norm(x)",
    ),
    "attention's queries": (ATTENTION, "Q", "dS @ K/sqrt(2.)", "dS @ K"),
    "attention's keys": (ATTENTION, "K", "dS.T @ Q/sqrt(2.)", "dS @ Q/sqrt(2.)"),
    "attention's values": (ATTENTION, "V", "P.T @ G", "P @ G"),
    "log det": (MATRIX + "y = logdet(A)", "A", "inverse(A).T", "inverse(A)"),
    "det": (MATRIX + "y = det(A)", "A", "det(A)*inverse(A).T", "det(A)*inverse(A)"),
    "a solution": (
        MATRIX + "x = linalg.solve(A, b)\ny = x.sum()", "A",
        "-outer(linalg.solve(A.T, ones(3)), x)", "-outer(x, linalg.solve(A.T, ones(3)))",
    ),
    "an inverse": (
        MATRIX + "y = inverse(A).sum()", "A", "-inverse(A).T @ ones(3, 3) @ inverse(A).T",
        "-inverse(A) @ ones(3, 3) @ inverse(A)",
    ),
    "a quadratic form of a vector": (
        MATRIX + "v = param([1., 2., -0.5])\ny = v @ A @ v", "v", "(A + A.T) @ v", "2*A @ v",
    ),
    "a trace": (MATRIX + "y = trace(A @ A)", "A", "2*A.T", "2*A"),
    "the Frobenius norm": (MATRIX + "y = (A**2).sum()", "A", "2*A", "2*A.T"),
    "A A'": (
        MATRIX + "y = b @ (A @ A.T) @ b", "A", "2*outer(b, A.T @ b)", "2*outer(A.T @ b, b)",
    ),
    "Mahalanobis": (
        SPD + "y = d @ inverse(S) @ d", "S", "-outer(inverse(S) @ d, inverse(S) @ d)",
        "-outer(inverse(S) @ d, d)",
    ),
    "log det of a covariance": (
        SPD + "y = logdet(S)", "S", "inverse(S)", "2*inverse(S) - diag(diag(inverse(S)))",
    ),
    "a normal likelihood": (
        SPD + "y = 0.5*logdet(S) + 0.5*d @ linalg.solve(S, d)", "S",
        "0.5*(inverse(S) - outer(inverse(S) @ d, inverse(S) @ d))",
        "0.5*(inverse(S) + outer(inverse(S) @ d, inverse(S) @ d))",
    ),
    "log det by cholesky": (
        SPD + "L = linalg.cholesky(S)\ny = 2*log(diag(L)).sum()", "S", "inverse(S)", "2*inverse(S)",
    ),
    "eigenvalues": (
        SPD + "y = log(linalg.eigvalsh(S)).sum()", "S", "inverse(S)", "inverse(S)/3",
    ),
    "the largest eigenvalue": (
        SPD + "e = linalg.eigh(S)\ny = e[0][2]", "S", "outer(e[1][:, 2], e[1][:, 2])",
        "outer(e[1][:, 1], e[1][:, 1])",
    ),
    "a kernel": (KERNEL, "x", "-((a*k) @ (x - C))/0.7**2", "-((a*k) @ (x - C))/0.7"),
    "Poisson": (
        "X = tensor([[1., 2.], [3., -4.], [0.3, 0.9]])\nn = tensor([2., 0., 1.])\n"
        "w = param([0.5, -0.3])\nm = exp(X @ w)\ny = (m - n*log(m)).sum()", "w", "X.T @ (m - n)",
        "X.T @ (1 - n/m)",
    ),
    "a filter": (
        CONV, "w", "stack([(g*x[j:j+3]).sum() for j in range(3)])",
        "stack([(g*x[2-j:5-j]).sum() for j in range(3)])",
    ),
    "a filter's input": (
        CONV, "x", "stack([w[0]*g[0], w[1]*g[0]+w[0]*g[1], w[2]*g[0]+w[1]*g[1]+w[0]*g[2], "
        "w[2]*g[1]+w[1]*g[2], w[2]*g[2]])",
        "stack([w[2]*g[0], w[1]*g[0]+w[2]*g[1], w[0]*g[0]+w[1]*g[1]+w[2]*g[2], "
        "w[0]*g[1]+w[1]*g[2], w[0]*g[2]])",
    ),
    "a network's first layer": (
        NET + "H = tanh(X @ W1 + b1)\nR = H @ W2 - T\ny = (R**2).mean()", "W1",
        "X.T @ ((2*R/3 @ W2.T)*(1 - H**2))", "X.T @ ((2*R/3 @ W2.T)*(1 - H))",
    ),
    "a network's bias": (
        NET + "H = relu(X @ W1 + b1)\nR = H @ W2 - T\ny = (R**2).sum()", "b1",
        "((2*R @ W2.T)*(H > 0)).sum(0)", "((2*R @ W2.T)*H).sum(0)",
    ),
    "the entropy": (
        "p = param([0.2, 0.5, 0.3])\ny = -(p*log(p)).sum()", "p", "-log(p) - 1", "-log(p)",
    ),
    "Kullback and Leibler": (
        "p = param([0.2, 0.5, 0.3])\nq = tensor([0.4, 0.4, 0.2])\ny = (p*log(p/q)).sum()", "p",
        "log(p/q) + 1", "log(p/q)",
    ),
    "gamma": ("a = param([1.5, 2.2])\ny = lgamma(a).sum()", "a", "digamma(a)", "lgamma(a)"),
    "the student's t": (
        "x = param([0.5, -2.])\ny = (2*log(1 + x**2/3)).sum()", "x", "4*x/(3 + x**2)",
        "2*x/(3 + x**2)",
    ),
    "a geometric mean": (
        "x = param([0.5, 2., 3.])\ny = prod(x)**(1/3)", "x", "y/(3*x)", "y/x",
    ),
    "the variance": (
        "x = param([0.5, 2., 3.])\ny = var(x)", "x", "2*(x - x.mean())/2", "2*(x - x.mean())/3",
    ),
    "a hinge": (
        LOGISTIC + "s = 2*t - 1\nf = relu(1 - s*(X @ w)).mean()", "w",
        "-X.T @ (s*(s*(X @ w) < 1))/3", "-X.T @ s",
    ),
    "low rank": (
        "U = param([[1., 0.5], [0.2, -1.], [0.7, 0.3]])\nM = tensor([[1., 2., 0.], [0.5, 1., 1.], "
        "[2., -1., 0.3]])\nE = U @ U.T - M\ny = (E**2).sum()", "U", "2*(E + E.T) @ U", "4*E @ U",
    ),
}  # fmt: skip


def claimed(name: str, formula: str) -> str:
    text, by, _, _ = TRUE[name]
    lines = [line for line in text.splitlines() if line]
    root = [line.split(" = ")[0] for line in lines if line.startswith(("f = ", "y = "))][-1]
    return "\n".join([*lines, f"assert allclose(grad({root}, {by}), {formula})"]) + "\n"


@pytest.mark.parametrize("name", TRUE)
def test_a_textbook_derivative_holds_at_random_points(name: str) -> None:
    found = checked(claimed(name, TRUE[name][2])).claims[0]
    assert found.claim.holds
    assert (found.points, found.held, found.outside) == (8, 8, 0)


@pytest.mark.parametrize("name", TRUE)
def test_with_one_thing_wrong_it_does_not(name: str) -> None:
    found = checked(claimed(name, TRUE[name][3])).claims[0]
    assert not found.holds
    assert found.worst
