"""Does the probe find the slopes that were measured?  A difference is shown with the kernel's name."""

from __future__ import annotations

import pytest
import torch

from absnormal.frontends.torch.probe import PROBES, SPLITS, probed, splits_evenly


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.bfloat16])
def test_the_slopes_of_the_installed_version_are_those_measured(dtype: torch.dtype) -> None:
    rows = probed(dtype)
    assert len(rows) >= len(PROBES) - 2
    assert not [row for row in rows if not row.agrees]


@pytest.mark.parametrize("kernel", SPLITS)
def test_reductions_split_ties_evenly(kernel: str) -> None:
    assert splits_evenly(kernel, torch.float64) and splits_evenly(kernel, torch.bfloat16)
