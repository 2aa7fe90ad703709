"""Branches and choices of Python that look at traced arrays, which jax.grad runs: against the same in JAX's words."""

from __future__ import annotations

import threading
from collections.abc import Callable
from itertools import product
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import absnormal as an


@pytest.fixture(autouse=True)
def _in_float64() -> Any:
    with jax.enable_x64(True):
        yield


def huber(x: Any) -> Any:
    total = 0.0
    for u in x:
        if abs(u) <= 1:
            total = total + 0.5 * u * u
        else:
            total = total + abs(u) - 0.5
    return total


def relus(x: Any) -> Any:
    return sum(u if u > 0 else 0.0 for u in x)


def root(x: Any) -> Any:
    """Newton's method for the square root of x_0 + 1."""
    y = x[0] + 2
    while abs(y * y - x[0] - 1) > 1e-13:
        y = 0.5 * (y + (x[0] + 1) / y)
    return y * x[1]


def nested(x: Any) -> Any:
    """max(x_0, x_1, 0) in two steps, the second one asked within the first."""
    if x[0] > x[1]:
        return x[0] if x[0] > 0 else 0 * x[0]
    if not x[1] <= 0:
        return x[1]
    return 0 * x[1]


#: A function with Python's branches, and the same without.
PAIRS: dict[str, tuple[Callable[[Any], Any], Callable[[Any], Any]]] = {
    "projection": (lambda x: jnp.sum(x / jnp.linalg.norm(x) if jnp.linalg.norm(x) > 1 else x),
                   lambda x: jnp.sum(x / jnp.maximum(jnp.linalg.norm(x), 1.0))),
    "max": (lambda x: jnp.sum(x / max(1.0, jnp.linalg.norm(x))),
            lambda x: jnp.sum(x / jnp.maximum(1.0, jnp.linalg.norm(x)))),
    "sorted": (lambda x: sum(k * u for k, u in enumerate(sorted(2 * x))), lambda x: jnp.sort(2 * x) @ jnp.arange(3)),
    "huber": (huber, lambda x: jnp.sum(jnp.where(abs(x) <= 1, 0.5 * x * x, abs(x) - 0.5))),
    "relus": (relus, lambda x: jnp.sum(jnp.maximum(x, 0))),
    "nested": (nested, lambda x: jnp.max(jnp.append(x[:2], 0.0))),
    "hinges": (lambda x: sum(max(0.0, 0.6 - u) for u in x), lambda x: jnp.sum(jnp.maximum(0.6 - x, 0))),
    "min": (lambda x: min(3 * x), lambda x: jnp.min(3 * x)),
    "loop": (root, lambda x: jnp.sqrt(x[0] + 1) * x[1]),
    "all": (lambda x: jnp.sum(x * x) if jnp.all(x > -9) else jnp.sum(x), lambda x: jnp.sum(x * x)),
}
POINTS = {"zero": [0.0, 0.0, 0.0], "tied": [0.6, 0.8, 0.0], "ones": [1.0, -1.0, 1.0], "apart": [0.5, 0.2, 0.1]}


#: At a tie of a branch, and quick enough for every run.
TIED = {("projection", "tied"), ("huber", "ones"), ("relus", "zero"), ("relus", "tied"), ("nested", "zero")}
QUICK = [("projection", "apart"), ("nested", "ones"), ("sorted", "zero"), ("hinges", "tied"), ("max", "tied")]


@pytest.mark.parametrize(("name", "point"), [
    *QUICK, *(pytest.param(*pair, marks=pytest.mark.slow) for pair in product(PAIRS, POINTS)
    if pair not in TIED and pair not in QUICK)])
def test_branches_and_choices(name: str, point: str) -> None:
    f, written = PAIRS[name]
    x = jnp.array(POINTS[point])
    report = an.verify(f, x)
    own = jax.grad(f)(x)
    assert np.array_equal(report.gradient, own)
    # The set of the other spelling says whether that is right.
    expected = an.verify(written, x, gradient=own)
    assert report.verdict is expected.verdict is not an.Verdict.UNDECIDED
    assert report.certificate is not None and report.certificate.check()
    assert an.verify(f, x, gradient=an.clarke_gradient(written, x))
    assert an.verify(written, x, gradient=report.clarke_gradient)
    assert an.verify(f, x, gradient=own + 0.7).verdict is an.verify(written, x, gradient=own + 0.7).verdict


@pytest.mark.parametrize(("name", "point"), sorted(TIED))
def test_a_tied_branch_is_refused(name: str, point: str) -> None:
    with pytest.raises(an.TraceError, match=r"test_jax_branches\.py:\d+: the two sides are equal at this point"):
        an.verify(PAIRS[name][0], jnp.array(POINTS[point]))


@pytest.mark.parametrize("f", [
    lambda x: jnp.sum(x) if jnp.argmax(x) == 1 else x[0],
    lambda x: jnp.sum(x) if jnp.argmax(x) in (1, 2) else x[0],
    lambda x: jnp.sum(x) if jnp.sum(jnp.ones(3)) == 3 else x[0],
    lambda x: jnp.sum(x) if jnp.sum(jax.nn.relu(-x)) <= 0 else x[0],
    lambda x: jnp.sum(x) if jnp.floor(x[0] + 0.5) == 1 else x[0],
    lambda x: jnp.sum(x) if jnp.any(x >= 1) else x[0],
])  # fmt: skip
def test_equal_sides_that_do_not_move_are_no_tie(f: Callable[[Any], Any]) -> None:
    report = an.verify(f, jnp.array([1.0, 2.0]))
    assert report and np.array_equal(report.gradient, [1.0, 1.0])


def test_nothing_raises_next_to_sides_that_do_not_move() -> None:
    def f(x: Any) -> Any:
        if jnp.argmax(x) != 1 or jnp.sum(jnp.ones(3)) != 3:
            raise ValueError("another shape")
        return jnp.sum(x)

    report = an.verify(f, jnp.array([1.0, 2.0]))
    assert report and not any("raises" in note for note in report.notes)


@pytest.mark.parametrize("dtype", [jnp.float32, jnp.bfloat16, jnp.float64])
def test_python_numbers_are_of_the_precision_of_the_variables(dtype: Any) -> None:
    report = an.verify(lambda x: max(x[0], 0.0), jnp.zeros(2, dtype))
    assert report and report.gradient.dtype == dtype and report.certificate.check()


def test_a_wrong_choice_is_found() -> None:
    """max(x, 0) - max(-x, 0) is x, and at 0 Python chooses the first one both times."""
    report = an.verify(lambda x: max(x[0], 0.0) - max(-x[0], 0.0), jnp.zeros(1))
    assert report.verdict is an.Verdict.NOT_CLARKE
    assert np.array_equal(report.gradient, [2.0]) and np.array_equal(report.clarke_gradient, [1.0])


@pytest.mark.parametrize("f", [
    lambda x: x[0] if x[0] > 0 else 0 * x[0],
    lambda x: x[0] + 1 if x[0] > 0 else x[0],
    lambda x: x[1] if not x[0] >= 0 else 2 * x[1],
    lambda x: x[0] if jnp.all(x >= 0) else 2.0 + x[0],
    lambda x: x[1] if x[0] == 0 else 2 * x[1] + 1,
    lambda x: x[1] if not x[0] else 2 * x[1] + 1,
])  # fmt: skip
def test_a_branch_at_its_tie_is_refused(f: Callable[[Any], Any]) -> None:
    with pytest.raises(an.TraceError, match=r"test_jax_branches\.py:\d+.* (is tied|are equal) at this point"):
        an.verify(f, jnp.array([0.0, 1.0]))
    assert an.verify(f, jnp.array([0.5, 1.0]))


def test_a_check_is_left_out_at_its_tie() -> None:
    def f(x: Any) -> Any:
        if x[0] < 0:
            raise ValueError("negative")
        assert x[1] <= 1
        return 3 * x[0] + x[1]

    for point, notes in (([0.0, 1.0], 2), ([0.0, 0.5], 1), ([1.0, 0.5], 0)):
        report = an.verify(f, jnp.array(point))
        assert report and sum("f raises next to this point, by its check at" in note for note in report.notes) == notes
    with pytest.raises(ValueError, match="negative"):
        an.verify(f, jnp.array([-1.0, 0.0]))


@pytest.mark.parametrize("x", [1e-9, -1e-9])
def test_a_branch_that_is_another_one_next_to_the_point(x: float) -> None:
    report = an.verify(lambda x: 2 * x[0] if x[0] > 0 else 3 * x[0], jnp.array([x]))
    assert report and float(report.gradient[0]) == (2 if x > 0 else 3)


@pytest.mark.slow
def test_a_loop_without_end_is_refused() -> None:
    def f(x: Any) -> Any:
        while x[0] > 0:
            x = x + 1
        return x[0]

    with pytest.raises(an.TraceError, match="asks more than 128 times"):
        an.verify(f, jnp.ones(1))


def test_what_is_compiled_and_numbers_that_are_read_are_refused() -> None:
    """jax.grad does not run the first one, either."""
    for f in (jax.jit(lambda x: max(x[0], 0.0)), lambda x: x[0] * float(x[1])):
        with pytest.raises(an.TraceError, match="looks at the value of a traced array"):
            an.verify(f, jnp.array([1.0, 2.0]))


def test_what_is_compiled_inside_is_not_changed() -> None:
    inner = jax.jit(lambda u: max(u[0], u[1]))
    with pytest.raises(an.TraceError, match="looks at the value of a traced array"):
        an.verify(lambda x: inner(x) if x[0] > -5 else x[0], jnp.ones(2))
    with pytest.raises(jax.errors.TracerBoolConversionError):
        inner(jnp.ones(2))


def test_calls_do_not_depend_on_earlier_ones() -> None:
    """At each point, whatever branches were taken before, and in a sweep."""
    points = [jnp.array([a, b]) for a in (-1.0, 0.5, 1.0) for b in (-0.5, 1.0)]
    for x in (*points, *points):
        assert np.array_equal(an.verify(relus, x).gradient, jax.grad(relus)(x))
    assert all(found.verdict == "CLARKE" for found in an.sweep(relus, points))
    for k in (2.0, 3.0):
        assert float(an.verify(lambda x, k=k: x[0] * k if x[0] > 0 else 0.0, jnp.ones(1)).gradient[0]) == k


def test_tracers_are_what_they_were() -> None:
    """When f has returned or raised, and in other threads meanwhile."""
    before, refused = jax.core.Tracer.__bool__, list[Any]()

    def elsewhere() -> None:
        try:
            jax.make_jaxpr(lambda x: x if x > 0 else -x)(1.0)
        except BaseException as error:
            refused.append(type(error))

    def f(x: Any) -> Any:
        thread = threading.Thread(target=elsewhere)
        thread.start()
        thread.join()
        return x[0] if x[0] > 0 else -x[0]

    assert an.verify(f, jnp.ones(1)) and {*refused} == {jax.errors.TracerBoolConversionError}
    assert jax.core.Tracer.__bool__ is before
    with pytest.raises(ZeroDivisionError):
        an.verify(lambda x: x[0] if x[0] > 1 // 0 else -x[0], jnp.zeros(1))
    assert jax.core.Tracer.__bool__ is before
