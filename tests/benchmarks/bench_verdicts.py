"""verify and certified Clarke gradients of models, in units of the framework's own gradient, run in turns with it.

    python -m tests.benchmarks verdicts
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from importlib.util import find_spec
from typing import Any

from tests.benchmarks.table import Line

TITLE = "verdicts on models: nothing active within 2.5, active switches within 5, a Clarke gradient within 3"
_SLACK = 1e-3


def lines() -> Iterator[Line]:
    """Those of the frameworks that are installed."""
    for framework, measured in (("torch", _torch), ("jax", _jax)):
        if find_spec(framework) is None:
            yield Line("verify", framework, 0.0, framework, "not installed")
            continue
        yield from measured()


def judged(
    name: str, active: int, verify: float, cure: float, peer: str, unit: float
) -> Iterator[Line]:
    """The two lines of a model."""
    size = f"{active:,} active"
    yield Line(f"verify {name}"[:34], size, verify, peer, unit, 5.0 if active else 2.5, 0.0 if active else _SLACK)
    yield Line(f"Clarke {name}"[:34], size, cure, peer, unit, 3.0)


def _torch() -> Iterator[Line]:
    from tests.benchmarks.measure import in_turns  # isort: skip

    import torch

    import absnormal as an
    from tests.benchmarks import bench_torch

    torch.set_num_threads(1)
    for name, (model, closure) in bench_torch.cases().items():
        active = len(an.torch.verify(model, closure).problem.sweeps.alpha)
        actions = (bench_torch.backward, an.torch.verify, bench_torch.clarke_backward)
        unit, verify, cure = in_turns(*(partial(action, model, closure) for action in actions))
        yield from judged(name, active, verify, cure, "loss.backward()", unit)


def _jax() -> Iterator[Line]:
    from tests.benchmarks.measure import in_turns  # isort: skip

    import jax

    import absnormal as an
    from tests.benchmarks import bench_jax

    for name, layers in bench_jax.NETWORKS.items():
        for zero in (False, True):
            loss, point = bench_jax.case(layers, zero)
            active = len(an.verify(loss, point).tool.alpha)
            peers = {"jax.grad": jax.grad(loss), "jax.jit(jax.grad)": jax.jit(jax.grad(loss))}
            verify, cure, *units = in_turns(
                partial(an.verify, loss, point), partial(an.clarke_gradient, loss, point),
                *(partial(_ready, gradient, point) for gradient in peers.values()),
            )
            for peer, unit in zip(peers, units, strict=True):
                yield from judged(name, active, verify, cure, peer, unit)


def _ready(function: Callable[[Any], Any], point: Any) -> None:
    import jax

    jax.block_until_ready(function(point))
