"""f may return one of its inputs as it is: its gradient is the unit vector of that, wherever a sweep starts."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import absnormal as an
from absnormal.sweeps.table import Sweeps

VALUES = {"a": 1.0, "b": -2.0, "c": 0.0}


def point(framework: str) -> dict[str, Any]:
    if framework == "numpy":
        return {name: np.array(value) for name, value in VALUES.items()}
    if framework == "jax":
        jnp = pytest.importorskip("jax.numpy")
        return {name: jnp.float32(value) for name, value in VALUES.items()}
    torch = pytest.importorskip("torch")
    return {name: torch.tensor(value, dtype=getattr(torch, framework)) for name, value in VALUES.items()}


@pytest.mark.parametrize("framework", ["numpy", "jax", "float32", "float64", "bfloat16"])
@pytest.mark.parametrize("name", VALUES)
def test_an_input_has_the_gradient_of_itself(framework: str, name: str) -> None:
    def f(x: dict[str, Any]) -> Any:
        return x[name]

    x = point(framework)
    unit = {other: value * 0 + float(other == name) for other, value in x.items()}
    nothing = {other: value * 0 for other, value in x.items()}
    assert an.verify(f, x).verdict is an.Verdict.CLARKE
    assert an.verify(f, x, gradient=unit).verdict is an.Verdict.CLARKE
    assert an.verify(f, x, gradient=nothing).verdict is an.Verdict.NOT_CLARKE
    assert {other: float(value) for other, value in an.clarke_gradient(f, x).items()} == {
        other: float(value) for other, value in unit.items()
    }


def test_a_sweep_may_start_from_an_input() -> None:
    program = an.trace(lambda x: x["a"] * np.abs(x["b"]), point("numpy"))
    sweeps = Sweeps(program, [np.array(VALUES[name]) for name in ("a", "b")] + [np.array(0.0)])
    found = [sweeps.pull_node(sweeps.signature(0.0), index, np.ones((1, 1)))[0].tolist()
             for index, node in enumerate(program.nodes) if node.op == "input"]
    assert found == np.eye(3)[:len(found)].tolist()
