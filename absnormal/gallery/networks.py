"""Dense ReLU networks in NumPy as functions of all their parameters, with hand-written backward sweeps.

The parameters are a dict: "W1" of shape (inputs, units), "b1" of shape (units,), "W2", ... up to the last
layer, which has no relu. A layer without "b" has no bias. Inputs are one sample, of shape (inputs,), or a
batch, (samples, inputs); targets have the shape of the outputs. The loss is smooth in the outputs, so that
the relus are the only kinks.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from itertools import pairwise
from typing import Any

import numpy as np

from absnormal.gallery.example import Array, Parameters, Problem, Scalar, Traceable

Shapes = Mapping[str, tuple[int, ...]]


def outputs(parameters: Traceable, inputs: Traceable) -> Traceable:
    """The outputs of the network, of shape (classes,) or (samples, classes).

    >>> parameters = {"W1": np.eye(2), "b1": np.array([-1.0, 0.0]), "W2": np.array([[2.0], [3.0]])}
    >>> print(outputs(parameters, np.array([5.0, -1.0])))
    [8.]
    """
    depth = _depth(parameters)
    hidden = inputs
    for layer in range(1, depth):
        hidden = np.maximum(_affine(parameters, layer, hidden), 0)
    return _affine(parameters, depth, hidden)


def cross_entropy(scores: Traceable, targets: Array) -> Scalar:
    """The mean over the samples of log(sum(exp(scores))) - scores.targets, without a shift by the max.

    >>> print(cross_entropy(np.zeros((5, 1)), np.ones((5, 1))))
    0.0
    """
    return np.mean(np.log(np.sum(np.exp(scores), axis=-1)) - np.sum(scores * targets, axis=-1))


def squared_error(scores: Traceable, targets: Array) -> Scalar:
    """The mean over the samples of half the squared distance between scores and targets.

    >>> print(squared_error(np.array([[3.0, 4.0], [0.0, 0.0]]), np.zeros((2, 2))))
    6.25
    """
    error = scores - targets
    return 0.5 * np.mean(np.sum(error * error, axis=-1))


LOSSES: Mapping[str, Callable[[Traceable, Array], Scalar]] = {
    "cross-entropy": cross_entropy,
    "squared": squared_error,
}


def require_loss(kind: str) -> Callable[[Traceable, Array], Scalar]:
    """The loss of that name.

    Raises
    ------
    ValueError
        for a kind that is neither "cross-entropy" nor "squared"

    >>> require_loss("squared").__name__
    'squared_error'
    """
    if kind not in LOSSES:
        raise ValueError(f"the loss must be one of {', '.join(LOSSES)}, got {kind!r}")
    return LOSSES[kind]


def loss(
    parameters: Traceable,
    *,
    inputs: Array,
    targets: Array,
    kind: str = "cross-entropy",
    temperature: float = 1.0,
) -> Scalar:
    """The loss of the network, "cross-entropy" or "squared", of its outputs divided by the temperature.

    >>> parameters = {"W1": np.eye(2), "W2": np.array([[2.0], [3.0]])}
    >>> print(loss(parameters, inputs=np.array([5.0, -1.0]), targets=np.array([4.0]), kind="squared"))
    18.0
    """
    return require_loss(kind)(outputs(parameters, inputs) / temperature, targets)


def loss_and_gradient(
    parameters: Parameters,
    slope: float,
    *,
    inputs: Array,
    targets: Array,
    kind: str = "cross-entropy",
    temperature: float = 1.0,
    out: Parameters | None = None,
) -> tuple[Scalar, Parameters]:
    """The loss and its gradient by one forward and one backward sweep, with relu'(0) = (1 + slope)/2.

    The gradient is written into the arrays of ``out`` if given.

    Examples
    --------
    >>> parameters = {"W1": np.eye(2), "W2": np.array([[2.0], [3.0]])}
    >>> data = {"inputs": np.array([5.0, 0.0]), "targets": np.array([9.0]), "kind": "squared"}
    >>> value, gradient = loss_and_gradient(parameters, -1.0, **data)
    >>> print(value, gradient["W1"][0], gradient["W2"][:, 0])
    0.5 [10.  0.] [5. 0.]
    >>> print(loss_and_gradient(parameters, 1.0, **data)[1]["W1"][0])
    [10. 15.]
    """
    depth = _depth(parameters)
    hidden, derivatives = [inputs], []
    for layer in range(1, depth):
        z = _affine(parameters, layer, hidden[-1])
        hidden.append(np.maximum(z, 0))
        derivatives.append(relu_derivative(z, slope))
    scores = _affine(parameters, depth, hidden[-1]) / temperature
    value = require_loss(kind)(scores, targets)

    samples = scores.size // scores.shape[-1]
    if kind == "cross-entropy":
        exponentials = np.exp(scores)
        adjoint = exponentials / exponentials.sum(axis=-1, keepdims=True) - targets
    else:
        adjoint = scores - targets
    adjoint /= samples * temperature

    gradient = {name: np.empty_like(array) for name, array in parameters.items()} if out is None else out
    for layer in range(depth, 0, -1):
        below = hidden[layer - 1]
        if below.ndim == 1:
            np.outer(below, adjoint, out=gradient[f"W{layer}"])
        else:
            np.matmul(below.T, adjoint, out=gradient[f"W{layer}"])
        if f"b{layer}" in parameters:
            np.sum(np.atleast_2d(adjoint), axis=0, out=gradient[f"b{layer}"])
        if layer > 1:
            adjoint = (adjoint @ parameters[f"W{layer}"].T) * derivatives[layer - 2]
    return value, gradient


def relu_derivative(z: Array, slope: float) -> Array:
    """The derivative of relu at each entry of z: 0, 1, and (1 + slope)/2 at exactly 0.

    >>> print(relu_derivative(np.array([-3.0, 0.0, 2.0]), 0.0))
    [0.  0.5 1. ]
    """
    derivative: Array = (z > 0) + (0.5 + 0.5 * slope) * (z == 0)
    return derivative


def active_relus(parameters: Parameters, inputs: Array) -> tuple[int, ...]:
    """How many pre-activations are exactly 0 in each hidden layer, all samples together.

    >>> active_relus({"W1": np.eye(2), "W2": np.ones((2, 1))}, np.array([[5.0, 0.0], [0.0, 0.0]]))
    (3,)
    """
    counts, hidden = [], inputs
    for layer in range(1, _depth(parameters)):
        z = _affine(parameters, layer, hidden)
        counts.append(int(np.count_nonzero(z == 0)))
        hidden = np.maximum(z, 0)
    return tuple(counts)


def flatten(parameters: Parameters) -> Array:
    """All parameters as one vector, in the order of the dict.

    >>> print(flatten({"W1": np.array([[1.0, 2.0]]), "b1": np.array([3.0, 4.0])}))
    [1. 2. 3. 4.]
    """
    return np.concatenate([array.ravel() for array in parameters.values()])


def unflatten(vector: Traceable, shapes: Shapes) -> dict[str, Any]:
    """The inverse of `flatten`: slices of the vector, reshaped.

    >>> unflatten(np.arange(4.0), {"W1": (1, 2), "b1": (2,)})
    {'W1': array([[0., 1.]]), 'b1': array([2., 3.])}
    """
    parameters, start = {}, 0
    for name, shape in shapes.items():
        size = int(np.prod(shape))
        parameters[name] = np.reshape(vector[start : start + size], shape)
        start += size
    return parameters


def dense_network(
    sizes: Sequence[int] = (784, 256, 128, 10), *, seed: int = 0, flat: bool = False
) -> Problem:
    """The cross-entropy of a dense ReLU network on one sample, as a function of all parameters.

    Weights are normal with standard deviation sqrt(2 / inputs of the layer) (He et al., *Delving deep into
    rectifiers*, ICCV 2015), biases with 0.1, the input is uniform in [0, 1), the label is class 0: no relu is
    active.

    Parameters
    ----------
    sizes : sequence of int
        Inputs, units of the hidden layers, outputs. The default has 235,146 parameters.
    seed : int
        Of the weights and the input.
    flat : bool
        The parameters as one vector rather than a dict.

    Examples
    --------
    >>> problem = dense_network(flat=True)
    >>> problem.point.shape, problem.active
    ((235146,), 0)
    >>> value, gradient = problem.hand_gradient(problem.point, -1.0)
    >>> gradient.shape
    (235146,)
    """
    random = np.random.default_rng(seed)
    parameters: Parameters = {}
    for layer, (before, after) in enumerate(pairwise(sizes), start=1):
        parameters[f"W{layer}"] = random.normal(0.0, np.sqrt(2.0 / before), (before, after))
        parameters[f"b{layer}"] = random.normal(0.0, 0.1, after)
    inputs = random.random(sizes[0])
    targets = np.zeros(sizes[-1])
    targets[0] = 1.0
    name = f"dense network {'-'.join(map(str, sizes))}, one sample"
    active = sum(active_relus(parameters, inputs))
    data: dict[str, Any] = {"inputs": inputs, "targets": targets}
    if not flat:
        return Problem(name, partial(loss, **data), parameters, partial(loss_and_gradient, **data), active)
    shapes = {key: array.shape for key, array in parameters.items()}
    return Problem(
        f"{name}, one vector",
        partial(_flat_loss, shapes=shapes, **data),
        flatten(parameters),
        partial(_flat_loss_and_gradient, shapes=shapes, **data),
        active,
    )


def _flat_loss(vector: Traceable, *, shapes: Shapes, inputs: Array, targets: Array) -> Scalar:
    return loss(unflatten(vector, shapes), inputs=inputs, targets=targets)


def _flat_loss_and_gradient(
    vector: Array, slope: float, *, shapes: Shapes, inputs: Array, targets: Array
) -> tuple[Scalar, Array]:
    gradient = np.empty_like(vector)
    value, _ = loss_and_gradient(
        unflatten(vector, shapes), slope, inputs=inputs, targets=targets, out=unflatten(gradient, shapes)
    )
    return value, gradient


def _depth(parameters: Traceable) -> int:
    return sum(name.startswith("W") for name in parameters)


def _affine(parameters: Traceable, layer: int, below: Traceable) -> Traceable:
    product = below @ parameters[f"W{layer}"]
    return product + parameters[f"b{layer}"] if f"b{layer}" in parameters else product
