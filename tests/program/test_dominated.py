"""Is a program without dominated alternatives the same function, and are only such alternatives left out?"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

import absnormal as an
from absnormal.program.dominated import undominated
from absnormal.program.program import Program
from absnormal.sweeps.bounds import derivative_bounds
from absnormal.sweeps.table import Sweeps
from tests.frontier import losses


def pruned(f: Callable[[Any], Any], x: Any) -> tuple[Program, Program | None]:
    program = an.trace(f, x)
    found = undominated(program, program.evaluate([np.asarray(x, dtype=float)]))
    return program, None if found is None else found.program


def same(program: Program, other: Program, n: int, seed: int) -> bool:
    """At integers, where nothing is rounded and much is tied."""
    rng = np.random.default_rng(seed)
    points = [rng.integers(-2, 3, n).astype(float) for _ in range(40)]
    return all(program(x) == other(x) for x in points)


def random(seed: int, shape: tuple[int, ...], lower: bool) -> Callable[[Any], Any]:
    """A program of maxima and minima, costs that are never negative and some that may be, with what was computed before
    used again and again."""

    def f(x: Any) -> Any:
        rng = np.random.default_rng(seed)
        whole = x.reshape(4, *shape) if shape else x
        known = [whole[i] for i in range(4)]
        for _ in range(int(rng.integers(6, 25))):
            # What was made last is used most.
            i, j = (max(0, len(known) - 1 - int(rng.integers(0, 5))) for _ in range(2))
            u, v, kind = known[i], known[j], int(rng.integers(0, 9))
            cost = (np.abs(u - whole[0]), np.maximum(v, 0), whole[1] - 2 * u, np.abs(v))[int(rng.integers(0, 4))]
            known.append((
                np.minimum(u, v), np.maximum(u, v), np.minimum(np.minimum(u, v), known[-1]), u + cost, u - cost,
                cost + np.minimum(u, v), np.maximum(v, u) - cost, u + (-cost), np.minimum(v, u + cost),
            )[kind])
        result = known[-1] if lower else -known[-1]
        return result.sum() if shape else result

    return f


@pytest.mark.parametrize("shape", [(), (2,)])
def test_it_is_the_same_function(shape: tuple[int, ...]) -> None:
    smaller = 0
    for seed in range(60):
        n = 4 * int(np.prod(shape, dtype=int))
        program, other = pruned(random(seed, shape, bool(seed % 2)), np.zeros(n))
        if other is not None:
            smaller += 1
            assert same(program, other, n, seed), seed
    assert smaller > 16


KEPT: dict[str, Callable[[Any], Any]] = {
    "a cost of either sign": lambda x: np.minimum(x[0], np.minimum(x[0], x[1]) + x[2]),
    "what is taken off": lambda x: np.minimum(x[0], np.minimum(x[0], x[1]) - np.abs(x[2])),
    "a cost at a maximum": lambda x: np.maximum(x[0], np.maximum(x[0], x[1]) + np.abs(x[2])),
    "a maximum in a minimum": lambda x: np.minimum(x[0], np.maximum(x[0], x[1]) + np.abs(x[2])),
    "another alternative": lambda x: np.minimum(x[0], np.minimum(x[3], x[1]) + np.abs(x[2])),
    "a maximum that is taken off": lambda x: np.maximum(x[0], np.abs(x[2]) - np.maximum(x[0], x[1])),
    "a minimum that is taken off": lambda x: np.minimum(x[0], np.abs(x[2]) - np.minimum(x[0], x[1])),
    "entries in another order": lambda x: np.minimum(x[:2], np.minimum(x[:2][::-1], x[2:]) + np.abs(x[1])).sum(),
}  # fmt: skip
GONE: dict[str, Callable[[Any], Any]] = {
    "a minimum": lambda x: np.minimum(x[0], np.minimum(x[0], x[1]) + np.abs(x[2])),
    "a maximum": lambda x: np.maximum(np.maximum(x[1], x[0]) - np.abs(x[2]), x[0]),
    "a negated cost": lambda x: np.maximum(x[0], -np.abs(x[2]) + np.maximum(x[0], x[1])),
    "two costs": lambda x: np.minimum(x[0], x[3] ** 2 + (np.minimum(x[0], x[1]) + np.abs(x[2]))),
    "itself and more": lambda x: np.minimum(x[0], x[0] + np.abs(x[1])) + np.abs(x[2]),
    "arrays": lambda x: np.minimum(x[:2], np.minimum(x[:2], x[2:]) + np.abs(x[1])).sum(),
}  # fmt: skip


@pytest.mark.parametrize("name", [*KEPT, *GONE])
def test_what_is_left_out(name: str) -> None:
    program, other = pruned((KEPT | GONE)[name], np.zeros(4))
    assert (other is None or other.s == program.s) == (name in KEPT)
    if other is not None:
        assert same(program, other, 4, 0)


def warping(m: int) -> Callable[[Any], Any]:
    """The distance of two series of length m, with the sizes of differences for costs."""
    return losses.warping(m, lambda u, v: abs(u - v))


@pytest.mark.parametrize("m", [2, 3, 9])
def test_a_path_with_a_corner_is_no_choice_of_time_warping(m: int) -> None:
    """With slope -1 a tool goes along two sides of the square, whose corner no shortest path has."""
    x = np.ones(2 * m)
    report = an.verify(warping(m), x, slope=-1.0)
    assert report.verdict is an.Verdict.NOT_CLARKE and report.certificate.check()
    wrong = np.r_[-float(m), -np.ones(m - 1), np.ones(m - 1), float(m)]
    assert np.array_equal(report.gradient, wrong)
    for values in (x, torch.tensor(x)) if m < 9 else ():
        given = an.verify(warping(m), values, gradient=wrong)
        assert given.verdict is an.Verdict.NOT_CLARKE and given.certificate.check()
        assert an.verify(warping(m), values, gradient=report.clarke_gradient).verdict is an.Verdict.CLARKE


def test_as_many_cells_as_a_shortest_path_may_have() -> None:
    """Along the direction in which one series rises and the other falls, a cell counts 1: no path without a corner has
    all of 2 m - 1 cells."""
    for m in (2, 3, 5):
        program, other = pruned(warping(m), np.ones(2 * m))
        assert other is not None
        v = np.r_[-np.ones(m), np.ones(m)] / 2
        bounds = []
        for own in (program, other):
            bounds.append(float(derivative_bounds(Sweeps(own, np.ones(2 * m)), v)[1][0]))
        assert np.allclose(bounds, [2 * m - 1, 2 * m - 2])
