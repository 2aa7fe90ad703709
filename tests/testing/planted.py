"""Backwards with one mistake each, as people write them by hand, and the right ones beside them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch

Backward = Callable[..., Any]


def made(forward: Callable[..., Any], backward: Backward) -> Callable[..., Any]:
    """An operation with a derivative of its own: ``backward(inputs, output, gradient)`` gives one for each input."""

    class Own(torch.autograd.Function):
        @staticmethod
        def forward(ctx: Any, *inputs: Any) -> Any:
            out = forward(*inputs)
            ctx.save_for_backward(*inputs, out)
            return out

        @staticmethod
        def backward(ctx: Any, g: Any) -> Any:
            *inputs, out = ctx.saved_tensors
            return backward(inputs, out, g)

    return lambda *inputs: Own.apply(*inputs)


def double(*numbers: Any) -> Any:
    return torch.tensor(numbers, dtype=torch.float64, requires_grad=True)


SMOOTH, TIED = double(0.3, -0.7, 1.2), double(0.0, -0.7, 1.2)
MATRIX = double((0.3, -0.2), (0.5, 0.9))
TIES = double((1.0, 1.0, 0.0), (0.0, 2.0, 2.0))
OTHER = double(0.0, 0.4, -1.1)


def _one(derivative: Callable[[Any], Any]) -> Backward:
    return lambda inputs, out, g: g * derivative(inputs[0])


#: What is wrong -> the operation with its wrong backward, its right one, and the inputs.
PLANTED: dict[str, tuple[Callable[..., Any], Backward, Backward, tuple[Any, ...]]] = {
    "a sign": (torch.cos, _one(torch.sin), _one(lambda x: -torch.sin(x)), (SMOOTH,)),
    "a factor of 2": (lambda x: x**2, _one(lambda x: x), _one(lambda x: 2 * x), (SMOOTH,)),
    "a factor at one entry": (torch.exp, _one(lambda x: torch.exp(x) * torch.tensor([1.0, 1.0, 1.01])),
                              _one(torch.exp), (SMOOTH,)),
    "the incoming gradient is left out": (torch.sin, lambda i, o, g: torch.cos(i[0]), _one(torch.cos), (SMOOTH,)),
    "the incoming gradient is clipped": (torch.sin, lambda i, o, g: g.clamp(-1, 1) * torch.cos(i[0]),
                                         _one(torch.cos), (SMOOTH,)),
    "its sign is taken": (torch.sin, lambda i, o, g: g.sign() * torch.cos(i[0]), _one(torch.cos), (SMOOTH,)),
    "the inputs change places": (lambda x, y: x * y, lambda i, o, g: (g * i[0], g * i[1]),
                                 lambda i, o, g: (g * i[1], g * i[0]), (SMOOTH, OTHER)),
    "no gradient for an input": (lambda x, y: x * y, lambda i, o, g: (g * i[1], None),
                                 lambda i, o, g: (g * i[1], g * i[0]), (SMOOTH, OTHER)),
    "not transposed": (lambda a, b: a @ b, lambda i, o, g: (g @ i[1], i[0].T @ g),
                       lambda i, o, g: (g @ i[1].T, i[0].T @ g), (MATRIX, double((0.1, 0.7), (-0.4, 0.2)))),
    "transposed": (lambda a: a.T.clone(), lambda i, o, g: g, lambda i, o, g: g.T, (MATRIX,)),
    "a sum in the place of a mean": (lambda x: x.mean(), lambda i, o, g: g.expand(3), lambda i, o, g: g.expand(3) / 3,
                                     (SMOOTH,)),
    "the output in the place of the input": (torch.sigmoid, _one(lambda x: x * (1 - x)),
                                             lambda i, o, g: g * o * (1 - o), (SMOOTH,)),
    "the projection of softmax": (lambda x: torch.softmax(x, 0), lambda i, o, g: g * o,
                                  lambda i, o, g: o * (g - (g * o).sum()), (SMOOTH,)),
    "relu above 1 at 0": (torch.relu, _one(lambda x: 1.5 * (x >= 0) - 0.5 * (x > 0)), _one(lambda x: (x >= 0) * 1.0),
                          (TIED,)),
    "relu below 0 at 0": (torch.relu, _one(lambda x: (x > 0) * 1.0 - 0.1 * (x == 0)), _one(lambda x: (x > 0) * 1.0),
                          (TIED,)),
    "abs beyond 1 at 0": (torch.abs, _one(lambda x: x.sign() + 2.0 * (x == 0)), _one(torch.sign), (TIED,)),
    "a maximum that gives all ties everything": (
        lambda x: x.amax(1), lambda i, o, g: g[:, None] * (i[0] == o[:, None]),
        lambda i, o, g: g[:, None] * (i[0] == o[:, None]) / (i[0] == o[:, None]).sum(1, keepdim=True), (TIES,)),
    "a maximum that gives ties nothing": (
        lambda x: x.amax(1), lambda i, o, g: g[:, None] * (i[0] > 5),
        lambda i, o, g: torch.zeros_like(i[0]).scatter_(1, i[0].argmax(1, keepdim=True), g[:, None]), (TIES,)),
    "two relus that do not fit": (
        lambda x: torch.relu(x) - torch.relu(-x), lambda i, o, g: g * ((i[0] > 0) * 1.0 + (i[0] < 0) * 1.0),
        lambda i, o, g: g, (TIED,)),
    "a wrong inside of leaky_relu at 0": (
        lambda x: torch.nn.functional.leaky_relu(x, 0.2), _one(lambda x: torch.where(x > 0, 1.0, 0.2) * (x != 0)),
        _one(lambda x: torch.where(x > 0, 1.0, 0.2)), (TIED,)),
    "a clip that lets ends through twice": (
        lambda x: x.clamp(0, 1.2), _one(lambda x: ((x >= 0) & (x <= 1.2)) * 1.0 + (x == 1.2)),
        _one(lambda x: ((x >= 0) & (x <= 1.2)) * 1.0), (TIED,)),
    "a norm whose gradient at 0 is long": (
        lambda x: torch.linalg.vector_norm(x - x.detach() * 0), lambda i, o, g: g * torch.ones(2) * 1.0,
        lambda i, o, g: g * torch.zeros(2), (double(0.0, 0.0),)),
}
