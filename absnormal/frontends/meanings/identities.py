"""Nodes as rational functions of the same terms: t * x / t is x, and w * (1 - s) + w * s is w.

Every entry is a quotient of two polynomials in *terms*: variables, and whatever other operation there is on equal
arguments.  Two of them are one where the difference of the products over cross is the polynomial 0.  A quotient is
looked at where what it divides by is not 0 at the point, so that it is one near the point, too.  Coefficients that were
summed from others may differ by the rounding of these.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np

from absnormal.arrays import Array
from absnormal.frontends.meanings.combinations import ROUNDINGS, size
from absnormal.ops import ENTRYWISE, TABLE
from absnormal.program.builder import Builder
from absnormal.program.moves import MOVES, numbered
from absnormal.program.nodes import Node
from absnormal.program.postorder import unknown_behind

#: Entries of results and of arguments, entries of nodes on the way, and terms of a polynomial beyond which nothing is
#: said.
_ENTRIES, _VISITED, _TERMS = 64, 4000, 200
#: Powers that are products.
_POWERS = (1.0, 2.0, 3.0, 4.0)

#: Terms by their numbers, each with its power; their coefficient with the size of what it was summed from.
Monomial = tuple[tuple[int, int], ...]
Polynomial = dict[Monomial, tuple[float, float]]


class _Unknown(Exception):
    """What is too large, or not a number."""


class _Quotient(NamedTuple):
    above: Polynomial
    below: Polynomial


_ONE: Polynomial = {(): (1.0, 1.0)}


def agree(builder: Builder, first: int, second: int, open_: Array) -> bool:
    """Whether two nodes of one shape are the same rational functions, in the entries that count."""
    entries = np.flatnonzero(open_)
    if entries.size > _ENTRIES:
        return False
    terms = _Terms(builder)
    try:
        return all(terms.same((first, int(entry)), (second, int(entry))) for entry in entries)
    except _Unknown:
        return False


class _Terms:
    """The entries of nodes as quotients of polynomials, by the numbers of the terms."""

    def __init__(self, builder: Builder) -> None:
        self.builder = builder
        self._known: dict[tuple[int, int], _Quotient] = {}
        self._numbers: dict[Any, int] = {}

    def same(self, first: tuple[int, int], second: tuple[int, int]) -> bool:
        one, other = self._at(first), self._at(second)
        return not _sum(_product(one.above, other.below), _product(other.above, one.below), -1.0)

    def _at(self, start: tuple[int, int]) -> _Quotient:
        for item in unknown_behind(start, self._known, self._needed):
            if len(self._known) >= _VISITED:
                raise _Unknown
            self._known[item] = self._found(*item)
        return self._known[start]

    def _needed(self, item: tuple[int, int]) -> list[tuple[int, int]]:
        """The entries that an entry is computed from."""
        index, entry = item
        node = self.builder.nodes[index]
        if not node.args or not node.varied or self.builder.nearby.fixed(index).flat[entry]:
            return []
        shapes = [self.builder.nodes[arg].shape for arg in node.args]
        if node.op == "where":
            chosen = 0 if np.broadcast_to(node.params["mask"], node.shape).flat[entry] else 1
            return [(node.args[chosen], _entry(shapes[chosen], node.shape, entry))]
        if node.op in ENTRYWISE:
            return [(arg, _entry(shape, node.shape, entry)) for arg, shape in zip(node.args, shapes, strict=True)]
        if node.op in MOVES:
            places = TABLE[node.op].value(node.params, numbered(shapes[0]))
            return [(node.args[0], int(np.asarray(places).flat[entry]))]
        if sum(math.prod(shape) for shape in shapes) > _ENTRIES:
            return []
        if node.op == "sum":
            pulled = np.moveaxis(numbered(shapes[0]), node.params["axes"], range(len(node.params["axes"])))
            return [(node.args[0], int(k)) for k in pulled.reshape(-1, math.prod(node.shape))[:, entry]]
        return [(arg, k) for arg, shape in zip(node.args, shapes, strict=True) for k in range(math.prod(shape))]

    def _found(self, index: int, entry: int) -> _Quotient:
        node, value = self.builder.nodes[index], self.builder.values[index]
        if not node.varied or self.builder.nearby.fixed(index).flat[entry]:
            number, largest = value.flat[entry], np.broadcast_to(size(self.builder, index), node.shape).flat[entry]
            if value.dtype == object or not np.isfinite(number):
                raise _Unknown
            return _Quotient({(): (float(number), max(abs(float(number)), float(largest)))} if number else {}, _ONE)
        needed = self._needed((index, entry))
        args = [self._known[item] for item in needed]
        made = self._made(node, needed, args)
        if made is None:
            own = () if args else (self.builder.numbering.of(index),)
            place = () if node.op in ENTRYWISE else (entry,)
            held = tuple(np.asarray(node.params[key]).tobytes() for key in sorted(node.params)) if args else ()
            key = node.op, own, place, held, tuple(_key(arg) for arg in args)
            made = _Quotient({((self._numbers.setdefault(key, len(self._numbers)), 1),): (1.0, 1.0)}, _ONE)
        return made

    def _made(self, node: Node, needed: list[tuple[int, int]], args: list[_Quotient]) -> _Quotient | None:
        """What an operation makes of quotients; None where that is a term of its own."""
        if not args:
            return None
        if node.op in MOVES or node.op == "where":
            return args[0]
        if node.op in ("add", "sub", "sum"):
            total = args[0]
            for arg in args[1:]:
                total = _added(total, arg, -1.0 if node.op == "sub" else 1.0)
            return total
        if node.op == "neg":
            return _Quotient(_product(args[0].above, {(): (-1.0, 1.0)}), args[0].below)
        if node.op == "mul":
            return _multiplied(*args)
        if node.op == "square":
            return _multiplied(args[0], args[0])
        if node.op in ("div", "reciprocal"):
            index, entry = needed[-1]
            if not self.builder.values[index].flat[entry]:
                raise _Unknown
            turned = _Quotient(args[-1].below, args[-1].above)
            return turned if node.op == "reciprocal" else _multiplied(args[0], turned)
        if node.op == "power" and (exponent := _number(args[1])) in _POWERS:
            result = args[0]
            for _ in range(int(exponent) - 1):
                result = _multiplied(result, args[0])
            return result
        return None


def _entry(shape: tuple[int, ...], whole: tuple[int, ...], entry: int) -> int:
    """The number of the entry of an argument that is broadcast."""
    return int(np.broadcast_to(numbered(shape), whole).flat[entry])


def _number(quotient: _Quotient) -> float:
    """The constant that a quotient is; NaN where it is none."""
    constant = quotient.below == _ONE and set(quotient.above) <= {()}
    return quotient.above.get((), (0.0, 0.0))[0] if constant else math.nan


def _key(quotient: _Quotient) -> Any:
    return tuple(frozenset((term, c) for term, (c, _) in part.items()) for part in quotient)


def _sum(first: Polynomial, second: Polynomial, factor: float) -> Polynomial:
    found = dict(first)
    for term, (c, largest) in second.items():
        before, width = found.get(term, (0.0, 0.0))
        found[term] = before + factor * c, width + largest
    if len(found) > _TERMS:
        raise _Unknown
    unit = ROUNDINGS * float(np.finfo(float).eps)
    return {term: (c, width) for term, (c, width) in found.items() if abs(c) > unit * width}


def _product(first: Polynomial, second: Polynomial) -> Polynomial:
    found: Polynomial = {}
    for left, (a, width) in first.items():
        for right, (b, other) in second.items():
            powers = dict(left)
            for term, power in right:
                powers[term] = powers.get(term, 0) + power
            found = _sum(found, {tuple(sorted(powers.items())): (a * b, width * other)}, 1.0)
    return found


def _added(first: _Quotient, second: _Quotient, factor: float) -> _Quotient:
    if first.below == second.below:
        return _Quotient(_sum(first.above, second.above, factor), first.below)
    above = _sum(_product(first.above, second.below), _product(second.above, first.below), factor)
    return _reduced(_Quotient(above, _product(first.below, second.below)))


def _multiplied(first: _Quotient, second: _Quotient) -> _Quotient:
    return _reduced(_Quotient(_product(first.above, second.above), _product(first.below, second.below)))


def _reduced(quotient: _Quotient) -> _Quotient:
    """A quotient without the terms that both parts are multiples of, and one of a number as a polynomial."""
    above, below = quotient
    if not above:
        return _Quotient({}, _ONE)
    shared = set.intersection(*(set(dict(term)) for part in quotient for term in part))
    if shared:
        least = {n: min(dict(term)[n] for part in quotient for term in part) for n in shared}
        above, below = ({
            tuple((n, power - least.get(n, 0)) for n, power in term if power > least.get(n, 0)): c
            for term, c in part.items()} for part in quotient)
    if set(below) == {()}:
        number = below[()][0]
        return _Quotient({term: (c / number, width / abs(number)) for term, (c, width) in above.items()}, _ONE)
    return _Quotient(above, below)
