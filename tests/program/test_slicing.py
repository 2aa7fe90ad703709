"""What counts of a program in which something is not finite."""

from __future__ import annotations

import numpy as np
import torch

import absnormal as an


def test_entries_of_sorted_columns_count_beside_a_root_that_is_not_taken() -> None:
    def f(x: torch.Tensor) -> torch.Tensor:
        return x.median(0).values.sum() + torch.where(x > 5, (x - 1).abs().sqrt(), x).sum()

    x = torch.ones(40, 2, dtype=torch.float64)
    d = np.arange(80.0).reshape(40, 2)
    program = an.trace(f, x)
    assert program(x) == 82.0
    assert an.directional_derivative(program, x, d) == d.sum() + np.sort(d, 0)[19].sum()
