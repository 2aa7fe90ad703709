"""Building a program while the user's function runs at the point.

Every front end adds operations through `Builder.add`.  Equal operations on equal arguments become one node, so that
``x[1:] - x[1:]`` is seen to be zero.  A value is computed at once, or a framework computed it (`Builder.give`); what is
written between its results is then computed when it is asked for.
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np

from absnormal.arrays import Array, exactly, finite
from absnormal.errors import DomainError, TraceError
from absnormal.ops import TABLE
from absnormal.program.affine import Affine
from absnormal.program.at_zero import AT_ZERO
from absnormal.program.free_signs import check_signs
from absnormal.program.moves import numbered, origins
from absnormal.program.nearby import Entries, Nearby, folded
from absnormal.program.nodes import COMPARED, Guard, Node, Source
from absnormal.program.numbering import Numbering
from absnormal.program.program import RELATIONS, Program, compute, outside
from absnormal.program.signs import certainly_positive
from absnormal.program.slicing import sliced
from absnormal.program.tree import Tree
from absnormal.program.values import Later, Read, Values

T = TypeVar("T")

#: Constants up to this size are one node where they are equal, larger ones where they are the same array.
_SMALL = 64
#: Of parameters that are larger than this a sample is looked up, and then they are compared.
_BYTES = 1024
#: Operations of what must not be 0, and which argument that is.
_OFF_ZERO = {"sqrt": 0, "div": 1}
#: Parameters that are their own keys.
_PLAIN = frozenset({int, float, str, type(...)})


@dataclass(frozen=True, slots=True, eq=False)
class Finished:
    """A program, the values of its nodes and the machine epsilon of each.

    ``places`` are its own numbers of the builder's nodes, ``needed`` the builder's numbers of those that the output
    needs, which guards alone do not; ``copies`` are nodes that were written again, and the nodes that they were.
    """

    program: Program
    values: Values
    units: list[float]
    places: dict[int, int]
    needed: frozenset[int]
    copies: Mapping[int, int]

    def placed(self, held: Mapping[int, T]) -> dict[int, T]:
        """What is held for some of the builder's nodes, by the numbers that these and their copies have here."""
        origins = ((index, index if index in held else self.copies.get(index, -1)) for index in self.places)
        return {self.places[index]: held[origin] for index, origin in origins if origin in held}


class Builder:
    """The nodes so far, with their values at the point.

    ``read`` makes an array of what a framework computed.  Values of the families ``later`` are computed when they are
    asked for; where that is ``checked``, what is NaN or infinite then is an error, as it is where they are computed at
    once.
    """

    def __init__(
        self, tree: Tree, leaves: Sequence[Array], copy: bool = True, *, read: Read = np.asarray,
        later: frozenset[str] = frozenset(), checked: bool = True,
    ) -> None:
        self.tree = tree
        self.nodes: list[Node] = []
        self.values = Values(self.nodes, [], [], read, checked=checked)
        #: For every node the machine epsilon of the precision in which it was computed, and that of what is added now.
        self.units: list[float] = []
        self.unit = 0.0
        #: Operations are equal in one precision only, where a cast is no operation; then this is the precision.
        self.precision: Any = None
        self.guards: list[Guard] = []
        #: The user's operation, and its line, that is being written in smaller ones.
        self.user: tuple[str, Source | None] | None = None
        self.affine = Affine(self.nodes)
        self.numbering = Numbering(self.nodes)
        self.nearby = Nearby(self.nodes, self.values, self.units)
        #: The jumps that are tied (`absnormal.frontends.meanings.jumps`), where the program takes them for constants
        #: though they are none on one of their sides, and the sides that a run is forced to, by the number of the jump.
        self.jumps: list[Any] = []
        #: Nodes that are not smooth, or NaN or infinite, with the error that this is where it counts; None for what may
        #: be infinite.
        self.faults: dict[int, Exception | None] = {}
        #: Whether a value that was given is infinite where float64 is not.
        self.overflows = False
        self.taken_flat: dict[str, None] = {}
        self.checks: dict[str, None] = {}
        #: The operations that have no derivative where they do not count.
        self.left_out: dict[str, None] = {}
        #: Whether a choice that was not made, and is not in the program, may make NaN of a gradient at another point.
        self.here_only = False
        self.forced: dict[int, tuple[str, ...]] | None = None
        #: Nodes that were written again with other arguments, and the nodes that they were.
        self.copies: dict[int, int] = {}
        #: 2-norms and |.| that were written as the root of a sum of squares, and that sum.
        self.roots: dict[int, int] = {}
        #: The power of a variable by which the user's function divides what cancels next to the point.
        self.cancels = 0
        #: Whether every jump is a constant, and what does not count stays, as a tool takes it.
        self.as_tool = False
        self._later = later
        self._known: dict[Any, int] = {}
        self._followed: set[tuple[int, int, str]] = set()
        self._exact = any(leaf.dtype == object for leaf in leaves)
        if self._exact:
            self.values.dtype = None
        for number, leaf in enumerate(leaves):
            if leaf.dtype != object and not np.isfinite(leaf).all():
                raise DomainError("x", "the point holds NaN or infinity")
            value = exactly(leaf) if self._exact else leaf.copy() if copy else leaf
            self.append(Node("input", (), {"leaf": number}, leaf.shape, None, "", True), value)

    def append(self, node: Node, value: Array | None = None, given: Any = None) -> int:
        """A node as it is, with its value, or with what a framework computed there."""
        self.nodes.append(node)
        self.values.known.append(value)
        self.values.given.append(given)
        self.units.append(self.unit)
        return len(self.nodes) - 1

    def constant(self, value: Array, source: Source | None = None, copy: bool = True) -> int:
        """A node that holds a constant; equal constants that are small or the same array are one node.

        Without ``copy`` nobody else may write to the array.
        """
        small = value.size <= _SMALL
        key = ("constant", value.shape, value.tobytes()) if small else ("constant", id(value))
        index = self._known.get(key)
        if index is None or not (small or np.array_equal(self.nodes[index].params["value"], value)):
            # A copy: the user may overwrite a buffer that was already used.
            kept = value.copy() if copy else value
            node = Node("constant", (), {"value": kept}, kept.shape, source, "", False)
            index = self.append(node, exactly(kept) if self._exact else kept)
            self._known[key] = index
            if not finite(kept):
                self.faults[index] = None
        return index

    def held(self, given: Any, source: Source | None) -> int:
        """A node that holds what a framework computed, as a constant."""
        params = Later(given, self.values.read)
        return self.append(Node("constant", (), params, tuple(given.shape), source, "", False), given=given)

    def add(
        self,
        op: str,
        args: tuple[int, ...],
        params: Mapping[str, Any],
        operation: str,
        source: Source | None,
        tie: str = "",
        given: Any = None,
        sure: bool = False,
    ) -> int:
        """Append one operation and compute it; the index of its node.

        ``given`` is its value, where a framework computed it; ``sure`` says that the arguments are known to lie in its
        domain.
        """
        if op in _OFF_ZERO and not sure:
            sure = certainly_positive(self.nodes, self.values, args[_OFF_ZERO[op]])
        if op in AT_ZERO and not sure and not self._exact:
            other = AT_ZERO[op](self, op, args, params, operation, source, tie, given)
            if other is not None:
                return other
        row, nodes = TABLE[op], self.nodes
        # Every kink that the user writes owns its switches, also when it is written twice.
        key = (op, args, self.precision, _key(params) if params else None) if row.kink is None else None
        index = self._known.get(key)
        if index is not None and _same(params, nodes[index].params):
            return index
        varied, shapes = False, []
        for arg in args:
            shapes.append(nodes[arg].shape)
            varied = varied or nodes[arg].varied
        value, fault = None, None
        if row.shape is not None and (given is not None or row.family in self._later):
            shape = row.shape(params, *shapes)
            if varied and row.domain is not None and not sure:
                fault = outside(Node(op, args, params, shape, source, operation, varied), self.values)
        else:
            node = Node(op, args, params, (), source, operation, varied)
            value, fault = self._computed(node, [self.values[arg] for arg in args])
            shape = value.shape
        count = 0 if row.kink is None else row.kink.count(shapes, shape)
        tie = tie if row.kink is not None else ""
        index = self.append(Node(op, args, params, shape, source, operation, varied, -1, count, tie), value)
        if key is not None:
            self._known[key] = index
        if fault is not None:
            self.faults[index] = fault
        if given is not None:
            self.give(index, given)
        return index

    def _computed(self, node: Node, args: list[Array]) -> tuple[Array, Exception | None]:
        """The value of a node, and what is wrong with it."""
        try:
            return compute(node, args), None
        except (DomainError, TraceError) as error:
            # Rationals have neither NaN nor infinity.
            if any(arg.dtype == object for arg in args):
                raise
            with np.errstate(all="ignore"):
                try:
                    return np.asarray(TABLE[node.op].value(node.params, *args)), error
                except ArithmeticError:
                    raise error from None

    def give(self, index: int, given: Any) -> None:
        """The value of a node that was added, as a framework computed it; NaN or infinity that the operation makes in
        float64, too, is an error where it counts."""
        made = not self.values.checked or self.values.known[index] is not None
        if not made and not np.isfinite(self.values.read(given)).all():
            node = self.nodes[index]
            value, fault = self._computed(node, [self.values[arg] for arg in node.args])
            if fault is not None:
                self.faults.setdefault(index, fault)
            self.overflows |= bool((np.isfinite(value) & ~np.isfinite(self.values.read(given))).any())
        self.values.given[index], self.values.known[index] = given, None

    def guard(self, left: int, right: int, relation: str, outcome: Any, operation: str, source: Source | None) -> None:
        """Keep a comparison that was followed."""
        if (left, right, relation) not in self._followed:
            self._followed.add((left, right, relation))
            self.guards.append(Guard(left, right, relation, outcome, source, operation))

    def decides(self, left: int, right: int) -> None:
        """Raise what is wrong with the sides of a comparison on which f goes one way or the other: that counts."""
        for side in (left, right) if self.faults else ():
            if self.nodes[side].varied and not self._finite(side):
                wrong = (self.faults.get(index) for index in sorted(self.reach([side])))
                for fault in filter(None, wrong):
                    raise fault

    def tied(self, left: int, right: int, relation: str) -> Array:
        """Where a comparison is tied, and its outcome not constant near the point."""
        tied = np.asarray(RELATIONS[relation][1](self.values[left], self.values[right]))
        return tied & ~self._settled(left, right, relation) if tied.any() else tied

    def _settled(self, left: int, right: int, relation: str) -> Any:
        """Where both sides of a comparison are constant near the point; for an index, all of its line."""
        constant: Any = self.nearby.constant(left)
        if relation.startswith("arg"):
            return constant.all(axis=-1, keepdims=True)
        settled = constant if left == right else constant & self.nearby.constant(right)
        return settled | self._same(left, right) if relation in COMPARED else settled

    def _same(self, left: int, right: int) -> Any:
        """Where a comparison is one of an entry with itself."""
        first, second = (origins(self.nodes, side) for side in (left, right))
        return (first[0] == second[0]) & (first[1] == second[1])

    def keep(self, left: int, right: int, relation: str, outcome: Any, operation: str, source: Source | None) -> None:
        """Keep a comparison that was followed: its outcome, and where it is tied what makes both sides constant."""
        tied = np.asarray(RELATIONS[relation][1](self.values[left], self.values[right]))
        if not tied.any():
            self.guard(left, right, relation, outcome, operation, source)
            return
        index, sides = relation.startswith("arg"), dict.fromkeys((left, right))
        if index:
            tied = np.broadcast_to(tied.any(axis=-1, keepdims=True), self.nodes[left].shape)
        apart = tied & ~self._same(left, right) if relation in COMPARED else tied
        for side in sides:
            entries = folded(apart, self.nodes[side].shape)
            for reason in self.nearby.reasons(side, entries):
                larger, smaller = (self._taken(part) for part in (reason.larger, reason.smaller))
                self.guard(larger, smaller, ">", np.ones(len(reason.larger[1]), bool), operation, source)
        rest = ~tied.any(axis=-1) if index else ~tied
        if rest.any():
            first, second = (
                self._taken((side, np.broadcast_to(numbered(self.nodes[side].shape), tied.shape)[rest]))
                for side in (left, right)
            )
            self.guard(first, second, relation, np.asarray(outcome)[rest], operation, source)

    def _taken(self, entries: Entries) -> int:
        """A node of some entries of another one."""
        node, places = entries
        if node is None:
            return self.constant(np.zeros(()))
        if np.array_equal(places, numbered(self.nodes[node].shape)):
            return node
        return self.add("gather", (node,), {"index": places}, *(self.user or ("comparison", None)))

    def program(self, output: int) -> Program:
        """The program that computes ``output``."""
        return self.finished(output).program

    def finished(self, output: int) -> Finished:
        """The program that computes ``output``, with what the guards need.

        Raises
        ------
        TraceError, DomainError
            where something that counts near the point is not smooth, or NaN or infinite
        """
        self._find_infinite(output)
        output = output if self.as_tool else sliced(self, output)
        self._check_finite(output)
        needed = self.reach([output])
        guarded = self.reach([index for guard in self.guards for index in (guard.left, guard.right)])
        keep = [index for index, node in enumerate(self.nodes)
                if index in needed or index in guarded or node.op == "input"]
        place = {old: new for new, old in enumerate(keep)}
        nodes, switch = [], 0
        for new, old in enumerate(keep):
            node = self.nodes[old]
            own = node.switches > 0 and node.varied and old in needed
            if own or new != old:
                args = tuple([place[arg] for arg in node.args])
                node = Node(node.op, args, *node[2:7], switch if own else -1, *node[8:])
            nodes.append(node)
            switch += node.switches if own else 0
        guards = tuple(
            Guard(place[g.left], place[g.right], g.relation, g.outcome, g.source, g.operation)
            for g in self.guards
        )
        program = Program(tuple(nodes), place[output], self.tree, guards)
        values, units = self.values.taken(program.nodes, keep), [self.units[old] for old in keep]
        check_signs(program, values)
        return Finished(program, values, units, place, frozenset(needed), self.copies)

    def _find_infinite(self, output: int) -> None:
        """What became infinite by infinite constants."""
        if None in self.faults.values() and self.values.checked:
            infinite = (i for i in self.reach([output]) if self.nodes[i].varied and not self._finite(i))
            self.faults = {**dict.fromkeys(infinite), **self.faults}

    def override(self, index: int, value: Array) -> None:
        """Another value in the place of one that a framework computed."""
        read = self.values.read
        self.values.read = lambda given: given if isinstance(given, np.ndarray) else read(given)
        self.values.given[index] = value

    def _check_finite(self, output: int) -> None:
        """An infinite constant may be compared with, not returned."""
        if self._finite(output):
            return
        infinite = [index for index in self.reach([output]) if not self._finite(index)]
        node = self.nodes[min((index for index in infinite if self.nodes[index].varied), default=output)]
        raise DomainError(node.operation or "f", "makes the result infinite", node.source)

    def _finite(self, index: int) -> bool:
        value = self.values[index]
        return value.dtype == object or bool(np.isfinite(value).all())

    def reach(self, starts: Iterable[int], around: Container[int] = ()) -> set[int]:
        """The nodes that some of them need, themselves included; not by way of those that are gone ``around``."""
        stack = [start for start in starts if start not in around]
        seen = set(stack)
        while stack:
            for arg in self.nodes[stack.pop()].args:
                if arg not in seen and arg not in around:
                    seen.add(arg)
                    stack.append(arg)
        return seen


def _key(params: Mapping[str, Any]) -> Any:
    """What equal parameters have in common."""
    return tuple([(name, value if type(value) in _PLAIN else _hashable(value)) for name, value in params.items()])


def _hashable(value: Any) -> Any:
    if isinstance(value, (tuple, list)):
        return tuple([item if type(item) in _PLAIN else _hashable(item) for item in value])
    if isinstance(value, slice):
        return ("slice", value.start, value.stop, value.step)
    if isinstance(value, np.ndarray):
        kept = value if value.nbytes <= _BYTES else value.flat[:: value.nbytes // _BYTES]
        return (value.shape, value.dtype.str, kept.tobytes())
    return value


def _same(params: Mapping[str, Any], others: Mapping[str, Any]) -> bool:
    """Whether parameters with the same key are the same."""
    return all(_equal(value, others[name]) for name, value in params.items())


def _equal(value: Any, other: Any) -> bool:
    if isinstance(value, np.ndarray):
        return value.nbytes <= _BYTES or np.array_equal(value, other)
    if isinstance(value, (tuple, list)):
        return all(_equal(*pair) for pair in zip(value, other, strict=True))
    return True
