"""What a function reaches: is it seen right, and is a function that reaches little traced as with all stand-ins?"""

from __future__ import annotations

import math
import random
from collections.abc import Callable
from functools import partial
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
import scipy.special
from numpy import zeros

import absnormal as an
from absnormal.frontends.numpy import standing_in
from absnormal.frontends.numpy.kept import Kept
from absnormal.frontends.numpy.reached import reached
from absnormal.frontends.numpy.standing_in import stand_ins
from tests.coverage.numpy_states import SNIPPETS, X

W = np.arange(6.0)
OBJECTS = np.array([1.0, None])


def helper(x: Any) -> Any:
    return np.abs(x).sum()


class Weights:
    def __init__(self, w: Any) -> None:
        self.w = w

    def times(self, x: Any) -> Any:
        return self.w * x


class Other(Weights):
    pass


WEIGHTS = Weights(W)


class Silent:
    """What stands for something that is not there yet."""

    @property
    def __class__(self) -> Any:
        raise RuntimeError

    def __getattribute__(self, name: str) -> Any:
        raise RuntimeError(name)


def imports(x: Any) -> Any:
    from numpy import sin

    return sin(x)


HIDDEN = [Silent()]
OTHER, OWN, DEEP = Other(W), np.frompyfunc(helper, 1, 1), [{"f": imports}]

SEEN: dict[str, tuple[Callable[[Any], Any], set[str]]] = {
    "a ufunc": (lambda x: np.abs(x[0]) + x[1] ** 2, {"np", "abs"}),
    "a function by its own name": (lambda x: zeros(3) + x[0], {"zeros"}),
    "a helper": (lambda x: helper(x * W), {"helper", "W", "np", "abs", "sum"}),
    "a function within": (lambda x: (lambda y: np.exp(y))(x), {"np", "exp"}),
    "an object": (lambda x: WEIGHTS.times(x), {"WEIGHTS", "times", "w"}),
    "numbers of Python": (lambda x: math.sin(x[0]) + max(x[1], 0.0), {"math", "sin", "max"}),
    "pairs": (lambda x: sum(b - a for a, b in pairwise(x)), {"sum", "pairwise"}),
    "an object that answers to nothing": (lambda x: x.sum() if HIDDEN else x, {"HIDDEN"}),
    "a list around it": ((lambda given: lambda x: given[0](x) * given[1])([helper, 2.0]), {"np", "abs", "sum"}),
}  # fmt: skip


@pytest.mark.parametrize("name", SEEN)
def test_names_are_seen(name: str) -> None:
    f, names = SEEN[name]
    found = reached(f, stand_ins())
    assert found is not None and names <= found[1]
    assert any(space is globals() for space in found[0])
    an.trace(f, X)


UNSEEN: dict[str, Callable[[Any], Any]] = {
    "an import": imports, "an attribute by its name": lambda x: getattr(np, "sin")(x),  # noqa: B009
    "another module": lambda x: scipy.special.erf(x), "a module of NumPy": lambda x: np.linalg.norm(x),
    "random numbers": lambda x: random.random() * x, "an array of objects": lambda x: OBJECTS[0] * x,
    "a function that calls": lambda x: np.piecewise(x, [x > 0], [helper]), "what a class is": lambda x: x.__class__,
    "an object of a derived class": lambda x: OTHER.times(x), "a ufunc of the user's": lambda x: OWN(x),
    "arguments of its own": partial(lambda w, x: w * x, 2.0), "NumPy's own function": np.sum,
    "deep within": lambda x: DEEP[0]["f"](x),
}  # fmt: skip


@pytest.mark.parametrize("name", UNSEEN)
def test_what_may_reach_more_is_told(name: str) -> None:
    assert reached(UNSEEN[name], stand_ins()) is None


def test_a_function_that_reaches_more_joins_one_that_does_not() -> None:
    replaced = standing_in._Replaced()
    before = np.zeros, np.linalg.norm
    replaced.enter(SEEN["a function by its own name"][0], Kept(SEEN["a function by its own name"][0]))
    assert zeros is not before[0] and np.linalg.norm is before[1] and not replaced.everywhere
    assert [[*found.originals] for found in replaced.replaced] == [["zeros"]]
    replaced.enter(UNSEEN["a module of NumPy"], Kept(UNSEEN["a module of NumPy"]))
    assert np.linalg.norm is not before[1] and replaced.everywhere
    replaced.leave()
    assert zeros is not before[0] and np.linalg.norm is not before[1]
    replaced.leave()
    assert (np.zeros, np.linalg.norm) == before and zeros is before[0] and not replaced.everywhere


def outcome(f: Callable[[Any], Any]) -> str:
    try:
        return str(an.trace(f, X))
    except an.AbsNormalError as error:
        return repr(error)


@pytest.mark.filterwarnings("ignore")
def test_what_is_traced_does_not_depend_on_how_much_is_replaced(monkeypatch: pytest.MonkeyPatch) -> None:
    known = [name for name in SNIPPETS if reached(SNIPPETS[name], stand_ins()) is not None]
    assert len(known) > 100
    sample = known[::5]
    found = {name: outcome(SNIPPETS[name]) for name in sample}
    monkeypatch.setattr(standing_in, "reached", lambda *_: None)
    assert {name: outcome(SNIPPETS[name]) for name in sample} == found
