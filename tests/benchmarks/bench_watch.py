"""What watching a training costs, steps with and without counting in turn: python -m tests.benchmarks.bench_watch."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import torch
from torch import nn

import absnormal as an

_ROUNDS = 24
#: A step of each kind, and how many of 64 steps are of it: all is counted, large arrays are, small ones only.
_KINDS = {0: 1, 8: 7, 1: 56}


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


def overhead(make: Callable[[], tuple[nn.Module, Any]]) -> tuple[float, float]:
    """The time of a step in milliseconds, and how much longer a watched one takes, a fraction.

    Both are the least times of steps in turn, of every kind of watched steps, weighted by how many there are of it.
    """
    torch.manual_seed(0)
    model, X = make()
    Y = torch.randint(10, (len(X),))

    def loss() -> Any:
        return nn.functional.cross_entropy(model(X), Y)

    watch = an.torch.Watch(model)
    # What counting costs: no step is verified.
    watch._cleared = Everything()
    optimizer = torch.optim.SGD(model.parameters(), lr=1e-3)

    def timed(backward: Callable[[], Any]) -> float:
        start = time.process_time()
        optimizer.zero_grad()
        backward()
        optimizer.step()
        return time.process_time() - start

    plain, watched = 0.0, 0.0
    for number, count in _KINDS.items():
        least = [float("inf"), float("inf")]
        for _ in range(_ROUNDS):
            watch.number = number
            least[0] = min(least[0], timed(lambda: loss().backward()))
            least[1] = min(least[1], timed(lambda: watch.backward(loss)))
        plain, watched = plain + least[0] * count, watched + least[1] * count
    return 1e3 * plain / sum(_KINDS.values()), watched / plain - 1


def main() -> None:
    for make in (lenet, resnet, transformer):
        step, more = overhead(make)
        print(f"{make.__name__:12s} {step:8.1f} ms a step, {100 * more:+.1f} % with ties counted")


if __name__ == "__main__":
    main()
