"""Variables that the function itself overwrites: the point is what they hold when they are used."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import nn

import absnormal as an

D = torch.float64
POINT = [1.25, 1.5]


def weights() -> Any:
    return torch.tensor(POINT, dtype=D, requires_grad=True)


def under_no_grad(w: Any) -> None:
    with torch.no_grad():
        w.mul_(0.5)


def one_entry(w: Any) -> None:
    with torch.no_grad():
        w[0] *= 0.5


def by_its_norm(w: Any) -> None:
    with torch.no_grad():
        norm = w.norm()
        if norm > 1:
            w.mul_(1 / norm)


def twice(w: Any) -> None:
    w.data = w.data * 3
    w.data.clamp_(-2, 2)
    w.data = w.data - 1


def assigned(w: Any) -> None:
    w.data = torch.renorm(w.data[None], 2, 0, 1.0)[0]


PROJECTIONS: dict[str, Callable[[Any], Any]] = {
    "under no_grad": under_no_grad, "one entry": one_entry, "by its norm": by_its_norm, "twice": twice,
    "assigned": assigned, "data": lambda w: w.data.mul_(0.5), "copied": lambda w: w.data.copy_(w.data * 0.5),
    "clamped": lambda w: w.data.clamp_(-1.3, 1.3), "an entry of data": lambda w: w.data[1].fill_(-1.0),
}


@pytest.mark.parametrize("name", [*PROJECTIONS])
def test_a_variable_that_is_projected_before_it_is_used(name: str) -> None:
    def loss(w: Any) -> Any:
        PROJECTIONS[name](w)
        return (w**3).sum() + (w - w.detach()).abs().sum()

    stepped = weights()
    loss(stepped).backward()
    w = weights()
    report = an.torch.verify(w, lambda: loss(w))
    assert report and report.certificate is not None and report.certificate.check()
    assert torch.equal(report.gradient, stepped.grad)
    assert w.tolist() == POINT and w.grad is None
    wrong = an.torch.verify(w, lambda: loss(w), gradient=report.gradient + 2)
    assert wrong.verdict is an.Verdict.NOT_CLARKE
    smooth = weights()
    an.torch.clarke_backward(smooth, lambda: loss(smooth) - (smooth - smooth.detach()).abs().sum())
    torch.testing.assert_close(smooth.grad, 3 * stepped.detach() ** 2)
    assert torch.equal(smooth, stepped)


def test_models_that_norm_their_weights_and_move_their_averages() -> None:
    class Model(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layer, self.last = nn.Linear(2, 3), nn.Linear(3, 1)
            self.register_buffer("mean", torch.zeros(3))

        def forward(self, x: Any) -> Any:
            self.layer.weight.data = torch.renorm(self.layer.weight.data, 2, 0, 0.1)
            hidden = self.layer(x)
            self.mean.data = hidden.detach().mean(0)
            return self.last((hidden - self.mean).relu() + hidden.relu())

    torch.manual_seed(0)
    model, x = Model().double(), torch.randn(4, 2, dtype=D)
    before = {name: value.clone() for name, value in model.state_dict().items()}
    assert an.torch.verify(model, lambda: model(x).square().sum())
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
    an.torch.clarke_backward(model, lambda: model(x).square().sum())
    found = [p.grad for p in model.parameters()]
    moved = {name: value.clone() for name, value in model.state_dict().items()}
    model.load_state_dict(before)
    model.zero_grad()
    model(x).square().sum().backward()
    assert all(torch.equal(value, moved[name]) for name, value in model.state_dict().items())
    for gradient, parameter in zip(found, model.parameters(), strict=True):
        torch.testing.assert_close(gradient, parameter.grad)


def between(w: Any, c: Any) -> Any:
    total = w.sum()
    under_no_grad(w)
    return total + (w**2).sum()


def assigned_after(w: Any, c: Any) -> Any:
    total = (w**3).sum()
    w.data = w.data * 2
    return total


def a_constant_after(w: Any, c: Any) -> Any:
    total = (w * c).sum()
    c.data = c.data * 3
    return total


def another_shape(w: Any, c: Any) -> Any:
    w.data = torch.ones(3, dtype=D)
    return w.sum()


@pytest.mark.parametrize("f", [between, assigned_after, a_constant_after, another_shape])
def test_what_has_two_values_is_refused_by_name(f: Callable[[Any, Any], Any]) -> None:
    w, c = weights(), torch.ones(2, dtype=D)
    for run in (an.torch.verify, an.torch.clarke_backward):
        with pytest.raises(an.TraceError, match=rf"{__file__.rsplit('/', 1)[1]}:\d+"):
            run(w, lambda: f(w, c))
        assert w.tolist() == POINT and c.tolist() == [1, 1] and w.grad is None


def test_what_is_overwritten_after_its_last_use_has_its_value_there() -> None:
    def loss() -> Any:
        total = (w * torch.arange(2.0, dtype=D)).sum() + w.relu().sum()
        under_no_grad(w)
        return total

    w = weights()
    report = an.torch.verify(w, loss)
    assert report and report.gradient.tolist() == [1, 2]
    assert w.tolist() == POINT


@pytest.mark.parametrize("name", ["data", "assigned"])
def test_a_function_that_overwrites_its_point_is_no_program(name: str) -> None:
    def f(w: Any) -> Any:
        PROJECTIONS[name](w)
        return (w**3).sum()

    with pytest.raises(an.TraceError, match="overwrites its variables"):
        an.trace(f, weights())
    assert "the point is what the variable holds then" in str(an.verify(f, weights()))
