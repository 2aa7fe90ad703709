"""Tensors that hold the entries which a mask picked: x[x > 0], whose sizes tell how often the mask holds.

What is computed from such a tensor entry by entry is followed (`absnormal.frontends.torch.chosen`).  Everything else
that code does with it may use its size, which no operation shows: that is noted, as a read of the mask.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch

from absnormal.frontends.torch.memory import storage
from absnormal.frontends.torch.values import MASKS

#: Functions of torch that read no sizes, or only hold those of their arguments against each other.
_SIZELESS = frozenset({
    "abs", "absolute", "add", "and", "atan", "backward", "clamp", "clip", "clone", "contiguous", "cos", "cosh",
    "data", "detach", "device", "dim", "div", "divide", "double", "dtype", "elu", "eq", "erf", "exp", "expm1",
    "float", "ge", "gelu", "getitem", "grad_fn", "gt", "half", "huber_loss", "iadd", "idiv", "imul", "index_put",
    "ipow", "is_floating_point", "is_leaf", "isub", "itruediv", "l1_loss", "layout", "le", "leaky_relu", "log",
    "log10", "log1p", "log2", "lt", "masked_scatter", "masked_select", "maximum", "mean", "minimum", "mse_loss",
    "mul", "multiply", "ndim", "ne", "neg", "negative", "norm", "ones_like", "pow", "radd", "rdiv", "reciprocal",
    "relu", "requires_grad", "rmul", "rpow", "rsqrt", "rsub", "rtruediv", "setitem", "sigmoid", "sign", "silu", "sin",
    "sinh", "smooth_l1_loss", "softplus", "sqrt", "square", "sub", "subtract", "sum", "tan", "tanh", "to",
    "true_divide", "truediv", "vector_norm", "where", "zeros_like",
})  # fmt: skip
#: What picks entries by a mask.
PICKING = frozenset({"index", "masked_select"})
#: What puts picked entries back where they were.
_PUTTING = frozenset({"index_put", "_index_put_impl", "masked_scatter"})


def selects(record: Any) -> bool:
    """Whether the entries that a mask holds at are picked, so that their number is known."""
    return record.name == "index" and any(key.dtype in MASKS for key in record.arguments[1:])


class Selections:
    """What masks picked, as operations run."""

    def __init__(self) -> None:
        #: For storages of tensors that hold picked entries, the masks.
        self._masks: dict[int, list[Any]] = {}
        #: Whether derivatives were computed within, whose operations keep sizes of their own.
        self.derived = False

    def __bool__(self) -> bool:
        return bool(self._masks)

    def ran(self, name: str, arguments: Sequence[Any], outs: Sequence[Any]) -> None:
        """Note what an operation gives."""
        masks = self.masks(arguments) if self._masks else []
        if name in PICKING:
            masks = masks + [key for key in arguments[1:] if key.dtype in MASKS]
        for out in outs if masks and name.rstrip("_") not in _PUTTING else ():
            if out.dim() and out.layout == torch.strided:
                self._masks[storage(out)] = masks
        if self._masks and not self.derived:
            within = torch._C._current_graph_task_id() >= 0 or torch.autograd.forward_ad._current_level >= 0
            self.derived = within or torch._C._functorch.peek_interpreter_stack() is not None

    def masks(self, tensors: Sequence[Any]) -> list[Any]:
        """The masks by which some tensors were picked."""
        held = [self._masks.get(storage(t), ()) for t in tensors if t.layout == torch.strided] if self._masks else []
        return list({id(mask): mask for masks in held for mask in masks}.values())

    def read_by(self, func: Any, tensors: Sequence[Any]) -> list[Any]:
        """The masks of tensors whose sizes a function of torch may use."""
        name = getattr(func, "__name__", "")
        name = func.__self__.__name__ if name == "__get__" else name
        return [] if name.strip("_") in _SIZELESS else self.masks(tensors)
