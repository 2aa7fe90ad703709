"""The ATen operations of a function as they run, with the user's lines, and values before they are overwritten.

A `TorchDispatchMode` sits below autograd, so the operations on the tape are those that own derivative formulas: nothing
is decomposed between what the user runs and what is judged, and the gradient comes from the very same run.
"""

from __future__ import annotations

import functools
import os
import sys
from collections.abc import Iterator
from types import CodeType
from typing import Any

import torch
from torch.utils._python_dispatch import TorchDispatchMode

_TORCH = os.path.dirname(torch.__file__) + os.sep
_OURS = __file__.rsplit("frontends", 1)[0]
#: The examples of the package stand for a user's code.
_USER_INSIDE = _OURS + "gallery"
_CALL = torch.nn.Module._call_impl.__code__
#: Operations that change the shape of their argument itself.
_RESHAPED = frozenset(f"aten::{name}_" for name in ("squeeze", "unsqueeze", "t", "transpose", "swapaxes", "as_strided"))
#: Operations that leave memory as it is.
_EMPTY = frozenset({"empty", "empty_like", "empty_strided", "new_empty", "new_empty_strided"})
_USER, _LIBRARY, _STOP = 0, 1, 2


@functools.cache
def _name(func: Any) -> str:
    name = str(func.overloadpacket.__name__)
    return name if func.namespace == "aten" else f"{func.namespace}::{name}"


class Record:
    """One operation: ``needs`` says which tensors among the arguments require a gradient, by id."""

    __slots__ = ("args", "enabled", "file", "func", "kwargs", "line", "module", "needs", "out")

    def __init__(self, func: Any, args: Any, kwargs: Any) -> None:
        self.func, self.args, self.kwargs = func, args, kwargs
        self.needs = {id(t): t.requires_grad for t in tensors(args)}
        if kwargs:
            self.needs.update((id(t), t.requires_grad) for t in tensors(tuple(kwargs.values())))
        self.enabled = torch.is_grad_enabled()
        self.file, self.line, self.module = _where()
        self.out: Any = None

    @property
    def name(self) -> str:
        """The name of the operation without its overload."""
        return _name(self.func)


class Tape(TorchDispatchMode):  # type: ignore[misc]
    """Records what runs under it."""

    def __init__(self) -> None:
        super().__init__()
        self.records: list[Record] = []
        #: For each storage, its contents before the operations that overwrote it.
        self.saved: dict[int, list[tuple[int, Any]]] = {}

    @classmethod
    def _should_skip_dynamo(cls) -> bool:
        # Compiled functions are refused, so there is no compiler to be kept out of every operation.
        return False

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        if func._schema.name in _RESHAPED:
            return self._reshaped(func, args, kwargs)
        record = Record(func, args, kwargs)
        for target in written(func, args, kwargs):
            if target.layout != torch.strided:
                continue
            flat = torch.empty(0, dtype=target.dtype, device=target.device).set_(target.untyped_storage())
            self.saved.setdefault(storage(target), []).append((len(self.records), flat.clone()))
        record.out = func(*args, **kwargs)
        if record.name in _EMPTY:
            # What is left there by chance may be NaN.
            record.out.zero_()
        self.records.append(record)
        return record.out

    def _reshaped(self, func: Any, args: Any, kwargs: Any) -> Any:
        """An operation that changes the shape of a tensor itself: the tape keeps an alias of the old one."""
        target = args[0]
        alias = target.detach().requires_grad_(target.requires_grad)
        for record in self.records:
            if id(target) in record.needs:
                record.args, record.needs[id(alias)] = _replaced(record.args, target, alias), record.needs[id(target)]
            record.out = _replaced(record.out, target, alias)
        record = Record(func, args, kwargs)
        record.args, record.needs[id(alias)] = _replaced(args, target, alias), record.needs[id(target)]
        record.out = func(*args, **kwargs)
        self.records.append(record)
        return record.out

    def value(self, tensor: Any, when: int) -> Any:
        """What ``tensor`` held before operation number ``when`` ran."""
        for number, contents in self.saved.get(storage(tensor), ()):
            if number >= when:
                return contents.as_strided(tensor.size(), tensor.stride(), tensor.storage_offset())
        return tensor.detach()


def _replaced(value: Any, old: Any, new: Any) -> Any:
    if value is old:
        return new
    if isinstance(value, (list, tuple)):
        items = [_replaced(item, old, new) for item in value]
        return items if isinstance(value, list) else tuple(items)
    return value


def tensors(args: Any) -> Iterator[Any]:
    """The tensors among arguments, lists of tensors included."""
    for arg in args:
        if isinstance(arg, torch.Tensor):
            yield arg
        elif isinstance(arg, (list, tuple)):
            yield from tensors(arg)


def storage(tensor: Any) -> int:
    """The identity of the memory that a tensor lies in."""
    return int(tensor.untyped_storage()._cdata)


@functools.cache
def _writes(func: Any) -> tuple[tuple[int, str], ...]:
    schema = func._schema.arguments
    return tuple((i, a.name) for i, a in enumerate(schema) if a.alias_info is not None and a.alias_info.is_write)


def written(func: Any, args: Any, kwargs: Any) -> list[Any]:
    """The arguments that an operation overwrites."""
    found: list[Any] = []
    places = _writes(func)
    if not places or func._schema.name in _RESHAPED:
        return found
    for place, name in places:
        target = args[place] if place < len(args) else kwargs.get(name)
        found += list(tensors([target]))
    return found


@functools.cache
def _kind(code: CodeType) -> int:
    file = code.co_filename
    if file.startswith(_OURS) and not file.startswith(_USER_INSIDE):
        return _STOP if code.co_name == "run_on_tape" else _LIBRARY
    return _LIBRARY if file.startswith((_TORCH, "<")) and "ipython" not in file else _USER


def _where() -> tuple[str, int, Any]:
    """The user's file and line, and the innermost module that is being called."""
    frame: Any = sys._getframe(2)
    file, line = "", 0
    while frame is not None:
        code = frame.f_code
        if code is _CALL:
            module = frame.f_locals["self"]
            if file or type(module).__module__.startswith("torch.nn"):
                return (file, line, module) if file else (*_user(frame), module)
        else:
            kind = _kind(code)
            if kind == _USER and not file:
                file, line = code.co_filename, frame.f_lineno
            elif kind == _STOP:
                break
        frame = frame.f_back
    return file, line, None


def _user(frame: Any) -> tuple[str, int]:
    while frame is not None:
        kind = _kind(frame.f_code)
        if kind == _USER:
            return frame.f_code.co_filename, frame.f_lineno
        if kind == _STOP:
            break
        frame = frame.f_back
    return "", 0
