"""How NumPy writes the nodes of an expression, norms above all."""

from __future__ import annotations

from collections.abc import Callable
from functools import reduce
from typing import Any

import numpy as np

from ..oracle import expressions as ex
from .spelled import Spellings


def _row(*entries: Any) -> Any:
    return np.stack(entries)


def _squares(*entries: Any) -> Any:
    return reduce(np.add, [u * u for u in entries])


def _beside_another(*entries: Any) -> Any:
    """The first of two norms: the other one is away from 0, with entries that are 0, and taken off again."""
    other = 7 + entries[0]
    both = np.stack([_row(*entries), np.stack([other, *[0 * other] * (len(entries) - 1)])])
    return np.linalg.norm(both, axis=1).sum() - other


#: The 2-norm of any number of entries.
NORMS: tuple[Callable[..., Any], ...] = (
    lambda *u: np.linalg.norm(_row(*u)),
    lambda *u: np.linalg.norm(_row(*u), 2),
    lambda *u: np.linalg.norm(_row(*u)[None], axis=1)[0],
    lambda *u: np.linalg.norm(_row(*u)[:, None], "fro"),
    lambda *u: np.linalg.vector_norm(_row(*u)),
    lambda *u: np.sqrt(np.sum(_row(*u) ** 2)),
    lambda *u: np.sqrt(np.square(_row(*u)).sum()),
    lambda *u: np.sqrt(_row(*u) @ _row(*u)),
    lambda *u: np.sqrt(np.dot(_row(*u), _row(*u))),
    lambda *u: np.sqrt(np.einsum("i,i->", _row(*u), _row(*u))),
    lambda *u: np.sqrt((_row(*u) * _row(*u)).sum()),
    lambda *u: np.sqrt(_squares(*u)),
    lambda *u: _squares(*u) ** 0.5,
    lambda *u: np.power(np.sum(_row(*u) ** 2), 0.5),
    lambda *u: reduce(np.hypot, u, 0.0 * u[0]),
    lambda *u: reduce(np.hypot, u) if len(u) > 1 else np.hypot(u[0], 0.0),
    _beside_another,
)

#: NumPy returns no derivatives: those that it is judged by are finite.
FINITE = NORMS

SPELLINGS: Spellings = {
    ex.Add: (np.add, lambda u, v: _row(u, v).sum(), lambda u, v: _row(u, v) @ np.array([1.0, 1.0])),
    ex.Sub: (np.subtract, lambda u, v: np.diff(_row(v, u))[0]),
    ex.Scale: (np.multiply, lambda u, k: u / (1 / k) if k else u * k),
    ex.Abs: (np.abs, lambda u: np.maximum(u, -u), lambda u: np.linalg.norm(u[None], 1)),
    ex.Max: (np.maximum, np.fmax, lambda u, v: np.where(u > v, u, v), lambda u, v: _row(u, v).max()),
    ex.Min: (np.minimum, np.fmin, lambda u, v: np.where(u < v, u, v), lambda u, v: _row(u, v).min()),
    ex.Relu: (lambda u: np.maximum(u, 0), lambda u: np.maximum(0, u), lambda u: np.where(u > 0, u, 0)),
    ex.Clip: (np.clip, lambda u, low, high: np.minimum(np.maximum(u, low), high)),
    ex.MaxList: (lambda *u: np.max(_row(*u)), lambda *u: reduce(np.maximum, u)),
    ex.Norm: NORMS,
}  # fmt: skip
LEAKY = (lambda u, k: np.maximum(u, k * u), lambda u, k: np.where(u > 0, u, k * u))
#: Smooth functions that are 0 at 0 with the derivative 1 there.
SOFT = (np.sinh, np.tanh, np.expm1)
