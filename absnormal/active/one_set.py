"""Which active switches vanish on one set: z_j = k z_i near x, with k of one sign (THEORY 7.1).

Two switches that are multiples of one combination of entries (`absnormal.active.multiples`) are zero together, whatever
the rest of the program is.  Nothing numerical is compared: rows that are proportional at x prove nothing, as in |u| -
|u + w^2|.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from absnormal.active.multiples import LEAST, Combinations
from absnormal.arrays import Array, distinct_columns
from absnormal.sweeps.at_point import once
from absnormal.sweeps.table import Sweeps


@dataclass(frozen=True, slots=True, eq=False)
class Classes:
    """The active switches by the set on which they vanish.

    Attributes
    ----------
    labels
        the class of each active switch, shape (k,)
    factors
        z_j = factors_j z_i, with i the first switch of its class, shape (k,); of one sign near x
    first
        the position of the first switch of each class among the active ones, shape (number of classes,)
    """

    labels: Array
    factors: Array
    first: Array

    @property
    def count(self) -> int:
        """The number of classes."""
        return len(self.first)

    def sums(self, values: Array) -> Array:
        """The sum of one number for each active switch over each class."""
        if values.dtype == object:
            total = np.full(self.count, Fraction(0), dtype=object)
            np.add.at(total, self.labels, values)
            return total
        return np.bincount(self.labels, values, self.count)


@once
def one_set(sweeps: Sweeps) -> Classes | None:
    """The classes of the active switches; None where no two of them are known to vanish on one set."""
    alpha = sweeps.alpha
    if len(alpha) < 2 or sweeps.lanes:
        return None
    found = Combinations(sweeps)
    groups: dict[tuple[Fraction, ...], list[tuple[Array, Array, Array]]] = {}
    for index in found.candidates():
        for coefficients, entries, places, factors in found.of_switches(index):
            groups.setdefault(coefficients, []).append((entries, places, factors))
    if not groups:
        return None
    labels, factors = np.full(len(alpha), -1), found.ones((len(alpha),))
    count = 0
    for parts in groups.values():
        entries, places, own = (np.concatenate(part, axis=-1) for part in zip(*parts, strict=True))
        able = (np.abs(own) > LEAST) & (np.abs(own) < 1 / LEAST)
        if not able.all():
            entries, places, own = entries[:, able], places[able], own[able]
        if not places.size:
            continue
        same = _labelled(entries)
        labels[places], factors[places] = count + same, own
        count += int(same.max()) + 1
    alone = np.flatnonzero(labels < 0)
    labels[alone] = count + np.arange(alone.size)
    _, first, labels = np.unique(labels, return_index=True, return_inverse=True)
    if len(first) == len(alpha):
        return None
    return Classes(labels, factors / factors[first][labels], first)


def _labelled(entries: Array) -> Array:
    """Equal numbers for equal columns."""
    return distinct_columns(entries)[1]
