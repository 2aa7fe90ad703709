"""Functions of three numbers, one for each operation of JAX that has a rule of its own."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax, nn

W = np.array([[1.0, -2.0, 0.5], [0.0, 1.0, -1.0], [2.0, 2.0, 2.0], [-1.0, 0.0, 1.0]], np.float32)
ORDER = np.array([0, 0, 1])
WEIGHTS = np.array([1.0, 0.5, 2.0, 3.0, -1.0, 0.7, 0.2, 0.9])

ACTIVATIONS: dict[str, Callable[[Any], Any]] = {
    "relu": nn.relu,
    "relu6": lambda x: nn.relu6(6 * x),
    "leaky_relu": nn.leaky_relu,
    "hard_tanh": nn.hard_tanh,
    "hard_sigmoid": lambda x: nn.hard_sigmoid(3 * x),
    "hard_swish": lambda x: nn.hard_swish(3 * x),
    "elu": nn.elu,
    "elu(2)": lambda x: nn.elu(x, 2.0),
    "selu": nn.selu,
    "celu": lambda x: nn.celu(x, 2.0),
    "soft_sign": nn.soft_sign,
    "softplus": nn.softplus,
    "sparse_plus": nn.sparse_plus,
    "squareplus": nn.squareplus,
    "gelu": nn.gelu,
    "gelu, not approximated": lambda x: nn.gelu(x, approximate=False),
    "silu": nn.silu,
    "mish": nn.mish,
    "log_sigmoid": nn.log_sigmoid,
    "glu": lambda x: nn.glu(jnp.concatenate([x, x])),
    "softmax": nn.softmax,
    "log_softmax": nn.log_softmax,
    "logsumexp": nn.logsumexp,
    "standardize": lambda x: nn.standardize(x + jnp.array([0.0, 1.0, 5.0])),
}

KINKS: dict[str, Callable[[Any], Any]] = {
    "abs": jnp.abs,
    "fabs": jnp.fabs,
    "maximum": lambda x: jnp.maximum(x, 0),
    "minimum": lambda x: jnp.minimum(0, x),
    "maximum of two": lambda x: jnp.maximum(x, x[::-1]),
    "fmax": lambda x: jnp.fmax(x, 0.0),
    "fmin": lambda x: jnp.fmin(0.0, x),
    "clip": lambda x: jnp.clip(x, -1, 1),
    "clip, one side": lambda x: jnp.clip(x, min=0),
    "lax.clamp": lambda x: lax.clamp(-1.0, x, 1.0),
    "where >": lambda x: jnp.where(x > 0, x, 0),
    "where >=": lambda x: jnp.where(x >= 0, x, 0),
    "where <": lambda x: jnp.where(x > 1, 1, x),
    "where with smooth sides": lambda x: jnp.where(x > 0, jnp.sin(x), x * jnp.exp(x)),
    "where with a product": lambda x: jnp.where(x[:2] > 0, x[:2], x[2] * x[:2]),
    "x * (x > 0)": lambda x: x * (x > 0),
    "piecewise": lambda x: jnp.piecewise(x, [x < 0.05, x >= 0.05], [lambda v: -v, lambda v: 2 * v]),
    "cond": lambda x: lax.cond(x[0] > 0, lambda v: v, lambda v: 0.0, x[0]),
    "copysign": lambda x: jnp.copysign(x, 1.0),
    "nested": lambda x: jnp.maximum(jnp.maximum(x, 0), 0) - jnp.abs(jnp.abs(x) - x),
    "logaddexp": lambda x: jnp.logaddexp(x, 0.0),
    "log-sum-exp by hand": lambda x: jnp.max(x) + jnp.log(jnp.sum(jnp.exp(x - jnp.max(x)))),
    "cross-entropy by hand": lambda x: jnp.maximum(x, 0) - x + jnp.log1p(jnp.exp(-jnp.abs(x))),
}

REDUCTIONS: dict[str, Callable[[Any], Any]] = {
    "max": jnp.max,
    "min": jnp.min,
    "max over an axis": lambda x: jnp.max(W * x, axis=1),
    "ptp": jnp.ptp,
    "sort": lambda x: jnp.sort(x) * jnp.array([1.0, 2.0, 4.0]),
    "sort, descending": lambda x: jnp.sort(W @ x, descending=True),
    "median": jnp.median,
    "median of four": lambda x: jnp.median(W @ x),
    "quantile": lambda x: jnp.quantile(x, 0.3),
    "top_k": lambda x: lax.top_k(x, 2)[0],
    "cummax": lax.cummax,
    "cummin": lax.cummin,
    "segment_max": lambda x: jax.ops.segment_max(x, ORDER, 2),
    "at max": lambda x: jnp.zeros(2).at[ORDER].max(x),
    "max pooling": lambda x: lax.reduce_window(W * x, -jnp.inf, lax.max, (2, 2), (1, 1), "SAME"),
    "average pooling": lambda x: lax.reduce_window(W * x, 0.0, lax.add, (2, 2), (1, 1), "SAME"),
    "norm 1": lambda x: jnp.linalg.norm(x, 1),
    "norm inf": lambda x: jnp.linalg.norm(x, jnp.inf),
    "norm 3": lambda x: jnp.linalg.norm(x + 5, 3),
    "var": jnp.var,
    "prod": jnp.prod,
    "cumsum": jnp.cumsum,
    "cumprod": lambda x: jnp.cumprod(x + 3),
    "cumlogsumexp": lax.cumlogsumexp,
}

SHAPES: dict[str, Callable[[Any], Any]] = {
    "at add": lambda x: jnp.zeros(2).at[ORDER].add(jnp.sin(x)),
    "at set": lambda x: x.at[1].set(jnp.sin(x[0])),
    "roll": lambda x: jnp.roll(x, 1) * x,
    "flip": lambda x: jnp.flip(x) * x,
    "pad": lambda x: jnp.pad(x, 1)[1:4] * x,
    "tile": lambda x: jnp.tile(x, 2) ** 2,
    "take": lambda x: jnp.take(x, np.array([0, 2, 2])) * x,
    "tril": lambda x: jnp.tril(W[:3] * x),
    "outer": lambda x: jnp.outer(x, x),
    "einsum": lambda x: jnp.einsum("ij,j,ik->k", W, x, W),
    "batched dot": lambda x: jnp.einsum("bi,bj->bij", (W * x)[:2], W[:2] * x),
    "powers": lambda x: (x * x + 1) ** 1.5 + x**3,
    "sinc": jnp.sinc,
    "nan_to_num": jnp.nan_to_num,
    "resize": lambda x: jnp.vdot(jnp.resize(WEIGHTS.astype(x.dtype), x.size), x.ravel()),
}

CONTROL: dict[str, Callable[[Any], Any]] = {
    "dense layer": lambda x: nn.relu(W @ x),
    "jit": jax.jit(lambda x: nn.relu(W @ x)),
    "checkpoint": jax.checkpoint(lambda x: nn.relu(W @ x)),
    "vmap": lambda x: jax.vmap(lambda w: nn.relu(jnp.dot(w, x)))(W),
    "scan": lambda x: lax.scan(lambda c, y: (nn.relu(c - y), c * y), 1.0, x),
    "fori_loop": lambda x: lax.fori_loop(0, 3, lambda i, c: jnp.abs(c - x[i]), x),
    "switch": lambda x: lax.switch(1, [jnp.sin, jnp.abs], x),
}

ALL = ACTIVATIONS | KINKS | REDUCTIONS | SHAPES | CONTROL


def _weights(leaf: Any) -> Any:
    return np.resize(np.asarray(WEIGHTS), leaf.size).astype(leaf.dtype)


def scalar(function: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """A weighted sum of all that a function returns, which adds few kernels to those of the function."""

    def f(x: Any) -> Any:
        leaves = jax.tree.leaves(function(x))
        return sum(lax.dot(_weights(leaf), lax.reshape(leaf, (leaf.size,))) for leaf in leaves)

    return f
