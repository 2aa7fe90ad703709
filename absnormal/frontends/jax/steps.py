"""Equations that ran one after the other, to run again on other numbers.

JAX compiles an equation outside of compiled functions by itself, and finds the kernel again by the primitive and its
parameters.  Here the kernel is kept with the equation.  So another run gives the same bits as one by JAX, and takes a
third of its time.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from absnormal._optional import require

#: Equations of one context: for each its kernel, the slots of its arguments, that of its first result, and those that
#: nothing needs afterwards.
_Stretch = tuple[Any, list[tuple[Callable[..., Any], list[int], int, list[int]]]]


class Steps:
    """Equations in turn, on numbered slots.

    The first slots hold what a run is given, others hold constants or the results of equations.

    Examples
    --------
    >>> import jax, jax.numpy as jnp
    >>> closed = jax.make_jaxpr(lambda x: jnp.exp(2 * x))(1.0)
    >>> [wanted], steps = Steps.of(closed)
    >>> float(steps.run([jnp.zeros(())])[wanted])
    1.0
    """

    def __init__(self, inputs: int) -> None:
        self._slots: list[Any] = [None] * inputs
        self._equations: list[tuple[Any, list[int], int]] = []
        self._wanted: set[int] = set()
        self._stretches: list[_Stretch] | None = None

    @classmethod
    def of(cls, closed: Any) -> tuple[list[int], Steps]:
        """The equations of a closed jaxpr, and the slots of its results."""
        steps = cls(len(closed.jaxpr.invars))
        slots = {atom: number for number, atom in enumerate(closed.jaxpr.invars)}
        slots.update((atom, steps.constant(value)) for atom, value in
                     zip(closed.jaxpr.constvars, closed.consts, strict=True))

        def slot(atom: Any) -> int:
            return steps.constant(atom.val) if hasattr(atom, "val") else slots[atom]

        for eqn in closed.jaxpr.eqns:
            first = steps.add(eqn, [slot(atom) for atom in eqn.invars])
            slots.update((atom, first + number) for number, atom in enumerate(eqn.outvars))
        wanted = [slot(atom) for atom in closed.jaxpr.outvars]
        steps.keep({*wanted})
        return wanted, steps

    def constant(self, value: Any) -> int:
        """The slot of a number or an array that is the same in every run."""
        self._slots.append(value)
        return len(self._slots) - 1

    def add(self, eqn: Any, args: list[int]) -> int:
        """One more equation; the slot of its first result, which the others follow."""
        first = len(self._slots)
        self._equations.append((eqn, args, first))
        self._slots += [None] * len(eqn.outvars)
        return first

    def keep(self, wanted: set[int]) -> None:
        """Hold some slots at the end of a run, and forget what they do not need."""
        self._wanted, kept = wanted, []
        for eqn, args, first in reversed(self._equations):
            if not wanted.isdisjoint(range(first, first + len(eqn.outvars))):
                wanted = wanted.union(args)
                kept.append((eqn, args, first))
        self._equations = kept[::-1]
        self._slots = [value if slot in wanted else None for slot, value in enumerate(self._slots)]

    def run(self, inputs: Sequence[Any]) -> list[Any]:
        """What the slots that are kept hold after the equations have run on some inputs."""
        if self._stretches is None:
            self._stretches = self._prepared()
        slots = [*inputs, *self._slots[len(inputs) :]]
        for context, stretch in self._stretches:
            with context.manager:
                for kernel, args, first, done in stretch:
                    results = kernel(*[slots[arg] for arg in args])
                    if type(results) is list:
                        slots[first : first + len(results)] = results
                    else:
                        slots[first] = results
                    for slot in done:
                        slots[slot] = None
        return slots

    def _prepared(self) -> list[_Stretch]:
        """The equations with their kernels."""
        later, done = set(self._wanted), []
        for eqn, args, first in reversed(self._equations):
            touched = {*args, *range(first, first + len(eqn.outvars))}
            done.append([*(touched - later)])
            later |= touched
        stretches: list[_Stretch] = []
        for (eqn, args, first), over in zip(self._equations, reversed(done), strict=True):
            if not stretches or stretches[-1][0] is not eqn.ctx:
                stretches.append((eqn.ctx, []))
            stretches[-1][1].append((_kernel(eqn), args, first, over))
        return stretches


def bound(eqn: Any, values: Sequence[Any]) -> list[Any]:
    """The results of an equation, by JAX's own kernel, and under JAX's own rules of differentiation."""
    with eqn.ctx.manager:
        results = eqn.primitive.bind(*values, **eqn.primitive.get_bind_params(eqn.params))
    return list(results) if eqn.primitive.multiple_results else [results]


def _kernel(eqn: Any) -> Callable[..., Any]:
    """What runs an equation as JAX does outside of compiled functions; it returns a list where it may be several."""
    primitive = eqn.primitive
    dispatch = require("jax._src.dispatch", "jax")
    if getattr(primitive.impl, "func", None) is getattr(dispatch, "apply_primitive", dispatch):
        compiled: Callable[..., Any] = dispatch.xla_primitive_callable(primitive, **eqn.params)
        return compiled

    def bound(*args: Any) -> Any:
        return primitive.bind(*args, **primitive.get_bind_params(eqn.params))

    return bound
