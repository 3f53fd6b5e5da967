"""Functions in the words of the library that a file uses."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import NamedTuple

from gradcli.diagnose.subject import Subject
from gradcli.errors import Source, Span
from gradcli.syntax import parse, tree
from gradcli.syntax.tree import Expression, Statement
from gradcli.trace.builtins import lookup
from gradcli.trace.values import Namespace


class Home(NamedTuple):
    """Where PyTorch, JAX and NumPy have a function; None where there is none."""

    torch: str | None
    jax: str | None = None
    numpy: str | None = None


def _everywhere(name: str) -> Home:
    return Home(f"torch.{name}", f"jax.numpy.{name}", f"numpy.{name}")


EVERYWHERE = """
    where maximum abs log log1p exp expm1 sqrt sum tanh hypot sinc logaddexp sin ones_like
"""
HOMES: Mapping[str, Home] = {
    **{name: _everywhere(name) for name in EVERYWHERE.split()},
    "clamp": Home("torch.clamp", "jax.numpy.clip", "numpy.clip"),
    "amax": Home("torch.amax", "jax.numpy.max", "numpy.max"),
    "asinh": Home("torch.asinh", "jax.numpy.arcsinh", "numpy.arcsinh"),
    "atan2": Home("torch.atan2", "jax.numpy.arctan2", "numpy.arctan2"),
    "norm": Home("torch.linalg.norm", "jax.numpy.linalg.norm", "numpy.linalg.norm"),
    "sigmoid": Home("torch.sigmoid", "jax.nn.sigmoid"),
    "softplus": Home("torch.nn.functional.softplus", "jax.nn.softplus"),
    "logsigmoid": Home("torch.nn.functional.logsigmoid", "jax.nn.log_sigmoid"),
    "softmax": Home("torch.softmax", "jax.nn.softmax"),
    "log_softmax": Home("torch.log_softmax", "jax.nn.log_softmax"),
    "logsumexp": Home("torch.logsumexp", "jax.nn.logsumexp"),
    "xlogy": Home("torch.xlogy", "jax.scipy.special.xlogy"),
    "entr": Home("torch.special.entr", "jax.scipy.special.entr"),
    "lgamma": Home("torch.lgamma", "jax.scipy.special.gammaln"),
    "log_ndtr": Home("torch.special.log_ndtr", "jax.scipy.special.log_ndtr"),
}  # fmt: skip
FAMILIES = {"torch": "torch", "jax": "jax", "numpy": "numpy", "autograd": "numpy"}
SHORT = {"np": "numpy", "jnp": "jax.numpy", "F": "torch.nn.functional"}


def _prefixes(subject: Subject) -> dict[str, str]:
    """Return what a file calls the modules that it uses, by their paths."""
    scope, found = subject.session.tracer.scope, dict[str, str]()
    for own, value in scope.items():
        if isinstance(value, Namespace):
            found[value.path.replace("autograd.numpy", "numpy")] = own
    for it in tree.nodes_of(subject.statements):
        if isinstance(it, tree.Attribute) and isinstance(it.value, tree.Name):
            own = it.value.id  # one that is used without having been imported
            if own not in scope and isinstance(lookup(own), Namespace):
                found.setdefault(SHORT.get(own, own), own)
    return {path: own for path, own in found.items() if path.partition(".")[0] in FAMILIES}


def family(subject: Subject) -> str:
    """Return whose words a file uses: torch, jax, numpy; "" where it uses no library's."""
    return next((FAMILIES[path.partition(".")[0]] for path in _prefixes(subject)), "")


def spelled(subject: Subject, name: str) -> str | None:
    """Return how a file would call a function, None where its library has none like it."""
    prefixes, whose = _prefixes(subject), family(subject)
    if not whose:
        return name
    path = HOMES[name]._asdict()[whose]
    if path is None:
        return None
    parts = path.split(".")
    for length in range(len(parts) - 1, 0, -1):
        if (own := prefixes.get(".".join(parts[:length]))) is not None:
            return ".".join([own, *parts[length:]])
    return None if whose == "jax" else name


def dimension(subject: Subject) -> str:
    """Return the keyword that says along which dimension."""
    return "axis" if family(subject) in {"jax", "numpy"} else "dim"


def filled(subject: Subject, template: str, texts: Mapping[str, str]) -> str | None:
    """Return a template with its names replaced by texts, and its functions as the file calls them.

    None where the file's library does not have one of the functions.
    """
    edits: list[tuple[Span, str]] = []
    for node, own_place in _names(parse(Source("template", template)).statements):
        if isinstance(node, tree.Call):
            if not isinstance(node.function, tree.Name):
                continue  # a method
            own = spelled(subject, node.function.id)
            if own is None:
                return None
            edits.append((node.function.span, own))
        elif isinstance(node, tree.Keyword) and node.name is not None:
            edits.append((Span(node.span.start, node.span.start + len(node.name)),
                          dimension(subject) if node.name == "dim" else node.name))  # fmt: skip
        elif isinstance(node, tree.Name) and node.id in texts:
            edits.append((node.span, own_place(texts[node.id])))
    for span, text in sorted(edits, reverse=True):
        template = template[: span.start] + text + template[span.end :]
    return template


def _names(items: tuple[Statement, ...]) -> Iterator[tuple[Expression, Callable[[str], str]]]:
    """Yield calls, keywords and names of a template, and how a text stands in such a place."""
    places: dict[Span, Callable[[str], str]] = {}
    for it in tree.nodes_of(items):
        if isinstance(it, tree.Call):
            given = [*it.arguments, *(k.value for k in it.keywords)]
            places |= {x.span: str for x in given}
            places[it.function.span] = str
        elif isinstance(it, tree.Compare):
            places |= {x.span: compared for x in (it.first, *(x for _, x in it.rest))}
        elif isinstance(it, tree.ExpressionStatement):
            places[it.value.span] = str
    for it in tree.nodes_of(items):
        if isinstance(it, tree.Call | tree.Keyword | tree.Name):
            yield it, places.get(it.span, bracketed)


def _expression(text: str) -> Expression | None:
    it = parse(Source("operand", text)).statements[0]
    return it.value if isinstance(it, tree.ExpressionStatement) else None


def bracketed(text: str) -> str:
    """Return a text that can stand beside any operator."""
    plain = (tree.Name, tree.Call, tree.Attribute, tree.Subscript, tree.Constant, tree.Group)
    return text if isinstance(_expression(text), plain) else f"({text})"


def compared(text: str) -> str:
    """Return a text that can stand beside a comparison, which binds less than arithmetic."""
    it = _expression(text)
    plain = isinstance(it, tree.Binary) and it.operator in {"+", "-", "*", "/", "**", "@"}
    return text if plain else bracketed(text)
