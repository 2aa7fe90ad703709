"""Hypothesis strategies: random piecewise-linear functions, and points on the kinks of a given function.

    from hypothesis import given
    from absnormal.testing import strategies

    @given(strategies.kinks(loss, 3))
    def test_loss(x):
        assert_clarke_gradient(loss, x)
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

import absnormal.frontends.numpy.ufuncs  # noqa: F401 - loaded before Hypothesis times the first draw
from absnormal._optional import require
from absnormal.arrays import Array
from absnormal.kinks import find_kink
from absnormal.program.program import Program

if TYPE_CHECKING:
    from hypothesis import strategies as st
else:
    st = require("hypothesis.strategies", "testing")

T = TypeVar("T")

#: Numbers of points and coefficients: few and dyadic, so that ties are likely and exact.
_GRID = tuple(k / 2 for k in range(-6, 7))
_FACTORS = (1.0, -1.0, 2.0, -2.0, 0.5)

#: Operation -> number of arguments, how it is written, what it computes.
_OPERATIONS: dict[str, tuple[int, str, Callable[..., Any]]] = {
    "add": (2, "{0} + {1}", lambda u, v: u + v),
    "sub": (2, "{0} - {1}", lambda u, v: u - v),
    "abs": (1, "np.abs({0})", np.abs),
    "relu": (1, "np.maximum({0}, 0)", lambda u: np.maximum(u, 0)),
    "maximum": (2, "np.maximum({0}, {1})", np.maximum),
    "minimum": (2, "np.minimum({0}, {1})", np.minimum),
    "clip": (1, "np.clip({0}, -1, 1)", lambda u: np.clip(u, -1, 1)),
}


@dataclass(frozen=True)
class Step:
    """One operation on earlier results, or on inputs, then a factor."""

    operation: str
    args: tuple[int, ...]
    factor: float


@dataclass(frozen=True)
class PiecewiseLinear:
    """A random function of ``n`` numbers, called like any NumPy function; printed it is its Python code."""

    n: int
    steps: tuple[Step, ...]

    def __call__(self, x: Any) -> Any:
        """The value at x, shape (n,)."""
        values = [x[i] for i in range(self.n)]
        for step in self.steps:
            values.append(step.factor * _OPERATIONS[step.operation][2](*(values[arg] for arg in step.args)))
        return values[-1]

    def __repr__(self) -> str:
        names = [f"x[{i}]" for i in range(self.n)]
        lines = ["def f(x):"]
        for number, step in enumerate(self.steps):
            text = _OPERATIONS[step.operation][1].format(*(names[arg] for arg in step.args))
            lines.append(f"    v{number} = {text if step.factor == 1 else f'{step.factor:g} * ({text})'}")
            names.append(f"v{number}")
        return "\n".join([*lines, f"    return {names[-1]}"])


@st.composite
def piecewise_linear(draw: st.DrawFn, n: int | None = None, max_operations: int = 8) -> PiecewiseLinear:
    """Random piecewise-linear functions of n numbers (1 to 4 when not given), with kinks in kinks.

    Parameters
    ----------
    n
        the number of variables
    max_operations
        the largest number of operations

    Examples
    --------
    >>> from absnormal.testing import strategies
    >>> import warnings; warnings.simplefilter("ignore")
    >>> f = strategies.piecewise_linear(2).example()
    >>> f.n, isinstance(float(f(np.zeros(2))), float)
    (2, True)
    """
    size = draw(st.integers(1, 4)) if n is None else n
    steps: list[Step] = []
    for number in range(draw(st.integers(1, max_operations))):
        name = draw(st.sampled_from(sorted(_OPERATIONS)))
        known = size + number
        args = tuple(draw(st.integers(0, known - 1)) for _ in range(_OPERATIONS[name][0]))
        steps.append(Step(name, args, draw(st.sampled_from(_FACTORS))))
    return PiecewiseLinear(size, tuple(steps))


def points(n: int) -> st.SearchStrategy[Array]:
    """Points with n entries on a coarse grid, where kinks of hand-written functions are likely.

    >>> from absnormal.testing import strategies
    >>> strategies.points(3)
    lists(...).map(array)
    """
    return st.lists(st.sampled_from(_GRID), min_size=n, max_size=n).map(np.array)


@st.composite
def kinks(draw: st.DrawFn, f: Callable[[Any], Any] | Program, n: int, radius: float = 3.0) -> Array:
    """Points, shape (n,), at which a switching variable of f is exactly 0 in float64.

    Parameters
    ----------
    f
        a function of an array of n numbers, or its `Program`
    n
        the number of variables
    radius
        entries of the ends of the segments that lead to kinks lie in [-radius, radius]

    Notes
    -----
    Ends are drawn from a coarse grid and from all floats; a pair of ends whose segment meets no kink is rejected.

    Examples
    --------
    >>> import numpy as np
    >>> from absnormal.testing import strategies
    >>> import warnings; warnings.simplefilter("ignore")
    >>> x = strategies.kinks(lambda x: np.abs(x[0] - x[1]), 2).example()
    >>> bool(x[0] == x[1])
    True
    """
    entry = st.one_of(st.sampled_from([v for v in _GRID if abs(v) <= radius]), st.floats(-radius, radius, width=32))
    ends = st.lists(entry, min_size=n, max_size=n).map(np.array)

    def landed(pair: tuple[Array, Array]) -> list[Array]:
        return [np.asarray(kink.x, dtype=float) for kink in find_kink(f, *pair) if kink.landed]

    found: list[Array] = draw(st.tuples(ends, ends).map(landed).filter(bool))
    return draw(st.sampled_from(found))
