"""Quotients that are 0 / 0 at a tie and smooth all the same: sin(u) / u, (exp(u) - 1) / u, (1 - cos(u)) / u^2, ...

A function that guards such a quotient, where(u == 0, 1, sin(u) / where(u == 0, 1, u)), is the quotient off the tie.
There it is written as an entire function, as sin(u) / u is sinc(u / pi): an identity for all u but 0.  With w = k u,

    sin(w) / u = k sinc(w / pi)                  expm1(w) / u = (exp(w) - 1) / u = k exprel(w)
    tan(w) / u = k sinc(w / pi) / cos(w)         log(1 + w) / u = k / exprel(log(1 + w))
    sinh(w) / u = k exprel(2 w) exp(-w)          (1 - cos(w)) / u = k (w / 2) sinc(w / (2 pi))^2
    tanh(w) / u = 2 k exprel(2 w) expit(-2 w)    (1 - cos(w)) / u^2 = (k^2 / 2) sinc(w / (2 pi))^2

where exprel(w) = (exp(w) - 1) / w, sinc(t) = sin(pi t) / (pi t), and both are 1 at 0.  What has u as a factor, u v / u,
is v, and a sum of squares over its root is the root.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from absnormal.frontends.meanings.ties import Ties
from absnormal.frontends.numpy.traced import TracedArray
from absnormal.frontends.writing import Writer
from absnormal.program.affine import ratio

#: What h(w) / w is, by the operation h, with h(0) = 0.
_ENTIRE: dict[str, Callable[[Writer, Any, Any], Any]] = {
    "sin": lambda write, w, h: _sinc(write, w),
    "tan": lambda write, w, h: _sinc(write, w) / write.op("cos", w),
    "expm1": lambda write, w, h: write.op("exprel", w),
    "log1p": lambda write, w, h: 1 / write.op("exprel", h),
    "sinh": lambda write, w, h: write.op("exprel", 2 * w) * write.op("exp", -w),
    "tanh": lambda write, w, h: 2 * write.op("exprel", 2 * w) * write.op("expit", -2 * w),
}
#: Quotients are looked for behind so many operations.
_FOLLOWED = 200


def _sinc(write: Writer, w: Any) -> Any:
    return write.op("sinc", w * (1 / np.pi))


class Removable:
    """Nodes with such quotients in them, written anew, where what they are divided by is 0 on ties alone."""

    def __init__(self, write: Writer, ties: Ties) -> None:
        self.write, self.builder, self.ties = write, write.builder, ties
        self.known: dict[int, TracedArray] = {}

    def rewritten(self, u: TracedArray) -> TracedArray:
        """The node with other quotients; the node itself where there are none."""
        return self._at(u.index, _FOLLOWED)

    def _at(self, index: int, depth: int) -> TracedArray:
        if index in self.known:
            return self.known[index]
        node, own = self.builder.nodes[index], TracedArray(self.builder, index)
        found, lost = own, ~np.isfinite(self.builder.values[index].astype(float))
        # What is finite holds no quotient of this kind.
        if index > self.ties.first and depth and lost.any():
            known = node.op == "div" and self.ties.hold_zeros(node.args[1], lost)
            quotient = self._quotient(*node.args) if known else None
            if quotient is not None and quotient.shape == node.shape:
                found = quotient if lost.all() else self.write.op("where", quotient, own, mask=lost)
            else:
                args = [self._at(arg, depth - 1) for arg in node.args]
                if any(new.index != old for new, old in zip(args, node.args, strict=True)):
                    found = self.write.op(node.op, *args, tie=node.tie, **node.params)
        self.known[index] = found
        return found

    def _quotient(self, above: int, below: int) -> Any:
        """above / below, where both are 0; None where it is not known."""
        op, args = self.builder.nodes[above].op, self.builder.nodes[above].args
        if op in _ENTIRE:
            k = self._ratio(args[0], below)
            w, h = TracedArray(self.builder, args[0]), TracedArray(self.builder, above)
            return None if k is None else _ENTIRE[op](self.write, w, h) * k
        if op == "sub":
            return self._less_one(args[::-1], below, -1) if self._varied(args[1]) else self._less_one(args, below, 1)
        if op == "log":
            self.builder.cancels = max(self.builder.cancels, 1)
            k = self._ratio(self.write.op("sub", TracedArray(self.builder, args[0]), 1.0).index, below)
            return None if k is None else k / self.write.op("exprel", TracedArray(self.builder, above))
        if op in ("mul", "square"):
            for factor, other in ((args[0], args[-1]), (args[-1], args[0])):
                k = self._ratio(factor, below)
                if k is not None:
                    return TracedArray(self.builder, other) * k
        root = self.builder.roots.get(below)
        return TracedArray(self.builder, below) if root == above else None

    def _less_one(self, args: Sequence[int], below: int, sign: int) -> Any:
        """(h - 1) / below, times ``sign``."""
        function, one = self.builder.nodes[args[0]], self.builder.values[args[1]]
        if self._varied(args[1]) or not np.all(one == 1) or not function.args:
            return None
        w = TracedArray(self.builder, function.args[0])
        k = self._ratio(w.index, below)
        if function.op == "exp":
            self.builder.cancels = max(self.builder.cancels, 1)
            return None if k is None else self.write.op("exprel", w) * (sign * k)
        if function.op != "cos":
            return None
        self.builder.cancels = 2
        half = _sinc(self.write, w / 2)
        if k is not None:
            return w * (half * half) * (-sign * k / 2)
        square = self._squared(w.index, below)
        return None if square is None else (half * half) * (-sign * square / 2)

    def _squared(self, w: int, below: int) -> float | None:
        """The k^2 for which w^2 = k^2 below."""
        node = self.builder.nodes[below]
        if self.builder.roots.get(w) == below:
            return 1.0
        if node.op not in ("square", "mul"):
            return None
        first, second = (self._ratio(w, arg) for arg in (node.args[0], node.args[-1]))
        return None if first is None or second is None else first * second

    def _ratio(self, w: int, u: int) -> float | None:
        """The k for which w = k u identically, if there is one that is a float."""
        k = ratio(self.builder.affine(w), self.builder.affine(u))
        return float(k) if k and float(k) == k else None

    def _varied(self, index: int) -> bool:
        return self.builder.nodes[index].varied
