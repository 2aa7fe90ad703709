"""All rules: from an ATen operation, without its overload, to nodes of a program."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from absnormal.frontends.torch import (
    adjoints,
    algebra,
    derivatives,
    elementwise,
    layers,
    order,
    pairs,
    reductions,
    scattering,
    sequences,
    shapes,
    windows,
)

RULES: dict[str, Callable[..., Any]] = {}
_TABLES = (
    elementwise, shapes, scattering, reductions, order, windows, layers, algebra, derivatives, adjoints,
    sequences, pairs,
)  # fmt: skip
for _table in (module.RULES for module in _TABLES):
    _twice = RULES.keys() & _table.keys()
    assert not _twice, f"operations with two rules: {sorted(_twice)}"
    RULES |= _table
