"""Does a report say what other slopes at ties give, and which lines that depends on?"""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import torch
from torch.nn import functional

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
    lines = [f"np.maximum at test_conventions.py:{number}" for number in (18, 20)]
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


def test_kernels_of_torch_have_the_slopes_that_functions_of_the_same_meaning_have_elsewhere() -> None:
    x = torch.zeros(1, requires_grad=True)
    report = an.torch.verify(x, lambda: (torch.relu(x) - torch.relu(-x)).sum())
    assert str(report.conventions).startswith(
        "slope -1, torch, jax: [0]; slope 0, autograd, casadi: [1]; slope 1: [2]. It depends on the slope of ")
    right = an.torch.verify(x, lambda: torch.relu(x).sum() + x.sum() - torch.relu(x).sum())
    assert str(right.conventions) == (
        "the gradient is the same for the slopes -1, 0 and 1 at every tie, and for the ties of every tool")
    # No other tool has this kernel.
    with_own = an.torch.verify(x, lambda: (functional.hardsigmoid(x + 3) - torch.relu(x)).sum())
    assert [*with_own.conventions.gradients] == ["slope -1", "slope 0", "slope 1", "torch"]


#: Functions of torch, one for each of its kernels that others have, and what JAX users write.
_SAME: dict[str, tuple[Any, Any]] = {
    "relu": (torch.relu, jax.nn.relu), "leaky_relu": (functional.leaky_relu, jax.nn.leaky_relu),
    "elu": (lambda x: functional.elu(x, 2.0), lambda x: jax.nn.elu(x, 2.0)), "abs": (torch.abs, jnp.abs),
    "maximum": (lambda x: torch.maximum(x, 2 * x), lambda x: jnp.maximum(x, 2 * x)),
    "minimum": (lambda x: torch.minimum(x, 2 * x), lambda x: jnp.minimum(x, 2 * x)),
    "fmax": (lambda x: torch.fmax(x, 2 * x), lambda x: jnp.fmax(x, 2 * x)),
    "fmin": (lambda x: torch.fmin(x, 2 * x), lambda x: jnp.fmin(x, 2 * x)),
    "clamp": (lambda x: x.clamp(0, 1), lambda x: jnp.clip(x, 0, 1)), "amax": (torch.amax, jnp.max),
    "amin": (torch.amin, jnp.min), "vector_norm": (torch.linalg.vector_norm, jnp.linalg.norm),
    "root": (lambda x: torch.sqrt((x * x).sum()), lambda x: jnp.sqrt((x * x).sum())),
}  # fmt: skip


@pytest.mark.parametrize("name", _SAME)
def test_what_is_said_of_jax_is_what_jax_returns(name: str) -> None:
    of_torch, of_jax = _SAME[name]
    x = torch.zeros(3, dtype=torch.float64, requires_grad=True)
    weights = np.array([1.0, 2.0, 3.0])
    report = an.torch.verify(x, lambda: (torch.as_tensor(weights) * of_torch(x)).sum())
    found = report.conventions.gradients
    own = jax.grad(lambda x: (weights * of_jax(x)).sum())(jnp.zeros(3))
    assert np.allclose(found["jax"], own, equal_nan=True)
    assert np.allclose(found["torch"], report.gradient.numpy(), equal_nan=True)


def test_lines_that_matter_are_found_behind_any_number_of_others() -> None:
    """Kinks of constants, of what is multiplied by 0 and of what is stopped do not matter, the last line does."""
    lines = [f"    total = total + x[0] * np.abs({k} * x[1]) + 0.0 * np.abs(x[0])" for k in range(1, 21)]
    last = "    return total + np.maximum(x[0], 0) - np.maximum(-x[0], 0)"
    namespace: dict[str, Any] = {"np": np}
    exec(compile("\n".join(["def f(x):", "    total = 0.0", *lines, last]), "many.py", "exec"), namespace)
    report = an.verify(namespace["f"], np.zeros(2), slope=-1)
    assert len(report.active) > 20 and report.conventions.lines == ("np.maximum at many.py:23",)
    x = torch.zeros(1, requires_grad=True)

    def loss() -> Any:
        held = torch.relu(x).detach() + torch.abs(torch.zeros(1))
        return (torch.relu(x) * (1 + held) - torch.relu(-x)).sum()

    (line,) = an.torch.verify(x, loss).conventions.lines
    assert line == f"torch.relu at test_conventions.py:{loss.__code__.co_firstlineno + 2}"


def test_a_kink_whose_slope_0_hides_another_is_named() -> None:
    def f(x: Any) -> Any:
        inner = np.abs(x[0])
        return np.abs(inner)

    found = an.verify(f, [0.0], slope=0).conventions
    assert len(found.lines) == 2 and not found.same
