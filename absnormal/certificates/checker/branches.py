"""Separated by a tree of sign choices: every branch is refuted, or bounded below what is separated.

    tree    in the order of a depth-first search: the position of a switch in play, whose sides for +1 and -1 follow, or
            one side where its row is zero; -1 for a leaf that is bounded; [[position, weight], ...] for Gordan weights
            that refute the signs chosen so far

An open cell makes all choices of one leaf.  None is in a leaf that is refuted, and in a bounded one v . g_sigma is at
most the sum over the signs that are chosen and, for all other slopes, anything in [-1, 1].
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fractions import Fraction
from typing import Any

from absnormal.certificates.checker.switches import Row, Switches, dot, numbers, positions

BOUNDED = -1
Chosen = dict[int, int]


def by_branching(data: Mapping[str, Any], a: Switches) -> bool:
    """Separated, by such a tree, within switches that no coupling links to the others, by a vector that vanishes on the
    rows of those."""
    v = numbers(data["separator"])
    part = a.apart(sorted(positions(data["members"], a.k)), v)
    if part is None:
        return False
    bound = most(part, data["tree"], v)
    return bound is not None and bound < dot(v, part.gradient(part.slopes)) - a.uncertainty(v)


def most(a: Switches, tree: Sequence[Any], v: Row) -> Fraction | None:
    """A number that v . g_sigma exceeds in no open cell; None where the tree does not show one."""
    along = [dot(row, v) for row in a.rows]
    coupled = any(map(any, a.couplings))
    left: list[Chosen] = [{}]
    bounds: list[Fraction] = []
    for item in tree:
        if not left:
            return None
        chosen = left.pop()
        rows = _known(a, chosen) if coupled else list(a.rows)
        if item == BOUNDED:
            bounds.append(_bound(a, along, rows, chosen))
        elif isinstance(item, list):
            if not _refuted(item, rows, chosen):
                return None
        else:
            (i,) = positions([item], a.k)
            row = rows[i]
            if row is None or i in chosen:
                return None
            # The side that is looked at next is the last one.
            left += [{**chosen, i: sign} for sign in ((-1, 1) if any(row) else (0,))]
    return None if left else max(bounds, default=None)


def _known(a: Switches, chosen: Chosen) -> list[Row | None]:
    """The rows r^sigma that the signs chosen decide."""
    rows: list[Row | None] = []
    for i in range(a.k):
        total: Row | None = a.rows[i]
        for j in range(i):
            factor, row = a.couplings[i][j], rows[j]
            if not factor or total is None:
                continue
            if row is None or (any(row) and j not in chosen):
                total = None
            elif any(row):
                total = [x + factor * chosen[j] * y for x, y in zip(total, row, strict=True)]
        rows.append(total)
    return rows


def _bound(a: Switches, along: Row, rows: Sequence[Row | None], chosen: Chosen) -> Fraction:
    """The largest v . g_sigma, by what each |r_i . v| is at most."""
    total = Fraction(0)
    ends: list[tuple[Fraction, Fraction]] = []
    for i in range(a.k):
        low = high = along[i]
        for j, (least, most) in enumerate(ends):
            factor = a.couplings[i][j]
            if factor:
                low, high = (x + y for x, y in zip((low, high), _times(factor, least, most), strict=True))
        # The ends of sigma_i r_i . v, whose row may depend on signs that are open.
        size = max(abs(low), abs(high))
        ends.append(_times(Fraction(chosen[i]), low, high) if i in chosen else (-size, size))
        total += _times(a.weights[i], *ends[i])[1]
    return total


def _times(factor: Fraction, low: Fraction, high: Fraction) -> tuple[Fraction, Fraction]:
    return (factor * low, factor * high) if factor >= 0 else (factor * high, factor * low)


def _refuted(item: Sequence[Any], rows: Sequence[Row | None], chosen: Chosen) -> bool:
    """Gordan weights of switches whose signs are chosen."""
    switches, weights = positions((i for i, _ in item), len(rows)), numbers(w for _, w in item)
    if not any(weights) or min(weights) < 0:
        return False
    total: Row = []
    for i, weight in zip(switches, weights, strict=True):
        row = rows[i]
        if row is None or not chosen.get(i) or not any(row):
            return False
        signed = [weight * chosen[i] * x for x in row]
        total = [x + y for x, y in zip(total, signed, strict=True)] if total else signed
    return not any(total)
