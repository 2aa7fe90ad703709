"""How torch writes the nodes of an expression."""

from __future__ import annotations

from functools import reduce
from typing import Any

import torch
from torch.nn import functional as F

from ..oracle import expressions as ex
from .spelled import Spellings

Tensor = torch.Tensor


def _row(*entries: Tensor) -> Tensor:
    return torch.stack(entries)


def _vector(like: Tensor, *numbers: float) -> Tensor:
    return torch.tensor(numbers, dtype=like.dtype)


def _pooled(*entries: Tensor) -> Tensor:
    return F.max_pool1d(_row(*entries)[None, None], len(entries)).reshape(())


_LARGEST = (
    lambda *entries: _row(*entries).max(0).values,
    lambda *entries: _row(*entries).amax(0),
    lambda *entries: _row(*entries).max(),
    lambda *entries: _row(*entries).sort().values[-1],
    lambda *entries: _row(*entries).topk(1).values[0],
    lambda *entries: _row(*entries).cummax(0).values[-1],
    lambda *entries: reduce(torch.maximum, entries),
    _pooled,
)

def _masked(*entries: Tensor) -> Tensor:
    squares = _row(*entries).square().sum()
    return torch.where(squares > 0, torch.where(squares > 0, squares, 1.0).sqrt(), 0.0)


#: The 2-norm of any number of entries, spelled so that torch's derivative at 0 is finite.
FINITE = (
    lambda *u: torch.linalg.vector_norm(_row(*u)),
    lambda *u: torch.linalg.norm(_row(*u)),
    lambda *u: torch.linalg.matrix_norm(_row(*u)[None]),
    lambda *u: _row(*u)[:, None].norm(dim=0)[0],
    lambda *u: torch.norm(_row(*u), p=2),
    lambda *u: torch.dist(_row(*u), 0 * _row(*u)),
    lambda *u: torch.cdist(_row(*u)[None], torch.zeros_like(_row(*u))[None])[0, 0],
    lambda *u: F.pairwise_distance(_row(*u), torch.zeros_like(_row(*u)), eps=0.0),
    lambda *u: F.pdist(_row(0 * _row(*u), _row(*u)))[0],
    lambda *u: reduce(lambda a, b: torch.complex(a, b).abs(), u, 0.0 * u[0]),
    lambda *u: torch.std(torch.cat([_row(*u), -_row(*u)]), correction=2 * len(u) - 2),
    _masked,
)

#: Any spelling of the 2-norm: that of a root of 0 is infinite, times 0.
NORMS = (
    *FINITE,
    lambda *u: F.mse_loss(_row(*u), torch.zeros_like(_row(*u)), reduction="sum").sqrt(),
    lambda *u: _row(*u).square().sum().sqrt(),
    lambda *u: (_row(*u) ** 2).sum() ** 0.5,
    lambda *u: (_row(*u) * _row(*u)).sum().sqrt(),
    lambda *u: torch.dot(_row(*u), _row(*u)).pow(0.5),
    lambda *u: torch.sqrt(_row(*u) @ _row(*u)),
    lambda *u: torch.einsum("i,i->", _row(*u), _row(*u)).sqrt(),
    lambda *u: reduce(torch.hypot, u, 0.0 * u[0]),
    lambda *u: reduce(torch.hypot, u) if len(u) > 1 else torch.hypot(u[0], 0.0 * u[0]),
    lambda *u: torch.var(torch.cat([_row(*u), -_row(*u)]), correction=2 * len(u) - 2).sqrt(),
)

SPELLINGS: Spellings = {
    ex.Add: (
        torch.add, lambda u, v: _row(u, v).cumsum(0)[-1], lambda u, v: _row(u, v) @ _vector(u, 1, 1),
        lambda u, v: _row(u, v).sum(), lambda u, v: u.clone().add_(v),
    ),
    ex.Sub: (
        torch.sub, lambda u, v: _row(u, v) @ _vector(u, 1, -1), lambda u, v: torch.diff(_row(v, u))[0],
        lambda u, v: torch.einsum("i,i->", _row(u, v), _vector(u, 1, -1)),
    ),
    ex.Scale: (
        torch.mul, lambda u, k: u / (1 / k) if k else u * k, lambda u, k: F.linear(u[None], _vector(u, k)[None])[0],
        lambda u, k: torch.addcmul(0 * u, u, _vector(u, k)[0]),
    ),
    ex.Abs: (
        torch.abs, lambda u: u.clone().abs_(), lambda u: F.l1_loss(u, torch.zeros_like(u)),
        lambda u: torch.where(u < 0, -u, u), lambda u: torch.linalg.vector_norm(u[None], 1),
        lambda u: torch.maximum(u, -u), lambda u: F.relu(_row(u, -u)).sum(),
    ),
    ex.Max: (torch.maximum, torch.fmax, lambda u, v: torch.where(u > v, u, v), *_LARGEST),
    ex.Min: (
        torch.minimum, torch.fmin, lambda u, v: torch.where(u < v, u, v), lambda u, v: _row(u, v).amin(0),
        lambda u, v: _row(u, v).sort().values[0], lambda u, v: -_pooled(-u, -v),
        lambda u, v: _row(u, v).kthvalue(1).values, lambda u, v: _row(u, v).topk(1, largest=False).values[0],
    ),
    ex.Relu: (
        torch.relu, lambda u: F.relu(u.reshape(1, 1).clone(), inplace=True).view(()), lambda u: u.clamp(min=0),
        lambda u: torch.where(u > 0, u, 0.0), lambda u: F.threshold(u, 0.0, 0.0),
        lambda u: F.hinge_embedding_loss(1 - u, -torch.ones_like(u)), lambda u: F.leaky_relu(u, 0.0),
    ),
    ex.Clip: (
        torch.clamp, F.hardtanh, lambda u, lo, hi: u.clamp(min=lo).clamp(max=hi),
        lambda u, lo, hi: u.clamp(min=lo).minimum(_vector(u, hi)[0]),
    ),
    ex.MaxList: _LARGEST,
    ex.Norm: NORMS,
}  # fmt: skip

LEAKY = (
    lambda u, k: torch.maximum(u, k * u), F.leaky_relu, lambda u, k: F.prelu(u[None], _vector(u, k))[0],
    lambda u, k: torch.where(u > 0, u, k * u),
)  # fmt: skip


def _softmax(t: Tensor) -> Tensor:
    return 4 * _row(t, 0 * t).softmax(0)[0] - 2


def _norm(t: Tensor) -> Any:
    return t * torch.linalg.vector_norm(_row(t + 3, 0 * t + 4)) / 5


def _normalized(t: Tensor) -> Tensor:
    return t * F.normalize(_row(t + 3, 0 * t + 4), dim=0)[1] / 0.8


def _similar(t: Tensor) -> Tensor:
    """The cosine of a vector of zeros is 0, and smooth, since its length is bounded below."""
    return t * (1 + F.cosine_similarity(_row(t, 2 * t), _vector(t, 3, 4), dim=0, eps=0.125))


SOFT = (
    torch.tanh, torch.expm1, torch.sin, torch.asinh, F.softsign, torch.log1p, _softmax, _norm, _normalized, _similar,
    lambda t: 4 * torch.sigmoid(t) - 2, lambda t: t * (1 + t) * torch.cos(t), lambda t: 2 * F.silu(t),
)  # fmt: skip
