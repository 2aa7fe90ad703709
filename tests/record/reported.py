"""Functions as they stand in public bug reports and questions about gradients at kinks."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import jax.numpy as jnp
import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

import absnormal as an

from .case import Case


def T(*v: float) -> torch.Tensor:
    """A float64 tensor."""
    return torch.tensor(v, dtype=torch.float64)


def A(*v: float) -> Any:
    """A float32 array of JAX."""
    return jnp.array(v, dtype=jnp.float32)


RAMP = (0.0, 0.25, 0.5, 0.75, 1.0)
BOX = [float(v) for i in (0, 1) for j in (0, 2) for k in (0, 3) for v in (i, j, k)]
GROUPS = torch.tensor([0, 0, 1])


def _interpolated(x: Any) -> Any:
    v, lo, hi = jnp.array(RAMP), jnp.floor(x[0]), jnp.ceil(x[0])
    return (1 - (x[0] - lo)) * v[lo.astype(int)] + (x[0] - lo) * v[hi.astype(int)]


class StraightThrough(torch.autograd.Function):
    """Rounding, with the backward of the identity."""

    @staticmethod
    def forward(ctx: Any, x: Any) -> Any:
        return x.round()

    @staticmethod
    def backward(ctx: Any, g: Any) -> Any:
        return g


def _by_hand(logits: Any) -> Any:
    return (logits.clamp(min=0) + torch.log1p(torch.exp(-logits.abs()))).sum()


def _fixed_by_hand(x: Any) -> Any:
    zero = x - x.clamp(min=0) - x.clamp(max=0)
    return (x.clamp(min=0) - zero / 2 + torch.log1p(torch.exp(-x.abs()))).sum()


#: name -> (function, point): the framework's own gradient is judged, NumPy's under the default slope.
FUNCTIONS: dict[str, tuple[Callable[[Any], Any], Any]] = {
    "two relus": (lambda x: (torch.relu(x) - torch.relu(-x)).sum(), T(0)),
    "relu": (lambda x: F.relu(x).sum(), T(0, 0, 0)),
    "max over a dimension": (lambda x: x.max(0).values, T(1, 1, 1)),
    "max": (lambda x: x.max(), T(1, 1, 1)),
    "torch.maximum": (lambda x: torch.maximum(x, torch.zeros_like(x)).sum(), T(0)),
    "clamp_min": (lambda x: torch.clamp_min(x, 0).sum(), T(0)),
    "clamp(min)": (lambda x: x.clamp(min=0).sum(), T(0)),
    "clamp at both bounds": (lambda x: x.clamp(0, 6).sum(), T(0, 6)),
    "relu6": (lambda x: F.relu6(x).sum(), T(0, 6)),
    "hardtanh": (lambda x: F.hardtanh(x, 0, 6).sum(), T(0, 6)),
    "hardswish at its knots": (lambda x: F.hardswish(x).sum(), T(-3, 3)),
    "abs in JAX": (lambda x: jnp.sum(jnp.abs(x)), A(0)),
    "abs of a complex number": (lambda x: jnp.sum(jnp.abs(x + 0j)), A(0)),
    "maximum in JAX": (lambda x: jnp.maximum(x[0], 0.0), A(0)),
    "where in JAX": (lambda x: jnp.where(x[0] > 0, x[0], 0.0), A(0)),
    "l1 to the fourth": (lambda x: jnp.sum(jnp.abs(x)) ** 4 + jnp.exp(x[1]), A(1, 0)),
    "cross-entropy by hand": (_by_hand, T(0)),
    "cross-entropy fixed by hand": (_fixed_by_hand, T(0)),
    "cross-entropy of torch": (lambda x: F.binary_cross_entropy_with_logits(x, torch.zeros_like(x)), T(0)),
    "norm at zero": (lambda x: x.norm(), T(0, 0)),
    "root of a square": (lambda x: torch.sqrt((x - 1) ** 2).sum(), T(1)),
    "squared norm in JAX": (lambda x: jnp.linalg.norm(x) ** 2, A(0, 0)),
    "root behind where": (lambda x: jnp.where(x[0] < 1.0, x[0], jnp.sqrt(x[0])), A(0)),
    "double where": (lambda x: jnp.where(x[0] < 1.0, x[0], jnp.sqrt(jnp.where(x[0] < 1.0, 1.0, x[0]))), A(0)),
    "infinity behind where": (lambda x: jnp.where(x[0] > 0, 0.0, x[0] * jnp.inf), A(1)),
    "floor and ceil": (_interpolated, A(1)),
    "interp at a knot": (lambda x: jnp.interp(x[0], jnp.array([0.0, 1, 2]), jnp.array([0.0, 1, 1.5])), A(1)),
    "scatter_reduce": (
        lambda x: torch.zeros(2, dtype=x.dtype).scatter_reduce(0, GROUPS, x, "amax", include_self=False).sum(),
        T(1, 1, 0.5)),
    "median": (lambda x: x.median(), T(1, 1, 1)),
    "nuclear norm": (lambda a: jnp.sum(jnp.linalg.svd(a.reshape(2, 2), compute_uv=False)), A(1, 0, 0, 1)),
    "fake quantisation": (
        lambda w: (torch.clamp(StraightThrough.apply(w / 0.1), -8, 7) * 0.1 * T(1, 2, 3)).sum(), T(-0.83, 0.03, 0.94)),
    "clipped objective": (
        lambda lp: -torch.min(torch.exp(lp) * T(1, -2), torch.exp(lp).clamp(0.8, 1.2) * T(1, -2)).mean(), T(0, 0)),
    "box": (lambda x: ((x.reshape(8, 3).amax(0) - x.reshape(8, 3).amin(0)) * T(1, 2, 3)).sum(), T(*BOX)),
    "units with zero weights": (lambda w: -np.maximum(w[0], 0) - np.maximum(w[1], 0), [0.0, 0.0]),
    "l1": (lambda x: np.abs(x[0]) + np.abs(x[1]), [1.0, 0.0]),
    "four kinks": (lambda x: x[0] + x[1] - np.abs(x[0]) - np.abs(x[1]), [0.0, 0.0]),
}  # fmt: skip


def _nested(x: Any) -> Any:
    return np.abs(x[0]) - np.abs(x[0] + np.abs(x[1]))


def _clipped_value_loss(v: Any) -> Any:
    return np.maximum((v[0] + 1) ** 2, (np.clip(v[0], -0.2, 0.2) + 1) ** 2)


def _hardswish(x: Any) -> Any:
    return x[0] * np.clip(x[0] + 3, 0, 6) / 6


#: name -> (function, point, vectors): each is judged as it is.
VECTORS: dict[str, tuple[Callable[[Any], Any], list[float], list[list[float]]]] = {
    "abs": (lambda x: np.abs(x[0]), [0.0], [[-1], [0.3], [1], [1.2], [-1.0001]]),
    "nested": (_nested, [0.0, 0.0], [[-2, 1], [1, 1], [0, 0]]),
    "maximum": (lambda x: np.maximum(x[0], x[1]), [1.0, 1.0], [[0, 0], [0.5, 0.5]]),
    "hardswish, lower knot": (_hardswish, [-3.0], [[-0.5], [0.2]]),
    "hardswish, upper knot": (_hardswish, [3.0], [[1.5], [1.6]]),
    "minimum": (lambda x: np.minimum(x[0], x[1]), [1.0, 1.0], [[1, 1]]),
    "minimum of one": (lambda x: np.minimum(3 * x[0], 3 * x[0]), [1.0], [[6]]),
    "largest of three": (lambda x: np.max(x), [0.6, 0.6, 0.3], [[1, 1, 0], [0.5, 0.5, 0]]),
    "branches exchanged": (lambda x: np.minimum(x[0], 2 * x[1]), [1.0, 2.0], [[0, 2]]),
    "abs of a square": (lambda x: np.abs(-x[0] ** 2), [0.0], [[0], [1e-3]]),
    "one point": (lambda x: np.where(x[0] == 1, 1.0, x[0] ** 2), [1.0], [[0], [2]]),
    "power of abs": (lambda x: np.abs(x[0]) ** 1.5, [0.0], [[0], [float("nan")]]),
    "clipped value loss": (_clipped_value_loss, [0.2], [[2.4], [1.2]]),
}


def _zero_head(size: int) -> an.Report:
    torch.manual_seed(0)
    net = nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 1)).double()
    nn.init.zeros_(net[-1].weight)
    nn.init.zeros_(net[-1].bias)
    inputs, targets = torch.randn(size, 3).double(), (torch.arange(size) % 2).double()

    def loss() -> Any:
        z = net(inputs).squeeze(1)
        return (z.clamp(min=0) - z * targets + torch.log1p(torch.exp(-z.abs()))).mean()

    return an.torch.verify(net, loss)


def _gradient_penalty() -> an.Report:
    torch.manual_seed(0)
    critic = nn.Sequential(nn.Linear(2, 4), nn.ReLU(), nn.Linear(4, 1)).double()

    def loss() -> Any:
        x = T(0.1, 0.5, 0.2, 0.3).reshape(2, 2).requires_grad_()
        (g,) = torch.autograd.grad(critic(x).sum(), x, create_graph=True)
        return (g.pow(2).sum(1) - 1).pow(2).mean()

    return an.torch.verify(critic, loss)


def cases() -> Iterator[Case]:
    """Every function with what its framework returns, and with the vectors that were reported."""
    for name, (f, x) in FUNCTIONS.items():
        yield Case(name, partial(an.verify, f, x))
    for name, (g, point, vectors) in VECTORS.items():
        for v in vectors:
            yield Case(f"{name}, given {v}", partial(an.verify, g, point, gradient=v))
    for size in (8, 64):
        yield Case(f"zero head, {size} samples", partial(_zero_head, size))
    yield Case("gradient penalty", _gradient_penalty)
