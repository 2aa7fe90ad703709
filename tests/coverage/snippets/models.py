"""Machine learning and networks by hand."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

RNG = np.random.default_rng(0)
X = RNG.normal(size=(8, 3))
Y = RNG.normal(size=8)
LABELS = np.array([0, 1, 2, 1, 0, 2, 1, 0])
SIGNS = np.where(LABELS > 0, 1.0, -1.0)
ONE_HOT = np.eye(3)[LABELS]
IMAGE = RNG.normal(size=(6, 6))


def sigmoid(z):
    return 1 / (1 + np.exp(-z))


def softmax(z):
    e = np.exp(z - np.max(z, axis=-1, keepdims=True))
    return e / np.sum(e, axis=-1, keepdims=True)


def linear_regression(w):
    return np.mean((X @ w[:3] + w[3] - Y) ** 2)


def ridge(w):
    r = Y - np.dot(X, w[:3])
    return r.T @ r + 0.1 * np.dot(w, w)


def lasso(w):
    return 0.5 * np.mean((X @ w[:3] - Y) ** 2) + 0.1 * np.linalg.norm(w, 1)


def group_lasso(w):
    groups = [[0, 1], [2, 3], [4, 5]]
    return sum(np.sqrt(len(g)) * np.linalg.norm(w[g]) for g in groups)


def huber_regression(w):
    r = X @ w[:3] - Y
    return np.sum(np.where(np.abs(r) <= 1.0, 0.5 * r**2, np.abs(r) - 0.5))


def quantile_regression(w):
    r = Y - X @ w[:3]
    return np.mean(np.maximum(0.9 * r, -0.1 * r))


def logistic_regression(w):
    p = sigmoid(X @ w[:3] + w[3])
    y = (SIGNS + 1) / 2
    return -np.mean(y * np.log(p) + (1 - y) * np.log(1 - p))


def logistic_loop(w):
    total = 0.0
    for row, sign in zip(X, SIGNS, strict=True):
        total += np.log1p(np.exp(-sign * (row @ w[:3])))
    return total / len(X)


def hinge(w):
    margins = SIGNS * (X @ w[:3] + w[3])
    return 0.5 * w[:3] @ w[:3] + np.sum(np.maximum(0, 1 - margins))


def hinge_python_max(w):
    return sum(max(0.0, 1 - s * np.dot(row, w[:3])) for row, s in zip(X, SIGNS, strict=True))


def squared_hinge(w):
    slack = 1 - SIGNS * (X @ w[:3])
    slack[slack < 0] = 0
    return np.sum(slack**2)


def softmax_regression(w):
    weights = np.array([w[:3], w[3:], w[:3] * 0.5])
    p = softmax(X @ weights.T)
    return -np.mean(np.log(p[np.arange(8), LABELS]))


def cross_entropy_one_hot(w):
    logits = np.column_stack([X @ w[:3], X @ w[3:], np.zeros(8)])
    shifted = logits - logits.max(axis=1, keepdims=True)
    return -np.sum(ONE_HOT * (shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))))


def poisson_regression(w):
    eta = X @ w[:3]
    return np.sum(np.exp(eta) - np.abs(Y) * eta)


def naive_bayes(w):
    mu, sigma = w[:3], np.exp(w[3:])
    return -np.sum(-0.5 * ((X - mu) / sigma) ** 2 - np.log(sigma))


def gaussian_mixture(w):
    parts = np.stack([-0.5 * (Y - w[k]) ** 2 / np.exp(w[k + 3]) - 0.5 * w[k + 3] for k in range(3)])
    top = parts.max(axis=0)
    return -np.sum(top + np.log(np.exp(parts - top).sum(axis=0)))


def gaussian_process(w):
    length, noise = np.exp(w[0]), np.exp(w[1])
    distance = ((X[:, None] - X[None]) ** 2).sum(-1)
    k = np.exp(-0.5 * distance / length**2) + noise * np.eye(8)
    return 0.5 * Y @ np.linalg.solve(k, Y) + 0.5 * np.linalg.slogdet(k)[1]


def kernel_ridge(w):
    k = np.exp(-np.exp(w[0]) * ((X[:, None] - X[None]) ** 2).sum(-1))
    alpha = np.linalg.inv(k + np.exp(w[1]) * np.eye(8)) @ Y
    return alpha @ k @ alpha


def k_means(w):
    centers = w.reshape(2, 3)
    distances = np.zeros((8, 2))
    for j in range(2):
        distances[:, j] = np.sum((X - centers[j]) ** 2, axis=1)
    return distances.min(axis=1).sum()


def matrix_factorization(w):
    u, v = w[:4].reshape(2, 2), w[4:].reshape(2, 1)
    return np.sum((u @ v - np.array([[1.0], [2.0]])) ** 2)


def contrastive(w):
    d = np.sqrt(np.sum((w[:3] - w[3:]) ** 2))
    return 0.5 * d**2 + 0.5 * max(0, 3.0 - d) ** 2


def triplet(w):
    anchor, good, bad = X[0] * w[:3], X[1] * w[3:], X[2]
    return np.maximum(np.sum((anchor - good) ** 2) - np.sum((anchor - bad) ** 2) + 1.0, 0.0)


def cosine_similarity(w):
    a, b = w[:3], w[3:]
    return np.dot(a, b) / (np.linalg.norm(a) * np.linalg.norm(b))


def pca_reconstruction(w):
    v = w[:3] / np.linalg.norm(w[:3])
    return np.sum((X - np.outer(X @ v, v)) ** 2)


def elastic_net(w):
    return 0.3 * np.abs(w).sum() + 0.7 * (w**2).sum()


def tukey(w):
    r = X @ w[:3] - Y
    inside = np.abs(r) < 4.685
    rho = np.ones_like(r)
    rho[inside] = 1 - (1 - (r[inside] / 4.685) ** 2) ** 3
    return rho.sum()


def focal(w):
    p = sigmoid(X @ w[:3])
    return -np.mean((1 - p) ** 2 * np.log(p))


def bootstrap_mean(w):
    index = np.random.default_rng(3).integers(0, 6, 6)
    return np.mean(w[index] ** 2)


def isotonic(w):
    return np.sum(np.maximum(w[:-1] - w[1:], 0) ** 2)


def total_variation(w):
    image = w.reshape(2, 3)
    return np.abs(np.diff(image, axis=0)).sum() + np.abs(np.diff(image, axis=1)).sum()


def metropolis_energy(w):
    energy = 0.0
    for i in range(len(w)):
        energy -= w[i] * w[(i + 1) % len(w)]
    return energy


# -- networks --------------------------------------------------------------------------------------------


def relu(z):
    return np.maximum(z, 0)


def perceptron(w):
    return np.mean((relu(X @ w[:3] + w[3]) * w[4] + w[5] - Y) ** 2)


def leaky(w):
    z = X @ w[:3]
    return np.sum(np.where(z > 0, z, 0.01 * z) ** 2)


def relu_by_mask(w):
    z = X @ w[:3]
    z[z < 0] = 0
    return z.sum()


def relu_times_mask(w):
    z = X @ w[:3]
    return np.sum(z * (z > 0))


def layers(w):
    h = X[:, :2]
    for k in range(3):
        h = np.tanh(h @ np.array([[w[k], 0.5], [-0.3, w[k + 3]]]))
    return np.mean(h**2)


def list_of_layers(w):
    parameters = [(w[:4].reshape(2, 2), w[4:]), (np.eye(2), np.zeros(2))]
    h = X[:, :2]
    for m, b in parameters:
        h = relu(h @ m + b)
    return h.sum()


def convolution(w):
    kernel = np.concatenate([w, [0.1, 0.2, 0.3]]).reshape(3, 3)
    out = np.zeros((4, 4))
    for i in range(4):
        for j in range(4):
            out[i, j] = np.sum(IMAGE[i : i + 3, j : j + 3] * kernel)
    return relu(out).mean()


def max_pooling(w):
    image = np.outer(w, w)
    pooled = np.zeros((3, 3))
    for i in range(3):
        for j in range(3):
            pooled[i, j] = image[2 * i : 2 * i + 2, 2 * j : 2 * j + 2].max()
    return pooled.sum()


def pooling_by_reshape(w):
    return np.outer(w, w).reshape(3, 2, 3, 2).max(axis=(1, 3)).sum()


def recurrent(w):
    h = np.zeros(2)
    u = w[:4].reshape(2, 2)
    for t in range(5):
        h = np.tanh(u @ h + w[4:] * X[t, 0])
    return h @ h


def states_in_an_array(w):
    h = np.zeros((6, 2))
    for t in range(5):
        h[t + 1] = np.tanh(0.5 * h[t] + w[:2] * X[t, 1])
    return np.sum(h[1:] * w[2])


def gated(w):
    h = np.zeros(3)
    for t in range(4):
        gate = sigmoid(w[:3] * X[t] + h)
        h = gate * h + (1 - gate) * np.tanh(w[3:] * X[t])
    return np.sum(h)


def attention(w):
    q, k = X * w[:3], X * w[3:]
    scores = q @ k.T / np.sqrt(3)
    mask = np.tril(np.ones((8, 8)))
    scores = np.where(mask == 1, scores, -1e9)
    return np.mean(softmax(scores) @ X)


def layer_normalization(w):
    mean, var = w.mean(), w.var()
    return np.sum(((w - mean) / np.sqrt(var + 1e-5)) ** 3)


def batch_normalization(w):
    z = X * w[:3]
    return np.sum(relu((z - z.mean(0)) / np.sqrt(z.var(0) + 1e-5) + w[3:]))


def gelu(w):
    return np.sum(0.5 * w * (1 + np.tanh(np.sqrt(2 / np.pi) * (w + 0.044715 * w**3))))


def elu(w):
    return np.sum(np.where(w > 0, w, np.exp(np.minimum(w, 0)) - 1))


def swish(w):
    return np.sum(w * sigmoid(w))


def maxout(w):
    return np.max(X @ w.reshape(3, 2), axis=1).sum()


def dropout(w):
    mask = np.random.default_rng(1).random(6) > 0.5
    return np.sum(w * mask / 0.5)


def embedding(w):
    table = w.reshape(3, 2)
    return np.sum(table[LABELS] ** 2 @ np.array([1.0, 2.0]))


def residual(w):
    h = w
    for _ in range(3):
        h = h + relu(h - 0.1)
    return h.sum()


def gradient_step(w):
    v = w.copy()
    for _ in range(3):
        v -= 0.1 * (X.T @ (X @ v[:3] - Y)).repeat(2)[:6] / 8
    return np.sum(v**2)


SNIPPETS: dict[str, Callable[[Any], Any]] = {f.__name__: f for f in (
    linear_regression, ridge, lasso, group_lasso, huber_regression, quantile_regression, logistic_regression,
    logistic_loop, hinge, hinge_python_max, squared_hinge, softmax_regression, cross_entropy_one_hot,
    poisson_regression, naive_bayes, gaussian_mixture, gaussian_process, kernel_ridge, k_means, matrix_factorization,
    contrastive, triplet, cosine_similarity, pca_reconstruction, elastic_net, tukey, focal, bootstrap_mean, isotonic,
    total_variation, metropolis_energy, perceptron, leaky, relu_by_mask, relu_times_mask, layers, list_of_layers,
    convolution, max_pooling, pooling_by_reshape, recurrent, states_in_an_array, gated, attention, layer_normalization,
    batch_normalization, gelu, elu, swish, maxout, dropout, embedding, residual, gradient_step,
)}  # fmt: skip
