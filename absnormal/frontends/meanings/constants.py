"""The size of what constants in a program were computed from."""

from __future__ import annotations

from typing import Any

import numpy as np

from absnormal.ops import TABLE
from absnormal.program.builder import Builder

#: Constants that were computed from others may differ by this many roundings of the largest number on the way.
ROUNDINGS = 8.0


def size(builder: Builder, index: int) -> Any:
    """The largest numbers that the entries of a constant were computed from in the program; 0 where it was not."""
    shape = builder.nodes[index].shape
    if builder.nodes[index].op == "constant":
        return 0.0
    largest, stack, seen = np.zeros(shape), [index], {index}
    while stack:
        at = stack.pop()
        value = np.abs(builder.values[at].astype(float))
        value = np.where(np.isfinite(value), value, 0.0)
        largest = np.maximum(largest, value if value.shape == shape else value.max(initial=0.0))
        node = builder.nodes[at]
        if TABLE[node.op].family == "input" or node.op in ("gather", "index"):
            continue
        new = [arg for arg in node.args if arg not in seen]
        seen.update(new)
        stack += new
    return largest
