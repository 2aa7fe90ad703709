"""Losses, models and test functions of everyday code, small enough to be worked out by hand.

`absnormal.gallery.model_examples` has a point and the known answer for each. All data are small integers, so
that every kink is decided without rounding.
"""

from __future__ import annotations

import numpy as np

from absnormal.gallery.example import Scalar, Traceable

FEATURES = np.array([[1.0, 2.0], [2.0, 1.0], [-1.0, 3.0], [-2.0, 0.0]])
LABELS = np.array([1.0, 1.0, -1.0, -1.0])
TARGETS = np.array([3.0, 3.0, 2.0, -2.0])


def hinge_loss(w: Traceable) -> Scalar:
    """The mean hinge loss of a linear classifier with weights w, of shape (2,), on four labelled points.

    >>> print(hinge_loss(np.array([0.0, 0.0])))
    1.0
    """
    return np.mean(np.maximum(1 - LABELS * (FEATURES @ w), 0))


def pinball_loss(w: Traceable, quantile: float = 0.75) -> Scalar:
    """The mean quantile (pinball) loss of a linear model with weights w, of shape (2,), on four points.

    Koenker & Bassett, *Regression quantiles*, Econometrica 1978.

    >>> print(pinball_loss(np.array([0.0, 0.0])))
    1.625
    """
    residual = TARGETS - FEATURES @ w
    return np.mean(np.maximum(quantile * residual, (quantile - 1) * residual))


def least_squares(w: Traceable) -> Scalar:
    """Half the sum of squared residuals of a linear model with weights w, of shape (2,): no kink at all.

    >>> print(least_squares(np.array([1.0, 0.0])))
    7.0
    """
    residual = FEATURES @ w - TARGETS
    return 0.5 * np.sum(residual * residual)


def total_variation(image: Traceable) -> Scalar:
    """The anisotropic total variation of an image of shape (rows, columns).

    Rudin, Osher & Fatemi, *Nonlinear total variation based noise removal algorithms*, Physica D 1992.

    >>> print(total_variation(np.array([[0.0, 1.0], [0.0, 3.0]])))
    6.0
    """
    down = np.abs(image[1:, :] - image[:-1, :])
    right = np.abs(image[:, 1:] - image[:, :-1])
    return np.sum(down) + np.sum(right)


def rosenbrock(x: Traceable) -> Scalar:
    """Nesterov's non-smooth Chebyshev-Rosenbrock function of x, of shape (n,), n >= 2.

    |x_0 - 1|/4 + sum_i |x_{i+1} - 2|x_i| + 1|, with its minimum 0 at (1, ..., 1) and 2^(n-1) Clarke
    stationary points: Gurbuzbalaban & Overton, *On Nesterov's nonsmooth Chebyshev-Rosenbrock functions*,
    Nonlinear Analysis 2012.

    >>> print(rosenbrock(np.ones(5)), rosenbrock(np.zeros(5)))
    0.0 4.25
    """
    return np.abs(x[0] - 1) / 4 + np.sum(np.abs(x[1:] - 2 * np.abs(x[:-1]) + 1))


def antipodal_batch(w: Traceable) -> Scalar:
    """A sample and its sign-flipped copy through one bias-free relu with weights w, of shape (2,): w.(1, 2).

    >>> print(antipodal_batch(np.array([3.0, -5.0])))
    -7.0
    """
    batch = np.array([[1.0, 2.0], [-1.0, -2.0]])
    return np.maximum(batch @ w, 0) @ np.array([1.0, -1.0])


SAMPLE = np.array([1.0, -1.0])
BATCH = np.array([[1.0, -1.0], [1.0, -1.0], [0.0, 0.0], [1.0, 0.0]])
BATCH_TARGETS = np.array([[1.0], [1.0], [3.0], [1.0]])


def _outputs(parameters: Traceable, inputs: Traceable) -> Traceable:
    """A dense relu network 2-3-2-1 on inputs of shape (2,) or (batch, 2)."""
    hidden = np.maximum(inputs @ parameters["W1"] + parameters["b1"], 0)
    hidden = np.maximum(hidden @ parameters["W2"] + parameters["b2"], 0)
    return hidden @ parameters["W3"] + parameters["b3"]


def dense_network(parameters: Traceable) -> Scalar:
    """Half the squared error of a dense relu network 2-3-2-1 on one sample, in all its parameters.

    The dict has "W1" (2, 3), "b1" (3,), "W2" (3, 2), "b2" (2,), "W3" (2, 1), "b3" (1,).

    >>> from absnormal import gallery
    >>> print(dense_network(gallery.get("dense_network").point))
    0.5
    """
    error = _outputs(parameters, SAMPLE) - 1
    return 0.5 * np.sum(error * error)


def dense_network_on_a_batch(parameters: Traceable) -> Scalar:
    """The same as `dense_network` on a batch of four with one sample twice, the mean over the batch.

    >>> from absnormal import gallery
    >>> print(dense_network_on_a_batch(gallery.get("dense_network_on_a_batch").point))
    0.5
    """
    error = _outputs(parameters, BATCH) - BATCH_TARGETS
    return 0.5 * np.mean(error * error)
