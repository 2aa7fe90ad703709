"""The generalized gradient as a set (THEORY 5).

Let *blocks* be the connected components of the matroid of the rows, joined wherever a coupling links them; switches
that are identically zero or cannot reach the output are left out.  The open cells are the products of the blocks'
internal cells, and

    conv{g_sigma : sigma open} = J~ + sum over blocks B of conv{G_B(tau) : tau open in B},     G_B(tau) in span R_B,

a Minkowski sum in independent subspaces, equal to dC f(x) under hypothesis E.  Support functions add up, vertices are
sums of vertices, and membership is one linear program with weights for each block.  Nothing is multiplied out until it
is asked for.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import product
from typing import TYPE_CHECKING, Any

import numpy as np

from absnormal._shown import shown
from absnormal.arrays import Array
from absnormal.clarke.budget import Budget
from absnormal.clarke.polytope import Summand, extreme, membership, nearest_point, support
from absnormal.clarke.projection import principal_axes, projection
from absnormal.errors import BudgetError
from absnormal.program.tree import Tree

if TYPE_CHECKING:
    from matplotlib.axes import Axes


#: How much farther than asked, relative to that, all elements must be from 0.
_BEYOND = 1e-9


@dataclass(frozen=True, eq=False)
class Block:
    """Switches that go together.

    Attributes
    ----------
    switches
        their numbers
    signatures
        one open signature for each point, shape (k, number of switches); +1 where the sign is immaterial
    columns
        the entries of the flat Jacobian in which the block acts, shape (c,)
    points
        the distinct values of G_B there, shape (k, c)
    """

    switches: tuple[int, ...]
    signatures: Array
    columns: Array
    points: Array

    @cached_property
    def vertices(self) -> Array:
        """The numbers of the extreme points."""
        return extreme(self.points)


@dataclass(frozen=True, eq=False, repr=False)
class GeneralizedGradient:
    """The Clarke generalized gradient of f at x; of a vector-valued f, the generalized Jacobian.

    Made by `absnormal.generalized_gradient`.

    Attributes
    ----------
    base
        J~, flat, shape (m n,)
    blocks
        the summands
    signs
        sign z_i of all switches, 0 at active ones, shape (s,)
    complete
        True when `limiting_gradients` are all of them; False when the budget ended the enumeration, or the set is known
        by its support function and no list of it is proved to be all
    exact
        True when the set is proved to be all of dC f(x), False when it is only known to lie inside: not all of its
        cells are listed, or they are not proved to be all
    reason
        why it is not complete or not exact; empty where it is both
    tolerance
        the rounding allowed in each entry, flat, shape (m n,)

    Examples
    --------
    >>> import numpy as np, absnormal as an
    >>> G = an.generalized_gradient(lambda x: np.abs(x[0]) + x[1], [0.0, 0.0])
    >>> G.vertices.tolist(), G.contains([0.5, 1.0]), G.min_norm().tolist(), G.is_stationary()
    ([[1.0, 1.0], [-1.0, 1.0]], True, [0.0, 1.0], False)
    """

    base: Array
    blocks: tuple[Block, ...]
    signs: Array
    complete: bool
    exact: bool
    reason: str
    tolerance: Array
    tree: Tree
    shape: tuple[int, ...]
    budget: Budget

    def __repr__(self) -> str:
        many = _product([len(block.points) for block in self.blocks])
        how = "complete" if self.complete else "incomplete"
        kind = "equal to dC f(x)" if self.exact else "inside dC f(x)"
        why = f": {self.reason}" if self.reason else ""
        blocks = f"{len(self.blocks)} block{'s' * (len(self.blocks) != 1)}"
        return f"<GeneralizedGradient {many} limiting gradient{'s' * (many != '1')} in {blocks}, {how}, {kind}{why}>"

    @cached_property
    def limiting_gradients(self) -> Array:
        """The distinct limiting gradients, shape (k, n), or (k, m, n) for a vector-valued f.

        Of a set that is not exact, those that were found.

        Raises
        ------
        BudgetError
            when there are more than the budget's cells
        """
        return self._listed([np.arange(len(block.points)) for block in self.blocks])

    @cached_property
    def signatures(self) -> Array:
        """One open signature for each limiting gradient, shape (k, s)."""
        self._limit([len(block.points) for block in self.blocks])
        rows, signs = [], np.where(self.signs == 0, 1, self.signs)
        # At norms the slopes are entries of unit vectors.
        definite = (np.abs(signs) == 1).all() and all(block.signatures.dtype != float for block in self.blocks)
        for choice in self._choices([np.arange(len(block.points)) for block in self.blocks]):
            row = signs.astype(int if definite else float)
            for block, k in zip(self.blocks, choice, strict=True):
                row[list(block.switches)] = block.signatures[k]
            rows.append(row)
        return _only_read(np.stack(rows))

    @cached_property
    def vertices(self) -> Array:
        """The extreme points of dC f(x), shape (v, n), or (v, m, n).

        Raises
        ------
        BudgetError
            when there are more than the budget's cells, and where the set is not exact
        """
        self._all_of_it("its extreme points need not be those of dC f(x)")
        return self.corners

    @cached_property
    def corners(self) -> Array:
        """The extreme points of what is known of dC f(x), shape (v, n), or (v, m, n)."""
        return self._listed([block.vertices for block in self.blocks])

    @np.errstate(all="ignore")
    def contains(self, g: Any) -> bool | None:
        """Whether g lies in dC f(x), to rounding; None when neither could be proved, as outside of a set that is not
        exact."""
        flat = self.flat(g)
        if not np.isfinite(flat).all():
            return False
        answer = membership(self.base, self.summands, flat, self.tolerance)
        if answer.weights is not None:
            return True
        return False if self.exact and answer.separator is not None else None

    @np.errstate(all="ignore")
    def weights(self, g: Any) -> Array | None:
        """Convex weights on `limiting_gradients` that give g to rounding, shape (k,), or None."""
        flat = self.flat(g)
        self._limit([len(block.points) for block in self.blocks])
        finite = np.isfinite(flat).all()
        found = membership(self.base, self.summands, flat, self.tolerance).weights if finite else None
        if found is None:
            return None
        result = np.ones(1)
        for weights in found:
            result = np.multiply.outer(result, weights).reshape(-1)
        return result

    @np.errstate(all="ignore")
    def support(self, v: Any) -> float:
        """f°(x; v), the generalized directional derivative of f at x along v: the maximum of v . g over dC f(x).

        Raises
        ------
        BudgetError
            where the set is not exact: what is known of it gives only a lower bound
        """
        flat = self.flat(v)
        self._all_of_it("the maximum over it is only a lower bound of f°(x; v)")
        return float(self.base @ flat) + support(self.summands, flat)

    @np.errstate(all="ignore")
    def min_norm(self) -> Any:
        """The element of dC f(x) of least Euclidean norm, in the structure of x; its negative is a descent direction if
        not 0.

        Raises
        ------
        BudgetError
            where the set is not exact and 0 is not known to lie in it
        """
        if self.least.any():
            self._all_of_it("its element of least norm is only an upper bound on the least norm in dC f(x)")
        return self.shaped(self.least.copy())

    @cached_property
    def least(self) -> Array:
        """The element of least norm of what is known of dC f(x), flat; exactly 0 where 0 lies in it to rounding."""
        zero = np.zeros_like(self.base)
        inside = membership(self.base, self.summands, zero, self.tolerance).weights is not None
        return zero if inside else nearest_point(self.base, self.summands)

    def nearest(self, g: Array) -> Array:
        """The element of what is known of dC f(x) nearest to a flat vector, flat."""
        return g + nearest_point(self.base - g, self.summands)

    @np.errstate(all="ignore")
    def is_stationary(self, tol: float = 0.0) -> bool | None:
        """Whether 0 lies in dC f(x) (Clarke stationarity); None when that could not be proved.

        Parameters
        ----------
        tol
            with it, whether some element has a Euclidean norm of at most ``tol``
        """
        if not tol >= 0:
            raise ValueError(f"tol must be a number >= 0, got {tol!r}")
        length = float(np.linalg.norm(self.least))
        if length <= tol:
            return True
        if not tol:
            return self.contains(self.shaped(np.zeros_like(self.base)))
        # All elements lie beyond the hyperplane of the least one.
        beyond = self.exact and -self.support(self.shaped(-self.least)) / length > tol * (1 + _BEYOND)
        return False if beyond else None

    @property
    def dots(self) -> Array | None:
        """The limiting gradients where they are listed, flat, shape (k, m n); otherwise None."""
        try:
            return np.asarray(self.limiting_gradients.reshape(-1, len(self.base)))
        except BudgetError:
            return None

    @property
    def surface(self) -> Array:
        """Points whose hull is what is known of dC f(x), flat, shape (k, m n)."""
        return np.asarray(self.corners.reshape(-1, len(self.base)))

    def outline(self, axes: Array) -> Array:
        """The corners of what is known of dC f(x) along two axes, shape (2, n), counterclockwise, shape (k, 2)."""
        return projection(self.base, self.summands, axes)

    def wide_axes(self, first: Array | None = None) -> Array:
        """Two orthonormal directions along which the set is wide, shape (2, n), or fewer; ``first`` may be one."""
        return principal_axes(self.summands, len(self.base), first)

    @property
    def size(self) -> float:
        """A bound on the largest entry of its elements."""
        return float(np.abs(self.base).max(initial=0.0)) + sum(
            float(np.abs(block.points).max()) for block in self.blocks
        )

    # -- for people --------------------------------------------------------------------------------------------

    def _repr_html_(self) -> str:
        return str(shown("GeneralizedGradient.html")(self))

    def plot(self, gradient: Any = None, *, plane: Any = None, ax: Axes | None = None) -> Axes:
        """The set, a gradient of a tool inside or outside, and the element of least norm.

        See `absnormal.plot.gradients`.

        Examples
        --------
        >>> import numpy as np, absnormal as an
        >>> G = an.generalized_gradient(lambda x: np.abs(x[0]) - np.abs(x[0] + np.abs(x[1])), [0.0, 0.0])
        >>> ax = G.plot(gradient=[1.0, 0.0])
        >>> ax.get_legend().get_texts()[-1].get_text()
        "tool's gradient (1, 0): outside"
        """
        axes: Axes = shown("GeneralizedGradient.plot")(self, gradient, plane=plane, ax=ax)
        return axes

    # -- shapes ------------------------------------------------------------------------------------------------

    @property
    def summands(self) -> list[Summand]:
        """The polytopes whose sum, moved by ``base``, is the set; nothing is multiplied out."""
        return [Summand(block.columns, block.points) for block in self.blocks]

    def flat(self, g: Any) -> Array:
        """g as a flat vector, shape (m n,), after a check of its structure."""
        if len(self.shape) == 1:
            return np.concatenate([np.asarray(leaf, dtype=float).reshape(-1) for leaf in self.tree.leaves_of(g, "g")])
        flat = np.asarray(g, dtype=float)
        if flat.shape != self.shape:
            raise ValueError(f"g must have shape {self.shape}, got {flat.shape}")
        return flat.reshape(-1)

    def shaped(self, flat: Array) -> Any:
        """A flat vector in the structure of x."""
        return self.tree.unflatten(flat) if len(self.shape) == 1 else flat.reshape(self.shape)

    def _all_of_it(self, otherwise: str) -> None:
        if not self.exact:
            raise BudgetError(
                f"the set is only known to lie inside dC f(x), and {otherwise}: {self.reason}; a larger"
                " budget=absnormal.Budget(...) may help, and limiting_gradients lists what is known"
            )

    def _limit(self, sizes: list[int]) -> None:
        if math.prod(sizes) > self.budget.cells:
            raise BudgetError(
                f"{len(sizes)} blocks multiply out to {_product(sizes)} elements, past the budget of"
                f" {self.budget.cells} cells; contains, support and min_norm work on the blocks"
            )

    def _choices(self, numbers: list[Array]) -> Iterator[tuple[int, ...]]:
        return product(*(own.tolist() for own in numbers))

    def _listed(self, numbers: list[Array]) -> Array:
        self._limit([len(own) for own in numbers])
        rows = np.tile(self.base, (math.prod(len(own) for own in numbers), 1))
        for row, choice in zip(rows, self._choices(numbers), strict=True):
            for block, k in zip(self.blocks, choice, strict=True):
                row[block.columns] += block.points[k]
        return _only_read(rows.reshape(-1, *self.shape))


def _only_read(array: Array) -> Array:
    """An array that the set keeps, and nobody writes to."""
    array.setflags(write=False)
    return array


def _product(sizes: list[int]) -> str:
    digits = sum(math.log10(size) for size in sizes)
    return str(math.prod(sizes)) if digits < 6 else f"about 10^{math.floor(digits)}"
