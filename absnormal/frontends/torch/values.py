"""Tensors as arrays."""

from __future__ import annotations

import math
from typing import Any

import torch

from absnormal.arrays import Array

_HALF = frozenset({torch.bfloat16, torch.float16})


def finite(tensor: Any) -> bool:
    """Whether there is neither NaN nor infinity, which spread to a sum."""
    return math.isfinite(tensor.sum().item()) or bool(tensor.isfinite().all())


def array(tensor: Any) -> Array:
    """A tensor as a NumPy array, without a copy where there is one of its type."""
    if tensor.requires_grad:
        tensor = tensor.detach()
    if not tensor.is_cpu:
        tensor = tensor.cpu()
    if tensor.dtype in _HALF:
        tensor = tensor.float()
    try:
        found: Array = tensor.numpy()
    except RuntimeError:  # zeros without memory, or a view that negates
        found = tensor.numpy(force=True)
    return found
