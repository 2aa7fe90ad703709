"""A report and a program are about the numbers that f saw, whatever is written to its tensors afterwards."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import nn
from torch.nn import functional

import absnormal as an
from absnormal.frontends.torch import capture, memory

DTYPES = pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16], ids=str)


def networks() -> dict[str, Callable[[], Any]]:
    return {
        "linear": lambda: nn.Sequential(nn.Linear(2, 3), nn.ReLU(), nn.Linear(3, 2)),
        "convolution": lambda: nn.Sequential(nn.Unflatten(1, (1, 2)), nn.Conv1d(1, 2, 2), nn.Flatten(), nn.ReLU()),
        "running statistics": lambda: nn.Sequential(nn.Linear(2, 2), nn.BatchNorm1d(2), nn.ReLU()).eval(),
        "recurrent": lambda: nn.Sequential(nn.RNN(2, 2, nonlinearity="relu"), Last()),
    }


class Last(nn.Module):
    def forward(self, x: Any) -> Any:
        return x[0]


def told(report: Any) -> list[Any]:
    """What a report says when it is asked."""
    gradient = {name: g.tolist() for name, g in report.clarke_gradient.items()}
    return [str(report), report.to_json(), gradient, report.certificate is None or report.certificate.check()]


@DTYPES
@pytest.mark.parametrize("name", networks())
def test_a_report_is_read_after_the_step(name: str, dtype: Any) -> None:
    torch.manual_seed(0)
    model = networks()[name]().to(dtype)
    X, Y = torch.tensor([[1.0, 0.0], [0.0, 1.0], [0.0, 0.0]], dtype=dtype), torch.tensor([0, 1, 1])

    def loss() -> Any:
        return functional.cross_entropy(model(X), Y)

    right = told(an.torch.verify(model, loss))
    report = an.torch.verify(model, loss)
    before = copy.deepcopy(model.state_dict())
    loss().backward()
    torch.optim.SGD(model.parameters(), lr=10.0).step()
    for buffer in model.buffers():
        buffer.add_(1)
    X.mul_(-3)
    Y.copy_(1 - Y)
    assert any(not torch.equal(old, new) for old, new in zip(before.values(), model.state_dict().values(), strict=True))
    assert told(report) == right


@DTYPES
def test_a_program_holds_its_constants(dtype: Any) -> None:
    A, index = torch.tensor([[1.0, 2.0], [3.0, -4.0]], dtype=dtype), torch.tensor([1, 0])
    x = torch.tensor([1.0, 1.0], dtype=dtype)
    program = an.trace(lambda x: ((A.t() @ x)[index] * torch.tensor([1.0, 2.0], dtype=dtype)).abs().sum(), x)
    value, gradient = program([1.0, 1.0]), an.clarke_gradient(program, [1.0, 1.0])
    A.zero_()
    x.zero_()
    index.zero_()
    assert program([1.0, 1.0]) == value and (an.clarke_gradient(program, [1.0, 1.0]) == gradient).all()


def test_a_view_of_a_parameter_is_made_of_the_copy() -> None:
    """Where f uses transposes, parts and reshapes of what it is a function of, all of them are one memory."""
    W = torch.tensor([[1.0, -2.0], [0.5, 0.0]], requires_grad=True)

    def f() -> Any:
        return (W.t() @ W.view(4)[1:3] + W.diagonal() * W[0]).relu().sum()

    right = an.torch.verify(W, f).clarke_gradient
    report = an.torch.verify(W, f)
    with torch.no_grad():
        W.fill_(7.0)
    assert torch.equal(report.clarke_gradient, right)


class Reusing(torch.autograd.Function):
    """A sigmoid times a relu, with a backward of its own that computes in the memory of the forward pass."""

    @staticmethod
    def forward(ctx: Any, x: Any) -> Any:
        ctx.sigmoid, ctx.relu = torch.sigmoid(x), torch.relu(x)
        return ctx.sigmoid * ctx.relu

    @staticmethod
    def backward(ctx: Any, *grads: Any) -> Any:
        slope = (ctx.relu > 0).to(ctx.relu)
        slope.mul_(ctx.sigmoid).add_(ctx.relu.mul_(ctx.sigmoid).mul_(ctx.sigmoid.neg_().add_(1)))
        return grads[0] * slope


def reusing(x: Any) -> Any:
    return Reusing.apply(x).sum()


def a_hook_that_writes(x: Any) -> Any:
    y = torch.exp(x)
    z = y * torch.relu(x)

    def hook(grad: Any) -> None:
        y.data.zero_()

    z.register_hook(hook)
    return (z + 2 * y).sum()


@DTYPES
@pytest.mark.parametrize("stopped", ["constant", "followed"])
@pytest.mark.parametrize("f", [reusing, a_hook_that_writes])
@pytest.mark.parametrize("point", [[0.5, -1.0, 2.0], [0.0, -1.0, 2.0]], ids=str)
def test_what_a_backward_of_its_own_overwrites_is_read_before(f: Any, point: Any, stopped: Any, dtype: Any) -> None:
    def plain(x: Any) -> Any:
        return (torch.sigmoid(x) * torch.relu(x) if f is reusing else torch.exp(x) * (torch.relu(x) + 2)).sum()

    x = torch.tensor(point, dtype=dtype)
    report = an.verify(f, x, stopped=stopped)
    assert report.verdict is (an.Verdict.CLARKE if f is reusing else an.Verdict.NOT_CLARKE)
    assert an.verify(plain, x, gradient=report.clarke_gradient)


class Layer(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.scratch = torch.zeros(4)

    def forward(self, x: Any) -> Any:
        self.scratch = self.scratch.to(x.dtype).detach()
        self.scratch.copy_(torch.sin(x) * 2)
        return self.scratch


WAYS: dict[str, Callable[[Any], Any]] = {
    "itself": lambda a: a,
    "detached": lambda a: a.detach(),
    "its data": lambda a: a.data,
    "a view": lambda a: a.view(2, 2)[:1],
    "in a dict of lists": lambda a: {"a": [a]},
}


@DTYPES
@pytest.mark.parametrize("way", [*WAYS, "a buffer"])
def test_what_f_keeps_of_what_it_computed_is_overwritten(way: str, dtype: Any) -> None:
    """A hook that collects activations, or a buffer that the next forward pass fills."""
    kept: list[Any] = []
    layer = Layer()

    def f(x: Any) -> Any:
        a = layer(x) if way == "a buffer" else torch.sin(x) * 2
        kept.append(WAYS[way](a) if way in WAYS else a)
        b = torch.relu(a) - torch.relu(-a)
        return (b * a).sum() + b.sum()

    x = torch.tensor([0.5, -1.0, 2.0, 0.0], dtype=dtype)
    right = an.verify(f, x).clarke_gradient
    report = an.verify(f, x)
    held = kept[-1]["a"][0] if isinstance(kept[-1], dict) else kept[-1]
    with torch.no_grad():
        held.fill_(100.0)
    assert report.verdict is an.Verdict.NOT_CLARKE
    assert torch.equal(report.clarke_gradient, right) and report.certificate.check()


def test_of_what_nobody_keeps_no_copies_are_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    found: list[Any] = []

    def counted(records: Any) -> Any:
        known = memory.shared(records)
        found.append([out.shape for record in records for out in record.outs
                      if memory.storage(out) in known and out.numel() > 1])
        return known

    monkeypatch.setattr(capture, "shared", counted)
    x = torch.zeros(3, 2)
    models = [nn.TransformerEncoderLayer(2, 1), nn.LSTM(2, 5), nn.Sequential(nn.BatchNorm1d(2), nn.Linear(2, 7))]
    for model in models:
        an.torch.verify(model, lambda model=model: (y[0] if isinstance(y := model(x), tuple) else y).sum())
    # A tape may be lowered more than once.
    assert len(found) >= 3 and not any(found)
