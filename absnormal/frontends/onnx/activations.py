"""Activations of ONNX, a line each: names and attributes."""

from __future__ import annotations

from typing import Any

import numpy as np

from absnormal.frontends.meanings.activations import clipped, elu, gelu, leaky_relu, mish, prelu, softplus, swish
from absnormal.frontends.onnx.rule import Call, Rule, reading


def _hard(call: Call, u: Any, a: float, b: float) -> Any:
    """a u + b, clipped to [0, 1]."""
    write = call.write
    return clipped(write, write.shifted(write.scaled(u, a), b), 0.0, 1.0, "hard.low", "hard.high")


ACTIVATIONS: dict[str, Rule] = {
    "Relu": Rule(lambda call, u: call.write.relu(u)),
    "LeakyRelu": reading(lambda call, u: leaky_relu(call.write, u, call.get("alpha")), "alpha"),
    "PRelu": Rule(lambda call, u, slope: prelu(call.write, u, slope)),
    "Elu": reading(lambda call, u: elu(call.write, u, call.get("alpha")), "alpha"),
    "Selu": reading(lambda call, u: elu(call.write, u, call.get("alpha"), call.get("gamma")), "alpha", "gamma"),
    "Celu": reading(lambda call, u: elu(call.write, u, call.get("alpha"), rate=1 / call.get("alpha")), "alpha"),
    "HardSigmoid": reading(lambda call, u: _hard(call, u, call.get("alpha"), call.get("beta")), "alpha", "beta"),
    "HardSwish": Rule(lambda call, u: call.write.mul(u, _hard(call, u, 1 / 6, 0.5))),
    "Gelu": reading(lambda call, u: gelu(call.write, u, call.choice("approximate", "none", "tanh") == "tanh"),
                    "approximate"),
    "Mish": Rule(lambda call, u: mish(call.write, u)),
    "Softplus": Rule(lambda call, u: softplus(call.write, u)),
    "Softsign": Rule(lambda call, u: u / (1 + np.abs(u))),
    "Swish": reading(lambda call, u: swish(call.write, u, call.get("alpha")), "alpha"),
    "ThresholdedRelu": reading(lambda call, u: np.where(u > call.get("alpha"), u, 0.0), "alpha"),
    "Clip": Rule(lambda call, u, low=None, high=None: clipped(call.write, u, low, high)),
}
