"""Looking for wrong gradients where they are: from random points to kinks, and on to where kinks meet."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from absnormal.arrays import Array, unit_vectors
from absnormal.errors import AbsNormalError, DomainError
from absnormal.frontends.points import flat, framework, like, tree_of
from absnormal.frontends.ties.slopes import TABLES
from absnormal.kinks.landing import land
from absnormal.kinks.segment import find_kink
from absnormal.program.program import Program
from absnormal.report.record import Record, record, record_of_error
from absnormal.sweeps.table import Sweeps
from absnormal.verify import trace, verify

#: The slopes that are tried: what tools do at ties, and relu'(0) = 0 and 1.
SLOPES: tuple[Any, ...] = (*TABLES, -1.0, 1.0)
#: How often points on the same kinks are judged.
_AGAIN = 2
_NEWTON = 8
#: Random points that are tried to trace f at.
_TRACES = 20
#: At most this many switches are led to a common zero.
_TOGETHER = 3


@dataclass(frozen=True, eq=False)
class Found:
    """A point on kinks with a record for every slope, in the order of the slopes.

    There is one record only where f is refused, and where a framework's own gradient is judged.
    """

    x: Any
    switches: tuple[int, ...]
    records: tuple[Record, ...]


def search(
    f: Callable[[Any], Any] | Program, x: Any, *, radius: float = 1.0, trials: int = 100, seed: int = 0,
    slopes: Sequence[Any] = SLOPES,
) -> Iterator[Found]:
    """Points on kinks around x with the verdicts there, one trial after the other.

    Parameters
    ----------
    f
        a function of one argument that returns one number, or its `Program`
    x
        the middle of the search; it is judged too when it lies on a kink
    radius
        every entry of a random point differs from x by at most this
    trials
        the number of random segments that are followed
    seed
        of the random points
    slopes
        what `absnormal.verify` takes for ``slope``, one after the other

    Notes
    -----
    Every trial follows a segment between two random points to the switches that vanish on it, and from there goes by
    Newton's method to where some others vanish too.  Points on kinks that were met before are passed over.
    """
    random = np.random.default_rng(seed)
    program = f if isinstance(f, Program) else _traced(f, x, radius, random)
    middle = flat(program.tree, x, "x").astype(float)
    met, judged = Counter[Any](), set[bytes]()
    number = 0
    for trial in range(trials):
        for point, known in _points(f, program, x, middle, radius, random, first=trial == 0):
            switches, key = _active(f, program, point, known)
            # -0.0 + 0.0 is 0.0: the same point.
            same = (point + 0.0).tobytes()
            if not key or met[key] >= _AGAIN or same in judged:
                continue
            met[key] += 1
            judged.add(same)
            here = like(x, program.tree, point)
            yield Found(here, switches, _judged(f, here, slopes, number))
            number += 1


def _traced(f: Any, x: Any, radius: float, random: np.random.Generator) -> Program:
    """The program of f at a random point near x, where f is defined and no branch is tied."""
    tree = tree_of(x)
    point = flat(tree, x, "x").astype(float)
    for _ in range(_TRACES - 1):
        try:
            return trace(f, like(x, tree, point + random.uniform(-radius, radius, point.shape)))
        except AbsNormalError:
            continue
    return trace(f, like(x, tree, point + random.uniform(-radius, radius, point.shape)))


def _points(
    f: Any, program: Program, x: Any, middle: Array, radius: float, random: np.random.Generator, first: bool
) -> Iterator[tuple[Array, tuple[str, ...]]]:
    """Float64 points that may lie on kinks, with the lines of branches that meet there."""
    if first:
        yield middle, ()
    begin, end = (middle + random.uniform(-radius, radius, middle.shape) for _ in range(2))
    try:
        kinks = find_kink(f, like(x, program.tree, begin), like(x, program.tree, end))
    except AbsNormalError:
        return
    for kink in kinks:
        if kink.landed:
            point = flat(program.tree, kink.x, "x").astype(float)
            yield point, () if kink.switches else kink.lines
            if kink.switches:
                yield from _meetings(program, point, kink.switches, random)


def _meetings(
    program: Program, x: Array, switches: tuple[int, ...], random: np.random.Generator
) -> Iterator[tuple[Array, tuple[str, ...]]]:
    """Where some other switches vanish too, by Newton's method."""
    others = np.setdiff1d(np.arange(program.s), switches)
    most = min(_TOGETHER, len(x) - 1, len(others))
    if most < 1:
        return
    chosen = random.choice(others, random.integers(1, most, endpoint=True), replace=False)
    wanted = sorted({switches[0], *chosen.tolist()})
    seeds = unit_vectors(wanted, program.s)
    point = x.copy()
    try:
        for _ in range(_NEWTON):
            sweeps = Sweeps(program, point)
            rows = sweeps.pull(sweeps.signature(0.0), seeds, None)[0]
            if not sweeps.z[wanted].any():
                break
            point = point - np.linalg.lstsq(rows, sweeps.z[wanted].astype(float), rcond=None)[0]
        landed = land(lambda p: program.switching(program.evaluate(p)), point, wanted, rows)
    except (AbsNormalError, np.linalg.LinAlgError):
        return
    if landed is not None:
        yield landed, ()


def _active(f: Any, program: Program, point: Array, branches: tuple[str, ...]) -> tuple[tuple[int, ...], Any]:
    """The active switches, and what tells points on different kinks apart; nothing where no kink is."""
    if branches:
        return (), branches
    try:
        z = program.switching(program.evaluate(point))
    except DomainError:
        return (), ()
    except AbsNormalError:
        return (), ("another branch", *np.sign(point).tolist())
    switches = tuple(np.flatnonzero(program.whole(z == 0)).tolist())
    return switches, switches


def _judged(f: Any, x: Any, slopes: Sequence[Any], number: int) -> tuple[Record, ...]:
    try:
        if framework(x) and not isinstance(f, Program):
            return (record(verify(f, x), number),)
        source = f if isinstance(f, Program) else trace(f, x)
        return tuple(record(verify(source, x, slope=slope), number) for slope in slopes)
    except AbsNormalError as error:
        return (record_of_error(error, number),)
