"""Direction, with free switches (THEORY 2.5).

Hypotheses
----------
U contains every active i with |c_i| < 1 whose row is not zero for every sigma_U (slopes c outside of U).  The rows of
U, with slope 0 on U and c outside, are linearly independent.  One direction d has r_i . d = 0 for i in U and
c_i r_i . d > 0 for all other i, those excepted whose row is zero and that have no accumulated coupling to U.

Statement
---------
g_c is a Clarke gradient; with U empty it is a limiting gradient.

Proof idea
----------
r_i . d does not depend on sigma_U, so a small step from d realizes (sigma_U, c) for every sigma_U, and g_c is the mean
of these g_sigma over independent signs on U.

Notes
-----
`along_candidates` tries cheap directions in floating point and trusts a sign only beyond its rounding error; `exactly`
decides by a linear program on rationals.  A derivative of 0 along d is no zero row.

Source
------
With U empty: Khan & Barton 2013.  With free switches: this package, THEORY 2.5.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np

from absnormal.active.orders import ordered
from absnormal.active.private_inputs import private_inputs
from absnormal.active.system import System
from absnormal.arrays import Array, lengths, unit_vectors
from absnormal.certificates.evidence import OnForm, wide
from absnormal.clarke.fallback import OpenAlong
from absnormal.rational.linear_algebra import Matrix, Vector, dot, nullspace, rank
from absnormal.rational.linear_program import open_direction
from absnormal.sweeps.realized import realizes
from absnormal.theorems.problem import Problem, Proof

_UPDATES = 10
#: So many signs that are wrong after two updates stay wrong, where they are a part of all as below.
_MANY_WRONG = 1000
#: Switches, and numbers in the seeds of their rows, up to which a direction is solved for.
_FEW, _NUMBERS = 512, 32_000_000
#: Sweeps forward and back with which rates are approached, and the part of all signs that may be wrong after so many.
_ITERATIONS, _SEEN, _STILL_WRONG = 60, 6, 0.2


@dataclass(frozen=True, eq=False)
class OpenWithFree(OnForm):
    """One direction that realizes all relevant switches but U, along which the rows of U vanish.

    Attributes
    ----------
    free
        U, as positions among the relevant switches
    direction
        in their columns
    """

    kind = "direction"
    free: Sequence[int]
    direction: Vector

    def on(self, system: System) -> dict[str, Any]:
        """The direction in all columns."""
        return {"kind": self.kind, "free": self.free, "direction": wide(system, self.direction)}


def along_candidates(problem: Problem) -> Proof | None:
    """Definite slopes: the pull of c over the active switches as a direction, and a few perceptron steps from it."""
    sweeps, c = problem.sweeps, np.asarray(problem.c, dtype=float)
    if not len(c) or sweeps.rational:
        return None
    needed = problem.maybe_nonzero & sweeps.pattern(problem.sigma)[0][sweeps.alpha]
    if not np.all(np.abs(c[needed & ~sweeps.in_blocks[sweeps.alpha]]) == 1):
        return None
    needed = needed & ~problem.equal_rows.zero_rows()
    weights = np.where(needed, c, 0.0)
    for candidate in (_layered, _solved, _in_order):
        found = candidate(problem, needed)
        if found is not None and realizes(sweeps, problem.sigma, found, needed=needed)[needed].all():
            return _realized_by(found)
    d = np.zeros(sweeps.program.n)
    for number in range(_UPDATES):
        d = d + _pulled(problem, weights)
        largest = np.abs(d).max(initial=0.0)
        if not np.isfinite(largest) or largest == 0:
            return None
        d = d / largest
        wrong = needed & ~realizes(sweeps, problem.sigma, d, needed=needed)
        if not wrong.any():
            return _realized_by(d)
        if number and wrong.sum() > max(_MANY_WRONG, _STILL_WRONG * needed.sum()):
            return None
        weights = np.where(wrong, c, 0.0)
    return None


def _realized_by(d: Array) -> Proof:
    reason = "one direction realises the tool's choice at every active switch: a limiting gradient"
    return Proof("direction", True, reason, "float64", OpenAlong(d))


def _pulled(problem: Problem, weights: Array) -> Array:
    """The sum of the active rows with these weights."""
    seeds = np.zeros((1, problem.sweeps.program.s))
    seeds[0, problem.sweeps.alpha] = weights
    return np.asarray(problem.sweeps.pull(problem.sigma, seeds, None)[0][0])


def _layered(problem: Problem, needed: Array) -> Array | None:
    """A direction for the kinks that have no private inputs, and for each other layer a larger step along its own.

    Ties between units that share a bias are not moved by it.  Where such ties are few the direction is the one along
    which their rates are their slopes, otherwise the pull of c.
    """
    sweeps, c = problem.sweeps, np.asarray(problem.c, dtype=float)
    program, known = sweeps.program, private_inputs(sweeps.program)
    position = np.full(program.s, -1)
    position[sweeps.alpha] = np.arange(len(c))
    rest, steps = needed.copy(), []
    for index in program.kinked:
        node = program.nodes[index]
        own = position[node.own]
        mine = (own >= 0) & needed[own]
        found = known.of(index) if mine.any() else []
        if found:
            rest[own[mine]] = False
            step = np.zeros(program.n)
            step[found[0].groups[mine]] = found[0].sign * c[own[mine]]
            steps.append(step)
    d = _solved(problem, rest)
    if d is None and not steps:
        return None
    d = _pulled(problem, np.where(rest, c, 0.0)) if d is None else d
    largest = np.abs(d).max(initial=0.0)
    d = d / largest if largest else d
    for step in steps:
        rates = np.abs(sweeps.push(problem.sigma, d[None])[0][0][sweeps.alpha[needed]]).max(initial=0.0)
        d = d + 4 * max(1.0, float(rates)) * step
    return d if np.isfinite(d).all() else None


def _solved(problem: Problem, chosen: Array) -> Array | None:
    """The least d with r_i . d = c_i for the chosen switches, in floating point; None where they are many."""
    sweeps, count = problem.sweeps, int(chosen.sum())
    if not 0 < count <= _FEW or count * max(sweeps.program.n, sweeps.program.s) > _NUMBERS:
        return None
    rows = sweeps.pull(problem.sigma, unit_vectors(sweeps.alpha[chosen], sweeps.program.s), None)[0]
    sizes = lengths(rows.T)
    if not sizes.all() or not np.isfinite(sizes).all():
        return None
    unit, rates = rows / sizes[:, None], np.asarray(problem.c, dtype=float)[chosen] / sizes
    return np.asarray(np.linalg.lstsq(unit @ unit.T, rates, rcond=None)[0] @ unit)


def _in_order(problem: Problem, chosen: Array) -> Array | None:
    """A direction along which entries that are compared grow in the order that the slopes ask for."""
    order = ordered(problem.sweeps, problem.sigma, chosen)
    if order is None or order.direction is not None:
        return None if order is None else order.direction
    return _iterated(problem, chosen, np.where(np.isnan(order.rates), problem.c, order.rates))


def _iterated(problem: Problem, chosen: Array, rates: Array) -> Array | None:
    """Nearly the least d with these rates r_i . d of the chosen switches, without rows, by conjugate gradients on the
    normal equations (Hestenes & Stiefel 1952); it ends where all signs are right, or too many stay wrong."""
    sweeps, alpha, few = problem.sweeps, problem.sweeps.alpha, chosen.sum() * _STILL_WRONG
    left = np.where(chosen, rates, 0.0)
    d, size = np.zeros(sweeps.program.n), np.abs(left)
    step = slope = _pulled(problem, left)
    for number in range(_ITERATIONS):
        moved = np.where(chosen, sweeps.push(problem.sigma, step[None])[0][0][alpha], 0.0)
        length = float(moved @ moved)
        if not 0 < length < np.inf:
            break
        part = float(slope @ slope) / length
        d, left = d + part * step, left - part * moved
        wrong = int((np.abs(left) >= size)[chosen].sum())
        if not wrong or (number + 1 >= _SEEN and wrong > few):
            break
        before, slope = float(slope @ slope), _pulled(problem, left)
        if not before:
            break
        step = slope + float(slope @ slope) / before * step
    return d if np.isfinite(d).all() and d.any() else None


def exactly(problem: Problem) -> Proof | None:
    """The theorem on rationals, by one rank and one linear program."""
    system = problem.relevant
    if system is None or not system.proved:
        return None
    c = problem.slopes_in(system)
    free = [i for i in range(system.k) if abs(c[i]) < 1]
    found = find(system, c, free)
    if found is None:
        return None
    mixed = f", mean over {len(free)} free switches" if free else ""
    reason = f"one direction realises the tool's choice at every active switch{mixed}"
    return Proof("direction", True, reason, system.arithmetic, OpenWithFree(free, found))


def find(system: System, c: Vector, free: list[int]) -> Vector | None:
    """A direction as the theorem asks for, in the basis of columns."""
    rows, couplings = accumulated(system, c, free)
    if rank([rows[i] for i in free]) < len(free):
        return None
    basis = nullspace([rows[i] for i in free], system.width) if free else None
    inside: Matrix = []
    for i in range(system.k):
        if i in free or not (any(rows[i]) or any(couplings[i])):
            continue
        signed = [c[i] * a for a in rows[i]]
        inside.append(signed if basis is None else [dot(signed, b) for b in basis])
    if any(not any(row) for row in inside):
        return None
    t, _ = open_direction(inside)
    if t is None:
        return None
    if basis is None:
        return t or [Fraction(0)] * system.width
    d = [Fraction(0)] * system.width
    for factor, vector in zip(t, basis, strict=False):
        d = [a + factor * b for a, b in zip(d, vector, strict=True)]
    return d


def accumulated(system: System, c: Vector, free: list[int]) -> tuple[Matrix, Matrix]:
    """Rows with slope 0 on the free switches and c elsewhere, and the accumulated couplings to the free ones."""
    rows: Matrix = []
    couplings: Matrix = []
    for i in range(system.k):
        row, coupling = list(system.rows[i]), [Fraction(0)] * len(free)
        for j in range(i):
            weight = system.couplings[i][j]
            if not weight:
                continue
            if j in free:
                coupling[free.index(j)] += weight
            else:
                row = [a + weight * c[j] * b for a, b in zip(row, rows[j], strict=True)]
                coupling = [a + weight * c[j] * b for a, b in zip(coupling, couplings[j], strict=True)]
        rows.append(row)
        couplings.append(coupling)
    return rows, couplings
