"""Small programs of storage: what shares memory with what, and what backward makes of changes.

Each has a name, made of what is tried; what PyTorch prints for it stands in outputs.json.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product
from pathlib import Path

FILE = Path(__file__).with_name("programs.txt")

W = "w = torch.tensor([1., 2., 3.], requires_grad=True)\n"
Y = "y = torch.tensor([1., 2., 3.])\n"
AFTER = W + "(w ** 2).sum().backward()\n"
SHOW = "print(y)\ny.sum().backward()\nprint(w.grad)\n"
SHOW_ALL = "print(y)\nprint(v)\ny.sum().backward()\nprint(w.grad)\n"

# views of a matrix y, three-dimensional and complex ones too
M = "w = torch.tensor([[1., 2., 3.], [4., 5., 6.]], requires_grad=True)\n"
T = ("w = torch.tensor([[[1., 2.], [3., 4.]], [[5., 6.], [7., 8.]], [[9., 1.], [2., 3.]]], "
     "requires_grad=True)\n")  # fmt: skip
Z = "w = torch.tensor([1. + 2j, 3. - 1j], requires_grad=True)\n"
ROADS = (
    "y.view(3, 2)", "y.reshape(6)", "y.reshape(-1)", "y.squeeze()", "y.unsqueeze(1)", "y.T",
    "y.mT", "y.t()", "y.transpose(0, 1)", "y.permute(1, 0)", "y.diagonal()", "y.diagonal(1)",
    "y.narrow(1, 1, 2)", "y.select(1, 0)", "y[0]", "y[:, 1]", "y[..., ::2]", "y[1, 1:]", "y[None]",
    "y[...]", "y[:]", "y.expand(2, 3)", "y.unbind()[0]", "y.unbind(1)[2]", "y.chunk(2, 1)[0]",
    "y.split(1)[1]", "y.split([1, 2], 1)[1]", "torch.tensor_split(y, 2, 1)[0]", "y.unfold(1, 1, 1)",
    "y.as_strided((2, 2), (3, 1))", "y.as_strided((2,), (1,), 2)", "y.movedim(0, 1)",
    "y.swapaxes(0, 1)", "y.flatten()", "y.ravel()", "y.view_as(y)", "y.expand_as(y)",
    "y.unflatten(1, (3, 1))", "y.real", "y.detach()", "y.data", "y.contiguous()", "y.float()",
    "y.clone()", "y.flip(0)", "y[[0, 1]]", "y.T.reshape(-1)", "y.T.contiguous()", "y.adjoint()",
    "y.hsplit(3)[1]", "y.vsplit(2)[0]", "y.view(6)[1:4]", "y.T[0].unsqueeze(0)", "y.squeeze(0)",
)  # fmt: skip
COMPLEX_ROADS = ("y.real", "y.imag", "torch.view_as_real(y)", "y.conj()", "y.conj().imag",
                 "torch.view_as_real(y)[..., 1]", "y.mH", "torch.view_as_complex(y.real.clone()"
                 ".view(1, 2))", "y[1:].real", "y.resolve_conj()")  # fmt: skip

# changes of a tensor {t} with a gradient; `o` is another that requires one
WRITES = (
    "{t}.add_(1)", "{t}.add_(o)", "{t}.add_(o, alpha=2)", "{t}.sub_(o)", "{t}.mul_(2)",
    "{t}.mul_(o)", "{t}.div_(2)", "{t}.div_(o)", "{t}.zero_()", "{t}.fill_(5.)", "{t}.fill_(o[0])",
    "{t}.copy_(o)", "{t}.copy_(o[0])", "{t}.clamp_(1.5, 2.5)", "{t}.clamp_min_(2)",
    "{t}.clamp_max_(2)", "{t}.relu_()", "{t}.exp_()", "{t}.pow_(2)", "{t}.pow_(o)", "{t}.sqrt_()",
    "{t}.neg_()", "{t}.abs_()", "{t}.sin_()", "{t}.tanh_()", "{t}.sigmoid_()", "{t}.log_()",
    "{t}.reciprocal_()", "{t}.square_()", "{t}.rsqrt_()", "{t}.floor_()", "{t}.round_()",
    "{t}.sign_()", "{t}.lerp_(o, 0.25)", "{t}.addcmul_(o, o)", "{t}.addcdiv_(o, o, value=0.5)",
    "{t}.masked_fill_({t} > 2, 0.)", "{t}.cumsum_(0)", "{t}.cumprod_(0)", "{t}.erf_()",
    "{t}.index_fill_(0, torch.tensor([0]), 7.)", "{t}.index_copy_(0, torch.tensor([1]), o[:1])",
    "{t}.index_add_(0, torch.tensor([0, 0]), o[:2])",
    "{t}.scatter_(0, torch.tensor([2, 0]), o[:2])",
    "{t}.scatter_add_(0, torch.tensor([1, 1]), o[:2])", "{t}.put_(torch.tensor([1]), o[:1])",
    "{t}.index_put_((torch.tensor([0, 2]),), o[0])", "{t}.fmod_(2)", "{t}.remainder_(2)",
    "{t}.nan_to_num_()", "{t}.atan2_(o)", "{t}.hypot_(o)", "{t}.xlogy_(o)",
    "{t}.masked_scatter_({t} > 1.5, o)",
    "torch.relu_({t})", "torch.exp_({t})", "torch.sigmoid_({t})", "torch.zero_({t})",
    "torch.clamp_({t}, 0, 2)", "F.relu({t}, inplace=True)", "F.elu({t}, inplace=True)",
    "F.leaky_relu({t}, 0.1, inplace=True)", "F.hardtanh({t}, 0, 2, inplace=True)",
    "F.silu({t}, inplace=True)", "F.threshold({t}, 1.5, 0., inplace=True)",
    "F.celu({t}, inplace=True)", "F.selu({t}, inplace=True)", "F.relu6({t}, inplace=True)",
    "torch.mul({t}, 2, out={t})", "{t} += 1", "{t} += o", "{t} -= o", "{t} *= 3", "{t} *= o",
    "{t} /= 2", "{t} **= 2", "{t} %= 2", "{t}[0] = 9.", "{t}[0] = o[1]", "{t}[:] = o",
    "{t}[...] = 3.", "{t}[1:] = o[:2]", "{t}[{t} > 1.5] = 0.", "{t}[[0, 2]] = o[:2]",
    "{t}[[0, 0]] += 1", "{t}[0] -= 1", "{t}[0] *= o[2]", "{t}[-1] = {t}[0]", "{t}[::2] *= 2",
    "{t}[torch.tensor([True, False, True])] *= 2", "{t}[torch.tensor(1)] = 4.", "{t}[None] = 2.",
    "{t}.requires_grad_()", "{t}.detach_()", "{t}.unsqueeze_(0)", "{t}.squeeze_()", "{t}.t_()",
    "{t}.swapaxes_(0, 0)", "{t}.data = {t}.data * 2", "{t}.data.mul_(2)", "{t}.detach().mul_(2)",
    "{t}.detach().numpy()[0] = 7.", "{t}.data[1:] = 0.", "{t}.data -= o", "{t}.data.copy_(o)",
    "{t}.add_(torch.ones(2, 3))", "{t}[3] = 1.",
    "{t}[:2] = torch.ones(3)", "{t}.mul_(1j)", "{t}.T.mul_(2)",
)  # fmt: skip
MATRIX_WRITES = ("y[0, 1] -= 1", "y[0][1] = 5.", "y[:, 0] = 1.", "y[1] = w[0]", "y[:, 1:] *= 2",
                 "y.fill_diagonal_(8.)", "y.t_()", "y.transpose_(0, 1)", "y[y > 2] = 0.",
                 "y[[0, 1], [2, 0]] = 7.", "y[..., -1].zero_()", "y.diagonal().add_(1)",
                 "y.triu_()", "y[0].copy_(y[1])", "y[:, [0, 2]] = 0.", "y.view(-1)[::2] = 1.",
                 "y.addmm_(w[:, :2], w[:2])", "y.addr_(w[:, 0], w[0])", "y.squeeze_(0)",
                 "y[0].add_(y.sum(0))", "y += y.sum(1, True)", "y.swapdims_(0, 1)",
                 "for row in y: row /= 2", "for row in y.unbind(): row.zero_()",
                 "a, b = y\na += 1", "a, b = y.detach()\na += 1", "y[:1].expand(2, 3).add_(1)",
                 "y.expand(2, 2, 3)[0].add_(1)", "for i in range(2): y[i] = y[i] * (i + 2)",
                 "for j, column in enumerate(y.T):\n    y[:, j] = column * j",
                 "y.T[1:] = 0.", "y.narrow(0, 0, 1)[...] = 2.",
                 "y[0, :2], y[1, 2] = 1., 2.")  # fmt: skip


def roads() -> Iterator[tuple[str, str]]:
    """Return a write to each view, a write to its base, and both without gradients."""
    for kind, setup, paths in (("", M, ROADS), ("complex ", Z, COMPLEX_ROADS)):
        for path in paths:
            base = "y.real.sum()" if kind else "y.sum()"
            end = f"print(y)\nprint(v)\n{base}.backward()\nprint(w.grad)\n"
            yield f"{kind}{path} written", f"{setup}y = w * 2\nv = {path}\nv.mul_(3)\n{end}"
            read = (
                end
                if "bind" not in path and "split" not in path and "chunk" not in path
                else "v + 1"
            )
            yield f"{kind}{path} seen", f"{setup}y = w * 2\nv = {path}\ny.mul_(3)\n{read}"
            yield (
                f"{kind}{path} plain",
                f"{setup}y = w.detach() * 2\nv = {path}\nv *= 3\ny += 1\nprint(y)\nprint(v)\n"
                "print(w)\n",
            )
        yield f"{kind}of a leaf", f"{setup}v = w[:1]\nv.mul_(2)\n"
    for path in ("y[1]", "y[:, 0]", "y[..., 1]", "y.permute(2, 0, 1)", "y[1:, :, 0]",
                 "y.transpose(0, 2)[1]", "y.diagonal(0, 1, 2)", "y.flatten(1)"):  # fmt: skip
        yield (
            f"3-d {path}",
            f"{T}y = w * 1\nv = {path}\nv.mul_(y.sum())\n" + SHOW_ALL,
        )


def writes() -> Iterator[tuple[str, str]]:
    """Return every write to a tensor, to a view of one, and where gradients are not recorded."""
    o = "o = torch.tensor([2., 0.5, 4.], requires_grad=True)\n"
    end = "print(y)\n(y * y).sum().backward()\nprint(w.grad)\nprint(o.grad)\n"
    for write in WRITES:
        yield write.format(t="y"), f"{W}{o}y = w * 1\n{write.format(t='y')}\n{end}"
        viewed = write.format(t="v")
        yield f"view: {viewed}", f"{W}{o}y = w * 1\nv = y[...]\n{viewed}\nprint(v)\n{end}"
        quiet = write.format(t="w").replace("\n", "\n    ")
        yield (
            f"no_grad: {quiet}",
            f"{W}{o}v = w[1:]\nwith torch.no_grad():\n    {quiet}\nprint(w)\nprint(v.sum())\n",
        )
    for write in MATRIX_WRITES:
        yield f"matrix: {write}", f"{M}y = w * 1\n{write}\n{SHOW}"
        yield f"plain matrix: {write}", f"{M}y = w.detach() * 1\n{write}\nprint(y)\nprint(w)\n"


GRADS = (
    "w.grad.data.zero_()", "w.grad.detach().zero_()", "w.grad[:] = 0", "w.grad.mul_(0.5)",
    "g = w.grad; g *= .5", "w.grad[:] *= 0.5", "w.grad.clamp_(-3, 3)", "w.grad[0] = 0.",
    "w.data.zero_()", "w.data.sub_(w)", "w.data[0] = 9.", "d = w.detach(); d += 1.",
    "w.grad.zero_()", "w.grad = None", "w.grad = torch.ones(3)", "w.grad.data *= 2",
    "w.grad.add_(w.detach(), alpha=0.1)", "w.grad[w.grad > 3] = 3.", "w.grad /= w.grad.norm()",
    "w.grad.data = torch.zeros(3)", "w.data -= 0.1 * w.grad", "w.data = w.data - 0.1 * w.grad",
    "w.data.add_(w.grad, alpha=-0.1)", "w -= w.grad", "w.grad -= 1", "w.grad.data.fill_(1)",
    "g = w.grad.view(-1); g[1] = 7.", "g = w.grad.clone(); g.zero_()", "w.grad.detach_()",
    "g = w.grad.numpy(); g[0] = 5.", "w.detach()[:2].fill_(0)", "w.detach().numpy()[2] = 1.",
    "with torch.no_grad(): w -= 0.1 * w.grad", "with torch.no_grad(): w.grad.zero_()",
    "with torch.no_grad(): w[1:] -= w.grad[1:]", "with torch.no_grad(): w.copy_(w.grad)",
    "torch.add(w.grad, 1, out=w.grad)", "w.grad.requires_grad_()", "w.grad = w.grad * 2",
    "w.grad.copy_(w)", "with torch.no_grad(): w.grad.copy_(w)", "w.grad = w.detach()",
)  # fmt: skip


def grads() -> Iterator[tuple[str, str]]:
    """Return what can be done with `.grad` and `.data`, and a second backward after it."""
    for change in GRADS:
        yield (
            f"grad: {change}",
            f"{AFTER}{change}\nprint(w)\nprint(w.grad)\n(w ** 2).sum().backward()\nprint(w.grad)\n",
        )


SAVING = (
    "{x} * {x}", "{x} * 2", "{x} + {x}", "{x}.exp()", "{x}.sin()", "{x}.relu()", "{x} ** 2",
    "{x} ** 3", "2 ** {x}", "{x}.sqrt()", "1 / {x}", "{x} / 2", "{x} @ {x}", "{x}.softmax(0)[0]",
    "{x}.prod()", "{x}.max()", "{x}.max(0).values", "{x}.norm()", "{x}.sum()", "{x}.mean()",
    "{x}.abs()", "{x}.clamp(0, 2)", "{x}.tanh()", "{x}.sigmoid()", "{x}.log()", "{x}.std()",
    "{x}.cumprod(0)", "{x}.sort().values", "{x}[1:]", "{x}[torch.tensor([0, 1])]",
    "torch.where({x} > 1, {x}, 0.)", "torch.stack([{x}, {x}])", "F.softplus({x})", "F.gelu({x})",
    "torch.outer({x}, {x})", "{x}.log_softmax(0)", "{x}.logsumexp(0)", "{x}.lerp({x} * 2, 0.5)",
)  # fmt: skip
# of two tensors that were both changed, the error names the one that comes first by its name
OF_TWO = (
    "a * b", "a / b", "a @ b", "a ** b", "torch.atan2(a, b)", "torch.hypot(a, b)",
    "torch.addcmul(w, a, b)", "torch.addcdiv(w, a, b)", "torch.xlogy(a, b)", "torch.outer(a, b)",
    "torch.maximum(a, b)", "torch.lerp(w, a, b)", "torch.lerp(a, b, b)", "torch.dot(a, b)",
    "torch.linalg.cross(a, b)", "torch.dist(a, b)", "torch.fmod(a, b)", "F.mse_loss(a, b)",
    "torch.where(a > b, a * b, b)", "F.layer_norm(a, (3,), b)", "F.smooth_l1_loss(a, b)",
    "torch.baddbmm(w[None, :, None], a[None, :, None], b[None, None])",
)  # fmt: skip


def saved() -> Iterator[tuple[str, str]]:
    """Return changes between a computation and its backward: of the operand, and of the result."""
    for form in SAVING:
        text = form.format(x="x")
        for changed in ("x", "y"):
            yield (
                f"saved: {text}, {changed}",
                f"{W}x = w * 1\ny = {text}\n{changed}.add_(1)\ny.sum().backward()\nprint(w.grad)\n",
            )
        yield (
            f"saved: {text}, data",
            f"{W}x = w * 1\ny = {text}\nx.data.add_(1)\ny.sum().backward()\nprint(w.grad)\n",
        )
    for text in OF_TWO:
        yield (
            f"saved: {text}, both",
            f"{W}a = w * 1\nb = w + 0\ny = {text}\na.mul_(1)\nb.sub_(0)\ny.sum().backward()\n",
        )


CONTEXTS = ("no_grad()", "enable_grad()", "set_grad_enabled(True)", "set_grad_enabled(False)")


def contexts() -> Iterator[tuple[str, str]]:
    """Return modes in each other: as blocks, as calls, as decorators."""
    on = "print(torch.is_grad_enabled())\n"
    for outer, inner in product(CONTEXTS, CONTEXTS):
        yield (
            f"with {outer}, {inner}",
            f"{W}with torch.{outer}:\n    a = w * 2\n    with torch.{inner}:\n        b = w ** 2\n"
            f"        {on}    c = w + 1\n    {on}print(a, b, c)\n{on}",
        )
        yield (
            f"@{outer} in {inner}",
            f"{W}@torch.{outer}\ndef f(x):\n    print(torch.is_grad_enabled())\n    return x * 2\n"
            f"{on}with torch.{inner}:\n    print(f(w))\n    {on}print(f(w))\n{on}",
        )
    for mode in ("inference_mode()", "inference_mode(True)", "inference_mode(False)"):
        yield (
            f"with {mode}",
            f"{W}with torch.{mode}:\n    a = w * 2\n    {on}print(a.requires_grad)\n",
        )
    for first, second in product((True, False), (True, False)):
        yield (
            f"set_grad_enabled: {first}, {second}",
            f"{W}torch.set_grad_enabled({first})\n{on}with torch.set_grad_enabled({second}):\n"
            f"    {on}    torch.set_grad_enabled({first})\n    {on}{on}print(w * 2)\n",
        )


def written() -> Iterator[tuple[str, str]]:
    """Return the programs of programs.txt."""
    for part in FILE.read_text(encoding="utf-8").split("\n#### ")[1:]:
        name, text = part.split("\n", 1)
        yield name, text


def programs() -> dict[str, str]:
    """Return all programs by name."""
    found: dict[str, str] = {}
    for part in (roads(), writes(), grads(), saved(), contexts(), written()):
        for name, text in part:
            assert name not in found, f"two programs are called {name}"
            found[name] = text
    return found
