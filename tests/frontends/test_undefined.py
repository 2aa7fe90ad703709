"""Is the line named whose derivative makes a gradient NaN, no other one, and is what the report says a fix?"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import torch

import absnormal as an
from absnormal.frontends.jax.undefined import undefined


def line_after(f: Callable[..., Any], code: str) -> int:
    """The line of a function that holds a piece of code."""
    import inspect

    lines, first = inspect.getsourcelines(f)
    return first + next(number for number, line in enumerate(lines) if code in line)


def in_torch(x: Any) -> Any:
    kept = torch.where(torch.tensor([True, True, False]), x, -torch.inf)
    weights = torch.softmax(kept, 0)
    return (weights * torch.where(
        x > 1,
        torch.log(x),
        x)).sum()  # fmt: skip


def in_torch_fixed(x: Any) -> Any:
    kept = torch.where(torch.tensor([True, True, False]), x, -torch.inf)
    return (torch.softmax(kept, 0) * torch.where(x > 1, torch.log(torch.where(x > 1, x, 1.0)), x)).sum()


def quotient(x: Any) -> Any:
    safe = x * 1.0
    return torch.where(x == 0, 1.0, torch.sin(x) / safe).sum()


def in_jax(x: Any) -> Any:
    kept = jax.nn.softmax(jnp.where(jnp.array([True, True, False]), x, -jnp.inf))

    @jax.jit
    def inner(u: Any) -> Any:
        return jnp.where(u > 1, jnp.sqrt(u), u)

    return (kept * inner(x)).sum()


def in_jax_fixed(x: Any) -> Any:
    kept = jax.nn.softmax(jnp.where(jnp.array([True, True, False]), x, -jnp.inf))
    return (kept * jnp.where(x > 1, jnp.sqrt(jnp.where(x > 1, x, 1.0)), x)).sum()


@pytest.mark.parametrize(("f", "what", "code"), [
    (in_torch, "torch.log", "torch.log(x)"), (quotient, "torch.div", "/ safe"),
    (in_jax, "what is computed", "jnp.sqrt(u)"),
])  # fmt: skip
def test_the_line_is_named_and_no_other(f: Any, what: str, code: str) -> None:
    report = an.verify(f, jnp.zeros(3) if f is in_jax else torch.zeros(3))
    assert report.method == "nonfinite"
    named = re.search(r"the derivative of (.*) is infinite or NaN", report.explanation)
    assert named is not None and named[1] == f"{what} at {__file__.rpartition('/')[2]}:{line_after(f, code)}"
    where = "jnp.where" if f is in_jax else "torch.where"
    assert f"{where}(ok, g({where}(ok, u, 1.0)), other)" in report.explanation


def test_what_the_report_says_is_a_fix() -> None:
    for f, x in ((in_torch_fixed, torch.zeros(3)), (in_jax_fixed, jnp.zeros(3))):
        assert an.verify(f, x).verdict is an.Verdict.CLARKE


def test_vectors_that_are_given_are_of_no_line() -> None:
    report = an.verify(in_torch, torch.zeros(3), gradient=torch.full((3,), torch.nan))
    assert report.explanation.startswith("the gradient holds NaN or infinity. ")
    finite = undefined(in_jax_fixed, jnp.zeros(3))
    assert finite == () and np.isfinite(jax.grad(in_jax_fixed)(jnp.zeros(3))).all()


def test_a_weight_that_torch_changes_in_place_or_a_tape_that_does_not_run_again_is_no_error() -> None:
    def f(x: Any) -> Any:
        y = x * 1.0
        y[0] = torch.where(x[1] > 1, torch.sqrt(x[1]), x[1])
        return torch.nn.functional.dropout(y, 0.5).sum() * 0 + y.sum()

    report = an.verify(f, torch.zeros(2))
    assert report.method == "nonfinite" and "torch.sqrt" in report.explanation
