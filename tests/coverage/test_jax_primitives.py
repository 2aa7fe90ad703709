"""Is the table of JAX's differentiable primitives true? JAX's own tables of derivative rules are asked."""

from __future__ import annotations

from typing import Any

import jax
import jax.experimental.sparse
import jax.numpy as jnp
import numpy as np
import pytest
from jax.interpreters import ad

import absnormal as an
from absnormal.frontends.jax import derivatives
from absnormal.frontends.jax.algebra import ALGEBRA
from absnormal.frontends.jax.complex_numbers import MADE
from absnormal.frontends.jax.complex_rules import RULES as COMPLEX
from absnormal.frontends.jax.control import CONTROL
from absnormal.frontends.jax.devices import COLLECTIVES
from absnormal.frontends.jax.primitives import MASKS, RULES
from absnormal.frontends.jax.refused import REFUSED
from tests.coverage import jax_primitives as table

STATES = (table.FOLLOWED, table.OPAQUE, table.CONTROL, table.ONE_DEVICE, table.IMPLEMENTED, table.REFUSED)
X = jnp.array([0.5, -1.25, 2.0])


def of_jax() -> set[str]:
    """The primitives for which JAX itself has a derivative rule; equinox and others register their own."""
    rules = [*ad.primitive_transposes.items(), *ad.primitive_jvps.items()]
    return {item.name for item, rule in rules if all(derivatives.of_jax(code.co_filename)
                                                     for code in derivatives.codes(rule))}


def test_every_differentiable_primitive_is_in_the_table_once() -> None:
    listed = [name for state in STATES for name in state]
    assert len(listed) == len(set(listed))
    assert of_jax() <= set(listed), sorted(of_jax() - set(listed))


def test_the_table_is_what_the_front_end_has() -> None:
    assert set(table.FOLLOWED) <= set(RULES) | set(MASKS) | set(COMPLEX) | set(MADE)
    assert set(table.OPAQUE) == set(ALGEBRA) | {"custom_linear_solve"}
    assert set(table.CONTROL) < set(CONTROL) and set(table.ONE_DEVICE) < COLLECTIVES
    assert set(table.REFUSED) == set(REFUSED)
    assert not set(table.IMPLEMENTED) & (set(RULES) | set(MASKS) | set(CONTROL) | set(REFUSED))


#: Calls of primitives that are refused, and what is said.
CALLS: dict[str, Any] = {
    "eig": lambda x: jnp.sum(jnp.abs(jnp.linalg.eig(jnp.outer(x, x + 1))[0])),
    "pure_callback": lambda x: jnp.sum(jax.pure_callback(lambda v: v, jax.ShapeDtypeStruct(x.shape, x.dtype), x)),
    "bitcast_convert_type": lambda x: jnp.sum(jax.lax.bitcast_convert_type(x, jnp.int32) * 1.0),
    "approx_top_k": lambda x: jnp.sum(jax.lax.approx_max_k(x, 2)[0]),
    "random_gamma": lambda x: jnp.sum(jax.random.gamma(jax.random.key(0), jnp.abs(x))),
}


@pytest.mark.parametrize("name", sorted(CALLS))
def test_what_is_refused_is_refused_by_name(name: str) -> None:
    with pytest.raises(an.TraceError) as caught:
        an.trace(CALLS[name], X)
    problem, fix = REFUSED[name]
    assert problem in str(caught.value) and fix in str(caught.value)


@pytest.mark.slow
def test_sparse_matrices_are_followed_through_their_implementation() -> None:
    sparse = jax.experimental.sparse
    dense = jnp.array([[1.0, 0.0, 2.0], [0.0, 3.0, 0.0]])
    for kind in (sparse.BCOO, sparse.BCSR, sparse.COO, sparse.CSR):
        matrix = kind.fromdense(dense)
        report = an.verify(lambda x, matrix=matrix: jnp.sum(jnp.abs(matrix @ x)), jnp.array([2.0, 0.0, -1.0]))
        assert report.verdict is an.Verdict.CLARKE
        assert report.clarke_gradient.shape == (3,)
    held = sparse.BCOO.fromdense(dense)

    def of_entries(entries: Any) -> Any:
        return jnp.sum(sparse.BCOO((entries, held.indices), shape=held.shape).todense() ** 2)

    np.testing.assert_allclose(an.verify(of_entries, held.data).clarke_gradient, 2 * held.data)
