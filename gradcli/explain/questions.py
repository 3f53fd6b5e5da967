"""What learners of autograd ask again and again, and the command that answers each."""

from __future__ import annotations

from typing import NamedTuple


class Question(NamedTuple):
    """A question, an answer in a few sentences, and the arguments of gradcli that show it."""

    question: str
    answer: str
    arguments: tuple[str, ...]


QUESTIONS = (
    Question(
        "Why is the gradient −28?",
        "Each line multiplies what arrives from the lines above by its own derivative. `w` is one "
        "number that two elements use, so their shares are added: −8·1 and −10·2.",
        ("explain", "samples/linear_regression.expr", "w"),
    ),
    Question(
        "Why is `.grad` None?",
        "There are four answers, and here is one of each. `w` is cut off by detach(); what is made "
        "of that alone has no gradient either; `x` is data; and through `z`, which is no leaf, the "
        "gradient flows without being kept.",
        (
            "explain",
            "-e",
            "x = tensor(2.0); w = param(3.0); b = param(1.0); y = w.detach() * x; z = y + b; "
            "loss = z**2",
            "w",
            "y",
            "x",
            "z",
        ),
    ),
    Question(
        "Why does the gradient grow with each backward()?",
        "backward() adds to `.grad`. It replaces nothing: `w.grad = None`, or zero_grad(), starts "
        "again.",
        (
            "explain",
            "-e",
            "w = param(3.0); loss = w**2; loss.backward(retain_graph=True); loss.backward()",
            "w",
        ),
    ),
    Question(
        "Why does backward go in this order?",
        "From the last line to the first: a line's gradient is complete only when everything "
        "computed from it has passed its share back. `x` is used twice, so it waits for both ways, "
        "(1) and (2), and is their sum.",
        ("explain", "-e", "x = param(2.0); a = x**2; b = sin(x); y = a * b", "x"),
    ),
    Question(
        "What is grad_fn?",
        "The object that goes back through one operation. The table names it for every node, and "
        "the page on it says more.",
        ("explain", "--concept", "grad_fn"),
    ),
    Question(
        "Is this tensor a leaf?",
        "If you made it yourself, or if it needs no gradient.",
        ("explain", "--concept", "is_leaf"),
    ),
    Question(
        "Why is my derivation off by a factor of 2?",
        "Write it as an `assert`: the check compares it at several points and says by which factor "
        "it is off, and where that number stands.",
        (
            "check",
            "-e",
            "x = tensor([1.0, 2.0]); y = tensor([5.0, 7.0]); w = param(1.0); "
            "loss = sum((w*x - y)**2); assert allclose(grad(loss, w), sum((w*x - y)*x))",
        ),
    ),
)
