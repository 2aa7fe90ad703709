"""Which switches can change sign in a ball around a point, and how far the nearest kink is."""

from __future__ import annotations

import heapq
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from absnormal.arrays import Array, exactly
from absnormal.errors import AbsNormalError
from absnormal.frontends.points import flat
from absnormal.judgement.tolerances import finite
from absnormal.kinks.enclosure import enclose
from absnormal.program.program import Program
from absnormal.report.active import Active, active
from absnormal.report.plain import number
from absnormal.sweeps.rounding import rounding
from absnormal.sweeps.table import Sweeps
from absnormal.verify import trace

#: Nodes with at most this many entries together are evaluated on rationals.
_EXACT_ENTRIES = 5_000
#: Rows that are looked at one by one.
_ROWS = 64


@dataclass(frozen=True, eq=False)
class KinksNear:
    """The kinks around a point, in the max norm: every entry of x may move by the radius.

    Attributes
    ----------
    radius
        of the ball
    distance
        no switching variable that is not 0 at the point vanishes closer than this; 0.0 where one is active
    nearest
        a point at exactly this distance where one vanishes, in the structure of x, Fractions where floats are not
        exact; None where none was computed
    possible
        the numbers of the switches that may change sign in the ball; all others keep theirs
    certain
        those of them that were seen to change sign in the ball
    lines
        where the possible ones come from
    proved
        True: ``distance`` and the signs outside ``possible`` are proved for f.  False: they hold for the linearization
        of f at the point, as f is not piecewise linear or may branch in the ball, and say nothing certain about f
    arithmetic
        "rational", or "float64" with the rounding of the values and of the bounds added

    Examples
    --------
    >>> import numpy as np, absnormal as an
    >>> near = an.kinks_near(lambda x: np.abs(x[0]) + np.abs(x[0] - 8), [0.5], radius=1.0)
    >>> near.distance, near.possible, near.certain, near.proved
    (0.5, (0,), (0,), True)
    """

    radius: float
    distance: float
    nearest: Any
    possible: tuple[int, ...]
    certain: tuple[int, ...]
    lines: tuple[Active, ...]
    proved: bool
    arithmetic: str

    def __repr__(self) -> str:
        how = "proved" if self.proved else "to first order"
        return (f"<KinksNear within {number(self.radius)}: {len(self.possible)} possible, {len(self.certain)} certain,"
                f" none closer than {number(self.distance)}, {how}>")

    def __str__(self) -> str:
        said = "no kink is" if self.proved else "to first order no kink is"
        head = f"{said} closer than {number(self.distance)} (max norm, {self.arithmetic})"
        counts = f"within {number(self.radius)}: {len(self.possible)} switches may change sign, {len(self.certain)} do"
        places = (f"  {line.operation}{f' at {line.source}' if line.source else ''}: {line.switches}"
                  f"{f'   | {line.line}' if line.line else ''}" for line in self.lines)
        return "\n".join([head, counts, *places])


def kinks_near(f: Callable[[Any], Any] | Program, x: Any, radius: float) -> KinksNear:
    """Which switches can change sign when every entry of x moves by at most ``radius``.

    Parameters
    ----------
    f
        a function of one argument, or its `Program`; vector-valued ones too
    x
        the point, as in `absnormal.verify`
    radius
        of the ball in the max norm, finite and >= 0

    Returns
    -------
    KinksNear
        for a piecewise-linear f proved, on rationals where the program is small and otherwise by outward rounded
        intervals; for other f a first-order estimate, marked ``proved=False``

    Raises
    ------
    TraceError, DomainError, ValueError
        as `absnormal.verify` does

    Notes
    -----
    As long as no switch changes sign f is affine, with rows r_i of z_i: no z_i vanishes closer than
    min |z_i| / ||r_i||_1, and where that is attained one does (Griewank 2013, section 2, on the pieces of an abs-normal
    form).  A bound on all ||r_i||_1 from one sweep of absolute values says which rows are worth computing.  The radii
    of switches in a larger ball come from one sweep of intervals; see `absnormal.kinks.enclosure`.

    Examples
    --------
    >>> import numpy as np, absnormal as an
    >>> near = an.kinks_near(lambda x: np.abs(x[0] - 1) + np.maximum(x[0] + x[1], 0), [0.25, 0.5], 0.5)
    >>> near.distance, near.nearest, near.possible, near.certain, near.proved
    (0.375, array([-0.125,  0.125]), (1,), (1,), True)
    """
    radius = finite(radius, "radius")
    program = f if isinstance(f, Program) else trace(f, x)
    point = flat(program.tree, x, "x")
    piecewise = program.is_piecewise_linear
    exact = point.dtype == object or (piecewise and small(program))
    sweeps = Sweeps(program, exactly(point) if exact else point)
    reach = exactly(np.array(radius))[()] if exact else radius
    enclosure, error = enclose(sweeps, reach), enclose(sweeps, 0 * reach)
    z, own = np.abs(sweeps.z), error.z
    possible = np.flatnonzero(program.whole(np.asarray(z <= enclosure.z)))
    distance, nearest = _nearest(sweeps, z, own)
    proved = piecewise and enclosure.guarded
    if proved and not _holds_to(sweeps, distance):
        # The branches are known in the ball only.
        distance, nearest = min(distance, reach), None
    return KinksNear(
        radius=radius, distance=_below(distance),
        nearest=None if nearest is None or not proved else program.tree.unflatten(_plain(nearest)),
        possible=tuple(possible.tolist()), certain=tuple(_changing(sweeps, possible, reach)),
        lines=_lines(sweeps, possible), proved=proved, arithmetic="rational" if exact else "float64",
    )


def small(program: Program) -> bool:
    """Whether a program is evaluated on rationals without asking."""
    return sum(math.prod(node.shape) for node in program.nodes) <= _EXACT_ENTRIES


def _holds_to(sweeps: Sweeps, distance: Any) -> bool:
    """Whether the branches that were followed are followed up to the distance."""
    if not sweeps.program.guards:
        return True
    return math.isfinite(distance) and enclose(sweeps, distance).guarded


def _below(distance: Any) -> float:
    """A float that is not larger."""
    found = float(distance)
    return found if found <= distance else float(np.nextafter(found, -math.inf))


def _plain(point: Array) -> Array:
    """Floats where they are exact."""
    floats = point.astype(float)
    return floats if (floats == point).all() else point


def _nearest(sweeps: Sweeps, z: Array, error: Array) -> tuple[Any, Array | None]:
    """A lower bound on the distance to where a switching variable vanishes; on rationals with a point at it."""
    point = np.concatenate([leaf.reshape(-1) for leaf in sweeps.program.inputs(sweeps.values)])
    exact = z.dtype == object
    if not len(z):
        return math.inf, None
    if len(sweeps.alpha):
        return 0.0, point.astype(float)
    sigma = sweeps.signature(0.0)
    ones = exactly(np.ones(len(point))) if exact else np.ones(len(point))
    size = sweeps.magnitude(sigma, ones)[0]
    slack = 0 if exact else rounding(sweeps.push_depth + sweeps.pull_depth + len(point))
    clear = z if exact else np.maximum(z - error, 0.0)
    size = size * (1 + slack)
    lowest = [math.inf if not s else c / s for c, s in zip(clear.tolist(), size.tolist(), strict=True)]
    best, where = math.inf, None
    # From the smallest bound on, until a distance is below all bounds that are left.
    order = heapq.nsmallest(_ROWS, range(len(lowest)), key=lowest.__getitem__)
    for i in order:
        if best <= lowest[i]:
            return best, where
        row = _row(sweeps, sigma, i)
        length = np.abs(row).sum() + slack * size[i]
        if length and clear[i] / length < best:
            best = clear[i] / length
            where = point - best * np.sign(sweeps.z[i]) * np.sign(row) if exact else None
    rest = min((lowest[i] for i in set(range(len(lowest))) - set(order)), default=math.inf)
    return (best, where) if best <= rest else (rest, None)


def _row(sweeps: Sweeps, sigma: Array, switch: int) -> Any:
    seed = np.zeros((1, sweeps.program.s))
    seed[0, switch] = 1.0
    if sweeps.rational:
        seed = exactly(seed)
    return sweeps.pull(sigma, seed, None)[0][0]


def _changing(sweeps: Sweeps, possible: Array, radius: Any) -> Iterator[int]:
    """The switches that have another sign at the corner of the ball to which their row points."""
    if not radius:
        return
    program, sigma = sweeps.program, sweeps.signature(0.0)
    point = np.concatenate([leaf.reshape(-1) for leaf in program.inputs(sweeps.values)])
    # Entries of a norm change sign without a kink.
    norms = {i for index in program.blocks for i in program.lanes(index).ravel().tolist()}
    for i in possible[:_ROWS].tolist():
        if i in norms:
            if sweeps.active[i]:
                yield i
            continue
        step = radius * np.sign(_row(sweeps, sigma, i))
        sides = (1, -1) if sweeps.active[i] else (-np.sign(sweeps.z[i]),)
        signs = {int(np.sign(sweeps.z[i]))}
        for side in sides:
            try:
                signs.add(int(np.sign(program.switching(program.evaluate(point + side * step))[i])))
            except AbsNormalError:
                continue
        if {1, -1} <= signs:
            yield i


def _lines(sweeps: Sweeps, possible: Array) -> tuple[Active, ...]:
    """The lines of the switches, grouped as active ones are."""
    near = Sweeps(sweeps.program, [], values=sweeps.values)
    near.active = np.zeros(len(sweeps.z), bool)
    near.active[possible] = True
    return active(near, None)
