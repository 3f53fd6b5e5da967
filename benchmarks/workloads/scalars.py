"""P3: a hundred thousand scalar nodes, recorded, run and differentiated.

A turn is `y = tanh(w * y + b)`, three nodes. micrograd itself cannot run it, for it visits the
graph by recursion; `Value` here is an engine of its kind, one object and one closure a node.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from importlib import import_module
from typing import Any

import numpy as np

from benchmarks.frame import Aim, Peer, Result, Work, Workload
from benchmarks.workloads.library import results, show

W, B, START = 0.9, 0.1, 0.5
NODES = 3  # of a turn
TEXT = """
w = tensor({w}, requires_grad=True)
b = tensor({b}, requires_grad=True)
y = tensor({start})
for turn in range({turns}):
    y = tanh(w * y + b)
loss = y * 1.0
"""


def node_operators(nodes: int) -> Work:
    """Write to gradcli's graph, by the operators of its nodes."""
    from gradcli.autodiff import backward
    from gradcli.execute import new_graph
    from gradcli.ops.pointwise.elementwise import tanh

    def work() -> Result:
        graph = new_graph()
        w, b = graph.leaf(np.array(W), True), graph.leaf(np.array(B), True)
        y = graph.leaf(np.array(START))
        for _ in range(nodes // NODES):
            y = tanh(w * y + b)
        backward(graph, y.id)
        grads = graph.autograd.grads
        return {"y": y.value, "d w": grads[w.id], "d b": grads[b.id]}

    return work


def in_tenths(nodes: int) -> Work:
    """Do a tenth ten times, which takes as long where time grows with the number of nodes."""
    run = node_operators(nodes // 10)

    def work() -> Result:
        for _ in range(10):
            run()
        return {}

    return work


def file(nodes: int) -> Work:
    """Run gradcli on the text of a file, with the table that it shows."""
    import gradcli

    text = TEXT.format(w=W, b=B, start=START, turns=nodes // NODES)

    def work() -> Result:
        inspection = gradcli.loads(text).inspection
        show(inspection)
        found = results(inspection, "loss", "wb")
        return {"y": found["loss"], "d w": found["d w"], "d b": found["d b"]}

    return work


def pytorch(nodes: int) -> Work:
    """Run PyTorch, with one thread."""
    torch: Any = import_module("torch")
    torch.set_num_threads(1)

    def work() -> Result:
        w, b = (torch.tensor(x, dtype=torch.float64, requires_grad=True) for x in (W, B))
        y = torch.tensor(START, dtype=torch.float64)
        for _ in range(nodes // NODES):
            y = torch.tanh(w * y + b)
        y.backward()
        return {"y": y.item(), "d w": w.grad.item(), "d b": b.grad.item()}

    return work


class Value:
    """A number that remembers what it was made of, and how to hand a gradient on to that."""

    def __init__(self, data: float, children: tuple[Value, ...] = ()) -> None:
        self.data = data
        self.grad = 0.0
        self.children = children
        self.hand_on: Callable[[], None] = lambda: None

    def __add__(self, other: Value) -> Value:
        result = Value(self.data + other.data, (self, other))

        def hand_on() -> None:
            self.grad += result.grad
            other.grad += result.grad

        result.hand_on = hand_on
        return result

    def __mul__(self, other: Value) -> Value:
        result = Value(self.data * other.data, (self, other))

        def hand_on() -> None:
            self.grad += other.data * result.grad
            other.grad += self.data * result.grad

        result.hand_on = hand_on
        return result

    def tanh(self) -> Value:
        """Return the hyperbolic tangent."""
        result = Value(math.tanh(self.data), (self,))

        def hand_on() -> None:
            self.grad += (1 - result.data * result.data) * result.grad

        result.hand_on = hand_on
        return result

    def backward(self) -> None:
        """Differentiate with respect to everything below, parents before their children."""
        order: list[Value] = []
        seen: set[Value] = set()
        stack = [(self, False)]
        while stack:
            node, done = stack.pop()
            if done:
                order.append(node)
            elif node not in seen:
                seen.add(node)
                stack.append((node, True))
                stack.extend((child, False) for child in node.children)
        self.grad = 1.0
        for node in reversed(order):
            node.hand_on()


def objects(nodes: int) -> Work:
    """Make an object a node."""

    def work() -> Result:
        w, b, y = Value(W), Value(B), Value(START)
        for _ in range(nodes // NODES):
            y = (w * y + b).tanh()
        y.backward()
        return {"y": y.data, "d w": w.grad, "d b": b.grad}

    return work


def flat_tape(nodes: int) -> Work:
    """Write to columns of Python's lists, without a function of ours: what the language takes."""
    multiply, add, tanh_ = range(3)

    def work() -> Result:
        ops, left, right, values = [-1] * 3, [0] * 3, [0] * 3, [W, B, START]
        y = 2
        for _ in range(nodes // NODES):
            n = len(ops)
            ops += multiply, add, tanh_
            left += 0, n, n + 1
            right += y, 1, 0
            values.append(values[0] * values[y])
            values.append(values[n] + values[1])
            values.append(math.tanh(values[n + 1]))
            y = n + 2
        grads = [0.0] * len(ops)
        grads[y] = 1.0
        for n in range(y, 2, -1):
            op, g, l, r = ops[n], grads[n], left[n], right[n]  # noqa: E741
            if op == multiply:
                grads[l] += g * values[r]
                grads[r] += g * values[l]
            elif op == add:
                grads[l] += g
                grads[r] += g
            else:
                grads[l] += g * (1 - values[n] * values[n])
        return {"y": values[y], "d w": grads[0], "d b": grads[1]}

    return work


PYTORCH = Peer("PyTorch", pytorch, "torch")
OBJECTS = Peer("one object a node", objects)
FLAT = Peer("flat tape in plain Python", flat_tape)

WORKLOADS = (
    Workload(
        "P3",
        "1e5 scalar nodes by the operators of nodes, recorded, run, differentiated",
        (Peer("gradcli", node_operators), PYTORCH, OBJECTS, FLAT),
        size=99_999,
        tiny=300,
        aims=(Aim(0.5, "one object a node"),),
        each="node",
        memory="traced",
        most_bytes=lambda nodes: 250 * nodes,
    ),
    Workload(
        "P3-1e6",
        "1e6 scalar nodes, beside ten times 1e5",
        (
            Peer("gradcli", node_operators),
            Peer("gradcli, in tenths", in_tenths),
            PYTORCH,
            OBJECTS,
            FLAT,
        ),
        size=999_990,
        tiny=3_000,
        aims=(Aim(1.1, "gradcli, in tenths"), Aim(0.5, "one object a node")),
        each="node",
        memory="process",
        most_bytes=lambda nodes: 250 * nodes,
    ),
    Workload(
        "P3f",
        "1e5 scalar nodes from a file's loop, with the table",
        (Peer("gradcli", file), PYTORCH, OBJECTS),
        size=99_000,
        tiny=300,
        aims=(Aim(1.0, "PyTorch"),),
        each="node",
    ),
)
