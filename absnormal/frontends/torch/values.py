"""Tensors as arrays."""

from __future__ import annotations

from typing import Any

import torch

from absnormal.arrays import Array

_HALF = frozenset({torch.bfloat16, torch.float16})


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
