"""Writes past torch, through NumPy or a storage: refused where they change what the gradient is made of."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

import absnormal as an
from absnormal.frontends.torch.memory import Memory, storage

POINT = [1.25, 1.5]
Loss = Callable[[Any, Any], Any]


def weights(dtype: Any) -> Any:
    return torch.tensor(POINT, dtype=dtype, requires_grad=True)


def by_numpy(tensor: Any) -> None:
    tensor.detach().numpy()[:] *= 3


def by_pointer(tensor: Any) -> None:
    alias = torch.from_numpy(np.asarray(tensor.detach()))
    alias.mul_(3)


def by_buffer(tensor: Any) -> None:
    held: Any = memoryview(tensor.data.numpy())
    held[0] = 9.0


def by_dlpack(tensor: Any) -> None:
    torch.from_dlpack(tensor.detach()).mul_(3)


def constant(w: Any, change: Any) -> Any:
    c = torch.ones_like(w)
    total = (w * c).sum()
    change(c)
    return total


def part(w: Any, change: Any) -> Any:
    c = torch.arange(6.0, dtype=w.dtype).reshape(3, 2)
    total = (w * c[1]).abs().sum()
    change(c[1])
    return total


def result(w: Any, change: Any) -> Any:
    y = w.sin()
    total = (y * y).sum()
    change(y)
    return total


def before_its_use(w: Any, change: Any) -> Any:
    y = w.sin()
    change(y)
    return (y * y).sum()


def variable(w: Any, change: Any) -> Any:
    total = (w**3).relu().sum()
    change(w)
    return total


def variable_before(w: Any, change: Any) -> Any:
    change(w)
    return (w**3).sum()


def mask(w: Any, change: Any) -> Any:
    edge = w.detach() * 2
    change(edge)
    return torch.where(edge > 4, w, -w).sum()


def shared(w: Any, change: Any) -> Any:
    data = np.ones(2, w.detach().numpy().dtype)
    total = (w * torch.from_numpy(data)).sum()
    data *= 3
    return total


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
@pytest.mark.parametrize("change", [by_numpy, by_pointer, by_buffer, by_dlpack])
@pytest.mark.parametrize("f", [constant, part, result, before_its_use, variable, variable_before, mask, shared])
def test_what_the_gradient_is_made_of_may_not_change_unseen(f: Loss, change: Any, dtype: Any) -> None:
    w = weights(dtype)
    for run in (an.torch.verify, an.torch.clarke_backward):
        with pytest.raises(an.TraceError, match="changed outside of torch") as caught:
            run(w, lambda: f(w, change))
        assert caught.value.source is not None and "test_torch_memory" in caught.value.source.file
        w = weights(dtype)


def test_what_is_known_to_others_from_before_may_not_change_either() -> None:
    held = torch.ones(2, dtype=torch.float64)
    data, w = held.numpy(), weights(torch.float64)
    for use in (lambda: w * held, lambda: w * held[:1] + held[1:], lambda: torch.where(w.detach() > held, w, 2 * w)):
        def loss(use: Any = use) -> Any:
            total = use().sum()
            data[:] += 1
            return total

        with pytest.raises(an.TraceError, match="changed outside of torch"):
            an.torch.verify(w, loss)


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
def test_what_is_filled_before_it_is_used_is_a_constant(dtype: Any) -> None:
    held = torch.zeros(3, 2, dtype=dtype)
    data = held.numpy()

    def rows(w: Any) -> Any:
        total = torch.zeros((), dtype=dtype)
        for number in range(3):
            held.numpy()[number] = number + 1
            total = total + (w * held[number]).relu().sum()
        return total

    def outside(w: Any) -> Any:
        data[:] = 2
        return (w * held).sum()

    def inside(w: Any) -> Any:
        c, d = torch.ones_like(w), torch.full((2,), torch.nan, dtype=dtype)
        c.numpy()[:] = 3
        d.numpy()
        return (w * c * torch.nan_to_num(d, 2.0)).sum()

    for f in (rows, outside, inside):
        w = weights(dtype)
        report = an.torch.verify(w, lambda f=f, w=w: f(w))
        assert report and report.gradient.tolist() == [6, 6]


@pytest.mark.parametrize("change", [
    lambda c: c.untyped_storage().fill_(0), lambda c: c.data.mul_(3),
    lambda c: torch.empty(0, dtype=c.dtype).set_(c.untyped_storage()).mul_(3),
    lambda c: c.detach().view(torch.int64).data.fill_(0),
])  # fmt: skip
def test_what_torch_itself_writes_past_autograd_is_seen(change: Any) -> None:
    w = weights(torch.float64)
    report = an.torch.verify(w, lambda: constant(w, change))
    assert not report and report.clarke_gradient.tolist() == [1, 1]


def test_what_was_kept_of_a_tensor_is_its_copy() -> None:
    """A part of it, a view in another sense and what was changed meanwhile have copies of their own."""
    memory, x, z = Memory(), torch.randn(4), torch.randn(3, dtype=torch.complex64)
    memory.begin([x])
    memory.uses([z], {id(z): storage(z)}, None)
    memory.end()
    assert memory.copy_of(x) is memory.copy_of(x) and memory.copy_of(z) is memory.copy_of(z)
    for tensor in (x, x[1:], x.view(2, 2), x.view(torch.int32), z, z.conj(), torch.randn(2)):
        copy = memory.copy_of(tensor)
        assert torch.equal(copy.resolve_conj(), tensor.resolve_conj()) and copy.data_ptr() != tensor.data_ptr()
    memory.begin([y := torch.zeros(2)])
    y.numpy()[:] = 1
    memory.end()
    assert memory.copy_of(y).tolist() == [1, 1]
