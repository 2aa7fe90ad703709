"""Ranks modulo a prime: full rank there is full rank; a deficiency is proved by weights that are checked exactly.

Rows that float64 computed without rounding (`absnormal.sweeps.integers`) are integers after scaling by powers of two.
A minor that is not 0 modulo a prime is not 0.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from fractions import Fraction

import numpy as np

from absnormal.arrays import Array

PRIME, ANOTHER_PRIME = 2**31 - 1, 2**31 - 19
#: Multiplications that an elimination may take.
_WORK = 200_000_000


def integers(rows: Array) -> Array | None:
    """Rows of floats, each scaled by a power of two to integers below 2^53; None where that cannot be."""
    size = np.abs(rows).max(axis=1, initial=0.0)
    exponents = np.frexp(np.where(size > 0, size, 1.0))[1]
    if not np.isfinite(size).all() or np.abs(exponents).max(initial=0) > 900:
        return None
    scaled = np.ldexp(rows, (53 - exponents)[:, None])
    whole = scaled.astype(np.int64)
    if not (whole == scaled).all():
        return None
    common = np.gcd.reduce(whole, axis=1, initial=0)
    return np.asarray(whole // np.where(common > 0, common, 1)[:, None])


def pivots(rows: Sequence[Sequence[Fraction]], prime: int = PRIME) -> tuple[list[int], list[int]] | None:
    """The rows and columns of a submatrix that is nonsingular modulo the prime, and so is nonsingular.

    None where a denominator is a multiple of the prime.
    """
    try:
        table = np.array([[_modulo(a, prime) if a else 0 for a in row] for row in rows], np.int64)
    except ValueError:
        return None
    chosen: list[int] = []
    columns: list[int] = []
    for number, row in enumerate(table):
        places = np.flatnonzero(row)
        if len(places):
            column = int(places[0])
            _eliminated(table[number:], column, prime)
            chosen.append(number)
            columns.append(column)
    return chosen, columns


def _modulo(a: Fraction, prime: int) -> int:
    """A fraction modulo a prime; a ValueError where its denominator is a multiple of that."""
    return a.numerator % prime if a.denominator == 1 else a.numerator * pow(a.denominator, -1, prime) % prime


def _eliminated(table: Array, column: int, prime: int) -> None:
    """Scale the first row to 1 in a column, and make the others 0 there."""
    row = table[0]
    row[:] = row * pow(int(row[column]), -1, prime) % prime
    below = 1 + np.flatnonzero(table[1:, column])
    table[below] = (table[below] - table[below, column][:, None] * row) % prime


def independent(rows: Array, prime: int = PRIME) -> tuple[bool | None, list[Fraction]]:
    """Whether integer rows, shape (k, n), are linearly independent; weights that prove that they are not.

    None where neither could be proved within the work allowed.
    """
    for columns in sorted({min(rows.shape[1], 2 * len(rows)), rows.shape[1]}):
        if len(rows) * len(rows) * (columns + len(rows)) > _WORK:
            break
        found = _left_null(_sketched(rows % prime, columns, prime), prime)
        if found is None:
            return True, []
        weights = _rational(found, prime)
        if weights is not None and not _combined(rows, weights).any():
            return False, weights
    return None, []


def _combined(rows: Array, weights: list[Fraction]) -> Array:
    """A multiple of a combination of the rows."""
    used = [i for i, w in enumerate(weights) if w]
    scale = math.lcm(*(weights[i].denominator for i in used))
    return np.asarray(sum(int(weights[i] * scale) * rows[i].astype(object) for i in used))


def _sketched(rows: Array, columns: int, prime: int) -> Array:
    """Fewer columns, each a combination of some: independent rows of these are independent."""
    width = rows.shape[1]
    if width <= columns:
        return rows
    rng = np.random.default_rng(0)
    bucket, factor = rng.integers(0, columns, (width,)), rng.integers(1, prime, (width,))
    order = np.argsort(bucket, kind="stable")
    starts = np.searchsorted(bucket[order], np.arange(columns))
    present = np.append(starts[1:], width) > starts
    sums = np.add.reduceat(rows[:, order] * factor[order] % prime, starts[present], axis=1)
    return np.asarray(sums % prime)


def _left_null(rows: Array, prime: int) -> Array | None:
    """Weights modulo the prime, not all 0, that combine the rows to 0; None where the rows are independent."""
    count, width = rows.shape
    table = np.concatenate([rows, np.eye(count, dtype=np.int64)], axis=1)
    for i in range(count):
        row = table[i]
        positions = np.flatnonzero(row[:width])
        if not len(positions):
            return np.asarray(row[width:])
        _eliminated(table[i:], int(positions[0]), prime)
    return None


def _rational(residues: Array, prime: int) -> list[Fraction] | None:
    """The fractions with small numerator and denominator that the residues stand for; the last that is not 0 is 1."""
    numbers: list[int] = residues.tolist()
    inverse = pow([value for value in numbers if value][-1], -1, prime)
    found: list[Fraction] = []
    for value in (value * inverse % prime for value in numbers):
        # The Euclidean algorithm, stopped half way (Wang 1981).
        p, q, s, t = prime, value, 0, 1
        while 2 * q * q > prime:
            p, q, s, t = q, p % q, t, s - p // q * t
        if 2 * t * t > prime:
            return None
        found.append(Fraction(q, t))
    return found
