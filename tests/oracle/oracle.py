"""Brute force on the abs-only form at a rational point: signatures, open cells, the generalized gradient.

Everything is exact and nothing is clever: all definite signatures of the active switches are tried, each by one
linear program. Meant for up to about 7 active switches and 5 inputs.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from itertools import product
from math import gcd, lcm
from typing import Any

from .expressions import Expr, Number
from .forms import AbsForm, abs_form
from .rational import Membership, Vector, dot, membership, min_norm, rank, vector

Signature = tuple[Fraction, ...]


def sign(value: Fraction) -> int:
    """-1, 0 or 1."""
    return (value > 0) - (value < 0)


@dataclass(frozen=True)
class Oracle:
    """Exact answers about y = b + J x + Y|z| at x."""

    form: AbsForm
    x: Vector

    @classmethod
    def of(cls, expr: Expr, x: Sequence[Number]) -> Oracle:
        """The oracle of an expression at a point; floats are taken as the rationals they are."""
        point = vector(x)
        return cls(abs_form(expr, len(point)), point)

    @cached_property
    def z(self) -> Vector:
        """The values of the switching variables."""
        z: list[Fraction] = []
        for c, zx, zw in zip(self.form.c, self.form.Z, self.form.L, strict=True):
            z.append(c + dot(zx, self.x) + dot(zw[: len(z)], [abs(value) for value in z]))
        return tuple(z)

    @cached_property
    def y(self) -> Fraction:
        """The value of the function."""
        return self.form.b + dot(self.form.J, self.x) + dot(self.form.Y, [abs(value) for value in self.z])

    @cached_property
    def active(self) -> tuple[int, ...]:
        """The active switches: those with z_i = 0."""
        return tuple(i for i, value in enumerate(self.z) if value == 0)

    @cached_property
    def signature(self) -> tuple[int, ...]:
        """The signs of z, 0 at active switches."""
        return tuple(map(sign, self.z))

    def slopes(self, c: Number | Sequence[Number]) -> Signature:
        """The full signature with slope c (one number, or one per switch) at active switches."""
        given = vector([c] * self.form.s if isinstance(c, int | float | Fraction) else c)
        if len(given) != self.form.s:
            raise ValueError(f"slopes: expected {self.form.s} numbers, one per switch, got {len(given)}")
        return tuple(Fraction(s) if s else value for s, value in zip(self.signature, given, strict=True))

    def rows(self, sigma: Sequence[Number]) -> tuple[Vector, ...]:
        """The rows r_i of (I - L S)^{-1} Z for a full signature; as long as signs are those of before, so are rows."""
        last, before = self._latest
        same = next((i for i, (new, old) in enumerate(zip(sigma, last, strict=False)) if new != old), len(last))
        rows = list(before[: same + 1])
        for zx, zw in zip(self.form.Z[len(rows) :], self.form.L[len(rows) :], strict=True):
            rows.append(self._combine(zx, zw[: len(rows)], sigma, rows))
        self._latest[:] = tuple(sigma), tuple(rows)
        return tuple(rows)

    @cached_property
    def _latest(self) -> list[Any]:
        return [(), ()]

    def gradient(self, c: Number | Sequence[Number]) -> Vector:
        """g_c: what backward mode returns with slope c (one number, or one per switch) at active switches."""
        sigma = self.slopes(c)
        return self._combine(self.form.J, self.form.Y, sigma, self.rows(sigma))

    def directional(self, d: Sequence[Number]) -> Fraction:
        """The directional derivative y'(x; d), signs chosen on the way forward."""
        direction = vector(d)
        slopes: list[Fraction] = []
        for i, (zx, zw) in enumerate(zip(self.form.Z, self.form.L, strict=True)):
            slope = dot(zx, direction) + dot(zw[:i], slopes)
            slopes.append(self.signature[i] * slope if self.signature[i] else abs(slope))
        return dot(self.form.J, direction) + dot(self.form.Y, slopes)

    @cached_property
    def base_rows(self) -> tuple[Vector, ...]:
        """The rows of the active switches with slope 0 at every active switch."""
        rows = self.rows(self.signature)
        return tuple(rows[i] for i in self.active)

    @cached_property
    def likq(self) -> bool:
        """Linear independence of the base rows; a zero row fails it."""
        return rank(self.base_rows) == len(self.active)

    def definite_signatures(self) -> Iterator[Signature]:
        """All full signatures with entries +-1 on the active switches."""
        for signs in product((-1, 1), repeat=len(self.active)):
            full: list[int] = list(self.signature)
            for i, value in zip(self.active, signs, strict=True):
                full[i] = value
            yield tuple(map(Fraction, full))

    def cell(self, sigma: Sequence[Number]) -> Membership:
        """The cell of a definite signature, by Gordan's alternative on the nonzero signed rows.

        Outside: the negated separator is an interior direction (see `direction`). Inside: weights lambda >= 0 of sum 1
        with sum lambda_k a_k = 0 over the rows a_k of `signed_rows`, so the cell is empty.
        """
        return self._cells_of(self.signed_rows(sigma))

    def signed_rows(self, sigma: Sequence[Number]) -> tuple[Vector, ...]:
        """The distinct nonzero sigma_i r_i over the active switches, scaled to coprime integers, sorted."""
        rows = self.rows(sigma)
        signed = (tuple(_scaled(sigma[i], entry) for entry in rows[i]) for i in self.active)
        return tuple(sorted({_primitive(row) for row in signed if any(row)}))

    def direction(self, sigma: Sequence[Number]) -> Vector | None:
        """A direction with sigma_i r_i . d > 0 for all active i with r_i != 0, or None: the cell is not open."""
        separator = self.cell(sigma).separator
        return None if separator is None else tuple(-value for value in separator)

    @cached_property
    def open_signatures(self) -> tuple[Signature, ...]:
        """The definite signatures whose cell is open; those that differ at zero rows only are all listed."""
        return tuple(sigma for sigma in self.definite_signatures() if not self.cell(sigma).inside)

    @cached_property
    def limiting_gradients(self) -> tuple[Vector, ...]:
        """The distinct gradients of open cells, sorted."""
        return tuple(sorted({self.gradient(sigma) for sigma in self.open_signatures}))

    @cached_property
    def outer_gradients(self) -> tuple[Vector, ...]:
        """The distinct gradients of all definite signatures, sorted."""
        return tuple(sorted({self.gradient(sigma) for sigma in self.definite_signatures()}))

    @cached_property
    def vertices(self) -> tuple[Vector, ...]:
        """The extreme points of the Clarke generalized gradient, sorted."""
        points = self.limiting_gradients
        return tuple(
            p for p in points if len(points) == 1 or not membership([q for q in points if q != p], p).inside
        )

    def is_limiting(self, g: Sequence[Number]) -> bool:
        """Whether g is the gradient of an open cell."""
        return vector(g) in self.limiting_gradients

    def membership(self, g: Sequence[Number]) -> Membership:
        """Whether g is a Clarke gradient: convex weights on `limiting_gradients`, or a strict separator."""
        return membership(self.limiting_gradients, vector(g))

    def contains(self, g: Sequence[Number]) -> bool:
        """Whether g is a Clarke gradient (the program is piecewise linear, so open cells give the whole set)."""
        return self.membership(g).inside

    def outer_membership(self, g: Sequence[Number]) -> Membership:
        """Membership in the hull of `outer_gradients`."""
        return membership(self.outer_gradients, vector(g))

    def support(self, v: Sequence[Number]) -> Fraction:
        """The generalized directional derivative: max of v . g over the Clarke set."""
        return max(dot(g, vector(v)) for g in self.limiting_gradients)

    def outer_support(self, v: Sequence[Number]) -> Fraction:
        """The maximum of v . g over all definite signatures."""
        return max(dot(g, vector(v)) for g in self.outer_gradients)

    def min_norm(self) -> Vector:
        """The Clarke gradient of least Euclidean norm."""
        return min_norm(self.limiting_gradients)

    @cached_property
    def _cell_cache(self) -> dict[tuple[Vector, ...], Membership]:
        return {}

    def _cells_of(self, rows: tuple[Vector, ...]) -> Membership:
        zero = (Fraction(0),) * self.form.n
        if not rows:
            return Membership(None, zero)
        if rows not in self._cell_cache:
            self._cell_cache[rows] = membership(rows, zero)
        return self._cell_cache[rows]

    def _combine(
        self, linear: Vector, coefficients: Vector, sigma: Sequence[Number], rows: Sequence[Vector]
    ) -> Vector:
        """linear + sum_j coefficients_j sigma_j rows_j."""
        total = list(linear)
        for a, s, row in zip(coefficients, sigma, rows, strict=False):
            if a and s:
                factor = _scaled(s, a)
                total = [t + factor * entry if entry else t for t, entry in zip(total, row, strict=True)]
        return tuple(total)


def _primitive(row: Vector) -> Vector:
    """The positive multiple of a nonzero row with coprime integer entries."""
    scale = lcm(*(entry.denominator for entry in row))
    integers = [entry.numerator * (scale // entry.denominator) for entry in row]
    divisor = gcd(*integers)
    return tuple(Fraction(entry // divisor) for entry in integers)


def _scaled(factor: Number, value: Fraction) -> Fraction:
    """factor * value: nearly all factors are signs."""
    return value if factor == 1 else -value if factor == -1 else Fraction(factor) * value
