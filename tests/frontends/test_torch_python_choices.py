"""Python's max, min and sorted of tensors, at ties and beside them, against the same written with torch."""

from __future__ import annotations

import builtins
import threading
from collections.abc import Callable
from types import BuiltinFunctionType
from typing import Any

import pytest
import torch

import absnormal as an

T = torch.Tensor
#: A function with Python's choices, and the same without.
PAIRS: dict[str, tuple[Callable[[T], Any], Callable[[T], Any]]] = {
    "projection": (lambda x: (x / max(1.0, x.norm())).sum(), lambda x: (x / torch.clamp(x.norm(), min=1.0)).sum()),
    "max": (lambda x: 2 * max(x[0], x[1]), lambda x: 2 * torch.maximum(x[0], x[1])),
    "min": (lambda x: min(x[0], x[1], x[2]) ** 2, lambda x: torch.minimum(torch.minimum(x[0], x[1]), x[2]) ** 2),
    "list": (lambda x: max([3 * u for u in x]), lambda x: torch.amax(3 * x, 0)),
    "generator": (lambda x: max(3 * u for u in x), lambda x: torch.amax(3 * x, 0)),
    "tensor": (lambda x: min(x), lambda x: torch.amin(x, 0)),
    "hinges": (lambda x: sum(max(0, 0.6 - u) for u in x), lambda x: torch.relu(0.6 - x).sum()),
    "sorted": (lambda x: sum(k * u for k, u in enumerate(sorted(x * 2))),
               lambda x: (torch.arange(3) * torch.sort(2 * x).values).sum()),
    "reverse": (lambda x: sorted([x[0], x[1], x[2]], reverse=True)[1], lambda x: torch.sort(x, 0).values[1]),
}
POINTS = {"tied": [0.6, 0.8, 0.0], "equal": [0.6, 0.6, 0.6], "apart": [0.5, 0.2, 0.1], "two": [0.6, 0.6, -1.0]}


@pytest.mark.parametrize("point", POINTS)
@pytest.mark.parametrize("name", PAIRS)
def test_choices_are_kinks(name: str, point: str) -> None:
    f, written = PAIRS[name]
    x = torch.tensor(POINTS[point], dtype=torch.float64)
    report, expected = an.verify(f, x), an.clarke_gradient(written, x)
    chosen = f(y := x.clone().requires_grad_())
    # Of numbers and tensors that are equal Python takes the number where it comes first.
    own = torch.autograd.grad(chosen, y)[0] if isinstance(chosen, torch.Tensor) else torch.zeros_like(x)
    assert torch.equal(torch.as_tensor(report.gradient), own)
    assert report and report.certificate.check()
    known = an.verify(written, x, gradient=own)
    assert known.verdict is an.Verdict.CLARKE
    # Limiting gradients of both spellings are members of the other's set.
    assert an.verify(f, x, gradient=torch.as_tensor(expected))
    assert an.verify(written, x, gradient=report.clarke_gradient)
    assert an.verify(f, x, gradient=own + 0.3).verdict is an.Verdict.NOT_CLARKE


def test_a_wrong_choice_is_found() -> None:
    """max(x, 0) - max(-x, 0) is x: at 0 Python chooses x both times, whose gradients are 1 - (-1)."""
    x = torch.zeros(1, dtype=torch.float64)
    report = an.verify(lambda x: max(x, 0) - max(-x, 0), x)
    assert report.verdict is an.Verdict.NOT_CLARKE and float(report.gradient) == 2.0
    assert float(report.clarke_gradient) == 1.0


def test_what_is_chosen_elsewhere_is_plain() -> None:
    """Numbers, keys, tensors of other shapes and without derivatives are chosen as ever, and so it is when f ended."""
    x = torch.ones(2, dtype=torch.float64)

    def f(x: T) -> Any:
        assert max([1, 2, 2]) == 2 and sorted("cab") == ["a", "b", "c"] and min({3: 1}) == 3
        assert sorted([2, 1], reverse=True) == [2, 1] and max("a", "bc", key=len) == "bc" and max((), default=7) == 7
        assert max(iter([1.0, 1.0])) == 1.0 and torch.equal(max(torch.tensor([1.0, 1.0])), torch.tensor(1.0))
        assert float(max(x.detach())) == 1.0
        with pytest.raises(TypeError):
            max(1, "a")
        with pytest.raises(ValueError, match="empty"):
            max([])
        return (x * x).sum()

    assert an.verify(f, x)
    assert all(type(own) is BuiltinFunctionType for own in (builtins.max, builtins.min, builtins.sorted))
    with pytest.raises(ZeroDivisionError):
        an.verify(lambda x: max(x[0], x[1]) * (1 // 0), x)
    assert all(type(own) is BuiltinFunctionType for own in (builtins.max, builtins.min, builtins.sorted))


def test_other_threads_choose_as_ever() -> None:
    """While a function is followed here, tied tensors are chosen by Python in another thread."""
    x, found = torch.ones(2, dtype=torch.float64), []
    inside, done = threading.Event(), threading.Event()

    def elsewhere() -> None:
        inside.wait(10)
        y = torch.ones(2, requires_grad=True)
        a, b = y[0], y[1]
        found.append(max(a, b) is a and sorted([a, b])[0] is a)
        done.set()

    thread = threading.Thread(target=elsewhere)
    thread.start()

    def f(x: T) -> Any:
        inside.set()
        done.wait(10)
        return max(x[0], x[1])

    assert an.verify(f, x)
    thread.join()
    assert found[0] is True


def test_a_branch_at_its_tie_is_still_refused() -> None:
    x = torch.tensor([0.6, 0.8], dtype=torch.float64)
    with pytest.raises(an.TraceError, match="branched on"):
        an.verify(lambda x: (x / x.norm() if x.norm() >= 1 else x).sum(), x)
