"""Does a point of a sweep over a function of torch have the record of a single call?"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

from tests.batch.test_screening import swept
from tests.planted.plants import Wrong

F = torch.nn.functional


def points(count: int = 20, dtype: Any = torch.float32) -> list[Any]:
    """Points in general position, two of them on a lattice."""
    found = np.random.default_rng(0).normal(size=(count, 3))
    found[3], found[11] = [1.0, 0.5, 0.0], [0.0, 0.0, 2.0]
    return [torch.tensor(x, dtype=dtype) for x in found]


def network(x: Any) -> Any:
    first, second = torch.linspace(-1, 1, 12, dtype=x.dtype).reshape(4, 3), torch.linspace(0.5, 2, 4, dtype=x.dtype)
    return F.layer_norm(F.relu(first @ x) + 0.1 * second, (4,)).tanh() @ second


FUNCTIONS: dict[str, Callable[[Any], Any]] = {
    "kinks": lambda x: F.relu(x).sum() + (x[0] - 2 * x[1]).abs() * torch.exp(-(x[2] ** 2)) - x.max(),
    "network": network,
    "losses": lambda x: F.cross_entropy(x[None], torch.tensor([1])) + F.mse_loss(x, torch.ones_like(x)),
    "in place": lambda x: torch.zeros_like(x).add_(x).mul_(2.0).add_(x.flip(0)).relu_().square().sum(),
    "moves": lambda x: (torch.cat([x[1:], x[:1]]).repeat(2).reshape(2, 3).T @ torch.ones(2, dtype=x.dtype)).abs().sum(),
}  # fmt: skip


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
@pytest.mark.parametrize("name", FUNCTIONS)
def test_records_are_those_of_single_calls(name: str, dtype: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    alone = swept(monkeypatch, FUNCTIONS[name], points(dtype=dtype))
    # In float32 a bound on the rounding of a standardized entry leaves some more to single calls.
    assert 0 in alone and len(alone) <= (10 if name == "network" and dtype == torch.float32 else 4)


def test_other_branches_and_errors_are_found_point_by_point(monkeypatch: pytest.MonkeyPatch) -> None:
    def f(x: Any) -> Any:
        if x[0] > 0.5:
            return x[1].abs() * x.sum()
        if x[0] < -1:
            raise ValueError("x[0] is too small")
        return x.sum()

    many = points()
    few = [number for number, x in enumerate(many) if (x[0] > 0.5) != (many[0][0] > 0.5) or x[0] < -1]
    assert 0 < len(few) < 18
    assert {0, *few} <= {*swept(monkeypatch, f, many)} <= {0, 3, 11, *few}


def negated(x: Any) -> Any:
    """The identity, whose derivative is wrong where x is negative, as a kernel's might be."""
    return Wrong.apply(x, lambda grad: torch.where(x < 0, 2 * grad, grad))


def hooked(x: Any) -> Any:
    y = x * 1.0
    if y.requires_grad:
        y.register_hook(lambda grad: 2 * grad)
    return y.sum()


@pytest.mark.parametrize(
    "f", [lambda x: Wrong.apply(x.sin(), lambda grad: 2 * grad).sum(), hooked], ids=["a Function", "a hook"]
)
def test_derivatives_of_others_are_judged_at_every_point(f: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    assert swept(monkeypatch, f, points(17)) == [*range(17)]


def test_a_gradient_that_is_wrong_at_some_points_is_judged_there(monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[int] = []

    def changing(x: Any) -> Any:
        # Where points are looked at together other derivatives are taken for a while, whose values are the same.
        calls.append(0)
        return (negated(x) if 10 <= len(calls) <= 22 else x * 1.0).sum()

    alone = swept(monkeypatch, changing, points())
    assert {number for number, x in enumerate(points()) if number > 9 and (x < 0).any()} <= {*alone}
    assert len(alone) < 20


def test_nothing_is_left_behind(monkeypatch: pytest.MonkeyPatch) -> None:
    model = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.ReLU(), torch.nn.Linear(4, 1))
    normed = torch.nn.Sequential(torch.nn.BatchNorm1d(3), torch.nn.Linear(3, 1))
    generator = torch.Generator().manual_seed(3)
    before, state = {**normed.state_dict()}, generator.get_state()
    before = {name: value.clone() for name, value in before.items()}
    torch.manual_seed(1)
    random = torch.get_rng_state()
    alone = swept(monkeypatch, lambda x: model(x).sum(), points())
    assert len(alone) <= 3
    batch = [torch.stack([x, 2 * x, x.flip(0)]) for x in points(17)]
    assert len(swept(monkeypatch, lambda x: normed(x).square().sum(), batch)) == 17
    assert len(swept(monkeypatch, lambda x: (x * torch.rand(3, generator=generator)).sum(), points(17))) == 17
    assert len(swept(monkeypatch, lambda x: F.dropout(x, 0.5).exp().sum(), points(17))) > 10
    assert all(parameter.grad is None for parameter in (*model.parameters(), *normed.parameters()))
    assert all(torch.equal(value, before[name]) for name, value in normed.state_dict().items())
    assert torch.equal(generator.get_state(), state) and torch.equal(torch.get_rng_state(), random)


def test_structures_types_and_what_is_detached(monkeypatch: pytest.MonkeyPatch) -> None:
    def f(p: Any) -> Any:
        return F.relu(p["w"] * 3 + p["b"][0]).sum() - p["b"][0].abs()

    many: list[Any] = [{"w": x, "b": [x[0] + 0.25]} for x in points()]
    assert len(swept(monkeypatch, f, many)) <= 3
    assert len(swept(monkeypatch, f, [*many[:7], {"w": torch.ones(4), "b": [torch.tensor(0.5)]}, *many[8:]])) == 20
    other = points()
    other[11] = other[11].double()
    assert len(swept(monkeypatch, FUNCTIONS["kinks"], other)) == 20
    swept(monkeypatch, lambda x: (x * x.detach()).sum(), points(17))


def test_digits_that_rounding_took_are_left_to_single_calls(monkeypatch: pytest.MonkeyPatch) -> None:
    many = [torch.tensor([0.5 + 0.01 * k, 1.0]) for k in range(20)]
    many[5], many[9] = torch.tensor([1e-4, 1.0]), torch.tensor([3e-4, 1.0])
    alone = swept(monkeypatch, lambda x: x[1] * (1 - x[0].cos()) / x[0].square(), many)
    assert {5, 9} <= {*alone} and len(alone) < 6
    many = [torch.tensor([1.5 + 0.01 * k], dtype=torch.float64) for k in range(20)]
    many[7] = torch.tensor([2.0], dtype=torch.float64).sqrt()
    assert swept(monkeypatch, lambda x: (x.square() - 2).sum(), many) == [0, 7]
