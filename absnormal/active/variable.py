"""The active switches where couplings depend on the variables (THEORY 7.7).

    l_i = sum_j A_ij v_j + sum_{j < i} (B_ij |l_j| + C_ij l_j)    v among the inputs, A constant, B and C affine in them

At the point the rows and couplings of `absnormal.active.system` are (I - C)^{-1} A and (I - C)^{-1} B, and nothing is
rounded.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction

import numpy as np

from absnormal.active.arithmetic import TooLarge
from absnormal.active.forms import forms
from absnormal.active.linear_form import Form
from absnormal.active.system import MANY, System, dense_system
from absnormal.active.weights import weights_of
from absnormal.rational.linear_algebra import Matrix, pivots
from absnormal.sweeps.at_point import once
from absnormal.sweeps.table import Sweeps


@dataclass(frozen=True, eq=False)
class Coupling:
    """B and C of two switches at the point, and the signs s for which B + s C is not constant."""

    size: Fraction
    form: Fraction
    moving: frozenset[int]

    def at(self, sign: int) -> Fraction:
        """B + sign C."""
        return self.size + sign * self.form


@dataclass(frozen=True, eq=False)
class Variable:
    """Active switches whose couplings depend on the variables.

    Attributes
    ----------
    whole
        all active switches, with rows and couplings at the point
    system
        those on which y may depend near the point
    own
        A of these
    couplings
        by position among these, what each one takes from others before it
    """

    whole: System
    system: System
    own: Matrix
    couplings: Sequence[Mapping[int, Coupling]]

    def closes(self, signature: Sequence[int], weights: Mapping[int, int]) -> set[int] | None:
        """Which signs of a branch its Gordan weights, by position, use where these show that it is closed near the
        point, too; None where they do not show that.  A sign is 0 where it is not chosen, or the row is zero."""
        mu: dict[int, Fraction] = {}
        used: set[int] = set()
        for j in reversed(range(len(signature))):
            sign, weight = signature[j], weights.get(j, 0)
            met = [(m, self.couplings[i][j]) for i, m in mu.items() if j in self.couplings[i]]
            if not met and not weight:
                continue
            if not sign or (not weight and any(sign in coupling.moving for _, coupling in met)):
                return None
            used.add(j)
            m = sign * (weight + sum((m * coupling.at(sign) for m, coupling in met), Fraction(0)))
            if m:
                mu[j] = m
        return used


@once
def variable(sweeps: Sweeps) -> Variable | None:
    """The active switches, where generators are inputs and some coupling is no constant; None elsewhere, and where
    they are too many."""
    if sweeps.atol or sweeps.program.is_piecewise_linear or len(sweeps.alpha) > MANY:
        return None
    switches = tuple(int(i) for i in sweeps.alpha)
    try:
        found = forms(sweeps, products=True)
    except TooLarge:
        return None
    if not all(i in found.z for i in switches) or not all(key[0] == "input" for key in found.generators):
        return None
    if not any(key[2] for i in switches for key in found.z[i].terms):
        return None
    leaves = sweeps.program.inputs(sweeps.values)
    x = [Fraction(a) for leaf in leaves for a in np.asarray(leaf).reshape(-1).tolist()]
    at = {switch: i for i, switch in enumerate(switches)}
    couplings = [_couplings(found.z[switch], at, x) for switch in switches]
    constant = dense_system(found, switches, found.generators, weights_of(sweeps, found))
    full: Matrix = []
    coupled: Matrix = []
    for row, taken in zip(constant.full, couplings, strict=True):
        kinks = [Fraction(0)] * len(switches)
        for j, coupling in taken.items():
            row = [a + coupling.form * b for a, b in zip(row, full[j], strict=True)]
            kinks = [a + coupling.form * b for a, b in zip(kinks, coupled[j], strict=True)]
            kinks[j] += coupling.size
        full.append(row)
        coupled.append(kinks)
    _, columns = pivots(full)
    rows = [[row[j] for j in columns] for row in full]
    whole = replace(constant, rows=rows, couplings=coupled, full=full, columns=tuple(columns))
    return _relevant(Variable(whole, whole, constant.full, couplings))


def _relevant(found: Variable) -> Variable:
    """Without the switches from which no chain leads to the output, whatever the variables near the point are."""
    count = found.whole.k
    reached = [any(weights[j] for weights in found.whole.weights) for j in range(count)]
    for i in reversed(range(count)):
        for j in found.couplings[i] if reached[i] else ():
            reached[j] = True
    keep = [j for j in range(count) if reached[j]]
    position = {j: number for number, j in enumerate(keep)}
    couplings = [{position[j]: own for j, own in found.couplings[i].items()} for i in keep]
    return Variable(found.whole, found.whole.part(keep), [found.own[i] for i in keep], couplings)


def _couplings(form: Form, at: Mapping[int, int], x: Sequence[Fraction]) -> dict[int, Coupling]:
    """What a form takes from |l_j| and l_j, by position."""
    taken: dict[int, dict[int, list[Fraction]]] = {}
    for (kind, switch, number), value in form.terms.items():
        if kind in ("abs", "form"):
            taken.setdefault(at[switch], {}).setdefault(number, [Fraction(0), Fraction(0)])[kind == "form"] = value
    found = {}
    for j, own in sorted(taken.items()):
        size, whole = Fraction(0), Fraction(0)
        for p, (b, c) in own.items():
            factor = x[p - 1] if p else Fraction(1)
            size, whole = size + factor * b, whole + factor * c
        moving = frozenset(s for s in (1, -1) if any(p and b + s * c for p, (b, c) in own.items()))
        found[j] = Coupling(size, whole, moving)
    return found
