"""Exact elimination on small dense matrices of Fractions."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from fractions import Fraction
from functools import lru_cache
from typing import Any

from absnormal.rational import modular

#: Rows up to which an elimination takes no time.
_FEW = 16
Vector = list[Fraction]
Matrix = list[Vector]
_Sparse = dict[int, Fraction]


def dot(u: Sequence[Fraction], v: Sequence[Fraction]) -> Fraction:
    """u . v"""
    return sum((a * b for a, b in zip(u, v, strict=True) if a and b), Fraction(0))


def pivots(rows: Sequence[Sequence[Fraction]]) -> tuple[list[int], list[int]]:
    """The rows and columns of a nonsingular submatrix of largest order; their number is the rank."""
    if len(rows) > _FEW:
        # Numbers grow in an elimination, and full rank modulo a prime is full rank.
        found = modular.pivots(rows)
        if found is not None and len(found[0]) == min(len(rows), len(rows[0])):
            return found
    reduced: dict[int, _Sparse] = {}
    chosen: list[int] = []
    for number, row in enumerate(rows):
        rest = _sparse(row)
        for column, known in reduced.items():
            if factor := rest.get(column):
                _subtract(rest, factor, known)
        if rest:
            column = min(rest)
            lead = rest[column]
            reduced[column] = {j: a / lead for j, a in rest.items()}
            chosen.append(number)
    return chosen, [*reduced]


def _sparse(row: Sequence[Fraction]) -> _Sparse:
    """Rows often have few entries, and keep few."""
    return {j: a for j, a in enumerate(row) if a}


def _subtract(rest: _Sparse, factor: Fraction, known: _Sparse) -> None:
    for j, b in known.items():
        if left := rest.pop(j, 0) - factor * b:
            rest[j] = left


def rank(rows: Sequence[Sequence[Fraction]]) -> int:
    """The rank."""
    return len(pivots(rows)[0])


def circuits(rows: Sequence[Sequence[Fraction]]) -> Iterator[Vector]:
    """For each row that depends on those before it, the weights of the one circuit that it closes."""
    if len(rows) > _FEW:
        found = modular.pivots(rows)
        if found is not None and len(found[0]) == len(rows):
            return
    reduced: dict[int, tuple[_Sparse, _Sparse]] = {}
    for number, row in enumerate(rows):
        rest, weights = _sparse(row), {number: Fraction(1)}
        for column, (known, made) in reduced.items():
            if factor := rest.get(column):
                _subtract(rest, factor, known)
                _subtract(weights, factor, made)
        if not rest:
            yield [weights.get(j, Fraction(0)) for j in range(len(rows))]
            continue
        column = min(rest)
        lead = rest[column]
        reduced[column] = {j: a / lead for j, a in rest.items()}, {j: a / lead for j, a in weights.items()}


def nullspace(rows: Sequence[Sequence[Fraction]], columns: int) -> Matrix:
    """A basis of {d : rows d = 0}."""
    return list(circuits([[row[j] for row in rows] for j in range(columns)]))


@lru_cache(4096)
def simplest(value: Any) -> Fraction:
    """The number that a float slope stands for: 1/3 where a tool splits a tie in three."""
    exact = Fraction(value)
    short = exact.limit_denominator(1_000_000)
    return short if float(short) == float(exact) else exact
