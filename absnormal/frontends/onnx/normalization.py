"""Normalizations of ONNX: attributes, axes and further outputs."""

from __future__ import annotations

from typing import Any

import numpy as np

from absnormal.frontends.meanings.normalizations import (
    affine,
    channels,
    group_normalized,
    moments,
    normalized,
    root_normalized,
)
from absnormal.frontends.onnx.rule import Call, Rule, reading


def _norm(call: Call, u: Any) -> Any:
    axis, p = call.get("axis"), call.choice("p", 2, 1)
    size = np.sum(np.abs(u), axis, keepdims=True) if p == 1 else np.sqrt(np.sum(u * u, axis, keepdims=True))
    return u / size


def _batch_norm(call: Call, u: Any, scale: Any, bias: Any, mean: Any, var: Any) -> Any:
    write, shape = call.write, channels(np.ndim(u))
    if not call.get("training_mode"):
        reshaped, inverse = (np.reshape(item, shape) for item in (mean, 1 / np.sqrt(var + call.get("epsilon"))))
        return affine(write, write.mul(write.sub(u, reshaped), inverse), scale, bias, shape)
    axes, momentum = (0, *range(2, np.ndim(u))), call.get("momentum")
    result = normalized(write, u, axes, call.get("epsilon"))
    kept = [momentum * old + (1 - momentum) * new for old, new in ((mean, np.mean(u, axes)), (var, np.var(u, axes)))]
    return [affine(write, result, scale, bias, shape), *kept]


def _trailing(call: Call, u: Any) -> tuple[int, ...]:
    ndim = np.ndim(u)
    return tuple(range(call.get("axis") % ndim, ndim))


def _layer_norm(call: Call, u: Any, scale: Any, bias: Any = None) -> Any:
    at = call.write, u, _trailing(call, u), call.get("epsilon")
    result = affine(call.write, normalized(*at), scale, bias, np.shape(scale))
    if call.used <= {0}:
        return [result]
    mean, root = moments(*at)
    return [result, mean, 1 / root]


def _root_norm(call: Call, u: Any, scale: Any) -> Any:
    result, _ = root_normalized(call.write, u, _trailing(call, u), call.get("epsilon"))
    return affine(call.write, result, scale, None, np.shape(scale))


def _instance_norm(call: Call, u: Any, scale: Any, bias: Any) -> Any:
    result = normalized(call.write, u, range(2, np.ndim(u)), call.get("epsilon"))
    return affine(call.write, result, scale, bias, channels(np.ndim(u)))


def _group_norm(call: Call, u: Any, scale: Any, bias: Any) -> Any:
    groups = call.get("num_groups")
    result = group_normalized(call.write, u, groups, call.get("epsilon"))
    if call.schema.since_version < 21:
        # One scale for each group; since opset 21 there is one for each channel.
        scale, bias = (np.repeat(item, np.shape(u)[1] // groups) for item in (scale, bias))
    return affine(call.write, result, scale, bias, channels(np.ndim(u)))


NORMALIZATIONS: dict[str, Rule] = {
    "LpNormalization": reading(_norm, "axis", "p"),
    "BatchNormalization": reading(_batch_norm, "epsilon", "momentum", "training_mode", outputs=3),
    "LayerNormalization": reading(_layer_norm, "axis", "epsilon", idle=("stash_type",), outputs=3),
    "RMSNormalization": reading(_root_norm, "axis", "epsilon", idle=("stash_type",)),
    "InstanceNormalization": reading(_instance_norm, "epsilon"),
    "GroupNormalization": reading(_group_norm, "epsilon", "num_groups", idle=("stash_type",)),
}
