"""scipy.special: its ufuncs as rows of the operation table, or written with others."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from scipy import special

from absnormal.frontends.numpy.traced import TracedArray
from absnormal.frontends.writing import Writer

#: Ufuncs of one argument, with their rows.
SPECIAL_UFUNCS: dict[np.ufunc, str] = {
    getattr(special, name): name for name in (
        "expit", "log_expit", "erf", "erfc", "erfcx", "erfinv", "erfcinv", "ndtr", "log_ndtr", "ndtri", "logit",
        "gammaln", "gamma", "digamma", "entr", "i0", "i1", "i1e", "j0", "j1", "y0", "y1", "k0", "k1", "k0e", "k1e",
        "exp1", "expi", "dawsn", "spence", "ellipk", "ellipe", "exprel",
    )
} | {special.psi: "digamma", special.log1p: "log1p", special.expm1: "expm1", special.exp2: "exp2",
     special.cbrt: "cbrt"}  # fmt: skip


def times_log(write: Writer, u: Any, v: Any) -> Any:
    """u log(v), which is 0 where u is the constant 0."""
    return write.op("xlogy", u, v) if isinstance(u, TracedArray) else u * np.log(np.where(u, v, 1.0))


def _last(name: str) -> Callable[..., Any]:
    """An operation that is followed in its last argument."""

    def rule(write: Writer, *args: Any) -> Any:
        if any(isinstance(item, TracedArray) for item in args[:-1]):
            write.refuse("is followed in its last argument only", "keep the others constant")
        return write.op(name, *args)

    return rule


def _pair(*names: str) -> Callable[..., Any]:
    """A function with several results."""
    return lambda write, u: tuple(write.op(name, u) for name in names)


def _polynomial(made: Callable[[int], Any]) -> Callable[..., Any]:
    """An orthogonal polynomial of constant degree."""

    def rule(write: Writer, n: Any, x: Any) -> Any:
        if isinstance(n, TracedArray) or np.ndim(n) or int(n) != n or n < 0:
            write.refuse("is followed for one whole degree", "call it degree by degree")
        return np.polyval(made(int(n)).coef, x)

    return rule


def _log_beta(write: Writer, a: Any, b: Any) -> Any:
    return _log_gamma(write, a) + _log_gamma(write, b) - _log_gamma(write, a + b)


def _log_gamma(write: Writer, u: Any) -> Any:
    return write.op("gammaln", u) if isinstance(u, TracedArray) else special.gammaln(u)


def _binomial(write: Writer, n: Any, k: Any) -> Any:
    parts = _log_gamma(write, n + 1.0) - _log_gamma(write, k + 1.0) - _log_gamma(write, n - k + 1.0)
    return np.exp(parts)


def _box_cox(write: Writer, x: Any, power: Any) -> Any:
    if isinstance(power, TracedArray) or np.ndim(power):
        return (x**power - 1) / power
    return np.log(x) if power == 0 else (x**power - 1) / power


def _inverse_box_cox(write: Writer, y: Any, power: Any) -> Any:
    if isinstance(power, TracedArray) or np.ndim(power):
        return (power * y + 1) ** (1 / power)
    return np.exp(y) if power == 0 else (power * y + 1) ** (1 / power)


def _huber(write: Writer, delta: Any, r: Any) -> Any:
    size = np.abs(r)
    m = np.minimum(size, delta)
    return m * (size - m / 2)


def _lambert(write: Writer, z: Any, k: Any, tol: Any) -> Any:
    if isinstance(k, TracedArray) or np.any(np.asarray(k) != 0):
        write.refuse("is followed on its principal branch", "use k=0")
    return write.op("lambertw", z)


def _student(write: Writer, df: Any, t: Any) -> Any:
    """Student's distribution: betainc(df / 2, df / 2, (1 + t / s) / 2) with s = sqrt(df + t^2)."""
    t = write.array(t)
    s = np.sqrt(df + t * t)
    share = write.op("where", df / (2 * s * (s - t)), (1 + t / s) / 2, mask=t.value < 0)
    return _last("betainc")(write, df / 2, df / 2, share)


SPECIAL_RULES: dict[Any, Callable[..., Any]] = {
    **{getattr(special, name): _last(name) for name in (
        "gammainc", "gammaincc", "betainc", "jv", "yv", "iv", "kv", "ive", "kve",
    )},
    special.stdtr: _student,
    special.jn: _last("jv"), special.kn: _last("kv"), special.yn: _last("yv"),
    special._ufuncs._zeta: _last("zeta"),
    special.i0e: lambda write, u: write.op("i0_exp", np.abs(u)),
    special.sici: _pair("sinint", "cosint"), special.fresnel: _pair("fresnel_s", "fresnel_c"),
    special.airy: _pair("airy_ai", "airy_aip", "airy_bi", "airy_bip"),
    special.eval_legendre: _polynomial(special.legendre), special.eval_chebyt: _polynomial(special.chebyt),
    special.eval_chebyu: _polynomial(special.chebyu), special.eval_hermite: _polynomial(special.hermite),
    special.eval_hermitenorm: _polynomial(special.hermitenorm),
    special.eval_laguerre: _polynomial(special.laguerre),
    special._ufuncs._lambertw: _lambert,
    special.loggamma: _log_gamma,
    special.rgamma: lambda write, u: 1.0 / write.op("gamma", u),
    special.betaln: _log_beta,
    special.beta: lambda write, a, b: np.exp(_log_beta(write, a, b)),
    special.binom: _binomial,
    special.xlogy: times_log,
    special.xlog1py: lambda write, u, v: u * np.log1p(v),
    special.rel_entr: lambda write, u, v: times_log(write, u, u / v),
    special.kl_div: lambda write, u, v: times_log(write, u, u / v) - u + v,
    special.exp10: lambda write, u: np.exp(u * math.log(10)),
    special.huber: _huber,
    special.pseudo_huber: lambda write, delta, r: delta**2 * (np.sqrt(1 + (r / delta) ** 2) - 1),
    special.boxcox: _box_cox,
    special.inv_boxcox: _inverse_box_cox,
    special.boxcox1p: lambda write, x, power: _box_cox(write, 1.0 + x, power),
    special.cosm1: lambda write, u: -2.0 * np.sin(u / 2) ** 2,
    special.sindg: lambda write, u: np.sin(np.deg2rad(u)),
    special.cosdg: lambda write, u: np.cos(np.deg2rad(u)),
    special.tandg: lambda write, u: np.tan(np.deg2rad(u)),
    special.radian: lambda write, d, m, s: np.deg2rad(d + m / 60 + s / 3600),
    special.agm: lambda write, a, b: np.pi / 4 * (a + b) / write.op("ellipk", ((a - b) / (a + b)) ** 2),
}  # fmt: skip
