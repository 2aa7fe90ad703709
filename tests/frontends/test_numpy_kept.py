"""Are functions followed wherever f keeps them, and is SciPy's linear algebra right?"""

from __future__ import annotations

import functools
import gc
import importlib
import sys
import threading
import warnings
import weakref
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import scipy.fft
import scipy.linalg as sl

import absnormal as an
from absnormal.frontends.numpy.kept import Kept

_RANDOM = np.random.default_rng(0)
_SQUARE, _TALL = _RANDOM.standard_normal((3, 3)), _RANDOM.standard_normal((4, 3))
_DEFINITE = _SQUARE @ _SQUARE.T + np.eye(3)
_OTHER = _DEFINITE + np.diag([1.0, 2.0, 3.0])


def _told(results: Any) -> Any:
    """One number that tells all entries of all results apart."""
    if isinstance(results, (tuple, list)):
        return sum(_told(item) for item in results)
    parts = [np.real(results), np.imag(results)] if np.iscomplexobj(results) else [results]
    return sum((np.reshape(part, -1) * np.cos(np.arange(np.size(part)) + 0.3)).sum() for part in parts)


def _differences(f: Callable[[Any], Any], x: Any) -> Any:
    units = 1e-6 * np.eye(x.size).reshape(x.size, *x.shape)
    return np.reshape([(f(x + unit) - f(x - unit)) / 2e-6 for unit in units], x.shape)


class Settings:
    """A class that keeps a function for all its objects."""

    factor = staticmethod(sl.cholesky)


class Model:
    """An object that keeps a function of its own."""

    def __init__(self) -> None:
        self.factor = sl.cholesky

    def loss(self, a: Any) -> Any:
        return _told(self.factor(a))


MODEL, FACTORS, BY_NAME, ROOT = Model(), [sl.cholesky], {"cholesky": sl.cholesky}, functools.partial(sl.cholesky)
NESTED = {"deep": [SimpleNamespace(), Model()]}


def _by_keyword(a: Any, *, factor: Any = sl.cholesky) -> Any:
    return _told(factor(a))


KEPT: dict[str, tuple[Callable[[Any], Any], Callable[[], Any]]] = {
    "an attribute": (lambda a: _told(MODEL.factor(a)), lambda: MODEL.factor),
    "a method": (MODEL.loss, lambda: MODEL.factor),
    "an attribute of a class": (lambda a: _told(Settings.factor(a)), lambda: Settings.factor),
    "a list": (lambda a: _told(FACTORS[0](a)), lambda: FACTORS[0]),
    "a dictionary": (lambda a: _told(BY_NAME["cholesky"](a)), lambda: BY_NAME["cholesky"]),
    "a partial": (lambda a: _told(ROOT(a)), lambda: ROOT.func),
    "a default": (lambda a, factor=sl.cholesky: _told(factor(a)), lambda: sl.cholesky),
    "a default by its name": (_by_keyword, lambda: (_by_keyword.__kwdefaults__ or {})["factor"]),
    "deep": (lambda a: NESTED["deep"][1].loss(a), lambda: NESTED["deep"][1].factor),  # type: ignore[attr-defined]
}


@pytest.mark.parametrize("name", KEPT)
def test_functions_are_followed_wherever_they_are_kept_and_given_back(name: str) -> None:
    f, kept = KEPT[name]
    np.testing.assert_allclose(an.gradient(f, _DEFINITE), _differences(f, _DEFINITE), rtol=1e-6, atol=1e-6)
    assert kept() is sl.cholesky
    with pytest.raises(ZeroDivisionError):
        an.gradient(lambda a: f(a) * (1 // 0), _DEFINITE)
    assert kept() is sl.cholesky


def test_defaults_are_read_anew_and_nothing_is_kept_of_them() -> None:
    def f(a: Any, factor: Any = np.triu) -> Any:
        return _told(factor(a))

    an.gradient(f, _DEFINITE)
    f.__defaults__ = (sl.cholesky,)
    np.testing.assert_allclose(an.gradient(f, _DEFINITE), _differences(f, _DEFINITE), rtol=1e-6, atol=1e-6)
    assert f.__defaults__ == (sl.cholesky,)
    known = weakref.ref(f)
    del f
    gc.collect()
    assert known() is None


def test_a_function_of_scipy_with_arguments_is_followed_itself() -> None:
    f = functools.partial(sl.det, check_finite=False)
    np.testing.assert_allclose(an.gradient(f, _SQUARE), _differences(f, _SQUARE), rtol=1e-6, atol=1e-6)
    assert f.func is sl.det


def test_another_thread_has_the_function_itself() -> None:
    found = []

    def f(a: Any) -> Any:
        thread = threading.Thread(target=lambda: found.append(FACTORS[0](_DEFINITE)))
        thread.start()
        thread.join()
        return _told(FACTORS[0](a))

    an.gradient(f, _DEFINITE)
    assert all(np.array_equal(item, sl.cholesky(_DEFINITE)) for item in found)


_LIBRARY = """
from python_numbers_inner import deep

def largest(x): return max(x[0], x[1])
def number(x): return abs(float(x[0])) + float(x[1])
def calls(x): return deep(x)
def clip(value, low=0.0, high=1.0): return max(low, min(high, value))

class Loss:
    def __call__(self, x): return min(x[0], x[1]) + self.part(x)
    def part(self, x): return sorted(x)[1]
"""
_INNER = "def deep(x): return min(x[0], x[1])"


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """A module of a person's, whose functions use Python's own for numbers, and another one that it imports."""
    folder = tmp_path_factory.mktemp("library")
    (folder / "python_numbers.py").write_text(_LIBRARY)
    (folder / "python_numbers_inner.py").write_text(_INNER)
    sys.path.insert(0, str(folder))
    yield importlib.import_module("python_numbers")
    sys.path.remove(str(folder))


@pytest.mark.parametrize("x", [[0.0, 0.0], [1.0, 1.0], [0.0, 1.0]])
@pytest.mark.parametrize("name", ["around", "a default", "kept", "an object", "a method", "a loop", "a partial"])
def test_pythons_own_functions_are_followed_in_other_modules(library: Any, name: str, x: list[float]) -> None:
    largest, loss = library.largest, library.Loss()
    functions: dict[str, Callable[[Any], Any]] = {
        "around": lambda x: library.largest(x) + library.number(x) + library.calls(x),
        "a default": lambda x, given=library: given.largest(x),
        "kept": lambda x: largest(x) * 2.0,
        "an object": lambda x: loss(x) + library.Loss()(x),
        "a method": loss.part,
        "a loop": lambda x: sum(map(library.clip, x)),
        "a partial": functools.partial(lambda x, f: f(x), f=largest),
    }
    report = an.verify(functions[name], x)
    assert report.verdict is not an.Verdict.UNDECIDED and report.certificate.check()
    for module in (library, sys.modules["python_numbers_inner"]):
        assert not {"max", "min", "sorted", "float"} & vars(module).keys()


def test_the_modules_of_numpy_and_scipy_keep_pythons_own_functions() -> None:
    def f(x: Any) -> Any:
        return np.sum(x) + sl.norm(x)

    names = [space["__name__"] for space in Kept(f).modules]
    assert names == [__name__]


def test_what_is_kept_out_of_sight_is_refused_by_its_name() -> None:
    hidden = ({"cholesky"}, (sl.ldl,))
    with pytest.raises(an.TraceError, match=r"scipy\.linalg\.ldl at .*takes no variables.*Fix: .*NumPy"):
        an.gradient(lambda a: _told(hidden[1][0](a)[0]), _DEFINITE)


ALGEBRA: dict[str, tuple[Callable[[Any], Any], Any]] = {
    "cho_factor": (lambda a: np.triu(sl.cho_factor(a)[0]).sum(), _DEFINITE),
    "cho_solve": (lambda a: _told(sl.cho_solve(sl.cho_factor(a), _SQUARE)), _DEFINITE),
    "cho_solve of a vector": (lambda a: _told(sl.cho_solve(sl.cho_factor(a), _SQUARE[0])), _DEFINITE),
    "cho_solve below": (lambda a: _told(sl.cho_solve(sl.cho_factor(a, lower=True), _SQUARE)), _DEFINITE),
    "cho_solve of the other side": (lambda b: _told(sl.cho_solve(sl.cho_factor(_DEFINITE), b)), _SQUARE),
    "lu": (lambda a: _told(sl.lu(a)), _SQUARE), "lu permuted": (lambda a: _told(sl.lu(a, permute_l=True)), _SQUARE),
    "lu_factor": (lambda a: _told(sl.lu_factor(a)[0]), _SQUARE),
    "lu_solve": (lambda a: _told(sl.lu_solve(sl.lu_factor(a, True), _DEFINITE)), _SQUARE),
    "lu_solve transposed": (lambda a: _told(sl.lu_solve(sl.lu_factor(a), _DEFINITE, 1)), _SQUARE),
    "lu_solve of the other side": (lambda b: _told(sl.lu_solve(sl.lu_factor(_SQUARE), b)), _TALL[:3]),
    "qr": (lambda a: _told(sl.qr(a)), _SQUARE), "qr economic": (lambda a: _told(sl.qr(a, mode="economic")), _TALL),
    "qr r": (lambda a: _told(sl.qr(a, mode="r")[0]), _SQUARE),
    "svd": (lambda a: _told(sl.svd(a, full_matrices=False)), _TALL),
    "svd of a wide matrix": (lambda a: _told(np.linalg.svd(a, full_matrices=False)), _TALL.T.copy()),
    "svd of a square matrix": (lambda a: _told(np.linalg.svd(a)), _SQUARE),
    "svd with vectors that fill up": (
        lambda a: _told(np.linalg.svd(a)[1:]) + _told(np.linalg.svd(a)[0][:, :3]), _TALL),
    "svd of SciPy with vectors that fill up": (
        lambda a: _told(sl.svd(a)[:2]) + _told(sl.svd(a)[2][:3]), _TALL.T.copy()),
    "svd of several": (lambda a: _told(np.linalg.svd(np.stack([a, 1.5 * a + _DEFINITE]))), _SQUARE),
    "lstsq": (lambda a: _told(sl.lstsq(a, a[:, 0] * 2 + np.arange(4))[0]), _TALL),
    **{name: (lambda a, name=name: _told(getattr(sl, name)(a)), _DEFINITE + 0.1 * _SQUARE)
       for name in ("sqrtm", "logm")},
    **{name: (lambda a, name=name: _told(getattr(sl, name)(a)), 0.3 * _SQUARE)
       for name in ("expm", "cosm", "sinm", "tanm", "coshm", "sinhm", "tanhm")},
    "eigh of two": (lambda a: _told(sl.eigh(a, _OTHER)), _DEFINITE),
    "eigh of the second": (lambda b: _told(sl.eigh(_DEFINITE, b, lower=False)), _OTHER),
    "eigvalsh of two": (lambda a: _told(sl.eigvalsh(a, a @ a + _OTHER)), _DEFINITE),
    "eigenvalues alone": (lambda a: _told(sl.eigh(a, eigvals_only=True)), _DEFINITE),
    "det": (lambda a: sl.det(a, True, False), _SQUARE), "inv": (lambda a: _told(sl.inv(a, overwrite_a=True)), _SQUARE),
    "solve_sylvester": (lambda q: _told(sl.solve_sylvester(_DEFINITE, _OTHER, q)), _SQUARE),
    "solve_lyapunov": (lambda q: _told(sl.solve_continuous_lyapunov(_DEFINITE, q)), _SQUARE),
    "expm_frechet": (lambda e: _told(sl.expm_frechet(_SQUARE, e, compute_expm=False)), _SQUARE),
    **{f"scipy.fft.{name}": (lambda x, name=name: _told(getattr(scipy.fft, name)(x, norm="ortho")), _TALL)
       for name in ("fft2", "fftn", "ifftn", "rfft2", "rfftn", "irfftn")},
    "scipy.fft.irfft2": (lambda x: _told(scipy.fft.irfft2(x * 1j, workers=1)), _TALL),
}  # fmt: skip


@pytest.mark.parametrize("name", ALGEBRA)
def test_linear_algebra_of_scipy(name: str) -> None:
    f, x = ALGEBRA[name]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        np.testing.assert_allclose(an.gradient(f, x), _differences(f, x), rtol=1e-5, atol=1e-5)


NOT_SMOOTH: dict[str, tuple[Callable[[Any], Any], Any]] = {
    "two pivots": (lambda a: _told(sl.lu(a)[2]), np.array([[1.0, 2.0], [1.0, 5.0]])),
    "equal singular values": (lambda a: _told(np.linalg.svd(a)), np.eye(2)),
    "vectors that fill up": (lambda a: _told(np.linalg.svd(a)[0]), _TALL),
    "the root of a singular matrix": (lambda a: _told(sl.sqrtm(a)), np.diag([1.0, 0.0])),
}


@pytest.mark.parametrize("name", NOT_SMOOTH)
def test_linear_algebra_is_refused_where_it_is_not_smooth(name: str) -> None:
    problem = "not continuously differentiable|equal, or 0|no singular value"
    with warnings.catch_warnings(), pytest.raises(an.TraceError, match=problem):
        warnings.simplefilter("ignore")
        an.gradient(*NOT_SMOOTH[name])


CONSTANTS: dict[str, Callable[[Any], Any]] = {
    "the quantile": lambda x: np.percentile(np.arange(3.0), 10 * x[0, 0] ** 2),
    "which entries": lambda x: np.extract(x, np.arange(9.0)).sum(),
}


@pytest.mark.parametrize("name", CONSTANTS)
def test_a_variable_in_the_place_of_a_constant_is_refused_by_name(name: str) -> None:
    with pytest.raises(an.TraceError, match="keep that argument constant"):
        an.gradient(CONSTANTS[name], np.abs(_SQUARE))


class Keeping:
    """Keeps what it computes, in attributes and lists, as a class with callbacks does."""

    def __init__(self, refused: bool) -> None:
        self.refused, self.last, self.several, self.seen = refused, None, {"pair": None}, [0.0] * 200

    def __call__(self, x: Any) -> Any:
        global LATEST
        LATEST = self.last = 2 * x
        self.several["pair"] = (x > 1, [x[0]], 1j * x)
        self.seen.append(x.copy())
        return np.abs(np.sign(x) if self.refused else x).sum()


LATEST: Any = None


def kept_by(keeping: Keeping) -> list[Any]:
    mask, first, turned = keeping.several["pair"]  # type: ignore[misc]
    return [LATEST, keeping.last, mask, *first, turned, keeping.seen[200]]


@pytest.mark.parametrize("refused", [False, True])
def test_what_f_keeps_of_variables_holds_plain_numbers_afterwards(refused: bool) -> None:
    keeping = Keeping(refused)
    if refused:
        with pytest.raises(an.TraceError):
            an.verify(keeping, np.array([0.0, 2.0]))
    else:
        assert an.verify(keeping, np.array([0.0, 2.0]))
    held = kept_by(keeping)
    assert all(type(one) is np.ndarray or isinstance(one, np.generic) for one in held), held
    expected = [[0.0, 4.0], [0.0, 4.0], [False, True], 0.0, [0.0, 2.0j], [0.0, 2.0]]
    for one, right in zip(held, expected, strict=True):
        np.testing.assert_allclose(one, right, atol=1e-5)


@pytest.mark.parametrize("added", [1.5, {"key": 1.5}])
def test_of_what_is_large_only_what_was_added_is_looked_at(added: Any) -> None:
    data: Any = dict.fromkeys(range(1000), 0.0) if isinstance(added, dict) else [0.0] * 1000
    f: Callable[[Any], Any] = lambda x: data[3] * x  # noqa: E731
    large, asked = Kept(f).large, list[Any]()
    data.update(added) if isinstance(added, dict) else data.append(added)
    Kept(f).settle(lambda one: asked.append(one) or one, {}, large)
    assert [one for one in asked if one is not data] == [1.5]


def test_names_that_another_thread_takes_away_meanwhile_are_left_out() -> None:
    names = dict.fromkeys(["first", "second"], 1.5)
    Kept(None).settle(lambda item: names.pop("second", None) and item, names, {})
    assert [*names] == ["first"]


def test_what_is_followed_within_leaves_the_variables_around_it() -> None:
    """The inner call has the module of the outer one, whose variable stands under one of its names by then."""

    def outer(x: Any) -> Any:
        global LATEST
        LATEST = np.abs(x), x[0] + 1j * x[1], x > 0.5
        slopes = an.gradient(lambda y: np.abs(y).sum() + np.sum(LATEST[2]), np.array([1.0, -2.0]))
        return LATEST[0] @ slopes + LATEST[1].imag

    np.testing.assert_array_equal(an.gradient(outer, np.array([1.0, -2.0])), [1.0, 2.0])
    assert type(LATEST) is tuple and type(LATEST[0]) is np.ndarray
