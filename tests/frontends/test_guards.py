"""Are branches followed, kept as guards, and turned into kinks only where that is right?"""

import numpy as np
import pytest

from absnormal.errors import GuardError, TraceError
from absnormal.frontends.numpy.traced import trace
from absnormal.sweeps.table import Sweeps

X = np.array([1.5, -0.5, 0.25])


def branch(x):
    return x[0] * 2 if x[0] > x[1] else x[1]


def loop(x):
    while x[0] < 10:
        x = x * 2
    return x.sum()


# f, and a point where another branch is taken
GUARDED = {
    "if": (branch, [-1.0, 0.0, 0.0]),
    "while": (loop, [9.0, -0.5, 0.25]),
    "python max": (lambda x: max(x[0], x[1]), [-1.0, 0.0, 0.0]),
    "sorted": (lambda x: sorted(x, key=float)[0], [-1.0, 0.0, 1.0]),
    "boolean index": (lambda x: x[x > 0].sum(), [-1.0, -0.5, 0.25]),
    "where": (lambda x: np.where(x > 0, x * x, -x), [-1.0, -0.5, 0.25]),
    "and": (lambda x: np.where((x > 0) & (x < 1), x, 0), [0.5, -0.5, 0.25]),
    "or": (lambda x: np.where((x > 1) | (x < 0), x, 0), [0.5, -0.5, 0.25]),
    "not": (lambda x: x[~(x > 0)].sum(), [-1.0, -0.5, 0.25]),
    "times": (lambda x: x * (x > 0), [-1.0, -0.5, 0.25]),
    "count": (lambda x: x * np.sum(x > 0), [-1.0, -0.5, 0.25]),
    "any": (lambda x: x if np.any(x > 1) else -x, [0.5, -0.5, 0.25]),
    "all": (lambda x: x if (x > -1).all() else -x, [-2.0, -0.5, 0.25]),
    "truth": (lambda x: x if x[0] else -x, [0.0, -0.5, 0.25]),
    "not equal": (lambda x: x if x[0] != 2 else -x, [2.0, -0.5, 0.25]),
    "sign": (lambda x: x * np.sign(x), [-1.0, -0.5, 0.25]),
    "floor": (lambda x: x - np.floor(x), [2.5, -0.5, 0.25]),
    "argmax": (lambda x: x[np.argmax(x)], [0.0, -0.5, 0.25]),
    "argsort": (lambda x: x[np.argsort(x)], [0.0, -0.5, 0.25]),
    "isclose": (lambda x: x if np.allclose(x, 0) else 2 * x, [0.0, 0.0, 0.0]),
    "select": (lambda x: np.select([x > 1, x > 0], [x, x * x], 0.0), [0.5, -0.5, 0.25]),
}


@pytest.mark.parametrize("name", GUARDED)
def test_is_a_branch_checked_again_at_other_points(name):
    f, other = GUARDED[name]
    program = trace(f, X)
    nearby = X * 1.0001
    np.testing.assert_allclose(program(nearby), f(nearby))
    with pytest.raises(GuardError, match=r"test_guards\.py") as caught:
        program(np.array(other))
    assert "trace f again" in caught.value.fix


def test_is_a_point_on_the_edge_of_a_guard_refused():
    program = trace(lambda x: x[0] if x[0] > 0 else x[1], X)
    with pytest.raises(GuardError):
        program(np.array([0.0, 1.0, 1.0]))


def test_is_the_same_comparison_kept_once():
    assert len(trace(lambda x: sum(x[0] if x[0] > 0 else x[1] for _ in range(20)), X).guards) == 1


def test_is_a_variable_compared_with_itself_no_tie():
    program = trace(lambda x: np.where(x != x, 0.0, x) + (x if np.all(x >= x) else -x), X)
    assert program.guards == ()
    np.testing.assert_array_equal(program(X), 2 * X)


# At ties: f, the point, the slope of |u| it implies, the derivative of sum(f) there.
POINT = np.array([0.0, 3.0])
KINKS = {
    "relu >": (lambda x: np.where(x > 0, x, 0), POINT, -1, [0, 1]),
    "relu >=": (lambda x: np.where(x >= 0, x, 0), POINT, 1, [1, 1]),
    "relu <": (lambda x: np.where(x < 0, 0, x), POINT, -1, [1, 1]),
    "relu <=": (lambda x: np.where(x <= 0, 0, x), POINT, 1, [0, 1]),
    "reversed sides": (lambda x: np.where(np.less(0, x), x, 0), POINT, -1, [0, 1]),
    "leaky": (lambda x: np.where(x > 0, x, 0.25 * x), POINT, -1, [0.25, 1]),
    "leaky by division": (lambda x: np.where(x > 0, x, x / 4), POINT, -1, [0.25, 1]),
    "negative k": (lambda x: np.where(x > 0, 0, x), POINT, -1, [1, 0]),
    "abs": (lambda x: np.where(x > 0, x, -x), POINT, -1, [-1, 1]),
    "abs >=": (lambda x: np.where(x >= 0, x, -x), POINT, 1, [1, 1]),
    "times a mask": (lambda x: x * (x > 0), POINT, -1, [0, 1]),
    "a mask times": (lambda x: (x >= 0) * x, POINT, 1, [1, 1]),
    "times not a mask": (lambda x: x * ~(x > 0), POINT, 1, [1, 0]),
    "shifted": (lambda x: np.where(x > 3, x - 3, 0), POINT, -1, [0, 0]),
    "shifted >=": (lambda x: np.where(x >= 3, x - 3, 0), POINT, 1, [0, 1]),
    "clipped": (lambda x: np.where(x > 3, 3.0, x), POINT, -1, [1, 1]),
    "the larger": (lambda x: np.where(x[:1] > x[1:], x[:1], x[1:]), np.ones(2), -1, [0, 1]),
    "the larger >=": (lambda x: np.where(x[:1] >= x[1:], x[:1], x[1:]), np.ones(2), 1, [1, 0]),
    "the smaller": (lambda x: np.where(x[:1] < x[1:], x[:1], x[1:]), np.ones(2), -1, [0, 1]),
    "plus the same": (lambda x: np.where(x > 0, x + x**2, x**2), POINT, -1, [0, 7]),
    "0-d": (lambda x: np.where(x[0] > 0, 2 * x[0], 0.0) + x[1], POINT, -1, [0, 1]),
    "0-d mask": (lambda x: np.where(x[0] > 0, x + x[0], x), POINT, -1, [1, 1]),
    "broadcast": (lambda x: np.where(x[:, None] > 0, x[:, None] * np.ones((2, 3)), 0), POINT, -1, None),
    "select": (lambda x: np.select([x > 0], [x], 0.0), POINT, -1, [0, 1]),
    "same on both sides": (lambda x: np.where(x > 0, x * x, x * x), POINT, 0, [0, 6]),
    "same constants": (lambda x: x + np.where(x > 0, 1.0, 1.0), POINT, 0, [1, 1]),
    "third": (lambda x: np.where(x > 0, x / 3, 0), POINT, -1, [0, 1 / 3]),
    # Sides that are no multiple of the condition, and meet where it is tied.
    "an array of multiples": (lambda x: np.where(x > 0, x * np.array([1.0, 2.0]), 0), POINT, -1, [0, 2]),
    "a square": (lambda x: np.where(x > 0, x * x, 0), POINT, -1, [0, 6]),
    "elu": (lambda x: np.where(x > 0, x, 2 * np.expm1(np.where(x > 0, 0, x))), POINT, -1, [2, 1]),
    "elu >=": (lambda x: np.where(x >= 0, x, 2 * np.expm1(x)), POINT, 1, [1, 1]),
    "elu <": (lambda x: np.where(x < 0, 2 * np.expm1(x), x), POINT, 1, [1, 1]),
    "sine and tangent": (lambda x: np.where(np.less(0, x), 3 * np.sin(x), np.tan(x)), POINT, -1, [1, 3 * np.cos(3.0)]),
    "off zero": (lambda x: np.where(x > 3, x * x, 3 * x), POINT, -1, [3, 3]),
    "of two variables": (
        lambda x: np.where(x[:1] > x[1:], x[:1] * x[:1], x[:1] * x[1:]), np.ones(2), -1, [1, 1]),
    "times a variable": (lambda x: np.where(x[:1] > 0, x[:1], x[1:] * x[:1]), POINT, -1, [3, 0]),
}


@pytest.mark.parametrize("name", KINKS)
def test_is_a_where_at_its_tie_a_kink_with_the_slope_of_its_comparison(name):
    f, point, slope, gradient = KINKS[name]
    program = trace(lambda x: np.sum(f(x)), point)
    assert program(point) == pytest.approx(np.sum(f(point)), abs=1e-15)
    for other in np.random.default_rng(0).standard_normal((5, 2)) * 4:
        assert program(other) == pytest.approx(np.sum(f(other)))
    sweeps = Sweeps(program, point)
    ties = {program.node_of(i).tie for i in sweeps.alpha}
    assert ties <= {{-1: "where>", 1: "where>="}.get(slope)}
    if gradient is None:
        return
    np.testing.assert_allclose(sweeps.gradient(sweeps.signature(slope)), gradient, atol=1e-15)


REFUSED = {
    "a jump": lambda x: np.where(x > 0, 1.0, 0.0),
    "a shift": lambda x: np.where(x > 0, x + 1, x),
    "a variable multiple": lambda x: np.where(x[:1] > 0, x[1:] * x[1:], 0),
    "another variable": lambda x: np.where(x > 0, x[::-1], 0),
    "equality": lambda x: np.where(x == 0, 1.0, 2 * x),
    "rounded constants": lambda x: np.where(3 * x > 0.9 * 0, x + 1e-17, 0),
    "mask of both": lambda x: (x > 0) * (x < 1) * (x - 1),
    "mask as a number": lambda x: (x > 0).astype(float) * (x + 1),
    "a count": lambda x: np.sum(x > 0) * x,
}


@pytest.mark.parametrize("name", REFUSED)
def test_is_anything_else_at_a_tie_refused(name):
    with pytest.raises(TraceError, match=r"test_guards\.py") as caught:
        trace(REFUSED[name], POINT)
    assert not isinstance(caught.value, GuardError)
    assert "np.maximum" in caught.value.fix
