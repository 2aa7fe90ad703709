"""Exact ties at kinks, counted as a model runs: a few reads of what an operation was given, and no trace.

A `TorchFunctionMode` sees the calls of torch's functions.  An operation of the tables below whose argument requires a
gradient is counted: entries that lie on a knot, pairs that are equal, entries that share a maximum.  Counts stay on the
device until they are asked for.  What is compiled or scripted is not seen, nor the kinks inside of other losses.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any

import numpy as np
import torch
from torch.overrides import TorchFunctionMode

from absnormal.frontends.torch.tape import where
from absnormal.program.nodes import Source


def _knot(*knots: float) -> Callable[..., Sequence[Any]]:
    return lambda *args, **kwargs: knots


def _clamp(x: Any, min: Any = None, max: Any = None) -> Sequence[Any]:
    return [bound for bound in (min, max) if bound is not None]


#: The name of an operation on single entries -> the numbers at which it has a kink, from its arguments.
KNOTS: dict[str, Callable[..., Sequence[Any]]] = {
    **dict.fromkeys(("relu", "relu_", "leaky_relu", "leaky_relu_", "prelu", "rrelu", "rrelu_"), _knot(0)),
    **dict.fromkeys(("selu", "selu_"), _knot(0)),
    **dict.fromkeys(("abs", "abs_", "absolute", "__abs__"), _knot(0)),
    "relu6": _knot(0, 6),
    "hardswish": _knot(-3, 3), "hardsigmoid": _knot(-3, 3),
    "hardtanh": lambda x, min_val=-1.0, max_val=1.0, inplace=False: (min_val, max_val),
    "hardtanh_": lambda x, min_val=-1.0, max_val=1.0: (min_val, max_val),
    "softshrink": lambda x, lambd=0.5: (-lambd, lambd),
    "elu": lambda x, alpha=1.0, inplace=False: () if alpha == 1 else (0,),
    **dict.fromkeys(("threshold", "_threshold"), lambda x, threshold, value, inplace=False: (threshold,)),
    **dict.fromkeys(("clamp", "clamp_", "clip", "clip_"), _clamp),
    **dict.fromkeys(("clamp_min", "clamp_min_", "clamp_max", "clamp_max_"), lambda x, bound: (bound,)),
}  # fmt: skip
#: Those of which no argument says where the kink is.
_AT_ZERO = frozenset({"relu", "relu_", "abs", "abs_", "absolute", "__abs__", "leaky_relu", "prelu", "selu"})
#: Operations on pairs, with a kink where the two are equal.
PAIRS = frozenset({"maximum", "minimum", "fmax", "fmin", "l1_loss"})
#: Operations that take one of the entries along axes; `max` and `min` of two tensors are pairs.
EXTREMES = frozenset({"max", "min", "amax", "amin"})
#: The number of entries beyond which an array is large.
LARGE = 65_536
#: Types that NumPy compares as torch does, and fast.
_IN_NUMPY = (torch.float32, torch.float64)
POOLS = {"max_pool1d": 1, "max_pool2d": 2, "max_pool3d": 3}


@dataclass(frozen=True)
class Place:
    """Where a kink is: the name of the module ("" outside of the model's), the operation, the user's line."""

    module: str
    operation: str
    source: Source | None

    def __str__(self) -> str:
        at = f" at {self.source}" if self.source is not None else ""
        return f"{self.module + '.' if self.module else ''}{self.operation}{at}"


class TieCounter(TorchFunctionMode):  # type: ignore[misc]
    """Counts ties of the operations that run under it.

    Parameters
    ----------
    names
        the names of modules by identity
    """

    def __init__(self, names: dict[int, str]) -> None:
        super().__init__()
        self._names = names
        #: Whether windows of pooling are counted, which costs a good part of pooling, and arrays with many entries.
        self.windows = self.large = True
        self._found: list[tuple[Place, Any]] = []

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """Run an operation, and count the ties of a kinked one: before it runs, as it may overwrite its argument."""
        name = func.__name__
        if name not in _COUNTED or not torch.is_grad_enabled() or self._left_out(name, args):
            return func(*args, **kwargs) if kwargs else func(*args)
        kwargs = kwargs or {}
        count = _zeros(args[0]) if name in _AT_ZERO and args else _before(name, args, kwargs)
        out = func(*args, **kwargs)
        count = _after(name, args, kwargs, out) if count is None else count
        # On a CPU a count is known at once; elsewhere it would have to be waited for.
        if count is not None and not (count == 0 if isinstance(count, int) else count.is_cpu and count.item() == 0):
            source, module = where()
            self._found.append((Place(self._names.get(id(module), ""), name.strip("_"), source), count))
        return out

    def _left_out(self, name: str, args: Any) -> bool:
        if name in POOLS:
            return not self.windows
        return not self.large and bool(args) and isinstance(args[0], torch.Tensor) and args[0].numel() > LARGE

    def taken(self) -> dict[Place, int]:
        """The places with ties since this was last asked, and how many each has."""
        found, self._found = self._found, []
        counts: dict[Place, int] = {}
        if found:
            elsewhere = [count for _, count in found if not isinstance(count, int)]
            known = iter(torch.stack([count.to(elsewhere[-1].device).reshape(()) for count in elsewhere]).tolist()
                         if elsewhere else ())
            for place, count in found:
                number = count if isinstance(count, int) else int(next(known))
                if number:
                    counts[place] = counts.get(place, 0) + number
        return counts


_COUNTED = frozenset({*KNOTS, *PAIRS, *EXTREMES, *POOLS})


def _before(name: str, args: Any, kwargs: Any) -> Any:
    """The ties of an operation on entries or on pairs; None for others, and where no gradient is asked for."""
    given = (*args, *(kwargs[key] for key in ("input", "other", "target") if key in kwargs))
    x = given[0]
    if name in PAIRS or (name in EXTREMES and len(given) > 1 and isinstance(given[1], torch.Tensor)):
        return _equal(x, given[1]) if x.requires_grad or given[1].requires_grad else None
    if name not in KNOTS or not x.requires_grad:
        return None
    rest = {key: value for key, value in kwargs.items() if key not in ("input", "weight")}
    knots = KNOTS[name](*given, **rest)
    counts = [_equal(x, knot) for knot in knots]
    return sum(counts[1:], start=counts[0]) if counts else None


def _zeros(x: Any) -> Any:
    """The number of entries of x that are 0; None where no gradient is asked for."""
    return _equal(x, 0) if x.requires_grad else None


def _equal(x: Any, y: Any) -> Any:
    """The number of entries of x that are equal to y: an int where it is known at once, otherwise a tensor.

    NumPy compares and counts 5 times as fast as torch does on a CPU.
    """
    x = x.detach()
    if x.is_cpu and x.dtype in _IN_NUMPY:
        try:
            a, b = x.numpy(), y.detach().numpy() if isinstance(y, torch.Tensor) else float(y)
        except (RuntimeError, TypeError):  # What has no memory of its own: on another device, sparse, transformed.
            pass
        else:
            return int(np.count_nonzero(a == b))
    return torch.count_nonzero(x == y)


def _after(name: str, args: Any, kwargs: Any, out: Any) -> Any:
    """The entries that share a maximum beyond the first, in all results together."""
    x = args[0] if args else kwargs["input"]
    if name in KNOTS or name in PAIRS or not x.requires_grad:
        return None
    x, values = x.detach(), (out if isinstance(out, torch.Tensor) else out[0]).detach()
    if name in POOLS:
        return _in_windows(POOLS[name], x, values, *args[1:], **kwargs)
    axes = kwargs.get("dim", args[1] if len(args) > 1 else None)
    if axes is not None and values.dim() < x.dim():
        for axis in sorted(a % x.dim() for a in ((axes,) if isinstance(axes, int) else axes)):
            values = values.unsqueeze(axis)
    return _equal(x, values) - values.numel()


def _in_windows(
    axes: int, x: Any, values: Any, kernel_size: Any, stride: Any = None, padding: Any = 0, dilation: Any = 1,
    ceil_mode: bool = False, return_indices: bool = False,
) -> Any:
    """The same for windows: each of their places is a slice of x."""
    kernel, padding, dilation = (_each(axes, size) for size in (kernel_size, padding, dilation))
    stride = kernel if stride is None or stride == [] else _each(axes, stride)
    sizes = values.shape[-axes:]
    reach = [(size - 1) * s + (k - 1) * d + 1 for size, s, k, d in zip(sizes, stride, kernel, dilation, strict=True)]
    around = [(p, max(0, r - p - n)) for p, r, n in zip(padding, reach, x.shape[-axes:], strict=True)]
    if any(any(ends) for ends in around):
        x = torch.nn.functional.pad(x, [end for ends in reversed(around) for end in ends], value=float("-inf"))
    total = -values.numel()
    for offsets in product(*(range(k) for k in kernel)):
        own = tuple(
            slice(o * d, o * d + (size - 1) * s + 1, s)
            for o, d, size, s in zip(offsets, dilation, sizes, stride, strict=True)
        )
        total = total + _equal(x[(..., *own)], values)
    return total


def _each(axes: int, size: Any) -> tuple[int, ...]:
    if isinstance(size, int):
        return (size,) * axes
    return tuple(int(n) for n in size) * (axes if len(size) == 1 else 1)
