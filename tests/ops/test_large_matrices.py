"""Is a large matrix that is changed where it is used the changed matrix?"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from absnormal import arrays
from absnormal.arrays import filled, times
from absnormal.ops import large_matrices, linear_maps
from absnormal.ops.large_matrices import is_bounded, pulled_at_most
from absnormal.ops.linear_maps import Chain, MatMul, Transpose
from absnormal.sweeps.adjoints import nonzero

RNG = np.random.default_rng(0)


@pytest.mark.parametrize("order", ("C", "F"))
@pytest.mark.parametrize("left", (True, False))
@pytest.mark.parametrize("batch", ((), (3,)))
@pytest.mark.parametrize("dtype", (np.float64, np.float32))
def test_blocks_give_the_changed_matrix(
    monkeypatch: pytest.MonkeyPatch, order: Any, left: bool, batch: tuple[int, ...], dtype: Any
) -> None:
    matrix = np.asarray(RNG.normal(size=(13, 7)) * (RNG.random((13, 7)) < 0.7), dtype, order=order)
    shape, out = ((*batch, 2, 13), (*batch, 2, 7)) if left else ((*batch, 7, 2), (*batch, 13, 2))
    plain = MatMul(matrix, left, shape, out)
    monkeypatch.setattr(linear_maps, "LARGE", 10)
    monkeypatch.setattr(large_matrices, "_BLOCK", 30)
    t, w = RNG.normal(size=(4, *shape)).astype(dtype), RNG.normal(size=(4, *out)).astype(dtype)
    found = {
        "absolute": (plain.absolute(), np.abs(matrix)), "square": (plain.entrywise(np.square), matrix**2),
        "pattern": (plain.absolute().entrywise(np.sign), np.sign(np.abs(matrix))),
        "positive": (plain.parts()[0], np.maximum(matrix, 0)), "negative": (plain.parts()[1], np.maximum(-matrix, 0)),
    }  # fmt: skip
    for blocks, changed in found.values():
        assert isinstance(blocks, large_matrices.LargeMatMul)
        dense = MatMul(changed, left, shape, out)
        for made, expected in ((blocks.push(t), dense.push(t)), (blocks.pull(w), dense.pull(w))):
            assert made.shape == expected.shape and made.dtype == dtype
            np.testing.assert_allclose(made, expected, rtol=1e-5, atol=1e-5)
        assert np.isclose(blocks.norm(), dense.norm(), rtol=1e-5)
        assert (blocks.push_depth, blocks.pull_depth) == (dense.push_depth, dense.pull_depth)


@pytest.mark.parametrize("size", (1.0, 1e-170, 1e150))
@pytest.mark.parametrize("left", (True, False))
@pytest.mark.parametrize("batch", ((), (3,)))
def test_bounds_on_products_hold_where_squares_underflow_too(
    monkeypatch: pytest.MonkeyPatch, size: float, left: bool, batch: tuple[int, ...]
) -> None:
    monkeypatch.setattr(linear_maps, "LARGE", 10)
    matrix = size * RNG.normal(size=(13, 7))
    shape, out = ((*batch, 2, 13), (*batch, 2, 7)) if left else ((*batch, 7, 2), (*batch, 13, 2))
    plain = MatMul(matrix, left, shape, out)
    moved = Chain(Transpose((1, 0, 2) if batch else (1, 0)), plain)
    for w in (RNG.normal(size=(4, *plain.out)), np.broadcast_to(0.3, (4, *plain.out))):
        for linear in (plain, plain.absolute(), moved):
            exact, bound = np.abs(linear.pull(w)), pulled_at_most(linear, w)
            assert is_bounded(linear) and bound.shape == exact.shape and (bound >= exact).all()
            assert size < 1e-100 or (bound <= 100 * exact.max()).all()
    whole = MatMul(np.ones((13, 7), dtype=int), left, plain.shape, plain.out)
    assert not is_bounded(whole) and np.array_equal(pulled_at_most(whole, -w), np.abs(whole.pull(w)))


@pytest.mark.parametrize("sign", (1, -1))
def test_a_matrix_of_one_sign_has_one_part(sign: int) -> None:
    for matrix in (sign * np.ones((2, 3)), np.zeros((2, 3)), np.zeros((0, 3))):
        positive, negative = MatMul(matrix, True, (1, len(matrix)), (1, 3)).parts()
        assert (positive is not None) == (matrix > 0).any() and (negative is not None) == (matrix < 0).any()
    both = MatMul(np.full((2, 3), np.nan), True, (1, 2), (1, 3)).parts()
    assert None not in both


@pytest.mark.parametrize("columns", (1, 2, 5, 16, 17))
@pytest.mark.parametrize("order", ("C", "F"))
@pytest.mark.parametrize("dtype", (np.float64, np.float32))
def test_a_product_that_is_made_turned_round_is_the_same(
    monkeypatch: pytest.MonkeyPatch, columns: int, order: Any, dtype: Any
) -> None:
    monkeypatch.setattr(arrays, "_LARGE", 10)
    matrix = np.asarray(RNG.normal(size=(13, 7)), dtype, order=order)
    for batch in ((), (1,), (3,), (2, 3)):
        few = RNG.normal(size=(*batch, 7, columns)).astype(dtype)
        made = times(matrix, few)
        assert made.dtype == dtype and made.flags.c_contiguous
        np.testing.assert_allclose(made, np.matmul(matrix, few), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("share", (0.0, 0.02, 0.3, 1.0))
def test_where_a_matrix_holds_anything(share: float) -> None:
    for shape in ((40, 30), (30, 40), (1, 5), (5, 1), (7,), (2, 9, 20), (0, 3), (3, 0)):
        matrix = RNG.normal(size=shape) * (RNG.random(shape) < share)
        for axis in (-1, -2)[: len(shape)]:
            if matrix.shape[axis]:
                np.testing.assert_array_equal(filled(matrix, axis), (matrix != 0).any(axis=axis))


@pytest.mark.parametrize("left", (True, False))
@pytest.mark.parametrize("batch", ((), (3,)))
def test_where_a_product_may_be_nonzero(left: bool, batch: tuple[int, ...]) -> None:
    matrix = RNG.normal(size=(13, 7)) * (RNG.random((13, 7)) < 0.2)
    matrix[3], matrix[:, 2], matrix[5, 1] = 0.0, 0.0, np.nan
    shape, out = ((*batch, 2, 13), (*batch, 2, 7)) if left else ((*batch, 7, 2), (*batch, 13, 2))
    plain = MatMul(matrix, left, shape, out)
    reached = large_matrices.Reached(plain, nonzero)
    for pattern in (np.ones((4, *shape)), np.zeros((4, *shape)), (RNG.random((4, *shape)) < 0.3).astype(float)):
        made, expected = reached.push(pattern), plain.entrywise(nonzero).push(pattern)
        assert made.shape == expected.shape
        np.testing.assert_array_equal(made > 0, expected > 0)
