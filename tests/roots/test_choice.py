"""What a run differentiates: by its claims, by its own `backward()`, by its scalars."""

import re

import numpy as np
import pytest

import gradcli
from gradcli.api import options_for
from gradcli.errors import Source
from gradcli.render import CHECK, EVAL, GRAPH
from gradcli.roots.choice import CLAIMED, LAST, MOST, NOT_BY_HAND, PASSES
from gradcli.session import Request, Session, run
from tests.render.printing import printed
from tests.verify.checking import checked

LINE = "x = tensor(2.); y = tensor(3.); w = param(1.4)\nloss = (w*x - y)**2\n"
NEURON = """x = tensor(2.); t = tensor(1.); w = param(0.3); b = param(-0.2)
s = sigmoid(w*x + b)
loss = 0.5*(s - t)**2
"""
CUBE = "x = param(0.5)\ny = x**3\n"

# a file, what it differentiates, and why
BY_HAND = {
    "the gradient of a line": (f"{LINE}dw = 2*x*(w*x - y)", "loss"),
    "by one of two parameters": (
        "x = param(0.7); y = param(1.3)\nf = sin(x)*y**2\ndfdx = cos(x)*y**2\ndfdy = 2*y*sin(x)",
        "f",
    ),
    "the chain rule step by step": (
        f"{NEURON}ds = s - t\nsp = s*(1 - s)\ndz = ds*sp\nsteep = dz*x\ndb = dz",
        "loss",
    ),
    "sums over a batch": (
        "x = tensor([1., 2., 3.]); w = param(0.5); b = param(0.1)\nerr = w*x + b - 1\n"
        "loss = (err**2).mean()\ngrad_w = (2*err*x).mean()\ngrad_b = (2*err).mean()",
        "loss",
    ),
    "a matrix, and the norm of its gradient": (
        "x = tensor([[1., 2.], [3., 4.]]); W = param([[0.1, 0.2], [0.3, 0.4]])\n"
        "L = ((x @ W)**2).sum()\nG = 2*(x @ W)\ndW = x.T @ G\nnorm = (dW**2).sum().sqrt()",
        "L",
    ),
    "a difference quotient": (
        "w = param(1.2)\ndef f(w):\n    return sin(w*2) + w**2\nloss = f(w)\nh = 1e-5\n"
        "up = f(w + h)\ndown = f(w - h)\nslope = (up - down)/(2*h)",
        "loss",
    ),
    "an element of a gradient": (
        "w = param([1., 2.])\nf = (w**3).sum()\nfirst = 3*w[0]**2\nsecond = 3*w[1]**2",
        "f",
    ),
    "a second derivative": (f"{CUBE}slope = 3*x**2\ncurvature = 6*x", "y"),
    "a regulariser before": (
        "x = tensor([1., 2.]); w = param([1., 2.]); b = param(0.5)\nreg = (w**2).sum()\n"
        "mse = ((w*x + b - 1)**2).mean()\nloss = mse + 0.1*reg\ndb = (w*x + b - 1).sum()",
        "loss",
    ),
    "in a loop": (
        "x = tensor(2.); y = tensor(3.); w = param(1.4)\nfor i in range(4):\n"
        "    loss = (w*x - y)**2\n    dw = 2*x*(w*x - y)\n    w = w - 0.01*dw",
        "loss",
    ),
    "single precision": (f"set_default_dtype(float32)\n{LINE}dw = 2*x*(w*x - y)", "loss"),
    "printed at the end": (f"{LINE}dw = 2*x*(w*x - y)\nprint(loss)\nprint(dw)\nloss\ndw", "loss"),
    "adjoints": (
        "a = param(2.); b = param(3.)\nu = sin(a*b)\nv = u*a\nu_bar = a*1\n"
        "m_bar = u_bar*cos(a*b)\na_bar = m_bar*b + u\nb_bar = m_bar*a",
        "v",
    ),
    # what is wrong has no gradient's value: its name is all there is
    "a wrong gradient": (f"{LINE}dw = x*(w*x - y)", "loss"),
    "a wrong gradient and its step": (f"{NEURON}sp = s*(1 - s)\ndw = (s - t)*sp*x*3", "loss"),
    "a wrong gradient with a longer name": (f"{LINE}dloss_dw = x*(w*x - y)", "loss"),
    "a wrong gradient called w_grad": (f"{LINE}w_grad = x*(w*x - y)", "loss"),
}
NO_GRADIENTS = {
    "a loss that is last": (f"{NEURON}loss = loss + w**2", "loss", LAST),
    "what softmax leads to": (
        "z = param([1., 2., 0.5])\nlse = log(sum(exp(z)))\np = exp(z - lse)\nloss = -log(p[1])",
        "loss",
        LAST,
    ),
    "a penalty on a gradient": (
        "w = param([1., 2.]); x = param([0.2, 0.3])\nc = ((w*x)**2).sum()\ng = grad(c, x)\n"
        "loss = c + (g.norm() - 1)**2",
        "loss",
        LAST,
    ),
    "a gradient along a vector": (
        "w = param([1., 2.])\nf = (w**3).sum()\ng = grad(f, w)\ngv = (g*tensor([1., 0.5])).sum()",
        "gv",
        LAST,
    ),
    "a distance called dx": ("x = param(2.)\nz = x + 1\ndx = x - 1\nE = dx**2", "E", LAST),
    "a value that moves on": ("x = param(0.3); r = param(3.7)\ns = r*2\nfor i in range(3):\n"
                              "    x = r*x*(1 - x)", "x", LAST),
    "a metric of fewer parameters": (
        "w = param([1., 2.]); b = param(0.1)\nloss = ((w + b)**2).sum()\nsize = w.norm()",
        "loss",
        MOST,
    ),
    "a metric under no_grad": (
        f"{LINE}with torch.no_grad():\n    mse = (w*x - y)**2\nhit = (w*x > y).float().mean()",
        "loss",
        "",
    ),
    "a named gradient": (f"{CUBE}dy = grad(y, x)\nd2y = grad(dy, x)", "y", ""),
}  # fmt: skip
CLAIMS = {
    "grad in a claim": (f"{CUBE}z = sin(x)\nassert allclose(grad(y, x), 3*x**2)", "y"),
    "PyTorch's grad": (
        f"import torch\n{CUBE}z = sin(x)\n"
        "assert torch.allclose(torch.autograd.grad(y, x)[0], 3*x**2)",
        "y",
    ),
    "a named gradient": (f"{CUBE}z = sin(x)\ng = grad(y, x)\nassert allclose(g, 3*x**2)", "y"),
    "a second derivative": (f"{CUBE}z = sin(x)\nassert allclose(grad(grad(y, x), x), 6*x)", "y"),
    "an element of a gradient": (
        "x = param([1., 2.])\ny = (x**3).sum()\nz = x.sum()\nassert grad(y, x)[1] == 12",
        "y",
    ),
    "grad of a function": (
        "x = param(0.5)\ndef f(x):\n    return x**3\ny = f(x)\nz = sin(x)\n"
        "assert allclose(grad(f)(x), 3*x**2)",
        "y",
    ),
    "the one of two of more parameters": (
        "x = param(0.5); b = param(1.)\ny = x**3*b\nz = sin(x)\n"
        "assert allclose(grad(y, x), 3*x**2*b)\nassert allclose(grad(z, x), cos(x))",
        "y",
    ),
}


def session(text: str, **request: object) -> Session:
    return run(Source("<test>", text), options_for(), Request(backward=False, **request))  # type: ignore[arg-type]


def root(found: Session) -> str:
    assert found.root is not None
    return found.graph.notes.names[found.root]


@pytest.mark.parametrize("case", BY_HAND)
def test_a_gradient_derived_by_hand_is_not_the_root(case: str) -> None:
    text, wanted = BY_HAND[case]
    found = session(text)
    assert (root(found), found.choice.why) == (wanted, NOT_BY_HAND)


@pytest.mark.parametrize("case", NO_GRADIENTS)
def test_what_is_no_gradient_by_hand_is_the_root(case: str) -> None:
    text, wanted, why = NO_GRADIENTS[case]
    found = session(text)
    assert (root(found), found.choice.why) == (wanted, why)


@pytest.mark.parametrize("case", CLAIMS)
def test_what_claims_differentiate_is_the_root(case: str) -> None:
    text, wanted = CLAIMS[case]
    found = session(text)
    assert (root(found), found.choice.why) == (wanted, CLAIMED)


def test_a_claim_on_grad_speaks_of_what_backward_ran_from() -> None:
    found = session(f"{CUBE}z = sin(x)\ny.backward()\nassert allclose(x.grad, 3*x**2)")
    assert (root(found), found.choice.why) == ("y", PASSES)


def test_a_claim_comes_before_the_files_own_backward_and_the_line_of_the_run_says_so() -> None:
    text = f"{CUBE}k = 2*y\nk.backward(retain_graph=True)\nassert allclose(grad(y, x), 3*x**2)"
    inspection = gradcli.loads(text).inspection
    assert inspection.root is not None
    assert inspection.node(inspection.root).name == "y"
    first = printed(EVAL["table"](inspection), 200).splitlines()[1]
    assert (
        "root y (line 2), which the claims differentiate; grad is what backward() from k" in first
    )
    grad = next(n.grad for n in inspection.nodes if n.name == "x")
    assert grad == 2 * 3 * 0.5**2


def test_a_long_chain_of_scalars_ends_in_its_root_without_trying_them_all() -> None:
    lines = "\n".join(f"v{i + 1} = sin(v{i}) + 0.5*v{i}" for i in range(300))
    found = session(f"v0 = param(1.1)\n{lines}")
    assert (root(found), found.choice.why) == ("v300", LAST)


FIRST = (f"{LINE}dw = 2*x*(w*x - y)", "the last scalar that is no gradient derived by hand")


def test_every_command_says_what_is_differentiated_and_why() -> None:
    text, why = FIRST
    inspection = gradcli.loads(text).inspection
    lines = {
        "eval": printed(EVAL["table"](inspection), 200).splitlines()[1],
        "markdown": EVAL["markdown"](inspection).splitlines()[2].replace("\\", ""),
        "tree": printed(GRAPH["tree"](inspection), 200).splitlines()[1],
        "dot": GRAPH["dot"](inspection).splitlines()[0],
        "check": printed(CHECK["table"](checked(text)), 200).splitlines()[0],
    }
    for line in lines.values():
        assert re.search(rf"loss( \(line 2\))?, {why} \(--of NODE takes another\)", line), line
    assert f'"why": "{why}"' in EVAL["json"](inspection)


def test_a_file_with_one_scalar_needs_no_reason() -> None:
    second = printed(EVAL["table"](gradcli.loads(LINE).inspection), 100).splitlines()[1]
    assert second.endswith("backward from loss (line 2)")


def test_of_gives_the_gradients_of_that_node_alone() -> None:
    """PyTorch's k.backward() would add dk/dw = 2 to the 6 that loss.backward() has left."""
    text = "w = param(3.)\nk = 2*w\nloss = w**2\nloss.backward()\nleft = w.grad"
    inspection = gradcli.loads(text, of="k")
    found = {node.name: node for node in inspection.nodes}
    assert found["w"].grad == 2.0
    assert inspection.inspection.why == ""
    assert found["left"].value == 6.0  # what the file has read stays as it was
    assert np.array_equal(gradcli.loads(text).node(found["w"].id).grad, 6.0)  # type: ignore[arg-type]


def test_of_holds_whatever_was_accumulated_updated_or_set() -> None:
    cases = {
        "w = param(3.)\nk = 2*w\n(w**2).backward()\n(w**2).backward()": 2.0,
        "w = param(3.)\nk = 2*w\nw.grad = tensor(5.)": 2.0,
        "w = param(3.)\nk = 2*w\n(w**3).backward()\nwith no_grad():\n    w -= 1": 2.0,
        "w = param(3.)\nk = w*w\nk.backward()": 6.0,
        "w = param(3.)\nk = 2*w\nl = w**2\nl.backward(create_graph=True)": 2.0,
    }
    for text, grad in cases.items():
        nodes = gradcli.loads(text, of="k").nodes
        assert [n.grad for n in nodes if n.name == "w"][-1] == grad, text
