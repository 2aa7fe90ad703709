"""The sum of all singular values, or eigenvalues, is smooth where some are equal: no order is needed."""

from __future__ import annotations

from collections.abc import Callable
from importlib.util import find_spec
from typing import Any

import numpy as np
import pytest

import absnormal as an

RNG = np.random.default_rng(0)
ROTATED = np.linalg.qr(RNG.standard_normal((3, 3)))[0]
EQUAL = {
    "identity": np.eye(3), "two equal": np.diag([3.0, 1.0, 1.0]), "signs": np.diag([2.0, -2.0, 1.0]),
    "a rotation": 2 * ROTATED, "wide": 3 * ROTATED[:2], "tall": ROTATED[:, :2] * -1.0,
}  # fmt: skip
SYMMETRIC = ROTATED @ np.diag([2.0, 2.0, -1.0]) @ ROTATED.T


def polar(a: Any) -> Any:
    """A (A^T A)^(-1/2), or (A A^T)^(-1/2) A, by eigenvalues: the gradient of the nuclear norm."""
    if len(a) < len(a.T):
        return polar(a.T).T
    w, v = np.linalg.eigh(a.T @ a)
    return a @ (v / np.sqrt(w)) @ v.T


def spellings() -> dict[str, tuple[Callable[[Any], Any], Callable[[Any], Any]]]:
    """The nuclear norm in each front end, and how an array is written there."""
    found: dict[str, tuple[Any, Any]] = {
        "numpy norm": (lambda a: np.linalg.norm(a, "nuc"), np.asarray),
        "numpy sum": (lambda a: np.linalg.svd(a, compute_uv=False).sum(), np.asarray),
        "numpy mean": (lambda a: np.mean(np.linalg.svdvals(a)) * min(a.shape), np.asarray),
    }
    if find_spec("torch") is not None:
        import torch

        found |= {
            "torch norm": (lambda a: torch.linalg.matrix_norm(a, "nuc"), torch.tensor),
            "torch sum": (lambda a: torch.linalg.svdvals(a).sum(), torch.tensor),
            "torch vectors": (lambda a: torch.linalg.svd(a, full_matrices=False)[1].sum(), torch.tensor),
        }
    if find_spec("jax") is not None:
        import jax.numpy as jnp

        found |= {
            "jax norm": (lambda a: jnp.linalg.norm(a, "nuc"), jnp.asarray),
            "jax sum": (lambda a: jnp.sum(jnp.linalg.svd(a, compute_uv=False)), jnp.asarray),
        }
    return found


SPELLINGS = spellings()


@pytest.mark.parametrize("spelling", SPELLINGS)
@pytest.mark.parametrize("name", EQUAL)
def test_the_nuclear_norm_at_full_rank(name: str, spelling: str) -> None:
    (f, written), x = SPELLINGS[spelling], EQUAL[name]
    report = an.verify(f, written(x))
    assert (report.verdict.name, report.method) == ("CLARKE", "smooth")
    np.testing.assert_allclose(np.asarray(report.gradient), polar(x), atol=1e-5)
    assert report.certificate is not None and report.certificate.check()


@pytest.mark.parametrize("spelling", SPELLINGS)
def test_at_lower_rank_it_has_a_kink(spelling: str) -> None:
    f, written = SPELLINGS[spelling]
    with pytest.raises(an.TraceError, match="the nuclear norm has a kink"):
        an.verify(f, written(np.diag([1.0, 1.0, 0.0])))


def test_what_the_refusal_says_of_its_gradients() -> None:
    """G is one if f(Y) >= f(X) + <G, Y - X> for all Y, as f is convex."""
    u, v = (np.linalg.qr(RNG.standard_normal((4, 4)))[0] for _ in range(2))
    x = u[:, :2] @ np.diag([2.0, 1.0]) @ v[:, :2].T
    steps = [size * RNG.standard_normal((4, 4)) for size in (1e-3, 0.1, 3.0) for _ in range(20)]
    steps += [1e-3 * np.outer(u[:, i], v[:, j]) * sign for i in (2, 3) for j in (2, 3) for sign in (1, -1)]

    def below(w: Any) -> bool:
        g = u[:, :2] @ v[:, :2].T + u[:, 2:] @ w @ v[:, 2:].T
        rises = [np.linalg.norm(x + d, "nuc") - np.linalg.norm(x, "nuc") - (g * d).sum() for d in steps]
        return min(rises) >= -1e-12

    assert below(np.zeros((2, 2))) and below(-np.eye(2)) and below(np.array([[0.6, 0.8], [-0.8, 0.6]]))
    assert not below(np.diag([1.1, 0.0]))


def test_a_vector_that_is_given() -> None:
    for vector, verdict in ((polar(EQUAL["two equal"]), "CLARKE"), (np.eye(3) * 1.1, "NOT_CLARKE")):
        report = an.verify(SPELLINGS["numpy norm"][0], EQUAL["two equal"], gradient=vector)
        assert report.verdict.name == verdict


def test_the_program_is_the_function_at_other_points() -> None:
    program = an.trace(SPELLINGS["numpy norm"][0], np.eye(3))
    for _ in range(5):
        point = RNG.standard_normal((3, 3))
        assert program(point) == pytest.approx(np.linalg.svd(point, compute_uv=False).sum())


def test_the_sum_of_eigenvalues_is_the_trace() -> None:
    report = an.verify(lambda a: np.linalg.eigvalsh((a + a.T) / 2).sum(), SYMMETRIC)
    assert report.verdict.name == "CLARKE"
    np.testing.assert_allclose(report.gradient, np.eye(3), atol=1e-12)


BATCH = np.stack([np.eye(3), EQUAL["a rotation"]])
NOT_SUMS: dict[str, tuple[Callable[[Any], Any], Any]] = {
    "weights": (lambda a: np.linalg.svdvals(a) @ np.array([1.0, 2.0, 3.0]), np.eye(3)),
    "some": (lambda a: np.linalg.svdvals(a)[:2].sum(), np.eye(3)),
    "squares": (lambda a: (np.linalg.svdvals(a) ** 1.5).sum(), np.eye(3)),
    "of other matrices": (lambda a: np.linalg.svdvals(a).sum(axis=0) @ np.array([1.0, 2.0, 3.0]), BATCH),
    "eigenvalues": (lambda a: np.linalg.eigvalsh((a + a.T) / 2)[1:].sum(), SYMMETRIC),
}  # fmt: skip


@pytest.mark.parametrize("name", NOT_SUMS)
def test_what_is_no_sum_of_all_is_refused(name: str) -> None:
    f, x = NOT_SUMS[name]
    with pytest.raises(an.TraceError, match="that are equal"):
        an.verify(f, x)


def test_many_matrices() -> None:
    report = an.verify(lambda a: np.linalg.norm(a, "nuc", axis=(1, 2)) @ np.array([1.0, 2.0]), BATCH)
    assert report.verdict.name == "CLARKE"
    np.testing.assert_allclose(report.gradient, [polar(BATCH[0]), 2 * polar(BATCH[1])], atol=1e-12)
