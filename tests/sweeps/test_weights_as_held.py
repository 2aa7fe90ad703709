"""Are large weights used as a framework holds them, and not written out in double precision?"""

from __future__ import annotations

import numpy as np
import pytest
import torch

from absnormal.frontends.torch.capture import capture
from absnormal.ops import linear_maps
from absnormal.sweeps import at_point
from absnormal.sweeps.adjoints import nonzero
from absnormal.sweeps.bounds import curvatures, derivative_bounds
from absnormal.sweeps.table import Sweeps


@pytest.mark.parametrize("dtype", (torch.float32, torch.float64, torch.bfloat16))
@pytest.mark.parametrize("batch", ((), (3,)))
def test_sweeps_are_those_of_double_precision(
    monkeypatch: pytest.MonkeyPatch, dtype: torch.dtype, batch: tuple[int, ...]
) -> None:
    for module in (at_point, linear_maps):
        monkeypatch.setattr(module, "LARGE", 10)
    torch.manual_seed(0)
    model = torch.nn.Sequential(torch.nn.Linear(6, 8), torch.nn.ReLU(), torch.nn.Linear(8, 5)).to(dtype)
    torch.nn.init.zeros_(model[0].bias)
    call = capture(lambda x: model(x).square().sum(), torch.zeros(*batch, 6, dtype=dtype))
    sweeps, dense = call.sweeps(0.0), Sweeps(call.program, None, values=[np.array(value) for value in call.values])
    call.values.known[:] = [None] * len(call.values)
    sigma, rng = sweeps.signature(0.3), np.random.default_rng(0)
    rows = rng.normal(size=(4, sweeps.program.n))
    np.testing.assert_allclose(sweeps.gradient(sigma), dense.gradient(sigma), rtol=1e-13)
    for made, expected in zip(sweeps.push(sigma, rows), dense.push(sigma, rows), strict=True):
        np.testing.assert_allclose(made, expected, rtol=1e-13)
    seeds = rng.normal(size=(2, sweeps.program.s))
    for change in (np.abs, nonzero):
        pulled = (one.pull_magnitude(sigma, seeds, None, change) for one in (sweeps, dense))
        for made, expected in zip(*pulled, strict=True):
            np.testing.assert_allclose(made, expected, rtol=1e-13)
    # By the positive and the negative part.
    sides = ([found.lower, found.upper, *derivative_bounds(one, rows[0])]
             for one in (sweeps, dense) for found in [curvatures(one)])
    for made, expected in zip(*sides, strict=True):
        np.testing.assert_allclose(made, expected, rtol=1e-12)
    held = [node.op == "constant" and len(node.shape) == 2 for node in call.program.nodes]
    copied = [value is not None for value, large in zip(call.values.known, held, strict=True) if large]
    assert copied == [dtype == torch.float64] * 2
