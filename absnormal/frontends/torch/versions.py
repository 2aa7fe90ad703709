"""Operations on what jumps at the point: lowered once for every version of it, and joined where these meet.

A tape has the numbers of one run.  What was computed without derivatives from the outcome of a jump (an index, a mask
as a number, an entry that was looked up) is computed again for the other outcomes, by torch's own kernels.  See
`absnormal.frontends.meanings.jumps`.
"""

from __future__ import annotations

import weakref
from collections.abc import Iterable, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from absnormal.errors import TraceError
from absnormal.frontends.meanings.jumps import SIDES, Either, Jump, Movement, every, joined
from absnormal.frontends.meanings.steps import as_number, over_entries, searched, stepped
from absnormal.frontends.numpy.masks import TracedMask
from absnormal.frontends.numpy.traced import TracedArray
from absnormal.frontends.torch.chosen import PICKED, Choices
from absnormal.frontends.torch.constants import (
    ENTRYWISE,
    MOVING,
    OTHERS,
    PARTING,
    Constants,
    Lost,
    Sides,
    behind,
    on_others,
    taken_of,
)
from absnormal.frontends.torch.jumps import CONVERSIONS, RELATIONS, plain_name
from absnormal.frontends.torch.memory import storage
from absnormal.frontends.torch.places import ORDERING, outcome_of
from absnormal.frontends.torch.settled import comparisons
from absnormal.frontends.torch.steps import Handle, Step, named
from absnormal.frontends.torch.tape import Record, tensors
from absnormal.frontends.torch.values import array, mapped
from absnormal.frontends.torch.writer import Arg, here

if TYPE_CHECKING:
    from absnormal.frontends.torch.lowering import Lowering

#: Operations that step as `absnormal.frontends.meanings.steps` says.
_STEPS = frozenset({"sign", "sgn", "floor", "ceil", "trunc", "round"}) | CONVERSIONS


class Versions:
    """The versions of what follows from jumps that are tied, for a tape that is being lowered."""

    def __init__(self, lowering: Lowering) -> None:
        # The lowering holds its versions, and a cycle would keep the tape with all its tensors.
        self.lowering: Lowering = weakref.proxy(lowering)
        self.tape = lowering.tape
        self._outcomes: dict[int, Either | None] = {}
        self._reduced: dict[int, dict[int, Any]] = {}
        self.constants = Constants(lowering.tape, lowering.following)
        self.choices = Choices(weakref.proxy(self))

    def outcome(self, number: int) -> Either | None:
        """The outcome of a jump that is tied; None where its sides are not known, or not those that torch takes."""
        if number not in self._outcomes:
            # What it compares may ask for its outcome: that is then not known.
            self._outcomes[number] = None
            self._outcomes[number] = self._found(self.lowering.following.steps[number])
        return self._outcomes[number]

    def _over_entries(self, number: int) -> dict[int, Any]:
        """The outcomes of what asks whether all entries of a comparison hold, or any, by the identity of the operation:
        where several entries are tied these are jumps of their own, or constant where another entry decides."""
        if number in self._reduced:
            return self._reduced[number]
        step, found = self.lowering.following.steps[number], self._reduced.setdefault(number, {})
        for record in self.tape.records if step.operation.name in ("eq", "ne") else ():
            if record.name not in ("all", "any") or storage(record.arguments[0]) in self.tape.saved:
                continue
            if self.constants.record_of(record.arguments[0]) is step.record:
                outcome = self._found(step, record)
                if outcome is not None:
                    found[id(record)] = outcome
        return found

    def _found(self, step: Step, over: Record | None = None) -> Any:
        """The outcome of a jump, or of what an operation makes of all its entries."""
        lowering, record = self.lowering, step.operation
        with lowering.write.aside():
            jumping = [one for one in lowering.held(step) if isinstance(one, Either)]
            found: Any = self._of_versions(step, jumping, {}) if jumping else None
            if not jumping and plain_name(record) in ORDERING:
                found = outcome_of(lowering, step)
            elif not jumping:
                found = self._stepping(record, *lowering.read_by(step), over)
        own = array(self.tape.value(record.outs[-1], step.number + 1) if over is None else over.outs[0])
        if over is not None and isinstance(found, np.ndarray | np.generic | bool):
            return found if np.array_equal(found, own) else None
        return found if isinstance(found, Either) and np.array_equal(np.asarray(found.own), own) else None

    def _of_versions(self, step: Step, given: Sequence[Either], taken: Sides) -> Any:
        """The outcome of what is decided by outcomes alone."""
        record, left = step.operation, [jump for one in given for jump in behind(one) if jump not in taken]
        if left:
            parts = [self._of_versions(step, given, {**taken, left[0]: side}) for side in SIDES]
            if any(part is None for part in parts):
                return None
            return joined(left[0], parts, every(list(given)), plain_name(record) in ENTRYWISE)
        args = self._again(record.args, step, taken)
        if any(isinstance(arg, Arg) and arg.varied for arg in args) or plain_name(record) not in ENTRYWISE:
            return None
        return array(on_others(record, here(args), record.kwargs))

    def _stepping(self, record: Record, args: Sequence[Any], kwargs: dict[str, Any], over: Record | None) -> Any:
        write, name = self.lowering.write.entrywise, plain_name(record)
        if name in ("searchsorted", "bucketize"):
            return self._searched(name, args, kwargs)
        found = comparisons(self.lowering.write, args, kwargs)
        if found is None or len(found) != 1:
            return None
        left, right, relation = found[0]
        if left == right and name in _STEPS:
            return stepped(write, TracedArray(write.builder, left), relation)
        if name not in RELATIONS and name not in CONVERSIONS:
            return None
        mask = TracedMask(write.builder, left, relation, right, record.source)
        return as_number(mask) if over is None else over_entries(mask, over.name, *_axes(over))

    def _searched(self, name: str, args: Sequence[Any], kwargs: dict[str, Any]) -> Any:
        write = self.lowering.write.entrywise
        edges, x = args[:2] if name == "searchsorted" else args[1::-1]
        plain = isinstance(x, Arg) and isinstance(edges, Arg) and not edges.varied and len(edges.shape) == 1
        if not plain or kwargs.get("sorter") is not None:
            return None
        side = "right" if kwargs.get("right") or kwargs.get("side") == "right" or True in args[2:] else "left"
        return searched(write, edges.array.astype(float), TracedArray(write.builder, x.node), side)

    def _signed(self, step: Step) -> Any:
        """A number with the sign of another one, whose bit a comparison with 0 tells; None where zeros have both."""
        record = step.operation
        (size, sign), _ = self.lowering.read_by(step)
        write, at = self.lowering.write.entrywise, sign.here
        bits = torch.signbit(at)[at == 0]
        if not isinstance(size, Arg) or size.shape != sign.shape or (bits.any() and not bits.all()):
            return None
        zero = write.builder.constant(np.zeros(sign.shape))
        mask = TracedMask(write.builder, sign.node, ">" if bits.any() else ">=", zero, record.source)
        whole = TracedArray(write.builder, size.node) if size.varied else array(size.here).astype(float)
        return np.abs(whole) * (2.0 * as_number(mask) - 1.0)

    # -- steps ---------------------------------------------------------------------------------------------------

    def carries(self, number: int) -> bool:
        """Whether what a step takes jumps at the point, by derivatives."""
        return any(isinstance(one, Either) for one in self.lowering.held(self.lowering.following.steps[number]))

    def took(self, number: int) -> bool:
        """Whether a step jumps at the point, or takes what does, and has been lowered for each version of it."""
        lowering = self.lowering
        step = lowering.following.steps[number]
        record, name = step.operation, plain_name(step.operation)
        if not step.sharp and name not in PICKED and not self._parted(step):
            return False
        if self.choices.took(number):
            return True
        if step.sharp and lowering.open([number]):
            outcome = self._signed(step) if name == "copysign" else self.outcome(number)
            if outcome is not None:
                lowering.results[number, 0] = outcome.index if isinstance(outcome, TracedArray) else outcome
            return outcome is not None
        if not self.carries(number):
            return False
        open_ = lowering.open(self.reached(step, lowering.taints.get(number, frozenset())))
        for place, out in enumerate(record.outs if name in PARTING else record.outs[:1]):
            made = self.lowered(step, open_, place)
            if made is None:
                next(one for one in lowering.held(step) if isinstance(one, Either)).refuse()
            known = isinstance(made, Either) or lowering.builder.values.given[made] is not None
            if not known and lowering.write.nodes[made].op != "constant":
                lowering.builder.give(made, self.tape.value(out, step.number + 1))
            lowering.results[number, place] = made
        return True

    def _parted(self, step: Step) -> bool:
        """Whether arguments of a step are no nodes, but what jumps or was picked."""
        known = self.lowering.results
        return any(handle is not None and type(known.get(handle, 0)) is not int for handle in step.handles.values())

    def reached(self, step: Step, numbers: frozenset[int]) -> list[int]:
        """The jumps among some whose outcomes a step takes, directly or by operations that do not jump.

        What goes into another jump is followed, so that its outcome says what they do to it.
        """
        record, following = step.operation, self.lowering.following
        known = {id(following.steps[number].record): number for number in numbers}
        # What was detached from them is not told by the memory that it lies in.
        values = step.handles.values() if step.jumps else step.stopped
        found = self._left_open(numbers - following.behind(step.given), values)
        stack, seen = [tensor for tensor in record.arguments if step.handles.get(id(tensor)) is None], set()
        while stack:
            tensor = stack.pop()
            behind = numbers & following.behind([storage(tensor)])
            if id(tensor) in seen or behind <= found:
                continue
            seen.add(id(tensor))
            made = self.constants.record_of(tensor)
            if made is None or made.overwritten or storage(tensor) in self.tape.saved:
                found |= behind
            elif id(made) in known:
                jumping = following.steps[known[id(made)]]
                behind |= numbers & jumping.behind
                apart = [storage(arg) for arg in made.arguments if jumping.handles.get(id(arg)) is None]
                found |= {known[id(made)]} | {one for one in behind if not self._followed(one)}
                found |= numbers & following.behind(apart)
            else:
                hidden = behind - following.behind([storage(arg) for arg in made.arguments])
                maker = self._apart.get(id(made)) if hidden else None
                found |= hidden if maker is None else self._left_open(hidden, maker.handles.values())
                stack += made.arguments
        return sorted(found)

    @cached_property
    def _apart(self) -> dict[int, Step]:
        """The steps on constants only, some of which were variables before they were detached, by their operation."""
        return {id(step.record): step for step in self.lowering.following.steps if step.apart}

    def _left_open(self, numbers: frozenset[int], values: Iterable[Handle | None]) -> frozenset[int]:
        """The jumps among some that lie behind values whose derivatives end.

        What chooses between the sides of a node lies behind none: these meet.  What makes its argument may still jump.
        """
        following, found = self.lowering.following, frozenset[int]()
        stack = [(handle, False) for handle in values if handle is not None] if numbers else []
        seen = set[tuple[Handle, bool]]()
        while stack:
            handle, met = item = stack.pop()
            if item not in seen:
                seen.add(item)
                met = met or isinstance(self.lowering.results.get(handle), int)
                jumps = following.shown.get(handle[0], frozenset())
                found |= numbers & (jumps & {handle[0]} if met else jumps)
                stack += [(source, met) for source in following.steps[handle[0]].sources()]
        return found

    def _followed(self, number: int) -> bool:
        """Whether the values of what a jump goes into are known on all of its sides."""
        lowering = self.lowering
        return lowering.following.steps[number].jumps or isinstance(lowering.results.get((number, 0)), Either)

    def lowered(self, step: Step, numbers: Sequence[int], place: int = 0) -> Any:
        """One result of a step: a node, or an `Either`; None where that is not known.

        ``numbers`` are the jumps that are tied behind the constants that it takes.
        """
        record, name = step.operation, plain_name(step.operation)
        # What was detached from them is not told by the memory that it lies in.
        if not set(numbers) <= self.lowering.following.behind(step.given):
            return None
        outcomes = self._followed_through(numbers)
        allowed = name in ENTRYWISE | OTHERS and not record.overwritten and record.kwargs.get("rounding_mode") is None
        if not allowed or any(one is None for one in outcomes):
            return None
        given: list[Either] = []
        for tensor in record.arguments:
            held = self._held(step, tensor)
            if isinstance(held, Either):
                given.append(held)
            elif step.handles.get(id(tensor)) is None:
                given += self._marked(outcomes, tensor)
        jumps = self._in_order(given)
        if not jumps and any(isinstance(one, Either) for one in outcomes):
            return None
        try:
            alike = name in ENTRYWISE or self.constants.looks_up(record)
            made = self._joined(step, jumps, {}, given, alike, place)
        except (Lost, TraceError):
            return None
        return made if isinstance(made, Either) else made.index

    def _marked(self, outcomes: Sequence[Any], tensor: Any) -> list[Either]:
        return [m for one in outcomes if isinstance(one, Either) for m in self.constants.marked(one, tensor)]

    def _followed_through(self, numbers: Sequence[int]) -> list[Any]:
        """The outcomes of jumps, which constants are followed through from now on; None for one that is not known."""
        known: dict[int, Any] = {}
        for number in numbers:
            over = self._over_entries(number)
            known.update(over)
            if not over:
                known[id(self.lowering.following.steps[number].record)] = self.outcome(number)
        self.constants.follow({key: one for key, one in known.items() if one is not None}, numbers)
        return [*known.values()]

    def _in_order(self, given: Sequence[Either]) -> list[Jump]:
        """The jumps behind some versions.

        What a later one compares may depend on what an earlier one compares, which ties them both.
        """
        nodes, found = self.lowering.builder.nodes, dict.fromkeys(jump for one in given for jump in behind(one))
        return sorted(found, key=lambda jump: max(n for n in (jump.left, jump.right) if nodes[n].varied))

    def of_constant(self, tensor: Any, when: int, numbers: Sequence[int]) -> Any:
        """What a constant tensor held before operation number ``when``: an `Either` by some jumps, or numbers; None
        where that is not known."""
        outcomes = self._followed_through(numbers)
        if any(one is None for one in outcomes):
            return None
        given = self._marked(outcomes, tensor)

        def on(jumps: Sequence[Jump], taken: Sides) -> Any:
            if not jumps:
                return array(self.constants.on_sides(tensor, when, taken))
            parts = [on(jumps[1:], {**taken, jumps[0]: side}) for side in SIDES]
            return joined(jumps[0], parts, every(given), True)

        try:
            return on(self._in_order(given), {})
        except (Lost, TraceError):
            return None

    def _held(self, step: Step, tensor: Any) -> Any:
        """What a tensor that carries derivatives is in the program."""
        handle = step.handles.get(id(tensor))
        return None if handle is None else self.lowering.results.get(handle)

    def _joined(
        self, step: Step, jumps: Sequence[Jump], taken: Sides, given: Sequence[Either], alike: bool, place: int
    ) -> Any:
        write = self.lowering.write
        if not jumps:
            record = step.operation
            args, kwargs = self._again(record.args, step, taken), self._again(record.kwargs, step, taken)
            write.record, write.number, write.bound = record, step.number, False
            write.elsewhere = lambda: tensors([on_others(record, here(args), here(kwargs))])
            try:
                made = self.lowering.by_rule(record, args, kwargs)
            finally:
                write.elsewhere = None
            made = made[place] if plain_name(record) in PARTING else made
            if not isinstance(made, int):
                raise Lost
            return TracedArray(self.lowering.builder, self._chosen(made))
        first, rest = jumps[0], jumps[1:]
        parts = [self._joined(step, rest, {**taken, first: side}, given, alike, place) for side in SIDES]
        return joined(first, parts, every(list(given)), alike, self._movement(step, place))

    def _movement(self, step: Step, place: int) -> Movement:
        """What an operation does to the numbers of entries, if it moves those of what jumps and takes nothing else."""
        record = step.operation
        moves = self.constants.moves
        jumping = [arg for arg in record.arguments if isinstance(self._held(step, arg), Either) or moves(arg)]
        if plain_name(record) not in MOVING or len(jumping) != 1 or record.args[0] is not jumping[0]:
            return None
        return lambda numbers: on_others(record, [torch.as_tensor(numbers), *record.args[1:]], record.kwargs, place)

    def _chosen(self, made: int) -> int:
        """What a selection takes in all its entries, on one side of the jumps."""
        node = self.lowering.builder.nodes[made]
        if node.op != "where" or not (node.params["mask"].all() or not node.params["mask"].any()):
            return made
        taken = node.args[0 if node.params["mask"].all() else 1]
        return taken if self.lowering.builder.nodes[taken].shape == node.shape else made

    def _again(self, given: Any, step: Step, taken: Sides) -> Any:
        """The arguments of a step on some sides of jumps."""
        return mapped(given, lambda item: self._on(item, step, taken) if isinstance(item, torch.Tensor) else item)

    def _on(self, value: Any, step: Step, taken: Sides) -> Arg:
        """A tensor among them."""
        if value.is_conj() or value.is_neg():
            raise Lost
        handle = step.handles.get(id(value))
        if handle is None:
            found = Arg(self.lowering.write, value, step.number, None)
            found._tensor = self.constants.on_sides(value, step.number, taken)
            return found
        node = self.lowering.results[handle]
        if not isinstance(node, Either):
            return Arg(self.lowering.write, value, step.number, node)
        part = taken_of(node, taken)
        held = part.value if isinstance(part, TracedArray) else part
        found = Arg(self.lowering.write, value, step.number, part.index if isinstance(part, TracedArray) else None)
        found._tensor = torch.as_tensor(np.asarray(held)).to(value.dtype).reshape(value.shape)
        return found


def _axes(record: Record) -> tuple[Any, bool]:
    """The axes that an operation reduces over, and whether they are kept."""
    given = named(record)
    axes = given.get("dim")
    return tuple(axes) if isinstance(axes, (list, tuple)) else axes, bool(given.get("keepdim", False))
