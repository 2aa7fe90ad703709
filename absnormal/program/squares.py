"""Nodes that are sums of squares by structure, whose roots are 2-norms (THEORY 8).

sqrt(q) is not differentiable where q is 0.  If q is a sum of squares however it is written, sum(u * u), dot(u, u), a
variance, u**2 + v**2, the root is the 2-norm of the u, which is a kink; otherwise it is not Lipschitz there.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from absnormal.arrays import Array
from absnormal.ops import TABLE
from absnormal.ops.kinks.entrywise import Entrywise
from absnormal.program.moves import MOVES, numbered, origin
from absnormal.program.nodes import Node
from absnormal.program.numbering import alike

#: Appends an operation on nodes.
Add = Callable[[str, tuple[int, ...], Mapping[str, Any]], int]
#: Nodes of shape (k, *shape of q): q is the sum over axis 0 of all their squares.
Parts = list[int]

#: More entries than this under one root are not written out.
_ENTRIES = 50_000_000


class Squares:
    """Writes q as a sum of squares; ``constant`` makes a node of numbers."""

    def __init__(
        self, nodes: Sequence[Node], values: Sequence[Array], add: Add, constant: Callable[[Array], int]
    ) -> None:
        self._nodes, self._values, self._add, self._constant = nodes, values, add, constant

    def under_root(self, index: int) -> int | None:
        """A node u of shape (k, *shape of q) with q = sum_k u_k^2 identically; None where that is not seen."""
        order = self._order(index)
        known: dict[int, Parts | None] = {}
        for number in order:
            found = self._written(number, known)
            # An operation broadcasts what it is taken of.
            shape = self._nodes[number].shape
            known[number] = None if found is None else [self._full(part, shape) for part in found]
        parts = known[index]
        if not parts:
            return None
        shape = self._nodes[index].shape
        if sum(self._nodes[part].shape[0] for part in parts) * math.prod(shape) > _ENTRIES:
            return None
        return parts[0] if len(parts) == 1 else self._add("concatenate", tuple(parts), {"axis": 0})

    def together(self, args: Sequence[int], shape: tuple[int, ...]) -> int:
        """Arguments that are broadcast to a shape, along a new axis 0."""
        parts = tuple(self._full(self._lifted(arg), shape) for arg in args)
        return self._add("concatenate", parts, {"axis": 0})

    def _order(self, index: int) -> list[int]:
        """What q is written in, in the order of the program."""
        seen, stack = {index}, [index]
        while stack:
            for arg in self._inner(self._nodes[stack.pop()]):
                if arg not in seen:
                    seen.add(arg)
                    stack.append(arg)
        return sorted(seen)

    def _inner(self, node: Node) -> tuple[int, ...]:
        """The arguments that must be sums of squares for the node to be one."""
        if node.op in ("add", "sum", "where", *MOVES) or (node.op in ("mul", "div") and self._factor(node)):
            return node.args
        varied = [arg for arg in node.args if self._nodes[arg].varied]
        return tuple(varied) if TABLE[node.op].kink is not None and len(varied) == 1 else ()

    def _factor(self, node: Node) -> tuple[int, Array] | None:
        """The argument that is not constant, and the root of the other one, which is not negative."""
        for position in (1,) if node.op == "div" else (0, 1):
            other = self._nodes[node.args[position]]
            if other.op == "constant" and self._nodes[node.args[1 - position]].varied:
                value = np.asarray(other.params["value"])
                if value.dtype == object or not (value >= 0).all() or (node.op == "div" and not value.all()):
                    return None
                return node.args[1 - position], np.sqrt(1 / value if node.op == "div" else value)
        return None

    def _written(self, index: int, known: Mapping[int, Parts | None]) -> Parts | None:
        node = self._nodes[index]
        if not node.varied:
            return self._of_constant(self._values[index])
        if node.op == "square":
            return [self._lifted(node.args[0])]
        if node.op == "power":
            return self._even_power(node)
        if node.op == "mul" and self._alike(node.args, math.prod(node.shape)):
            return [self._lifted(node.args[0])]
        if node.op in ("matmul", "einsum"):
            return self._product(node)
        inner = [known.get(arg) for arg in self._inner(node)]
        if not inner or inner[0] is None:
            return None
        if node.op in ("mul", "div"):
            return self._scaled(node, known)
        if TABLE[node.op].kink is not None:
            return inner[0] if self._passes(node) else None
        parts = [part for found in inner if found is not None for part in found]
        if None in inner:
            return None
        if node.op == "add":
            return parts
        if node.op == "where":
            return self._selected(node, inner)
        if node.op == "sum":
            return [self._fronted(part, node.params["axes"], node.shape) for part in parts]
        return [self._moved(part, node) for part in parts]

    def _alike(self, args: Sequence[int], size: int | None = None) -> bool:
        """Whether two nodes hold the same entries in one order, and as many as ``size`` if that is given.

        A factor that is written twice, relu(u) * relu(u), is two nodes with one value.
        """
        (base, numbers), (other, others) = (origin(self._nodes, arg) for arg in args)
        fits = size is None or numbers.size == size
        return fits and np.array_equal(numbers.ravel(), others.ravel()) and alike(self._nodes, base, other)

    def _product(self, node: Node) -> Parts | None:
        """Products of vectors with themselves, in a batch or alone."""
        shapes = [self._nodes[arg].shape for arg in node.args]
        if len(node.args) != 2 or not all(shapes):
            return None
        count = math.prod(shapes[0]) // max(1, math.prod(node.shape))
        if math.prod(shapes[0]) != count * math.prod(node.shape):
            return None
        if node.op == "einsum":
            (term, *others), result = node.params["terms"], node.params["result"]
            letters = [letter for letter in term if letter not in result]
            if others != [term] or not set(result) <= set(term) or not self._alike(node.args):
                return None
            order = tuple(term.index(letter) for letter in (*letters, *result))
        else:
            # (..., 1, n) times (..., n, 1): every number is that of one line with itself.
            if shapes[0][-1] != count or not self._alike(node.args):
                return None
            order = (len(shapes[0]) - 1, *range(len(shapes[0]) - 1))
        moved = self._add("transpose", node.args[:1], {"axes": order})
        return [self._add("reshape", (moved,), {"shape": (count, *node.shape)})]

    def _even_power(self, node: Node) -> Parts | None:
        """u^2, u^4, ..."""
        exponent = self._nodes[node.args[1]]
        values = np.asarray(exponent.params["value"]) if exponent.op == "constant" else np.ones(1)
        half = values.reshape(-1)[0] / 2
        if not (values == 2 * half).all() or half < 1 or half != int(half):
            return None
        root = node.args[0] if half == 1 else self._add("power", (node.args[0], self._constant(values / 2)), {})
        return [self._lifted(root)]

    def _of_constant(self, value: Array) -> Parts | None:
        if value.dtype == object or not (value >= 0).all():
            return None
        return [self._constant(np.sqrt(value)[None])] if value.any() else []

    def _passes(self, node: Node) -> bool:
        """Whether a kink is the identity on what is not negative: |q|, relu(q), max(q, 0)."""
        kink = TABLE[node.op].kink
        if not isinstance(kink, Entrywise) or len(kink.rates) != len(node.args):
            return False
        (place,) = (place for place, arg in enumerate(node.args) if self._nodes[arg].varied)
        sign = kink.rates[place]
        for other, arg in enumerate(node.args):
            constant = self._nodes[arg]
            if other != place and (
                constant.op != "constant"
                or not (sign * kink.rates[other] * np.asarray(constant.params["value"]) >= 0).all()
            ):
                return False
        side = kink.sides(node.params, float)[0 if sign > 0 else 1]
        return all(c == float(number == place) for number, c in enumerate(side))

    def _scaled(self, node: Node, known: Mapping[int, Parts | None]) -> Parts | None:
        found = self._factor(node)
        parts = None if found is None else known[found[0]]
        if found is None or parts is None:
            return None
        root = self._constant(found[1])
        return [self._add("mul", (self._full(part, node.shape), root), {}) for part in parts]

    def _selected(self, node: Node, inner: Sequence[Parts | None]) -> Parts:
        """Of each side the entries that are selected."""
        total = []
        for parts, mask in zip(inner, (node.params["mask"], ~node.params["mask"]), strict=True):
            factor = self._constant(np.asarray(mask, dtype=float))
            total += [self._add("mul", (self._full(part, node.shape), factor), {}) for part in parts or ()]
        return total

    # -- shapes ------------------------------------------------------------------------------------------------

    def _lifted(self, index: int) -> int:
        """With a new axis 0."""
        return self._add("reshape", (index,), {"shape": (1, *self._nodes[index].shape)})

    def _full(self, part: int, shape: tuple[int, ...]) -> int:
        """A part, broadcast to the shape of a result."""
        count, *rest = self._nodes[part].shape
        if tuple(rest) == shape:
            return part
        aligned = (count, *[1] * (len(shape) - len(rest)), *rest)
        return self._add("broadcast", (self._add("reshape", (part,), {"shape": aligned}),), {"shape": (count, *shape)})

    def _fronted(self, part: int, axes: Sequence[int], out: tuple[int, ...]) -> int:
        """A part with summed axes in front, as one with axis 0."""
        shape = self._nodes[part].shape
        front = [0, *(axis + 1 for axis in axes)]
        order = (*front, *(axis for axis in range(len(shape)) if axis not in front))
        moved = part if order == tuple(range(len(order))) else self._add("transpose", (part,), {"axes": order})
        count = math.prod(shape[axis] for axis in front)
        return self._add("reshape", (moved,), {"shape": (count, *out)})

    def _moved(self, part: int, node: Node) -> int:
        """The movement of a node, for every entry along axis 0."""
        before = self._nodes[node.args[0]].shape
        count, size = self._nodes[part].shape[0], math.prod(before)
        places = np.asarray(TABLE[node.op].value(node.params, numbered(before)))
        index = places[None] + np.arange(count).reshape(-1, *[1] * places.ndim) * size
        return self._add("gather", (part,), {"index": index})
