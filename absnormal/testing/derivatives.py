"""The comparison of a function's derivatives with differences, and at kinks with what is proved."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass
from functools import partial

import numpy as np

from absnormal.arrays import Array
from absnormal.errors import AbsNormalError, DomainError
from absnormal.frontends.maps import Map
from absnormal.report.explanation import excess
from absnormal.report.plain import number
from absnormal.report.report import Report
from absnormal.report.verdict import Verdict
from absnormal.verify import verify

_UNDEFINED, _VMAP = "where no output has a gradient", "under vmap"


@dataclass(frozen=True)
class Problem:
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


class Check:
    """The comparison of a function's derivatives with differences and with what is proved."""

    def __init__(
        self, checked: Map, eps: float, atol: float, rtol: float, nondet_tol: float, backward: bool, fast: bool,
        seed: int,
    ) -> None:
        self.map, self.eps, self.atol, self.rtol, self.fast = checked, eps, atol, rtol, fast
        self.nondet_tol, self.backward = nondet_tol, backward
        self.rng = np.random.default_rng(seed)
        self.value = checked.at(checked.point)
        if not np.isfinite(self.value).all():
            raise DomainError(checked.outputs.entry(int(np.argmin(np.isfinite(self.value)))),
                              "is NaN or infinite at this point")
        if not _within(checked.at(checked.point), self.value, nondet_tol):
            raise ValueError("a second call of f returned other values: fix what it draws at random")
        n = checked.inputs.size
        random = self.rng.standard_normal(n)
        #: Directions in which derivatives are compared, a row each, and the results on both sides along them.
        self.directions = (random / np.linalg.norm(random))[None] if fast else np.eye(n)
        self.above, self.below = (
            np.stack([checked.at(checked.point + step * d) for d in self.directions], axis=1) for step in (eps, -eps)
        )

        #: A weighted sum of the entries of each output, with what following it gave.
        self.totals = [self._total(output) for output, size in enumerate(checked.outputs.sizes) if size]

    def reverse(self, undefined: bool, batched: bool) -> Iterator[Problem]:
        """All that is wrong or open in reverse mode, by output."""
        for total, found in self.totals:
            rows = [] if self.fast else [*self._entries(total)]
            for row in rows:
                yield from self._problem(row, found if not found.kinks else self._followed(row), "reverse mode")
            yield from self._nonlinear(total, rows)
            yield from self._problem(total, found, "reverse mode")
            yield from self._apart(total, self.map.pull(total.weights[None])[0], "in a second call", self.nondet_tol)
        if undefined:
            none = np.zeros((1, self.map.outputs.size))
            pulled = (yield from _ran(partial(self.map.pull, none), "reverse mode", _UNDEFINED))[0]
            for place in np.flatnonzero(pulled)[:1].tolist():
                given = number(pulled[place])
                yield Problem(f"reverse mode gives {given} by {self.map.inputs.entry(place)}, {_UNDEFINED}")
        if batched:
            weights = np.stack([total.weights for total, _ in self.totals])
            together = yield from _ran(partial(self.map.pull, weights, batched=True), "reverse mode", _VMAP)
            for (total, _), pulled in zip(self.totals, together, strict=True):
                yield from self._apart(total, pulled, _VMAP)

    def forward(self, batched: bool) -> Iterator[Problem]:
        """All that is wrong or open in forward mode: it is what reverse mode gives, to rounding, or right by itself."""
        columns = self.map.push(self.directions)
        for total, found in self.totals:
            for row in [total] if self.fast else [*self._entries(total)]:
                along = columns @ row.weights
                size = np.abs(self.directions) @ np.abs(row.pulled)
                if (np.abs(along - self.directions @ row.pulled) <= self._rounding * size).all():
                    continue
                whole = self.map.push(np.eye(self.map.inputs.size)) @ row.weights
                kinks = self._followed(row, whole) if found.kinks else found
                yield from self._problem(row, kinks, "forward mode", whole)
        if batched:
            together = yield from _ran(partial(self.map.push, self.directions, batched=True), "forward mode", _VMAP)
            apart = np.abs(together - columns).max(axis=0)
            for place in np.flatnonzero(~(apart <= self._rounding * np.abs(columns).max(axis=0))):
                yield Problem(f"{self.map.outputs.entry(int(place))}: forward mode gives other numbers {_VMAP}, up to"
                              f" {number(apart[place])} apart")

    @property
    def _rounding(self) -> float:
        return float(8 * self.map.eps**0.5)

    def _pulled(self, weights: Array) -> Array:
        """What reverse mode gives; NaN, which is near nothing, where it is not checked."""
        return self.map.pull(weights) if self.backward else np.full((len(weights), self.map.inputs.size), np.nan)

    def _total(self, output: int) -> tuple[_Row, _Found]:
        own = self.map.outputs.slices()[output]
        weights = np.zeros(self.map.outputs.size)
        size = own.stop - own.start
        weights[own] = self.rng.uniform(0.5, 1.5, size) * self.rng.choice([-1.0, 1.0], size)
        name = f"{self.map.outputs.names[output]}, with random weights"
        row = _Row(weights, self._pulled(weights[None])[0], name)
        return row, self._followed(row)

    def _apart(self, row: _Row, pulled: Array, when: str, allowed: float | None = None) -> Iterator[Problem]:
        """Reverse mode gives the same again, to rounding or to what is allowed."""
        allowed = self._rounding * float(np.abs(row.pulled).max(initial=0.0)) if allowed is None else allowed
        if not _within(pulled, row.pulled, allowed):
            worst = int(np.argmax(np.nan_to_num(np.abs(pulled - row.pulled), nan=np.inf)))
            yield Problem(f"{row.name}, by {self.map.inputs.entry(worst)}: reverse mode gives"
                           f" {number(row.pulled[worst])}, and {number(pulled[worst])} {when}")

    def _entries(self, total: _Row) -> Iterator[_Row]:
        """The entries of an output; its weighted sum has all of them."""
        places = np.flatnonzero(total.weights)
        units = np.eye(self.map.outputs.size)[places]
        for place, unit, pulled in zip(places.tolist(), units, self._pulled(units), strict=True):
            yield _Row(unit, pulled, self.map.outputs.entry(place))

    def _nonlinear(self, total: _Row, rows: list[_Row]) -> Iterator[Problem]:
        """Reverse mode of a weighted sum is the weighted sum of what it gives for the entries."""
        if not rows:
            return
        weights = np.array([total.weights @ row.weights for row in rows])
        terms = weights[:, None] * np.stack([row.pulled for row in rows])
        allowed = self._rounding * np.abs(terms).sum(axis=0).max(initial=0.0) + self.nondet_tol
        apart = np.abs(terms.sum(axis=0) - total.pulled)
        if not (apart <= allowed).all():
            worst = int(np.argmax(apart))
            yield Problem(
                f"{total.name}, by {self.map.inputs.entry(worst)}: reverse mode gives {number(total.pulled[worst])},"
                f" and the weighted sum of what it gives for the entries is {number(terms.sum(axis=0)[worst])}: the"
                " backward is not linear in the gradient that it is given"
            )

    def _problem(self, row: _Row, found: _Found, mode: str, gradient: Array | None = None) -> Iterator[Problem]:
        """What is wrong with the gradient of a row: that of reverse mode, or ``gradient``."""
        gradient = row.pulled if gradient is None else gradient
        if found.kinks:
            assert found.report is not None
            yield from self._at_kink(row, found.report, mode)
            return
        along, differences = self.directions @ gradient, self._differences(row)
        wrong = ~(np.abs(along - differences) <= self.atol + self.rtol * np.abs(differences))
        if found.report is None and self._bent(row):
            yield Problem(f"{row.name}: differences on both sides disagree, so that there is a kink, and f cannot be"
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
            yield Problem(f"{row.name}, {by}: {mode} gives {ours}, differences give {theirs}{report}")

    def _at_kink(self, row: _Row, report: Report, mode: str) -> Iterator[Problem]:
        if report.verdict is Verdict.CLARKE:
            return
        proved = report.verdict is Verdict.NOT_CLARKE
        by = f", by {self.map.inputs.entry(_farthest(report))}" if proved else ""
        said = "gives no Clarke gradient" if proved else "gives a vector of which neither is proved"
        yield Problem(f"{row.name}{by}: {mode} {said}\n{report}", open=not proved)

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


def _ran(call: Callable[[], Array], mode: str, when: str) -> Generator[Problem, None, Array]:
    """What a call returns; its error is a problem."""
    try:
        return call()
    except Exception as error:
        yield Problem(f"{mode} does not run {when}: {type(error).__name__}: {error}")
        raise


def _within(again: Array, once: Array, allowed: float) -> bool:
    """Whether numbers are the same to what is allowed; where they are NaN, too."""
    return bool(np.allclose(again, once, rtol=0.0, atol=allowed, equal_nan=True))


def _farthest(report: Report) -> int:
    """The entry in which a gradient is wrong most."""
    wrong = excess(report)
    apart = report.flat_gradient - report.flat_clarke_gradient if wrong is None else wrong.direction
    return int(np.argmax(np.abs(apart)))
