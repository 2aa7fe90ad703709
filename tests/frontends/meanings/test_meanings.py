"""Are the meanings that front ends share the functions that they are named after, at their kinks too?

NumPy's formula, as a person writes it, is the judge: of the value, and of one-sided differences at the kinks.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from scipy import special

import absnormal as an
from absnormal.frontends.meanings import (
    activations,
    convolutions,
    losses,
    movements,
    normalizations,
    recurrent,
    reductions,
    windows,
)
from absnormal.frontends.numpy.traced import TracedArray
from absnormal.frontends.writing import writer_of
from absnormal.sweeps.table import Sweeps

POINTS = np.array([-3.0, -1.0, -0.5, 0.0, 0.5, 1.0, 3.0, 25.0])
SCORES = np.array([[0.5, -1.0, 2.0], [0.0, 1.0, -2.0]])
LABELS = np.array([2, 0])
SQUARE = np.arange(24.0).reshape(2, 4, 3) ** 1.5 % 7


def elu(u: Any, alpha: float, rate: float = 1.0) -> Any:
    return np.where(u > 0, u, alpha * np.expm1(rate * np.minimum(u, 0)))


def standard(u: Any, axes: Any) -> Any:
    return (u - np.mean(u, axes, keepdims=True)) / np.sqrt(np.var(u, axes, keepdims=True) + 0.1)


def added(u: Any, where: Any, values: Any) -> Any:
    result = u.copy()
    np.add.at(result.reshape(-1), where, values)
    return result


def lstm(u: Any, peepholes: Any, backward: bool = False) -> Any:
    """Every gate is given 2 u less a quarter of the output before, times its number."""
    h, c, rows = 0.0, 0.0, []
    for x in u[::-1] if backward else u:
        i, f, o, g = ((2 * x - h / 4) * k for k in range(1, 5))
        c = special.expit(f + peepholes[1] * c) * c + special.expit(i + peepholes[0] * c) * np.tanh(g)
        h = special.expit(o + peepholes[2] * c) * np.arctan(c)
        rows.append(h)
    return np.stack(rows[::-1] if backward else rows)


def lstm_layer(w: Any, u: Any, peepholes: Any, backward: bool = False) -> Any:
    def cell(x: Any, states: Any) -> Any:
        scale = np.repeat(np.arange(1.0, 5.0), u.shape[1])
        parts = recurrent.gates(w, (2 * np.tile(x, 4) - np.tile(states[0], 4) / 4) * scale, 4)
        return recurrent.lstm(w, parts, states[1], (special.expit, np.tanh, np.arctan), peepholes)

    return recurrent.layer(w, u, (np.zeros(u.shape[1]), np.zeros(u.shape[1])), cell, backward)[0]


def convolved(u: Any, kernel: Any, stride: int, dilation: int) -> Any:
    """One channel along one axis, entry by entry."""
    reach = dilation * (len(kernel) - 1) + 1
    found = [u[0, 0, start : start + reach : dilation] @ kernel for start in range(0, u.shape[2] - reach + 1, stride)]
    return np.reshape(found, (1, 1, -1))


def transposed(u: Any, kernel: Any, stride: int, size: int) -> Any:
    full = np.zeros(size)
    for place, number in enumerate(u[0, 0]):
        full[stride * place : stride * place + len(kernel)] += number * kernel
    return full.reshape(1, 1, -1)


LINE, KERNEL = POINTS.reshape(1, 1, 8), np.array([1.0, -2.0, 0.5])
WEIGHT = KERNEL.reshape(1, 1, 3)

#: name -> a meaning, NumPy's formula, where they are compared.
MEANINGS: dict[str, tuple[Callable[..., Any], Callable[..., Any], Any]] = {
    "leaky relu": (lambda w, u: activations.leaky_relu(w, u, 0.25), lambda u: np.where(u > 0, u, 0.25 * u), POINTS),
    "prelu": (lambda w, u: activations.prelu(w, u, -2.0), lambda u: np.where(u > 0, u, -2.0 * u), POINTS),
    "elu": (lambda w, u: activations.elu(w, u, 2.0), lambda u: elu(u, 2.0), POINTS),
    "selu": (lambda w, u: activations.elu(w, u, 1.5, 1.25), lambda u: 1.25 * elu(u, 1.5), POINTS),
    "celu": (lambda w, u: activations.elu(w, u, 4.0, rate=0.25), lambda u: elu(u, 4.0, 0.25), POINTS),
    "clipped": (lambda w, u: activations.clipped(w, u, -1.0, 0.5), lambda u: np.clip(u, -1.0, 0.5), POINTS),
    "clipped above": (lambda w, u: activations.clipped(w, u, None, 1.0), lambda u: np.minimum(u, 1.0), POINTS),
    "softshrink": (
        lambda w, u: activations.softshrink(w, u, 0.5), lambda u: np.sign(u) * np.maximum(np.abs(u) - 0.5, 0), POINTS),
    "power": (lambda w, u: activations.power(w, u, 3), lambda u: u**3, POINTS),
    "square": (lambda w, u: activations.power(w, u, 2), lambda u: u**2, POINTS),
    "itself": (lambda w, u: activations.power(w, u, 1), lambda u: u, POINTS),
    "root": (lambda w, u: activations.power(w, u, 0.5), np.sqrt, POINTS[4:]),
    "reciprocal": (lambda w, u: activations.power(w, u, -1), lambda u: 1 / u, POINTS[4:]),
    "softplus": (lambda w, u: activations.softplus(w, u, 2.0), lambda u: np.log1p(np.exp(2 * u)) / 2, POINTS),
    "swish": (lambda w, u: activations.swish(w, u, 2.0), lambda u: u / (1 + np.exp(-2 * u)), POINTS),
    "mish": (lambda w, u: activations.mish(w, u), lambda u: u * np.tanh(np.log1p(np.exp(u))), POINTS),
    "gelu": (lambda w, u: activations.gelu(w, u), lambda u: u * (1 + special.erf(u / math.sqrt(2))) / 2, POINTS),
    "gelu by tanh": (
        lambda w, u: activations.gelu(w, u, tanh=True),
        lambda u: u / 2 * (1 + np.tanh(math.sqrt(2 / math.pi) * (u + 0.044715 * u**3))), POINTS),
    "log softmax": (
        lambda w, u: reductions.log_softmax(w, u, 1),
        lambda u: u - np.log(np.sum(np.exp(u), 1, keepdims=True)), SCORES),
    "softmax": (
        lambda w, u: reductions.softmax(w, u, 0), lambda u: np.exp(u) / np.sum(np.exp(u), 0), SCORES),
    "variance": (lambda w, u: reductions.variance(w, u, [1, 2], 1.0)[0], lambda u: np.var(u, (1, 2), ddof=1), SQUARE),
    "normalized": (lambda w, u: normalizations.normalized(w, u, [0, 2], 0.1), lambda u: standard(u, (0, 2)), SQUARE),
    "root normalized": (
        lambda w, u: normalizations.root_normalized(w, u, [1], 0.1)[0],
        lambda u: u / np.sqrt(np.mean(u * u, 1, keepdims=True) + 0.1), SQUARE),
    "group normalized": (
        lambda w, u: normalizations.group_normalized(w, u, 2, 0.1),
        lambda u: standard(u.reshape(2, 2, 6), 2).reshape(2, 4, 3), SQUARE),
    "normalized without eps": (
        lambda w, u: normalizations.normalized(w, u, [1], 0.0),
        lambda u: (u - u.mean(1, keepdims=True)) / u.std(1, keepdims=True), SQUARE),
    "mean of a group": (
        lambda w, u: normalizations.moments(w, normalizations.by_groups(w, u, 2), [2], 0.1)[0],
        lambda u: u.reshape(2, 2, 6).mean(2, keepdims=True), SQUARE),
    "root of a variance": (
        lambda w, u: normalizations.moments(w, u, [0, 2], 0.1)[1],
        lambda u: np.sqrt(u.var((0, 2), keepdims=True) + 0.1), SQUARE),
    "affine": (
        lambda w, u: normalizations.affine(w, u, np.arange(4.0), np.ones(4), normalizations.channels(3)),
        lambda u: u * np.arange(4.0)[:, None] + 1, SQUARE),
    "likelihood": (
        lambda w, u: losses.negative_log_likelihood(w, u, LABELS, "mean"), lambda u: -(u[0, 2] + u[1, 0]) / 2, SCORES),
    "likelihood of each": (
        lambda w, u: losses.negative_log_likelihood(w, u, LABELS, "none", np.array([1.0, 2.0, 3.0])),
        lambda u: np.array([-3 * u[0, 2], -u[1, 0]]), SCORES),
    "likelihood by weight": (
        lambda w, u: losses.negative_log_likelihood(w, u, LABELS, "mean", u[0], 0), lambda u: -u[0, 2], SCORES),
    "likelihood of none": (
        lambda w, u: losses.negative_log_likelihood(w, u, np.array([2, -100]), "sum", None, -100), lambda u: -u[0, 2],
        SCORES),
    "likelihood of one": (
        lambda w, u: losses.negative_log_likelihood(w, u, np.array(1), "sum"), lambda u: -u[1], SCORES[0]),
    "moved": (lambda w, u: movements.moved(w, u, lambda i: i[:, ::-1].T), lambda u: u[:, ::-1].T, SCORES),
    "along": (
        lambda w, u: w.gather(u, movements.along(u.shape, np.array([[1], [0]]), 1)),
        lambda u: np.array([[u[0, 1]], [u[1, 0]]]), SCORES),
    "along, from the end": (
        lambda w, u: w.gather(u, movements.along(u.shape, np.array([[-1], [0]]), 1)),
        lambda u: u[[0, 1], [-1, 0]][:, None], SCORES),
    "reshaped": (lambda w, u: w.reshape(u, (2, -1)), lambda u: u.reshape(2, -1), SQUARE),
    "sum": (lambda w, u: w.sum(u, [-1, 0], True), lambda u: u.sum((-1, 0), keepdims=True), SQUARE),
    "replaced": (
        lambda w, u: movements.replaced(w, u, np.array([1, 5]), 2 * u[0, :2]),
        lambda u: np.array([[u[0, 0], 2 * u[0, 0], u[0, 2]], [u[1, 0], u[1, 1], 2 * u[0, 1]]]), SCORES),
    "added": (
        lambda w, u: movements.added(w, u, np.array([1, 5, 1]), u[1]),
        lambda u: added(u, np.array([1, 5, 1]), u[1]), SCORES),
    "subtracted": (
        lambda w, u: movements.added(w, u, np.array([1, -1, 1]), u[1], -1),
        lambda u: added(u, np.array([1, 1]), -u[1, [0, 2]]), SCORES),
    "windows of a stretched line": (
        lambda w, u: windows.summed_over(w, u, windows.windows(u.shape, [2], [1], [(1, 1)], [2], [2])),
        lambda u: np.convolve(np.stack([u, 0 * u], 1).reshape(-1)[:-1], [1, 0, 1])[1:-1], SCORES[0]),
    "largest of some": (
        lambda w, u: windows.folds(w, u, np.array([[-1, 0, 2], [0, 1, -1], [-1, 2, 1]]), 1, "max.window"),
        lambda u: np.stack([u[0], u.max(), u[1:].max()]), SCORES[0]),
    "largest of some in each image": (
        lambda w, u: windows.folds(
            w, u.reshape(-1), np.array([[-1, 0, 2], [0, 1, -1], [-1, 2, 1]]), 1, "max.window", len(u)),
        lambda u: np.stack([(v[0], v.max(), v[1:].max()) for v in u]).reshape(-1), SCORES),
    "padded": (
        lambda w, u: movements.padded(w, u, [(1, 0), (-1, 2)], 4.0),
        lambda u: np.pad(u[:, 1:], [(1, 0), (0, 2)], constant_values=4.0), SCORES),
    "cut behind": (
        lambda w, u: movements.padded(w, u, [(0, -1), (2, -2)]), lambda u: np.pad(u[:1, :1], [(0, 0), (2, 0)]), SCORES),
    "convolved": (
        lambda w, u: convolutions.convolved(w, u, WEIGHT, [2], [(1, 1)], [1], 1),
        lambda u: convolved(np.pad(u, [(0, 0), (0, 0), (1, 1)]), KERNEL, 2, 1), LINE),
    "convolved unevenly": (
        lambda w, u: convolutions.convolved(w, u, WEIGHT, [1], [(-1, 2)], [2], 1),
        lambda u: convolved(np.pad(u[:, :, 1:], [(0, 0), (0, 0), (0, 2)]), KERNEL, 1, 2), LINE),
    "transposed": (
        lambda w, u: convolutions.transposed(w, u, WEIGHT, [2], [(1, 1)], [1], 1, [1]),
        lambda u: transposed(u, KERNEL, 2, 18)[:, :, 1:-1], LINE),
    "transposed, cut unevenly": (
        lambda w, u: convolutions.transposed(w, u, WEIGHT, [2], [(0, 3)], [1], 1, [1]),
        lambda u: transposed(u, KERNEL, 2, 18)[:, :, :-3], LINE),
    "a part convolved": (
        lambda w, u: convolutions.convolved(w, u, WEIGHT, [1], [(-1, -1)], [1], 1),
        lambda u: convolved(u[:, :, 1:-1], KERNEL, 1, 1), LINE),
    "transposed, with one behind": (
        lambda w, u: convolutions.transposed(w, u, WEIGHT, [1], [(1, 1)], [1], 1, [1]),
        lambda u: transposed(u, KERNEL, 1, 11)[:, :, 1:-1], LINE),
    "transposed, with many behind": (
        lambda w, u: convolutions.transposed(w, u, WEIGHT, [1], [(1, 1)], [1], 1, [2]),
        lambda u: transposed(u, KERNEL, 1, 12)[:, :, 1:-1], LINE),
    "biased": (lambda w, u: convolutions.biased(w, u, np.arange(4.0)), lambda u: u + np.arange(4.0)[:, None], SQUARE),
    "recurrent": (lambda w, u: lstm_layer(w, u, None), lambda u: lstm(u, (0, 0, 0)), SCORES),
    "recurrent, backward": (
        lambda w, u: lstm_layer(w, u, (0.5, -1.0, 2.0), True), lambda u: lstm(u, (0.5, -1.0, 2.0), True), SCORES),
}  # fmt: skip


@pytest.mark.parametrize("name", MEANINGS)
def test_a_meaning_is_what_it_is_named_after(name: str) -> None:
    meaning, formula, point = MEANINGS[name]

    def f(x: Any) -> Any:
        return meaning(writer_of(x, name), x) if isinstance(x, TracedArray) else formula(x)

    inside = 0.35 + 0.1 * point
    program = an.trace(f, inside)
    assert np.allclose(program(point), formula(point), 1e-12, 1e-12)
    rng, h, sweeps = np.random.default_rng(0), 1e-6, Sweeps(program, [point])
    for d in (np.ones_like(point), -np.ones_like(point), rng.normal(size=point.shape)):
        difference = (formula(point + h * d) - formula(point)) / h
        assert np.allclose(sweeps.directional(d.reshape(-1)).dy, difference.reshape(-1), 1e-4, 1e-4)
    smooth, d = Sweeps(program, [inside]), rng.normal(size=point.size)
    weights = rng.normal(size=np.size(formula(point)))
    (pulled,), _ = smooth.pull(smooth.signature(np.zeros(len(smooth.alpha))), None, weights[None])
    assert np.allclose(pulled @ d, weights @ smooth.directional(d).dy, 1e-9, 1e-9)
