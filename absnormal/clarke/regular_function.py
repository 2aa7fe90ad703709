"""dC f(x) of a regular f by its directional derivative, without a list (THEORY 2.3, 7.9).

Hypotheses
----------
The adjoints of all active |z_j| and norms have one sign for all slopes: Regular.

Statement
---------
f°(x; v) = f'(x; v) where that sign is +, and f°(x; v) = -f'(x; -v) where it is -.  So one directional sweep is the
support function of dC f(x), and the slopes that it chooses, any at ties, give an element that lies farthest along v.
g is in dC f(x) where it is a convex combination of such elements, or g_c for slopes c in [-1, 1] and in the balls; it
is not where v . g > f°(x; v) for some v.

Proof idea
----------
f'(x; .) is the maximum (minimum) of the linear functions g_sigma . v, and dC f(x) the hull of these g_sigma.

Notes
-----
Two searches propose: Wolfe's algorithm on the elements that lie farthest, which is finite where there are no norms; and
where no active kink depends on another, so that g_c is affine in c, projected gradients on c, whose cost a step does
not grow with the number of inputs.  A yes is checked entry by entry, a no by the bound on f°(x; v).

Source
------
Wolfe, Mathematical Programming 1976; Beck & Teboulle, SIAM J. Imaging Sciences 2009; Clarke 1983.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np

from absnormal.arrays import Array, lengths
from absnormal.clarke.budget import BudgetTracker
from absnormal.clarke.fallback import direction
from absnormal.clarke.wolfe import Nearest, least_norm
from absnormal.ops import kink_of
from absnormal.ops.kinks.entrywise import Entrywise
from absnormal.sweeps.rounding import FLOOR, along, rounding
from absnormal.sweeps.table import Sweeps

#: Inputs up to which Wolfe's algorithm is tried before projected gradients on the slopes.
_FEW = 500
#: Steps of projected gradients, and after how many of them what they found is looked at.
_STEPS, _LOOK = 400, 20
#: Numbers that the elements of a corral may hold together.
_NUMBERS = 30_000_000
#: How near to least a norm is found, relative to the size of the set.
_CLOSE = 1e-12


class Found(NamedTuple):
    """Convex weights on g_c for some slopes at the active switches, or a vector that separates, or neither."""

    weights: Array | None
    slopes: list[Array]
    separator: Array | None


@dataclass(frozen=True, eq=False)
class RegularFunction:
    """A program whose active kinks all enter with one sign.

    Attributes
    ----------
    sweeps
        the program at the point
    sign
        +1 or -1
    deviation
        what adjoints that are 0 to rounding, but not known to be 0, could change in a gradient, shape (n,)
    """

    sweeps: Sweeps
    sign: int
    deviation: Array

    @cached_property
    def centre(self) -> Array:
        """The slopes 0."""
        return np.zeros(len(self.sweeps.alpha))

    @cached_property
    def sizes(self) -> Array:
        """Sums of absolute values behind the gradients, entry by entry, shape (n,)."""
        return np.asarray(self.sweeps.gradient_magnitude(), dtype=float)

    def gradient(self, slopes: Array) -> Array:
        """g_c, shape (n,)."""
        return np.asarray(self.sweeps.gradient(self.sweeps.signature(slopes)), dtype=float)

    def farthest(self, v: Array) -> Array:
        """Slopes at the active switches whose gradient lies farthest along v."""
        return np.asarray(self.sweeps.directional(self.sign * v).sigma[self.sweeps.alpha], dtype=float)

    def support(self, v: Array) -> float:
        """f°(x; v)."""
        return self.sign * float(self.sweeps.directional(self.sign * v).dy[0])

    def bound(self, v: Array) -> float:
        """f°(x; v), with its rounding and what was set aside added."""
        sweeps = self.sweeps
        size = float(sweeps.magnitude(sweeps.signature(0.0), v, interval=True)[1][0])
        return self.support(v) + rounding(sweeps.push_depth) * size + FLOOR + float(np.abs(v) @ self.deviation)

    @cached_property
    def uncoupled(self) -> bool:
        """Whether no active kink depends on another one, so that g_c is affine in c."""
        sweeps = self.sweeps
        for index in sweeps.program.kinked:
            node = sweeps.program.nodes[index]
            own = sweeps.active[node.own]
            kink = kink_of(node.op)
            alone = isinstance(kink, Entrywise) or kink.blocks
            if own.any() and (not alone or any(sweeps.depending[arg] for arg in node.args)):
                return False
        return True

    def _corral(self, g: Array, size: Any, enough: Callable[[Array, Array], bool]) -> Nearest:
        """The element nearest to g in units of ``size``, as slopes whose gradients have it for a mean."""

        def carried(slopes: Array) -> tuple[Array, Array]:
            return (self.gradient(slopes) - g) / size, slopes

        rounds = max(2, _NUMBERS // max(self.sweeps.program.n, len(self.centre)))
        return least_norm(lambda x: carried(self.farthest(-x / size)), carried(self.centre), rounds, enough)

    # -- membership --------------------------------------------------------------------------------------------

    def member(self, g: Array, accepted: Array, refuted: Array | None, tracker: BudgetTracker) -> Found:
        """Whether g is in the set, entry by entry within ``accepted``; or is not, by more than ``refuted``."""
        # The second is what the certified gradient is: a limiting gradient along a fixed direction.
        for slopes in (self.centre, self.farthest(self.sign * direction(len(g), 0))):
            if self._near(self.gradient(slopes), g, accepted):
                return Found(np.ones(1), [slopes], None)
        searches = [self._by_corral, self._by_slopes] if len(g) <= _FEW else [self._by_slopes, self._by_corral]
        for search in searches:
            found = search(g, accepted, refuted, tracker)
            if found is not None:
                return found
        return Found(None, [], None)

    def _near(self, point: Array, g: Array, accepted: Array) -> bool:
        return bool((np.abs(point - g) <= accepted).all())

    def separates(self, v: Array, g: Array, refuted: Array | None) -> float | None:
        """v . g - f°(x; v) where that is beyond all rounding, otherwise None."""
        if refuted is None or not np.abs(v).max(initial=0.0) > 0:
            return None
        gap = float(v @ g) - self.bound(v)
        return gap if gap > along(v, g, refuted) else None

    def _by_corral(self, g: Array, accepted: Array, refuted: Array | None, tracker: BudgetTracker) -> Found | None:
        from absnormal.rational.alternative import least_squares

        size = self.sizes + np.abs(g)
        size[size == 0] = 1.0
        ended: list[Array | None] = []

        def enough(x: Array, new: Array) -> bool:
            if (np.abs(x * size) <= accepted).all() or tracker.spent:
                return True
            v = -x / size
            if x @ new > 0 and self.separates(v, g, refuted) is not None:
                ended.append(v / np.abs(v).max())
            return bool(ended)

        found = self._corral(g, size, enough)
        if ended:
            return Found(None, [], ended[0])
        weights = found.weights
        points = found.points * size + g
        if not self._near(weights @ points, g, accepted):
            weights, _ = least_squares(found.points.T, np.zeros(len(points), int), np.zeros(len(g)))
            weights = weights / weights.sum() if weights.sum() > 0 else found.weights
            if not self._near(weights @ points, g, accepted):
                return None
        return Found(weights, found.carried, None)

    def _by_slopes(self, g: Array, accepted: Array, refuted: Array | None, tracker: BudgetTracker) -> Found | None:
        if not self.uncoupled:
            return None
        size = self.sizes + np.abs(g)
        size[size == 0] = 1.0

        def look(c: Array, point: Array) -> Found | None:
            if self._near(point, g, accepted):
                return Found(np.ones(1), [c], None)
            v = (g - point) / size**2
            v = v / max(float(np.abs(v).max()), 1e-300)
            return None if self.separates(v, g, refuted) is None else Found(None, [], v)

        return self._descended(g, size, tracker, look)[1]

    # -- the nearest element -----------------------------------------------------------------------------------

    def nearest(self, g: Array, tracker: BudgetTracker) -> Array:
        """The element nearest to g in the Euclidean norm, to rounding where there are no norms."""
        size = float(max(self.sizes.max(initial=0.0), np.abs(g).max(initial=0.0))) or 1.0
        if self.uncoupled and len(g) > _FEW:
            return self._descended(g, np.full(len(g), size), tracker, lambda c, point: None)[0]

        def enough(x: Array, new: Array) -> bool:
            square = float(x @ x)
            return bool(tracker.spent) or square - float(x @ new) <= _CLOSE * max(square, _CLOSE)

        return g + size * self._corral(g, size, enough).point

    def _descended(
        self, g: Array, size: Array, tracker: BudgetTracker, look: Callable[[Array, Array], Found | None]
    ) -> tuple[Array, Found | None]:
        """The nearest g_c of an affine g_c by accelerated projected gradients on c, in units of ``size``."""
        sweeps, alpha = self.sweeps, self.sweeps.alpha
        weights = sweeps.pull(sweeps.signature(0.0), None, np.ones((1, 1)))[1][0][alpha]
        sigma = sweeps.signature(0.0)

        def along(v: Array) -> Array:
            """What a step of each slope changes in v . g_c."""
            return np.asarray(weights * sweeps.push(sigma, v[None])[0][0][alpha])

        start = self.gradient(self.centre)
        largest = self._largest(along, start, size)
        c, ahead, momentum = self.centre, self.centre, 1.0
        point = start
        for step in range(1, _STEPS + 1):
            rest = (self.gradient(ahead) - g) / size
            new = self._projected(ahead - along(rest / size) / largest)
            following = (1 + np.sqrt(1 + 4 * momentum**2)) / 2
            if float((ahead - new) @ (new - c)) > 0:
                following = 1.0
            ahead = new + (momentum - 1) / following * (new - c) if following > 1 else new
            c, momentum = new, following
            if step in (1, 2, 5) or step % _LOOK == 0 or tracker.spent:
                point = self.gradient(c)
                found = look(c, point)
                if found is not None or tracker.spent:
                    return point, found
        return point, None

    def _largest(self, along: Callable[[Array], Array], start: Array, size: Array) -> float:
        """A bound on the largest curvature of the least squares problem, by power iteration."""
        c = np.random.default_rng(0).standard_normal(len(self.centre))
        value = 0.0
        for _ in range(12):
            c = c / max(float(np.linalg.norm(c)), 1e-300)
            image = along((self.gradient(c) - start) / size**2)
            value, c = float(np.linalg.norm(image)), image
        return 1.1 * value or 1.0

    def _projected(self, c: Array) -> Array:
        """Slopes into [-1, 1], those of norms into their balls.

        Those of entries that are nowhere negative stay 0 by themselves: where no active kink depends on another one,
        such an entry is at its minimum, with the row 0.
        """
        found = np.clip(c, -1.0, 1.0)
        for numbers in self.sweeps.lanes:
            own = np.searchsorted(self.sweeps.alpha, numbers)
            found[own] = c[own] / np.maximum(lengths(c[own]), 1.0)
        return found
