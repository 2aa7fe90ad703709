"""Projections onto the simplex that count what is above a threshold, at the edge of the support."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import torch

import absnormal as an

W = np.array([1.0, -2.0, 3.0, 0.5])


def projected(z: Any) -> Any:
    """The point of the simplex that is closest to z, by bisection."""
    low, high = np.max(z) - 1, np.max(z)
    for _ in range(200):
        middle = (low + high) / 2
        low, high = (middle, high) if np.maximum(z - middle, 0).sum() > 1 else (low, middle)
    return np.maximum(z - low, 0)


def in_numpy(z: Any) -> Any:
    falling = np.sort(z)[::-1]
    total, count = np.cumsum(falling) - 1, np.arange(1, len(z) + 1)
    size = np.sum(count * falling > total)
    return np.maximum(z - total[size - 1] / size, 0)


def in_numpy_by_a_mask(z: Any) -> Any:
    falling = np.sort(z)[::-1]
    support = 1 + np.arange(1, len(z) + 1) * falling > np.cumsum(falling)
    return np.maximum(z - ((falling * support).sum() - 1) / support.sum(), 0)


def in_torch(z: Any) -> Any:
    falling = torch.sort(z, descending=True)[0]
    total, count = falling.cumsum(0) - 1, torch.arange(1, len(z) + 1)
    size = (count * falling > total).sum(dim=0).unsqueeze(0)
    return torch.clamp(z - total.gather(0, size - 1) / size.to(z.dtype), min=0)


def in_torch_by_index(z: Any) -> Any:
    falling = torch.sort(z, descending=True)[0]
    total = falling.cumsum(0)
    size = (1 + torch.arange(1, len(z) + 1, dtype=z.dtype) * falling >= total).sum()
    return torch.relu(z - (total[size - 1] - 1) / size)


def in_jax(z: Any) -> Any:
    falling = jnp.sort(z)[::-1]
    support = 1 + jnp.arange(1, len(z) + 1) * falling > jnp.cumsum(falling)
    size = support.sum()
    return jnp.maximum(z - (jnp.cumsum(falling)[size - 1] - 1) / size, 0)


Z = [(1.0, 0.0, -1.0, -2.0), (0.5, 0.0, -1.0, 0.5), (0.375, 0.125, 0.875, 0.0)]
FUNCTIONS = [(f, z) for f in (in_numpy, in_numpy_by_a_mask, in_torch, in_torch_by_index) for z in Z]


@pytest.mark.parametrize(("f", "z"), [*FUNCTIONS, (in_jax, Z[0])])
def test_the_edge_of_the_support_is_a_kink(f: Callable[[Any], Any], z: tuple[float, ...]) -> None:
    module = {in_torch: torch, in_torch_by_index: torch, in_jax: jnp}.get(f, np)
    given = torch.tensor if module is torch else module.asarray
    with jax.enable_x64(True):
        x = given(np.array(z))
        program = an.trace(lambda z: (given(W) * f(z)).sum(), x)
        random, at = np.random.default_rng(0), np.array(z)
        for d in (*np.eye(4), *-np.eye(4), *random.standard_normal((3, 4))):
            slope = (W @ projected(at + 1e-7 * d) - W @ projected(at)) / 1e-7
            assert an.directional_derivative(program, x, d) == pytest.approx(slope, abs=1e-6)
        assert an.verify(program, x, slope=-1.0).verdict is not an.Verdict.UNDECIDED
