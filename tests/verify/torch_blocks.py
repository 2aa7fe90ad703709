"""The blocks of which image models are built, small and written by hand."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import nn


def conv(inside: int, out: int, size: int = 3, stride: int = 1, groups: int = 1, act: Any = nn.ReLU) -> nn.Sequential:
    """Convolution, batch normalisation, activation."""
    layers = [nn.Conv2d(inside, out, size, stride, size // 2, groups=groups, bias=False), nn.BatchNorm2d(out)]
    return nn.Sequential(*layers, *([act()] if act else []))


class Sum(nn.Module):
    """A residual block: x + f(x), with a projection where shapes differ, and an activation after it."""

    def __init__(self, inner: nn.Module, short: nn.Module | None = None, act: nn.Module | None = None) -> None:
        super().__init__()
        self.inner, self.short, self.act = inner, short or nn.Identity(), act or nn.Identity()

    def forward(self, x: Any) -> Any:
        return self.act(self.inner(x) + self.short(x))


class Branches(nn.Module):
    """Branches side by side, concatenated along the channels; with ``dense`` after x itself."""

    def __init__(self, *branches: nn.Module, dense: bool = False) -> None:
        super().__init__()
        self.branches, self.dense = nn.ModuleList(branches), dense

    def forward(self, x: Any) -> Any:
        return torch.cat([*([x] if self.dense else []), *(branch(x) for branch in self.branches)], 1)


class SqueezeExcite(nn.Module):
    """Channels weighted by a gate of their means."""

    def __init__(self, width: int, act: Any = nn.ReLU, gate: Any = nn.Hardsigmoid) -> None:
        super().__init__()
        self.gate = nn.Sequential(
            nn.AdaptiveAvgPool2d(1), nn.Conv2d(width, 2, 1), act(), nn.Conv2d(2, width, 1), gate())

    def forward(self, x: Any) -> Any:
        return x * self.gate(x)


class Shuffled(nn.Module):
    """ShuffleNet: half of the channels goes through a branch, then groups are shuffled."""

    def __init__(self, width: int) -> None:
        super().__init__()
        half = width // 2
        self.branch = nn.Sequential(conv(half, half, 1), conv(half, half, 3, 1, half, act=None), conv(half, half, 1))

    def forward(self, x: Any) -> Any:
        kept, other = x.chunk(2, 1)
        y = torch.cat([kept, self.branch(other)], 1)
        n, c, h, w = y.shape
        return y.view(n, 2, c // 2, h, w).transpose(1, 2).contiguous().view(n, c, h, w)


class ConvNeXt(nn.Module):
    """Depthwise convolution, layer normalisation over channels, GELU, layer scale."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.depthwise, self.norm = nn.Conv2d(width, width, 7, padding=3, groups=width), nn.LayerNorm(width)
        self.inner = nn.Sequential(nn.Linear(width, 2 * width), nn.GELU(), nn.Linear(2 * width, width))
        self.scale = nn.Parameter(torch.full((width, 1, 1), 1e-2))

    def forward(self, x: Any) -> Any:
        y = self.inner(self.norm(self.depthwise(x).permute(0, 2, 3, 1))).permute(0, 3, 1, 2)
        return x + self.scale * y


class Windows(nn.Module):
    """Swin: attention inside windows of a rolled image, with a table of relative positions and a mask at the seam."""

    def __init__(self, width: int, size: int, window: int, shift: int) -> None:
        super().__init__()
        self.size, self.window, self.shift = size, window, shift
        self.norm, self.qkv, self.out = nn.LayerNorm(width), nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.table = nn.Parameter(torch.randn((2 * window - 1) ** 2))
        place = torch.cartesian_prod(torch.arange(window), torch.arange(window))
        apart = place[:, None] - place[None] + window - 1
        self.register_buffer("index", apart[..., 0] * (2 * window - 1) + apart[..., 1])
        region = torch.zeros(size, size)
        region[-shift:] += 2
        region[:, -shift:] += 1
        parts = self._cut(region[None, :, :, None])[..., 0]
        self.register_buffer("mask", (parts[:, None] != parts[:, :, None]) * -100.0)

    def _cut(self, x: Any) -> Any:
        n, h, w, c = x.shape
        k = self.window
        return x.view(n, h // k, k, w // k, k, c).permute(0, 1, 3, 2, 4, 5).reshape(-1, k * k, c)

    def forward(self, x: Any) -> Any:
        y = self.norm(x.permute(0, 2, 3, 1))
        n, h, w, c = y.shape
        y = self._cut(torch.roll(y, (-self.shift, -self.shift), (1, 2)))
        q, k, v = self.qkv(y).chunk(3, -1)
        scores = (q * c**-0.5) @ k.transpose(-2, -1) + self.table[self.index]
        scores = scores + self.mask.repeat(n, 1, 1)
        y = self.out(scores.softmax(-1) @ v)
        m = self.window
        y = y.view(n, h // m, w // m, m, m, c).permute(0, 1, 3, 2, 4, 5).reshape(n, h, w, c)
        return x + torch.roll(y, (self.shift, self.shift), (1, 2)).permute(0, 3, 1, 2)


class Grid(nn.Module):
    """MaxViT: attention over a grid of strided places."""

    def __init__(self, width: int, grid: int) -> None:
        super().__init__()
        self.grid, self.norm = grid, nn.LayerNorm(width)
        self.attention = nn.MultiheadAttention(width, 2, batch_first=True)

    def forward(self, x: Any) -> Any:
        n, c, h, w = x.shape
        g = self.grid
        y = x.view(n, c, g, h // g, g, w // g).permute(0, 3, 5, 2, 4, 1).reshape(-1, g * g, c)
        y = self.norm(y)
        y = self.attention(y, y, y, need_weights=False)[0]
        y = y.view(n, h // g, w // g, g, g, c).permute(0, 5, 3, 1, 4, 2).reshape(n, c, h, w)
        return x + y


class Patches(nn.Module):
    """ViT: patches, a class token, positions, an encoder layer."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.patch = nn.Conv2d(4, width, 2, 2)
        self.token, self.position = nn.Parameter(torch.randn(1, 1, width)), nn.Parameter(torch.randn(1, 17, width))
        self.layer = nn.TransformerEncoderLayer(width, 2, 2 * width, 0.0, "gelu", batch_first=True, norm_first=True)

    def forward(self, x: Any) -> Any:
        y = self.patch(x).flatten(2).transpose(1, 2)
        y = self.layer(torch.cat([self.token.expand(len(y), -1, -1), y], 1) + self.position)
        return y[:, 0, :, None, None]


class Pyramid(nn.Module):
    """A segmentation head: pooled context and atrous convolutions, brought to the size of the image."""

    def __init__(self, width: int, out: int) -> None:
        super().__init__()
        self.context = nn.Sequential(nn.AdaptiveAvgPool2d(2), nn.Conv2d(width, 2, 1), nn.ReLU())
        self.atrous = nn.Sequential(nn.Conv2d(width, 2, 3, padding=2, dilation=2, bias=False), nn.BatchNorm2d(2),
            nn.ReLU())  # fmt: skip
        self.out = nn.Conv2d(4, out, 1)

    def forward(self, x: Any) -> Any:
        size = x.shape[-2:]
        context = F.interpolate(self.context(x), size, mode="bilinear", align_corners=False)
        y = self.out(torch.cat([context, self.atrous(x)], 1))
        return F.interpolate(y, scale_factor=2, mode="bilinear", align_corners=True)


def inverted(width: int, act: Any, gate: nn.Module | None = None, size: int = 3) -> nn.Module:
    """An inverted residual block: expanded, depthwise, gated, projected."""
    wide = 2 * width
    middle = [gate] if gate is not None else []
    return Sum(nn.Sequential(
        conv(width, wide, 1, act=act), conv(wide, wide, size, 1, wide, act=act), *middle,
        conv(wide, width, 1, act=None)))


#: Blocks from 4 x 8 x 8.
BLOCKS: dict[str, Any] = {
    "VGG": lambda: nn.Sequential(nn.Conv2d(4, 4, 3, padding=1), nn.ReLU(True), nn.MaxPool2d(2, 2)),
    "ResNet, basic": lambda: Sum(nn.Sequential(conv(4, 6, 3, 2), conv(6, 6, act=None)), conv(4, 6, 1, 2, act=None),
        nn.ReLU(True)),
    "ResNet, bottleneck": lambda: Sum(nn.Sequential(conv(4, 2, 1), conv(2, 2), conv(2, 4, 1, act=None)), None,
        nn.ReLU(True)),
    "ResNeXt": lambda: Sum(nn.Sequential(conv(4, 4, 1), conv(4, 4, 3, 1, 2), conv(4, 4, 1, act=None)), None, nn.ReLU()),
    "DenseNet": lambda: nn.Sequential(
        Branches(
            nn.Sequential(nn.BatchNorm2d(4), nn.ReLU(True), nn.Conv2d(4, 2, 3, padding=1, bias=False)), dense=True),
        nn.BatchNorm2d(6), nn.ReLU(True), nn.Conv2d(6, 3, 1, bias=False), nn.AvgPool2d(2, 2)),
    "Inception": lambda: Branches(
        conv(4, 2, 1), nn.Sequential(conv(4, 2, 1), conv(2, 2, 5)),
        nn.Sequential(nn.AvgPool2d(3, 1, 1), conv(4, 2, 1)),
        nn.Sequential(nn.Conv2d(4, 2, (1, 7), padding=(0, 3)), nn.Conv2d(2, 2, (7, 1), padding=(3, 0)), nn.ReLU())),
    "GoogLeNet": lambda: Branches(
        conv(4, 2, 1), nn.Sequential(conv(4, 2, 1), conv(2, 3)),
        nn.Sequential(nn.MaxPool2d(3, 1, 1, ceil_mode=True), conv(4, 2, 1))),
    "SqueezeNet": lambda: nn.Sequential(
        nn.Conv2d(4, 2, 1), nn.ReLU(True), Branches(
            nn.Sequential(nn.Conv2d(2, 3, 1), nn.ReLU(True)),
            nn.Sequential(nn.Conv2d(2, 3, 3, padding=1), nn.ReLU(True))),
        nn.MaxPool2d(3, 2, ceil_mode=True)),
    "MobileNet v2": lambda: inverted(4, nn.ReLU6),
    "MobileNet v3": lambda: inverted(4, nn.Hardswish, SqueezeExcite(8), 5),
    "MNASNet": lambda: inverted(4, nn.ReLU, None, 5), "ShuffleNet": lambda: Shuffled(4),
    "EfficientNet": lambda: inverted(4, nn.SiLU, SqueezeExcite(8, nn.SiLU, nn.Sigmoid)),
    "RegNet": lambda: Sum(nn.Sequential(conv(4, 4, 1), conv(4, 4, 3, 1, 2), SqueezeExcite(4, gate=nn.Sigmoid),
        conv(4, 4, 1, act=None)), None, nn.ReLU()),
    "ConvNeXt": lambda: ConvNeXt(4), "ViT": lambda: Patches(8), "Swin": lambda: Windows(4, 8, 4, 2),
    "MaxViT": lambda: nn.Sequential(inverted(4, nn.GELU, SqueezeExcite(8, nn.SiLU, nn.Sigmoid)), Grid(4, 4)),
    "segmentation head": lambda: Pyramid(4, 3),
}  # fmt: skip
