"""The square of a norm as a quadratic form in entries of a program, on rationals (THEORY 8).

Every entry of u is followed back, through value numbering, to a combination of entries with exact coefficients.  Then
|u|^2 is a quadratic form in these, and norms whose forms are multiples of each other are multiples of each other,
whatever the order, the signs and the number of their entries, and however they were turned: |(u + v, u - v)|^2 is
2 |(u, v)|^2.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from fractions import Fraction

import numpy as np

from absnormal.arrays import Array
from absnormal.ops import TABLE
from absnormal.program.moves import MOVES, numbered
from absnormal.program.nodes import Node
from absnormal.program.numbering import value_numbers
from absnormal.program.postorder import unknown_behind

#: Coefficients of entries of a program.
Combination = dict[int, Fraction]
#: Products of two entries, the lesser first, with their coefficients.
Form = dict[tuple[int, int], Fraction]

#: In place of an entry: the constant 1.
_ONE = -1
#: Terms up to which a combination is followed, and entries of a node up to which any is.
_TERMS, _ENTRIES = 24, 20_000


class QuadraticForms:
    """Follows entries of a program back to what they are combinations of."""

    def __init__(self, nodes: Sequence[Node], values: Sequence[Array]) -> None:
        self._nodes, self._values = nodes, values
        self._numbers = value_numbers(nodes)
        self._starts = np.cumsum([0, *(math.prod(node.shape) for node in nodes)]).tolist()
        self._known: dict[int, list[Combination]] = {}

    def of_lane(self, index: int, lane: int) -> list[Combination]:
        """The entries of one of the norms that a node holds."""
        (arg,) = self._nodes[index].args
        return self._of(arg)[lane :: math.prod(self._nodes[index].shape)]

    def _of(self, index: int) -> list[Combination]:
        for at in unknown_behind(self._numbers[index], self._known, self._followed):
            self._known[at] = self._found(at, self._nodes[at], [self._known[arg] for arg in self._followed(at)])
        return self._known[self._numbers[index]]

    def _followed(self, index: int) -> list[int]:
        """The arguments that a node is a combination of, by their numbers."""
        node = self._nodes[index]
        follows = node.varied and (node.op in _RULES or node.op in MOVES or node.op == "concatenate")
        return [self._numbers[arg] for arg in node.args] if follows else []

    def _found(self, index: int, node: Node, inner: list[list[Combination]]) -> list[Combination]:
        size = math.prod(node.shape)
        itself = [{self._starts[index] + place: Fraction(1)} for place in range(size)]
        if size > _ENTRIES or not node.varied:
            return itself if node.varied or size > _ENTRIES else self._constants(index) or itself
        if not inner:
            return itself
        rule = _RULES.get(node.op, QuadraticForms._moved)
        found = rule(self, node, inner)
        if found is None:
            return itself
        return [own if len(new) > _TERMS else new for own, new in zip(itself, found, strict=True)]

    def _constants(self, index: int) -> list[Combination] | None:
        value = np.asarray(self._values[index])
        if value.dtype != object and not np.isfinite(value).all():
            return None
        return [{_ONE: Fraction(a)} if a else {} for a in value.reshape(-1).tolist()]

    def _moved(self, node: Node, inner: list[list[Combination]]) -> list[Combination]:
        shapes = [self._nodes[arg].shape for arg in node.args]
        starts = np.cumsum([0, *map(len, inner)])
        places = [start + numbered(shape) for start, shape in zip(starts, shapes, strict=False)]
        flat = [entry for entries in inner for entry in entries]
        return [flat[k] for k in np.asarray(TABLE[node.op].value(node.params, *places)).reshape(-1).tolist()]

    def _pairs(self, node: Node, inner: list[list[Combination]]) -> list[tuple[Combination, Combination]]:
        """The arguments of an operation of two, broadcast."""
        full = [np.broadcast_to(numbered(self._nodes[arg].shape), node.shape).reshape(-1).tolist() for arg in node.args]
        return [(inner[0][a], inner[1][b]) for a, b in zip(*full, strict=True)]

    def _added(self, node: Node, inner: list[list[Combination]]) -> list[Combination]:
        sign = -1 if node.op == "sub" else 1
        return [_sum(((1, a), (sign, b))) for a, b in self._pairs(node, inner)]

    def _negated(self, node: Node, inner: list[list[Combination]]) -> list[Combination]:
        return [_sum(((-1, a),)) for a in inner[0]]

    def _product(self, node: Node, inner: list[list[Combination]]) -> list[Combination] | None:
        found = []
        for a, b in self._pairs(node, inner):
            if node.op == "mul" and not b.keys() <= {_ONE}:
                a, b = b, a
            factor = b.get(_ONE, Fraction(0))
            if not b.keys() <= {_ONE} or (node.op == "div" and not factor):
                return None
            found.append(_sum(((1 / factor if node.op == "div" else factor, a),)))
        return found

    def _summed(self, node: Node, inner: list[list[Combination]]) -> list[Combination]:
        shape, axes = self._nodes[node.args[0]].shape, node.params["axes"]
        kept = [axis for axis in range(len(shape)) if axis not in {a % len(shape) for a in axes}]
        order = (*kept, *(axis for axis in range(len(shape)) if axis not in kept))
        rows = numbered(shape).transpose(order).reshape(math.prod(node.shape), -1)
        return [_sum((1, inner[0][k]) for k in row) for row in rows.tolist()]


_RULES: dict[str, Callable[[QuadraticForms, Node, list[list[Combination]]], list[Combination] | None]] = {
    "add": QuadraticForms._added, "sub": QuadraticForms._added, "neg": QuadraticForms._negated,
    "mul": QuadraticForms._product, "div": QuadraticForms._product, "sum": QuadraticForms._summed,
}


def _sum(terms: Iterable[tuple[int | Fraction, Combination]]) -> Combination:
    total: Combination = {}
    for factor, combination in terms:
        for entry, a in combination.items():
            total[entry] = total.get(entry, Fraction(0)) + factor * a
    return {entry: a for entry, a in total.items() if a}


def square(entries: Sequence[Combination]) -> Form:
    """The sum of the squares of combinations."""
    total: Form = {}
    for combination in entries:
        terms = sorted(combination.items())
        for k, (first, a) in enumerate(terms):
            for second, b in terms[k:]:
                total[first, second] = total.get((first, second), Fraction(0)) + a * b * (1 if first == second else 2)
    return {pair: a for pair, a in total.items() if a}


def one_direction(entries: Sequence[Combination]) -> int | None:
    """The first entry that is not 0, if all are multiples of it."""
    first = next((place for place, entry in enumerate(entries) if entry), None)
    if first is None:
        return None
    lead = entries[first]
    one = next(iter(lead))
    for entry in entries:
        if not entry:
            continue
        if entry.keys() != lead.keys() or any(a * lead[one] != entry[one] * lead[k] for k, a in entry.items()):
            return None
    return first
