"""Is a NumPy function that reads one half of a matrix a function of that half?"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from scipy import linalg

import absnormal as an

RNG = np.random.default_rng(5)
A = RNG.normal(size=(3, 3))
#: Not symmetric, and positive definite by either half.
POINT = A @ A.T + np.eye(3) + np.triu(0.01 * RNG.normal(size=(3, 3)))

#: name -> (function of matrices, whether the lower half is read)
FUNCTIONS: dict[str, tuple[Callable[[Any], Any], bool]] = {
    "cholesky": (np.linalg.cholesky, True),
    "cholesky upper": (lambda a: np.linalg.cholesky(a, upper=True), False),
    "eigvalsh": (np.linalg.eigvalsh, True), "eigvalsh U": (lambda a: np.linalg.eigvalsh(a, UPLO="U"), False),
    "eigh": (lambda a: np.linalg.eigh(a)[1] ** 2, True), "eigh U": (lambda a: np.linalg.eigh(a, "U")[1] ** 2, False),
}  # fmt: skip
SCIPY: dict[str, tuple[Callable[[Any], Any], bool]] = {
    "scipy cholesky": (lambda a: linalg.cholesky(a), False),
    "scipy lower": (lambda a: linalg.cholesky(a, lower=True), True),
    "scipy eigvalsh": (lambda a: linalg.eigvalsh(a), True),
    "scipy U": (lambda a: linalg.eigvalsh(a, lower=False), False),
}


@pytest.mark.parametrize("batch", [(), (2,)])
def test_the_gradient_is_that_of_all_entries(batch: tuple[int, ...]) -> None:
    for name, (f, lower) in (FUNCTIONS if batch else FUNCTIONS | SCIPY).items():
        point = np.broadcast_to(POINT, (*batch, 3, 3)) + 0.1 * np.arange(len(batch) + 1)[-1] * np.eye(3)
        weights = RNG.normal(size=np.shape(f(point)))

        def loss(a: Any, f: Any = f, weights: Any = weights) -> Any:
            return (weights * f(a)).sum()

        report = an.verify(loss, point)
        assert report, name
        own = report.gradient
        unread = np.triu(np.ones((3, 3), bool), 1)
        assert not own[..., unread if lower else unread.T].any(), name
        for place in np.ndindex(*point.shape):
            step = np.zeros(point.shape)
            step[place] = 1e-6
            change = (loss(point + step) - loss(point - step)) / 2e-6
            np.testing.assert_allclose(own[place], change, atol=1e-7, err_msg=name)
