"""Random forms on small integers, degenerate on purpose, and slopes in the balls."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from random import Random
from typing import TypeVar

from ..rational import Vector, dot
from .form import Block, NormForm, Slopes

T = TypeVar("T")

_F = Fraction
ZERO = Fraction(0)

#: A form and slopes of its blocks, of which something is claimed.
Claimed = tuple[NormForm, Slopes]

UNIT: dict[int, tuple[Vector, ...]] = {
    1: ((_F(1),), (_F(-1),)),
    2: ((_F(1), _F(0)), (_F(0), _F(-1)), (_F(3, 5), _F(4, 5)), (_F(-4, 5), _F(3, 5)), (_F(5, 13), _F(-12, 13))),
    3: (
        (_F(1), _F(0), _F(0)), (_F(0), _F(0), _F(-1)), (_F(2, 3), _F(1, 3), _F(-2, 3)), (_F(-3, 5), _F(0), _F(4, 5)),
        (_F(2, 7), _F(-3, 7), _F(6, 7)),
    ),
}  # fmt: skip
INNER: dict[int, tuple[Vector, ...]] = {
    1: ((_F(0),), (_F(1, 2),), (_F(-3, 4),)),
    2: ((_F(0), _F(0)), (_F(1, 2), _F(0)), (_F(-1, 2), _F(1, 2)), (_F(0), _F(3, 4))),
    3: ((_F(0), _F(0), _F(0)), (_F(1, 2), _F(1, 2), _F(0)), (_F(0), _F(-3, 4), _F(0)), (_F(1, 2), _F(-1, 2), _F(1, 2))),
}  # fmt: skip


class Drawn(Random):
    """Draws small numbers, rows, forms and slopes from a seed."""

    def pick(self, options: Sequence[T]) -> T:
        """One of the options."""
        return options[int(self.random() * len(options))]

    def likely(self, chance: float) -> bool:
        """True with this probability."""
        return self.random() < chance

    def row(self, n: int, options: Sequence[int] = (0, 0, 0, 1, 1, -1, 2)) -> Vector:
        """A row of small integers."""
        return tuple(Fraction(self.pick(options)) for _ in range(n))

    def block(self, n: int, earlier: Sequence[Block], coupled: float) -> Block:
        """A block of its own, or a copy of an earlier one, scaled, with its entries in another order."""
        i = len(earlier)
        if earlier and self.likely(0.25):
            old, factor = self.pick(earlier), self.pick((1, 1, -1, 2))
            order = sorted(range(old.size), key=lambda _: self.random())
            rows = tuple(tuple(factor * a for a in old.R[p]) for p in order)
            links = tuple((*(factor * a for a in old.L[p]), *[_F(0)] * (i - len(old.L[p]))) for p in order)
            return Block(rows, links)
        k = self.pick((1, 1, 2, 2, 3))
        none = self.likely(0.15)
        rows = tuple((_F(0),) * n if none else self.row(n) for _ in range(k))
        links = tuple(tuple(self.link(coupled) for _ in range(i)) for _ in range(k))
        return Block(rows, links)

    def link(self, coupled: float) -> Fraction:
        """A coupling that is not 0 with this probability."""
        return Fraction(self.pick((1, -1, 1, -1, 2))) if self.likely(coupled) else ZERO

    def form(self, n: int, m: int, coupled: float = 0.3) -> NormForm:
        """A form with m blocks."""
        blocks: list[Block] = []
        for _ in range(m):
            blocks.append(self.block(n, blocks, coupled))
        return NormForm(n, tuple(blocks), self.row(n, (0, 1, -1)), self.row(m, (1, 1, -1, 2, 0)))

    def slope(self, k: int, definite: float = 0.5) -> Vector:
        """A vector in the unit ball of R^k, of length 1 with a given probability."""
        return self.pick(UNIT[k] if self.likely(definite) else INNER[k])

    def slopes(self, form: NormForm, definite: float = 0.5) -> Slopes:
        """A slope for every block."""
        return tuple(self.slope(k, definite) for k in form.sizes)


def length(c: Vector) -> Fraction:
    """|c|^2."""
    return dot(c, c)


def definite(c: Vector) -> bool:
    """Whether a slope has length 1."""
    return length(c) == 1


def multiple(t: Vector, c: Vector) -> bool:
    """Whether t is a positive multiple of c, which has length 1."""
    return dot(t, c) > 0 and length(t) == dot(t, c) ** 2


def unit(t: Vector) -> Vector | None:
    """The slope that t chooses, where it is one of the rational ones that are drawn."""
    options = (*UNIT[len(t)], *(tuple(-a for a in c) for c in UNIT[len(t)]))
    return next((c for c in options if multiple(t, c)), None)
