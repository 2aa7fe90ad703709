"""The parts of a program: where an operation comes from, the operation, a branch that was followed."""

from __future__ import annotations

import linecache
import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple


@dataclass(frozen=True, slots=True)
class Source:
    """A line of the user's code."""

    file: str
    line: int

    def __str__(self) -> str:
        folder, name = os.path.split(self.file)
        # A notebook's kernel gives every cell a file of its own.
        if os.path.basename(folder).startswith("ipykernel_"):
            return f"cell:{self.line}"
        return f"{name}:{self.line}"

    @property
    def text(self) -> str:
        """The line itself, stripped; empty when the file cannot be read."""
        return linecache.getline(self.file, self.line).strip()


def placed(operation: str, source: Source | None) -> str:
    """An operation and its line, as a person looks for it."""
    return f"{operation} at {source}" if source else operation


class Node(NamedTuple):
    """One array-level operation.

    ``op`` names a row of the operation table, ``args`` are indices of earlier nodes, ``operation`` is what
    the user wrote.  A kinked node owns ``switches`` consecutive switching variables from number ``switch``
    on; -1 stands for a node that has none, or that only a guard depends on.  ``tie`` is the key of its row in
    the slope tables.
    """

    op: str
    args: tuple[int, ...]
    params: Mapping[str, Any]
    shape: tuple[int, ...]
    source: Source | None
    operation: str
    varied: bool
    switch: int = -1
    switches: int = 0
    tie: str = ""

    @property
    def own(self) -> slice:
        """Where its switching variables stand among all."""
        return slice(self.switch, self.switch + self.switches) if self.switch >= 0 else slice(0, 0)

    def owns(self, switches: Any) -> Any:
        """Whether switches, by their numbers, are its own."""
        return (switches >= self.own.start) & (switches < self.own.stop)


#: Relations that hold, or do not, between an entry and itself, and whose two sides tell how far a branch reaches.
COMPARED = frozenset({">", ">=", "<", "<=", "==", "!="})


@dataclass(frozen=True, slots=True)
class Guard:
    """A comparison of two nodes that the user's code branched on, with the outcome that was followed."""

    left: int
    right: int
    relation: str
    outcome: Any
    source: Source | None
    operation: str
