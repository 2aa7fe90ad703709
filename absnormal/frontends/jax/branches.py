"""Branches of Python's that look at traced arrays: ``if x[0] > 0``, a loop until a tolerance is met, ``max(a, b)``.

``jax.grad`` runs them, because its tracers know their values; the tracers of a jaxpr do not.  So f is traced again, as
far as its next question, which is answered by the value of the jaxpr so far; and again, with that answer.  A condition
becomes that of a loop in the jaxpr, which ends at once, and behind which only the branch that is taken has a meaning.
At a tie it is refused, unless f raises on the other side: then it is a check, which is left out.

Python's max, min and sorted are written with JAX's own where and sort (`absnormal.frontends.python_choices`).
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np

from absnormal._optional import require
from absnormal.errors import AbsNormalError, TraceError
from absnormal.frontends.checks import RAISES
from absnormal.frontends.python_choices import Library, followed_choices
from absnormal.frontends.user_line import caller
from absnormal.program.nodes import Source

#: So many questions are answered, and where f may raise.
_QUESTIONS, _BEYOND = 128, 8
_COMPARISONS = frozenset({"gt", "lt", "ge", "le", "eq", "ne"})
_FIX = "use jnp.where, jnp.maximum, jax.lax.cond or jax.lax.while_loop"
_Traced = Callable[[Sequence[Any]], Any]


class _Asked(BaseException):
    """f asks for the truth of a traced array, and nobody knows it yet; no handler of f's is meant."""

    def __init__(self, condition: Any, source: Source | None) -> None:
        self.condition, self.source = condition, source


class _Run(threading.local):
    """The answers that are known in a run of f in this thread, the conditions that they answered, and its trace."""

    answers: Sequence[bool] | None = None
    conditions: list[Any]
    trace: Any = None


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
    condition = tracer if tracer.dtype == bool else tracer != 0
    condition = condition.reshape(()) if condition.ndim else condition
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
    _RUN.answers, _RUN.conditions, _RUN.trace = answers, [], variables[0]._trace
    try:
        return function(variables), _RUN.conditions, None
    except _Asked as asked:
        # Its traceback would keep all that f has made.
        return asked.condition, _RUN.conditions, asked.with_traceback(None)
    finally:
        _RUN.answers = before


class _Search:
    """The way that f takes at a point.

    Attributes
    ----------
    answers
        to its questions, as far as they are known
    checks
        the numbers of tied ones for whose opposite f raises, and a note for each
    tied
        the line of the first one of the others
    """

    def __init__(self, function: _Traced, variables: Sequence[Any]) -> None:
        self.function, self.variables = function, variables
        self.answers: list[bool] = []
        self.checks: dict[int, str] = {}
        self.tied: Source | None = None

    def search(self) -> None:
        """Ask and answer until f returns."""
        values = _Values(require("jax", "jax").tree.leaves(self.variables))
        while True:
            closed, asked = self._traced(self.answers)
            if asked is None:
                return
            if len(self.answers) == _QUESTIONS:
                problem = f"asks more than {_QUESTIONS} times for the truth of an array"
                raise TraceError("f", problem, _FIX, asked.source)
            value = values.of(closed)
            here = bool(value(closed.jaxpr.outvars[0]))
            if _is_tied(closed.jaxpr, value):
                if self._raises([*self.answers, not here]):
                    self.checks[len(self.answers)] = RAISES.format(asked.source)
                else:
                    self.tied = self.tied or asked.source
            self.answers.append(here)

    def _raises(self, answers: list[bool]) -> bool:
        """Whether f does nothing but raise after some answers, and a few more that come with it."""
        values = _Values(require("jax", "jax").tree.leaves(self.variables))
        for _ in range(_BEYOND):
            try:
                closed, asked = self._traced(answers)
            except AbsNormalError:
                raise
            except Exception:
                return True
            if asked is None:
                return False
            answers.append(bool(values.of(closed)(closed.jaxpr.outvars[0])))
        return False

    def _traced(self, answers: Sequence[bool]) -> tuple[Any, _Asked | None]:
        """The jaxpr of f with some answers, as far as its end or its next question."""
        ends: list[_Asked | None] = []

        def asked(variables: Sequence[Any]) -> Any:
            found, _, end = _run(self.function, variables, answers)
            ends.append(end)
            return found if end is not None else ()

        return require("jax", "jax").make_jaxpr(asked)(self.variables), ends[0]

    def whole(self, variables: Sequence[Any]) -> Any:
        """f with all answers, whose conditions hold on to what it returns."""
        jax, jnp = require("jax", "jax"), require("jax.numpy", "jax")
        found, conditions, _ = _run(self.function, variables, self.answers)
        found = jax.tree.map(jnp.asarray, found)
        for number, (condition, answer) in enumerate(zip(conditions, self.answers, strict=True)):
            if number not in self.checks:
                found = _held(condition, answer, found)
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
    """Whether what a jaxpr returns is a comparison of two numbers that are equal, and move with its variables."""
    moving, asked = set(jaxpr.invars), None
    for eqn in jaxpr.eqns:
        if any(not hasattr(arg, "val") and arg in moving for arg in eqn.invars):
            moving.update(eqn.outvars)
            asked = eqn if jaxpr.outvars[0] in eqn.outvars else asked
    if asked is None or asked.primitive.name not in _COMPARISONS:
        return False
    left, right = map(value, asked.invars)
    return bool(require("jax.numpy", "jax").issubdtype(left.dtype, np.floating)) and bool(left == right)


def _arrays() -> Library:
    """Traced arrays as what Python's max, min and sorted choose among; any two of them may be equal.

    Those of a compiled function that f calls are not, since JAX keeps what it traced there.
    """
    jax, jnp = require("jax", "jax"), require("jax.numpy", "jax")

    def tied(items: Sequence[Any]) -> bool:
        return all(item._trace is _RUN.trace for item in items if isinstance(item, jax.core.Tracer))

    def in_order(items: Sequence[Any], reverse: bool) -> list[Any]:
        return list(jnp.sort(jnp.stack(items), stable=True, descending=reverse))

    return Library(jax.core.Tracer, tied, jnp.where, in_order)


def branched(function: _Traced, variables: Sequence[Any]) -> tuple[Any, tuple[str, ...], Source | None]:
    """The jaxpr of a function with branches of Python's, at the point; notes; and the line of one that is tied.

    What f raises is raised.
    """
    search = _Search(function, variables)
    with _answering(), followed_choices(_arrays()):
        search.search()
        closed = require("jax", "jax").make_jaxpr(search.whole)(variables)
    return closed, tuple(search.checks.values()), search.tied
