"""Does a function of JAX's that changed between two calls get the verdict of what it is now?"""

from __future__ import annotations

import gc
import weakref
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import pytest

import absnormal as an
from absnormal.errors import DomainError, TraceError

jax = pytest.importorskip("jax")
jnp = jax.numpy
from absnormal.frontends.jax import kept  # noqa: E402
from absnormal.frontends.jax.again import Again  # noqa: E402

X = jnp.array([1.0, -2.0, 0.5])
CALLS = 2


def gradients(f: Callable[[Any], Any], x: Any = X) -> list[Any]:
    """What `verify` calls the gradient of JAX's in several calls."""
    return [an.verify(f, x).gradient for _ in range(CALLS)]


def as_jax(f: Callable[[Any], Any], x: Any = X) -> bool:
    """Whether each call has the bits of ``jax.grad``, and the verdict of a function that is met for the first time."""
    report, fresh = an.verify(f, x), an.verify(lambda y: f(y), x)
    assert (report.verdict, report.method) == (fresh.verdict, fresh.method)
    return all(
        np.array_equal(a, b)
        for a, b in zip(jax.tree.leaves(report.gradient), jax.tree.leaves(jax.grad(f)(x)), strict=True)
    )


def same(f: Callable[[Any], Any], x: Any, again: bool | None = None, compiled: bool = False) -> bool:
    """Whether a function that was met before is judged bit by bit like one that is met for the first time.

    ``again`` says whether what was followed before gives the values.
    """
    own, used = Again.at, []
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(Again, "at", lambda self, point: used.append(own(self, point)) or used[-1])
        report, stopped = an.verify(f, x), an.clarke_gradient(f, x)
    if again is not None:
        assert (bool(used) and used[0] is not None) == again
    fresh: Any = jax.jit(lambda y: f.__wrapped__(y)) if compiled else lambda y: f(y)  # type: ignore[attr-defined]
    other = an.verify(fresh, x)
    sweeps = [found.problem.sweeps for found in (report, other)]
    return (
        repr(report.to_dict()) == repr(other.to_dict())
        and str(sweeps[0].program) == str(sweeps[1].program)
        and all(np.array_equal(a, b) for a, b in zip(sweeps[0].values, sweeps[1].values, strict=True))
        and all(map(np.array_equal, jax.tree.leaves(stopped), jax.tree.leaves(an.clarke_gradient(fresh, x))))
    )


def _scanned(x: Any) -> Any:
    def step(carry: Any, entry: Any) -> Any:
        return jax.nn.relu(carry * 0.7 - entry), carry

    return jax.lax.scan(step, 1.0, x)[0] + jnp.sum(x**3)


def _looped(x: Any) -> Any:
    return jax.lax.fori_loop(0, 3, lambda k, u: jnp.sin(u) + jnp.abs(u), x).sum()


def _chosen(x: Any) -> Any:
    return jax.lax.cond(x[0] > 0, lambda u: jnp.sum(jnp.exp(u)), lambda u: jnp.sum(u**2), x)


FUNCTIONS = {
    "relu": lambda x: jnp.sum(jax.nn.relu(x) ** 2 - jnp.abs(x - 1.0) / 3),
    "softmax": lambda x: -jax.nn.log_softmax(jnp.tanh(x))[1] + jax.nn.gelu(x).sum(),
    "matrix": lambda x: jnp.linalg.norm(jnp.outer(x, x) @ x + jnp.cumsum(x)),
    "largest": lambda x: jnp.max(x) * jnp.sort(x)[0] + jnp.logaddexp(x[0], x[1]),
    "jit inside": lambda x: jax.jit(lambda u: jnp.sum(jax.nn.elu(u) / 3))(x) + x[0],
    "scan": _scanned, "loop": _looped, "cond": _chosen,
    "checkpoint": lambda x: jax.checkpoint(lambda u: jnp.sum(jnp.sin(jnp.maximum(u, 0))))(x * 1.1),
}  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("name", FUNCTIONS)
def test_the_kept_gradient_has_the_bits_of_jax(name: str) -> None:
    f = FUNCTIONS[name]
    gradients(f)
    assert as_jax(f, jnp.array([0.3, 1e-3, 7.0]))
    (trace,) = kept._KEPT[id(f)][1]
    assert trace._gradient is not None


@pytest.mark.parametrize(
    ("name", "compiled"), [*((name, False) for name in FUNCTIONS), ("relu", True), ("softmax", True), ("cond", True)]
)
def test_another_point_is_judged_as_if_f_were_followed_there(name: str, compiled: bool) -> None:
    f = jax.jit(FUNCTIONS[name]) if compiled else FUNCTIONS[name]
    gradients(f)
    # A scan cuts its rows itself.
    expected = None if name in ("scan", "largest") else True
    assert same(f, jnp.array([1.25, -1.75, 0.375]), expected, compiled)
    assert same(f, jnp.array([-0.5, 1.0, 1.0]), None, compiled)


@pytest.mark.slow
def test_a_tie_another_branch_and_what_is_not_finite_are_followed_anew() -> None:
    def f(x: Any) -> Any:
        return jax.lax.cond(x[0] > 2, lambda u: jnp.sum(u), lambda u: jax.nn.relu(u).sum() - jax.nn.relu(-u).sum(), x)

    for g, compiled in ((f, False), (jax.jit(f), True)):
        gradients(g)
        assert same(g, X / 2, True, compiled) and same(g, jnp.array([0.5, 0.0, 2.0]), False, compiled)
        assert same(g, 3 * X, False, compiled)
        assert an.verify(g, jnp.array([0.5, 0.0, 2.0])).verdict.name == "NOT_CLARKE"
        with pytest.raises(DomainError):
            an.verify(g, jnp.array([0.5, jnp.inf, 2.0]))

    def root(x: Any) -> Any:
        return jnp.sum(jnp.sqrt(x))

    gradients(root, jnp.ones(2))
    assert same(root, jnp.full(2, 4.0), True)
    for bad in (-1.0, 0.0):
        with pytest.raises((DomainError, TraceError)):
            an.verify(root, jnp.array([1.0, bad]))


def test_what_is_held_fixed_is_compared() -> None:
    @jax.jit
    def f(x: Any) -> Any:
        return jnp.sum(x["w"] * x["k"]) + jnp.abs(x["w"]).max()

    for k in (1, 2, np.array([1, 2]), np.array([3, 2])):
        for _ in range(2):
            report = an.verify(f, {"w": X[:2], "k": k})
            assert np.array_equal(report.gradient["w"], jax.grad(f, allow_int=True)({"w": X[:2], "k": k})["w"])
    counts = np.array([5, 6])
    for entry in (7, 8):
        an.verify(f, {"w": X[:2], "k": counts})
        counts[0] = entry
        found = an.verify(f, {"w": X[:2] / 2, "k": counts})
        assert found.verdict.name == "CLARKE"
        assert np.array_equal(found.clarke_gradient["w"], np.array([entry, 6.0 - 1.0]))


def test_two_variables_that_are_one_array_are_told_apart() -> None:
    @jax.jit
    def f(x: Any) -> Any:
        return jnp.sum(x["a"] * 2 - jnp.abs(x["b"]) * X)

    gradients(f, {"a": X, "b": X})
    assert as_jax(f, {"a": 3 * X, "b": X + 1})


def test_a_compiled_function_is_what_jax_keeps_of_it() -> None:
    scale = 1.0
    f = jax.jit(lambda x: scale * jnp.sum(jnp.abs(x)))
    gradients(f)
    scale = 3.0
    assert as_jax(f) and float(np.abs(an.verify(f, X).gradient).max()) == 1.0
    with jax.disable_jit():
        assert float(np.abs(an.verify(f, X).gradient).max()) == 3.0
    f.clear_cache()
    assert as_jax(f) and float(np.abs(an.verify(f, X).gradient).max()) == 3.0


def test_what_calls_python_is_called_each_time() -> None:
    drawn = iter(range(1, 100))
    shape = jax.ShapeDtypeStruct((), jnp.float32)
    f = jax.jit(lambda x: jax.pure_callback(lambda: np.float32(next(drawn)), shape) * jnp.sum(x))
    gradients(f)
    assert same(f, X, False, True) is False


@pytest.mark.slow
def test_a_changed_closure_is_not_served_stale() -> None:
    scale, shift, inner = 1.0, np.array([1.0, 2.0, 3.0]), jnp.ones(3)

    def f(x: Any) -> Any:
        return scale * jnp.sum(shift * jnp.abs(x)) + jax.jit(lambda u: jnp.sum(inner * u**2))(x)

    gradients(f)
    for _ in range(CALLS):
        scale += 0.5
        assert as_jax(f)
    for _ in range(CALLS):
        shift[1] += 0.25
        assert as_jax(f)
    for _ in range(CALLS):
        inner = inner + 0.125
        assert as_jax(f)
    scale = np.nextafter(np.float32(scale), np.float32(9))
    assert as_jax(f)


@pytest.mark.slow
@pytest.mark.parametrize("size", (1, 3, 5000))
def test_an_array_that_is_written_into_is_not_served_stale(size: int) -> None:
    weights = np.linspace(-1.0, 1.0, size)
    x = jnp.linspace(0.5, 3.0, size)

    def f(u: Any) -> Any:
        return jnp.sum(jax.nn.relu(u * weights) + weights)

    gradients(f, x)
    for entry in range(CALLS):
        weights[size // 2] += 1e-3 * (entry + 1)
        assert as_jax(f, x)


class Model:
    """A function whose attributes change."""

    def __init__(self) -> None:
        self.factor, self.order = 2.0, [0, 1]

    def __call__(self, x: Any) -> Any:
        return self.factor * jnp.abs(x[self.order[0]]) - jnp.maximum(x[self.order[1]], x[2])


def test_changed_attributes_globals_and_lists_are_seen() -> None:
    model = Model()
    gradients(model)
    model.factor = -3.0
    assert as_jax(model)
    model.order.reverse()
    assert as_jax(model)
    arguments = {"power": 2}
    given = partial(lambda x, by: jnp.sum(x ** by["power"]), by=arguments)
    gradients(given)
    arguments["power"] = 3
    assert as_jax(given)


def test_a_rule_that_reads_what_changes_is_asked_each_time() -> None:
    factor = 1.0

    @jax.custom_jvp
    def same(x: Any) -> Any:
        return jnp.abs(x)

    @same.defjvp
    def rule(primals: Any, tangents: Any) -> Any:
        return same(*primals), factor * jnp.sign(primals[0]) * tangents[0]

    def f(x: Any) -> Any:
        return jnp.sum(same(x))

    assert {an.verify(f, X).verdict.name for _ in range(CALLS)} == {"CLARKE"}
    factor = 2.0
    assert as_jax(f)
    assert {an.verify(f, X).verdict.name for _ in range(CALLS)} == {"NOT_CLARKE"}
    assert np.array_equal(an.verify(f, X).gradient, 2 * np.sign(X))


def test_another_way_with_arrays_is_found_at_a_later_point() -> None:
    def f(x: Any) -> Any:
        if not isinstance(x, jax.core.Tracer) and x[0] < 0:
            return jnp.sum(2 * x)
        return jnp.sum(jnp.abs(x))

    gradients(f)
    with pytest.raises(TraceError, match="takes another way"):
        an.verify(f, -X)

    def at_the_kink(x: Any) -> Any:
        return jnp.sum(jax.nn.relu(x)) if isinstance(x, jax.core.Tracer) else jnp.sum(jnp.where(x > 0, x, 0.1 * x))

    gradients(at_the_kink, jnp.ones(3))
    for point in (jnp.zeros(3), jnp.array([1.0, 0.0, 2.0]), -jnp.ones(3)):
        with pytest.raises(TraceError, match="takes another way"):
            an.verify(at_the_kink, point)


@pytest.mark.slow
def test_structures_shapes_and_types_are_told_apart() -> None:
    def f(x: Any) -> Any:
        return sum(jnp.sum(jax.nn.relu(leaf) ** 2) for leaf in jax.tree.leaves(x))

    points = (X, jnp.ones((2, 2)), {"a": X, "b": X}, [X, 2 * X], X.astype(jnp.float16), {"a": 1.5, "b": X})
    for _ in range(2):
        for point in points:
            gradients(f, point)
            assert as_jax(f, point)
    with jax.enable_x64(True):
        assert as_jax(f, jnp.array([1.0, -1.0, 0.1], jnp.float64))


def test_nothing_grows() -> None:
    gc.collect()
    before = len(kept._KEPT)

    def f(x: Any, k: int) -> Any:
        return k * jnp.sum(jnp.abs(x))

    functions = [partial(f, k=k) for k in range(5)]
    for function in functions:
        an.verify(function, X)
        an.verify(function, X)
    staged = jax.jit(lambda x: jnp.sum(jnp.abs(x)))
    gradients(staged)
    gone = [weakref.ref(function) for function in (*functions, staged)]
    assert len(kept._KEPT) == before + 6
    del functions, function, staged
    gc.collect()
    assert len(kept._KEPT) == before and not any(reference() for reference in gone)
    held = [0.0]

    def g(x: Any) -> Any:
        return held[0] * jnp.sum(x)

    for k in range(3 * kept._TRACES):
        held[0] = float(k)
        an.verify(g, X)
    assert len(kept._KEPT[id(g)][1]) == kept._TRACES
