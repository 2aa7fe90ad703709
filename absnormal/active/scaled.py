"""A system of active switches in integers.

With positive factors q_i the switches q_i z_i have the rows q_i R_i and the couplings q_i Lt_ij / q_j, which are
integers for suitable q; signs, cells and directions stay the same.  Then r^sigma is an integer vector for every
definite signature, computed in machine integers where no entry can outgrow them and in Python's otherwise.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import numpy as np

from absnormal.arrays import Array
from absnormal.rational.alternative import BITS

if TYPE_CHECKING:
    from absnormal.active.system import System

#: Bits that a product may have in machine integers.
_MACHINE = 62
_CHUNK = 2_000_000


@dataclass(frozen=True, eq=False)
class Scaled:
    """k switches times positive factors, in integers.

    Attributes
    ----------
    rows, couplings
        q_i R_i, shape (k, width), and q_i Lt_ij / q_j, shape (k, k)
    weights
        b_i / q_i times ``unit``, shape (m, k)
    unit
        a positive integer: g_sigma - J~ times ``unit`` is an integer vector
    factors
        q
    """

    rows: Array
    couplings: Array
    weights: Array
    unit: int
    factors: tuple[int, ...]

    @classmethod
    def of(cls, system: System) -> Scaled:
        """The integers of a system."""
        factors: list[int] = []
        rows: list[list[int]] = []
        couplings: list[list[int]] = []
        bounds: list[int] = []
        for i, (row, coupling) in enumerate(zip(system.rows, system.couplings, strict=True)):
            met = [(j, Fraction(value) / factors[j]) for j, value in enumerate(coupling[:i]) if value]
            q = math.lcm(*(a.denominator for a in row), *(value.denominator for _, value in met))
            factors.append(q)
            rows.append([int(a * q) for a in row])
            own = [0] * system.k
            for j, value in met:
                own[j] = int(value * q)
            couplings.append(own)
            bounds.append(max(map(abs, rows[-1]), default=0) + sum(abs(own[j]) * bounds[j] for j, _ in met))
        parts = [[b / q for b, q in zip(weights, factors, strict=True)] for weights in system.weights]
        unit = math.lcm(*(b.denominator for weights in parts for b in weights))
        weighted = [[int(b * unit) for b in weights] for weights in parts]
        reach = max((sum(abs(b) * c for b, c in zip(w, bounds, strict=True)) for w in weighted), default=0)
        factor = max((abs(a) for row in (*couplings, *weighted) for a in row), default=0)
        bound = max(bounds, default=0)
        largest = max(bound * max(bound, 1 << BITS) * max(system.width, 1), reach, factor)
        dtype = np.int64 if largest.bit_length() <= _MACHINE else object
        shapes = ((system.k, system.width), (system.k, system.k), (len(weighted), system.k))
        r, lt, b = (
            np.array(a, dtype=dtype).reshape(shape)
            for a, shape in zip((rows, couplings, weighted), shapes, strict=True)
        )
        return cls(r, lt, b, unit, tuple(factors))

    @property
    def k(self) -> int:
        """The number of switches."""
        return len(self.rows)

    def row(self, i: int, signs: Array, known: Array) -> Array:
        """r_i^sigma from the rows r_j^sigma, j < i."""
        coupling = self.couplings[i, :i]
        if not coupling.any():
            return np.asarray(self.rows[i])
        return np.asarray(self.rows[i] + (coupling * signs[:i]) @ known[:i])

    def gradients(self, signatures: Sequence[Sequence[int]] | Array) -> Array:
        """(g_sigma - J~) times ``unit``, all outputs one after the other, shape (len(signatures), m width)."""
        sigma = np.asarray(signatures, dtype=self.rows.dtype).reshape(len(signatures), self.k)
        count = max(_CHUNK // max(self.rows.size, 1), 1)
        return np.concatenate([self._gradients(sigma[start : start + count]) for start in range(0, len(sigma), count)]
                              or [np.zeros((0, self.weights.shape[0] * self.rows.shape[1]), self.rows.dtype)])

    def _gradients(self, sigma: Array) -> Array:
        if not self.couplings.any():
            return np.concatenate([(sigma * weights) @ self.rows for weights in self.weights], axis=1)
        signed = np.zeros((len(sigma), *self.rows.shape), self.rows.dtype)
        for i in range(self.k):
            from_before = np.tensordot(self.couplings[i, :i], signed[:, :i], ([0], [1])) if i else 0
            signed[:, i] = sigma[:, i, None] * (self.rows[i] + from_before)
        return np.concatenate([np.tensordot(weights, signed, ([0], [1])) for weights in self.weights], axis=1)

    def target(self, gradient: Sequence[Any]) -> list[Fraction]:
        """A gradient in the units of `gradients`."""
        return [Fraction(a) * self.unit for a in gradient]
