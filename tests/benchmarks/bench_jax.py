"""verify of a network, and of the same one compiled, against eager and compiled jax.grad, measured in the same run.

    python -m tests.benchmarks.bench_jax
"""

from __future__ import annotations

from tests.benchmarks.measure import best  # isort: skip  (sets the number of threads before NumPy loads)

import time
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

import absnormal as an

#: Layers: 8,385 and 235,146 parameters.
NETWORKS = {"64-64-64-1": (64, 64, 64, 1), "784-256-128-10": (784, 256, 128, 10)}


def parameters(layers: tuple[int, ...], zero: bool) -> list[Any]:
    """Weights and biases; with ``zero`` the biases of a network at a blank image, where every unit is at its kink."""
    rng = np.random.default_rng(0)
    return [
        (jnp.asarray(rng.normal(size=(n, m)) / np.sqrt(n), jnp.float32),
         jnp.asarray(np.zeros(m) if zero else rng.normal(size=m) / 10, jnp.float32))
        for n, m in pairwise(layers)
    ]  # fmt: skip


def loss_at(image: Any) -> Any:
    """Cross-entropy of one sample, in the parameters."""

    def loss(layers: list[Any]) -> Any:
        x = image
        for weight, bias in layers[:-1]:
            x = jax.nn.relu(x @ weight + bias)
        weight, bias = layers[-1]
        scores = x @ weight + bias
        return jnp.sum(scores**2) if scores.size == 1 else -jax.nn.log_softmax(scores)[0]

    return loss


def case(layers: tuple[int, ...], zero: bool) -> tuple[Callable[[Any], Any], Any]:
    """A loss and its point."""
    image = jnp.zeros(layers[0]) if zero else jax.random.normal(jax.random.key(1), layers[:1])
    return loss_at(image), parameters(layers, zero)


def main() -> None:
    """A table."""
    for name, layers in NETWORKS.items():
        for zero in (False, True):
            loss, point = case(layers, zero)
            jitted = jax.jit(loss)
            compiled = jax.jit(jax.grad(loss))
            jax.block_until_ready(compiled(point))
            start = time.perf_counter()
            report = an.verify(loss, point)
            first = time.perf_counter() - start
            hand = best(lambda f=compiled, p=point: jax.block_until_ready(f(p)))
            eager = best(lambda f=loss, p=point: jax.block_until_ready(jax.grad(f)(p)))
            full = best(lambda f=loss, p=point: an.verify(f, p))
            staged = best(lambda f=jitted, p=point: an.verify(f, p))
            size = sum(leaf.size for leaf in jax.tree.leaves(point))
            print(
                f"{name:<15} {size:7d} parameters  active {len(report.tool.alpha):4d}  jitted grad {hand * 1e3:7.3f} ms"
                f"  eager grad {eager * 1e3:7.2f} ms  verify {full * 1e3:7.2f} ms = {full / eager:4.1f} x eager,"
                f" of the jitted loss {staged * 1e3:7.2f} ms = {staged / hand:6.1f} x jitted"
                f"  (first {first:4.2f} s)  {report.verdict.name} by {report.method}"
            )


if __name__ == "__main__":
    main()
