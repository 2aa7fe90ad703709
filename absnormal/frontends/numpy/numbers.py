"""Functions of Python's numbers, which are NumPy's on variables: math.exp is np.exp."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
from scipy import special

from absnormal.frontends.numpy.traced import TracedArray


def _number(function: Callable[..., Any]) -> Callable[..., Any]:
    """NumPy's function, of what Python takes for a number."""

    def of_numbers(*args: Any) -> Any:
        return function(*map(_as_number, args))

    return of_numbers


def _as_number(value: Any) -> Any:
    """An array with one entry as that entry."""
    return value.reshape(())[()] if isinstance(value, TracedArray) and value.size == 1 else value


def _logarithm(x: Any, *base: Any) -> Any:
    return np.log(x) / np.log(base[0]) if base else np.log(x)


def _hypotenuse(*sides: Any) -> Any:
    if len(sides) == 2:
        return np.hypot(*sides)
    return np.linalg.norm(np.stack([*sides]))


def _distance(p: Iterable[Any], q: Iterable[Any]) -> Any:
    return np.linalg.norm(np.stack([a - b for a, b in zip(p, q, strict=True)]))


def _close(a: Any, b: Any, *, rel_tol: float = 1e-9, abs_tol: float = 0.0) -> Any:
    return bool(np.abs(a - b) <= np.maximum(rel_tol * np.maximum(np.abs(a), np.abs(b)), abs_tol))


#: Functions of one or more numbers.
MATH: dict[Any, Callable[..., Any]] = {
    getattr(math, name): _number(getattr(np, other))
    for name, other in (
        *((name, name) for name in (
            "cos", "sin", "tan", "cosh", "sinh", "tanh", "exp", "exp2", "expm1", "log1p", "log2", "log10", "sqrt",
            "cbrt", "fabs", "fmod", "copysign", "degrees", "radians",
        )),
        ("acos", "arccos"), ("asin", "arcsin"), ("atan", "arctan"), ("atan2", "arctan2"), ("acosh", "arccosh"),
        ("asinh", "arcsinh"), ("atanh", "arctanh"), ("pow", "power"),
    )
    if hasattr(math, name)
}  # fmt: skip
MATH |= {
    math.log: _number(_logarithm), math.hypot: _number(_hypotenuse), math.erf: _number(special.erf),
    math.erfc: _number(special.erfc), math.lgamma: _number(special.gammaln), math.gamma: _number(special.gamma),
    math.dist: _distance, math.fsum: sum, math.isclose: _close, math.prod: math.prod,
    math.isfinite: lambda x: bool(np.isfinite(x)), math.isnan: lambda x: bool(np.isnan(x)),
    math.isinf: lambda x: bool(np.isinf(x)),
}  # fmt: skip

def largest(*args: Any, **kwargs: Any) -> Any:
    """Python's max: the first one, where several are the largest; at a tie a kink."""
    return _extreme(max, np.greater, args, kwargs)


def smallest(*args: Any, **kwargs: Any) -> Any:
    """Python's min."""
    return _extreme(min, np.less, args, kwargs)


def _extreme(original: Callable[..., Any], better: Any, args: Any, kwargs: Any) -> Any:
    items = list(args[0]) if len(args) == 1 else list(args)
    if kwargs or not any(isinstance(item, TracedArray) and item.size == 1 for item in items):
        return original(items, **kwargs) if items or kwargs else original(*args)
    best, *rest = map(_as_number, items)
    for item in rest:
        best = np.where(better(item, best), item, best)[()]
    return best


def in_order(items: Iterable[Any], /, *, key: Any = None, reverse: bool = False) -> list[Any]:
    """Python's sorted, which leaves equal numbers in the order in which they come."""
    given = list(items)
    if key is not None or not any(isinstance(item, TracedArray) and item.size == 1 for item in given):
        return sorted(given, key=key, reverse=reverse)
    numbers = np.stack([*map(_as_number, given)])
    return [*(-np.sort(-numbers) if reverse else np.sort(numbers))]


class _Meta(type):
    """Asks Python's float."""

    def __instancecheck__(cls, instance: Any) -> bool:
        return isinstance(instance, float)

    def __subclasscheck__(cls, kind: Any) -> bool:
        return issubclass(kind, float)

    def __eq__(cls, other: Any) -> bool:
        return other is float or other is cls

    def __hash__(cls) -> int:
        return hash(float)


class Float(float, metaclass=_Meta):
    """Python's float, which leaves a variable what it is."""

    dtype = np.dtype(float)

    def __new__(cls, x: Any = 0.0) -> Any:
        from absnormal.frontends.numpy.held import taken

        x = taken(x)
        return _as_number(x) if isinstance(x, TracedArray) and x.size == 1 else float(x)


#: Names of Python's own that mean something else in the modules of f and of the functions that it leads to.
BUILTINS: dict[str, Any] = {"max": largest, "min": smallest, "sorted": in_order, "float": Float}

#: What asks for the kind of a number.
TESTS: dict[Any, Callable[..., Any]] = {
    np.isscalar: lambda element: isinstance(element, TracedArray) and element.scalar,
    np.iterable: lambda y: not isinstance(y, TracedArray) or y.ndim > 0,
}
