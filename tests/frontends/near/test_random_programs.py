"""Is what is said of random programs with jumps and dead branches so?  They are looked at from many points near by."""

from __future__ import annotations

from typing import Any

import jax
import numpy as np
import pytest
from scipy.optimize import linprog

import absnormal as an

from .frameworks import FRAMEWORKS
from .programs import SIZE, drawn

NUMPY = FRAMEWORKS["numpy"]()


def values(f: Any, points: Any) -> Any:
    with np.errstate(all="ignore"):
        return np.array([float(f(NUMPY, point)) for point in points])


def jumps(f: Any, x: Any, random: Any) -> bool:
    """Whether f is no number near x, or far from its value at x."""
    steps = random.standard_normal((60, SIZE)) * np.where(random.random((60, SIZE)) < 0.8, 1e-8, 0.0)
    near = values(f, x + steps)
    return not np.isfinite(near).all() or bool(np.abs(near - values(f, [x])[0]).max() > 1e-4)


def gradients(f: Any, x: Any, random: Any, count: int) -> Any:
    """Gradients of f at random points near x, without those on an edge."""
    units = np.eye(SIZE)
    found = []
    for point in x + 1e-5 * random.standard_normal((count, SIZE)):
        ahead, behind = values(f, point + 1e-9 * units), values(f, point - 1e-9 * units)
        found.append((ahead - behind) / 2e-9)
    return np.round(np.array([g for g in found if np.isfinite(g).all()]), 3)


def among(g: Any, found: Any) -> bool:
    """Whether g is a mean of some gradients, to two digits."""
    points = np.unique(found, axis=0)
    room, one = 0.01 * (1 + np.abs(points).max()), np.ones((1, len(points)))
    bounds = np.vstack([points.T, -points.T]), np.concatenate([g, -g]) + room
    return bool(linprog(np.zeros(len(points)), *bounds, one, [1.0]).success)


def check(name: str, seed: int) -> str:
    """What was said of a program, after it was found to be so."""
    (f, x), random, ns = drawn(seed), np.random.default_rng(seed), FRAMEWORKS[name]()
    try:
        report = ns.report(f, x)
    except (an.TraceError, an.DomainError):
        return "refused"
    assert not jumps(f, x, random)
    offered, given = np.asarray(report.clarke_gradient), np.asarray(report.gradient)
    for g in [offered, *[given] * (report.verdict is an.Verdict.CLARKE)]:
        assert any(among(g, gradients(f, x, random, count)) for count in (30, 300, 2000))
    program = ns.program(f, x)
    for other in (x, *random.choice([-1.0, -0.5, 0.0, 0.5, 1.0, 2.0, 0.3, -0.7], (6, SIZE))):
        try:
            value = program.evaluate(program.tree.flatten(other))[program.output]
        except (an.GuardError, an.DomainError, an.TraceError):
            continue
        assert value == pytest.approx(values(f, [other])[0], rel=1e-9, abs=1e-9)
    return "judged"


@pytest.mark.slow
@pytest.mark.parametrize(("name", "count"), [("numpy", 60), ("torch", 20), ("jax", 6), ("onnx", 20)])
def test_what_is_said_of_random_programs_is_so(name: str, count: int) -> None:
    with jax.enable_x64(True):
        said = [check(name, seed) for seed in range(count)]
    assert said.count("judged") > count / 3
