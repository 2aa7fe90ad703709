"""Rules for operations entry by entry: arithmetic, smooth functions, activations and their kinks."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from absnormal.errors import DomainError
from absnormal.frontends.meanings import activations
from absnormal.frontends.meanings.angles import arctan2
from absnormal.frontends.meanings.normalizations import channels
from absnormal.frontends.numpy.traced import TracedArray
from absnormal.frontends.torch.guards import signs
from absnormal.frontends.torch.probe import middle
from absnormal.frontends.torch.values import array
from absnormal.frontends.torch.writer import Arg, Rule, Writer


def _binary(op: str) -> Rule:
    return lambda w, a, b, /: w.op(op, w.node(a), w.node(b))


def _unary(op: str) -> Rule:
    return lambda w, x, /: w.op(op, w.node(x))


def _arctan2(w: Writer, a: Any, b: Any, /) -> int:
    made: TracedArray = arctan2(w.entrywise, *(TracedArray(w.builder, w.node(side)) for side in (a, b)))
    return made.index


def _sub(w: Writer, a: Any, b: Any, /, alpha: float = 1) -> int:
    return w.sub(w.node(a), w.scaled(w.node(b), alpha))


def _div(w: Writer, a: Any, b: Any, /, rounding_mode: str | None = None) -> int:
    if rounding_mode is not None:
        return w.tensor(w.returned[0])
    return w.div(w.node(a), w.node(b))


def _pow(w: Writer, base: Any, exponent: Any, /) -> int:
    if isinstance(exponent, Arg) and exponent.varied:
        # u ** v = exp(v log u) for u > 0.
        return w.op("exp", w.mul(exponent.node, w.op("log", w.node(base))))
    number = exponent.array.item() if isinstance(exponent, Arg) and exponent.array.ndim == 0 else exponent
    if not isinstance(base, Arg) or not base.varied:
        return w.tensor(w.returned[0])
    if not isinstance(number, (int, float)):
        return w.op("power", base.node, w.node(exponent))
    return activations.power(w, base.node, number)


def _remainder(w: Writer, a: Any, b: Any, /) -> int:
    """a - k b with a locally constant quotient k."""
    value, other = (np.asarray(array(side.here) if isinstance(side, Arg) else side, dtype=float) for side in (a, b))
    with np.errstate(all="ignore"):
        held = np.round((value - array(w.returned[0]).astype(float)) / other)
    return w.sub(w.node(a), w.mul(w.constant(held), w.node(b)))


# -- activations --------------------------------------------------------------------------------------------------


def _leaky(w: Writer, x: Arg, /, negative_slope: float = 0.01) -> int:
    return activations.leaky_relu(w, w.node(x), negative_slope)


def _rrelu(w: Writer, x: Arg, /, lower: float = 0.125, upper: float = 1 / 3, training: bool = False) -> int:
    if training:
        w.refuse("draws random slopes", "call eval() or use leaky_relu")
    return _leaky(w, x, (lower + upper) / 2)


def _rrelu_noise(
    w: Writer, x: Arg, noise: Arg, /, lower: float = 0.125, upper: float = 1 / 3, training: bool = False
) -> int:
    if training:
        k = noise.array
        u = w.node(x)
        half = w.relu(u, "leaky_relu")
        # k u + (1 - k) relu(u), with the slopes k that were drawn.
        return w.add(w.mul(w.constant(k), u), w.mul(w.constant(1.0 - k), half))
    return _leaky(w, x, (lower + upper) / 2)


def _prelu(w: Writer, x: Arg, weight: Arg, /) -> int:
    u, k = w.node(x), w.node(weight)
    if w.shape(k) and len(w.shape(u)) > 1 and len(w.shape(k)) == 1:
        k = w.reshape(k, channels(len(w.shape(u))))
    return activations.prelu(w, u, k, "prelu")


def _hardtanh(w: Writer, x: Arg, /, min_val: float = -1.0, max_val: float = 1.0) -> int:
    return _box(w, w.node(x), min_val, max_val, "hardtanh.low", "hardtanh.high")


def _box(w: Writer, u: int, low: Any, high: Any, below: str, above: str) -> int:
    return activations.clipped(w, u, w.constant(low), w.constant(high), below, above)


def _hardsigmoid(w: Writer, x: Arg, /) -> int:
    shifted = w.shifted(w.node(x), 3.0)
    # The kernel's own sixth, which may be rounded more coarsely than its input.
    box = _box(w, shifted, 0.0, 6.0, "hardsigmoid.low", "hardsigmoid.high")
    return w.scaled(box, middle("hardsigmoid.low", w.dtype))


def _hardswish(w: Writer, x: Arg, /) -> int:
    u = w.node(x)
    gate = _box(w, w.shifted(u, 3.0), 0.0, 6.0, "hardswish.low", "hardswish.high")
    return w.scaled(w.mul(u, gate), 1 / 6)


def _clamp(w: Writer, x: Arg, /, min: Any = None, max: Any = None) -> int:
    if isinstance(min, (int, float)) and isinstance(max, (int, float)) and min > max:
        return w.broadcast(w.constant(max), x.shape)
    low, high = (None if bound is None else w.node(bound) for bound in (min, max))
    if None not in (low, high):
        return activations.clipped(w, w.node(x), low, high, "clamp.low", "clamp.high")
    below, above = (".tensor" * isinstance(bound, Arg) for bound in (min, max))
    return activations.clipped(w, w.node(x), low, high, f"clamp_min{below}", f"clamp_max{above}")


def _threshold(w: Writer, x: Arg, /, threshold: float, value: float) -> int:
    u = w.node(x)
    if threshold == value:
        return w.extremum(u, w.constant(value), 1, "threshold")
    return w.where(array(x.here) > threshold, u, w.constant(value))


def _elu(w: Writer, x: Arg, /, alpha: float = 1.0, scale: float = 1.0, input_scale: float = 1.0) -> int:
    u = w.node(x)
    if alpha * input_scale == 1:
        # C^1: u = 0 is no kink, and both pieces have the same derivative there.
        positive = array(x.here) > 0
        if not signs(w, u):
            w.bound = True
        inside = w.where(positive, w.constant(0.0), w.scaled(u, input_scale))
        smooth = w.where(positive, u, w.scaled(w.op("expm1", inside), alpha))
        return w.scaled(smooth, scale)
    return activations.elu(w, u, alpha, scale, input_scale)


def halved(w: Writer, x: Arg, dim: int) -> tuple[int, int, int]:
    """The two halves of an argument along an axis, and that axis."""
    axis = dim % len(x.shape)
    half, key = x.shape[axis] // 2, (slice(None),) * axis
    first, second = (w.index(x.node, (*key, part)) for part in (slice(0, half), slice(half, None)))
    return first, second, axis


def _glu(w: Writer, x: Arg, /, dim: int = -1) -> int:
    first, second, _ = halved(w, x, dim)
    return w.mul(first, w.op("expit", second))


def _copysign(w: Writer, a: Arg, b: Any, /) -> int:
    sign = array(b.here) if isinstance(b, Arg) else np.asarray(float(b))
    return w.mul(w.kink(w.node(a), 0.0, 1.0, "copysign"), w.constant(np.copysign(1.0, sign)))


def _xlogy(w: Writer, a: Any, b: Any, /) -> int:
    if not (isinstance(a, Arg) and a.varied):
        held = a.array if isinstance(a, Arg) else np.asarray(float(a))
        b_node = w.node(b)
        inside = w.where(held != 0, b_node, w.constant(1.0))
        return w.mul(w.constant(held), w.op("log", inside))
    if not (isinstance(b, Arg) and b.varied) and np.any(np.asarray(b.array if isinstance(b, Arg) else b) <= 0):
        raise DomainError(w.operation, "is NaN or infinite near this point", w.source)
    return w.op("xlogy", a.node, w.node(b))


def _xlog1py(w: Writer, a: Any, b: Any, /) -> int:
    """a log(1 + b), which is 0 where a is the constant 0."""
    if isinstance(a, Arg) and a.varied:
        return w.mul(a.node, w.op("log1p", w.node(b)))
    held = a.array if isinstance(a, Arg) else np.asarray(float(a))
    return w.mul(w.constant(held), w.op("log1p", w.where(held != 0, w.node(b), w.constant(0.0))))


def _mvlgamma(w: Writer, x: Arg, /, p: int) -> int:
    """The logarithm of the gamma function in several dimensions: a sum of p of them, and a constant."""
    u = w.reshape(w.node(x), (*x.shape, 1))
    total = w.sum(w.op("gammaln", w.sub(u, w.constant(np.arange(p) / 2))), [len(x.shape)])
    return w.shifted(total, p * (p - 1) / 4 * math.log(math.pi))


def _polygamma(w: Writer, n: Any, x: Any, /) -> int:
    """In place the order comes last."""
    order, u = (x, n) if isinstance(n, Arg) else (n, x)
    return w.op("polygamma", w.constant(order), w.node(u))


def _last(op: str) -> Rule:
    """A function that torch differentiates by its last argument only."""
    def rule(w: Writer, a: Any, x: Any, /) -> int:
        if isinstance(a, Arg) and a.varied:
            w.refuse("has no derivative by its first argument in torch", "detach the first argument")
        return w.op(op, w.node(a), w.node(x))

    return rule


def _times(factor: float) -> Rule:
    return lambda w, x, /: w.mul(w.node(x), w.node(factor))


def _extreme(sign: int, kernel: str) -> Rule:
    def rule(w: Writer, a: Arg, b: Any, /) -> int:
        u, v = w.node(a), w.node(b)
        if u == v:
            return u
        return w.extremum(u, v, sign, kernel)

    return rule


def _same(w: Writer, x: Arg, /) -> int:
    return w.node(x)


def _made(w: Writer, _like: Arg, /) -> int:
    """Numbers in which the entries of the argument have no part, as they were made."""
    return w.tensor(w.returned[0])


#: Operations that are a row of the table.
_UNARY = {
    **{name: name for name in (
        "neg", "square", "reciprocal", "sqrt", "exp", "exp2", "expm1", "log", "log2", "log10", "log1p", "sin", "cos",
        "tan", "sinh", "cosh", "tanh", "sinc", "erf", "erfc", "digamma", "erfinv", "i0")},
    **{f"a{name}": f"arc{name}" for name in ("sin", "cos", "tan", "sinh", "cosh", "tanh")},
    **{f"special_{name}": name for name in ("ndtr", "i1", "i1e", "entr", "ndtri", "log_ndtr", "erfcx")},
    "sigmoid": "expit", "lgamma": "gammaln",
}  # fmt: skip
_BINARY = {"true_divide": "div", **{name: name for name in ("mul", "logaddexp", "logaddexp2", "hypot")}}
RULES: dict[str, Rule] = {
    **{name: _unary(op) for name, op in _UNARY.items()}, **{name: _binary(op) for name, op in _BINARY.items()},
    "sub": _sub, "div": _div, "pow": _pow, "polygamma": _polygamma, "mvlgamma": _mvlgamma,
    "special_xlog1py": _xlog1py, "special_zeta": _last("zeta"), "igamma": _last("gammainc"),
    "igammac": _last("gammaincc"), "deg2rad": _times(math.pi / 180), "rad2deg": _times(180 / math.pi),
    "atan2": _arctan2, "copysign": _copysign, "xlogy": _xlogy, "remainder": _remainder, "fmod": _remainder,
    # Piecewise constant functions; see `absnormal.frontends.torch.jumps.FLAT`.
    **dict.fromkeys(("angle", "sign", "sgn", "floor", "ceil", "trunc", "round"), _made),
    "leaky_relu": _leaky, "rrelu": _rrelu, "rrelu_with_noise": _rrelu_noise,
    "rrelu_with_noise_functional": _rrelu_noise, "_prelu_kernel": _prelu, "prelu": _prelu, "hardtanh": _hardtanh,
    "hardsigmoid": _hardsigmoid, "hardswish": _hardswish, "clamp": _clamp, "clip": _clamp, "threshold": _threshold,
    "elu": _elu, "glu": _glu,
    "maximum": _extreme(1, "maximum"), "minimum": _extreme(-1, "minimum"), "fmax": _extreme(1, "fmax"),
    "fmin": _extreme(-1, "fmin"),
    **dict.fromkeys(("clone", "_to_copy", "contiguous", "positive", "to", "lift_fresh_copy", "real", "conj_physical"),
                    _same),
    **dict.fromkeys((
        "zero", "zeros_like", "ones_like", "full_like", "empty_like", "rand_like", "randn_like", "new_zeros",
        "new_ones", "new_full", "new_empty", "new_empty_strided"), _made),
    # Numbers that were drawn with chances, which must be the same elsewhere.
    "bernoulli": lambda w, _chances, /: w.tensor(w.results[0]),
    "selu": lambda w, x, /: activations.elu(
        w, w.node(x), 1.6732632423543772848170429916717, 1.0507009873554804934193349852946, tie="selu"),
    "softshrink": lambda w, x, /, lambd=0.5: activations.softshrink(
        w, w.node(x), lambd, "softshrink.low", "softshrink.high"),
    "softplus": lambda w, x, /, beta=1.0, threshold=20.0: w.where(
        array(x.here) * beta > threshold, w.node(x), activations.softplus(w, w.node(x), beta)),
    "add": lambda w, a, b, /, alpha=1: w.add(w.node(a), w.scaled(w.node(b), alpha)),
    "rsub": lambda w, a, b, /, alpha=1: _sub(w, b, a, alpha),
    "rsqrt": lambda w, x, /: w.op("reciprocal", w.op("sqrt", w.node(x))),
    "special_i0e": lambda w, x, /: w.op("i0_exp", w.kink(w.node(x), 0.0, 1.0, "special_i0e")),
    "ldexp": lambda w, a, b, /: w.mul(w.node(a), w.op("exp2", w.node(b))),
    "logit": lambda w, x, /, eps=None: w.op("logit", w.node(x) if eps is None else _clamp(w, x, eps, 1 - eps)),
    "log_sigmoid_forward": lambda w, x, /: [w.op("log_expit", w.node(x)), None],
    "lerp": lambda w, a, b, /, weight: w.add(w.node(a), w.mul(w.node(weight), w.sub(w.node(b), w.node(a)))),
    "addcmul": lambda w, a, b, c, /, value=1: w.add(w.node(a), w.scaled(w.mul(w.node(b), w.node(c)), value)),
    "addcdiv": lambda w, a, b, c, /, value=1: w.add(w.node(a), w.scaled(w.div(w.node(b), w.node(c)), value)),
    "frac": lambda w, x, /: w.sub(x.node, w.constant(np.trunc(array(x.here)))),
    "relu": lambda w, x, /: w.relu(w.node(x)),
    "abs": lambda w, x, /: w.kink(w.node(x), 0.0, 1.0, "abs"),
    "relu6": lambda w, x, /: _box(w, w.node(x), 0.0, 6.0, "hardtanh.low", "hardtanh.high"),
    "clamp_min": lambda w, x, min, /: _clamp(w, x, min),
    "clamp_max": lambda w, x, max, /: _clamp(w, x, None, max),
    "celu": lambda w, x, /, alpha=1.0: _elu(w, x, alpha, 1.0, 1.0 / alpha),
    "hardshrink": lambda w, x, /, lambd=0.5: w.where(np.abs(array(x.here)) > lambd, w.node(x), w.constant(0.0)),
    "silu": lambda w, x, /: activations.swish(w, w.node(x)),
    "mish": lambda w, x, /: activations.mish(w, w.node(x)),
    "gelu": lambda w, x, /, approximate="none": activations.gelu(w, w.node(x), approximate != "none"),
    "nan_to_num": lambda w, x, /: w.where(np.isfinite(array(x.here)), w.node(x), w.tensor(w.returned[0])),
    "fill": lambda w, x, value, /: w.broadcast(w.node(value), x.shape),
    "copy": lambda w, target, source, /: w.broadcast(w.node(source), target.shape),
}  # fmt: skip
