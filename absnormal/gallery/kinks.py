"""Functions of a handful of numbers, each with a kink where the rule of an AD tool matters.

`absnormal.gallery.kink_examples` has a point and the known answer for each. Array arguments are flat float64
arrays.
"""

from __future__ import annotations

import numpy as np

from absnormal.gallery.example import Scalar, Traceable


def identity(x: Traceable) -> Scalar:
    """The identity of one number, x of shape (1,), written with two relus: relu(x) - relu(-x) = x.

    >>> print(identity(np.array([-2.5])))
    -2.5
    """
    return np.maximum(x[0], 0) - np.maximum(-x[0], 0)


def stable_cross_entropy(x: Traceable, label: float = 1.0) -> Scalar:
    """Binary cross-entropy of one logit, x of shape (1,), by the formula that does not overflow.

    max(x, 0) - x label + log(1 + exp(-|x|)) equals log(1 + exp(x)) - x label: it is smooth, with derivative
    1/(1 + exp(-x)) - label. The formula is the one in the documentation of TensorFlow's
    ``sigmoid_cross_entropy_with_logits``.

    >>> x = np.array([3.0])
    >>> bool(np.isclose(stable_cross_entropy(x), np.log1p(np.exp(-3.0))))
    True
    """
    return np.maximum(x[0], 0) - x[0] * label + np.log1p(np.exp(-np.abs(x[0])))


def stable_cross_entropy_swapped(x: Traceable, label: float = 1.0) -> Scalar:
    """The same as `stable_cross_entropy`, with max(0, x) in place of max(x, 0).

    >>> x = np.array([-1.5])
    >>> bool(stable_cross_entropy_swapped(x) == stable_cross_entropy(x))
    True
    """
    return np.maximum(0, x[0]) - x[0] * label + np.log1p(np.exp(-np.abs(x[0])))


def leaky_relu(x: Traceable) -> Scalar:
    """The sum over x, of shape (n,), of the leaky relu max(x, 0.1 x).

    >>> print(leaky_relu(np.array([2.0, -10.0])))
    1.0
    """
    return np.sum(np.maximum(x, 0.1 * x))


def relu_by_where(x: Traceable) -> Scalar:
    """The sum over x, of shape (n,), of a relu that is written as a selection.

    >>> print(relu_by_where(np.array([2.0, -10.0])))
    2.0
    """
    return np.sum(np.where(x > 0, x, 0.0))


def soft_threshold(x: Traceable, threshold: float = 0.5) -> Scalar:
    """The sum over x, of shape (n,), of soft-thresholding: the proximal map of threshold |x|.

    >>> print(soft_threshold(np.array([2.0, 0.25, -0.75])))
    1.25
    """
    return np.sum(np.maximum(x - threshold, 0) - np.maximum(-x - threshold, 0))


def maxmin(x: Traceable) -> Scalar:
    """The sum of the MaxMin (GroupSort2) activation of x, of shape (2k,), whose halves are paired.

    max(a, b) + min(a, b) = a + b: the sum of all entries of x. The activation is that of Anil, Lucas &
    Grosse, *Sorting out Lipschitz function approximation*, ICML 2019.

    >>> print(maxmin(np.array([1.0, 5.0, 2.0, -3.0])))
    5.0
    """
    pairs = np.reshape(x, (2, -1))
    return np.sum(np.concatenate([np.maximum(pairs[0], pairs[1]), np.minimum(pairs[0], pairs[1])]))


def maxmin_swapped(x: Traceable) -> Scalar:
    """The same as `maxmin`, with min(b, a) in place of min(a, b).

    >>> print(maxmin_swapped(np.array([1.0, 5.0, 2.0, -3.0])))
    5.0
    """
    pairs = np.reshape(x, (2, -1))
    return np.sum(np.concatenate([np.maximum(pairs[0], pairs[1]), np.minimum(pairs[1], pairs[0])]))


def largest_entry(x: Traceable) -> Scalar:
    """The largest entry of x, of shape (n,).

    >>> print(largest_entry(np.array([1.0, 5.0, 2.0])))
    5.0
    """
    return np.max(x)


def nested_max(x: Traceable) -> Scalar:
    """Zero for every x of shape (1,): max(max(x, 0), 0) - max(x, 0).

    >>> print(nested_max(np.array([4.0])))
    0.0
    """
    once = np.maximum(x[0], 0)
    return np.maximum(once, 0) - once


def nested_abs(x: Traceable) -> Scalar:
    """-x for every x of shape (1,): 2|x| - |2x + |x||.

    >>> print(nested_abs(np.array([4.0])), nested_abs(np.array([-4.0])))
    -4.0 4.0
    """
    return 2 * np.abs(x[0]) - np.abs(2 * x[0] + np.abs(x[0]))


def coupled_abs(x: Traceable) -> Scalar:
    """|x| - |x + |y|| of the pair (x, y), of shape (2,).

    >>> print(coupled_abs(np.array([1.0, -2.0])))
    -2.0
    """
    return np.abs(x[0]) - np.abs(x[0] + np.abs(x[1]))


def cyclic_relu(x: Traceable) -> Scalar:
    """relu(a - b) + relu(b - c) - 2 relu(c - a) + (c - a) of the triple (a, b, c), of shape (3,).

    >>> print(cyclic_relu(np.array([3.0, 2.0, 0.0])))
    0.0
    """
    a, b, c = x[0], x[1], x[2]
    return np.maximum(a - b, 0) + np.maximum(b - c, 0) - 2 * np.maximum(c - a, 0) + (c - a)


def cyclic_abs(x: Traceable) -> Scalar:
    """|a - b| + |b - c| - |c - a| of the triple (a, b, c), of shape (3,).

    >>> print(cyclic_abs(np.array([3.0, 2.0, 4.0])))
    2.0
    """
    a, b, c = x[0], x[1], x[2]
    return np.abs(a - b) + np.abs(b - c) - np.abs(c - a)
