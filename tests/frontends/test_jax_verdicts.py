"""Are JAX's gradients judged right: measured wrong ones, rules of their own, pytrees?"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import equinox as eqx
import flax.linen
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from flax import nnx
from jax import lax, nn

import absnormal as an

from .precision import double as double

CASES = [case for case in json.loads((Path(__file__).parents[1] / "data/wrong_gradients.json").read_text())
         if case["framework"].startswith("jax")]

#: A single operation on the bits of its argument, which has no rule.
REFUSED = {"jax_copysign_negzero"}

WRONG, RIGHT = an.Verdict.NOT_CLARKE, an.Verdict.CLARKE


def written(case: dict[str, Any]) -> Any:
    found: dict[str, Any] = {"jax": jax, "jnp": jnp, "lax": lax}
    exec(case["code"], found)
    return found["f"]


@pytest.mark.parametrize("case", [case for case in CASES if case["name"] not in REFUSED], ids=lambda case: case["name"])
@pytest.mark.parametrize("compiled", [False, True], ids=["eager", "jit"])
def test_measured_gradients_are_judged_right(case: dict[str, Any], compiled: bool, double: None) -> None:
    f = jax.jit(written(case)) if compiled else written(case)
    report = an.verify(f, jnp.array(case["x"]))
    np.testing.assert_array_equal(np.asarray(report.gradient), case["returned_gradient"])
    assert report.verdict is (WRONG if case["wrong"] else RIGHT)
    assert report.certificate.check()


def test_bits_of_a_variable_are_refused(double: None) -> None:
    (case,) = (case for case in CASES if case["name"] in REFUSED)
    with pytest.raises(an.TraceError, match="bitcast_convert_type"):
        an.verify(written(case), jnp.array(case["x"]))


#: name -> (f, x, verdict)
MORE: dict[str, tuple[Any, list[float], an.Verdict]] = {
    "leaky relus": (lambda x: jnp.sum(nn.leaky_relu(x) - nn.leaky_relu(-x)), [0.0], WRONG),
    "relu against maximum": (lambda x: jnp.sum(jnp.maximum(x, 0) - nn.relu(x)), [0.0], WRONG),
    "max against maxima": (
        lambda x: jnp.max(x) - jnp.maximum(jnp.maximum(x[0], x[1]), x[2]), [1.0, 1.0, 1.0], WRONG),
    "clip to a point": (lambda x: jnp.sum(jnp.clip(x, 0.0, 0.0)), [0.0], WRONG),
    "clamp by a variable": (lambda x: lax.clamp(x[0], x[1], 9.0), [1.0, 1.0], WRONG),
    "cyclic differences": (
        lambda x: jnp.abs(x[0] - x[1]) + jnp.abs(x[1] - x[2]) + jnp.abs(x[2] - x[0]) - 2 * jnp.abs(x[2] - x[0]),
        [0.0, 0.0, 0.0], WRONG),
    "relu": (lambda x: jnp.sum(nn.relu(x)), [0.0, 0.0], RIGHT),
    "stable cross-entropy with relu": (
        lambda x: jnp.sum(nn.relu(x) - x + jnp.log1p(jnp.exp(-jnp.abs(x)))), [0.0], WRONG),
    "the library's own": (lambda x: jnp.sum(optax.sigmoid_binary_cross_entropy(x, 1.0)), [0.0], RIGHT),
    "elu": (lambda x: jnp.sum(nn.elu(x)), [0.0], RIGHT),
    "pool of a constant image": (
        lambda x: lax.reduce_window(x, -jnp.inf, lax.max, (2,), (1,), "VALID")[0]
        - lax.reduce_window(-x, -jnp.inf, lax.max, (2,), (1,), "VALID")[0], [1.0, 1.0], WRONG),
    "sorted, then added up": (lambda x: jnp.sum(jnp.sort(x)), [1.0, 1.0, 1.0], RIGHT),
    "straight-through estimator": (lambda x: jnp.sum(x + lax.stop_gradient(jnp.round(x) - x)), [0.3], RIGHT),
    "stop_gradient": (lambda x: jnp.sum(x * lax.stop_gradient(x)), [2.0], RIGHT),
    "log_softmax at a tie": (lambda x: -nn.log_softmax(x)[0], [0.0, 0.0, 0.0], RIGHT),
    "logsumexp at a tie": (lambda x: nn.logsumexp(x), [1.0, 1.0], RIGHT),
}  # fmt: skip


@pytest.mark.parametrize("name", MORE)
def test_verdicts(name: str, double: None) -> None:
    f, x, verdict = MORE[name]
    report = an.verify(f, jnp.array(x))
    assert report.verdict is verdict, str(report)
    np.testing.assert_array_equal(np.asarray(report.gradient), jax.grad(f)(jnp.array(x)))
    assert report.certificate.check()


# -- pytrees -----------------------------------------------------------------------------------------------

X = np.random.default_rng(0).normal(size=(4, 6)).astype(np.float32)
Y = np.random.default_rng(1).normal(size=(4, 3)).astype(np.float32)


def test_a_dict_comes_back_as_a_dict() -> None:
    x = {"w": jnp.zeros((3, 6)), "b": [jnp.zeros(3), 2]}
    report = an.verify(lambda x: jnp.sum(nn.relu(X @ x["w"].T + x["b"][0])) * x["b"][1], x)
    assert report.verdict is RIGHT
    assert report.gradient["w"].shape == (3, 6) and report.gradient["b"][1] is None
    assert isinstance(report.clarke_gradient["w"], jax.Array)


@pytest.mark.slow
def test_a_module_of_equinox() -> None:
    model = eqx.nn.MLP(6, 3, 8, 1, key=jax.random.key(0))
    model = jax.tree.map(lambda leaf: 0 * leaf if eqx.is_array(leaf) else leaf, model)

    def loss(model: Any) -> Any:
        return jnp.mean((jax.vmap(model)(X) - Y) ** 2)

    report = an.verify(loss, model)
    assert report.verdict is RIGHT and len(report.tool.alpha) == 32
    assert isinstance(report.gradient, eqx.nn.MLP)
    expected = eqx.filter_grad(loss)(model)
    jax.tree.map(np.testing.assert_array_equal, report.gradient, expected)


class Network(flax.linen.Module):
    """A convolution, pooling, a dense layer."""

    @flax.linen.compact
    def __call__(self, x: Any) -> Any:
        x = flax.linen.relu(flax.linen.Conv(3, (3, 3))(x))
        x = flax.linen.max_pool(x, (3, 3), (2, 2), "SAME")
        return flax.linen.Dense(3)(flax.linen.elu(x.reshape(x.shape[0], -1)))


@pytest.mark.slow
def test_a_module_of_flax() -> None:
    images = jax.random.normal(jax.random.key(0), (2, 8, 8, 1))
    network = Network()
    parameters = network.init(jax.random.key(1), images)

    def loss(parameters: Any) -> Any:
        labels = jnp.array([0, 2])
        return optax.softmax_cross_entropy_with_integer_labels(network.apply(parameters, images), labels).mean()

    assert an.verify(loss, parameters).verdict is RIGHT
    blank = an.verify(loss, jax.tree.map(jnp.zeros_like, parameters))
    assert blank.verdict is RIGHT and len(blank.tool.alpha) > 100


@pytest.mark.slow
def test_a_state_of_nnx() -> None:
    model = nnx.Sequential(nnx.Linear(6, 5, rngs=nnx.Rngs(0)), nnx.relu, nnx.Linear(5, 3, rngs=nnx.Rngs(1)))
    graph, state = nnx.split(model)
    assert an.verify(lambda state: jnp.mean((nnx.merge(graph, state)(X) - Y) ** 2), state).verdict is RIGHT


# -- rules of their own, and what is refused ---------------------------------------------------------------


def test_a_custom_gradient_that_is_none_is_judged_as_it_is(double: None) -> None:
    @jax.custom_vjp
    def clipped(x: Any) -> Any:
        return 3.0 * x

    clipped.defvjp(lambda x: (3.0 * x, None), lambda _, t: (jnp.clip(t, -1, 1),))
    report = an.verify(lambda x: jnp.sum(clipped(x)), jnp.array([2.0]))
    assert report.verdict is WRONG
    assert np.asarray(report.gradient).tolist() == [1.0] and np.asarray(report.clarke_gradient).tolist() == [3.0]
    assert any("own formulas alone" in note and "clipped" in note for note in report.notes)


def test_a_custom_gradient_that_is_right_is_right(double: None) -> None:
    @jax.custom_vjp
    def square(x: Any) -> Any:
        return x * x

    square.defvjp(lambda x: (x * x, x), lambda x, t: (2 * x * t,))
    assert an.verify(lambda x: jnp.sum(square(x)), jnp.array([2.0])).verdict is RIGHT


def test_an_active_switch_names_the_users_line(double: None) -> None:
    def loss(x: Any) -> Any:
        return jnp.sum(nn.relu(x))

    group = next(iter(an.verify(loss, jnp.zeros(2)).active))
    assert "test_jax_verdicts.py" in str(group) and "jax.nn.relu" in str(group)


def test_primitives_without_a_rule_are_all_listed() -> None:
    def f(x: Any) -> Any:
        bits = jax.lax.bitcast_convert_type(x, jnp.int32).astype(x.dtype)
        return jnp.sum(bits) + jnp.sum(jax.lax.approx_max_k(x, 2)[0])

    with pytest.raises(an.TraceError) as caught:
        an.verify(f, jnp.ones(11))
    assert "approx_top_k" in str(caught.value) and "bitcast_convert_type" in str(caught.value)
    assert "test_jax_verdicts.py" in str(caught.value)


@pytest.mark.parametrize(("f", "words"), [
    (lambda x: jnp.where(x[0] > 0, 1.0, 0.0) * x[1], "tied"),
    (lambda x: jnp.sign(x[0]) + x[1], "jumps"),
    (lambda x: jnp.argmax(x) + x[1], "jumps"),
], ids=["step", "sign", "argmax"])  # fmt: skip
def test_what_jumps_is_refused(f: Any, words: str, double: None) -> None:
    with pytest.raises(an.TraceError, match=words):
        an.verify(f, jnp.zeros(2))


@pytest.mark.parametrize(("f", "x", "words"), [
    (lambda x: (x[0], x[1]), jnp.zeros(2), "one number"),
    (lambda x: jnp.sum(x), jnp.zeros(2, int), "no floating-point array"),
    (lambda x: jnp.argmax(x), jnp.array([1.0, 2.0]), "a real number, got int"),
], ids=["tuple", "integers", "an index"])  # fmt: skip
def test_bad_input(f: Any, x: Any, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        an.verify(f, x)


def test_gradients_that_underflow_are_rounding() -> None:
    # 0.09 ** 300 is no float32 number, and hardly a float64 one.
    report = an.verify(lambda x: lax.scan(lambda c, y: (jnp.tanh(0.9 * c + y), 0.0), 0.0, x)[0], jnp.ones(300))
    assert report.verdict is RIGHT


@pytest.mark.slow
@pytest.mark.parametrize("precise", [False, True], ids=["float32", "float64"])
def test_digits_that_a_kernel_loses_are_rounding(precise: bool) -> None:
    # JAX differentiates expm1(u) as 1 + expm1(u), which for u = -12 has four correct digits in float32.
    with jax.enable_x64(precise):
        rng = np.random.default_rng(0)
        w = [jnp.asarray(0.4 * rng.normal(size=(24, 24)), float) for _ in range(6)]
        x = jnp.asarray(rng.normal(size=(6, 24)), float)

        def loss(w: Any) -> Any:
            h = x
            for layer in w:
                h = nn.elu(h @ layer)
            return optax.softmax_cross_entropy_with_integer_labels(20 * h, jnp.arange(6)).mean()

        assert an.verify(loss, w).verdict is RIGHT


@pytest.mark.parametrize("precise", [False, True], ids=["float32", "float64"])
def test_a_derivative_that_is_another_one_by_more_than_the_tolerance_is_wrong(precise: bool) -> None:
    # rtol is 1.2e-7 in float64 and 2.8e-3 in float32.
    error = 1e-6 if precise else 5e-3

    @jax.custom_vjp
    def nearly(x: Any) -> Any:
        return jnp.sin(x)

    nearly.defvjp(lambda x: (jnp.sin(x), x), lambda x, t: (t * jnp.cos(x) * (1 + error),))
    with jax.enable_x64(precise):
        assert an.verify(lambda x: jnp.sum(nearly(x)), jnp.ones(3)).verdict is WRONG
