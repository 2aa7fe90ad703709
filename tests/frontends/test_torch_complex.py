"""Are complex numbers in losses of real parameters followed as pairs: transforms, views of parts, conjugates?"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

import absnormal as an

_RNG = np.random.default_rng(0)
_LINE, _IMAGE = torch.tensor(_RNG.standard_normal(8)), torch.tensor(_RNG.standard_normal((4, 6)))
_WINDOW, _COUNT = torch.hann_window(8, dtype=torch.float64), torch.arange(8.0).double()
fft = torch.fft


def _overwritten(x: Any) -> Any:
    z = torch.view_as_complex(x.reshape(4, 2) * 1)
    z[0] = 1j
    z.mul_(2)
    return z.abs().square().sum() + (z * z).real.sum()


def _parts_set(x: Any) -> Any:
    z = torch.zeros(4, dtype=torch.complex128)
    z.real = x[:4]
    z.imag = x[4:]
    return (z * z).real.sum() + z.abs().sum()


def _views(x: Any) -> Any:
    """Views of one memory, some of which have the same shape and strides in numbers of other kinds."""
    z = torch.complex(x[:4].reshape(2, 2), x[4:].reshape(2, 2))
    row = torch.view_as_real(z[0])
    cubes = 3 * torch.view_as_real(z).pow(3).sum() + 5 * row.pow(3)[:, 1].sum()
    return (z * z).real.sum() + cubes + z.T.imag.pow(3)[0].sum()


_PAIRS = torch.tensor(_RNG.standard_normal((3, 3, 2)))


def _pair(x: Any) -> Any:
    return torch.complex(x[:4], x[4:])


def _matrix(a: Any) -> Any:
    return torch.complex(a[..., 0], a[..., 1])


def _told(z: Any) -> Any:
    """One number that tells all entries and their parts apart."""
    z = z + 0j
    return (z.real * torch.arange(z.numel()).reshape(z.shape).cos()).sum() + z.imag.pow(3).sum()


CASES: dict[str, tuple[Callable[[Any], Any], Any]] = {
    "abs": (lambda x: fft.rfft(x).abs().sum(), _LINE), "power": (lambda x: fft.rfft(x).abs().square().sum(), _LINE),
    "real part": (lambda x: (fft.fft(x).real * _COUNT).sum(), _LINE),
    "imaginary part": (lambda x: (fft.fft(x).imag * _COUNT).pow(3).sum(), _LINE),
    "shifted": (lambda y: fft.fftshift(fft.fft2(y)).abs().log().sum(), _IMAGE),
    "back": (lambda x: fft.irfft(fft.rfft(x) * _COUNT[:5]).pow(3).sum(), _LINE),
    "scaled": (lambda y: fft.ifft2(fft.fft2(y, norm="ortho") * (1 + 2j), norm="forward").imag.pow(3).sum(), _IMAGE),
    "stft": (lambda x: torch.stft(x.repeat(3), 8, return_complex=True, window=_WINDOW).abs().sum(), _LINE),
    "conjugate": (lambda x: (fft.fft(x) * fft.fft(x).conj()).real.sum(), _LINE),
    "conjugate part": (lambda x: fft.fft(x).conj().imag.pow(3).sum(), _LINE),
    "conjugate slice": (lambda y: (fft.fft(y).conj()[1:3] * fft.fft(y)[:2]).imag.sum(), _IMAGE),
    "adjoint": (lambda y: (fft.fft(y).mH @ fft.fft(y)).real.pow(2).sum(), _IMAGE),
    "joined": (lambda y: torch.cat([fft.fft(y).conj(), fft.fft(y)]).imag.pow(3)[:5].sum(), _IMAGE),
    "inner product": (lambda x: torch.vdot(fft.fft(x), 1j * fft.fft(x) + x).imag, _LINE),
    "a view at the end": (lambda x: fft.fft(x)[1].conj().imag, _LINE),
    "angle": (lambda x: fft.rfft(x)[1:-1].angle().sum(), _LINE),
    "polar": (lambda x: torch.polar(x[:4].exp(), x[4:]).real.sum(), _LINE),
    "quotient": (lambda x: (fft.rfft(x)[1:] / (2 - 1j * fft.rfft(x)[1:])).real.sum(), _LINE),
    "reciprocal": (lambda x: (1 / torch.complex(x[:4], x[4:])).real.sum(), _LINE),
    "exponential": (lambda x: torch.exp(1j * x).real.sum(), _LINE),
    **{name: (lambda x, name=name: _told(getattr(torch, name)(_pair(x))), _LINE) for name in (
        "log", "sqrt", "sin", "cos", "tan", "sinh", "cosh", "tanh", "square", "prod", "sgn", "sigmoid")},
    "powers": (lambda x: _told(_pair(x) ** 3) + _told(_pair(x) ** 0.5) + _told(_pair(x) ** _pair(x.flip(0))), _LINE),
    "inverse": (lambda a: _told(torch.linalg.inv(_matrix(a))), _PAIRS),
    "determinants": (lambda a: _told(torch.linalg.det(_matrix(a))) + torch.linalg.slogdet(_matrix(a))[1], _PAIRS),
    "solution": (lambda a: _told(torch.linalg.solve(_matrix(a), _matrix(a)[:, 0] * 1j)), _PAIRS),
    "eigenvalues": (lambda a: _told(torch.linalg.eigvalsh(_matrix(a) @ _matrix(a).mH)), _PAIRS),
    "singular values": (lambda a: _told(torch.linalg.svdvals(_matrix(a))), _PAIRS),
    "factor": (lambda a: _told(torch.linalg.cholesky(_matrix(a) @ _matrix(a).mH)), _PAIRS),
    "exponential of a matrix": (lambda a: _told(torch.matrix_exp(_matrix(a))), _PAIRS),
    "overwritten": (_overwritten, _LINE), "parts set": (_parts_set, _LINE), "views": (_views, _LINE),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_the_gradient_is_torch_s_and_the_program_is_the_function(name: str) -> None:
    f, x = CASES[name]
    report = an.verify(f, x)
    assert report.verdict is an.Verdict.CLARKE and report.deviation < 1e-10
    program, moved = an.trace(f, x), x + 1e-5 * torch.tensor(np.random.default_rng(1).standard_normal(x.shape))
    assert np.isclose(float(program(moved.numpy())), float(f(moved)), rtol=1e-9)


def test_an_absolute_value_of_zero_is_a_norm_with_the_slope_of_torch() -> None:
    for x in (torch.zeros(8).double(), torch.ones(8).double(), torch.ones(8)):
        report = an.verify(lambda x: fft.rfft(x).abs().sum(), x)
        assert report.verdict is an.Verdict.CLARKE
        assert report.active[0].operation == "torch.abs"
    minus = an.verify(lambda x: x.sum() - fft.rfft(x).abs().sum(), torch.zeros(8).double())
    assert minus.verdict is not an.Verdict.NOT_CLARKE


def test_what_is_not_smooth_is_refused() -> None:
    with pytest.raises(an.TraceError, match=r"angle.* continuously differentiable"):
        an.verify(lambda x: torch.complex(x[:1], x[1:]).angle().sum(), torch.tensor([-1.0, 0.0]).double())
    with pytest.raises(an.TraceError, match=r"sgn .* jumps where a number is 0"):
        an.verify(lambda x: torch.complex(x[:1], x[1:]).sgn().real.sum(), torch.tensor([0.0, 0.0]).double())
    with pytest.raises(an.TraceError, match=r"eigh .*number 2 is used"):
        an.verify(lambda a: _told(torch.linalg.eigh(_matrix(a) @ _matrix(a).mH)[1].abs()), _PAIRS)
    with pytest.raises(an.TraceError, match="asinh on complex numbers"):
        an.verify(lambda x: _told(_pair(x).asinh()), _LINE)


def test_phases_that_are_held_are_constants_of_other_points() -> None:
    def f(x: Any) -> Any:
        z = fft.rfft(x)[1:-1]
        return (z.abs() * z.detach().angle()).sum()

    report = an.verify(f, _LINE)
    assert report.verdict is an.Verdict.CLARKE
    with pytest.raises(an.GuardError):
        an.trace(f, _LINE)(_LINE.numpy() + 0.1)
