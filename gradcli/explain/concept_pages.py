"""What PyTorch's words mean: a page each, paragraphs and programs.

A block that is indented is a program. What it prints is shown below it, or the error that it ends
with; where its last line is `# explain w`, also the derivation of the gradient by `w`.
"""

from __future__ import annotations

PAGES: dict[str, tuple[str, str]] = {
    "is_leaf": (
        "a leaf is a tensor that no recorded operation made",
        """
Gradients flow from the root down to the leaves and stop there. A tensor is a leaf if you made it
yourself (`tensor(…)`, `zeros(…)`), or if it needs no gradient: then nothing was recorded of how it
came about. A parameter is a leaf that requires a gradient, and backward() puts one in its `.grad`.

    x = tensor([1.0, 2.0])
    w = tensor(3.0, requires_grad=True)
    y = w * x
    print("data", x.is_leaf, " parameter", w.is_leaf, " result", y.is_leaf)
    print("made of data alone", (x * 2).is_leaf)
    print("cut off", y.detach().is_leaf)

Whatever is computed from a parameter is no leaf, even if it looks like one: `2 * w` is none.

    w = 2 * tensor(3.0, requires_grad=True)
    print(w.is_leaf, w.requires_grad)
    (w**2).backward()
    print(w.grad)
""",
    ),
    "grad_fn": (
        "the operation to go back through",
        """
A result that requires a gradient remembers the operation that made it: `grad_fn` is the object that
turns the gradient by the result into the gradients by the operands. A leaf has None.

    w = tensor(3.0, requires_grad=True)
    y = w * 2
    loss = (y - 1)**2
    print("w", w.grad_fn)
    print("y", y.grad_fn.name())
    print("loss", loss.grad_fn.name())

Backward follows these from the root to the leaves. The step into a leaf is called AccumulateGrad:
it adds to `.grad`. `gradcli graph FILE --backward` draws them all.

    w = tensor(3.0, requires_grad=True)
    y = w * 2
    loss = (y - 1)**2
    # explain w
""",
    ),
    "requires_grad": (
        "whether operations on a tensor are recorded",
        """
`requires_grad=True` on a leaf says: I shall ask for the gradient by this. Every result that depends
on such a leaf requires a gradient too; what is made of data alone does not, and costs nothing.

    x = tensor([1.0, 2.0])
    w = tensor(3.0, requires_grad=True)
    print("x", x.requires_grad, " w", w.requires_grad)
    print("x*2", (x * 2).requires_grad, " w*x", (w * x).requires_grad)

Only floating point and complex tensors can require one.

    w = tensor(3, requires_grad=True)
""",
    ),
    "retain_grad": (
        "keep the gradient of a tensor that is no leaf",
        """
The gradient flows through every tensor between root and leaves, but only leaves keep it: `.grad` of
the others is None, to save memory. `y.retain_grad()` before backward() keeps it for `y`.

    w = tensor(3.0, requires_grad=True)
    y = w**2
    z = 5 * y
    y.retain_grad()
    z.backward()
    print("w", w.grad, " y", y.grad, " z", z.grad)

`gradcli eval FILE --retain-grad` keeps them all. `gradcli explain FILE y` shows what flowed,
kept or not.
""",
    ),
    "accumulation": (
        "backward() adds to .grad and never replaces it",
        """
Each backward() adds its gradient to what `.grad` already holds. That lets a loss be split into
parts, or a batch into pieces, and it is why a training loop calls zero_grad().

    w = tensor(3.0, requires_grad=True)
    loss = w**2
    loss.backward(retain_graph=True)
    print("once", w.grad)
    loss.backward()
    print("twice", w.grad)
    # explain w

Start again by removing it: `w.grad = None`, which is what zero_grad() does.

    w = tensor(3.0, requires_grad=True)
    (w**2).backward()
    w.grad = None
    (w**2).backward()
    print(w.grad)
""",
    ),
    "detach": (
        "the same values, without their history",
        """
`y.detach()` shares the memory of `y` and requires no gradient: nothing flows back through it. What
is computed from it treats the values as constants.

    w = tensor(3.0, requires_grad=True)
    y = w**2
    loss = y * y.detach()
    loss.backward()
    print(w.grad)
    # explain w

Without detach() the gradient of w**4 would be 108: half of it has been cut off. `.item()`, numbers
read from a tensor and new tensors made of them cut as well.
""",
    ),
    "no_grad": (
        "compute without recording",
        """
Within `with torch.no_grad():` nothing is recorded: results require no gradient, whatever they are
made of. Parameters are updated there, since the step itself is not to be differentiated.

    w = tensor(3.0, requires_grad=True)
    loss = w**2
    loss.backward()
    with torch.no_grad():
        step = 0.1 * w.grad
        half = w / 2
        w -= step
    print("w", w, " half requires grad", half.requires_grad)

Outside of it the same change is an error.

    w = tensor(3.0, requires_grad=True)
    w -= 0.1
""",
    ),
    "broadcasting": (
        "what was repeated on the way out is summed on the way back",
        """
Where shapes differ, the smaller operand is repeated: in `w * x` with a number `w` and a vector `x`,
every element uses the same `w`. Each use sends a gradient back, and they are added.

    x = tensor([1.0, 2.0, 3.0])
    w = tensor(2.0, requires_grad=True)
    y = w * x
    loss = sum(y)
    # explain w

A gradient has the shape of its tensor, always. A column and a row make a matrix; the gradient of
each is summed over the dimension along which it was repeated.

    column = tensor([[1.0], [2.0]], requires_grad=True)
    row = tensor([10.0, 20.0, 30.0], requires_grad=True)
    table = column * row
    table.sum().backward()
    print(table.shape, column.grad.tolist(), row.grad.tolist())
""",
    ),
    "in-place": (
        "changing a tensor that backward still needs",
        """
`y.mul_(2)`, `y += 1` and `y[0] = 0` change the memory itself. Gradients follow the change, unless
an earlier operation saved the old value to compute its derivative: exp saves its result, and so the
change is refused at backward().

    w = tensor(1.0, requires_grad=True)
    y = exp(w)
    y.mul_(2)
    y.backward()

The derivative of an addition needs neither operand, and the change is fine.

    w = tensor(1.0, requires_grad=True)
    y = w + 1
    y.mul_(2)
    y.backward()
    print(w.grad)

A leaf that requires a gradient cannot be changed in place at all, except under no_grad().
""",
    ),
    "kinks": (
        "where a function has a corner, a convention decides",
        """
At a corner the slopes on the left and on the right differ, and there is no derivative. PyTorch
takes one all the same: relu and abs have 0 at 0, a tie of max() is shared evenly.

    x = tensor([-1.0, 0.0, 2.0], requires_grad=True)
    loss = sum(relu(x) + abs(x))
    # explain x

    x = tensor([2.0, 5.0, 5.0], requires_grad=True)
    max(x).backward()
    print(x.grad)

Finite differences see another number there. `gradcli check` says KINK and not WRONG, and
`gradcli ops NAME` states each convention.
""",
    ),
    "complex": (
        "the gradient of a real loss by a complex tensor",
        """
For a real loss L of z = a + bi, PyTorch's gradient is dL/da + i·dL/db: the direction in which L
grows fastest, so that `z - rate * z.grad` goes down. It is twice the derivative by the conjugate of
z.

    z = tensor(3 + 4j, requires_grad=True)
    loss = z.real**2 + z.imag**2
    loss.backward()
    print(z.grad)

a² + b² has the gradient 2a + 2bi, which is 2z. A complex root has no single gradient: take
its real part, its absolute value, or give backward() a cotangent.

    z = tensor(3 + 4j, requires_grad=True)
    (z**2).backward()
""",
    ),
    "second-backward": (
        "go back twice: through the graph, or the gradient",
        """
backward() frees what it saved. A second one through the same operations needs
`retain_graph=True` in the first.

    w = tensor(2.0, requires_grad=True)
    y = w**3
    y.backward()
    y.backward()

To differentiate the gradient itself it has to be recorded: `create_graph=True`.

    w = tensor(2.0, requires_grad=True)
    y = w**3
    (g,) = torch.autograd.grad(y, w, create_graph=True)
    print("first", g.item())
    (h,) = torch.autograd.grad(g, w)
    print("second", h.item())
""",
    ),
    "dtype": (
        "which numbers a tensor holds",
        """
Integers have no gradient. Beside a Python float they become the default dtype; two tensors become
the more general dtype, and a tensor without dimensions does not widen one that has some.

    i = tensor([1, 2])
    x = tensor([1.0, 2.0], dtype=float32)
    print(i.dtype, (i * 0.5).dtype, (i / 2).dtype)
    print((x * tensor([1.0, 1.0], dtype=float64)).dtype)
    print((x * tensor(1.0, dtype=float64)).dtype)

Floats are float32 in a file that imports PyTorch or JAX, as they have it, and float64 in others;
`--dtype` and `set_default_dtype` say otherwise. A gradient has the dtype of its tensor.

    w = tensor(0.1, dtype=float32, requires_grad=True)
    loss = w.double() * 3
    loss.backward()
    print(loss.dtype, w.grad.dtype, w.grad.item())
""",
    ),
}
