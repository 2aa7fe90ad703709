"""Does a verdict leave the model, .grad and the random state as it found them, and clarke_backward as a step does?"""

# ruff: noqa: NPY002

from __future__ import annotations

import copy
import random
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn

import absnormal as an

X, Y = torch.linspace(-1, 1, 24).reshape(6, 4), torch.arange(6) % 3
GENERATOR = torch.Generator().manual_seed(5)


class Net(nn.Module):
    """Keeps statistics in every way that modules do."""

    def __init__(self, layer: nn.Module) -> None:
        super().__init__()
        self.layer, self.last = layer, nn.Linear(4, 3)
        self.calls = 0
        self.register_buffer("mean", torch.zeros(4))
        self.register_buffer("seen", torch.zeros((), dtype=torch.int64))

    def forward(self, x: Any) -> Any:
        hidden = F.relu(self.layer(x))
        self.calls += 1
        with torch.no_grad():
            self.mean.lerp_(hidden.mean(0), 0.5)
            self.seen = self.seen + 1
        return self.last(hidden - self.mean)


def batch_norm() -> nn.Module:
    return nn.Sequential(nn.Linear(4, 4), nn.BatchNorm1d(4))


def cumulative() -> nn.Module:
    return nn.Sequential(nn.BatchNorm1d(4, momentum=None), nn.BatchNorm1d(4, dtype=torch.float32, affine=False))


def instance_norm() -> nn.Module:
    return nn.Sequential(nn.Unflatten(1, (2, 2)), nn.InstanceNorm1d(2, track_running_stats=True), nn.Flatten())


def spectral() -> nn.Module:
    return nn.utils.parametrizations.spectral_norm(nn.Linear(4, 4))


def normed() -> nn.Module:
    """The older hooks, which put a tensor with a graph into an attribute."""
    return nn.utils.spectral_norm(nn.Linear(4, 4))


def dropout() -> nn.Module:
    return nn.Sequential(nn.Linear(4, 4), nn.Dropout(0.4))


LAYERS = [batch_norm, cumulative, instance_norm, spectral, normed, dropout]


def model(layer: Callable[[], nn.Module] = batch_norm) -> Net:
    torch.manual_seed(0)
    net = Net(layer())
    for parameter in net.parameters():
        parameter.grad = torch.full_like(parameter, 0.25)
    return net


def loss_of(net: Net) -> Callable[[], Any]:
    return lambda: F.cross_entropy(net(X), Y)


def state(net: Net) -> list[Any]:
    """All that a run may change, as values that compare."""
    tensors = {**dict(net.named_buffers()), **dict(net.named_parameters())}
    grads = {name: None if p.grad is None else (id(p.grad), p.grad.tolist()) for name, p in net.named_parameters()}
    return [{name: (id(t), t.tolist()) for name, t in tensors.items()}, grads, [m.training for m in net.modules()],
            torch.get_rng_state().tolist(), GENERATOR.get_state().tolist(), np.random.get_state()[1].tolist(),
            np.random.get_state()[2], random.getstate(), net.calls]  # fmt: skip


@pytest.mark.parametrize("layer", LAYERS)
def test_verify_changes_nothing_and_is_right(layer: Callable[[], nn.Module]) -> None:
    net = model(layer)
    before, drawn = state(net), torch.get_rng_state()
    report = an.torch.verify(net, loss_of(net))
    assert state(net) == before and report.verdict.name == "CLARKE"
    twin = copy.deepcopy(net)
    twin.zero_grad()
    loss_of(twin)().backward()
    assert not torch.equal(twin.seen, net.seen) and not torch.equal(twin.mean, net.mean)
    torch.set_rng_state(drawn)
    for name, parameter in twin.named_parameters():
        if parameter.grad is not None:
            torch.testing.assert_close(report.gradient[name], parameter.grad)
            torch.testing.assert_close(report.clarke_gradient[name], parameter.grad, rtol=1e-3, atol=1e-5)


@pytest.mark.parametrize("layer", LAYERS)
def test_clarke_backward_changes_what_a_backward_pass_does(layer: Callable[[], nn.Module]) -> None:
    net = model(layer)
    net.zero_grad()
    twin, drawn = copy.deepcopy(net), torch.get_rng_state()
    loss_of(twin)().backward()
    after = torch.get_rng_state()
    torch.set_rng_state(drawn)
    an.torch.clarke_backward(net, loss_of(net))
    assert torch.equal(torch.get_rng_state(), after)
    torch.testing.assert_close(dict(net.named_buffers()), dict(twin.named_buffers()), rtol=0, atol=0)
    for mine, theirs in zip(net.parameters(), twin.parameters(), strict=True):
        torch.testing.assert_close(mine.grad, theirs.grad, rtol=1e-3, atol=1e-5)


def changing(net: Net, end: Callable[[Any], Any]) -> Callable[[], Any]:
    """A closure that changes all it can, and ends in some way."""

    def loss() -> Any:
        net.zero_grad(set_to_none=bool(net.seen == 0))
        net.eval()
        net.layer.train()
        noise = torch.rand(6, 4) + torch.rand(6, 4, generator=GENERATOR) + np.random.rand() + random.random()
        return end(F.cross_entropy(net(X + noise), Y))

    return loss


def raising(value: Any) -> Any:
    raise KeyError("no such thing")


ENDS: dict[str, tuple[Callable[[Any], Any], Any]] = {
    "a verdict": (lambda value: value, None),
    "an error": (raising, KeyError), "an exit": (lambda value: sys.exit(0), SystemExit),
    "NaN": (lambda value: value * float("nan"), an.DomainError), "no number": (lambda value: X * value, ValueError),
    "no gradient": (lambda value: value.detach(), an.TraceError),
    "a jump": (lambda value: torch.heaviside(value - value, value), an.TraceError),
    "a backward": (lambda value: (value.backward(retain_graph=True), value)[1], an.TraceError),
}  # fmt: skip


@pytest.mark.parametrize("name", ENDS)
def test_however_the_closure_ends(name: str) -> None:
    end, error = ENDS[name]
    for run in (an.torch.verify, an.torch.clarke_backward, lambda net, loss: an.torch.clarke_closure(net, loss)()):
        net = model()
        before = state(net)
        if error is None:
            run(net, changing(net, end))
        else:
            with pytest.raises(error):
                run(net, changing(net, end))
        assert (state(net) == before) == (error is not None or run is an.torch.verify)


@pytest.mark.parametrize("run", [
    an.verify, an.trace, an.gradient, an.clarke_gradient, an.generalized_gradient, an.abs_normal_form,
    lambda f, x: list(an.sweep(f, [x, x])), lambda f, x: an.find_kink(f, x, x + 1),
])  # fmt: skip
def test_functions_of_tensors_that_call_a_model(run: Callable[[Any, Any], Any]) -> None:
    net = model()
    before = state(net)
    run(lambda x: net(x).sum(), X.clone())
    assert state(net) == before


def test_what_is_updated_and_used_has_the_values_of_the_run() -> None:
    """Memory is given back its contents only after they are read: the program computes with those of the run."""
    scale = torch.ones(4)

    def f(x: Any) -> Any:
        made = torch.zeros(4)
        made[0] = 2.0
        scale.mul_(2.0).add_(made)
        return (x.abs() * scale).sum()

    x = torch.tensor([1.0, -2.0, 0.0, 3.0])
    program = an.trace(f, x)
    report = an.verify(f, x)
    assert scale.tolist() == [1.0] * 4 and program(x.tolist()) == 4.0 + 4.0 + 6.0
    assert report.gradient.tolist() == [4.0, -2.0, 0.0, 2.0] and report.verdict.name == "CLARKE"
    assert f(x).item() == 14.0


def test_a_kernel_that_lost_digits_is_replayed_with_the_values_of_the_run() -> None:
    norm = nn.BatchNorm1d(1)
    w = torch.tensor([1.0, 1.0001, 1.0002, 0.9999], requires_grad=True)
    target = torch.tensor([[1.0], [-1.0], [2.0], [0.0]])
    report = an.torch.verify(w, lambda: (norm(w[:, None]) * target).sum() + norm.running_mean.abs().sum())
    assert report.verdict.name != "NOT_CLARKE" and norm.running_mean.tolist() == [0.0]


def test_threads_that_share_a_model_wait() -> None:
    net = model(lambda: nn.Sequential(batch_norm(), nn.Dropout(0.4)))
    before = state(net)
    alone = an.torch.verify(net, loss_of(net)).gradient
    with ThreadPoolExecutor(3) as pool:
        found = [*pool.map(lambda _: an.torch.verify(net, loss_of(net)), range(9))]
    assert state(net) == before
    for report in found:
        torch.testing.assert_close(report.gradient, alone, rtol=0, atol=0)


def test_a_scripted_module_is_followed_or_refused_by_name() -> None:
    class Scaled(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layer = nn.Linear(3, 3)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return 2 * torch.nn.functional.gelu(self.layer(x))

    model, x = torch.jit.script(Scaled()), torch.randn(4, 3)
    for _ in range(3):
        try:
            assert an.torch.verify(model, lambda: model(x).sum()).verdict is an.Verdict.CLARKE
        except an.TraceError as error:
            assert "script" in str(error)


@pytest.mark.parametrize("given", ["variables", "other parameters", "plain tensors", "what f computes"])
@pytest.mark.parametrize("fails", [False, True])
def test_a_model_whose_tensors_are_swapped_keeps_its_own(given: str, fails: bool) -> None:
    """torch.func.functional_call puts tensors in the place of a model's before its forward pass, and takes them out."""
    model, other = (Net(nn.Sequential(nn.Linear(4, 4), nn.BatchNorm1d(4))) for _ in range(2))
    held = {name: (id(tensor), tensor.clone()) for name, tensor in model.state_dict(keep_vars=True).items()}
    own: dict[str, Any] = {
        "other parameters": dict(other.named_parameters()),
        "plain tensors": {name: tensor.detach().clone() for name, tensor in other.state_dict().items()},
    }.get(given, {})

    def f(theta: dict[str, Any]) -> Any:
        swapped = {**own, **theta}
        if given == "what f computes":
            swapped = {name: 2 * tensor for name, tensor in theta.items()}
        loss = F.cross_entropy(torch.func.functional_call(model, swapped, (X,)), Y)
        return loss.log().log() * torch.nan if fails else loss

    theta = {"last.weight": torch.zeros(3, 4), "layer.0.bias": torch.zeros(4)}
    for run in (lambda: an.verify(f, theta), lambda: an.clarke_gradient(f, theta), lambda: an.trace(f, theta)):
        if fails:
            with pytest.raises(an.AbsNormalError):
                run()
        else:
            run()
        now = model.state_dict(keep_vars=True)
        assert {name: id(tensor) for name, tensor in now.items()} == {name: one for name, (one, _) in held.items()}
        assert all(torch.equal(tensor, held[name][1]) for name, tensor in now.items())
        assert model.calls == 0
        copy.deepcopy(model)


def test_a_weight_that_f_swaps_by_hand_and_what_hooks_keep() -> None:
    model = nn.Sequential(nn.Linear(4, 4), nn.BatchNorm1d(4), nn.Linear(4, 3))
    for layer in model:
        layer.register_forward_hook(lambda layer, given, found: setattr(layer, "features", found))
    weight, names = model[0].weight, [name for name, _ in model.named_parameters()]
    statistics = model[1].running_mean.clone()

    def f(w: Any) -> Any:
        del model[0].weight
        model[0].weight = w
        try:
            return F.cross_entropy(model(X), Y)
        finally:
            del model[0].weight
            model[0].weight = weight

    for _ in range(2):
        an.verify(f, torch.zeros(4, 4))
        assert model[0].weight is weight and "weight" not in model[0].__dict__
        assert sorted(names) == sorted(name for name, _ in model.named_parameters())
        assert torch.equal(statistics, model[1].running_mean)
        assert not any(hasattr(layer, "features") for layer in model)
        copy.deepcopy(model)
