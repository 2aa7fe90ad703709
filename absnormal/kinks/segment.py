"""Where switching variables vanish on a segment: exactly for piecewise-linear programs, numerically for smooth ones.

On a segment on which no switching variable has opposite signs at the ends, all of them are affine: the first one is,
so its absolute value is, as it keeps its sign; so the second one is, and so on (the argument behind forward
substitution in an abs-normal form, Griewank 2013).  The first in evaluation order that has opposite signs is affine
itself: one division gives its zero, which splits the segment in two.  On rationals this finds every kink.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise
from typing import Any

import numpy as np

from absnormal.arrays import Array, exactly, unit_vectors
from absnormal.errors import AbsNormalError
from absnormal.frontends.points import flat, like
from absnormal.kinks.landing import land
from absnormal.kinks.near import small
from absnormal.program.nodes import COMPARED, Guard, placed
from absnormal.program.program import Program
from absnormal.report.plain import number
from absnormal.sweeps.table import Sweeps
from absnormal.verify import trace

#: Evaluations on a segment; with more kinks than that the list is not complete.
_EVALUATIONS = 1_000
#: Pieces that a segment is cut into where f is not piecewise linear.
_PIECES = 8
#: A zero is narrowed to this part of the segment, then landed on.
_NARROW = 1e-13
#: On both sides of a zero in float64 this much is not looked at again.
_APART = Fraction(1, 2**40)
_BISECTIONS = 60
#: Branches of f that are followed, and how far behind each end of one f is traced again, as a part of what is left.
_BRANCHES = 100
_BEHIND = Fraction(1, 10**6)


@dataclass(frozen=True, eq=False)
class Kink:
    """A point of a segment at which switching variables vanish.

    Attributes
    ----------
    t
        where on the segment, from 0 at its begin to 1 at its end; a Fraction where it is exact
    x
        the point, in the structure of the ends.  Where float64 can be at the kink it is a float64 point, as near as it
        gets, at which the computed switching variables are exactly 0; otherwise ``landed`` is False and it is the exact
        point in Fractions, or, without rationals, a float64 point next to the kink
    switches
        the numbers of the switches that vanish; none where two branches of f meet
    lines
        where they come from: "np.maximum at model.py:4"
    landed
        whether the computed switching variables are exactly 0 at the float64 point x

    Examples
    --------
    >>> import numpy as np, absnormal as an
    >>> [kink] = an.find_kink(lambda x: np.abs(x[0] - 1), [0.0], [4.0])
    >>> str(kink.t), kink.x, kink.switches, kink.landed
    ('1/4', array([1.]), (0,), True)
    """

    t: Fraction | float
    x: Any
    switches: tuple[int, ...]
    lines: tuple[str, ...]
    landed: bool

    def __repr__(self) -> str:
        return f"<Kink {self}>"

    def __str__(self) -> str:
        return f"t = {number(self.t)}: {', '.join(self.lines)}"


@dataclass(frozen=True, eq=False)
class Kinks:
    """The kinks on a segment, in order; a sequence of `Kink`.

    Attributes
    ----------
    found
        the kinks
    complete
        whether it is proved that there are no others: f is piecewise linear, small, and takes one branch on the segment
    ended
        why f was not followed up to x1: it holds a number constant that it read, or detached, and that changes on the
        segment; otherwise empty
    """

    found: tuple[Kink, ...]
    complete: bool
    ended: str = ""

    def __iter__(self) -> Iterator[Kink]:
        return iter(self.found)

    def __len__(self) -> int:
        return len(self.found)

    def __getitem__(self, place: int) -> Kink:
        return self.found[place]


def find_kink(f: Callable[[Any], Any] | Program, x0: Any, x1: Any) -> Kinks:
    """The points on the segment from x0 to x1 at which switching variables vanish.

    Parameters
    ----------
    f
        a function of one argument, or its `Program`, which is followed as far as its branches go; vector-valued ones
        too
    x0, x1
        the ends: two points of the same structure

    Returns
    -------
    Kinks
        for piecewise-linear programs of moderate size all kinks, computed on rationals; otherwise those at which a
        switching variable was seen to change sign, as far as ``ended`` says

    Raises
    ------
    TraceError, DomainError, ValueError
        as `absnormal.verify` does at x0

    Examples
    --------
    >>> import numpy as np, absnormal as an
    >>> found = an.find_kink(lambda x: np.abs(x[0] - 1) + np.maximum(x[0], x[1]), [0.0, 1.5], [2.0, 0.5])
    >>> [(str(kink.t), kink.x, kink.switches) for kink in found], found.complete
    ([('1/2', array([1., 1.]), (0, 1))], True)
    """
    program = f if isinstance(f, Program) else trace(f, x0)
    ends = [flat(program.tree, end, name) for end, name in ((x0, "x0"), (x1, "x1"))]
    start, found = Fraction(0), list[Kink]()
    for traced in range(_BRANCHES):
        line = _Line(program, *ends)
        kinks, branch, whole = line.kinks(start)
        found += [_kink(line, t, x0) for t in kinks]
        if branch is None:
            return Kinks(tuple(found), whole and traced == 0)
        ended = line.held(branch)
        if ended:
            return Kinks(tuple(found), False, ended)
        start = branch + (1 - branch) * _BEHIND
        if isinstance(f, Program) or start >= 1:
            break
        try:
            program = trace(f, like(x0, program.tree, line.point(start).astype(float)))
        except AbsNormalError:
            break
    return Kinks(tuple(found), False)


class _Line:
    """A program along a segment: its levels are the switching variables, then the sides of its branches."""

    def __init__(self, program: Program, begin: Array, end: Array) -> None:
        self.program = program
        self.exact = program.is_piecewise_linear and small(program)
        self.begin, self.end = (exactly(x) if self.exact else x.astype(float) for x in (begin, end))
        self.known: dict[Fraction, Array] = {}
        self.evaluations = 0

    def point(self, t: Fraction) -> Array:
        """The point at t, on rationals where the program allows it."""
        return np.asarray(self.begin + (t if self.exact else float(t)) * (self.end - self.begin))

    def levels(self, t: Fraction) -> Array:
        """The levels at t."""
        if t not in self.known:
            self.evaluations += 1
            self.known[t] = self.levels_at(self.point(t))
        return self.known[t]

    def levels_at(self, x: Array) -> Array:
        """The levels at any point."""
        values = self.program.unguarded(x)
        # An infinite constant may be compared with another.
        with np.errstate(invalid="ignore"):
            sides = [np.asarray(values[guard.left] - values[guard.right]).reshape(-1) for guard in self.program.guards
                     if guard.relation in COMPARED]
        return np.concatenate([self.program.switching(values), *sides])

    def kinks(self, start: Fraction) -> tuple[list[Fraction], Fraction | None, bool]:
        """The places from ``start`` on, up to the first end of the branch; that end; whether these are all."""
        pieces = 1 if self.program.is_piecewise_linear else _PIECES
        cuts = [start + (1 - start) * Fraction(k, pieces) for k in range(pieces + 1)]
        places: set[Fraction] = set()
        whole = self.exact and len(self.program.guards) == sum(g.relation in COMPARED for g in self.program.guards)
        whole = whole and not any(node.switches and node.switch < 0 for node in self.program.nodes)
        stack = list(pairwise(cuts))[::-1]
        while stack:
            low, high = stack.pop()
            if self.evaluations > _EVALUATIONS:
                whole = False
                break
            try:
                here, there = self.levels(low), self.levels(high)
            except AbsNormalError:
                whole = False
                continue
            crossing = np.flatnonzero(np.sign(here) * np.sign(there) < 0)
            if not len(crossing):
                places.update(t for t, own, other in ((low, here, there), (high, there, here))
                              if ((own == 0) & (other != 0)).any())
                continue
            middle = self._zero(low, high, int(crossing[0]))
            places.add(middle)
            gap = 0 if self.exact else _APART
            stack += [(a, b) for a, b in ((middle + gap, high), (low, middle - gap)) if a < b]
        left = self._left(sorted({*places, *cuts}))
        if self.program.blocks:
            # Entries of a norm change sign without a kink.
            places = {t for t in places if any(self._tied(t))}
        ordered = sorted(t for t in places if left is None or t < left)
        branch = next((t for t in ordered if self._tied(t)[1]), left)
        return [t for t in ordered if branch is None or t <= branch], branch, whole

    def _left(self, places: list[Fraction]) -> Fraction | None:
        """Where what is no comparison of two sides first comes out in another way; None where it does at no place."""
        wrong = next((i for i, t in enumerate(places) if self._failing(t)), None)
        if not wrong:
            return None if wrong is None else places[0]
        low, high = places[wrong - 1], places[wrong]
        for _ in range(_BISECTIONS):
            middle = (low + high) / 2
            low, high = (low, middle) if self._failing(middle) else (middle, high)
        return high

    def held(self, t: Fraction) -> str:
        """What f holds constant that is another number at t."""
        held = [guard for guard in self._failing(t) if guard.relation == "held"]
        lines = dict.fromkeys(placed(guard.operation, guard.source) for guard in held)
        return f"held constant, and changing on the segment: {', '.join(lines)}" if held else ""

    def _failing(self, t: Fraction) -> list[Guard]:
        """What is no comparison of two sides and comes out at t in another way than where the program was traced."""
        others = [guard for guard in self.program.guards if guard.relation not in COMPARED]
        if not others:
            return []
        try:
            values = self.program.unguarded(self.point(t).astype(float))
        except AbsNormalError:
            return others
        return [guard for guard in others if not self.program.holds(guard, values)]

    def _zero(self, low: Fraction, high: Fraction, i: int) -> Fraction:
        """Where level i, which has opposite signs at the ends, vanishes."""
        a, b = self.levels(low)[i], self.levels(high)[i]
        middle = low + (high - low) * Fraction(a) / (Fraction(a) - Fraction(b))
        if self.exact:
            return middle
        for _ in range(_BISECTIONS):
            value = self.levels(middle)[i]
            if value == 0 or high - low < _NARROW:
                break
            low, high = (middle, high) if value * a > 0 else (low, middle)
            middle = (low + high) / 2
            middle = Fraction(float(middle)) if low < Fraction(float(middle)) < high else middle
        return middle

    def _tied(self, t: Fraction) -> tuple[list[int], bool]:
        """The levels that vanish at t, and whether a branch ends there."""
        levels, s = self.levels(t), self.program.s
        zero = np.asarray(levels == 0)
        if not self.exact:
            before, after = (self._beside(t, step) for step in (-1, 1))
            zero |= np.sign(before) * np.sign(after) < 0
        return np.flatnonzero(self.program.whole(zero[:s])).tolist(), bool(zero[s:].any())

    def _beside(self, t: Fraction, step: int) -> Array:
        near = t + step * _APART
        try:
            return self.levels(min(max(near, Fraction(0)), Fraction(1)))
        except AbsNormalError:
            return self.levels(t)


def _kink(line: _Line, t: Fraction, template: Any) -> Kink:
    """The kink at t, landed on in float64 where that is possible."""
    program = line.program
    switches, branch = line._tied(t)
    wanted = switches or np.flatnonzero(line.levels(t) == 0).tolist()
    exact = line.point(t)
    near = exact.astype(float)
    x = land(line.levels_at, near, wanted, _rows(program, near, switches)) if wanted else None
    landed = x is not None
    if x is None:
        x = exact if line.exact else near
    nodes = [program.node_of(i) for i in switches]
    lines = [placed(node.operation or node.op, node.source) for node in nodes]
    if branch:
        lines += [placed(guard.operation, guard.source) for guard in program.guards]
    found = like(template, program.tree, x) if x.dtype != object else program.tree.unflatten(x)
    return Kink(t if line.exact else float(t), found, tuple(switches), tuple(dict.fromkeys(lines)), landed)


def _rows(program: Program, x: Array, switches: list[int]) -> Array:
    """The gradients of the switching variables at x; none where only a branch ends."""
    if not switches:
        return np.zeros((0, program.n))
    sweeps = Sweeps(program, x, values=program.unguarded(x))
    return sweeps.pull(sweeps.signature(0.0), unit_vectors(switches, program.s), None)[0]
