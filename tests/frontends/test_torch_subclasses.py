"""Tensors of a class of their own, and leaves that hold values of variables: is it torch's gradient that is judged?"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch

import absnormal as an

POINT = [1.25, 1.5]


class Twice(torch.Tensor):  # type: ignore[misc]
    def backward(self, *args: Any, **kwargs: Any) -> None:
        (2 * self.as_subclass(torch.Tensor)).backward()  # type: ignore[no-untyped-call]


class Never(torch.Tensor):  # type: ignore[misc]
    @classmethod
    def __torch_function__(cls, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        return None if func is torch.Tensor.backward else super().__torch_function__(func, types, args, kwargs or {})


class Same(torch.Tensor):  # type: ignore[misc]
    pass


class Wrapper(torch.Tensor):  # type: ignore[misc]
    inner: Any

    @staticmethod
    def __new__(cls, inner: Any) -> Any:
        made = torch.Tensor._make_wrapper_subclass(  # type: ignore[attr-defined]
            cls, inner.shape, dtype=inner.dtype, requires_grad=inner.requires_grad
        )
        made.inner = inner
        return made

    @classmethod
    def __torch_dispatch__(cls, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        return func(*(arg.inner if isinstance(arg, Wrapper) else arg for arg in args), **(kwargs or {}))


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
@pytest.mark.parametrize(("kind", "factor"), [(Twice, 2), (Never, 0), (Same, 1)])
@pytest.mark.parametrize("f", [lambda w: (2 * w).sum(), lambda w: (2 * w).sin().sum(), lambda w: w.relu().mean()])
def test_what_a_subclass_makes_of_backward_is_judged(f: Any, kind: Any, factor: int, dtype: Any) -> None:
    w = torch.tensor(POINT, dtype=dtype, requires_grad=True)
    true = torch.autograd.grad(f(w), w)[0]
    report = an.torch.verify(w, lambda: f(w.as_subclass(kind)))
    torch.testing.assert_close(report.gradient, factor * true)
    assert report.verdict is (an.Verdict.CLARKE if factor == 1 else an.Verdict.NOT_CLARKE)
    assert (kind.__name__ in str(report)) == (factor != 1)
    an.torch.clarke_backward(w, lambda: f(w.as_subclass(kind)))
    torch.testing.assert_close(w.grad, true)


@pytest.mark.parametrize("f", [
    lambda w: Wrapper(2 * w).sum(), lambda w: (Wrapper(torch.ones(2)) * w).sum(), lambda w: (w * Wrapper(w)).sum(),
])  # fmt: skip
def test_what_runs_operations_in_a_way_of_its_own_is_refused_by_name(f: Callable[[Any], Any]) -> None:
    w = torch.tensor(POINT, requires_grad=True)
    for run in (an.torch.verify, an.torch.clarke_backward):
        with pytest.raises(an.TraceError, match=r"Wrapper at test_torch_subclasses"):
            run(w, lambda: f(w))


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
@pytest.mark.parametrize("f", [
    lambda w: ((2 * w).detach().requires_grad_() * w).sum(), lambda w: (torch.nn.Parameter(2 * w) * w).abs().sum(),
    lambda w: (w.data.requires_grad_() ** 2).sum() + w.relu().sum(),
])  # fmt: skip
def test_a_new_leaf_is_a_constant(f: Callable[[Any], Any], dtype: Any) -> None:
    w = torch.tensor(POINT, dtype=dtype, requires_grad=True)
    true = torch.autograd.grad(f(w), w)[0]
    report = an.torch.verify(w, lambda: f(w))
    assert report and torch.equal(report.gradient, true) and "held constant" in str(report)
    an.torch.clarke_backward(w, lambda: f(w))
    torch.testing.assert_close(w.grad, true)
    followed = an.torch.verify(w, lambda: f(w), stopped="followed")
    assert followed.verdict is an.Verdict.NOT_CLARKE


@pytest.mark.parametrize("f", [
    torch.fft.hfft, lambda w: torch.complex(w, 2 * w).conj().imag,
    lambda w: (torch.complex(w, w).conj() * 2).imag,
])  # fmt: skip
@pytest.mark.parametrize("more", [lambda w: 0, lambda w: w.sum()])
def test_conjugate_views_are_pairs(f: Any, more: Any) -> None:
    w = torch.tensor(POINT, requires_grad=True)
    true = torch.autograd.grad(f(w).sum() + more(w), w)[0]
    report = an.torch.verify(w, lambda: f(w).sum() + more(w))
    assert report and report.method == "smooth" and torch.equal(report.gradient, true)
    an.torch.clarke_backward(w, lambda: f(w).sum() + more(w))
    torch.testing.assert_close(w.grad, true)
