"""Are samples of images, bags of rows, alignments and windows of torch right, at ties too?"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch.nn.utils import rnn

import absnormal as an

_RNG = np.random.default_rng(0)


def _random(*shape: int) -> Any:
    return torch.tensor(_RNG.standard_normal(shape))


_IMAGE, _TABLE, _ROWS = _random(1, 1, 3, 3), _random(5, 3), torch.tensor([0, 1, 1, 4, 2, 2])
_WEIGHTS, _LOGS = torch.arange(1.0, 10.0).double().reshape(3, 3), _random(6, 2, 4)
_STARTS, _GRID, _POOL = torch.tensor([0, 3, 3]), _random(2, 3, 4, 2), _random(2, 2, 5, 7)
_POINTS = torch.tensor([[[[0.3, -0.4], [1.2, 0.1]]]], dtype=torch.float64)


def _aligned(x: Any) -> Any:
    return F.ctc_loss(x.log_softmax(2), torch.tensor([[1, 2], [3, 3]]), torch.tensor([6, 5]), torch.tensor([2, 2]))


_RECURRENT = torch.nn.GRU(4, 2, batch_first=True, bidirectional=True).double()


def _unpadded(x: Any, lengths: list[int]) -> Any:
    packed = rnn.pack_padded_sequence(x, torch.tensor(lengths), batch_first=True, enforce_sorted=False)
    return rnn.pad_packed_sequence(_RECURRENT(packed)[0], batch_first=True)[0].square().sum()


CASES: dict[str, tuple[Callable[[Any], Any], Any]] = {
    "ctc_loss": (_aligned, _LOGS),
    "affine_grid": (lambda t: (F.affine_grid(t, (2, 1, 3, 4), align_corners=False) * _GRID).sum(), _random(2, 2, 3)),
    "largest rows": (lambda t: (F.embedding_bag(_ROWS, t, _STARTS, mode="max") * _WEIGHTS).sum(), _TABLE),
    "means without padding": (
        lambda t: (F.embedding_bag(_ROWS, t, _STARTS, mode="mean", padding_idx=1) * _WEIGHTS).sum(), _TABLE),
    "weighted rows": (lambda s: (F.embedding_bag(
        _ROWS, _TABLE, _STARTS, mode="sum", per_sample_weights=s) * _WEIGHTS).sum(), _random(6)),
    "samples": (lambda x: F.grid_sample(x, _POINTS, padding_mode="reflection", align_corners=False).sum(), _IMAGE),
    "coordinates": (lambda p: F.grid_sample(_IMAGE, p, align_corners=False).square().sum(), _POINTS),
    "cubic": (lambda p: F.grid_sample(_IMAGE, p, mode="bicubic", padding_mode="border", align_corners=True).sum(),
              _POINTS),
    "unequal windows": (lambda x: (F.adaptive_max_pool2d(x, (3, 4))[0, 0, 0] * _WEIGHTS[0, 0]).sum(), _POOL),
    "unpooled": (lambda x: F.max_unpool2d(*F.max_pool2d(x[..., :4, :6], 2, return_indices=True), 2).square().sum(),
                 _POOL),
    "segments": (lambda x: torch.segment_reduce(x, "mean", lengths=torch.tensor([2, 3])).prod(), _random(5)),
    "packed": (lambda x: _unpadded(x, [3, 2]), _random(2, 3, 4)),
    "packed and sorted": (lambda x: _unpadded(x, [1, 3]), _random(2, 3, 4)),
    "blocks": (lambda x: torch.block_diag(x, x[0], x[:1, :2]).square().sum(), _random(2, 3)),
    "products": (lambda x: torch.cumprod(x, 1).sum() + torch.logcumsumexp(x, 0).square().sum(), _random(3, 5)),
    "weight_norm": (lambda x: torch._weight_norm(x, x[:, :1].exp()).pow(3).sum(), _random(3, 4)),
    "special": (lambda x: (torch.digamma(x.exp()) + torch.polygamma(2, x.exp()) + torch.special.i0e(x) + torch.erfinv(
        x.tanh()) + torch.special.ndtri(x.sigmoid()) + torch.special.log_ndtr(x) + torch.igamma(
        torch.tensor(1.5).double(), x.exp())).sum(), _random(4)),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_the_gradient_is_torch_s_and_the_program_is_the_function(name: str) -> None:
    f, x = CASES[name]
    report = an.verify(f, x)
    assert report.verdict is an.Verdict.CLARKE and report.deviation < 1e-8
    program, moved = an.trace(f, x), x + 1e-5 * torch.tensor(np.random.default_rng(1).standard_normal(x.shape))
    try:
        assert np.isclose(float(program(moved.numpy())), float(f(moved)), rtol=1e-9)
    except an.GuardError:
        assert name == "unpooled"


def test_a_coordinate_on_a_pixel_is_a_kink_with_the_slopes_of_torch() -> None:
    for place in (-1.0, 0.0, 1.0):
        for padding in ("zeros", "border", "reflection"):
            def f(p: Any, padding: str = padding) -> Any:
                return F.grid_sample(_IMAGE, p, padding_mode=padding, align_corners=True).sum()

            x = torch.full((1, 1, 1, 2), place, dtype=torch.float64)
            assert an.verify(f, x).verdict is an.Verdict.CLARKE
            found = an.generalized_gradient(f, x).limiting_gradients
            near = [an.gradient(f, x + 1e-7 * torch.tensor(side).double().reshape(x.shape)).numpy().reshape(-1)
                    for side in ((1, 1), (1, -1), (-1, 1), (-1, -1))]
            assert all(np.abs(found - one).max(axis=1).min() < 1e-5 for one in near)
            assert all(np.abs(np.array(near) - one).max(axis=1).min() < 1e-5 for one in found)


def test_a_coordinate_within_rounding_of_a_pixel_is_refused() -> None:
    third = torch.full((1, 1, 1, 2), -1 / 3, dtype=torch.float32)
    image = torch.ones(1, 1, 4, 4)
    with pytest.raises(an.TraceError, match="rounding of a pixel"):
        an.verify(lambda p: F.grid_sample(image, p, align_corners=True).sum(), third)
    with pytest.raises(an.TraceError, match="on an entry of the grid"):
        an.verify(lambda p: F.grid_sample(image.double(), p, mode="bicubic", align_corners=True).sum(),
                  torch.full((1, 1, 1, 2), -1.0, dtype=torch.float64))


def test_ties_in_bags_and_windows_take_what_torch_takes() -> None:
    zeros = torch.zeros(5, 3, dtype=torch.float64)
    for f, x in (
        (lambda t: (F.embedding_bag(_ROWS, t, _STARTS, mode="max") * _WEIGHTS).sum(), zeros),
        (lambda x: F.adaptive_max_pool2d(x, (3, 4)).sum(), torch.zeros(1, 1, 5, 7).double()),
        (lambda x: torch.segment_reduce(x, "max", lengths=torch.tensor([2, 3])).sum(), torch.ones(5).double()),
        (lambda x: torch.special.i0e(x).sum(), torch.zeros(2).double()),
    ):
        report = an.verify(f, x)
        assert report.verdict is an.Verdict.CLARKE and report.deviation < 1e-8


def test_the_derivative_of_ctc_is_that_by_what_was_normalized() -> None:
    """By the logarithms themselves torch gives another one, which is not taken for right."""
    labels = torch.tensor([[1, 2], [3, 3]])
    report = an.verify(lambda x: F.ctc_loss(x, labels, (6, 5), (2, 2)), _LOGS.log_softmax(2))
    assert report.verdict is not an.Verdict.CLARKE


def test_the_loss_of_huber_in_many_spellings() -> None:
    x = torch.tensor([0.0, 1.0, -1.0, 2.0], dtype=torch.float64)
    y = torch.tensor([0.0, 2.0, 2.0, 1.0], dtype=torch.float64)
    for f in (
        lambda x: torch.where((x - y).abs() < 1, 0.5 * (x - y) * (x - y), (x - y).abs() - 0.5),
        lambda x: torch.where(torch.abs(x - y) <= 1, (x - y) ** 2 / 2, torch.abs(y - x) - 0.5),
        lambda x: torch.where((y - x).abs() < 1, (x - y) * (y - x) * -0.5, torch.abs(x - y) - 0.5),
    ):
        report = an.verify(lambda x, f=f: f(x).sum(), x)
        assert report.verdict is an.Verdict.CLARKE


def test_a_traced_module_is_followed() -> None:
    model, x = torch.nn.Sequential(torch.nn.Linear(4, 3), torch.nn.ReLU()).double(), torch.ones(4).double()
    traced = torch.jit.trace(model, x)
    assert an.torch.verify(traced, lambda: traced(x).sum()).verdict is an.Verdict.CLARKE


@pytest.mark.parametrize("kind", ["RNN", "GRU", "LSTM"])
@pytest.mark.parametrize("x", [torch.zeros(2, 3, 2), torch.ones(2, 3, 2)])
def test_recurrent_layers_on_packed_sequences(kind: str, x: Any) -> None:
    torch.manual_seed(0)
    layer = getattr(torch.nn, kind)(2, 3, batch_first=True, **({"nonlinearity": "relu"} if kind == "RNN" else {}))

    def loss() -> Any:
        made, _ = layer(rnn.pack_padded_sequence(x, torch.tensor([3, 1]), batch_first=True))
        return rnn.pad_packed_sequence(made, batch_first=True)[0].abs().sum()

    assert an.torch.verify(layer, loss).verdict is an.Verdict.CLARKE
