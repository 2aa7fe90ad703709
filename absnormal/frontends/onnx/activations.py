"""Activations of ONNX, a line each: names and attributes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from absnormal.frontends.meanings import activations
from absnormal.frontends.onnx.rule import Call, Rule, reading
from absnormal.frontends.writing import Writer


def _hard(write: Writer, u: Any, a: float, b: float) -> Any:
    """a u + b, clipped to [0, 1]."""
    return activations.clipped(write, write.shifted(write.scaled(u, a), b), 0.0, 1.0, "hard.low", "hard.high")


def _shrink(write: Writer, u: Any, k: float, bias: float) -> Any:
    if k == bias:
        return activations.softshrink(write, u, k)
    return np.where(u > k, u - bias, np.where(u < -k, u + bias, 0.0))


def _gelu(call: Call, u: Any) -> Any:
    return activations.gelu(call.write, u, call.choice("approximate", "none", "tanh") == "tanh")


def _written(meaning: Callable[..., Any], *names: str) -> Rule:
    """A meaning, whose arguments behind u are these attributes."""
    return Rule(lambda call, u: meaning(call.write, u, *(call.get(name) for name in names)), names)


ACTIVATIONS: dict[str, Rule] = {
    "Relu": Rule(lambda call, u: call.write.relu(u)),
    "LeakyRelu": _written(activations.leaky_relu, "alpha"),
    "PRelu": Rule(lambda call, u, slope: activations.prelu(call.write, u, slope)),
    "Elu": _written(activations.elu, "alpha"),
    "Selu": _written(activations.elu, "alpha", "gamma"),
    "Celu": _written(lambda write, u, alpha: activations.elu(write, u, alpha, rate=1 / alpha), "alpha"),
    "HardSigmoid": _written(_hard, "alpha", "beta"),
    "HardSwish": Rule(lambda call, u: call.write.mul(u, _hard(call.write, u, 1 / 6, 0.5))),
    "Gelu": reading(_gelu, "approximate"),
    "Mish": _written(activations.mish),
    "Softplus": _written(activations.softplus),
    "Softsign": Rule(lambda call, u: u / (1 + np.abs(u))),
    "Swish": _written(activations.swish, "alpha"),
    "Shrink": _written(_shrink, "lambd", "bias"),
    "ThresholdedRelu": _written(lambda write, u, alpha: np.where(u > alpha, u, 0.0), "alpha"),
    "Clip": Rule(lambda call, u, low=None, high=None: activations.clipped(call.write, u, low, high)),
}
