"""A program at a point: the values of its nodes, its switches, and the local derivative of every operation."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from functools import cache, cached_property, wraps
from typing import Any, TypeVar

import numpy as np

from absnormal.arrays import Array, exactly, lengths
from absnormal.errors import TraceError
from absnormal.ops import ENTRYWISE, TABLE, kink_of, maps_of
from absnormal.ops.kinks.kink import IntervalSlopes, LocalDerivative
from absnormal.ops.kinks.order import gaps
from absnormal.ops.linear_maps import Change, LinearMap, Scale
from absnormal.program.nodes import Node
from absnormal.program.program import Program
from absnormal.program.signs import where_never_negative

#: In place of a slope: any number in [-1, 1].
INTERVAL = float("nan")
#: Weights with more entries are used in the precision that they are held in.
LARGE = 1 << 20


Point = TypeVar("Point", bound="AtPoint")
Answer = TypeVar("Answer")


def once(asked: Callable[[Point], Answer]) -> Callable[[Point], Answer]:
    """A question about a program at a point, whose answer is kept with it; that must not hold the point itself."""

    @wraps(asked)
    def answered(point: Point) -> Answer:
        if asked not in point.answers:
            point.answers[asked] = asked(point)
        found: Answer = point.answers[asked]
        return found

    return answered


@cache
def _like(shape: tuple[int, ...]) -> Array:
    """An array of a shape that holds nothing."""
    return np.broadcast_to(0.0, shape)


def _double(coefficients: Any) -> Any:
    """Numbers of a coarser precision as they are in double precision."""
    return coefficients.astype(float, copy=False)


def _hold(node: Node, args: list[Array], maps: list[LinearMap | None]) -> None:
    """Raise where the derivative of somebody else's operation is not that of its values."""
    held = TABLE[node.op].contradicted
    if held is None or any(arg.dtype == object for arg in args):
        return
    with np.errstate(all="ignore"):
        found = held(node.params, args, maps)
    if found is not None:
        raise TraceError(
            node.operation,
            f"has a derivative that its values contradict: {found[0]:.6g} along a direction in which their differences"
            f" are {found[1]:.6g}",
            "write the operation in another way, or report the fault to whoever wrote its derivative",
            node.source,
        )


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
        the same numbers in the precision that each was computed in; they are compared with each other and with 0
    units
        the machine epsilon with which each node was computed, 0 for exact ones; one number stands for all nodes
    """

    def __init__(
        self, program: Program, x: Any, atol: float = 0.0, values: Sequence[Array] | None = None,
        own: Sequence[Array] | None = None, units: Sequence[float] | float = float(np.finfo(float).eps),
    ) -> None:
        self.program = program
        self.atol = atol
        self.values = program.evaluate(x) if values is None else values
        self.own = self.values if own is None else own
        self.units = units
        #: Active switches, shape (s,), whose |z| was made linear (`Sweeps.keeping`), if there are such.
        self.linear: Array | None = None
        #: What `once` keeps.
        self.answers: dict[Callable[..., Any], Any] = {}
        self._maps: dict[int, list[LinearMap | None]] = {}
        self._norms: dict[int, list[float]] = {}
        self._derivatives: tuple[Array | None, dict[int, LocalDerivative]] = (None, {})

    def __getstate__(self) -> dict[str, Any]:
        """Without the answers, which are found again."""
        return {**self.__dict__, "answers": {}}

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
        """Which switches are active; those of a block are together."""
        for index in self.program.sorts:
            node = self.program.nodes[index]
            own = self.z[node.own]
            if kink_of(node.op).torn(node.params, np.asarray(own, dtype=float), self.atol):
                raise TraceError(node.operation, "holds entries that tie in part at this point", "trace f again at this"
                                 " point", node.source)
        return self.program.whole(np.asarray(np.abs(self.z) <= self.atol if self.atol else self._signs == 0))

    @cached_property
    def lanes(self) -> list[Array]:
        """The active switches that form blocks: for each such node their numbers, shape (entries, blocks)."""
        all_lanes = map(self.program.lanes, self.program.blocks)
        return [own[:, self.active[own[0]]] for own in all_lanes if self.active[own[0]].any()]

    def with_their_blocks(self, marked: Array) -> Array:
        """The switches (s,) that are marked, and of an active block all where one is."""
        found = marked.copy()
        for numbers in self.lanes:
            found[numbers] = marked[numbers].any(axis=0)
        return found

    @cached_property
    def sorts(self) -> list[Array]:
        """Those of the lanes whose blocks are sorts: their slopes say an order."""
        all_lanes = map(self.program.lanes, self.program.sorts)
        return [own[:, self.active[own[0]]] for own in all_lanes if self.active[own[0]].any()]

    @cached_property
    def balls(self) -> list[Array]:
        """Those of the lanes whose blocks are norms: their slopes lie in a ball together."""
        sorts = {numbers[0, 0] for numbers in self.sorts}
        return [own for own in self.lanes if own[0, 0] not in sorts]

    @cached_property
    def in_blocks(self) -> Array:
        """Which switches are active and in a block, so that their slopes say something together."""
        found = np.zeros(self.program.s, bool)
        for numbers in self.lanes:
            found[numbers] = True
        return found

    @property
    def norms(self) -> tuple[int, ...]:
        """The kinked nodes that are norms, active or not."""
        return tuple(index for index in self.program.blocks if index not in self.program.sorts)

    @cached_property
    def upward(self) -> dict[int, Array]:
        """For active norms of what depends on active kinks, which entries are nowhere negative, shape (entries, *out).

        Next to x, and along every direction, the slope of a norm is then a vector of the ball that is not negative
        there (THEORY 8).
        """
        found: dict[int, Array] = {}
        for index in self.norms if self.balls and not self.atol else ():
            (arg,) = self.program.nodes[index].args
            if self.depending[arg] and self.active[self.program.lanes(index)[0]].any():
                above = where_never_negative(self.program.nodes, self.values, arg)
                if above.any():
                    found[index] = above
        return found

    @cached_property
    def not_negative(self) -> Array:
        """Which active switches are such entries of norms, shape (s,)."""
        found = np.zeros(self.program.s, bool)
        for index, above in self.upward.items():
            lanes = self.program.lanes(index)
            found[lanes] = above.reshape(lanes.shape) & self.active[lanes]
        return found

    def params_of(self, index: int) -> Mapping[str, Any]:
        """The parameters of a kinked node, with what is known of its entries here."""
        params = self.program.nodes[index].params
        return {**params, "upward": self.upward[index]} if index in self.upward else params

    def lengths(self, values: Array) -> Array:
        """|values| of all switches (s,); each of a block that is active gets the length of the block, and in a sort the
        least distance of two of its entries."""
        result = np.abs(values)
        for numbers in self.lanes:
            result[numbers] = lengths(values[numbers])
        for numbers in self.sorts:
            result[numbers] = gaps(values[numbers], values[numbers])
        return result

    @cached_property
    def alpha(self) -> Array:
        """The numbers of the active switches."""
        return np.flatnonzero(self.active)

    @cached_property
    def signs(self) -> Array:
        """sign z_i, and 0 at active switches."""
        return self._signs.astype(float) if self._signs.dtype == np.int8 else self._signs

    @cached_property
    def _signs(self) -> Array:
        """The same, in one byte each where all are numbers."""
        if self.own is self.values:
            signs = exactly(np.sign(self.z)) if self.rational else np.sign(self.z)
        elif self.program.blocks or not self._write_signs(signs := np.empty(self.program.s, np.int8)):
            self._write_signs(signs := np.empty(self.program.s))
        for index in self.program.blocks:
            node = self.program.nodes[index]
            kink, own = kink_of(node.op), node.own
            signs[own] = kink.signs(node.params, kink.switching(node.params, [self.own[arg] for arg in node.args]))
        if self.atol:
            signs[self.active] = 0
        return signs

    def hold_signs(self, signs: Array) -> None:
        """Take these for the signs, those of signatures too."""
        self.__dict__["signs"] = self.__dict__["_signs"] = signs

    def _write_signs(self, signs: Array) -> bool:
        """Write the signs of the values as they were computed; False where one is NaN, which has none."""
        for index, part in zip(self.program.kinked, self.program.switching_parts(self.own), strict=True):
            node = self.program.nodes[index]
            own = signs[node.own]
            if signs.dtype != np.int8:
                np.sign(part, out=own, casting="same_kind")
            elif np.isnan(np.vdot(part, part)):
                return False
            else:
                np.subtract(part > 0, part < 0, out=own, dtype=np.int8)
        return True

    def signature(self, slopes: Any, dtype: Any = float) -> Array:
        """All slopes of |z|: the signs, and ``slopes`` (a number, or one per active switch) on the active ones."""
        exact = self._signs.dtype == object and slopes is not INTERVAL
        sigma = self._signs.astype(object if exact else dtype)
        sigma[self.alpha] = slopes
        return sigma

    @cached_property
    def depending(self) -> list[bool]:
        """Which nodes are active kinks or depend on one."""
        result: list[bool] = []
        for node in self.program.nodes:
            result.append(bool(self.active[node.own].any()) or any(result[arg] for arg in node.args))
        return result

    # -- local derivatives -------------------------------------------------------------------------------------

    def change_maps(self, index: int, change: Callable[[Array], Array]) -> None:
        """Change the numbers of the local derivative of a node in this table alone."""
        self._maps[index] = [None if m is None else m.entrywise(change) for m in self.maps(index)]

    def maps(self, index: int) -> list[LinearMap | None]:
        """The local derivative of a node that is not kinked; None for constant arguments."""
        found = self._maps.get(index)
        if found is None:
            node = self.program.nodes[index]
            family = TABLE[node.op].family
            # Values that a rule does not look at are not asked for: they may cost something.
            known = family not in ("movement", "linear")
            value = self._factor if node.op == "matmul" else self.values.__getitem__
            args = [value(arg) if known else _like(self.program.nodes[arg].shape) for arg in node.args]
            out = self.values[index] if family == "smooth" else _like(node.shape)
            with np.errstate(all="ignore"):
                maps = maps_of(node.op)(node.params, args, out, node.shape)
            if len({arg.dtype for arg in args}) > 1:
                maps = [m.entrywise(_double) for m in maps]
            varied = self.program.nodes
            found = [m if varied[arg].varied else None for m, arg in zip(maps, node.args, strict=True)]
            _hold(node, args, found)
            self._maps[index] = found
        return found

    def shaped_maps(self, index: int) -> list[LinearMap | None]:
        """The same as far as shapes tell, for which no values are asked where these do not matter."""
        node, nodes = self.program.nodes[index], self.program.nodes
        shapes, family = self.shapes(node), TABLE[node.op].family
        if index in self._maps or family not in ("smooth", "bilinear"):
            return self.maps(index)
        if node.op in ENTRYWISE:
            found: Sequence[LinearMap] = [Scale(1.0, shape, node.shape) for shape in shapes]
        elif family == "bilinear":
            found = maps_of(node.op)(node.params, [*map(_like, shapes)], _like(node.shape), node.shape)
        else:
            return self.maps(index)
        return [m if nodes[arg].varied else None for m, arg in zip(found, node.args, strict=True)]

    def share_linear_maps(self, other: AtPoint) -> None:
        """Take the local derivatives that depend on no value from the same program at another point."""
        nodes, linear = self.program.nodes, self.program.is_linear
        self._maps |= {index: maps for index, maps in other._maps.items() if linear(nodes[index])}

    def knows(self, linear: LinearMap) -> bool:
        """Whether a map is a local derivative that was asked for, or shared."""
        return any(linear is one for maps in self._maps.values() for one in maps)

    def _factor(self, index: int) -> Array:
        """The value of a factor of a product; a large matrix of weights as it is held, not written out once more."""
        nodes, held = self.program.nodes, index
        if self.own is not self.values and len(nodes[index].shape) == 2 and math.prod(nodes[index].shape) > LARGE:
            while TABLE[nodes[held].op].family == "movement":
                held = nodes[held].args[0]
            if nodes[held].op in ("input", "constant") and self.own[index].dtype == np.float32:
                return self.own[index]
        return self.values[index]

    def norms_of(self, index: int) -> list[float]:
        """The norms of these maps, 0 for constant arguments."""
        found = self._norms.get(index)
        if found is None:
            found = self._norms[index] = [0.0 if m is None else m.norm() for m in self.maps(index)]
        return found

    def slopes_of(self, index: int, sigma: Array) -> Array:
        """The part of a signature that a kinked node owns; a node that only a guard needs follows its own signs.

        So do blocks that are not active: their slopes are those of the values here, from which a signature of values
        that were rounded otherwise may differ.
        """
        node = self.program.nodes[index]
        kink, own = kink_of(node.op), node.own
        if node.switch < 0:
            z = kink.switching(node.params, [self.values[arg] for arg in node.args])
            signs = kink.signs(node.params, z)
            return exactly(signs) if sigma.dtype == object else signs.astype(float)
        if kink.blocks and not self.active[own].all():
            given = self.active[own] if self.linear is None else self.active[own] | self.linear[own]
            return np.where(given, sigma[own], self.signs[own])
        return sigma[own]

    def derivative_of(self, index: int, sigma: Array, change: Change | None = None) -> LocalDerivative:
        """A kinked node with the slopes ``sigma``, remembered as long as the same array is used; ``change`` as in
        `LinearMap.entrywise`, where a NaN slope stands for any slope in [-1, 1]."""
        if self._derivatives[0] is not sigma:
            self._derivatives = (sigma, {})
        node = self.program.nodes[index]
        found = self._derivatives[1].get(index)
        if found is None:
            kink, slopes = kink_of(node.op), self.slopes_of(index, sigma)
            found = kink.derivative(node.params, self._varied(node), node.shape, slopes)
            self._derivatives[1][index] = found
        if change is None:
            return found
        tied = self.active[node.own].any()
        return found.entrywise(change, kink_of(node.op).bound(node.params) if tied else None)

    @cached_property
    def _any_slopes(self) -> Array:
        return self.signature(INTERVAL)

    def intervals_of(self, index: int) -> IntervalSlopes:
        """A kinked node whose active slopes may be anything in [-1, 1]."""
        node, slopes = self.program.nodes[index], self.slopes_of(index, self._any_slopes)
        return kink_of(node.op).intervals(self.params_of(index), self._varied(node), node.shape, slopes)

    def _varied(self, node: Node) -> list[tuple[int, ...] | None]:
        """The shapes of the arguments of a node; None for constants."""
        nodes = self.program.nodes
        return [nodes[arg].shape if nodes[arg].varied else None for arg in node.args]

    def shapes(self, node: Node) -> list[tuple[int, ...]]:
        """The shapes of the arguments of a node."""
        return [self.program.nodes[arg].shape for arg in node.args]
