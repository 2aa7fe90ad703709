"""Real models at small sizes: what makes their gradients hard to compare is depth, normalisation and precision."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from torch import nn


class Model(NamedTuple):
    """A module, its input and its labels."""

    module: nn.Module
    x: Any
    labels: Any

    def loss(self) -> Any:
        return F.cross_entropy(self.module(self.x).float(), self.labels)


def conv(channels: int, out: int, size: int = 3, stride: int = 1, groups: int = 1) -> nn.Sequential:
    layer = nn.Conv2d(channels, out, size, stride, size // 2, groups=groups)
    return nn.Sequential(layer, nn.BatchNorm2d(out))


class Residual(nn.Module):
    """x + branch(x), and a relu where ``last``."""

    def __init__(self, branch: nn.Module, skip: nn.Module | None = None, last: bool = True) -> None:
        super().__init__()
        self.branch, self.skip, self.last = branch, skip or nn.Identity(), last

    def forward(self, x: Any) -> Any:
        y = self.branch(x) + self.skip(x)
        return torch.relu(y) if self.last else y


class Dense(nn.Module):
    """The input and what a layer makes of it, one after the other."""

    def __init__(self, channels: int, growth: int) -> None:
        super().__init__()
        self.layer = nn.Sequential(nn.BatchNorm2d(channels), nn.ReLU(), nn.Conv2d(channels, growth, 3, 1, 1))

    def forward(self, x: Any) -> Any:
        return torch.cat([x, self.layer(x)], 1)


class Last(nn.Module):
    """The last state of a recurrent layer, and a head."""

    def __init__(self, layer: nn.Module, head: nn.Module) -> None:
        super().__init__()
        self.layer, self.head = layer, head

    def forward(self, x: Any) -> Any:
        return self.head(self.layer(x)[0][:, -1])


def _head(channels: int) -> list[nn.Module]:
    return [nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(channels, 10)]


def _basic(channels: int, out: int, stride: int) -> nn.Module:
    skip = None if channels == out and stride == 1 else conv(channels, out, 1, stride)
    return Residual(nn.Sequential(conv(channels, out, 3, stride), nn.ReLU(), conv(out, out)), skip)


def _bottleneck(channels: int, out: int, stride: int, groups: int = 1) -> nn.Module:
    inner = out // 4 if groups == 1 else out
    skip = None if channels == out and stride == 1 else conv(channels, out, 1, stride)
    branch = nn.Sequential(
        conv(channels, inner, 1), nn.ReLU(), conv(inner, inner, 3, stride, groups), nn.ReLU(), conv(inner, out, 1))
    return Residual(branch, skip)


def _inverted(channels: int, out: int, stride: int) -> nn.Module:
    inner = 6 * channels
    branch = nn.Sequential(
        conv(channels, inner, 1), nn.ReLU6(), conv(inner, inner, 3, stride, inner), nn.ReLU6(), conv(inner, out, 1))
    return Residual(branch, last=False) if channels == out and stride == 1 else branch


def mlp() -> nn.Module:
    return nn.Sequential(nn.Flatten(), nn.Linear(192, 64), nn.ReLU(), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 10))


def deep_mlp() -> nn.Module:
    layers: list[nn.Module] = [nn.Flatten()]
    for width in (192, *[48] * 11):
        layers += [nn.Linear(width, 48), nn.BatchNorm1d(48), nn.ReLU()]
    return nn.Sequential(*layers, nn.Linear(48, 10))


def lenet() -> nn.Module:
    return nn.Sequential(
        nn.Conv2d(3, 6, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(6, 16, 3), nn.ReLU(), nn.Flatten(),
        nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, 10))  # fmt: skip


def resnet18() -> nn.Module:
    blocks = [_basic(8, 8, 1), _basic(8, 8, 1), _basic(8, 16, 2), _basic(16, 16, 1), _basic(16, 32, 2),
              _basic(32, 32, 1), _basic(32, 64, 2), _basic(64, 64, 1)]  # fmt: skip
    return nn.Sequential(conv(3, 8), nn.ReLU(), *blocks, *_head(64))


def resnet50() -> nn.Module:
    blocks, channels = [], 8
    for out, count in ((16, 3), (32, 4), (64, 6), (128, 3)):
        for number in range(count):
            blocks.append(_bottleneck(channels, out, 2 if number == 0 and out > 16 else 1))
            channels = out
    return nn.Sequential(conv(3, 8), nn.ReLU(), *blocks, *_head(128))


def mobilenet_v2() -> nn.Module:
    blocks = [_inverted(8, 8, 1), _inverted(8, 12, 2), _inverted(12, 12, 1), _inverted(12, 16, 2),
              *[_inverted(16, 16, 1) for _ in range(5)]]  # fmt: skip
    return nn.Sequential(conv(3, 8), nn.ReLU6(), *blocks, conv(16, 48, 1), nn.ReLU6(), *_head(48))


def regnet() -> nn.Module:
    blocks = [_bottleneck(8, 16, 1, 4), _bottleneck(16, 32, 2, 8), *[_bottleneck(32, 32, 1, 8) for _ in range(6)]]
    return nn.Sequential(conv(3, 8), nn.ReLU(), *blocks, *_head(32))


def densenet() -> nn.Module:
    layers: list[nn.Module] = [nn.Conv2d(3, 16, 3, 1, 1)]
    for number in range(12):
        layers.append(Dense(16 + 8 * number, 8))
    return nn.Sequential(*layers, nn.BatchNorm2d(112), nn.ReLU(), *_head(112))


def transformer() -> nn.Module:
    layer = nn.TransformerEncoderLayer(24, 4, 48, dropout=0.0, batch_first=True)
    return nn.Sequential(nn.Flatten(2), nn.Linear(64, 24), nn.TransformerEncoder(layer, 6, enable_nested_tensor=False),
        nn.Flatten(), nn.Linear(72, 10))  # fmt: skip


def lstm() -> nn.Module:
    return nn.Sequential(nn.Flatten(2), Last(nn.LSTM(64, 24, batch_first=True), nn.Linear(24, 10)))


def gru() -> nn.Module:
    return nn.Sequential(nn.Flatten(1), nn.Unflatten(1, (48, 4)), Last(nn.GRU(4, 16, batch_first=True),
        nn.Linear(16, 10)))  # fmt: skip


#: Kinked and shallow ones, which CI samples, and deep ones.
SHALLOW: dict[str, Callable[[], nn.Module]] = {"mlp": mlp, "lenet": lenet, "lstm": lstm}
DEEP: dict[str, Callable[[], nn.Module]] = {
    "resnet18": resnet18, "resnet50": resnet50, "mobilenet_v2": mobilenet_v2, "regnet": regnet, "densenet": densenet,
    "transformer": transformer, "gru": gru, "deep_mlp": deep_mlp,
}  # fmt: skip


def build(name: str, dtype: Any, seed: int, batch: int = 8) -> Model:
    """A model of a name, with weights and data of a seed."""
    torch.manual_seed(seed)
    module = {**SHALLOW, **DEEP}[name]()
    x, labels = torch.randn(batch, 3, 8, 8), torch.randint(10, (batch,))
    return Model(module.to(dtype), x.to(dtype), labels)
