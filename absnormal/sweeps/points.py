"""The nodes of a program at many points: their values, how far rounding may have moved them, and adjoints.

The arrays of a node hold its entries at all points, (count, *shape).  The local derivatives are those of the operation
table, for arrays with one axis more.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from absnormal.arrays import Array
from absnormal.ops import TABLE, kink_of, maps_of
from absnormal.ops.kinks import KINKS
from absnormal.ops.linear_maps import LinearMap, Scale
from absnormal.ops.standardized import Standardized
from absnormal.program.moves import MOVES, numbered
from absnormal.program.nodes import COMPARED, Guard, Node
from absnormal.program.program import RELATIONS, Program

_EPS = float(np.finfo(float).eps)
#: Units in the last place that a library's function may be off.
_ULPS = 8.0
#: Room for what is of second order, and for another order of operations.
_ROOM = 16.0
#: Derivatives beyond this may overflow on the way.
_LARGE = 1e250
#: Entrywise operations with a rule: those that are C^1 on an interval, or off 0.
_ENTRYWISE = frozenset({
    "add", "sub", "neg", "mul", "div", "power", "logaddexp", "logaddexp2", "square", "reciprocal", "exp", "exp2",
    "expm1", "log", "log1p", "log2", "log10", "sqrt", "cbrt", "sin", "cos", "tan", "arcsin", "arccos", "arctan",
    "sinh", "cosh", "tanh", "arcsinh", "arccosh", "arctanh", "sinc", "expit", "log_expit", "erf", "erfc", "ndtr",
    "logit",
})  # fmt: skip
_OFF_ZERO = frozenset({"div", "reciprocal", "cbrt", "power"})
_KINKED = frozenset(row.name for row in KINKS if row.kink is not None and not row.kink.blocks)


#: What adjoints of a node, at all points, become in its arguments.
Pull = Callable[[Array], "list[tuple[int, Array]]"]


class NoRule(Exception):
    """A program with an operation, or a guard, that is evaluated at one point at a time."""


@dataclass(slots=True)
class Many:
    """A node at all points: its values (count, *shape), or (*shape) where it is constant; for every point the bound on
    the error of an entry, its largest size, and what an adjoint of 1 at each of its entries may become in an argument;
    and what its adjoints become there.
    """

    value: Array
    error: Any
    size: Any
    slopes: list[tuple[int, Any]] = field(default_factory=list)
    pull: Pull = lambda w: []


class Points:
    """The nodes so far, and the points that are still clear.

    What nodes keep does not refer to this, so that large arrays go with it, without a collection of cycles.
    """

    def __init__(
        self, program: Program, leaves: Sequence[Array], count: int, atol: float, units: Sequence[float] | None
    ) -> None:
        self.program, self.leaves, self.count, self.atol = program, leaves, count, atol
        self.unit = max([_EPS, *(units or ())])
        self.nodes: list[Many] = []
        self.fine = np.ones(count, bool)
        self.varied = frozenset(index for index, node in enumerate(program.nodes) if node.varied)

    def add(self, index: int) -> None:
        """The next node."""
        node = self.program.nodes[index]
        if node.op == "input":
            value = self.leaves[node.params["leaf"]]
            made = Many(value, 0.0, self.most(value))
        elif node.op == "constant" or not node.varied:
            value = node.params["value"] if node.op == "constant" else self.constant(node)
            if value.dtype == object or not np.isfinite(value).all():
                raise NoRule
            made = Many(value, 0.0, float(np.abs(value).max(initial=0.0)))
        else:
            made = self.made(node)
            ulps = _ULPS if TABLE[node.op].family == "smooth" else 1.0
            made.error = _ROOM * ulps * self.unit * made.size + made.error
            if node.op not in MOVES:
                # Beyond that a first-order bound says nothing.
                self.fine &= made.error <= np.sqrt(self.unit) * (1.0 + made.size)
        self.fine &= np.isfinite(made.size)
        self.nodes.append(made)

    def constant(self, node: Node) -> Array:
        """What does not depend on x."""
        args = [self.nodes[arg].value for arg in node.args]
        return np.asarray(TABLE[node.op].value(node.params, *args))

    def made(self, node: Node) -> Many:
        """A node of nodes that depend on x."""
        args = [self.nodes[arg] for arg in node.args]
        if node.op in MOVES or node.op == "concatenate":
            return self.moved(node, args)
        if node.op in _ENTRYWISE:
            return self.entrywise(node, args)
        if node.op in _KINKED:
            return self.kinked(node, args)
        rule = _RULES.get(node.op)
        if rule is None:
            raise NoRule
        return rule(self, node, args)

    def most(self, value: Array) -> Any:
        """The largest size of an entry, for every point."""
        return np.abs(value).reshape(self.count, -1).max(axis=1, initial=0.0)

    def aligned(self, arg: int, ndim: int) -> Array:
        """The values of a node, ready to be broadcast to ``ndim`` dimensions behind that of the points."""
        value = self.nodes[arg].value
        if arg not in self.varied:
            return value
        return value.reshape(self.count, *(1,) * (ndim + 1 - value.ndim), *value.shape[1:])

    def full(self, value: Array, shape: tuple[int, ...]) -> Array:
        return value if value.shape == (self.count, *shape) else np.broadcast_to(value, (self.count, *shape))

    def pulled(self, node: Node, maps: Callable[[], Sequence[LinearMap | None]]) -> Pull:
        """By the local derivatives, which are made when they are asked for."""
        shapes = {arg: (self.count, *self.program.nodes[arg].shape) for arg in node.args if arg in self.varied}

        def pull(w: Array) -> list[tuple[int, Array]]:
            pairs = zip(node.args, maps(), strict=True)
            return [(arg, linear.pull(w[None])[0].reshape(shapes[arg]))
                    for arg, linear in pairs if linear is not None and arg in shapes]

        return pull

    def everywhere(self, node: Node) -> Pull:
        """By local derivatives that are the same at all points."""
        shapes, maps = [self.program.nodes[arg].shape for arg in node.args], maps_of(node.op)
        nothing, varied = [np.broadcast_to(0.0, shape) for shape in (*shapes, node.shape)], self.varied

        def pull(w: Array) -> list[tuple[int, Array]]:
            found = maps(node.params, nothing[:-1], nothing[-1], node.shape)
            return [(arg, linear.pull(w)) for arg, linear in zip(node.args, found, strict=True) if arg in varied]

        return pull

    def moved(self, node: Node, args: list[Many]) -> Many:
        slopes = [(arg, 1.0) for arg in node.args if arg in self.varied]
        error = np.maximum.reduce([made.error + np.zeros(self.count) for made in args])
        size = np.maximum.reduce([made.size + np.zeros(self.count) for made in args])
        if node.op == "concatenate":
            axis = node.params["axis"] % len(node.shape)
            parts = [
                self.nodes[arg].value if arg in self.varied
                else self.full(self.nodes[arg].value, self.program.nodes[arg].shape)
                for arg in node.args
            ]
            return Many(np.concatenate(parts, axis + 1), error, size, slopes, self.everywhere(node))
        shape = self.program.nodes[node.args[0]].shape
        places = np.asarray(TABLE[node.op].value(node.params, numbered(shape)))
        flat = args[0].value.reshape(self.count, -1)
        value = flat if node.op == "reshape" else flat[:, places.reshape(-1)]
        return Many(value.reshape(self.count, *node.shape), error, size, slopes, self.everywhere(node))

    def entrywise(self, node: Node, args: list[Many]) -> Many:
        row, ndim = TABLE[node.op], len(node.shape)
        values = [self.aligned(arg, ndim) for arg in node.args]
        if row.domain is not None:
            self.inside(node, values)
        value = self.full(row.value(node.params, *values), node.shape)
        maps = maps_of(node.op)(node.params, values, value, value.shape)
        error, slopes = np.zeros(self.count), []
        for arg, made, linear in zip(node.args, args, maps, strict=True):
            if arg in self.varied:
                assert isinstance(linear, Scale)
                partial = np.asarray(linear.p, dtype=float)
                most = self.most(self.full(partial, node.shape)) if partial.ndim else abs(float(partial))
                error = error + most * made.error
                slopes.append((arg, most))
        return Many(value, error, self.most(value), slopes, self.pulled(node, lambda: maps))

    def inside(self, node: Node, values: list[Array]) -> None:
        """Points at which an operation is C^1, also where its arguments are rounded otherwise."""
        domain, ndim = TABLE[node.op].domain, len(node.shape)
        assert domain is not None
        for position, arg in enumerate(node.args):
            if arg not in self.varied:
                continue
            reach = np.asarray(self.nodes[arg].error + np.zeros(self.count))
            reach = reach.reshape(self.count, *(1,) * ndim) + _ULPS * self.unit * np.abs(values[position])
            for sign in (-1.0, 0.0, 1.0):
                near = [*values]
                near[position] = values[position] + sign * reach
                self.each(domain(node.params, *near), node.shape)
            if node.op in _OFF_ZERO and TABLE[node.op].decisive in (None, (position,)):
                # Both sides of 0 are inside.
                self.each(np.abs(values[position]) > reach, node.shape)

    def each(self, holds: Any, shape: tuple[int, ...]) -> None:
        """Leave out the points at which something does not hold in every entry."""
        whole = self.full(np.asarray(holds), shape)
        self.fine &= whole.reshape(self.count, -1).all(axis=1)

    def kinked(self, node: Node, args: list[Many]) -> Many:
        kink, row, ndim = kink_of(node.op), TABLE[node.op], len(node.shape)
        slopes = [(arg, kink.bound(node.params)) for arg in node.args if arg in self.varied]
        error = sum(made.error for made in args) + np.zeros(self.count)
        size = sum(made.size for made in args) + np.zeros(self.count)
        if kink.rates:
            values = [self.full(self.aligned(arg, ndim), node.shape) for arg in node.args]
            value = row.value(node.params, *values)
            z = kink.switching(node.params, values).reshape(self.count, -1)
            pull = self._of_kink(node, values, z, value)
        else:
            # Entries mix along the first axis of the argument.
            (last,) = [np.moveaxis(made.value, 0, -1) for made in args]
            value = np.moveaxis(row.value(node.params, last), -1, 0)
            z = kink.switching(node.params, [last]).reshape(-1, self.count).T
            pull = self._of_kink(node, [last], z.T, np.moveaxis(value, 0, -1))
        smallest = np.abs(z).min(axis=1, initial=np.inf)
        self.fine &= smallest > self.atol + 2 * error + _ROOM * self.unit * size
        return Many(value, kink.bound(node.params) * error, self.most(value), slopes, pull)

    def _of_kink(self, node: Node, values: Sequence[Array], z: Array, value: Array) -> Pull:
        """By the slopes of a kink where it is inactive; the axis of the points is the first one, or the last."""
        kink, last, varied = kink_of(node.op), len(z) != self.count, self.varied
        shapes = [one.shape for one in values]

        def pull(w: Array) -> list[tuple[int, Array]]:
            derivative = kink.derivative(node.params, shapes, value.shape, np.sign(z).reshape(-1))
            terms, _ = derivative.pull((np.moveaxis(w, 0, -1) if last else w)[None], None, False)
            found = [(node.args[place], linear.pull(adjoint)[0]) for place, linear, adjoint in terms]
            return [(arg, np.moveaxis(g, -1, 0) if last else g) for arg, g in found if arg in varied]

        return pull

    def keep(self, guard: Guard) -> None:
        """Leave out the points at which another branch may be taken."""
        if guard.relation not in COMPARED:
            raise NoRule
        nodes = self.program.nodes
        ndim = max(len(nodes[guard.left].shape), len(nodes[guard.right].shape))
        left, right = (self.aligned(side, ndim) for side in (guard.left, guard.right))
        shape = np.broadcast_shapes(nodes[guard.left].shape, nodes[guard.right].shape)
        made = self.nodes[guard.left], self.nodes[guard.right]
        reach = sum(one.error + _ROOM * self.unit * one.size for one in made) + np.zeros(self.count)
        apart = np.abs(left - right) > np.asarray(reach).reshape(self.count, *(1,) * ndim)
        outcome = RELATIONS[guard.relation][0](left, right)
        self.each(apart & (outcome == np.asarray(guard.outcome)), shape)

    def bound_adjoints(self) -> None:
        """Leave out the points at which a derivative may overflow on the way back."""
        sizes: list[Any] = [0.0] * len(self.nodes)
        sizes[self.program.output] = 1.0
        for index in range(len(self.nodes) - 1, -1, -1):
            entries = math.prod(self.program.nodes[index].shape)
            for arg, slope in self.nodes[index].slopes:
                sizes[arg] = sizes[arg] + slope * entries * sizes[index]
            self.fine &= np.asarray(sizes[index]) < _LARGE


    def adjoints(self) -> tuple[list[Array], Array]:
        """For each leaf the gradients, (count, *shape), and for each point a bound on how much the result changes, to
        first order, where the value of one node but the inputs is doubled."""
        nodes, sensitivity = self.program.nodes, np.zeros(self.count)
        leaves = [np.zeros(leaf.shape) for leaf in self.leaves]
        known: dict[int, Array] = {self.program.output: np.ones((self.count, *nodes[self.program.output].shape))}
        for index in range(self.program.output, -1, -1):
            w, made = known.pop(index, None), self.nodes[index]
            if w is None:
                continue
            if nodes[index].op == "input":
                leaves[nodes[index].params["leaf"]] += w
                continue
            if TABLE[nodes[index].op].family != "movement":
                lengths = np.sqrt(np.square(w).reshape(self.count, -1).sum(axis=1))
                sensitivity = np.maximum(sensitivity, lengths * made.size)
            for arg, own in made.pull(w):
                known[arg] = known[arg] + own if arg in known else own
        return leaves, sensitivity


def _sum(points: Points, node: Node, args: list[Many]) -> Many:
    (made,), (arg,) = args, node.args
    axes = node.params["axes"]
    ndim = len(points.program.nodes[arg].shape)
    moved = None if axes is None else tuple(axis % ndim + 1 for axis in np.atleast_1d(axes))
    value = made.value.sum(axis=tuple(range(1, ndim + 1)) if moved is None else moved)
    value = value.reshape(points.count, *node.shape)
    terms = math.prod(points.program.nodes[arg].shape) // max(1, math.prod(node.shape))
    return Many(value, terms * (made.error + terms * points.unit * made.size), points.most(value), [(arg, 1.0)],
                points.everywhere(node))


def _where(points: Points, node: Node, args: list[Many]) -> Many:
    values = [points.aligned(arg, len(node.shape)) for arg in node.args]
    value = points.full(np.where(node.params["mask"], *values), node.shape)
    error = np.maximum(*(made.error + np.zeros(points.count) for made in args))
    slopes = [(arg, 1.0) for arg in node.args if arg in points.varied]
    return Many(value, error, points.most(value), slopes, points.everywhere(node))


def _log_sum_exp(points: Points, node: Node, args: list[Many]) -> Many:
    (made,), (arg,) = args, node.args
    ndim = len(points.program.nodes[arg].shape)
    axes = tuple(axis % ndim + 1 for axis in node.params["axes"])
    params = {**node.params, "axes": axes}
    value = TABLE[node.op].value(params, made.value)
    entries = math.prod(points.program.nodes[arg].shape)
    maps = maps_of(node.op)
    return Many(value, made.error + _ULPS * points.unit * entries, points.most(value), [(arg, 1.0)],
                points.pulled(node, lambda: maps(params, [made.value], value, value.shape)))


def _standardized(points: Points, node: Node, args: list[Many]) -> Many:
    (made,), (arg,) = args, node.args
    axes = tuple(axis + 1 for axis in node.params["axes"])
    params = {**node.params, "axes": axes}
    value = TABLE[node.op].value(params, made.value)
    (linear,) = maps_of(node.op)(params, [made.value], value, value.shape)
    assert isinstance(linear, Standardized)
    slope = points.most(linear.rate) * (2.0 + points.most(value) ** 2)
    terms = math.prod(node.shape[axis] for axis in node.params["axes"])
    error = slope * (made.error + terms * points.unit * made.size) + terms * points.unit * points.most(value)
    return Many(value, error, points.most(value), [(arg, slope)], points.pulled(node, lambda: [linear]))


def _matmul(points: Points, node: Node, args: list[Many]) -> Many:
    shapes = [points.program.nodes[arg].shape for arg in node.args]
    values = []
    for position, (arg, shape) in enumerate(zip(node.args, shapes, strict=True)):
        value = points.nodes[arg].value
        if len(shape) == 1:
            value = value[..., None] if position else value[..., None, :]
        values.append(value)
    ndim = max(value.ndim - (arg in points.varied) for value, arg in zip(values, node.args, strict=True))
    for position, arg in enumerate(node.args):
        value = values[position]
        if arg in points.varied:
            values[position] = value.reshape(points.count, *(1,) * (ndim + 1 - value.ndim), *value.shape[1:])
    product = np.matmul(*values)
    value = product.reshape(points.count, *node.shape)
    terms = shapes[0][-1]
    error: Any = 0.0
    slopes: list[tuple[int, Any]] = []
    for position, (arg, made) in enumerate(zip(node.args, args, strict=True)):
        other = args[1 - position]
        if arg in points.varied:
            # The sums of the sizes that one entry of it is multiplied with, and added to.
            if node.args[1 - position] in points.varied:
                sums = terms * (other.size + other.error)
            else:
                sums = np.abs(values[1 - position]).sum(axis=-1 if position else -2).max(initial=0.0)
            error = error + sums * (made.error + terms * points.unit * made.size)
            slopes.append((arg, other.size + other.error))
    through = points.pulled(node, lambda: maps_of("matmul")({}, values, product, product.shape))
    return Many(value, error, points.most(value), slopes, lambda w: through(w.reshape(product.shape)))


_RULES: dict[str, Callable[[Points, Node, list[Many]], Many]] = {
    "sum": _sum, "where": _where, "logsumexp": _log_sum_exp, "standardized": _standardized,
    "matmul": _matmul,
}  # fmt: skip
