"""A leaf that is a long sum, and zero: frameworks add it up term by term, and partial sums are rounded (THEORY 6.4)."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

import absnormal as an
from absnormal.frontends.torch.capture import capture
from absnormal.judgement.tolerances import PARTIAL, Tolerance, cancelled, relative
from tests.judgement.test_comparison import comparison as compared_by_itself
from tests.verify.test_torch_models import IMAGES, LABELS

cross_entropy = torch.nn.functional.cross_entropy


def trained(steps: int, batch: int, *, norm: Any, seed: int = 0) -> tuple[Any, Any]:
    """A network after some steps, whose first bias is added to what a normalization subtracts; and its loss."""
    torch.manual_seed(seed)
    nn = torch.nn
    net = nn.Sequential(nn.Conv2d(1, 4, 3), norm(4), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(676, 10))
    optimizer = torch.optim.Adam(net.parameters(), 1e-2)
    images = IMAGES[:batch].reshape(-1, 1, 28, 28)

    def closure() -> Any:
        return cross_entropy(net(images), LABELS[:batch])

    for _ in range(steps):
        optimizer.zero_grad()
        closure().backward()
        optimizer.step()
    net.zero_grad()
    return net, closure


NORMS = {"batch": torch.nn.BatchNorm2d, "instance": torch.nn.InstanceNorm2d}


@pytest.mark.parametrize("norm", NORMS)
@pytest.mark.parametrize("steps", [0, 12, 40])
def test_a_bias_before_a_norm_in_a_large_batch(steps: int, norm: str) -> None:
    net, closure = trained(steps, 128, norm=NORMS[norm])
    assert an.torch.verify(net, closure).verdict.name == "CLARKE"


def test_it_may_be_given_and_is_held_to_the_tolerance() -> None:
    net, closure = trained(12, 128, norm=torch.nn.BatchNorm2d)
    closure().backward()
    own = {name: p.grad.clone() for name, p in net.named_parameters()}
    net.zero_grad()
    assert an.torch.verify(net, closure, gradient=own).verdict.name == "CLARKE"
    # The terms of the bias are the entries of the gradient at what the convolution returns.
    given = dict(own)
    kept: list[Any] = []

    def hook(*triple: Any) -> None:
        triple[2].register_hook(kept.append)

    handle = net[0].register_forward_hook(hook)
    closure().backward()
    handle.remove()
    net.zero_grad()
    root = float(kept[0].double().square().sum((0, 2, 3)).sqrt().max())
    given["0.bias"] = torch.full((4,), 1.1 * relative(2.0**-23) * root)
    assert an.torch.verify(net, closure, gradient=given).verdict.name != "CLARKE"


def almost_nothing(x: Any) -> Any:
    """A sum of 10,000 terms that is 0.1, next to terms of size 100, whose partial sums are allowed 0.28."""
    c = torch.where(torch.rand(10_000, generator=torch.Generator().manual_seed(0)) < 0.5, -1.0, 1.0)
    c[0] = c[0] - c.sum() + 0.1
    return ((x + torch.zeros(10_000)).exp() * c).sum()


@pytest.mark.parametrize("fault", [-1.0, 0.0, 1.5])
def test_a_long_sum_with_a_size_of_its_own_is_held_to_that(fault: float) -> None:
    x = torch.zeros(1)
    assert an.verify(almost_nothing, x).verdict.name == "CLARKE"
    captured = replace(capture(almost_nothing, x), other_precision=None)
    own = captured.leaves[0]
    assert compared_by_itself(captured).close
    assert not compared_by_itself(replace(captured, leaves=[fault * own])).close
    assert an.verify(almost_nothing, x, gradient=torch.from_numpy(fault * own)).verdict.name != "CLARKE"


@pytest.mark.parametrize("eps", [2.0**-52, 2.0**-23, 2.0**-10, 2.0**-7])
def test_partial_sums_are_allowed_their_rounding_and_no_more_than_the_tolerance(eps: float) -> None:
    terms = np.array([3.0, 3.0, 3.0])
    partial = np.array([0.0, 3.0 * 100, 1e12])
    rounded = Tolerance(eps=(eps,), floor=0.0).leaves(np.zeros(3), Tolerance(eps=(eps,)).rounded(terms, partial))
    assert rounded[0] == pytest.approx(min(relative(eps), cancelled(eps)) * 3)
    expected = np.clip(PARTIAL * eps * partial, cancelled(eps) * 3, relative(eps) * 3)
    np.testing.assert_allclose(rounded, np.minimum(expected, relative(eps) * 3))


@pytest.mark.parametrize("rtol", [0.0, 1e-5, 1e-3])
def test_a_tolerance_that_the_caller_names_is_no_less_strict(rtol: float) -> None:
    named = Tolerance(eps=(2.0**-23,), floor=0.0, rtol=rtol)
    terms = np.array([3.0])
    assert named.leaves(np.zeros(1), named.rounded(terms, np.array([1e12])))[0] <= rtol * 3.0 * (1 + 1e-12)
