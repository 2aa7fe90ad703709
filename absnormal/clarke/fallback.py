"""One certified Clarke gradient at a constant times the cost of f (THEORY 4.1).

Hypotheses
----------
For a direction d, sigma_i = sign(r_i^sigma . d) is chosen on the way forward, and every active i with r_i^sigma . d = 0
has r_i^sigma = 0, as a row.  Or sigma_i is the sign of the first nonzero number among r_i^sigma . d_1,
r_i^sigma . d_2, ..., where d_1, d_2, ... span the row space.

Statement
---------
g_sigma is a limiting gradient of f.

Proof idea
----------
d, or d_1 + eps d_2 + eps^2 d_3 + ..., realizes sigma.

Notes
-----
One forward and one backward sweep.  A sign below its rounding error is not a sign: another direction is tried, and then
rational arithmetic.  A row is proved to be zero structurally, by equal rows, or without rounding (THEORY 4.2).

Source
------
Nesterov 2005; Khan & Barton 2013, 2015; Kakade & Lee 2018.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from fractions import Fraction
from functools import cache
from typing import Any

import numpy as np

from absnormal.active.system import System, build
from absnormal.arrays import Array
from absnormal.certificates import next_to_program
from absnormal.certificates.evidence import AtPoint, Evidence, Judged, NextToProgram, OnForm, wide
from absnormal.certificates.witness import Witness
from absnormal.errors import BudgetError
from absnormal.rational.linear_algebra import Matrix, Vector, dot
from absnormal.sweeps.equal_rows import EqualRows
from absnormal.sweeps.integers import zero_rows
from absnormal.sweeps.overflow import overflow
from absnormal.sweeps.table import Sweeps
from absnormal.sweeps.zero_rows import few_of

_BLOCK = 4096
_TRIES = 4
#: So many switches that two directions leave open are open along others, too.
SAME = 1000
#: So many times as many are so, too, by an estimate.
_MANY = 4


@dataclass(frozen=True, eq=False)
class NoActiveSwitch(NextToProgram):
    """f is smooth at the point: no switch is active."""

    kind = "no active switch"

    def proves(self, witness: Witness, rng: np.random.Generator) -> bool:
        """The program is evaluated again."""
        return next_to_program.none_active(witness)


@dataclass(frozen=True, eq=False)
class OpenAlong(NextToProgram):
    """One direction in x that realizes the slopes at all active switches.

    Attributes
    ----------
    direction
        shape (n,)
    """

    kind = "direction"
    direction: Array

    def proves(self, witness: Witness, rng: np.random.Generator) -> bool:
        """The direction is pushed."""
        return next_to_program.open_along(self.direction, witness, rng)

    def on_rationals(self, problem: AtPoint, judged: Judged | None) -> OnForm | None:
        """The same direction, where the columns of the system are inputs."""
        if problem.system is None or problem.system.inputs is None:
            return None
        return OpenInColumns([Fraction(self.direction[j]) for j in problem.system.inputs])


@dataclass(frozen=True, eq=False)
class OpenAtRandom(NextToProgram):
    """The same for the direction in general position that a seed gives, which is made when it is asked for."""

    kind = "direction"
    seed: int
    n: int

    @property
    def along(self) -> OpenAlong:
        """With the direction itself."""
        return OpenAlong(direction(self.n, self.seed))

    def proves(self, witness: Witness, rng: np.random.Generator) -> bool:
        """The direction is pushed."""
        return self.along.proves(witness, rng)

    def on_rationals(self, problem: AtPoint, judged: Judged | None) -> OnForm | None:
        """The same direction, where the columns of the system are inputs."""
        return self.along.on_rationals(problem, judged)

    def to_dict(self) -> dict[str, Any]:
        """The seed and the direction."""
        return {**self.along.to_dict(), "seed": self.seed}


@dataclass(frozen=True, eq=False)
class OpenInColumns(OnForm):
    """One direction, in all columns of a system, that realizes the slopes of its switches."""

    kind = "direction"
    direction: Vector

    def on(self, system: System) -> dict[str, Any]:
        """The direction; no switch is free."""
        return {"kind": self.kind, "free": [], "direction": self.direction}


@dataclass(frozen=True, eq=False)
class Lexicographic(OnForm):
    """A signature that is open along d_1 + eps d_2 + ..., by relevant switches and in their columns."""

    kind = "lexicographic"
    signature: list[int]
    directions: Matrix

    def on(self, system: System) -> dict[str, Any]:
        """The directions in all columns."""
        directions = [wide(system, d) for d in self.directions]
        return {"kind": self.kind, "signature": self.signature, "directions": directions}


@dataclass(frozen=True, eq=False)
class Certified:
    """A limiting gradient, its signature, and the evidence that it is one; ``proved`` is False where some sign could
    not be certified and its row not be proved to be zero, or the gradient overflows."""

    gradient: Array
    sigma: Array
    proved: bool
    arithmetic: str
    evidence: Evidence | None = None

    @property
    def finite(self) -> bool:
        """Whether no derivative overflowed."""
        return bool(np.isfinite(self.gradient).all())


@cache
def _block(seed: int) -> Array:
    return np.random.default_rng(seed).standard_normal(_BLOCK)


def direction(n: int, seed: int) -> Array:
    """A direction in general position, shape (n,): a fixed random block, repeated with slowly changing weights."""
    block = _block(seed)
    if n <= _BLOCK:
        return block[:n]
    count = -(-n // _BLOCK)
    return (block * (1.0 + np.arange(count) / count)[:, None]).reshape(-1)[:n]


def certified(sweeps: Sweeps, seed: int = 0, system: System | None = None) -> Certified:
    """A limiting gradient of f at the point, shape (n,), or where f has m numbers a limiting Jacobian, shape (m, n).

    One that overflows is not proved.
    """
    found = _certified(sweeps, seed, system)
    return found if found.finite else replace(found, proved=False, evidence=None)


def checked(found: Certified, sweeps: Sweeps, report: str) -> Array:
    """The gradient that was found, if it is proved; ``report`` is the call that says why it is not.

    Raises
    ------
    DomainError
        where a derivative overflows
    BudgetError
        where no direction certifies the signs of all kinks
    """
    if not found.finite:
        raise overflow(sweeps)
    if not found.proved:
        raise BudgetError(
            f"no direction certifies the signs of all kinks.  Fix: compute once what both sides of a kink share, try"
            f" another seed=, or float64; {report}.explanation names the lines"
        )
    return found.gradient


def _certified(sweeps: Sweeps, seed: int, system: System | None) -> Certified:
    if not len(sweeps.alpha):
        smooth = _float_gradient(sweeps, sweeps.signs)
        return Certified(smooth, sweeps.signs, True, "float64", NoActiveSwitch())
    sigma, before = sweeps.signature(0.0), np.zeros(len(sweeps.alpha), bool)
    if not sweeps.rational:
        for attempt in range(_TRIES):
            sigma, certain = chosen_along(sweeps, direction(sweeps.program.n, seed + attempt))
            if certain.all():
                evidence = OpenAtRandom(seed + attempt, sweeps.program.n)
                return Certified(derivative(sweeps, sigma), sigma, True, "float64", evidence)
            if attempt == 0:
                system = build(sweeps) if system is None else system
                exact = _lexicographic(sweeps, system, seed)
                if exact is not None:
                    return exact
            if (before & ~certain).sum() > SAME:
                break
            before = ~certain
    else:
        exact = _lexicographic(sweeps, build(sweeps) if system is None else system, seed)
        if exact is not None:
            return exact
    return Certified(_float_gradient(sweeps, sigma), sigma, False, "float64")


def chosen_along(sweeps: Sweeps, d: Array) -> tuple[Array, Array]:
    """The slopes that a direction chooses, and for each active switch whether it is proved that its slope is open."""
    chosen = sweeps.directional(d)
    sigma, certain = chosen.sigma, chosen.certified
    if not certain.all():
        # A sign that could not be certified does not matter when its row is zero; vectors stay in their balls.
        sigma = sigma.copy()
        sigma[sweeps.alpha[~certain & ~sweeps.in_blocks[sweeps.alpha]]] = 1.0
        certain = certain | ~sweeps.pattern(sigma)[0][sweeps.alpha]
    if not certain.all():
        rows = EqualRows(sweeps, sigma)
        few = few_of(~certain)
        open_ = few & ~rows.zero_rows(few)
        # Where a few say that many stay open, they are not counted.
        if not open_.any() or open_.sum() / few.sum() * (~certain).sum() <= _MANY * SAME:
            certain = certain | rows.zero_rows()
    if not certain.all():
        certain[~certain] = zero_rows(sweeps, sigma, sweeps.alpha[~certain])
    return sigma, certain


def _lexicographic(sweeps: Sweeps, system: System | None, seed: int) -> Certified | None:
    """The choice along d_1, e_1, e_2, ... on rationals."""
    if system is None or not system.proved:
        return None
    relevant = system.relevant()
    integers = np.random.default_rng(seed).integers(-99, 100, relevant.width)
    directions: Matrix = [[Fraction(int(a)) for a in integers]]
    directions += [[Fraction(int(i == j)) for j in range(relevant.width)] for i in range(relevant.width)]
    rows: Matrix = []
    signature: list[int] = []
    for i in range(relevant.k):
        row = relevant.row(i, signature, rows)
        rows.append(row)
        signature.append(_first_sign(row, directions))
    sigma = relevant.signature(sweeps, signature, 1.0)
    evidence = Lexicographic(signature, directions)
    return Certified(_float_gradient(sweeps, sigma), sigma, True, relevant.arithmetic, evidence)


def derivative(sweeps: Sweeps, sigma: Array) -> Array:
    """g_sigma, shape (n,), or the rows of all numbers that f returns, shape (m, n)."""
    m = sweeps.program.m
    return sweeps.gradient(sigma) if m == 1 else sweeps.pull(sigma, None, np.eye(m))[0]


def _float_gradient(sweeps: Sweeps, sigma: Array) -> Array:
    found = derivative(sweeps, sigma)
    try:
        return np.asarray(found, dtype=float)
    except OverflowError:
        return np.full(found.shape, np.inf)


def _first_sign(row: Vector, directions: Matrix) -> int:
    for d in directions:
        rate = dot(row, d)
        if rate:
            return 1 if rate > 0 else -1
    return 0
