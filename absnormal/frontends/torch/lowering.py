"""From a tape to a program: every operation that the result depends on is written by its rule."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Sequence
from functools import partial
from typing import Any

import numpy as np
import torch

from absnormal.arrays import Array
from absnormal.errors import AbsNormalError, DomainError, TraceError
from absnormal.frontends.meanings.chosen import Chosen
from absnormal.frontends.meanings.jumps import Either
from absnormal.frontends.ties.slopes import of_nodes
from absnormal.frontends.torch.arguments import reading, rule_name
from absnormal.frontends.torch.branches import at_ties
from absnormal.frontends.torch.coinciding import Coinciding
from absnormal.frontends.torch.dominated import dominated
from absnormal.frontends.torch.following import Following
from absnormal.frontends.torch.graph import refuse_constant
from absnormal.frontends.torch.guards import keep
from absnormal.frontends.torch.jumps import VALUELESS
from absnormal.frontends.torch.memory import storage
from absnormal.frontends.torch.numbers import is_log
from absnormal.frontends.torch.pairs import turned
from absnormal.frontends.torch.places import by_places
from absnormal.frontends.torch.probe import table
from absnormal.frontends.torch.settled import settled
from absnormal.frontends.torch.steps import EPSILON, Handle, Mask, Read, Step, geometry, places_taken, unit_of
from absnormal.frontends.torch.stopped import MIXED, is_held, mixes, stopped_at, stopped_from, ties
from absnormal.frontends.torch.tape import Record, Tape
from absnormal.frontends.torch.unknown import refuse_unknown
from absnormal.frontends.torch.values import array, finite, real_shape
from absnormal.frontends.torch.versions import Versions
from absnormal.frontends.torch.writer import Arg, Writer
from absnormal.program.builder import Builder, Finished
from absnormal.program.nodes import Node, Source
from absnormal.program.slicing import note_infinite
from absnormal.program.tree import Tree

#: All values are torch's, or are made when they are asked for, and what is not finite there is torch's, too.
FAMILIES = frozenset({"movement", "linear", "bilinear", "smooth", "kinked"})


class Lowering:
    """Lowers the steps that the result needs, in order."""

    def __init__(
        self, tape: Tape, variables: Sequence[Any], tree: Tree, names: dict[int, str], through: bool = False,
        leaves: Iterable[int] = (), strict: bool = True,
    ) -> None:
        self.tape, self.names, self._strict = tape, names, strict
        self.following = Following(tape, variables, through, leaves)
        self.coinciding = Coinciding(tape, variables, self.following.reads)
        self._taken = places_taken(self.following.steps, self.following.reads)
        self.stopped: list[Source | None] = []
        self.builder = Builder(tree, (), read=array, later=FAMILIES, checked=False)
        self.write = Writer(tape, self.builder)
        #: The nodes of the results, and what jumps at the point.
        self.results: dict[Handle, Any] = {}
        self.versions = Versions(self)
        #: For the steps that are needed, the jumps behind them, without themselves.
        self.taints: dict[int, frozenset[int]] = {}
        #: The steps whose values come from those of the variables.
        self._depending = {*range(len(variables))}
        self._tied: dict[int, bool] = {}
        #: Jumps that are tied, and whether they compare what is constant near the point.
        self._constant_there: dict[int, bool] = {}
        #: The indices that sorts returned which are tied, by their steps.
        self.places: dict[int, Any] = {}
        #: Jumps that must come out at another point as they did, and variables that must be the same there.
        self._jumps: dict[int, None] = {}
        self._held: dict[int, tuple[str, Source | None]] = {}
        #: What operations are called, by the module that ran them and by their names.
        self._called: dict[tuple[int, str], str] = {}
        for number, variable in enumerate(map(tape.current, variables)):
            node = Node("input", (), {"leaf": number}, tuple(variable.shape), None, "", True)
            self.builder.unit = EPSILON.get(variable.dtype, 0.0)
            begins = self.following.begins[storage(variable)]
            self.results[number, 0] = self.builder.append(node, given=tape.value(variable, begins))
        self.write.dtype = variables[0].dtype

    def finished(self, loss: Any) -> Finished:
        """The program of the result."""
        handle = self.following.find(loss)
        if handle is None:
            raise TraceError("f", "does not depend on the variables but by jumps", "verify a function of these tensors")
        needed = self._needed([handle[0]])
        refuse_unknown((self.following.steps[number] for number in needed), self._at, self.write)
        for read in self.following.reads:
            self._read(read, needed)
        for step in needed:
            self._lower(step)
        self.stopped = [record.source for record in stopped_at(self.following, needed)]
        output = turned(self.write, loss, self._node(handle))
        if math.prod(self.write.shape(output)) == 1:
            output = self.write.reshape(output, ())
        self._guard()
        self.overflows = note_infinite(self.builder, finite, self._strict)
        return self.builder.finished(output)

    def _needed(self, last: Sequence[int]) -> list[int]:
        """The steps to be lowered for these, in order; what a tied jump compares is among them."""
        steps = self.following.steps
        seen, stack = set(last), [*last]
        while stack:
            number = stack.pop()
            step = steps[number]
            needs = step.needs()
            if self.following.jumped and step.record is not None:
                self.taints[number] = taint = (self.following.behind(step.given) | step.behind) - {number}
                for jump in sorted(taint):
                    if any(map(self._ties, (jump, *steps[jump].behind, *self.following.behind(steps[jump].given)))):
                        needs += steps[jump].needs()
                    if not self._ties(jump):
                        self._jumps[jump] = None
                needs += stopped_from(step, steps) if any(map(self._ties, step.behind)) else []
            for other in needs:
                if other not in seen:
                    seen.add(other)
                    stack.append(other)
        return sorted(number for number in seen if steps[number].record is not None or steps[number].mix)

    def _at(self, record: Record) -> None:
        """Name the operation that is being lowered."""
        key = id(record.module), record.name
        called = self._called.get(key)
        if called is None:
            name = "to" if record.name == "_to_copy" else record.name.removesuffix("_")
            path = self.names.get(id(record.module)) if record.module is not None else None
            kind = type(record.module)
            what = kind.__name__ if kind.__module__.startswith("torch.nn") else name
            called = self._called[key] = f"{path} ({what})" if path else f"torch.{name}"
        self.write.operation, self.write.source = called, record.source

    def _ties(self, number: int) -> bool:
        """Whether the result of an operation jumps at the point; within rounding of that it is noted."""
        if number not in self._tied:
            self._tied[number] = self._meets(self.following.steps[number])
        return self._tied[number]

    def _settled(self, number: int) -> bool:
        """Whether a jump that is tied compares, where it is, what is constant near the point; then that is kept."""
        if number not in self._constant_there:
            # What it compares may ask for itself: then it is none.
            self._constant_there[number] = False
            self._constant_there[number] = settled(self.write, partial(self.read_by, self.following.steps[number]))
        return self._constant_there[number]

    def open(self, numbers: Iterable[int]) -> list[int]:
        """The jumps among some that are tied where their outcomes may change near the point, or decided by such."""
        return [n for n in numbers if self.versions.carries(n) or (self._ties(n) and not self._settled(n))]

    def _meets(self, jump: Step) -> bool:
        record = jump.operation
        found = ties(jump, self.following.steps, self.tape)
        if found is None:
            self._at(record)
            self.write.refuse(
                "gives a result without a derivative, and no rule says where it jumps",
                "compute it outside of the function",
            )
        here, near = found
        if near and not here:
            where = record.source
            self.write.notes.append(f"{record.name} at {where}: within rounding of its other branch, which is not seen")
        return here

    def _read(self, read: Read, needed: list[int]) -> None:
        """What Python code read: at a tie, or where it is 0, an error, as the branch taken may change there."""
        if is_log(read, needed, self.following.steps, self.tape.numbers):
            if read.handle is not None and read.record.needs[id(read.record.args[0])]:
                self._note_read(read)
            return
        where, tied = read.record.source, self.open(sorted(read.taint))
        free = tied if tied and dominated(self, read, tied) else ()
        for number in sorted(read.taint.difference(free)):
            if number in tied:
                self._at(self.following.steps[number].operation)
                self.write.refuse(
                    f"is tied at this point and was branched on, or read, at {where}, so it is not constant near it",
                    "use torch.where, torch.maximum or torch.relu, or move the point; where it is only logged,"
                    " read it last, with item()",
                )
            self._jumps[number] = None
        if read.handle is None:
            return
        self._at(read.record)
        self.write.operation = "a number that was read"
        if problem := self.coinciding.problem(read):
            self.write.refuse(
                problem, "compare tensors instead of numbers; where it is only logged, read it last, with item()")
        self._hold([read.handle])
        self._note_read(read)

    def _note_read(self, read: Read) -> None:
        self.write.notes.append(
            f"a number was read at {read.record.source}: what is computed from it is taken as a constant, and a"
            " branch on it is not seen")

    def _lower(self, number: int) -> None:
        step = self.following.steps[number]
        record = step.record
        if (record is None or record.name not in VALUELESS) and not self._depending.isdisjoint(step.needs()):
            self._depending.add(number)
        if record is None:
            self.results[number, 0] = self._mixed(step)
            return
        self._at(record)
        if step.jumps:
            return
        self.builder.unit = self.builder.precision = unit = unit_of(record)
        if self.versions.took(number):
            return
        args = [self._argument(arg, step) for arg in record.args]
        kwargs = {name: self._argument(value, step) for name, value in record.kwargs.items()}
        self.write.record, self.write.number, self.write.bound = record, step.number, False
        start = len(self.write.nodes)
        if not any(step.handles[id(arg)] is not None and arg.numel() for arg in record.arguments):
            self._constant(number)
            return
        made = self._at_ties(step, self.taints[number], args) if self.taints.get(number) else None
        if made is None:
            made = self.by_rule(record, args, kwargs, self._taken.get(number, ()))
        if isinstance(made, Either):
            self.results[number, 0] = made
            return
        given = [handle for handle in step.handles.values() if handle is not None] if self.write.bound else []
        if given or step.stopped:
            self._hold([*given, *step.stopped])
        if step.sharp:
            if self.open([number]):
                self._at(record)
                self.write.refuse("jumps at this point", "move the point off the jump")
            self._jumps[number] = None
        found: Any = made if isinstance(made, (list, tuple)) else [made]
        for place, (out, node) in enumerate(zip(record.overwritten or record.outs, found, strict=False)):
            if node is None:
                continue
            if real_shape(out) != self.write.nodes[node].shape:
                node = self._shaped(node, real_shape(out))
            if node < start:
                # A cast is no operation on numbers, but what comes back through it is rounded.
                self.builder.units[node] = max(self.builder.units[node], unit)
            elif self.builder.values.given[node] is None and self.write.nodes[node].op != "constant":
                self.builder.give(node, self.tape.value(out, step.number + 1))
            self.results[number, place] = node

    def by_rule(self, record: Record, args: Any, kwargs: dict[str, Any], taken: Collection[int] | None = None) -> Any:
        self.write.taken = taken
        try:
            return reading(record.func, rule_name(record))(self.write, args, kwargs)
        except (ArithmeticError, LookupError, RuntimeError, TypeError, ValueError) as error:
            if isinstance(error, AbsNormalError):
                raise
            raise TraceError(
                self.write.operation, f"is not followed with these arguments ({type(error).__name__}: {error})",
                "write it with other operations, and report it", self.write.source) from error

    def _shaped(self, node: int, shape: Any) -> int:
        """A node in the shape of a result: one number, or one that is broadcast into memory that is overwritten."""
        single = math.prod(self.write.shape(node)) == math.prod(shape) == 1
        return self.write.reshape(node, shape) if single else self.write.broadcast(node, shape)

    def _constant(self, number: int) -> None:
        """The results of an operation on no entries of the variables."""
        step = self.following.steps[number]
        for place, out in enumerate(step.operation.overwritten or step.operation.outs):
            self.results[number, place] = self.write.tensor(self.tape.value(out, step.number + 1))

    def _at_ties(self, step: Step, taint: frozenset[int], args: list[Any]) -> Any:
        """Where a mask or an index jumps at the point: the operation as a kink, if it is one; otherwise an error."""
        steps = self.following.steps
        tied = [n for n in self.versions.reached(step, taint) if self._ties(n) or self.versions.carries(n)]
        made = None if len(tied) != 1 or self.versions.carries(tied[0]) else self._as_kink(step, steps[tied[0]], args)
        open_ = [] if made is not None else self.open(tied)
        if len(open_) == 1 and (looked_up := by_places(self, step, steps[open_[0]], args)) is not None:
            return looked_up
        if open_:
            sides = self.versions.lowered(step, self.open(tied))
            if sides is not None:
                return sides
            self._at(steps[open_[0]].operation)
            self.write.refuse(
                "is tied at this point, what it chooses is not constant near it, and no two sides are seen to meet",
                "write the kink with torch.abs, torch.maximum, torch.relu or one torch.where, or move the point")
        return made

    def _as_kink(self, step: Step, jump: Step, args: list[Any]) -> int | None:
        """An operation by what a jump chooses as one on two sides that meet; None where that is not seen."""
        self._refuse_mixed(jump)
        compared = [self._argument(arg, jump) for arg in jump.operation.args]
        return at_ties(self.write, step.operation, args, jump.operation.name, compared, partial(self._mask, jump))

    def _mask(self, jump: Step, arg: Any) -> Mask | None:
        """An argument that is the result of a jump or its opposite, or entries of it; None where it is neither."""
        mask = self.following.masks.get(storage(arg.here)) if isinstance(arg, Arg) else None
        return mask.at(geometry(arg.here)) if mask is not None and self.following.steps[mask.step] is jump else None

    def _refuse_mixed(self, jump: Step) -> None:
        if any(handle is not None and mixes(self.following, handle) for handle in jump.handles.values()):
            self._at(jump.operation)
            self.write.refuse(*MIXED)

    def _argument(self, arg: Any, step: Step) -> Any:
        if isinstance(arg, torch.Tensor):
            handle = step.handles.get(id(arg))
            node, record = None if handle is None else turned(self.write, arg, self._node(handle)), step.operation
            if handle is not None and handle[0] not in self._depending and record.enabled:
                refuse_constant(arg, record)
            drawn = bool(record.filled) and any(arg is target for target in record.filled)
            return Arg(self.write, arg, step.number + drawn, node)
        if isinstance(arg, (list, tuple)):
            return [self._argument(item, step) for item in arg]
        return arg

    def _node(self, handle: Handle) -> Any:
        """The node of a result; one of which its rule says nothing is refused."""
        node = self.results.get(handle)
        if isinstance(node, Either | Chosen):
            node.refuse()
        if node is None:
            number, place = handle
            self._at(self.following.steps[number].operation)
            self.write.refuse(
                f"gives several results, and number {place + 1} is used, of which no rule says what it is",
                "compute it with other operations, or detach it")
        return node

    def held(self, step: Step) -> list[Any]:
        """What the arguments of a step are that carry derivatives; None for those that are not lowered."""
        return [self.results.get(handle) for handle in step.handles.values() if handle is not None]

    def _mixed(self, step: Step) -> int:
        """A part of memory: entries of one node, and where that does not hold them of another."""
        handle, below, held, wanted, inside, like = step.mix
        write, flat = self.write, held.reshape(-1)
        order = np.argsort(flat)
        place = order[np.searchsorted(flat[order], np.where(np.isin(wanted, held), wanted, flat[0]))]
        latest = write.reshape(self._node(handle), (held.size,))
        if inside is None or inside.all():
            return write.gather(latest, place)
        rest = None if below is not None else self.tape.value(like, self.following.first_write(like))
        other = write.tensor(rest) if below is None else self._node(below)
        both = write.concatenate([write.reshape(other, (wanted.size,)), latest], 0)
        index = np.where(inside, wanted.size + place, np.arange(wanted.size).reshape(wanted.shape))
        return write.gather(both, index)

    def _guard(self) -> None:
        """Write what the jumps behind the result came to, and the variables that are held."""
        done: set[int] = set()
        while pending := [number for number in self._jumps if number not in done]:
            for number in pending:
                done.add(number)
                if self._tied.get(number) or self.versions.carries(number):
                    continue
                if not self._kept(self.following.steps[number]):
                    step = self.following.steps[number]
                    self._hold([handle for handle in step.handles.values() if handle is not None])
        for leaf, (operation, source) in self._held.items():
            self.write.operation, self.write.source = operation, source
            node = self.results[leaf, 0]
            self.write.guard(node, self.write.tensor(self.builder.values.given[node]), "held")

    def _kept(self, jump: Step) -> bool:
        """Whether guards say what a jump came to; not where something before it has no rule."""
        if is_held(jump.operation):
            return True
        try:
            args, kwargs = self.read_by(jump)
            return keep(self.write, args, kwargs) and not self.write.bound
        except (TraceError, DomainError, KeyError):
            return False

    def read_by(self, jump: Step) -> tuple[list[Any], dict[str, Any]]:
        """The arguments of a jump, which are lowered for that."""
        record = jump.operation
        self._refuse_mixed(jump)
        for number in self._needed(jump.needs()):
            if (number, 0) not in self.results:
                self._lower(number)
        self._at(record)
        args = [self._argument(arg, jump) for arg in record.args]
        kwargs = {name: self._argument(value, jump) for name, value in record.kwargs.items()}
        self.write.record, self.write.number, self.write.bound = record, jump.number, False
        return args, kwargs

    def _hold(self, handles: Sequence[Handle]) -> None:
        """Another point must have the same variables behind these results."""
        for leaf in sorted(self.following.inputs(handles)):
            self._held.setdefault(leaf, (self.write.operation, self.write.source))

    def slopes(self, found: Finished) -> Array:
        """The slope of every switch, shape (s,)."""
        own = found.placed(self.write.slopes)
        return of_nodes(found.program, found.values, lambda tie: table()[tie], own)
