"""The derivative of a fold with given slopes."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from absnormal.arrays import Array
from absnormal.ops.kinks.kink import half
from absnormal.ops.kinks.running import running
from absnormal.ops.linear_maps import Change, LinearMap

Shape = tuple[int, ...]


class FoldMap(LinearMap):
    """m_j = p_j m_{j-1} + q_j u_j along axis 0, from m_0 = u_0."""

    shape: Shape

    @abstractmethod
    def weights(self) -> tuple[Array, Array]:
        """p and q, flat over j = 1, 2, ..."""

    @property
    def push_depth(self) -> int:  # type: ignore[override]
        return 2 * self.shape[0]

    @property
    def pull_depth(self) -> int:  # type: ignore[override]
        return 2 * self.shape[0]

    @abstractmethod
    def _taking(self) -> Array | None:
        """For definite slopes, where the next entry is taken, flat over j = 1, 2, ...; otherwise None."""

    @cached_property
    def _taken(self) -> Array | None:
        """For definite slopes, j where entry j is taken when it comes, and 0 where it is not; otherwise None."""
        taking = self._taking()
        if taking is None:
            return None
        steps = np.arange(1, self.shape[0]).reshape(-1, *([1] * (len(self.shape) - 1)))
        taken = np.zeros(self.shape, np.min_scalar_type(self.shape[0]))
        np.multiply(taking.reshape(-1, *self.shape[1:]), steps, out=taken[1:], casting="unsafe")
        return taken

    @cached_property
    def chosen(self) -> Array | None:
        """For definite slopes, the entry that each running value is; otherwise None."""
        return None if self._taken is None else running(1, self._taken)

    @cached_property
    def last(self) -> Array | None:
        """For definite slopes, the entry that the result is; otherwise None."""
        return None if self._taken is None else np.asarray(self._taken.max(axis=0))

    def _coefficients(self) -> tuple[Array, Array]:
        shape = (self.shape[0] - 1, *self.shape[1:])
        p, q = self.weights()
        return p.reshape(shape), q.reshape(shape)

    def prefixes(self, t: Array) -> Array:
        """The derivatives of all running values, shape (k, *shape)."""
        if self.chosen is not None:
            chosen = self.chosen[:, None].astype(np.intp)
            return np.asarray(np.take_along_axis(np.moveaxis(t, 1, 0), chosen, axis=0))
        p, q = self._coefficients()
        offsets = np.concatenate([t[:, :1], q * t[:, 1:]], axis=1)
        return _scan(p, np.moveaxis(offsets, 1, 0))

    def push(self, t: Array) -> Array:
        return np.asarray(self.prefixes(t)[-1])

    def adjoints(self, last: Array, inner: Array | None) -> Array:
        """Adjoints of all running values: ``last`` of the result, ``inner`` of the others; axis 0 is j."""
        p, _ = self._coefficients()
        count = self.shape[0]
        dtype = object if last.dtype == object else np.result_type(last, float)
        seeds = np.zeros((count, *last.shape), dtype)
        seeds[-1] = last
        if inner is not None:
            seeds[:-1] += inner
        return np.flip(_scan(np.flip(p, 0), np.flip(seeds, 0)), 0)

    def pull(self, w: Array) -> Array:
        if self.last is not None:
            steps = np.arange(self.shape[0]).reshape(-1, *([1] * (len(self.shape) - 1)))
            return np.where(self.last == steps.astype(self.last.dtype), w[:, None], w.dtype.type(0))
        return self.pull_from(self.adjoints(w, None))

    def pull_from(self, adjoints: Array) -> Array:
        """The adjoint of u, shape (k, *shape), from the adjoints of the running values."""
        _, q = self._coefficients()
        pulled = adjoints.copy()
        pulled[1:] *= q[:, None]
        return np.moveaxis(pulled, 0, 1)

    def entrywise(self, change: Change) -> FoldMap:
        p, q = self.weights()
        return Weighted(change(p), change(q), self.shape)


@dataclass(frozen=True, eq=False)
class Weighted(FoldMap):
    """By its weights."""

    p: Array
    q: Array
    shape: Shape

    def weights(self) -> tuple[Array, Array]:
        return self.p, self.q

    def _taking(self) -> Array | None:
        if self.p.dtype == object:
            return None
        second = self.q == 1
        definite = (second | (self.q == 0)).all() and (self.p + self.q == 1).all()
        return np.asarray(second) if definite else None


@dataclass(frozen=True, eq=False)
class BySlopes(FoldMap):
    """By the slopes of |z| and the sign of the fold: what definite ones choose is known without the weights."""

    slopes: Array
    sign: int
    shape: Shape

    @cached_property
    def _both(self) -> tuple[Array, Array]:
        step = self.slopes * (self.sign * half(self.slopes))
        return half(self.slopes) + step, half(self.slopes) - step

    def weights(self) -> tuple[Array, Array]:
        return self._both

    def _taking(self) -> Array | None:
        if self.slopes.dtype == object:
            return None
        second = self.slopes == -self.sign
        return np.asarray(second) if (second | (self.slopes == self.sign)).all() else None


def _scan(p: Array, offsets: Array) -> Array:
    """y_0 = offsets_0, y_j = p_j y_{j-1} + offsets_j: step by step when short, by doubling when long."""
    count = len(offsets)
    result = offsets.copy()
    factor = p[:, None]
    if count <= 64:
        for j in range(1, count):
            result[j] += factor[j - 1] * result[j - 1]
        return result
    product = np.concatenate([np.zeros_like(factor[:1]), factor])
    step = 1
    while step < count:
        result[step:] = result[step:] + product[step:] * result[:-step]
        product = np.concatenate([product[:step], product[step:] * product[:-step]])
        step *= 2
    return result
