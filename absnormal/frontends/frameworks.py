"""Which front end a point belongs to, told by the types of its leaves; nothing is imported to find out."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from absnormal.frontends.captured import Captured

#: From the package that a leaf's type comes from to the module whose `capture(f, x)` follows f at x.
FRONT_ENDS = {
    "torch": "absnormal.frontends.torch.capture",
    "jax": "absnormal.frontends.jax.capture",
    "jaxlib": "absnormal.frontends.jax.capture",
}


def capturing(x: Any) -> Callable[[Callable[[Any], Any], Any], Captured] | None:
    """The `capture` of the framework that the leaves of x belong to; None for NumPy."""
    for leaf in _leaves(x):
        for kind in type(leaf).__mro__[:-1]:
            module = FRONT_ENDS.get(kind.__module__.split(".")[0])
            if module is not None:
                capture: Callable[[Callable[[Any], Any], Any], Captured] = importlib.import_module(module).capture
                return capture
    return None


def _leaves(x: Any) -> Iterator[Any]:
    if isinstance(x, dict):
        for item in x.values():
            yield from _leaves(item)
    elif isinstance(x, (list, tuple)):
        for item in x:
            yield from _leaves(item)
    else:
        yield x


def plain(value: Any) -> Any:
    """A gradient, in the structure of x, with NumPy arrays for the arrays of a framework."""
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return type(value)([plain(item) for item in value])
    if hasattr(value, "detach"):
        value = value.detach().cpu()
        value = value.double() if "bfloat16" in str(value.dtype) else value
    return np.asarray(value) if hasattr(value, "__array__") else value
