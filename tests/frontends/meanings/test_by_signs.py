"""Thresholds of |x| and x^2: does a selection by |x| meet where x is its threshold, whichever sign x has?"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import torch

import absnormal as an

#: name -> f(module, x), continuous with kinks where |x| = 1, and at 0.
MEET: dict[str, Callable[[Any, Any], Any]] = {
    "soft": lambda m, x: m.where(abs(x) <= 1, 0.0, x - m.sign(x)),
    "soft, the other way round": lambda m, x: m.where(~(abs(x) <= 1), x - m.sign(x), 0.0 * x),
    "soft by a factor": lambda m, x: (abs(x) > 1) * (x - m.sign(x)),
    "soft by signs": lambda m, x: m.sign(x) * (abs(x) > 1) * (abs(x) - 1),
    "soft with a variable threshold": lambda m, x: m.where(
        abs(x[1:3]) > x[0], x[1:3] - x[0] * m.sign(x[1:3]), 0.0),
    "soft against a difference": lambda m, x: m.where(abs(x) - 1 > 0, x - m.sign(x), 0.0),
    "clipped": lambda m, x: m.where(abs(x) > 1, m.sign(x), x),
    "clipped by squares": lambda m, x: m.where(x**2 > 1, m.sign(x), x),
    "garrote": lambda m, x: m.where(x * x > 1, x - 1 / m.where(x * x > 1, x, 1.0), 0.0),
    "firm": lambda m, x: m.where(abs(x) <= 1, 0.0, m.where(abs(x) <= 2, 2 * (x - m.sign(x)), x)),
    "Huber": lambda m, x: m.where(abs(x) < 1, 0.5 * x**2, m.sign(x) * x - 0.5),
    "rows": lambda m, x: m.where(abs(x)[:, None] > 1, (x - m.sign(x))[:, None], 0.0) + m.zeros((1, 2)),
    "one number": lambda m, x: m.where(abs(x[1]) > 1, x[1] - m.sign(x[1]), 0.0) * x,
}  # fmt: skip

#: name -> f(module, x), which jumps where x = -1 or x = 0, though not where x = 1.
JUMP: dict[str, Callable[[Any, Any], Any]] = {
    "one sign for both": lambda m, x: m.where(abs(x) > 1, x - 1, 0.0),
    "the modulus for both": lambda m, x: m.where(x**2 >= 1, abs(x), x),
    "hard": lambda m, x: m.where(abs(x) > 1, x, 0.0),
    "as a factor": lambda m, x: (abs(x) > 1) * (x - 1),
    "a threshold of 0, too": lambda m, x: m.where(
        abs(x) > np.array([1.0, 1.0, 2.0, 0.0, 1.0]), x**2, np.array([1.0, 1.0, 2.0, 1.0, 0.0])),
}

X = (1.0, -1.0, 0.25, 0.0, -2.0)
#: In the other frameworks some of them.
ALSO = {torch: ("soft by signs", "garrote", "firm", "rows"), jnp: ("soft",)}
CASES = [pytest.param(name, np, id=name) for name in MEET] + [
    pytest.param(name, module, id=f"{name}, {module.__name__}") for module, names in ALSO.items() for name in names]


def functions(name: str, module: Any) -> tuple[Callable[[Any], Any], Callable[[Any], float]]:
    """The sum of the entries, with weights, in a framework and of plain arrays."""
    f = {**MEET, **JUMP}[name]

    def total(m: Any, x: Any) -> Any:
        y = f(m, x)
        y = y if y.ndim == 1 else y[:, 0] - 2 * y[:, 1]
        weights = [1.5, -1.0, 2.0, 0.5, 3.0][:len(y)]
        return sum(weight * y[place] for place, weight in enumerate(weights))

    def plain(x: Any) -> float:
        with np.errstate(all="ignore"):
            return float(total(np, x))

    return lambda x: total(module, x), plain


def point(module: Any, numbers: Any, single: bool = False) -> Any:
    numbers = np.asarray(numbers, np.float32 if single else np.float64)
    return torch.tensor(numbers) if module is torch else module.asarray(numbers)


@pytest.mark.parametrize(("name", "module"), CASES)
def test_slopes_and_values_are_those_of_the_function(name: str, module: Any) -> None:
    f, plain = functions(name, module)
    at = np.array(X)
    with jax.enable_x64(True):
        x = point(module, at)
        report = an.verify(f, x)
        program = report.program
        random = np.random.default_rng(0)
        for d in (*np.eye(len(at)), *-np.eye(len(at)), *random.standard_normal((2, len(at)))):
            slope = (plain(at + 1e-7 * d) - plain(at)) / 1e-7
            assert an.directional_derivative(program, x, d) == pytest.approx(slope, abs=1e-5)
            assert program(at + 1e-3 * d) == pytest.approx(plain(at + 1e-3 * d))
        with pytest.raises(an.GuardError):  # where x has other signs
            program(-at)
        assert report.verdict is not an.Verdict.UNDECIDED


@pytest.mark.parametrize("name", ["soft", "Huber"])
def test_the_gradient_of_a_framework_is_judged_in_single_precision(name: str) -> None:
    f, _ = functions(name, torch)
    x = point(torch, X, single=True)
    report = an.verify(f, x)
    own = torch.autograd.functional.jacobian(f, x)
    assert report and torch.equal(report.gradient, own)


@pytest.mark.parametrize("name", JUMP)
def test_what_jumps_where_x_has_the_other_sign_is_refused(name: str) -> None:
    module = torch if name == "hard" else np
    f, _ = functions(name, module)
    with pytest.raises(an.TraceError, match=r"(its condition|jumps|is tied)"):
        an.verify(f, point(module, X))
