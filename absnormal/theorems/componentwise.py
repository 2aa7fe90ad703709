"""Componentwise qualification (THEORY 2.6).

Hypotheses
----------
The active switches are partitioned into admissible components C: their row spaces are independent, couplings between
them have no cycle, and in every internally open cell a switch whose internal row vanishes has no coupling to the
outside.  With the transfer matrix

    M_C(sigma) = [Lt_later,C ; b_C] S (I - Lt_CC S)^{-1} [R_C | Lt_C,earlier]

each component satisfies one of

(a) M_C(c_C) is in conv{M_C(tau) : tau internally open}, with tau_i = c_i where the internal row of i is zero;
(b) C receives no coupling from other components, all couplings out of C lead to one switch, or all to the output, and
    the adjoints within C, seeded with these, have one sign for all definite signatures.

Statement
---------
g_c is a Clarke gradient.  This is weaker than LIKQ, and holds for any slopes.

Proof idea
----------
Replace c_C by internally open signs, component by component; g is affine in M_C, and any choice of internally open
signs is open.

Source
------
This package; the statement and its proof are in THEORY 2.6.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any

from absnormal.active.system import System
from absnormal.arrays import Array
from absnormal.certificates.evidence import OnForm, wide
from absnormal.clarke.cells import Cell, gradients
from absnormal.clarke.components import Component, immaterial
from absnormal.clarke.pricing import approach
from absnormal.rational.alternative import mean
from absnormal.rational.linear_algebra import Vector
from absnormal.theorems.problem import Problem, Proof
from absnormal.theorems.regular import adjoints

_DEFINITE = 10


@dataclass(frozen=True, eq=False)
class Mean:
    """Case (a): the transfer matrix of C, whose members are positions among the relevant switches, is a mean over
    internally open signatures, each with its weight and a direction inside."""

    members: Sequence[int]
    weights: Sequence[Any]
    signatures: Sequence[Sequence[Any]]
    directions: Sequence[Sequence[int]]

    def on(self, system: System) -> dict[str, Any]:
        """As it is written."""
        return {
            "case": "a", "members": self.members, "weights": self.weights, "signatures": self.signatures,
            "directions": [wide(system, d) for d in self.directions],
        }


@dataclass(frozen=True, eq=False)
class OneSign:
    """Case (b): the adjoints within C have this sign."""

    members: Sequence[int]
    sign: int

    def on(self, system: System) -> dict[str, Any]:
        """As it is written."""
        return {"case": "b", "members": self.members, "sign": self.sign, "directions": []}


@dataclass(frozen=True, eq=False)
class Components(OnForm):
    """The relevant switches in admissible components, each in case (a) or (b)."""

    kind = "components"
    components: Sequence[Mean | OneSign]

    def on(self, system: System) -> dict[str, Any]:
        """Component by component."""
        return {"kind": self.kind, "components": [component.on(system) for component in self.components]}


def componentwise(problem: Problem) -> Proof | None:
    """Proves g_c component by component."""
    system = problem.relevant
    if system is None or not system.explicit:
        return None
    c = problem.slopes_in(system)
    components = problem.components
    if components is None:
        return None
    evidence: list[Mean | OneSign] = []
    for component in components:
        found = _mean(system, component, c) or _one_sign(system, component)
        if found is None:
            return None
        evidence.append(found)
    parts = "one component" if len(components) == 1 else f"{len(components)} components"
    reason = (
        f"the {system.k} active switches form {parts}, in which the tool's choice is a mean of choices that"
        " directions realise"
    )
    return Proof("componentwise", True, reason, system.arithmetic, Components(evidence))


def _mean(system: System, component: Component, c: Vector) -> Mean | None:
    """Case (a)."""
    own = [c[i] for i in component.members]
    transfer = component.transfer(system)
    target = transfer.scaled.target(transfer.gradient(own))
    for cells, points in _candidates(component, transfer, target):
        weights, _ = mean(points, target)
        if weights is not None:
            used = [(w, cells[k]) for k, w in weights.items()]
            return Mean(
                component.members, [w for w, _ in used], [immaterial(cell, own) for _, cell in used],
                [cell.direction for _, cell in used],
            )
    return None


def _candidates(component: Component, transfer: System, target: Vector) -> Iterator[tuple[list[Cell], Array]]:
    """Cells with their transfer matrices: some on demand, then all that the budget allows."""
    if not component.outside:
        yield from approach(transfer, target, component.tracker)
    cells = component.cells.cells
    if cells:
        yield cells, gradients(transfer, cells)


def _one_sign(system: System, component: Component) -> OneSign | None:
    """Case (b)."""
    if component.outside or len(component.members) > _DEFINITE:
        return None
    targets = component.targets(system)
    if len(targets) != 1:
        return None
    seeds = targets[0]
    signs: set[int] = set()
    for sigma in product((1, -1), repeat=len(component.members)):
        signs |= {1 if w > 0 else -1 for w in adjoints(component.system, sigma, seeds) if w}
        if len(signs) > 1:
            return None
    return OneSign(component.members, signs.pop() if signs else 1)

