"""Does clarke_backward fill in the places that backward() does, and something wherever verify says CLARKE?"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn

import absnormal as an
from absnormal.judgement import certified

Case = tuple[Any, Callable[[], Any]]
WORDS = torch.tensor([[1, 2, 0], [3, 0, 0]])
D = torch.float64


def network(outputs: int, dtype: Any, act: type[nn.Module] = nn.Tanh) -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(4, 16), act(), nn.Linear(16, outputs)).to(dtype)


def clipped_values(x: Any) -> Case:
    """The value loss of PPO at its first step: the clipped value is the value."""
    model, returned = network(1, x.dtype), torch.randn(len(x), 1, dtype=x.dtype)
    old = model(x).detach()

    def loss() -> Any:
        value = model(x)
        clipped = old + (value - old).clamp(-0.2, 0.2)
        return 0.5 * torch.max((value - returned) ** 2, (clipped - returned) ** 2).mean()

    return model, loss


def clipped_policy(x: Any) -> Case:
    model, advantage = network(3, x.dtype, nn.ReLU), torch.randn(len(x), dtype=x.dtype)
    old = model(x).log_softmax(1)[:, 0].detach()

    def loss() -> Any:
        ratio = (model(x).log_softmax(1)[:, 0] - old).exp()
        return -torch.min(ratio * advantage, ratio.clamp(0.8, 1.2) * advantage).mean()

    return model, loss


def of_itself(x: Any) -> Case:
    model = network(3, x.dtype, nn.ReLU)
    return model, lambda: (model(x) - model(x)).abs().sum() + model(x).pow(2).mean()


def siamese(x: Any) -> Case:
    """A contrastive loss on equal inputs."""
    model, other = network(3, x.dtype, nn.ReLU), x.clone()
    return model, lambda: F.relu(1 - (model(x) - model(other)).abs().sum(1)).mean() + model(x).pow(2).mean()


def cumulative(x: Any) -> Case:
    model = network(5, x.dtype)
    return model, lambda: (model(x).softmax(1).cumsum(1) - model(x).softmax(1).cumsum(1)).abs().sum() + model(x).sum()


def one_side_twice(x: Any) -> Case:
    model = network(3, x.dtype)
    return model, lambda: torch.maximum(model(x).tanh(), model(x).tanh() * 1).mean()


def sorted_twice(x: Any) -> Case:
    model = network(3, x.dtype)
    return model, lambda: torch.stack([model(x), model(x) + 0]).amax(0).mean()


AT_TIES = (clipped_values, clipped_policy, of_itself, siamese, cumulative, one_side_twice, sorted_twice)


@pytest.mark.parametrize("size", [1, 40])
@pytest.mark.parametrize("dtype", [torch.float32, D])
@pytest.mark.parametrize("build", AT_TIES)
def test_it_succeeds_where_verify_says_clarke(build: Callable[[Any], Case], dtype: Any, size: int) -> None:
    torch.manual_seed(1)
    model, loss = build(torch.randn(size, 4, dtype=dtype))
    report = an.torch.verify(model, loss)
    assert report
    an.torch.clarke_backward(model, loss)
    allowed = {torch.float32: 1e-4, D: 1e-9}[dtype]
    for name, parameter in model.named_parameters():
        # These functions are smooth: there is one gradient.
        assert torch.allclose(parameter.grad, report.gradient[name], rtol=allowed, atol=allowed)


def test_so_does_clarke_gradient() -> None:
    def f(x: Any) -> Any:
        return np.sum(np.abs(np.tanh(x) - np.tanh(x) * 1.0)) + np.sum(np.maximum(np.exp(x) / 3, np.exp(x) * (1 / 3)))

    x = np.linspace(-1, 2, 7)
    np.testing.assert_allclose(an.clarke_gradient(f, x), np.exp(x) / 3, rtol=1e-12)
    t = torch.linspace(-1, 2, 7, dtype=D)
    found = an.clarke_gradient(lambda t: torch.max(t.exp() / 3, t.exp() * (1 / 3)).sum(), t)
    assert torch.allclose(found, t.exp() / 3)


def test_where_nothing_is_proved_the_error_has_the_fix(monkeypatch: pytest.MonkeyPatch) -> None:
    w = torch.zeros(2, dtype=D, requires_grad=True)
    unproved = certified.certified
    monkeypatch.setattr(certified, "STRUCTURAL", ())
    monkeypatch.setattr(certified, "regular", lambda problem: None)
    monkeypatch.setattr(certified, "judged", lambda *args: None)
    monkeypatch.setattr(certified, "certified", lambda sweeps, seed: replace(unproved(sweeps, seed), proved=False))
    with pytest.raises(an.BudgetError, match=r"Fix: .*another seed"):
        an.torch.clarke_backward(w, lambda: w.abs().sum())
    assert w.grad is None


def embedding(**options: Any) -> Case:
    table = nn.Embedding(5, 3, **options)
    return table, lambda: (table(WORDS).sin().relu()).sum()


def moved_padding() -> Case:
    """The row of padding_idx is not zero, and a kink lies behind it."""
    table, loss = embedding(padding_idx=0)
    nn.init.normal_(table.weight)
    return table, loss


def tied() -> Case:
    """The table is the last layer as well, so its row of padding_idx has a gradient from there."""
    table = nn.Embedding(5, 3, padding_idx=0)
    return table, lambda: F.cross_entropy(table(WORDS).mean(1) @ table.weight.T, torch.tensor([0, 1]))


def bags(mode: str, **options: Any) -> Case:
    table = nn.EmbeddingBag(5, 3, mode=mode, **options)
    return table, lambda: (table(WORDS) ** 2).sum()


def sparse_and_dense() -> Case:
    table = nn.Embedding(5, 3, sparse=True)
    return table, lambda: (table(WORDS) ** 2).sum() + (table.weight**2).sum()


def looked_up_twice() -> Case:
    table = nn.Embedding(5, 3, sparse=True)
    return table, lambda: (table(WORDS) ** 2).sum() + table(torch.tensor([4, 1])).sum()


def nothing_on_one() -> Case:
    """A parameter that is not used, and one whose derivative is zero all around."""
    model = nn.ParameterList([torch.ones(2), torch.ones(2), torch.full((2,), 0.5)])
    return model, lambda: (model[0] ** 2).sum() + (model[2] * 0.9).floor().sum()


PLACES: dict[str, Callable[[], Case]] = {
    "table": embedding, "padding": moved_padding, "padding at the end": lambda: embedding(padding_idx=-1),
    "tied": tied, "sparse": lambda: embedding(sparse=True), "sparse and padding":
        lambda: embedding(sparse=True, padding_idx=1), "sparse and dense": sparse_and_dense, "twice": looked_up_twice,
    "bags": lambda: bags("sum", padding_idx=0), "sparse bags": lambda: bags("sum", sparse=True, padding_idx=2),
    "sparse means": lambda: bags("mean", sparse=True), "unused": nothing_on_one,
}  # fmt: skip


@pytest.mark.parametrize("held", [False, True])
@pytest.mark.parametrize("name", PLACES)
def test_it_fills_in_the_same_places(name: str, held: bool) -> None:
    torch.manual_seed(0)
    model, loss = PLACES[name]()
    assert an.torch.verify(model, loss)
    for repeat in range(1 + held):
        loss().backward()
        if repeat == 0 and not held:
            break
    expected = [parameter.grad for parameter in model.parameters()]
    model.zero_grad()
    for _ in range(1 + held):
        an.torch.clarke_backward(model, loss)
    for parameter, grad in zip(model.parameters(), expected, strict=True):
        assert (grad is None) == (parameter.grad is None)
        if grad is not None:
            assert grad.layout == parameter.grad.layout
            assert torch.allclose(grad.to_dense(), parameter.grad.to_dense(), atol=1e-6)


@pytest.mark.parametrize("layout", ["sparse", "dense"])
def test_it_adds_to_what_is_there(layout: str) -> None:
    torch.manual_seed(0)
    table, loss = embedding(sparse=layout == "dense")
    loss().backward()
    right = table.weight.grad.to_dense()
    held = torch.eye(5, 3)
    table.weight.grad = held.to_sparse() if layout == "sparse" else held.clone()
    an.torch.clarke_backward(table, loss)
    assert torch.allclose(table.weight.grad.to_dense(), held + right)


def test_the_row_of_padding_idx_is_noted_and_optimizers_for_sparse_gradients_run() -> None:
    table, loss = moved_padding()
    assert any("padding_idx" in note for note in an.torch.verify(table, loss).notes)
    assert not any("padding_idx" in note for note in an.torch.verify(*embedding(padding_idx=4)).notes)
    table, loss = embedding(sparse=True)
    optimizer = torch.optim.SparseAdam(table.parameters(), lr=0.1)
    before = loss().item()
    for _ in range(3):
        optimizer.step(an.torch.clarke_closure(table, loss))
    assert loss().item() < before


def test_it_is_torchs_own_bit_by_bit_where_that_is_proved() -> None:
    model = torch.nn.Sequential(torch.nn.Linear(6, 8), torch.nn.ReLU(), torch.nn.Linear(8, 3))
    torch.nn.init.zeros_(model[0].bias)
    X = torch.cat([torch.zeros(1, 6), torch.randn(4, 6)])

    def closure() -> Any:
        return F.cross_entropy(model(X), torch.arange(5) % 3)

    closure().backward()
    own = [p.grad.clone() for p in model.parameters()]
    model.zero_grad()
    an.torch.clarke_backward(model, closure)
    assert all(torch.equal(p.grad, g) for p, g in zip(model.parameters(), own, strict=True))
    an.torch.clarke_backward(model, closure)
    assert all(torch.equal(p.grad, 2 * g) for p, g in zip(model.parameters(), own, strict=True))


def _unrunnable(w: Any) -> Any:
    y = w.exp()
    total = y.sum() + 0
    y.mul_(2)
    return total


def _unseen(w: Any) -> Any:
    y = w.exp()
    total = (y * y).sum()
    y.data.mul_(2)
    return total


@pytest.mark.parametrize(("f", "derivative"), [
    (_unrunnable, lambda w: w.exp()), (_unseen, lambda w: 2 * w.exp() ** 2),
    (lambda w: torch.linalg.cholesky(w.reshape(2, 2)).sum(), None),
])  # fmt: skip
def test_it_is_that_of_the_loss_where_torchs_own_is_not(f: Any, derivative: Any) -> None:
    """A backward that does not run, a write that autograd does not see, a matrix of which one half is read."""
    w = torch.tensor([2.0, 0.3, 0.3, 1.0], dtype=torch.float64, requires_grad=True)
    an.torch.clarke_backward(w, lambda: f(w))
    if derivative is None:
        with torch.no_grad():
            steps = 1e-6 * torch.eye(4, dtype=torch.float64)
            expected = torch.stack([(f(w + step) - f(w - step)) / 2e-6 for step in steps])
    else:
        expected = derivative(w.detach())
    assert torch.allclose(w.grad, expected, atol=1e-7)
