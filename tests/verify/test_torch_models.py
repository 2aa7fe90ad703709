"""Real models on real digits: is the modelled gradient autograd's, and is the verdict right, with its theorem?"""

from __future__ import annotations

import sys
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from sklearn.datasets import load_digits
from torch import nn

import absnormal as an
from absnormal.clarke.budget import Budget
from absnormal.judgement.comparison import compared, tolerance_of
from absnormal.sweeps.table import Sweeps
from absnormal.theorems.problem import Problem
from absnormal.torch import _traced

DIGITS = load_digits()
IMAGES = F.interpolate(torch.tensor(DIGITS.images / 16.0, dtype=torch.float32)[:, None], size=(28, 28))
LABELS = torch.tensor(DIGITS.target)


def zero_biases(model: nn.Module) -> nn.Module:
    for module in model.modules():
        if isinstance(module, (nn.Linear, nn.Conv2d)) and module.bias is not None:
            nn.init.zeros_(module.bias)
    return model


def mlp(bias: bool = True) -> nn.Module:
    torch.manual_seed(0)
    layers = [nn.Flatten(), nn.Linear(784, 256, bias), nn.ReLU(), nn.Linear(256, 128, bias), nn.ReLU()]
    return nn.Sequential(*layers, nn.Linear(128, 10, bias))


class LeNet(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.features = nn.Sequential(
            nn.Conv2d(1, 6, 5, padding=2), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(6, 16, 5), nn.ReLU(inplace=True),
            nn.MaxPool2d(2))  # fmt: skip
        self.head = nn.Sequential(nn.Linear(400, 120), nn.ReLU(), nn.Linear(120, 84), nn.ReLU(), nn.Linear(84, 10))

    def forward(self, x: Any) -> Any:
        return self.head(self.features(x).flatten(1))


class Block(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.conv1, self.bn1 = nn.Conv2d(width, width, 3, padding=1, bias=False), nn.BatchNorm2d(width)
        self.conv2, self.bn2 = nn.Conv2d(width, width, 3, padding=1, bias=False), nn.BatchNorm2d(width)
        self.relu = nn.ReLU(inplace=True)
        nn.init.zeros_(self.bn2.weight)

    def forward(self, x: Any) -> Any:
        y = self.bn2(self.conv2(self.relu(self.bn1(self.conv1(x)))))
        y += x
        return self.relu(y)


class ResNet(nn.Module):
    """Residual blocks whose last normalisation starts at 0, so that sums repeat the exact zeros of a relu."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(1, 4, 3, 2, 1, bias=False), nn.BatchNorm2d(4), nn.ReLU(), nn.MaxPool2d(3,
            2, 1))
        self.layer1, self.pool, self.fc = Block(4), nn.AdaptiveAvgPool2d(1), nn.Linear(4, 10)

    def forward(self, x: Any) -> Any:
        return self.fc(self.pool(self.layer1(self.stem(x))).flatten(1))


def agrees(model: Any, closure: Any) -> None:
    captured = _traced(model, closure)
    captured.program.check()
    sweeps = Sweeps(captured.program, None, values=captured.values)
    problem = Problem(sweeps, captured.slopes[sweeps.alpha], Budget(), tolerance_of(captured))
    found = compared(captured, problem)
    assert found.close and found.largest <= 1e-4 * max(1e-3, float(np.abs(captured.gradient).max()))


def loss_of(model: nn.Module, X: Any, Y: Any) -> Any:
    return lambda: F.cross_entropy(model(X), Y)


@pytest.mark.parametrize("batch", [1, 64, 512])
def test_a_dense_network(batch: int) -> None:
    model = mlp()
    closure = loss_of(model, IMAGES[:batch], LABELS[:batch])
    agrees(model, closure)
    report = an.torch.verify(model, closure)
    assert report and report.method == "smooth" and set(report.gradient) == dict(model.named_parameters()).keys()


def test_blank_and_duplicate_samples_at_zero_biases() -> None:
    model, X = zero_biases(mlp()), IMAGES[:64].clone()
    X[:6], X[6:9] = 0, X[9].clone()
    closure = loss_of(model, X, LABELS[:64])
    agrees(model, closure)
    report = an.torch.verify(model, closure)
    assert report.method == "private directions" and len(report.problem.sweeps.alpha) == 6 * 384
    assert report.certificate is not None and report.certificate.check()
    assert "(64 x 256): 1,536 of 16,384 active" in str(report)


def test_without_biases_a_blank_image_is_smooth_and_the_zero_gradient_can_be_wrong() -> None:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(2, 3, bias=False), nn.ReLU(), nn.Linear(3, 1, bias=False)).double()
    with torch.no_grad():
        model[0].weight.copy_(torch.tensor([[1.0, 2.0], [-1.0, -2.0], [2.0, 4.0]]))
        model[2].weight.copy_(torch.tensor([[1.0, -1.0, 0.5]]))
    x = torch.zeros(2, dtype=torch.float64, requires_grad=True)
    report = an.torch.verify([x], lambda: model(x).sum())
    assert report.verdict is an.Verdict.NOT_CLARKE and report.gradient[0].tolist() == [0.0, 0.0]
    assert an.torch.verify([x], lambda: model(x).sum(), gradient=report.clarke_gradient)


def test_batch_normalised_duplicates_make_zero_provably_wrong() -> None:
    weight = torch.tensor([3.0], dtype=torch.float64, requires_grad=True)
    other = torch.tensor([3.0], dtype=torch.float64, requires_grad=True)

    def loss() -> Any:
        h = F.batch_norm(torch.stack([weight, other]), None, None, training=True)
        return torch.relu(h)[0].sum() - torch.relu(h)[1].sum()

    report = an.torch.verify([weight, other], loss)
    assert report.verdict is an.Verdict.NOT_CLARKE
    assert abs(report.clarke_gradient[0].item() - 158.11388) < 1e-3


def test_a_convolutional_network_at_zero_biases_on_raw_digits() -> None:
    torch.manual_seed(0)
    model = zero_biases(LeNet())
    closure = loss_of(model, IMAGES[:64], LABELS[:64])
    agrees(model, closure)
    report = an.torch.verify(model, closure)
    assert report.method == "private directions" and len(report.problem.sweeps.alpha) > 200_000
    assert "features.1 (ReLU) at test_torch_models.py:" in str(report)
    assert report.certificate is not None and report.certificate.check()


RAW = torch.tensor(DIGITS.images / 16.0, dtype=torch.float32)[:64, None]


def test_digits_in_a_black_frame_are_proved_by_private_directions() -> None:
    torch.manual_seed(0)
    model, X = zero_biases(LeNet()), F.pad(F.interpolate(RAW, size=(20, 20)), (4, 4, 4, 4))
    assert int((model.features[0](X) == 0).sum()) == 156_168
    report = an.torch.verify(model, loss_of(model, X, LABELS[:64]))
    assert report and report.method == "private directions"
    assert "(64 x 6 x 28 x 28): 156,168 of 301,056 active" in str(report)


@pytest.mark.slow
def test_windows_that_differ_by_a_rounding_are_opened_by_a_direction() -> None:
    # Interpolated pixels of flat regions differ in their last digit; nine pools are tied between such windows.
    torch.manual_seed(0)
    model, X = zero_biases(LeNet()), F.interpolate(RAW, size=(28, 28), mode="bilinear")
    report = an.torch.verify(model, loss_of(model, X, LABELS[:64]))
    assert report and report.method == "direction" and len(report.problem.sweeps.alpha) > 200_000


def test_normalised_digits_leave_ties_of_equal_windows() -> None:
    torch.manual_seed(0)
    model = LeNet()
    X = (IMAGES[:16] - 0.3) / 0.4
    report = an.torch.verify(model, loss_of(model, X, LABELS[:16]))
    assert report.verdict is an.Verdict.CLARKE and len(report.problem.sweeps.alpha) > 1_000


def test_a_residual_network_with_zero_initialised_normalisation() -> None:
    torch.manual_seed(0)
    model = ResNet()
    closure = loss_of(model, IMAGES[:8], LABELS[:8])
    agrees(model, closure)
    report = an.torch.verify(model, closure)
    assert report.verdict is not an.Verdict.NOT_CLARKE and len(report.problem.sweeps.alpha) > 100
    assert any(group.operation == "layer1.relu (ReLU)" for group in report.active)


@pytest.mark.parametrize(("kind", "active"), [("equal", 4424), ("blank", 20640), ("constant", 11328)])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_a_batch_of_one_image_through_a_residual_network_in_training_mode(kind: str, active: int, dtype: Any) -> None:
    """Its windows tie in the pool, and sums repeat the zeros of a relu, at thousands of places."""
    torch.manual_seed(0)
    model = ResNet().to(dtype)
    one = IMAGES[:1] if kind == "equal" else torch.full_like(IMAGES[:1], 0.5 if kind == "constant" else 0.0)
    closure = loss_of(model, one.repeat(8, 1, 1, 1).to(dtype), LABELS[:8])
    report = an.torch.verify(model, closure)
    assert report.verdict is an.Verdict.CLARKE and len(report.problem.sweeps.alpha) == active
    assert report.certificate is not None and report.certificate.check()
    an.torch.clarke_backward(model, closure)
    found = [p.grad.clone() for p in model.parameters()]
    model.zero_grad()
    closure().backward()
    for p, g in zip(model.parameters(), found, strict=True):
        assert torch.allclose(p.grad, g, rtol=1e-4, atol=1e-6)


def test_a_transformer_layer() -> None:
    torch.manual_seed(0)
    layer = nn.TransformerEncoderLayer(28, 4, 32, 0.0, batch_first=True)
    head = nn.Linear(28, 10)
    model = nn.ModuleList([layer, head])
    X = IMAGES[:8, 0]

    def loss() -> Any:
        return F.cross_entropy(head(layer(X).mean(1)), LABELS[:8])

    agrees(model, loss)
    assert an.torch.verify(model, loss)


def test_a_recurrent_network_with_an_l1_loss() -> None:
    torch.manual_seed(0)
    model = nn.LSTM(28, 8, batch_first=True)
    X = IMAGES[:8, 0]
    target = model(X)[0].detach()
    agrees(model, lambda: F.l1_loss(model(X)[0], torch.zeros(8, 28, 8)))
    report = an.torch.verify(model, lambda: F.l1_loss(model(X)[0], target))
    assert report.method == "regular" and len(report.problem.sweeps.alpha) == target.numel()


def test_half_precision() -> None:
    model = zero_biases(mlp()).bfloat16()
    X = IMAGES[:8].bfloat16()
    X[0] = 0
    report = an.torch.verify(model, loss_of(model, X, LABELS[:8]))
    assert report.method == "private directions" and "bfloat16" in str(report)
    assert report.gradient["1.weight"].dtype == torch.bfloat16


# -- the cure -------------------------------------------------------------------------------------------------------


def test_clarke_backward_is_backward_where_backward_is_right() -> None:
    model = mlp()
    closure = loss_of(model, IMAGES[:16], LABELS[:16])
    closure().backward()
    expected = [p.grad.clone() for p in model.parameters()]
    model.zero_grad()
    loss = an.torch.clarke_backward(model, closure)
    assert not loss.requires_grad and torch.equal(loss, closure().detach())
    assert all(torch.allclose(p.grad, g, atol=1e-8) for p, g in zip(model.parameters(), expected, strict=True))
    an.torch.clarke_backward(model, closure)
    assert all(torch.allclose(p.grad, 2 * g) for p, g in zip(model.parameters(), expected, strict=True))


def recurrent() -> nn.Module:
    return nn.Sequential(nn.Flatten(1, 2), Last(nn.LSTM(28, 8, batch_first=True)), nn.Linear(8, 10))


class Last(nn.Module):
    """The last output of a recurrent layer."""

    def __init__(self, layer: nn.Module) -> None:
        super().__init__()
        self.layer = layer

    def forward(self, x: Any) -> Any:
        return self.layer(x)[0][:, -1]


@pytest.mark.parametrize("make", [LeNet, recurrent, lambda: zero_biases(mlp())])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_clarke_backward_is_backward_to_rounding(make: Any, dtype: Any) -> None:
    torch.manual_seed(0)
    model = make().to(dtype)
    X = IMAGES[:8].to(dtype)
    X[0] = 0
    closure = loss_of(model, X, LABELS[:8])
    assert an.torch.verify(model, closure).method in ("smooth", "private directions")
    closure().backward()
    expected = {name: p.grad for name, p in model.named_parameters()}
    model.zero_grad()
    an.torch.clarke_backward(model, closure)
    for name, p in model.named_parameters():
        scale = max(1e-6, float(expected[name].abs().max()))
        assert p.grad.dtype == dtype and p.grad.is_contiguous()
        assert float((p.grad - expected[name]).abs().max()) <= 100 * torch.finfo(dtype).eps * scale


def test_clarke_backward_is_of_the_loss_and_not_of_hooks() -> None:
    model = nn.Linear(3, 1)
    model.weight.register_hook(lambda gradient: 2 * gradient)
    X = torch.ones(2, 3)
    an.torch.clarke_backward(model, lambda: model(X).sum())
    assert torch.equal(model.weight.grad, torch.full((1, 3), 2.0))


def test_what_the_loss_does_not_use_keeps_its_gradient_and_the_others_have_memory_of_their_own() -> None:
    model = nn.ModuleList([nn.Linear(2, 2), nn.Linear(2, 1)])
    an.torch.clarke_backward(model, lambda: torch.relu(model[0](torch.ones(1, 2))).sum())
    assert model[1].weight.grad is None and model[1].bias.grad is None
    number = torch.tensor(2.0, requires_grad=True)
    an.torch.clarke_backward(number, lambda: number)
    assert number.grad == 1
    weight, bias = model[0].weight.grad, model[0].bias.grad
    assert weight.untyped_storage().data_ptr() != bias.untyped_storage().data_ptr()


@pytest.mark.parametrize("call", [an.torch.verify, an.torch.clarke_backward])
def test_a_closure_that_runs_backward_is_refused_and_one_that_clears_gradients_is_not(call: Any) -> None:
    model = nn.Linear(2, 1)

    def loss(backward: bool) -> Any:
        model.zero_grad(set_to_none=False)
        value = model(torch.ones(1, 2)).square().sum()
        if backward:
            value.backward(retain_graph=True)
        return value

    for _ in range(2):
        with pytest.raises(an.TraceError, match=r"backward.*leave backward"):
            call(model, lambda: loss(True))
    call(model, lambda: loss(False))


def stable_cross_entropy(u: Any, t: Any) -> Any:
    """Written by hand: at a logit of 0 the derivative that torch returns is -t, and it should be 1/2 - t."""
    return (torch.relu(u) - u * t + torch.log1p(torch.exp(-u.abs()))).mean()


def test_clarke_backward_is_right_where_backward_is_wrong() -> None:
    head = nn.Linear(4, 1).double()
    nn.init.zeros_(head.weight), nn.init.zeros_(head.bias)
    X, t = torch.randn(6, 4, dtype=torch.float64), torch.tensor([[0.0], [1], [1], [0], [1], [1]], dtype=torch.float64)

    def closure() -> Any:
        return stable_cross_entropy(head(X), t)

    assert an.torch.verify(head, closure).verdict is an.Verdict.NOT_CLARKE
    an.torch.clarke_backward(head, closure)
    right = ((0.5 - t) * X).mean(0)
    np.testing.assert_allclose(head.weight.grad[0], right, atol=1e-12)
    first = head.weight.grad.clone()
    head.zero_grad()
    an.torch.clarke_closure(head, closure)()
    assert torch.equal(head.weight.grad, first)


def test_training_with_clarke_backward_reaches_what_backward_reaches() -> None:
    X, Y = torch.tensor(DIGITS.data / 16.0, dtype=torch.float32), LABELS
    accuracy = []
    for cure in (False, True):
        torch.manual_seed(0)
        model = zero_biases(nn.Sequential(nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, 10)))
        optimizer = torch.optim.SGD(model.parameters(), lr=0.5)
        for step in range(60):
            rows = slice(256 * (step % 7), 256 * (step % 7) + 256)
            closure = loss_of(model, X[rows], Y[rows])
            optimizer.zero_grad()
            an.torch.clarke_backward(model, closure) if cure else closure().backward()
            optimizer.step()
        accuracy.append(float((model(X).argmax(1) == Y).float().mean()))
    assert min(accuracy) > 0.85 and abs(accuracy[0] - accuracy[1]) < 0.01


def test_without_torch_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "torch", None)
    with pytest.raises(ImportError, match=r"absnormal\[torch\]"):
        an.torch.verify(None, lambda: None)


def test_a_compiled_model_is_refused() -> None:
    with pytest.raises(an.TraceError, match="compiled"):
        an.torch.verify(torch.compile(nn.Linear(2, 1)), lambda: torch.zeros(()))


@pytest.mark.slow
def test_what_a_function_calls_of_compiled_functions_runs_as_it_is_written() -> None:
    chosen = torch.compile(lambda u, rows: torch.relu(u[rows[:, 0].int()]).sum())
    rows = torch.tensor([[0.0, 1.0], [2.0, 2.0]])
    report = an.verify(lambda u: chosen(u, rows), torch.tensor([-1.0, 5.0, 2.0]))
    assert report.verdict is an.Verdict.CLARKE and report.gradient.tolist() == [0, 0, 1]
    assert an.verify(lambda u: chosen(u, rows), torch.zeros(3)).verdict is an.Verdict.CLARKE


def test_bad_arguments() -> None:
    with pytest.raises(ValueError, match="leaf tensors"):
        an.torch.verify([torch.zeros(2)], lambda: torch.zeros(()))
    with pytest.raises(ValueError, match="no parameter"):
        an.torch.verify(nn.ReLU(), lambda: torch.zeros(()))
    frozen = nn.Linear(2, 1)
    with pytest.raises(an.TraceError, match="does not depend"):
        an.torch.verify([torch.zeros(2, requires_grad=True)], lambda: frozen(torch.ones(2)).sum())
    leaf = torch.zeros(2, requires_grad=True)
    for call in (an.torch.verify, an.torch.clarke_backward):
        with pytest.raises(ValueError, match=r"takes no argument.*absnormal\.verify\(f, x\)"):
            call(leaf, lambda x: x.abs().sum())
        with pytest.raises(ValueError, match="first argument"):
            call(lambda: leaf.abs().sum(), leaf)
