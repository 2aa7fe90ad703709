"""Infinite constants, as masks and padding have them: is everything there that a report offers?"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import torch
from torch.nn import functional as F

import absnormal as an

INF = np.inf
MASK = np.array([True, False, True])
CAUSAL = torch.triu(torch.ones(3, 3), 1).bool()


def pooled(x: torch.Tensor) -> torch.Tensor:
    """Padding with -inf on both sides."""
    return (F.max_pool1d(x.reshape(1, 1, -1), 3, stride=1, padding=1) * torch.tensor([1.0, -1, 1, -1])).sum()


def attention(x: torch.Tensor) -> torch.Tensor:
    scores = (x[:, None] * x).masked_fill(CAUSAL, -INF)
    return torch.softmax(scores, -1).sum(0) @ x.abs()


#: Name -> the function, the point, and the vertices of the set (None where it is not piecewise linear).
CASES: dict[str, tuple[Callable[[Any], Any], Any, list[list[float]] | None]] = {
    "maximum of what a mask leaves": (lambda x: np.max(np.where(MASK, x, -INF)), np.zeros(3), [[0, 0, 1], [1, 0, 0]]),
    "sort with padding": (lambda x: np.sort(np.concatenate([x, [INF, INF]]))[0], np.zeros(2), [[0, 1], [1, 0]]),
    "clip without an upper bound": (lambda x: np.clip(x, 0, INF).sum(), np.zeros(1), [[0], [1]]),
    "clamp without an upper bound": (lambda x: torch.clamp(x, 0, INF).sum(), torch.zeros(1), [[0], [1]]),
    "max-pooling with padding": (pooled, torch.tensor([1.0, 1, 0, 0]), [[0, 1, -1, 0], [0, 1, 0, -1]]),
    "2d pooling, padding wider than a window": (
        lambda x: F.max_pool2d(x.reshape(1, 1, 4, 4), 2, 2, 1).sum(), torch.arange(16.0), None),
    "causal attention": (attention, torch.tensor([0.0, 1, -1]), None),
    "log-sum-exp of what a mask leaves": (
        lambda x: torch.logsumexp(x.relu().masked_fill(torch.tensor(~MASK), -INF), 0), torch.zeros(3), None),
    "segments": (
        lambda x: (jax.ops.segment_max(x, jnp.array([0, 0, 1]), num_segments=2) * jnp.array([1.0, -1])).sum(),
        jnp.zeros(3), [[0, 1, -1], [1, 0, -1]]),
    "a maximum with a mask": (
        lambda x: jnp.max(x, where=jnp.array(MASK), initial=-INF), jnp.zeros(3), [[0, 0, 1], [1, 0, 0]]),
    "nan_to_num": (lambda x: jnp.nan_to_num(jax.nn.relu(x)).sum(), jnp.zeros(1), [[0], [1]]),
}  # fmt: skip


@pytest.mark.parametrize("outer", [lambda u: u, np.exp], ids=["piecewise linear", "smooth on top"])
def test_a_form_is_the_function(outer: Callable[[Any], Any]) -> None:
    def f(x: Any) -> Any:
        padded = np.sort(np.concatenate([x, [INF]]))
        return outer(np.max(np.where(MASK, x, -INF)) - 2 * padded[1] + np.abs(x[1]))

    for x in np.random.default_rng(0).normal(size=(5, 3)):
        form = an.abs_normal_form(f, x)
        infinite = ~np.isfinite(form.z)
        assert infinite.any() and np.array_equal(~np.isfinite(form.c), infinite)
        assert not form.L.toarray()[:, infinite].any() and not form.Y.toarray()[:, infinite].any()
        np.testing.assert_allclose([form(x), form.y[0]], f(x), rtol=1e-13)


@pytest.mark.parametrize("name", list(CASES))
def test_a_report_is_whole(name: str) -> None:
    f, x, vertices = CASES[name]
    report = an.verify(f, x)
    assert report.verdict is an.Verdict.CLARKE
    assert report.near == () and "inf " not in str(report)
    assert report._repr_html_() and json.dumps(report.to_dict(certificate=True), allow_nan=False)
    assert report.certificate is not None and report.certificate.check()
    G = an.generalized_gradient(f, x)
    assert G.complete and G.exact
    if vertices is not None:
        assert sorted(G.vertices.tolist()) == sorted(vertices)
        assert an.verify(f, x, exact=True).verdict is an.Verdict.CLARKE
