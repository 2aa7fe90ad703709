"""Each function of `models` with a point, a slope and the answer worked out by hand.

A slope is the derivative that a tool uses for |u| at u = 0, the same for all switches: relu'(0) = (1 +
slope)/2, a tied max takes its second argument for slope -1, splits evenly for 0 and takes its first for +1, a
tied min the other way round.
"""

from __future__ import annotations

import numpy as np

from absnormal.gallery import models
from absnormal.gallery.example import Example

hinge_loss = Example(
    name="hinge_loss",
    function=models.hinge_loss,
    point=np.array([1.0, 0.0]),
    slope=0.0,
    gradient=np.array([-0.25, 0.125]),
    verdict="CLARKE",
    clarke_set="{-(s (1, 2) + t (1, -3))/4 : 0 <= s, t <= 1}",
    clarke_gradients=(np.array([0.0, 0.0]), np.array([-0.5, 0.25]), np.array([-0.25, -0.5])),
    why="The loss is convex and every adjoint of a relu nonnegative: any slopes give a Clarke gradient.",
)

pinball_loss = Example(
    name="pinball_loss",
    function=models.pinball_loss,
    point=np.array([1.0, 1.0]),
    slope=-1.0,
    gradient=np.array([0.0, 0.375]),
    verdict="CLARKE",
    clarke_set="{-(t_0 (1, 2) + t_1 (2, 1) + t_2 (-1, 3) + t_3 (-2, 0))/4 : -1/4 <= t_i <= 3/4}",
    clarke_gradients=(np.array([0.0, 0.375]), np.array([0.0, -1.125]), np.array([0.0, -0.375])),
    why="All four residuals are 0 with two weights, so LIKQ fails; the loss is convex and every adjoint of a "
    "max nonnegative.",
)

total_variation = Example(
    name="total_variation",
    function=models.total_variation,
    point=np.array([[0.0, 0.0, 1.0], [0.0, 0.0, 1.0], [2.0, 2.0, 2.0]]),
    slope=1.0,
    gradient=np.array([[-2.0, -1.0, 0.0], [-1.0, 0.0, 1.0], [0.0, 1.0, 2.0]]),
    verdict="CLARKE",
    clarke_set="the zonotope of all slopes in [-1, 1] on the seven differences that are 0",
    clarke_gradients=(
        np.array([[-2.0, -1.0, 0.0], [-1.0, 0.0, 1.0], [0.0, 1.0, 2.0]]),
        np.array([[0.0, -1.0, 1.0], [-1.0, -2.0, 0.0], [1.0, 1.0, 1.0]]),
    ),
    why="Differences around a flat square depend on each other, so LIKQ fails; a norm of a linear map is "
    "convex, and any slopes give a Clarke gradient.",
)

antipodal_batch = Example(
    name="antipodal_batch",
    function=models.antipodal_batch,
    point=np.array([0.0, 0.0]),
    slope=-1.0,
    gradient=np.array([0.0, 0.0]),
    verdict="NOT_CLARKE",
    clarke_set="{(1, 2)}: the function is linear",
    clarke_gradients=(np.array([1.0, 2.0]),),
    why="Without a bias a sample and its mirror image are never both off: `identity`, in a model at zero "
    "weights.",
)

dense_network = Example(
    name="dense_network",
    function=models.dense_network,
    point={
        "W1": np.array([[1.0, 1.0, 2.0], [1.0, 0.0, 1.0]]),
        "b1": np.array([0.0, -1.0, 1.0]),
        "W2": np.array([[1.0, -1.0], [2.0, 1.0], [1.0, -1.0]]),
        "b2": np.array([-2.0, 3.0]),
        "W3": np.array([[1.0], [2.0]]),
        "b3": np.array([0.0]),
    },
    slope=-1.0,
    gradient={
        "W1": np.array([[0.0, 0.0, -2.0], [0.0, 0.0, 2.0]]),
        "b1": np.array([0.0, 0.0, -2.0]),
        "W2": np.array([[0.0, 0.0], [0.0, 0.0], [0.0, 4.0]]),
        "b2": np.array([0.0, 2.0]),
        "W3": np.array([[0.0], [1.0]]),
        "b3": np.array([1.0]),
    },
    verdict="CLARKE",
    clarke_set="the hull of eight gradients, one for each way to open or close the three relus at 0",
    clarke_gradients=(
        {
            "W1": np.array([[-1.0, 4.0, -1.0], [1.0, -4.0, 1.0]]),
            "b1": np.array([-1.0, 4.0, -1.0]),
            "W2": np.array([[0.0, 0.0], [0.0, 0.0], [2.0, 4.0]]),
            "b2": np.array([1.0, 2.0]),
            "W3": np.array([[0.0], [1.0]]),
            "b3": np.array([1.0]),
        },
    ),
    why="Units 0 and 1 of the first layer and unit 0 of the second are at 0; each has a bias of its own: "
    "LIKQ holds.",
)

dense_network_on_a_batch = Example(
    name="dense_network_on_a_batch",
    function=models.dense_network_on_a_batch,
    point=dense_network.point,
    slope=0.0,
    gradient={
        "W1": np.array([[-0.125, 1.0, -0.5], [0.375, -0.75, 0.75]]),
        "b1": np.array([-0.375, 1.0, -1.0]),
        "W2": np.array([[0.25, 0.0], [0.0, 0.0], [1.25, 2.5]]),
        "b2": np.array([0.5, 1.5]),
        "W3": np.array([[0.5], [1.0]]),
        "b3": np.array([1.0]),
    },
    verdict="CLARKE",
    clarke_set="it contains the hull of the gradients with the relus of each unit opened or closed together",
    clarke_gradients=(),
    why="One sample occurs twice, so that LIKQ fails; but the biases move the units independently, and no "
    "chain of kinks meets a unit twice.",
)

least_squares = Example(
    name="least_squares",
    function=models.least_squares,
    point=np.array([0.0, 0.0]),
    slope=-1.0,
    gradient=np.array([-11.0, -15.0]),
    verdict="CLARKE",
    clarke_set="{(-11, -15)}: the function is smooth",
    clarke_gradients=(np.array([-11.0, -15.0]),),
    why="There is no kink: the control.",
)


def rosenbrock_at_minimiser(size: int) -> Example:
    """Nesterov's non-smooth Chebyshev-Rosenbrock function of ``size`` >= 2 numbers at its minimiser.

    The minimiser is (1, ..., 1). All outer kinks are active and independent, the inner |x_i| are not active.

    Parameters
    ----------
    size
        how many numbers

    Returns
    -------
    Example
        at the minimiser, of shape (size,)

    Raises
    ------
    ValueError
        for fewer than two numbers

    >>> example = rosenbrock_at_minimiser(3)
    >>> print(example.point, example.gradient, example.verdict)
    [1. 1. 1.] [ 1.75  1.   -1.  ] CLARKE
    """
    if size < 2:
        raise ValueError(f"size must be at least 2, got {size}")
    gradient = np.ones(size)
    gradient[0] = 2 - 0.25
    gradient[-1] = -1.0
    return Example(
        name="rosenbrock",
        function=models.rosenbrock,
        point=np.ones(size),
        slope=-1.0,
        gradient=gradient,
        verdict="CLARKE",
        clarke_set="the image of a cube: {a e_0/4 + sum_i b_i (e_{i+1} - 2 e_i) : -1 <= a, b_i <= 1}",
        clarke_gradients=(np.zeros(size), -gradient, gradient),
        why="The switching functions x_0 - 1 and x_{i+1} - 2|x_i| + 1 have independent gradients: LIKQ "
        "holds, and every slope is a Clarke gradient. 0 is one: the point is stationary.",
    )


rosenbrock = rosenbrock_at_minimiser(3)
