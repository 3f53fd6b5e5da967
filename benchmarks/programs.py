"""Two hundred programs on which a check of gradients is hard: their text, and a random point.

A program is Python, and means the same with PyTorch, with gradcli and with any numbers that have
its functions under these names: it takes the parameter `x`, an array, and ends with a number `y`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.random import Generator

from gradcli.rule.dtypes import Array


class Program(NamedTuple):
    """A program, the point at which it is differentiated, and what makes it hard."""

    kind: str
    text: str
    x: Array

    def __str__(self) -> str:
        lines = self.text.strip().split("\n")
        return "\n".join([f"x = param({_literal(self.x)})", *lines])


Made = tuple[str, Array]
Maker = Callable[[Generator, int], Made]


def programs(seed: int, each: int) -> list[Program]:
    """Return `each` programs of every kind, the same for the same seed."""
    return [
        Program(kind, *maker(np.random.default_rng([seed, k, n]), n))
        for k, (kind, maker) in enumerate(KINDS.items())
        for n in range(each)
    ]


def _literal(values: Array) -> str:
    return repr(np.asarray(values, np.float64).tolist())


def _tensor(values: Array) -> str:
    return f"tensor({_literal(values)})"


def _loop(start: str, count: int, body: str, end: str) -> str:
    lines = "".join(f"    {line}\n" for line in body.split("; "))
    return f"{start}\nfor i in range({count}):\n{lines}{end}\n"


def _pick(g: Generator, options: tuple[str, ...], n: int) -> str:
    """Return an option: each in turn, so that every one of them is tried."""
    return options[n % len(options)].format(
        a=round(g.uniform(0.5, 2.0), 3), b=round(g.uniform(0.1, 1.0), 3), n=int(g.integers(3, 30))
    )


# ---- maps, products and differential equations ----------------------------------------------


def _logistic(g: Generator, n: int) -> Made:
    body = f"h = {g.uniform(3.4, 4.0):.3f}*h*(1 - h)"
    return _loop("h = x[0]", 10 + 12 * n, body, "y = h"), g.uniform(0.1, 0.9, 1)


def _henon(g: Generator, n: int) -> Made:
    body = f"u, v = 1 - {g.uniform(1.1, 1.4):.3f}*u*u + v, 0.3*u"
    return _loop("u, v = x[0], x[1]", 5 + 9 * n, body, "y = u + 2*v"), g.uniform(-0.3, 0.3, 2)


def _tent(g: Generator, n: int) -> Made:
    body = f"h = {g.uniform(1.2, 1.95):.3f}*minimum(h, 1 - h)"
    return _loop("h = x[0]", 3 + 6 * n, body, "y = h"), g.uniform(0.1, 0.9, 1)


def _lorenz(g: Generator, n: int) -> Made:
    body = "dx = 10*(q - p); dy = p*(28 - r) - q; dz = p*q - 2.6*r; "
    body += "p = p + dt*dx; q = q + dt*dy; r = r + dt*dz"
    start = f"p, q, r = x[0], x[1], x[2]\ndt = {g.uniform(0.005, 0.02):.4f}"
    return _loop(start, 20 + 35 * n, body, "y = p + q*r"), g.uniform(-5, 15, 3)


def _product(g: Generator, n: int) -> Made:
    count = 10 + 20 * n
    options = ("y = y*({a} + x[0]/(i + 1))", "y = y*(x[0] - {b}*x[1]*i/{n}.0)",
               "y = y*sin(x[0] + i)*{a}*1.8", "y = y*(1 + x[0]/2.0**i) - x[1]")  # fmt: skip
    body = _pick(g, options, n)
    return _loop("y = x[1]", count, body, ""), g.uniform(0.5, 2.0, 2)


def _ode(g: Generator, n: int) -> Made:
    steps, dt = 10 + 12 * n, round(g.uniform(0.02, 0.2), 3)
    options = (
        f"u, v = u + {dt}*v, v + {dt}*({{a}}*3*(1 - u*u)*v - u)",  # van der Pol
        f"u, v = u + {dt}*v, v - {dt}*sin(u)*9.81",  # pendulum
        f"u = u + {dt}*u*({{a}} - u)*v",  # growth
        f"u = u - {dt}*40*(u - cos(v*i*{dt}))",  # stiff
    )
    body = _pick(g, options, n)
    return _loop("u, v = x[0], x[1]", steps, body, "y = u + v*v"), g.uniform(0.2, 2.0, 2)


def _runge_kutta(g: Generator, n: int) -> Made:
    def slope(p: str, q: str) -> str:
        options = (f"-9.81*sin({p}) - {{b}}*{q}", f"{{a}}*5*(1 - {p}*{p})*{q} - {p}",
                   f"{p} - {p}*{p}*{p} - 0.2*{q} + 0.3*cos(0.1*i)")  # fmt: skip
        return _pick(np.random.default_rng([n]), options, n)

    lines = [f"k1 = v; l1 = {slope('u', 'v')}"]
    for k, part in ((2, "0.5*dt*"), (3, "0.5*dt*"), (4, "dt*")):
        p, q = f"(u + {part}k{k - 1})", f"(v + {part}l{k - 1})"
        lines.append(f"k{k} = {q}; l{k} = {slope(p, q)}")
    lines.append("u = u + dt/6*(k1 + 2*k2 + 2*k3 + k4); v = v + dt/6*(l1 + 2*l2 + 2*l3 + l4)")
    start = f"u, v = x[0], x[1]\ndt = {g.uniform(0.02, 0.1):.3f}"
    return _loop(start, 5 + 8 * n, "; ".join(lines), "y = u*u + v"), g.uniform(-2, 2, 2)


def _iteration(g: Generator, n: int) -> Made:
    body = _pick(g, ("h = (h + x[0]/h)/2", "h = cos(x[0]*h)", "h = h - {b}*(h*h*h - x[0])",
                     "h = {a}*1.5*sin(h) + x[0]*{b}", "h = h*exp(x[0]*(1 - h))"), n)  # fmt: skip
    return _loop("h = x[1]", 4 + 9 * n, body, "y = h"), g.uniform(0.3, 1.8, 2)


# ---- networks -------------------------------------------------------------------------------


def _recurrent(g: Generator, n: int) -> Made:
    size, gain = 3, g.uniform(0.5, 3.0)
    start = f"W = {_tensor(gain * g.normal(size=(size, size)))}\n"
    start += f"b = {_tensor(g.normal(size=size))}\nh = x"
    body = ("h = tanh(W @ h + b)", "h = tanh(W @ h + x*b)", "h = sin(W @ h)*b + x",
            "h = sigmoid(W @ h)*tanh(W @ h + x) + h/2")[n % 4]  # fmt: skip
    return _loop(start, 3 + 4 * n, body, "y = sum(h*b)"), g.normal(size=size)


def _attention(g: Generator, n: int) -> Made:
    shape, sharp = (3, 2), 10.0 ** g.uniform(-2, 2)
    text = f"k = {_tensor(g.normal(size=shape))}\nv = {_tensor(g.normal(size=shape))}\n"
    text += f"w = softmax({sharp:.4g}*(x @ k.T), 1)\n"
    text += ("y = sum((w @ v)*v)\n", "y = sum((w @ x)*v)\n",
             "y = sum(log(w + 1e-9)*(w @ v @ k.T))\n",
             "y = logsumexp((w @ x).reshape(-1), 0)\n")[n % 4]  # fmt: skip
    return text, g.normal(size=shape)


def _layers(g: Generator, n: int) -> Made:
    text = f"A = {_tensor(g.normal(size=(4, 3)))}\nB = {_tensor(g.normal(size=(3, 4)))}\n"
    text += ("h = tanh(A @ x)\ny = logsumexp(B @ h, 0)\n",
             "h = relu(A @ x)\ny = sum((B @ h)**2)\n",
             "h = A @ x\nh = h - mean(h)\nh = h/sqrt(mean(h**2) + 1e-5)\ny = sum(tanh(B @ h))\n",
             "h = A @ x\nh = h/sqrt(sum(h*h))\ny = sum(B @ h*x)\n",
             "h = softmax(A @ x, 0)\ny = -log(h[0])\n")[n % 5]  # fmt: skip
    return text, g.normal(size=3) * 10.0 ** g.uniform(-3, 3)


def _composed(g: Generator, _: int) -> Made:
    functions = ("sin(a - b)", "cos(a*b)", "tanh(a + b)", "exp(-a*a)", "sqrt(a*a + 0.5)",
                 "log(b*b + 0.5)", "sigmoid(a - b)", "atan(a)", "a*a", "expm1(b/4)",
                 "1/(1 + a*a)", "erf(b)")  # fmt: skip
    text = "a, b = x[0], x[1]\n"
    for f in g.choice(functions, 8):
        text += f"a, b = {g.uniform(0.5, 2):.2f}*{f} + b, a\n"
    return text + "y = a*b\n", g.uniform(-2, 2, 2)


# ---- numbers that are hard ------------------------------------------------------------------


def _scaled(g: Generator, n: int) -> Made:
    x = g.choice([-1.0, 1.0], 4) * 10.0 ** g.uniform(-20, 20, 4)
    weights = 10.0 ** g.uniform(-20, 20, 4)
    sizes = _tensor(np.abs(x) * g.uniform(0.5, 2, 4))
    text = f"c = {_tensor(weights)}\n"
    text += ("y = sum(c*x)\n", "y = sum(c*x*x)\n", f"y = sum(sin(x/{sizes}))\n",
             "y = sum(log(abs(x) + c))\n", "y = sum(x*x/(c + x*x))\n")[n % 5]  # fmt: skip
    return text, x


def _singular(g: Generator, n: int) -> Made:
    gap = 10.0 ** -g.uniform(1, 9)
    u = g.normal(size=3)
    if n % 5 < 3:
        matrix = np.outer(u, u) + gap * np.diag(g.uniform(0.5, 2, 3))
        text = ("y = inverse(x)[0, 1]\n", "y = logdet(x)\n",
                f"y = sum(linalg.solve(x, {_tensor(u)}))\n")[n % 5]  # fmt: skip
        return text, matrix
    text = ("y = log(x[0]*x[0] - x[1])\n", "y = 1/(x[0]*x[0] - x[1]) + sin(x[0])\n")[n % 2]
    return text, np.array([u[0], u[0] * u[0] - gap])


def _cancelling(g: Generator, n: int) -> Made:
    tiny = 10.0 ** -g.uniform(1, 9, 2)
    big = f"1e{int(g.integers(8, 17))}"
    text = ("y = (1 - cos(x[0]))*x[1]\n", f"y = (x[0] + {big}) - {big}\n",
            "y = exp(x[0]) - 1 - x[0]*x[1]\n", "y = (sqrt(1 + x[0]*x[0]) - 1)/x[1]\n",
            "y = x[0] - sin(x[0])\n", f"y = {big}*x[0]*x[1] - {big}*sin(x[0])*x[1] + x[0]\n",
            "y = (x[0] + 1)**9 - (x[1] - 1)**8\n")[n % 7]  # fmt: skip
    return text, tiny


def _large(g: Generator, n: int) -> Made:
    x = g.uniform(1, 9, 2) * 10.0 ** (2 + 2 * n)
    text = ("y = sin(x[0]) + cos(x[1])\n", "y = tan(x[0])\n", "y = exp(sin(x[0]))*cos(x[1])\n",
            "y = x[0] - floor(x[0])\n", "y = sin(x[0])*x[1]\n", "y = remainder(x[0], 7.25)\n",
            "y = sin(x[0]*x[1])\n")[n % 7]  # fmt: skip
    return text, x


def _saturated(g: Generator, n: int) -> Made:
    text = ("y = sum(sigmoid(x))\n", "y = sum(tanh(x))\n", "y = sum(exp(-x*x))\n",
            "y = sum(softmax(x, 0)[0]*x)\n", "y = sum(log(sigmoid(x)))\n", "y = sum(erf(x))\n",
            "y = log(softmax(x, 0)[0])\n", "y = sum(log1p(exp(x)))\n", "y = sum(atan(x))\n",
            "y = logsumexp(x*x, 0)\n")[n % 10]  # fmt: skip
    return text, g.uniform(2, 60) * g.choice([-1.0, 1.0], 3) * g.uniform(0.2, 1, 3)


def _undefined(g: Generator, n: int) -> Made:
    x = g.uniform(0.3, 2, 3)
    x[1] = 0.0
    text = ("y = sum(sqrt(x*x))\n", "y = sum(where(x > 0, log(x), x))\n", "y = sum(x*log(x))\n",
            "y = sum(sqrt(x)*x)\n", "y = sum(sqrt(x))\n", "y = sum(where(x == 0, x/2, sqrt(x)))\n",
            "y = sum(exp(-1/(x*x + 1e-300)))\n", "y = sum(x**1.5)\n", "y = sum(log(x))\n",
            "y = sum(x*x*log(abs(x) + 1e-300))\n")[n % 10]  # fmt: skip
    return text, x


def _kinked(g: Generator, n: int) -> Made:
    x = g.uniform(0.3, 2, 3)
    x[1] = (0.0, 0.0, x[0], 1.0, 2.0, 0.0, 0.5, x[2], 0.0, 0.0)[n % 10]
    text = ("y = sum(relu(x))\n", "y = sum(abs(x)*x + abs(x))\n", "y = maximum(x[0], x[1])*x[2]\n",
            "y = sum(clamp(x, -1.0, 1.0))\n", "y = sum(floor(x)*x)\n", "y = sum(abs(sin(x)))\n",
            "y = sum(where(x > 0.5, x*x, x))\n", "y = max(x*x)\n", "y = abs(x[1])**3 + x[0]\n",
            "y = sum(relu(x)**2) + relu(-x[1])\n")[n % 10]  # fmt: skip
    return text, x


def _steep(g: Generator, n: int) -> Made:
    x = g.uniform(0.3, 1.5, 2)
    scale = f"1e{int(g.integers(2, 9))}"
    text = (f"y = tanh({scale}*(x[0] - {x[0]:.6f}))\n", f"y = sin({scale}*x[0])/{scale}\n",
            f"y = exp(-{scale}*(x[0] - {x[0]:.4f})**2)\n",
            f"y = sqrt((x[0] - {x[0]:.8f})**2 + 1/{scale})\n",
            "y = x[0]**40 - x[1]**30\n", f"y = atan({scale}*x[0])*x[1]\n",
            "y = exp(-1/(x[0]*x[0]/400))\n", f"y = log(1 + exp({scale}*(x[0] - x[1])/1e3))\n",
            f"y = erf({scale}*(x[0]-{x[0]:.5f}))\n",
            "y = x[0]**x[1]**5\n")[n % 10]  # fmt: skip
    return text, x


KINDS: dict[str, Maker] = {
    "logistic map": _logistic, "Henon map": _henon, "tent map": _tent, "Lorenz by Euler": _lorenz,
    "long product": _product, "Euler steps": _ode, "Runge-Kutta steps": _runge_kutta,
    "iteration": _iteration, "recurrent net": _recurrent, "attention": _attention,
    "layers": _layers, "composition": _composed, "badly scaled": _scaled,
    "near singular": _singular, "cancellation": _cancelling, "large argument": _large,
    "saturation": _saturated, "undefined at an element": _undefined, "kink": _kinked,
    "steep": _steep,
}  # fmt: skip
