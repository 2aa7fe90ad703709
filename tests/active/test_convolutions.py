"""Are small convolutions read entry by entry, and are the verdicts those of the matrix that they are?"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

import absnormal as an
from absnormal.active.system import build
from absnormal.certificates.certificate import Certificate
from absnormal.sweeps.table import Sweeps

LAYERS = {
    "plain": lambda: nn.Conv1d(2, 4, 3, bias=False),
    "stride, padding, dilation, groups": lambda: nn.Conv1d(2, 4, 2, 2, 1, 2, 2, bias=False),
    "two axes": lambda: nn.Sequential(nn.Unflatten(2, (3, 2)), nn.Conv2d(2, 3, 2, padding=1, bias=False)),
    "transposed": lambda: nn.ConvTranspose1d(2, 3, 3, 2, 1, 1, bias=False),
}


@pytest.mark.parametrize("name", LAYERS)
def test_rows_are_those_of_the_matrix(name: str) -> None:
    torch.manual_seed(0)
    layer: Any = LAYERS[name]().double()
    x = torch.zeros(1, 2, 6, dtype=torch.float64)
    program = an.trace(lambda x: layer(x).abs().sum(), x)
    system = build(Sweeps(program, [x.numpy()]))
    matrix = torch.autograd.functional.jacobian(layer, x).numpy().reshape(-1, x.numel())
    assert system is not None and system.proved and system.inputs is not None
    found = np.zeros(matrix.shape)
    found[np.ix_(np.array(system.switches), np.array(system.inputs))] = np.array(system.full, dtype=float)
    np.testing.assert_array_equal(found, matrix)


@pytest.mark.parametrize("seed", [0, 1])
def test_a_convolution_without_biases_and_a_pool_are_decided(seed: int) -> None:
    torch.manual_seed(seed)
    model = nn.Sequential(
        nn.Unflatten(1, (1, 6)), nn.Conv1d(1, 4, 3, bias=False), nn.MaxPool1d(2), nn.ReLU(), nn.Flatten(),
        nn.Linear(8, 1)).double()  # fmt: skip
    report = an.verify(lambda x: model(x).sum(), torch.zeros(2, 6, dtype=torch.float64))
    assert report.verdict is not an.Verdict.UNDECIDED
    certificate = report.certificate
    assert certificate is not None and certificate.check()
    assert Certificate.from_json(certificate.to_json()).check()
