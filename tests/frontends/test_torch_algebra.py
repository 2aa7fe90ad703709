"""Is linear algebra followed where it is smooth, with torch's values and gradients, and refused where it is not?"""

from __future__ import annotations

import pickle
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

import absnormal as an
from absnormal.frontends.meanings import smoothness
from absnormal.ops.opaque import Smooth

_RNG = np.random.default_rng(0)
_SQUARE = _RNG.standard_normal((3, 3)) + 3 * np.eye(3)
_TALL, _VECTOR = _RNG.standard_normal((4, 2)), _RNG.standard_normal(3)
_LA = torch.linalg
_EQUAL = np.array([[2.0, 0.0, 0.0], [0.0, 2.0, 0.0], [0.0, 0.0, 1.0]])
_SINGULAR = np.array([[1.0, 2.0, 0.0], [2.0, 4.0, 0.0], [1.0, 1.0, 3.0]])
_TIED = np.array([[1.0, 2.0, 0.0], [-1.0, 1.0, 0.0], [0.0, 1.0, 3.0]])
_B = torch.tensor(_RNG.standard_normal((3, 2)))


def _definite(a: Any) -> Any:
    return a @ a.mT + torch.eye(len(a), dtype=a.dtype)


def _symmetric(a: Any) -> Any:
    return a + a.mT


def _rebuilt(a: Any) -> Any:
    values, vectors = _LA.eigh(_symmetric(a))
    return vectors @ torch.diag(values.exp()) @ vectors.mT


#: What is computed, where it is smooth, and where it is not.
CASES: dict[str, tuple[Callable[[Any], Any], Any, Any]] = {
    "inv": (_LA.inv, _SQUARE, None),
    "solve": (lambda a: _LA.solve(a, _B), _SQUARE, None),
    "solve for a vector": (lambda a: _LA.solve(a, _B[:, 0]), _SQUARE, None),
    "solve from the right": (lambda a: _LA.solve(a, _B.mT, left=False), _SQUARE, None),
    "batches": (lambda a: _LA.solve(torch.stack([a, a + 1]), a @ _B), _SQUARE, None),
    "det": (_LA.det, _SQUARE, None), "slogdet": (lambda a: _LA.slogdet(a)[1], _SQUARE, None),
    "logdet": (lambda a: torch.logdet(_definite(a)), _SQUARE, None),
    "cholesky": (lambda a: _LA.cholesky(_definite(a)), _SQUARE, None),
    "cholesky_solve": (lambda a: torch.cholesky_solve(_B, _LA.cholesky(_definite(a))), _SQUARE, None),
    "cholesky_inverse": (lambda a: torch.cholesky_inverse(_LA.cholesky(_definite(a))), _SQUARE, None),
    "triangular": (lambda a: _LA.solve_triangular(a, _B, upper=True), _SQUARE, None),
    "qr": (lambda a: torch.cat(_LA.qr(a)), _TALL, np.triu(np.ones((4, 2)))),
    "qr of rank 1": (lambda a: _LA.qr(a)[1], _TALL, np.ones((4, 2))),
    "lu": (lambda a: torch.cat(_LA.lu(a)[1:]), _SQUARE, _TIED),
    "lu_solve": (lambda a: _LA.lu_solve(*_LA.lu_factor(a), _B), _SQUARE, None),
    "eigvalsh": (lambda a: _LA.eigvalsh(_symmetric(a)), _SQUARE, _EQUAL), "eigh": (_rebuilt, _SQUARE, _EQUAL),
    "svdvals": (_LA.svdvals, _TALL, _EQUAL), "nuclear norm": (lambda a: _LA.norm(a, "nuc"), _TALL, _SINGULAR),
    "svd": (lambda a: torch.linalg.svd(a, full_matrices=False)[0].square(), _TALL, _EQUAL),
    "svd of full matrices": (lambda a: torch.linalg.svd(a)[1] * torch.linalg.svd(a)[2][0].square(), _TALL, _EQUAL),
    "of full matrices": (lambda a: torch.linalg.svd(a.mT)[1] * torch.linalg.svd(a.mT)[0][0].square(), _TALL, _EQUAL),
    "pinv": (_LA.pinv, _TALL, None), "lstsq": (lambda a: _LA.lstsq(a, _VECTOR_4).solution, _TALL, None),
    "matrix_exp": (_LA.matrix_exp, _SQUARE, None), "matrix_power": (lambda a: _LA.matrix_power(a, -2), _SQUARE, None),
    "cross": (lambda a: _LA.cross(a, a.mT), _SQUARE, None),
}  # fmt: skip
_VECTOR_4 = torch.tensor(_RNG.standard_normal((4, 1)))


def _loss(f: Callable[[Any], Any]) -> Callable[[Any], Any]:
    def loss(x: Any) -> Any:
        y = f(x)
        return (y * torch.arange(1, y.numel() + 1, dtype=y.dtype).reshape(y.shape).cos()).sum()

    return loss


@pytest.mark.parametrize("name", CASES)
def test_the_gradient_is_that_of_the_program_and_it_is_the_function_elsewhere(name: str) -> None:
    f, point, _ = CASES[name]
    loss = _loss(f)
    for dtype in (torch.float64, torch.float32):
        x = torch.tensor(point, dtype=dtype)
        report = an.verify(lambda x, dtype=dtype: loss(x.double()).to(dtype), x)
        assert report.verdict is an.Verdict.CLARKE
    x = torch.tensor(point)
    program = an.trace(loss, x)
    moved = x + 1e-3 * torch.tensor(np.random.default_rng(1).standard_normal(x.shape))
    if name == "lu_solve":
        # The rows that are exchanged are not looked at elsewhere.
        with pytest.raises(an.GuardError):
            program(moved.numpy())
    else:
        assert np.isclose(float(program(moved.numpy())), float(loss(moved)), rtol=1e-9)
    step, direction = 1e-6, np.random.default_rng(2).standard_normal(x.shape)
    ahead, behind = (float(loss(x + side * step * torch.tensor(direction))) for side in (1, -1))
    slope = (ahead - behind) / (2 * step)
    along = float((an.gradient(loss, x).numpy() * direction).sum())
    assert np.isclose(along, slope, rtol=1e-5, atol=1e-7)


def test_where_it_is_not_smooth_it_is_refused_by_name() -> None:
    for name, (f, _, point) in CASES.items():
        if point is not None:
            words = r"continuously differentiable|not differentiable there|has a kink"
            with pytest.raises(an.TraceError, match=words) as found:
                an.verify(_loss(f), torch.tensor(point))
            assert "test_torch_algebra.py" in str(found.value), name


def test_what_reads_one_half_of_a_matrix_is_a_function_of_that_half() -> None:
    """Torch gives the derivative by the symmetric part, which is that of f where the matrix stays symmetric only."""
    square, eye = torch.tensor(_SQUARE), torch.eye(3, dtype=torch.float64)
    of_one_half = {
        "cholesky": _LA.cholesky, "upper": lambda a: _LA.cholesky(a, upper=True), "eigvalsh": _LA.eigvalsh,
        "UPLO": lambda a: _LA.eigvalsh(a, UPLO="U"), "cholesky_ex": lambda a: _LA.cholesky_ex(a)[0],
    }
    for name, f in of_one_half.items():
        for point in (square @ square.mT + eye, torch.stack([square @ square.mT + eye, 9 * eye + square + square.mT])):
            # Its entries are the variables; nothing says that the halves stay equal.
            report = an.verify(_loss(f), point)
            assert report.verdict is an.Verdict.UNDECIDED, name
            assert "one half" in report.proof.reason and "test_torch_algebra.py" in report.proof.reason
            own, step = report.clarke_gradient.numpy(), 1e-6
            for place in np.ndindex(*point.shape):
                moved = torch.zeros_like(point)
                moved[place] = step
                change = (_loss(f)(point + moved) - _loss(f)(point - moved)) / (2 * step)
                np.testing.assert_allclose(own[place], float(change), atol=1e-6)
        made = an.verify(lambda a, f=f: _loss(f)(a @ a.mT + torch.eye(3, dtype=a.dtype)), square)
        half = an.verify(lambda a, f=f: _loss(f)((a + a.mT) / 2 + 9 * torch.eye(3, dtype=a.dtype)), square)
        assert made and half and not made.notes and not half.notes, name


def test_a_wrong_derivative_of_torch_is_seen_by_differences_of_values(monkeypatch: pytest.MonkeyPatch) -> None:
    from absnormal.frontends.torch import opaque

    right = opaque._gradient
    monkeypatch.setattr(opaque, "_gradient", lambda value, variable: -right(value, variable))
    for f in (_LA.inv, _LA.pinv, _LA.matrix_exp, _LA.svdvals):
        with pytest.raises(an.TraceError, match="contradict") as raised:
            an.verify(_loss(f), torch.tensor(_SQUARE))
        assert "test_torch_algebra.py" in str(raised.value)


def test_factors_of_detached_matrices_are_constants_only_where_they_are_smooth() -> None:
    def f(a: Any) -> Any:
        with torch.no_grad():
            vectors = _LA.eigh(_symmetric(a))[1]
        return (vectors.mT @ a @ vectors).diagonal().square().sum()

    assert an.verify(f, torch.tensor(_SQUARE)).verdict is an.Verdict.CLARKE
    with pytest.raises(an.TraceError, match=r"eigh.* tied"):
        an.verify(f, torch.tensor(_EQUAL))


@pytest.mark.parametrize("size", [3, 4, 5])
def test_a_determinant_is_flat_where_the_rank_is_less_by_two(size: int) -> None:
    """The adjugate is 0 there, to the last digit, and so is torch's derivative."""
    random = np.random.default_rng(size)
    for rank in range(size - 1):
        low = random.integers(-3, 4, (size, rank)) @ random.integers(-3, 4, (rank, size))
        x = torch.tensor(low, dtype=torch.float64)
        report = an.verify(torch.linalg.det, x)
        assert report.verdict is not an.Verdict.NOT_CLARKE
        assert report.verdict is an.Verdict.CLARKE or report.gradient.any()
        np.testing.assert_allclose(report.clarke_gradient, 0.0, atol=1e-200)


def test_a_determinant_is_smooth_at_singular_matrices_where_torch_takes_its_derivative_for_0() -> None:
    rank = torch.arange(9, dtype=torch.float64).reshape(3, 3)
    adjugate = np.array([[-3.0, 6.0, -3.0], [6.0, -12.0, 6.0], [-3.0, 6.0, -3.0]])
    assert not _LA.det(rank)
    report = an.verify(_LA.det, rank)
    assert report.verdict is an.Verdict.NOT_CLARKE and not report.gradient.any()
    np.testing.assert_allclose(report.clarke_gradient, adjugate, atol=1e-12)
    pair = torch.stack([torch.tensor(_SQUARE), torch.zeros(3, 3).double()])
    batch = an.verify(lambda a: _LA.det(a).sum(), pair)
    np.testing.assert_allclose(batch.clarke_gradient[0], np.linalg.det(_SQUARE) * np.linalg.inv(_SQUARE).T)
    assert not batch.clarke_gradient[1].abs().max() > 1e-200


def test_kinks_go_through_opaque_operations() -> None:
    """A relu that is tied before a solve; the verdict is about the whole."""
    a, b = torch.tensor(_SQUARE), _B[:, 0]

    def f(x: Any) -> Any:
        return _LA.solve(a, torch.relu(x) * b).sum() + torch.relu(-x).sum()

    x = torch.tensor([0.0, 1.0, -1.0], dtype=torch.float64)
    report = an.verify(f, x)
    assert report.verdict is not an.Verdict.UNDECIDED
    assert sum(group.count for group in report.active) == 2


def test_programs_with_opaque_operations_pickle() -> None:
    program = an.trace(_loss(_LA.inv), torch.tensor(_SQUARE))
    again = pickle.loads(pickle.dumps(program))
    assert float(again(_SQUARE)) == float(program(_SQUARE))
    (function,) = (node.params["function"] for node in program.nodes if node.op == "opaque")
    assert isinstance(function, Smooth) and function == pickle.loads(pickle.dumps(function))
    assert "linalg_inv" in str(program)


def test_near_what_is_not_smooth_rounding_is_no_proof() -> None:
    turned = np.linalg.qr(_SQUARE)[0]
    almost = turned @ np.diag([2.0, 2.0, 1.0]) @ turned.T
    assert not smoothness.apart(2e-16, almost)
    assert not smoothness.singular_apart(2e-16, almost)
    assert not smoothness.full_rank(1e-7, turned @ np.diag([1.0, 1.0, 1e-8]) @ turned.T)
    assert smoothness.full_rank(2e-16, turned @ np.diag([1.0, 1.0, 1e-8]) @ turned.T)
    assert not smoothness.reflected(2e-16, np.eye(3)) and not smoothness.reflected(2e-16, np.eye(3)[::-1])
    assert smoothness.reflected(2e-16, _SQUARE) and smoothness.reflected(2e-16, np.ones((1, 1)))
    assert not smoothness.pivoted(2e-16, np.array([[1.0, 2.0], [-1.0, 1.0]]))
    assert smoothness.eliminated(2e-16, np.array([[1.0, 2.0], [-1.0, 1.0]]))
    assert not smoothness.eliminated(2e-16, np.array([[0.0, 2.0], [-1.0, 1.0]]))
    assert not smoothness.positive_definite(2e-16, np.ones((2, 2)))


@pytest.mark.parametrize("f", [
    lambda a: torch.cholesky_inverse(a).sum(), lambda a: torch.cholesky_inverse(a, upper=True).sum(),
    lambda a: torch.cholesky_solve(torch.ones(3, 2, dtype=torch.float64), a).sum(),
])  # fmt: skip
def test_a_kernel_reads_one_half_of_a_factor(f: Any) -> None:
    """torch's derivative knows of the other half, which its value does not depend on."""
    generator = torch.Generator().manual_seed(0)
    full = torch.randn(3, 3, dtype=torch.float64, generator=generator) + 3 * torch.eye(3, dtype=torch.float64)
    assert an.verify(f, full).verdict is not an.Verdict.CLARKE
    assert an.verify(lambda a: f(a * torch.eye(3, dtype=torch.float64)), full)


def test_singular_values_that_count_must_count_elsewhere() -> None:
    program = an.trace(lambda a: torch.linalg.pinv(a, rtol=1e-3).sum(), 2 * torch.eye(3, dtype=torch.float64))
    assert program(np.diag([1.0, 2.0, 4.0])) == pytest.approx(1.75)
    with pytest.raises(an.GuardError):
        program(np.diag([1.0, 1.0, 1e-5]))
