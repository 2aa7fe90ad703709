"""Threads that a function starts: what they do with tensors is on no tape, and no derivative need show it."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from absnormal.errors import TraceError
from absnormal.frontends.torch.tape import where
from absnormal.program.nodes import Source

_START = threading.Thread.start
_LOCK = threading.Lock()


class _Watched(threading.local):
    """The lines at which the current thread started others, while it is watched."""

    lines: list[Source | None] | None = None


_WATCHED = _Watched()
_running = 0


def _start(self: threading.Thread, *args: Any, **kwargs: Any) -> None:
    if _WATCHED.lines is not None:
        _WATCHED.lines.append(where()[0])
    _START(self, *args, **kwargs)


def _count(change: int) -> None:
    """Watch as long as a function runs in one of the threads."""
    global _running
    with _LOCK:
        _running += change
        if threading.Thread.start in (_START, _start):
            threading.Thread.start = _start if _running else _START  # type: ignore[method-assign]


@contextmanager
def alone() -> Iterator[None]:
    """A function runs in this thread alone.

    Raises
    ------
    TraceError
        where it started another thread
    """
    before, _WATCHED.lines = _WATCHED.lines, []
    _count(1)
    try:
        yield
        started = _WATCHED.lines
    finally:
        _count(-1)
        _WATCHED.lines = before
    if started:
        raise TraceError(
            "threading.Thread", "is started inside of the function, and what another thread does with tensors is not"
            " seen", "compute in the function itself, and start threads outside of it", started[0],
        )
