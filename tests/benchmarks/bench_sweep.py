"""What a sweep costs: over all digit images, over parameters of the digits network, with one process and with two.

    OMP_NUM_THREADS=1 python -m tests.benchmarks.bench_sweep
"""

from __future__ import annotations

import resource
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from importlib.util import find_spec
from typing import Any

import numpy as np

import absnormal as an
from absnormal.batch.verdicts import Work
from absnormal.gallery import digits
from tests.batch.test_sweep import margin


def _seconds(f: Any, points: Any, **options: Any) -> float:
    start = time.perf_counter()
    sweep = an.sweep(f, points, slope=-1, **options)
    count = sum(1 for _ in sweep)
    assert count == sum(sweep.summary.verdicts.values())
    return time.perf_counter() - start


def _burn(_: int) -> float:
    start = time.perf_counter()
    total = sum(k * k for k in range(6_000_000))
    return time.perf_counter() - start if total else 0.0


def _ideal(pool: ProcessPoolExecutor) -> float:
    """How much two processes of pure Python gain on this machine now."""
    one = _burn(0) + _burn(0)
    start = time.perf_counter()
    list(pool.map(_burn, range(2)))
    return one / (time.perf_counter() - start)


def smooth() -> Iterator[tuple[str, Any, Any]]:
    """Functions of ten numbers, and points at which nothing is tied."""
    many = np.random.default_rng(0).normal(size=(4096, 10))

    def written(xp: Any, x: Any) -> Any:
        return xp.sum(xp.maximum(x, 0)) + xp.abs(x[0] - 2 * x[1]) * xp.exp(-(x[2] ** 2)) - xp.max(x)

    yield "a NumPy function", partial(written, np), many
    if find_spec("torch") is not None:
        import torch

        def of_torch(x: Any) -> Any:
            return torch.relu(x).sum() + (x[0] - 2 * x[1]).abs() * torch.exp(-(x[2] ** 2)) - x.max()

        tensors = [torch.tensor(x, dtype=torch.float32) for x in many[:1024]]
        network = torch.nn.Sequential(torch.nn.Linear(10, 32), torch.nn.ReLU(), torch.nn.Linear(32, 1))
        yield "a PyTorch function", of_torch, tensors
        yield "a PyTorch network", lambda x: network(x).sum(), tensors
    if find_spec("jax") is not None:
        import jax
        import jax.numpy as jnp

        points = [jnp.asarray(x, jnp.float32) for x in many[:512]]
        f = partial(written, jnp)
        yield "a JAX function", f, points
        yield "the same, compiled", jax.jit(f), points


def _a_point(f: Any, points: Any, together: bool = True) -> float:
    """Seconds of this process a point, without the first chunk, in which functions are traced and compiled."""
    own = Work.known
    if not together:
        Work.known = lambda self, items: [None] * len(items)  # type: ignore[method-assign]
    try:
        sweep = an.sweep(f, points)
        for _ in range(64):
            next(sweep)
        start = time.process_time()
        count = sum(1 for _ in sweep)
        return (time.process_time() - start) / count
    finally:
        Work.known = own  # type: ignore[method-assign]


def main() -> None:
    problem = digits.network(64)
    images = np.asarray(digits.load().images)
    loss = partial(margin, parameters=problem.point)
    program = an.trace(problem.function, problem.point)
    random = np.random.default_rng(0)
    shapes = {name: value.shape for name, value in problem.point.items()}
    points = [
        {name: random.integers(-1, 1, shape, endpoint=True).astype(float) for name, shape in shapes.items()}
        for _ in range(200)
    ]
    with ProcessPoolExecutor(2) as pool:
        list(pool.map(_burn, range(2)))
        for name, f, many in (("1,797 images", loss, images), ("200 parameter points, 64 images", program, points)):
            # Workers load their modules before the clock runs.
            _seconds(f, many[:80], map=pool.map, chunk=4)
            one, two = _seconds(f, many), _seconds(f, many, map=pool.map)
            gain, ideal = one / two, _ideal(pool)
            print(f"{name}: {one:.2f} s, two processes {two:.2f} s: {gain:.2f} x (pure Python gains {ideal:.2f} x now)")

    for name, f, points in smooth():
        seconds = [_a_point(f, points), _a_point(f, points[:128], together=False)]
        together, alone = (f"{1e3 * each:.3g} ms" for each in seconds)
        print(f"{name}: {together} a point, {alone} when each is judged by itself: {seconds[1] / seconds[0]:.1f} x")

    def stream(count: int) -> Iterator[Any]:
        for k in range(count):
            yield images[k % len(images)]

    for count in (2_000, 8_000):
        seconds = _seconds(loss, stream(count))
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        print(f"{count} points in a stream: {seconds:.1f} s, peak of the process {peak:.0f} MB")


if __name__ == "__main__":
    main()
