"""Recurrent layers: a cell at one step after the other, along the first axis."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from absnormal.frontends.terms import N, Terms

#: From what a step is given and the states before it to the states behind it.
Cell = Callable[[Any, Sequence[Any]], Sequence[Any]]


def layer(
    write: Terms[N], inputs: Any, states: Sequence[Any], cell: Cell, backward: bool = False
) -> tuple[N, Sequence[Any]]:
    """The first state behind every step, in the order of the inputs, and the last states; ``backward`` begins at the
    last of them."""
    rows: list[Any] = [None] * write.shape(inputs)[0]
    for step in range(len(rows))[:: -1 if backward else 1]:
        states = cell(write.index(inputs, (step,)), states)
        rows[step] = write.reshape(states[0], (1, *write.shape(states[0])))
    return write.concatenate(rows, 0), states


def gates(write: Terms[N], u: Any, count: int) -> list[N]:
    """So many parts of the last axis."""
    size = write.shape(u)[-1] // count
    return [write.index(u, (..., slice(k * size, (k + 1) * size))) for k in range(count)]


def lstm(
    write: Terms[N], parts: Sequence[Any], c: Any, activations: Sequence[Callable[[Any], Any]],
    peepholes: Sequence[Any] | None = None,
) -> list[N]:
    """The output and the memory of a cell behind those before; parts and peepholes in the order i, f, o, and g.

    The activations are those of the gates, of what is remembered and of what is given out.
    """
    (i, f, o, g), (gate, inner, outer) = parts, activations
    if peepholes is not None:
        i, f = (write.add(u, write.mul(weight, c)) for u, weight in zip((i, f), peepholes[:2], strict=True))
    c = write.add(write.mul(gate(f), c), write.mul(gate(i), inner(g)))
    if peepholes is not None:
        o = write.add(o, write.mul(peepholes[2], c))
    return [write.mul(gate(o), outer(c)), c]
