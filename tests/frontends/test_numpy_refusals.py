"""Is what cannot be written with |.| refused, with the operation, the line and a fix?"""

import collections
import importlib
import inspect
import pickle
import statistics
import sys
from fractions import Fraction

import numpy as np
import pytest
from scipy import sparse, special

import absnormal
from absnormal.errors import DomainError, TraceError
from absnormal.frontends.numpy.traced import trace

X = np.array([1.5, -0.5, 2.25])
TIED = np.array([1.0, 1.0, 0.0])
BUFFER = np.zeros(3)


def fill(x):
    BUFFER[0] = x[0]
    return BUFFER


def add_to_plain(x):
    out = BUFFER
    out += x
    return out


def fill_slice(x):
    out = BUFFER.copy()
    out[1:] = x[1:]
    return out


def add_at(x):
    np.add.at(BUFFER, [0], x[0])
    return BUFFER


def python_max(x):
    return max(x[0], x[1])


def branch(x):
    return x[0] if x[2] > 0 else -x[0]


# name: (f, point, operation named)
TRACE = {
    "plain.dot": (lambda x: BUFFER.dot(x), X, "np.array"),
    "an array kept elsewhere": (lambda x, kept=(np.zeros,): kept[0](3).__setitem__(0, x[0]), X, "float()"),
    "of another dtype": (lambda x: np.array([x[0], 1], dtype=np.float32), X, "np.array"),
    "integers": (lambda x: np.zeros(3, int).__setitem__(slice(None), x), X, "np.array"),
    "int": (lambda x: int(x[0]) + x[1], np.array([1.0, 2.0, 3.0]), "int()"),
    "complex": (lambda x: complex(x[0]), X, "complex()"),
    "index": (lambda x: [1, 2, 3][x[0]], X, "indexing"),
    "index by a variable": (lambda x: x[x], X, "indexing"),
    "slice by a variable": (lambda x: x[: x[0]], X, "indexing"),
    "bool": (lambda x: x[0] if x[2] else x[1], TIED, "comparison !="),
    "branch": (branch, TIED, "comparison >"),
    "equality": (lambda x: x[0] if x[0] == x[1] else x[1], TIED, "comparison =="),
    "boolean index": (lambda x: x[x > 0], TIED, "comparison >"),
    "counting": (lambda x: np.sum(x > 0) * x, TIED, "comparison >"),
    "mask and": (lambda x: np.where((x > 0) & (x < 5), x + 1, 0), TIED, "comparison >"),
    "fill": (fill, X, "float()"),
    "fill slice": (fill_slice, X, "np.array"),
    "add to plain": (add_to_plain, X, "np.add"),
    "out plain": (lambda x: np.exp(x, out=BUFFER), X, "np.exp"),
    "out plain of a function": (lambda x: np.sum(x, out=BUFFER[0]), X, "np.sum"),
    "add.at": (add_at, X, "np.add"),
    "copyto": (lambda x: np.copyto(BUFFER, x), X, "np.copyto"),
    "argmax": (lambda x: x[np.argmax(x) - 1], TIED, "np.argmax"),
    "argsort": (lambda x: (x * np.arange(len(x)))[np.argsort(x)], TIED, "np.argsort"),
    "argmin": (lambda x: x[x.argmin() - 1], -TIED, "ndarray.argmin"),
    "sign": (np.sign, TIED, "np.sign"),
    "floor": (np.floor, TIED, "np.floor"),
    "ceil": (np.ceil, TIED, "np.ceil"),
    "rint": (np.rint, X, "np.rint"),
    "round": (lambda x: np.round(x, 1), X, "np.round"),
    "%": (lambda x: x % 0.5, TIED, "np.remainder"),
    "heaviside": (lambda x: np.heaviside(x, 0.5), TIED, "np.heaviside"),
    "sqrt": (np.sqrt, TIED, "np.sqrt"),
    "cbrt": (np.cbrt, TIED, "np.cbrt"),
    "root": (lambda x: x**0.7, TIED, "np.power"),
    "1.5th power": (lambda x: x**1.5, TIED, "np.power"),
    "arctan2": (lambda x: np.arctan2(x[0], x[1]), np.array([0.0, -1.0]), "np.arctan2"),
    "arcsin": (np.arcsin, TIED, "np.arcsin"),
    "spectral norm": (lambda x: np.linalg.norm(np.outer(x, x), 2), X, "np.linalg.norm"),
    "nuclear norm": (lambda x: np.linalg.norm(np.outer(x, x), "nuc"), X, "np.linalg.norm"),
    "norm 0": (lambda x: np.linalg.norm(x, 0), X, "np.linalg.norm"),
    "interp between variables": (lambda x: np.interp(0.3, x, x), X, "np.interp"),
    "equal eigenvalues": (lambda x: np.linalg.eigvalsh(x[0] * np.eye(2)), X, "np.linalg.eigvalsh"),
    "no full rank": (lambda x: np.linalg.lstsq(np.ones((3, 2)), x)[0], X, "np.linalg.lstsq"),
    "a variable order": (lambda x: special.jv(x, 1.0), X, "scipy.special.jv"),
    "float of a list": (lambda x: next(float(v) for v in [x]), X, "float()"),
    "a float kept elsewhere": (lambda x, number=float: number(x[0]), X, "float()"),
    "tied maxima with a key": (lambda x: max([x[0], x[1]], key=abs), TIED, "comparison >"),
    "a sparse sum": (lambda x: sparse.csr_array(np.eye(3)) + x, X, "np.add"),
    "svd": (lambda x: np.linalg.svd(x[None])[2], X, "np.linalg.svd"),
    "fft": (lambda x: np.fft.fft(x), X, "f"),
    "unique": (lambda x: np.unique(x), X, "np.unique"),
    "logical_and": (lambda x: np.logical_and(x, x), X, "np.logical_and"),
    "np.matrix": (lambda x: np.matrix(np.eye(3)) * x, X, "np.multiply"),
    "masked array": (lambda x: x + np.ma.masked_array(X, [0, 1, 0]), X, "np.add"),
    "complex constant": (lambda x: x * 1j, X, "f"),
    "text constant": (lambda x: x * np.array(["a"]), X, "np.multiply"),
    "float32": (lambda x: x.astype(np.float32), X, "ndarray.astype"),
    "dtype": (lambda x: np.sum(x, dtype=np.float32), X, "np.sum"),
    "dtype of a ufunc": (lambda x: np.add(x, 1, dtype=np.float32), X, "np.add"),
    "where= of a ufunc": (lambda x: np.exp(x, where=[True, False, True]), X, "np.exp"),
    "order K": (lambda x: x.T.ravel("K"), X, "ndarray.ravel"),
    "0 ** x": (lambda x: 0.0**x, X, "np.power"),
    "a comparison returned": (lambda x: x > 0, X, "comparison >"),
    "where that jumps": (lambda x: np.where(x > 0, x * x, 1), TIED, "np.where"),
}  # fmt: skip

DOMAIN = {
    "not definite": (lambda x: np.linalg.cholesky(np.outer(x, x)), X, "np.linalg.cholesky"),
    "a singular matrix": (lambda x: np.linalg.inv(np.outer(x, x)), X, "np.linalg.inv"),
    "log": (np.log, TIED, "np.log"),
    "log of a negative": (np.log, X, "np.log"),
    "sqrt of a negative": (np.sqrt, X, "np.sqrt"),
    "division": (lambda x: 1 / x, TIED, "np.divide"),
    "0/0": (lambda x: x / x, TIED, "np.divide"),
    "reciprocal": (np.reciprocal, TIED, "np.reciprocal"),
    "negative power": (lambda x: x**-2, TIED, "np.power"),
    "power of a negative": (lambda x: x**0.3, X, "np.power"),
    "overflow": (lambda x: np.exp(1000 * x), X, "np.exp"),
    "overflow in a product": (lambda x: (x * 1e200) @ (x * 1e200), X, "np.matmul"),
    "overflow in scipy": (lambda x: special.gammaln(x * x * 1e306), X, "scipy.special.gammaln"),
    "arccosh": (np.arccosh, X, "np.arccosh"),
    "arctanh": (np.arctanh, TIED, "np.arctanh"),
    "a NaN constant": (lambda x: x + np.nan, X, "np.add"),
    "fmax with NaN": (lambda x: np.fmax(x, [np.nan, 0, 0]), X, "np.fmax"),
    "an infinite result": (lambda x: x + np.inf, X, "np.add"),
    "an infinite bound": (lambda x: np.maximum(x, np.inf), X, "np.maximum"),
    "inf - inf": (lambda x: (x + np.inf) - np.inf, X, "np.subtract"),
    "mean of nothing": (lambda x: np.mean(x[:0]), X, "np.mean"),
}


def _lines(f):
    lines, first = inspect.getsourcelines(f)
    return range(first, first + len(lines))


@pytest.mark.filterwarnings("ignore:the matrix subclass")
@pytest.mark.parametrize("name", TRACE)
def test_does_a_refusal_name_operation_line_and_fix(name):
    f, point, operation = TRACE[name]
    with pytest.raises(TraceError) as caught:
        trace(f, point)
    error = caught.value
    assert error.operation.startswith(operation)
    if inspect.isfunction(f):
        assert error.source is not None
        assert error.source.file == __file__
        assert error.source.line in _lines(f)
    assert error.fix
    assert operation in str(error)
    assert error.fix in str(pickle.loads(pickle.dumps(error)))


@pytest.mark.parametrize("name", DOMAIN)
def test_does_nan_or_infinity_name_the_operation(name):
    f, point, operation = DOMAIN[name]
    with pytest.raises(DomainError) as caught:
        trace(f, point)
    assert caught.value.operation == operation
    if inspect.isfunction(f):
        assert caught.value.source.file == __file__
        assert caught.value.source.line in _lines(f)


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_is_a_point_with_nan_refused(bad):
    with pytest.raises(DomainError, match="NaN or infinity"):
        trace(np.sum, np.array([1.0, bad]))


def test_is_underflow_no_error():
    assert trace(lambda x: np.exp(-1000 * x), np.array([1.0]))(np.array([1.0])) == 0.0


@pytest.mark.parametrize("result", [None, "3", {"y": 1.0}, 1j, object()])
def test_is_a_result_that_is_not_a_number_refused(result):
    with pytest.raises(TraceError, match=r"must return a number.*Fix: "):
        trace(lambda x: result, X)


def test_is_a_variable_of_another_trace_refused():
    kept = collections.deque()  # where it is not looked for
    trace(lambda x: kept.append(x) or x[0], X)
    with pytest.raises(TraceError, match="another trace"):
        trace(lambda x: x + kept[0], X)
    with pytest.raises(TraceError, match="another trace"):
        trace(lambda x: kept[0], X)


def test_does_hasattr_answer_no():
    assert trace(lambda x: x[0] if hasattr(x, "toarray") else x[1], X)(X) == X[1]


@pytest.mark.parametrize("f", [
    lambda x: np.concatenate([x, x], axis=1), lambda x: np.sum(x, axis=1), lambda x: x.transpose(0, 0),
    lambda x: np.stack([x, x[:2]]), lambda x: np.tensordot(x, np.eye(2), 1), lambda x: np.cumsum(x, axis=2),
    lambda x: np.sum(np.outer(x, x), axis=(0, 0)), lambda x: np.max(x[:0]), lambda x: x.reshape(2, 2),
    lambda x: x + np.ones(2), lambda x: x[7], lambda x: np.einsum("ij->i", x), lambda x: np.quantile(x, 1.5),
    lambda x: np.add(x, np.ones((2, 3)), out=x * 1),
    lambda x: x[0].item(3, 3), lambda x: x * [[x[0], 1], [2]],
])  # fmt: skip
def test_is_a_wrong_shape_an_error_as_in_numpy(f):
    with pytest.raises((ValueError, IndexError)):
        trace(f, X)


# Programs that change arrays in place, where NumPy's answer is the judge.


def alias(x):
    y = x * 1
    z = y
    y += 1
    return z


def same_shape(x):
    y = x * 1
    z = y.reshape(3)
    z += 1
    return y + z


def copies(x):
    y = x * 1
    kept = [y.copy(), +y, y.flatten(), y.astype(float), y**1, np.sort(y), np.tile(y, 1), np.max(y[None],
    axis=0),
            np.where([True] * 3, y, 0), np.copy(y), np.roll(y, 0), np.nan_to_num(y), np.clip(y, None,
            9.0)]  # fmt: skip
    y += 1
    return np.stack(kept)


def numbers(x):
    a = x[0]
    b = a
    a += x[1]
    c = np.sum(x)
    d = c
    c *= 2
    return b + d


def dead_views(x):
    y = x * 1
    z = y[1:].sum()
    y += z
    return y


def input_changed(x):
    x = x.copy()
    y = x
    x -= 2
    return y


def rebound(x):
    y = x * 1
    z = y
    y = y + 1
    return z


def held(x):
    a = np.where(x[0] > 0, x[0], x[1])
    b = a
    a += 1
    return b


def view_changed(x):
    y = x[1:]
    z = y
    y += 1
    return z


def base_changed(x):
    y = x * 1
    z = y.T.reshape(3, 1)
    y += 1
    return z


def flipped_changed(x):
    y = x * 1
    z = np.flip(y)
    y += 1
    return z


def broadcast_changed(x):
    y = x * 1
    z = np.broadcast_to(y, (2, 3))
    y += 1
    return z


def entry_changed(x):
    y = x * 1
    y[0] = 3.0
    return y


def slice_changed(x):
    y = x * 1
    y[1:] *= 3.0
    return y


def masks(x):
    m = x > 0
    n = m
    m &= x < 2
    k = x > 0
    k[0] = False
    return np.where(n, x, 0) + np.where(k, x, 0)


@pytest.mark.parametrize(
    "f", [
        alias, same_shape, copies, numbers, dead_views, input_changed, rebound, held, masks, view_changed, base_changed,
        flipped_changed, broadcast_changed, entry_changed, slice_changed,
    ],
)
def test_are_changes_in_place_seen_where_numpy_sees_them(f):
    np.testing.assert_allclose(trace(f, X)(X), f(X.copy()), rtol=1e-14)


def test_is_a_0d_array_changed_in_place_and_a_number_replaced():
    def f(x):
        y = x
        x += 1
        return y

    assert trace(f, np.array(2.0))(2.0) == f(np.array(2.0)) == 3.0
    assert trace(f, 2.0)(2.0) == f(2.0) == 2.0


# -- a trace is held against plain calls of f ----------------------------------------------------------------


ANOTHER_WAY = {
    "np.generic": lambda x: 2.0 * np.abs(x[0]) + x[1] if isinstance(x[0], np.generic) else 0.0 * x[0] + 0.3,
    "isinstance of x": lambda x: np.abs(x[0]) if isinstance(x, np.ndarray) else x[0],
    "isinstance of an entry": lambda x: np.maximum(x[0], 0.0) if isinstance(x[0], float) else np.abs(x[0]),
    "type": lambda x: np.abs(x[0]) if type(x) is np.ndarray else np.maximum(x[0], x[1]),
    "an attribute": lambda x: x[0] if hasattr(x, "builder") else np.abs(x[0]),
    "another shape": lambda x: x if isinstance(x, np.ndarray) else x[0],
    "an error": lambda x: x[0] if hasattr(x, "builder") else x[5],
}


@pytest.mark.parametrize("f", ANOTHER_WAY.values(), ids=list(ANOTHER_WAY))
@pytest.mark.parametrize("x", [np.array([-0.5, -1.2]), np.zeros(2), np.array([0.0, 3.0])], ids=["apart", "0", "kink"])
def test_is_another_way_while_it_is_traced_refused(f, x):
    with pytest.raises(TraceError, match=r"f at test_numpy_refusals.py:\d+: (returns|raises) .* while it is traced"):
        trace(f, x)
    for judged in (absnormal.verify, absnormal.generalized_gradient, absnormal.clarke_gradient):
        if f is not ANOTHER_WAY["another shape"]:
            with pytest.raises(TraceError, match="while it is traced"):
                judged(f, x)


@pytest.mark.parametrize("side", [1.0, -1.0])
def test_is_another_way_on_either_side_of_a_kink_refused(side):
    with pytest.raises(TraceError, match=r"next to this point .* while it is traced"):
        trace(lambda x: np.maximum(side * x, 0.0) if isinstance(x, float) else np.abs(x), 0.0)


def test_is_another_shape_of_the_same_numbers_refused():
    with pytest.raises(TraceError, match=r"at this point .* while it is traced"):
        trace(lambda x: x if isinstance(x, np.ndarray) else x[0], np.ones(1))


def test_is_a_function_that_changes_between_calls_refused():
    generator, calls = np.random.default_rng(0), []

    def counted(x):
        calls.append(0)
        return len(calls) * np.abs(x[0])

    random = {
        "a generator": lambda x: np.abs(x[0]) * generator.random() + x[1],
        "the global state": lambda x: np.abs(x[0]) * np.random.rand() + x[1],  # noqa: NPY002
        "dropout": lambda x: np.sum(np.abs(x) * (generator.random(2) < 0.5)) + generator.random() * x[1],
        "a count": counted,
    }
    for f in random.values():
        for x in (np.array([0.5, -1.2]), np.zeros(2)):
            with pytest.raises(TraceError, match=r"is not deterministic: two calls (at|next to) this point return"):
                trace(f, x)


def test_is_what_agrees_to_rounding_or_is_a_fraction_taken():
    third = np.array([Fraction(1, 3), Fraction(0)], dtype=object)
    for f in (lambda x: np.abs(x[0]) * 0.5 + np.max(x), lambda x: np.mean(x) + 0.1 * np.round(x[0])):
        trace(f, third)
    trace(lambda x: np.where(x > 0, x, np.inf).min() + 1.0, np.array([0.5, -1.2]))
    with pytest.raises(TraceError, match="while it is traced"):
        trace(lambda x: np.abs(x[0]) if isinstance(x[0], Fraction) else x[1], third)
    ill = np.array([1.0 + 1e-13, 2.0, 3.0])
    # Next to a pole roundings are large, whatever formula they come from.
    trace(lambda x: 1.0 / (np.mean(x) - 2.0 - 1e-14) + np.std(x), ill)
    trace(lambda x: np.linalg.norm(x) * np.exp(200 * np.var(x)), ill)


def test_does_f_see_copies_of_its_argument():
    x = np.array([0.5, -1.2])

    def f(x):
        x += 1.0
        return np.abs(x).sum()

    assert trace(f, x)([0.5, -1.2]) == 1.7 and x.tolist() == [0.5, -1.2]


def _doubled(below):
    def f(x):
        while below(x):
            x = x * 2
        return x.sum()

    return f


@pytest.mark.parametrize(("f", "x", "operation"), [
    *[(_doubled(below), [-0.75, -1.0], "np.multiply") for below in (
        lambda x: x[0] < 2, lambda x: np.any(x < 2), lambda x: (x < 2).all(), lambda x: (x < 2).sum() > 0,
        lambda x: np.count_nonzero(x < 2), lambda x: not x[0] >= 2,
    )],
    (lambda x: x[1] if np.log(x[0]) < 0 else 2 * x[1], [0.0, 1.0], "np.log"),
    (lambda x: x[1] if np.exp(x[0]).sum() > 1 else x[0], [1e4, 1.0], "np.exp"),
])
@pytest.mark.filterwarnings("ignore")
def test_a_branch_on_what_is_infinite_is_refused(f, x, operation):
    """A loop whose variable overflows would not end."""
    with pytest.raises(DomainError, match=operation):
        trace(f, x)


def test_what_fails_within_python_names_the_line_that_called_it():
    with pytest.raises(TraceError, match="stdev at test_numpy_refusals") as caught:
        trace(lambda x: statistics.stdev(x), X)
    assert caught.value.source.file == __file__


def test_what_another_library_cannot_do_is_named_at_the_users_line(tmp_path, monkeypatch):
    package = tmp_path / "site-packages" / "beside"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text("class Series:\n    def __init__(self, x):\n        self.x = memoryview(x)\n")
    monkeypatch.syspath_prepend(str(package.parent))
    beside = importlib.import_module("beside")
    with pytest.raises(TraceError) as caught:
        absnormal.verify(lambda x: beside.Series(x).x[0], np.ones(2))
    assert caught.value.operation == "beside.Series" and "does not take variables" in caught.value.problem
    assert caught.value.source is not None and caught.value.source.file == __file__
    monkeypatch.delitem(sys.modules, "beside")
