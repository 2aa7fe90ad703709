"""What a gallery entry is: an example with its known answer, a problem with its hand-written gradient."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

Array: TypeAlias = NDArray[np.float64]
Parameters: TypeAlias = dict[str, Array]
Pytree: TypeAlias = Array | Mapping[str, "Pytree"] | Sequence["Pytree"]

Scalar: TypeAlias = Any
"""A NumPy number; while a function is being traced, the tracer's stand-in for one."""

Traceable: TypeAlias = Any
"""An array or a pytree of arrays; while a function is being traced, the tracer's stand-ins for them."""


@dataclass(frozen=True, eq=False)
class Example:
    """A function of a few numbers, a point, and what is known there by hand.

    An example is called like its function, so that it can be passed wherever a function is expected.

    Attributes
    ----------
    name : str
        The name under which `absnormal.gallery` offers it.
    function : callable
        A plain NumPy function that returns one number.
    point : array or pytree of arrays
        A point at which some kink is active (none in the smooth control).
    slope : float or None
        The slope of every |u| at u = 0, in [-1, 1], that the verdict is about; relu'(0) = (1 + slope)/2.
    gradient : array, pytree of arrays or None
        What backward mode returns at the point under that slope, worked out by hand.
    verdict : {"CLARKE", "NOT_CLARKE"} or None
        Whether that gradient is an element of the Clarke generalized gradient; None where no answer is
        claimed.
    clarke_set : str
        The Clarke generalized gradient at the point, in words.
    clarke_gradients : tuple
        Some of its elements, in the shape of the point.
    why : str
        The reason for the verdict.

    Examples
    --------
    >>> from absnormal import gallery
    >>> example = gallery.get("identity")
    >>> print(example(np.array([-3.0])), example.point, example.gradient, example.verdict)
    -3.0 [0.] [0.] NOT_CLARKE
    """

    name: str
    function: Callable[[Any], Any]
    point: Pytree
    slope: float | None
    gradient: Pytree | None
    verdict: str | None
    clarke_set: str
    clarke_gradients: tuple[Pytree, ...]
    why: str

    def __call__(self, x: Traceable) -> Scalar:
        """The value of the function at x."""
        return self.function(x)


@dataclass(frozen=True, eq=False)
class Problem:
    """A function of many parameters, a point and a hand-written gradient, for tests at scale and benchmarks.

    Attributes
    ----------
    name : str
        What it is, for a table of results.
    function : callable
        A plain NumPy function of one array, or one dict of arrays, that returns one number.
    point : array or dict of arrays
        The parameters, float64.
    hand_gradient : callable
        ``hand_gradient(point, slope)`` returns the value and the gradient, the latter in the shape of the
        point, where every |u| has derivative ``slope`` at u = 0: relu'(0) = (1 + slope)/2.
    active : int
        How many kinks of the function are exactly tied at the point.

    Examples
    --------
    >>> from absnormal.gallery import networks
    >>> problem = networks.dense_network((4, 3, 2))
    >>> value, gradient = problem.hand_gradient(problem.point, -1.0)
    >>> bool(value == problem.function(problem.point)), gradient["W1"].shape, problem.active
    (True, (4, 3), 0)
    """

    name: str
    function: Callable[[Any], Any]
    point: Array | Parameters
    hand_gradient: Callable[[Any, float], tuple[Any, Any]]
    active: int

    def __call__(self, x: Traceable) -> Scalar:
        """The value of the function at x."""
        return self.function(x)
