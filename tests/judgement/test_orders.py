"""A vector that shows in which order a tool took tied entries: a permutation of what the places of the order add."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

import absnormal as an
from absnormal.judgement.orders import shown_orders
from absnormal.sweeps.table import Sweeps

N = 40


def majorized(q: np.ndarray, w: np.ndarray) -> bool:
    """Whether q is a mean of permutations of w (Rado)."""
    sums = [np.cumsum(np.sort(v)[::-1]) for v in (q, w)]
    return bool((sums[0] <= sums[1] + 1e-9).all() and abs(sums[0][-1] - sums[1][-1]) < 1e-9)


@pytest.mark.parametrize("seed", range(3))
def test_every_order_of_inputs_is_seen(seed: int) -> None:
    """Weights of places, some of which are equal, beside terms that are smooth, or another sort."""
    rng = np.random.default_rng(seed)
    w, smooth, other = rng.integers(-2, 3, N).astype(float), rng.integers(-3, 4, 2 * N), rng.integers(0, 3, N)
    moved = rng.permutation(N)

    def f(x: Any) -> Any:
        return np.sort(x[:N][moved]) @ w + np.sin(x) @ smooth - 2 * (np.sort(x[N:]) @ other)

    x = np.zeros(2 * N)
    for slope in (-1.0, 0.0):
        g = smooth + np.concatenate([rng.permutation(w), -2.0 * rng.permutation(other)])
        report = an.verify(f, x, gradient=g, slope=slope)
        assert report and report.certificate is not None and report.certificate.check()
        i, j = rng.choice(N, 2, replace=False)
        apart = g + 2.0 * (np.eye(2 * N)[i] - np.eye(2 * N)[j])
        if not majorized((apart - smooth)[:N], w):
            assert not an.verify(f, x, gradient=apart, slope=slope)


@pytest.mark.parametrize("pick", [0, 7, 38])
def test_one_of_many_medians(pick: int) -> None:
    g = np.eye(39)[pick]
    for median, x in ((np.median, np.ones(39)), (torch.median, torch.ones(39, dtype=torch.float64))):
        report = an.verify(lambda v, median=median: median(v) * 3.0, x, gradient=3.0 * g)
        assert report and report.certificate is not None and report.certificate.check()
        assert not an.verify(lambda v, median=median: median(v) * 3.0, x, gradient=2.0 * g)


def test_what_is_sorted_shows_an_order() -> None:
    x = np.zeros(N)
    sorts = (lambda v: np.sort(v * v + v)[7], lambda v: np.abs(v).sum(), lambda v: np.sort(v)[7])
    for f, shown in zip(sorts, (1, 0, 1), strict=True):
        sweeps = Sweeps(an.trace(f, x), x)
        assert len([*shown_orders(sweeps, np.zeros(len(sweeps.alpha)), np.eye(N)[3])]) == shown
