"""The active switches by themselves: base rows, couplings and output weights, on rationals.

    z_i = sum_j R_ij v_j + sum_{j < i} Lt_ij |z_j|,     g_sigma = J~ + sum_i b_i sigma_i r_i^sigma

in the coordinates v of the generators (the inputs, for a piecewise-linear program), after the inactive switches have
been eliminated (THEORY 1.2).  The columns are reduced to a basis of the row space, in which every statement about signs
of r . d and every comparison of two g_sigma is the same.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import cached_property
from math import comb
from typing import Any

import numpy as np

from absnormal.active.arithmetic import TooLarge
from absnormal.active.forms import Forms, forms
from absnormal.active.linear_form import Key
from absnormal.active.rows import ENTRIES, base_rows, certainly_independent
from absnormal.active.scaled import Scaled
from absnormal.active.weights import Weights, computed_weights, weights_of
from absnormal.arrays import Array, unit_vectors
from absnormal.rational import modular
from absnormal.rational.linear_algebra import Matrix, Vector, pivots, simplest
from absnormal.sweeps.conditioning import beyond_values
from absnormal.sweeps.realized import realizes
from absnormal.sweeps.rounding import rounding
from absnormal.sweeps.table import Sweeps

#: Active switches up to which rows are collected one by one, whatever they are.
MANY = 64
#: Active switches, and open cells of as many hyperplanes in general position, up to which more of them are.
_LARGEST, _FEW = 1000, 4000
_EXACT_ENTRIES = 20_000


class StructuralKey:
    """What equal systems have in common; hashed once."""

    __slots__ = ("_hash", "_parts")

    def __init__(self, parts: tuple[Any, ...]) -> None:
        self._parts, self._hash = parts, hash(parts)

    def __hash__(self) -> int:
        return self._hash

    def __eq__(self, other: object) -> bool:
        return self is other or (isinstance(other, StructuralKey) and self._parts == other._parts)


def generic_cells(count: int, rank: int) -> int:
    """The open cells of so many hyperplanes through 0 in general position in R^rank."""
    return 2 * sum(comb(count - 1, i) for i in range(rank))


@dataclass(frozen=True, eq=False)
class System:
    """k active switches in evaluation order.

    Attributes
    ----------
    switches
        their numbers, shape (k,)
    rows
        R in a basis of columns, k x rank
    couplings
        Lt, k x k, strictly lower triangular
    weights
        b, the weights of |z_i| in y, one list per output entry
    signs
        z_i is a positive multiple of signs_i times the form that row i holds: slopes change with it
    proved
        True when the open cells of the rows are all that dC f(x) is made of (hypothesis E, or one variable)
    arithmetic
        "rational" where everything is exact for the program, otherwise "float64": exact for computed derivatives
    full
        the rows in all columns, k x p
    inputs
        for each of the p columns the input number, or None where generators are other nodes
    base
        J~ of the whole program by output entry, input number -> derivative, where everything is rational; or None
    hidden
        True when a generator depends on an active switch: the cells are those of the forms, but what |z_i| does to y
        also goes through generators, so g_sigma, adjoints and reach are not those of the couplings here
    errors
        bounds on the rounding in the weights, one list per output entry; None where they are exact
    """

    switches: tuple[int, ...]
    rows: Matrix
    couplings: Matrix
    weights: list[Vector]
    signs: tuple[int, ...]
    proved: bool
    arithmetic: str
    full: Matrix
    columns: tuple[int, ...]
    inputs: tuple[int, ...] | None
    base: list[dict[int, Fraction]] | None = None
    hidden: bool = False
    errors: list[Vector] | None = None

    @property
    def explicit(self) -> bool:
        """Whether the open cells are proved and g_sigma can be read off."""
        return not self.doubt

    @property
    def doubt(self) -> str:
        """Why the system is not explicit; empty where it is."""
        if not self.proved:
            return (
                "the active switches are not piecewise linear in independent coordinates (hypothesis E), so the open"
                " cells need not be all of the generalized gradient"
            )
        return "active switches act on each other through smooth operations" if self.hidden else ""

    @property
    def k(self) -> int:
        """The number of active switches."""
        return len(self.switches)

    @property
    def width(self) -> int:
        """The rank of the base rows."""
        return len(self.columns)

    @property
    def generic_cells(self) -> int:
        """The open cells of k hyperplanes through 0 in general position in R^width."""
        return generic_cells(self.k, self.width)

    @cached_property
    def scaled(self) -> Scaled:
        """The system in integers."""
        return Scaled.of(self)

    def slopes(self, c: Sequence[Any]) -> Vector:
        """Slopes of |z_i| as slopes of the forms."""
        return [sign * simplest(value) for sign, value in zip(self.signs, c, strict=True)]

    def row(self, i: int, sigma: Sequence[Fraction | int], rows: Matrix) -> Vector:
        """r_i^sigma from the rows r_j^sigma, j < i."""
        total = list(self.rows[i])
        for j, weight in enumerate(self.couplings[i][:i]):
            if weight and sigma[j]:
                factor = weight * sigma[j]
                total = [a + factor * b for a, b in zip(total, rows[j], strict=True)]
        return total

    def all_rows(self, sigma: Sequence[Fraction | int]) -> Matrix:
        """All r^sigma."""
        rows: Matrix = []
        for i in range(self.k):
            rows.append(self.row(i, sigma, rows))
        return rows

    def gradient(self, sigma: Sequence[Fraction | int], rows: Matrix | None = None) -> Vector:
        """g_sigma - J~ of all outputs one after the other, in the basis of columns."""
        rows = self.all_rows(sigma) if rows is None else rows
        result: Vector = []
        for weights in self.weights:
            total = [Fraction(0)] * self.width
            for i, row in enumerate(rows):
                factor = weights[i] * sigma[i]
                if factor:
                    total = [a + factor * b for a, b in zip(total, row, strict=True)]
            result += total
        return result

    @cached_property
    def in_generators(self) -> System:
        """The same with rows in all columns, the generators."""
        return replace(self, rows=self.full, columns=tuple(range(len(self.full[0]) if self.full else 0)))

    @cached_property
    def key(self) -> StructuralKey:
        """Equal for systems that differ in the names of switches and generators only."""
        return StructuralKey(
            (*map(tuple, self.full), *map(tuple, self.couplings), *map(tuple, self.weights), self.signs)
        )

    def renamed(self, switches: tuple[int, ...], inputs: tuple[int, ...] | None) -> System:
        """The same for other switches and inputs; what is known of it stays known."""
        other = object.__new__(System)
        vars(other).update(vars(self), key=self.key, _relevant=self._relevant, switches=switches, inputs=inputs)
        vars(other).pop("in_generators", None)
        return other

    def signature(self, sweeps: Sweeps, signs: Sequence[int], rest: float) -> Array:
        """Slopes of all |z| from signs of the forms; ``rest`` where a sign is immaterial and at other active ones."""
        sigma = sweeps.signature(rest)
        sigma[list(self.switches)] = [sign * s if s else rest for sign, s in zip(self.signs, signs, strict=True)]
        return sigma

    def reached(self) -> list[bool]:
        """Whether a switch can change the output: a chain leads from it to a weight that is not 0."""
        result = [False] * self.k
        for j in range(self.k - 1, -1, -1):
            result[j] = any(weights[j] for weights in self.weights) or any(
                result[i] and self.couplings[i][j] for i in range(j + 1, self.k)
            )
        return result

    def relevant(self) -> System:
        """Without the switches that are identically zero or cannot reach the output."""
        return self if self.hidden else self.part(self._relevant)

    @cached_property
    def _relevant(self) -> list[int]:
        reached = self.reached()
        return [i for i in range(self.k) if reached[i] and (any(self.full[i]) or any(self.couplings[i]))]

    def part(self, keep: Sequence[int]) -> System:
        """The system of some of its switches, those left out having no influence on what remains."""
        if len(keep) == self.k:
            return self
        return System(
            tuple(self.switches[i] for i in keep),
            [self.rows[i] for i in keep],
            [[self.couplings[i][j] for j in keep] for i in keep],
            [[weights[i] for i in keep] for weights in self.weights],
            tuple(self.signs[i] for i in keep),
            self.proved,
            self.arithmetic,
            [self.full[i] for i in keep],
            self.columns,
            self.inputs,
            self.base,
            self.hidden,
            None if self.errors is None else [[errors[i] for i in keep] for errors in self.errors],
        )


def build(sweeps: Sweeps) -> System | None:
    """The system of the active switches; None when there are too many of them, in too many dimensions."""
    many = len(sweeps.alpha) > MANY
    if len(sweeps.alpha) > _LARGEST:
        return None
    try:
        system = _from_forms(sweeps, forms(sweeps))
        if system is not None and not system.proved:
            # What a switch sees through may be a generator beside itself: u, and exp(u) elsewhere.
            other = _from_forms(sweeps, forms(sweeps, through=False))
            system = other if other is not None and other.proved else system
    except TooLarge:
        return _beyond_forms(sweeps)
    return None if many and system is not None and system.generic_cells > _FEW else system


def _from_forms(sweeps: Sweeps, found: Forms) -> System | None:
    switches = tuple(int(i) for i in sweeps.alpha)
    if not all(i in found.z for i in switches):
        return _beyond_forms(sweeps)
    if len(switches) > MANY and _of_inputs(found.generators):
        # A rank modulo a prime is at most the rank, and costs little.
        least = modular.pivots(_matrices(found, switches, found.generators)[0])
        if least is not None and generic_cells(len(switches), len(least[0])) > _FEW:
            raise TooLarge
    weights = weights_of(sweeps, found)
    system = dense_system(found, switches, found.generators, weights)
    if system.arithmetic == "rational":
        return replace(system, base=base_of(found))
    if system.inputs is not None:
        return system
    system = replace(system, hidden=_any_depends_on_a_kink(sweeps, found.generators))
    if _independent(sweeps, found.generators):
        return system
    # Only the generators of switches that y depends on need to be independent.
    relevant = system.relevant()
    used = [key for j, key in enumerate(found.generators) if any(row[j] for row in relevant.full)]
    return relevant if relevant.k < system.k and _independent(sweeps, used) else _beyond_forms(sweeps)


def _beyond_forms(sweeps: Sweeps) -> System | None:
    """The computed rows where hypothesis E fails.  They are proposals, but for functions of one variable.

    On a line no thin cell can be missed: where every active row is nonzero in both cells, for +1 and -1, all switches
    have the signs of these cells on the two sides of x, and the two limiting gradients are all there are.
    """
    system = from_rows(sweeps)
    if system is None or sweeps.program.n != 1:
        return system
    sides = [np.array([side]) for side in (1.0, -1.0)]
    signed = [(sweeps.directional(side).sigma, side) for side in sides]
    certified = all(realizes(sweeps, sigma, side).all() for sigma, side in signed)
    return replace(system, proved=True) if certified else system


def base_of(found: Forms) -> list[dict[int, Fraction]]:
    """J~ of a piecewise-linear program."""
    known = [y.terms for y in found.y if y is not None]
    return [{key[1]: v for key, v in y.items() if key[0] == "input"} for y in known]


def dense_system(found: Forms, switches: tuple[int, ...], generators: Sequence[Key], weights: Weights) -> System:
    """Some switches and their generators as matrices."""
    full, couplings = _matrices(found, switches, generators)
    values, errors = (
        None if numbers is None else [[row.get(i, Fraction(0)) for i in switches] for row in numbers]
        for numbers in (weights.values, weights.errors)
    )
    assert values is not None
    return _reduced(
        switches, full, couplings, values, tuple(1 if found.z[i].q > 0 else -1 for i in switches), True,
        weights.arithmetic,
        tuple(key[1] for key in generators) if _of_inputs(generators) else None, errors,
    )


def _of_inputs(generators: Sequence[Key]) -> bool:
    return all(key[0] == "input" for key in generators)


def _matrices(found: Forms, switches: tuple[int, ...], generators: Sequence[Key]) -> tuple[Matrix, Matrix]:
    """Rows in the generators, and couplings."""
    position, at = {key: j for j, key in enumerate(generators)}, {switch: i for i, switch in enumerate(switches)}
    full = [[Fraction(0)] * len(position) for _ in switches]
    couplings = [[Fraction(0)] * len(switches) for _ in switches]
    for i, switch in enumerate(switches):
        for key, value in found.z[switch].terms.items():
            if key[0] == "abs":
                couplings[i][at[key[1]]] = value
            elif key in position:
                full[i][position[key]] = value
    return full, couplings


def _any_depends_on_a_kink(sweeps: Sweeps, generators: Sequence[Key]) -> bool:
    """Whether one of the generators depends on an active switch."""
    return any(kind == "switch" or (kind == "node" and sweeps.depending[index]) for kind, index, _ in generators)


def _independent(sweeps: Sweeps, generators: Sequence[Key]) -> bool:
    """Part (b) of hypothesis E: the base rows of the generators are independent, beyond their rounding."""
    if len(generators) * sweeps.program.n > ENTRIES or len(generators) > 4 * MANY:
        return False
    sigma = sweeps.signature(0.0)

    def rows_at(near: Sweeps, magnitude: bool = False) -> Array:
        rows = np.zeros((len(generators), near.program.n))
        for i, (kind, index, place) in enumerate(generators):
            if kind == "input":
                rows[i, index] = 1.0
            elif kind == "switch":
                pull = near.pull_magnitude if magnitude else near.pull
                rows[i] = pull(sigma, unit_vectors([index], near.program.s), None)[0][0]
            else:
                pull_node = near.pull_node_magnitude if magnitude else near.pull_node
                size = int(np.prod(near.program.nodes[index].shape, dtype=int))
                rows[i] = pull_node(sigma, index, unit_vectors([place], size))[0]
        return rows

    rows, errors = rows_at(sweeps), rounding(sweeps.pull_depth) * rows_at(sweeps, magnitude=True)
    return certainly_independent(rows, errors) and certainly_independent(
        rows, errors + beyond_values(sweeps, sigma, rows, rows_at)
    )


def from_rows(sweeps: Sweeps) -> System | None:
    """The computed rows in place of exact ones: their cells are only proposals."""
    if sweeps.rational or sweeps.lanes or len(sweeps.alpha) > MANY:
        return None
    found = base_rows(sweeps)
    if found is None or not all(np.isfinite(matrix).all() for matrix in found):
        return None
    rows, couplings = found
    switches = tuple(int(i) for i in sweeps.alpha)
    used = np.flatnonzero(rows.any(axis=0))
    if len(used) * len(switches) > _EXACT_ENTRIES:
        return None
    weights, errors = computed_weights(sweeps, [Fraction(1)] * len(switches))
    full, exact = ([[Fraction(a) for a in row] for row in matrix.tolist()] for matrix in (rows[:, used], couplings))
    inputs = tuple(int(j) for j in used)
    return _reduced(switches, full, exact, weights, (1,) * len(switches), False, "float64", inputs, errors)


def _reduced(
    switches: tuple[int, ...], full: Matrix, couplings: Matrix, weights: list[Vector], signs: tuple[int, ...],
    proved: bool, arithmetic: str, inputs: tuple[int, ...] | None, errors: list[Vector] | None,
) -> System:
    _, columns = pivots(full)
    rows = [[row[j] for j in columns] for row in full]
    return System(
        switches, rows, couplings, weights, signs, proved, arithmetic, full, tuple(columns), inputs, errors=errors
    )
