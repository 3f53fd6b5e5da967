"""A function of JAX as the steps that it took: its jaxpr evaluated, with what is inside opened.

Calls (`jit`, `remat`) are opened, loops (`scan`, `while`) written out turn by turn, of a `cond` the
branch that was taken. A step with `inside` is a function with a derivative of its own
(`custom_jvp`, `custom_vjp`, `custom_linear_solve`); whether that is the derivative of what is
inside is found in `sweep`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.extend import core

from gradcli.errors import InputFault
from gradcli.record.jax.places import Site, called, site_of


@dataclass(frozen=True, eq=False)
class Number:
    """A number that the program's text has: a literal of the jaxpr."""

    value: Any


Operand = int | Number  # the index of a value, or a number


@dataclass(eq=False)
class Step:
    """One equation: what it reads, what it makes, and how it is computed again.

    `call` takes the values of `inputs`, the distinct values that it reads, and returns those of
    `results`. `ends` are what the steps inside end in, one for each result.
    """

    name: str
    params: Mapping[str, Any]
    operands: tuple[Operand, ...]
    results: tuple[int, ...]
    call: Callable[..., Sequence[Any]]
    site: Site
    inside: tuple[Step, ...] = ()
    ends: tuple[Operand, ...] = ()
    opened: bool = False

    @property
    def inputs(self) -> tuple[int, ...]:
        """The distinct values that it reads."""
        return tuple(dict.fromkeys(x for x in self.operands if isinstance(x, int)))


# what only calls another function, and where its jaxpr stands
CALLS = {"jit": "jaxpr", "pjit": "jaxpr", "closed_call": "call_jaxpr", "core_call": "call_jaxpr",
         "remat2": "jaxpr", "checkpoint": "jaxpr", "remat": "jaxpr"}  # fmt: skip
# what has a derivative of its own, and where the jaxpr of its values stands
RULED = {"custom_jvp_call": "call_jaxpr", "custom_vjp_call": "call_jaxpr",
         "custom_vjp_call_jaxpr": "fun_jaxpr"}  # fmt: skip

RANDOM = ("random_", "threefry")  # what draws numbers, and what keys are made of


@dataclass
class Tape:
    """The values of a run and the steps that made them.

    `active` are the values that a gradient may come to: they depend on what is differentiated.
    `drawn` are random numbers and what is made of them. Where `symmetric` is set, a gradient that
    goes to a symmetric matrix which is decomposed is its symmetric part.
    """

    values: list[Any] = field(default_factory=list)
    steps: list[Step] = field(default_factory=list)
    active: set[int] = field(default_factory=set)
    drawn: set[int] = field(default_factory=set)
    has_while: bool = False
    symmetric: bool = True

    def new(self, value: Any) -> int:
        """Keep a value and return its index."""
        self.values.append(value)
        return len(self.values) - 1

    def value(self, operand: Operand) -> Any:
        """Return the value of an operand."""
        return self.values[operand] if isinstance(operand, int) else operand.value


class Walk:
    """The evaluation of a jaxpr, which writes its steps to a tape; `limit` is the most of them."""

    def __init__(self, tape: Tape, limit: int) -> None:
        self.tape = tape
        self.limit = limit
        self.count = 0

    def closed(self, closed: Any, given: Sequence[Operand], site: Site) -> list[Operand]:
        """Evaluate a closed jaxpr at operands."""
        consts = [self.tape.new(jnp.asarray(x)) for x in closed.consts]
        return self.run(closed.jaxpr, [*consts, *given], site)

    def run(self, jaxpr: Any, given: Sequence[Operand], site: Site) -> list[Operand]:
        """Evaluate a jaxpr whose constants come first among the operands, within a site."""
        names = [*jaxpr.constvars, *jaxpr.invars]
        scope: dict[Any, Operand] = dict(zip(names, given, strict=True))

        def read(atom: Any) -> Operand:
            if isinstance(atom, core.Literal):
                return Number(np.asarray(atom.val, atom.aval.dtype))
            return scope[atom]

        for equation in jaxpr.eqns:
            given = tuple(map(read, equation.invars))
            made = self.equation(equation, given, site, jaxpr.debug_info)
            scope.update(zip(equation.outvars, made, strict=True))
        return [read(x) for x in jaxpr.outvars]

    def equation(
        self, equation: Any, given: tuple[Operand, ...], outer: Site, info: Any
    ) -> list[Operand]:
        """Evaluate an equation of a jaxpr, of which JAX keeps information: return its results."""
        name, params = equation.primitive.name, equation.params
        site = site_of(equation, outer)
        if name in CALLS:
            jaxpr = params[CALLS[name]]
            within = site.inside(name, jaxpr)
            closed = isinstance(jaxpr, core.ClosedJaxpr)
            return self.closed(jaxpr, given, within) if closed else self.run(jaxpr, given, within)
        if name == "cond":
            branches = params["branches"]
            index = min(max(int(self.tape.value(given[0])), 0), len(branches) - 1)
            return self.closed(branches[index], given[1:], site)
        if name == "while":
            return self._while(params, given, site)
        if name == "scan":
            return self._scan(params, given, site)
        return list(self._step(equation, given, site, info))

    def _step(
        self, equation: Any, given: tuple[Operand, ...], site: Site, info: Any
    ) -> tuple[Operand, ...]:
        name, params = equation.primitive.name, equation.params
        if name == "convert_element_type" and (
            self.tape.value(given[0]).dtype == params["new_dtype"]
        ):
            return given[:1]  # which makes a strong type of a weak one, and no row
        inside: list[Step] = []
        ends: list[Operand] = []
        if name in RULED or name == "custom_linear_solve":
            jaxpr, operands = _inner(name, params, given)
            outer, self.tape.steps = self.tape.steps, inside
            within = site.inside(name, jaxpr)
            title, library = called(jaxpr)
            params = {**params, "name": title or name, "library": library}
            ends = self.closed(jaxpr, operands, within)
            self.tape.steps = outer
        call = _alone(equation, given, info)
        if given and all(isinstance(x, Number) for x in given) and len(equation.outvars) == 1:
            value = call()[0]  # a number of numbers is one
            if value.shape == () and not name.startswith(RANDOM):
                return (Number(np.asarray(value)),)
        return self.add(name, params, given, call, site, tuple(inside), tuple(ends))

    def add(
        self,
        name: str,
        params: Mapping[str, Any],
        given: tuple[Operand, ...],
        call: Callable[..., Sequence[Any]],
        site: Site,
        inside: tuple[Step, ...] = (),
        ends: tuple[Operand, ...] = (),
    ) -> tuple[int, ...]:
        """Take a step: compute it, and write it down.

        Raises: InputFault where there are too many.
        """
        self.count += 1
        if self.count > self.limit:
            raise InputFault(
                f"the function takes more than {self.limit:,} steps: loops are written out",
                hint="record the body of a loop, or allow more: --max-rows N",
            )
        tape = self.tape
        step = Step(name, params, given, (), call, site, inside, ends)
        step.results = tuple(map(tape.new, call(*(tape.values[i] for i in step.inputs))))
        tape.steps.append(step)
        if name != "stop_gradient" and tape.active.intersection(step.inputs):
            tape.active.update(i for i in step.results if differs(tape.values[i]))
        if name.startswith(RANDOM) or tape.drawn.intersection(step.inputs):
            tape.drawn.update(step.results)
        return step.results

    # ---- loops ----------------------------------------------------------------------------

    def _while(self, params: Any, given: tuple[Operand, ...], site: Site) -> list[Operand]:
        m, n = params["cond_nconsts"], params["body_nconsts"]
        consts, state = given[m : m + n], list(given[m + n :])
        self.tape.has_while = True
        while self._holds(params["cond_jaxpr"], (*given[:m], *state)):
            state = self.closed(params["body_jaxpr"], (*consts, *state), site)
        return state

    def _holds(self, closed: Any, given: Iterable[Operand]) -> bool:
        values = [self.tape.value(x) for x in given]
        return bool(jax.core.eval_jaxpr(closed.jaxpr, closed.consts, *values)[0])

    def _scan(self, params: Any, given: tuple[Operand, ...], site: Site) -> list[Operand]:
        n, m, length = params["num_consts"], params["num_carry"], params["length"]
        consts, carry, rows = given[:n], list(given[n : n + m]), given[n + m :]
        body = params["jaxpr"]
        made: list[list[Operand]] = []
        turns = range(length)
        for turn in reversed(turns) if params["reverse"] else turns:
            items = [self._item(x, turn, site) for x in rows]
            found = self.closed(body, (*consts, *carry, *items), site)
            carry = found[:m]
            made.append(found[m:])
        if params["reverse"]:
            made.reverse()
        avals = body.out_avals[m:]
        stacked = [self._stack([row[k] for row in made], a, site) for k, a in enumerate(avals)]
        return [*carry, *stacked]

    def _item(self, of: Operand, turn: int, site: Site) -> Operand:
        if not isinstance(of, int):
            return of
        return self.add("item", {"index": turn}, (of,), lambda x: [x[turn]], site)[0]

    def _stack(self, of: list[Operand], aval: Any, site: Site) -> Operand:
        if not of:
            return self.tape.new(jnp.zeros((0, *aval.shape), aval.dtype))
        distinct = tuple(dict.fromkeys(x for x in of if isinstance(x, int)))

        def call(*values: Any) -> Sequence[Any]:
            known = dict(zip(distinct, values, strict=True))
            parts = [known[x] if isinstance(x, int) else jnp.asarray(x.value) for x in of]
            return [jnp.stack(parts)]

        return self.add("stack", {}, tuple(of), call, site)[0]


def differs(value: Any) -> bool:
    """Say whether a value is of a dtype that has gradients."""
    return bool(jnp.issubdtype(value.dtype, jnp.inexact))


def _inner(name: str, params: Any, given: tuple[Operand, ...]) -> tuple[Any, tuple[Operand, ...]]:
    """Return the jaxpr of the values of a function with its own derivative, and its operands."""
    if name in RULED:
        return params[RULED[name]], given
    lengths = params["const_lengths"]
    start = lengths.matvec + lengths.vecmat
    behind = start + lengths.solve + lengths.transpose_solve
    return params["jaxprs"].solve, (*given[start : start + lengths.solve], *given[behind:])


def _alone(equation: Any, given: tuple[Operand, ...], info: Any) -> Callable[..., Sequence[Any]]:
    """Return an equation as a function of the distinct values that it reads.

    Two of its variables that stand for one value are one argument; numbers are given.
    """
    fresh = [x for x in equation.invars if not isinstance(x, core.Literal)]
    variables = tuple(dict.fromkeys(fresh))
    named = info._replace(arg_names=("",) * len(variables), result_paths=None)
    jaxpr = core.Jaxpr((), variables, equation.outvars, [equation], equation.effects, named)
    of = {
        atom: operand
        for atom, operand in zip(equation.invars, given, strict=True)
        if not isinstance(atom, core.Literal)
    }
    distinct = tuple(dict.fromkeys(x for x in given if isinstance(x, int)))

    def call(*values: Any) -> Sequence[Any]:
        known = dict(zip(distinct, values, strict=True))
        found = [known[x] if isinstance(x := of[v], int) else x.value for v in variables]
        made: Sequence[Any] = jax.core.eval_jaxpr(jaxpr, (), *found)
        return made

    return call
