"""What a front end hands over for many points of one function, where it can look at them together."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any

from absnormal.arrays import Array
from absnormal.frontends.traced_call import TracedCall


class ManyCalls(ABC):
    """A function as it ran at one point, for points of the same structure."""

    @property
    @abstractmethod
    def first(self) -> TracedCall:
        """The call at the point at which f was traced."""

    @abstractmethod
    def same(self, x: Any) -> bool:
        """Whether a point has the structure, the shapes and the types of the first one, and what it holds fixed."""

    @abstractmethod
    def inputs(self, points: Sequence[Any]) -> list[Array]:
        """For each leaf of the program's input its values at all points, float64, shape (count, *shape)."""

    @abstractmethod
    def results(self, points: Sequence[Any], wanted: Array) -> tuple[Array | None, list[Array]]:
        """What f returns at some of the points, those that are wanted, and for each leaf the gradients that the tool
        returns, shape (count, *shape); what is not wanted may be NaN, and so is what f does not return there.

        No values where f cannot return there what the program does not.
        """
