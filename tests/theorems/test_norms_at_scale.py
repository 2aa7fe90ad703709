"""Problems with very many norms at 0 are decided by one sweep: images, groups, distances, constant features."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax.numpy as jnp
import numpy as np
import pytest
import torch

import absnormal as an

RNG = np.random.default_rng(0)
TARGETS, DATA = RNG.standard_normal((20_000, 4)), RNG.standard_normal((60, 3))
EQUAL = np.concatenate([DATA, np.repeat(DATA[:1], 6, axis=0)])


def variation(u: Any) -> tuple[Any, Any]:
    """Differences to the right and down."""
    return u[1:, :-1] - u[:-1, :-1], u[:-1, 1:] - u[:-1, :-1]


OF_NUMPY: dict[str, tuple[Callable[[Any], Any], Any, int]] = {
    "total variation": (
        lambda u: np.sqrt(sum(d**2 for d in variation(u))).sum(), np.full((200, 200), 0.5), 2 * 199**2),
    "group lasso": (
        lambda w: ((w - TARGETS) ** 2).sum() + np.linalg.norm(w, axis=1).sum(), np.zeros((20_000, 4)), 80_000),
    "distances of all pairs": (
        lambda x: np.linalg.norm(x[:, None] - x, axis=-1).sum(), EQUAL, 3 * (66 + 7 * 6)),
    "deviations of constant features": (lambda x: x.std(0).sum(), np.ones((64, 30)), 64 * 30),
    "Fermat and Weber, at a point of the data": (lambda x: np.linalg.norm(x - DATA, axis=1).sum(), DATA[3], 3),
}  # fmt: skip

OF_TORCH: dict[str, tuple[Callable[[Any], Any], Any]] = {
    "total variation": (
        lambda u: torch.linalg.vector_norm(torch.stack(variation(u)), dim=0).sum(), torch.full((200, 200), 0.5)),
    "group lasso": (
        lambda w: ((w - torch.tensor(TARGETS)) ** 2).sum() + w.norm(dim=1).sum(), torch.zeros(20_000, 4)),
    "distances of all pairs": (lambda x: torch.nn.functional.pdist(x).sum(), torch.tensor(EQUAL)),
    "deviations of constant features": (lambda x: x.std(0).sum(), torch.ones(64, 30) / 10),
    "Fermat and Weber, at a point of the data": (
        lambda x: (x - torch.tensor(DATA)).norm(dim=1).sum(), torch.tensor(DATA[3])),
}  # fmt: skip


OF_JAX: dict[str, tuple[Callable[[Any], Any], Any]] = {
    "total variation": (lambda u: jnp.linalg.norm(jnp.stack(variation(u)), axis=0).sum(), jnp.full((200, 200), 0.5)),
    "group lasso": (
        lambda w: ((w - TARGETS) ** 2).sum() + jnp.linalg.norm(w, axis=1).sum(), jnp.zeros((20_000, 4))),
    "distances of all pairs": (
        lambda x: jnp.linalg.norm(x[:, None] - x, axis=-1).sum(), jnp.asarray(EQUAL, dtype="float32")),
    "Fermat and Weber, at a point of the data": (
        lambda x: jnp.linalg.norm(x - jnp.asarray(DATA), axis=1).sum(), jnp.asarray(DATA)[3]),
}  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("name", OF_JAX)
def test_jax_returns_nan_and_what_is_offered_is_a_clarke_gradient(name: str) -> None:
    f, x = OF_JAX[name]
    report = an.verify(f, x)
    assert (report.verdict.name, report.method) == ("NOT_CLARKE", "nonfinite")
    again = an.verify(f, x, gradient=report.clarke_gradient)
    assert (again.verdict.name, again.method) == ("CLARKE", "membership")
    assert again.certificate is not None and again.certificate.check()


@pytest.mark.slow
@pytest.mark.parametrize("name", OF_NUMPY)
def test_numpy(name: str) -> None:
    f, x, count = OF_NUMPY[name]
    report = an.verify(f, x, slope=0.0)
    assert (report.verdict.name, report.method, len(report.slopes)) == ("CLARKE", "regular", count)
    assert np.isfinite(an.clarke_gradient(f, x)).all()
    assert an.verify(f, x, slope="jax").method == "nonfinite"


@pytest.mark.slow
@pytest.mark.parametrize("name", OF_TORCH)
def test_torch(name: str) -> None:
    f, x = OF_TORCH[name]
    report = an.verify(f, x)
    assert (report.verdict.name, report.method) == ("CLARKE", "regular")
    assert torch.isfinite(report.gradient).all()


@pytest.mark.slow
def test_equal_embeddings_in_a_triplet_loss() -> None:
    torch.manual_seed(0)
    model = torch.nn.Sequential(torch.nn.Linear(8, 16), torch.nn.ReLU(), torch.nn.Linear(16, 4))
    batch = torch.randn(64, 8)
    batch[10:20] = batch[0]
    anchor, positive, negative = torch.arange(64), torch.arange(64).flip(0), torch.arange(64).roll(5)
    positive[10:20], negative[12:16] = 0, 11

    def loss() -> Any:
        e = model(batch)
        return torch.nn.functional.triplet_margin_loss(e[anchor], e[positive], e[negative], margin=0.3, eps=0.0)

    report = an.torch.verify(model, loss)
    assert (report.verdict.name, report.method) == ("CLARKE", "smooth")
    assert len(report.slopes) >= 40 and report.certificate is not None and report.certificate.check()
