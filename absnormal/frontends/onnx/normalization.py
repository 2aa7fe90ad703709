"""Normalizations: differences from a mean, over a deviation or another size."""

from __future__ import annotations

from typing import Any

import numpy as np

from absnormal.frontends.onnx.rule import Call, Rule, reading


def _norm(call: Call, u: Any) -> Any:
    axis, p = call.get("axis"), call.choice("p", 2, 1)
    size = np.sum(np.abs(u), axis, keepdims=True) if p == 1 else np.sqrt(np.sum(u * u, axis, keepdims=True))
    return u / size



def _per_channel(call: Call, value: Any, u: Any) -> Any:
    return np.reshape(call.write.array(value), (-1, *([1] * (np.ndim(u) - 2))))


def _batch_norm(call: Call, u: Any, scale: Any, bias: Any, mean: Any, var: Any) -> Any:
    u = call.write.array(u)
    outputs = []
    if call.get("training_mode"):
        axes, momentum = (0, *range(2, np.ndim(u))), call.get("momentum")
        running, spread = mean, var
        mean, var = np.mean(u, axes), np.var(u, axes)
        outputs = [momentum * running + (1 - momentum) * mean, momentum * spread + (1 - momentum) * var]
    scale, bias, mean, var = (_per_channel(call, item, u) for item in (scale, bias, mean, var))
    return [(u - mean) * (scale / np.sqrt(var + call.get("epsilon"))) + bias, *outputs]


def _normalized(call: Call, u: Any, axes: tuple[int, ...]) -> list[Any]:
    """u with mean 0 and variance 1, the mean, and the inverse of the deviation."""
    mean = np.mean(u, axes, keepdims=True)
    centred = u - mean
    deviation = np.sqrt(np.mean(centred * centred, axes, keepdims=True) + call.get("epsilon"))
    return [centred / deviation, mean, 1 / deviation]


def _layer_norm(call: Call, u: Any, scale: Any, bias: Any = None) -> Any:
    axis = call.get("axis") % np.ndim(u)
    result, mean, inverse = _normalized(call, call.write.array(u), tuple(range(axis, np.ndim(u))))
    result = result * scale
    return [result if bias is None else result + bias, mean, inverse]


def _root_norm(call: Call, u: Any, scale: Any) -> Any:
    axis = call.get("axis") % np.ndim(u)
    u = call.write.array(u)
    square = np.mean(u * u, tuple(range(axis, u.ndim)), keepdims=True)
    return u / np.sqrt(square + call.get("epsilon")) * scale


def _instance_norm(call: Call, u: Any, scale: Any, bias: Any) -> Any:
    result = _normalized(call, call.write.array(u), tuple(range(2, np.ndim(u))))[0]
    return result * _per_channel(call, scale, u) + _per_channel(call, bias, u)


def _group_norm(call: Call, u: Any, scale: Any, bias: Any) -> Any:
    shape, groups = np.shape(u), call.get("num_groups")
    split = np.reshape(call.write.array(u), (shape[0], groups, -1))
    result = np.reshape(_normalized(call, split, (2,))[0], (shape[0], groups, shape[1] // groups, -1))
    # Before opset 21 there is one scale for each group, since then one for each channel.
    lift = (1, groups, 1, 1) if call.schema.since_version < 21 else (1, groups, shape[1] // groups, 1)
    return np.reshape(result * np.reshape(scale, lift) + np.reshape(bias, lift), shape)


NORMALIZATIONS: dict[str, Rule] = {
    "LpNormalization": reading(_norm, "axis", "p"),
    "BatchNormalization": reading(_batch_norm, "epsilon", "momentum", "training_mode", outputs=3),
    "LayerNormalization": reading(_layer_norm, "axis", "epsilon", idle=("stash_type",), outputs=3),
    "RMSNormalization": reading(_root_norm, "axis", "epsilon", idle=("stash_type",)),
    "InstanceNormalization": reading(_instance_norm, "epsilon"),
    "GroupNormalization": reading(_group_norm, "epsilon", "num_groups", idle=("stash_type",)),
}
