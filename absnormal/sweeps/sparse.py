"""The fifth verb: sparse rows, the derivatives of all switching variables and of y with respect to x and |z|.

    z' = Z x' + L |z|'        y' = J x' + Y |z|'

Rows are accumulated forward through the program, array by array: `RULES` says for every operation how the
rows of its result come from those of its arguments.  At a kinked node the row of z is formed, and |z| becomes
a new column.

References
----------
Griewank, "On stable piecewise linearization and generalized algorithmic differentiation", Optim. Methods
Softw. 28 (2013) 1139-1178; Griewank and Walther, "First- and second-order optimality conditions for piecewise
smooth objective functions", Optim. Methods Softw. 31 (2016) 904-930.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from scipy.sparse import csr_array

from absnormal.arrays import Array
from absnormal.ops import SMOOTH, TABLE
from absnormal.ops.linear_maps import Chain, LinearMap, Scale
from absnormal.ops.standardized import Standardized
from absnormal.program.moves import numbered
from absnormal.program.nodes import Node
from absnormal.program.program import Program
from absnormal.sweeps.sparse_entries import INDEX, Chunk, Local, Rows, Shape, Space, scaled
from absnormal.sweeps.sparse_kinks import kinked
from absnormal.sweeps.table import Sweeps

#: The number of entries that may be stored at one operation; each takes 12 bytes, and some are copied.
LIMIT = 50_000_000


def rows(
    program: Program, sweeps: Sweeps, sigma: Array | None = None, *, limit: int = LIMIT, every: bool = False
) -> tuple[tuple[Any, Any], tuple[Any, Any]]:
    """The sparse rows of z and of y over the columns x and |z|, at the point of the sweeps.

    Parameters
    ----------
    program
        the program of the sweeps
    sweeps
        the program at a point, in float64
    sigma
        slopes of |z| in [-1, 1], shape (s,), put in place of |z|, which eliminates these switches.  NaN
        keeps |z| as a column; by default all are kept.
    limit
        the largest number of entries to be stored at one operation
    every
        also give rows to switches that are eliminated; otherwise these rows are empty

    Returns
    -------
    rows of z, shapes (s, n) and (s, s), and of y, shapes (m, n) and (m, s)
        `scipy.sparse.csr_array`, sorted, without duplicates and zeros.  Without sigma they are (Z, L) and
        (J, Y).  With ``sigma`` NaN on the active switches and the signs elsewhere, they are the base rows and
        the couplings.

    Raises
    ------
    BudgetError
        where an operation would store more than ``limit`` entries, before it does
    ValueError
        at a rational point, or for slopes that do not fit

    Examples
    --------
    >>> import numpy as np
    >>> from absnormal.frontends.numpy.traced import trace
    >>> from absnormal.sweeps.sparse import rows
    >>> from absnormal.sweeps.table import Sweeps
    >>> program = trace(lambda x: np.abs(x[1] - np.abs(x[0])), [0.0, 2.0])
    >>> (Z, L), (J, Y) = rows(program, Sweeps(program, np.array([0.0, 2.0])))
    >>> Z.toarray(), L.toarray()
    (array([[1., 0.],
           [0., 1.]]), array([[ 0.,  0.],
           [-1.,  0.]]))
    >>> J.toarray(), Y.toarray()
    (array([[0., 0.]]), array([[0., 1.]]))
    """
    if sweeps.rational:
        raise ValueError("sparse rows are in float64: evaluate the program at a float point")
    if sigma is None:
        sigma = np.full(program.s, np.nan)
    if sigma.shape != (program.s,):
        raise ValueError(f"sigma must have shape ({program.s},), got {sigma.shape}")
    if (np.abs(sigma) > 1).any():
        raise ValueError("sigma must hold slopes in [-1, 1], or NaN")
    with np.errstate(under="ignore"):
        return Accumulation(program, sweeps, sigma, limit, every).run()


class Accumulation:
    """One forward pass."""

    def __init__(self, program: Program, sweeps: Sweeps, sigma: Array, limit: int, every: bool) -> None:
        self.program = program
        self.sweeps = sweeps
        self.kept = np.isnan(sigma)
        self.sigma = np.where(self.kept, 0.0, sigma)
        self.wanted = np.ones(program.s, bool) if every else self.kept
        self.space = Space(program.n + program.s, limit)
        self.at: list[Rows | None] = [None] * len(program.nodes)
        self.switching: list[tuple[Rows | None, int]] = []
        self.scalar = program.m == 1
        self.uses = self._uses()
        self.leaves = np.cumsum([0, *map(math.prod, program.tree.shapes)]).tolist()

    def run(self) -> tuple[tuple[Any, Any], tuple[Any, Any]]:
        nodes = self.program.nodes
        for index, node in enumerate(nodes):
            if not self.uses[index] and node.switch < 0:
                continue
            rule = RULES.get(node.op, _dense) if TABLE[node.op].kink is None else kinked
            found = rule(self, index, node)
            self.at[index] = found if self.uses[index] else None
            for arg in node.args:
                self.uses[arg] -= 1
                if not self.uses[arg]:
                    self.at[arg] = None
        keep = None if self.wanted.all() else self.wanted
        of_z = self.space.joined(self.switching, self.program.n, keep)
        return of_z, self._pulled() if self.scalar else self.space.joined(
            [(self.at[self.program.output], self.program.m)], self.program.n
        )

    def _pulled(self) -> tuple[Any, Any]:
        """The rows of a single y: one backward sweep that stops at the |z| that are kept."""
        xbar, wbar = self.sweeps.pull(self.sigma, None, np.ones((1, 1)))
        return csr_array(xbar), csr_array(np.where(self.kept, wbar, 0.0))

    def _uses(self) -> list[int]:
        """How often each node is needed for the rows of z, and for those of y where they are not pulled."""
        nodes = self.program.nodes
        uses = [0] * len(nodes)
        uses[self.program.output] = int(nodes[self.program.output].varied and not self.scalar)
        for index in range(len(nodes) - 1, -1, -1):
            if uses[index] or nodes[index].switch >= 0:
                for arg in nodes[index].args:
                    uses[arg] += nodes[arg].varied
        return uses

    def shape(self, index: int) -> Shape:
        return self.program.nodes[index].shape

    def linear(self, node: Node, locals_: list[Local | None]) -> Rows | None:
        """The sum of the local derivatives times the rows of the arguments."""
        return self.space.total(
            [
                self.space.apply(local, inner, self.shape(arg), node.shape)
                for local, arg in zip(locals_, node.args, strict=True)
                if local is not None and (inner := self.at[arg]) is not None
            ],
            node.shape,
        )

    def columns(self, own: slice, weight: Any, shape: Shape) -> Rows | None:
        """weight * |z| for the switches ``own`` that are kept."""
        kept = self.kept[own]
        count = int(kept.sum())
        numbers = np.arange(own.start, own.stop, dtype=INDEX) + INDEX(self.program.n)
        values = np.broadcast_to(np.asarray(weight, float), shape)
        if count == len(kept):
            return Rows((Chunk(numbers.reshape(1, *shape), values[None]),))
        if not count:
            return None
        where = np.flatnonzero(kept)
        matrix = self.space.gathered(where, numbers[where], values.reshape(-1)[where], len(kept))
        return self.space.rows(matrix, shape)


# -- the rules -----------------------------------------------------------------------------------------------

Rule = Callable[[Accumulation, int, Node], Rows | None]


def _input(run: Accumulation, index: int, node: Node) -> Rows:
    start, stop = run.leaves[node.params["leaf"]], run.leaves[node.params["leaf"] + 1]
    columns = np.arange(start, stop, dtype=INDEX).reshape(1, *node.shape)
    return Rows((Chunk(columns, np.broadcast_to(1.0, columns.shape)),))


def _entrywise(run: Accumulation, index: int, node: Node) -> Rows | None:
    maps = run.sweeps.maps(index)
    return run.linear(node, [None if scale is None else scaled(scale, node.shape) for scale in maps])


def _moving(move: Callable[[Node, Shape, Array], Array]) -> Rule:
    """A rule for an operation that moves entries: ``move`` takes (k, \\*shape) to (k, \\*out)."""

    def rule(run: Accumulation, index: int, node: Node) -> Rows | None:
        shape = run.shape(node.args[0])
        return run.linear(node, [Local(lambda t: move(node, shape, t)[:, None])])

    return rule


def _broadcast(node: Node, shape: Shape, t: Array) -> Array:
    lift = (1,) * (len(node.shape) - len(shape))
    return np.broadcast_to(t.reshape(len(t), *lift, *shape), (len(t), *node.shape))


def _concatenate(run: Accumulation, index: int, node: Node) -> Rows | None:
    parts = [(run.at[arg], run.shape(arg)) for arg in node.args]
    return run.space.placed(parts, node.params["axis"], node.shape)


def _fronted(axes: tuple[int, ...], count: int) -> Callable[[Array], Array]:
    """Take axes to the front, as one."""

    def move(t: Array) -> Array:
        moved = np.moveaxis(t, [axis + 1 for axis in axes], range(1, 1 + len(axes)))
        return moved.reshape(len(t), count, *moved.shape[1 + len(axes) :])

    return move


def _sum(run: Accumulation, index: int, node: Node) -> Rows | None:
    """A sum over axes, of entries or of entries with weights."""
    axes, shape = node.params["axes"], run.shape(node.args[0])
    weights: Any = 1.0
    count = math.prod(shape[axis] for axis in axes)
    front, chain = _fronted(axes, count), run.sweeps.maps(index)[0]
    if isinstance(chain, Chain) and isinstance(chain.first, Scale):
        weights = front(np.asarray(chain.first.p)[None]).reshape(count, *node.shape)
    return run.linear(node, [Local(lambda t: front(t).reshape(len(t), count, *node.shape), weights, count)])


def _cumsum(run: Accumulation, index: int, node: Node) -> Rows | None:
    axis, count = node.params["axis"], node.shape[node.params["axis"]]
    run.space.spend(count * math.prod(node.shape))
    below = np.tri(count).T.reshape(count, *(count if i == axis else 1 for i in range(len(node.shape))))
    front = _fronted((axis,), count)

    def move(t: Array) -> Array:
        return np.broadcast_to(np.expand_dims(front(t), axis + 2), (len(t), count, *node.shape))

    return run.linear(node, [Local(move, below, count)])


def _prod(run: Accumulation, index: int, node: Node) -> Rows | None:
    axis, count = node.params["axis"], run.shape(node.args[0])[node.params["axis"]]
    others: Any = run.sweeps.maps(index)[0]
    return run.linear(node, [Local(_fronted((axis,), count), np.moveaxis(others.first.p, axis, 0), count)])


def _standardized(run: Accumulation, index: int, node: Node) -> Rows | None:
    axes, shape = node.params["axes"], node.shape
    count, linear = math.prod(shape[axis] for axis in axes), run.sweeps.maps(index)[0]
    assert isinstance(linear, Standardized)
    (_, y, _), = linear.products
    run.space.spend(count * math.prod(shape))
    once = tuple(1 if axis in axes else size for axis, size in enumerate(shape))

    def each(t: Array) -> Array:
        """(k, \\*shape) to (k, count, \\*shape), all that an entry is made of."""
        return np.broadcast_to(_fronted(axes, count)(t).reshape(len(t), count, *once), (len(t), count, *shape))

    own = np.broadcast_to(numbered(tuple(shape[axis] if axis in axes else 1 for axis in range(len(shape)))), shape)
    same = own == np.arange(count).reshape(-1, *(1,) * len(shape))
    weights = (same - (1 + y * each(y[None])[0]) / count) * linear.rate
    return run.linear(node, [Local(each, weights, count)])


def _matmul(run: Accumulation, index: int, node: Node) -> Rows | None:
    a, b = (run.sweeps.values[arg] for arg in node.args)
    row, column = a.ndim == 1, b.ndim == 1
    a, b = a[None, :] if row else a, b[:, None] if column else b
    axes = max(a.ndim, b.ndim)
    full = (*np.broadcast_shapes(a.shape[:-2], b.shape[:-2]), a.shape[-2], b.shape[-1])
    inner = a.shape[-1]

    def left(t: Array) -> Array:
        """(k, ..., i, l) to (k, l, ..., i, 1)."""
        t = t.reshape(len(t), *(1,) * (axes - a.ndim), *a.shape)
        return np.moveaxis(t, -1, 1)[..., None]

    def right(t: Array) -> Array:
        """(k, ..., l, j) to (k, l, ..., 1, j)."""
        t = t.reshape(len(t), *(1,) * (axes - b.ndim), *b.shape)
        return np.moveaxis(t, -2, 1)[..., None, :]

    def onto(move: Callable[[Array], Array]) -> Callable[[Array], Array]:
        return lambda t: np.broadcast_to(move(t), (len(t), inner, *full))

    locals_ = [Local(onto(left), right(b[None])[0], inner), Local(onto(right), left(a[None])[0], inner)]
    return run.linear(node, [*locals_])


def _dense(run: Accumulation, index: int, node: Node) -> Rows | None:
    """Every entry of an argument weighs every entry of the result: what small programs can afford."""
    if all(m is None or isinstance(m, Scale) for m in run.sweeps.maps(index)):
        return _entrywise(run, index, node)
    pairs = zip(node.args, run.sweeps.maps(index), strict=True)
    return run.linear(node, [None if m is None else _full(run, m, run.shape(arg), node.shape) for arg, m in pairs])


def _full(run: Accumulation, linear: LinearMap, shape: Shape, out: Shape) -> Local:
    count, ones = math.prod(shape), (1,) * len(out)
    run.space.spend(count * math.prod(out))
    weight = linear.push(np.eye(count).reshape(count, *shape))
    return Local(lambda t: np.broadcast_to(t.reshape(len(t), count, *ones), (len(t), count, *out)), weight, count)


def _einsum(run: Accumulation, index: int, node: Node) -> Rows | None:
    terms, result = node.params["terms"], node.params["result"]
    values = [run.sweeps.values[arg] for arg in node.args]
    return run.linear(node, [_einsum_local(terms, result, values, i, node.shape) for i in range(len(terms))])


def _einsum_local(terms: tuple[str, ...], result: str, values: list[Array], own: int, out: Shape) -> Local:
    """One operand: its letters that are summed are the inner axis, the others weigh its entries."""
    shape = values[own].shape
    summed = "".join(letter for letter in terms[own] if letter not in result)
    order = summed + result
    sizes = dict(zip(terms[own] + result, shape + out, strict=True))
    inner = math.prod(sizes[letter] for letter in summed)
    others = [(term, value) for i, (term, value) in enumerate(zip(terms, values, strict=True)) if i != own]
    known = "".join(letter for letter in order if any(letter in term for term, _ in others))
    weight = np.asarray(1.0)
    if others:
        text = ",".join(term for term, _ in others) + "->" + known
        weight = np.asarray(np.einsum(text, *(value for _, value in others), optimize=True))

    def spread(t: Array, letters: str) -> Array:
        """(k, \\*letters) to (k, inner, \\*out)."""
        t = t.transpose(0, *(1 + letters.index(letter) for letter in order if letter in letters))
        t = t.reshape(len(t), *(sizes[letter] if letter in letters else 1 for letter in order))
        return np.broadcast_to(t, (len(t), *(sizes[letter] for letter in order))).reshape(len(t), inner, *out)

    return Local(lambda t: spread(t, terms[own]), spread(weight[None], known)[0], inner)


RULES: dict[str, Rule] = {
    **dict.fromkeys((row.name for row in SMOOTH), _entrywise),
    "input": _input,
    "constant": lambda run, index, node: None,
    "reshape": _moving(lambda node, shape, t: t.reshape(len(t), *node.shape)),
    "transpose": _moving(lambda node, shape, t: t.transpose(0, *(axis + 1 for axis in node.params["axes"]))),
    "index": _moving(lambda node, shape, t: np.asarray(t[(slice(None), *node.params["key"])])),
    "gather": _moving(lambda node, shape, t: t.reshape(len(t), -1)[:, node.params["index"]]),
    "broadcast": _moving(_broadcast),
    "concatenate": _concatenate,
    "where": _entrywise,
    "sum": _sum,
    "cumsum": _cumsum,
    "prod": _prod,
    "logsumexp": _sum,
    "standardized": _standardized,
    "matmul": _matmul,
    "einsum": _einsum,
}
