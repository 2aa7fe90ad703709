"""Does every argument of a torch function count?  Values against torch's own, off their defaults and at the edges."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch.nn import functional as F

import absnormal as an

WEIGHT = torch.tensor([1.0, 3.0, 0.5], dtype=torch.float64)
LABELS = torch.tensor([2, 0])

#: Of images (1, 2, 5, 7).
POOLS: dict[str, Callable[[Any], Any]] = {
    f"{pool.__name__} {arguments}": lambda x, pool=pool, arguments=arguments: pool(x, **arguments)
    for pool, choices in {
        F.avg_pool2d: [
            {"kernel_size": 2, "ceil_mode": True}, {"kernel_size": 3, "stride": 2, "padding": 1, "ceil_mode": True},
            {"kernel_size": 3, "stride": 2, "padding": 1, "ceil_mode": True, "count_include_pad": False},
            {"kernel_size": 3, "padding": 1, "count_include_pad": False},
            {"kernel_size": (2, 3), "divisor_override": 5}, {"kernel_size": (3, 2), "stride": (2, 3)},
        ],
        F.max_pool2d: [
            {"kernel_size": 2, "ceil_mode": True}, {"kernel_size": 3, "stride": 2, "padding": 1, "ceil_mode": True},
            {"kernel_size": 2, "dilation": 2}, {"kernel_size": (2, 3), "stride": (1, 2), "padding": (1, 0)},
        ],
        F.lp_pool2d: [{"norm_type": 2, "kernel_size": 2, "ceil_mode": True}],
    }.items() for arguments in choices
}  # fmt: skip

#: Of scores (2, 3).
LOSSES: dict[str, Callable[[Any], Any]] = {
    "multi_margin_loss, weight": lambda x: F.multi_margin_loss(x, LABELS, weight=WEIGHT),
    "multi_margin_loss, p": lambda x: F.multi_margin_loss(x, LABELS, p=2, weight=WEIGHT, reduction="sum"),
    "multi_margin_loss, margin": lambda x: F.multi_margin_loss(x, LABELS, margin=0.25),
    "cross_entropy, weight": lambda x: F.cross_entropy(x, LABELS, weight=WEIGHT),
    "cross_entropy, label_smoothing": lambda x: F.cross_entropy(x, LABELS, weight=WEIGHT, label_smoothing=0.3),
    "cross_entropy, ignore_index": lambda x: F.cross_entropy(x, LABELS, ignore_index=2),
    "nll_loss, weight": lambda x: F.nll_loss(x, LABELS, weight=WEIGHT),
    "smooth_l1_loss, beta": lambda x: F.smooth_l1_loss(x, 0 * x.detach() + 0.5, beta=0.3),
    "huber_loss, delta": lambda x: F.huber_loss(x, 0 * x.detach() + 0.5, delta=0.3),
    "bce, pos_weight": lambda x: F.binary_cross_entropy_with_logits(
        x, torch.sigmoid(x.detach()), weight=WEIGHT, pos_weight=WEIGHT),
    "elu, alpha": lambda x: F.elu(x, 0.3).sum(), "celu, alpha": lambda x: F.celu(x, 0.25).sum(),
    "softplus, beta": lambda x: F.softplus(x, 3.0, 2.0).sum(), "threshold": lambda x: F.threshold(x, 0.1, 7.0).sum(),
    "leaky_relu": lambda x: F.leaky_relu(x, 0.3).sum(), "hardtanh": lambda x: F.hardtanh(x, -0.3, 0.4).sum(),
    "softshrink": lambda x: F.softshrink(x, 0.2).sum(),
}  # fmt: skip


def agrees(f: Callable[[Any], Any], x: torch.Tensor) -> None:
    """The program has torch's value, and the modelled gradient is torch's."""
    program = an.trace(f, x)
    np.testing.assert_allclose(program(x.numpy()), f(x).item(), rtol=1e-12, atol=1e-12)
    report = an.verify(f, x)
    assert report, report.proof.reason
    own = x.clone().requires_grad_()
    f(own).backward()
    np.testing.assert_allclose(an.gradient(program, x.numpy()), own.grad.numpy(), rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("name", POOLS)
def test_a_pool(name: str) -> None:
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(1, 2, 5, 7, dtype=torch.float64, generator=generator)
    weights = torch.randn(POOLS[name](x).shape, dtype=torch.float64, generator=generator)
    agrees(lambda x: (POOLS[name](x) * weights).sum(), x)


@pytest.mark.parametrize("name", LOSSES)
def test_a_loss(name: str) -> None:
    x = torch.randn(2, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    agrees(LOSSES[name], x)
