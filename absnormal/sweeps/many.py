"""Many points at once: at which of them certainly no kink is active.

The values of all nodes are computed for all points together, each with one number that bounds, to first order, how far
an entry may lie from the value that an evaluation at that point alone gives: what comes in goes through the largest
local derivative, and every operation adds its own roundings (Higham, Accuracy and Stability of Numerical Algorithms,
ch. 3).  A point is clear where all values are finite, every operation is continuously differentiable, every guard holds
and every switching variable is inactive, each by more than that bound, and where no derivative on the way can overflow.
All else, and operations without a rule here, is left to an evaluation at the point.
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
from absnormal.ops.linear_maps import Scale
from absnormal.program.moves import MOVES, numbered
from absnormal.program.nodes import COMPARED, Guard, Node
from absnormal.program.program import RELATIONS, Program

_EPS = float(np.finfo(float).eps)
#: Units in the last place that a library's function may be off.
_ULPS = 8.0
#: Room for what is of second order, and for another order of operations.
_ROOM = 16.0
#: What rounding makes of a value of f at most, in units of the largest value on the way.
_LOST = 64.0
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


class NoRule(Exception):
    """A program with an operation, or a guard, that is evaluated at one point at a time."""


@dataclass(slots=True)
class _Many:
    """A node at all points: its values (count, *shape), or (*shape) where it is constant; for every point the bound on
    the error of an entry, its largest size, and what an adjoint of 1 at each of its entries may become in an argument.
    """

    value: Array
    error: Any
    size: Any
    slopes: list[tuple[int, Any]] = field(default_factory=list)


def clear(program: Program, leaves: Sequence[Array], atol: float = 0.0) -> Array:
    """Whether a point is clear, for each of many.

    Parameters
    ----------
    program
        of one result
    leaves
        for each leaf of x its values at all points, float64, shape (count, *shape)
    atol
        switches with |z| <= atol are active

    Returns
    -------
    array
        shape (count,); at a point without True nothing is known

    Raises
    ------
    NoRule
        for a program with an operation or a guard that has no rule here

    Examples
    --------
    >>> import absnormal as an
    >>> program = an.trace(lambda x: np.abs(x[0] - x[1]), [1.0, 2.0])
    >>> clear(program, [np.array([[1.0, 2.0], [0.1 + 0.2, 0.3], [2.0, 2.0]])]).tolist()
    [True, False, False]
    """
    return looked_at(program, leaves, atol).clear


@dataclass(frozen=True)
class Looked:
    """What is known of many points.

    Attributes
    ----------
    clear
        as `clear` says
    values, errors
        at clear points the value of f, and how far that of a single evaluation may lie from it
    """

    clear: Array
    values: Array
    errors: Array


def looked_at(
    program: Program, leaves: Sequence[Array], atol: float = 0.0, units: Sequence[float] | None = None
) -> Looked:
    """The same, with the values; ``units`` are the machine epsilons of the precisions in which the nodes are computed
    at one point, float64's where there are none."""
    count = len(leaves[0])
    with np.errstate(all="ignore"):
        found = _Points(program, leaves, count, atol, units)
        for index in range(len(program.nodes)):
            found.add(index)
        for guard in program.guards:
            found.keep(guard)
        found.bound_adjoints()
    output, largest = found.nodes[program.output], np.zeros(count)
    for made in found.nodes:
        largest = np.maximum(largest, made.size)
    values = np.broadcast_to(output.value.reshape(-1), (count,)) if program.m == 1 else np.zeros(count)
    return Looked(found.fine, values, np.minimum(output.error + np.zeros(count), _LOST * found.unit * largest))


class _Points:
    """The nodes so far, and the points that are still clear."""

    def __init__(
        self, program: Program, leaves: Sequence[Array], count: int, atol: float, units: Sequence[float] | None
    ) -> None:
        self.program, self.leaves, self.count, self.atol = program, leaves, count, atol
        self.unit = max([_EPS, *(units or ())])
        self.nodes: list[_Many] = []
        self.fine = np.ones(count, bool)

    def add(self, index: int) -> None:
        """The next node."""
        node = self.program.nodes[index]
        if node.op == "input":
            value = self.leaves[node.params["leaf"]]
            made = _Many(value, 0.0, self.most(value))
        elif node.op == "constant" or not node.varied:
            value = node.params["value"] if node.op == "constant" else self.constant(node)
            if value.dtype == object or not np.isfinite(value).all():
                raise NoRule
            made = _Many(value, 0.0, float(np.abs(value).max(initial=0.0)))
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

    def made(self, node: Node) -> _Many:
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

    def varied(self, arg: int) -> bool:
        return self.program.nodes[arg].varied

    def aligned(self, arg: int, ndim: int) -> Array:
        """The values of a node, ready to be broadcast to ``ndim`` dimensions behind that of the points."""
        value = self.nodes[arg].value
        if not self.varied(arg):
            return value
        return value.reshape(self.count, *(1,) * (ndim + 1 - value.ndim), *value.shape[1:])

    def full(self, value: Array, shape: tuple[int, ...]) -> Array:
        return value if value.shape == (self.count, *shape) else np.broadcast_to(value, (self.count, *shape))

    def moved(self, node: Node, args: list[_Many]) -> _Many:
        slopes = [(arg, 1.0) for arg in node.args if self.varied(arg)]
        error = np.maximum.reduce([made.error + np.zeros(self.count) for made in args])
        size = np.maximum.reduce([made.size + np.zeros(self.count) for made in args])
        if node.op == "concatenate":
            axis = node.params["axis"] % len(node.shape)
            parts = [
                self.nodes[arg].value if self.varied(arg)
                else self.full(self.nodes[arg].value, self.program.nodes[arg].shape)
                for arg in node.args
            ]
            return _Many(np.concatenate(parts, axis + 1), error, size, slopes)
        shape = self.program.nodes[node.args[0]].shape
        places = np.asarray(TABLE[node.op].value(node.params, numbered(shape)))
        flat = args[0].value.reshape(self.count, -1)
        value = flat if node.op == "reshape" else flat[:, places.reshape(-1)]
        return _Many(value.reshape(self.count, *node.shape), error, size, slopes)

    def entrywise(self, node: Node, args: list[_Many]) -> _Many:
        row, ndim = TABLE[node.op], len(node.shape)
        values = [self.aligned(arg, ndim) for arg in node.args]
        if row.domain is not None:
            self.inside(node, values)
        value = self.full(row.value(node.params, *values), node.shape)
        maps = maps_of(node.op)(node.params, values, value, value.shape)
        error, slopes = np.zeros(self.count), []
        for arg, made, linear in zip(node.args, args, maps, strict=True):
            if self.varied(arg):
                assert isinstance(linear, Scale)
                partial = np.asarray(linear.p, dtype=float)
                most = self.most(self.full(partial, node.shape)) if partial.ndim else abs(float(partial))
                error = error + most * made.error
                slopes.append((arg, most))
        return _Many(value, error, self.most(value), slopes)

    def inside(self, node: Node, values: list[Array]) -> None:
        """Points at which an operation is C^1, also where its arguments are rounded otherwise."""
        domain, ndim = TABLE[node.op].domain, len(node.shape)
        assert domain is not None
        for position, arg in enumerate(node.args):
            if not self.varied(arg):
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

    def kinked(self, node: Node, args: list[_Many]) -> _Many:
        kink, row, ndim = kink_of(node.op), TABLE[node.op], len(node.shape)
        slopes = [(arg, kink.bound(node.params)) for arg in node.args if self.varied(arg)]
        error = sum(made.error for made in args) + np.zeros(self.count)
        size = sum(made.size for made in args) + np.zeros(self.count)
        if kink.rates:
            values = [self.full(self.aligned(arg, ndim), node.shape) for arg in node.args]
            value = row.value(node.params, *values)
            z = kink.switching(node.params, values).reshape(self.count, -1)
        else:
            # Entries mix along the first axis of the argument.
            (last,) = [np.moveaxis(made.value, 0, -1) for made in args]
            value = np.moveaxis(row.value(node.params, last), -1, 0)
            z = kink.switching(node.params, [last]).reshape(-1, self.count).T
        smallest = np.abs(z).min(axis=1, initial=np.inf)
        self.fine &= smallest > self.atol + 2 * error + _ROOM * self.unit * size
        return _Many(value, kink.bound(node.params) * error, self.most(value), slopes)

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


def _sum(points: _Points, node: Node, args: list[_Many]) -> _Many:
    (made,), (arg,) = args, node.args
    axes = node.params["axes"]
    ndim = len(points.program.nodes[arg].shape)
    moved = None if axes is None else tuple(axis % ndim + 1 for axis in np.atleast_1d(axes))
    value = made.value.sum(axis=tuple(range(1, ndim + 1)) if moved is None else moved)
    value = value.reshape(points.count, *node.shape)
    terms = math.prod(points.program.nodes[arg].shape) // max(1, math.prod(node.shape))
    return _Many(value, terms * (made.error + terms * points.unit * made.size), points.most(value), [(arg, 1.0)])


def _where(points: _Points, node: Node, args: list[_Many]) -> _Many:
    values = [points.aligned(arg, len(node.shape)) for arg in node.args]
    value = points.full(np.where(node.params["mask"], *values), node.shape)
    error = np.maximum(*(made.error + np.zeros(points.count) for made in args))
    return _Many(value, error, points.most(value), [(arg, 1.0) for arg in node.args if points.varied(arg)])


def _log_sum_exp(points: _Points, node: Node, args: list[_Many]) -> _Many:
    (made,), (arg,) = args, node.args
    ndim = len(points.program.nodes[arg].shape)
    axes = tuple(axis % ndim + 1 for axis in node.params["axes"])
    value = TABLE[node.op].value({**node.params, "axes": axes}, made.value)
    entries = math.prod(points.program.nodes[arg].shape)
    return _Many(value, made.error + _ULPS * points.unit * entries, points.most(value), [(arg, 1.0)])


def _standardized(points: _Points, node: Node, args: list[_Many]) -> _Many:
    (made,), (arg,) = args, node.args
    axes = tuple(axis + 1 for axis in node.params["axes"])
    params = {**node.params, "axes": axes}
    value = TABLE[node.op].value(params, made.value)
    (linear,) = maps_of(node.op)(params, [made.value], value, value.shape)
    slope = linear.norm()
    terms = math.prod(node.shape[axis] for axis in node.params["axes"])
    error = slope * (made.error + terms * points.unit * made.size) + terms * points.unit * points.most(value)
    return _Many(value, error, points.most(value), [(arg, slope)])


def _matmul(points: _Points, node: Node, args: list[_Many]) -> _Many:
    shapes = [points.program.nodes[arg].shape for arg in node.args]
    values = []
    for position, (arg, shape) in enumerate(zip(node.args, shapes, strict=True)):
        value = points.nodes[arg].value
        if len(shape) == 1:
            value = value[..., None] if position else value[..., None, :]
        values.append(value)
    ndim = max(value.ndim - points.varied(arg) for value, arg in zip(values, node.args, strict=True))
    for position, arg in enumerate(node.args):
        value = values[position]
        if points.varied(arg):
            values[position] = value.reshape(points.count, *(1,) * (ndim + 1 - value.ndim), *value.shape[1:])
    value = np.matmul(*values).reshape(points.count, *node.shape)
    terms = shapes[0][-1]
    error: Any = 0.0
    slopes: list[tuple[int, Any]] = []
    for position, (arg, made) in enumerate(zip(node.args, args, strict=True)):
        other = args[1 - position]
        if points.varied(arg):
            # The sums of the sizes that one entry of it is multiplied with, and added to.
            if points.varied(node.args[1 - position]):
                sums = terms * (other.size + other.error)
            else:
                sums = np.abs(values[1 - position]).sum(axis=-1 if position else -2).max(initial=0.0)
            error = error + sums * (made.error + terms * points.unit * made.size)
            slopes.append((arg, other.size + other.error))
    return _Many(value, error, points.most(value), slopes)


_RULES: dict[str, Callable[[_Points, Node, list[_Many]], _Many]] = {
    "sum": _sum, "where": _where, "logsumexp": _log_sum_exp, "standardized": _standardized,
    "matmul": _matmul,
}  # fmt: skip
