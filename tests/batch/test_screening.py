"""Does a point of a sweep have the record of a single call, whether it was judged by itself or with others?"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

import absnormal as an
from absnormal.arrays import exactly
from absnormal.batch.verdicts import Work
from absnormal.program.program import Program
from absnormal.report.record import Record, record, record_of_error
from absnormal.sweeps.many import NoRule, clear

UNARY: tuple[Callable[[Any], Any], ...] = (
    np.abs, np.exp, np.sin, np.tanh, np.square, lambda u: np.maximum(u, 0), lambda u: np.log1p(np.abs(u)),
    lambda u: np.sqrt(u + 2.5), lambda u: np.log(u + 2.0), lambda u: 1 / (u - 0.25), lambda u: u**3,
    lambda u: np.arctan(u) / 3, lambda u: np.cbrt(u + 1), lambda u: np.minimum(u, 1.0) * u, lambda u: np.expm1(-u),
    lambda u: np.where(u > 0.5, u, 2 * u), np.cumsum, lambda u: u[::-1] - u, lambda u: np.concatenate([u[1:], u[:1]]),
    lambda u: np.arcsin(u / 2), lambda u: np.logaddexp(u, 0.5),
)  # fmt: skip
BINARY: tuple[Callable[[Any, Any], Any], ...] = (
    np.add, np.subtract, np.multiply, np.maximum, np.minimum, lambda u, v: u / (v * v + 1), lambda u, v: u @ v * u,
    lambda u, v: np.outer(u, v) @ np.arange(3.0), lambda u, v: np.stack([u, v, u - v]).max(axis=0),
)  # fmt: skip
LAST: tuple[Callable[[Any], Any], ...] = (
    np.sum, np.max, np.min, lambda u: u @ np.array([1.0, -2.0, 0.5]), lambda u: np.linalg.norm(u + 3.0),
    lambda u: np.log(np.sum(np.exp(u))), lambda u: np.mean(u) * u[0], lambda u: np.sort(u)[1],
)  # fmt: skip


def function(seed: int) -> Callable[[Any], Any]:
    """A random function of three numbers; every third one branches."""
    rng = np.random.default_rng(seed)
    steps = [(int(rng.integers(3)), int(rng.integers(99)), int(rng.integers(99)), int(rng.integers(99)))
             for _ in range(int(rng.integers(2, 7)))]
    last, branching = LAST[int(rng.integers(len(LAST)))], seed % 3 == 0

    def f(x: Any) -> Any:
        values = [x, 2 * x - 1.0]
        for kind, which, first, second in steps:
            u, v = values[first % len(values)], values[second % len(values)]
            values.append(UNARY[which % len(UNARY)](u) if kind else BINARY[which % len(BINARY)](u, v))
        if branching and x[0] > x[1]:
            return last(values[-1]) - x[2]
        return last(values[-1])

    return f


def points(seed: int, count: int = 40) -> Any:
    """Points in general position, on a lattice, and within rounding of it."""
    rng = np.random.default_rng(seed)
    found = rng.normal(size=(count, 3))
    found[::3] = rng.integers(-4, 5, size=found[::3].shape) / 4
    found[1::6] = (rng.integers(-4, 5, size=found[1::6].shape) / 4) * (1 + rng.integers(-2, 3) * 2.0**-52) + 0.1 - 0.1
    return found


def single(f: Any, x: Any, index: int, **options: Any) -> Record:
    """The record of one call."""
    try:
        return record(an.verify(f, x, **options), index)
    except Exception as error:
        return record_of_error(error, index)


def as_single_calls(f: Any, many: Any, **options: Any) -> Counter[str]:
    """Compare all records of a sweep with single calls, and with one that judges each point by itself; the theorems
    that they name."""
    records = list(an.sweep(f, many, **options))
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(Work, "known", lambda self, items: [None] * len(items))
        assert records == list(an.sweep(f, many, **options))
    for index, (own, x) in enumerate(zip(records, many, strict=True)):
        expected = single(f, x, index, **options)
        if own.verdict == "ERROR":
            # A program and f may say it in other words.
            assert expected.verdict == "ERROR" or isinstance(f, Program), (index, x)
        else:
            assert replace(own, digest="") == expected, (index, x)
    return Counter(own.method for own in records)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(15))
def test_random_functions(seed: int) -> None:
    found = as_single_calls(function(seed), points(seed))
    assert sum(found.values()) == 40


def sweep(monkeypatch: pytest.MonkeyPatch, f: Any, many: Any, **options: Any) -> tuple[list[Record], list[int]]:
    """The records of a sweep, and the numbers of the points that are judged by themselves."""
    alone: list[int] = []
    own = Work._record

    def noted(self: Work, index: int, point: Any) -> Record:
        alone.append(index)
        return own(self, index, point)

    with monkeypatch.context() as patched:
        patched.setattr(Work, "_record", noted)
        return list(an.sweep(f, many, **options)), alone


def judged_alone(monkeypatch: pytest.MonkeyPatch, f: Any, many: Any, **options: Any) -> list[int]:
    """The numbers of the points of a sweep that are judged by themselves."""
    return sweep(monkeypatch, f, many, **options)[1]


def swept(monkeypatch: pytest.MonkeyPatch, f: Any, many: Any) -> list[int]:
    """The same, where every record is compared with that of a single call."""
    records, alone = sweep(monkeypatch, f, many)
    for index, (found, x) in enumerate(zip(records, many, strict=True)):
        assert replace(found, digest="") == single(f, x, index), index
    return alone


def loss(x: Any) -> Any:
    return np.sum(np.maximum(x, 0.0)) + np.abs(x[0] - 2 * x[1]) * np.exp(-(x[2] ** 2)) - np.max(x)


def test_only_tied_points_are_judged_by_themselves(monkeypatch: pytest.MonkeyPatch) -> None:
    many = np.random.default_rng(0).normal(size=(500, 3))
    tied = {17: [0.0, 1.0, 2.0], 130: [2.0, 1.0, -1.0], 131: [1.0, 1.0, 0.25], 400: [0.3, 0.15 + 2.0**-54, 5.0]}
    for number, x in tied.items():
        many[number] = x
    assert judged_alone(monkeypatch, loss, many) == [0, *tied]
    found = as_single_calls(loss, many[:140])
    assert found["smooth"] == 137 or found["smooth"] == 138


def test_points_that_count_as_active_are_judged_by_themselves(monkeypatch: pytest.MonkeyPatch) -> None:
    many = np.ones((200, 3)) * [2.0, 0.5, -3.0]
    many[50, 0], many[60, 1] = 1e-5, 0.99e-4
    assert judged_alone(monkeypatch, loss, many, atol=1e-4) == [0, 50, 60]
    as_single_calls(loss, many[40:70], atol=1e-4)


@pytest.mark.parametrize("options", ({"slope": -1}, {"slope": 2.0}, {"slope": "torch"}, {"exact": True}, {"seed": 4}))
def test_options(options: dict[str, Any]) -> None:
    as_single_calls(loss, points(5), **options)
    as_single_calls(lambda x: np.abs(x[0]) - np.maximum(x[1], x[2]), points(6), **options)


def test_structures_shapes_and_integers() -> None:
    def f(p: Any) -> Any:
        return np.sum(np.maximum(p["W"] @ p["x"] + p["b"], 0)) - np.abs(p["x"][1])

    rng = np.random.default_rng(3)
    many = [{"W": rng.integers(-1, 2, (2, 3)).astype(float), "b": rng.normal(size=2), "x": rng.normal(size=3)}
            for _ in range(12)]
    many[3]["b"] = -(many[3]["W"] @ many[3]["x"])
    as_single_calls(f, many)
    as_single_calls(loss, rng.integers(-2, 3, (20, 3)))
    as_single_calls(loss, [[1, 2.0, 3], [0.0, 1.0, 2.0], (3.0, -1.0, 0.5), np.ones(3, np.float32), [np.nan, 1.0, 2.0]])
    as_single_calls(lambda x: np.sum(np.abs(x)), [np.ones(2), np.ones(3), np.zeros(3), np.ones(2), 1.5 * np.ones(3)])


def test_a_program_at_points_of_other_branches_and_of_torch() -> None:
    torch = pytest.importorskip("torch")
    many = points(9)
    program = an.trace(loss, many[0])
    as_single_calls(program, many)
    as_single_calls(program, [torch.tensor(x) for x in many])


def each_clear(f: Callable[[Any], Any], many: Any) -> Iterator[tuple[Any, Any, bool]]:
    for x in many[:6]:
        try:
            program = an.trace(f, x)
            found = clear(program, [many])
        except (NoRule, an.TraceError, an.DomainError):
            continue
        for y, own in zip(many, found.tolist(), strict=True):
            yield program, y, own


@pytest.mark.slow
def test_a_clear_point_has_no_active_kink_in_exact_arithmetic_either() -> None:
    seen = 0
    for seed in range(60):
        for program, y, own in each_clear(function(seed), points(seed + 1000)):
            if own:
                values = program.evaluate(y)
                assert np.isfinite(an.gradient(program, y)).all()
                assert np.all(program.switching(values) != 0)
                if program.is_piecewise_linear:
                    exact = program.switching(program.evaluate(exactly(y)))
                    assert [a > 0 for a in exact] == [a > 0 for a in program.switching(values)]
                seen += 1
    assert seen > 500
