"""Is what JAX reads off the bit of a number's sign a comparison with 0?"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import absnormal as an

X = [0.7, -1.3, 2.5]
OFF: dict[str, Callable[[Any], Any]] = {
    "gamma": lambda x: jax.scipy.special.gamma(x).sum(), "beta": lambda x: jax.scipy.special.beta(x**2, 1 + x**2).sum(),
    "copysign": lambda x: jnp.copysign(x**2, x).sum(), "of another": lambda x: jnp.copysign(x, x[::-1]).sum(),
    "signbit": lambda x: jnp.where(jnp.signbit(x), x, 2 * x).sum(),
    "compiled": jax.jit(lambda x: jnp.copysign(2.0, x) @ x),
}  # fmt: skip
#: What meets at 0: |x|, x, x |x|.
TIED: dict[str, Callable[[Any], Any]] = {
    "a modulus": lambda x: (x * jnp.copysign(1.0, x)).sum(), "itself": lambda x: jnp.copysign(x, x).sum(),
    "a branch": lambda x: jnp.where(jnp.signbit(x), -x, x * x).sum(), "smooth": lambda x: jnp.copysign(x * x, x).sum(),
}


@pytest.fixture(autouse=True)
def double() -> Any:
    with jax.enable_x64(True):
        yield


@pytest.mark.parametrize("name", OFF)
def test_off_0_it_is_constant(name: str) -> None:
    report = an.verify(OFF[name], jnp.asarray(X))
    assert report.verdict is an.Verdict.CLARKE
    np.testing.assert_allclose(report.gradient, jax.grad(OFF[name])(jnp.asarray(X)), rtol=1e-12)


@pytest.mark.parametrize("name", TIED)
def test_where_both_sides_meet_it_is_a_kink(name: str) -> None:
    x = jnp.asarray([0.0, -1.0, 2.0])
    report = an.verify(TIED[name], x)
    slopes = [(TIED[name](x.at[0].set(h)) - TIED[name](x)) / h for h in (-1e-7, 1e-7)]
    given = float(jax.grad(TIED[name])(x)[0])
    right = min(slopes) - 1e-6 <= given <= max(slopes) + 1e-6
    assert report.verdict is (an.Verdict.CLARKE if right else an.Verdict.NOT_CLARKE)
    assert min(slopes) - 1e-6 <= float(report.clarke_gradient[0]) <= max(slopes) + 1e-6


@pytest.mark.parametrize("zero", [0.0, -0.0])
def test_a_jump_is_refused(zero: float) -> None:
    with pytest.raises(an.TraceError):
        an.verify(lambda x: jnp.copysign(1.0 + x**2, x).sum(), jnp.asarray([zero, 1.0]))
