"""Many points: are the records those of verify, whatever the map, and does nothing that is finished get lost?"""

from __future__ import annotations

import itertools
import json
import os
import sys
import time
import tracemalloc
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from functools import partial
from multiprocessing.pool import ThreadPool
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import absnormal as an
from absnormal import gallery
from absnormal.frontends.numpy.traced import TracedArray
from absnormal.gallery import digits, networks
from absnormal.report.record import Record
from tests.oracle.expressions import numpy_callable
from tests.oracle.strategies import programs


def identity(x: Any) -> Any:
    return np.maximum(x[0], 0) - np.maximum(-x[0], 0)


def branches(x: Any) -> Any:
    return np.abs(x[0]) if x[0] > 1 else np.abs(x[0]) + np.maximum(x[0], 0) * 2


POINTS = np.array([[k / 2] for k in range(-8, 9)])


def bare(records: Any) -> list[tuple[Any, ...]]:
    return [(r.index, r.verdict, r.method, r.active, r.t) for r in records]


@pytest.mark.slow
@settings(max_examples=12, deadline=None)
@given(programs(), st.sampled_from([-1.0, 0.0, 1.0]))
def test_the_records_are_those_of_verify(drawn: Any, slope: float) -> None:
    expression, point = drawn
    f = numpy_callable(expression)
    points = [np.array(point, dtype=float) * k for k in (1.0, 0.0, -1.0)]
    for found, x in zip(an.sweep(f, points, slope=slope, chunk=2), points, strict=True):
        report = an.verify(f, x, slope=slope)
        assert (found.verdict, found.active, found.switches) == (
            report.verdict.name, len(report.slopes), report.program.s
        )
        assert Record.from_dict(json.loads(json.dumps(found.to_dict()))) == found


def test_every_map_gives_the_same(tmp_path: Path) -> None:
    expected = list(an.sweep(identity, POINTS, slope=-1, kinks=True))
    assert [r.verdict for r in expected if r.index == 8] == ["NOT_CLARKE"]
    with ThreadPoolExecutor(2) as threads, ProcessPoolExecutor(2) as processes, ThreadPool(2) as pool:
        futures = partial(_futures, threads)
        for map_ in (threads.map, processes.map, pool.imap, futures):
            assert list(an.sweep(identity, POINTS, slope=-1, kinks=True, map=map_, chunk=3)) == expected


def _futures(executor: Any, function: Any, tasks: list[Any]) -> list[Any]:
    return [executor.submit(function, task) for task in tasks]


@pytest.mark.slow
def test_a_dask_cluster() -> None:
    distributed = pytest.importorskip("distributed")
    expected = bare(an.sweep(identity, POINTS, slope=-1))
    with distributed.LocalCluster(
        n_workers=1, threads_per_worker=1, processes=True, dashboard_address=None, silence_logs=50
    ) as cluster, distributed.Client(cluster) as client:  # fmt: skip
        found = bare(an.sweep(identity, POINTS, slope=-1, map=partial(client.map, pure=False), chunk=4))
        executor = bare(an.sweep(lambda x: identity(x), POINTS, slope=-1, map=client.get_executor().map, chunk=4))
    assert found == expected == executor


def test_tracing_is_paid_once_a_shape() -> None:
    calls = []

    def f(x: Any) -> Any:
        calls.extend([np.shape(x)] if isinstance(x, TracedArray) else [])
        return np.sum(np.abs(x))

    points = [np.zeros(2), np.ones(2), np.zeros(3), np.zeros(2), np.ones(3)]
    assert [r.verdict for r in an.sweep(f, points)] == ["CLARKE"] * 5
    assert calls == [(2,), (3,)]


def test_branches_are_traced_once_each() -> None:
    calls = []

    def f(x: Any) -> Any:
        calls.extend([1] if isinstance(x, TracedArray) else [])
        return branches(x)

    points = [[x] for x in (0.0, 2.0, 0.5, 3.0, -1.0, 4.0)]
    assert bare(an.sweep(f, points)) == [
        (k, "CLARKE", an.verify(branches, x).method, len(an.verify(branches, x).slopes), None)
        for k, x in enumerate(points)
    ]
    assert len(calls) == 2


def test_a_function_that_does_not_pickle_takes_other_branches_in_this_process() -> None:
    points = [[2.0], [0.0], [3.0], [-1.0], [1.0]]
    expected = bare(an.sweep(branches, points))
    assert expected[-1][1:3] == ("ERROR", "TraceError")
    with ProcessPoolExecutor(1) as pool:
        found = list(an.sweep(lambda x: branches(x), points, map=pool.map, chunk=2))
    assert bare(found) == expected


@pytest.mark.parametrize("f", [
    lambda x: np.linalg.norm(x), lambda x: np.sqrt(np.sum(x * x)) + np.abs(x[0]),
    lambda x: np.where(x[0] > 0, np.sqrt(np.where(x[0] > 0, x[0], 1.0)), x[0] ** 2), lambda x: np.hypot(x[0], x[1]),
])  # fmt: skip
def test_records_do_not_depend_on_the_points_before(f: Any) -> None:
    """A norm is a kink at 0, and a smooth root where the program was traced first."""
    points = np.array([[1.0, 2.0], [0.0, 0.0], [0.0, 1.0], [-1.0, 0.0]])
    for order in ([0, 1, 2, 3], [1, 0, 3, 2], [3, 2, 1, 0]):
        records = list(an.sweep(f, points[order]))
        assert [(r.verdict, r.method) for r in records] == [_alone(f, point) for point in points[order]]


def _alone(f: Any, point: Any) -> tuple[str, str]:
    try:
        report = an.verify(f, point)
    except an.AbsNormalError as error:
        return "ERROR", type(error).__name__
    return report.verdict.name, report.method


def test_points_of_arrays_of_several_shapes() -> None:
    points = [{"a": (np.ones(2), np.full(3, value)), "b": 1.0} for value in (0.0, 1.0)]
    records = list(an.sweep(lambda q: np.abs(q["a"][0]).sum() + np.abs(q["a"][1]).sum() * q["b"], points))
    assert [(r.verdict, r.active) for r in records] == [("CLARKE", 3), ("CLARKE", 0)]
    assert records[0].digest != records[1].digest


def test_points_that_cannot_be_analysed_are_records() -> None:
    found = list(an.sweep(lambda x: np.log(x[0]) + np.abs(x[0]), [[1.0], [-1.0], [np.nan], [2.0]]))
    assert [r.verdict for r in found] == ["CLARKE", "ERROR", "ERROR", "CLARKE"]
    assert found[1].method == "DomainError" and found[1].lines[0].operation == "np.log"


def test_the_summary() -> None:
    sweep = an.sweep(lambda x: 3 * identity(x) + x[1], [[0.0, 1.0], [1.0, 1.0], [0.0, 2.0]], slope=-1)
    list(sweep)
    assert sweep.summary.verdicts == {"NOT_CLARKE": 2, "CLARKE": 1}
    assert sweep.summary.methods == {"separation": 2, "smooth": 1}
    assert [found.index for found in sweep.summary.worst] == [0, 2] and sweep.summary.worst[0].excess == 3.0
    ((place, count),) = sweep.summary.culprits.items()
    assert place.startswith("test_sweep.py:") and "np.maximum(x[0], 0)" in place and count == 2
    assert str(sweep.summary).startswith("3 records: 2 NOT_CLARKE, 1 CLARKE\nby: 2 separation, 1 smooth")
    assert json.loads(json.dumps(sweep.summary.to_dict()))["points"] == 3


def test_kinks_between_points_come_before_the_point() -> None:
    found = list(an.sweep(identity, [[-1.0], [1.0], [2.0]], slope=-1, kinks=True))
    assert [(r.index, r.t, r.x, r.verdict) for r in found] == [
        (0, None, None, "CLARKE"), (1, 0.5, [0.0], "NOT_CLARKE"), (1, None, None, "CLARKE"), (2, None, None, "CLARKE"),
    ]  # fmt: skip


def test_progress_counts_points() -> None:
    seen: list[Any] = []
    list(an.sweep(identity, POINTS, kinks=True, on_progress=lambda *args: seen.append(args)))
    assert seen == [(k, 17) for k in range(1, 18)]
    list(an.sweep(identity, iter(POINTS[:2]), on_progress=lambda *args: seen.append(args)))
    assert seen[-1] == (2, None)


@pytest.mark.parametrize("kinks", [False, True])
@pytest.mark.parametrize("cut", [0, 40, 300, 700, 1200, 10_000])
def test_a_cut_file_is_continued(tmp_path: Path, cut: int, kinks: bool) -> None:
    file = tmp_path / "run.jsonl"
    points = np.array([[-1.0], [1.0], [0.0], [2.0], [-2.0], [0.5]])
    expected = list(an.sweep(identity, points, slope=-1, kinks=kinks, file=file))
    whole = file.read_bytes()
    head = whole.index(b"\n") + 1
    file.write_bytes(whole[: head + cut])
    assert list(an.sweep(identity, points, slope=-1, kinks=kinks, file=file)) == expected
    assert file.read_bytes() == whole


CALLS = itertools.count()


def counted(x: Any) -> Any:
    if isinstance(x, TracedArray):
        next(CALLS)
    return identity(x)


def test_finished_records_are_not_computed_again(tmp_path: Path) -> None:
    file = tmp_path / "run.jsonl"
    list(an.sweep(counted, POINTS[:9], file=file))
    before = next(CALLS)
    list(an.sweep(counted, POINTS[:9], file=file))
    assert next(CALLS) == before + 1
    assert len(list(an.sweep(counted, POINTS, file=file))) == 17 and next(CALLS) == before + 3


def test_a_file_of_other_points_or_options_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "run.jsonl"
    list(an.sweep(identity, POINTS, slope=-1, file=file))
    kept = file.read_bytes()
    with pytest.raises(ValueError, match="made with other points"):
        list(an.sweep(identity, POINTS + 1, slope=-1, file=file))
    with pytest.raises(ValueError, match="made with more points"):
        list(an.sweep(identity, POINTS[:5], slope=-1, file=file))
    with pytest.raises(ValueError, match=r"was made with .*-1.* not "):
        an.sweep(identity, POINTS, slope=1, file=file)
    other = tmp_path / "notes.txt"
    other.write_text("my notes\n")
    with pytest.raises(ValueError, match="does not begin with a line that says"):
        an.sweep(identity, POINTS, file=other)
    with pytest.raises(ValueError, match=r"made with .*:identity, not .*:branches: name another file"):
        an.sweep(branches, POINTS, slope=-1, file=file)
    head, *records = kept.decode().splitlines()
    for earlier in (records, [json.dumps({"absnormal sweep": 1, "kinks": False, "options": {}}), *records]):
        other.write_text("\n".join(earlier) + "\n")
        with pytest.raises(ValueError, match=r"(does not begin with a line|another version of).*name another file"):
            an.sweep(identity, POINTS, slope=-1, file=other)
    assert file.read_bytes() == kept and other.read_text() == "\n".join(earlier) + "\n" and json.loads(head)


def leaves(x: Any) -> Any:
    """Ends the program at negative points."""
    return np.abs(x[0]) if x[0] > 0 else sys.exit(int(x[0] > -1))


@pytest.mark.parametrize("kinks", [False, True])
def test_a_function_that_ends_the_program_gives_errors(kinks: bool) -> None:
    points = [[1.0], [-0.5], [-2.0], [2.0]]
    with ProcessPoolExecutor(1) as pool:
        for map_ in (map, pool.map):
            found = list(an.sweep(leaves, points, map=map_, kinks=kinks))
            assert [r.verdict for r in found if r.t is None] == ["CLARKE", "ERROR", "ERROR", "CLARKE"]
            errors = [r for r in found if r.verdict == "ERROR" and r.t is None]
            assert {r.method for r in errors} == {"SystemExit"} and errors[0].lines[0].path == __file__


def fatal(flag: str, x: Any) -> Any:
    """Ends the worker at the point 3, after the others had time, unless the flag is gone."""
    if isinstance(x, an_traced()) and float(x.value[0]) == 3.0 and os.path.exists(flag):
        time.sleep(0.5)
        os._exit(1)
    return branches(x)


def an_traced() -> type:
    from absnormal.frontends.numpy.traced import TracedArray

    return TracedArray


def test_a_dead_worker_loses_no_finished_record(tmp_path: Path) -> None:
    flag, file = tmp_path / "flag", tmp_path / "run.jsonl"
    flag.touch()
    # The branch beyond 1 is met by the workers first, which trace it there.
    points = [[0.0], [0.5], [3.0], *([k / 16] for k in range(-40, 0))]
    seen: list[Record] = []
    with ProcessPoolExecutor(2) as pool, pytest.raises(BrokenProcessPool):
        for record in an.sweep(partial(fatal, str(flag)), points, map=pool.map, chunk=1, file=file):
            seen.append(record)
    kept = [json.loads(line) for line in file.read_text().splitlines()[1:]]
    assert [r.index for r in seen] == [line["index"] for line in kept]
    # Chunks behind the fatal one, which others had finished, were delivered.
    assert {0, 1} < {r.index for r in seen} and 2 not in {r.index for r in seen} and len(seen) > 20
    flag.unlink()
    found = list(an.sweep(partial(fatal, str(flag)), points, file=file))
    assert sorted(r.index for r in found) == list(range(len(points)))
    assert [r.index for r in found][: len(seen)] == [r.index for r in seen]
    again = list(an.sweep(partial(fatal, str(flag)), points, file=file))
    assert again == found


def _peak(count: int) -> int:
    def points() -> Iterator[Any]:
        random = np.random.default_rng(0)
        for _ in range(count):
            yield np.round(3 * random.normal(size=40))

    program = an.trace(lambda x: np.sum(np.abs(x)) - np.abs(x[0]), np.ones(40))
    tracemalloc.start()
    for _ in an.sweep(program, points(), slope=-1, chunk=2):
        pass
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return peak


@pytest.mark.slow
def test_memory_is_flat_in_the_number_of_points() -> None:
    _peak(50)
    few, many = _peak(150), _peak(1500)
    # The history grows to its width, and what refers to itself waits to be collected; records would take 0.6 MB.
    assert many < 1.2 * few + 400_000


def margin(x: Any, parameters: Any = None) -> Any:
    """The cross-entropy of the integer network for class 0, as a function of one image."""
    scores = networks.outputs(digits.network(1).point if parameters is None else parameters, x) / digits.TEMPERATURE
    return np.log(np.sum(np.exp(scores))) - scores[0]


@pytest.mark.slow
def test_digit_images() -> None:
    sweep = an.sweep(partial(margin, parameters=digits.network(1).point), digits.load().images[:300], slope=-1)
    records = list(sweep)
    assert [r.index for r in records] == list(range(300)) and sweep.total == 300
    assert sweep.summary.verdicts == {"CLARKE": 300}
    assert sum(r.active > 0 for r in records) > 150
    assert set(sweep.summary.methods) >= {"smooth", "regular", "direction"}


def test_random_parameters_of_the_digits_network() -> None:
    problem, random = digits.network(64), np.random.default_rng(0)
    shapes = {name: value.shape for name, value in problem.point.items()}
    points = (
        {name: random.integers(-1, 1, shape, endpoint=True).astype(float) for name, shape in shapes.items()}
        for _ in range(60)
    )
    sweep = an.sweep(an.trace(problem.function, problem.point), points, slope=-1)
    assert [r.index for r in sweep] == list(range(60))
    assert sweep.summary.methods == {"private directions": 60}


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"f": 3}, "f must be a function, got int"),
        ({"chunk": 0}, "chunk must be an integer > 0, got 0"),
        ({"map": 2}, "map must be a function, got int"),
        ({"points": 3}, "points must be an array or an iterable of points, got int"),
        ({"points": {"a": 1}}, "points must be an array or an iterable of points, got dict"),
        ({"slop": 1}, "options must be among atol, budget, exact, seed, slope, got 'slop'"),
    ],
)  # fmt: skip
def test_bad_arguments(arguments: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError) as caught:
        an.sweep(**{"f": gallery.identity, "points": POINTS, **arguments})
    assert str(caught.value) == said


def test_a_frame_has_a_row_for_each_record(monkeypatch: pytest.MonkeyPatch) -> None:
    class Pandas:
        DataFrame = list

    monkeypatch.setitem(sys.modules, "pandas", Pandas)
    rows: Any = an.sweep(gallery.identity, [[1.0], [0.0]], slope=-1).to_frame()
    assert [(row["index"], row["verdict"], row["method"], row["operation"]) for row in rows] == [
        (0, "CLARKE", "smooth", ""), (1, "NOT_CLARKE", "separation", "np.maximum"),
    ]  # fmt: skip
    assert rows[1]["line"].startswith("kinks.py:") and rows[1]["excess"] == 1.0 and "lines" not in rows[1]


def removable(x: Any) -> Any:
    return np.where(x != 0, x, 0.0).sum()


def test_jumps_that_tools_hold_constant_are_judged_at_every_point() -> None:
    points = np.array([[0.5, 1.0], [0.0, 1.0], [0.0, 1.0], [0.0, 0.0], [-1.0, 0.0]])
    expected = [an.verify(removable, point).verdict.name for point in points]
    assert expected == ["CLARKE", *["NOT_CLARKE"] * 4]
    assert [found.verdict for found in an.sweep(removable, points)] == expected
    with ProcessPoolExecutor(1) as pool:
        assert [found.verdict for found in an.sweep(removable, points, map=pool.map)] == expected


@pytest.mark.parametrize(
    ("f", "points"),
    [
        (lambda x: np.where(x[0] * x[1] > 0, 2 * (x[0] * x[1]) / (x[0] + x[1]), 0.0), [[-1.0, 0.5], [-1.0, 1.0]]),
        (lambda x: np.where(x[0] > 1, 1 / x[1], x[0]), [[0.5, 1.0], [0.5, 0.0]]),
        (lambda x: np.where(x[0] > 20, x[0], np.log1p(np.exp(x[0]))), [[30.0], [1000.0]]),
        (lambda x: np.select([x[0] > 1], [np.sqrt(x[1])], x[0]), [[0.5, 1.0], [0.5, 0.0]]),
        (lambda x: np.where(x[0] > 1, np.linalg.norm(x[1:]), x[0]), [[0.5, 1.0, 1.0], [0.5, 0.0, 0.0]]),
    ],
    ids=["van Leer", "reciprocal", "softplus", "select", "norm"],
)
@pytest.mark.parametrize("turned", [False, True])
def test_a_choice_that_is_not_made_makes_nan_at_one_of_the_points(f, points, turned):
    order = points[::-1] if turned else points
    with np.errstate(all="ignore"):
        alone = [an.verify(f, x).verdict.name for x in order]
        assert [record.verdict for record in an.sweep(f, np.array(order))] == alone
    assert sorted(alone) == ["CLARKE", "NOT_CLARKE"]


def test_a_choice_whose_derivatives_are_finite_everywhere_is_swept_with_one_program():
    calls = []

    def huber(x):
        calls.append(x)
        return np.where(x[0] > 1, x[0] - 0.5, x[0] * x[0] / 2 + x[0] ** 3 + np.sin(x[0]))

    assert {record.verdict for record in an.sweep(huber, np.linspace(1.1, 3.0, 50)[:, None])} == {"CLARKE"}
    assert len(calls) < 10
