"""Is a derivative that somebody else computes held against the values, and left alone where these tell nothing?"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

import absnormal as an
from absnormal.arrays import Array
from absnormal.frontends.numpy.traced import TracedArray
from absnormal.frontends.writing import writer_of
from absnormal.ops.differences import contradiction
from absnormal.ops.opaque import Dense, Smooth

RNG = np.random.default_rng(4)


def found(f: Callable[[Array], Array], x: Array, jacobian: Array, batch: int = 0) -> tuple[float, float] | None:
    """The contradiction between a function of one argument and a matrix for each copy of a batch."""
    linear = Dense(lambda: jacobian, x.shape, np.shape(f(x)), batch)
    return contradiction(f, [x], [linear], lambda own, direction: direction, batch)


#: name -> (function of a vector, its derivative, point)
RIGHT: dict[str, tuple[Callable[[Array], Array], Callable[[Array], Array], Array]] = {
    "entries": (np.sin, lambda x: np.diag(np.cos(x)), RNG.normal(size=5)),
    "at its minimum": (lambda x: x * x, lambda x: np.diag(2 * x), np.zeros(3)),
    "constant": (lambda x: np.full(2, 1e9) + 0 * x[:2], lambda x: np.zeros((2, 3)), RNG.normal(size=3)),
    "large": (lambda x: x**3, lambda x: np.diag(3 * x * x), 1e80 * RNG.normal(size=3)),
    "small": (lambda x: x**2, lambda x: np.diag(2 * x), 1e-80 * RNG.normal(size=3)),
    "steep": (lambda x: np.tanh(1e4 * x), lambda x: np.diag(1e4 / np.cosh(1e4 * x) ** 2), np.array([1e-5, 2e-4])),
}


@pytest.mark.parametrize("name", RIGHT)
def test_a_derivative_of_the_values_is_not_contradicted(name: str) -> None:
    f, derivative, x = RIGHT[name]
    assert found(f, x, derivative(x)) is None


@pytest.mark.parametrize("spoiled", [1.01, -1.0, 0.0, 2.0])
def test_another_factor_is(spoiled: float) -> None:
    for name in ("entries", "large", "small"):
        f, derivative, x = RIGHT[name]
        one = derivative(x)
        one[1] *= spoiled
        numbers = found(f, x, one)
        assert numbers is not None and numbers[0] == pytest.approx(spoiled * numbers[1], rel=1e-4), name
    assert found(lambda x: x * x, np.zeros(2), np.eye(2)) is not None
    assert found(lambda x: np.full(2, 3.0), np.ones(2), np.eye(2)) is not None


def test_just_inside_and_just_outside_of_what_is_allowed() -> None:
    """Of a linear function the differences are the derivative up to rounding, and 1e-5 of that is allowed."""
    x = np.ones(9)
    assert found(lambda x: 3 * x, x, np.eye(9) * 3 * (1 + 0.98e-5)) is None
    assert found(lambda x: 3 * x, x, np.eye(9) * 3 * (1 + 1.5e-5)) is not None


def test_one_copy_of_a_batch_is_enough_and_is_measured_by_itself() -> None:
    x = np.array([[1.0], [1e6], [2.0]])
    right = (3 * x**2)[:, :, None]
    assert found(lambda x: x**3, x, right, 1) is None
    wrong = right.copy()
    wrong[2] *= 1.01
    numbers = found(lambda x: x**3, x, wrong, 1)
    assert numbers is not None and numbers[0] / numbers[1] == pytest.approx(1.01)


def test_nothing_is_said_where_values_tell_nothing() -> None:
    """Poles, kinks and jumps that are nearer than every step; values that are not numbers; an algorithm that stops."""
    near = 1e-10
    silent: dict[str, Callable[[Array], Array]] = {
        "pole": lambda x: 1 / (x - 1 + near), "kink": lambda x: np.abs(x - 1 + near) + x,
        "jump": lambda x: np.sign(x - 1 + near), "root": lambda x: np.sqrt(np.abs(x - 1 + near)),
        "logarithm": lambda x: np.log(np.abs(x - 1 + near)), "not a number": lambda x: np.where(x == 1, x, np.nan),
        "noise": lambda x: np.round(np.sin(x) * 1e9) / 1e9 + np.sin(1e14 * x),
    }
    for name, f in silent.items():
        assert found(f, np.ones(1), np.array([[-7.0 if name != "kink" else 2.0]])) is None, name

    # A kink beside an entry that is bent more, whose differences halve.
    assert found(
        lambda x: np.concatenate([1e6 * (x - 1) ** 2, x + 0.01 * np.abs(x - 1 + 1e-13)]), np.ones(1),
        np.array([[0.0], [1.01]])) is None

    def fails(x: Array) -> Array:
        if (x != 1).any():
            raise np.linalg.LinAlgError("singular")
        return x

    assert found(fails, np.ones(1), np.array([[5.0]])) is None


def test_steps_that_tell_nothing_do_not_excuse_a_derivative_that_the_shorter_ones_contradict() -> None:
    """A kink within the longest step of twenty points; most directions are so long that this one tells nothing."""
    contradicted = 0
    for x in np.linspace(1.0, 2.0, 20):
        contradicted += found(lambda u, x=x: np.abs(u - x * (1 - 3e-6)), np.array([x]), np.array([[-1.0]])) is not None
    assert contradicted > 12


def test_singular_matrices_and_near_ones_are_left_alone() -> None:
    for gap in 10.0 ** np.arange(-11, -1):
        for _ in range(2):
            q = np.linalg.qr(RNG.normal(size=(4, 4)))[0]
            for name, f, values in (
                ("inv", lambda a: np.linalg.inv(a).sum(), [gap, 1.0, 2.0, 3.0]),
                ("logabsdet", lambda a: np.linalg.slogdet(a)[1], [gap, 1.0, 2.0, 3.0]),
                ("pinv", lambda a: np.linalg.pinv(a)[0].sum(), [gap, 1.0, 2.0, 3.0]),
                ("svdvals", lambda a: np.linalg.svd(a, compute_uv=False)[-1], [gap, 1.0, 2.0, 3.0]),
                ("eigvalsh", lambda a: np.linalg.eigvalsh(a)[1], [1.0, 1 + gap, 2.0, 3.0]),
                ("eigh", lambda a: np.linalg.eigh(a)[1][0, 1], [1.0, 1 + gap, 2.0, 3.0]),
                ("cholesky", lambda a: np.linalg.cholesky(a)[2, 0], [gap, 1.0, 2.0, 3.0]),
                ("qr", lambda a: np.linalg.qr(a)[1][1, 2], [gap, 1.0, 2.0, 3.0]),
            ):
                try:
                    an.gradient(f, (q * values) @ q.T)
                except an.TraceError as error:
                    assert "contradict" not in str(error), (name, gap)
                except np.linalg.LinAlgError:
                    assert name == "cholesky"


@dataclass(frozen=True)
class Cubes(Smooth):
    """x ** 3, with a derivative that is wrong by a factor."""

    factor: float
    name: str = "cubes"

    def value(self, x: Array) -> Array:
        return x**3

    def jacobian(self, args: Sequence[Array], own: int) -> Array:
        return np.diag(3 * args[0] ** 2) * self.factor


def test_every_question_about_such_a_function_is_refused_with_the_line_and_both_numbers() -> None:
    def cubes(x: Any, factor: float) -> Any:
        return writer_of(x, "cubes").op("opaque", x, function=Cubes(factor)) if isinstance(x, TracedArray) else x**3

    def f(x: Any, factor: float = 1.5) -> Any:
        return np.abs(cubes(x, factor)).sum() + np.maximum(x[0], 1.0)

    x = np.array([1.0, -2.0])
    asked = (an.verify, an.gradient, an.clarke_gradient, lambda f, x: an.generalized_gradient(f, x).vertices,
             lambda f, x: an.directional_derivative(f, x, np.ones(2)))
    for ask in asked:
        with pytest.raises(an.TraceError, match="contradict") as raised:
            ask(f, x)
        assert "cubes at test_differences.py" in str(raised.value)
        numbers = re.findall(r"(-?\d\S*) along .* (-?\d\S*)\. Fix", str(raised.value))[0]
        wrong, right = map(float, numbers)
        assert wrong == pytest.approx(1.5 * right, rel=1e-4)
        ask(lambda x: f(x, 1.0), x)
    # A part that does not count is not asked for its derivative.
    assert an.verify(lambda x: (f(x), x[1])[1], x)
