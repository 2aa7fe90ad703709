"""dC f(x) of a function whose active kinks all enter with one sign: a set without a list (THEORY 7.9).

The elements are too many to be listed, or a curve where a norm is 0.  Everything that is asked of the set is answered
by its support function, which is one directional sweep, however many switches are active.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from absnormal.arrays import Array
from absnormal.clarke.generalized_gradient import GeneralizedGradient
from absnormal.clarke.polytope import Summand
from absnormal.clarke.projection import hull, principal_axes
from absnormal.clarke.regular_function import RegularFunction
from absnormal.errors import BudgetError

#: Directions in which an outline and a surface are looked for, and those that show where the set is wide.
_ROUND, _SURFACE, _SAMPLES = 180, 600, 24


@dataclass(frozen=True, eq=False, repr=False)
class RegularGradient(GeneralizedGradient):
    """A generalized gradient that is known by its support function.

    ``contains``, ``support``, ``min_norm`` and ``is_stationary`` work at any number of active switches; elements are
    listed when they are asked for, as far as the budget goes.

    Attributes
    ----------
    function
        f by its directional derivative
    refuted
        how far a vector must be from the set to be outside for sure, shape (n,)
    listing
        makes the list
    """

    function: RegularFunction
    refuted: Array
    listing: Callable[[], GeneralizedGradient]

    def __repr__(self) -> str:
        count = len(self.function.centre)
        return f"<GeneralizedGradient by its support function, {count} active switches, equal to dC f(x)>"

    def contains(self, g: Any) -> bool | None:
        """Whether g lies in dC f(x), to rounding; None when neither could be proved, as on a curved boundary."""
        flat = self.flat(g)
        if not np.isfinite(flat).all():
            return False
        found = self.function.member(flat, self.tolerance, self.refuted, self.budget.start())
        return True if found.weights is not None else False if found.separator is not None else None

    def support(self, v: Any) -> float:
        """f°(x; v), the generalized directional derivative of f at x along v: the maximum of v . g over dC f(x)."""
        return self.function.support(self.flat(v))

    @cached_property
    def least(self) -> Array:
        """The element of least norm, flat; exactly 0 where 0 lies in the set to rounding."""
        zero = np.zeros_like(self.base)
        return zero if self.contains(self.shaped(zero)) else self.nearest(zero)

    def nearest(self, g: Array) -> Array:
        """The element nearest to a flat vector, flat; near a curved boundary as far as the search came."""
        return self.function.nearest(g, self.budget.start())

    def min_norm(self) -> Any:
        """The element of dC f(x) of least Euclidean norm, in the structure of x; its negative is a descent direction if
        not 0."""
        return self.shaped(self.least.copy())

    # -- what a list is needed for -----------------------------------------------------------------------------

    @cached_property
    def listed(self) -> GeneralizedGradient:
        """The same set with the list that the budget allows."""
        return self.listing()

    @cached_property
    def limiting_gradients(self) -> Array:
        """Distinct limiting gradients, as many as were found in the budget, shape (k, n)."""
        return self.listed.limiting_gradients

    @cached_property
    def signatures(self) -> Array:
        """One open signature for each limiting gradient, shape (k, s)."""
        return self.listed.signatures

    @property
    def vertices(self) -> Array:
        """The extreme points of dC f(x), shape (v, n).

        Raises
        ------
        BudgetError
            where the budget does not allow to list them all, or a 2-norm is 0
        """
        return self.listed.vertices

    def weights(self, g: Any) -> Array | None:
        """Convex weights on `limiting_gradients` that give g to rounding, shape (k,), or None."""
        return self.listed.weights(g)

    @cached_property
    def corners(self) -> Array:
        """The extreme points are not listed unless somebody asks for `vertices`."""
        raise BudgetError(
            f"the limiting gradients are not listed: {self.reason}; contains, support, min_norm and is_stationary work"
            " without a list"
        )

    # -- pictures ----------------------------------------------------------------------------------------------

    @property
    def dots(self) -> None:
        """No list is made for a picture."""

    @property
    def surface(self) -> Array:
        """The elements that lie farthest in many directions, shape (k, n)."""
        rng = np.random.default_rng(0)
        found = self._farthest(list(rng.standard_normal((_SURFACE, len(self.base)))))
        return np.unique(found.round(12 - int(np.ceil(np.log10(max(self.size, 1e-300))))), axis=0)

    def outline(self, axes: Array) -> Array:
        """Corners along two axes, shape (2, n): those of the elements that lie farthest in many directions."""
        angles = np.linspace(0.0, 2 * np.pi, _ROUND, endpoint=False)
        return hull(self._farthest([np.cos(a) * axes[0] + np.sin(a) * axes[1] for a in angles]) @ axes.T)

    def wide_axes(self, first: Array | None = None) -> Array:
        """Two orthonormal directions along which the elements in random directions are far apart."""
        rng = np.random.default_rng(0)
        points = self._farthest(list(rng.standard_normal((_SAMPLES, len(self.base)))))
        return principal_axes([Summand(np.arange(len(self.base)), points)], len(self.base), first)

    def _farthest(self, directions: list[Array]) -> Array:
        return np.stack([self.function.gradient(self.function.farthest(v)) for v in directions])

    @property
    def size(self) -> float:
        """A bound on the largest entry of its elements."""
        return float(self.function.sizes.max(initial=0.0))

