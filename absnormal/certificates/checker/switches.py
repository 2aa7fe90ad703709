"""The active switches of a certificate, on rationals."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from fractions import Fraction
from typing import Any

Row = list[Fraction]
_NUMBER = re.compile(r"(-?\d+)(?:/(\d+))?|(-?0x[0-9a-f]+)/(0x[0-9a-f]+)", re.ASCII)


class Switches:
    """The active switches of a system; those that cannot change the output are left out, unless ``whole``.

        r_i^sigma = R_i + sum_{j < i} Lt_ij sigma_j r_j^sigma           g_sigma = J~ + sum_i b_i sigma_i r_i^sigma

    A switch is left out when it is identically zero, or when no chain of couplings leads from it to a weight that is
    not 0.  ``noise`` says how far each weight may be from the true one; they are exact without it.  ``off`` says how
    far what is judged may be from g_c, in the columns; without it that is g_c itself.
    """

    def __init__(
        self, data: Mapping[str, Any], whole: bool = False, noise: Sequence[Fraction] | None = None,
        off: Row | None = None,
    ) -> None:
        rows, couplings = matrix(data["rows"]), matrix(data["couplings"])
        weights, count = numbers(data["weights"]), len(rows)
        if len({len(r) for r in rows}) > 1 or any(len(r) != count for r in [*couplings, weights]):
            raise ValueError("malformed certificate: shapes of rows, couplings and weights do not fit")
        if len(couplings) != count or any(any(r[i:]) for i, r in enumerate(couplings)):
            raise ValueError("malformed certificate: couplings must be strictly lower triangular")
        #: What |z_i| does to y is more than couplings and weights show: only the cells are known.
        self.hidden = data.get("hidden", False) is not False
        kept = list(range(count)) if whole else in_play(data)
        self.rows = [rows[i] for i in kept]
        self.couplings = [[couplings[i][j] for j in kept] for i in kept]
        self.weights = [weights[i] for i in kept]
        self.k, self.width = len(kept), len(rows[0]) if rows else 0
        given = numbers(data["slopes"]) if "slopes" in data else None
        if given is not None and (len(given) != count or any(abs(c) > 1 for c in given)):
            raise ValueError("malformed certificate: slopes must lie in [-1, 1], one for each switch")
        self._slopes = None if given is None else [given[i] for i in kept]
        self._all, self._off = None if noise is None else (rows, couplings, list(noise)), off

    @property
    def inexact(self) -> bool:
        """Whether weights may be off."""
        return self._all is not None

    @property
    def slopes(self) -> Row:
        """The slopes c that are judged."""
        if self._slopes is None:
            raise ValueError("malformed certificate: no slopes")
        return self._slopes

    def part(self, members: Sequence[int]) -> Switches:
        """Some of the switches by themselves."""
        found = Switches({
            "rows": [self.rows[i] for i in members], "weights": [self.weights[i] for i in members],
            "couplings": [[self.couplings[i][j] for j in members] for i in members],
            **({} if self._slopes is None else {"slopes": [self._slopes[i] for i in members]}),
        }, whole=True)
        found._all, found._off = self._all, self._off
        return found

    def apart(self, members: Sequence[int], v: Row) -> Switches | None:
        """Some of the switches by themselves; None where a coupling links them to others, or v does not vanish on the
        rows of others."""
        rest = [j for j in range(self.k) if j not in members]
        if any(self.couplings[i][j] or self.couplings[j][i] for i in members for j in rest):
            return None
        return None if any(dot(self.rows[j], v) for j in rest) else self.part(members)

    def accumulated(self, sigma: Sequence[Fraction | int], rows: Sequence[Row] | None = None) -> list[Row]:
        """The rows r^sigma of as many switches as sigma has, from R or from other base rows."""
        result: list[Row] = []
        for i, start in enumerate(self.rows[: len(sigma)] if rows is None else rows):
            result.append(self.row(sigma[:i], result, start))
        return result

    def row(self, sigma: Sequence[Fraction | int], before: Sequence[Row], start: Row | None = None) -> Row:
        """The next row, from those before it and their signs."""
        i = len(sigma)
        total = self.rows[i] if start is None else start
        for j in range(i):
            factor = self.couplings[i][j] * sigma[j] if self.couplings[i][j] else 0
            total = [a + factor * b for a, b in zip(total, before[j], strict=True)] if factor else total
        return total

    def gradient(self, sigma: Sequence[Fraction | int]) -> Row:
        """g_sigma - J~ in the columns of R."""
        if len(sigma) != self.k:
            raise ValueError(f"malformed certificate: {self.k} switches, {len(sigma)} signs")
        terms = [(b * s, r) for b, s, r in zip(self.weights, sigma, self.accumulated(sigma), strict=True)]
        return [sum((factor * r[j] for factor, r in terms), Fraction(0)) for j in range(self.width)]

    def opened(self, sigma: Sequence[int], directions: Sequence[Row]) -> bool:
        """Whether sigma is open along d_1 + eps d_2 + ...; a sign is immaterial exactly where the row is zero."""
        for s, r in zip(sigma, self.accumulated(sigma), strict=True):
            rate = next((rate for d in directions if (rate := dot(r, d))), Fraction(0))
            if any(r) and not (abs(s) == 1 and s * rate > 0):
                return False
        return len(sigma) == self.k

    def moved(self, starts: Iterable[Any]) -> list[bool]:
        """Which switches those that ``starts`` names can move, through couplings, themselves included."""
        result: list[bool] = []
        for i, start in enumerate(starts):
            result.append(bool(start) or any(self.couplings[i][j] and result[j] for j in range(i)))
        return result

    def uncertainty(self, v: Row) -> Fraction:
        """How much the noise in the weights, of all switches, can change v . (g_sigma - g_tau), and how much less than
        v . g_c that of what is judged may be.

        2 sum_i noise_i max |r_i . v| + sum_j |v_j| off_j
        """
        off = Fraction(0) if self._off is None else dot(map(abs, v), self._off)
        if self._all is None:
            return off
        rows, couplings, noise = self._all
        reach: Row = []
        for row, coupling in zip(rows, couplings, strict=True):
            coupled = (abs(a) * reach[j] for j, a in enumerate(coupling) if a)
            reach.append(abs(dot(row, v)) + sum(coupled, Fraction(0)))
        return 2 * dot(noise, reach) + off


def in_play(system: Mapping[str, Any]) -> list[int]:
    """The switches that are not identically zero and from which a chain leads to the output; all if that is hidden."""
    rows, couplings = matrix(system["rows"]), matrix(system["couplings"])
    reached = [bool(b) for b in numbers(system["weights"])]
    count = len(rows)
    if system.get("hidden", False) is not False:
        return list(range(count))
    for j in reversed(range(count)):
        reached[j] = reached[j] or any(reached[i] and couplings[i][j] for i in range(j + 1, count))
    return [i for i in range(count) if reached[i] and (any(rows[i]) or any(couplings[i]))]


def positions(values: Iterable[Any], count: int) -> list[int]:
    """Different numbers from 0 to count - 1."""
    found = list(values)
    if any(type(i) is not int or not 0 <= i < count for i in found) or len(set(found)) != len(found):
        raise ValueError(f"malformed certificate: not different numbers from 0 to {count - 1}: {found[:9]}")
    return found


def dot(u: Iterable[Fraction], v: Iterable[Fraction]) -> Fraction:
    """u . v"""
    return sum((x * y for x, y in zip(u, v, strict=True)), Fraction(0))


def rank(rows: Iterable[Row]) -> int:
    """The rank."""
    left, found = [list(r) for r in rows], 0
    while left:
        r = left.pop()
        j = next((j for j, value in enumerate(r) if value), None)
        if j is not None:
            found += 1
            left = [[x - other[j] / r[j] * y for x, y in zip(other, r, strict=True)] for other in left]
    return found


def number(value: Any) -> Fraction:
    """A Fraction, an int, or a text "p/q", long ones in hexadecimal."""
    if isinstance(value, str):
        found = _NUMBER.fullmatch(value)
        if found is None:
            raise ValueError(f"malformed certificate: {value[:40]!r} is not a rational number")
        p, q, long_p, long_q = found.groups()
        return Fraction(int(long_p, 16), int(long_q, 16)) if long_p else Fraction(int(p), int(q or 1))
    if isinstance(value, bool) or not isinstance(value, (int, Fraction)):
        raise ValueError(f"malformed certificate: {type(value).__name__} instead of a rational number")
    return Fraction(value)


def numbers(values: Iterable[Any]) -> Row:
    """Numbers."""
    return [number(value) for value in values]


def matrix(rows: Iterable[Iterable[Any]]) -> list[Row]:
    """Rows of numbers."""
    return [numbers(r) for r in rows]


def sign_matrix(rows: Iterable[Iterable[Any]]) -> list[list[int]]:
    """Signatures: -1, 0 or 1."""
    found = matrix(rows)
    if any(s not in (-1, 0, 1) for r in found for s in r):
        raise ValueError("malformed certificate: signs must be -1, 0 or 1")
    return [list(map(int, r)) for r in found]
