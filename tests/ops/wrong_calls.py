"""Calls with one thing wrong, made from every row: its examples, an argument replaced at a time.

An argument gets what its kind in the signature does not take: a tensor another rank, size or
dtype, a dimension one that is not there, a string no word of PyTorch's. Not all are refused.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from math import prod
from typing import Any

import numpy as np

from gradcli.ops import Row
from gradcli.rule.dtypes import Array
from gradcli.rule.signature import REQUIRED, Parameter
from tests.ops.cases import LETTERS, examples

# right calls of rows that have no examples and take more than tensors of one shape
INTEGERS = ("gcd", "lcm", "bitwise_and", "bitwise_or", "bitwise_xor", "bitwise_not",
            "bitwise_left_shift", "bitwise_right_shift", "bincount")  # fmt: skip
CALLS = {
    "all": ("all(M, 1)",),
    "any": ("any(M, 1)",),
    "argsort": ("argsort(M, 1)",),
    "bucketize": ("bucketize(v, tensor([0.1, 0.5]))",),
    "convolution": (
        "torch.convolution(T, T, v, (1,), (1,), (1,), False, (0,), 1)",
        "torch.convolution(T, T, v, (2,), (1,), (1,), True, (1,), 1)",
    ),
    "copy_": ("(M * 1).copy_(v)",),
    "count_nonzero": ("count_nonzero(M, 1)",),
    "diagonal_copy": ("torch.diagonal_copy(A)",),
    "fill_": ("(v * 1).fill_(2.0)", "(v * 1).fill_(s)"),
    "histc": ("histc(v, 4, 0, 1)",),
    "linalg.matrix_rank": ("torch.linalg.matrix_rank(M)",),
    "native_batch_norm": ("torch.native_batch_norm(T, v, v, None, None, True, 0.1, 1e-05)",),
    "native_group_norm": ("torch.native_group_norm(T, v, v, 2, 3, 3, 3, 1e-05)",),
    "native_layer_norm": ("torch.native_layer_norm(M, (3,), v, v, 1e-05)",),
    "one_hot": ("F.one_hot(tensor([0, 2]), 3)",),
    "searchsorted": ("searchsorted(tensor([0.1, 0.5]), v)",),
    "split_with_sizes": ("torch.split_with_sizes(v, (1, 2))",),
    "transpose_": ("(M * 1).transpose_(0, 1)",),
    "unique": ("unique(M)", "unique(M, dim=0)"),
    "unsqueeze_": ("(M * 1).unsqueeze_(0)",),
}

# what stands in the place of an argument `{}`, by the kind of its parameter
TENSORS = (
    "{}.long()", "({} > 0)", "{}.to(torch.complex128)", "{}.float()", "{}.sum()", "{}[None]",
    "{}[None, None, None, None]", "{}.flatten()", "{}[:0]", "{}[:1]", "torch.cat([{0}, {0}])",
    "torch.cat([{0}, {0}], -1)", "{} - 99", "{} + 99", "{}.double()",
)  # fmt: skip
NO_TENSORS = ("None", "'a'", "2.5", "[1.0, 2.0]")
WHOLE = ("'a'", "None", "1.5", "99", "-99", "-1", "0", "[0, 0]", "v")
WRONG: dict[str, tuple[str, ...]] = {
    "tensors": ("[]", "None", "v", "'a'", "[v, None]", "[v, 2.5]", "[M, v]", "[v, v.long()]",
                "[s, s]", "[v, v[:2]]", "[M, M[:, :2]]", "[v, v > 0]", "[T, T[0]]"),
    "int": WHOLE,
    "dim": WHOLE,
    "dims": ("'a'", "1.5", "None", "99", "-99", "()", "(0, 0)", "(0, 1, 2, 3)", "(0, -1)", "['a']",
             "(-99, 0)"),
    "sizes": ("'a'", "1.5", "None", "()", "0", "-2", "(2, -3)", "(-1, -1)", "(99, 99)", "(1.5,)",
              "(0, 0)", "(1, 1)", "(2, 2, 2)", "(1, 1, 1, 1, 1)"),
    "bool": ("'a'", "2", "None", "v"),
    "number": ("'a'", "None", "-1", "-1.5", "0", "1.5", "99", "torch.nan", "1j", "v", "True"),
    "str": ("'wrong'", "3", "None"),
    "dtype": ("'float'", "3", "torch.int64", "torch.bool", "torch.complex64"),
    "any": ("'a'", "None", "-1", "0", "1.5", "9", "(0, 0)", "[1, 2, 3]", "v", "v.long()", "True",
            "(9, 9)", "(-1, -1)", "(0, 1, 2)", "['a']"),
}  # fmt: skip
WRONG["scalar"] = WRONG["real"] = WRONG["number"]
WRONG["arrays"] = WRONG["tensors"]


def wrong_calls(row: Row) -> Iterator[tuple[str, str]]:
    """Return calls of a row with one thing wrong, each with the name of what is wrong."""
    seen: set[str] = set()
    for text in right_calls(row)[:2]:
        for what, wrong in _of_example(row, text):
            if wrong not in seen:
                seen.add(wrong)
                yield what, wrong


def right_calls(row: Row) -> tuple[str, ...]:
    """Return calls of a row that are right: its examples, or its tensors in a row."""
    letter = "v.long()" if row.name in INTEGERS else "v"
    plain = f"{row.name}({', '.join(letter for _ in row.signature.tensors)})"
    return examples(row) or CALLS.get(row.name, (plain,))


def _of_example(row: Row, text: str) -> Iterator[tuple[str, str]]:
    module = ast.parse(text, mode="eval")
    call = next((c for c in ast.walk(module) if _is_of(row, c)), None)
    if not isinstance(call, ast.Call):
        yield from _of_letters(module)
        return
    parameters = list(row.signature.parameters)
    given = set()
    f = call.func
    if isinstance(f, ast.Attribute) and not _is_module(f.value):
        given.add(parameters[0].name)
        yield from _replaced(module, f, "value", parameters[0], TENSORS)
        parameters = parameters[1:]
    for i in range(len(call.args)):
        if parameters:
            parameter = parameters[min(i, len(parameters) - 1)]
            given.add(parameter.name)
            yield from _replaced(module, call.args, i, parameter)
    named = {p.name: p for p in row.signature.parameters}
    for keyword in call.keywords:
        if keyword.arg in named:
            given.add(keyword.arg)
            yield from _replaced(module, keyword, "value", named[keyword.arg])
    for parameter in row.signature.parameters:
        if parameter.name not in given and parameter.default is not REQUIRED:
            keyword = ast.keyword(parameter.name, ast.Name("v"))
            call.keywords.append(keyword)
            yield from _replaced(module, keyword, "value", parameter)
            call.keywords.pop()
    yield from _counts(module, call)


def _of_letters(module: ast.Expression) -> Iterator[tuple[str, str]]:
    text = ast.unparse(module)
    for letter in LETTERS:
        if any(isinstance(n, ast.Name) and n.id == letter for n in ast.walk(module)):
            for wrong in TENSORS:
                names = {letter: ast.parse(wrong.format(letter), mode="eval").body}
                yield letter, ast.unparse(_Renamed(names).visit(ast.parse(text, mode="eval")))


class _Renamed(ast.NodeTransformer):
    def __init__(self, names: dict[str, ast.expr]) -> None:
        self.names = names

    def visit_Name(self, node: ast.Name) -> ast.expr:
        return self.names.get(node.id, node)


def _is_of(row: Row, node: ast.AST) -> bool:
    if not isinstance(node, ast.Call):
        return False
    names = {n.rpartition(".")[2] for n in (row.name, *row.aliases)}
    if row.name.count(".") == 1 and row.name.startswith("_"):
        return False
    f = node.func
    name = f.attr if isinstance(f, ast.Attribute) else getattr(f, "id", "")
    return name in names


def _is_module(node: ast.expr) -> bool:
    text = ast.unparse(node)
    return text.partition(".")[0] in ("F", "torch", "np", "jnp", "jax", "linalg", "fft", "special")


def _replaced(
    module: ast.Expression,
    place: Any,
    at: Any,
    parameter: Parameter,
    wrongs: tuple[str, ...] | None = None,
) -> Iterator[tuple[str, str]]:
    """Return the call's text with one of its places taken by each of the wrong arguments."""
    before = place[at] if isinstance(place, list) else getattr(place, str(at))
    if isinstance(before, ast.Starred):
        return
    if wrongs is None:
        kind = parameter.kind.rstrip("?")
        wrongs = WRONG.get(kind, WRONG["any"])
        if kind in ("tensor", "index"):
            wrongs = NO_TENSORS if isinstance(before, ast.Constant) else TENSORS + NO_TENSORS
    text = ast.unparse(before)
    text = f"({text})" if isinstance(before, ast.BinOp | ast.UnaryOp | ast.Compare) else text
    for wrong in wrongs:
        _put(place, at, ast.parse(wrong.format(text), mode="eval").body)
        yield parameter.name, ast.unparse(module)
    _put(place, at, before)


def _put(place: Any, at: Any, value: ast.expr) -> None:
    if isinstance(place, list):
        place[at] = value
    else:
        setattr(place, str(at), value)


def _counts(module: ast.Expression, call: ast.Call) -> Iterator[tuple[str, str]]:
    """Return the call with an argument too few, many too many, and one that is not known."""
    args, keywords = list(call.args), list(call.keywords)
    if args:
        call.args = args[:-1]
        yield "too few", ast.unparse(module)
    call.args = args + [ast.Constant(1)] * 14
    yield "too many", ast.unparse(module)
    call.args, call.keywords = args, [*keywords, ast.keyword("wrong", ast.Constant(1))]
    yield "unknown", ast.unparse(module)
    call.keywords = keywords


# calls that are wrong in a way that no argument alone makes
WRITTEN = (
    "einsum('i...j...', A)", "einsum('i.j', A)", "einsum('i1', A)", "einsum('ijk', A)",
    "einsum('...ijk', A)", "einsum('ij->ii', A)", "einsum('ij->k', A)", "einsum('ii', M)",
    "tensordot(M, A, ([1], [0, 1]))", "complex(v.long(), v.long())", "cdist(M.long(), A.long())",
    "F.cosine_similarity(M.long(), M.long())", "F.conv1d(T, T[0][:, None, :], groups=2)",
    "tensor([1, 2]) // 0", "tensor([1, 2]) ** -1",
    "F.batch_norm(v[None], None, None, training=True)",
    "F.instance_norm(T, use_input_stats=False)", "F.pad(v[None, None], (4, 0), mode='circular')",
    "F.adaptive_avg_pool1d(T[:, :, :0], 2)", "torch.linalg.vector_norm(v[:0], torch.inf)",
    "F.interpolate(T, 2, mode='nearest', align_corners=True)",
    "F.interpolate(T, size=4, recompute_scale_factor=True)", "M.T.view(6)",
    "torch.linalg.eig(A * torch.nan)", "torch.linalg.lu_factor(A, pivot=False)",
    "torch.linalg.eigvals(A.half())", "torch.fft.fft(v.half())", "A[tensor([True, False])]",
    "v[tensor([5])]", "torch.block_diag(T)", "torch.meshgrid(M, v, indexing='ij')",
    "torch.cartesian_prod(M, v)", "torch.broadcast_tensors(v, v[:2])", "torch.norm(v.long(), 2.0)",
    "v.repeat_interleave(tensor([[1, 2, 3]]))", "diag_embed(s)", "diagonal(v)",
    "torch.fliplr(v)", "rot90(v)", "A.mT.flatten().mT", "v.mT", "v.H", "ones(2, 3, 4).t()",
    "F.dropout(v, 1.5)", "arange(0, 3, 0)",
    "eye(-1)", "zeros(2, -1)", "linspace(0, 1, -1)", "v[0, 0]", "v[1.5]", "v['a']", "v[v]",
    "v[3]", "s[0]", "v[::-1]", "ones(2, 3) @ ones(2, 3)", "tensor([[1, 2], [3]])",
    "tensor([1, [2]])", "v.item()", "tensor([1.5, 'a'])", "v.squeeze((0, 0))",

    "F.pad(M, (1, 1), mode='reflect', value=1.0)",
    "F.pad(v, (5, -4))",
    "torch.matmul(T, M)",
    "torch.matmul(M, T[:, :2])",
    "F.pad(M[None, None, None, None], (2, 1), mode='reflect')",
    "F.pad(M[:, :0], (1, 1), mode='reflect')",
    "F.pad(M, (5, 1), mode='reflect')",
    "M.permute(0, 0)",
    "M.movedim((0, 0), (0, 1))", "M.expand(2)", "M.view(4)", "M.view(-1, -1)",
)  # fmt: skip

# programs whose fault only the gradient, or what is written to, shows
PROGRAMS = (
    "a = v.clone().requires_grad_(); torch.floor_divide(a, a).sum().backward()",
    "a = v.clone().requires_grad_(); torch.heaviside(a, v).sum().backward()",
    "a = v.clone().requires_grad_(); torch.histc(a, 4).sum().backward()",
    "a = v.clone().requires_grad_(); torch.bincount(tensor([0, 1, 1]), a).sum().backward()",
    "a = M.T.clone().requires_grad_(); torch.linalg.qr(a, mode='complete').Q.sum().backward()",
    "a = M.clone().requires_grad_(); torch.linalg.qr(a, mode='r').R.sum().backward()",
    "w = v.clone().requires_grad_(); F.nll_loss(M, tensor([2, 0]), weight=w)",
    "a = v.clone().requires_grad_(); (a * 2).backward()",
    "a = v.clone(); a.sum().backward()",
    "a = v.clone().requires_grad_(); y = (a * a).sum(); y.backward(); y.backward()",
    "a = v.clone().requires_grad_(); (a * a).backward(ones(2))",
    "a = v.clone().requires_grad_(); a += 1",
    "a = v.clone().requires_grad_(); a[0] = 1.0",
    "a = v.clone().requires_grad_(); a.numpy()",
    "a = v.clone().requires_grad_(); b = a * 2; b.requires_grad_(False)",
    "a = v.clone().requires_grad_(); a.grad = ones(2)",
    "a = tensor([1, 2]); a.requires_grad_()",
    "a = tensor([1, 2], requires_grad=True)",
    "a = tensor(1 + 2j, requires_grad=True); (a * a).backward()",
    "a = v.clone(); a.retain_grad()",
    "a = v.clone().requires_grad_(); torch.autograd.grad(a.sum(), v)",
    "a, b = [x.clone().requires_grad_() for x in (v, M)]; torch.autograd.grad(a.sum(), b)",
    "a = v.clone().requires_grad_(); torch.autograd.grad(a * a, a)",
    "a = v.clone().requires_grad_(); torch.autograd.grad((a, a), a, (v,))",
    "a = v.clone(); a += M",
    "a = tensor([1, 2]); a += v[:2]",
    "a = v.clone(); a[5] = 1.0",
    "a = v.clone(); a[:2] = ones(3)",
    "a = v.clone(); a[tensor([0.5])] = 1.0",
)


def leaves() -> dict[str, Array]:
    """Return what the letters of the calls are: numbers between 0 and 1, always the same."""
    return {
        name: np.asarray(((np.arange(prod(shape)) * 7 + 3) % 11 + 1).reshape(shape) / 12)
        for name, shape in LETTERS.items()
    }
