"""Signs of eigenvectors and singular vectors are the choice of an algorithm: f may not depend on what jumps."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from importlib.util import find_spec
from typing import Any

import numpy as np
import pytest
import scipy.linalg

import absnormal as an

RNG = np.random.default_rng(3)
RANDOM = (lambda a: a + a.T)(RNG.standard_normal((4, 4)))
#: Next to these, entries that are 0 have either sign, and so have vectors.
ODD = {"diagonal": np.diag([3.0, 1.0, 2.0]), "blocks": np.array([[2.0, 1.0, 0.0], [1.0, 3.0, 0.0], [0.0, 0.0, 7.0]])}
Decomposed = Callable[[Any], tuple[Any, Any]]


def tools() -> dict[str, tuple[Decomposed, Callable[[Any], Any]]]:
    """Left and right vectors of a decomposition in each front end, and how an array is written there."""

    def eigen(eigh: Callable[[Any], Any]) -> Decomposed:
        return lambda a: (lambda v: (v, v.T))(eigh((a + a.T) / 2)[1])

    found: dict[str, tuple[Decomposed, Callable[[Any], Any]]] = {
        "numpy eigh": (eigen(np.linalg.eigh), np.asarray), "scipy eigh": (eigen(scipy.linalg.eigh), np.asarray),
        "the upper half": (eigen(lambda a: np.linalg.eigh(a, "U")), np.asarray),
        "numpy svd": (lambda a: np.linalg.svd(a)[::2], np.asarray),
    }  # fmt: skip
    if find_spec("torch") is not None:
        import torch

        found |= {
            "torch eigh": (eigen(torch.linalg.eigh), torch.tensor),
            "torch svd": (lambda a: torch.linalg.svd(a)[::2], torch.tensor),
            "torch single": (eigen(torch.linalg.eigh), lambda a: torch.tensor(a, dtype=torch.float32)),
        }
    if find_spec("jax") is not None:
        import jax.numpy as jnp

        found |= {
            "jax eigh": (eigen(jnp.linalg.eigh), jnp.asarray),
            "jax svd": (lambda a: jnp.linalg.svd(a)[::2], jnp.asarray),
        }
    return found


TOOLS = tools()


def projection(a: Any, values: Any) -> Any:
    """The gradient by A of (u v^T)[0, 1] for the last vectors, by differences of what has no sign."""
    def f(a: Any) -> Any:
        left, right = values(a)
        return left[0, -1] * right[-1, 1]

    step, units = 1e-6, np.eye(a.size).reshape(-1, *a.shape)
    return np.array([(f(a + step * d) - f(a - step * d)) / (2 * step) for d in units]).reshape(a.shape)


@pytest.mark.parametrize("tool", TOOLS)
@pytest.mark.parametrize("name", [*ODD, "random"])
def test_what_is_the_same_for_either_sign_is_smooth(name: str, tool: str) -> None:
    (vectors, written), a = TOOLS[tool], ODD.get(name, RANDOM)

    def f(a: Any) -> Any:
        left, right = vectors(a)
        return left[0, -1] * right[-1, 1]

    report = an.verify(f, written(a))
    assert (report.verdict.name, report.method) == ("CLARKE", "smooth")
    other = TOOLS["numpy svd" if "svd" in tool else "numpy eigh"][0]
    np.testing.assert_allclose(np.asarray(report.gradient), projection(a, other), rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("tool", TOOLS)
@pytest.mark.parametrize("name", ODD)
def test_what_depends_on_signs_that_jump_is_refused(name: str, tool: str) -> None:
    vectors, written = TOOLS[tool]
    with pytest.raises(an.TraceError, match="choice of its algorithm"):
        an.verify(lambda a: vectors(a)[0][1, :].sum(), written(ODD[name]))


@pytest.mark.parametrize("depends", [lambda v: (v[0] * v[1])[2], lambda v: abs(v[0, 0]), lambda v: v[0, 1] ** 4])
def test_products_squares_and_sizes_do_not_depend_on_them(depends: Callable[[Any], Any]) -> None:
    report = an.verify(lambda a: depends(np.linalg.eigh((a + a.T) / 2)[1]), ODD["blocks"])
    assert report.verdict is an.Verdict.CLARKE


def test_the_product_of_two_vectors_does() -> None:
    with pytest.raises(an.TraceError, match="choice of its algorithm"):
        an.verify(lambda a: (lambda v: v[0, 0] * v[1, 1])(np.linalg.eigh(a)[1]), ODD["blocks"])


def test_signs_that_stay_are_no_matter() -> None:
    report = an.verify(lambda a: np.linalg.eigh((a + a.T) / 2)[1][0, 0], RANDOM)
    assert (report.verdict.name, report.method) == ("CLARKE", "smooth")


def test_signs_are_those_of_the_precision_that_computed_them() -> None:
    """Single precision often returns the negative of what double precision does."""
    torch, seen = pytest.importorskip("torch"), 0
    for a in np.random.default_rng(5).standard_normal((12, 4, 4)):
        with suppress(an.TraceError):  # A sign may jump next to a matrix.
            report = an.verify(lambda a: torch.linalg.eigh((a + a.T) / 2)[1][0].sum(), torch.tensor(a).float())
            assert (report.verdict.name, report.method) == ("CLARKE", "smooth")
            seen += 1
    assert seen > 6


def test_a_branch_on_a_sign_that_jumps_is_refused() -> None:
    def f(a: Any) -> Any:
        v = np.linalg.eigh(a)[1][:, 0]
        return v[1] if v[1] > 0 else 2 * v[1]

    with pytest.raises(an.TraceError, match="choice of its algorithm"):
        an.verify(f, ODD["blocks"])


def test_vectors_along_the_variables_alone() -> None:
    """The matrix stays diagonal, so nothing jumps."""
    report = an.verify(lambda x: np.linalg.eigh(np.diag(x))[1][2, 0] * x[0], [3.0, 1.0, 2.0])
    assert report.verdict is an.Verdict.CLARKE


def test_stacks_of_matrices() -> None:
    stack = np.stack([*ODD.values()])
    report = an.verify(lambda a: np.einsum("bik,bjk->bij", *[np.linalg.eigh(a)[1][:, :, :2]] * 2)[:, 0, 1].sum(), stack)
    assert report.verdict is an.Verdict.CLARKE
    with pytest.raises(an.TraceError, match="choice of its algorithm"):
        an.verify(lambda a: np.linalg.eigh(a)[1][1].sum(), stack)


@pytest.mark.parametrize("tool", ["numpy eigh", *(["jax eigh", "jax svd"] if "jax eigh" in TOOLS else [])])
def test_another_point_of_the_same_function(tool: str) -> None:
    vectors, written = TOOLS[tool]

    def f(a: Any) -> Any:
        return vectors(a)[0][1, :].sum()

    program = an.trace(f, written(RANDOM))
    for g in (f, program):
        assert an.verify(g, written(RANDOM)).verdict is an.Verdict.CLARKE
        with pytest.raises(an.TraceError, match="choice of its algorithm"):
            an.verify(g, written(np.diag([3.0, 1.0, 2.0, 5.0])))
        assert an.verify(g, written(RANDOM + 0.01 * np.eye(4))).verdict is an.Verdict.CLARKE
