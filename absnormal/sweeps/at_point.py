"""A program at a point: the values of its nodes, its switches, and the local derivative of every operation."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache, cached_property
from typing import Any

import numpy as np

from absnormal.arrays import Array
from absnormal.ops import TABLE
from absnormal.ops.kinked import FoldMap, Piece, fold_map, piece, switching_values
from absnormal.ops.linear_maps import Change, LinearMap
from absnormal.program.nodes import Node
from absnormal.program.program import Program, exactly

#: In the place of a slope: any number in [-1, 1].
HULL = float("nan")


@cache
def _like(shape: tuple[int, ...]) -> Array:
    """An array of a shape that holds nothing."""
    return np.broadcast_to(0.0, shape)


class AtPoint:
    """A program at a point.

    Parameters
    ----------
    program
        the abs-only evaluation form
    x
        the flat point, shape (n,), or the leaves of x
    atol
        switches with |z_i| <= atol count as active
    values
        the values of all nodes at x, when they are known already
    own
        the same numbers in the precision that each was computed in; they are compared and told from 0
    """

    def __init__(
        self, program: Program, x: Any, atol: float = 0.0, values: Sequence[Array] | None = None,
        own: Sequence[Array] | None = None,
    ) -> None:
        self.program = program
        self.atol = atol
        self.values = program.evaluate(x) if values is None else values
        self.own = self.values if own is None else own
        self._maps: dict[int, list[LinearMap | None]] = {}
        self._pieces: tuple[Array | None, dict[int, Piece]] = (None, {})
        self._folds: tuple[Array | None, dict[int, FoldMap]] = (None, {})

    @cached_property
    def z(self) -> Array:
        """The switching variables, shape (s,)."""
        return self.program.switching(self.values)

    @property
    def rational(self) -> bool:
        """Whether the values are rational numbers."""
        return self.y.dtype == object

    @cached_property
    def y(self) -> Array:
        """The value of f, shape (m,)."""
        return self.values[self.program.output].reshape(-1)

    @cached_property
    def active(self) -> Array:
        """Which switches are active."""
        return np.asarray(np.abs(self.z) <= self.atol) if self.atol else np.asarray(self.signs == 0)

    @cached_property
    def alpha(self) -> Array:
        """The numbers of the active switches."""
        return np.flatnonzero(self.active)

    @cached_property
    def signs(self) -> Array:
        """sign z_i, and 0 at active switches."""
        if self.own is not self.values:
            signs = np.empty(self.program.s)
            for index, part in zip(self.program.kinked, self.program.switching_parts(self.own), strict=True):
                node = self.program.nodes[index]
                np.sign(part, out=signs[node.switch : node.switch + node.switches], casting="same_kind")
        else:
            signs = exactly(np.sign(self.z)) if self.rational else np.sign(self.z)
        if self.atol:
            signs[self.active] = 0
        return signs

    def signature(self, slopes: Any) -> Array:
        """All slopes of |z|: the signs, and ``slopes`` (a number, or one per active switch) on the active ones."""
        sigma = self.signs.copy()
        if slopes is HULL:
            sigma = sigma.astype(float, copy=False)
        sigma[self.alpha] = slopes
        return sigma

    @cached_property
    def behind(self) -> list[bool]:
        """Which nodes are active kinks or depend on one."""
        result: list[bool] = []
        for node in self.program.nodes:
            own = node.switch >= 0 and bool(self.active[node.switch : node.switch + node.switches].any())
            result.append(own or any(result[arg] for arg in node.args))
        return result

    # -- local derivatives -------------------------------------------------------------------------------------

    def maps(self, index: int) -> list[LinearMap | None]:
        """The local derivative of a node that is not kinked; None for constant arguments."""
        found = self._maps.get(index)
        if found is None:
            node = self.program.nodes[index]
            rule = TABLE[node.op].maps
            assert rule is not None
            family = TABLE[node.op].family
            # Values that a rule does not look at are not asked for: they may cost something.
            known = family not in ("movement", "linear")
            args = [self.values[arg] if known else _like(self.program.nodes[arg].shape) for arg in node.args]
            out = self.values[index] if family == "smooth" else _like(node.shape)
            if family == "smooth":
                with np.errstate(all="ignore"):
                    maps = rule(node.params, args, out, node.shape)
            else:
                maps = rule(node.params, args, out, node.shape)
            varied = self.program.nodes
            found = [m if varied[arg].varied else None for m, arg in zip(maps, node.args, strict=True)]
            self._maps[index] = found
        return found

    def slopes_of(self, index: int, sigma: Array) -> Array:
        """The part of a signature that a kinked node owns; a node that only a guard needs follows its own signs."""
        node = self.program.nodes[index]
        if node.switch < 0:
            signs = np.sign(switching_values(node.op, node.params, [self.values[arg] for arg in node.args]))
            return exactly(signs) if sigma.dtype == object else signs.astype(float)
        return sigma[node.switch : node.switch + node.switches]

    def piece_of(self, index: int, sigma: Array) -> Piece:
        """A kinked node other than a fold with the slopes ``sigma``, remembered as long as the same array is used."""
        if self._pieces[0] is not sigma:
            self._pieces = (sigma, {})
        found = self._pieces[1].get(index)
        if found is None:
            node = self.program.nodes[index]
            shapes = [self.program.nodes[arg].shape if self.program.nodes[arg].varied else None for arg in node.args]
            found = piece(node.op, node.params, shapes, node.shape, self.slopes_of(index, sigma))
            self._pieces[1][index] = found
        return found

    def fold_of(self, index: int, sigma: Array, change: Change | None = None) -> FoldMap:
        node = self.program.nodes[index]
        if change is None:
            if self._folds[0] is not sigma:
                self._folds = (sigma, {})
            if index not in self._folds[1]:
                self._folds[1][index] = fold_map(node.params, self.shapes(node)[0], self.slopes_of(index, sigma))
            return self._folds[1][index]
        fold = fold_map(node.params, self.shapes(node)[0], self.slopes_of(index, sigma))
        # NaN differs from itself; rationals have no isnan.
        p, q = (change(np.where(c != c, 1.0, c)) for c in (fold.p, fold.q))
        return FoldMap(p, q, fold.shape)

    def shapes(self, node: Node) -> list[tuple[int, ...]]:
        """The shapes of the arguments of a node."""
        return [self.program.nodes[arg].shape for arg in node.args]
