"""Do an.jax.grad and value_and_grad take the place of JAX's, and does an.jax.verify judge jax.grad's own vector?"""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import absnormal as an


def identity(x: Any) -> Any:
    return jnp.sum(jax.nn.relu(x) - jax.nn.relu(-x))


def smooth(w: Any, data: Any, *, scale: float = 1.0) -> Any:
    return scale * jnp.sum(jnp.tanh(w["a"] * data["x"]) ** 2) + jnp.sum(w["b"])


W = {"a": jnp.array([0.3, -0.2]), "b": jnp.ones((2, 1))}
DATA = {"x": jnp.array([1.0, 2.0])}


def same(found: Any, expected: Any) -> bool:
    assert jax.tree.structure(found) == jax.tree.structure(expected)
    return all(np.allclose(a, b, rtol=1e-5) and a.dtype == b.dtype for a, b in zip(
        jax.tree.leaves(found), jax.tree.leaves(expected), strict=True))  # fmt: skip


@pytest.mark.parametrize("argnums", [0, 1, -1, (0, 1), (1, 0), (0,)])
def test_where_f_is_smooth_it_is_what_jax_returns(argnums: Any) -> None:
    found = an.jax.grad(smooth, argnums)(W, DATA, scale=3.0)
    assert same(found, jax.grad(smooth, argnums)(W, DATA, scale=3.0))
    value, found = an.jax.value_and_grad(jax.jit(smooth), argnums)(W, DATA)
    expected = jax.value_and_grad(smooth, argnums)(W, DATA)
    assert same((value, found), expected)


def test_what_f_returns_beside_the_number() -> None:
    def f(x: Any, label: str) -> Any:
        return identity(x), {label: x + 1}

    gradient, aux = an.jax.grad(f, has_aux=True)(jnp.zeros(2), "name")
    assert gradient.tolist() == [1.0, 1.0] and aux["name"].tolist() == [1.0, 1.0]
    (value, aux), gradient = an.jax.value_and_grad(f, has_aux=True)(jnp.zeros(2), "name")
    assert float(value) == 0.0 and list(aux) == ["name"] and gradient.tolist() == [1.0, 1.0]
    assert an.jax.verify(f, jnp.zeros(2), "name", has_aux=True).verdict is an.Verdict.NOT_CLARKE


def test_the_vector_that_is_judged_is_the_one_of_jax() -> None:
    def f(x: Any, y: Any) -> Any:
        return identity(x) * y[0] + jnp.abs(y[1])

    x, y = jnp.zeros(3), jnp.array([2.0, 0.0])
    for argnums, verdict in ((0, "NOT_CLARKE"), (1, "CLARKE"), ((1, 0), "NOT_CLARKE")):
        report = an.jax.verify(f, x, y, argnums=argnums)
        assert report.verdict.name == verdict and same(report.gradient, jax.grad(f, argnums)(x, y))
        right = an.jax.verify(f, x, y, argnums=argnums, gradient=an.jax.grad(f, argnums)(x, y))
        assert right.verdict is an.Verdict.CLARKE


def test_floats_and_numpy_arrays_are_taken_as_jax_takes_them() -> None:
    assert float(an.jax.grad(jnp.abs)(2.0)) == 1.0
    assert an.jax.grad(identity)(np.zeros(2, np.float32)).tolist() == [1.0, 1.0]
    assert an.jax.grad(jnp.tanh).__name__ == "tanh"


def test_what_cannot_be_done_is_said() -> None:
    certified = an.jax.grad(identity)
    for transformed in (jax.jit(certified), jax.vmap(certified), jax.grad(lambda x: certified(x).sum())):
        with pytest.raises(an.TraceError, match=r"under a transform of JAX.*outside of jax\.jit"):
            transformed(jnp.zeros((2, 2)))
    with pytest.raises(ValueError, match="argnums must name some of the 1 positional arguments, got 1"):
        an.jax.verify(identity, jnp.zeros(2), argnums=1)
    with pytest.raises(ValueError, match=r"must return one number, as for jax\.grad, got an array of shape \(2,\)"):
        an.jax.grad(jnp.abs)(jnp.zeros(2))
    with pytest.raises(ValueError, match="floating-point"):
        an.jax.grad(identity)(jnp.zeros(2, int))
