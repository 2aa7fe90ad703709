"""Convolutions of NumPy arrays by torch's kernels, which the sweeps use for a program that torch ran."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import torch

from absnormal.arrays import Array
from absnormal.ops.convolution import Layout, Shape


class TorchLayout(Layout):
    """A layout whose convolutions of floating-point arrays run in torch; it pickles as one that needs no torch."""

    def convolve(self, x: Array, weight: Array) -> Array:
        if not _fits(x, weight):
            return super().convolve(x, weight)
        made = torch.convolution(_tensor(x), _tensor(weight), None, *self._plain, False, [0], self.groups)
        return np.asarray(made.numpy())

    def convolve_back(self, y: Array, weight: Array, shape: Shape) -> Array:
        if not _fits(y, weight):
            return super().convolve_back(y, weight, shape)
        if self.groups == 1 and not any(self.padding) and shape[2:] == y.shape[2:]:
            # Filters that keep the size without zeros around it are one matrix at every place.  Torch's kernel takes up
            # to ten times as long where images are small.
            rows = y.reshape(*y.shape[:2], math.prod(y.shape[2:]))
            return np.asarray(np.matmul(weight.reshape(weight.shape[:2]).T, rows).reshape(shape))
        return self._backward(y, torch.empty(shape, dtype=_tensor(y).dtype), _tensor(weight), 0)

    def correlate(self, x: Array, y: Array, kernel: Shape) -> Array:
        if not _fits(x, y):
            return super().correlate(x, y, kernel)
        shape = (y.shape[1], x.shape[1] // self.groups, *kernel)
        # A shape that is one number repeated would be written out by the kernel.
        return self._backward(y, _tensor(x), torch.empty(shape, dtype=_tensor(x).dtype), 1)

    @property
    def _plain(self) -> tuple[list[int], ...]:
        return list(self.stride), list(self.padding), list(self.dilation)

    def _backward(self, y: Array, x: Any, weight: Any, place: int) -> Array:
        """The derivative by x (place 0) or by the weight (1)."""
        wanted = [place == 0, place == 1, False]
        made = torch.ops.aten.convolution_backward(
            _tensor(y), x, weight, None, *self._plain, False, [0], self.groups, wanted)
        return np.asarray(made[place].numpy())

    def __reduce__(self) -> Any:
        return Layout, (self.stride, self.padding, self.dilation, self.groups)


def _fits(*arrays: Array) -> bool:
    kinds = {array.dtype for array in arrays}
    return len(kinds) == 1 and kinds <= {np.dtype(np.float32), np.dtype(np.float64)}


def _tensor(array: Array) -> Any:
    """A tensor on the same memory; what cannot be written to is copied."""
    plain = array.flags.writeable and all(stride >= 0 for stride in array.strides)
    return torch.from_numpy(array if plain else array.copy())
