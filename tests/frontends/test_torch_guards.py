"""A program of torch with a jump in it: just inside of what was seen it is the function, just outside it says so."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch.nn import functional as F

import absnormal as an

EDGES = torch.tensor([0.0, 1.0, 3.0], dtype=torch.float64)

#: The function, where it is traced, a point just inside and one just outside of what the guards keep.
CASES: dict[str, tuple[Callable[[Any], Any], list[float], list[float], list[float]]] = {
    "round, above": (lambda x: (torch.round(x) * x).sum(), [1.2], [1.45], [1.55]),
    "round, below": (lambda x: (torch.round(x) * x).sum(), [1.2], [0.55], [0.45]),
    "floor, above": (lambda x: (torch.floor(x) * x).sum(), [1.2], [1.95], [2.05]),
    "floor, below": (lambda x: (torch.floor(x) * x).sum(), [1.2], [1.05], [0.95]),
    "ceil, above": (lambda x: (torch.ceil(x) * x).sum(), [1.2], [1.95], [2.05]),
    "ceil, below": (lambda x: (torch.ceil(x) * x).sum(), [1.2], [1.05], [0.95]),
    "trunc, near 0": (lambda x: (torch.trunc(x) * x).sum(), [0.2], [-0.95], [-1.05]),
    "trunc, above 0": (lambda x: (torch.trunc(x) * x).sum(), [1.2], [1.05], [0.95]),
    "trunc, below 0": (lambda x: (torch.trunc(x) * x).sum(), [-1.2], [-1.95], [-2.05]),
    "an edge above": (lambda x: (x * torch.searchsorted(EDGES, x)).sum(), [0.5], [0.95], [1.05]),
    "an edge below": (lambda x: (x * torch.searchsorted(EDGES, x)).sum(), [0.5], [0.05], [-0.05]),
    "softplus": (lambda x: F.softplus(x, beta=2.0).sum(), [9.0], [9.9], [10.1]),
    "hardshrink": (lambda x: F.hardshrink(x, 0.5).sum(), [0.7], [0.55], [0.45]),
    "an order": (lambda x: x @ EDGES[x.argsort()], [1.0, 2.0, 3.0], [1.0, 2.9, 3.0], [1.0, 3.1, 3.0]),
    "the largest": (lambda x: x.sum() * x.topk(1).indices[0], [1.0, 2.0, 3.0], [2.0, 1.0, 3.0], [1.0, 3.1, 3.0]),
    "the second": (lambda x: x.sum() * x.kthvalue(2).indices, [1.0, 2.0, 3.0], [1.9, 2.0, 3.0], [2.1, 2.0, 3.0]),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_just_inside_and_just_outside(name: str) -> None:
    f, traced, inside, outside = CASES[name]
    program = an.trace(f, torch.tensor(traced, dtype=torch.float64))
    for point in (traced, inside):
        assert float(program(point)) == pytest.approx(float(f(torch.tensor(point, dtype=torch.float64))))
    with pytest.raises(an.GuardError):
        program(outside)
