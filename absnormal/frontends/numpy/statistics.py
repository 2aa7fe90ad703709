"""scipy.stats: functions of samples that SciPy writes into arrays of its own, by their formulas."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from scipy import special

from absnormal.frontends.writing import writer_of


class Correlation(NamedTuple):
    """What scipy.stats.pearsonr returns."""

    statistic: Any
    pvalue: Any


def zmap(scores: Any, compare: Any, axis: Any = 0, ddof: int = 0) -> Any:
    """scipy.stats.zmap."""
    mean = np.mean(compare, axis=axis, keepdims=True)
    return (scores - mean) / np.std(compare, axis=axis, ddof=ddof, keepdims=True)


def zscore(a: Any, axis: Any = 0, ddof: int = 0) -> Any:
    """scipy.stats.zscore."""
    return zmap(a, a, axis, ddof)


def iqr(x: Any, axis: Any = None, rng: Any = (25, 75), scale: Any = 1.0, keepdims: bool = False) -> Any:
    """scipy.stats.iqr."""
    if not np.isscalar(scale):
        writer_of(x, "scipy.stats.iqr").refuse(f"scale={scale!r} is not supported", "divide by a number")
    low, high = np.percentile(x, sorted(rng), axis=axis, keepdims=keepdims)
    return (high - low) / scale


def pearsonr(x: Any, y: Any) -> Correlation:
    """scipy.stats.pearsonr of two lists, for the two-sided alternative."""
    if np.ndim(x) != 1 or np.ndim(y) != 1:
        writer_of([x, y], "scipy.stats.pearsonr").refuse("is followed for two lists", "take one pair after the other")
    r: Any = np.corrcoef(x, y)[0, 1]
    shape = len(x) / 2 - 1.0
    return Correlation(r, 2 * special.betainc(shape, shape, (1 - np.abs(r)) / 2))


def wasserstein_distance(u_values: Any, v_values: Any) -> Any:
    """scipy.stats.wasserstein_distance: between quantile functions, which are constant between multiples of 1 / n."""
    u, v = np.sort(u_values), np.sort(v_values)
    steps = np.unique(np.concatenate([np.arange(len(w) + 1) * (len(u) * len(v) // len(w)) for w in (u, v)]))
    first, second = (steps[:-1] * len(w) // (len(u) * len(v)) for w in (u, v))
    return np.sum(np.abs(u[first] - v[second]) * np.diff(steps)) / (len(u) * len(v))


def energy_distance(u_values: Any, v_values: Any) -> Any:
    """scipy.stats.energy_distance."""
    apart = [np.mean(np.abs(np.subtract.outer(a, b)))
             for a, b in ((u_values, v_values), (u_values, u_values), (v_values, v_values))]
    return np.sqrt(2 * apart[0] - apart[1] - apart[2])


STATISTICS: dict[str, Callable[..., Any]] = {
    "zmap": zmap, "zscore": zscore, "iqr": iqr, "pearsonr": pearsonr, "wasserstein_distance": wasserstein_distance,
    "energy_distance": energy_distance,
}  # fmt: skip
