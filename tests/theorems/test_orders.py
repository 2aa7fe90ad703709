"""Sorted lists with many ties: the order that a tool takes is one direction, whatever the network behind it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax.numpy as jnp
import numpy as np
import pytest
import torch

import absnormal as an
from absnormal.active.orders import ordered

TOOLS: dict[str, tuple[Any, Callable[[Any], Any]]] = {
    "autograd": (np, np.asarray), "jax": (jnp, jnp.asarray), "torch": (torch, lambda x: torch.tensor(x)),
}  # fmt: skip


def weights(np: Any, n: int) -> Any:
    return np.linspace(-1.0, 2.0, n) if np is not torch else torch.linspace(-1.0, 2.0, n, dtype=torch.float64)


STATISTICS: dict[str, Callable[[Any, Any], Any]] = {
    "sort": lambda np, x: (np.sort(x)[0] if np is torch else np.sort(x)) @ weights(np, len(x)),
    "quantile": lambda np, x: np.quantile(x, 0.3),
    "trimmed": lambda np, x: (np.sort(x**2)[0] if np is torch else np.sort(x**2))[: len(x) // 2].sum(),
    "of sums": lambda np, x: (np.sort(np.cumsum(x, 0))[0] if np is torch else np.sort(np.cumsum(x)))[len(x) // 3],
}


@pytest.mark.parametrize("n", [12, 100])
@pytest.mark.parametrize("tool", TOOLS)
@pytest.mark.parametrize("name", STATISTICS)
def test_a_sort_of_equal_entries_is_open_along_a_direction(name: str, tool: str, n: int) -> None:
    np_, made = TOOLS[tool]
    x = np.zeros(n) if name == "of sums" else np.ones(n)
    report = an.verify(lambda x: STATISTICS[name](np_, x), made(x))
    assert report and report.method in ("direction", "membership", "likq")
    assert report.certificate is not None and report.certificate.check()


@pytest.mark.parametrize("n", [1000])
def test_a_thousand_equal_entries(n: int) -> None:
    report = an.verify(np.median, np.zeros(n))
    assert report and report.method == "likq" and sum(report.gradient) == pytest.approx(1.0)


def test_the_median_of_torch_shares_among_ties() -> None:
    for f in (torch.median, torch.nanmedian):
        report = an.verify(lambda x, f=f: f(x), torch.tensor([0.0, 1.0, 1.0, 2.0, 1.0], dtype=torch.float64))
        assert report and report.gradient.sum().item() == pytest.approx(1.0)
        assert f is torch.nanmedian or report.gradient.tolist() == pytest.approx([0, 1 / 3, 1 / 3, 0, 1 / 3])
    with pytest.raises(an.TraceError, match="holds NaN"):
        an.verify(lambda x: torch.nanmedian(x), torch.tensor([0.0, float("nan")]))


def test_slopes_that_go_round_in_a_circle_have_no_order() -> None:
    """x0 > x1 > x2 > x0."""
    f = lambda x: np.maximum(x, np.roll(x, -1)).sum()  # noqa: E731
    problem = an.verify(f, [0.0, 0.0, 0.0], slope=1.0).problem
    sweeps = problem.sweeps
    assert ordered(sweeps, problem.sigma, np.ones(3, bool)) is None
    broken = sweeps.signature(np.array([1.0, 1.0, -1.0]))
    order = ordered(sweeps, broken, np.ones(3, bool))
    assert order is not None and order.direction is not None
    assert (np.array([1.0, 1.0, -1.0]) * (order.direction - np.roll(order.direction, -1)) > 0).all()


def test_what_is_compared_with_a_constant_is_kept_beside_it() -> None:
    f = lambda x: np.maximum(np.maximum(x, 0.0), x[::-1] + 0.0).sum()  # noqa: E731
    sweeps = an.verify(f, [0.0, 0.0], slope=1.0).problem.sweeps
    order = ordered(sweeps, sweeps.signature(np.array([1.0, -1.0, 1.0, 1.0])), np.ones(4, bool))
    assert order is None or order.direction is None or order.direction[0] > 0 > order.direction[1]
