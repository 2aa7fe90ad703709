"""Does a report say what other slopes at ties give, and which lines that depends on?"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

import absnormal as an


def two_relus(x: Any) -> Any:
    positive = np.maximum(x[0], 0)
    unrelated = 0.0 * np.abs(x[1])
    negative = np.maximum(-x[0], 0)
    return positive - negative + unrelated


def test_they_are_the_gradients_that_these_slopes_give() -> None:
    def f(x: Any) -> Any:
        return np.maximum(x[0], x[1]) - 2 * np.abs(x[2]) + np.max(x)

    found = an.verify(f, np.zeros(3)).conventions
    assert [*found.gradients] == ["slope -1", "slope 0", "slope 1", "autograd", "torch", "jax", "casadi"]
    for name, gradient in found.gradients.items():
        slope = float(name.removeprefix("slope ")) if name.startswith("slope") else name
        assert np.array_equal(gradient, an.gradient(f, np.zeros(3), slope))


def test_the_text_groups_equal_ones_and_names_the_lines_that_matter() -> None:
    report = an.verify(two_relus, [0.0, 0.0], slope=-1)
    said = str(report.conventions)
    assert said.startswith("slope -1: [0, 0]; slope 0, autograd, torch, jax, casadi: [1, 0]; slope 1: [2, 0]. ")
    lines = [f"np.maximum at test_conventions.py:{number}" for number in (14, 16)]
    assert report.conventions.lines == tuple(lines) and ", ".join(lines) in said
    assert f"by convention: {said}" in " ".join(str(report).split())


def test_where_none_matters_that_is_said() -> None:
    found = an.verify(lambda x: np.abs(x[0]) + np.maximum(x[1], 0) - np.abs(x[0]), [0.0, 1.0], slope=-1).conventions
    assert found.same and "is the same for the slopes -1, 0 and 1" in str(found)


def test_long_vectors_are_compared_and_norms_give_what_the_tools_give() -> None:
    x = np.zeros(300)
    found = str(an.verify(lambda x: np.sum(np.maximum(x, 0)) - np.sum(np.maximum(-x, 0)), x, slope=-1).conventions)
    assert "slope -1: a vector of 300 entries, the largest of size 0" in found
    assert "slope 0, autograd, torch, jax, casadi: 300 entries differ from the first, by up to 1" in found
    norm = an.verify(lambda x: np.linalg.norm(x), np.zeros(2), slope=0).conventions
    assert np.isnan(norm.gradients["jax"]).all() and not np.isnan(norm.gradients["torch"]).any()
    assert "slope -1, slope 0, slope 1, torch: [0, 0]; autograd, jax, casadi: [nan, nan]" in str(norm)


def test_kernels_of_torch_are_in_no_other_tools_table() -> None:
    x = torch.zeros(1, requires_grad=True)
    report = an.torch.verify(x, lambda: (torch.relu(x) - torch.relu(-x)).sum())
    assert str(report.conventions).startswith("slope -1: [0]; slope 0: [1]; slope 1: [2]. It depends on the slope of ")
    right = an.torch.verify(x, lambda: torch.relu(x).sum() + x.sum() - torch.relu(x).sum())
    assert str(right.conventions) == "the gradient is the same for the slopes -1, 0 and 1 at every tie"
