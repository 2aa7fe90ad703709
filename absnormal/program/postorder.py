"""Going back from a node to all that it is computed from, however deep that is."""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable, Iterator
from typing import TypeVar

T = TypeVar("T")


def unknown_behind(start: T, known: Container[T], needed: Callable[[T], Iterable[T]]) -> Iterator[T]:
    """What is not known of ``start`` and of what it needs: each item behind all those that it needs, without recursion.

    Whoever goes through it makes each item known before the next is asked for.

    >>> known, needs = {}, {3: (1, 2), 2: (1,), 1: ()}
    >>> for item in unknown_behind(3, known, needs.__getitem__):
    ...     known[item] = 1 + sum(known[other] for other in needs[item])
    >>> known
    {1: 1, 2: 2, 3: 4}
    """
    stack = [start]
    while stack:
        item = stack[-1]
        missing = [] if item in known else [other for other in needed(item) if other not in known]
        if missing:
            stack += missing
            continue
        if item not in known:
            yield item
        stack.pop()
