"""Several masks in one program, among them masks of what another mask has chosen, and numbers made of them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import torch

import absnormal as an
from absnormal.errors import TraceError

#: A step to each side of a point: no knot lies on it, and f is computed without rounding there.
STEP = 2.0**-20
RELATIONS: list[Callable[[Any, Any], Any]] = [
    lambda u, v: u > v, lambda u, v: u >= v, lambda u, v: u < v, lambda u, v: u <= v, lambda u, v: u == v,
    lambda u, v: u != v,
]  # fmt: skip
OF_MASKS: list[Callable[[Any, Any], Any]] = [lambda m, o: ~m, lambda m, o: m & o, lambda m, o: m | o]
OF_NUMBERS: list[Callable[[Any, Any, Any], Any]] = [
    lambda lib, u, v: 2 * u, lambda lib, u, v: abs(u), lambda lib, u, v: u - 3 * v, lambda lib, u, v: -u,
    lambda lib, u, v: lib.maximum(u, v), lambda lib, u, v: lib.minimum(u, -v), lambda lib, u, v: lib.sign(u) * u,
]  # fmt: skip
#: What a mask chooses, and what numbers that are made of it are multiplied with or added to.
CHOICES: list[Callable[[Any, Any, Any, Any], Any]] = [
    lambda lib, u, v, m: lib.where(m, u, v), lambda lib, u, v, m: lib.where(m, u, 5 * u),
    lambda lib, u, v, m: lib.where(m, u, 0.0 * u), lambda lib, u, v, m: u * m, lambda lib, u, v, m: u * (2 - 1.0 * m),
    lambda lib, u, v, m: u + (1.0 * m - 1), lambda lib, u, v, m: lib.where(m, 1 - 1.0 * m, u),
    lambda lib, u, v, m: lib.where(u < 0, 1 - 1.0 * m, u),
]  # fmt: skip


def program(seed: int) -> tuple[Callable[[Any, Any], Any], np.ndarray]:
    """A sum over entries of a function that is piecewise linear, and a point with ties."""
    rng = np.random.default_rng(seed)
    plan = [("compared", rng.integers(6), 0, 0, 1.0)]
    for _ in range(rng.integers(2, 9)):
        kind = str(rng.choice(["compared", "of masks", "of numbers", "choice", "choice"]))
        of_zero = float(rng.random() < 0.7)
        plan.append((kind, rng.integers(60), *rng.integers(3, size=2), of_zero))

    def f(lib: Any, x: Any) -> Any:
        numbers, masks = [x], []
        for kind, which, first, second, of_zero in plan:
            u, v = (numbers[-1 - place % len(numbers)] for place in (first, second))
            m, o = (masks[-1 - place % len(masks)] for place in (first, second)) if masks else (None, None)
            if kind == "compared":
                masks.append(RELATIONS[which % len(RELATIONS)](u, 0.0 if of_zero else v))
            elif kind == "of masks":
                masks.append(OF_MASKS[which % len(OF_MASKS)](m, o))
            elif kind == "of numbers":
                numbers.append(OF_NUMBERS[which % len(OF_NUMBERS)](lib, u, v))
            else:
                numbers.append(CHOICES[which % len(CHOICES)](lib, u, v, o))
        return numbers[-1].sum()

    return f, rng.choice([0.0, 0.0, 1.0, -1.0], 2)


def slopes(f: Callable[[Any], Any], x: np.ndarray) -> tuple[bool, np.ndarray]:
    """Whether f is continuous at x, and its slopes to the left and to the right in every entry."""
    steps = STEP * np.eye(len(x))
    rises = np.array([[f(x) - f(x - step), f(x + step) - f(x)] for step in steps])
    return bool((np.abs(rises) < 1e-2).all()), rises / STEP


def verified(library: str, f: Callable[[Any, Any], Any], x: np.ndarray) -> an.Report:
    if library == "numpy":
        return an.verify(lambda x: f(np, x), x)
    if library == "torch":
        return an.verify(lambda x: f(torch, x), torch.tensor(x, requires_grad=True))
    with jax.enable_x64(True):
        return an.verify(lambda x: f(jnp, x), jnp.array(x))


@pytest.mark.slow
@pytest.mark.parametrize("library", ["numpy", "torch", "jax"])
def test_several_masks(library: str) -> None:
    decided = refused = 0
    for seed in range(150 if library != "jax" else 40):
        f, x = program(seed)
        continuous, found = slopes(lambda x, f=f: f(np, x), x)
        try:
            report = verified(library, f, x)
        except TraceError:
            refused += continuous
            continue
        assert continuous, (seed, report)
        gradient = np.asarray(report.flat_gradient)
        between = bool(((found.min(1) <= gradient) & (gradient <= found.max(1))).all())
        assert report.verdict is (an.Verdict.CLARKE if between else an.Verdict.NOT_CLARKE), (seed, report, found)
        decided += 1
    assert decided > 10 * refused
