"""Where does a segment meet kinks?  Between the kinks that are found f is affine, on rationals."""

from __future__ import annotations

from fractions import Fraction
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import absnormal as an
from absnormal import gallery
from absnormal.gallery import digits
from absnormal.kinks import segment
from tests.oracle.expressions import evaluate, numpy_callable
from tests.oracle.strategies import programs

ENTRIES = st.sampled_from([Fraction(k, 8) for k in range(-24, 25)])


@settings(max_examples=30, deadline=None)
@given(programs(), st.data())
def test_between_the_kinks_f_is_affine_and_at_them_switches_vanish(drawn: Any, data: st.DataObject) -> None:
    expression, point = drawn
    x0, x1 = (data.draw(st.lists(ENTRIES, min_size=len(point), max_size=len(point))) for _ in range(2))
    program = an.trace(numpy_callable(expression), np.array(x0, dtype=float))
    found = an.find_kink(program, np.array(x0, dtype=float), np.array(x1, dtype=float))
    assert found.complete

    def at(t: Fraction) -> list[Fraction]:
        return [a + t * (b - a) for a, b in zip(x0, x1, strict=True)]

    places = [Fraction(kink.t) for kink in found]
    assert places == sorted(set(places)) and all(0 <= t <= 1 for t in places)
    for low, high in pairwise(sorted({Fraction(0), *places, Fraction(1)})):
        ends = evaluate(expression, tuple(at(low))) + evaluate(expression, tuple(at(high)))
        assert 2 * evaluate(expression, tuple(at((low + high) / 2))) == ends
        z = [program.switching(program.evaluate(np.array(at(t), dtype=object))) for t in (low, high)]
        assert not (np.sign(z[0]) * np.sign(z[1]) < 0).any()
    for kink in found:
        z = program.switching(program.evaluate(np.array(at(Fraction(kink.t)), dtype=object)))
        assert kink.switches == tuple(np.flatnonzero(z == 0))
        if kink.landed:
            assert not program.switching(program.evaluate(kink.x))[list(kink.switches)].any()
        else:
            assert not program.switching(program.evaluate(np.array(kink.x, dtype=object)))[list(kink.switches)].any()


@settings(max_examples=25, deadline=None)
@given(programs(), st.data())
def test_float64_finds_the_kinks_that_rationals_find(drawn: Any, data: st.DataObject) -> None:
    expression, point = drawn
    x0, x1 = (np.array(data.draw(st.lists(ENTRIES, min_size=len(point), max_size=len(point))), float) for _ in range(2))
    program = an.trace(numpy_callable(expression), x0)
    exact = an.find_kink(program, x0, x1)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(segment, "small", lambda program: False)
        found = an.find_kink(program, x0, x1)
    assert not found.complete
    inner = [float(kink.t) for kink in exact if 0 < kink.t < 1]
    near = [kink.t for kink in found]
    # Zeros that only touch are seen where another switch changes sign.
    assert all(min((abs(t - s) for s in map(float, (k.t for k in exact))), default=1) < 1e-9 for t in near)
    z = [np.sign(program.switching(program.evaluate(x))) for x in (x0, x1)]
    if len(inner) == 1 and (z[0] * z[1] < 0).any():
        assert any(abs(t - inner[0]) < 1e-9 for t in near)


def test_the_hand_written_cross_entropy_is_landed_on_at_logit_0() -> None:
    (kink,) = an.find_kink(gallery.stable_cross_entropy, [-0.3], [1.1])
    assert kink.landed and kink.x[0] == 0 and kink.switches == (0, 1)
    assert [line.partition(" at ")[0] for line in kink.lines] == ["np.maximum", "np.absolute"]


def test_random_dense_rows_are_landed_on_where_float64_has_a_zero() -> None:
    random = np.random.default_rng(0)
    W, b = random.normal(size=(6, 4)), random.normal(size=6)

    def f(x: Any) -> Any:
        return np.sum(np.maximum(W @ x + b, 0))

    found = an.find_kink(f, random.normal(size=4), random.normal(size=4))
    assert found.complete and sum(kink.landed for kink in found) >= 3
    for kink in found:
        if kink.landed:
            assert ((W @ kink.x + b)[list(kink.switches)] == 0).all()
        # Elsewhere the exact point is judged on rationals.
        assert len(an.verify(f, kink.x, slope=-1).active) == 1


def test_both_sides_of_a_branch() -> None:
    def f(x: Any) -> Any:
        return np.abs(x[0] - 0.75) if x[0] > 0.5 else np.abs(x[0] - 0.25)

    found = an.find_kink(f, [0.0], [1.0])
    assert [float(kink.x[0]) for kink in found] == [0.25, 0.5, 0.75]
    assert [kink.switches for kink in found] == [(0,), (), (0,)]
    assert not found.complete and "comparison" in found[1].lines[0]


def test_trees_come_back_as_trees() -> None:
    (kink,) = an.find_kink(lambda p: np.abs(p["a"][0] + p["b"]), {"a": [1.0], "b": 0.0}, {"a": [-1.0], "b": 0.0})
    assert set(kink.x) == {"a", "b"} and kink.x["a"][0] == 0


@pytest.mark.slow
def test_a_large_program_is_followed_in_float64() -> None:
    problem = digits.network(64)
    program = an.trace(problem.function, problem.point)
    random = np.random.default_rng(0)
    x0 = {name: value + 0.1 * random.normal(size=value.shape) for name, value in problem.point.items()}
    found = an.find_kink(program, x0, problem.point)
    assert found and not found.complete
    assert sum(kink.landed for kink in found) >= len(found) // 2


def test_points_of_a_framework_come_back_as_its_own() -> None:
    class Tensor(np.ndarray):
        """Stands for a framework's array: made by the framework, of its own dtype."""

        def new_tensor(self, value: Any) -> Any:
            return np.asarray(value, dtype=np.float32).view(Tensor)

    Tensor.__module__ = "torch"
    x0, x1 = (np.asarray([v], dtype=np.float32).view(Tensor) for v in (-1.0, 2.0))
    (kink,) = an.find_kink(an.trace(gallery.identity, [1.0]), x0, x1)
    assert type(kink.x) is Tensor and kink.x.dtype == np.float32 and kink.x[0] == 0


def test_ends_that_do_not_fit() -> None:
    with pytest.raises(ValueError, match="x1 must have leaves of shapes"):
        an.find_kink(gallery.identity, [0.0], [0.0, 1.0])


def test_a_list_that_was_ended_is_not_complete(monkeypatch: pytest.MonkeyPatch) -> None:
    def f(x: Any) -> Any:
        return np.sum(np.abs(x[0] - np.arange(20.0) - 0.5))

    assert len(an.find_kink(f, [0.0], [20.0])) == 20 and an.find_kink(f, [0.0], [20.0]).complete
    monkeypatch.setattr(segment, "_EVALUATIONS", 10)
    assert not an.find_kink(f, [0.0], [20.0]).complete


JUMPING: dict[str, tuple[Any, list[float], list[float], list[float]]] = {
    "floor": (lambda x: abs(x[0] - np.floor(x[0]) - 0.5), [0.1], [3.1], [0.4 / 3, 1.4 / 3, 0.8]),
    "sign": (lambda x: np.sign(x[0]) * abs(abs(x[0]) - 1), [-2.0], [2.0], [0.25, 0.75]),
    "argmax": (lambda x: abs(x[np.argmax(x)] - 1) + x[0], [0.0, 0.5], [3.0, 0.5], [1 / 3]),
    "smooth": (lambda x: abs(x[0] ** 2 - np.floor(x[0]) - 0.5), [0.5], [1.75],
               [(0.5**0.5 - 0.5) * 0.8, 1.5**0.5 * 0.8 - 0.4]),
}


@pytest.mark.parametrize("name", [*JUMPING])
def test_behind_a_jump_f_is_traced_again(name: str) -> None:
    f, begin, end, places = JUMPING[name]
    found = an.find_kink(f, begin, end)
    seen = [float(kink.t) for kink in found if kink.switches]
    assert seen == pytest.approx(places) and not found.complete and not found.ended


def test_what_is_held_constant_ends_the_list_by_name() -> None:
    torch = pytest.importorskip("torch")
    begin, end = (torch.tensor(x, dtype=torch.float64) for x in ([0.5, 0.0], [1.5, 2.0]))
    found = an.find_kink(lambda x: (x[1] - 1).abs() * float(x[0]), begin, end)
    assert not found.complete and "a number that was read at test_" in found.ended
