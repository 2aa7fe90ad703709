"""Wrong derivatives, planted in a model in the ways in which users write them."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from typing import Any

import jax
import numpy as np
import torch
from torch import nn

from tests.planted.models import Model

Fault = Callable[[Any], Any]
#: What a wrong backward does to a gradient, an array of torch or of JAX.
FAULTS: dict[str, Fault] = {
    "times 1.1": lambda g: 1.1 * g,
    "times -1": lambda g: -g,
    "zero": lambda g: 0 * g,
    "rows swapped": lambda g: g[np.arange(len(g))[::-1].copy()],
}


class Wrong(torch.autograd.Function):
    """The identity, with a fault in its derivative."""

    @staticmethod
    def forward(ctx: Any, x: Any, fault: Any) -> Any:
        ctx.fault = fault
        return x.clone()

    @staticmethod
    def backward(ctx: Any, *grads: Any) -> Any:
        return ctx.fault(grads[0]), None


def layers(model: Model) -> list[nn.Module]:
    """The modules in which a fault can be planted, from the first to the last."""
    kinds = (nn.Linear, nn.Conv2d, nn.LSTM, nn.GRU, nn.BatchNorm2d, nn.LayerNorm)
    return [module for module in model.module.modules() if isinstance(module, kinds)]


@contextlib.contextmanager
def in_the_output(layer: nn.Module, wrap: Callable[[Any], Any]) -> Iterator[None]:
    """What a layer returns goes through ``wrap``."""

    def hook(module: nn.Module, args: Any, out: Any) -> Any:
        return (wrap(out[0]), *out[1:]) if isinstance(out, tuple) else wrap(out)

    handle = layer.register_forward_hook(hook)
    try:
        yield
    finally:
        handle.remove()


def _hooked(fault: Fault) -> Callable[[Any], Any]:
    def wrap(out: Any) -> Any:
        if out.requires_grad:
            out.register_hook(fault)
        return out

    return wrap


@contextlib.contextmanager
def planted(model: Model, way: str, layer: nn.Module, fault: Fault) -> Iterator[None]:
    """The model with a fault in one layer."""
    if way == "function":
        with in_the_output(layer, lambda out: Wrong.apply(out, fault)):
            yield
    elif way == "tensor hook":
        with in_the_output(layer, _hooked(fault)):
            yield
    else:
        handle = {
            "module hook": lambda: layer.register_full_backward_hook(
                lambda module, inputs, outputs: tuple(None if g is None else fault(g) for g in inputs)),
            "parameter hook": lambda: next(layer.parameters()).register_hook(fault),
        }[way]()  # fmt: skip
        try:
            yield
        finally:
            handle.remove()


#: The ways in which torch runs a wrong derivative; vectors that are given come on top.
WAYS = ("function", "tensor hook", "module hook", "parameter hook")


def _custom_vjp(fault: Fault) -> Callable[[Any], Any]:
    wrong = jax.custom_vjp(lambda x: x)
    wrong.defvjp(lambda x: (x, None), lambda _, g: (fault(g),))
    return wrong


def _custom_jvp(fault: Fault) -> Callable[[Any], Any]:
    wrong = jax.custom_jvp(lambda x: x)
    wrong.defjvp(lambda x, t: (x[0], fault(t[0])))
    return wrong


#: Those of JAX: identities with a derivative of their own.
JAX_WAYS: dict[str, Callable[[Fault], Callable[[Any], Any]]] = {"custom_vjp": _custom_vjp, "custom_jvp": _custom_jvp}


def gradients(model: Model) -> dict[str, Any]:
    """What loss.backward() leaves in .grad."""
    model.module.zero_grad()
    model.loss().backward()
    found = {name: p.grad.clone() for name, p in model.module.named_parameters() if p.grad is not None}
    model.module.zero_grad()
    return found
