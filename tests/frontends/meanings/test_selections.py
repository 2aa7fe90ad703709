"""Selections between sides that meet: does every entry depend on what decides it, through copies and movements too?"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import torch

import absnormal as an

X = np.array([0.0, 1.0, 0.0])
W = np.array([[1.0, 2.0], [-1.0, 3.0], [0.5, -2.0]])


def of(module: Any, numbers: Any) -> Any:
    """Constants of a framework."""
    return torch.tensor(numbers) if module is torch else module.asarray(numbers)


#: name -> f(module, x), whose two sides meet in every entry.
MEET: dict[str, Callable[[Any, Any], Any]] = {
    "rows": lambda m, x: m.where(x[:, None] > 0, x[:, None] * of(m, W), 0.0).sum(),
    "squared rows": lambda m, x: m.where(x[:, None] > 0, (x**2)[:, None] * of(m, W), 0.0).sum(),
    "columns": lambda m, x: m.where(x > 0, x * of(m, W.T), 0.0).sum(),
    "squared columns": lambda m, x: m.where(x > 0, x**2 * of(m, W.T), 0.0).sum(),
    "exponentials": lambda m, x: m.where(x > 0, m.exp(x * of(m, W.T)), 1.0).sum(),
    "kinks": lambda m, x: m.where(x > 0, 3 * of(m, np.eye(3)) * (x + abs(x)), 0.0).sum(),
    "both sides": lambda m, x: m.where(x > 0, m.sin(x) * of(m, W.T), x * of(m, W.T) * 2).sum(),
    "one number": lambda m, x: m.where(x[0] > 0, m.exp(x[0] * of(m, W)), 1.0).sum(),
    "one number, summed": lambda m, x: m.where(x[0] > 0, m.exp(x[0] * of(m, W)).sum(), 6.0),
    "one number against several": lambda m, x: m.where(x[0] > of(m, [0.0, 2.0]), x[0] ** 2, of(m, [0.0, 4.0])).sum(),
    "copies of one number against several": lambda m, x: m.where(
        m.broadcast_to(x[0], (2,)) > of(m, [0.0, 2.0]), x[0] ** 2, of(m, [0.0, 4.0])).sum(),
    "moved masks": lambda m, x: m.where((x > 0)[:, None], (x**2)[:, None] * of(m, W), 0.0).sum(),
    "moved masks as factors": lambda m, x: ((x > 0)[:, None] * (x**2)[:, None] * of(m, W)).sum(),
    "some of a mask": lambda m, x: m.where((x > 0)[1:], m.exp(x[1:]), 1.0).sum(),
    "one of a mask": lambda m, x: m.where((x >= 0)[2], m.sin(x[2]), x[2] * 3),
    "every second of a mask": lambda m, x: m.where((x <= 0)[::2], x[::2], m.sin(x[::2]) * of(m, W.T)[:, ::2]).sum(),
    "a transposed mask": lambda m, x: m.where(
        (x[:, None] > of(m, [[0.0, 0.0]])).T, (x * of(m, [[1.0], [2.0]])) ** 2, 0.0).sum(),
    "sides that are smaller than the mask": lambda m, x: m.where(
        m.broadcast_to(x, (3, 3)) <= 0, 0.0, x**2).sum(),
    "turned": lambda m, x: m.where(x[None, :] > 0, m.exp(x[None, :] * of(m, W.T)), 1.0).sum(),
}

#: name -> f(module, x): entries that are decided by others than those they depend on, or that jump.
APART: dict[str, Callable[[Any, Any], Any]] = {
    "a sum of several thresholds": lambda m, x: m.where(
        x[0] > of(m, [0.0, 2.0]), m.exp(x[0] * of(m, [1.0, 1.0])).sum(), 1 + np.exp(2.0))[0],
    "entries added up": lambda m, x: m.where(x[0] > of(m, [0.0, 2.0]), (x[0] * of(m, [1.0, 1.0])).sum(), 2.0)[0],
    "the other entry": lambda m, x: m.where(x > 0, (x**2)[of(m, [2, 1, 0])], 0.0).sum(),
    "rows by columns": lambda m, x: m.where(x > 0, (x**2)[:, None] * of(m, np.ones((3, 3))), 0.0).sum(),
    "columns by rows": lambda m, x: m.where(x[:, None] > 0, x**2 * of(m, np.ones((3, 3))), 0.0).sum(),
    "a moved mask of the others": lambda m, x: m.where(
        (x > 0)[None, :], (x**2)[:, None] * of(m, np.ones((3, 3))), 0.0).sum(),
    "a transposed mask of the others": lambda m, x: m.where(
        (x[:, None] + of(m, np.zeros((3, 3))) > 0).T, (x**2)[:, None] * of(m, np.ones((3, 3))), 0.0).sum(),
    "the others of a mask": lambda m, x: m.where((x > 0)[1:], x[:2] ** 2, 0.0).sum(),
    "all of them": lambda m, x: m.where(x > 0, (x**2).sum(), 0.0).sum(),
    "a jump": lambda m, x: m.where(x[:, None] > 0, x[:, None] * of(m, W) + 1, 0.0).sum(),
}  # fmt: skip


def point(module: Any, x: Any) -> Any:
    return torch.tensor(x, requires_grad=True) if module is torch else module.asarray(x)


MODULES = pytest.mark.parametrize("module", [np, torch, jnp], ids=["numpy", "torch", "jax"])


@MODULES
@pytest.mark.parametrize("name", MEET)
def test_sides_that_meet_are_a_kink_which_holds_elsewhere(module: Any, name: str) -> None:
    f = MEET[name]
    with jax.enable_x64(True):
        report = an.verify(lambda x: f(module, x), point(module, X))
    assert report.verdict is an.Verdict.CLARKE
    draw = np.random.default_rng(3)
    for _ in range(20):
        x = X + draw.choice([0.0, 1e-3, 0.5]) * draw.normal(size=3)
        x[1] = abs(x[1]) + 0.1
        assert report.program(x) == pytest.approx(float(f(np, x)), rel=1e-12, abs=1e-12)


@MODULES
@pytest.mark.parametrize("name", APART)
def test_entries_that_others_decide_are_refused(module: Any, name: str) -> None:
    with jax.enable_x64(True), pytest.raises(an.TraceError):
        an.verify(lambda x: APART[name](module, x), point(module, X))


#: Movements of three entries.
MOVEMENTS: list[Callable[[Any], Any]] = [
    lambda u: u, lambda u: u[:, None], lambda u: u[None, :], lambda u: np.broadcast_to(u, (3, 3)),
    lambda u: np.broadcast_to(u[:, None], (3, 3)), lambda u: u[[2, 0, 1]], lambda u: u[::-1],
    lambda u: np.broadcast_to(u[0], (3,)), lambda u: u.reshape(1, 3).T,
    lambda u: np.broadcast_arrays(u, np.ones((3, 1)))[0],
]  # fmt: skip
COMPARISONS = [np.greater, np.greater_equal, np.less, np.less_equal]


def drawn_side(draw: np.random.Generator) -> Callable[[Any], Any]:
    """Something that is computed from x, in entries that were moved."""
    moved, weights = MOVEMENTS[draw.integers(10)], draw.integers(-2, 3, size=(3, 3)).astype(float)
    sides: list[Callable[[Any], Any]] = [
        moved, lambda x: moved(x) ** 2, lambda x: np.sin(moved(x)) * weights, lambda x: moved(x * x) * weights,
        lambda x: np.exp(moved(x)) - 1, lambda x: 0.0, lambda x: np.maximum(moved(x), 0) * weights,
        lambda x: (moved(x) * weights).sum(0),
    ]  # fmt: skip
    return sides[draw.integers(8)]


def drawn_selection(seed: int) -> tuple[Callable[[Any], Any], Any]:
    """where(u > v, a, b), with u, a and b moved by chance, and a point with ties."""
    draw = np.random.default_rng(seed)
    x, moved, compare = draw.choice([0.0, 1.0, -1.0], 3), MOVEMENTS[draw.integers(10)], COMPARISONS[draw.integers(4)]
    level = draw.choice([0.0, 1.0], 3) if draw.random() < 0.3 else draw.choice([0.0, 1.0])
    sides, before = [drawn_side(draw) for _ in range(2)], draw.random() < 0.5

    def f(x: Any) -> Any:
        mask = compare(moved(x), level) if before else moved(compare(x, level))
        return (np.where(mask, *(side(x) for side in sides)) * np.array([1.0, 3.0, 7.0])).sum()

    return f, x


@pytest.mark.slow
def test_random_selections_are_what_they_say_elsewhere_or_refused() -> None:
    followed = 0
    for seed in range(250):
        f, x = drawn_selection(seed)
        try:
            program = an.trace(f, x)
        except an.TraceError as error:
            assert "next to this point" not in str(error), seed  # f itself found it out
            continue
        followed += 1
        draw = np.random.default_rng(seed)
        for _ in range(6):
            there = x + draw.choice([1e-3, 0.4]) * draw.normal(size=3)
            try:
                value = program(there)
            except an.GuardError:
                continue
            assert value == pytest.approx(f(there), rel=1e-12, abs=1e-12), seed
    assert followed > 60


def test_selections_one_after_another_are_followed_in_linear_time() -> None:
    """Each of them is tied, has the value 0 and the shape of all others."""

    def chain(x: Any, length: int = 400) -> Any:
        u = x[0]
        for _ in range(length):
            u = np.where(u > 0, np.exp(u) - 1, u * (1 + u * u))
        return u

    program = an.trace(chain, [0.0])
    assert len(program.nodes) < 10 * 400 and program([0.0]) == 0
    report = an.verify(lambda x: chain(x, 20), [0.0])
    assert report.verdict is an.Verdict.CLARKE and report.gradient[0] == 1
