"""Which ties are known to be between equal entries, across the nodes that choose and move them (THEORY 4.2)."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

import absnormal as an
from absnormal.sweeps.equal_rows import EqualRows
from absnormal.sweeps.table import Sweeps
from tests.theorems.judge import fuzz


def zero_rows(f: Any, x: Any, slope: Any) -> list[bool]:
    sweeps = Sweeps(an.trace(f, x), np.asarray(x, dtype=float))
    return [bool(zero) for zero in EqualRows(sweeps, sweeps.signature(slope)).zero_rows()]


def test_what_two_maxima_choose_is_one_entry() -> None:
    """Two maxima of overlapping parts are one entry: no tie of f, though they are made by different nodes."""
    f = lambda u: np.max(np.stack([u[:3].max(), u[1:5].max()]))  # noqa: E731
    assert zero_rows(f, [1.0, 2.0, 5.0, 3.0, 4.0], 1.0) == [True]
    assert zero_rows(f, [1.0, 5.0, 2.0, 5.0, 4.0], 1.0) == [False, True]
    assert zero_rows(f, [5.0, 1.0, 2.0, 5.0, 4.0], 1.0) == [False]
    assert an.verify(f, [1.0, 2.0, 5.0, 3.0, 4.0], slope=1.0).verdict.name == "CLARKE"


def test_the_slopes_say_what_is_chosen() -> None:
    """u_1 = u_2 is a tie; what the second maximum compares is one entry only where both take the same."""
    f = lambda u: np.max(np.stack([u[:2].max(), u[:3].max()]))  # noqa: E731
    x = [5.0, 5.0, 1.0]
    assert zero_rows(f, x, [1.0, 1.0, 1.0]) == [False, False, True]
    assert zero_rows(f, x, [1.0, -1.0, 1.0]) == [False, False, False]


def test_entries_of_two_nodes_are_not_one_where_their_numbers_are() -> None:
    """The maximum of exp(x), exp(3 x) and exp(x) once more: the second tie is none, the first is one."""
    f = lambda x: np.max(np.concatenate([np.exp(x)[:1], np.exp(3 * x)[:1], np.exp(x)[::-1][1:]]))  # noqa: E731
    for slope, expected in ((1.0, [False, True]), (-1.0, [False, False])):
        assert zero_rows(f, [0.0, -1.0], slope) == expected


@st.composite
def chosen_twice(draw: st.DrawFn) -> tuple[Any, np.ndarray, int]:
    """Extrema of parts of several lengths of an affine function, moved, and extrema of parts of these."""
    seed = draw(st.integers(0, 2**31))
    rng = np.random.default_rng(seed)
    n = int(rng.integers(2, 7))
    W, b, x = rng.integers(-1, 2, (n, 3)).astype(float), rng.integers(-1, 2, n), rng.integers(-1, 2, 3).astype(float)
    parts = [rng.permutation(n)[: rng.integers(1, n + 1)] for _ in range(4)]
    again = [rng.permutation(4)[: rng.integers(2, 5)] for _ in range(2)]
    signs = rng.choice([-1, 1], 6)

    def extremum(u: Any, sign: int) -> Any:
        return u.max() if sign > 0 else u.min()

    def f(v: Any) -> Any:
        u = W @ v + b
        if rng_relu:
            u = np.maximum(u, 0)
        first = np.stack([extremum(u[part], sign) for part, sign in zip(parts, signs[:4], strict=True)])
        moved = np.concatenate([first[::-1], u[:1]]).reshape(-1, 1)[:4, 0]
        return sum(extremum(moved[part], sign) for part, sign in zip(again, signs[4:], strict=True))

    rng_relu = bool(rng.integers(2))
    return f, x, seed


@fuzz(30)
@given(chosen_twice())
def test_rows_that_are_called_zero_are_zero(case: tuple[Any, np.ndarray, int]) -> None:
    f, x, seed = case
    sweeps = Sweeps(an.trace(f, x), x)
    if not len(sweeps.alpha):
        return
    sigma = sweeps.signature(np.random.default_rng(seed).choice([-1.0, 1.0], len(sweeps.alpha)))
    found = EqualRows(sweeps, sigma).zero_rows()
    assert not sweeps.push(sigma, np.eye(3))[0][:, sweeps.alpha[found]].any()


@pytest.mark.parametrize(("batch", "dtype"), [(1, torch.float64), (3, torch.float32)])
@pytest.mark.parametrize("pools", [
    (torch.nn.MaxPool2d(3, 2, ceil_mode=True), torch.nn.MaxPool2d(3, 1, padding=1)),
    (torch.nn.MaxPool2d(3, 1, padding=1), torch.nn.MaxPool2d(3, 1, padding=1)),
    (torch.nn.MaxPool2d(2, 2, padding=1), torch.nn.MaxPool2d(3, 2, ceil_mode=True)),
])  # fmt: skip
def test_a_pool_of_a_pool_with_a_border(pools: tuple[Any, Any], batch: int, dtype: Any) -> None:
    """Windows at the border are shorter than those inside; overlapping ones choose one entry of what both see."""
    torch.manual_seed(0)
    model = torch.nn.Sequential(
        torch.nn.Conv2d(1, 3, 3, padding=1, bias=False), torch.nn.BatchNorm2d(3), torch.nn.ReLU(), *pools,
        torch.nn.Flatten(), torch.nn.LazyLinear(1),
    ).to(dtype)  # fmt: skip
    images = torch.randn(batch, 1, 10, 10, dtype=dtype)
    model(images)
    closure = lambda: model(images).square().mean()  # noqa: E731
    report = an.torch.verify(model, closure)
    assert report.active and report.method in ("private directions", "smooth"), report
    model.zero_grad()
    closure().backward()
    own = [p.grad.clone() for p in model.parameters()]
    model.zero_grad()
    an.torch.clarke_backward(model, closure)
    for p, g in zip(model.parameters(), own, strict=True):
        torch.testing.assert_close(p.grad, g, rtol=1e-4, atol=1e-6)
