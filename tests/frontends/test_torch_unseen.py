"""Is a gradient refused, by name, that flows through what the tape does not show?  And nothing else?"""

from __future__ import annotations

import threading
import warnings
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

import absnormal as an
from absnormal.frontends.torch import lowering, rules

D = torch.float64


def weights(size: int = 3, dtype: Any = D) -> Any:
    return torch.linspace(0.4, 1.7, size, dtype=dtype).requires_grad_()


def both(model: Any, loss: Callable[[], Any], message: str) -> None:
    """verify and clarke_backward refuse it, and fill in nothing."""
    for action in (an.torch.verify, an.torch.clarke_backward):
        with pytest.raises(an.TraceError, match=message):
            action(model, loss)


def scripted(function: Callable[..., Any]) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return torch.jit.script(function)


def swish(x: torch.Tensor) -> torch.Tensor:
    return x * torch.sigmoid(x)


def two(x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
    return (x * y).tanh() * y


@pytest.mark.parametrize("dtype", [torch.float32, D])
@pytest.mark.parametrize("call", [lambda f, g, w: f(2 * w).sum() + w.sum(), lambda f, g, w: g(w, w + 1).mean(),
                                  lambda f, g, w: (w * f(w * w).relu_()).sum()])
def test_scripted_functions_are_right_or_refused(call: Any, dtype: Any) -> None:
    f, g, w = scripted(swish), scripted(two), weights(dtype=dtype)
    refused = 0
    for _ in range(4):
        def loss() -> Any:
            return call(f, g, w)

        right = torch.autograd.grad(call(swish, two, w), w)[0]
        for action in (an.torch.verify, an.torch.clarke_backward):
            w.grad = None
            try:
                found = action(w, loss)
            except an.TraceError as error:
                assert error.operation == "torch.jit.script" and error.source is not None
                refused += 1
            else:
                assert torch.allclose(found.gradient if action is an.torch.verify else w.grad, right)
    assert refused


def test_what_is_scripted_may_be_a_constant() -> None:
    f, w, other = scripted(swish), weights(), weights()
    for _ in range(3):
        assert an.torch.verify(w, lambda: (w * f(2 * other)).sum())


class Tanh(torch.autograd.Function):
    @staticmethod
    def backward(ctx: Any, *given: Any) -> Any:
        return given[0] * ctx.slope


class FromNumpy(Tanh):
    @staticmethod
    def forward(ctx: Any, x: Any) -> Any:
        ctx.slope = 1 - torch.tanh(x) ** 2
        return torch.from_numpy(np.tanh(x.detach().numpy()))


class FromNumbers(Tanh):
    @staticmethod
    def forward(ctx: Any, x: Any) -> Any:
        ctx.slope = 1 - torch.tanh(x) ** 2
        return torch.tensor(np.tanh(x.detach().numpy()))


class IntoBuffer(Tanh):
    @staticmethod
    def forward(ctx: Any, x: Any) -> Any:
        ctx.slope = 1 - torch.tanh(x) ** 2
        out = torch.empty_like(x)
        out.copy_(torch.from_numpy(np.tanh(x.detach().numpy())))
        return out


class InPart(Tanh):
    @staticmethod
    def forward(ctx: Any, x: Any) -> Any:
        ctx.slope = 3 - torch.tanh(x) ** 2
        return 2 * x + torch.from_numpy(np.tanh(x.detach().numpy()))


class AsArray(Tanh):
    @staticmethod
    def forward(ctx: Any, x: Any) -> Any:
        ctx.slope = 3 - torch.tanh(x) ** 2
        return 2 * x + torch.tensor(np.tanh(np.asarray(x.detach())))


class ByNumber(Tanh):
    @staticmethod
    def forward(ctx: Any, x: Any) -> Any:
        ctx.slope = x.sum() + x
        return x * x.sum().item()


class OfConstants(Tanh):
    """Takes numbers out of a tensor that depends on no variable."""

    @staticmethod
    def forward(ctx: Any, x: Any, scale: Any) -> Any:
        ctx.slope = torch.from_numpy(scale.numpy())
        return x * torch.from_numpy(scale.numpy())

    @staticmethod
    def backward(ctx: Any, *given: Any) -> Any:
        return given[0] * ctx.slope, None


class Followed(Tanh):
    @staticmethod
    def forward(ctx: Any, x: Any) -> Any:
        ctx.slope = 1 - torch.tanh(x) ** 2
        return x.tanh()


class Sign(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Any) -> Any:
        return torch.sign(x) * 2

    @staticmethod
    def backward(ctx: Any, *given: Any) -> Any:
        return given[0]


@pytest.mark.parametrize("kind", [FromNumpy, FromNumbers, IntoBuffer, InPart, AsArray, ByNumber])
def test_functions_that_leave_torch_are_refused(kind: Any) -> None:
    w, other = weights(), weights()
    both(w, lambda: kind.apply(2 * w).sum() + w.sum(), kind.__name__)
    both(w, lambda: (w * kind.apply(w)).sum(), kind.__name__)
    assert an.torch.verify(w, lambda: (w * kind.apply(2 * other)).sum())


def test_functions_that_do_not_leave_it_are_judged() -> None:
    w = weights()
    seen: list[Any] = []

    def logged() -> Any:
        out = Followed.apply(2 * w)
        with torch.no_grad():
            seen.append((out.numpy(), w.detach().numpy(), out.sum().item()))
        return out.sum()

    assert an.torch.verify(w, logged) and len(seen) > 0
    assert an.torch.verify(w, lambda: OfConstants.apply(2 * w, torch.arange(3, dtype=D)).sum())
    assert an.torch.verify(w, lambda: Sign.apply(2 * w).sum()).verdict is an.Verdict.NOT_CLARKE


class Hidden(torch.autograd.Function):
    """Multiplies by a parameter that it is not given, and fills in its gradient by another backward."""

    @staticmethod
    def forward(ctx: Any, x: Any, weight: Any) -> Any:
        ctx.x, ctx.weight = x.detach(), weight[0]
        return x * weight[0]

    @staticmethod
    def backward(ctx: Any, *given: Any) -> Any:
        with torch.enable_grad():
            (ctx.x * ctx.weight).backward(given[0])
        return given[0] * ctx.weight.detach(), None


def test_a_backward_that_runs_inside_is_refused() -> None:
    w, hidden = weights(), weights()
    with pytest.raises(an.TraceError, match="return its gradient"):
        an.torch.verify([w, hidden], lambda: Hidden.apply(2 * w, [hidden]).sum())
    assert w.grad is None and hidden.grad is None
    assert an.torch.verify(w, lambda: Hidden.apply(2 * w, [hidden]).sum())


def in_a_thread(compute: Callable[[], Any]) -> Any:
    held: list[Any] = []
    thread = threading.Thread(target=lambda: held.append(compute()))
    thread.start()
    thread.join()
    return held[-1]


def in_a_pool(compute: Callable[[], Any]) -> Any:
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(compute).result()


@pytest.mark.parametrize("elsewhere", [in_a_thread, in_a_pool])
def test_what_another_thread_does_is_refused(elsewhere: Callable[[Callable[[], Any]], Any]) -> None:
    def overwritten() -> Any:
        out = torch.tanh(w)
        loss = (out * out).sum()
        elsewhere(lambda: out.data.mul_(0.5))
        return loss

    w = weights()
    for loss in (lambda: elsewhere(lambda: (2 * w).tanh()).sum(), lambda: (w * elsewhere(lambda: w > 1)).sum(),
                 lambda: w.sum() * elsewhere(lambda: w[0].item()), overwritten):
        both(w, loss, r"threading.Thread at \S+:\d+: is started inside")


def test_threads_that_verify_do_not_disturb_each_other() -> None:
    def verdict(number: int) -> Any:
        w = weights()
        return an.torch.verify(w, lambda: sum((w * torch.tanh(w)).sum() for _ in range(20)))

    with ThreadPoolExecutor(4) as pool:
        assert all(pool.map(verdict, range(4)))


def test_what_was_computed_before_is_refused_only_where_it_counts() -> None:
    w, other = weights(), weights()
    before, constant = w.exp(), other.exp()
    both(w, lambda: (w * before).sum(), "computed before the function ran")
    an.torch.clarke_backward(w, lambda: (w * constant).sum())
    assert torch.equal(w.grad, constant)
    assert an.torch.verify(w, lambda: (w * constant).sum())


def test_what_was_computed_before_and_is_overwritten_after_its_use_is_refused() -> None:
    w = weights()
    before = 2 * w

    def loss() -> Any:
        used = before.sum()
        before.add_(1)
        return used

    both(w, loss, "computed before the function ran")


def test_a_variable_that_a_rule_loses_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    w, v = weights(), weights()
    rule = rules.RULES["mul"]

    def losing(write: Any, a: Any, b: Any, /) -> Any:
        return rule(write, a, write.tensor(b.tensor))

    loss: Callable[[], Any] = lambda: (w * v).sum()  # noqa: E731
    assert an.torch.verify([w, v], loss)
    monkeypatch.setitem(rules.RULES, "mul", losing)
    # What is known of a rule is remembered.
    monkeypatch.setattr(lowering, "reading", lowering.reading.__wrapped__)
    with pytest.raises(an.TraceError, match="does not depend"):
        an.torch.verify([w, v], loss)


def test_zeros_are_no_contradiction() -> None:
    """What jumps has the derivative 0 on both sides, and torch fills it in."""
    w, v = weights(), weights()
    for loss in (lambda: w.sum() + v.floor().sum(), lambda: w.sum() + v[:0].sum(), lambda: (w + v.round() * w).sum()):
        report = an.torch.verify([w, v], loss)
        assert report and not report.gradient[1].any()


COMPLEX = torch.tensor([1 + 1j, 2 - 1j, 3], dtype=torch.cdouble)


@pytest.mark.parametrize("others", [[], [weights()], [nn.Linear(3, 2).weight]])
def test_complex_variables_are_refused_by_name(others: list[Any]) -> None:
    variables = [*others, COMPLEX.clone().requires_grad_()]
    both(variables, lambda: torch.stack([v.abs().sum() for v in variables]).sum(), "a variable is complex")
    model = nn.Linear(3, 2, dtype=torch.cdouble)
    both(model, lambda: model(COMPLEX).abs().sum(), "a variable is complex")


def test_variables_without_numbers_or_derivatives_are_refused_by_name() -> None:
    model = nn.Linear(3, 1, device="meta")
    both(model, lambda: model(torch.zeros(2, 3, device="meta")).sum(), "on the device meta")
    with pytest.raises(an.TraceError, match="on the device meta"):
        an.verify(lambda x: x.abs().sum(), torch.zeros(2, device="meta"))
    with torch.inference_mode():
        made = nn.Linear(3, 1)
    both(made, lambda: made(torch.zeros(2, 3)).relu().sum(), r"torch\.inference_mode")
    lazy = nn.Sequential(nn.LazyLinear(2), nn.ReLU())
    both(lazy, lambda: lazy(torch.zeros(1, 3)).sum(), "the parameter 0.weight has no shape yet")


@pytest.mark.parametrize("f", [
    lambda w: torch.complex(w, w).asinh().imag.sum(), lambda w: w.to(torch.cdouble).acos().abs().sum(),
    lambda w: torch.complex(w, w).cumprod(0).abs().sum(), lambda w: torch.linalg.eigvals(torch.outer(w, w)).abs().sum(),
])  # fmt: skip
def test_complex_operations_are_refused_by_name(f: Any) -> None:
    w = weights()
    both(w, lambda: f(w), "complex numbers at test_torch_unseen")


def test_complex_constants_are_constants_and_a_complex_loss_is_no_loss() -> None:
    w = weights()
    assert an.torch.verify(w, lambda: (w * COMPLEX.abs()).sum())
    for action in (an.torch.verify, an.torch.clarke_backward):
        with pytest.raises(ValueError, match="real number"):
            action(w, lambda: (w * COMPLEX).sum())


def test_operators_that_run_functions_are_refused_by_name() -> None:
    w = weights()
    both(w, lambda: torch.cond(w.sum() > 0, torch.sin, torch.cos, (w,)).sum(), "torch.cond")
