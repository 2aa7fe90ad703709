"""A gradcheck that accepts kinks: differences where f is smooth, Clarke membership where it is not.

A library that runs `torch.autograd.gradcheck` in its tests writes

    from absnormal.testing import gradcheck

in its place, and takes its points at ties, too: zeros, equal entries, ends of clips.  An operation with a derivative of
its own (`torch.autograd.Function`, `torch.library.register_autograd`, `jax.custom_vjp`) is f itself:

    gradcheck(MyFunction.apply, (x, weight))

Its forward is followed where it is written in operations of the framework.  Where it is a kernel of its own it is
checked by differences alone, and at a kink nothing is proved, unless `absnormal.extend.rule` tells what the kernel
computes.
"""

from __future__ import annotations

import unittest
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from absnormal.arrays import Array
from absnormal.errors import AbsNormalError, DomainError, UndecidedWarning
from absnormal.frontends.frameworks import map_of
from absnormal.frontends.maps import Map
from absnormal.report.explanation import excess
from absnormal.report.plain import number
from absnormal.report.report import Report
from absnormal.report.verdict import Verdict
from absnormal.testing.assertions import UNDECIDED, Undecided
from absnormal.verify import verify

_DOUBLE = float(np.finfo(float).eps)
#: Steps and tolerances in double precision, those of torch.autograd.gradcheck.
_EPS, _ATOL, _RTOL = 1e-6, 1e-5, 1e-3
#: How many times the rounding of a central difference, eps^(2/3), coarser precisions may be off.
_COARSE = 10.0


def gradcheck(
    f: Callable[..., Any], inputs: Any, *, jacobian: Callable[..., Any] | None = None, eps: float | None = None,
    atol: float | None = None, rtol: float | None = None, raise_exception: bool = True, fast_mode: bool = False,
    check_forward_ad: bool = False, undecided: Undecided = "fail", seed: int = 0,
) -> bool:
    """Check the derivatives of f(*inputs), as torch.autograd.gradcheck and JAX's check_grads do, at kinks too.

    Where f is smooth the derivatives are compared with central differences.  Where a kink is active differences say
    nothing, and `absnormal.verify` proves whether the gradient of every entry of every output, and of a sum of the
    entries with random weights, is a Clarke gradient.  Derivatives that are written by hand, as in
    torch.autograd.Function, torch.library and jax.custom_vjp, are checked like all others.

    Parameters
    ----------
    f
        a function of torch tensors, JAX arrays or NumPy arrays of any shapes, which returns one array or several, also
        in nested containers; outputs that are not differentiable are left out
    inputs
        its arguments, a tuple, or one array.  Torch's are checked with respect to the tensors that require a gradient,
        others with respect to all floating-point arrays
    jacobian
        for NumPy functions, a function of the same arguments that returns the derivative to be checked: an array of the
        shape of the output followed by that of the input, a tuple of them for several inputs, a tuple of these for
        several outputs; without it that of backward mode with the slopes of HIPS/autograd
    eps, atol, rtol
        the step of the differences, and how far derivatives may be from them: atol + rtol * |difference|.  In double
        precision 1e-6, 1e-5 and 1e-3, larger in single precision
    raise_exception
        whether a wrong derivative raises; else False is returned
    fast_mode
        compare along one random direction, and with random weights of the entries only
    check_forward_ad
        check forward mode, too
    undecided
        what it means that neither could be proved at a kink: "fail", "warn" with an `absnormal.UndecidedWarning`, or
        "skip" the test
    seed
        of the random weights and directions

    Returns
    -------
    bool
        True; False where a derivative is wrong and ``raise_exception`` is False

    Raises
    ------
    AssertionError
        where a derivative is wrong: which output, which of its entries, by which input, and at a kink, or where a
        derivative is written by hand, the report with the lines behind it
    unittest.SkipTest
        where ``undecided="skip"`` asks for it
    DomainError
        where an output is NaN or infinite
    ValueError
        where nothing is differentiable, where a second call of f returns other values, and for arguments that do not
        fit

    Examples
    --------
    >>> import numpy as np, absnormal as an
    >>> def f(x, y):
    ...     return np.maximum(x, y) * x
    >>> an.testing.gradcheck(f, (np.ones(2), np.ones(2)))            # a kink in every entry
    True
    >>> def f_jacobian(x, y):
    ...     return np.diag(x + np.maximum(x, y)), np.diag(x)
    >>> an.testing.gradcheck(f, (np.ones(2), np.ones(2)), jacobian=f_jacobian)
    Traceback (most recent call last):
        ...
    AssertionError: output 0, entry [0], by input 1, entry [0]: reverse mode gives no Clarke gradient
    NOT_CLARKE: proved: the gradient is not an element of the Clarke generalized gradient
    ...
    """
    __tracebackhide__ = True
    if undecided not in UNDECIDED:
        raise ValueError(f"undecided must be one of {', '.join(UNDECIDED)}, got {undecided!r}")
    given = tuple(inputs) if isinstance(inputs, (tuple, list)) else (inputs,)
    checked = map_of(f, given, jacobian)
    if not checked.inputs.size or not checked.outputs.size:
        return True
    coarse = _COARSE * checked.eps ** (2 / 3)
    double = checked.eps <= _DOUBLE
    check = _Check(
        checked, eps or (_EPS if double else checked.eps ** (1 / 3)), max(_ATOL, coarse) if atol is None else atol,
        max(_RTOL, coarse) if rtol is None else rtol, fast_mode, seed,
    )
    problem = next(check.problems(check_forward_ad), None)
    if problem is None:
        return True
    if problem.open and undecided != "fail":
        if undecided == "skip":
            raise unittest.SkipTest(problem.text)
        warnings.warn(UndecidedWarning(problem.text), stacklevel=2)
        return True
    if raise_exception:
        raise AssertionError(problem.text)
    return False


@dataclass(frozen=True)
class _Problem:
    """What is wrong, or open."""

    text: str
    open: bool = False


@dataclass(frozen=True, eq=False)
class _Row:
    """One number to be differentiated: an entry of an output, or a sum with random weights.

    Attributes
    ----------
    weights
        shape (m,)
    pulled
        what reverse mode gives for it, shape (n,)
    name
        how it is called
    """

    weights: Array
    pulled: Array
    name: str


@dataclass(frozen=True, eq=False)
class _Found:
    """What following the function gave: a report on the gradient of a row, or why it cannot be followed."""

    report: Report | None = None
    error: AbsNormalError | None = None

    @property
    def kinks(self) -> bool:
        """Whether a kink is active."""
        return self.report is not None and len(self.report.tool.alpha) > 0


class _Check:
    """The comparison of a function's derivatives with differences and with what is proved."""

    def __init__(self, checked: Map, eps: float, atol: float, rtol: float, fast: bool, seed: int) -> None:
        self.map, self.eps, self.atol, self.rtol, self.fast = checked, eps, atol, rtol, fast
        self.rng = np.random.default_rng(seed)
        self.value = checked.at(checked.point)
        if not np.isfinite(self.value).all():
            raise DomainError(checked.outputs.entry(int(np.argmin(np.isfinite(self.value)))),
                              "is NaN or infinite at this point")
        if not np.array_equal(checked.at(checked.point), self.value):
            raise ValueError("a second call of f returned other values: fix what it draws at random")
        n = checked.inputs.size
        random = self.rng.standard_normal(n)
        #: Directions in which derivatives are compared, a row each, and the results on both sides along them.
        self.directions = (random / np.linalg.norm(random))[None] if fast else np.eye(n)
        self.above, self.below = (
            np.stack([checked.at(checked.point + step * d) for d in self.directions], axis=1) for step in (eps, -eps)
        )

    def problems(self, forward: bool) -> Iterator[_Problem]:
        """All that is wrong or open, by output."""
        for output, own in enumerate(self.map.outputs.slices()):
            weights = np.zeros(self.map.outputs.size)
            size = own.stop - own.start
            if not size:
                continue
            weights[own] = self.rng.uniform(0.5, 1.5, size) * self.rng.choice([-1.0, 1.0], size)
            name = f"{self.map.outputs.names[output]}, with random weights"
            total = _Row(weights, self.map.pull(weights[None])[0], name)
            found = self._followed(total)
            rows = [] if self.fast else [*self._entries(own)]
            for row in rows:
                yield from self._problem(row, found if not found.kinks else self._followed(row), "reverse mode")
            yield from self._nonlinear(total, rows)
            yield from self._problem(total, found, "reverse mode")
            if forward:
                yield from self._forward(rows or [total], found)

    def _entries(self, own: slice) -> Iterator[_Row]:
        units = np.eye(self.map.outputs.size)[own]
        for place, unit, pulled in zip(range(own.start, own.stop), units, self.map.pull(units), strict=True):
            yield _Row(unit, pulled, self.map.outputs.entry(place))

    def _nonlinear(self, total: _Row, rows: list[_Row]) -> Iterator[_Problem]:
        """Reverse mode of a weighted sum is the weighted sum of what it gives for the entries."""
        if not rows:
            return
        weights = np.array([total.weights @ row.weights for row in rows])
        terms = weights[:, None] * np.stack([row.pulled for row in rows])
        allowed = 8 * self.map.eps**0.5 * np.abs(terms).sum(axis=0).max(initial=0.0)
        apart = np.abs(terms.sum(axis=0) - total.pulled)
        if not (apart <= allowed).all():
            worst = int(np.argmax(apart))
            yield _Problem(
                f"{total.name}, by {self.map.inputs.entry(worst)}: reverse mode gives {number(total.pulled[worst])},"
                f" and the weighted sum of what it gives for the entries is {number(terms.sum(axis=0)[worst])}: the"
                " backward is not linear in the gradient that it is given"
            )

    def _problem(self, row: _Row, found: _Found, mode: str, gradient: Array | None = None) -> Iterator[_Problem]:
        """What is wrong with the gradient of a row: that of reverse mode, or ``gradient``."""
        gradient = row.pulled if gradient is None else gradient
        if found.kinks:
            assert found.report is not None
            yield from self._at_kink(row, found.report, mode)
            return
        along, differences = self.directions @ gradient, self._differences(row)
        wrong = ~(np.abs(along - differences) <= self.atol + self.rtol * np.abs(differences))
        if found.report is None and self._bent(row):
            yield _Problem(f"{row.name}: differences on both sides disagree, so that there is a kink, and f cannot be"
                           f" followed to prove anything there: {found.error}", open=True)
            return
        if found.report is not None and wrong.any() and found.report and self._crosses(found.report, wrong):
            return
        if wrong.any():
            apart = np.nan_to_num(np.abs(along - differences), nan=np.inf)
            place = int(np.argmax(np.where(wrong, apart, -1.0)))
            by = "along a random direction" if self.fast else f"by {self.map.inputs.entry(place)}"
            ours, theirs = number(along[place]), number(differences[place])
            judged = self._followed(row) if found.report is not None else found
            report = "" if judged.report is None else f"\n{judged.report}"
            yield _Problem(f"{row.name}, {by}: {mode} gives {ours}, differences give {theirs}{report}")

    def _at_kink(self, row: _Row, report: Report, mode: str) -> Iterator[_Problem]:
        if report.verdict is Verdict.CLARKE:
            return
        proved = report.verdict is Verdict.NOT_CLARKE
        by = f", by {self.map.inputs.entry(_farthest(report))}" if proved else ""
        said = "gives no Clarke gradient" if proved else "gives a vector of which neither is proved"
        yield _Problem(f"{row.name}{by}: {mode} {said}\n{report}", open=not proved)

    def _forward(self, rows: list[_Row], found: _Found) -> Iterator[_Problem]:
        """Forward mode is reverse mode's derivative to rounding, or is right by itself."""
        columns = self.map.push(self.directions)
        for row in rows:
            along = columns @ row.weights
            size = np.abs(self.directions) @ np.abs(row.pulled)
            if (np.abs(along - self.directions @ row.pulled) <= 8 * self.map.eps**0.5 * size).all():
                continue
            whole = self.map.push(np.eye(self.map.inputs.size)) @ row.weights
            kinks = self._followed(row, whole) if found.kinks else found
            yield from self._problem(row, kinks, "forward mode", whole)

    def _followed(self, row: _Row, gradient: Array | None = None) -> _Found:
        f, x = self.map.weighted(row.weights)
        options = self.map.judged(row.weights)
        if gradient is not None:
            options["gradient"] = self.map.shaped(gradient)
        try:
            return _Found(verify(f, x, **options))
        except AbsNormalError as error:
            return _Found(error=error)

    def _differences(self, row: _Row) -> Array:
        return np.asarray(row.weights @ (self.above - self.below) / (2 * self.eps))

    def _bent(self, row: _Row) -> bool:
        """Whether slopes on both sides differ, in some entry of the output."""
        used = row.weights != 0
        bend = np.abs(self.above + self.below - 2 * self.value[:, None])[used] / self.eps
        slope = np.abs(self.above - self.below)[used] / (2 * self.eps)
        return bool((bend > self.atol + self.rtol * slope).any())

    def _crosses(self, report: Report, wrong: Array) -> bool:
        """Whether a kink is so near that every difference that disagrees crosses it."""
        program = report.tool.program
        signs = np.sign(program.switching(report.tool.values))

        def same(x: Array) -> bool:
            try:
                values = program.evaluate(program.tree.split(x))
            except AbsNormalError:
                return False
            return bool((np.sign(program.switching(values)) == signs).all())

        steps = self.eps * self.directions[wrong]
        return not any(same(self.map.point + d) and same(self.map.point - d) for d in steps)


def _farthest(report: Report) -> int:
    """The entry in which a gradient is wrong most."""
    wrong = excess(report)
    apart = report.flat_gradient - report.flat_clarke_gradient if wrong is None else wrong.direction
    return int(np.argmax(np.abs(apart)))
