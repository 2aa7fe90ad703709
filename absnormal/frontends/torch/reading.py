"""What Python code does with tensors where no operation shows it: it reads truth values, whole numbers and lists,
gives memory away, registers hooks, detaches in place and assigns to .data.

``bool(u)`` is ``bool(u != 0)`` and ``int(u)`` is ``int(u.long())``, so their ties are those of the comparison and of
the conversion; a list of numbers is a read of all of them, and so is memory that is given away, as pickling does.
Text is for people: what code computes from a tensor's printed numbers is not seen.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Any

import torch
from torch.nn.parameter import is_lazy
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import _disable_current_modes

from absnormal.frontends.checks import only_checked
from absnormal.frontends.python_choices import Library
from absnormal.frontends.torch.jumps import discrete
from absnormal.frontends.torch.numbers import Checked, Use, telling
from absnormal.frontends.torch.tape import Hooked, Tape, tensors, users

_TRUTH = frozenset({torch.Tensor.__bool__, torch.is_nonzero, torch.Tensor.is_nonzero})
_WHOLE = frozenset({torch.Tensor.__int__})
_READABLE = frozenset({
    torch.Tensor.numpy, torch.Tensor.__array__, torch.Tensor.__dlpack__, torch.Tensor.untyped_storage,
    torch.Tensor.storage, torch.Tensor._typed_storage, torch.Tensor.data_ptr,
})
_LEAVING = frozenset({torch.Tensor.tolist}) | _READABLE
_GIVING = frozenset({torch.Tensor.share_memory_}) | _READABLE
_TELLING = frozenset({torch.Tensor.item, torch.Tensor.tolist})
_ENTRY_BY_ENTRY = frozenset({torch.Tensor.apply_, torch.Tensor.map_, torch.Tensor.map2_})
_GETITEM, _ONE_HOT = torch.Tensor.__getitem__, torch.nn.functional.one_hot
_NODE = frozenset({torch.Tensor.grad_fn.__get__})
_DETACHING = frozenset({torch.Tensor.detach_, torch.detach_})
_ASSIGNING = torch.Tensor.data.__set__
#: All functions of torch that show something here.
_SHOWING = _TRUTH | _WHOLE | _LEAVING | _GIVING | _TELLING | _ENTRY_BY_ENTRY | _NODE | _DETACHING | {
    _GETITEM, _ONE_HOT, _ASSIGNING, torch.Tensor.__format__, torch.Tensor.register_hook}
_WITHIN = 2.0**63


def _are_tied(items: Sequence[Any]) -> bool:
    """Whether some of a list of numbers and tensors with one entry each are equal, and some have a derivative."""
    if not any(isinstance(item, torch.Tensor) and item.requires_grad for item in items):
        return False
    with _disable_current_modes():
        values = {item.item() if isinstance(item, torch.Tensor) else item for item in items}
    return len(values) < len(items)


def _in_order(items: Sequence[Any], reverse: bool) -> list[Any]:
    return list(torch.sort(torch.stack(tuple(items)), descending=reverse, stable=True).values.unbind())


#: Tensors as what Python's max, min and sorted choose among.
TENSORS = Library(torch.Tensor, _are_tied, torch.where, _in_order)


def _is_bounded(item: Any) -> bool:
    """Whether a part of an index is a slice that reads its bounds from tensors."""
    return type(item) is slice and any(isinstance(bound, torch.Tensor) for bound in (item.start, item.stop, item.step))


def _looked_up(tape: Tape, start: int) -> None:
    """Note that u[i] was computed, since operation ``start``, for a tensor i that holds one number.

    Torch reads i and selects by that number.  So it is what the entry was looked up by, and no number of Python.
    """
    for number in range(start, len(tape.records) - 1):
        read, by = tape.records[number : number + 2]
        if read.name == "_local_scalar_dense" and by.name == "select" and discrete(read.args[0]):
            index = read.args[0]
            by.args = (*by.args[:2], index)
            by.arguments.append(index)
            by.needs[id(index)] = False
            tape.lookups.add(number)


class Reading(TorchFunctionMode):  # type: ignore[misc]
    """Writes this on the tape."""

    def __init__(self, tape: Tape) -> None:
        super().__init__()
        self._tape = tape

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if self._tape.selections:
            masks = self._tape.selections.read_by(func, tensors((args, [*(kwargs or {}).values()])))
            if masks:
                self._tape.sized(masks)
        if func not in _SHOWING:
            return func(*args, **(kwargs or {}))
        if func in _TRUTH:
            truth = func(args[0] != 0 if args[0].is_floating_point() else args[0])
            if only_checked(sys._getframe(1), users, "run_on_tape"):
                self._tape.numbers[len(self._tape.records) - 1] = Checked()
            return truth
        if func in _WHOLE and args[0].is_floating_point() and bool((args[0].detach().abs() < _WITHIN).all()):
            return func(args[0].long())
        if func in _LEAVING:
            self._tape.leaves(args[0])
            self._tape.read(args[0])
        if func is torch.Tensor.__format__:
            # What is printed is read by people.
            with _disable_current_modes():
                return func(*args, **(kwargs or {}))
        if func in _GIVING:
            self._tape.gives(args[0])
        if func in _ENTRY_BY_ENTRY:
            for tensor in (arg for arg in args if isinstance(arg, torch.Tensor)):
                self._tape.leaves(tensor)
                self._tape.read(tensor)
            self._tape.gives(args[0])
        if func is _GETITEM and not any(map(_is_bounded, args[1] if isinstance(args[1], tuple) else args[1:])):
            start = len(self._tape.records)
            found = func(*args, **(kwargs or {}))
            _looked_up(self._tape, start)
            return found
        if func is _ONE_HOT and (args[1] if len(args) > 1 else (kwargs or {}).get("num_classes", -1)) >= 0:
            start = len(self._tape.records)
            found = func(*args, **(kwargs or {}))
            # What it reads it only holds against the number of classes.
            self._tape.lookups.update(range(start, len(self._tape.records)))
            return found
        if func in _TELLING:
            value, use = func(*args, **(kwargs or {})), Use()
            self._tape.numbers[len(self._tape.records) - 1] = use
            return telling(value, (use,))
        if func in _NODE:
            self._tape.nodes_seen = True
        if func in _DETACHING:
            self._tape.detach(args[0])
        if func == _ASSIGNING and not is_lazy(args[0]):
            self._tape.exchange(*args)
            return None
        if func is torch.Tensor.register_hook:
            handle = func(*args, **(kwargs or {}))
            self._tape.hooks.append(Hooked(args[0].grad_fn, args[1] if len(args) > 1 else kwargs["hook"], handle))
            return handle
        return func(*args, **(kwargs or {}))


def _keep_compilers_out() -> None:
    """Compiled functions that f calls run as they are written, and what notes their operations is not compiled."""
    frames = torch._C._dynamo.eval_frame
    skip = frames._FrameAction.SKIP
    for method in (Tape.__torch_dispatch__, Reading.__torch_function__):
        frames.set_code_exec_strategy(method.__code__, frames._FrameExecStrategy(skip, skip))


_keep_compilers_out()
