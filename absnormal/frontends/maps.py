"""A function of several inputs with several outputs, as a map between flat vectors: what a check of derivatives needs.

A framework's map calls the framework's own reverse and forward mode; every call of the function gets inputs of its own.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from absnormal.arrays import Array
from absnormal.program.tree import place_of, split


@dataclass(frozen=True)
class Layout:
    """Named arrays, one after the other in a flat vector."""

    names: tuple[str, ...]
    shapes: tuple[tuple[int, ...], ...]

    @property
    def sizes(self) -> tuple[int, ...]:
        """The number of entries of each."""
        return tuple(math.prod(shape) for shape in self.shapes)

    @property
    def size(self) -> int:
        """The length of the flat vector."""
        return sum(self.sizes)

    def slices(self) -> list[slice]:
        """Where each of them lies in the flat vector."""
        ends = np.cumsum(self.sizes, dtype=int)
        return [slice(int(end) - size, int(end)) for end, size in zip(ends, self.sizes, strict=True)]

    def split(self, flat: Array) -> list[Array]:
        """The arrays of a flat vector, as views."""
        return split(flat, self.shapes)

    def entry(self, index: int) -> str:
        """What an entry of the flat vector is called.

        >>> Layout(("input 0", "input 1"), ((2,), (2, 2))).entry(4)
        'input 1, entry [1, 0]'
        """
        number, position = place_of(self.shapes, index)
        return f"{self.names[number]}, entry [{position}]" if position else self.names[number]


class Map(ABC):
    """A function at a point, with the derivatives that a tool gives.

    Attributes
    ----------
    inputs, outputs
        the variables and the differentiable results
    point
        the variables, shape (n,), in float64
    eps
        the machine epsilon of the coarsest precision among variables and results
    """

    inputs: Layout
    outputs: Layout
    point: Array
    eps: float

    @abstractmethod
    def at(self, x: Array) -> Array:
        """The results at a flat point, shape (m,), in float64."""

    @abstractmethod
    def pull(self, weights: Array, batched: bool = False) -> Array:
        """What reverse mode gives for the weights (k, m) of the results, shape (k, n); in one call under vmap."""

    @abstractmethod
    def push(self, directions: Array, batched: bool = False) -> Array:
        """What forward mode gives along directions (k, n), shape (k, m); in one call under vmap."""

    @abstractmethod
    def results(self, variables: Any) -> list[Any]:
        """The results that are checked, as arrays of the framework, of a list of its variables."""

    @property
    @abstractmethod
    def variables(self) -> list[Any]:
        """The variables as arrays of the framework."""

    def like(self, numbers: Array, dtype: Any = None) -> Any:
        """Numbers as the framework indexes with them, or multiplies by them in a type of its own."""
        return numbers if dtype is None else numbers.astype(dtype)

    def weighted(self, weights: Array) -> tuple[Callable[[Any], Any], Any]:
        """The sum of the results with weights (m,), a single one with the weight 1 as it is, as a function for
        `absnormal.verify`, and its point."""
        wanted = [own.reshape(-1) for own in self.outputs.split(weights)]

        def f(variables: Any) -> Any:
            terms = []
            for result, own in zip(self.results(variables), wanted, strict=True):
                places = np.flatnonzero(own)
                if not len(places):
                    continue
                flat, numbers = result.reshape(-1), own[places]
                picked = flat if len(places) == len(flat) else flat[self.like(places)]
                terms.append((picked if (numbers == 1).all() else picked * self.like(numbers, flat.dtype)).sum())
            return sum(terms[1:], start=terms[0])

        return f, self.variables

    def judged(self, weights: Array) -> dict[str, Any]:
        """The options with which `absnormal.verify` judges what `pull` gives for weights (m,): the framework's own
        gradient, of the function as it is written."""
        return {"stopped": "followed"}

    def shaped(self, flat: Array) -> list[Array]:
        """A flat gradient as a list of arrays, one for each variable."""
        return self.inputs.split(flat)


def as_tuple(result: Any) -> tuple[Any, ...]:
    """What a function returns, as several results."""
    return tuple(result) if isinstance(result, (tuple, list)) else (result,)


def numbered(kind: str, names: Sequence[str]) -> tuple[str, ...]:
    """Names of the leaves of a tuple as a reader knows them.

    >>> numbered("input", ["[0]", "[1].weight"])
    ('input 0', 'input 1.weight')
    """
    return tuple(f"{kind} {name[1:].replace(']', '', 1)}" for name in names)
