"""Are functions followed under whatever name f has them, and are transforms and convolutions right?"""

from __future__ import annotations

import functools
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import scipy.linalg
import scipy.signal
import scipy.special

import absnormal as an

_RANDOM = np.random.default_rng(0)
_IMAGE, _LINE, _ROOT = _RANDOM.standard_normal((4, 6)), _RANDOM.standard_normal(9), _RANDOM.standard_normal((3, 3))
_DEFINITE = _ROOT @ _ROOT.T + np.eye(3)


def _told(z: Any) -> Any:
    """One number that tells all entries and their parts apart."""
    return (np.real(z) * np.cos(np.arange(z.size)).reshape(z.shape)).sum() + (np.imag(z) ** 2).sum()


def _differences(f: Callable[[Any], Any], x: Any) -> Any:
    units = 1e-6 * np.eye(x.size).reshape(x.size, *x.shape)
    return np.reshape([(f(x + unit) - f(x - unit)) / 2e-6 for unit in units], x.shape)


def _bound() -> dict[str, Callable[[Any], Any]]:
    """Functions that keep others in a closure."""
    cholesky, logsumexp, zeros = scipy.linalg.cholesky, scipy.special.logsumexp, np.zeros

    def inner(a: Any) -> Any:
        return _told(cholesky(a))

    def filled(a: Any) -> Any:
        y = zeros(3)
        y[0] = a[0, 0]
        return y.sum()

    return {
        "factor": lambda a: _told(cholesky(a)), "a function of a function": lambda a: 2 * inner(a), "zeros": filled,
        "partial": functools.partial(lambda f, a: f(a), inner), "logsumexp": lambda a: 2 * logsumexp(a),
        "itself": scipy.special.logsumexp,
    }  # fmt: skip


@pytest.mark.parametrize("name", _bound())
def test_functions_that_are_bound_before_the_trace_are_followed(name: str) -> None:
    originals = scipy.linalg.cholesky, scipy.special.logsumexp, np.zeros
    f = _bound()[name]
    np.testing.assert_allclose(an.gradient(f, _DEFINITE), _differences(f, _DEFINITE), rtol=1e-6, atol=1e-6)
    cells = [cell.cell_contents for cell in getattr(f, "__closure__", None) or ()]
    assert all(item in originals for item in cells if not hasattr(item, "__closure__") or item.__closure__ is None)


@pytest.mark.parametrize("name", ["fft2", "ifft2", "fftn", "ifftn", "rfft2", "rfftn"])
def test_transforms_along_several_axes(name: str) -> None:
    transform = getattr(np.fft, name)
    given: list[dict[str, Any]] = [{}, {"s": (3, 5), "axes": (0, 1)}, {"axes": (1, 0), "norm": "ortho"}]
    for options in given:
        def f(x: Any, options: dict[str, Any] = options) -> Any:
            return _told(transform(x, **options))

        np.testing.assert_allclose(an.gradient(f, _IMAGE), _differences(f, _IMAGE), rtol=1e-5, atol=1e-5)


BACK: dict[str, Callable[[Any], Any]] = {
    "irfft2": lambda x: _told(np.fft.irfft2(np.fft.rfft2(x) * 1j)),
    "irfftn": lambda x: _told(np.fft.irfftn(np.fft.fftn(x), (4, 5), (0, 1))),
    "angles": lambda x: (x * np.angle(x)).sum() + np.angle(x, deg=True).sum() + np.real_if_close(x).sum(),
    "no complex entry": lambda x: x.sum() + x[np.iscomplex(x)].sum(),
}


@pytest.mark.parametrize("name", BACK)
def test_transforms_back_and_parts_of_real_numbers(name: str) -> None:
    np.testing.assert_allclose(an.gradient(BACK[name], _IMAGE), _differences(BACK[name], _IMAGE), rtol=1e-5, atol=1e-5)


def test_eigenvectors_have_the_signs_of_the_half_that_is_read() -> None:
    for half in ("L", "U"):
        def f(a: Any, half: Any = half) -> Any:
            return _told(np.linalg.eigh(a, half)[1])

        a = _DEFINITE + np.triu(_DEFINITE)
        np.testing.assert_allclose(an.gradient(f, a), _differences(f, a), rtol=1e-5, atol=1e-5)


BILINEAR: dict[str, Callable[[Any], Any]] = {
    **{f"{name} {mode}": (lambda x, name=name, mode=mode: _told(getattr(scipy.signal, name)(x[:6], x[6:], mode)))
       for name in ("convolve", "correlate", "fftconvolve") for mode in ("full", "same", "valid")},
    "with itself": lambda x: _told(scipy.signal.convolve(x, x)),
    "of images": lambda x: _told(scipy.signal.convolve2d(x.reshape(3, 3)[:2], x.reshape(3, 3)[1:])),
    "a filter of variables": lambda x: _told(scipy.signal.lfilter(x[:2], [1.0, 0.5], x[2:])),
}


@pytest.mark.parametrize("name", BILINEAR)
def test_what_is_linear_in_each_of_two_variables(name: str) -> None:
    f = BILINEAR[name]
    np.testing.assert_allclose(an.gradient(f, _LINE), _differences(f, _LINE), rtol=1e-6, atol=1e-6)


def test_what_is_not_linear_in_two_variables_is_refused() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with pytest.raises(an.TraceError, match="linear in both"):
            an.gradient(lambda x: _told(scipy.linalg.hankel(x[:3], x[3:6])), _LINE)


OUT: dict[str, Callable[[Any, Any], Any]] = {
    "mean": lambda x, out: np.mean(x, None, None, out), "outer": lambda x, out: np.outer(x, x, out),
    "around": lambda x, out: np.around(x, 1, out) + x, "sum": lambda x, out: np.sum(x, 0, None, out),
    "add": lambda x, out: np.add(x, 1, out), "by name": lambda x, out: np.mean(x, out=out),
}  # fmt: skip


@pytest.mark.parametrize("name", OUT)
def test_results_are_written_where_out_says_by_position_too(name: str) -> None:
    shapes: dict[str, Any] = {"mean": (), "by name": (), "sum": (), "outer": (9, 9)}

    def f(x: Any) -> Any:
        out = np.zeros(shapes.get(name, (9,)))
        made = OUT[name](x, out)
        return _told(out) + _told(made)

    np.testing.assert_allclose(an.gradient(f, _LINE), _differences(f, _LINE), rtol=1e-6, atol=1e-6)


class _Series:
    """What pandas' Series does beside an array: it leaves the operator to what has a higher priority."""

    __pandas_priority__ = 3000
    values = np.array([1.0, 2.0, 3.0])

    def __mul__(self, other: Any) -> Any:
        if getattr(other, "__pandas_priority__", 0) > self.__pandas_priority__:
            return NotImplemented
        return self.values * np.asarray(other)

    def __array__(self, dtype: Any = None, copy: Any = None) -> Any:
        return self.values


def test_a_series_of_pandas_on_the_left_is_a_constant() -> None:
    report = an.verify(lambda x: np.sum(_Series() * np.abs(x)), np.array([1.0, -2.0, 0.0]))
    assert report.verdict is an.Verdict.CLARKE
    np.testing.assert_array_equal(report.clarke_gradient, [1.0, -2.0, 0.0])


def test_names_of_entries_and_views_of_memory_are_refused_for_what_they_are() -> None:
    with pytest.raises(an.TraceError, match="entry 'a' of an array"):
        an.gradient(lambda x: x["a"], _LINE)
    with pytest.raises(an.TraceError, match="looks at memory"):
        an.gradient(lambda x: np.lib.stride_tricks.as_strided(x, (2, 2), (8, 8)).sum(), _LINE)
