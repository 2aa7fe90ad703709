"""Numbers that Python code takes out of tensors: what is only logged is no branch, what may decide is."""

from __future__ import annotations

import bisect
import copy
import json
import math
import pickle
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from scipy.optimize import linear_sum_assignment

import absnormal as an
from absnormal.frontends.torch.numbers import Number, Use, Whole, telling

D = torch.float64
Function = Callable[[Any], Any]
ZERO, SIGNS = torch.zeros((), dtype=D), torch.tensor([1.0, -1.0, 0.0], dtype=D)

#: Ways to log a number that decide nothing.
LOGS: dict[str, Callable[[Any], Any]] = {
    "kept": lambda number: number, "written": lambda number: f"{number:.3f} {number}",
    "percent": lambda number: "%.3f %s" % (number, number),  # noqa: UP031
    "json": lambda number: json.dumps([number]), "averaged": lambda number: number / 2,
    "pickled": lambda number: pickle.dumps(number), "copied": lambda number: copy.copy(number),
    "summed": lambda number: sum([number, 1.0, 2 * number]), "rounded": lambda number: round(number, 2),
}  # fmt: skip


@pytest.mark.parametrize("read", [lambda loss: loss.item(), lambda loss: loss.detach().tolist()])
@pytest.mark.parametrize("name", LOGS)
def test_a_result_that_is_logged_is_no_branch(name: str, read: Function) -> None:
    log: list[Any] = []

    def f(x: Any) -> Any:
        loss = torch.relu(x).sum()
        log.append(LOGS[name](read(loss)))
        return loss

    x = torch.zeros(2, dtype=D)
    report = an.verify(f, x)
    assert report and report.gradient.tolist() == [0.0, 0.0]
    assert an.trace(f, torch.ones(2, dtype=D))([3.0, 3.0]) == 6.0


#: Functions whose value at 0 is read, and decides what they are.
DECIDED: dict[str, Function] = {
    "median by key": lambda x: sorted((x * SIGNS).unbind(), key=float)[1],
    "median by item": lambda x: sorted((x * SIGNS).unbind(), key=lambda t: t.item())[1],
    "among constants": lambda x: sorted([ZERO, x[0] * 1, ZERO.clone()], key=float)[1],
    "equal": lambda x: (lambda loss: loss if loss.item() == 0 else 2 * loss)(x.sum()),
    "not": lambda x: (lambda loss: 2 * loss if loss.item() else loss)(x.sum()),
    "after arithmetic": lambda x: (lambda loss: loss if abs(loss.item() - 1) >= 1 else 2 * loss)(x.sum()),
    "in a list": lambda x: (lambda loss: loss if loss.tolist() <= 0 else 2 * loss)(x.sum()),
    "a key": lambda x: (lambda loss: {0.0: loss}.get(loss.item(), 2 * loss))(x.sum()),
    "an integer": lambda x: (x * SIGNS[:2]).unbind()[x.repeat(2).argmin().item()],
}  # fmt: skip


@pytest.mark.parametrize("name", DECIDED)
def test_what_decides_is_refused_at_0(name: str) -> None:
    with pytest.raises(an.TraceError, match=r"(is 0|is tied) at this point"):
        an.verify(DECIDED[name], torch.zeros(1, dtype=D))


#: Functions of (x0, x1) at (0, 0) that are others at (3, 3).
ELSEWHERE: dict[str, Function] = {
    "hinge": lambda x: (lambda loss: loss if loss.item() > 0 else ZERO)(1 - x.sum()),
    "float": lambda x: (lambda loss: loss if float(loss) > 0 else ZERO)(1 - x.sum()),
    "capped": lambda x: (lambda loss: loss if loss.item() < 5 else ZERO)(1 + x.sum()),
    "least": lambda x: min((x + torch.tensor([1.0, 2.0]) - x.sum()).unbind(), key=lambda t: t.item()) + x[1],
}  # fmt: skip


@pytest.mark.parametrize("name", ELSEWHERE)
def test_what_decides_holds_at_the_point_only(name: str) -> None:
    f, here, there = ELSEWHERE[name], torch.zeros(2, dtype=D), torch.full((2,), 3.0, dtype=D)
    assert any("a branch on it is not seen" in note for note in an.verify(f, here).notes)
    with pytest.raises(an.GuardError):
        an.trace(f, here)(there.tolist())
    assert not an.find_kink(f, here, there).complete and not an.kinks_near(f, here, radius=50.0).proved


def test_numbers_tell_what_is_decided_by_them() -> None:
    first, second = Use(), Use()
    a, b = telling([0.5, [2, True]], (first,)), telling(1.5, (second,))
    assert type(a[0]) is Number and type(a[1][0]) is Whole and a[1][1] is True
    total = a[0] + 2 * b - a[1][0]
    assert not first.decides and not second.decides
    assert total == 1.5 and first.decides and second.decides
    assert type(pickle.loads(pickle.dumps(b))) is float and type(copy.copy(a[1][0])) is int


def hungarian(x: Any) -> Any:
    """The loss of a set prediction: costs of another kind than the loss choose who is compared with whom."""
    goals = torch.tensor([[0.0, 0.0], [1.0, 0.0], [0.0, 1.0]], dtype=x.dtype)
    with torch.no_grad():
        rows, columns = linear_sum_assignment(torch.cdist(x, goals).cpu())
    return ((x[rows] - goals[columns]) ** 2).sum(1) @ torch.tensor([1.0, 2.0, 4.0], dtype=x.dtype)


WEIGHTS = torch.tensor([1.0, 2.0, 4.0], dtype=D)

#: Functions that jump at a point where no number that they read is 0, and points near it where they do not.
JUMPING: dict[str, tuple[Function, list[Any], list[Any]]] = {
    "a threshold": (lambda x: x.sum() * (2 if x[0].item() >= 1.0 else 3), [1.0, 2.0], [1.1, 2.0]),
    "after arithmetic": (lambda x: x.sum() * (2 if 2 * x.max().item() > 4.0 else 3), [1.0, 2.0], [1.0, 2.1]),
    "two numbers": (lambda x: x.sum() * (2 if x[0].item() < x[1].item() else 3), [1.5, 1.5], [1.5, 2.5]),
    "the key of a minimum": (
        lambda x: (x * x).sum() * WEIGHTS[min(range(2), key=lambda i: x[i].item())], [1.5, 1.5], [1.5, 2.5]),
    "a truth value": (lambda x: x.sum() * (2 if x[0].item() - 1 else 3), [1.0, 2.0], [1.1, 2.0]),
    "in a list": (lambda x: x.sum() * (2 if x[0].item() in (1.0, 5.0) else 3), [1.0, 2.0], [1.1, 2.0]),
    "a bisection": (lambda x: x.sum() * bisect.bisect([1.0, 2.0], x[1].item()), [0.5, 2.0], [0.5, 1.5]),
    "int": (lambda x: x.sum() * int(x[1].item()), [0.5, 2.0], [0.5, 2.5]),
    "floor": (lambda x: x.sum() * math.floor(x[1].item()), [0.5, 2.0], [0.5, 2.5]),
    "round": (lambda x: x.sum() * round(x[1].item()), [0.5, 2.5], [0.5, 2.0]),
    "a quotient": (lambda x: x.sum() * (x[1].item() // 0.5), [0.5, 2.5], [0.5, 2.6]),
    "a remainder": (lambda x: x.sum() * (x[1].item() % 0.5), [0.5, 2.5], [0.5, 2.6]),
    "different numbers": (lambda x: x.sum() * len(set(x.tolist())), [1.5, 1.5], [1.5, 2.5]),
    "an order": (lambda x: x @ WEIGHTS.to(x.dtype)[np.argsort(x.detach().numpy())], [1.5, 1.5, 2.0], [1.5, 1.6, 2.0]),
    "an order of a list": (lambda x: x @ WEIGHTS.to(x.dtype)[np.argsort(x.tolist())], [1.5, 1.5, 2.0], [1.5, 1.6, 2.0]),
    "several": (lambda x: x.sum() * len(np.unique(x.detach().numpy())), [1.5, 1.5, 2.0], [1.5, 1.6, 2.0]),
    "an assignment": (hungarian, [[0.5, 0.5]] * 3, [[0.61, 0.47], [0.43, 0.72], [0.33, 0.21]]),
}


@pytest.mark.parametrize("dtype", [D, torch.float32], ids=str)
@pytest.mark.parametrize("name", JUMPING)
def test_what_decides_is_refused_where_numbers_are_equal(name: str, dtype: Any) -> None:
    f, point, near = JUMPING[name]
    with pytest.raises(an.TraceError, match=r"is (equal to another one|compared with an equal number)"):
        an.verify(f, torch.tensor(point, dtype=dtype))
    assert an.verify(f, torch.tensor(near, dtype=dtype))


#: Functions that read equal numbers which are equal near the point, too, or are no reason to branch.
ALLOWED: dict[str, Function] = {
    "a symmetric matrix": lambda x: x.sum() * float((1 + (x[:, None] - x) ** 2).numpy(force=True).argmax()),
    "twice the same": lambda x: x.sum() * len(set((x[0] + torch.zeros(3, dtype=D)).tolist())),
    "on one side of a kink": lambda x: x.sum() * (2 if x.clamp(max=0.25)[0].item() >= 0.25 else 3),
    "in units of itself": lambda x: (x / x.max().item()).sum(),
    "rounded for people": lambda x: x.sum() * round(x[0].item(), 1),
}


@pytest.mark.parametrize("name", ALLOWED)
def test_what_is_equal_near_the_point_decides_nothing(name: str) -> None:
    assert an.verify(ALLOWED[name], torch.tensor([1.0, 2.0, 4.0], dtype=D))


#: Functions that jump by numbers whose use does not tell, and points near it where they do not.
UNTOLD: dict[str, tuple[Function, list[float], list[float]]] = {
    "float": (lambda x: x.sum() * (2 if float(x[0]) >= 1.0 else 3), [1.0, 0.6], [1.1, 0.6]),
    "an array": (lambda x: (x * torch.tensor(x.numpy(force=True) >= 1.0)).sum(), [0.6, 1.0], [0.6, 1.1]),
    "NumPy's floor": (lambda x: x.sum() * np.floor(x[1].item()), [0.6, 2.0], [0.6, 2.1]),
    "bins": (lambda x: x @ WEIGHTS.to(x)[np.digitize(x.tolist(), [1.0, 2.0])], [0.6, 1.0], [0.6, 1.1]),
}


@pytest.mark.parametrize("dtype", [D, torch.float32], ids=str)
@pytest.mark.parametrize("name", UNTOLD)
def test_what_jumps_by_numbers_whose_use_does_not_tell_is_refused(name: str, dtype: Any) -> None:
    f, point, near = UNTOLD[name]
    x = torch.tensor(point, dtype=dtype)
    with pytest.raises(an.TraceError, match="decides what f is: it is"):
        an.verify(f, x)
    assert x.tolist() == torch.tensor(point, dtype=dtype).tolist()
    assert an.verify(f, torch.tensor(near, dtype=dtype))


def test_a_function_that_reads_numbers_is_left_as_it_was() -> None:
    """It is called again next to the point; what that changes is given back, and other derivatives do not see it."""
    model = torch.nn.Sequential(torch.nn.Linear(2, 3), torch.nn.BatchNorm1d(3), torch.nn.Dropout(0.5))
    X = torch.tensor([[1.0, 2.0], [0.5, -1.0], [3.0, 0.25]])
    other = (model[0].weight ** 2).sum()
    before, state = copy.deepcopy(model.state_dict()), torch.get_rng_state()

    def loss() -> Any:
        out = model(X)
        return (out / float(out.abs().max())).square().sum()

    assert an.torch.verify(model, loss)
    after = model.state_dict()
    assert all(torch.equal(held, after[name]) for name, held in before.items())
    assert torch.equal(state, torch.get_rng_state()) and all(p.grad is None for p in model.parameters())
    other.backward()
    assert torch.equal(model[0].weight.grad, 2 * model[0].weight)


def test_another_batch_is_no_jump() -> None:
    batches = iter(range(1, 100))
    x = torch.tensor([1.0, 2.0], dtype=D)
    assert an.verify(lambda x: x.sum() / float(x.max()) * next(batches), x)


@pytest.mark.parametrize("dtype", [D, torch.float32], ids=str)
def test_a_steep_function_is_no_jump(dtype: Any) -> None:
    """At a kink the gradient does not say how steep it is."""
    x = torch.tensor([0.5, 0.0], dtype=dtype)
    assert an.verify(lambda x: 1e6 * x[1].abs() / float(x[0]) + 1e-5 * x[0], x)
    assert an.verify(lambda x: torch.relu(1e4 * x[1]).square() * float(x[0]), x)
