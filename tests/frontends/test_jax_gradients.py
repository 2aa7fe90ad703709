"""Is the modelled gradient the one that jax.grad returns, at ties and away from them, in both precisions?"""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax import lax, nn

import absnormal as an
from absnormal.frontends.jax.capture import capture
from absnormal.frontends.jax.probe import FOLDS, PROBES, probed, slope_of
from absnormal.frontends.traced_call import TracedCall
from absnormal.sweeps.table import Sweeps

from .jax_functions import ALL, REDUCTIONS, scalar
from .precision import double as double

POINTS = ([0.0, 0.0, 0.0], [1.0, 0.0, -1.0], [0.3, -1.2, 0.7])


def modelled(captured: TracedCall) -> Any:
    sweeps = Sweeps(captured.program, None, 0.0, captured.values)
    return sweeps.gradient(sweeps.signature(captured.slopes[sweeps.alpha]))


@pytest.mark.slow
@pytest.mark.parametrize("name", ALL)
def test_the_modelled_gradient_is_that_of_jax(name: str, double: None) -> None:
    function = scalar(ALL[name])
    for point in (*POINTS, [1.0, 1.0, 1.0]) if name in REDUCTIONS else POINTS:
        captured = capture(function, jnp.array(point))
        assert captured.gradient.shape == (3,) and captured.foreign == ()
        np.testing.assert_allclose(modelled(captured), captured.gradient, rtol=1e-12, atol=1e-12, err_msg=str(point))


@pytest.mark.parametrize("name", ["relu", "elu", "hard_swish", "sort", "log_softmax", "max pooling", "dense layer"])
def test_float32_values_decide(name: str) -> None:
    function = scalar(ALL[name])
    for point in POINTS:
        captured = capture(function, jnp.array(point, jnp.float32))
        assert captured.dtype == np.float32
        np.testing.assert_allclose(modelled(captured), captured.gradient, rtol=1e-5, atol=1e-5, err_msg=str(point))


@pytest.mark.parametrize("name", ["relu", "elu", "max", "cross-entropy by hand", "scan", "dense layer"])
def test_a_compiled_function_is_judged_as_compiled(name: str, double: None) -> None:
    function = jax.jit(scalar(ALL[name]))
    for point in POINTS:
        captured = capture(function, jnp.array(point))
        np.testing.assert_array_equal(captured.gradient, jax.grad(function)(jnp.array(point)))
        np.testing.assert_allclose(modelled(captured), captured.gradient, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("options", [
    {"padding": "SAME"},
    {"padding": "VALID", "window_strides": (2, 1)},
    {"padding": ((1, 2), (0, 3)), "rhs_dilation": (2, 1)},
    {"padding": ((1, 1), (2, 2)), "lhs_dilation": (2, 3)},
    {"padding": ((-1, 1), (2, -2))},
    {"padding": "SAME", "feature_group_count": 2},
], ids=str)  # fmt: skip
def test_convolution(options: dict[str, Any], double: None) -> None:
    rng = np.random.default_rng(0)
    options = {"window_strides": (1, 1), **options}
    channels = 2 // options.get("feature_group_count", 1)
    x, kernel = jnp.array(rng.normal(size=(2, 7, 6, 2))), jnp.array(rng.normal(size=(3, 3, channels, 4)))

    def f(variables: Any) -> Any:
        numbers = ("NHWC", "HWIO", "NHWC")
        return jnp.sum(jnp.sin(lax.conv_general_dilated(*variables, dimension_numbers=numbers, **options)))

    captured = capture(f, [x, kernel])
    np.testing.assert_allclose(modelled(captured), captured.gradient, rtol=1e-11, atol=1e-12)
    assert captured.program([np.asarray(x), np.asarray(kernel)]) == pytest.approx(float(f([x, kernel])), rel=1e-12)


def test_the_value_that_jax_computed_decides_activity() -> None:
    # In float32 the sum is exactly 1; in float64 it is not.
    x = jnp.array([1.0, 1e-9], jnp.float32)
    captured = capture(lambda x: nn.relu(x[0] + x[1] - 1), x)
    assert captured.program.switching(captured.values).tolist() == [0.0]
    assert captured.program.evaluate(captured.program.inputs(captured.values))[-1] > 0


def test_a_rounding_to_another_precision_is_seen() -> None:
    x = jnp.array([1.001], jnp.float32)
    captured = capture(lambda x: jnp.sum(nn.relu(x.astype(jnp.bfloat16) - 1).astype(jnp.float32)), x)
    assert captured.program.switching(captured.values).tolist() == [0.0]


# -- the probe ---------------------------------------------------------------------------------------------


def test_the_installed_version_uses_the_slopes_that_were_measured() -> None:
    assert [row for row in probed() if not row.agrees] == []
    assert {row.operation for row in probed()} == set(PROBES)


def test_folds_are_probed() -> None:
    assert {name: slope_of(name) for name in FOLDS} == {
        "max.fold": "even", "min.fold": "even", "max.window": 1.0, "min.window": -1.0}  # fmt: skip


def test_the_slope_is_read_at_the_outermost_rule(double: None) -> None:
    # relu is a maximum, whose own slope is 0, inside a rule with slope -1.
    assert capture(lambda x: jnp.sum(nn.relu(x)), jnp.zeros(1)).slopes.tolist() == [-1.0]
    assert capture(lambda x: jnp.sum(jnp.maximum(x, 0)), jnp.zeros(1)).slopes.tolist() == [0.0]
    captured = capture(lambda x: jnp.sum(nn.relu6(x)), jnp.array([0.0, 6.0]))
    active = captured.program.switching(captured.values) == 0
    assert active.tolist() == [True, False, False, True]
    assert captured.slopes[active].tolist() == [-1.0, 1.0]


def test_the_slope_of_a_users_rule_is_probed(double: None) -> None:
    @jax.custom_jvp
    def ramp(x: Any) -> Any:
        return jnp.maximum(x, 0.0)

    ramp.defjvps(lambda t, ans, x: jnp.where(x > 0, t, jnp.where(x == 0, 0.25 * t, 0.0)))
    captured = capture(lambda x: jnp.sum(ramp(x)), jnp.array([0.0, 2.0]))
    assert captured.slopes.tolist()[0] == -0.5
    np.testing.assert_array_equal(modelled(captured), captured.gradient)


@jax.custom_jvp
def _forward(x: Any) -> Any:
    return jnp.maximum(x, 0.0)


@jax.custom_vjp
def _backward(x: Any) -> Any:
    return jnp.maximum(x, 0.0)


def _three_quarters(x: Any) -> Any:
    return jnp.where(x == 0, 0.75, jnp.where(x > 0, 1.0, 0.0))


_forward.defjvp(lambda x, t: (_forward(x[0]), _three_quarters(x[0]) * t[0]))
_backward.defvjp(lambda x: (_backward(x), x), lambda x, g: (_three_quarters(x) * g,))


@pytest.mark.parametrize("f", [_forward, _backward])
def test_slopes_of_a_rule_are_measured_where_it_takes_a_mean(f: Any) -> None:
    """(1 + c) / 2 = 3 / 4 for the slope c = 1 / 2 of |x|."""
    call = capture(lambda x: (jnp.arange(1.0, 4.0) * f(x)).sum(), jnp.array([0.0, 2.0, 0.0]))
    assert call.slopes is not None and call.slopes.tolist() == [0.5, 0.0, 0.5]
    assert call.leaves[0].tolist() == [0.75, 2.0, 2.25]


def _stepped(x: Any) -> Any:
    return lax.while_loop(lambda c: c[0] < 3, lambda c: (c[0] + 1, jnp.abs(c[1])), (0, x.sum()))[1]


def _multiplied(x: Any) -> Any:
    return jnp.abs(lax.reduce_window(x, 1.0, lax.mul, (2,), (1,), "VALID").sum())


@pytest.mark.parametrize("f", [_stepped, jax.jit(_stepped), _multiplied])
def test_a_given_vector_is_judged_where_jax_grad_does_not_run(f: Any) -> None:
    x = jnp.array([0.0, 2.0])
    x = x.at[1].set(0.0) if f is not _multiplied else x
    for _ in range(3):
        with pytest.raises(an.TraceError, match=r"jax\.grad: does not run.*gradient="):
            an.verify(f, x)
    certified = an.clarke_gradient(f, x)
    assert an.verify(f, x, gradient=certified).verdict is an.Verdict.CLARKE
    assert an.verify(f, x, gradient=jnp.zeros(2)).verdict is an.Verdict.CLARKE
    assert an.verify(f, x, gradient=2 * certified).verdict is an.Verdict.NOT_CLARKE
    assert an.verify(f, x, gradient=certified * (1 + 1e-6)).verdict is an.Verdict.CLARKE  # float32
    record, *_ = an.sweep(f, [x, x])
    assert record.verdict == "ERROR" and "does not run" in record.reason


def test_the_rows_of_a_given_jacobian_are_judged_where_jax_grad_does_not_run() -> None:
    def f(x: Any) -> Any:
        return jnp.stack([_stepped(x), x[0]])

    report = an.verify(f, jnp.zeros(2), gradient=jnp.array([[2.0, 2.0], [1.0, 0.0]]))
    assert [row.verdict.name for row in report.rows] == ["NOT_CLARKE", "CLARKE"]


@jax.custom_vjp
def _faulty(x: Any) -> Any:
    return x


def _raising(kept: Any, given: Any) -> Any:
    raise ValueError("a fault of the user's")


_faulty.defvjp(lambda x: (x, None), _raising)


def test_what_a_rule_of_the_users_raises_is_raised() -> None:
    with pytest.raises(ValueError, match="a fault of the user's"):
        an.verify(lambda x: _faulty(x).sum(), jnp.zeros(2))
