"""What watching a training costs: python -m tests.benchmarks.bench_watch.

A forward pass is cut where its modules end, and the shortest of many passes is taken of every stretch: on a machine
that others use, too, no whole pass is left alone.  Watched and plain passes take turns, with two series of plain ones;
how much these differ says what the figure is worth.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import nn

import absnormal as an
from tests.benchmarks.measure import keep_freed_memory

#: Of the processor, for a model.
_SECONDS = 40.0
#: A step of each kind, and how many of 16 steps are of it: all is counted, large arrays are, small ones only.
_KINDS = {0: 1, 4: 3, 1: 12}


class Everything(set[str]):
    """All places."""

    def issuperset(self, other: Any) -> bool:
        return True


class Block(nn.Module):
    """Two convolutions with batch norm and a way around them."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.first, self.second = (nn.Conv2d(channels, channels, 3, padding=1, bias=False) for _ in range(2))
        self.norm1, self.norm2 = nn.BatchNorm2d(channels), nn.BatchNorm2d(channels)
        self.relu = nn.ReLU(inplace=True)

    def forward(self, x: Any) -> Any:
        return self.relu(self.norm2(self.second(self.relu(self.norm1(self.first(x))))) + x)


def lenet() -> tuple[nn.Module, Any]:
    model = nn.Sequential(
        nn.Conv2d(1, 6, 5, padding=2), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(6, 16, 5), nn.ReLU(), nn.MaxPool2d(2),
        nn.Flatten(), nn.Linear(400, 120), nn.ReLU(), nn.Linear(120, 84), nn.ReLU(), nn.Linear(84, 10),
    )
    return model, torch.randn(64, 1, 28, 28)


def resnet() -> tuple[nn.Module, Any]:
    model = nn.Sequential(
        nn.Conv2d(3, 32, 3, padding=1), nn.BatchNorm2d(32), nn.ReLU(), nn.MaxPool2d(3, 2, 1),
        *(Block(32) for _ in range(4)), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(32, 10),
    )
    return model, torch.randn(16, 3, 64, 64)


def transformer() -> tuple[nn.Module, Any]:
    layer = nn.TransformerEncoderLayer(128, 4, 512, batch_first=True)      # relu inside
    model = nn.Sequential(nn.Linear(32, 128), nn.TransformerEncoder(layer, 3), nn.Flatten(), nn.Linear(128 * 32, 10))
    return model, torch.randn(16, 32, 32)


class Cost(NamedTuple):
    """The shortest plain step in milliseconds; what watching adds to it, and how much plain steps differ, fractions."""

    step: float
    watched: float
    noise: float


def overhead(make: Callable[[], tuple[nn.Module, Any]]) -> Cost:
    """What watched steps cost, of every kind, weighted by how many there are of it."""
    torch.manual_seed(0)
    model, X = make()
    Y = torch.randint(10, (len(X),))
    clock, stamps = time.process_time, [0.0]
    for module in model.modules():
        if not [*module.children()]:
            module.register_forward_hook(lambda *_: stamps.append(clock()))

    def loss() -> Any:
        return nn.functional.cross_entropy(model(X), Y)

    watch = an.torch.Watch(model)
    # What counting costs: no step is verified.
    watch._cleared = Everything()
    optimizer = torch.optim.SGD(model.parameters(), lr=1e-3)

    def step(number: int | None) -> tuple[Any, float]:
        """The stretches of the forward pass of a step, and the time of all of it."""
        optimizer.zero_grad()
        stamps[:] = [clock()]
        if number is None:
            found = loss()
        else:
            watch.number = number
            with watch:
                found = loss()
            watch.judged(loss, found)
        stamps.append(clock())
        stretches = np.diff(stamps)
        found.backward()
        optimizer.step()
        return stretches, clock() - stamps[0]

    series: list[int | None] = [None, *_KINDS, None]
    least: list[Any] = [np.inf] * len(series)
    whole = np.inf
    start = clock()
    while clock() - start < _SECONDS:
        for place in np.random.default_rng().permutation(len(series)):
            stretches, seconds = step(series[place])
            least[place] = np.minimum(least[place], stretches)
            whole = min(whole, seconds if series[place] is None else np.inf)
    first, *watched, last = (float(np.sum(each)) for each in least)
    mean = sum(w * count for w, count in zip(watched, _KINDS.values(), strict=True)) / sum(_KINDS.values())
    plain = float(np.sum(np.minimum(least[0], least[-1])))
    return Cost(1e3 * whole, (mean - plain) / whole, abs(first - last) / whole)


def main() -> None:
    keep_freed_memory()
    torch.set_num_threads(1)
    for make in (lenet, resnet, transformer):
        cost = overhead(make)
        print(f"{make.__name__:12s} {cost.step:8.1f} ms a step, {100 * cost.watched:+.1f} % with ties counted, plain "
              f"steps differ by {100 * cost.noise:.1f} %", flush=True)


if __name__ == "__main__":
    main()
