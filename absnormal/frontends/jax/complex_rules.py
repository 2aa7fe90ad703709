"""Equations of complex numbers, on pairs of real arrays.

What JAX does to real and imaginary parts alike is followed part by part, by the rules of real numbers; for the rest the
meanings of all front ends are written.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from absnormal._optional import require
from absnormal.frontends.jax.algebra import all_of_them
from absnormal.frontends.jax.complex_numbers import apart, is_complex, paired, part
from absnormal.frontends.jax.jumps import Jump
from absnormal.frontends.jax.opaque import Factor, opaque
from absnormal.frontends.jax.refused import REFUSED
from absnormal.frontends.jax.run import Call, Run, Seen, jump_of
from absnormal.frontends.meanings import complex_numbers as meaning
from absnormal.frontends.meanings import halves, smoothness
from absnormal.frontends.meanings.complex_numbers import Parts
from absnormal.frontends.writing import Writer

Rule = Callable[..., Any]

_WITHOUT_RULE = "is not supported for complex numbers", "write the real and the imaginary parts out"


def of_pairs(run: Run, eqn: Any, inputs: Sequence[Seen], results: Sequence[Any]) -> list[Seen]:
    """The results of an equation of complex numbers."""
    name, value = eqn.primitive.name, results[0]
    if name in ("real", "imag"):
        return [part(inputs[0], name)]
    if name == "complex":
        return [paired(value, inputs[0], inputs[1])]
    if name == "convert_element_type":
        return [_converted(run, eqn, inputs[0], value)]
    if name in _APART:
        real = _of_parts(eqn, value)
        sides = [run.equation(real, [part(seen, side) for seen in inputs]) for side in ("real", "imag")]
        return [paired(made, *both) for made, *both in zip(results, *sides, strict=True)]
    jump = jump_of([part(seen, side) for seen in inputs for side in ("real", "imag")])
    return [type(inputs[0])(made, jump) for made in results] if jump else _written(run, eqn, inputs, results)


def _converted(run: Run, eqn: Any, seen: Seen, value: Any) -> Seen:
    if not is_complex(value):
        found: list[Seen] = run.equation(eqn, [part(seen, "real")])
        return found[0]
    if is_complex(seen.value):
        return apart(value, lambda side: _cast(run, eqn, part(seen, side), value))
    nothing = type(seen)(require("jax.numpy", "jax").zeros_like(value.real))
    return paired(value, _cast(run, eqn, seen, value), nothing)


def _cast(run: Run, eqn: Any, seen: Seen, value: Any) -> Seen:
    """A part in the precision of the parts of a value."""
    if getattr(seen.value, "dtype", None) == value.real.dtype:
        return seen
    real = eqn.replace(params={**eqn.params, "new_dtype": value.real.dtype})
    found: list[Seen] = run.equation(real, [seen])
    return found[0]


def _of_parts(eqn: Any, value: Any) -> Any:
    """An equation for the parts of what it is about."""
    if "update_jaxpr" not in eqn.params or eqn.params["update_jaxpr"] is None:
        return eqn
    jax, like = require("jax", "jax"), value.real.dtype.type(0)
    sign = -1 if eqn.primitive.name == "scatter-sub" else 1
    closed = jax.make_jaxpr(lambda old, new: new if eqn.primitive.name == "scatter" else old + sign * new)(like, like)
    return eqn.replace(params={**eqn.params, "update_jaxpr": closed.jaxpr, "update_consts": ()})


def _written(run: Run, eqn: Any, inputs: Sequence[Seen], results: Sequence[Any]) -> list[Seen]:
    seen, start, name = type(inputs[0]), len(run.builder.nodes), eqn.primitive.name
    assert run.builder.user is not None
    write = Writer(run.builder, *run.builder.user)
    if name not in RULES:
        said = Jump(write.operation, write.source, *REFUSED.get(name, _WITHOUT_RULE))
        return [seen(made, said) for made in results]
    call = Call(run, eqn.primitive, eqn.params, [given.value for given in inputs], list(results), write)
    made = call.by(RULES[name], *(_parts(run, given) for given in inputs))
    found = []
    for value, one in zip(results, made if isinstance(made, list) else [made], strict=True):
        if isinstance(one, tuple):
            real, imag = (
                seen(side) if u is None else run.seen(side, np.broadcast_to(u, side.shape), start)
                for side, u in zip((value.real, value.imag), one, strict=True))
            found.append(paired(value, real, imag))
        else:
            found.append(seen(value, one) if isinstance(one, Jump) else run.seen(value, one, start))
    return found


def _parts(run: Run, seen: Seen) -> Parts:
    """What a rule gets: the parts of a complex operand, or a real one."""
    if not is_complex(seen.value):
        return run.operand(seen), None
    imag = part(seen, "imag")
    absent = imag.traced is None and not np.any(imag.value)
    return run.operand(part(seen, "real")), None if absent else run.operand(imag)


def _of(function: Callable[..., Parts]) -> Rule:
    return lambda call, *args: function(call.write, *args)


def _direction(call: Call, a: Parts) -> Parts:
    if not np.all(np.asarray(call.values[0])):
        call.write.refuse("jumps where a number is 0", "move the point off it")
    call.distrust("is 0 for complex numbers, too, whose direction moves")
    return meaning.direction_of(call.write, a, "modulus")


def _equal(relation: Any) -> Rule:
    """Numbers are equal where they have no distance."""
    def rule(call: Call, a: Parts, b: Parts) -> Any:
        if a[0] is b[0] and a[1] is b[1]:
            return None
        return relation(meaning.squared_size(call.write, meaning.sum_of(call.write, a, b, -1)), 0.0)

    return rule


def _bilinear(call: Call, a: Parts, b: Parts, **params: Any) -> Parts:
    """A product of real arrays, by its own rule, with parts."""
    from absnormal.frontends.jax.primitives import RULES as REAL

    rule = REAL[call.primitive.name]
    return meaning.bilinear(call.write, lambda u, v: call.by(rule, u, v), a, b)


def _fourier(call: Call, a: Parts, *, fft_type: Any, fft_lengths: Sequence[int]) -> Any:
    """Transforms along the last axes; the inverse ones are divided by the number of entries."""
    kind, write = getattr(fft_type, "name", str(fft_type)), call.write
    ndim = np.ndim(a[0])
    axes = list(range(ndim - len(fft_lengths), ndim))
    if kind == "RFFT":
        return meaning.to_half(write, a[0], axes)
    whole = float(np.prod(fft_lengths))
    if kind == "IRFFT":
        return write.scaled(meaning.to_real(write, a, axes, fft_lengths[-1]), 1 / whole)
    made = meaning.to_complex(write, a, axes, kind == "FFT")
    return made if kind == "FFT" else meaning.scaled(write, made, 1 / whole)


def _shifted(write: Any, a: Parts, by: float) -> Parts:
    return write.shifted(a[0], by), a[1]


# -- linear algebra ------------------------------------------------------------------------------------------


def _cholesky(call: Call, a: Parts) -> Parts:
    """The factor of a Hermitian matrix; the primitive leaves anything above it."""
    w, batch = call.write, np.ndim(a[0]) - 2
    u = meaning.joined(w, halves.hermitian(w, a[0], meaning.imaginary_of(w, a)))
    return meaning.parted(w, opaque(
        call, [u], smoothness.positive_definite, 0, batch, kept="hermitian", paired=True, kind=Factor))


def _eigenvalues(
    call: Call, a: Parts, *, lower: bool, sort_eigenvalues: bool, subset_by_index: Any, algorithm: Any
) -> list[Any]:
    w = call.write
    all_of_them(call, "eigenvalues", np.shape(a[0])[-1], subset_by_index, sort_eigenvalues)
    params = {"lower": lower, "sort_eigenvalues": True, "subset_by_index": subset_by_index, "algorithm": algorithm}
    u = meaning.joined(w, halves.hermitian(w, a[0], meaning.imaginary_of(w, a), lower))
    values = opaque(call, [u], smoothness.apart, 1, np.ndim(a[0]) - 2, kept="hermitian", paired=True, **params)
    return [_without_phase(call, "eigenvectors"), values]


def _singular_values(
    call: Call, a: Parts, *, full_matrices: bool, compute_uv: bool, subset_by_index: Any, algorithm: Any
) -> list[Any]:
    all_of_them(call, "singular values", min(np.shape(a[0])[-2:]), subset_by_index)
    params = {"full_matrices": False, "subset_by_index": subset_by_index, "algorithm": algorithm}
    u = meaning.joined(call.write, a)
    values = opaque(call, [u], smoothness.singular_apart, 0, np.ndim(a[0]) - 2, paired=True, compute_uv=compute_uv,
                    **params)
    return [values, *[_without_phase(call, "singular vectors")] * (2 * compute_uv)]


def _without_phase(call: Call, what: str) -> Jump:
    return Jump(call.write.operation, call.write.source, f"returns complex {what}, whose phases are not unique, and f"
                " uses them", "use what does not depend on the phases, such as the values")


#: What is done to the parts alike, by the rules of real numbers.
_APART = frozenset({
    "add", "add_any", "sub", "neg", "reduce_sum", "cumsum", "select_n", "copy", "copy_p", "device_put", "name",
    "stop_gradient", "sharding_constraint", "reshape", "squeeze", "broadcast_in_dim", "transpose", "slice",
    "concatenate", "stack", "unstack", "pad", "rev", "tile", "split", "gather", "dynamic_slice",
    "dynamic_update_slice", "scatter", "scatter-add", "scatter-sub", "reduce_window_sum", "reduce_precision",
})  # fmt: skip

_MEANINGS: dict[str, Rule] = {
    **meaning.FUNCTIONS, "mul": meaning.product_of, "div": meaning.quotient_of, "conj": meaning.conjugate,
    "pow": meaning.power, "logistic": meaning.logistic,
}

RULES: dict[str, Rule] = {
    **{name: _of(function) for name, function in _MEANINGS.items()}, "sign": _direction, "eq": _equal(np.equal),
    "ne": _equal(np.not_equal), "dot_general": _bilinear, "conv_general_dilated": _bilinear, "fft": _fourier,
    "cholesky": _cholesky, "eigh": _eigenvalues, "svd": _singular_values,
    "abs": lambda call, a: meaning.size_of(call.write, a, "modulus"),
    "integer_pow": lambda call, a, *, y: meaning.whole_power(call.write, a, y),
    "reduce_prod": lambda call, a, *, axes: meaning.product_along(call.write, a, axes) if axes else a,
    "square": lambda call, a: meaning.whole_power(call.write, a, 2),
    "rsqrt": lambda call, a: meaning.quotient_of(call.write, (1.0, None), meaning.root(call.write, a)),
    "expm1": lambda call, a: _shifted(call.write, meaning.exponential(call.write, a), -1.0),
    "log1p": lambda call, a: meaning.logarithm(call.write, _shifted(call.write, a, 1.0)),
    "is_finite": lambda call, a: None,
}  # fmt: skip
