"""Claims that rest on a direction: direction, free switches, lexicographic slopes, slopes that support along it."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction

from ..rational import Vector, dot, rank
from .claims_of_adjoints import live, own_adjoints
from .drawn_forms import ZERO, Claimed, Drawn, unit
from .form import Block, Matrix, NormForm, Slopes


def _along(draw: Drawn, form: NormForm, d: Vector, length: Fraction) -> Slopes | None:
    """The slopes that a direction chooses where they are rational, of some length, drawn at random where z' is 0."""
    slopes: list[Vector] = []
    for i, k in enumerate(form.sizes):
        partial = NormForm(form.n, form.blocks[: i + 1], form.J, form.Y[: i + 1])
        t = tuple(dot(row, d) for row in partial.rows((*slopes, (ZERO,) * k))[i])
        found = unit(t)
        if any(t) and found is None:
            return None
        slopes.append(tuple(length * a for a in found) if found else draw.slope(k))
    return tuple(slopes)


def _is_zero(r: Matrix) -> bool:
    return not any(map(any, r))


def direction(
    draw: Drawn, allowed: Callable[[Matrix], bool] = _is_zero, length: Fraction = Fraction(1)
) -> Claimed | None:
    """r_i d is a positive multiple of c_i for every i whose r_i is not zero."""
    form = draw.form(draw.pick((1, 2, 3, 4)), draw.pick((1, 2, 3, 4, 5)), 0.3)
    d = draw.row(form.n, (0, 1, -1, 3, 4, -3, 2, 5))
    c = _along(draw, form, d, length)
    if c is None or not any(d):
        return None
    rows = form.rows(c)
    return (form, c) if all(any(dot(row, d) for row in r) or allowed(r) for r in rows) else None


def direction_with_zero_rates(draw: Drawn) -> Claimed | None:
    """Wrong: z' = 0 along d is taken for a zero row."""
    return direction(draw, lambda r: True)


def direction_with_shorter_slopes(draw: Drawn) -> Claimed | None:
    """Wrong: |c_i| is 1/2, and r_i d a positive multiple of c_i."""
    return direction(draw, length=Fraction(1, 2))


def direction_with_positive_products(draw: Drawn) -> Claimed | None:
    """Wrong: c_i . r_i d > 0 in place of a positive multiple."""
    form = draw.form(draw.pick((1, 2, 3)), draw.pick((1, 2, 3)), 0.3)
    d, c = draw.row(form.n, (0, 1, -1, 3, 4, 2)), draw.slopes(form, 1.0)
    products = [dot(c_i, [dot(row, d) for row in r]) for c_i, r in zip(c, form.rows(c), strict=True)]
    return (form, c) if all(a > 0 for a in products) else None


def _rested(draw: Drawn) -> tuple[NormForm, Slopes, list[Fraction]]:
    """A form in which the first input moves each z_i at a rate along c_i, some at the rate 0 and with any slope."""
    n, m = draw.pick((2, 3, 3, 4)), draw.pick((2, 3, 3, 4))
    blocks: list[Block] = []
    slopes: list[Vector] = []
    rates: list[Fraction] = []
    for i in range(m):
        block = draw.block(n, (), 0.0)
        k, rate = block.size, Fraction(draw.pick((0, 0, 1, 2)))
        links = [draw.row(i, (0, 0, 1, -1, 2)) for _ in range(k)]
        c = draw.slope(k, 0.3 if rate == 0 else 1.0)
        first = [rate * a - dot(link, rates) for a, link in zip(c, links, strict=True)]
        blocks.append(Block(tuple((a, *row[1:]) for a, row in zip(first, block.R, strict=True)), tuple(links)))
        slopes.append(c)
        rates.append(rate)
    form = NormForm(n, tuple(blocks), draw.row(n, (0, 1, -1)), draw.row(m, (1, -1, 2, -2)))
    return form, tuple(slopes), rates


def free_switches(draw: Drawn, independent: bool = True) -> Claimed | None:
    """With free switches U: their rows are independent, r_i d = 0 on U, and a positive multiple of c_i elsewhere.

    The direction d is that of the first input.
    """
    form, slopes, rates = _rested(draw)
    at_rest = form.rows(tuple(c if rate else (ZERO,) * len(c) for c, rate in zip(slopes, rates, strict=True)))
    free = [row for r, rate in zip(at_rest, rates, strict=True) if rate == 0 for row in r]
    return (form, slopes) if free and (rank(free) == len(free)) == independent else None


def free_switches_dependent(draw: Drawn) -> Claimed | None:
    """Wrong: the rows of the free switches may be dependent."""
    return free_switches(draw, independent=False)


def lexicographic(draw: Drawn) -> Claimed | None:
    """Slopes from the first of n independent directions on which r_i is not 0; any where r_i is zero."""
    form = draw.form(draw.pick((2, 3, 3)), draw.pick((2, 3, 4)), 0.4)
    order = [draw.row(form.n, (0, 0, 1, -1, 3, 4)) for _ in range(form.n)]
    if rank(order) < form.n:
        return None
    slopes: list[Vector] = []
    for i, k in enumerate(form.sizes):
        partial = NormForm(form.n, form.blocks[: i + 1], form.J, form.Y[: i + 1])
        r = partial.rows((*slopes, (ZERO,) * k))[i]
        t = next((t for d in order if any(t := tuple(dot(row, d) for row in r))), None)
        found = None if t is None else unit(t)
        if t is not None and found is None:
            return None
        slopes.append(found or draw.slope(k))
    return form, tuple(slopes)


def supporting_along(draw: Drawn, signed: bool = False) -> Claimed | None:
    """Along a direction each r_i d is a positive multiple of c_i, or 0; the adjoints under c of these have one sign."""
    form, c, rates = _rested(draw)
    adjoints = own_adjoints(form, c)
    w = [adjoints[j] for j in live(form) if rates[j] == 0]
    return (form, c) if signed or all(a >= 0 for a in w) or all(a <= 0 for a in w) else None


def supporting_along_with_signs_of_each(draw: Drawn) -> Claimed | None:
    """Wrong: those at rest have adjoints with signs of their own."""
    return supporting_along(draw, signed=True)
