"""How many terms forms may add up, and until when."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

#: Additions between two looks at the clock.
_LOOK = 20_000
#: How many additions are left, and at how many the next look at the clock is due.
_left: ContextVar[list[int]] = ContextVar("_left")
_late: ContextVar[Callable[[], bool] | None] = ContextVar("_late", default=None)


class TooLarge(Exception):
    """The program is too large for arithmetic entry by entry, or for the time that there is."""


@contextmanager
def ended_when(late: Callable[[], bool]) -> Iterator[None]:
    """In its block forms end with `TooLarge` once ``late`` says so."""
    token = _late.set(late)
    try:
        yield
    finally:
        _late.reset(token)


def begin(additions: int) -> None:
    """Allow so many additions."""
    _left.set([additions, additions])


def spend(additions: int) -> None:
    """Count additions that are about to be made; raises `TooLarge` where they may not."""
    left = _left.get()
    left[0] -= additions
    if left[0] < left[1]:
        left[1] = max(0, left[0] - _LOOK)
        late = _late.get()
        if left[0] < 0 or (late is not None and late()):
            raise TooLarge
