"""Torch's convolutions of arrays are those of NumPy's formulas."""

from __future__ import annotations

import numpy as np
import pytest

from absnormal.frontends.torch.kernels import TorchLayout
from absnormal.ops.convolution import Layout, forward_shape

#: Batch, channels of a group and filters of a group, groups, size, kernel, stride, padding, dilation.
CASES = [
    (2, 3, 4, 1, (5, 6), (3, 2), (1, 2), (1, 0), (1, 2)),
    (2, 2, 3, 2, (4, 4), (3, 3), (1, 1), (1, 1), (1, 1)),
    # A matrix for each place, and what nearly is one.
    (2, 3, 4, 1, (5, 6), (1, 1), (1, 1), (0, 0), (1, 1)),
    (2, 3, 4, 1, (7,), (1,), (1,), (0,), (2,)),
    (2, 3, 4, 1, (2, 3, 2), (1, 1, 1), (1, 1, 1), (0, 0, 0), (1, 1, 1)),
    (2, 3, 4, 1, (5, 6), (1, 1), (1, 2), (0, 0), (1, 1)),
    (2, 3, 4, 1, (5, 6), (1, 1), (1, 1), (1, 0), (1, 1)),
    (2, 3, 4, 1, (3,), (1,), (2,), (1,), (1,)),
    (2, 3, 4, 2, (5, 6), (1, 1), (1, 1), (0, 0), (1, 1)),
    (2, 3, 4, 1, (5, 6), (1, 2), (1, 1), (0, 0), (1, 1)),
]


@pytest.mark.parametrize("dtype", [np.float32, np.float64], ids=["float32", "float64"])
@pytest.mark.parametrize("case", CASES, ids=str)
def test_convolutions_and_their_transposes(case: tuple, dtype: type) -> None:
    count, into, out, groups, size, kernel, *steps = case
    rng = np.random.default_rng(0)
    plain, layout = (kind(*steps, groups) for kind in (Layout, TorchLayout))
    x = rng.integers(-4, 5, (count, into * groups, *size)).astype(dtype)
    weight = rng.integers(-4, 5, (out * groups, into, *kernel)).astype(dtype)
    y = rng.integers(-4, 5, forward_shape(x.shape, weight.shape, plain)).astype(dtype)
    for made, wanted in (
        (layout.convolve(x, weight), plain.convolve(x, weight)),
        (layout.convolve_back(y, weight, x.shape), plain.convolve_back(y, weight, x.shape)),
        (layout.correlate(x, y, kernel), plain.correlate(x, y, kernel)),
    ):
        # Small integers are exact in any order.
        assert made.dtype == dtype
        assert np.array_equal(made, wanted)


def test_no_images() -> None:
    layout = TorchLayout((1, 1), (0, 0), (1, 1), 1)
    assert layout.convolve_back(np.zeros((0, 4, 2, 3)), np.ones((4, 3, 1, 1)), (0, 3, 2, 3)).shape == (0, 3, 2, 3)
