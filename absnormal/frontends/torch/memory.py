"""Memory that is changed outside of torch: through NumPy, a storage, a pointer or DLPack.

No operation shows such a write, and autograd does not see it: backward then uses other values than the function did.
Memory that was there before the function ran may be known to others, and memory that it made is once it is given away.
What operations use of either is kept, and compared at the end.
"""

from __future__ import annotations

import sys
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import torch

from absnormal.errors import TraceError
from absnormal.frontends.torch.values import array
from absnormal.program.nodes import Source


def storage(tensor: Any) -> int:
    """The identity of the memory that a tensor lies in."""
    found: int = tensor.untyped_storage()._cdata
    return found


def flat(memory: Any, like: Any) -> Any:
    """All of a storage as one vector."""
    return torch.empty(0, dtype=like.dtype, device=like.device).set_(memory)


def contents(tensor: Any) -> Any:
    """A copy of all of the memory that a tensor lies in, in the order in which it lies there."""
    memory = tensor.untyped_storage()
    whole = tensor.is_contiguous() and tensor.numel() * tensor.element_size() == memory.nbytes()
    return tensor.detach().clone() if whole else flat(memory, tensor).clone()


def shared(records: Iterable[Any]) -> set[int]:
    """The memory of what operations returned that others than the tape hold: a hook, a module or f itself kept it."""
    records, ours = [*records], dict[int, int]()
    for record in records:
        _count_within(record.args, ours)
        _count_within(record.kwargs.values(), ours)
        for held in (record.arguments, record.overwritten, record.filled, (record.out,), record.outs):
            _count_within(held, ours)
    return {
        storage(out) for record in records for out in record.outs
        if out.layout == torch.strided
        and _count(out) - _IN_ONE_LIST[out._use_count() > 1] + 1 > ours[id(out)]
    }


def _count_within(held: Iterable[Any], found: dict[int, int]) -> None:
    """Add how often tensors stand in nested arguments, by their identity."""
    for item in held:
        if isinstance(item, torch.Tensor):
            found[id(item)] = found.get(id(item), 0) + 1
        elif isinstance(item, (list, tuple, dict)):
            _count_within(item.values() if isinstance(item, dict) else item, found)


def _count(tensor: Any) -> int:
    return sys.getrefcount(tensor)


_alone, _viewed = [torch.empty(1)], [torch.empty(1)]
_views = [tensor.view(1) for tensor in _viewed]
#: The counts of a tensor in one list, and of one that a view holds, too, which versions of Python and torch decide.
_IN_ONE_LIST = [_count(tensor) for tensor in _alone] + [_count(tensor) for tensor in _viewed]


class Kept(NamedTuple):
    """A part of some memory, what it held, whether that was used, and where it was used or given away."""

    part: Any
    contents: Any
    used: bool
    source: Source | None

    @property
    def same(self) -> bool:
        """Whether the part still holds the same numbers."""
        # NumPy compares ten times as fast as torch.
        now, before = array(self.part), array(self.contents)
        return bool((now == before).all()) or np.array_equal(now, before, equal_nan=True)


class Memory:
    """What was kept of memory that others than torch may change."""

    def __init__(self) -> None:
        #: By storage, its parts that are kept, by whether they were used and how they lie.
        self._kept: dict[int, dict[Any, Kept]] = {}
        #: Storages that operations made, those that were given away, with the line that did, and those of variables.
        self._made: set[int] = set()
        self._given: dict[int, Source | None] = {}
        self._points: set[int] = set()
        #: Storages that were changed outside of torch, with the lines; those that were used before that.
        self.changed: dict[int, Source | None] = {}
        self._late: list[Source | None] = []

    def begin(self, variables: Iterable[Any]) -> None:
        """Keep the variables as they are."""
        for variable in variables:
            self._points.add(storage(variable))
            self._keep(storage(variable), variable, False, None)

    def may_change(self, places: Iterable[int]) -> bool:
        """Whether others than torch may change some of these storages, which are no variables'."""
        return bool(self._given) or any(own not in self._made and own not in self._points for own in places)

    def uses(
        self, given: Iterable[Any], places: Mapping[int, int], source: Source | None, targets: Iterable[Any] = ()
    ) -> None:
        """Keep what an operation is about to use and others than torch may change; not what it overwrites itself.

        ``places`` are the storages of what it is given, by the identity of the tensor.
        """
        written = {storage(target) for target in targets if target.layout == torch.strided}
        for tensor in given:
            own = places.get(id(tensor))
            if own is None or own in written or own in self._points:
                continue
            if own not in self._made or own in self._given:
                self._keep(own, tensor, True, source)

    def writes(self, targets: Iterable[Any]) -> None:
        """An operation of torch is about to overwrite these tensors."""
        for own in {storage(target) for target in targets if target.layout == torch.strided}:
            self._compare(own)
            self._kept.pop(own, None)

    def made(self, outs: Iterable[Any], before: Collection[int], targets: Sequence[Any]) -> None:
        """An operation, which was given what lies in the memory ``before``, returned these tensors, or overwrote
        these."""
        made = [storage(out) for out in outs if out.layout == torch.strided]
        self._made.update([own for own in made if own not in before])
        for target in targets:
            if target.layout == torch.strided:
                own = storage(target)
                if own not in self._made or own in self._given:
                    self._keep(own, target, False, self._given.get(own))

    def give(self, tensor: Any, used: Iterable[Any], made: Iterable[Any], source: Source | None) -> None:
        """Others than torch get hold of the memory of a tensor; ``used`` and ``made`` is what operations did so far."""
        own = storage(tensor)
        if own in self._given:
            return
        self._given[own] = source
        for held, before in ((used, True), (made, False)):
            for part in held:
                if part.layout == torch.strided and storage(part) == own:
                    self._keep(own, part, before, source)

    def end(self) -> None:
        """The function has run.

        Raises
        ------
        TraceError
            where memory was changed outside of torch after an operation used it
        """
        for own in [*self._kept]:
            self._compare(own)
        if self._late:
            raise TraceError(
                "torch", "used a tensor whose memory is changed outside of torch after that, through NumPy, a storage"
                " or a pointer, which autograd does not see",
                "change a clone() of it, or change it before it is used", self._late[0],
            )

    def copy_of(self, held: Any) -> Any:
        """A copy of a tensor after the function has run, that which was kept of it where it was; an array itself."""
        if not isinstance(held, torch.Tensor):
            return held
        own = storage(held) if held.layout == torch.strided else 0
        for kept in self._kept.get(own, {}).values() if own not in self.changed else ():
            if kept.contents.dtype == held.dtype and _lies_alike(kept.part, held):
                return kept.contents
        return held.detach().clone()

    def refuse(self, known: Iterable[int]) -> None:
        """Raise where memory that depends on variables, or holds one, was changed outside of torch."""
        for own in self.changed.keys() & known:
            raise TraceError(
                "torch", "made a tensor of the variables, or a variable itself, whose memory is changed outside of"
                " torch, through NumPy, a storage or a pointer, so that what it depends on is not seen",
                "change it with operations of torch, or change a clone() of it", self.changed[own],
            )

    def _keep(self, own: int, tensor: Any, used: bool, source: Source | None) -> None:
        if tensor.is_meta or tensor.is_quantized or not tensor.numel():
            return
        if tensor.is_floating_point() and tensor.element_size() == 1:
            tensor = tensor.view(torch.uint8)
        parts = self._kept.setdefault(own, {})
        key = used, tensor.dtype, tensor.storage_offset(), tensor.shape, tensor.stride()
        if key not in parts:
            part = _once(tensor.detach())
            parts[key] = Kept(part, part.clone(), used, source)

    def _compare(self, own: int) -> None:
        for kept in self._kept.get(own, {}).values():
            if not kept.same:
                self.changed[own] = source = self._given.get(own) or kept.source
                if kept.used:
                    self._late.append(source)


def _once(tensor: Any) -> Any:
    """A tensor without the repetitions of entries that lie in one place."""
    if 0 not in tensor.stride():
        return tensor
    sizes = [size if stride else 1 for size, stride in zip(tensor.shape, tensor.stride(), strict=True)]
    return tensor.as_strided(sizes, tensor.stride())


def _lies_alike(part: Any, other: Any) -> bool:
    """Whether two tensors of one type are the same part of one memory, in the same sense."""
    places = [(t.storage_offset(), t.shape, t.stride(), t.is_conj(), t.is_neg()) for t in (part, other)]
    return bool(places[0] == places[1])
