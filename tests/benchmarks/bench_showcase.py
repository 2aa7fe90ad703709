"""Degenerate problems that people meet, and how long a verdict takes: order statistics, time warping, least trimmed
squares, networks at zero weights, the logistic loss by hand in units of a backward.

    python -m tests.benchmarks showcase
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any

import numpy as np

import absnormal as an
from absnormal.gallery import digits
from tests.benchmarks.measure import in_turns
from tests.benchmarks.table import Line, readable
from tests.frontier.losses import warping
from tests.frontier.networks import ACTIVATIONS, dense

TITLE = "degenerate problems: decided within seconds; the logistic loss by hand within 5 backwards from 1,024 on"
SECONDS = 10.0
BATCHES = (2, 3, 4, 8, 16, 64, 256, 1024, 4096)
FEATURES = 64


@dataclass(frozen=True)
class Verdict:
    """What became of a problem."""

    what: str
    found: str
    seconds: float

    @property
    def met(self) -> bool:
        """Whether it is decided in time."""
        return self.found.startswith(("CLARKE", "NOT_CLARKE")) and self.seconds <= SECONDS

    def __str__(self) -> str:
        return f"{self.what:<60} {readable(self.seconds):>8}  {self.found:<40} {'met' if self.met else 'MISSED'}"


def lines() -> Iterator[Line | Verdict]:
    """All of them."""
    for what, f, x, options in problems():
        yield judged(what, f, x, options)
    for framework, measured in (("numpy", _by_numpy), ("torch", _by_torch), ("jax", _by_jax)):
        if framework != "numpy" and find_spec(framework) is None:
            yield Line("logistic loss by hand", framework, 0.0, framework, "not installed")
            continue
        for batch in BATCHES:
            yield from measured(batch)


def judged(what: str, f: Callable[[Any], Any], x: Any, options: dict[str, Any]) -> Verdict:
    """One verdict; processor seconds, which do not depend on what else the machine does."""
    start = time.process_time()
    report = an.verify(f, x, budget=an.Budget(seconds=20 * SECONDS), **options)
    return Verdict(what, f"{report.verdict.name} ({report.method})", time.process_time() - start)


Case = tuple[str, Callable[[Any], Any], Any, dict[str, Any]]


def problems() -> Iterator[Case]:
    """Those with one point each."""
    rng = np.random.default_rng(0)
    yield "np.median of 1,000 equal numbers", np.median, np.ones(1000), {}
    yield "np.quantile of 1,000 equal numbers", lambda x: np.quantile(x, 0.3), np.ones(1000), {}
    weights = rng.standard_normal(1000)
    yield "np.sort of 1,000 equal numbers", lambda x: np.sort(x) @ weights, np.ones(1000), {}
    if find_spec("torch") is not None:
        import torch

        ones, torch_weights = torch.ones(1000, dtype=torch.float64), torch.tensor(weights)
        yield "torch.sort of 1,000 equal numbers", lambda x: torch.sort(x)[0] @ torch_weights, ones, {}
        yield "torch.quantile of 1,000 equal numbers", lambda x: torch.quantile(x, 0.3), ones, {}
        yield "torch.median of 1,000 equal numbers", torch.median, ones, {}
    for slope in (-1.0, 0.0, 1.0):
        yield f"time warping of length 50, slope {slope:g}", warping(50), np.zeros(100), {"slope": slope}
    data = rng.standard_normal((4000, 20))
    for name, size in (("squares", np.square), ("sizes", np.abs)):
        for slope in (-1.0, 0.0, 1.0):
            yield (f"least trimmed {name}, 4,000 residuals, slope {slope:g}",
                   lambda w, size=size: np.sort(size(data @ w))[:2400].sum(), np.zeros(20), {"slope": slope})
    for name in ("relu", "MaxMin", "CReLU", "leaky"):
        for slope in (-1.0, 0.0, 1.0):
            for loss in ("squares", "absolute"):
                f, x = dense((10, 8, 1), 64, name, 0, loss)
                head = rng.standard_normal(8 * ACTIVATIONS[name][1])
                x[-len(head):] = head
                yield f"{name}, no biases, batch 64, {loss}, slope {slope:g}", f, x, {"slope": slope}
                f, x = dense((10, 8, 1), 64, name, 0, loss)
                yield f"{name}, no biases, all weights 0, batch 64, {loss}, slope {slope:g}", f, x, {"slope": slope}
    for slope in (-1.0, 0.0, 1.0):
        for name, make in (("ternary", digits.network), ("without biases", digits.network_without_biases)):
            problem = make()
            yield f"network on all digits, {name}, slope {slope:g}", problem, problem.point, {"slope": slope}


def _data(batch: int) -> tuple[Any, Any]:
    rng = np.random.default_rng(batch)
    return rng.standard_normal((batch, FEATURES)), (rng.random(batch) > 0.5).astype(float)


def _by_numpy(batch: int) -> Iterator[Line]:
    data, y = _data(batch)

    def loss(w: Any) -> Any:
        z = data @ w
        return (np.maximum(z, 0) - z * y + np.log1p(np.exp(-np.abs(z)))).mean()

    def backward() -> Any:
        z = data @ w
        loss(w)
        return data.T @ (((z > 0) - y - np.sign(z) / (1 + np.exp(np.abs(z)))) / batch)

    w = np.zeros(FEATURES)
    yield from _compared("numpy", batch, loss, w, backward, {"slope": "torch"})


def _by_torch(batch: int) -> Iterator[Line]:
    import torch

    torch.set_num_threads(1)
    data, y = (torch.tensor(array) for array in _data(batch))

    def loss(w: Any) -> Any:
        z = data @ w
        return (torch.relu(z) - z * y + torch.log1p(torch.exp(-z.abs()))).mean()

    def backward() -> Any:
        w = torch.zeros(FEATURES, dtype=torch.float64, requires_grad=True)
        loss(w).backward()
        return w.grad

    yield from _compared("torch", batch, loss, torch.zeros(FEATURES, dtype=torch.float64), backward, {})


def _by_jax(batch: int) -> Iterator[Line]:
    import jax
    import jax.numpy as jnp

    data, y = (jnp.asarray(array) for array in _data(batch))

    def loss(w: Any) -> Any:
        z = data @ w
        return (jax.nn.relu(z) - z * y + jnp.log1p(jnp.exp(-jnp.abs(z)))).mean()

    w = jnp.zeros(FEATURES)

    def backward() -> Any:
        return jax.block_until_ready(jax.grad(loss)(w))

    yield from _compared("jax", batch, loss, w, backward, {})


def _compared(
    framework: str, batch: int, loss: Callable[[Any], Any], w: Any, backward: Callable[[], Any], options: dict[str, Any]
) -> Iterator[Line]:
    """The tool's own vector, the same one given, and the right one given."""
    data, y = _data(batch)
    wrong, right = np.asarray(backward()), data.T @ (0.5 - y) / batch
    cases = {"own": options, "given": {**options, "gradient": wrong}, "mended": {**options, "gradient": right}}
    actions = [lambda options=options: an.verify(loss, w, **options) for options in cases.values()]
    verdicts = [action().verdict.name for action in actions]
    unit, *times = in_turns(backward, *actions, seconds=1.5)
    target = 5.0 if batch >= 1024 else None
    for name, verdict, seconds in zip(cases, verdicts, times, strict=True):
        what = f"{framework}, {name}: {verdict}"
        yield Line(what, f"logistic, batch {batch:,}", seconds, "backward", unit, target)
