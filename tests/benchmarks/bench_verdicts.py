"""verify and certified Clarke gradients of models, in units of the framework's own gradient.

    python -m tests.benchmarks verdicts
"""

from __future__ import annotations

from collections.abc import Iterator
from importlib.util import find_spec

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
    from tests.benchmarks.measure import best  # isort: skip

    import torch

    import absnormal as an
    from tests.benchmarks import bench_torch

    torch.set_num_threads(1)
    for name, (model, closure) in bench_torch.cases().items():
        unit = best(lambda: bench_torch.backward(model, closure), 0.5)
        active = len(an.torch.verify(model, closure).problem.sweeps.alpha)
        verify = best(lambda: an.torch.verify(model, closure), 1.0)
        cure = best(lambda: an.torch.clarke_backward(model, closure), 1.0)
        yield from judged(name, active, verify, cure, "loss.backward()", unit)


def _jax() -> Iterator[Line]:
    from tests.benchmarks.measure import best  # isort: skip

    import jax

    import absnormal as an
    from tests.benchmarks import bench_jax

    for name, layers in bench_jax.NETWORKS.items():
        for zero in (False, True):
            loss, point = bench_jax.case(layers, zero)
            compiled = jax.jit(jax.grad(loss))
            active = len(an.verify(loss, point).tool.alpha)
            verify = best(lambda: an.verify(loss, point), 1.0)
            cure = best(lambda: an.clarke_gradient(loss, point), 1.0)
            for peer, gradient in (("jax.grad", jax.grad(loss)), ("jax.jit(jax.grad)", compiled)):
                jax.block_until_ready(gradient(point))
                unit = best(lambda: jax.block_until_ready(gradient(point)), 0.5)
                yield from judged(name, active, verify, cure, peer, unit)
