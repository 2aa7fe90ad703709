"""Orders of tied entries that a vector shows (THEORY 7.4).

A tool that takes one of many medians returns a unit vector, one that interpolates two of them has two entries; which
ones says in which order the tool took what ties.  A mean of orders shows orders whose mean it is: what majorizes a
vector has it in the convex hull of its permutations (Rado 1952), and a walk from face to face finds them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np

from absnormal.active.orders import compared
from absnormal.arrays import Array, unit_vectors
from absnormal.certificates.evidence import Judged
from absnormal.ops.kinks.order import codes, in_turn
from absnormal.sweeps.outer import BLOCKS, blocks, outer_support, weights_of_sorts
from absnormal.sweeps.table import Sweeps
from absnormal.theorems.membership import Limiting, of_mean
from absnormal.theorems.problem import Problem, Proof
from absnormal.theorems.separation import separated_along

#: Entries whose rows are written, and numbers in these; entries whose orders are combined.
_ROWS, _NUMBERS, _FEW = 512, 4_000_000, 512
#: What rounding may make of the difference of two places, relative to the largest.
_SAME = 1e-12

#: An order of the entries in each column of a sort, and its weight in a mean.
Weighted = list[tuple[float, Array]]


@dataclass(frozen=True, eq=False)
class _Entries:
    """What is sorted: inputs, by their numbers, or entries with rows (k, n) of their own; those of all sorts together.

    Attributes
    ----------
    shapes
        those of the sorts, entries by columns
    """

    n: int
    shapes: list[tuple[int, ...]]
    inputs: Array
    rows: Array | None

    def adjoints(self, v: Array) -> list[Array]:
        """What each entry adds to a vector, sort by sort; where the rows are dependent one of many answers."""
        flat = v[self.inputs] if self.rows is None else np.linalg.lstsq(self.rows.T, v, rcond=None)[0]
        ends = np.cumsum([int(np.prod(shape)) for shape in self.shapes])[:-1]
        return [part.reshape(shape) for part, shape in zip(np.split(flat, ends), self.shapes, strict=True)]

    def direction(self, rates: list[Array]) -> Array:
        """Along which the entries grow at these rates, where there is such a direction."""
        flat = np.concatenate([part.reshape(-1) for part in rates])
        if self.rows is not None:
            return np.asarray(np.linalg.lstsq(self.rows, flat, rcond=None)[0])
        d = np.zeros(self.n)
        d[self.inputs] = flat
        return d


@dataclass(frozen=True, eq=False)
class _Asked:
    """What the places of each sort add, for entries that stand in them as they come, and what each entry is to get."""

    sorts: list[Array]
    entries: _Entries
    slopes: Array
    places: list[Array]
    asked: list[Array]


def _asked(sweeps: Sweeps, c: Array, g: Array) -> _Asked | None:
    if not sweeps.sorts or sweeps.rational:
        return None
    in_order, even = np.array(c, dtype=float), np.array(c, dtype=float)
    sorts = [np.searchsorted(sweeps.alpha, lanes) for lanes in sweeps.sorts]
    for own in sorts:
        entries, columns = own.shape
        in_order[own], even[own] = in_turn(entries, columns, -1.0).reshape(own.shape), 0.0
    sigma = sweeps.signature(in_order)
    found = _entries(sweeps, sigma, sorts)
    if found is None:
        return None
    base = sweeps.gradient(sweeps.signature(even))
    places = found.adjoints(sweeps.gradient(sigma) - base)
    return _Asked(sorts, found, in_order, places, found.adjoints(g - base))


def _entries(sweeps: Sweeps, sigma: Array, sorts: list[Array]) -> _Entries | None:
    n = sweeps.program.n
    shapes: list[tuple[int, ...]] = [(len(own) + 1, own.shape[1]) for own in sorts]
    later, first = compared(sweeps, sigma)
    inputs = np.concatenate([np.concatenate([first[own[:1]], later[own]]).reshape(-1) for own in sorts]) - 1
    if ((inputs >= 0) & (inputs < n)).all():
        return _Entries(n, shapes, inputs, None)
    if len(inputs) > _ROWS or len(inputs) * n > _NUMBERS:
        return None
    rows = []
    for numbers in sweeps.sorts:
        node = sweeps.program.node_of(int(numbers[0, 0]))
        size = int(np.prod(sweeps.program.nodes[node.args[0]].shape, dtype=int))
        own, width = numbers - node.switch, size // (len(numbers) + 1)
        if len(inputs) * size > _NUMBERS:
            return None
        which = np.concatenate([own[:1], own + width]).reshape(-1)
        rows.append(sweeps.pull_node(sigma, node.args[0], unit_vectors(which, size)))
    found = np.concatenate(rows)
    return _Entries(n, shapes, inputs, found) if np.isfinite(found).all() else None


def shown_orders(sweeps: Sweeps, c: Array, g: Array) -> Iterator[Array]:
    """The slopes c with such orders in the place of those of sorts as would make the vector g, if some do."""
    found = _asked(sweeps, c, g)
    if found is None:
        return
    for own, places, asked in zip(found.sorts, found.places, found.asked, strict=True):
        ranks = np.empty(places.shape)
        least = np.argsort(places, axis=0, kind="stable")
        np.put_along_axis(ranks, np.argsort(asked, axis=0, kind="stable"), least, axis=0)
        found.slopes[own] = codes(ranks[1:] - ranks[:1])
    yield found.slopes


def vector_in_orders(problem: Problem, g: Array, accepted: Array, beyond: Callable[[], Array | None]) -> Proof | None:
    """Proves that a vector is a mean of limiting gradients along directions that put what is sorted in orders whose
    mean it shows; or, where it shows entries that get more together than places have, that it is none."""
    sweeps, found = problem.sweeps, _asked(problem.sweeps, problem.c, g)
    if found is None:
        return None
    slack = [np.abs(part) for part in found.entries.adjoints(accepted)]
    columns = [
        [tuple(part[:, j] for part in three) for j in range(three[0].shape[1])]
        for three in zip(found.places, found.asked, slack, strict=True)
    ]
    means = [[majorized(*column) for column in own] for own in columns]
    if not all(map(all, means)):
        refuted = None if weights_of_sorts(sweeps) is None or blocks(sweeps) > BLOCKS else beyond()
        v = found.entries.direction([
            np.stack([0 * asked if mean else short(places, asked)
                      for mean, (places, asked, _) in zip(own, each, strict=True)], axis=1)
            for own, each in zip(means, columns, strict=True)
        ])
        apart = None if refuted is None or not v.any() else separated_along(
            g, v, refuted, lambda v: outer_support(sweeps, v)[0])
        return None if apart is None else replace(apart, judged=Judged(g, refuted))
    if sum(places.size for places in found.places) > _FEW:
        return None
    # A vector has several turns.
    walks: dict[bytes, list[Weighted]] = sweeps.answers.setdefault(orders, {})
    key = np.concatenate([np.asarray(problem.c, dtype=float), g, accepted]).tobytes()
    if key not in walks:
        walks[key] = [orders(*column) for own in columns for column in own]
    along = Limiting(problem, g, accepted)
    for ranks in together(walks[key]):
        if along.full(1):
            return None
        each = iter(ranks)
        along.taken(found.entries.direction([
            np.stack([next(each) for _ in places.T], axis=1) / len(places) - 0.5 for places in found.places
        ]))
    if not along.count or not along.near(along.left()):
        return None
    return of_mean(*along.used(), Judged(g, accepted))


def majorized(places: Array, asked: Array, slack: Array) -> bool:
    """Whether the least entries are to get no less together than so many places have, and all as much (Rado)."""
    off, added = _off(places, asked, slack), np.sort(places)
    total = abs((asked - added).sum())
    return bool((np.cumsum(np.sort(asked)) >= np.cumsum(added) - off).all() and total <= off)


def _off(places: Array, asked: Array, slack: Array) -> float:
    """What rounding may make of sums of places, and what is allowed."""
    size = float(np.abs(places).max(initial=0.0) + np.abs(asked).max(initial=0.0))
    return 2 * float(slack.sum()) + _SAME * len(places) * size


def short(places: Array, asked: Array) -> Array:
    """Minus the entries that are to get less together than so many places can have, or all with a sign (Rado)."""
    by = np.argsort(asked, kind="stable")
    missing = np.cumsum(np.sort(places) - asked[by])
    j = int(missing.argmax())
    if -missing[-1] > missing[j]:
        return np.ones(len(asked))
    found = np.zeros(len(asked))
    found[by[: j + 1]] = -1.0
    return found


def orders(places: Array, asked: Array, slack: Array) -> Weighted:
    """Orders, each the numbers of the places in which the entries stand, and convex weights, whose mean gives to each
    entry what is asked; none where what is asked is no mean.

    A face of the permutohedron puts blocks of entries before each other.  From a vertex of the face that holds the
    point the walk goes through the point to where a block falls apart.
    """
    least = np.argsort(places, kind="stable")
    added = places[least]
    off = _off(places, asked, slack)
    point, block = np.array(asked, dtype=float), np.zeros(len(places), int)
    if not majorized(places, asked, slack):
        return []
    found: Weighted = []
    rest = 1.0
    for _ in places:
        by = np.lexsort((point, block))
        ranks, vertex = np.empty(len(places)), np.empty(len(places))
        ranks[by], vertex[by] = least, added
        step = point - vertex
        leaves = None if np.abs(step).max() <= off else _leaves(point, step, block, added)
        if leaves is None:
            break
        far, first = leaves
        found.append((rest * far / (1 + far), ranks))
        rest, point = rest / (1 + far), point + far * step
        block = np.unique(2 * block + ~first, return_inverse=True)[1]
    return [*found, (rest, ranks)]


def _leaves(point: Array, step: Array, block: Array, added: Array) -> tuple[float, Array] | None:
    """How far a point may go in a face, until the least entries of a block add up to as little as they can, and these
    with all of the blocks before it.

    A set that would be short says how far at most (Dinkelbach's method); where none is, that is how far.
    """
    sizes = np.bincount(block)
    ends = np.cumsum(sizes)
    low, high = added[(ends - sizes)[block]], added[ends[block] - 1]
    reach = np.full(len(point), np.inf)
    np.divide(np.where(step < 0, low - point, high - point), step, out=reach, where=(step != 0) & (sizes[block] > 1))
    far, least = float(reach.min()), int(reach.argmin())
    if not np.isfinite(far):
        return None
    first = block < block[least] + (step[least] > 0)
    first[least] = step[least] < 0
    for _ in point:
        by = np.lexsort((point + far * step, block))
        moved = np.cumsum(step[by])
        short = np.cumsum(added - point[by]) - far * moved
        short[ends - 1] = 0.0
        j = int(short.argmax())
        if not short[j] > 0 or not moved[j] < 0:
            break
        now = float((short[j] + far * moved[j]) / moved[j])
        if not now < far:
            break
        far = now
        first = np.zeros(len(point), bool)
        first[by[: j + 1]] = True
    return max(0.0, far), first


def together(columns: list[Weighted]) -> Iterator[list[Array]]:
    """Orders of all columns at once whose mean, with some weights, has the mean of each column."""
    if not all(columns):
        return
    ends = [np.cumsum([weight for weight, _ in column]) for column in columns]
    cuts = np.unique(np.concatenate([[0.0], *(np.minimum(own, 1.0) for own in ends)]))
    for low, high in pairwise(cuts.tolist()):
        if high - low > _SAME:
            at = (low + high) / 2
            yield [column[min(int(np.searchsorted(own, at)), len(own) - 1)][1]
                   for column, own in zip(columns, ends, strict=True)]
