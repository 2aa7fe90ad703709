"""Norms that are multiples of one another near x, as one norm: the same function with fewer active norms (THEORY 8).

If |z_j|^2 = k^2 |z_i|^2 as quadratic forms, |z_j| = k |z_i| everywhere.  What a user writes as two norms, |u| and
|2 u|, a norm and that of its entries in another order, the norm of (u + v, u - v) and that of (u, v), is then written
as one of them and a multiple of it.  The generalized gradient is that of the function, whichever way it is written.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from absnormal.active.quadratic import Form, QuadraticForms, one_direction, square
from absnormal.arrays import Array
from absnormal.ops import TABLE
from absnormal.ops.kinks import AFFINE
from absnormal.program.merging import Merged
from absnormal.program.nodes import Node
from absnormal.program.program import Program
from absnormal.sweeps.table import Sweeps

#: Active norms up to which their forms are compared.
_NORMS = 2000
#: How often norms of norms are looked at again.
_PASSES = 4
#: The node and the number of a norm.
Lane = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Multiple:
    """A norm as a multiple of what is left: of an earlier norm, or of |.| of one of its own entries.

    Attributes
    ----------
    root
        the node and the number of the norm that stays
    factor
        what the norm of which this is a multiple is multiplied by
    """

    root: Lane
    factor: float


@dataclass(frozen=True, slots=True)
class Multiples:
    """What is known of active norms: multiples of others, and for those of one direction the entry that has it."""

    of: dict[Lane, Multiple]
    entry: dict[Lane, int]


def with_fewer_norms(sweeps: Sweeps) -> Merged | None:
    """The program with active norms that are multiples of an earlier one, or of |.|, written as such; None where there
    are none.  Norms of what is equal then are multiples of each other too."""
    found: Merged | None = None
    for _ in range(_PASSES):
        if sweeps.rational or sweeps.atol:
            break
        multiples = _multiples(sweeps)
        if not multiples.of:
            break
        found = _written(sweeps, multiples)
        assert found.program is not None
        sweeps = Sweeps(found.program, None, 0.0, found.values, units=sweeps.units if np.ndim(sweeps.units) == 0 else 0)
    return found


def _multiples(sweeps: Sweeps) -> Multiples:
    found = Multiples({}, {})
    tied = [lane for lanes in _active(sweeps) for lane in lanes]
    if len(tied) > _NORMS:
        return found
    forms = QuadraticForms(sweeps.program.nodes, sweeps.values)
    first: dict[frozenset[tuple[tuple[int, int], Fraction]], tuple[Lane, Fraction]] = {}
    for index, lane in tied:
        entries = forms.of_lane(index, lane)
        form = square(entries)
        if not form:
            continue
        unit = form[_first_square(form)]
        key = frozenset((pair, a / unit) for pair, a in form.items())
        root, its = first.setdefault(key, ((index, lane), unit))
        if root == (index, lane):
            entry = one_direction(entries)
            if entry is None:
                continue
            own = square(entries[entry : entry + 1])
            found.entry[root], its = entry, own[_first_square(own)]
            first[key] = root, its
        found.of[index, lane] = Multiple(root, math.sqrt(unit / its))
    return found


def _active(sweeps: Sweeps) -> Iterator[list[Lane]]:
    """The active norms of each node."""
    for index in sweeps.norms:
        own = np.flatnonzero(sweeps.active[sweeps.program.lanes(index)[0]])
        yield [(index, int(lane)) for lane in own]


def _first_square(form: Form) -> tuple[int, int]:
    """The first entry whose square is in a form: there is one, as the form is no other than a sum of squares."""
    return min(pair for pair in form if pair[0] == pair[1])


def _written(sweeps: Sweeps, found: Multiples) -> Merged:
    """The program in which these norms are multiples of others."""
    made, position = Merged(), list[int]()
    kept: dict[int, _Kept] = {}
    for index, node in enumerate(sweeps.program.nodes):
        node = node._replace(args=tuple(position[arg] for arg in node.args))
        if index not in sweeps.norms:
            position.append(made.add(node, sweeps.values[index]))
            continue
        lanes = range(math.prod(node.shape))
        norms = [lane for lane in lanes if (index, lane) not in found.of]
        lines = [lane for lane in lanes if (index, lane) in found.entry]
        count, parts = len(lanes), []
        if norms:
            places = np.arange(node.params["entries"])[:, None] * count + np.asarray(norms, dtype=int)
            parts.append(_kink(made, node, places))
        if lines:
            places = np.array([found.entry[index, lane] * count + lane for lane in lines], dtype=int)
            parts.append(_kink(made, node._replace(op=AFFINE.name, params={"a": 0.0, "b": 1.0}), places))
        if parts:
            own_lanes = {lane: place for place, lane in enumerate((*norms, *lines))}
            kept[index] = _Kept(_joined(made, node, parts), own_lanes)
        position.append(_multiplied(made, index, node, found, kept, sweeps.values[index]))
    made.program = Program(tuple(made.nodes), position[sweeps.program.output], sweeps.program.tree)
    return made


@dataclass(frozen=True, slots=True)
class _Kept:
    """A node that holds what is left of the norms of another one, and where each stands."""

    node: int
    places: dict[int, int]


def _kink(made: Merged, node: Node, places: Array) -> int:
    """A norm, or |.|, of some entries of the argument of a node."""
    arg = _add(made, node, "gather", node.args, {"index": places})
    value = np.asarray(TABLE[node.op].value(node.params, made.values[arg]))
    return made.add(node._replace(args=(arg,), shape=value.shape, switches=places.size), value)


def _joined(made: Merged, node: Node, parts: Sequence[int]) -> int:
    return parts[0] if len(parts) == 1 else _add(made, node, "concatenate", tuple(parts), {"axis": 0})


def _multiplied(made: Merged, index: int, node: Node, found: Multiples, kept: dict[int, _Kept], value: Array) -> int:
    """All norms of a node: multiples of those that are left of it, and of earlier ones."""
    lanes = [found.of.get((index, k), Multiple((index, k), 1.0)) for k in range(math.prod(node.shape))]
    used = sorted({lane.root[0] for lane in lanes})
    starts = dict(zip(used, np.cumsum([0, *(len(kept[root].places) for root in used)]).tolist(), strict=False))
    whole = _joined(made, node, [kept[root].node for root in used])
    places = np.array([starts[lane.root[0]] + kept[lane.root[0]].places[lane.root[1]] for lane in lanes], dtype=int)
    moved = _add(made, node, "gather", (whole,), {"index": places.reshape(node.shape)})
    factors = np.array([lane.factor for lane in lanes]).reshape(node.shape)
    constant = made.add(Node("constant", (), {"value": factors}, node.shape, node.source, "", False), factors)
    scaled = node._replace(op="mul", args=(moved, constant), params={}, switch=-1, switches=0, tie="")
    return made.add(scaled, value)


def _add(made: Merged, like: Node, op: str, args: tuple[int, ...], params: dict[str, object]) -> int:
    value = np.asarray(TABLE[op].value(params, *(made.values[arg] for arg in args)))
    node = like._replace(op=op, args=args, params=params, shape=value.shape, varied=True, switch=-1, switches=0, tie="")
    return made.add(node, value)
