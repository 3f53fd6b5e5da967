"""From grammar to tree: one function for each rule, called as the parser completes the rule.

A function gets the parts of its rule in the order of the grammar, with every token: `group`
gets `(`, an expression and `)`. So no second tree is built, and nothing recurses.
"""

# ruff: noqa: N802 -- the meaning and the name of a callback are its rule's

from __future__ import annotations

from typing import Any

from gradcli.errors import Span, SyntaxFault
from gradcli.syntax import tree
from gradcli.syntax.checks import (
    check_arguments,
    check_handlers,
    check_pattern,
    check_target,
    check_targets,
    parameters_of,
)
from gradcli.syntax.lexer import Token
from gradcli.syntax.literals import decode, number, split_string
from gradcli.syntax.tree import Expression, Statement
from gradcli.syntax.words import check_name, spelled

Parts = Any  # the parts of a rule with a list in it: tokens and nodes in turn
_CONSTANTS = {"NONE": None, "TRUE": True, "FALSE": False, "ELLIPSIS": ...}


def _span(first: Any, last: Any) -> Span:
    """Return the span from one part of a rule, a token or a node, to another."""
    start: int = first.start if type(first) is Token else first.span[0]
    end: int = last.end if type(last) is Token else last.span[1]
    return Span(start, end)


def _nodes(parts: Parts) -> tuple[Any, ...]:
    """Return the parts that are not tokens."""
    return tuple([part for part in parts if type(part) is not Token])


class Build:
    """The callbacks of the parser, named as the rules and terminals are."""

    def pass_(self, part: Any) -> Any:
        return part

    # ---- terminals -------------------------------------------------------------------------

    def NAME(self, token: Token) -> tree.Name:
        text = token.value
        span = token.span
        check_name(text, span)
        return tree.Name(spelled(text), span)

    def NUMBER(self, token: Token) -> tree.Constant:
        span = token.span
        return tree.Constant(number(token.value, span), span)

    def STRING(self, token: Token) -> tree.Constant:
        span = token.span
        prefix, start, end = split_string(token.value)
        text = decode(token.value[start:end], span.start + start, raw="r" in prefix)
        return tree.Constant(text, span)

    def NONE(self, token: Token) -> tree.Constant:
        return tree.Constant(_CONSTANTS[token.type], token.span)

    TRUE = FALSE = ELLIPSIS = NONE

    # ---- statements ------------------------------------------------------------------------

    def program(self, *parts: Parts) -> tuple[Statement, ...]:
        return _nodes(parts)

    block = program

    def value(self, value: Expression, _end: Token) -> Expression:
        return value

    def assignment(self, *parts: Parts) -> tree.Assign:
        *targets, value = parts[::2]
        for target in targets:
            check_targets(target)
        return tree.Assign(tuple(targets), value, _span(parts[0], value))

    def annotated(
        self,
        target: Expression,
        _colon: Token,
        annotation: Expression,
        _equal: Token | None = None,
        value: Expression | None = None,
    ) -> tree.Annotated:
        check_target(target, "an annotation")
        return tree.Annotated(target, annotation, value, _span(target, value or annotation))

    def augmented(self, target: Expression, operator: Token, value: Expression) -> tree.Augmented:
        check_target(target, f"`{operator}`")
        return tree.Augmented(target, operator.value[:-1], value, _span(target, value))

    def expression_statement(self, value: Expression) -> tree.ExpressionStatement:
        return tree.ExpressionStatement(value, value.span)

    def assert_(
        self,
        keyword: Token,
        test: Expression,
        _comma: Token | None = None,
        message: Expression | None = None,
    ) -> tree.Assert:
        return tree.Assert(test, message, _span(keyword, message or test))

    def return_(self, keyword: Token, value: Expression | None = None) -> tree.Return:
        return tree.Return(value, _span(keyword, value or keyword))

    def raise_(
        self,
        keyword: Token,
        value: Expression | None = None,
        _from: Token | None = None,
        cause: Expression | None = None,
    ) -> tree.Raise:
        return tree.Raise(value, cause, _span(keyword, cause or value or keyword))

    def outer(self, keyword: Token, *parts: Parts) -> tree.Outer:
        return tree.Outer(keyword.value, _nodes(parts), _span(keyword, parts[-1]))

    def yield_(self, keyword: Token, *parts: Parts) -> tree.Yield:
        value = parts[-1] if parts else None
        return tree.Yield(value, len(parts) == 2, _span(keyword, value or keyword))

    def magic(self, token: Token) -> tree.Magic:
        return tree.Magic(token.value, token.span)

    def delete(self, keyword: Token, targets: Expression) -> tree.Delete:
        check_targets(targets, "delete")
        several = targets.items if type(targets) is tree.TupleDisplay else (targets,)
        is_bare = several[:1] and several[0].span[0] == targets.span[0]
        return tree.Delete(several if is_bare else (targets,), _span(keyword, targets))

    def flow(self, keyword: Token) -> tree.Flow:
        return tree.Flow(keyword.value, keyword.span)

    # ---- imports ---------------------------------------------------------------------------

    def dotted(self, *parts: Parts) -> tree.Name:
        return tree.Name(".".join(name.id for name in _nodes(parts)), _span(parts[0], parts[-1]))

    def module(self, dotted: tree.Name, *alias: Parts) -> tree.Import:
        last: tree.Name = alias[-1] if alias else dotted
        return tree.Import(dotted.id, None, last.id, _span(dotted, last))

    imported = module

    def import_(self, *parts: Parts) -> list[tree.Import]:
        span = _span(parts[0], parts[-1])
        return [part._replace(span=span) for part in _nodes(parts)]

    def from_import(self, *parts: Parts) -> list[tree.Import]:
        span = _span(parts[0], parts[-1])
        module, *names = _nodes(parts)
        if not names:
            return [tree.Import(module.id, "*", "*", span)]
        return [tree.Import(module.id, name.module, name.name, span) for name in names]

    # ---- compound statements ---------------------------------------------------------------

    def decorator(self, at: Token, value: Expression, _end: Token) -> tree.Decorator:
        return tree.Decorator(value, _span(at, value))

    def definition(self, *parts: Parts) -> tree.Def:
        decorators = [part for part in parts if type(part) is tree.Decorator]
        keyword, name, _open, *middle, colon, body = parts[len(decorators) :]
        parameters = middle[0] if type(middle[0]) is not Token else ()
        return tree.Def(
            tuple(d.value for d in decorators),
            name.id,
            parameters,
            middle[-1] if type(middle[-1]) is not Token else None,
            body,
            _span(keyword, colon),
            _span(parts[0], body[-1]),
        )

    def class_(self, *parts: Parts) -> tree.Class:
        decorators = [part for part in parts if type(part) is tree.Decorator]
        keyword, name, *middle, colon, body = parts[len(decorators) :]
        given = _nodes(middle)
        check_arguments(given)
        return tree.Class(
            tuple(d.value for d in decorators),
            name.id,
            tuple(part for part in given if type(part) is not tree.Keyword),
            tuple(part for part in given if type(part) is tree.Keyword),
            body,
            _span(keyword, colon),
            _span(parts[0], body[-1]),
        )

    def parameters(self, *parts: Parts) -> tuple[tree.Parameter, ...]:
        return parameters_of(_nodes(parts))

    def parameter(self, name: tree.Name, *parts: Parts) -> tree.Parameter:
        given = {sign.value: part for sign, part in zip(parts[::2], parts[1::2], strict=True)}
        span = _span(name, parts[-1] if parts else name)
        return tree.Parameter(name.id, given.get(":"), given.get("="), span)

    def gathering(self, stars: Token, name: tree.Name, *parts: Parts) -> tree.Parameter:
        annotation = parts[-1] if parts else None
        span = _span(stars, annotation or name)
        return tree.Parameter(name.id, annotation, None, span, stars.value)

    def divider(self, sign: Token) -> tree.Parameter:
        return tree.Parameter("", None, None, sign.span, sign.value)

    bare_parameters = parameters
    bare_parameter = parameter

    def for_(self, keyword: Token, *parts: Parts) -> tree.For:
        target, _in, iterable, colon, body, *rest = parts
        check_targets(target)
        header, last = _span(keyword, colon), parts[-1]
        otherwise = last if rest else ()
        return tree.For(target, iterable, body, otherwise, header, _span(keyword, last[-1]))

    def while_(self, keyword: Token, *parts: Parts) -> tree.While:
        test, colon, body, *rest = parts
        header, last = _span(keyword, colon), parts[-1]
        return tree.While(test, body, last if rest else (), header, _span(keyword, last[-1]))

    def if_(self, *parts: Parts) -> tree.If:
        """Make an `If` of each `if` and `elif`, from the last to the first."""
        end = parts[-1][-1]
        whole = len(parts) % 4 == 0
        otherwise: tuple[Statement, ...] = () if whole else parts[-1]
        clauses = parts if whole else parts[:-3]
        for at in range(len(clauses) - 4, -1, -4):
            keyword, test, colon, body = clauses[at : at + 4]
            node = tree.If(test, body, otherwise, _span(keyword, colon), _span(keyword, end))
            otherwise = (node,)
        return node

    def with_(self, keyword: Token, *parts: Parts) -> tree.With:
        *contexts, body = _nodes(parts)
        header = _span(keyword, parts[-2])
        return tree.With(tuple(contexts), body, header, _span(keyword, body[-1]))

    def context(self, value: Expression, *parts: Parts) -> tree.Context:
        target = parts[-1] if parts else None
        if target is not None:
            check_targets(target)
        return tree.Context(value, target, _span(value, target or value))

    def try_(self, keyword: Token, colon: Token, body: Parts, *parts: Parts) -> tree.Try:
        handlers = tuple(part for part in parts if type(part) is tree.Handler)
        rest = parts[len(handlers) :]  # `else`, a colon, a block; `finally`, a colon, a block
        blocks = {rest[at].type: rest[at + 2] for at in range(0, len(rest), 3)}
        check_handlers(handlers)
        last = rest[-1][-1] if rest else handlers[-1]
        header, span = _span(keyword, colon), _span(keyword, last)
        return tree.Try(
            body, handlers, blocks.get("ELSE", ()), blocks.get("FINALLY", ()), header, span
        )

    def handler(self, keyword: Token, *parts: Parts) -> tree.Handler:
        kind, *name = parts[:-2:2] or (None,)
        body = parts[-1]
        return tree.Handler(kind, name[0] if name else None, body, _span(keyword, body[-1]))

    def match(self, keyword: Token, subject: Expression, colon: Token, *parts: Parts) -> tree.Match:
        cases = _nodes(parts)
        header = _span(keyword, colon)
        return tree.Match(subject, cases, header, _span(keyword, cases[-1]))

    def case(self, keyword: Token, pattern: Expression, *parts: Parts) -> tree.Case:
        given = {sign.type: part for sign, part in zip(parts[::2], parts[1::2], strict=True)}
        check_pattern(pattern)
        name = given.get("AS")
        bare = isinstance(pattern, tree.TupleDisplay) and pattern.items  # or is it in brackets?
        if name is not None and bare and pattern.span.start == bare[0].span.start:
            raise SyntaxFault(
                "`as` after a comma names the last pattern alone, which is not here", name.span,
                "put brackets around what it names, or name the last by a guard",
            )  # fmt: skip
        body = given["COLON"]
        span = _span(keyword, body[-1])
        return tree.Case(pattern, name, given.get("IF"), body, span)

    # ---- expressions -----------------------------------------------------------------------

    def starred(self, star: Token, value: Expression) -> tree.Starred:
        return tree.Starred(value, _span(star, value))

    def bracketed(self, *parts: Parts) -> tree.TupleDisplay:
        return tree.TupleDisplay(_nodes(parts), _span(parts[0], parts[-1]))

    tuple = bracketed
    indices = bracketed

    def bare_tuple(self, *parts: Parts) -> tree.TupleDisplay:
        for part in parts:
            if type(part) is tree.NamedExpression:
                raise SyntaxFault("`:=` needs round brackets here", part.span)
        return tree.TupleDisplay(_nodes(parts), _span(parts[0], parts[-1]))

    def walrus(self, target: tree.Name, _sign: Token, value: Expression) -> tree.NamedExpression:
        return tree.NamedExpression(target, value, _span(target, value))

    def list(self, *parts: Parts) -> tree.ListDisplay:
        return tree.ListDisplay(_nodes(parts), _span(parts[0], parts[-1]))

    def dict(self, *parts: Parts) -> tree.DictDisplay:
        return tree.DictDisplay(_nodes(parts), _span(parts[0], parts[-1]))

    def pair(self, key: Expression, _colon: Token, value: Expression) -> tree.Item:
        return tree.Item(key, value, _span(key, value))

    def spread(self, stars: Token, value: Expression) -> tree.Item:
        return tree.Item(None, value, _span(stars, value))

    def set(self, *parts: Parts) -> tree.SetDisplay:
        return tree.SetDisplay(_nodes(parts), _span(parts[0], parts[-1]))

    def group(self, opening: Token, inner: Expression, closing: Token) -> tree.Group:
        return tree.Group(inner, _span(opening, closing))

    def conditional(
        self, then: Expression, _if: Token, test: Expression, _else: Token, otherwise: Expression
    ) -> tree.Conditional:
        return tree.Conditional(test, then, otherwise, _span(then, otherwise))

    def lambda_(self, keyword: Token, *parts: Parts) -> tree.Lambda:
        parameters = parts[0] if len(parts) == 3 else ()
        return tree.Lambda(parameters, parts[-1], _span(keyword, parts[-1]))

    def boolean(self, left: Expression, operator: Token, right: Expression) -> tree.Boolean:
        return tree.Boolean(operator.value, left, right, Span(left.span[0], right.span[1]))

    def binary(self, left: Expression, operator: Token, right: Expression) -> tree.Binary:
        return tree.Binary(operator.value, left, right, Span(left.span[0], right.span[1]))

    def unary(self, operator: Token, operand: Expression) -> tree.Unary:
        return tree.Unary(operator.value, operand, _span(operator, operand))

    def compare(self, first: Expression, *parts: Parts) -> tree.Compare:
        rest = tuple(zip(parts[::2], parts[1::2], strict=True))
        return tree.Compare(first, rest, Span(first.span[0], parts[-1].span[1]))

    def comparator(self, *words: Token) -> str:
        return " ".join([word.value for word in words])

    def attribute(self, value: Expression, _dot: Token, name: tree.Name) -> tree.Attribute:
        span = Span(value.span[0], name.span[1])
        return tree.Attribute(value, name.id, name.span, span)

    def call(self, function: Expression, *parts: Parts) -> tree.Call:
        given = _nodes(parts)
        check_arguments(given)
        arguments = tuple([part for part in given if type(part) is not tree.Keyword])
        keywords = tuple([part for part in given if type(part) is tree.Keyword])
        return tree.Call(function, arguments, keywords, _span(function, parts[-1]))

    def keyword(self, name: tree.Name, _equal: Token, value: Expression) -> tree.Keyword:
        return tree.Keyword(name.id, value, _span(name, value))

    def keywords(self, stars: Token, value: Expression) -> tree.Keyword:
        return tree.Keyword(None, value, _span(stars, value))

    def subscript(
        self, value: Expression, _open: Token, index: Expression, close: Token
    ) -> tree.Subscript:
        if type(index) is tree.Starred:
            index = tree.TupleDisplay((index,), index.span)
        return tree.Subscript(value, index, _span(value, close))

    def slice(self, *parts: Parts) -> tree.Slice:
        bounds: Parts = [None, None, None]
        at = 0
        for part in parts:
            if type(part) is Token:
                at += 1
            else:
                bounds[at] = part
        start, stop, step = bounds
        return tree.Slice(start, stop, step, _span(parts[0], parts[-1]))

    def string(self, *pieces: Parts) -> tree.Constant | tree.FormattedString:
        """Join strings that follow each other."""
        if len(pieces) == 1:
            only: tree.Constant | tree.FormattedString = pieces[0]
            return only
        span = _span(pieces[0], pieces[-1])
        if all(type(piece) is tree.Constant for piece in pieces):
            return tree.Constant("".join(piece.value for piece in pieces), span)
        parts: list[str | tree.Field] = []
        for piece in pieces:
            more: Parts = [piece.value] if type(piece) is tree.Constant else piece.parts
            for part in more:
                if parts and isinstance(part, str) and isinstance(parts[-1], str):
                    parts[-1] += part
                else:
                    parts.append(part)
        return tree.FormattedString(tuple(parts), span)

    def comprehension(self, *parts: Parts) -> tree.Comprehension:
        return self._comprehension(parts, "list")

    def dict_comprehension(self, *parts: Parts) -> tree.Comprehension:
        return self._comprehension(parts, "dict")

    def set_comprehension(self, *parts: Parts) -> tree.Comprehension:
        return self._comprehension(parts, "set")

    def generator(self, *parts: Parts) -> tree.Comprehension:
        return self._comprehension(parts, "generator")

    bare_generator = generator

    def _comprehension(self, parts: Parts, kind: str) -> tree.Comprehension:
        element, *clauses = _nodes(parts)
        return tree.Comprehension(element, tuple(clauses), kind, _span(parts[0], parts[-1]))

    def clause(self, keyword: Token, target: Expression, _in: Token, *parts: Parts) -> tree.Clause:
        check_targets(target)
        iterable, *conditions = _nodes(parts)
        return tree.Clause(target, iterable, tuple(conditions), _span(keyword, parts[-1]))
