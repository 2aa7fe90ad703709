"""Networks at zero weights, with zero or equal inputs: without biases, and with activations that kink in pairs."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import pairwise, product
from typing import Any

import numpy as np
import torch
from torch import nn

from .problem import Problem

SLOPES = (-1.0, 0.0, 1.0)


def _max_min(h: Any) -> Any:
    a, b = h[:, ::2], h[:, 1::2]
    return np.concatenate([np.maximum(a, b), np.minimum(a, b)], axis=1)


#: Activations, and by how much they multiply the width.
ACTIVATIONS: dict[str, tuple[Callable[[Any], Any], int]] = {
    "relu": (lambda h: np.maximum(h, 0), 1),
    "leaky": (lambda h: np.maximum(h, 0.1 * h), 1),
    "abs": (np.abs, 1),
    "hardtanh": (lambda h: np.clip(h, -1, 1), 1),
    "CReLU": (lambda h: np.concatenate([np.maximum(h, 0), np.maximum(-h, 0)], axis=1), 2),
    "MaxMin": (_max_min, 1),
}


def dense(sizes: tuple[int, ...], batch: int, activation: str, seed: int, loss: str) -> tuple[Any, Any]:
    """A network without biases as a function of all weights, which are 0."""
    rng = np.random.default_rng(seed)
    data, y = rng.standard_normal((batch, sizes[0])), rng.standard_normal(batch)
    act, times = ACTIVATIONS[activation]
    ends = [(a * (times if i else 1), b) for i, (a, b) in enumerate(pairwise(sizes))]

    def f(w: Any) -> Any:
        h, start = data, 0
        for i, (a, b) in enumerate(ends):
            h = h @ w[start : start + a * b].reshape(a, b)
            start += a * b
            if i < len(ends) - 1:
                h = act(h)
        out = h[:, 0]
        return ((out - y) ** 2).mean() if loss == "squares" else np.abs(out - y).mean()

    return f, np.zeros(sum(a * b for a, b in ends))


def bias_free() -> Iterator[Problem]:
    """One or two hidden layers, all weights 0 or only the first ones."""
    grid = product(([3, 4, 1], [5, 8, 1], [3, 4, 4, 1], [4, 6, 4, 1]), (1, 4, 16, 64), SLOPES, range(2))
    for sizes, batch, slope, seed in grid:
        f, x = dense(tuple(sizes), batch, "relu", seed, "squares" if seed else "absolute")
        # At zero weights behind a zero head no kink enters: all are smooth.  A head that is not 0 makes them count.
        head = np.random.default_rng(seed).standard_normal(sizes[-2])
        start = x.copy()
        start[-len(head) :] = head
        # By Even part the slope 0 is right with one hidden layer.
        truth = True if slope == 0 and len(sizes) == 3 else None
        yield Problem("bias-free networks", f"{sizes} batch {batch} seed {seed} slope {slope}", f, start,
                      {"slope": slope}, truth)


def activations() -> Iterator[Problem]:
    """A hidden layer of each kind."""
    for name, batch, slope, seed in product(ACTIVATIONS, (1, 4, 16), SLOPES, range(2)):
        f, x = dense((4, 6, 1), batch, name, seed, "absolute")
        head = np.random.default_rng(seed).standard_normal(6 * ACTIVATIONS[name][1])
        start = x.copy()
        start[-len(head) :] = head
        yield Problem("activations", f"{name} batch {batch} seed {seed} slope {slope}", f, start, {"slope": slope})


def in_torch() -> Iterator[Problem]:
    """With respect to inputs that are 0 or constant, and layers of torch."""
    kinds: dict[str, Callable[[], nn.Module]] = {
        "mlp": lambda: nn.Sequential(nn.Linear(6, 8), nn.ReLU(), nn.Linear(8, 4), nn.ReLU(), nn.Linear(4, 1)),
        "no bias": lambda: nn.Sequential(nn.Linear(6, 8, bias=False), nn.ReLU(), nn.Linear(8, 1, bias=False)),
        "deep, no bias": lambda: nn.Sequential(
            nn.Linear(6, 8, bias=False), nn.ReLU(), nn.Linear(8, 4, bias=False), nn.ReLU(),
            nn.Linear(4, 1, bias=False)),
        "conv, pool": lambda: nn.Sequential(
            nn.Unflatten(1, (1, 6)), nn.Conv1d(1, 4, 3), nn.MaxPool1d(2), nn.ReLU(), nn.Flatten(), nn.Linear(8, 1)),
        "conv, pool, no bias": lambda: nn.Sequential(
            nn.Unflatten(1, (1, 6)), nn.Conv1d(1, 4, 3, bias=False), nn.MaxPool1d(2), nn.ReLU(), nn.Flatten(),
            nn.Linear(8, 1)),
        "batch norm": lambda: nn.Sequential(nn.Linear(6, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Linear(8, 1)),
        "hardswish": lambda: nn.Sequential(nn.Linear(6, 8, bias=False), nn.Hardtanh(), nn.Linear(8, 1, bias=False)),
    }  # fmt: skip
    for name, batch, of, seed in product(kinds, (2, 8), ("inputs", "weights"), range(2)):
        torch.manual_seed(seed)
        model = kinds[name]().double()
        zeros = torch.zeros(batch, 6, dtype=torch.float64)
        if of == "inputs":
            yield Problem("torch networks", f"{name} batch {batch} seed {seed} inputs",
                          lambda x, model=model: model(x).sum(), zeros, {})
            continue
        data = torch.randn(batch, 6, dtype=torch.float64)
        own = {key: torch.zeros_like(value) if seed else value.detach() for key, value in model.named_parameters()}
        yield Problem(
            "torch networks", f"{name} batch {batch} seed {seed} weights",
            lambda p, model=model, data=data if seed else zeros: torch.func.functional_call(model, p, (data,)).sum(),
            own, {})  # fmt: skip
