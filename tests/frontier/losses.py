"""Losses as people write them, at their ties; sorts, dynamic programming, distances of equal things."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import product
from typing import Any

import numpy as np
import torch

from .problem import Problem


def _data(n: int, d: int, seed: int) -> tuple[Any, Any]:
    rng = np.random.default_rng(seed)
    return rng.standard_normal((n, d)), (rng.random(n) > 0.5).astype(float)


def cross_entropy() -> Iterator[Problem]:
    """The stable logistic loss by hand at a zero-initialised head: torch's ties give no Clarke gradient."""
    for n, seed in product((2, 3, 4, 6, 8, 16, 64, 256, 1024, 4096), range(2)):
        data, y = _data(n, 5, seed)
        torch_data, torch_y = torch.tensor(data), torch.tensor(y)

        def in_numpy(w: Any, data: Any = data, y: Any = y) -> Any:
            z = data @ w
            return (np.maximum(z, 0) - z * y + np.log1p(np.exp(-np.abs(z)))).mean()

        def in_torch(w: Any, data: Any = torch_data, y: Any = torch_y) -> Any:
            z = data @ w
            return (torch.relu(z) - z * y + torch.log1p(torch.exp(-z.abs()))).mean()

        right = ((0.5 - y)[:, None] * data).mean(axis=0)
        wrong = (-y[:, None] * data).mean(axis=0)
        family = "hand-written losses"
        yield Problem(family, f"cross-entropy {n} torch seed {seed}", in_torch, torch.zeros(5).double(), {}, False)
        for slope in (-1.0, 0.0):
            # One slope for all: what the relu and the |.| change cancels.
            yield Problem(family, f"cross-entropy {n} slope {slope} seed {seed}", in_numpy, np.zeros(5),
                          {"slope": slope}, True)
        for vector, truth in ((right, True), (wrong, False)):
            yield Problem(family, f"cross-entropy {n} given {truth} seed {seed}", in_numpy, np.zeros(5),
                          {"gradient": vector}, truth)


LOSSES: dict[str, tuple[Callable[[Any, Any], Any], bool]] = {
    # Of the residuals r and signs y; whether all kinks enter with one sign.
    "absolute": (lambda r, y: np.abs(r).mean(), True),
    "hinge": (lambda r, y: np.maximum(0, y * r).mean(), True),
    "pinball": (lambda r, y: np.maximum(0.3 * r, -0.7 * r).mean(), True),
    "insensitive": (lambda r, y: np.maximum(np.abs(r) - 0.0, 0).mean(), True),
    "trimmed": (lambda r, y: np.sort(r**2)[: len(r) // 2 + 1].sum(), False),
    "trimmed absolute": (lambda r, y: np.sort(np.abs(r))[: len(r) // 2 + 1].sum(), False),
    "median absolute": (lambda r, y: np.median(np.abs(r)), False),
    "clipped": (lambda r, y: np.minimum(np.abs(r), 1.0).mean(), True),
    "ramp": (lambda r, y: (np.maximum(0, y * r) - np.maximum(0, y * r - 1)).mean(), True),
    "huber": (lambda r, y: np.where(np.abs(r) < 1, r**2 / 2, np.abs(r) - 0.5).mean(), True),
    "log": (lambda r, y: np.log1p(np.abs(r)).mean(), True),
    "proximal policy": (lambda r, y: np.maximum((r - y) ** 2, (np.clip(r, -0.2, 0.2) - y) ** 2).mean(), True),
    "sum of two": (lambda r, y: (np.abs(r) + np.maximum(r, 0)).mean(), True),
    "relu minus relu": (lambda r, y: (np.maximum(r, 0) - np.maximum(-r, 0) - y * r).mean(), False),
}  # fmt: skip


def by_hand() -> Iterator[Problem]:
    """Linear models at residuals that are all 0."""
    for name, n, slope, seed in product(LOSSES, (4, 40, 400), (-1.0, 0.0), range(2)):
        loss, regular = LOSSES[name]
        data, y = _data(n, 6, seed)
        yield Problem("hand-written losses", f"{name} {n} slope {slope} seed {seed}",
                      lambda w, loss=loss, data=data, y=2 * y - 1: loss(data @ w, y), np.zeros(6), {"slope": slope},
                      True if regular else None)  # fmt: skip


STATISTICS: dict[str, tuple[Callable[[Any], Any], Callable[[Any], Any] | None]] = {
    "median": (np.median, None),
    "quantile": (lambda x: np.quantile(x, 0.3), lambda x: torch.quantile(x, 0.3)),
    "sort": (lambda x: np.sort(x) @ np.linspace(-1, 1, len(x)),
             lambda x: torch.sort(x)[0] @ torch.linspace(-1, 1, len(x), dtype=x.dtype)),
    "top": (lambda x: np.partition(x, -2)[-2:].sum(), lambda x: torch.topk(x, 2)[0].sum()),
    "trimmed mean": (lambda x: np.sort(x)[1:-1].mean(), lambda x: torch.sort(x)[0][1:-1].mean()),
    "range": (lambda x: np.max(x) - np.min(x), lambda x: x.max() - x.min()),
    "k-th": (lambda x: np.sort(x)[len(x) // 3], lambda x: torch.kthvalue(x, len(x) // 3 + 1)[0]),
}  # fmt: skip


def order_statistics() -> Iterator[Problem]:
    """Of equal entries, of some equal entries: each is a Clarke gradient, a permutation or a mean of some."""
    for name, n, kind in product(STATISTICS, (5, 12, 50, 300, 1000), ("equal", "pairs")):
        x = np.zeros(n) if kind == "equal" else np.repeat(np.arange((n + 1) // 2), 2)[:n].astype(float)
        in_numpy, in_torch = STATISTICS[name]
        yield Problem("order statistics", f"{name} of {n} {kind} numpy", in_numpy, x, {}, True)
        if in_torch is not None:
            yield Problem("order statistics", f"{name} of {n} {kind} torch", in_torch, torch.tensor(x), {}, True)


def _squares(u: Any, v: Any) -> Any:
    return (u - v) ** 2 + u * 0.5


def warping(m: int, costs: Callable[[Any, Any], Any] = _squares) -> Callable[[Any], Any]:
    """The distance of two series of length m."""

    def f(x: Any) -> Any:
        cost = costs(x[:m, None], x[None, m:])
        least = torch.minimum if isinstance(cost, torch.Tensor) else np.minimum
        row = [cost[0, 0]]
        for j in range(1, m):
            row.append(row[-1] + cost[0, j])
        for i in range(1, m):
            new = [row[0] + cost[i, 0]]
            for j in range(1, m):
                new.append(cost[i, j] + least(least(row[j], new[j - 1]), row[j - 1]))
            row = new
        return row[-1]

    return f


def _paths(m: int) -> Callable[[Any], Any]:
    def f(x: Any) -> Any:
        steps = x.reshape(m, 3, 3)
        best = steps[0, 0]
        for step in steps[1:]:
            best = np.max(best[:, None] + step, axis=0)
        return np.max(best)

    return f


def dynamic_programs() -> Iterator[Problem]:
    """Time warping and best paths where all are equally good."""
    for m, slope in product((3, 5, 8, 12, 20), (-1.0, 0.0, 1.0)):
        for name, f, n in (("warping", warping(m), 2 * m), ("paths", _paths(m), 9 * m)):
            yield Problem("dynamic programs", f"{name} {m} slope {slope}", f, np.zeros(n), {"slope": slope}, True)


DISTANCES: dict[str, tuple[Callable[[Any, Any], Any], bool | None]] = {
    "L1": (lambda a, b: np.abs(a - b).sum(), True),
    "sum of lengths": (lambda a, b: np.linalg.norm(a - b, axis=1).sum(), True),
    "triplet": (lambda a, b: np.maximum(np.abs(a - b).sum(axis=1) - np.abs(a - b[::-1]).sum(axis=1) + 0.5, 0).sum(),
                None),
    "contrast": (lambda a, b: np.maximum(1 - np.abs(a - b).sum(axis=1), 0).sum(), True),
    "largest": (lambda a, b: np.abs(a - b).max(), True),
    "Hausdorff": (lambda a, b: np.abs(a[:, None] - b[None]).sum(axis=2).min(axis=1).max(), None),
    "total variation": (
        lambda a, b: np.abs(np.diff(a, axis=0)).sum() + np.abs(np.diff(a, axis=1)).sum() + b.sum(), True),
    "isotropic variation": (
        lambda a, b: np.sqrt(np.diff(a, axis=0)[:, 1:] ** 2 + np.diff(a, axis=1)[1:] ** 2).sum() + b.sum(), True),
}  # fmt: skip


def distances() -> Iterator[Problem]:
    """Of things that are equal."""
    for name, rows, slope in product(DISTANCES, (2, 8, 30), (-1.0, 0.0, 1.0)):
        function, truth = DISTANCES[name]
        shared = np.random.default_rng(rows).integers(-2, 3, (rows, 4)).astype(float)
        flat = np.concatenate([shared, shared])
        if "variation" in name:
            flat = np.zeros((2 * rows, 4))
        norms = name in ("sum of lengths", "isotropic variation")
        if norms and slope:
            continue
        yield Problem("distances", f"{name} of {rows} slope {slope}",
                      lambda x, f=function, rows=rows: f(x[:rows], x[rows:]), flat, {"slope": slope}, truth)
