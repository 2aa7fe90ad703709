"""Assertions that say what was found."""

from __future__ import annotations

import unittest
import warnings
from collections.abc import Mapping
from typing import Any, Literal

import numpy as np

from absnormal.arrays import Array
from absnormal.clarke.budget import Budget
from absnormal.errors import UndecidedWarning
from absnormal.report.report import Report
from absnormal.report.verdict import Verdict
from absnormal.verify import verify

Undecided = Literal["fail", "warn", "skip"]
UNDECIDED = ("fail", "warn", "skip")
_PARTS = ("Z", "L", "J", "Y", "c", "b")
_SHOWN = 3


def assert_clarke_gradient(
    f: Any, x: Any, *, gradient: Any = None, slope: Any = None,
    undecided: Undecided = "fail", exact: bool = False, atol: float = 0.0, rtol: float | None = None,
    atol_gradient: float = 0.0, stopped: str = "constant", budget: Budget | None = None, seed: int = 0,
) -> Report:
    """Fail unless the gradient that an AD tool returns at x is proved to be a Clarke generalized gradient.

    Parameters
    ----------
    f, x
        a function and a point, as `absnormal.verify` takes them; or a model and a closure that returns the loss, as
        `absnormal.torch.verify` does
    gradient, slope, exact, atol, rtol, atol_gradient, stopped, budget, seed
        as `absnormal.verify` takes them
    undecided
        what it means that neither could be proved: "fail", "warn" with an `absnormal.UndecidedWarning`, or "skip" the
        test

    Returns
    -------
    Report
        of the proof

    Raises
    ------
    AssertionError
        with the text of the report: the verdict, a Clarke gradient to use instead, the lines of f that are behind it
    unittest.SkipTest
        where ``undecided="skip"`` asks for it; pytest and unittest know it
    TraceError, DomainError, ValueError
        as `absnormal.verify` does

    Examples
    --------
    >>> import numpy as np, absnormal as an
    >>> an.testing.assert_clarke_gradient(lambda x: np.sum(np.abs(x)), [0.0, 1.0], slope=-1)
    <Report CLARKE by private directions, 1 of 2 switches active>
    >>> an.testing.assert_clarke_gradient(lambda x: np.abs(x[0]), [0.0], gradient=[1.5])
    Traceback (most recent call last):
        ...
    AssertionError: NOT_CLARKE: proved: the gradient is not an element of the Clarke generalized gradient
    gradient: [1.5]  (as given)
    ...
    """
    __tracebackhide__ = True
    if undecided not in UNDECIDED:
        raise ValueError(f"undecided must be one of {', '.join(UNDECIDED)}, got {undecided!r}")
    report = verified(
        f, x, gradient=gradient, slope=slope, exact=exact, atol=atol, rtol=rtol, atol_gradient=atol_gradient,
        stopped=stopped, budget=budget, seed=seed,
    )
    judge(report, undecided)
    return report


def is_model(x: Any) -> bool:
    """Whether something is a model with named parameters."""
    return hasattr(x, "named_parameters")


def verified(f: Any, x: Any, **options: Any) -> Report:
    """The report on a function at a point, or on a model, or its tensors, with a closure."""
    if callable(x) and (is_model(f) or not callable(f)):
        from absnormal.torch import verify as verify_closure

        return verify_closure(f, x, **options)
    return verify(f, x, **options)


def judge(report: Report, undecided: str) -> None:
    """Fail, warn or skip as the verdict asks for."""
    __tracebackhide__ = True
    if report.verdict is Verdict.CLARKE:
        return
    if report.verdict is Verdict.NOT_CLARKE or undecided == "fail":
        raise AssertionError(str(report))
    if undecided == "skip":
        raise unittest.SkipTest(str(report))
    warnings.warn(UndecidedWarning(str(report)), stacklevel=3)


def assert_abs_normal_close(actual: Any, desired: Any, *, rtol: float = 1e-9, atol: float = 0.0) -> None:
    """Fail unless two abs-normal forms agree: z = c + Z x + L|z|, y = b + J x + Y|z|.

    Parameters
    ----------
    actual, desired
        each an `absnormal.AbsNormalForm`, or anything with Z (s, n), L (s, s), J (m, n), Y (m, s), c (s,) and b (m,) as
        attributes or as keys: arrays or sparse arrays; the switches of both in the same order
    rtol, atol
        entries may differ by atol + rtol * |desired|

    Raises
    ------
    AssertionError
        naming the matrices that differ, by how much, and the entries with the largest differences
    ValueError
        for an argument that lacks one of the six

    Examples
    --------
    >>> import numpy as np, absnormal as an
    >>> form = an.abs_normal_form(lambda x: np.abs(x[1] - np.abs(x[0])), [0.0, 2.0])
    >>> mine = dict(Z=[[1, 0], [0, 1]], L=[[0, 0], [-1, 0]], J=[[0, 0]], Y=[[0, 1]], c=[0, 0], b=[0])
    >>> an.testing.assert_abs_normal_close(form, mine)
    >>> an.testing.assert_abs_normal_close(form, {**mine, "Y": [[0, 2]]})
    Traceback (most recent call last):
        ...
    AssertionError: abs-normal forms differ
    Y: 1 of 2 entries, by up to 1
      Y[0, 1] is 1.0, desired 2.0
    """
    __tracebackhide__ = True
    problems = []
    for name in _PARTS:
        got, wanted = _part(actual, name, "actual"), _part(desired, name, "desired")
        if got.shape != wanted.shape:
            problems.append(f"{name}: shape {got.shape}, desired {wanted.shape}")
            continue
        off = ~np.isclose(got, wanted, rtol=rtol, atol=atol, equal_nan=False)
        if off.any():
            problems.append(_differences(name, got, wanted, off))
    if problems:
        raise AssertionError("\n".join(["abs-normal forms differ", *problems]))


def _part(form: Any, name: str, argument: str) -> Array:
    found = form.get(name) if isinstance(form, Mapping) else getattr(form, name, None)
    if found is None:
        raise ValueError(f"{argument} must have {', '.join(_PARTS)}, got a {type(form).__name__} without {name}")
    dense = found.toarray() if hasattr(found, "toarray") else found
    return np.asarray(dense, dtype=float)


def _differences(name: str, got: Array, wanted: Array, off: Array) -> str:
    size = np.where(off, np.abs(got - wanted), -1.0)
    size[off & np.isnan(size)] = np.inf
    lines = [f"{name}: {int(off.sum())} of {off.size} entries, by up to {size.max():.6g}"]
    for flat in np.argsort(-size, axis=None, kind="stable")[: min(_SHOWN, int(off.sum()))]:
        position = tuple(int(i) for i in np.unravel_index(flat, got.shape))
        lines.append(f"  {name}[{', '.join(map(str, position))}] is {got[position]!s}, desired {wanted[position]!s}")
    return "\n".join(lines)
