"""Are complex numbers in JAX functions of real variables followed as pairs, at ties and off them?"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import absnormal as an

_RNG = np.random.default_rng(0)
_LINE, _IMAGE, _PAIRS = _RNG.standard_normal(8), _RNG.standard_normal((4, 6)), _RNG.standard_normal((3, 3, 2))
fft, lax = jnp.fft, jax.lax


def _z(x: Any) -> Any:
    return lax.complex(x[:4], x[4:])


def _m(a: Any) -> Any:
    return lax.complex(a[..., 0], a[..., 1])


def _told(z: Any) -> Any:
    """One number that tells all entries and their parts apart."""
    return jnp.sum(z.real * jnp.cos(jnp.arange(z.size)).reshape(z.shape) + z.imag**3)


def _square(a: Any) -> Any:
    return _m(a) @ _m(a).conj().T


_ENTRYWISE = (
    "log", "sqrt", "sin", "cos", "tan", "sinh", "cosh", "tanh", "square", "expm1", "log1p", "reciprocal", "cumsum",
    "prod", "conj", "exp", "flip", "var", "std",
)  # fmt: skip

CASES: dict[str, tuple[Callable[[Any], Any], Any]] = {
    **{name: (lambda x, name=name: _told(getattr(jnp, name)(_z(x))), _LINE) for name in _ENTRYWISE},
    "sizes of a transform": (lambda x: jnp.abs(fft.rfft(x)).sum(), _LINE),
    "a transform": (lambda x: _told(fft.fft(x)), _LINE),
    "back": (lambda x: (fft.irfft(fft.rfft(x) * (1 + 2j), 7, norm="ortho") ** 3).sum(), _LINE),
    "two axes": (lambda x: _told(fft.ifft2(fft.fft2(x, norm="ortho") * (1 + 2j))), _IMAGE),
    "half of two axes": (lambda x: _told(fft.rfft2(x)), _IMAGE),
    "back from half of two axes": (lambda x: (fft.irfft2(fft.rfft2(x) * 1j, (5, 7)) ** 3).sum(), _IMAGE),
    "of Hermitian lines": (lambda x: (fft.hfft(_z(x)) ** 3).sum() + _told(fft.ihfft(x)), _LINE),
    "windows": (lambda x: jnp.abs(jax.scipy.signal.stft(jnp.tile(x, 4), nperseg=8)[2]).sum(), _LINE),
    "norm": (lambda x: jnp.linalg.norm(_z(x)), _LINE), "angle": (lambda x: jnp.angle(_z(x)).sum(), _LINE),
    "direction of one": (lambda x: jnp.vdot(_z(x), _z(x) * 1j + 2).imag, _LINE),
    "products": (lambda x: _told(fft.fft(x) @ fft.fft(x).conj().T), _IMAGE),
    "convolution": (lambda x: _told(jnp.convolve(_z(x), _z(x[::-1]))), _LINE),
    "quotient": (lambda x: _told(fft.rfft(x) / (2 - 1j * fft.rfft(x))), _LINE),
    "powers": (lambda x: _told(_z(x) ** _z(x[::-1])) + _told(_z(x) ** 3) + _told(2.0 ** _z(x)), _LINE),
    "other powers": (lambda x: _told(_z(x) ** 0.5) + _told(_z(x) ** -2) + _told(lax.rsqrt(_z(x))), _LINE),
    "entries": (lambda x: _told(jnp.zeros(4, _z(x).dtype).at[jnp.array([0, 0, 2])].add(_z(x)[:3])), _LINE),
    "choice": (lambda x: _told(jnp.where(x[:4] > 0, _z(x), _z(x).conj())), _LINE),
    "stacked": (lambda x: _told(jnp.stack([_z(x), x[:4]])) + _told(jnp.pad(_z(x), 2)), _LINE),
    "steps": (lambda x: _told(lax.scan(lambda c, z: (c * z + 1, c), 1 + 0j, _z(x))[1]), _LINE),
    "rounds": (lambda x: _told(lax.fori_loop(0, 3, lambda i, z: z * z * 0.3, _z(x))), _LINE),
    "branch": (lambda x: _told(lax.cond(x[0] > 0, lambda z: z * 2, lambda z: z.conj(), _z(x))), _LINE),
    "comparison": (lambda x: jnp.where(_z(x) == 1j, 0.0, jnp.abs(_z(x))).sum(), _LINE),
    "NaN": (lambda x: jnp.where(jnp.isnan(_z(x)), 0.0, jnp.abs(_z(x))).sum(), _LINE),
    "determinant": (lambda a: _told(jnp.linalg.det(_m(a))), _PAIRS),
    "solution": (lambda a: _told(jnp.linalg.solve(_m(a), jnp.ones(3))), _PAIRS),
    "eigenvalues": (lambda a: _told(jnp.linalg.eigvalsh(_square(a))), _PAIRS),
    "singular values": (lambda a: _told(jnp.linalg.svdvals(_m(a))), _PAIRS),
    "factor": (lambda a: _told(jnp.linalg.cholesky(_square(a))), _PAIRS),
}  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("name", CASES)
def test_the_gradient_is_that_of_jax_and_the_program_is_the_function(name: str) -> None:
    f, plain = CASES[name]
    with jax.enable_x64(True):
        x = jnp.asarray(plain)
        program, report = an.trace(f, x), an.verify(f, x)
        assert report.verdict is an.Verdict.CLARKE
        np.testing.assert_allclose(report.clarke_gradient, jax.grad(f)(x), rtol=1e-9, atol=1e-9)
        moved = x + 1e-5 * jnp.asarray(np.random.default_rng(1).standard_normal(x.shape))
        assert np.isclose(float(program(np.asarray(moved))), float(f(moved)), rtol=1e-9)


TIED: dict[str, tuple[Callable[[Any], Any], Any]] = {
    "sizes": (lambda x: jnp.abs(fft.rfft(x)).sum(), np.ones(8)),
    "sizes of nothing": (lambda x: jnp.abs(fft.rfft(x)).sum(), np.zeros(8)),
    "relu": (lambda x: _told(fft.fft(jax.nn.relu(x))), np.zeros(8)),
    "choice": (lambda x: _told(jnp.where(x > 0, x * 1j, 0j)), np.zeros(8)),
    "branch": (lambda x: _told(lax.cond(x[0] > 0, lambda x: x[0] * 1j, lambda x: 0j, x)), np.zeros(8)),
}


@pytest.mark.parametrize("name", TIED)
@pytest.mark.parametrize("double", [True, False])
def test_kinks_around_complex_numbers_are_judged(name: str, double: bool) -> None:
    f, plain = TIED[name]
    with jax.enable_x64(double):
        x = jnp.asarray(plain)
        report = an.verify(f, x)
        assert report.verdict is an.Verdict.CLARKE
        np.testing.assert_allclose(report.gradient, jax.grad(f)(x), atol=1e-6)
        np.testing.assert_allclose(report.clarke_gradient, jax.grad(f)(x), atol=1e-6)


def test_a_size_of_zero_is_a_norm() -> None:
    report = an.verify(lambda x: x[0] - jnp.abs(lax.complex(x[0], x[1])), jnp.zeros(2))
    assert report.verdict is an.Verdict.CLARKE and report.active[0].operation == "jnp.abs"
    outside = an.verify(lambda x: jnp.abs(lax.complex(x[0], x[1])), jnp.zeros(2), gradient=[0.8, 0.8])
    assert outside.verdict is an.Verdict.NOT_CLARKE


def test_the_direction_of_a_complex_number_has_a_derivative_that_jax_takes_for_0() -> None:
    report = an.verify(lambda x: _told(jnp.sign(_z(x))), jnp.asarray(_LINE))
    assert report.verdict is an.Verdict.NOT_CLARKE and not np.any(report.gradient)


REFUSED: dict[str, tuple[Callable[[Any], Any], Any, str]] = {
    "sign": (lambda x: _told(jnp.sign(_z(x))), np.zeros(8), "jumps where a number is 0"),
    "logarithm": (lambda x: _told(jnp.log(-jnp.abs(x[:4]) + 0j * x[4:])), _LINE, "continuously differentiable"),
    "vectors": (lambda a: _told(jnp.linalg.eigh(_square(a))[1]), _PAIRS, "phases are not unique"),
    "factors": (lambda a: _told(jax.scipy.linalg.lu(_m(a))[2]), _PAIRS, "not supported for complex numbers"),
    "order": (lambda x: _told(jnp.sort(_z(x))), _LINE, "not supported for complex numbers"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_not_followed_is_refused_by_name(name: str) -> None:
    f, x, said = REFUSED[name]
    with pytest.raises(an.TraceError, match=said):
        an.verify(f, jnp.asarray(x))
