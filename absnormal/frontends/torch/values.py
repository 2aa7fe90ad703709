"""Tensors as arrays."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from typing import Any

import torch

from absnormal.arrays import Array
from absnormal.errors import TraceError

#: Types of tensors that are masks where they are keys; torch.uint8 is deprecated there.
MASKS = frozenset({torch.bool, torch.uint8})
_HALF = frozenset({torch.bfloat16, torch.float16})


def finite(tensor: Any) -> bool:
    """Whether there is neither NaN nor infinity, which spread to a sum."""
    if tensor.is_complex():
        tensor = torch.view_as_real(tensor.resolve_conj())
    return math.isfinite(tensor.sum().item()) or bool(tensor.isfinite().all())


def refuse_unusable(variables: Iterable[Any]) -> None:
    """Raise for tensors that no gradient can be taken by."""
    for variable in variables:
        problem = None
        if variable.is_complex():
            problem = (
                "a variable is complex, and derivatives by complex numbers are not followed",
                "make its real and its imaginary part two real tensors",
            )
        elif variable.layout != torch.strided:
            problem = f"a variable has the layout {variable.layout}", "take the dense tensor, to_dense(), instead"
        elif variable.is_meta:
            problem = "a variable is on the device meta, where it holds no numbers", "load or draw its numbers first"
        elif variable.is_inference():
            problem = (
                "a variable was made in torch.inference_mode, and takes no part in derivatives",
                "make it outside of that, or clone it there",
            )
        if problem is not None:
            raise TraceError("torch", *problem)


def real_shape(tensor: Any) -> tuple[int, ...]:
    """The shape of a tensor, with complex numbers as pairs."""
    return (*tensor.shape, 2) if tensor.is_complex() else tuple(tensor.shape)


def array(tensor: Any) -> Array:
    """A tensor as a NumPy array, without a copy where there is one of its type; complex numbers as pairs, last."""
    if tensor.requires_grad:
        tensor = tensor.detach()
    if tensor.is_complex():
        tensor = torch.view_as_real(tensor.resolve_conj())
    if not tensor.is_cpu:
        tensor = tensor.cpu()
    if tensor.dtype in _HALF:
        tensor = tensor.float()
    try:
        found: Array = tensor.numpy()
    except RuntimeError:  # zeros without memory, or a view that negates
        found = tensor.numpy(force=True)
    return found


def mapped(value: Any, change: Callable[[Any], Any]) -> Any:
    """Nested arguments of an operation with all that stands in dicts, lists and tuples changed."""
    if isinstance(value, dict):
        return {key: mapped(item, change) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        items = [mapped(item, change) for item in value]
        return items if isinstance(value, list) else tuple(items)
    return change(value)
