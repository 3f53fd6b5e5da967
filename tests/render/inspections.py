"""Inspections made by hand: renderers are tested without the engine."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from gradcli.inspection import Array, Claim, FunctionFacts, Inspection, Kind, NodeFacts, Notice


class Maker:
    """Builds an inspection node by node."""

    def __init__(self) -> None:
        self.nodes: list[NodeFacts] = []

    def add(
        self,
        label: str,
        value: Any,
        *,
        op: str = "leaf",
        inputs: Sequence[int] = (),
        grad: Any = None,
        gradient: Any = None,
        grad_fn: str | None = None,
        param: bool = False,
        root: bool = False,
        source: str | None = None,
        named: bool = True,
        dtype: str | None = None,
        line: int | None = None,
    ) -> int:
        array = None if value is None else np.asarray(value, dtype)
        requires = param or grad_fn is not None
        kind: Kind = "parameter" if param else "intermediate" if requires else "data"
        self.nodes.append(
            NodeFacts(
                id=len(self.nodes),
                name=label if named else None,
                label=label,
                source=source or label,
                line=line or len(self.nodes) + 1,
                op=op,
                inputs=tuple(inputs),
                shape=() if array is None else array.shape,
                dtype=str(array.dtype) if array is not None else "float64",
                requires_grad=requires,
                is_leaf=grad_fn is None,
                retains_grad=grad is not None and grad_fn is not None,
                grad_fn=grad_fn,
                kind="root" if root else kind,
                value=array,
                grad=None
                if grad is None
                else np.asarray(grad, array.dtype if array is not None else None),
                gradient=None if gradient is None else np.asarray(gradient),
            )
        )
        return len(self.nodes) - 1

    def inspection(self, **facts: Any) -> Inspection:
        roots = [node.id for node in self.nodes if node.kind == "root"]
        plain: Mapping[str, Any] = {
            "file": "example.expr",
            "root": roots[-1] if roots else None,
            "ran_backward": bool(roots),
            "nodes": tuple(self.nodes),
            "functions": functions(self.nodes, roots[-1]) if roots else (),
            "claims": (),
            "notices": (),
            "printed": (),
        }
        return Inspection(**{**plain, **facts})


def functions(nodes: Sequence[NodeFacts], root: int) -> tuple[FunctionFacts, ...]:
    """Return the backward graph, in reverse order of creation."""
    reached = {root}
    for node in reversed(nodes):
        if node.id in reached:
            reached |= {i for i in node.inputs if nodes[i].requires_grad}
    return tuple(
        FunctionFacts(
            id=node.id,
            name=node.grad_fn or "AccumulateGrad",
            node=node.id,
            next=tuple(i if nodes[i].requires_grad else None for i in node.inputs),
        )
        for node in reversed(nodes)
        if node.id in reached
    )


def make_tutorial(*, retained: bool = False, backward: bool = True, **facts: Any) -> Inspection:
    """Return the linear regression of the PyTorch tutorial, with its known numbers."""

    def flowed(grad: Any) -> dict[str, Any]:
        kept = retained and backward
        return {"grad": grad if kept else None, "gradient": grad if backward else None}

    m = Maker()
    x = m.add("x", [1.0, 2.0], source="tensor([1., 2.])", line=2)
    y = m.add("y", [5.0, 7.0], source="tensor([5., 7.])", line=3)
    w = m.add("w", 1.0, param=True, grad=-28.0 if backward else None, source="param(1.0)", line=4)
    b = m.add("b", 0.0, param=True, grad=-18.0 if backward else None, source="param(0.0)", line=5)
    wx = m.add(
        "wx",
        [1.0, 2.0],
        op="mul",
        inputs=(w, x),
        **flowed([-8.0, -10.0]),
        grad_fn="MulBackward0",
        source="w*x",
        line=7,
    )
    wx_b = m.add(
        "wx_b",
        [1.0, 2.0],
        op="add",
        inputs=(wx, b),
        **flowed([-8.0, -10.0]),
        grad_fn="AddBackward0",
        source="wx + b",
        line=8,
    )
    loss = m.add(
        "loss",
        [-4.0, -5.0],
        op="sub",
        inputs=(wx_b, y),
        **flowed([-8.0, -10.0]),
        grad_fn="SubBackward0",
        source="wx_b - y",
        line=9,
    )
    loss2 = m.add(
        "loss2",
        [16.0, 25.0],
        op="pow",
        inputs=(loss,),
        **flowed([1.0, 1.0]),
        grad_fn="PowBackward0",
        source="loss**2",
        line=10,
    )
    m.add(
        "loss2_sum",
        41.0,
        op="sum",
        inputs=(loss2,),
        **flowed(1.0),
        grad_fn="SumBackward0",
        source="sum(loss2)",
        line=11,
        root=True,
    )
    claim = Claim(
        13,
        "allclose(w.grad, -28)",
        True,
        None,
        "allclose",
        ("w.grad", np.array(-28.0)),
        ("-28", np.array(-28)),
    )
    return m.inspection(
        **{
            "file": "samples/linear_regression.expr",
            "claims": (claim,),
            "ran_backward": backward,
            **facts,
        }
    )


def make_mlp() -> Inspection:
    """Return two layers and a cross-entropy, with numbers of many digits."""
    random = np.random.default_rng(0)
    m = Maker()

    def normal(*shape: int) -> Array:
        return random.normal(size=shape)

    x = m.add("X", normal(32, 4), source='load("iris.npz")["X"]')
    target = m.add("target", random.integers(0, 3, 32), source='load("iris.npz")["y"]')
    hidden = x
    for i, (n, k) in enumerate([(4, 16), (16, 16), (16, 3)], 1):
        w = m.add(
            f"W{i}",
            normal(n, k),
            param=True,
            grad=normal(n, k) * 1e-3,
            source=f"param(randn({n}, {k}) * 0.5)",
        )
        b = m.add(f"b{i}", np.zeros(k), param=True, grad=normal(k), source=f"param(zeros({k}))")
        product = m.add(
            f"hidden @ W{i}",
            normal(32, k),
            op="matmul",
            inputs=(hidden, w),
            grad_fn="MmBackward0",
            named=False,
        )
        hidden = m.add(
            f"z{i}",
            normal(32, k),
            op="add",
            inputs=(product, b),
            grad_fn="AddBackward0",
            source=f"hidden @ W{i} + b{i}",
        )
        if i < 3:
            hidden = m.add(
                f"h{i}",
                normal(32, k),
                op="tanh",
                inputs=(hidden,),
                grad_fn="TanhBackward0",
                source=f"tanh(z{i})",
            )
    logp = m.add(
        "log_softmax(logits, dim=-1)",
        normal(32, 3),
        op="log_softmax",
        inputs=(hidden,),
        grad_fn="LogSoftmaxBackward0",
        named=False,
    )
    nll = m.add(
        "nll", 1.0986122886681098, op="nll_loss", inputs=(logp, target), grad_fn="NllLossBackward0"
    )
    squares = m.add(
        "W1**2", normal(4, 16), op="pow", inputs=(2,), grad_fn="PowBackward0", named=False
    )
    penalty = m.add(
        "penalty",
        12.345678,
        op="sum",
        inputs=(squares,),
        grad_fn="SumBackward0",
        source="sum(W1**2)",
    )
    scaled = m.add(
        "1e-3*penalty",
        1.2345678e-2,
        op="mul",
        inputs=(penalty,),
        grad_fn="MulBackward0",
        named=False,
    )
    m.add(
        "loss",
        1.1109579666681098,
        op="add",
        inputs=(nll, scaled),
        grad_fn="AddBackward0",
        root=True,
        source="nll + 1e-3*penalty",
    )
    return m.inspection(file="samples/mlp.expr")


def make_odd() -> Inspection:
    """Return every dtype, empty and 0-d tensors, NaN, long and wide names."""
    m = Maker()
    m.add("损失", [1.5, np.nan, np.inf], param=True, grad=[-np.inf, 0.0, np.nan])
    m.add("θ", 1.234e-12, param=True, grad=-28.0)
    m.add("mask", [True, False, True])
    m.add("index", [2**53 + 1, 0])
    m.add("z", [1 + 2j, complex(np.nan, -np.inf)])
    m.add("f32", 0.1, dtype="float32")
    m.add("half", [0.1, 65504.0], dtype="float16")
    m.add("empty", np.zeros((0,)))
    m.add("hollow", np.zeros((2, 0, 3)), param=True, grad=np.zeros((2, 0, 3)))
    m.add("a_very_long_name_that_a_person_really_did_choose_for_a_variable", -0.0)
    m.add('"<a|b>" + {c} \\ `d`\n  & &lt;', [[1.0, -2.5], [1e-9, 123456.789]], named=False)
    m.add(
        "图像输入",
        np.linspace(-1, 1, 1000).reshape(10, 100),
        param=True,
        grad=np.full((10, 100), np.nan),
    )
    m.add("total", None, op="sum", inputs=(0, 1), grad_fn="SumBackward0", root=True)
    return m.inspection(
        file="奇.expr",
        claims=(
            Claim(
                3,
                "θ == 1",
                False,
                "θ was to be one",
                "==",
                ("θ", np.array(1.234e-12)),
                ("1", np.array(1)),
            ),
            Claim(
                4,
                "0.1 + 0.2 == 0.3",
                False,
                None,
                "==",
                ("0.1 + 0.2", np.array(0.1 + 0.2)),
                ("0.3", np.array(0.3)),
            ),
            Claim(
                120,
                "allclose(u, v)",
                False,
                None,
                "allclose",
                ("u", np.arange(1000.0)),
                ("v", np.arange(1000.0) + (np.arange(1000) == 500)),
            ),
            Claim(121, "flag", True, None, None, None, None),
        ),
        notices=(
            Notice(
                7, "The .grad attribute of a Tensor that is not a leaf Tensor is being accessed."
            ),
        ),
        printed=("θ = 1.234e-12", "two\nlines"),
    )
