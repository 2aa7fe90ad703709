"""Branches of Python's that look at traced arrays: ``if x[0] > 0``, ``max(a, b)``, a loop until a tolerance is met.

``jax.grad`` runs them, because its tracers know their values; the tracers of a jaxpr do not.  So f is traced again, as
far as its next question, which is answered by the value of the jaxpr so far; and again, with that answer.

A condition becomes a part of the jaxpr: away from a tie that of a loop that ends at once, behind which only the branch
that is taken has a meaning; and at a tie of a comparison that of a `lax.cond`, since f runs both ways then, and both
are followed (`absnormal.frontends.jax.control`).  Where f raises on one of them it is a check, which is left out.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any

from absnormal._optional import require
from absnormal.errors import AbsNormalError, TraceError
from absnormal.frontends.checks import RAISES
from absnormal.frontends.user_line import caller
from absnormal.program.nodes import Source

#: So many questions are answered on one way, and of so many tied ones both ways are followed.
_QUESTIONS, _TIED = 128, 6
_COMPARISONS = frozenset({"gt", "lt", "ge", "le", "eq", "ne"})
#: What leaves a comparison of two numbers what it is.
_MOVING = frozenset({"reshape", "squeeze"})
_FIX = "use jnp.where, jnp.maximum, jax.lax.cond or jax.lax.while_loop"
_Traced = Callable[[Sequence[Any]], Any]


class _Asked(BaseException):
    """f asks for the truth of a traced array, and nobody knows it yet; no handler of f's is meant."""

    def __init__(self, condition: Any, source: Source | None) -> None:
        self.condition, self.source = condition, source


class _Run(threading.local):
    """The answers that are known in a run of f in this thread, and the conditions that they answered."""

    answers: Sequence[bool] | None = None
    conditions: list[Any]


_RUN = _Run()
_LOCK = threading.Lock()
_running, _truth = 0, None


def _answered(tracer: Any) -> bool:
    """What stands in for the truth of a tracer."""
    assert _truth is not None
    try:
        return bool(_truth(tracer))
    except require("jax", "jax").errors.TracerBoolConversionError:
        if _RUN.answers is None:
            raise
    condition = (tracer if tracer.dtype == bool else tracer != 0).reshape(())
    if len(_RUN.conditions) == len(_RUN.answers):
        raise _Asked(condition, caller())
    _RUN.conditions.append(condition)
    return _RUN.answers[len(_RUN.conditions) - 1]


@contextmanager
def _answering() -> Iterator[None]:
    """While tracers may be asked."""
    global _running, _truth
    kind = require("jax", "jax").core.Tracer
    with _LOCK:
        _running += 1
        if _running == 1:
            _truth, kind.__bool__ = kind.__bool__, _answered
    try:
        yield
    finally:
        with _LOCK:
            _running -= 1
            if not _running:
                kind.__bool__ = _truth


def _run(function: _Traced, variables: Sequence[Any], answers: Sequence[bool]) -> tuple[Any, list[Any], _Asked | None]:
    """What f returns with these answers, or the condition that it asks for next; those before; and that it asks."""
    before = _RUN.answers
    _RUN.answers, _RUN.conditions = answers, []
    try:
        return function(variables), _RUN.conditions, None
    except _Asked as asked:
        # Its traceback would keep all that f has made.
        return asked.condition, _RUN.conditions, asked.with_traceback(None)
    finally:
        _RUN.answers = before


@dataclass(frozen=True, eq=False)
class _Way:
    """A way through f: its answers up to its end, or up to a condition that is tied, and how f goes on for both.

    ``checks`` are the numbers of answers for whose opposite f raises, at a tie.
    """

    answers: Sequence[bool]
    checks: frozenset[int]
    both: tuple[_Way, _Way] | None = None


class _Search:
    """The ways of f near a point.

    Attributes
    ----------
    notes
        what a reader must know of conditions that are only checked
    tied
        the line of a condition of which both ways are followed
    """

    def __init__(self, function: _Traced, variables: Sequence[Any]) -> None:
        self.function, self.variables = function, variables
        self.notes: dict[str, None] = {}
        self.tied: Source | None = None
        jnp, leaves = require("jax.numpy", "jax"), require("jax", "jax").tree
        # One of Python's numbers is one of the precision of the variables.
        self._kinds = leaves.map(lambda one: jnp.result_type(*([one] if hasattr(one, "dtype") else variables)),
                                 function(variables))

    def way(self, answers: Sequence[bool] = (), checks: frozenset[int] = frozenset(), tied: int = 0) -> _Way:
        """The way after some answers, so many of which were tied."""
        jax = require("jax", "jax")
        values = _Values(jax.tree.leaves(self.variables))
        while True:
            ends: list[_Asked | None] = []

            def asked(given: Sequence[Any], answers: Sequence[bool] = answers, ends: Any = ends) -> Any:
                found, _, end = _run(self.function, given, answers)
                ends.append(end)
                return found if end is not None else ()

            closed = jax.make_jaxpr(asked)(self.variables)
            if ends[0] is None:
                return _Way(answers, checks)
            source, value = ends[0].source, values.of(closed)
            here = bool(value(closed.jaxpr.outvars[0]))
            if len(answers) == _QUESTIONS:
                raise TraceError("f", f"asks more than {_QUESTIONS} times for the truth of an array", _FIX, source)
            if _is_tied(closed.jaxpr, value):
                if tied == _TIED:
                    raise TraceError("f", f"more than {_TIED} of its branches are tied at this point", _FIX, source)
                taken = self.way([*answers, here], checks, tied + 1)
                try:
                    other = self.way([*answers, not here], checks, tied + 1)
                except AbsNormalError:
                    raise
                except Exception:
                    # A check, which f raises beyond.
                    self.notes[RAISES.format(source)] = None
                    return self.way([*answers, here], checks | {len(answers)}, tied)
                self.tied = source
                return _Way(answers, checks, (taken, other) if not here else (other, taken))
            answers = [*answers, here]

    def traced(self, way: _Way, known: int, variables: Sequence[Any]) -> Any:
        """f along a way, of whose answers so many are held elsewhere."""
        jax, jnp = require("jax", "jax"), require("jax.numpy", "jax")
        found, conditions, _ = _run(self.function, variables, way.answers)
        if way.both is not None:
            no, yes = (partial(self.traced, side, len(way.answers) + 1) for side in way.both)
            found = jax.lax.cond(found, yes, no, variables)
        found = jax.tree.map(jnp.asarray, found, self._kinds)
        for number in {*range(known, len(way.answers))} - way.checks:
            found = _held(conditions[number], way.answers[number], found)
        return found


def _held(condition: Any, answer: bool, found: Any) -> Any:
    """What was found, where a condition has the answer that led to it; a loop that ends at once, and not at a tie."""
    jax, jnp = require("jax", "jax"), require("jax.numpy", "jax")

    def differs(kept: Any) -> Any:
        return jnp.logical_not(kept[0]) if answer else kept[0]

    def nothing(kept: Any) -> Any:
        return jnp.asarray(answer), jax.tree.map(lambda leaf: jnp.full_like(leaf, jnp.nan), kept[1])

    return jax.lax.while_loop(differs, nothing, (condition, found))[1]


class _Values:
    """The values of the variables of a jaxpr that grows: f asks the same again, and then more."""

    def __init__(self, leaves: Sequence[Any]) -> None:
        self._leaves = leaves
        self._known: list[tuple[str, list[Any]]] = []

    def of(self, closed: Any) -> Callable[[Any], Any]:
        """The value of a variable of the jaxpr, or of a number in it."""
        jax, jaxpr = require("jax", "jax"), closed.jaxpr
        names = [eqn.primitive.name for eqn in jaxpr.eqns]
        if names[: len(self._known)] != [name for name, _ in self._known]:
            self._known.clear()
        old, new = jaxpr.eqns[: len(self._known)], jaxpr.eqns[len(self._known) :]
        before = [var for eqn in old for var in eqn.outvars]
        values = [value for _, own in self._known for value in own]
        made = [var for eqn in new for var in eqn.outvars]
        rest = jaxpr.replace(
            invars=[*jaxpr.invars, *before], eqns=new, outvars=made,
            debug_info=jaxpr.debug_info.with_unknown_names())
        found = jax.core.eval_jaxpr(rest, closed.consts, *self._leaves, *values)
        outputs = iter(found)
        self._known += [(eqn.primitive.name, [next(outputs) for _ in eqn.outvars]) for eqn in new]
        known = dict(zip([*jaxpr.constvars, *rest.invars, *made],
                         [*closed.consts, *self._leaves, *values, *found], strict=True))
        return lambda item: item.val if hasattr(item, "val") else known[item]


def _is_tied(jaxpr: Any, value: Callable[[Any], Any]) -> bool:
    """Whether what a jaxpr returns is a comparison of two numbers that are equal."""
    made = {var: eqn for eqn in jaxpr.eqns for var in eqn.outvars}
    last = made.get(jaxpr.outvars[0])
    while last is not None and last.primitive.name in _MOVING:
        last = made.get(last.invars[0])
    return last is not None and last.primitive.name in _COMPARISONS and bool(value(last.invars[0]) == value(
        last.invars[1]))


def branched(function: _Traced, variables: Sequence[Any]) -> tuple[Any, tuple[str, ...], Source | None]:
    """The jaxpr of a function with branches of Python's, at the point; notes; and the line of a branch that is tied.

    What f raises is raised.
    """
    search = _Search(function, variables)
    with _answering():
        way = search.way()
        try:
            closed = require("jax", "jax").make_jaxpr(partial(search.traced, way, 0))(variables)
        except (TypeError, ValueError) as error:
            problem = "its branches return different structures or shapes"
            raise TraceError("f", problem, "return arrays of one shape on both sides", search.tied) from error
    return closed, tuple(search.notes), search.tied
