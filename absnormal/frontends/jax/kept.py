"""What is kept of a function of JAX's from one call to the next: that its trace was compared, and the jaxpr of its
gradient.

f is traced anew in every call, so that what it closes over and reads is what it is now.  Where that gives the jaxpr of
an earlier call, equation by equation and constant by constant, the work on it is not done again: `jax.grad` traces,
linearizes and transposes f each time, which costs several times what its equations do.  The jaxpr of the gradient has
the same equations, evaluated one after the other by the same kernels, so that it gives the same bits.

A function is referred to weakly, and the last few of its traces are kept as long as it lives.  Where derivative code
that is not JAX's own has a part in the gradient, or f does more than compute, `jax.grad` is called each time: an
equation does not tell what such code reads.
"""

from __future__ import annotations

import contextlib
import functools
import weakref
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from absnormal._optional import require
from absnormal.errors import NoGradientError
from absnormal.frontends.jax.again import Again
from absnormal.frontends.jax.point import Point
from absnormal.frontends.jax.steps import Steps
from absnormal.program.tree import of_kind

#: Traces that are kept of one function: one a structure, shapes, types of number and values that it closes over.
_TRACES = 4


class Trace:
    """One trace of a function.

    Attributes
    ----------
    near
        whether it was held against plain calls next to a point
    again
        what gives the values of its program at another point, where there is that
    """

    def __init__(self, text: str, constants: list[Any], treedef: Any) -> None:
        self.near = False
        self.again: Again | None = None
        #: The jaxpr that JAX keeps of a compiled function, and what was held fixed when it gave this trace.
        self._staged: Any = None
        self._fixed: list[Any] = []
        self._text, self._treedef = text, treedef
        # What may be written into is kept as it is now.
        self._constants = [np.array(item) if isinstance(item, np.ndarray) else item for item in constants]
        self._calls = 0
        self._gradient: tuple[list[int], Steps] | None = None

    @property
    def calls_python(self) -> bool:
        """Whether it may call functions of Python's, which may return something else each time."""
        return "callback" in self._text

    def is_of(self, text: str, constants: list[Any], treedef: Any) -> bool:
        """Whether another trace is the same."""
        return (
            text == self._text and treedef == self._treedef and len(constants) == len(self._constants)
            and all(map(equal, constants, self._constants))
        )  # fmt: skip

    def belongs(self, point: Point, staged: Any) -> None:
        """Note the jaxpr that JAX keeps of a compiled function of which this is the trace at a point."""
        self._staged, self._fixed = staged, _apart(point.fixed(), {})

    def is_of_compiled(self, point: Point, staged: Any) -> bool:
        """Whether a compiled function has this trace at a point."""
        fixed = point.fixed()
        return (
            staged is self._staged and point.treedef == self._treedef and len(fixed) == len(self._fixed)
            and all(map(equal, fixed, self._fixed))
        )  # fmt: skip

    def gradient(self, point: Point) -> list[Any]:
        """What ``jax.grad`` returns at a point, one array a variable."""
        jax = require("jax", "jax")
        self._calls += 1
        if self._calls == 1 or point.foreign or point.effects or point.branches:
            with differentiated():
                returned: list[Any] = jax.grad(point.function)(point.copies())
            return returned
        if self._gradient is None:
            with differentiated():
                self._gradient = Steps.of(_apart(jax.make_jaxpr(jax.grad(point.function))(point.variables), {}))
        wanted, steps = self._gradient
        held = steps.run(point.copies())
        return [held[slot] for slot in wanted]


#: Words by which JAX says that it has no derivative of an operation in backward mode.
_NOT_DIFFERENTIATED = ("ifferentiat", "inearization", "ranspose rule")
_FIX = (
    "write f with what jax.grad takes, such as lax.scan in the place of lax.while_loop; what is given as gradient= is"
    " judged without it"
)


@contextlib.contextmanager
def differentiated() -> Iterator[None]:
    """Say by name that ``jax.grad`` does not run."""
    try:
        yield
    except (ValueError, NotImplementedError) as error:
        problem = str(error).strip().split("\n")[0].split(". ")[0].rstrip(".")
        if not any(word in problem for word in _NOT_DIFFERENTIATED):
            raise
        raise NoGradientError("jax.grad", f"does not run: {problem}", _FIX) from error


#: The traces of functions, by their identity; with each a weak reference, so that no other one is taken for it.
_KEPT: dict[int, tuple[weakref.ref[Any], list[Trace]]] = {}


def compiled_jaxpr(point: Point) -> Any:
    """The jaxpr that JAX keeps of a compiled function at a point, the same object as long as JAX runs what it compiled
    from it; None for other functions, and where JAX was asked to look at each equation."""
    config = require("jax", "jax").config
    asked = config.jax_disable_jit or config.jax_debug_nans or config.jax_debug_infs
    if asked or not is_compiled(point.f):
        return None
    f: Any = point.f
    try:
        return f.trace(point.rebuilt(point.variables)).jaxpr
    except Exception:
        # What f raises, it raises where it is traced for good.
        return None


def is_compiled(f: Any) -> bool:
    """Whether f was made by ``jax.jit``."""
    return isinstance(f, _compiled())


@functools.cache
def _compiled() -> type:
    return type(require("jax", "jax").jit(abs))


def trace_of_compiled(point: Point, staged: Any) -> Trace | None:
    """The trace of an earlier call of a compiled function with the same jaxpr; None where there was none."""
    return None if staged is None else _latest(_traces(point.f), lambda trace: trace.is_of_compiled(point, staged))


def trace_of(point: Point, closed: Any, staged: Any = None) -> Trace:
    """The trace of an earlier call where it is the same as this one; else a new one."""
    text, constants = str(closed.jaxpr), [*_constants(closed)]
    known = _traces(point.f)
    found = _latest(known, lambda trace: trace.is_of(text, constants, point.treedef))
    if found is None:
        found = Trace(text, constants, point.treedef)
        known.append(found)
        del known[:-_TRACES]
    if staged is not None:
        found.belongs(point, staged)
    return found


def _latest(known: list[Trace], fits: Callable[[Trace], bool]) -> Trace | None:
    """The trace that fits, which becomes the last one."""
    for number, trace in enumerate(known):
        if fits(trace):
            known.append(known.pop(number))
            return trace
    return None


def _constants(item: Any) -> Iterator[Any]:
    """The numbers and arrays in a jaxpr and in the jaxprs of its equations, which its text names, or shortens."""
    if hasattr(item, "jaxpr"):
        yield from item.consts
        item = item.jaxpr
    if hasattr(item, "eqns"):
        for eqn in item.eqns:
            yield from (atom.val for atom in eqn.invars if hasattr(atom, "val"))
            for param in eqn.params.values():
                yield from _constants(param)
        yield from (atom.val for atom in item.outvars if hasattr(atom, "val"))
    elif isinstance(item, tuple | list):
        for part in item:
            yield from _constants(part)
    elif hasattr(item, "dtype") and hasattr(item, "__array__"):
        yield item


def _apart(item: Any, known: dict[int, tuple[Any, Any]]) -> Any:
    """A jaxpr with copies of the arrays of NumPy's in it.

    JAX takes an array for the one that it was as long as anything holds what JAX made of it; so nothing may be held.
    """
    if isinstance(item, np.ndarray):
        kind: Any = type(item)
        return kind(np.array(item), aval=item.aval) if hasattr(item, "aval") else np.array(item)
    if isinstance(item, tuple | list):
        return of_kind(item, [_apart(part, known) for part in item])
    if id(item) in known:
        return known[id(item)][1]
    found = item
    if hasattr(item, "jaxpr"):
        found = item.replace(jaxpr=_apart(item.jaxpr, known), consts=_apart(list(item.consts), known))
    elif hasattr(item, "eqns"):
        eqns = [
            eqn.replace(
                invars=_apart(list(eqn.invars), known),
                params={name: _apart(param, known) for name, param in eqn.params.items()},
            )
            for eqn in item.eqns
        ]
        found = item.replace(eqns=eqns, outvars=_apart(list(item.outvars), known))
    elif hasattr(item, "val") and hasattr(item, "aval"):
        found = type(item)(_apart(item.val, known), item.aval)
    known[id(item)] = item, found
    return found


def _traces(f: Any) -> list[Trace]:
    """The traces of a function, the latest one last; those of what cannot be referred to weakly are not kept."""
    found = _KEPT.get(id(f))
    if found is not None and found[0]() is f:
        return found[1]
    traces: list[Trace] = []
    with contextlib.suppress(TypeError):
        _KEPT[id(f)] = weakref.ref(f, functools.partial(_forget, id(f))), traces
    return traces


def _forget(identity: int, gone: Any) -> None:
    if identity in _KEPT and _KEPT[identity][0] is gone:
        del _KEPT[identity]


def equal(one: Any, other: Any) -> bool:
    """Whether two constants are the same, bit by bit."""
    if isinstance(one, float | int) or isinstance(other, float | int):
        return type(one) is type(other) and repr(one) == repr(other)
    if one is other and not isinstance(one, np.ndarray):
        return True
    try:
        left, right = np.asarray(one), np.asarray(other)
    except (TypeError, ValueError):
        # Keys of random numbers are no arrays of numbers.
        return False
    return left.dtype == right.dtype and left.shape == right.shape and left.tobytes() == right.tobytes()
