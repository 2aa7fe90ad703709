"""Derivatives that float64 cannot hold: nothing is certified by them, and no vector is within rounding of them."""

from __future__ import annotations

import math

import numpy as np

from absnormal.errors import DomainError
from absnormal.sweeps.table import Sweeps

#: Operations that are looked at, one backward sweep each, for the one to name.
_LOOKED_AT = 1000


def overflow(sweeps: Sweeps) -> DomainError:
    """The error that names the first operation whose derivative is not finite."""
    operation, source = "f", None
    nodes = sweeps.program.nodes
    for index in [i for i, node in enumerate(nodes) if node.varied and node.op != "input"][:_LOOKED_AT]:
        seeds = np.ones((1, math.prod(nodes[index].shape)))
        with np.errstate(all="ignore"):
            size = np.asarray(sweeps.pull_node_magnitude(sweeps.signature(1.0), index, seeds), dtype=float)
        if not np.isfinite(size).all():
            operation, source = nodes[index].operation or "f", nodes[index].source
            break
    return DomainError(operation, "its derivative at this point is larger than float64 can hold", source)
