"""What an installed tool does at ties, measured.

A tool that differentiates NumPy functions has a probe, a function without arguments that returns tie -> slope with the
keys and the meaning of a row of `absnormal.frontends.ties.slopes.TABLES`.  A framework with kernels of its own has a
module whose function ``probed`` returns a `Row` for each of them.  Both raise ImportError where the tool is not
installed.  `PROBES` and `KERNELS` have one line a tool.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from absnormal._optional import require
from absnormal.frontends.ties.names import Slopes, written_out
from absnormal.frontends.ties.probing import Row, of_shares


def from_gradients(gradient: Callable[[str, Sequence[float]], Sequence[float]]) -> Slopes:
    """The slopes of NumPy's functions behind gradients at ties.

    Parameters
    ----------
    gradient
        (tie, x) -> the gradient of one function for each tie: abs(x0), maximum(x0, x1), minimum(x0, x1), fmax(x0, x1),
        fmin(x0, x1), clip(x0, 0, 1) for "clip.low" and "clip.high", max(x), min(x), the first entry of sort(x), and
        the root of the sum of the squares of x
    """
    found: Slopes = {"abs": float(gradient("abs", [0.0])[0])}
    for tie in ("maximum", "fmax"):
        found[tie] = 2 * float(gradient(tie, [0.0, 0.0])[0]) - 1
    for tie in ("minimum", "fmin", "sort"):
        found[tie] = 1 - 2 * float(gradient(tie, [0.0, 0.0])[0])
    found["clip.low"] = 2 * float(gradient("clip.low", [0.0])[0]) - 1
    found["clip.high"] = 1 - 2 * float(gradient("clip.high", [1.0])[0])
    for tie in ("max.fold", "min.fold"):
        found[tie] = of_shares(tie, [float(share) for share in gradient(tie, [0.0, 0.0, 0.0])])
    return found | {"root": float(gradient("root", [0.0, 0.0])[0])}


def autograd() -> Slopes:
    """HIPS autograd."""
    anp = require("autograd.numpy", "test")
    functions: dict[str, Callable[[Any], Any]] = {
        "abs": lambda x: anp.abs(x[0]), "maximum": lambda x: anp.maximum(x[0], x[1]),
        "minimum": lambda x: anp.minimum(x[0], x[1]), "fmax": lambda x: anp.fmax(x[0], x[1]),
        "fmin": lambda x: anp.fmin(x[0], x[1]), "clip.low": lambda x: anp.clip(x[0], 0.0, 1.0),
        "clip.high": lambda x: anp.clip(x[0], 0.0, 1.0), "max.fold": anp.max, "min.fold": anp.min,
        "sort": lambda x: anp.sort(x)[0],
        "root": lambda x: anp.sqrt(anp.sum(x * x)),
    }  # fmt: skip
    grad = require("autograd", "test").grad
    with np.errstate(all="ignore"):
        found = written_out(from_gradients(lambda tie, x: grad(functions[tie])(anp.array(x))))
        return found | {"modulus": float(grad(lambda x: anp.abs(x[0] + 1j * x[1]))(anp.zeros(2))[0])}


#: Tool -> its probe.
PROBES: dict[str, Callable[[], Slopes]] = {"autograd": autograd}
#: Tool -> the module that measures its kernels.
KERNELS = {"torch": "absnormal.frontends.torch.probe", "jax": "absnormal.frontends.jax.probe"}


def kernels() -> dict[str, list[Row]]:
    """The kernels of all frameworks that are installed."""
    found = {}
    for tool, module in KERNELS.items():
        try:
            found[tool] = list(importlib.import_module(module).probed())
        except ImportError:
            continue
    return found


def measured() -> dict[str, Slopes]:
    """The slopes of all tools that are installed."""
    found = {}
    for tool, probe in PROBES.items():
        try:
            found[tool] = probe()
        except ImportError:
            continue
    return found
