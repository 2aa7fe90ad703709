"""Dominated alternatives: the program without them is the same function, and what it says of vectors is so."""

from __future__ import annotations

import random
from collections.abc import Callable
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, Phase, find, given, settings

from absnormal import Budget
from absnormal.judgement.vector import Limits, judge
from absnormal.program import dominated as module
from absnormal.program.dominated import undominated
from absnormal.program.merging import Merged
from absnormal.sweeps.table import Sweeps
from absnormal.theorems.problem import Problem, Proof

from ..oracle.expressions import Vector, numpy_callable
from .judge import Case, fuzz
from .selections import selections

#: Integer points at which functions are compared.
_POINTS = 16
#: Active switches up to which the oracle is asked about a vector.
_FEW = 5


def dominated_alternatives(a: Case) -> bool | None:
    """Whether the theorem is right about a case; None where nothing is left out.

    The program must have the value of the expression at integers near the point and elsewhere, its values at the point
    must be those that it was written with, and what it proves of a vector must be what the oracle says.
    """
    found = undominated(a.program, a.program.evaluate([np.array(a.point)]))
    return None if found is None else same(a, found) and (len(a.oracle.active) > _FEW or proves_right(a, found))


def same(a: Case, found: Merged) -> bool:
    """Whether a program written anew is the expression at integers, and its values at the point are what they are."""
    program = found.program
    assert program is not None
    rng = np.random.default_rng(random.Random(repr(a)).getrandbits(32))
    near = np.array(a.point)[:, None] + rng.integers(-1, 2, (len(a.point), _POINTS // 2))
    points = np.concatenate([near, rng.integers(-4, 5, near.shape)], axis=1)
    expected = numpy_callable(a.expr)(points) + np.zeros(points.shape[1])
    if [program(x) for x in points.T] != expected.tolist():
        return False
    return all(map(np.array_equal, found.values, program.evaluate([np.array(a.point)])))


def proves_right(a: Case, found: Merged) -> bool:
    """Whether the verdict on a vector by the program is right, if there is one."""
    assert found.program is not None
    vector = _vector(a)
    proof = proved_of(Sweeps(found.program, np.array(a.point)), np.array([float(v) for v in vector]))
    return proof is None or proof.clarke == a.oracle.contains(vector)


def proved_of(sweeps: Sweeps, vector: np.ndarray) -> Proof | None:
    """What is proved of a vector at once."""
    problem = Problem(sweeps, np.zeros(len(sweeps.alpha)), Budget())
    known = (np.full(len(sweeps.alpha), slope) for slope in (0.0, -1.0, 1.0))
    proof = next(judge(Limits(problem, vector, sweeps), known))
    return proof if isinstance(proof, Proof) else None


def _vector(a: Case) -> Vector:
    """The gradient of the case's slopes, or a vector next to a limiting gradient."""
    rng = random.Random(repr(a))
    if rng.random() < 0.4:
        return a.gradient
    size, vectors = rng.choice((1, 2, 8)), a.oracle.limiting_gradients
    first, second = rng.choice(vectors), rng.choice(vectors)
    return tuple((u + v) / 2 + Fraction(rng.randint(-1, 1), size) for u, v in zip(first, second, strict=True))


@given(selections())
@fuzz(60)
def test_random_programs(a: Case) -> None:
    assert dominated_alternatives(a) is not False


def _anything(self: Any, node: Any, position: int, side: int) -> bool:
    return True


def _both_sides(self: Any, node: Any, position: int, side: int) -> bool:
    return bool(_adds(self, node, position, side) or _adds(self, node, position, -side))


_adds = module._Pruned._adds
#: Ways to leave out more than may be left out.
BROKEN: dict[str, tuple[str, Callable[..., Any]]] = {
    "whatever is added": ("_adds", _anything), "costs of the other sign": ("_adds", _both_sides),
}


@pytest.mark.parametrize("name", BROKEN)
def test_broken_variants_are_caught(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module._Pruned, *BROKEN[name])
    once = settings(max_examples=400, deadline=None, derandomize=True, database=None, phases=(Phase.generate,),
                    suppress_health_check=list(HealthCheck))
    assert find(selections(), lambda a: dominated_alternatives(a) is False, settings=once)
