"""Cases of torch, JAX and ONNX: with the former two the framework's own gradient is what is judged."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

import absnormal as an

from ..oracle.expressions import source
from ..oracle.oracle import Oracle
from ..oracle.strategies import UNIFORM
from ..record.programs import program
from .drawn import Drawn
from .spelled import spelled

#: JAX keeps what it compiled, and is slower the more that is: it forgets after as many seeds.
KEPT = 100


def of_torch(seed: int) -> Iterator[Drawn]:
    """With respect to a tensor in double precision, and to a parameter in single precision, spelled in two ways."""
    import torch

    from . import in_torch as front

    expr, point, _, dice = program(seed)
    oracle, values = Oracle.of(expr, point), [float(a) for a in point]
    f, g = (spelled(expr, front.SPELLINGS, dice, point, front.LEAKY, front.SOFT) for _ in range(2))
    x, leaf = torch.tensor(values, dtype=torch.float64), torch.tensor(values, requires_grad=True)
    text = f"{source(expr)} at {values}"
    yield Drawn(lambda: an.verify(f, x), oracle, None, text)
    yield Drawn(lambda: an.torch.verify(leaf, lambda: g(leaf)), oracle, None, f"float32: {text}", 4)


def of_jax(seed: int) -> Iterator[Drawn]:
    """In double and in single precision, spelled in two ways, now and then compiled."""
    import jax
    import jax.numpy as jnp

    from . import in_jax as front

    if seed % KEPT == 0:
        jax.clear_caches()
    expr, point, _, dice = program(seed)
    oracle, values = Oracle.of(expr, point), [float(a) for a in point]
    for wide in (True, False):
        f: Any = spelled(expr, front.SPELLINGS, dice, point, front.LEAKY, front.SOFT)
        f = jax.jit(f) if dice.pick((True, *[False] * 9)) else f

        def verify(f: Any = f, wide: bool = wide) -> an.Report:
            with jax.enable_x64(wide):
                return an.verify(f, jnp.array(values))

        text = f"{source(expr)} at {values}"
        yield Drawn(verify, oracle, None, text if wide else f"float32: {text}", 8 if wide else 4)


def of_onnx(seed: int) -> Iterator[Drawn]:
    """A model under a tool's slopes; and spelled plainly, under one slope for all switches, where g_c is known."""
    from . import in_onnx as front

    expr, point, _, dice = program(seed)
    oracle, values = Oracle.of(expr, point), [float(a) for a in point]
    plain = {kind: options[:1] for kind, options in front.SPELLINGS.items()}
    tool, uniform = dice.pick(("torch", "jax")), float(dice.pick(UNIFORM))
    for ways, leaky, slope, dtype in (
        (front.SPELLINGS, front.LEAKY, tool, np.float64), (plain, front.LEAKY[:1], uniform, np.float32)
    ):  # fmt: skip
        f = spelled(expr, ways, dice, point, leaky, front.SOFT)

        def verify(f: Any = f, slope: Any = slope, dtype: Any = dtype) -> an.Report:
            made = an.onnx.load(front.Graph(dtype).written(f, len(point)), np.array(values))
            if float(made(values)) != float(oracle.y):
                raise AssertionError(f"the value is {made(values)}, not {oracle.y}")
            return an.verify(made, values, slope=slope)

        known = oracle.gradient(uniform) if ways is plain else None
        yield Drawn(verify, oracle, known, f"{source(expr)} at {values}, slopes {slope}")
