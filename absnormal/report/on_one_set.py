"""Kinks on one set in words, for any number of switches: which two, on which lines, and what contradicts the slopes."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from absnormal.active.one_set import one_set
from absnormal.arrays import Array
from absnormal.report.plain import number
from absnormal.report.relation import changes_of_sign, lines_of, names_of
from absnormal.theorems.problem import Problem

#: The largest denominator of a simple fraction, and how far it may be from its rounded value.
_LARGEST, _UNIT = 1000, Fraction(1, 2**50)


@dataclass(frozen=True)
class OnOneSet:
    """What is said of classes of active switches.

    Attributes
    ----------
    text
        two switches of one class, and how many classes there are like it
    switches
        the numbers of the active switches in all these classes
    """

    text: str
    switches: Array


def on_one_set(problem: Problem, slopes: bool) -> OnOneSet | None:
    """The classes whose slopes contradict each other, or else all that have several switches; None where there are
    none.  ``slopes`` says whether the slopes of the problem are what is judged."""
    sweeps = problem.sweeps
    classes = one_set(sweeps)
    if classes is None:
        return None
    c = np.asarray(problem.c, dtype=float)
    partner = classes.first[classes.labels]
    signs = np.sign(classes.factors.astype(float))
    pairs = np.flatnonzero(partner != np.arange(len(partner)))
    apart = pairs[c[pairs] != signs[pairs] * c[partner[pairs]]] if slopes else pairs[:0]
    told = apart if apart.size else pairs
    j = int(told[0])
    i, factor = int(partner[j]), classes.factors[j]
    alpha = sweeps.alpha
    both = int(alpha[i]), int(alpha[j])
    size = "" if abs(factor) == 1 else f"{number(_simple(abs(Fraction(factor))))} "
    equation = f"z{both[1]} = {'-' if factor < 0 else ''}{size}z{both[0]}"
    text = f"{names_of(both)} kink on the same set: {equation} ({lines_of(sweeps.program, both)})"
    if apart.size:
        text += f"; {changes_of_sign(sweeps.program, both, (c[i], c[j]), bool(factor > 0))}"
    sets = np.unique(classes.labels[told])
    if len(sets) > 1:
        text += f"; so it is on {len(sets) - 1:,} more sets" if len(sets) > 2 else "; so it is on one more set"
    return OnOneSet(text, alpha[np.isin(classes.labels, sets)])


def _simple(factor: Fraction) -> Fraction:
    """The fraction that a factor in floating point is rounded from, where that is a simple one."""
    near = factor.limit_denominator(_LARGEST)
    return near if abs(near - factor) <= _UNIT * factor else factor
