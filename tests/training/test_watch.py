"""Does a watched training count the ties that verdicts count, and is a wrong gradient caught and repaired?"""

from __future__ import annotations

import contextlib
import json
import logging
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn
from torch.nn import functional

import absnormal as an


def zero_head() -> tuple[Any, Any, Any, Any]:
    """A linear head at zero with the cross-entropy that people write by hand, and data that it can learn."""
    generator = torch.Generator().manual_seed(0)
    X = torch.randn(32, 4, generator=generator)
    Y = (X[:, :1] > 0).float()
    head = nn.Linear(4, 1)
    nn.init.zeros_(head.weight)
    nn.init.zeros_(head.bias)

    def loss() -> Any:
        z = head(X)
        return (torch.relu(z) - z * Y + torch.log1p(torch.exp(-z.abs()))).mean()

    return head, loss, X, Y


def test_a_zero_head_is_caught_at_step_0_and_repaired(caplog: pytest.LogCaptureFixture) -> None:
    head, loss, X, Y = zero_head()
    right = torch.autograd.grad(functional.binary_cross_entropy_with_logits(head(X), Y), head.weight)[0]
    watch = an.torch.Watch(head, repair=True)
    optimizer = torch.optim.SGD(head.parameters(), lr=0.5)
    with caplog.at_level(logging.INFO, "absnormal"):
        for _ in range(10):
            optimizer.zero_grad()
            watch.backward(loss)
            if watch.number == 1:
                assert torch.allclose(head.weight.grad, right, atol=1e-6)
            optimizer.step()
    first, *later = watch.steps
    assert first.number == 0 and first.verdict == "NOT_CLARKE" and first.repaired and first.total == 64
    assert not later and watch.number == 10
    (message,) = [record.getMessage() for record in caplog.records]
    assert message.startswith("step 0: NOT_CLARKE by separation, repaired; ties: 32 at ")
    assert "relu at test_watch.py:" in message
    assert loss().item() < 0.4


def test_without_repair_it_is_said_and_nothing_is_changed() -> None:
    head, loss, *_ = zero_head()
    watch = an.torch.Watch(head)
    value = watch.backward(loss)
    own = head.weight.grad.clone()
    head.weight.grad = head.bias.grad = None
    loss().backward()
    assert torch.equal(own, head.weight.grad) and float(value) == pytest.approx(0.6931, abs=1e-4)
    # A place where a gradient was wrong is verified until it is right.
    watch.backward(loss)
    assert [step.verdict for step in watch.steps] == ["NOT_CLARKE", "NOT_CLARKE"]
    assert not any(step.repaired for step in watch.steps)


def test_gradients_are_added_to_what_is_there() -> None:
    head, loss, *_ = zero_head()
    watch = an.torch.Watch(head, repair=True)
    watch.backward(loss)
    once = head.weight.grad.clone()
    watch.backward(loss)
    assert torch.allclose(head.weight.grad, 2 * once)


@pytest.mark.parametrize(("every", "verified"), [(0, []), (3, [0, 3])])
def test_every_so_many_steps(every: int, verified: list[int]) -> None:
    model, X = nn.Sequential(nn.Linear(3, 3), nn.Tanh()), torch.ones(2, 3)
    watch = an.torch.Watch(model, every=every)
    for _ in range(5):
        watch.backward(lambda: model(X).sum())
    assert [step.number for step in watch.steps] == verified


def test_a_place_is_verified_when_its_ties_are_new() -> None:
    w = torch.ones(2, requires_grad=True)
    watch = an.torch.Watch(w)
    for numbers in ((1.0, 1.0), (0.0, 1.0), (0.0, 0.0), (0.0, 1.0)):
        with torch.no_grad():
            w.copy_(torch.tensor(numbers))
        watch.backward(lambda: w.abs().sum())
    assert [(step.number, step.total, step.verdict) for step in watch.steps] == [
        (1, 1, "CLARKE"), (2, 2, ""), (3, 1, ""),
    ]  # fmt: skip


#: One call each of what is counted, at a point with ties.
weights = torch.linspace(1, 2, 8, dtype=torch.float64)
_CALLS: dict[str, Any] = {
    "relu": torch.relu, "functional.relu": functional.relu, "method": lambda x: x.relu(), "abs": abs,
    "in place": lambda x: functional.relu(x * 1, inplace=True), "relu6": functional.relu6,
    "leaky": functional.leaky_relu, "hardtanh": lambda x: functional.hardtanh(x, 0, 1),
    "clamp": lambda x: x.clamp(0, 1), "clamp below": lambda x: torch.clamp(x, min=1),
    "maximum": lambda x: torch.maximum(x, x[:, [1, 0, 2, 3]]),
    "max of two": lambda x: torch.max(x, x.flip(0).detach()), "l1": lambda x: functional.l1_loss(x, torch.ones(2, 4)),
    "softshrink": lambda x: functional.softshrink(x, 1.0), "elu": lambda x: functional.elu(x, 2.0),
    "threshold": lambda x: functional.threshold(x, 0.0, 0.0), "prelu": lambda x: functional.prelu(x, weights[:1] / 2),
    "hardsigmoid": lambda x: functional.hardsigmoid(x * 3), "module": nn.ReLU(),
}  # fmt: skip
#: Calls that take one of several entries, and how many entries share a maximum beyond the first, by hand.
_EXTREMES: dict[str, tuple[Any, int]] = {
    "amax": (lambda x: x.amax(1), 2), "amax of axes": (lambda x: x.reshape(2, 2, 2).amax((0, 2)), 2),
    "max": (lambda x: x.max(), 3), "min": (lambda x: x.min(1).values, 1),
    "keepdim": (lambda x: x.max(dim=1, keepdim=True).values, 2),
    "pool": (lambda x: functional.max_pool1d(x, 2), 2),
    "pool in steps": (lambda x: functional.max_pool1d(x, 3, 1, 1), 5),
    "pool 2d": (lambda x: functional.max_pool2d(x.reshape(1, 1, 2, 4), 2, 1), 4),
    "pool, ceil": (lambda x: functional.max_pool2d(x.reshape(1, 1, 2, 4), 3, 2, 1, ceil_mode=True), 5),
}  # fmt: skip


def test_ties_are_those_that_a_verdict_counts() -> None:
    x = torch.tensor([[0.0, 1.0, 1.0, 0.5], [1.0, 1.0, 0.0, 0.0]], dtype=torch.float64, requires_grad=True)
    for name, f in _CALLS.items():
        def loss(f: Any = f) -> Any:
            y = f(x).reshape(-1)
            return (y * weights[: y.numel()]).sum()

        watch = an.torch.Watch(x)
        watch.backward(loss)
        total = sum(step.total for step in watch.steps)
        active = len(an.torch.verify(x, loss).tool.alpha)
        assert total == active > 0, name
    for name, (f, expected) in _EXTREMES.items():
        watch = an.torch.Watch(x)
        watch.backward(lambda: f(x).sum())
        assert sum(step.total for step in watch.steps) == expected, name


def test_ties_are_named_by_module_and_line() -> None:
    model = nn.Sequential(nn.Linear(2, 2, bias=False), nn.ReLU(), nn.MaxPool1d(2))
    watch = an.torch.Watch(model)
    watch.backward(lambda: model(torch.zeros(1, 2)).sum())
    (step,) = watch.steps
    places = [place.partition(" at test_watch.py:")[0] for place in step.ties]
    assert places == ["1.relu", "2.max_pool1d"] and [*step.ties.values()] == [2, 1]


def test_what_needs_no_gradient_is_not_counted() -> None:
    w, X = torch.ones(2, requires_grad=True), torch.zeros(100)
    watch = an.torch.Watch(w)

    def loss() -> Any:
        with torch.no_grad():
            torch.relu(w * 0)
        return (torch.relu(X).sum() + w.sum()) ** 2

    watch.backward(loss)
    assert not watch.steps


def test_dropout_is_the_same_in_the_verdict() -> None:
    torch.manual_seed(0)
    model, X = nn.Sequential(nn.Linear(4, 4), nn.Dropout(0.5), nn.ReLU()), torch.zeros(3, 4)
    nn.init.zeros_(model[0].bias)
    seen: list[Any] = []

    def loss() -> Any:
        seen.append(model(X + 1).detach().clone())
        return model(X).sum()

    state = torch.random.get_rng_state()
    loss().backward()
    after = torch.random.get_rng_state()
    torch.random.set_rng_state(state)
    watch = an.torch.Watch(model, every=1)
    watch.backward(loss)
    assert len(seen) == 3 and torch.equal(seen[1], seen[2]) and torch.equal(after, torch.random.get_rng_state())


def test_a_step_that_cannot_be_followed_is_trained_as_it_is() -> None:
    w = torch.zeros(2, requires_grad=True)
    watch = an.torch.Watch(w)
    for _ in range(2):
        watch.backward(lambda: torch.relu(w).sum() + (w if w.sum() > 0 else -2 * w).sum())
    assert [step.verdict for step in watch.steps] == ["ERROR", ""] and "branch" in watch.steps[0].reason
    assert w.grad.tolist() == [-4.0, -4.0]


@pytest.mark.parametrize("scale", [0.0, 1.0], ids=["the same loss", "another loss"])
def test_a_closure_that_takes_another_batch_is_trained_as_it_is(scale: float) -> None:
    """At a zero head the loss is log 2 for every batch: then its gradient tells."""
    head, _, X, Y = zero_head()
    batches = iter(zip(X.reshape(4, 8, 4), Y.reshape(4, 8, 1), strict=True))

    def loss(x: Any, y: Any) -> Any:
        z = head(x)
        return (torch.relu(z) - z * y + torch.log1p(torch.exp(-z.abs())) + scale * y).mean()

    watch = an.torch.Watch(head, repair=True)
    watch.backward(lambda: loss(*next(batches)))
    filled = head.weight.grad.clone()
    head.zero_grad()
    loss(X[:8], Y[:8]).backward()
    assert torch.equal(filled, head.weight.grad)
    (step,) = watch.steps
    assert step.verdict == "ERROR" and not step.repaired
    assert "computes another loss when it is called again" in step.reason
    watch = an.torch.Watch(head, repair=True)
    watch.backward(lambda: loss(X[:8], Y[:8]))
    assert watch.steps[0].repaired


def test_where_steps_go(tmp_path: Path) -> None:
    class Writer:
        def __init__(self) -> None:
            self.seen: list[Any] = []

        def add_scalar(self, tag: str, value: float, step: int) -> None:
            self.seen.append((tag, value, step))

    head, loss, *_ = zero_head()
    writer, steps = Writer(), []
    watch = an.torch.Watch(head, repair=True, to=[tmp_path / "steps.jsonl", writer, steps.append])
    for _ in range(2):
        watch.backward(loss)
        with torch.no_grad():
            head.bias += 1.0
    (line,) = (tmp_path / "steps.jsonl").read_text().splitlines()
    assert json.loads(line)["verdict"] == "NOT_CLARKE" and json.loads(line)["repaired"]
    assert writer.seen == [("clarke/ties", 64, 0), ("clarke/wrong", 1.0, 0), ("clarke/ties", 0, 1)]
    assert [step.number for step in steps] == [0, 1]
    with pytest.raises(ValueError, match="to must be the name of a file, a TensorBoard writer or a function, got int"):
        an.torch.Watch(head, to=3)
    with pytest.raises(ValueError, match="every must be an integer >= 0"):
        an.torch.Watch(head, every=-1)


class Lightning:
    """What the callback asks of PyTorch Lightning, whose Trainer calls the hooks in this order."""

    class Callback:
        pass

    accumulate_grad_batches = 2

    def __init__(self, callback: Any, module: Any) -> None:
        self.callback, self.module = callback, module

    def step(self, fails: bool = False, skipped: bool = False) -> None:
        self.callback.on_train_batch_start(self, self.module, None, 0)
        try:
            loss = self.module.training_step(None, 0)
            if fails:
                raise RuntimeError
        except RuntimeError as error:
            self.callback.on_exception(self, self.module, error)
            return
        if not skipped:
            loss = (loss["loss"] if isinstance(loss, dict) else loss) / self.accumulate_grad_batches
            self.callback.on_before_backward(self, self.module, loss)
            loss.backward()
            self.callback.on_after_backward(self, self.module)
        self.callback.on_train_batch_end(self, self.module, None, None, 0)


def test_the_callback_of_lightning_repairs_accumulated_gradients(monkeypatch: pytest.MonkeyPatch) -> None:
    head, loss, X, Y = zero_head()
    right = torch.autograd.grad(functional.binary_cross_entropy_with_logits(head(X), Y), head.weight)[0]
    head.training_step = lambda batch, index: {"loss": loss()}
    watch = an.torch.Watch(head, repair=True)
    with pytest.raises(ImportError, match="pip install lightning"):
        monkeypatch.setitem(sys.modules, "lightning.pytorch", None)
        monkeypatch.setitem(sys.modules, "pytorch_lightning", None)
        an.torch.lightning(watch)
    monkeypatch.setitem(sys.modules, "pytorch_lightning", Lightning)
    trainer = Lightning(an.torch.lightning(watch), head)
    for _ in range(2):
        trainer.step()
    assert torch.allclose(head.weight.grad, right, atol=1e-6)
    assert [(step.verdict, step.repaired) for step in watch.steps] == 2 * [("NOT_CLARKE", True)]
    # Neither an error nor a step without a loss leaves the count running.
    trainer.step(fails=True)
    trainer.step(skipped=True)
    assert watch.number == 2 and not torch.overrides._get_current_function_mode_stack()


class Trainer:
    """What is asked of a Trainer of transformers, which calls compute_loss, its accelerator and its callbacks so."""

    class TrainerCallback:
        pass

    class Accelerator:
        scaler = None

        def backward(self, loss: Any) -> None:
            loss.backward()

    current_gradient_accumulation_steps = 2

    def __init__(self, model: Any, loss: Any) -> None:
        self.model, self.of, self.accelerator, self.callbacks = model, loss, self.Accelerator(), []

    def add_callback(self, callback: Any) -> None:
        self.callbacks.append(callback)

    def compute_loss_context_manager(self) -> Any:
        return contextlib.nullcontext()

    def compute_loss(self, model: Any, inputs: Any, return_outputs: bool = False) -> Any:
        loss = self.of(inputs.pop("scale"))
        return (loss, None) if return_outputs else loss

    def train(self, steps: int, fails: bool = False) -> None:
        for callback in self.callbacks:
            callback.on_train_begin(None, None, None)
        for _ in range(steps):
            self.model.train()
            loss = self.compute_loss(self.model, {"scale": 1.0}) / self.current_gradient_accumulation_steps
            if fails:
                raise RuntimeError
            self.accelerator.backward(loss)
            self.model.eval()
            self.compute_loss(self.model, {"scale": 1.0}, return_outputs=True)
        for callback in self.callbacks:
            callback.on_train_end(None, None, None)


def test_a_trainer_of_transformers_repairs_accumulated_gradients(monkeypatch: pytest.MonkeyPatch) -> None:
    head, loss, X, Y = zero_head()
    right = torch.autograd.grad(functional.binary_cross_entropy_with_logits(head(X), Y), head.weight)[0]
    watch = an.torch.Watch(head, repair=True)
    trainer = Trainer(head, lambda scale: scale * loss())
    monkeypatch.setitem(sys.modules, "transformers", None)
    with pytest.raises(ImportError, match="pip install 'transformers"):
        an.torch.transformers(watch, trainer)
    monkeypatch.setitem(sys.modules, "transformers", Trainer)
    an.torch.transformers(watch, trainer)
    trainer.train(2)
    assert torch.allclose(head.weight.grad, right, atol=1e-6)
    assert [(step.verdict, step.repaired) for step in watch.steps] == 2 * [("NOT_CLARKE", True)]
    with pytest.raises(RuntimeError):
        trainer.train(1, fails=True)
    assert not torch.overrides._get_current_function_mode_stack()
    head.weight.grad = None
    trainer.accelerator.scaler = object()
    trainer.train(1)
    assert watch.number == 3 and not torch.allclose(head.weight.grad, right / 2, atol=1e-6)
    assert "compute_loss" not in vars(trainer) and "backward" not in vars(trainer.accelerator)
