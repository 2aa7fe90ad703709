"""Is every loss and every activation of the installed torch tested, or refused by name?"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

import absnormal as an
from absnormal.frontends.torch.capture import capture
from absnormal.sweeps.table import Sweeps

from .test_torch_operations import ACTIVATIONS, D, points

LABELS, SIGNS = torch.tensor([1, 0, 3]), torch.tensor([1.0, -1.0, 1.0], dtype=D)
SETS = torch.tensor([[0, 2, -1, 1], [3, -1, 0, 0], [1, 0, -1, 0]])


def _some(x: Any) -> Any:
    """Targets between 0 and 1 that do not depend on x."""
    return torch.linspace(0.1, 0.9, x.numel(), dtype=D).reshape(x.shape)


#: For every loss: a layer, and how it is called on points (3, 4).
LOSSES: dict[str, tuple[Any, Callable[[Any, Any], Any]]] = {
    "L1Loss": (nn.L1Loss(), lambda loss, x: loss(x, _some(x))),
    "NLLLoss": (nn.NLLLoss(), lambda loss, x: loss(x.log_softmax(1), LABELS)),
    "NLLLoss2d": (nn.NLLLoss(reduction="sum"), lambda loss, x: loss(x.reshape(3, 4, 1, 1), LABELS.reshape(3, 1, 1))),
    "PoissonNLLLoss": (nn.PoissonNLLLoss(full=True), lambda loss, x: loss(x, _some(x))),
    "GaussianNLLLoss": (nn.GaussianNLLLoss(), lambda loss, x: loss(x, _some(x), x.square() + 1)),
    "KLDivLoss": (nn.KLDivLoss(reduction="batchmean"), lambda loss, x: loss(x.log_softmax(1), _some(x).softmax(1))),
    "MSELoss": (nn.MSELoss(), lambda loss, x: loss(x, _some(x))),
    "BCELoss": (nn.BCELoss(), lambda loss, x: loss(x.sigmoid(), _some(x))),
    "BCEWithLogitsLoss": (nn.BCEWithLogitsLoss(), lambda loss, x: loss(x, _some(x))),
    "HingeEmbeddingLoss": (nn.HingeEmbeddingLoss(), lambda loss, x: loss(x, SIGNS[:, None].expand(3, 4))),
    "MultiLabelMarginLoss": (nn.MultiLabelMarginLoss(), lambda loss, x: loss(x, SETS)),
    "SmoothL1Loss": (nn.SmoothL1Loss(), lambda loss, x: loss(x, _some(x))),
    "HuberLoss": (nn.HuberLoss(delta=0.7), lambda loss, x: loss(x, _some(x))),
    "SoftMarginLoss": (nn.SoftMarginLoss(), lambda loss, x: loss(x, SIGNS[:, None].expand(3, 4))),
    "CrossEntropyLoss": (
        nn.CrossEntropyLoss(torch.arange(1.0, 5, dtype=D), label_smoothing=0.1), lambda loss, x: loss(x, LABELS)),
    "LinearCrossEntropyLoss": (nn.LinearCrossEntropyLoss(4, 5).to(D), lambda loss, x: loss(x, LABELS)),
    "MultiLabelSoftMarginLoss": (nn.MultiLabelSoftMarginLoss(), lambda loss, x: loss(x, _some(x).round())),
    "CosineEmbeddingLoss": (nn.CosineEmbeddingLoss(), lambda loss, x: loss(x, x.flip(0) + 1, SIGNS)),
    "MarginRankingLoss": (nn.MarginRankingLoss(), lambda loss, x: loss(x[0], x[1], torch.ones(4, dtype=D))),
    "MultiMarginLoss": (nn.MultiMarginLoss(), lambda loss, x: loss(x, LABELS)),
    "TripletMarginLoss": (nn.TripletMarginLoss(), lambda loss, x: loss(x[:1], x[2:], x[1:2])),
    "TripletMarginWithDistanceLoss": (nn.TripletMarginWithDistanceLoss(), lambda loss, x: loss(x[:1], x[2:], x[1:2])),
    "AdaptiveLogSoftmaxWithLoss": (
        nn.AdaptiveLogSoftmaxWithLoss(4, 8, [2, 5], div_value=2.0).to(D), lambda loss, x: loss(x, LABELS).loss),
    "CTCLoss": (
        nn.CTCLoss(), lambda loss, x: loss(x.reshape(3, 1, 4).log_softmax(2), LABELS[None, :1], torch.tensor([3]),
            torch.tensor([1]))),
}  # fmt: skip


def _classes(module: Any) -> set[str]:
    found = (name for name, value in vars(module).items()
             if inspect.isclass(value) and issubclass(value, nn.Module) and value.__module__ == module.__name__)
    return {name for name in found if not name.startswith("_")}


def test_every_loss_of_the_installed_version_is_here() -> None:
    assert LOSSES.keys() == _classes(nn.modules.loss) | _classes(nn.modules.adaptive)


def test_every_activation_of_the_installed_version_is_tested() -> None:
    # Attention is tested with the layers that hold it.
    assert {type(layer).__name__ for layer in ACTIVATIONS} | {"MultiheadAttention"} == _classes(nn.modules.activation)


@pytest.mark.parametrize("name", LOSSES)
def test_the_modelled_gradient_is_autograds(name: str) -> None:
    layer, call = LOSSES[name]
    captured = capture(lambda x: call(layer, x), points(3, 4))
    sweeps = Sweeps(captured.program, None, 0.0, captured.values, captured.own)
    found = sweeps.gradient(sweeps.signature(captured.slopes[sweeps.alpha]))
    np.testing.assert_allclose(found, captured.gradient, rtol=1e-8, atol=1e-10)
    assert np.abs(captured.gradient).max() > 0




@pytest.mark.parametrize("loss", [nn.functional.smooth_l1_loss, nn.functional.huber_loss])
def test_a_program_traced_where_the_pieces_of_a_loss_meet_holds_there_alone(loss: Callable[..., Any]) -> None:
    def f(x: Any) -> Any:
        return loss(x, torch.zeros_like(x), reduction="sum")

    x = torch.tensor([1.0, -1.0, 0.25], dtype=D)
    program, other = an.trace(f, x), x + torch.tensor([0.0, 0.0, 0.5], dtype=D)
    assert program(x.numpy()) == float(f(x)) and program(other.numpy()) == float(f(other))
    assert an.verify(f, x).method == "smooth" and torch.equal(an.verify(f, x).gradient, x)
    for step in ([0.125, 0.0, 0.0], [0.0, 0.125, 0.0], [0.0, 0.0, 1.0]):
        with pytest.raises(an.GuardError):
            program(x.numpy() + step)
