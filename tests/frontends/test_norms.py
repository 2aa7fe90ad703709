"""2-norms at 0 in all front ends: what is recognised, the slopes of tools, NaN and where it comes from."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from typing import Any

import jax.numpy as jnp
import numpy as np
import pytest
import torch
from torch.nn import functional

import absnormal as an
from absnormal.errors import AbsNormalError
from absnormal.frontends.ties.roots import CODE

A = np.array([[1.0, 2.0], [-1.0, 0.5], [0.0, 3.0]])


def _rows(A: Any, x: Any) -> Any:
    return A @ x


#: Spelled in NumPy and JAX alike; the gradient under slopes 0, and whether it is an element of dC f(0).
SPELLED: dict[str, tuple[Callable[[Any, Any], Any], list[float], bool]] = {
    "norm": (lambda np, x: np.linalg.norm(x), [0, 0], True),
    "root of a sum": (lambda np, x: np.sqrt(np.sum(x * x)), [0, 0], True),
    "root of a power": (lambda np, x: (x**2).sum() ** 0.5, [0, 0], True),
    "root of a product": (lambda np, x: np.sqrt(x @ x), [0, 0], True),
    "root of an einsum": (lambda np, x: np.sqrt(np.einsum("i,i->", x, x)), [0, 0], True),
    "root of a vdot": (lambda np, x: np.sqrt(np.vdot(x, x)), [0, 0], True),
    "root of a mean": (lambda np, x: np.sqrt(np.mean(np.square(x))), [0, 0], True),
    "root of terms": (lambda np, x: np.sqrt(x[0] ** 2 + 3 * x[1] ** 2), [0, 0], True),
    "root of a clipped sum": (lambda np, x: np.sqrt(np.maximum(np.sum(x**2), 0.0)), [0, 0], True),
    "standard deviation": (lambda np, x: np.std(x + 1.0), [0, 0], True),
    "rows": (lambda np, x: np.linalg.norm(np.stack([x, 2 * x, x + 1]), axis=1).sum(), [0.5**0.5] * 2, True),
    "Frobenius": (lambda np, x: np.linalg.norm(np.outer(x, np.ones(3)), "fro"), [0, 0], True),
    "squared": (lambda np, x: np.linalg.norm(x) ** 2, [0, 0], True),
    "of a product": (lambda np, x: np.linalg.norm(_rows(A, x)), [0, 0], True),
    "minus": (lambda np, x: 2 * x[0] - np.linalg.norm(x), [2, 0], True),
    "with relu": (lambda np, x: np.linalg.norm(x) + np.maximum(x[0], 0), [0.5, 0], True),
    "of relus": (lambda np, x: np.linalg.norm(np.maximum(x, 0)), [0, 0], True),
    "relu of": (lambda np, x: np.maximum(np.linalg.norm(x) - x[0], 0), [-0.5, 0], True),
    "independent": (lambda np, x: np.linalg.norm(x[:1]) - np.linalg.norm(x[1:]), [0, 0], True),
    "square of one number": (lambda np, x: np.sqrt((x[0] - 1) ** 2 * 0 + x[0] ** 2), [0, 0], True),
    "fourth power": (lambda np, x: np.sqrt(np.sum(x**4)), [0, 0], True),
    "powers of one number": (lambda np, x: np.sqrt(x[0] ** np.array([2.0, 4.0, 2.0])[::2]).sum(), [0, 0], True),
    "one sum, bounded often": (lambda np, x: np.sqrt(np.maximum(x @ x, np.array([0.0, -1.0]))).sum(), [0, 0], True),
    "bounded in rows": (lambda np, x: np.sqrt(np.maximum(x**2, np.zeros((3, 1))).sum(axis=1)).sum(), [0, 0], True),
}


@pytest.mark.parametrize("name", SPELLED)
def test_every_spelling_is_a_kink(name: str) -> None:
    f, gradient, clarke = SPELLED[name]
    report = an.verify(lambda x: f(np, x), [0.0, 0.0], slope=0.0)
    np.testing.assert_allclose(report.gradient, gradient, atol=1e-12)
    assert bool(report) is clarke
    assert report.certificate is not None and report.certificate.check()


@pytest.mark.parametrize("name", [name for name in SPELLED if name != "root of a vdot"])
def test_jax_returns_nan_and_a_certified_gradient_is_offered(name: str) -> None:
    f = SPELLED[name][0]
    report = an.verify(lambda x: f(jnp, x), jnp.zeros(2))
    assert (report.verdict.name, report.method) == ("NOT_CLARKE", "nonfinite")
    assert np.isnan(report.flat_gradient).any()
    certified = np.asarray(report.clarke_gradient, dtype=float)
    assert np.isfinite(certified).all()
    same = an.verify(lambda x: f(np, x), [0.0, 0.0], gradient=certified)
    assert same.verdict.name != "NOT_CLARKE"
    assert "infinity times 0 is NaN" in report.explanation and "jnp.where" in report.explanation


Z = torch.zeros(1, 2)
#: The gradient that torch returns at 0, where that is an element of dC f.
OF_TORCH: dict[str, Callable[[Any], Any]] = {
    "norm": lambda x: x.norm(), "vector_norm": torch.linalg.vector_norm, "linalg.norm": torch.linalg.norm,
    "matrix_norm": lambda x: torch.linalg.matrix_norm(x[None]), "std": lambda x: (x + 1).std(),
    "std_mean": lambda x: torch.std_mean(x)[0], "cdist": lambda x: torch.cdist(x[None], Z).sum(),
    "pairwise distance": lambda x: functional.pairwise_distance(x[None], Z, eps=0).sum(),
    "pdist": lambda x: functional.pdist(torch.stack([x, torch.zeros(2), x])).sum(),
    "dist": lambda x: torch.dist(x, Z[0]), "squared": lambda x: x.norm() ** 2,
    "normalize": lambda x: functional.normalize(x, dim=0).sum(),
    "clamped": lambda x: x.norm().clamp_min(0.1), "relu of": lambda x: torch.relu(x.norm() - x.sum()),
    "triplet": lambda x: functional.triplet_margin_loss(x[None], x[None], x[None] + 1, margin=3.0, eps=0.0),
}
NAN_OF_TORCH: dict[str, Callable[[Any], Any]] = {
    "root": lambda x: (x * x).sum().sqrt(), "hypot": lambda x: torch.hypot(x[0], x[1]),
    "root of a variance": lambda x: x.var().sqrt(), "power": lambda x: (x**2).sum() ** 0.5,
    "behind a mask": lambda x: torch.where(torch.tensor(False), (x * x).sum().sqrt(), x.sum()),
    "one number": lambda x: torch.sqrt(x[0] ** 2) + x[1],
}  # fmt: skip


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
@pytest.mark.parametrize("name", OF_TORCH)
def test_torchs_own_norms_have_the_gradient_zero(name: str, dtype: Any) -> None:
    x = torch.zeros(2, dtype=dtype)
    f = OF_TORCH[name] if dtype == torch.float32 else lambda x: OF_TORCH[name](x.to(torch.float32))
    report = an.verify(f, x)
    assert report.verdict.name == "CLARKE", report.explanation
    leaf = x.clone().requires_grad_()
    f(leaf).backward()
    np.testing.assert_allclose(report.gradient.numpy(), leaf.grad.numpy(), rtol=1e-6)


@pytest.mark.parametrize("name", NAN_OF_TORCH)
def test_nan_of_torch_is_explained(name: str) -> None:
    report = an.verify(NAN_OF_TORCH[name], torch.zeros(2))
    assert (report.verdict.name, report.method) == ("NOT_CLARKE", "nonfinite")
    assert torch.isfinite(report.clarke_gradient).all()
    assert "vector_norm" in report.explanation and "test_norms.py" in report.explanation


@pytest.mark.parametrize(("vector", "verdict"), [
    ([0.6, 0.8], "CLARKE"), ([0.0, 0.0], "CLARKE"), ([0.3, -0.4], "CLARKE"), ([0.61, 0.81], "NOT_CLARKE"),
    ([-1.0, 0.1], "NOT_CLARKE"), ([np.nan, 0.0], "NOT_CLARKE"),
])
def test_given_vectors_at_a_norm(vector: list[float], verdict: str) -> None:
    for f in (np.linalg.norm, lambda x: np.sqrt(np.sum(x * x))):
        assert an.verify(f, [0.0, 0.0], gradient=vector).verdict.name == verdict


@pytest.mark.parametrize("f", [
    lambda x: np.sqrt(np.cosh(x[0]) - 1), lambda x: np.sqrt(x[0] ** 2 - x[1] ** 2), lambda x: np.sqrt(abs(x[0])),
    lambda x: np.sqrt(x[0] * x[1]), lambda x: np.sqrt(np.sum(x[:, None] * x)), lambda x: np.sqrt(-(x[0] ** 2)),
    lambda x: np.sqrt(np.array([1.0, -1.0]) @ (x * x)), lambda x: np.sqrt(x[0] ** 3),
    lambda x: np.sqrt(np.sum((2 * x) * (3 * x))), lambda x: np.sqrt(np.sum(np.maximum(x, 0) * np.maximum(x, 1))),
])
def test_no_other_root_is_a_norm(f: Callable[[Any], Any]) -> None:
    with pytest.raises(AbsNormalError):
        an.verify(f, [0.0, 0.0])


@pytest.mark.parametrize("np", [np, jnp])
@pytest.mark.parametrize("root", [
    lambda np, x: np.linalg.norm(x[:0]), lambda np, x: np.sqrt(np.sum(x[:0] ** 2)),
    lambda np, x: np.sqrt(x[:0] @ x[:0]),
    lambda np, x: np.sqrt(np.sum(x.reshape(2, 1)[:, :0] ** 2, axis=1)).sum(),
])  # fmt: skip
def test_the_root_of_an_empty_sum_is_zero(np: Any, root: Callable[[Any, Any], Any]) -> None:
    report = an.verify(lambda x: root(np, x) + np.abs(x).sum(), np.zeros(2), slope=0.0)
    assert report and not report.flat_gradient.any()


@pytest.mark.parametrize("size", [1.0, 1e-165, 1e-200, 1e-250, 1e200])
def test_vectors_whose_squares_underflow_or_overflow_have_a_length(size: float) -> None:
    h = np.hypot

    def f(x: Any) -> Any:
        u = size * x
        return (h(u[0], u[1]) - h(u[0], 2 * u[1])) / size

    # No gradient of f is longer than 1.1 in its last entry.
    assert not an.verify(f, [0.0, 0.0], slope=[0.8, 0.6, 0.8, -0.6])
    found = an.verify(f, [0.0, 0.0], slope=[1.0, 0.0, 1.0, 0.0])
    assert found.method == "direction" and found.certificate is not None and found.certificate.check()
    one = an.clarke_gradient(lambda x: h(size * x[0], size * x[1]) / size, [0.0, 0.0])
    assert h(*one) == pytest.approx(1.0)


def test_a_program_with_a_norm_is_used_elsewhere() -> None:
    f = lambda x: np.linalg.norm(x) + np.sqrt((x * x)[0])  # noqa: E731
    program = an.trace(f, [0.0, 0.0])
    for x in ([3.0, 4.0], [0.0, -2.0], [-1.0, 0.0]):
        assert program(x) == pytest.approx(f(np.array(x)))
        np.testing.assert_allclose(an.gradient(program, x, slope=0.0), [x[0] / np.hypot(*x) + np.sign(x[0]),
                                                                       x[1] / np.hypot(*x)])
    kinks = an.find_kink(an.trace(np.linalg.norm, [0.0, 0.0]), [-1.0, -2.0], [1.0, 1.0])
    assert not len(kinks)
    (kink,) = an.find_kink(an.trace(np.linalg.norm, [0.0, 0.0]), [-1.0, -2.0], [1.0, 2.0])
    assert kink.switches == (0, 1) and not kink.x.any()
    assert an.kinks_near(program, [0.5, 0.5], 0.25).possible == ()
    with pytest.raises(an.errors.TraceError, match="2-norm"):
        an.abs_normal_form(f, [0.0, 0.0])


def test_slopes_of_a_norm_are_vectors_of_the_ball() -> None:
    assert an.verify(np.linalg.norm, [0.0, 0.0], slope=[0.6, -0.8])
    assert an.verify(np.linalg.norm, [0.0, 0.0], slope=[Fraction(3, 5), Fraction(-4, 5)])
    with pytest.raises(ValueError, match="length 1 at most"):
        an.verify(np.linalg.norm, [0.0, 0.0], slope=[1.0, 1.0])
    report = an.verify(np.linalg.norm, [0.0, 0.0], slope="torch")
    assert report and not report.flat_gradient.any()
    np.testing.assert_array_equal(an.verify(lambda x: np.hypot(*x), [0.0, 0.0], slope="jax").gradient, [0.5, 0.5])


#: Spelled in NumPy, JAX and torch alike: C^1 at 0, where the base is not negative.
POWERS: dict[str, Callable[[Any, Any], Any]] = {
    "of a size": lambda np, x: (np.abs(x) ** 1.5).sum(), "of a bounded size": lambda np, x: (np.abs(x[0]) * 2) ** 1.25,
    "of a sum": lambda np, x: (np.abs(x[0]) + np.abs(x[1])) ** 1.75,
    "of a product": lambda np, x: (np.abs(x[0]) * x[1] ** 2) ** 1.5 + x[0],
}
BROKEN: dict[str, Callable[[Any], Any]] = {
    "of a number": lambda x: x[0] ** 1.5, "of a product": lambda x: (x[0] * x[1]) ** 1.5,
    "of a minimum": lambda x: np.minimum(x[0], 0.0) ** 1.5, "of a difference": lambda x: (x[0] - abs(x[0])) ** 1.5,
    "below 1": lambda x: np.abs(x[0]) ** 0.5, "of a maximum": lambda x: np.maximum(x[0], x[1]) ** 1.5,
    "of a negative multiple": lambda x: (-2 * np.abs(x[0])) ** 1.5,
}


@pytest.mark.parametrize("name", POWERS)
def test_powers_of_what_is_never_negative_are_smooth_at_zero(name: str) -> None:
    f = POWERS[name]
    leaf = torch.zeros(2, requires_grad=True)
    f(torch, leaf).backward()
    expected = leaf.grad.numpy()
    for here, x in ((np, np.zeros(2)), (torch, torch.zeros(2)), (jnp, jnp.zeros(2))):
        report = an.verify(lambda x, here=here: f(here, x), x)
        assert report.verdict.name == "CLARKE", report.explanation
        np.testing.assert_allclose(np.asarray(report.gradient), expected, atol=1e-7)
        assert not an.verify(lambda x, here=here: f(here, x), x, gradient=x + 1)


@pytest.mark.parametrize("name", BROKEN)
def test_other_powers_are_refused_at_zero(name: str) -> None:
    with pytest.raises(AbsNormalError):
        an.verify(BROKEN[name], [0.0, 0.0])


def test_the_set_at_a_norm_is_known_by_its_support_function() -> None:
    G = an.generalized_gradient(lambda x: np.linalg.norm(x) + x[0], [0.0, 0.0])
    assert G.exact and not G.complete and G.is_stationary() is not False
    assert G.support([3.0, 4.0]) == pytest.approx(8.0)
    assert G.contains([1.5, 0.25]) is True and G.contains([2.01, 0.0]) is False and G.contains([0.0, 0.1]) is False
    np.testing.assert_allclose(G.outline(np.eye(2)).max(axis=0), [2.0, 1.0], atol=1e-3)
    with pytest.raises(an.errors.BudgetError, match="2-norm"):
        _ = G.vertices


def test_the_set_at_norms_of_both_signs_says_that_it_is_no_list() -> None:
    G = an.generalized_gradient(lambda x: np.linalg.norm(x) - np.linalg.norm(x[:1] + x[1:] + np.zeros(2)), [0.0, 0.0])
    assert not G.exact and not G.complete and "2-norm" in G.reason
    assert len(G.limiting_gradients) == 1
    with pytest.raises(an.errors.BudgetError, match="2-norm"):
        G.support([1.0, 0.0])


POINTS: dict[str, Callable[[Any], Any]] = {
    "": np.asarray, "jax": jnp.asarray, "torch": lambda u: torch.tensor(u, dtype=torch.float64),
}  # fmt: skip


@pytest.mark.parametrize(("framework", "code"), [(name, code) for name, table in CODE.items() for code in table])
def test_what_the_report_advises_has_a_clarke_gradient(framework: str, code: str) -> None:
    def f(u: Any) -> Any:
        found: dict[str, Any] = {"u": u, "np": np, "jnp": jnp, "torch": torch, "eps": 1e-6}
        *before, last = code.split("; ")
        for line in before:
            exec(line, found)
        return eval(last, found)

    for u in ([0.0, 0.0], [3.0, 4.0]):
        report = an.verify(f, POINTS[framework](u))
        assert report and np.isfinite(np.asarray(report.gradient)).all()
        assert report.certificate is not None and report.certificate.check()


@pytest.mark.parametrize("spelling", ["q > 0", "q == 0", "times"])
@pytest.mark.parametrize("np", [np, jnp, torch])
def test_a_root_that_is_masked_before_and_after_is_a_norm(np: Any, spelling: str) -> None:
    def f(u: Any) -> Any:
        q = (u * u).sum(-1)
        if spelling == "q > 0":
            return (2 * np.where(q > 0, np.sqrt(np.where(q > 0, q, 1.0)), 0.0) + q).sum()
        if spelling == "q == 0":
            return (2 * np.where(q == 0, 0.0, np.sqrt(np.where(q == 0, 1.0, q))) + q).sum()
        return (2 * (q > 0) * np.sqrt(q + (q == 0) * 1.0) + q).sum()

    rows = [[0.0, 0.0], [3.0, 4.0], [0.0, 0.0]]
    u = torch.tensor(rows) if np is torch else np.asarray(rows)
    report = an.verify(f, u)
    assert report and not any(report.gradient[0].tolist()) and not any(report.gradient[2].tolist())
    assert [round(value, 4) for value in report.gradient[1].tolist()] == [7.2, 9.6]
    # Not 0: the certified gradient knows the norm behind the mask.
    assert any(report.clarke_gradient[0].tolist())


@pytest.mark.parametrize("np", [np, jnp, torch])
def test_what_a_mask_takes_at_a_zero_norm_must_be_its_limit(np: Any) -> None:
    u = torch.zeros(3, 2) if np is torch else np.zeros((3, 2))

    def masked(u: Any, value: Any) -> Any:
        q = (u * u).sum(-1)
        return np.where(q > 0, np.sqrt(np.where(q > 0, q, 1.0)), value).sum()

    for value in (lambda u: 0.5 + 0.0 * u[:, 0], lambda u: u[:, 0], lambda u: u[[1, 2, 0], 0]):
        with pytest.raises(AbsNormalError, match=r"tied|jumps"):
            an.verify(lambda u, value=value: masked(u, value(u)), u)


@pytest.mark.parametrize("root", [np.sqrt, lambda q: q**0.5, lambda q: np.power(q, 0.5)])
@pytest.mark.parametrize("constant", [lambda c: c * c, lambda c: c * 3.0, lambda c: c + c])
def test_a_constant_under_the_root_may_be_computed_in_f(root: Any, constant: Any) -> None:
    def f(x: Any) -> Any:
        chosen = np.where(x[0] > 5, x[0], 0.0)  # a constant of the program, which it computes with
        return root(x[0] ** 2 + (2 * x[1]) ** 2 + constant(chosen))

    set_ = an.generalized_gradient(f, [0.0, 0.0])
    assert set_.support(np.array([1.0, 0.0])) == pytest.approx(1) and set_.support([0.0, 1.0]) == pytest.approx(2)


def test_roots_of_constants_among_moving_entries_are_constants() -> None:
    def distances(x: Any) -> Any:
        squares = (x * x).sum(1)
        return (squares[:, None] + squares - 2 * x @ x.T).fill_diagonal_(0).sqrt().sum()

    leaf = torch.tensor([[1.0, 2.0], [0.0, -1.0], [3.0, 1.0]], dtype=torch.float64, requires_grad=True)
    report = an.verify(distances, leaf.detach())
    assert report.verdict is an.Verdict.CLARKE and report.method == "smooth"
    torch.testing.assert_close(report.clarke_gradient, torch.autograd.grad(distances(leaf), leaf)[0])
    first = np.array([True, False])
    assert an.verify(lambda x: np.sqrt(np.where(first, x, 0.0)).sum(), [4.0, 1.0]).gradient.tolist() == [0.25, 0.0]
    with pytest.raises(an.TraceError, match="not Lipschitz"):
        an.verify(lambda x: np.sqrt(np.where(first, x, 0.0)).sum(), [0.0, 1.0])


@pytest.mark.parametrize("f", [lambda x: (x * x.flip(0)).sum().sqrt(), lambda x: (x[0] * x[1]).sqrt()])
def test_a_product_of_two_entries_is_no_square(f: Any) -> None:
    """sqrt(x y) is no size, though x and y are entries of one node."""
    with pytest.raises(an.TraceError, match="not Lipschitz"):
        an.verify(f, torch.zeros(2, dtype=torch.float64))
