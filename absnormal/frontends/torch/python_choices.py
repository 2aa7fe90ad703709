"""Python's max, min and sorted of tensors: at a tie what they choose is written with torch.where and torch.sort.

They return one of the tensors that they are given, so that no operation shows that another one may be chosen next to
the point.  ``max(a, b)`` is ``torch.where(b > a, b, a)``, which has the same gradient; ``sorted`` is stable, as is
``torch.sort(stable=True)``.  Where nothing is tied they are what they are.
"""

from __future__ import annotations

import builtins
import functools
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch.utils._python_dispatch import _disable_current_modes

_MAX, _MIN, _SORTED = max, min, sorted
_LOCK = threading.Lock()
_HERE = threading.local()
_running = 0


def _extreme(original: Callable[..., Any], beyond: Callable[[Any, Any], Any]) -> Callable[..., Any]:
    """max or min, where ``beyond`` says whether a later item is chosen."""

    @functools.wraps(original)
    def choose(*args: Any, **kwargs: Any) -> Any:
        if kwargs or not _followed():
            return original(*args, **kwargs)
        items = args if len(args) > 1 else _listed(args[0])
        return functools.reduce(_chosen, items) if _tied(items) else original(items)

    def _chosen(first: Any, other: Any) -> Any:
        if not isinstance(first, torch.Tensor) and not isinstance(other, torch.Tensor):
            return original(first, other)
        return torch.where(beyond(other, first), other, first)

    return choose


@functools.wraps(sorted)
def _in_order(iterable: Iterable[Any], /, *, key: Any = None, reverse: bool = False) -> list[Any]:
    if key is not None or not _followed():
        return _SORTED(iterable, key=key, reverse=reverse)
    items = _listed(iterable)
    if not _tied(items) or not all(isinstance(item, torch.Tensor) and not item.ndim for item in items):
        return _SORTED(items, reverse=reverse)
    return list(torch.sort(torch.stack(tuple(items)), descending=reverse, stable=True).values.unbind())


def _tied(items: Any) -> bool:
    """Whether some are equal of a list of numbers and tensors of one shape, with one entry each, of which some have a
    derivative."""
    if not isinstance(items, (tuple, list)):
        return False
    given = [item for item in items if isinstance(item, torch.Tensor)]
    if not given or not all(isinstance(item, (int, float, torch.Tensor)) for item in items):
        return False
    alike = len({(item.shape, item.dtype) for item in given}) == 1
    if not alike or given[0].numel() != 1 or not any(item.requires_grad for item in given):
        return False
    with _disable_current_modes():
        values = {item.item() if isinstance(item, torch.Tensor) else item for item in items}
    return len(values) < len(items)


def _listed(items: Any) -> Any:
    """What can be gone through once as a list."""
    return list(items) if isinstance(items, (Iterator, torch.Tensor)) else items


def _followed() -> bool:
    """Whether a function is followed in this thread."""
    return bool(getattr(_HERE, "runs", 0))


_STAND_INS = {"max": _extreme(max, lambda a, b: a > b), "min": _extreme(min, lambda a, b: a < b), "sorted": _in_order}
_ORIGINALS = {"max": _MAX, "min": _MIN, "sorted": _SORTED}


def _count(change: int) -> None:
    """Let them stand in as long as a function runs in one of the threads."""
    global _running
    with _LOCK:
        _running += change
        for name, original in _ORIGINALS.items():
            if getattr(builtins, name) in (original, _STAND_INS[name]):
                setattr(builtins, name, _STAND_INS[name] if _running else original)


@contextmanager
def followed_choices() -> Iterator[None]:
    """While a function runs in this thread."""
    _HERE.runs = getattr(_HERE, "runs", 0) + 1
    _count(1)
    try:
        yield
    finally:
        _count(-1)
        _HERE.runs -= 1
