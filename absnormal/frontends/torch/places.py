"""Indices of sorted entries that are tied at the point, and what torch looks up by them.

See `absnormal.frontends.meanings.places`.  A tape has the numbers of one run: the movements between a sort and what is
looked up by its indices are run again, on other indices.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from absnormal.arrays import Array
from absnormal.errors import TraceError
from absnormal.frontends.meanings.places import Places, ordering
from absnormal.frontends.numpy.traced import TracedArray
from absnormal.frontends.torch.constants import Lost
from absnormal.frontends.torch.jumps import LOOKING, discrete, plain_name
from absnormal.frontends.torch.memory import storage
from absnormal.frontends.torch.order import completed, with_rank
from absnormal.frontends.torch.steps import Step, named
from absnormal.frontends.torch.tape import Record
from absnormal.frontends.torch.values import MASKS, array
from absnormal.frontends.torch.writer import Arg
from absnormal.program.moves import numbered

if TYPE_CHECKING:
    from absnormal.frontends.torch.lowering import Lowering

ORDERING = frozenset({"argmax", "argmin", "kthvalue", "max", "median", "min", "sort", "topk"})
#: What keeps indices and moves them.
_MOVING = frozenset({
    "alias", "clone", "detach", "expand", "flip", "permute", "remainder", "select", "slice", "split",
    "split_with_sizes", "squeeze", "t", "transpose", "unbind", "unsqueeze", "view", "_to_copy", "_unsafe_view",
})  # fmt: skip
_FIX = "use torch.amax, torch.amin or torch.sort"


def by_places(lowering: Lowering, step: Step, jump: Step, args: Sequence[Any]) -> Any:
    """A step that looks entries up by indices of a sort, which is tied, as order statistics; None where it is none."""
    record = step.operation
    given = named(record)
    wanted = LOOKING.get(record.name)
    if wanted is None or jump.operation.name not in ORDERING or not isinstance(args[0], Arg) or not args[0].varied:
        return None
    keys = [t for t in _flat(given[wanted]) if isinstance(t, torch.Tensor)]
    moved = [t for t in keys if _is_moved(lowering, t, jump.operation)]
    if len(moved) != 1 or any(not discrete(t) or t.dtype in MASKS for t in keys):
        return None
    try:
        with lowering.write.aside():
            if jump.number not in lowering.places:
                lowering.places[jump.number] = _ranks(lowering, jump)
            ranks = lowering.places[jump.number]
            if ranks is None:
                return None
            places, out = ranks
            carried = _Carried(lowering, jump.operation, out, places.ordering.members.shape[1])
            own, moving = (np.asarray(carried.by(moved[0], numbers)) for numbers in (places.own, places.ranks))
            table, axis = TracedArray(lowering.builder, args[0].node), 0
            if record.name == "take":
                table = lowering.write.entrywise.reshape(table, (table.size,))
            else:
                axis = _axis(record, given, moved[0])
            found = Places(places.ordering, own, moving).look_up(table, axis, _apply(record, given, wanted, moved[0]))
            return found.index if isinstance(found, TracedArray) else found
    except (TraceError, Lost):
        return None


def outcome_of(lowering: Lowering, jump: Step) -> Any:
    """The indices that an operation returned, two of which change places at a tie; None where they are not known."""
    try:
        ranks = _ranks(lowering, jump)
        return None if ranks is None else ranks[0].outcome()
    except TraceError:
        return None


def _flat(value: Any) -> list[Any]:
    return list(value) if isinstance(value, (list, tuple)) else [value]


def _axis(record: Record, given: dict[str, Any], index: Any) -> int:
    """The axis along which entries are looked up."""
    if record.name != "index":
        return int(given["dim"])
    before = given["indices"][: next(place for place, t in enumerate(given["indices"]) if t is index)]
    if any(t is not None and t.dtype in MASKS for t in before):
        raise Lost
    return len(before)


def _apply(record: Record, given: dict[str, Any], wanted: str, index: Any) -> Callable[[Array, Any], Any]:
    """The operation on the numbers of entries, by other indices."""

    def apply(table: Array, own: Array) -> Any:
        key = torch.as_tensor(np.array(own)).reshape(index.shape).to(torch.int64)
        held = given[wanted]
        found = [key if t is index else t for t in held] if isinstance(held, (list, tuple)) else key
        entries = torch.as_tensor(np.array(table))
        with torch.no_grad():
            if record.name == "select":
                return np.asarray(entries.select(int(given["dim"]), int(key)))
            return np.asarray(record.func(**{**given, "self": entries, wanted: found}))

    return apply


def _ranks(lowering: Lowering, jump: Step) -> tuple[Places, Any] | None:
    """The indices that an operation returned, along the axis that it sorts, and the tensor of them."""
    record = jump.operation
    args, _ = lowering.read_by(jump)
    given, name, key = named(record), record.name, args[0]
    if not isinstance(key, Arg) or not key.varied or not key.shape or (
            name in ("max", "median", "min") and "dim" not in given):
        return None
    write = lowering.write.entrywise
    u: Any = TracedArray(write.builder, key.node)
    dim = given.get("dim", None if name.startswith("arg") else -1)
    if dim is None:
        u, dim = write.reshape(u, (u.size,)), 0
    dim %= u.ndim
    out = record.outs[-1]
    index = array(out).astype(np.int64)
    own = index if name in ("sort", "topk") or given.get("keepdim") else index.reshape(
        [1 if axis == dim else side for axis, side in enumerate(u.shape)])
    falling = bool(given.get("descending", name == "topk")) and given.get("largest", True)
    falling = falling or name in ("argmax", "max")
    last, first = np.moveaxis(u.value, dim, -1), np.moveaxis(own, dim, -1)
    rank = {"kthvalue": int(given.get("k", 1)) - 1, "median": (last.shape[-1] - 1) // 2}.get(name, 0)
    order = completed(-last if falling else last, first) if rank == 0 else with_rank(last, -1, first, rank)
    steps = np.diff(np.take_along_axis(last, order, -1), axis=-1)
    if not np.all(steps <= 0 if falling else steps >= 0):  # The indices do not come first.
        return None
    moved = np.moveaxis(u, dim, -1)  # type: ignore[call-overload]
    found = ordering(write, moved, order, falling, _FIX)
    ranks = np.moveaxis(numbered(last.shape)[..., rank : rank + first.shape[-1]], -1, dim).reshape(index.shape)
    return Places(found, index, ranks), out


def _is_moved(lowering: Lowering, tensor: Any, jump: Record) -> bool:
    """Whether a tensor holds what a jump returned."""
    tainted = lowering.following.tainted.get(storage(tensor), frozenset())
    return any(lowering.following.steps[number].record is jump for number in tainted)


class _Carried:
    """What is made of the indices that a jump returned, ``out``, by movements; they are less than ``length``."""

    def __init__(self, lowering: Lowering, jump: Record, out: Any, length: int) -> None:
        self.lowering, self.jump, self.out, self.length = lowering, jump, out, length

    def by(self, tensor: Any, numbers: Array) -> Any:
        """A tensor that holds moved indices, with other numbers in their place."""
        if tensor is self.out:
            return torch.as_tensor(numbers).reshape(tensor.shape)
        record = self.lowering.versions.constants.record_of(tensor)
        if record is None or record is self.jump or record.overwritten or plain_name(record) not in _MOVING:
            raise Lost
        if storage(tensor) in self.lowering.tape.saved or not discrete(tensor):
            raise Lost
        inner = self.by(record.args[0], numbers)
        if record.name == "remainder":
            # What an index may be too large for leaves those alone that are not.
            if type(record.args[1]) is not int or record.args[1] < self.length:
                raise Lost
            return inner
        if record.name in ("alias", "detach", "clone", "_to_copy"):
            return inner
        with torch.no_grad():
            made = record.func(inner, *record.args[1:], **record.kwargs)
        place = next(place for place, part in enumerate(record.outs) if part is tensor)
        return made if isinstance(made, torch.Tensor) else made[place]
