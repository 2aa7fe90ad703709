"""Python's max, min and sorted of a framework's numbers, where they are tied: written with its where and its sort.

They return one of the numbers that they are given, so that no operation shows that another one may be chosen next to
the point.  ``max(a, b)`` is ``where(b > a, b, a)``, which has the same gradient; ``sorted`` is stable, as is the sort.
Everything else they do as ever, and so they do in other threads.
"""

from __future__ import annotations

import builtins
import functools
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

_ORIGINALS: dict[str, Any] = {"max": max, "min": min, "sorted": sorted}


@dataclass(frozen=True, eq=False)
class Library:
    """A framework's numbers.

    Attributes
    ----------
    kind
        their type
    tied
        whether some of a list are, or may be, equal and have a derivative, so that they are written as follows
    where, in_order
        the choice between two, and a list in ascending or descending order, which leaves equal ones as they come
    """

    kind: Any
    tied: Callable[[Sequence[Any]], bool]
    where: Callable[[Any, Any, Any], Any]
    in_order: Callable[[Sequence[Any], bool], list[Any]]


class _Here(threading.local):
    """The numbers of the function that is followed in this thread."""

    library: Library | None = None


_HERE, _LOCK = _Here(), threading.Lock()
_running = 0


def _extreme(original: Callable[..., Any], beyond: Callable[[Any, Any], Any]) -> Callable[..., Any]:
    """max or min, where ``beyond`` says whether a later item is chosen."""

    @functools.wraps(original)
    def choose(*args: Any, **kwargs: Any) -> Any:
        library = _HERE.library
        if kwargs or library is None:
            return original(*args, **kwargs)
        items = args if len(args) > 1 else _listed(args[0], library)
        if not _chosen_among(items, library):
            return original(items)

        def chosen(first: Any, other: Any) -> Any:
            if not isinstance(first, library.kind) and not isinstance(other, library.kind):
                return original(first, other)
            return library.where(beyond(other, first), other, first)

        return functools.reduce(chosen, items)

    return choose


@functools.wraps(sorted)
def _in_order(iterable: Iterable[Any], /, *, key: Any = None, reverse: bool = False) -> list[Any]:
    library = _HERE.library
    original: Callable[..., list[Any]] = _ORIGINALS["sorted"]
    if key is not None or library is None:
        return original(iterable, key=key, reverse=reverse)
    items = _listed(iterable, library)
    if not _chosen_among(items, library) or not all(isinstance(item, library.kind) and not item.ndim for item in items):
        return original(items, reverse=reverse)
    return library.in_order(items, reverse)


def _chosen_among(items: Any, library: Library) -> bool:
    """Whether items are a list of numbers, some of them the library's and of one shape and type, that may be tied."""
    if not isinstance(items, (tuple, list)):
        return False
    given = [item for item in items if isinstance(item, library.kind)]
    if not given or not all(isinstance(item, (int, float, library.kind)) for item in items):
        return False
    alike = len({(tuple(item.shape), item.dtype) for item in given}) == 1
    return alike and all(size == 1 for size in given[0].shape) and library.tied(items)


def _listed(items: Any, library: Library) -> Any:
    """What can be gone through once as a list."""
    return list(items) if isinstance(items, (Iterator, library.kind)) else items


_STAND_INS = {"max": _extreme(max, lambda a, b: a > b), "min": _extreme(min, lambda a, b: a < b), "sorted": _in_order}


def _count(change: int) -> None:
    """Let them stand in as long as a function runs in one of the threads."""
    global _running
    with _LOCK:
        _running += change
        for name, original in _ORIGINALS.items():
            if getattr(builtins, name) in (original, _STAND_INS[name]):
                setattr(builtins, name, _STAND_INS[name] if _running else original)


@contextmanager
def followed_choices(library: Library) -> Iterator[None]:
    """While a function of these numbers runs in this thread."""
    before, _HERE.library = _HERE.library, library
    _count(1)
    try:
        yield
    finally:
        _count(-1)
        _HERE.library = before
