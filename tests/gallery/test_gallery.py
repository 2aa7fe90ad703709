"""Is every known answer of the gallery right? Judged by values nearby, never by the rest of the package.

Two judges. What backward mode returns under a slope c: each |t| is replaced by c t near 0, which leaves every
value at the point as it is and makes central differences with a far smaller step return the gradient under c.
Which vectors are Clarke gradients: the hull of central differences at random points close by.
"""

from __future__ import annotations

import pickle
import subprocess
import sys
from contextlib import ExitStack, contextmanager
from functools import reduce
from unittest import mock

import numpy as np
import pytest
from scipy.optimize import linprog

from absnormal import gallery
from absnormal.gallery import digits, networks

NAMES = tuple(gallery.examples())
BAND = 1e-3
STEP = 1e-7
SLOPES = (-1.0, -0.5, 0.0, 1.0)

PROBLEMS = {
    "crammer-singer": lambda: digits.hinge("crammer-singer"),
    "crammer-singer, perceptron": lambda: digits.hinge("crammer-singer", margin=0.0, flat=False),
    "crammer-singer, integer weights": lambda: digits.hinge("crammer-singer", spread=1),
    "weston-watkins": lambda: digits.hinge("weston-watkins"),
    "weston-watkins, perceptron": lambda: digits.hinge("weston-watkins", margin=0.0),
    "weston-watkins, integer weights": lambda: digits.hinge("weston-watkins", spread=1, flat=False),
    "l1": digits.l1_regression,
    "log-sum-exp": digits.stable_cross_entropy,
    "log-sum-exp, dict": lambda: digits.stable_cross_entropy(flat=False),
    "network, one image": lambda: digits.network(1),
    "network, one image, squared": lambda: digits.network(1, loss="squared"),
    "network, batch": lambda: digits.network(64),
    "network, batch, squared": lambda: digits.network(64, loss="squared"),
    "network, all": digits.network,
    "network without biases": digits.network_without_biases,
    "784-256-128-10": networks.dense_network,
    "784-256-128-10, flat": lambda: networks.dense_network(flat=True),
}


def leaves(tree):
    return list(tree.values()) if isinstance(tree, dict) else [tree]


def ravel(tree):
    return np.concatenate([np.ravel(leaf) for leaf in leaves(tree)])


def rebuild(tree, vector):
    parts = np.split(vector, np.cumsum([leaf.size for leaf in leaves(tree)])[:-1])
    arrays = [part.reshape(leaf.shape) for part, leaf in zip(parts, leaves(tree), strict=True)]
    return dict(zip(tree, arrays, strict=True)) if isinstance(tree, dict) else arrays[0]


def difference(function, point, direction, step):
    """The central difference quotient of the function at the point."""
    flat = ravel(point)
    ahead, behind = (
        function(rebuild(point, flat + step * direction)),
        function(rebuild(point, flat - step * direction)),
    )
    return (ahead - behind) / (2 * step)


def gradient_by_differences(function, point, step):
    return np.array([difference(function, point, e, step) for e in np.eye(ravel(point).size)])


@contextmanager
def kinks_with_slope(slope, band=BAND):
    """NumPy with |t| replaced by slope t for |t| < band, and its maxima and minima rewritten accordingly."""
    real_abs, real_where = np.abs, np.where

    def absolute(t):
        return real_where(real_abs(t) < band, slope * t, real_abs(t))

    def maximum(u, v):
        return (u + v + absolute(u - v)) / 2

    def minimum(u, v):
        return (u + v - absolute(u - v)) / 2

    def largest(values, axis=None, keepdims=False):
        columns = np.moveaxis(values, -1 if axis is None else axis, 0)
        result = reduce(maximum, columns)
        return np.expand_dims(result, axis) if keepdims else result

    def where(condition, u, v):
        return maximum(u, v)

    with ExitStack() as stack:
        for name, replacement in {
            "abs": absolute,
            "maximum": maximum,
            "minimum": minimum,
            "max": largest,
            "where": where,
        }.items():
            stack.enter_context(mock.patch.object(np, name, replacement))
        yield


def in_hull(vector, vectors, tolerance):
    """Whether some convex combination of the vectors is within the tolerance in every entry."""
    count = len(vectors)
    inequalities = np.vstack([vectors.T, -vectors.T])
    bounds = np.concatenate([vector + tolerance, tolerance - vector])
    answer = linprog(np.zeros(count), A_ub=inequalities, b_ub=bounds, A_eq=np.ones((1, count)), b_eq=[1.0])
    assert answer.status in (0, 2)
    return answer.status == 0


def nearby_gradients(example, count=600, radius=1e-4):
    random = np.random.default_rng(0)
    flat = ravel(example.point)
    points = [rebuild(example.point, flat + radius * random.standard_normal(flat.size)) for _ in range(count)]
    return np.unique(
        [np.round(gradient_by_differences(example.function, point, 1e-8), 3) for point in points], axis=0
    )


@pytest.mark.parametrize("name", NAMES)
def test_is_the_stated_gradient_what_backward_mode_returns(name):
    example = gallery.get(name)
    with kinks_with_slope(example.slope):
        modelled = gradient_by_differences(example.function, example.point, STEP)
    np.testing.assert_allclose(modelled, ravel(example.gradient), atol=1e-6)


@pytest.mark.parametrize("name", NAMES)
def test_are_the_verdict_and_the_stated_clarke_gradients_right(name):
    example = gallery.get(name)
    sampled = nearby_gradients(example)
    assert in_hull(ravel(example.gradient), sampled, 2e-2) is (example.verdict == "CLARKE")
    for gradient in example.clarke_gradients:
        assert in_hull(ravel(gradient), sampled, 2e-2)


@pytest.mark.parametrize("name", NAMES)
def test_is_every_example_complete_and_found_by_name(name):
    example = gallery.get(name)
    assert getattr(gallery, name) is example
    assert example.name == example.function.__name__ == name
    assert example.function.__doc__
    assert example.verdict in ("CLARKE", "NOT_CLARKE")
    assert -1 <= example.slope <= 1
    assert np.shape(example(example.point)) == ()
    assert example(example.point) == example.function(example.point)
    copy = pickle.loads(pickle.dumps(example))
    assert copy.function is example.function
    for tree in (example.gradient, *example.clarke_gradients):
        assert [leaf.shape for leaf in leaves(tree)] == [leaf.shape for leaf in leaves(example.point)]


def test_does_an_unknown_name_list_the_known_ones():
    with pytest.raises(KeyError, match="no example 'relu' in the gallery, which has: identity, "):
        gallery.get("relu")


@pytest.mark.parametrize("size", [2, 3, 10])
def test_does_rosenbrock_scale(size):
    example = gallery.rosenbrock_at_minimiser(size)
    with kinks_with_slope(-1.0):
        modelled = gradient_by_differences(example.function, example.point, STEP)
    np.testing.assert_allclose(modelled, example.gradient, atol=1e-6)
    assert example(example.point) == 0


def test_does_rosenbrock_need_two_numbers():
    with pytest.raises(ValueError, match="size must be at least 2, got 1"):
        gallery.rosenbrock_at_minimiser(1)


@pytest.mark.parametrize("slope", SLOPES)
def test_does_one_slope_for_both_kinks_keep_cross_entropy_smooth(slope):
    with kinks_with_slope(slope):
        plain = gradient_by_differences(gallery.stable_cross_entropy, np.zeros(1), STEP)
        swapped = gradient_by_differences(gallery.stable_cross_entropy_swapped, np.zeros(1), STEP)
    np.testing.assert_allclose(plain, -0.5, atol=1e-6)
    np.testing.assert_allclose(swapped, -0.5 - slope, atol=1e-6)


@pytest.mark.parametrize("name", PROBLEMS)
def test_is_a_hand_gradient_the_slope_at_random_points(name):
    problem = PROBLEMS[name]()
    random = np.random.default_rng(1)
    flat = ravel(problem.point)
    point = rebuild(problem.point, flat + 0.3 * random.standard_normal(flat.size))
    value, gradient = problem.hand_gradient(point, -1.0)
    np.testing.assert_allclose(value, problem(point), rtol=1e-13)
    for _ in range(3):
        direction = random.standard_normal(flat.size) / np.sqrt(flat.size)
        quotient = difference(problem.function, point, direction, 1e-6)
        np.testing.assert_allclose(ravel(gradient) @ direction, quotient, rtol=1e-4, atol=1e-7)


@pytest.mark.parametrize("slope", SLOPES)
@pytest.mark.parametrize("name", PROBLEMS)
def test_does_a_hand_gradient_use_the_slope_at_its_point(name, slope):
    problem = PROBLEMS[name]()
    value, gradient = problem.hand_gradient(problem.point, slope)
    np.testing.assert_allclose(value, problem(problem.point), rtol=1e-13)
    assert type(gradient) is type(problem.point)
    random = np.random.default_rng(2)
    for _ in range(2):
        direction = random.standard_normal(ravel(gradient).size)
        direction /= np.linalg.norm(direction)
        with kinks_with_slope(slope, band=1e-4):
            quotient = difference(problem.function, problem.point, direction, STEP)
        np.testing.assert_allclose(ravel(gradient) @ direction, quotient, rtol=1e-4, atol=1e-6)


def test_are_the_counts_of_exact_ties_as_stated():
    inputs = digits.load().images
    assert set(np.unique(inputs)) == set(range(17))
    parameters = digits.network().point
    stated = {1: (1, 3), 64: (42, 127), 1797: (1406, 3372)}
    assert {count: networks.active_relus(parameters, inputs[:count]) for count in stated} == stated
    assert [digits.network(count).active for count in stated] == [4, 169, 4778]
    assert digits.network_without_biases().active == 1797 * (32 + 16)
    assert digits.l1_regression().active == 16173
    assert digits.stable_cross_entropy().active == 16173
    hinges = {
        ("crammer-singer", 1.0, 0): 14376,
        ("crammer-singer", 0.0, 0): 16173,
        ("crammer-singer", 1.0, 1): 67,
        ("weston-watkins", 1.0, 0): 0,
        ("weston-watkins", 0.0, 0): 17970,
        ("weston-watkins", 1.0, 1): 68,
    }
    found = {(k, m, s): digits.hinge(k, margin=m, spread=s).active for k, m, s in hinges}
    assert found == hinges


def test_is_the_large_network_of_the_stated_size_in_both_forms():
    nested, flat = networks.dense_network(), networks.dense_network(flat=True)
    assert flat.point.shape == (235146,)
    assert flat(flat.point) == nested(nested.point)
    gradients = [p.hand_gradient(p.point, -1.0)[1] for p in (nested, flat)]
    np.testing.assert_array_equal(networks.flatten(gradients[0]), gradients[1])


def test_do_problems_pickle():
    for build in (digits.hinge, digits.network, networks.dense_network):
        problem = build()
        assert pickle.loads(pickle.dumps(problem))(problem.point) == problem(problem.point)


def test_are_wrong_kinds_refused_with_the_right_ones():
    with pytest.raises(ValueError, match="kind must be one of crammer-singer, weston-watkins, got 'huber'"):
        digits.hinge("huber")
    with pytest.raises(ValueError, match="the loss must be one of cross-entropy, squared, got 'l1'"):
        digits.network(1, loss="l1")


def test_does_a_missing_scikit_learn_name_its_extra():
    digits.load.cache_clear()
    with (
        mock.patch.dict(sys.modules, {"sklearn.datasets": None}),
        pytest.raises(ImportError, match=r"pip install 'absnormal\[digits\]'"),
    ):
        digits.load()


def test_does_the_gallery_load_without_scikit_learn():
    question = "import sys, absnormal.gallery; sys.exit('sklearn' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", question], check=False).returncode == 0
