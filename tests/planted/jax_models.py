"""Small models of flax and equinox, whose weights are those of a seed in every precision.

The precision is the one that the layers compute in: flax's ``dtype``, and a cast of equinox's weights.  Weights and
losses stay in float32, and are in float64 where the layers are.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import equinox as eqx
import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import optax

#: What becomes of the output of a layer, which is counted from 0.
Wrap = Callable[[int, Any], Any]
_BATCH = 4


class Setting(NamedTuple):
    """The precision of the layers, that of weights and loss, and what outputs of layers go through."""

    dtype: Any
    outer: Any
    wrap: Wrap


class Model(NamedTuple):
    """A loss and its weights."""

    loss: Callable[[Any], Any]
    x: Any


class Mlp(nn.Module):
    dtype: Any
    wrap: Wrap

    @nn.compact
    def __call__(self, x: Any) -> Any:
        for number in range(2):
            x = self.wrap(number, nn.relu(nn.Dense(8, dtype=self.dtype)(x)))
        return nn.Dense(3, dtype=self.dtype)(x)


class Cnn(nn.Module):
    dtype: Any
    wrap: Wrap

    @nn.compact
    def __call__(self, x: Any) -> Any:
        x = self.wrap(0, nn.relu(nn.Conv(4, (3, 3), dtype=self.dtype)(x.reshape(-1, 6, 6, 1))))
        x = self.wrap(1, nn.relu(nn.Conv(4, (3, 3), dtype=self.dtype)(nn.max_pool(x, (2, 2), (2, 2)))))
        return nn.Dense(3, dtype=self.dtype)(nn.avg_pool(x, (3, 3)).reshape(x.shape[0], -1))


class Attention(nn.Module):
    dtype: Any
    wrap: Wrap

    @nn.compact
    def __call__(self, x: Any) -> Any:
        x = nn.Dense(8, dtype=self.dtype)(x.reshape(x.shape[0], 4, -1))
        normal = nn.LayerNorm(dtype=self.dtype)(x)
        x = self.wrap(0, x + nn.MultiHeadDotProductAttention(2, dtype=self.dtype)(normal))
        inner = nn.relu(nn.Dense(16, dtype=self.dtype)(nn.LayerNorm(dtype=self.dtype)(x)))
        x = self.wrap(1, x + nn.Dense(8, dtype=self.dtype)(inner))
        return nn.Dense(3, dtype=self.dtype)(x.mean(1))


class Norm(eqx.Module):
    first: eqx.nn.Linear
    norm: eqx.nn.LayerNorm
    rest: eqx.nn.MLP
    drop: eqx.nn.Dropout

    def __init__(self, key: Any) -> None:
        first, rest = jax.random.split(key, 2)
        self.first, self.norm = eqx.nn.Linear(6, 8, key=first), eqx.nn.LayerNorm(8)
        self.rest, self.drop = eqx.nn.MLP(8, 3, 8, 1, key=rest), eqx.nn.Dropout(0.2)

    def __call__(self, x: Any, key: Any, wrap: Wrap) -> Any:
        x = wrap(0, self.norm(self.first(x)))
        return self.rest(wrap(1, jax.nn.leaky_relu(self.drop(x, key=key))))


class Recurrent(eqx.Module):
    cell: eqx.nn.GRUCell
    head: eqx.nn.Linear

    def __init__(self, key: Any) -> None:
        cell, head = jax.random.split(key, 2)
        self.cell, self.head = eqx.nn.GRUCell(3, 6, key=cell), eqx.nn.Linear(6, 3, key=head)

    def __call__(self, x: Any, key: Any, wrap: Wrap) -> Any:
        def step(state: Any, part: Any) -> tuple[Any, None]:
            return wrap(0, self.cell(part, state)), None

        state = jax.lax.scan(step, jnp.zeros(6, x.dtype), x.reshape(-1, 3))[0]
        return self.head(wrap(1, jnp.abs(state)))


def _converted(x: Any, dtype: Any) -> Any:
    return jax.tree.map(lambda leaf: leaf.astype(dtype) if eqx.is_inexact_array(leaf) else leaf, x)


def _data(seed: int, width: int, dtype: Any) -> tuple[Any, Any]:
    random = np.random.default_rng(seed)
    data = jnp.asarray(random.normal(size=(_BATCH, width)), jnp.float32)
    return data.astype(dtype), jnp.asarray(random.integers(0, 3, _BATCH), jnp.int32)


def _huber(z: Any, labels: Any) -> Any:
    return optax.huber_loss(z, jax.nn.one_hot(labels, 3, dtype=z.dtype)).mean()


def _cross_entropy(z: Any, labels: Any) -> Any:
    return optax.softmax_cross_entropy_with_integer_labels(z, labels).mean()


def _hinge(z: Any, labels: Any) -> Any:
    targets = jax.nn.one_hot(labels, 3, dtype=z.dtype)
    return optax.l2_loss(z, targets).mean() + optax.hinge_loss(z, 2 * targets - 1).mean()


def _flax(module: Any, width: int, criterion: Any) -> Callable[[int, Setting], Model]:
    def built(seed: int, setting: Setting) -> Model:
        data, labels = _data(seed, width, setting.outer)
        network = module(setting.dtype, setting.wrap)
        weights = module(jnp.float32, lambda number, x: x).init(jax.random.key(seed), data.astype(jnp.float32))
        return Model(lambda x: criterion(network.apply(x, data).astype(setting.outer), labels),
                     _converted(weights, setting.outer))  # fmt: skip

    return built


def _equinox(module: Any, width: int, criterion: Any) -> Callable[[int, Setting], Model]:
    def built(seed: int, setting: Setting) -> Model:
        data, labels = _data(seed, width, setting.dtype)
        keys = jax.random.split(jax.random.key(1), _BATCH)

        def loss(x: Any) -> Any:
            network = _converted(x, setting.dtype)
            z = jax.vmap(lambda row, key: network(row, key, setting.wrap))(data, keys)
            return criterion(z.astype(setting.outer), labels)

        weights = _converted(module(jax.random.key(seed)), jnp.float32)
        return Model(loss, _converted(weights, setting.outer))

    return built


MODELS: dict[str, Callable[[int, Setting], Model]] = {
    "flax_mlp": _flax(Mlp, 6, _huber), "flax_cnn": _flax(Cnn, 36, _cross_entropy),
    "flax_attention": _flax(Attention, 16, _cross_entropy), "equinox_norm": _equinox(Norm, 6, _hinge),
    "equinox_gru": _equinox(Recurrent, 12, _hinge),
}  # fmt: skip
#: Every model has an early and a late layer whose output is wrapped.
LAYERS = 2
