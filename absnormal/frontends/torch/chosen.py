"""Entries that a mask picks which is tied at the point: x[x > 0] read, and y[x > 0] = ... written.

See `absnormal.frontends.meanings.chosen`.  The tape has as many entries as the mask picked in its run; the rules of the
operations are given all of them.
"""

from __future__ import annotations

from copy import copy
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from absnormal.errors import TraceError
from absnormal.frontends.meanings.chosen import COUNTED, Chosen
from absnormal.frontends.meanings.jumps import Either
from absnormal.frontends.numpy.masks import TracedMask
from absnormal.frontends.numpy.traced import TracedArray
from absnormal.frontends.ties.names import OWN
from absnormal.frontends.torch.constants import ENTRYWISE, Lost, on_others
from absnormal.frontends.torch.jumps import RELATIONS, VALUELESS, plain_name
from absnormal.frontends.torch.memory import storage
from absnormal.frontends.torch.selecting import PICKING
from absnormal.frontends.torch.steps import Read, Step, geometry, named
from absnormal.frontends.torch.tape import Record
from absnormal.frontends.torch.values import array
from absnormal.frontends.torch.writer import Arg, here

if TYPE_CHECKING:
    from absnormal.frontends.torch.versions import Versions

#: What is computed entry by entry, by rules that ask for no shape.
_ENTRYWISE = ENTRYWISE - {"unsqueeze", "squeeze", "view", "_unsafe_view", "where"}
#: Losses of entries, by the place of the argument that says how they are reduced.
_LOSSES = {"mse_loss": 2, "smooth_l1_loss": 2, "huber_loss": 2}
_PUTTING = frozenset({"index_put", "masked_scatter"})
#: What picks entries by a mask, or writes to them.
PICKED = PICKING | _PUTTING
_FIX = "compute with all entries, and choose by torch.where(u > 0, a, b)"


class Choices:
    """What follows from tied masks that pick entries, for a tape that is being lowered."""

    def __init__(self, versions: Versions) -> None:
        self.versions, self.lowering, self.tape = versions, versions.lowering, versions.tape
        self._masks: dict[tuple[int, int], Any] = {}

    def follows(self, read: Read) -> bool:
        """Whether what was read are entries that a mask picked, whose number nothing else shows."""
        return _mask_of(read.record) is not None and not self.tape.selections.derived

    def took(self, number: int) -> bool:
        """Whether a step picks entries by a tied mask, takes such, or writes by one, and has been lowered."""
        lowering = self.lowering
        step = lowering.following.steps[number]
        record, mask = step.operation, None
        picked = next((one for one in lowering.held(step) if isinstance(one, Chosen)), None)
        key = None if self.tape.selections.derived else _mask_of(record)
        if key is not None:
            numbers = lowering.following.behind([storage(key)])
            open_ = lowering.open(self.versions.reached(step, numbers)) if numbers else ()
            mask = self._mask(key, step.number, open_) if open_ else None
            if isinstance(mask, np.ndarray):
                # Its ties do not count: other conditions decide it.
                lowering.taints[number], mask = lowering.taints[number] - frozenset(open_), None
            elif open_ and mask is None and picked is None:
                return False
        if picked is None and mask is None:
            return False
        with lowering.write.aside():
            made = self._made(step, picked, mask)
        if isinstance(made, TracedArray):
            out = record.outs[0]
            if made.shape != tuple(out.shape):
                self._refuse()
            if lowering.builder.values.given[made.index] is None and lowering.write.nodes[made.index].op != "constant":
                lowering.builder.give(made.index, self.tape.value(out, step.number + 1))
        lowering.results[number, 0] = made.index if isinstance(made, TracedArray) else made
        return True

    def _refuse(self) -> Any:
        self.lowering.write.refuse(COUNTED, _FIX)

    def _made(self, step: Step, picked: Chosen | None, mask: Any) -> Any:
        record = step.operation
        name = plain_name(record)
        if step.stopped:
            return self._refuse()
        if name in PICKING and picked is None:
            return Chosen(mask, self._whole(step, record.args[0], None))
        if name in _PUTTING and mask is not None:
            return self._put(step, mask)
        if picked is None:
            return self._refuse()
        if name in ("sum", "mean") and len(record.args) < 3 and not record.kwargs:
            axes = record.args[1] if len(record.args) > 1 else None
            return self._reduced(name, picked, tuple(axes) if isinstance(axes, list) else axes)
        if name in _LOSSES:
            reduction = named(record).get("reduction", 1)
            losses = self._entrywise(step, picked, reduction=0)
            return losses if reduction == 0 else self._reduced("mean" if reduction == 1 else "sum", losses, None)
        if name == "linalg_vector_norm" and not record.kwargs and named(record).get("dim") in (None, [0]):
            return self._norm(record, picked)
        if _is_same(record):
            return picked
        return self._entrywise(step, picked) if name in _ENTRYWISE else self._refuse()

    def _reduced(self, name: str, picked: Chosen, axes: Any) -> Any:
        """The sum of picked entries, or their mean."""
        self.lowering.builder.user = self.lowering.write.operation, self.lowering.write.source
        return getattr(picked, name)(axes or None)

    def _norm(self, record: Record, picked: Chosen) -> Any:
        """A norm of picked entries: others count as 0."""
        write = self.lowering.write
        whole = np.where(picked.mask, picked.whole, 0.0)
        if not isinstance(whole, TracedArray) or not named(record).get("ord", 2) > 0:
            return self._refuse()
        values = torch.as_tensor(np.array(whole.value))
        given = Arg(write, values, write.number, whole.index)
        return TracedArray(write.builder, self.lowering.by_rule(record, [given, *record.args[1:2]], {}))

    def _entrywise(self, step: Step, picked: Chosen, **replaced: Any) -> Chosen:
        """An operation on picked entries, of all of them."""
        record, write = step.operation, self.lowering.write
        args, kwargs = [self._argument(step, arg, picked) for arg in record.args], {**record.kwargs}
        for key, value in replaced.items():
            place = _LOSSES[plain_name(record)]
            args, kwargs[key] = args[:place] + args[place + 1 :], value
        if any(isinstance(value, torch.Tensor) for value in kwargs.values()):
            self._refuse()
        whole = copy(record)
        with torch.no_grad(), np.errstate(all="ignore"):
            whole.outs = [on_others(record, here(args), kwargs)]
            write.record, write.number, write.bound = whole, step.number, False
            made = self.lowering.by_rule(whole, args, kwargs)
        if not isinstance(made, int) or write.bound or write.shape(made) != np.shape(picked.whole):
            self._refuse()
        return Chosen(picked.mask, TracedArray(write.builder, made))

    def _argument(self, step: Step, value: Any, picked: Chosen) -> Any:
        if isinstance(value, (list, tuple)) and any(isinstance(item, torch.Tensor) for item in value):
            return self._refuse()
        if not isinstance(value, torch.Tensor):
            return value
        whole = self._whole(step, value, picked)
        made = Arg(self.lowering.write, value, step.number, whole.index if isinstance(whole, TracedArray) else None)
        made._tensor = torch.as_tensor(whole.value if isinstance(whole, TracedArray) else whole).to(value.dtype)
        made._given = made._tensor
        return made

    def _whole(self, step: Step, tensor: Any, picked: Chosen | None) -> Any:
        """An argument of which entries are picked, or beside those that are: a node, or numbers."""
        handle = step.handles.get(id(tensor))
        if handle is None:
            try:
                return self._constant(tensor, step.number, picked)
            except Lost:
                return self._refuse()
        held = self.lowering.results.get(handle)
        if isinstance(held, Chosen) and picked is not None:
            return held.among(picked.mask)
        if not isinstance(held, int) or (picked is not None and tensor.numel() != 1):
            return self._refuse()
        node = held if picked is None else self.lowering.write.reshape(held, ())
        return TracedArray(self.lowering.builder, node)

    def _constant(self, tensor: Any, when: int, picked: Chosen | None) -> Any:
        """A constant, of which the same entries were picked."""
        tainted = self.lowering.following.tainted.get(storage(tensor), frozenset())
        if picked is None or (tensor.numel() == 1 and not tainted):
            if tainted:
                raise Lost
            return self.tape.value(tensor, when)
        number = self.versions.constants.number_of(tensor, when)
        record = None if number is None else self.tape.records[number]
        if record is None or number is None or storage(tensor) in self.tape.saved:
            raise Lost
        key, name = _mask_of(record), plain_name(record)
        if key is not None and name in PICKING:
            open_ = self.lowering.open(sorted(self.lowering.following.behind([storage(key)])))
            if self._mask(key, number, open_) is not picked.mask:
                raise Lost
            return self.tape.value(record.args[0], number)
        if _is_same(record):
            return self._constant(record.args[0], number, picked)
        if name in VALUELESS and name.startswith(("zeros", "ones")):
            return self.tape.value(tensor, when).reshape(-1)[0]
        if name not in _ENTRYWISE or any(isinstance(arg, (list, tuple)) for arg in record.args):
            raise Lost
        args = [self._constant(arg, number, picked) if isinstance(arg, torch.Tensor) else arg for arg in record.args]
        return on_others(record, args, record.kwargs)

    def _put(self, step: Step, mask: Any) -> Any:
        """Entries that are written where a mask holds."""
        record, write = step.operation, self.lowering.write
        handle = step.handles.get(id(record.args[0]))
        before = None if handle is None else self.lowering.results.get(handle)
        if not isinstance(before, Either):
            before = _plain(self._whole(step, record.args[0], None))
        new = _plain(self._whole(step, record.args[2], Chosen(mask, None)))
        start = len(write.nodes)
        self.lowering.builder.user = write.operation, write.source
        made = np.where(mask, new, before)
        if any(node.tie == OWN and index not in write.slopes for index, node in enumerate(write.nodes[start:], start)):
            # Nobody knows the slopes of a kink of torch's own that was written again.
            self._refuse()
        return made

    def _mask(self, key: Any, when: int, open_: Any) -> Any:
        """A mask that is tied, as a comparison or as what jumps; constants where its ties do not count; None where its
        sides are not known."""
        made = self.versions.constants.number_of(key, when)
        known = id(key), -1 if made is None else made
        if known not in self._masks:
            found: Any = self._compared(key, open_)
            if found is None:
                found = self.versions.of_constant(key, when, open_)
            held = [one for one in self._masks.values() if isinstance(one, TracedMask)]
            same = (one for one in held if isinstance(found, TracedMask) and found.same(one))
            self._masks[known] = next(same, found)
        return self._masks[known]

    def _compared(self, key: Any, open_: Any) -> TracedMask | None:
        """A mask that is one comparison, or the opposite of one."""
        lowering = self.lowering
        if len(open_) != 1 or storage(key) in self.tape.saved:
            return None
        held, jump = lowering.following.masks.get(storage(key)), lowering.following.steps[open_[0]]
        mask = None if held is None or lowering.following.steps[held.step] is not jump else held.at(geometry(key))
        if mask is None or jump.operation.name not in RELATIONS or self.versions.carries(open_[0]):
            return None
        try:
            args, _ = lowering.read_by(jump)
        except TraceError:
            return None
        left, right = (lowering.write.rounded(side, args) for side in args)
        found = TracedMask(lowering.builder, left, RELATIONS[jump.operation.name], right, jump.operation.source)
        if mask.numbers is not None:
            found = found.moved(lambda u: u.reshape(-1)[mask.numbers])
        return found if mask.holds else ~found


def _plain(value: Any) -> Any:
    return array(value).astype(float) if isinstance(value, torch.Tensor) else value


def _mask_of(record: Record) -> Any:
    """The mask by which an operation picks entries of a tensor, or writes to them; None where it is no such one."""
    name = plain_name(record)
    if name not in PICKED:
        return None
    if name in ("index", "index_put") and not any(record.args[3:]) and not record.kwargs.get("accumulate"):
        keys = record.args[1]
        key = keys[0] if len(keys) == 1 else None
    elif name.startswith("masked"):
        key = record.args[1]
    else:
        return None
    plain = key is not None and key.dtype == torch.bool and key.shape == record.args[0].shape
    return key if plain else None


def _is_same(record: Record) -> bool:
    """Whether an operation keeps entries as they are: one that is written becomes a number first."""
    if record.name in ("alias", "detach"):
        return True
    number = record.name == "view" and record.outs[0].dim() == 0
    return number or (record.name == "expand" and record.outs[0].shape == record.args[0].shape)
