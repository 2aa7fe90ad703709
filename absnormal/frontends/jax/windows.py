"""Convolution."""

from __future__ import annotations

from typing import Any

import numpy as np

from absnormal.frontends.jax.run import Call
from absnormal.frontends.meanings.convolutions import convolved


def convolution(
    call: Call, u: Any, weight: Any, *, window_strides: Any, padding: Any, lhs_dilation: Any, rhs_dilation: Any,
    dimension_numbers: Any, feature_group_count: int, batch_group_count: int,
) -> Any:
    """conv_general_dilated: brought to (N, C, *S) and (O, C / G, *K), and back."""
    write, numbers = call.write, dimension_numbers
    if batch_group_count != 1:
        write.refuse("with batch_group_count is not supported", "convolve the groups one by one")
    u = _stretched(np.transpose(write.array(u), numbers.lhs_spec), lhs_dilation)
    weight = np.transpose(write.array(weight), numbers.rhs_spec)
    made = convolved(write, u, weight, window_strides, padding, rhs_dilation, feature_group_count)
    return np.transpose(made, np.argsort(numbers.out_spec))


def _stretched(u: Any, steps: Any) -> Any:
    """Zeros between the entries of the spatial axes."""
    for axis, step in enumerate(steps, 2):
        if step > 1 and u.shape[axis]:
            shape = (*u.shape[: axis + 1], step - 1, *u.shape[axis + 1 :])
            apart = np.concatenate([np.expand_dims(u, axis + 1), np.zeros(shape)], axis + 1)
            full = np.reshape(apart, (*u.shape[:axis], -1, *u.shape[axis + 1 :]))
            u = full[(*(slice(None),) * axis, slice(0, full.shape[axis] - (step - 1)))]
    return u
