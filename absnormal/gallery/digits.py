"""Handwritten digits: linear models and dense ReLU networks on all images, with thousands of exact ties.

The data are the 1,797 images of 8 x 8 integer pixels 0..16 that ship with scikit-learn, the test set of
Alpaydin & Kaynak, *Optical recognition of handwritten digits*, UCI 1998. Every function works on all its
images at once. Where weights are integers every kink is decided without rounding.

A linear model has the weights W, of shape (64, 10): as one vector of 640 numbers, or as {"W": W} with
``flat=False``.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, partial
from typing import Any

import numpy as np

from absnormal._optional import require
from absnormal.gallery import networks
from absnormal.gallery.example import Array, Parameters, Problem, Scalar, Traceable

SHAPE = (64, 10)
HINGES = ("crammer-singer", "weston-watkins")
TEMPERATURE = 16.0
"""Outputs of the networks are divided by it, so that their exponentials stay in range."""


@dataclass(frozen=True, eq=False)
class Digits:
    """The data: ``images`` (samples, 64) with integer values 0..16, ``labels`` (samples, 10), one-hot."""

    images: Array
    labels: Array


@cache
def load() -> Digits:
    """All 1,797 images with their labels, read once.

    Raises
    ------
    ImportError
        when scikit-learn is missing: pip install 'absnormal[digits]'

    >>> digits = load()
    >>> digits.images.shape, digits.labels.shape
    ((1797, 64), (1797, 10))
    """
    bunch = require("sklearn.datasets", "digits").load_digits()
    data = Digits(images=np.asarray(bunch.data, dtype=np.float64), labels=np.eye(10)[bunch.target])
    data.images.setflags(write=False)
    data.labels.setflags(write=False)
    return data


def hinge(
    kind: str = "crammer-singer", *, margin: float = 1.0, spread: int = 0, seed: int = 0, flat: bool = True
) -> Problem:
    """The multiclass hinge loss of a linear model, the mean over all images.

    With scores s and label y, "crammer-singer" is max_j (margin [j != y] + s_j - s_y) and "weston-watkins" is
    sum over j != y of max(margin + s_j - s_y, 0): Crammer & Singer, JMLR 2001; Weston & Watkins, ESANN 1999.
    Margin 0 makes them perceptron losses. Both are convex, with nonnegative adjoints at every max: any slopes
    give a Clarke gradient.

    Parameters
    ----------
    kind : {"crammer-singer", "weston-watkins"}
        As above.
    margin : float
        As above.
    spread : int
        The weights at the point are integers drawn from -spread..spread; 0 is zero weights.
    seed : int
        Of the weights.
    flat : bool
        The weights as one vector rather than a dict.

    Notes
    -----
    At zero weights Crammer-Singer has 14,376 active kinks (a tie of nine classes for each image, 16,173 with
    margin 0) and Weston-Watkins none (17,970 with margin 0, of which 1,797 are multiplied by 0). With
    ``spread=1``, seed 0 and margin 1 Weston-Watkins has 68 and Crammer-Singer 67.

    Examples
    --------
    >>> problem = hinge("crammer-singer")
    >>> problem.point.shape, problem.active
    ((640,), 14376)
    >>> value, gradient = problem.hand_gradient(problem.point, -1.0)
    >>> print(value, gradient.shape)
    1.0 (640,)
    """
    if kind not in HINGES:
        raise ValueError(f"kind must be one of {', '.join(HINGES)}, got {kind!r}")
    weights = np.random.default_rng(seed).integers(-spread, spread, SHAPE, endpoint=True).astype(np.float64)
    data = load()
    if kind == "crammer-singer":
        function, gradient = crammer_singer, crammer_singer_gradient
        active = _active_in_max(_violations(weights, data, margin))
    else:
        function, gradient = weston_watkins, weston_watkins_gradient
        active = int(np.count_nonzero(margin + _relative(weights, data) == 0))
    name = f"digits, {kind} hinge loss, margin {margin:g}, weights up to {spread}"
    keywords: dict[str, Any] = {"data": data, "margin": margin}
    return _linear(name, partial(function, **keywords), weights, partial(gradient, **keywords), active, flat)


def l1_regression(*, flat: bool = True) -> Problem:
    """The l1 regression of the one-hot labels by a linear model at zero weights, the mean over all images.

    16,173 of 17,970 residuals are exactly 0. The loss is convex: any slopes give a Clarke gradient.

    >>> problem = l1_regression(flat=False)
    >>> problem.point["W"].shape, problem.active
    ((64, 10), 16173)
    """
    data = load()
    active = int(np.count_nonzero(data.labels == 0))
    function, gradient = partial(l1_loss, data=data), partial(l1_loss_gradient, data=data)
    return _linear("digits, l1 regression", function, np.zeros(SHAPE), gradient, active, flat)


def stable_cross_entropy(*, flat: bool = True) -> Problem:
    """The cross-entropy of a linear model at zero weights through a log-sum-exp that does not overflow.

    With m = max_j s_j the loss of an image is m + log(sum(exp(s - m))) - s_y. All ten classes tie at every
    image: 16,173 active kinks. The loss is smooth and does not depend on m: on paper each of their adjoints
    is 1 - sum(softmax) = 0.

    >>> problem = stable_cross_entropy()
    >>> problem.active, bool(np.isclose(problem(problem.point), np.log(10)))
    (16173, True)
    """
    data = load()
    function, gradient = partial(log_sum_exp_loss, data=data), partial(log_sum_exp_loss_gradient, data=data)
    active = _active_in_max(np.zeros((len(data.images), 10)))
    return _linear("digits, cross-entropy by log-sum-exp", function, np.zeros(SHAPE), gradient, active, flat)


def network(images: int | None = None, *, loss: str = "cross-entropy", seed: int = 0) -> Problem:
    """A dense ReLU network 64-32-16-10 with small integer weights, as a function of all 2,778 parameters.

    Each unit of the first layer sees four pixels with weights -1 and 1, each of the second four units, the
    last layer is dense; biases are -2..2. Pixels are integers too, so that every pre-activation is an exact
    integer.

    Parameters
    ----------
    images : int or None
        How many, from the first; None for all 1,797.
    loss : {"cross-entropy", "squared"}
        Smooth in the outputs, the mean over the images.
    seed : int
        Of the weights.

    Notes
    -----
    With seed 0 the pre-activations that are exactly 0, in the first and the second layer:

        one image        1 +     3 of         48
        64 images       42 +   127 of      3,072
        all          1,406 + 3,372 of     86,256

    Each unit has a bias of its own, so that any one slope for all relus gives a Clarke gradient.

    Examples
    --------
    >>> problem = network(64)
    >>> {name: array.shape for name, array in problem.point.items()}
    {'W1': (64, 32), 'b1': (32,), 'W2': (32, 16), 'b2': (16,), 'W3': (16, 10), 'b3': (10,)}
    >>> value, gradient = problem.hand_gradient(problem.point, -1.0)
    >>> bool(value == problem(problem.point))
    True
    """
    random = np.random.default_rng(seed)
    parameters: Parameters = {}
    for layer, (before, after, links) in enumerate(((64, 32, 4), (32, 16, 4), (16, 10, 16)), start=1):
        linked = random.random((before, after)).argsort(axis=0) < links
        parameters[f"W{layer}"] = random.choice([-1.0, 1.0], (before, after)) * linked
        parameters[f"b{layer}"] = random.integers(-2, 2, after, endpoint=True).astype(np.float64)
    data = load()
    inputs, targets = data.images[:images], data.labels[:images]
    return _network(
        f"digits, integer network, {len(inputs)} images, {loss}", parameters, inputs, targets, loss
    )


def network_without_biases(*, loss: str = "cross-entropy", seed: int = 0) -> Problem:
    """The network without biases on all images, centred, with zero weights in the first layer.

    All 86,256 pre-activations are 0. The pixels have mean 0 over the images, so that no unit of the first
    layer can be negative on every image. Other weights are integers -1, 0, 1. With relu'(0) = 0 the gradient is 0,
    which is a Clarke gradient (THEORY 7.6).

    >>> problem = network_without_biases()
    >>> list(problem.point), problem.active
    (['W1', 'W2', 'W3'], 86256)
    """
    random = np.random.default_rng(seed)
    parameters = {
        "W1": np.zeros((64, 32)),
        "W2": random.integers(-1, 1, (32, 16), endpoint=True).astype(np.float64),
        "W3": random.integers(-1, 1, (16, 10), endpoint=True).astype(np.float64),
    }
    data = load()
    inputs = data.images - data.images.mean(axis=0)
    return _network(f"digits, network without biases, {loss}", parameters, inputs, data.labels, loss)


def crammer_singer(weights: Traceable, *, data: Digits, margin: float) -> Scalar:
    """The loss of `hinge` of that kind."""
    return np.mean(np.max(_violations(weights, data, margin), axis=1))


def crammer_singer_gradient(
    weights: Array, slope: float, *, data: Digits, margin: float
) -> tuple[Scalar, Array]:
    """Its value and gradient."""
    violations = _violations(weights, data, margin)
    largest = violations.max(axis=1)
    adjoint = (max_weights(violations, slope) - data.labels) / len(data.images)
    return largest.mean(), data.images.T @ adjoint


def weston_watkins(weights: Traceable, *, data: Digits, margin: float) -> Scalar:
    """The loss of `hinge` of that kind."""
    hinges = np.maximum(margin + _relative(weights, data), 0)
    return np.mean(np.sum(hinges * (1 - data.labels), axis=1))


def weston_watkins_gradient(
    weights: Array, slope: float, *, data: Digits, margin: float
) -> tuple[Scalar, Array]:
    """Its value and gradient."""
    z = margin + _relative(weights, data)
    others = 1 - data.labels
    adjoint = networks.relu_derivative(z, slope) * others
    adjoint -= data.labels * adjoint.sum(axis=1, keepdims=True)
    value = (np.maximum(z, 0) * others).sum(axis=1).mean()
    return value, data.images.T @ (adjoint / len(data.images))


def l1_loss(weights: Traceable, *, data: Digits) -> Scalar:
    """The loss of `l1_regression`."""
    return np.mean(np.sum(np.abs(data.images @ weights - data.labels), axis=1))


def l1_loss_gradient(weights: Array, slope: float, *, data: Digits) -> tuple[Scalar, Array]:
    """Its value and gradient."""
    residual = data.images @ weights - data.labels
    adjoint = (np.sign(residual) + slope * (residual == 0)) / len(data.images)
    return np.abs(residual).sum(axis=1).mean(), data.images.T @ adjoint


def log_sum_exp_loss(weights: Traceable, *, data: Digits) -> Scalar:
    """The loss of `stable_cross_entropy`."""
    scores = data.images @ weights
    largest = np.max(scores, axis=1, keepdims=True)
    logarithm = np.log(np.sum(np.exp(scores - largest), axis=1, keepdims=True))
    return np.mean(largest + logarithm - np.sum(scores * data.labels, axis=1, keepdims=True))


def log_sum_exp_loss_gradient(weights: Array, _slope: float, *, data: Digits) -> tuple[Scalar, Array]:
    """Its value and gradient: softmax - one-hot for each image's scores, whatever the slope."""
    scores = data.images @ weights
    largest = scores.max(axis=1, keepdims=True)
    exponentials = np.exp(scores - largest)
    total = exponentials.sum(axis=1, keepdims=True)
    value = (largest + np.log(total) - (scores * data.labels).sum(axis=1, keepdims=True)).mean()
    return value, data.images.T @ ((exponentials / total - data.labels) / len(data.images))


def max_weights(values: Array, slope: float) -> Array:
    """The derivative of the maximum along each row, taken in pairs from left to right.

    With a = (1 + slope)/2 a tied max(u, v) passes a to u and 1 - a to v.

    >>> print(max_weights(np.array([[1.0, 0.0, 1.0, 1.0]]), 0.0))
    [[0.25 0.   0.25 0.5 ]]
    >>> print(max_weights(np.array([[1.0, 0.0, 1.0, 1.0]]), -1.0))
    [[0. 0. 0. 1.]]
    """
    tied = values == values.max(axis=1, keepdims=True)
    count = tied.cumsum(axis=1)
    later = count[:, -1:] - count
    share = 0.5 + 0.5 * slope
    weights: Array = tied * share**later * np.where(count == 1, 1.0, 1.0 - share)
    return weights


def _relative(weights: Traceable, data: Digits) -> Traceable:
    """The scores minus the score of the label, of shape (images, 10)."""
    scores = data.images @ weights
    return scores - np.sum(scores * data.labels, axis=1, keepdims=True)


def _violations(weights: Traceable, data: Digits, margin: float) -> Traceable:
    return margin * (1 - data.labels) + _relative(weights, data)


def _active_in_max(values: Array) -> int:
    """How many comparisons tie when the maximum along each row is taken in pairs from left to right."""
    return int(np.count_nonzero(np.maximum.accumulate(values, axis=1)[:, :-1] == values[:, 1:]))


def _linear(
    name: str,
    function: Callable[[Any], Any],
    weights: Array,
    gradient: Callable[[Any, float], tuple[Any, Any]],
    active: int,
    flat: bool,
) -> Problem:
    """A problem whose function and gradient take the matrix, as one whose point is a vector or a dict."""
    if flat:
        return Problem(
            name,
            partial(_of_vector, function),
            weights.ravel(),
            partial(_gradient_of_vector, gradient),
            active,
        )
    return Problem(
        name, partial(_of_dict, function), {"W": weights}, partial(_gradient_of_dict, gradient), active
    )


def _of_vector(function: Callable[[Any], Any], vector: Traceable) -> Scalar:
    return function(np.reshape(vector, SHAPE))


def _of_dict(function: Callable[[Any], Any], parameters: Traceable) -> Scalar:
    return function(parameters["W"])


def _gradient_of_vector(
    gradient: Callable[[Any, float], tuple[Any, Any]], vector: Array, slope: float
) -> tuple[Any, Array]:
    value, matrix = gradient(vector.reshape(SHAPE), slope)
    return value, matrix.ravel()


def _gradient_of_dict(
    gradient: Callable[[Any, float], tuple[Any, Any]], parameters: Parameters, slope: float
) -> tuple[Any, Parameters]:
    value, matrix = gradient(parameters["W"], slope)
    return value, {"W": matrix}


def _network(name: str, parameters: Parameters, inputs: Array, targets: Array, loss: str) -> Problem:
    networks.require_loss(loss)
    keywords: dict[str, Any] = {
        "inputs": inputs,
        "targets": targets,
        "kind": loss,
        "temperature": TEMPERATURE,
    }
    return Problem(
        name,
        partial(networks.loss, **keywords),
        parameters,
        partial(networks.loss_and_gradient, **keywords),
        sum(networks.active_relus(parameters, inputs)),
    )
