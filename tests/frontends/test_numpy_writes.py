"""Are arrays that f makes and writes variables into followed, and is NumPy as it was afterwards?"""

from __future__ import annotations

import functools
import math
import sys
import threading
import time
from random import Random
from types import ModuleType

import numpy as np
import pytest
from numpy import array, zeros
from scipy import interpolate, linalg, signal, special, stats

import absnormal as an
from absnormal.frontends.numpy.held import Held
from absnormal.frontends.numpy.standing_in import stand_ins
from absnormal.program import nearby
from tests.frontends.numpy_statements import function, source

#: np.zeros, where nothing stands in for it.
ZEROS = (np.zeros,)
X = np.array([0.7, -1.3, 0.4])


def filled(x):
    y = np.zeros(3)
    for i in range(3):
        y[i] = x[i] ** 2
    return np.sum(y * [1.0, 2.0, 3.0])


def imported(x):
    y = zeros((2, 3))
    y[1] = array([x[0], 1.0, x[2]])
    return (y.T @ y).sum()


def views(x):
    y = np.ones((2, 2))
    v = y[1]
    w = y.T
    v[0] = x[0]
    w[1, 1] = x[1]
    y.reshape(4)[0] = x[2]
    return (y * v * w[0]).sum()


def viewed_before(x):
    y = np.zeros(6)
    rows = y.reshape(2, 3)
    back = rows[:, ::-1]
    rows[1] = x
    back[0, :2] += x[:2]
    return y @ np.arange(6.0) ** 2


def overwritten(x):
    y = np.zeros(2)
    y[0] = x[0]
    y[1] = y[0] * x[1]
    y[0] = 3.0
    return y[0] * y[1] + y.sum()


def overlapping(x):
    y = x.copy()
    y[1:] = y[:-1] * 2
    y[:-1] += y[1:]
    return y @ X


def swapped(x):
    y = np.array(x)
    y[0], y[2] = y[2], y[0]
    return y @ [1.0, 2.0, 3.0]


def by_masks(x):
    y = x * 2
    y[x < 0] = 0.5
    z = np.zeros(3)
    z[x > 0] = x[x > 0]
    z[[0, 0]] += x[0]
    return y @ z + (z**2).sum()


def of_the_argument(x):
    x[1] = x[0] * x[2]
    x *= 2
    return x.sum()


def accumulated(x):
    total = np.zeros(3)
    total += x
    total[1:] -= x[:2] ** 2
    total *= 2
    return np.linalg.norm(total)


def filter_of_first_order(x):
    y = np.empty_like(x)
    y[0] = x[0]
    for i in range(1, len(x)):
        y[i] = 0.5 * y[i - 1] + x[i]
    return y[-1] ** 2


def matrices(x):
    r = np.array([[np.cos(x[0]), -np.sin(x[0])], [np.sin(x[0]), np.cos(x[0])]])
    e = np.eye(2)
    e[0, 1] = x[1]
    return np.trace(r @ e @ r.T @ np.diag([x[2], 1.0]))


def lists(x):
    rows = [[x[0], x[1]], [x[1], 2.0]]
    return np.sum(rows) + np.linalg.norm([x[0] - 1, x[2]]) + np.dot([1.0, 2.0], [x[0], x[1]]) + np.max(list(x))


def with_math(x):
    powers = math.sqrt(x[2]) + math.pow(x[0], 2) + math.hypot(x[0], x[1])
    return math.exp(x[0]) * math.sin(x[1]) + powers + math.log(x[2], 2)


def kept_and_iterated(x):
    y = np.zeros(3)
    y[:] = x
    first, *rest = y
    return first * sum(v * v for v in rest) + len(y) + float(np.ones(3)[1])


def made_of_objects(x):
    y = np.empty(2, dtype=object)
    y[0], y[1] = x[0], x[1] ** 2
    return np.sum(y * 2.0) + np.asarray(y, dtype=float)[0]


def methods(x):
    y = np.zeros((2, 3))
    y[0] = x
    y[1].fill(x[1])
    return y.sum() + y.max() + y.T.copy().reshape(-1)[1] + y.flatten().mean() + y.ravel()[2] + (y.dot(x)).prod()


def reshaped(x):
    y = np.outer(x, x)
    z = y.T.reshape(9)
    z[:3] = 1.0
    y.reshape(9)[4] = x[0]
    return y.ravel() @ z


def as_numpy_has_them(x):
    y = np.ones(3)
    y[0] = x[0]
    y.flat[2] = x[1]
    z = np.zeros(())
    z[()] = x[2]
    parts = [
        y**2, y % 0.3, np.where(y > 0.5, y, 2 * y), np.where(x > 0, np.zeros(3), x), (x > 0) * np.ones(3) * x,
        np.stack([y, np.ones(3)])[0], np.array([y, y * 2])[1], y.view() * 2, y.real + y.conj(), y[~np.isnan(y)],
        np.multiply.outer(y, y)[0], np.sin(y, out=np.zeros(3)), z + y, math.exp(y[0]) * y, float(y[0]) * y,
        sum(y) + np.einsum("i,i", y, y) + y, sorted(y)[0] * y, y.tolist()[0] + y.item(0) * y, np.nanmean(y) * y,
    ]
    assert str(y) and repr(y) and f"{y[1]:.2f}" == "1.00" and isinstance(y, np.ndarray)
    return sum(parts)


def pythons_own(x):
    best = max(x[0], x[1], 0.0) + min(x) + max([v * v for v in x])
    return best + float(x[0]) * float(np.sum(x)) + (1.0 if isinstance(2.0, float) else x[1]) + np.zeros(2, float).sum()


def results(x):
    y = np.zeros(2)
    y[1] = x[0]
    return y


FOLLOWED = (
    filled, imported, views, viewed_before, overwritten, overlapping, swapped, by_masks, of_the_argument, accumulated,
    filter_of_first_order, matrices, lists, with_math, kept_and_iterated, made_of_objects, methods, results,
    as_numpy_has_them, pythons_own, reshaped,
)  # fmt: skip


def slope(f, x):
    """The gradient by central differences."""
    return [(f(x + 1e-6 * unit) - f(x - 1e-6 * unit)) / 2e-6 for unit in np.eye(x.size)]


@pytest.mark.parametrize("f", FOLLOWED, ids=lambda f: f.__name__)
def test_what_is_written_is_followed(f):
    program = an.trace(f, X)
    np.testing.assert_allclose(program(X), f(X.copy()), rtol=1e-14)
    other = X + np.array([0.013, -0.02, 0.005])
    np.testing.assert_allclose(program(other), f(other.copy()), rtol=1e-13)
    differences = slope(lambda x: np.sum(f(x.copy())), X)
    np.testing.assert_allclose(an.gradient(lambda x: np.sum(f(x)), X), differences, rtol=1e-6, atol=1e-8)


#: A result of np.abs of what lies column by column lies so, too, which is not followed; a view of one entry is written.
OTHERWISE = {"returns", "read-only"}


def test_random_statements_have_numpys_values_and_derivatives():
    refused = 0
    for seed in range(60):
        f, x = function(seed), np.random.default_rng(seed).normal(size=12)
        try:
            if not np.isfinite(f(x.copy())):
                continue
            found = an.gradient(f, x)
        except ValueError:
            continue
        except an.TraceError as error:
            assert any(word in str(error) for word in OTHERWISE), (seed, error)
            refused += 1
            continue
        step = np.random.default_rng(seed + 1).normal(size=12)
        difference = (f(x + 1e-6 * step) - f(x - 1e-6 * step)) / 2e-6
        size = np.abs(found).max() + 1
        np.testing.assert_allclose(found @ step, difference, 1e-4, 1e-4 * size, err_msg=source(Random(seed)))
    assert refused <= 2


def test_a_kink_in_an_entry_is_one():
    """y[y < 0] = 0 at a tie is max(y, 0), and so are entries that are computed one by one."""
    def f(x):
        y = x.copy()
        y[y < 0] = 0
        z = np.zeros(2)
        for i in range(2):
            z[i] = max(y[i], 0) if y[i] > 1 else np.maximum(-x[i], 0.0)
        return y.sum() - z.sum()

    np.testing.assert_array_equal(an.clarke_gradient(f, [0.0, 0.5]), [1.0, 1.0])


def test_a_tie_of_pythons_max_is_a_kink():
    """The tool takes the branch that Python takes: the first of equal numbers."""
    cases = [
        (lambda x: max(x[0], 0.0), [0.0], [1.0], [[0.0], [1.0]]),
        (lambda x: max(0.0, x[0]), [0.0], [0.0], [[0.0], [1.0]]),
        (lambda x: min(x[0], x[1]), [1.0, 1.0], [1.0, 0.0], [[0.0, 1.0], [1.0, 0.0]]),
        (lambda x: float(max(x)) + abs(x[0] - x[1]), [1.0, 1.0], [1.0, 0.0], [[-1.0, 2.0], [2.0, -1.0]]),
    ]
    for f, x, gradient, vertices in cases:
        np.testing.assert_array_equal(an.gradient(f, x), gradient)
        np.testing.assert_array_equal(sorted(an.generalized_gradient(f, x).vertices.tolist()), vertices)


SPACES = (
    np, np.linalg, np.fft, math, special, linalg, signal, *interpolate.CubicSpline.__mro__, *type(stats.norm).__mro__,
)  # fmt: skip


def originals():
    return [item for space in SPACES for item in vars(space).items()]


def test_numpy_is_as_it_was_also_when_f_raises():
    before, own = originals(), dict(globals())
    an.trace(imported, X)
    for error in (ZeroDivisionError, KeyboardInterrupt):
        def f(x, error=error):
            assert np.zeros is not ZEROS[0]
            raise error

        with pytest.raises(error):
            an.trace(f, X)
    assert all(mine is theirs for (_, mine), (_, theirs) in zip(before, originals(), strict=True))
    assert all(globals()[name] is item for name, item in own.items())


def test_other_threads_and_plain_calls_see_arrays_of_numpy():
    seen, kinds = [], []

    def f(x):
        thread = threading.Thread(target=lambda: seen.append((type(np.zeros(2)), type(np.array([1.0])), math.exp(0.0))))
        thread.start()
        thread.join()
        kinds.append(type(np.zeros(2)))
        return np.sum(np.array([x[0], x[1]]))

    an.trace(f, X)
    assert set(seen) == {(np.ndarray, np.ndarray, 1.0)}
    assert kinds[0] is Held and set(kinds[1:]) == {np.ndarray}


def test_traces_in_two_threads_do_not_know_of_each_other():
    barrier, found = threading.Barrier(2, timeout=30), []

    def f(x):
        y = np.zeros(3)
        barrier.wait()
        y[:] = x
        barrier.wait()
        return np.sum(y**2)

    def once():
        found.append(an.trace(f, X)(X))

    threads = [threading.Thread(target=once) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [np.sum(X**2)] * 2 and np.zeros is ZEROS[0]


def test_constants_that_f_makes_are_numpys():
    seen = {}

    def f(x):
        y = np.linspace(0, 1, 5)
        seen.update(kind=isinstance(y, np.ndarray), dtype=np.zeros(2, np.float32).dtype, int=type(np.arange(3)), y=y)
        seen["index"] = list(range(5))[np.array([1, 2])[0]]
        return x[0] * np.interp(0.3, y, y**2) * np.dot(y, y)

    an.trace(f, X)
    assert seen["kind"] and seen["dtype"] == np.float32 and seen["int"] is np.ndarray and seen["index"] == 1
    kept = seen["y"]
    assert type(kept + 1) is np.ndarray and kept.sum() == 2.5
    kept[0] = 7.0
    assert kept[0] == 7.0


def test_a_large_constant_is_in_the_program_once():
    def f(x):
        a = np.eye(20)
        for _ in range(30):
            x = a @ x + 0.5 * x
        return x.sum()

    nodes = an.trace(f, np.ones(20)).nodes
    assert sum(node.op == "constant" and node.shape == (20, 20) for node in nodes) == 1


def test_modules_loaded_later_are_seen(monkeypatch):
    module = ModuleType("loaded_later")
    exec("from numpy import zeros\ndef f(x):\n    y = zeros(2)\n    y[0] = x[1]\n    return y.sum()", module.__dict__)
    monkeypatch.setitem(sys.modules, "loaded_later", module)
    assert an.trace(lambda x: module.f(x) * 2, X)(X) == 2 * X[1]
    assert module.zeros is ZEROS[0]


def test_numbers_behind_our_back_are_never_constants():
    """What reads the memory of an array with variables in it finds NaN."""
    def f(x):
        y = np.zeros(2)
        y[0] = x[0]
        return memoryview(y)[0] * x[1]

    with pytest.raises(an.AbsNormalError):
        an.trace(f, X)


def test_deep_loops_take_linear_time():
    def loop(count):
        def f(x):
            y = np.zeros(count + 1)
            y[0] = x[0]
            for i in range(count):
                y[i + 1] = 0.99 * y[i] + 0.001
            return y[-1]

        start = time.process_time()
        np.testing.assert_allclose(an.gradient(f, [1.0]), [0.99**count], rtol=1e-9, atol=1e-300)
        return time.process_time() - start

    loop(100)
    short, long = loop(500), loop(5000)
    assert long < 40 * short


def test_every_stand_in_is_called_like_its_original():
    for original, stand_in, _ in stand_ins().values():
        assert stand_in.__name__ == original.__name__ and stand_in.__module__ == original.__module__


def test_what_f_has_kept_holds_plain_numbers_afterwards():
    kept = []

    def f(x):
        y, z = np.zeros((2, 3)), np.ones(3)
        y[1] = x
        y.T[2] *= 2.0
        z[:2] = np.sin(x[:2])
        kept.append((y, z))
        if len(kept) == 3:
            raise KeyboardInterrupt
        return y.sum() + z.sum()

    with pytest.raises(KeyboardInterrupt):
        an.verify(f, X)
    y, z = kept[0]
    np.testing.assert_array_equal(y, [[0.0, 0.0, 0.0], [X[0], X[1], 2 * X[2]]])
    np.testing.assert_allclose(z, [np.sin(X[0]), np.sin(X[1]), 1.0])
    once = []

    def stale(x):
        if not once:
            once.append(np.zeros(3))
            once[0][:] = x
        return (once[0] * x).sum()

    with pytest.raises(an.TraceError, match="between calls"):
        an.verify(stale, X)
    assert stale(X) == X @ X


def test_numbers_are_written_over_variables_with_out():
    C = np.arange(12.0).reshape(3, 4) / 7 - 0.6
    writers = {
        "np.einsum('ij->ij', C, out=y)": C, "np.cumsum(C, axis=1, out=y)": np.cumsum(C, axis=1),
        "np.clip(C, -0.1, 0.1, out=y)": np.clip(C, -0.1, 0.1), "np.concatenate([C[:1], C[:2]], out=y)": C[[0, 0, 1]],
        "np.add(C, C, out=y)": 2 * C, "np.sum(C, axis=0, out=y[1])": None, "np.median(C, axis=0, out=y[2])": None,
        "np.add.accumulate(C, axis=0, out=y)": np.cumsum(C, axis=0), "np.stack([*C], out=y)": C,
    }  # fmt: skip
    for make in ("y = np.zeros((3, 4)); y[:, 1:] = x", "y = np.outer(x, [1.0, 2.0, 0.0, 1.0]) + 1.0"):
        for line, numbers in writers.items():
            space = {"np": np, "C": C}
            exec(f"def f(x):\n    {make}\n    {line}\n    return (y * y * C).sum() + x.sum()", space)
            program = an.trace(space["f"], X)
            step = np.array([0.25, -0.5, 0.125])
            assert program(X + step) == pytest.approx(space["f"](X + step), rel=1e-12)
            if numbers is not None:
                np.testing.assert_allclose(an.gradient(program, X), np.ones(3))


def test_functions_of_python_take_variables_beside_arrays_of_numbers_that_f_made():
    def f(x):
        y = np.ones(3) * 2.0
        return (np.vectorize(lambda p, q: p * q)(x, y) + np.frompyfunc(lambda p, q: p * q, 2, 1)(y, x)).sum()

    np.testing.assert_allclose(an.gradient(f, X), 4.0)


def test_parts_are_views_and_other_orders_are_copies_as_in_numpy():
    lines = [
        "v = np.split(y, 2, axis=1); v[0][:] = x[0]", "v = np.hsplit(y, 2); v[1][2] *= x[1]",
        "v = np.vsplit(y, 3); v[1][...] += 1.0", "v = np.array_split(y, [1], axis=0)[1]; v[0] = x[2]",
        "v = np.unstack(y); v[2][1:] = x", "v = np.asfortranarray(y); v[0] = x[0]; y = y + v",
        "v = np.ascontiguousarray(y.T); v[0] = x[0]; y = y + v.T",
        "v = np.asarray(y, order='F'); v[0] = 5.0; y = y + v",
        "v = np.ascontiguousarray(y); v[0] = x[0]", "v = np.asarray(y); v[0] = x[0]",
        "v = np.asfortranarray(y.T); v[0] = x[0]", "v = np.require(y, float, 'F'); v[0] = x[0]; y = y + v",
    ]  # fmt: skip
    for line in lines:
        space = {"np": np}
        made, said = "y = np.zeros((3, 4)); y[:, 1:] = x", "return y.ravel() ** 2 @ np.arange(12)"
        exec(f"def f(x):\n    {made}\n    {line}\n    {said}", space)
        program = an.trace(space["f"], X)
        step = np.array([0.25, -0.5, 0.125])
        assert program(X + step) == pytest.approx(space["f"](X + step), rel=1e-12), line


SCALE = np.array([1.0, 2.0])


def rescaling(x):
    global SCALE
    SCALE *= x
    return SCALE.sum()


def with_a_default(x, scale=SCALE):
    scale += x
    return scale.sum()


@pytest.mark.parametrize("f", [
    rescaling, with_a_default, functools.partial(lambda scale, x: with_a_default(x, scale), SCALE),
])  # fmt: skip
def test_an_array_that_f_was_given_is_unharmed(f):
    own = SCALE
    with pytest.raises(an.TraceError, match="written into a plain array"):
        an.verify(f, [3.0, 4.0])
    assert SCALE is own and type(own) is np.ndarray and np.array_equal(own, [1.0, 2.0])


def test_an_array_that_f_copied_is_its_own():
    def f(x):
        scale = SCALE.copy()
        scale *= x
        return scale.sum()

    assert np.array_equal(an.verify(f, [3.0, 4.0]).clarke_gradient, SCALE)


@pytest.mark.parametrize("unused", [np.exp, np.log])
def test_what_is_not_selected_is_looked_at_once(unused, monkeypatch):
    """Also in a loop that selects again and again: what the other side is made of is known by then."""
    asked = []
    monkeypatch.setattr(nearby, "is_block", lambda node: asked.append(node) or False)

    def nodes_of(count):
        def f(x):
            for _ in range(count):
                x = np.where(x > -5, 1.01 * x, unused(x))
            return x.sum()

        asked.clear()
        an.trace(f, [0.5, 1.0])
        return len(asked)

    assert 0 < nodes_of(80) <= 2.2 * nodes_of(40)
