"""Is arctan2 of a constant 0 what it is: constant on either side of 0, with a jump at it?"""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import torch

import absnormal as an

X = np.array([-2.0, 3.0, -0.5])


def power(lib: Any, u: Any) -> Any:
    """The real part of u ** 0.3, as losses of pictures write it."""
    return (lib.cos(0.3 * lib.arctan2(lib.zeros_like(u), u)) * lib.abs(u) ** 0.3).sum()


def test_it_is_followed_on_both_sides_in_all_front_ends() -> None:
    expected = 0.3 * np.abs(X) ** -0.7 * np.sign(X) * np.where(X < 0, np.cos(0.3 * np.pi), 1.0)
    for lib, x, close in ((np, X, 1e-12), (torch, torch.tensor(X), 1e-12), (jnp, jnp.array(X), 1e-5)):
        report = an.verify(lambda u, lib=lib: power(lib, u), x)
        assert report.verdict is an.Verdict.CLARKE and report.method == "smooth"
        np.testing.assert_allclose(report.clarke_gradient, expected, rtol=close)
    leaf = torch.tensor(X, requires_grad=True)
    np.testing.assert_allclose(torch.autograd.grad(power(torch, leaf), leaf)[0], expected, rtol=1e-12)
    np.testing.assert_allclose(jax.grad(lambda u: power(jnp, u))(jnp.array(X)), expected, rtol=1e-5)


def test_the_sign_of_the_zero_counts_and_a_program_ends_where_the_angle_jumps() -> None:
    program = an.trace(lambda u: np.arctan2(-0.0 * np.ones((2, 1)), u).sum(), X)
    assert program(X) == pytest.approx(-4 * np.pi) and program(1.5 * X) == pytest.approx(-4 * np.pi)
    with pytest.raises(an.GuardError):
        program(-X)


@pytest.mark.parametrize("first", [np.zeros_like, lambda u: 0 * u, lambda u: u - u.max()])
def test_it_is_refused_at_the_jump_and_for_zeros_that_are_computed(first: Any) -> None:
    with pytest.raises(an.TraceError, match="arctan2"):
        an.verify(lambda u: np.arctan2(first(u), u).sum(), np.array([0.0, -1.0]) if first is np.zeros_like else -X**2)
