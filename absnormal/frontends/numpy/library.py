"""SciPy's functions of variables: a table a module, a line a function.

What is affine in one of its arguments, or linear in each of two, becomes the matrix that it is, read off SciPy's own
results for unit vectors; the others are written with NumPy's functions.
"""

from __future__ import annotations

import importlib
import inspect
import sys
from collections.abc import Callable
from typing import Any

import numpy as np

from absnormal.arrays import Array
from absnormal.errors import TraceError
from absnormal.frontends.numpy import interpolation
from absnormal.frontends.numpy.arguments import given
from absnormal.frontends.numpy.columns import COLUMNS
from absnormal.frontends.numpy.complex_numbers import TRANSFORMS
from absnormal.frontends.numpy.creation import arrayed, check_dtype
from absnormal.frontends.numpy.held import taken, variable_in
from absnormal.frontends.numpy.library_methods import attributes, classes
from absnormal.frontends.numpy.neighbours import FILTERS, medfilt
from absnormal.frontends.numpy.scipy_algebra import SCIPY_ALGEBRA
from absnormal.frontends.numpy.sparse import MAKERS, Sparse
from absnormal.frontends.numpy.statistics import STATISTICS
from absnormal.frontends.numpy.traced import TracedArray
from absnormal.frontends.numpy.writes import check
from absnormal.frontends.user_line import caller
from absnormal.frontends.writing import Writer, named, writer_of

Rule = Callable[..., Any]

#: A matrix is read off for so many variables at most.
LARGEST = 4096


def affine_map(write: Writer, value: Callable[[Array], Any], u: TracedArray) -> TracedArray:
    """A function of arrays that is affine, applied to a variable.

    Raises
    ------
    TraceError
        where the function is not affine, or the array is too large
    """
    if u.size > LARGEST:
        write.refuse(f"is a matrix for {u.size} variables here", f"write it out, or use at most {LARGEST} variables")
    start = np.array(value(np.zeros(u.shape)))
    if start.dtype != np.float64:
        write.refuse("gives no real array", "write it with NumPy's functions")
    units = np.eye(u.size).reshape(u.size, *u.shape)
    matrix = np.stack([np.reshape(value(unit) - start, -1) for unit in units], 1)
    point = np.random.default_rng(u.size).normal(size=u.shape)
    expected = matrix @ point.reshape(-1) + start.reshape(-1)
    room = 1e-9 * (np.abs(matrix).sum() + np.abs(start).sum() + 1)
    if not np.allclose(np.reshape(value(point), -1), expected, 0.0, room):
        write.refuse("is not affine in this argument", "write it with NumPy's functions")
    flat: Any = np.matmul(matrix, u.reshape(-1))
    result: TracedArray = flat.reshape(start.shape)
    return result + start if start.any() else result


def bilinear_map(write: Writer, value: Callable[..., Any], u: TracedArray, v: TracedArray) -> TracedArray:
    """A function of two arrays that is linear in each of them, applied to variables.

    Raises
    ------
    TraceError
        where the function is not bilinear, or the arrays are too large
    """
    if u.size * v.size > LARGEST:
        write.refuse(f"is a matrix for {u.size * v.size} products of variables here", "keep one argument constant")
    pairs = [[unit.reshape(w.shape) for unit in np.eye(w.size)] for w in (u, v)]
    made = [np.array(value(first, second)) for first in pairs[0] for second in pairs[1]]
    random = np.random.default_rng(u.size)
    points = [random.normal(size=w.shape) for w in (u, v)]
    expected = np.array(value(*points))
    matrix = np.stack([item.reshape(-1) for item in made], 1) if made else np.zeros((expected.size, 0))
    if expected.dtype != np.float64 or not np.allclose(
            matrix @ np.outer(*points).reshape(-1), expected.reshape(-1), 0.0, 1e-9 * (np.abs(matrix).sum() + 1)):
        write.refuse("is not linear in both arguments", "keep one of them constant")
    products: Any = u.reshape(-1, 1) * v.reshape(1, -1)
    flat: Any = np.matmul(matrix, products.reshape(-1))
    result: TracedArray = flat.reshape(expected.shape)
    return result


def affine(*names: str) -> Callable[[Rule, str], Rule]:
    """A function that is affine in any one of some arguments, and linear in each where two of them are variables."""

    def ruled(original: Rule, name: str) -> Rule:
        signature = inspect.signature(original)

        def rule(*args: Any, **kwargs: Any) -> Any:
            bound = signature.bind(*args, **kwargs)
            found = [key for key, item in bound.arguments.items() if variable_in(item) is not None]
            write = writer_of(bound.arguments[found[0]], name)
            if len(found) > 2 or not set(found) <= set(names):
                write.refuse(f"has variables in {' and '.join(found)}", f"keep all but {' or '.join(names)} constant")
            variables = [arrayed(bound.arguments[key], name) for key in found]

            for key in [key for key in bound.arguments if key.startswith("overwrite_")]:
                del bound.arguments[key]  # SciPy would write into what it is given again.

            def value(*given: Array) -> Any:
                bound.arguments.update(zip(found, given, strict=True))
                return original(*bound.args, **bound.kwargs)

            return (affine_map if len(found) == 1 else bilinear_map)(write, value, *variables)

        return rule

    return ruled


def written(rule: Rule) -> Callable[[Rule, str], Rule]:
    """A function that is written with others."""

    def ruled(original: Rule, name: str) -> Rule:
        def called(*args: Any, **kwargs: Any) -> Any:
            more, by_name = given(original, rule, name, caller(), args, kwargs)
            return rule(*more, **by_name)

        return called

    return ruled


# -- scipy.special ---------------------------------------------------------------------------------------


def logsumexp(a: Any, axis: Any = None, b: Any = None, keepdims: bool = False) -> Any:
    """scipy.special.logsumexp of positive weights."""
    write = writer_of([a, b], "scipy.special.logsumexp")
    u: Any = write.array(a)
    if b is not None:
        u = u + np.log(b)
    axes = range(u.ndim) if axis is None else np.atleast_1d(axis)
    return write.logsumexp(u, [int(i) for i in axes], keepdims)


def log_softmax(x: Any, axis: Any = None) -> Any:
    """scipy.special.log_softmax."""
    return x - logsumexp(x, axis, keepdims=True)


def softmax(x: Any, axis: Any = None) -> Any:
    """scipy.special.softmax."""
    return np.exp(log_softmax(x, axis))


def polygamma(n: Any, x: Any) -> Any:
    """scipy.special.polygamma of constant order."""
    write = writer_of([n, x], "scipy.special.polygamma")
    if isinstance(n, TracedArray):
        write.refuse("is followed in its last argument only", "keep the order constant")
    return write.op("polygamma", n, x)


# -- scipy.spatial.distance ------------------------------------------------------------------------------


def _difference(u: Any, v: Any) -> Any:
    return np.ravel(u) - np.ravel(v)


def cosine(u: Any, v: Any) -> Any:
    """scipy.spatial.distance.cosine."""
    u, v = np.ravel(u), np.ravel(v)
    return 1.0 - u @ v / np.sqrt((u @ u) * (v @ v))


METRICS: dict[str, Callable[[Any], Any]] = {
    "euclidean": lambda d: np.linalg.norm(d, axis=-1),
    "sqeuclidean": lambda d: np.sum(d * d, axis=-1),
    "cityblock": lambda d: np.sum(np.abs(d), axis=-1),
    "chebyshev": lambda d: np.max(np.abs(d), axis=-1),
}


def cdist(XA: Any, XB: Any, metric: str = "euclidean") -> Any:
    """scipy.spatial.distance.cdist."""
    write = writer_of([XA, XB], "scipy.spatial.distance.cdist")
    if metric not in METRICS:
        write.refuse(f"the metric {metric!r} is not supported", f"use one of {', '.join(METRICS)}")
    a, b = write.array(XA), write.array(XB)
    return METRICS[metric](a[:, None] - b[None])


def pdist(X: Any, metric: str = "euclidean") -> Any:
    """scipy.spatial.distance.pdist."""
    write = writer_of(X, "scipy.spatial.distance.pdist")
    if metric not in METRICS:
        write.refuse(f"the metric {metric!r} is not supported", f"use one of {', '.join(METRICS)}")
    first, second = np.triu_indices(len(X), 1)
    return METRICS[metric](X[first] - X[second])


def _distance(metric: str) -> Callable[[Rule, str], Rule]:
    return written(lambda u, v: METRICS[metric](_difference(u, v)))


# -- scipy.linalg ----------------------------------------------------------------------------------------


def block_diag(*arrays: Any) -> Any:
    """scipy.linalg.block_diag."""
    blocks = [np.atleast_2d(item) for item in arrays]
    columns = [block.shape[1] for block in blocks]
    rows = []
    for number, block in enumerate(blocks):
        left, right = sum(columns[:number]), sum(columns[number + 1 :])
        rows.append(np.pad(block, ((0, 0), (left, right))))
    return np.concatenate(rows)


def toeplitz(c: Any, r: Any = None) -> Any:
    """scipy.linalg.toeplitz of real numbers."""
    first = np.ravel(c)
    row = first if r is None else np.ravel(r)
    numbers = np.concatenate([first[::-1], row[1:]])
    return numbers[len(first) - 1 - np.arange(len(first))[:, None] + np.arange(len(row))]


def simpson(y: Any, x: Any = None, dx: float = 1.0, axis: int = -1) -> Any:
    """scipy.integrate.simpson."""
    from scipy.integrate import simpson

    weights = simpson(np.eye(np.shape(y)[axis]), x=x, dx=dx, axis=-1)
    return np.tensordot(y, weights, ((axis,), (0,)))


def spsolve(A: Any, b: Any) -> Any:
    """scipy.sparse.linalg.spsolve."""
    from scipy.sparse.linalg import spsolve as of_numbers

    if isinstance(A, Sparse):
        return np.linalg.solve(A.toarray(), b)
    return affine_map(writer_of(b, "scipy.sparse.linalg.spsolve"), lambda v: of_numbers(A, v), b)


AFFINE: dict[str, dict[str, tuple[str, ...]]] = {
    "scipy.signal": {
        "lfilter": ("x", "b"), "filtfilt": ("x",), "sosfilt": ("x",), "sosfiltfilt": ("x",), "detrend": ("data",),
        "savgol_filter": ("x",), "resample": ("x",), "resample_poly": ("x",), "upfirdn": ("x", "h"),
        "decimate": ("x",),
        **dict.fromkeys(
            ("convolve", "correlate", "fftconvolve", "oaconvolve", "convolve2d", "correlate2d"), ("in1", "in2")),
        "cspline1d": ("signal",), "qspline1d": ("signal",),
    },
    "scipy.ndimage": dict.fromkeys((
        "gaussian_filter", "gaussian_filter1d", "uniform_filter", "uniform_filter1d", "laplace", "gaussian_laplace",
        "sobel", "prewitt", "shift", "zoom", "rotate", "affine_transform", "spline_filter",
        "spline_filter1d", "convolve", "convolve1d", "correlate", "correlate1d",
    ), ("input",)),
    "scipy.fft": dict.fromkeys(("dct", "idct", "dst", "idst", "dctn", "idctn", "dstn", "idstn"), ("x",)),
    "scipy.integrate": {"cumulative_trapezoid": ("y",), "romb": ("y",), "cumulative_simpson": ("y",)},
    "scipy.linalg": {
        "solveh_banded": ("b",), "solve_toeplitz": ("b",), "solve_circulant": ("b",),
        "hankel": ("c", "r"), "circulant": ("c",),
        "matmul_toeplitz": ("x",), "solve_sylvester": ("q",), "solve_continuous_lyapunov": ("q",),
        "solve_discrete_lyapunov": ("q",), "expm_frechet": ("E",),
    },
    "scipy.interpolate": {"griddata": ("values",)},
}  # fmt: skip

WRITTEN: dict[str, dict[str, Rule]] = {
    "scipy.fft": {function.__name__: rule for function, rule in TRANSFORMS.items()},
    "scipy.special": {"logsumexp": logsumexp, "softmax": softmax, "log_softmax": log_softmax,
                      "polygamma": polygamma},
    "scipy.spatial.distance": {"cosine": cosine, "cdist": cdist, "pdist": pdist},
    "scipy.linalg": {"block_diag": block_diag, "toeplitz": toeplitz, **SCIPY_ALGEBRA},
    "scipy.integrate": {"simpson": simpson},
    "scipy.ndimage": {"map_coordinates": interpolation.map_coordinates, **FILTERS},
    "scipy.interpolate": {"make_interp_spline": interpolation.make_interp_spline, "splrep": interpolation.splrep,
                          "splev": interpolation.splev},
    "pandas": COLUMNS, "scipy.sparse": MAKERS, "scipy.sparse.linalg": {"spsolve": spsolve},
    "scipy.signal": {"medfilt": medfilt, "medfilt2d": medfilt}, "scipy.stats": STATISTICS,
}


#: What calls back with numbers of its own, with what to write in its place.
SOLVERS: dict[str, dict[str, str]] = {
    "scipy.integrate": {
        **dict.fromkeys(("quad", "dblquad", "tplquad", "nquad", "quad_vec"),
                        "sum over fixed nodes: scipy.integrate.fixed_quad, or np.polynomial.legendre.leggauss"),
        **dict.fromkeys(("odeint", "solve_ivp", "solve_bvp"), "take fixed steps of a Runge-Kutta method in a loop"),
    },
    "scipy.optimize": dict.fromkeys(
        ("brentq", "brenth", "bisect", "ridder", "toms748", "newton", "root_scalar", "fsolve", "root", "fixed_point",
         "minimize", "minimize_scalar", "least_squares", "curve_fit", "leastsq", "nnls", "linprog"),
        "find the solution before f is called, or take a fixed number of steps in a loop"),
}  # fmt: skip


def _solver(original: Rule, name: str, fix: str) -> Rule:
    """What is followed as far as it goes; where variables stop it, it is named."""

    def function(*args: Any, **kwargs: Any) -> Any:
        try:
            return original(*args, **kwargs)
        except Exception as error:
            known = [error, error.__cause__, error.__context__]
            if not any(isinstance(one, TraceError) for one in known) and "TracedArray" not in str(error):
                raise
            raise TraceError(name, "computes with numbers of its own, which are no variables", fix, caller()) from None

    return function


def _rows(module: str) -> dict[str, Callable[[Rule, str], Rule]]:
    rows = {name: affine(*names) for name, names in AFFINE.get(module, {}).items()}
    rows |= {name: written(rule) for name, rule in WRITTEN.get(module, {}).items()}
    if module == "scipy.spatial.distance":
        rows |= {metric: _distance(metric) for metric in METRICS}
    return rows


def _listed(item: Any) -> Any:
    """A list with variables as an array, if its parts have one shape."""
    if not isinstance(item, list) or variable_in(item) is None:
        return taken(item)
    parts = taken(item)
    return arrayed(parts) if len({*map(np.shape, parts)}) == 1 else parts


def _following(original: Rule, rule: Rule, name: str, of_class: bool = False) -> Rule:
    """The rule where there are variables, in what an object has too, and the original where there are none."""
    try:
        signature = inspect.signature(original)
    except ValueError:  # A method that was compiled.
        signature = inspect.Signature()

    def function(*args: Any, **kwargs: Any) -> Any:
        first = variable_in([args, [*kwargs.values()], attributes(args[0]) if of_class else []])
        if first is None or (of_class and not isinstance(first, TracedArray)):
            return original(*args, **kwargs)
        target = None
        if "output" in signature.parameters:
            bound = signature.bind(*args, **kwargs)
            target = bound.arguments.pop("output", None)
            args, kwargs = bound.args, bound.kwargs
        by_name = {key: taken(item) for key, item in kwargs.items()}
        own = args[:1] if of_class else ()
        result = named(first.builder, name, rule, [*own, *map(_listed, args[len(own) :])], by_name)
        if not isinstance(target, (np.ndarray, TracedArray)):
            check_dtype(target)
            return result
        check(target, name)
        target[...] = result
        return target

    return function


def library() -> dict[Any, Rule]:
    """SciPy's functions, in those of its modules that are loaded, with what they are of variables."""
    rules = {}
    for module in sorted({*AFFINE, *WRITTEN}):
        if module not in sys.modules:
            continue
        loaded = importlib.import_module(module)
        for name, ruled in _rows(module).items():
            original = getattr(loaded, name, None)
            if original is not None:
                full = f"{module}.{name}"
                rules[original] = _following(original, ruled(original, full), full)
    for module, fixes in SOLVERS.items():
        for name, fix in fixes.items():
            if (original := getattr(sys.modules.get(module), name, None)) is not None:
                rules[original] = _solver(original, f"{module}.{name}", fix)
    for kind, full, methods in classes():
        for name, rule in methods.items():
            original = vars(kind)[name]
            rules[original] = _following(original, rule, f"{full}.{name}", True)
    return rules
