"""Do the strategies give programs with kinks and points on them, and find known faults?"""

from __future__ import annotations

import pickle
from typing import Any

import numpy as np
import pytest
from hypothesis import Phase, find, given, settings
from hypothesis import strategies as st

import absnormal as an
from absnormal import gallery
from absnormal.testing import strategies
from absnormal.testing.strategies import PiecewiseLinear


@settings(max_examples=25, deadline=None)
@given(st.data())
def test_programs_are_piecewise_linear_and_print_as_their_code(data: st.DataObject) -> None:
    f = data.draw(strategies.piecewise_linear())
    x = data.draw(strategies.points(f.n))
    program = an.trace(f, x)
    assert program.is_piecewise_linear and program.n == f.n
    scope: dict[str, Any] = {"np": np}
    exec(repr(f), scope)
    assert scope["f"](x) == f(x) == program(x)
    assert pickle.loads(pickle.dumps(f)) == f


def test_programs_have_kinks_in_kinks() -> None:
    def nested(f: PiecewiseLinear) -> bool:
        form = an.abs_normal_form(f, np.ones(f.n))
        return bool(form.L.nnz) and form.s >= 2

    found = find(strategies.piecewise_linear(2), nested, settings=settings(max_examples=2000, database=None))
    assert found.n == 2


@settings(max_examples=15, deadline=None)
@given(st.data())
def test_points_on_kinks_of_random_programs(data: st.DataObject) -> None:
    f = data.draw(strategies.piecewise_linear(2).filter(lambda f: an.find_kink(f, [-3.0, -2.5], [3.0, 2.0])))
    x = data.draw(strategies.kinks(f, 2))
    program = an.trace(f, x)
    assert (program.switching(program.evaluate(x)) == 0).any()


def test_a_fault_is_found_and_shrunk() -> None:
    def wrong(x: Any) -> bool:
        return an.verify(gallery.maxmin_swapped, x, slope=-1).verdict is an.Verdict.NOT_CLARKE

    phases = (Phase.generate, Phase.shrink)
    chosen = settings(max_examples=200, database=None, derandomize=True, phases=phases, deadline=None)
    x = find(strategies.kinks(gallery.maxmin_swapped, 4), wrong, settings=chosen)
    assert x[0] == x[2] or x[1] == x[3]


def test_the_module_loads_when_it_is_used() -> None:
    assert an.testing.strategies is strategies
    with pytest.raises(AttributeError, match="has no attribute 'nothing'"):
        _ = an.testing.nothing  # type: ignore[attr-defined]
