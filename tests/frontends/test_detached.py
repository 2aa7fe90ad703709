"""Is a value behind a stop_gradient a constant exactly where the result does not depend on it?"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax import lax, nn

from absnormal.frontends.jax.capture import _followed, followed

from .precision import double as double

X = [1.0, -0.5, 1.0, 0.25]
stop = lax.stop_gradient

def shifted(f: Callable[[Any, Any], Any]) -> Callable[[Any], Any]:
    """A function of x and of its largest entry, behind a stop_gradient."""
    return lambda x: f(x, stop(jnp.max(x)))


def _softmax_of_segments(x: Any) -> Any:
    segments = jnp.array([0, 0, 1, 2])
    e = jnp.exp(x - stop(jax.ops.segment_max(x, segments, 3))[segments])
    return e / jax.ops.segment_sum(e, segments, 3)[segments]


FREE: dict[str, Callable[[Any], Any]] = {
    "softmax": lambda x: nn.softmax(x)[0],
    "log_softmax": lambda x: nn.log_softmax(x)[1],
    "log-sum-exp": lambda x: nn.logsumexp(x),
    "row by row": lambda x: jnp.sum(nn.log_softmax(x.reshape(2, 2), axis=1) * jnp.array([[1.0, 2.0], [3.0, 4.0]])),
    "by hand": shifted(lambda x, m: jnp.log(jnp.sum(jnp.exp(x - m))) + m),
    "with weights": lambda x: nn.logsumexp(x, b=jnp.array([1.0, 2.0, 3.0, 4.0])),
    "attention": lambda x: jnp.sum(nn.softmax(jnp.outer(x, x)) * jnp.arange(16.0).reshape(4, 4)),
    "shifted and back": shifted(lambda x, m: jnp.sum(jnp.sin((x - m) + m))),
    "scaled": shifted(lambda x, m: jnp.sum(jnp.tanh(2 * (x + m) - 2 * m))),
}

HELD: dict[str, Callable[[Any], Any]] = {
    "a product": lambda x: jnp.sum(x * stop(jnp.max(x))),
    "a quotient by infinity": lambda x: jnp.sum(x**2) + jnp.sum(x * stop(jnp.max(x)) / jnp.inf),
    "half a softmax": lambda x: jnp.sum(jnp.exp(x - stop(jnp.max(x)))),
    "a logarithm without its shift": lambda x: jnp.log(jnp.sum(jnp.exp(x - stop(jnp.max(x))))),
    "straight-through": lambda x: jnp.sum(x + stop(jnp.abs(x) - x)),
    "twice the shift back": lambda x: nn.logsumexp(x - 1) + stop(jnp.max(x)),
    "entries of another order": lambda x: jnp.sum(jnp.sin(x - stop(jnp.abs(x)) + stop(jnp.abs(x))[::-1])),
    "among more entries": shifted(lambda x, m: jnp.sum(jnp.append(x - m, x[0]))),
    "in a taller product": shifted(lambda x, m: jnp.sum(jnp.ones((5, 4)) @ (x - m))),
    "in a longer convolution": shifted(lambda x, m: jnp.sum(jnp.convolve(x - m, jnp.ones(2)))),
    "scattered": shifted(lambda x, m: jnp.sum(jnp.zeros(5).at[jnp.array([0, 1, 1, 3])].add(x - m))),
    "softmax of segments": lambda x: _softmax_of_segments(x)[0],
    "sums over different shifts": lambda x: jnp.log(jnp.sum(jnp.exp(x - stop(jnp.abs(x))))),
}


@pytest.mark.parametrize("name", FREE)
def test_it_is_free(name: str, double: None) -> None:
    program = followed(FREE[name], jnp.array(X)).program
    assert not any(node.op == "fold" and node.switch >= 0 for node in program.nodes)


@pytest.mark.parametrize("name", HELD)
def test_it_is_not_free(name: str, double: None) -> None:
    program, _, _ = _followed(HELD[name], jnp.array(X), "followed")
    assert program.s > 0
    held = followed(HELD[name], jnp.array(X)).program
    assert any(guard.relation == "held" for guard in held.guards)
    for shift in (0.0, 0.3):
        x = np.array(X) + shift * np.arange(4)
        assert program(x) == pytest.approx(float(HELD[name](jnp.array(x))), rel=1e-12)
