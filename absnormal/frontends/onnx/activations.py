"""Activations: functions of one number with kinks, and the smooth ones that belong to them."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from scipy import special

from absnormal.frontends.onnx.rule import Call, Rule, reading
from absnormal.frontends.writing import extremum, kink


def _parts(call: Call, u: Any, tie: str) -> tuple[Any, Any]:
    """max(u, 0) and min(u, 0), of one kink."""
    r = kink(call.write, u, 0.5, 0.5, tie)
    return r, u - r


def _leaky_relu(call: Call, u: Any) -> Any:
    a = call.get("alpha")
    return kink(call.write, u, (1 + a) / 2, (1 - a) / 2, "leaky_relu")


def _prelu(call: Call, u: Any, slope: Any) -> Any:
    above, below = _parts(call, u, "leaky_relu")
    return above + below * slope


def _elu(call: Call, u: Any) -> Any:
    above, below = _parts(call, u, "elu")
    return above + call.get("alpha") * np.expm1(below)


def _selu(call: Call, u: Any) -> Any:
    above, below = _parts(call, u, "elu")
    alpha, gamma = call.get("alpha"), call.get("gamma")
    return gamma * (above + alpha * np.expm1(below))


def _celu(call: Call, u: Any) -> Any:
    above, below = _parts(call, u, "elu")
    alpha = call.get("alpha")
    return above + alpha * np.expm1(below / alpha)


def _hard_sigmoid(call: Call, u: Any) -> Any:
    return _hard(call, u, call.get("alpha"), call.get("beta"))


def _hard_swish(call: Call, u: Any) -> Any:
    return u * _hard(call, u, 1 / 6, 0.5)


def _hard(call: Call, u: Any, a: float, b: float) -> Any:
    """a u + b, clipped to [0, 1]."""
    low = extremum(call.write, a * u + b, 0.0, 1, "hard.low")
    return extremum(call.write, low, 1.0, -1, "hard.high")


def _gelu(call: Call, u: Any) -> Any:
    if call.choice("approximate", "none", "tanh") == "tanh":
        return 0.5 * u * (1 + np.tanh(math.sqrt(2 / math.pi) * (u + 0.044715 * u**3)))
    return u * special.ndtr(u)


def _thresholded(call: Call, u: Any) -> Any:
    return np.where(u > call.get("alpha"), u, 0.0)


def _softplus(call: Call, u: Any) -> Any:
    return call.write.op("logaddexp", u, 0.0)


def _clip(call: Call, u: Any, low: Any = None, high: Any = None) -> Any:
    if low is not None:
        u = extremum(call.write, u, low, 1, "clip.low")
    return u if high is None else extremum(call.write, u, high, -1, "clip.high")


ACTIVATIONS: dict[str, Rule] = {
    "Relu": Rule(lambda call, u: kink(call.write, u, 0.5, 0.5, "relu")),
    "LeakyRelu": reading(_leaky_relu, "alpha"),
    "PRelu": Rule(_prelu),
    "Elu": reading(_elu, "alpha"),
    "Selu": reading(_selu, "alpha", "gamma"),
    "Celu": reading(_celu, "alpha"),
    "HardSigmoid": reading(_hard_sigmoid, "alpha", "beta"),
    "HardSwish": Rule(_hard_swish),
    "Gelu": reading(_gelu, "approximate"),
    "Mish": Rule(lambda call, u: u * np.tanh(_softplus(call, u))),
    "Softplus": Rule(_softplus),
    "Softsign": Rule(lambda call, u: u / (1 + np.abs(u))),
    "Swish": reading(lambda call, u: u * special.expit(call.get("alpha") * u), "alpha"),
    "ThresholdedRelu": reading(_thresholded, "alpha"),
    "Clip": Rule(_clip),
}
