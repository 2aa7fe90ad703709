"""A leaf that lies below what its precision loses to underflow is not right whatever it holds."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

import absnormal as an
from tests.planted.plants import Wrong

#: A factor for the loss, after which every entry of the gradient is below 7e-37.
TINY = 1e-42


def loss(factor: float | None) -> Any:
    c = torch.linspace(0.5, 2.0, 5)

    def f(x: Any) -> Any:
        u = x if factor is None else Wrong.apply(x, lambda g: factor * g)
        return (u.sin() * c).sum() * TINY * 100

    return f


X = torch.linspace(-1.0, 1.0, 5)


def test_the_framework_s_own_formulas_may_lose_what_is_tiny() -> None:
    assert an.verify(loss(None), X).verdict.name == "CLARKE"


@pytest.mark.parametrize("factor", [-1.0, 0.0, 1.3, 100.0])
def test_foreign_code_may_not(factor: float) -> None:
    report = an.verify(loss(factor), X)
    assert report.verdict.name == "UNDECIDED"
    assert an.verify(loss(1.0), X).verdict.name in ("CLARKE", "UNDECIDED")


@pytest.mark.parametrize("factor", [-1.0, 0.0, 1.3])
def test_nor_may_a_vector_that_is_given(factor: float) -> None:
    own = an.verify(loss(None), X).gradient
    assert an.verify(loss(None), X, gradient=own * factor).verdict.name == "UNDECIDED"


def test_what_underflow_lost_is_no_reason_for_a_negative_verdict() -> None:
    """A float32 vector of zeros where the gradient is 1e-60 for float64."""
    report = an.verify(lambda x: np.sum(x) * 1e-60, np.ones(3), gradient=np.zeros(3, np.float32))
    assert report.verdict.name == "UNDECIDED"
    assert an.verify(lambda x: np.sum(x) * 1e-60, np.ones(3), gradient=np.zeros(3)).verdict.name == "NOT_CLARKE"
