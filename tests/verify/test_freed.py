"""Is all that a verdict held freed when it is let go, the tape of a large model too, without a garbage collection?"""

from __future__ import annotations

import gc
import weakref
from collections.abc import Callable, Iterator
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import torch
import torch.nn.functional as F

import absnormal as an

NUMBERS = [float(number % 5) for number in range(16)]
FUNCTIONS: dict[str, tuple[Any, Callable[[Any], Any]]] = {
    "numpy": (np.array(NUMBERS), lambda x: np.abs(x).sum() + np.sort(x)[0]),
    "jax": (jnp.array(NUMBERS), lambda x: jnp.abs(x).sum() + x.max()),
    "tiles": (torch.tensor(NUMBERS), lambda x: F.max_pool2d(x.reshape(1, 1, 4, 4), 2).sum()),
    "windows": (torch.tensor(NUMBERS), lambda x: F.max_pool2d(x.reshape(1, 1, 4, 4), 3, 1, 1).sum()),
    "order": (torch.tensor(NUMBERS), lambda x: x.sort().values[0] + x.cummax(0).values.sum() + x.topk(2).values.sum()),
    "extrema": (torch.tensor(NUMBERS), lambda x: x.amax() + x.reshape(4, 4).max(0).values.sum() + x.clamp(0, 1).sum()),
}


@pytest.fixture(scope="module")
def frozen() -> Iterator[None]:
    """What was there before is out of the collector's sight."""
    gc.collect()
    gc.freeze()
    gc.disable()
    yield
    gc.enable()
    gc.unfreeze()


@pytest.mark.slow
@pytest.mark.parametrize("name", FUNCTIONS)
def test_nothing_is_left_to_collect(name: str, frozen: None) -> None:
    """But for names and variables that JAX leaves each time it prints a jaxpr (in Python 3.13)."""
    x, f = FUNCTIONS[name]
    an.verify(f, x)
    gc.collect()
    if name == "jax":
        str(jax.make_jaxpr(f)(x))
    printed = gc.collect()
    report = an.verify(f, x)
    del report
    assert gc.collect() <= 2 * printed


@pytest.mark.parametrize("name", ["merged", "regular", "blocks"])
@pytest.mark.parametrize("given", [False, True])
def test_a_point_is_freed_at_once(name: str, given: bool) -> None:
    """What is kept with a program at a point does not hold that point."""
    f = {
        "merged": lambda x: (np.maximum(x, 0) - 0.3 * x + np.log1p(np.exp(-np.abs(x)))).sum(),
        "regular": lambda x: np.abs(x).sum(),
        "blocks": lambda x: np.abs(x).sum() - np.abs(x[::-1] + np.abs(x)).sum(),
    }[name]
    gc.disable()
    try:
        report = an.verify(f, np.zeros(4), **({"gradient": np.zeros(4)} if given else {}))
        points = [weakref.ref(report.problem.sweeps), weakref.ref(report.tool)]
        del report
        assert all(point() is None for point in points)
    finally:
        gc.enable()
