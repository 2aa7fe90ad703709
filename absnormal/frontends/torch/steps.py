"""What is known of a tape: the contents of memory, the steps that made them, masks, and what Python code read."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from itertools import chain
from typing import Any

import numpy as np
import torch

from absnormal.arrays import Array
from absnormal.frontends.torch.memory import storage
from absnormal.frontends.torch.tape import Record

#: The machine epsilon of every floating type.
EPSILON = {dtype: torch.finfo(dtype).eps for dtype in (
    torch.float64, torch.float32, torch.float16, torch.bfloat16, torch.complex128, torch.complex64, torch.complex32,
)}  # fmt: skip

Geometry = tuple[int, tuple[int, ...], tuple[int, ...]]
#: Where a value comes from: the number of a step and of its result.
Handle = tuple[int, int]


@dataclass(slots=True)
class State:
    """The contents of a storage: parts that are known, and for the others the state before."""

    views: dict[Geometry, Handle]
    latest: Geometry | None = None
    before: State | None = None
    constant: bool = False


@dataclass(slots=True)
class Step:
    """Something to be lowered: an operation of the tape, an input, or a part gathered from others; ``apart`` where it
    is on constants only.

    ``given`` are the storages of its arguments, ``handles`` what these arguments are, by the identity of the tensor,
    and ``stopped`` what those are that a detach or no_grad made constants; ``behind`` are the steps of the jumps behind
    those, and ``sharp`` says whether it jumps by what depends on a variable though it is on numbers.
    """

    record: Record | None
    number: int
    given: Sequence[int] = ()
    handles: dict[int, Handle | None] = field(default_factory=dict)
    stopped: Sequence[Handle] = ()
    mix: tuple[Any, ...] = ()
    jumps: bool = False
    apart: bool = False
    behind: frozenset[int] = frozenset()
    sharp: bool = False

    @property
    def operation(self) -> Record:
        """The operation of the tape, where the step is one."""
        assert self.record is not None
        return self.record

    def sources(self) -> list[Handle]:
        return [handle for handle in (*self.handles.values(), *self.mix[:2]) if handle is not None]

    def needs(self) -> list[int]:
        return [number for number, _ in self.sources()]


def places_taken(steps: Sequence[Step], reads: Iterable[Read]) -> dict[int, set[int]]:
    """For the steps, the places of those results that other steps take, or that were read."""
    found: dict[int, set[int]] = {}
    read = [read.handle for read in reads if read.handle is not None]
    for number, place in chain(read, *((*step.sources(), *step.stopped) for step in steps)):
        found.setdefault(number, set()).add(place)
    return found


#: Arguments of kernels of derivatives, by their places, through which their own derivatives go though the tensors
#: require no gradient; and arguments that only save such a kernel work.
THROUGH = {
    "native_layer_norm_backward": (3, 4), "native_group_norm_backward": (2, 3), "native_batch_norm_backward": (5, 6),
    "_fused_rms_norm_backward": (3,),
}  # fmt: skip
_UNREAD = {"log_sigmoid_backward": (2,), "nll_loss_backward": (6,), "nll_loss2d_backward": (6,)}


def read(record: Record) -> list[Any]:
    """The tensors among what an operation was given on which its result depends by them alone."""
    aside = [record.args[place] for place in _UNREAD.get(record.name, ())]
    return [t for t in record.arguments if all(t is not other for other in aside)] if aside else record.arguments


def unit_of(record: Record) -> float:
    """The coarsest machine epsilon among what an operation was given and returned."""
    return max([EPSILON.get(tensor.dtype, 0.0) for tensor in (*record.arguments, *record.outs)], default=0.0)


def named(record: Record) -> dict[str, Any]:
    """The arguments of an operation by their names."""
    names = [argument.name for argument in record.func._schema.arguments]
    return {**dict(zip(names, record.args, strict=False)), **record.kwargs}


def is_view_of_pairs(record: Record) -> bool:
    """Whether an operation gives a view of complex numbers, of their parts, or of parts as complex numbers, or a view
    that conjugates or negates: what it is is told by where it lies."""
    turned = record.pairs or any(t.is_neg() for t in (*record.arguments, *record.outs))
    given = [t for t in record.arguments if t.layout == torch.strided] if turned else []
    if not given or record.overwritten:
        return False
    places = {storage(t) for t in given}
    return all(storage(out) in places for out in record.outs)


def materialized(record: Record) -> bool:
    """Whether torch, below autograd, copies a view that conjugates or negates for an operation that takes none."""
    made = record.name == "clone" and record.enabled and record.needs[id(record.arguments[0])]
    view = record.arguments[0] if made else None
    return view is not None and (view.is_conj() or view.is_neg()) and not record.outs[0].requires_grad


def geometry(tensor: Any) -> Geometry:
    """Where a tensor lies; a complex one as the pairs of real numbers that it is."""
    if tensor.is_complex():
        return 2 * tensor.storage_offset(), (*tensor.shape, 2), (*(2 * stride for stride in tensor.stride()), 1)
    return tensor.storage_offset(), tensor.shape, tensor.stride()


def positions(place: Geometry) -> Array:
    """The places in the storage of the entries of a part."""
    offset, shape, strides = place
    total = np.full(shape, offset)
    for axis, (size, stride) in enumerate(zip(shape, strides, strict=True)):
        total += (np.arange(size) * stride).reshape(-1, *([1] * (len(shape) - axis - 1)))
    return total


@dataclass(frozen=True, slots=True)
class Mask:
    """The result of a jump, by its step, or its opposite, and where it lies in its storage.

    ``numbers`` are those of the entries of the jump's outcome, where they are others than in their order.
    """

    step: int
    holds: bool
    place: Geometry
    numbers: Array | None = None

    def at(self, place: Geometry) -> Mask | None:
        """The mask as it is seen at a place of the storage; None where something else lies there."""
        if place == self.place:
            return self
        own, here = positions(self.place), positions(place)
        entry = np.full(1 + max(own.max(initial=0), here.max(initial=0)), -1)
        entry[own] = np.arange(own.size).reshape(own.shape) if self.numbers is None else self.numbers
        return None if np.any(entry[here] < 0) else replace(self, place=place, numbers=entry[here])


@dataclass(frozen=True, slots=True)
class Read:
    """What Python code learned from tensors, by operation ``number``: the jumps behind it; whether it is a truth value
    or a size; for a number that depends on a variable, where it comes from."""

    record: Record
    number: int
    taint: frozenset[int]
    branch: bool
    handle: Handle | None
