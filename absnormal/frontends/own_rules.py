"""Rules that a user registers for an operation of a framework, held against the framework where they are used first."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from absnormal.arrays import Array
from absnormal.frontends.numpy.traced import TracedArray
from absnormal.frontends.writing import Writer

#: From the arguments, as arrays, to what the framework computes.
Compute = Callable[[Sequence[Any]], Array]


@dataclass(slots=True)
class OwnRule:
    """A function of arrays that stands for an operation of a framework.

    Attributes
    ----------
    tool
        the framework, as a message names it
    f
        takes the arguments, variables among them, and by name what it reads of the parameters; returns the result
    checked
        whether it was held against the framework
    """

    tool: str
    f: Callable[..., Any]
    checked: bool = False

    def __call__(
        self, write: Writer, args: Sequence[Any], named: Mapping[str, Any], compute: Compute | None, eps: float
    ) -> TracedArray:
        """What f writes; where it is used first, it and the framework are compared at the point and beside it.

        Raises
        ------
        TraceError
            where f returns anything but one variable, or something else than the framework
        """
        result = self.f(*args, **named)
        if not isinstance(result, TracedArray) or result.builder is not write.builder:
            kind = type(result).__name__
            write.refuse(f"has a rule that returns {kind}", "return one array, computed from the arguments")
        if compute is not None and not self.checked:
            self._check(write, args, named, result.value, compute, eps)
            self.checked = True
        return result

    def _check(
        self, write: Writer, args: Sequence[Any], named: Mapping[str, Any], here: Array, compute: Compute, eps: float
    ) -> None:
        rng = np.random.default_rng(0)
        plain = [arg.value.astype(float) if isinstance(arg, TracedArray) else arg for arg in args]
        beside = [value * (1 + 0.01 * rng.random(value.shape)) + 0.001 if isinstance(arg, TracedArray) else value
                  for arg, value in zip(args, plain, strict=True)]
        first, second = compute(plain), compute(beside)
        within = np.sqrt(eps) * max(np.abs(value[np.isfinite(value)]).max(initial=0.0) for value in (first, second))
        written = here, self.f(*plain, **named), self.f(*beside, **named)
        for ours, theirs in zip(written, (first, first, second), strict=True):
            own = np.asarray(ours, dtype=float)
            if own.shape != theirs.shape or not np.allclose(own, theirs, 0.0, within, equal_nan=True):
                write.refuse(
                    f"has a rule that returns {_shown(own)} where {self.tool} computes {_shown(theirs)}",
                    "give absnormal.extend.rule a function that returns the same",
                )


def keywords(f: Callable[..., Any]) -> tuple[inspect.Parameter, ...]:
    """The parameters that a function takes by name only; those that every ufunc has are none of an operation."""
    if isinstance(f, np.ufunc):
        return ()
    return tuple(item for item in inspect.signature(f).parameters.values() if item.kind is item.KEYWORD_ONLY)


def _shown(value: Array) -> str:
    return f"{np.array2string(value, precision=7, threshold=6)} of shape {value.shape}"
