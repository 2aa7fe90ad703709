"""Opaque smooth operations, one for each of a batch, against the same function written out."""

from __future__ import annotations

import pickle
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np
import pytest

import absnormal as an
from absnormal.arrays import Array
from absnormal.frontends.numpy.traced import TracedArray
from absnormal.frontends.writing import writer_of
from absnormal.ops.opaque import Dense, Smooth


@dataclass(frozen=True)
class Inverse2(Smooth):
    """The inverses of 2 x 2 matrices."""

    name: str = "inverse"
    batch: int = 1

    def value(self, a: Array) -> Array:
        return np.linalg.inv(a)

    def jacobian(self, args: Sequence[Array], own: int) -> Array:
        inverse = np.linalg.inv(args[0])
        return -np.einsum("bij,bkl->bilkj", inverse, inverse).transpose(0, 1, 2, 4, 3).reshape(-1, 4, 4)

    def smooth_at(self, a: Array) -> Any:
        return np.linalg.det(a) != 0


def inverses(a: Any) -> Any:
    if isinstance(a, TracedArray):
        return writer_of(a, "inverse").op("opaque", a, function=Inverse2())
    return np.linalg.inv(a)


def written_out(a: Any) -> Any:
    det = a[:, 0, 0] * a[:, 1, 1] - a[:, 0, 1] * a[:, 1, 0]
    rows = [np.stack([a[:, 1, 1], -a[:, 0, 1]], axis=1), np.stack([-a[:, 1, 0], a[:, 0, 0]], axis=1)]
    return np.stack(rows, axis=1) / det[:, None, None]


A = np.array([[[2.0, 0.0], [1.0, 3.0]], [[1.0, 2.0], [0.0, -1.0]], [[1.0, 1.0], [3.0, 2.0]]])


@pytest.mark.parametrize("slope", [-1, 0, 1])
def test_an_opaque_operation_is_the_function_written_out(slope: int) -> None:
    def loss(inverse: Any) -> Any:
        return lambda a: np.abs(inverse(a)).sum() + (np.maximum(inverse(2 * a)[:, 1, 0], 0) * a[:, 0, 0]).sum()

    own, theirs = (an.verify(loss(inverse), A, slope=slope) for inverse in (inverses, written_out))
    assert own.verdict is theirs.verdict
    np.testing.assert_allclose(own.gradient, theirs.gradient, rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(own.clarke_gradient, theirs.clarke_gradient, rtol=1e-12, atol=1e-12)
    assert own.certificate is not None and own.certificate.check()


def test_its_copies_have_rows_of_their_own() -> None:
    program = an.trace(lambda a: np.abs(inverses(a)).sum(), A)
    form = program.abs_normal_form(A)
    columns = form.Z.toarray().reshape(3, 4, 3, 4)
    for i in range(3):
        for j in range(3):
            assert (columns[i, :, j] != 0).any() == (i == j)
    expected = an.abs_normal_form(lambda a: np.abs(written_out(a)).sum(), A).Z.toarray()
    np.testing.assert_allclose(form.Z.toarray(), expected, rtol=1e-12, atol=1e-12)
    assert "inverse(" in str(program)
    again = pickle.loads(pickle.dumps(program))
    np.testing.assert_array_equal(again(A + 0.25), program(A + 0.25))


def test_one_operation_with_the_same_function_is_one_node() -> None:
    program = an.trace(lambda a: (inverses(a) * inverses(a)).sum(), A)
    assert sum(node.op == "opaque" for node in program.nodes) == 1


def test_it_is_refused_where_it_is_not_smooth_and_at_rational_points() -> None:
    singular = np.array([[[1.0, 2.0], [2.0, 4.0]]])
    with pytest.raises(an.DomainError, match="inverse"):
        an.verify(lambda a: inverses(a).sum(), singular)
    with pytest.raises(an.TraceError, match="no exact value"):
        an.verify(lambda a: inverses(a).sum(), np.array([[[Fraction(1), Fraction(2)], [Fraction(0), Fraction(1)]]]))


def test_a_matrix_for_each_of_a_batch_is_the_block_diagonal_matrix() -> None:
    rng = np.random.default_rng(3)
    blocks = rng.standard_normal((2, 3, 4, 5))
    linear = Dense(lambda: blocks, (2, 3, 5), (2, 3, 2, 2), batch=2)
    whole = np.zeros((24, 30))
    for copy, block in enumerate(blocks.reshape(6, 4, 5)):
        whole[4 * copy : 4 * copy + 4, 5 * copy : 5 * copy + 5] = block
    t, w = rng.standard_normal((7, 30)), rng.standard_normal((7, 24))
    np.testing.assert_allclose(linear.push(t.reshape(7, 2, 3, 5)).reshape(7, 24), t @ whole.T)
    np.testing.assert_allclose(linear.pull(w.reshape(7, 2, 3, 2, 2)).reshape(7, 30), w @ whole)
    assert linear.norm() == pytest.approx(np.abs(whole).sum(axis=1).max())
    parts = [part.push(t.reshape(7, 2, 3, 5)).reshape(7, 24) for part in linear.parts() if part is not None]
    np.testing.assert_allclose(parts[0] - parts[1], t @ whole.T)
