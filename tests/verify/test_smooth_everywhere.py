"""Functions without a kink, at all magnitudes and in each precision: whatever rounding does, none is NOT_CLARKE."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import mpmath
import numpy as np
import pytest
import scipy.special
import torch
import torch.nn.functional as F

import absnormal as an

PRECISIONS = (torch.float64, torch.float32, torch.float16, torch.bfloat16)
ALL = (1e-30, 1e-10, 1e-4, 0.1, 0.9, 1.0, 1.0000001, 3.0, 16.0, 88.0, 500.0, 1e5, 1e20)
WHOLE = (*(-x for x in ALL), *ALL)
UNIT = tuple(sign * x for x in (1e-30, 1e-8, 0.1, 0.5, 0.999, 0.9999999, 1 - 2.0**-50) for sign in (1, -1))

#: Smooth functions of torch, and where they are tried.
UNARY: dict[str, tuple[Callable[[Any], Any], tuple[float, ...]]] = {
    "sin": (torch.sin, WHOLE), "cos": (torch.cos, WHOLE), "tan": (torch.tan, WHOLE), "atan": (torch.atan, WHOLE),
    "sinh": (torch.sinh, WHOLE), "cosh": (torch.cosh, WHOLE), "tanh": (torch.tanh, WHOLE),
    "asinh": (torch.asinh, WHOLE), "exp": (torch.exp, WHOLE), "exp2": (torch.exp2, WHOLE),
    "expm1": (torch.expm1, WHOLE), "sigmoid": (torch.sigmoid, WHOLE), "logsigmoid": (F.logsigmoid, WHOLE),
    "softplus": (F.softplus, WHOLE), "silu": (F.silu, WHOLE), "gelu": (F.gelu, WHOLE), "mish": (F.mish, WHOLE),
    "tanh gelu": (lambda x: F.gelu(x, approximate="tanh"), WHOLE), "erf": (torch.erf, WHOLE),
    "erfc": (torch.erfc, WHOLE), "square": (torch.square, WHOLE), "cube": (lambda x: x**3, WHOLE),
    "sinc": (torch.sinc, WHOLE), "log": (torch.log, ALL), "log2": (torch.log2, ALL), "log10": (torch.log10, ALL),
    "log1p": (torch.log1p, ALL), "sqrt": (torch.sqrt, ALL), "rsqrt": (torch.rsqrt, ALL),
    "reciprocal": (torch.reciprocal, WHOLE), "power": (lambda x: x**1.5, ALL), "lgamma": (torch.lgamma, ALL),
    "asin": (torch.asin, UNIT), "acos": (torch.acos, UNIT), "atanh": (torch.atanh, UNIT),
    "acosh": (torch.acosh, (1.0000001, 1.001, 2.0, 1e5, 1e20)), "logit": (torch.logit, (1e-30, 1e-4, 0.5, 0.9999999)),
    "logaddexp": (lambda x: torch.logaddexp(x, -x), WHOLE), "atan2": (lambda x: torch.atan2(x, 1 + x * x), WHOLE),
    "log of a sum": (lambda x: torch.logsumexp(torch.cat([x, 2 * x, 1 - x]), 0), WHOLE),
    "softmax": (lambda x: torch.softmax(torch.cat([x, 2 * x, 1 - x]), 0)[1], WHOLE),
    "variance": (lambda x: torch.cat([x, x * 1.0000001, x * 0.9999999]).var(), WHOLE),
    "a difference": (lambda x: torch.exp(x) - torch.exp(x + 1e-7), (-3.0, 0.1, 3.0, 16.0)),
    "layer norm": (lambda x: F.layer_norm(torch.cat([x, 2 * x, x + 1]), (3,)).square().sum(), WHOLE),
}  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("name", UNARY)
def test_torch(name: str) -> None:
    f, points = UNARY[name]
    judged = 0
    for dtype in PRECISIONS:
        for x in points:
            at = torch.tensor([x], dtype=dtype)
            try:
                report = an.verify(lambda v: f(v).float().sum() if dtype in PRECISIONS[2:] else f(v).sum(), at)
            except an.AbsNormalError:
                # Infinite there, or at the end of the domain.
                continue
            judged += 1
            finite = np.isfinite(report.gradient.double().numpy()).all()
            assert report.verdict is not an.Verdict.NOT_CLARKE or not finite, (dtype, x, str(report))
    assert judged >= len(points)


#: Smooth functions of JAX whose formulas lose digits somewhere.
IN_JAX: dict[str, tuple[Callable[[Any], Any], tuple[float, ...]]] = {
    "tanh": (jnp.tanh, WHOLE), "expm1": (jnp.expm1, WHOLE), "logistic": (jax.nn.sigmoid, WHOLE),
    "log1p": (jnp.log1p, ALL), "softplus": (jax.nn.softplus, WHOLE), "atanh": (jnp.arctanh, UNIT),
    "reduce_precision": (lambda x: jax.lax.reduce_precision(x * x, 8, 7), WHOLE),
    "log of a sum": (lambda x: jax.lax.cumlogsumexp(jnp.concatenate([x, 2 * x])), WHOLE),
}  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("name", IN_JAX)
@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_jax(name: str, dtype: str) -> None:
    f, points = IN_JAX[name]
    judged = 0
    for x in points[::3]:
        try:
            report = an.verify(lambda v: jnp.sum(f(v).astype(jnp.float32)), jnp.array([x], dtype))
        except an.AbsNormalError:
            # Infinite there, or at the end of the domain.
            continue
        judged += 1
        finite = bool(jnp.isfinite(report.gradient).all())
        assert report.verdict is not an.Verdict.NOT_CLARKE or not finite, (x, str(report))
    assert judged > 2


#: The derivative of a NumPy function by arithmetic with 250 digits.
EXACT: dict[str, tuple[Callable[[Any], Any], Callable[[Any], Any], tuple[float, ...]]] = {
    "tanh": (np.tanh, lambda x: mpmath.sech(x) ** 2, WHOLE), "expit": (
        scipy.special.expit, lambda x: 1 / (mpmath.exp(x / 2) + mpmath.exp(-x / 2)) ** 2, WHOLE),
    "expm1": (np.expm1, mpmath.exp, WHOLE), "log1p": (np.log1p, lambda x: 1 / (1 + x), ALL),
    "arctanh": (np.arctanh, lambda x: 1 / ((1 - x) * (1 + x)), UNIT),
    "arccosh": (np.arccosh, lambda x: 1 / mpmath.sqrt((x - 1) * (x + 1)), (1.0000001, 2.0, 1e5)),
    "arcsin": (np.arcsin, lambda x: 1 / mpmath.sqrt((1 - x) * (1 + x)), UNIT),
    "sinc": (np.sinc, lambda x: (mpmath.cos(mpmath.pi * x) - mpmath.sinc(mpmath.pi * x)) / x, ALL[:8]),
    "sin": (np.sin, mpmath.cos, WHOLE), "tan": (np.tan, lambda x: mpmath.sec(x) ** 2, WHOLE),
    "arctan": (np.arctan, lambda x: 1 / (1 + x * x), WHOLE), "sqrt": (np.sqrt, lambda x: 1 / (2 * mpmath.sqrt(x)), ALL),
    "log by hand": (lambda x: np.log(1 + x), lambda x: 1 / (1 + x), ALL),
    "cosine by hand": (lambda x: 1 - np.cos(x), mpmath.sin, ALL), "a root by hand": (
        lambda x: np.sqrt(1 + x) - 1, lambda x: 1 / (2 * mpmath.sqrt(1 + x)), ALL),
    "an exponential by hand": (lambda x: (np.exp(x) - 1) / x, lambda x: (x * mpmath.exp(x) - mpmath.exp(x) + 1) / x**2,
        (1e-8, 1e-4, 0.1, 1.0, 3.0, 16.0)),
}  # fmt: skip


@pytest.mark.parametrize("name", EXACT)
def test_a_right_gradient_from_elsewhere(name: str) -> None:
    """Rounded once, from 250 digits: what our own formula loses at a point is no verdict about it."""
    f, derivative, points = EXACT[name]
    judged = 0
    with mpmath.workdps(250):
        for x in points:
            right = float(derivative(mpmath.mpf(x)))
            for given in (np.float64(right), np.float32(right)):
                if not math.isfinite(given):
                    continue
                try:
                    report = an.verify(lambda v: f(v[0]), [x], gradient=np.array([given]))
                except an.AbsNormalError:
                    continue
                judged += 1
                assert report.verdict is not an.Verdict.NOT_CLARKE, (x, right, str(report))
    assert judged >= len(points)
