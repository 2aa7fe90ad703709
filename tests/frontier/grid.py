"""All problems of the grid."""

from __future__ import annotations

from collections.abc import Iterator

from . import losses, networks
from .problem import Problem


def problems() -> Iterator[Problem]:
    """Family by family."""
    for family in (
        networks.bias_free, networks.activations, networks.in_torch, losses.cross_entropy, losses.by_hand,
        losses.order_statistics, losses.dynamic_programs, losses.distances,
    ):  # fmt: skip
        yield from family()
