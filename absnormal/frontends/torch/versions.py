"""Operations on what jumps at the point: lowered once for every version of it, and joined where these meet.

A tape has the numbers of one run.  What was computed without derivatives from the outcome of a jump (an index, a mask
as a number, an entry that was looked up) is computed again for the other outcomes, by torch's own kernels.  See
`absnormal.frontends.meanings.jumps`.
"""

from __future__ import annotations

import weakref
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from absnormal.errors import TraceError
from absnormal.frontends.meanings.jumps import SIDES, Either, Jump, Movement, every, joined
from absnormal.frontends.meanings.steps import as_number, over_entries, searched, stepped
from absnormal.frontends.numpy.masks import TracedMask
from absnormal.frontends.numpy.traced import TracedArray
from absnormal.frontends.torch.following import sharp
from absnormal.frontends.torch.jumps import CONVERSIONS, RELATIONS, plain_name
from absnormal.frontends.torch.memory import storage
from absnormal.frontends.torch.settled import comparisons
from absnormal.frontends.torch.steps import Step
from absnormal.frontends.torch.tape import Record
from absnormal.frontends.torch.values import array
from absnormal.frontends.torch.writer import Arg

if TYPE_CHECKING:
    from absnormal.frontends.torch.lowering import Lowering

#: Operations whose rules look at no numbers of the run; the first ones keep the entries apart and in their order.
_ENTRYWISE = frozenset({
    "abs", "add", "addcdiv", "addcmul", "alias", "clamp", "clamp_max", "clamp_min", "clone", "cos", "div", "erf", "exp",
    "expm1", "log", "log1p", "logical_and", "logical_not", "logical_or", "logical_xor", "bitwise_and", "bitwise_not",
    "bitwise_or", "bitwise_xor", "masked_fill", "maximum", "minimum", "mul", "neg", "pow", "reciprocal", "relu",
    "rsqrt", "rsub", "sigmoid", "sin", "sqrt", "square", "sub", "tanh", "_to_copy", "unsqueeze", "squeeze", "view",
    "_unsafe_view", "where",
})  # fmt: skip
_MOVING = frozenset({"expand", "flip", "index", "permute", "repeat", "roll", "select", "slice", "t", "transpose"})
_OTHERS = frozenset({"cat", "cumsum", "dot", "mean", "mm", "mv", "stack", "sum", "tril", "triu"}) | _MOVING

#: Operations that step as `absnormal.frontends.meanings.steps` says.
_STEPS = frozenset({"sign", "sgn", "floor", "ceil", "trunc", "round"}) | CONVERSIONS

#: The side of each jump that is taken.
Sides = dict[Any, str]


class Lost(Exception):
    """The tape does not tell what a tensor is on another side of a jump."""


class Versions:
    """The versions of what follows from jumps that are tied, for a tape that is being lowered."""

    def __init__(self, lowering: Lowering) -> None:
        # The lowering holds its versions, and a cycle would keep the tape with all its tensors.
        self.lowering: Lowering = weakref.proxy(lowering)
        self.tape = lowering.tape
        self._outcomes: dict[int, Either | None] = {}
        self._reduced: dict[int, dict[int, Any]] = {}
        self._made: dict[int, int] = {}
        #: The jumps that are being followed: their outcomes, by the identity of the operations, and their steps.
        self._jumping: dict[int, Any] = {}
        self._numbers: frozenset[int] = frozenset()

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
        for record in self.tape.records if step.record is not None and step.record.name in ("eq", "ne") else ():
            if record.name in ("all", "any") and self.record_of(record.arguments[0]) is step.record:
                outcome = self._found(step, record)
                if outcome is not None:
                    found[id(record)] = outcome
        return found

    def _found(self, step: Step, over: Record | None = None) -> Any:
        """The outcome of a jump, or of what an operation makes of all its entries."""
        lowering = self.lowering
        assert step.record is not None
        with lowering.write.aside():
            held = [lowering.results.get(handle) for handle in step.handles.values() if handle is not None]
            jumping = [one for one in held if isinstance(one, Either)]
            found: Any = self._of_versions(step, jumping, {}) if jumping else None
            if not jumping:
                found = self._stepping(step.record, *lowering.read_by(step), over)
        own = array((over or step.record).outs[0])
        if over is not None and isinstance(found, np.ndarray | np.generic | bool):
            return found if np.array_equal(found, own) else None
        return found if isinstance(found, Either) and np.array_equal(np.asarray(found.own), own) else None

    def _of_versions(self, step: Step, given: Sequence[Either], taken: Sides) -> Any:
        """The outcome of what is decided by outcomes alone."""
        record, left = step.record, [jump for one in given for jump in _behind(one) if jump not in taken]
        assert record is not None
        if left:
            parts = [self._of_versions(step, given, {**taken, left[0]: side}) for side in SIDES]
            if any(part is None for part in parts):
                return None
            return joined(left[0], parts, every(list(given)), plain_name(record) in _ENTRYWISE)
        args = self._again(record.args, step, taken)
        if any(isinstance(arg, Arg) and arg.varied for arg in args) or plain_name(record) not in _ENTRYWISE:
            return None
        with torch.no_grad():
            return array(record.func(*[arg.here if isinstance(arg, Arg) else arg for arg in args], **record.kwargs))

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

    # -- steps ---------------------------------------------------------------------------------------------------

    def carries(self, number: int) -> bool:
        """Whether what a step takes jumps at the point, by derivatives."""
        handles = self.lowering.following.steps[number].handles.values()
        return any(isinstance(self.lowering.results.get(handle), Either) for handle in handles if handle is not None)

    def took(self, number: int) -> bool:
        """Whether a step jumps at the point, or takes what does, and has been lowered for each version of it."""
        lowering = self.lowering
        step = lowering.following.steps[number]
        assert step.record is not None
        if sharp(step.record, step.handles) and lowering.open([number]):
            outcome = self.outcome(number)
            if outcome is not None:
                lowering.results[number, 0] = outcome
            return outcome is not None
        if not self.carries(number):
            return False
        made = self.lowered(step, lowering.open(self.reached(step, lowering.taints.get(number, frozenset()))))
        if made is None:
            held = [lowering.results.get(handle) for handle in step.handles.values() if handle is not None]
            next(one for one in held if isinstance(one, Either)).refuse()
        if not isinstance(made, Either):
            out = step.record.outs[0]
            if lowering.builder.values.given[made] is None and lowering.write.nodes[made].op != "constant":
                lowering.builder.give(made, self.tape.value(out, step.number + 1))
        lowering.results[number, 0] = made
        return True

    def reached(self, step: Step, numbers: frozenset[int]) -> list[int]:
        """The jumps among some whose outcomes a step takes, directly or by operations that do not jump.

        What goes into another jump is followed, so that its outcome says what they do to it.
        """
        record, following = step.record, self.lowering.following
        assert record is not None
        known = {id(following.steps[number].record): number for number in numbers}
        # What was detached from them is not told by the memory that it lies in.
        found = numbers - following.behind(step.given)
        stack, seen = [tensor for tensor in record.arguments if step.handles.get(id(tensor)) is None], set()
        while stack:
            tensor = stack.pop()
            behind = numbers & following.behind([storage(tensor)])
            if id(tensor) in seen or behind <= found:
                continue
            seen.add(id(tensor))
            made = self.record_of(tensor)
            if made is None or made.overwritten or storage(tensor) in self.tape.saved:
                found |= behind
            elif id(made) in known:
                jumping = following.steps[known[id(made)]]
                behind |= numbers & jumping.behind
                apart = [storage(arg) for arg in made.arguments if jumping.handles.get(id(arg)) is None]
                found |= {known[id(made)]} | {one for one in behind if not self._followed(one)}
                found |= numbers & following.behind(apart)
            else:
                found |= behind - following.behind([storage(arg) for arg in made.arguments])
                stack += made.arguments
        return sorted(found)

    def _followed(self, number: int) -> bool:
        """Whether the values of what a jump goes into are known on all of its sides."""
        lowering = self.lowering
        return lowering.following.steps[number].jumps or isinstance(lowering.results.get((number, 0)), Either)

    def lowered(self, step: Step, numbers: Sequence[int]) -> Any:
        """What a step gives: a node, or an `Either`; None where that is not known.

        ``numbers`` are the jumps that are tied behind the constants that it takes.
        """
        record, name = step.record, plain_name(step.record) if step.record is not None else ""
        assert record is not None
        # What was detached from them is not told by the memory that it lies in.
        if not set(numbers) <= self.lowering.following.behind(step.given):
            return None
        known: dict[int, Any] = {}
        for number in numbers:
            over = self._over_entries(number)
            known.update(over)
            if not over:
                known[id(self.lowering.following.steps[number].record)] = self.outcome(number)
        outcomes = [*known.values()]
        allowed = name in _ENTRYWISE | _OTHERS and not record.overwritten and record.kwargs.get("rounding_mode") is None
        if not allowed or any(one is None for one in outcomes):
            return None
        self._jumping, self._numbers = {key: one for key, one in known.items() if one is not None}, frozenset(numbers)
        given: list[Either] = []
        for tensor in record.arguments:
            held = self._held(step, tensor)
            if isinstance(held, Either):
                given.append(held)
            elif step.handles.get(id(tensor)) is None:
                given += [self._marked(one, tensor) for one in outcomes if isinstance(one, Either)]
        found = dict.fromkeys(jump for one in given for jump in _behind(one))
        # What a later one compares may depend on what an earlier one compares, which ties them both.
        nodes = self.lowering.builder.nodes
        jumps = sorted(found, key=lambda jump: max(n for n in (jump.left, jump.right) if nodes[n].varied))
        if not jumps and any(isinstance(one, Either) for one in outcomes):
            return None
        try:
            made = self._joined(step, jumps, {}, given, name in _ENTRYWISE or self._looks_up(record))
        except (Lost, TraceError):
            return None
        return made if isinstance(made, Either) else made.index

    def _held(self, step: Step, tensor: Any) -> Any:
        """What a tensor that carries derivatives is in the program."""
        handle = step.handles.get(id(tensor))
        return None if handle is None else self.lowering.results.get(handle)

    def _joined(
        self, step: Step, jumps: Sequence[Jump], taken: Sides, given: Sequence[Either], alike: bool
    ) -> Any:
        write = self.lowering.write
        if not jumps:
            record = step.record
            assert record is not None
            args, kwargs = self._again(record.args, step, taken), self._again(record.kwargs, step, taken)
            write.record, write.number, write.bound = record, step.number, False
            made = self.lowering.by_rule(record, args, kwargs)
            if not isinstance(made, int):
                raise Lost
            return TracedArray(self.lowering.builder, self._chosen(made))
        first, rest = jumps[0], jumps[1:]
        parts = [self._joined(step, rest, {**taken, first: side}, given, alike) for side in SIDES]
        return joined(first, parts, every(list(given)), alike, self._movement(step))

    def _movement(self, step: Step) -> Movement:
        """What an operation does to the numbers of entries, if it moves those of what jumps and takes nothing else."""
        record = step.record
        assert record is not None
        jumping = [arg for arg in record.arguments if isinstance(self._held(step, arg), Either) or self._moves(arg)]
        if plain_name(record) not in _MOVING or len(jumping) != 1 or record.args[0] is not jumping[0]:
            return None
        return lambda numbers: record.func(torch.as_tensor(numbers), *record.args[1:], **record.kwargs)

    def _chosen(self, made: int) -> int:
        """What a selection takes in all its entries, on one side of the jumps."""
        node = self.lowering.builder.nodes[made]
        if node.op != "where" or not (node.params["mask"].all() or not node.params["mask"].any()):
            return made
        taken = node.args[0 if node.params["mask"].all() else 1]
        return taken if self.lowering.builder.nodes[taken].shape == node.shape else made

    def _again(self, value: Any, step: Step, taken: Sides) -> Any:
        """The arguments of a step on some sides of jumps."""
        if isinstance(value, dict):
            return {key: self._again(item, step, taken) for key, item in value.items()}
        if isinstance(value, (list, tuple)):
            return [self._again(item, step, taken) for item in value]
        if not isinstance(value, torch.Tensor):
            return value
        if value.is_conj() or value.is_neg():
            raise Lost
        handle = step.handles.get(id(value))
        if handle is None:
            found = Arg(self.lowering.write, value, step.number, None)
            found._tensor = self._on_sides(value, step.number, taken)
            return found
        node = self.lowering.results[handle]
        if not isinstance(node, Either):
            return Arg(self.lowering.write, value, step.number, node)
        part = _taken(node, taken)
        held = part.value if isinstance(part, TracedArray) else part
        found = Arg(self.lowering.write, value, step.number, part.index if isinstance(part, TracedArray) else None)
        found._tensor = torch.as_tensor(np.asarray(held)).to(value.dtype).reshape(value.shape)
        return found

    # -- constants -----------------------------------------------------------------------------------------------

    def record_of(self, tensor: Any) -> Record | None:
        """The operation that made a tensor."""
        if not self._made:
            for number, record in enumerate(self.tape.records):
                self._made.update((id(out), number) for out in record.outs)
        made = self._made.get(id(tensor))
        return None if made is None else self.tape.records[made]

    def _moves(self, tensor: Any) -> bool:
        """Whether an outcome that is being followed lies behind a constant tensor."""
        tainted = self.lowering.following.tainted.get(storage(tensor), frozenset())
        return not tainted.isdisjoint(self._numbers)

    def _on_sides(self, tensor: Any, when: int, taken: Sides) -> Any:
        """A constant tensor on some sides of jumps."""
        if not self._moves(tensor):
            return self.tape.value(tensor, when)
        record = self.record_of(tensor)
        if record is None or record.overwritten or storage(tensor) in self.tape.saved or len(record.outs) != 1:
            raise Lost
        outcome = self._jumping.get(id(record))
        if outcome is not None:
            part = _taken(outcome, taken)
            return torch.as_tensor(np.asarray(part)).to(tensor.dtype).reshape(tensor.shape)
        following = self.lowering.following
        handles = [following.value(arg) for arg in record.arguments if not self._moves(arg)]
        varies = following.inputs([handle for handle in handles if handle is not None])
        if varies or plain_name(record) not in _ENTRYWISE | _OTHERS:
            raise Lost
        with torch.no_grad():
            return record.func(*self._values(record.args, when, taken), **self._values(record.kwargs, when, taken))

    def _values(self, value: Any, when: int, taken: Sides) -> Any:
        if isinstance(value, torch.Tensor):
            return self._on_sides(value, when, taken)
        if isinstance(value, dict):
            return {key: self._values(item, when, taken) for key, item in value.items()}
        if isinstance(value, (list, tuple)):
            return type(value)([self._values(item, when, taken) for item in value])
        return value

    def _marked(self, outcome: Either, tensor: Any) -> Either:
        """An outcome as it stands behind a constant tensor: whether entry by entry."""
        aligned = not self._moves(tensor) or self._is_aligned(tensor, outcome.jump.size)
        own, up, down = (
            self._marked(part, tensor) if isinstance(part, Either) else part
            for part in (outcome.own, outcome.up, outcome.down)
        )
        return Either(outcome.jump, own, up, down, outcome.aligned and aligned, outcome.side)

    def _is_aligned(self, tensor: Any, size: int) -> bool:
        record = self.record_of(tensor)
        if not self._moves(tensor) or (record is not None and id(record) in self._jumping):
            return True
        if record is None or record.overwritten or tensor.numel() != size:
            return False
        apart = plain_name(record) in _ENTRYWISE or self._looks_up(record)
        return apart and all(self._is_aligned(arg, size) for arg in record.arguments)

    def _looks_up(self, record: Record) -> bool:
        """Whether an operation takes entries of a constant list, one for every number."""
        if record.name != "index":
            return False
        table, *keys = record.arguments
        constant = self.lowering.following.value(table) is None and not self._moves(table)
        return constant and table.dim() == len(keys) == 1


def _axes(record: Record) -> tuple[Any, bool]:
    """The axes that an operation reduces over, and whether they are kept."""
    given = dict(zip(("dim", "keepdim"), record.args[1:], strict=False)) | record.kwargs
    axes = given.get("dim")
    return tuple(axes) if isinstance(axes, (list, tuple)) else axes, bool(given.get("keepdim", False))


def _taken(value: Any, taken: Sides) -> Any:
    """A version of what jumps."""
    while isinstance(value, Either):
        value = value.version(taken[value.jump])
    return value


def _behind(value: Any) -> list[Jump]:
    """The jumps of which something has versions."""
    return list(dict.fromkeys(one.jump for one in every(value)))
