"""Does every rule of JAX's primitives account for the parameters of its primitive; are library functions recognised?"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax import lax, nn

import absnormal as an
from absnormal.frontends.jax.control import CONTROL
from absnormal.frontends.jax.parameters import read, reads
from absnormal.frontends.jax.primitives import MASKS, RULES

from .jax_functions import ALL, scalar
from .precision import double as double

TABLES = {"RULES": RULES, "MASKS": MASKS, "CONTROL": CONTROL}

#: Primitives that are run, with whatever parameters they have, on the numbers of the entries.
RUN_AS_THEY_ARE = {"rev", "tile", "split", "gather", "dynamic_slice", "dynamic_update_slice"}


@pytest.mark.parametrize("table", TABLES)
def test_every_rule_refuses_a_parameter_that_it_does_not_know(table: str) -> None:
    for name, rule in TABLES[table].items():
        known = reads(rule)
        if known is None:
            assert name in RUN_AS_THEY_ARE or (table == "MASKS" and name in RULES), name
            continue
        params: dict[str, Any] = dict.fromkeys(known[0], 1)
        assert read(rule, name, {**params, "new": None, "empty": (), "off": False}, ("f", None)) == params
        for value in (True, 0, 1.0, "x", (0,)):
            with pytest.raises(an.TraceError, match=f"the parameter unheard_of = .* of {name} is not supported"):
                read(rule, name, {**params, "unheard_of": value}, ("f", None))
        if known[0] - known[1]:
            with pytest.raises(an.TraceError, match="has no parameter"):
                read(rule, name, {}, ("f", None))


def equations(jaxpr: Any) -> Iterator[Any]:
    for eqn in jaxpr.eqns:
        yield eqn
        for value in jax.tree.leaves(list(eqn.params.values()), is_leaf=lambda leaf: hasattr(leaf, "jaxpr")):
            if hasattr(value, "jaxpr"):
                yield from equations(value.jaxpr)


def test_every_parameter_of_the_installed_version_is_known() -> None:
    seen = set()
    for function in ALL.values():
        for eqn in equations(jax.make_jaxpr(scalar(function))(jnp.ones(3)).jaxpr):
            for table in TABLES.values():
                name = eqn.primitive.name
                if name in table:
                    read(table[name], name, eqn.params, (name, None))
                    seen.add(name)
    assert len(seen) > 60


X = np.arange(1.0, 61.0).reshape(3, 4, 5)


@pytest.mark.slow
@pytest.mark.parametrize("f", [
    lambda x: lax.reshape(x, (3, 20), dimensions=(2, 1, 0)),
    lambda x: lax.reshape(x, (60,), dimensions=(1, 2, 0)),
    jax.jit(lambda x: lax.reshape(x, (5, 12), dimensions=(2, 0, 1))),
    lambda x: jax.vmap(lambda y: lax.reshape(y, (20,), dimensions=(1, 0)))(x),
    lambda x: jnp.where(lax.reshape(x > 0, (3, 20), dimensions=(2, 1, 0)), x.reshape(3, 20), 0),
    lambda x: jnp.ravel(x, order="F"),
    lambda x: lax.cumsum(x, 1, reverse=True),
    lambda x: lax.sort(x, dimension=0),
    lambda x: lax.slice(x, (0, 1, 0), (3, 4, 5), (2, 1, 3)),
    lambda x: lax.top_k(x, 2, axis=0)[0],
], ids=["dimensions", "flat", "compiled", "batched", "of a mask", "by columns", "reverse",
    "dimension", "strides", "axis"])  # fmt: skip
@pytest.mark.parametrize("precise", [False, True], ids=["float32", "float64"])
def test_parameters_are_read(f: Any, precise: bool) -> None:
    with jax.enable_x64(precise):
        def g(x: Any) -> Any:
            y = f(x)
            return jnp.sum(y * jnp.linspace(0.3, 1.0, y.size, dtype=x.dtype).reshape(y.shape))

        x = jnp.asarray(X, float)
        report = an.verify(g, x)
        assert report.verdict is an.Verdict.CLARKE
        assert report.program(X) == pytest.approx(float(g(x)), rel=1e-5)


@pytest.mark.parametrize(("f", "words"), [
    (lambda x: x.at[0].apply(jnp.sin).sum(), "update_jaxpr"),
    (lambda x: lax.exp(x, accuracy=lax.AccuracyMode.HIGHEST).sum(), "accuracy"),
], ids=["apply", "accuracy"])  # fmt: skip
def test_other_parameters_are_refused_by_name(f: Any, words: str) -> None:
    with pytest.raises(an.TraceError, match=rf"test_jax_parameters\.py:\d+: the parameter {words} = .*Fix: "):
        an.verify(f, jnp.ones(3))


# -- functions of JAX's that are one operation ---------------------------------------------------------------


@pytest.mark.parametrize("f", [
    lambda x: jnp.logaddexp(x, -x),
    lambda x: jnp.logaddexp2(x, 2 * x),
    lambda x: jax.vmap(lambda y: jnp.logaddexp(y, 0.0))(x),
    jax.jit(lambda x: jnp.logaddexp(x[0], x[1])),
    nn.softplus,
    nn.log_sigmoid,
    jnp.sinc,
], ids=["logaddexp", "logaddexp2", "vmap", "jit", "softplus", "log_sigmoid", "sinc"])  # fmt: skip
@pytest.mark.parametrize("point", [[0.0, 0.0], [0.5, 0.5], [-3.0, 2.0]], ids=str)
def test_smooth_functions_have_no_switch(f: Any, point: list[float], double: None) -> None:
    report = an.verify(lambda x: jnp.sum(f(x)), jnp.array(point))
    assert report.verdict is an.Verdict.CLARKE and report.method == "smooth"
    assert report.program.s == 0 and report.notes == ()


def test_a_function_of_the_same_name_is_another_one(double: None) -> None:
    @jax.jit
    def logaddexp(x: Any, y: Any) -> Any:
        return jnp.maximum(x, y)

    assert an.verify(lambda x: logaddexp(x[0], x[1]), jnp.zeros(2)).program.s == 1
