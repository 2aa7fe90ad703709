"""Networks of flax, of linen and nnx, by their inputs and by their parameters."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from tests.foreign.jax_libraries import ROWS, _jax_points, _wide
from tests.foreign.judging import Case

_SIGNAL = np.random.default_rng(0).standard_normal((2, 6, 4))
_PICTURE = np.random.default_rng(0).standard_normal((2, 6, 6, 3))


def of_flax() -> list[Case]:
    """Networks by their inputs, and by their parameters as they begin and where they are 0."""
    jnp = _wide()
    import flax.linen as nn
    import jax
    import jax.flatten_util
    from flax import nnx

    wide: dict[str, Any] = {"param_dtype": float}

    class Residual(nn.Module):
        @nn.compact
        def __call__(self, x: Any) -> Any:
            return nn.relu(x + nn.Dense(x.shape[-1], **wide)(nn.relu(nn.Dense(5, **wide)(x))))

    networks: dict[str, tuple[Callable[[], Any], Any]] = {
        "MLP": (lambda: nn.Sequential([nn.Dense(5, **wide), nn.relu, nn.Dense(1, **wide)]), ROWS),
        "residual": (Residual, ROWS), "convolution": (lambda: nn.Conv(4, (3, 3), **wide), _PICTURE),
        "transposed": (lambda: nn.ConvTranspose(4, (3,), **wide), _SIGNAL),
        "layer norm": (lambda: nn.LayerNorm(**wide), ROWS), "RMS norm": (lambda: nn.RMSNorm(**wide), ROWS),
        "group norm": (lambda: nn.GroupNorm(3, **wide), _PICTURE), "PReLU": (lambda: nn.PReLU(**wide), ROWS),
        "weight norm": (lambda: nn.WeightNorm(nn.Dense(3, **wide)), ROWS),
        "attention": (lambda: nn.MultiHeadDotProductAttention(2, **wide), _SIGNAL),
        "LSTM": (lambda: nn.RNN(nn.OptimizedLSTMCell(4, **wide)), _SIGNAL),
        "GRU": (lambda: nn.RNN(nn.GRUCell(4, **wide)), _SIGNAL),
        "bidirectional": (lambda: nn.Bidirectional(nn.RNN(nn.SimpleCell(3, **wide)), nn.RNN(nn.SimpleCell(3, **wide))),
                          _SIGNAL),
        "dropout": (lambda: nn.Dropout(0.5, deterministic=True), ROWS),
        "remat": (lambda: nn.remat(Residual)(), ROWS),
    }  # fmt: skip
    functions: dict[str, tuple[Callable[[Any], Any], Any]] = {
        "max pool": (lambda x: nn.max_pool(x, (2, 2), (2, 2)).sum(), _PICTURE),
        "average pool": (lambda x: nn.relu(nn.avg_pool(x, (2, 2))).sum(), _PICTURE),
    }
    stateful: dict[str, tuple[Callable[[Any], Any], Any]] = {
        "nnx MLP": (lambda rngs: nnx.Sequential(
            nnx.Linear(4, 5, rngs=rngs, **wide), nnx.relu, nnx.Linear(5, 1, rngs=rngs, **wide)), ROWS),
        "nnx convolution": (lambda rngs: nnx.Conv(3, 4, (3, 3), rngs=rngs, **wide), _PICTURE),
        "nnx batch norm": (lambda rngs: nnx.BatchNorm(4, use_running_average=False, rngs=rngs, **wide), ROWS),
        "nnx layer norm": (lambda rngs: nnx.LayerNorm(4, rngs=rngs, **wide), ROWS),
        "nnx attention": (
            lambda rngs: nnx.MultiHeadAttention(2, 4, decode=False, rngs=rngs, **wide), _SIGNAL),
    }  # fmt: skip

    def begun(name: str) -> tuple[Any, Any]:
        model, data = networks[name]
        return model(), model().init(jax.random.key(0), jnp.asarray(data))

    def by_input(name: str) -> Callable[[Any], Any]:
        model, weights = begun(name)
        return lambda x: (model.apply(weights, x) ** 2).mean()

    def by_parameters(name: str) -> Callable[[Any], Any]:
        (model, weights), data = begun(name), jnp.asarray(networks[name][1])
        rebuilt = jax.flatten_util.ravel_pytree(weights)[1]
        return lambda flat: (nn.relu(model.apply(rebuilt(flat), data)) ** 2).mean()

    def of_model(name: str) -> Callable[[Any], Any]:
        parts = nnx.split(stateful[name][0](nnx.Rngs(0)))
        return lambda x: (nnx.relu(nnx.merge(*parts, copy=True)(x)) ** 2).mean()

    found = [Case(name, lambda name=name: by_input(name), _jax_points(data)) for name, (_, data) in networks.items()]
    found += [Case(name, lambda f=f: f, _jax_points(data)) for name, (f, data) in functions.items()]
    found += [Case(name, lambda name=name: of_model(name), _jax_points(data)) for name, (_, data) in stateful.items()]
    return found + [
        Case(f"{name} by parameters", lambda name=name: by_parameters(name), {
            "begun": lambda name=name: jax.flatten_util.ravel_pytree(begun(name)[1])[0],
            "zeros": lambda name=name: 0.0 * jax.flatten_util.ravel_pytree(begun(name)[1])[0]})
        for name in ("MLP", "residual", "convolution", "layer norm", "attention", "GRU")]
