"""Switches as multiples of constant combinations of entries (THEORY 7.1).

Every entry that is compared is followed back, through value numbering, to the entries that it is a combination of: sums
and differences, constant factors, movements, and factors that do not vanish at x.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from operator import itemgetter
from typing import Any

import numpy as np

from absnormal.arrays import Array, distinct_columns
from absnormal.ops import TABLE, kink_of
from absnormal.program.moves import MOVES, numbered
from absnormal.program.nodes import Node
from absnormal.program.numbering import value_numbers
from absnormal.program.postorder import unknown_behind
from absnormal.sweeps.rounding import running_errors
from absnormal.sweeps.table import Sweeps

#: Terms up to which a combination is followed.
_TERMS = 8
#: In place of an entry: the constant 1.
_ONE = -1
#: Factors that are smaller, or larger than its inverse, are not followed in floating point.
LEAST = 1e-150


@dataclass(frozen=True, slots=True, eq=False)
class Multiple:
    """scale * (sum of coefficients * entries), entry by entry of a node.

    ``entries`` holds for each term the numbers of entries of the program, in the shape of the node.  ``scale`` is None
    where it is 1, and 0 where nothing is known of an entry.
    """

    entries: tuple[Array, ...]
    coefficients: tuple[Fraction, ...]
    scale: Array | None = None


class Combinations:
    """The combinations that the nodes of a program are at a point."""

    def __init__(self, sweeps: Sweeps) -> None:
        self.sweeps, self.nodes = sweeps, sweeps.program.nodes
        self.numbers = value_numbers(self.nodes)
        self.starts = np.cumsum([0, *(math.prod(node.shape) for node in self.nodes)]).tolist()
        self._known: dict[int, Multiple] = {}
        self._bases: dict[int, frozenset[int]] = {}

    # -- what can be equal at all ------------------------------------------------------------------------------------

    def candidates(self) -> Iterator[int]:
        """The kinked nodes with active switches whose combinations use entries that others use, or one twice."""
        program, active = self.sweeps.program, self.sweeps.active
        tied = [
            index for index in program.kinked
            if active[self.nodes[index].own].any()
        ]
        bases = {index: self._base_of(index) for index in tied}
        users: dict[int, int] = {}
        for found in bases.values():
            for base in found:
                users[base] = users.get(base, 0) + 1
        for index, found in bases.items():
            size = math.prod(self.nodes[index].shape)
            repeated = all(math.prod(self.nodes[base].shape) < size for base in found)
            if repeated or any(users[base] > 1 for base in found):
                yield index

    def _base_of(self, index: int) -> frozenset[int]:
        """The nodes whose entries the switches of a kinked node are made of."""
        node = self.nodes[index]
        if not _compares_once(node):
            return frozenset((self.numbers[index],))
        return frozenset[int]().union(*(self._bases_of(arg) for arg in node.args[: _compared(node)]))

    def _bases_of(self, index: int) -> frozenset[int]:
        """The nodes that a node may be a combination of."""
        index = self.numbers[index]
        for at in unknown_behind(index, self._bases, self._followed):
            inner = self._followed(at)
            own = frozenset[int]().union(*(self._bases[arg] for arg in inner)) if inner else frozenset((at,))
            self._bases[at] = own if self.nodes[at].varied else frozenset()
        return self._bases[index]

    def _followed(self, index: int) -> list[int]:
        """The arguments that a node is a combination of, or a multiple of one, by their numbers."""
        node = self.nodes[index]
        return [self.numbers[arg] for arg in node.args] if node.op in _RULES or node.op in MOVES else []

    # -- combinations ------------------------------------------------------------------------------------------------

    def of_switches(self, index: int) -> Iterator[tuple[tuple[Fraction, ...], Array, Array, Array]]:
        """The combinations of the active switches of a kinked node: coefficients whose first is 1, the entries
        (terms, count), the positions of the switches among the active ones, and what they are multiplied by."""
        node, sweeps = self.nodes[index], self.sweeps
        own = np.flatnonzero(sweeps.active[node.own])
        places = np.searchsorted(sweeps.alpha, node.switch + own)
        found = self._switching(index, node)
        entries = np.stack([term.reshape(-1)[own] for term in found.entries]) if found.entries else None
        if entries is None:
            return
        scale = self.ones(own.shape) if found.scale is None else found.scale.reshape(-1)[own]
        if len(entries) == 1:
            lead = found.coefficients[0]
            able = scale != 0
            yield (Fraction(1),), entries[:, able], places[able], scale[able] * self._number(lead)
            return
        order = np.argsort(entries, axis=0, kind="stable")
        entries = np.take_along_axis(entries, order, axis=0)
        # Which term goes where, and which terms meet in one entry, is mostly the same for all switches of a node.
        repeats = np.zeros_like(order)
        repeats[1:] = entries[1:] == entries[:-1]
        patterns, which = distinct_columns(np.concatenate([order, repeats]))
        for number, pattern in enumerate(patterns.T.tolist()):
            mine = (which == number) & (scale != 0)
            kept = _gathered(found.coefficients, pattern)
            if mine.any() and kept:
                lead = kept[0][1]
                factors = scale[mine] * self._number(lead)
                rows = [row for row, _ in kept]
                yield tuple(value / lead for _, value in kept), entries[rows][:, mine], places[mine], factors

    def ones(self, shape: tuple[int, ...]) -> Array:
        """Factors of 1, as numbers of the sweeps."""
        return np.full(shape, Fraction(1)) if self.sweeps.rational else np.ones(shape)

    def _number(self, value: Fraction) -> Any:
        """A factor as a number of the sweeps; 0 where it is none of float64."""
        if self.sweeps.rational:
            return value
        return float(value) if LEAST < abs(value) < 1 / LEAST else 0.0

    def _switching(self, index: int, node: Node) -> Multiple:
        if not kink_of(node.op).rates and _compares_once(node):
            whole = self.of(node.args[0])
            sides = [_moved(whole, itemgetter(place)) for place in (0, 1)]
            return self._sum(sides, (1, -1), node.shape) or self._comparisons(index, node, node.shape)
        if not _compares_once(node):
            # Equal operations make equal comparisons.
            return self._comparisons(index, node, (node.switches,))
        rates = kink_of(node.op).rates
        terms = [self.of(arg) for arg in node.args[: len(rates)]]
        return self._sum(terms, rates, node.shape) or self._comparisons(index, node, node.shape)

    def _comparisons(self, index: int, node: Node, shape: tuple[int, ...]) -> Multiple:
        """The switches of a kinked node as entries of their own, the same for equal nodes."""
        first = self.nodes[self.numbers[index]]
        same = first.switch if first.switch >= 0 else node.switch
        return Multiple((-2 - same - numbered(shape),), (Fraction(1),))

    def of(self, index: int) -> Multiple:
        """The combination that a node is."""
        for at in unknown_behind(self.numbers[index], self._known, self._followed):
            self._known[at] = self._found(at, self.nodes[at])
        return self._known[self.numbers[index]]

    def _found(self, index: int, node: Node) -> Multiple:
        if not node.varied:
            value = np.asarray(self.sweeps.values[index])
            flat = value.reshape(-1)
            if flat.size and np.isfinite(float(flat[0])) and (flat == flat[0]).all():
                number = Fraction(flat[0] if value.dtype == object else flat[0].item())
                return Multiple((np.full(node.shape, _ONE),), (number,)) if number else Multiple((), ())
            return self._itself(index)
        rule = _RULES.get(node.op)
        if rule is not None:
            return rule(self, index, node) or self._itself(index)
        if node.op in MOVES:
            inner = self._known[self.numbers[node.args[0]]]
            return _moved(inner, lambda entries: np.asarray(TABLE[node.op].value(node.params, entries)))
        return self._itself(index)

    def _itself(self, index: int) -> Multiple:
        return Multiple((self.starts[index] + numbered(self.nodes[index].shape),), (Fraction(1),))

    def _arguments(self, node: Node) -> list[Multiple]:
        return [self._known[self.numbers[arg]] for arg in node.args]

    def _sum(self, terms: Sequence[Multiple], signs: Sequence[int], shape: tuple[int, ...]) -> Multiple | None:
        """The sum of terms with signs; None where it is no combination, or a long one."""
        used = [term for term in terms if term.entries]
        if len(used) == 1 and used[0].scale is not None:
            (sign,) = (sign for sign, term in zip(signs, terms, strict=True) if term.entries)
            only = _broadcast(used[0], shape)
            return Multiple(only.entries, tuple(sign * a for a in only.coefficients), only.scale)
        entries: list[Array] = []
        coefficients: list[Fraction] = []
        for term, sign in zip(terms, signs, strict=True):
            if term.scale is not None:
                return None
            entries += _broadcast(term, shape).entries
            coefficients += [sign * a for a in term.coefficients]
        return Multiple(tuple(entries), tuple(coefficients)) if len(entries) <= _TERMS else None

    def _added(self, index: int, node: Node) -> Multiple | None:
        return self._sum(self._arguments(node), (1, -1 if node.op == "sub" else 1), node.shape)

    def _negated(self, index: int, node: Node) -> Multiple:
        (inner,) = self._arguments(node)
        return Multiple(inner.entries, tuple(-a for a in inner.coefficients), inner.scale)

    def _product(self, index: int, node: Node) -> Multiple | None:
        """A constant factor or divisor, or one that does not vanish at x."""
        first, second = node.args
        factors = (second,) if node.op == "div" else (second, first)
        for factor in sorted(factors, key=lambda arg: self.nodes[arg].varied):
            other = first if factor == second else second
            scale = self._factor(factor)
            if scale is not None:
                inner = self._known[self.numbers[other]]
                return self._scaled(inner, scale, node, not self.nodes[factor].varied)
        return None

    def _factor(self, index: int) -> Array | None:
        """A factor at x, 0 where it is the constant 0 or infinite; None where one that is not constant may vanish."""
        value = np.asarray(self.sweeps.values[index])
        if not self.nodes[index].varied:
            return value if value.dtype == object else np.where(np.isfinite(value), value, 0.0)
        if self.sweeps.atol:
            # What is within atol is moved to 0 before it is multiplied.
            return None
        sure = value != 0 if self.sweeps.rational else np.abs(value) > self._errors[index]
        return value if sure.all() else None

    @cached_property
    def _errors(self) -> list[Array]:
        return running_errors(self.sweeps)[0]

    def _scaled(self, inner: Multiple, factor: Array, node: Node, constant: bool) -> Multiple:
        flat = factor.reshape(-1)
        if constant and flat.size and (flat == flat[0]).all() and flat[0] != 0:
            number = Fraction(flat[0]) if factor.dtype == object else Fraction(float(flat[0]))
            number = 1 / number if node.op == "div" else number
            whole = _broadcast(inner, node.shape)
            return Multiple(whole.entries, tuple(number * a for a in whole.coefficients), whole.scale)
        if node.op == "div":
            with np.errstate(all="ignore"):
                factor = np.where(factor != 0, 1 / np.where(factor != 0, factor, 1), 0 * factor)
        whole, own = _broadcast(inner, node.shape), np.broadcast_to(factor, node.shape)
        return Multiple(whole.entries, whole.coefficients, own if whole.scale is None else own * whole.scale)

    def _joined(self, index: int, node: Node) -> Multiple | None:
        """Single entries, each with its own factor, side by side."""
        parts = self._arguments(node)
        if any(len(part.entries) != 1 for part in parts):
            return None
        scales = []
        for part in parts:
            scale = self.ones(part.entries[0].shape) if part.scale is None else part.scale
            scales.append(scale * self._number(part.coefficients[0]))
        value = TABLE[node.op].value
        entries = np.asarray(value(node.params, *(part.entries[0] for part in parts)))
        return Multiple((entries,), (Fraction(1),), np.asarray(value(node.params, *scales)))


def _compared(node: Node) -> int:
    """How many arguments the switches of a kinked node are made of."""
    return len(kink_of(node.op).rates) or 1


def _compares_once(node: Node) -> bool:
    """Whether each switch is a difference of entries of the arguments, as in an extremum of two."""
    kink = kink_of(node.op)
    return bool(kink.rates) or (kink.extremum(node.params) != 0 and node.switches == math.prod(node.shape))


def _moved(inner: Multiple, move: Callable[[Array], Array]) -> Multiple:
    """The same with all entries moved."""
    scale = None if inner.scale is None else move(inner.scale)
    return Multiple(tuple(move(term) for term in inner.entries), inner.coefficients, scale)


def _broadcast(inner: Multiple, shape: tuple[int, ...]) -> Multiple:
    return _moved(inner, lambda entries: np.broadcast_to(entries, shape))


def _gathered(coefficients: Sequence[Fraction], pattern: Sequence[int]) -> list[tuple[int, Fraction]]:
    """The rows of sorted terms that are left, with their coefficients, where terms that meet in one entry are added."""
    order, repeats = pattern[: len(coefficients)], pattern[len(coefficients) :]
    total: list[tuple[int, Fraction]] = []
    for row, (term, again) in enumerate(zip(order, repeats, strict=True)):
        if again:
            before, value = total.pop()
            total.append((before, value + coefficients[term]))
        else:
            total.append((row, coefficients[term]))
    return [(row, value) for row, value in total if value]


_RULES = {
    "add": Combinations._added, "sub": Combinations._added, "neg": Combinations._negated,
    "mul": Combinations._product, "div": Combinations._product, "concatenate": Combinations._joined,
}
