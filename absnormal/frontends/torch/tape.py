"""The ATen operations of a function as they run, with the user's lines, and values before they are overwritten.

A `TorchDispatchMode` sits below autograd, so the operations on the tape are those that own derivative formulas: nothing
is decomposed between what the user runs and what is judged, and the gradient comes from the very same run.
"""

from __future__ import annotations

import functools
import os
import sys
from collections.abc import Sequence
from typing import Any, NamedTuple

import torch
from torch.utils._python_dispatch import TorchDispatchMode, _disable_current_modes

from absnormal.errors import TraceError
from absnormal.frontends.torch.memory import Memory, contents, flat, storage
from absnormal.frontends.torch.selecting import PICKING, Selections
from absnormal.frontends.torch.values import mapped
from absnormal.frontends.user_line import is_ours
from absnormal.program.nodes import Source

_TORCH = os.path.dirname(torch.__file__) + os.sep
_APPLY = torch.autograd.Function.apply.__func__.__code__
_DISPATCH = torch.Tensor.__torch_dispatch__
_CALL = torch.nn.Module._call_impl.__code__
#: Operations that change the shape of their argument itself.
_RESHAPED = frozenset(f"aten::{name}_" for name in ("squeeze", "unsqueeze", "t", "transpose", "swapaxes", "as_strided"))
#: Operations that update running_mean and running_var, which their schemas do not show.
_UPDATING = frozenset({
    "native_batch_norm", "cudnn_batch_norm", "miopen_batch_norm", "batch_norm_gather_stats",
    "batch_norm_gather_stats_with_counts", "batch_norm_update_stats",
})
#: Operations that take a few entries of a tensor, which may be a table of any size, and save none of them.
_LOOKUPS = frozenset({"_local_scalar_dense", "embedding", "gather", "index", "index_select", "take"})
#: Operations that leave memory as it is.
_EMPTY = frozenset({"empty", "empty_like", "empty_strided", "new_empty", "new_empty_strided"})


class Operation(NamedTuple):
    """What is known of an operation: its name without the overload, and the places and names of what it writes to.

    ``statistics`` are those of running means and variances that it updates though its schema does not say so, and
    ``uses`` those of what it computes with and may save; of other arguments it returns aliases, or a few entries.
    """

    name: str
    writes: tuple[tuple[int, str], ...]
    reshapes: bool
    statistics: tuple[tuple[int, str], ...]
    uses: tuple[tuple[int, str], ...]


@functools.cache
def _operation(func: Any) -> Operation:
    name, schema = str(func.overloadpacket.__name__), func._schema
    arguments = [*enumerate(schema.arguments)]
    writes = tuple((i, a.name) for i, a in arguments if a.alias_info is not None and a.alias_info.is_write)
    reshapes = schema.name in _RESHAPED
    statistics = tuple((i, a.name) for i, a in arguments if name in _UPDATING and a.name.startswith("running_"))
    taken = [(i, a) for i, a in arguments if a.alias_info is None and "Tensor" in str(a.type)]
    uses = tuple((i, a.name) for i, a in taken if i or name not in _LOOKUPS)
    name = name if func.namespace == "aten" else f"{func.namespace}::{name}"
    return Operation(name, () if reshapes else writes, reshapes, statistics, uses)


class Record:
    """One operation as it ran.

    Attributes
    ----------
    func, name, args, kwargs, out
        the operation, its name without the overload, and what it was given and returned
    arguments, outs
        the tensors among what it was given and returned
    needs
        which of the arguments require a gradient, by id; ``enabled``: whether operations were differentiated
    overwritten, filled
        the arguments that it gives new values, and the buffers that it fills on the side, as with the noise it draws
    pairs
        whether complex numbers are among what it was given and returned
    source, module
        the user's line, and the innermost module that was being called
    """

    __slots__ = (
        "args", "arguments", "enabled", "filled", "func", "kwargs", "module", "name", "needs", "out", "outs",
        "overwritten", "pairs", "source",
    )

    def __init__(self, func: Any, name: str, args: Any, kwargs: Any) -> None:
        self.func, self.name, self.args, self.kwargs = func, name, args, kwargs
        self.source, self.module = where()
        self.arguments = tensors((*args, *kwargs.values()) if kwargs else args)
        self.needs = {id(tensor): tensor.requires_grad for tensor in self.arguments}
        self.pairs = any(map(torch.is_complex, self.arguments))
        self.enabled = torch.is_grad_enabled()
        self.out: Any = None
        self.outs: list[Any] = []
        self.overwritten: list[Any] = []
        self.filled: list[Any] = []

    def returned(self, out: Any, targets: Sequence[Any] = ()) -> None:
        """Keep what the operation returned; ``targets`` are the arguments that it wrote to."""
        self.out, self.outs = out, [out] if isinstance(out, torch.Tensor) else tensors((out,))
        self.pairs = self.pairs or any(map(torch.is_complex, self.outs))
        if targets:
            places = {storage(tensor) for tensor in self.outs if tensor.layout == torch.strided}
            for target in targets:
                aside = target.layout == torch.strided and storage(target) not in places
                (self.filled if aside else self.overwritten).append(target)

    def used(self, operation: Operation) -> list[Any]:
        """The tensors that it computes with and may save."""
        return _targets(operation.uses, self.args, self.kwargs)

    def replace(self, old: Any, new: Any) -> None:
        """Put another tensor in the place of one."""
        def replaced(item: Any) -> Any:
            return new if item is old else item

        if id(old) in self.needs:
            self.args, self.needs[id(new)] = mapped(self.args, replaced), self.needs[id(old)]
        self.out = mapped(self.out, replaced)
        for held in (self.arguments, self.outs, self.overwritten, self.filled):
            held[:] = [new if tensor is old else tensor for tensor in held]


class Hooked(NamedTuple):
    """A hook on a tensor: the node that it was registered on, the hook, and its handle."""

    node: Any
    hook: Any
    handle: Any

    @property
    def active(self) -> bool:
        """Whether the hook was not removed."""
        return self.handle.id in (self.handle.hooks_dict_ref() or ())


class Left(NamedTuple):
    """Numbers that a Function took out of a tensor, in its forward, and where."""

    function: Any
    tensor: Any
    source: Source | None


class Tape(TorchDispatchMode):  # type: ignore[misc]
    """Records what runs under it."""

    def __init__(self) -> None:
        super().__init__()
        self.records: list[Record] = []
        #: For each storage, its contents before the operations that overwrote it.
        self.saved: dict[int, list[tuple[int, Any]]] = {}
        #: These storages, and the contents that they had after the run, where they were given back those before it.
        self._memory: dict[int, Any] = {}
        self._after: dict[int, Any] = {}
        #: Tensors that were assigned other memory by .data, in that order, each with an alias of what it had.
        self._exchanged: list[tuple[Any, Any]] = []
        #: By the identity of a tensor, an alias of the memory that it had after the run, where it has that no more.
        self._assigned: dict[int, Any] = {}
        #: Random generators that were passed, with the states they had.
        self._generators: dict[Any, Any] = {}
        #: Hooks that were registered on tensors, and whether the function saw nodes of the graph of derivatives.
        self.hooks: list[Hooked] = []
        self.nodes_seen = False
        #: What others than torch may change.
        self.memory = Memory()
        #: What Functions took out of tensors.
        self.left: list[Left] = []
        #: By the number of the operation that read them, what became of numbers that tell it.
        self.numbers: dict[int, Any] = {}
        #: The numbers of the operations that read an index, of what was looked up by it.
        self.lookups: set[int] = set()
        self.selections = Selections()
        #: Whether hooks pack what operations save, and what unpacks it after those in place, whose nodes hide it.
        self.packed = False
        self.unpacks: Any = None

    @classmethod
    def _should_skip_dynamo(cls) -> bool:
        # `reading` keeps compilers out, without loading one.
        return False

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        own = next((kind for kind in types if kind.__torch_dispatch__ is not _DISPATCH), None) if types else None
        if own is not None:
            raise TraceError(
                own.__name__, "is a class of tensors that runs operations in a way of its own (__torch_dispatch__),"
                " which is not followed", "compute with plain tensors", where()[0],
            )
        with torch._C.DisableTorchFunction():
            return self._ran(func, args, kwargs or {})

    def _ran(self, func: Any, args: Any, kwargs: Any) -> Any:
        operation = _operation(func)
        if operation.reshapes:
            return self._reshaped(func, operation.name, args, kwargs)
        record = Record(func, operation.name, args, kwargs)
        targets = _targets(operation.writes, args, kwargs) if operation.writes else []
        if operation.name == "_local_scalar_dense":
            self.leaves(args[0])
        packing = torch._C._autograd._top_saved_tensors_default_hooks(False)
        self.packed = self.packed or packing is not None
        for target in (target for target in targets if target.layout == torch.strided) if targets else ():
            self.unpacks = self.unpacks if packing is None else packing[1]
            self._save(target)
        updated = _targets(operation.statistics, args, kwargs) if operation.statistics else []
        for target in updated:
            self._save(target)
        written = (*targets, *updated) if targets or updated else ()
        places = {id(tensor): storage(tensor) for tensor in record.arguments if tensor.layout == torch.strided}
        if written:
            self.memory.writes(written)
        if self.memory.may_change(places.values()):
            self.memory.uses(record.used(operation), places, record.source, written)
        if kwargs and kwargs.get("generator") is not None:
            self._generators.setdefault(kwargs["generator"], kwargs["generator"].get_state())
        out = func(*args, **kwargs)
        if operation.name in _EMPTY:
            # What is left there by chance may be NaN.
            out.zero_()
        record.returned(out, targets)
        self.records.append(record)
        if self.selections or record.name in PICKING:
            self.selections.ran(record.name, record.arguments, record.outs)
        self.memory.made(record.outs, places.values(), written)
        return out

    def _reshaped(self, func: Any, name: str, args: Any, kwargs: Any) -> Any:
        """An operation that changes the shape of a tensor itself: the tape keeps an alias of the old one."""
        target = args[0]
        alias = target.detach().requires_grad_(target.requires_grad)
        record = Record(func, name, args, kwargs)
        for earlier in (*self.records, record):
            earlier.replace(target, alias)
        record.returned(func(*args, **kwargs))
        self.records.append(record)
        return record.out

    def read(self, tensor: Any) -> None:
        """Record that Python code reads all numbers of a tensor."""
        self.records.append(Record(torch.ops.aten._local_scalar_dense.default, "_local_scalar_dense", (tensor,), {}))

    def sized(self, masks: Sequence[Any]) -> None:
        """Record that Python code may read how often masks hold."""
        self.records.append(Record(torch.ops.aten.count_nonzero.default, "_sizes", tuple(masks), {}))

    def gives(self, tensor: Any) -> None:
        """Note that Python code gets hold of the memory of a tensor, where it may be changed unseen."""
        if tensor.layout != torch.strided:
            return
        source, _ = where()
        with _disable_current_modes(), torch._C.DisableTorchFunction():
            used = (t for record in self.records for t in record.used(_operation(record.func)))
            made = (t for record in self.records for t in record.outs)
            self.memory.give(tensor, used, made, source)

    def leaves(self, tensor: Any) -> None:
        """Note that the numbers in a tensor are taken out of it, if a Function does that in its forward."""
        if torch.is_grad_enabled() or not tensor.is_floating_point():
            return
        frame: Any = sys._getframe(1)
        while frame is not None and frame.f_code is not _APPLY:
            frame = frame.f_back
        if frame is not None:
            self.left.append(Left(frame.f_locals["cls"], tensor, where()[0]))

    def detach(self, tensor: Any) -> None:
        """Record that a tensor is detached in place."""
        self.records.append(Record(torch.ops.aten.detach_.default, "detach_", (tensor,), {}))

    def exchange(self, tensor: Any, other: Any) -> None:
        """Assign other memory to a tensor, as ``tensor.data = other`` does: the tape keeps an alias of what it had.

        Raises
        ------
        TraceError
            after a differentiated operation that took or made the tensor, as backward may use either memory, and for
            a tensor that requires a gradient and would change its shape or type
        """
        differentiated = (record for record in self.records if any(out.requires_grad for out in record.outs))
        used = any(t is tensor for record in differentiated for t in (*record.arguments, *record.outs))
        reshaped = tensor.requires_grad and (tensor.shape, tensor.dtype) != (other.shape, other.dtype)
        if used or reshaped:
            raise TraceError(
                "torch.Tensor.data", "is assigned another shape or type" if reshaped else
                "is assigned after the tensor was used, which autograd does not see",
                "assign before the tensor is used, or copy_ into it under torch.no_grad() before that",
                where()[0],
            )
        with _disable_current_modes():
            alias = tensor.detach().requires_grad_(tensor.requires_grad)
            tensor.data = other
        for record in self.records:
            record.replace(tensor, alias)
        self._exchanged.append((tensor, alias))

    def current(self, tensor: Any) -> Any:
        """A variable with the memory that it had after the run."""
        return self._assigned.get(id(tensor), tensor)

    def value(self, tensor: Any, when: int) -> Any:
        """What ``tensor`` held before operation number ``when`` ran."""
        if self.saved:
            own = storage(tensor)
            later = (held for number, held in self.saved.get(own, ()) if number >= when)
            held = next(later, self._after.get(own))
            if held is not None:
                if held.dtype != tensor.dtype:
                    held = flat(held.untyped_storage(), tensor)
                return held.as_strided(tensor.size(), tensor.stride(), tensor.storage_offset())
        return tensor.detach()

    def restore(self) -> None:
        """Give memory that was there before the run the contents that it had, and generators their states."""
        for generator, state in self._generators.items():
            generator.set_state(state)
        for tensor, before in reversed(self._exchanged):
            if id(tensor) not in self._assigned:
                alias = tensor.detach().requires_grad_(tensor.requires_grad)
                self._assigned[id(tensor)] = alias
                for record in self.records:
                    record.replace(tensor, alias)
            tensor.data = before.detach()
        made: set[int] = set()
        for record in self.records if self.saved else ():
            given = {storage(tensor) for tensor in record.arguments if tensor.layout == torch.strided}
            # Tensors that are made of numbers first come up when they are lifted.
            outs = {storage(tensor) for tensor in record.outs if tensor.layout == torch.strided}
            made |= given if record.name == "lift_fresh" else outs - given
        for own, saved in self.saved.items():
            memory, before = self._memory[own], saved[0][1]
            if own not in made and own not in self._after and memory.nbytes() == before.untyped_storage().nbytes():
                self._after[own] = flat(memory, before).clone()
                memory.copy_(before.untyped_storage())

    @property
    def has_restored(self) -> bool:
        """Whether the run changed what `restore` gave back: memory that was there before, or a generator."""
        return bool(self._after or self._generators or self._exchanged)

    def _save(self, target: Any) -> None:
        memory = target.untyped_storage()
        self._memory[memory._cdata] = memory
        self.saved.setdefault(memory._cdata, []).append((len(self.records), contents(target)))


def tensors(args: Any) -> list[Any]:
    """The tensors among arguments, lists of tensors included."""
    found: list[Any] = []
    for arg in args:
        if isinstance(arg, torch.Tensor):
            found.append(arg)
        elif isinstance(arg, (list, tuple)):
            found += tensors(arg)
    return found


def _targets(places: Sequence[tuple[int, str]], args: Any, kwargs: Any) -> list[Any]:
    """The arguments at these places, by position or by name."""
    given = [args[place] if place < len(args) else kwargs.get(name) for place, name in places]
    return tensors(given)


@functools.cache
def users(file: str) -> bool:
    """Whether a file is the user's."""
    return not is_ours(file) and (not file.startswith((_TORCH, "<")) or "ipython" in file)


def where() -> tuple[Source | None, Any]:
    """The user's line, and the innermost module that is being called."""
    frame: Any = sys._getframe(2)
    source, module = None, None
    while frame is not None:
        code = frame.f_code
        if code is _CALL:
            called = frame.f_locals["self"] if module is None else module
            if source is not None:
                return source, called
            if type(called).__module__.startswith("torch.nn"):
                module = called
        elif source is None and users(code.co_filename):
            source = Source(code.co_filename, frame.f_lineno)
            if module is not None:
                break
        elif code.co_name == "run_on_tape" and is_ours(code.co_filename):
            break
        frame = frame.f_back
    return source, module
