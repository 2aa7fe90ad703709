"""Rules that a user registers for operations of frameworks: followed, held against the framework, complete."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from typing import Any

import jax
import jax.numpy as jnp
import jax.scipy.special
import numpy as np
import onnx.parser
import pytest
import torch

import absnormal as an
from absnormal.frontends.jax import primitives
from absnormal.frontends.onnx import rules
from absnormal.frontends.torch import rules as operations
from absnormal.frontends.torch.arguments import reading

#: A variable of another trace.
OTHERS: deque[Any] = deque()  # where what f keeps of a trace is not looked for
an.trace(lambda x: OTHERS.append(x) or x.sum(), np.ones(3))

TABLES: tuple[dict[Any, Any], ...] = (primitives.RULES, rules.RULES, operations.RULES)


@pytest.fixture(autouse=True)
def registered() -> Iterator[None]:
    """What a test registers is gone after it, and what others registered while it runs."""
    held = [dict(table) for table in TABLES]
    for table, name in zip(TABLES, ("erf_inv", "MeanVarianceNormalization", "erfinv"), strict=True):
        table.pop(name, None)
    yield
    for table, before in zip(TABLES, held, strict=True):
        table.clear()
        table.update(before)
    reading.cache_clear()


def bent(x: Any) -> Any:
    """A function of JAX that has a primitive without a rule behind a kink."""
    return jax.scipy.special.erfinv(jnp.abs(x)).sum()


def inverse(u: Any) -> Any:
    """erfinv near 0, by its series."""
    s = np.pi * u * u
    series = 1 + s / 12 + 7 * s**2 / 480 + 127 * s**3 / 40320 + 4369 * s**4 / 5806080
    return np.sqrt(np.pi) / 2 * u * series


def model(kind: str) -> Any:
    shape = "double[2, 2, 1, 1]"
    return onnx.parser.parse_model(
        f'<ir_version: 10, opset_import: ["": 20]> f ({shape} x) => ({shape} y) {{ y = {kind}(x) }}'
    )


def test_a_primitive_of_jax_is_followed_by_a_rule() -> None:
    x = jnp.array([0.0, 0.25, -0.5])
    with pytest.raises(an.TraceError, match=r"no rule for 1 primitive.*erf_inv"):
        an.verify(bent, x)
    an.extend.rule("jax", "erf_inv", inverse)
    report = an.verify(bent, x)
    # |x| has slope 1 at 0 in JAX.
    assert report.verdict is an.Verdict.CLARKE and float(report.gradient[0]) == pytest.approx(np.sqrt(np.pi) / 2)
    assert [item.operation for item in report.active] == ["jnp.abs"]


@pytest.mark.parametrize(("rule", "words"), [
    (lambda u: inverse(u) + 0.01 * u**4, "has a rule that returns .* where JAX computes"),
    (lambda u: inverse(u) + 10 * (u - 0.25) * (u - 0.375) * (u - 0.5), "has a rule that returns .* where JAX computes"),
    (lambda u: inverse(u) if isinstance(u, np.ndarray) else u, "has a rule that returns .* where JAX computes"),
    (lambda u: OTHERS[0], "has a rule that returns TracedArray"),
    (lambda u: inverse(u)[0], r"has a rule that .* of shape \(\) where JAX computes .* of shape \(3,\)"),
    (lambda u: [u, u], "has a rule that returns list"),
    (lambda u: np.ones(3), "has a rule that returns ndarray"),
], ids=["value", "value beside", "value of variables", "other", "shape", "list", "constant"])  # fmt: skip
def test_a_wrong_rule_is_an_error_with_the_user_s_line(rule: Any, words: str) -> None:
    an.extend.rule("jax", "erf_inv", rule)
    with pytest.raises(an.TraceError, match=rf"test_own_rules\.py:\d+: {words}"):
        an.verify(bent, jnp.array([0.25, 0.5, -0.375]))


@pytest.mark.parametrize("name", ["aten::erfinv", "erfinv", torch.erfinv, torch.special.erfinv])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_an_operation_of_torch_is_followed_by_a_rule(name: Any, dtype: Any) -> None:
    def f(x: Any) -> Any:
        return torch.special.erfinv(torch.abs(x) / 4).sum()

    x = torch.tensor([0.0, 0.25, -0.5], dtype=dtype)
    with pytest.raises(an.TraceError, match="erfinv"):
        an.verify(f, x)
    an.extend.rule("torch", name, inverse)
    report = an.verify(f, x)
    assert report.verdict is an.Verdict.CLARKE and [item.operation for item in report.active] == ["torch.abs"]
    elsewhere = np.array([0.5, -0.25, 0.125])
    assert report.program(elsewhere) == pytest.approx(float(f(torch.tensor(elsewhere))), rel=1e-6)


def test_a_wrong_rule_of_torch_is_an_error() -> None:
    an.extend.rule("torch", "erfinv", lambda u: inverse(u) * 1.001)
    with pytest.raises(an.TraceError, match=r"test_own_rules\.py:\d+: has a rule that returns .* where torch computes"):
        an.verify(lambda x: torch.erfinv(x).sum(), torch.tensor([0.25], dtype=torch.float64))


def test_a_wrong_backward_of_an_operation_that_a_rule_follows_is_found() -> None:
    @torch.library.custom_op("absnormal_tests::steep", mutates_args=())
    def steep(x: torch.Tensor, factor: float) -> torch.Tensor:
        return factor * torch.abs(x)

    slopes = [1.5]

    def backward(ctx: Any, grad: Any) -> Any:
        return slopes[0] * ctx.factor * torch.sign(ctx.x) * grad, None

    def keep(ctx: Any, inputs: Any, output: Any) -> None:
        ctx.x, ctx.factor = inputs

    steep.register_autograd(backward, setup_context=keep)
    an.extend.rule("torch", steep, lambda u, factor: factor * np.abs(u))
    x = torch.tensor([0.5, -1.0], dtype=torch.float64)
    assert an.verify(lambda x: steep(x, 2.0).sum(), x).verdict is an.Verdict.NOT_CLARKE
    slopes[0] = 1.0
    assert an.verify(lambda x: steep(x, 2.0).sum(), x).verdict is an.Verdict.CLARKE


def test_parameters_of_a_primitive_are_read_or_refused() -> None:
    x = jnp.array([0.5, -1.0, 2.0])
    del primitives.RULES["cumsum"]
    an.extend.rule("jax", "cumsum", lambda u: np.cumsum(u))
    with pytest.raises(an.TraceError, match=r"the parameter axis = 0 of cumsum is not supported"):
        an.verify(lambda x: jnp.abs(jnp.cumsum(x)).sum(), x)
    del primitives.RULES["cumsum"]
    an.extend.rule("jax", "cumsum", lambda u, *, axis: np.cumsum(u, axis))
    assert an.verify(lambda x: jnp.abs(jnp.cumsum(x)).sum(), x).verdict is an.Verdict.CLARKE


def test_a_ufunc_and_parameters_with_defaults_ask_for_no_parameters() -> None:
    x, other = jnp.array([0.5, 0.0, 2.0]), np.array([0.5, 0.0, 2.0, 1.0]).reshape(2, 2, 1, 1)
    bare: tuple[Any, ...] = (np.tan, lambda u, *, steepness=1.0: np.tan(steepness * u))
    for rule in bare:
        del primitives.RULES["tan"], rules.RULES["Tan"]
        an.extend.rule("jax", "tan", rule)
        assert an.verify(lambda x: jnp.tan(jnp.abs(x)).sum() + jnp.tan(x[0]), x).active
        an.extend.rule("onnx", "Tan", rule)
        assert np.allclose(an.onnx.load(model("Tan"), {"x": other})(other), np.tan(other))
    del primitives.RULES["cumsum"]
    an.extend.rule("jax", "cumsum", lambda u, *, axis=3, missing=0: np.cumsum(u, axis))
    assert an.verify(lambda x: jnp.abs(jnp.cumsum(x)).sum(), x).verdict is an.Verdict.CLARKE


def test_an_operator_of_onnx_is_followed_by_a_rule() -> None:
    def standardized(u: Any, *, axes: Any) -> Any:
        mean = np.mean(u, tuple(axes), keepdims=True)
        return (u - mean) / np.std(u, tuple(axes), keepdims=True)

    x = np.array([1.0, -2.0, 0.5, 3.0]).reshape(2, 2, 1, 1)
    an.extend.rule("onnx", "MeanVarianceNormalization", standardized)
    program = an.onnx.load(model("MeanVarianceNormalization"), {"x": x})
    assert np.allclose(program(x), standardized(x, axes=(0, 2, 3)))
    program = an.onnx.load(model("MeanVarianceNormalization<axes = [0, 1]>"), {"x": x})
    assert np.allclose(program(x), standardized(x, axes=(0, 1)))


def test_a_wrong_rule_of_onnx_and_an_unread_attribute_are_errors() -> None:
    x = np.array([1.0, -2.0, 0.5, 3.0]).reshape(2, 2, 1, 1)
    an.extend.rule("onnx", "MeanVarianceNormalization", lambda u: u - np.mean(u, (0, 2, 3), keepdims=True))
    with pytest.raises(an.TraceError, match="where the reference of ONNX computes"):
        an.onnx.load(model("MeanVarianceNormalization"), {"x": x})
    with pytest.raises(an.TraceError, match="attribute axes"):
        an.onnx.load(model("MeanVarianceNormalization<axes = [0, 1]>"), {"x": x})


@pytest.mark.parametrize(("tool", "name", "words"), [
    ("jax", "exp", "has a rule"), ("onnx", "Relu", "has a rule"), ("onnx", "If", "has a rule"),
    ("onnx", "NoSuch", "ONNX has no operator"), ("torch", "aten::relu", "has a rule"),
    ("torch", "mine::nothing", "torch has no operation mine::nothing"), ("torch", torch.abs, "has a rule"),
    ("numba", "exp", "no rules for 'numba'"),
])  # fmt: skip
def test_what_cannot_be_registered(tool: str, name: str, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        an.extend.rule(tool, name, lambda u: u)
