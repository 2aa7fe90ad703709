"""A function that returns an array: its numbers one by one, and an element of the generalized Jacobian."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from absnormal.frontends.frameworks import is_of_a_framework, traced_call
from absnormal.frontends.points import map_modules, stack
from absnormal.ops import TABLE
from absnormal.program.moves import numbered, origin
from absnormal.program.nodes import Guard, Node
from absnormal.program.program import Program
from absnormal.program.tree import of_kind


def components(f: Callable[[Any], Any] | Program, x: Any, shape: tuple[int, ...]) -> Iterator[Callable[[Any], Any]]:
    """The numbers that f returns, as functions or Programs, in the order of its flat result.

    A function of NumPy's is traced once for all of them, unless a tool runs another program.
    """
    known = traced_call(f, x) if isinstance(f, Program) or not is_of_a_framework(x) else None
    for number in range(math.prod(shape)):
        if known is not None and known.is_what_a_tool_runs:
            yield component(known.program, number)
        else:
            yield _Component(f, number)


class _Component:
    """One number of what a function returns."""

    def __init__(self, f: Callable[[Any], Any], number: int) -> None:
        self.f, self.number = f, number
        self.__name__ = f"{getattr(f, '__name__', 'f')}[{number}]"

    def __call__(self, x: Any) -> Any:
        return self.f(x).reshape(-1)[self.number]


def component(program: Program, number: int) -> Program:
    """The program of one number of the flat result, with what guards need."""
    source, place = _entry(program, number)
    size, varied = math.prod(program.nodes[source].shape), program.nodes[source].varied
    flat = Node("reshape", (source,), {"shape": (size,)}, (size,), None, "", varied)
    one = Node("index", (len(program.nodes),), {"key": (place,)}, (), None, "", varied)
    nodes = [*program.nodes, flat, one]
    keep = {index for guard in program.guards for index in (guard.left, guard.right)}
    counts = {len(nodes) - 1}
    for index in range(len(nodes) - 1, -1, -1):
        if index in counts:
            counts.update(nodes[index].args)
        elif index in keep:
            keep.update(nodes[index].args)
    places: dict[int, int] = {}
    kept: list[Node] = []
    switch = 0
    for index, node in enumerate(nodes):
        if index in counts or index in keep or node.op == "input":
            own = node.switch >= 0 and index in counts
            places[index] = len(kept)
            args = tuple(places[arg] for arg in node.args)
            kept.append(node._replace(args=args, switch=switch if own else -1))
            switch += node.switches if own else 0
    guards = tuple(
        Guard(places[g.left], places[g.right], g.relation, g.outcome, g.source, g.operation) for g in program.guards
    )
    return Program(tuple(kept), len(kept) - 1, program.tree, guards)


_NESTING = "gradient must have the keys and nesting of x"


def _entry(program: Program, number: int) -> tuple[int, int]:
    """Where a number of the flat result was computed, a node and the number of an entry: stacking only moves it."""
    index = program.output
    while True:
        index, numbers = origin(program.nodes, index)
        number, node = int(numbers.reshape(-1)[number]), program.nodes[index]
        if node.op != "concatenate":
            return index, number
        parts = [numbered(program.nodes[arg].shape) for arg in node.args]
        starts = np.cumsum([0, *(part.size for part in parts)])
        shifted = [part + start for part, start in zip(parts, starts[:-1], strict=True)]
        joined = TABLE["concatenate"].value(node.params, *shifted)
        place = int(np.asarray(joined).reshape(-1)[number])
        which = int(np.searchsorted(starts, place, side="right")) - 1
        index, number = node.args[which], place - int(starts[which])


def rows_of(jacobian: Any, x: Any, shape: tuple[int, ...]) -> list[Any]:
    """The rows of a Jacobian that was given, each in the structure of x; None for each where there is none.

    Raises
    ------
    ValueError
        where the Jacobian has other keys or another nesting than x, or an array in it does not begin with the shape of
        f's result
    """
    count = math.prod(shape)
    if jacobian is None:
        return [None] * count
    if isinstance(x, dict):
        if not isinstance(jacobian, dict) or jacobian.keys() != x.keys():
            raise ValueError(_NESTING)
        found = {key: rows_of(jacobian[key], item, shape) for key, item in x.items()}
        return [{key: rows[number] for key, rows in found.items()} for number in range(count)]
    if isinstance(x, (list, tuple)) and not all(map(np.isscalar, x)):
        if not isinstance(jacobian, (list, tuple)) or len(jacobian) != len(x):
            raise ValueError(_NESTING)
        items = [rows_of(own, item, shape) for own, item in zip(jacobian, x, strict=True)]
        return [of_kind(x, [rows[number] for rows in items]) for number in range(count)]
    if not hasattr(x, "shape") and is_of_a_framework(x):
        return [
            map_modules(lambda array, number=number: _rows(array, shape)[number], jacobian) for number in range(count)
        ]
    return _rows(jacobian, shape)


def _rows(jacobian: Any, shape: tuple[int, ...]) -> list[Any]:
    """The rows of one array."""
    array = jacobian if hasattr(jacobian, "reshape") else np.asarray(jacobian, dtype=float)
    if tuple(array.shape[: len(shape)]) != shape:
        raise ValueError(f"gradient must begin with the shape {shape} of f's result, got shape {tuple(array.shape)}")
    return [*array.reshape((math.prod(shape), *array.shape[len(shape) :]))]


def stacked(rows: list[Any], shape: tuple[int, ...]) -> Any:
    """Gradients of the numbers of f, each in the structure of x, as Jacobians in that structure.

    Each array has the shape of f's result, then that of its array of x.
    """
    first = rows[0]
    if isinstance(first, dict):
        return {key: stacked([row[key] for row in rows], shape) for key in first}
    if isinstance(first, (list, tuple)):
        items = [stacked([row[place] for row in rows], shape) for place in range(len(first))]
        return of_kind(first, items)
    if not hasattr(first, "shape"):
        return None if first is None else map_modules(lambda *arrays: stacked([*arrays], shape), *rows)
    return stack(rows).reshape(shape + tuple(first.shape))
