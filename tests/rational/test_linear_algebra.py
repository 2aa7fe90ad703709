"""Is an elimination modulo a prime the one on rationals where it is believed, and are large numbers no obstacle?"""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from absnormal.rational import linear_algebra, modular

NUMBERS = st.sampled_from([Fraction(a, b) for a in range(-2, 3) for b in (1, 2, 3)])
ROWS = st.integers(1, 5).flatmap(
    lambda width: st.lists(st.lists(NUMBERS, min_size=width, max_size=width), min_size=1, max_size=6)
)


@given(ROWS)
def test_pivots_modulo_a_prime_are_those_of_rationals(rows: list[list[Fraction]]) -> None:
    assert modular.pivots(rows) == linear_algebra.pivots(rows)


@pytest.mark.parametrize("entry", [Fraction(modular.PRIME), Fraction(1, modular.PRIME)])
def test_what_only_the_prime_takes_for_dependent_is_not(entry: Fraction) -> None:
    rows = [[Fraction(int(i == j)) for j in range(20)] for i in range(20)]
    rows[7][7] = entry
    assert linear_algebra.pivots(rows) == ([*range(20)], [*range(20)])
    rows[7][7] = Fraction(0)
    rest = [i for i in range(20) if i != 7]
    assert linear_algebra.pivots(rows) == (rest, rest)


def test_rows_of_many_floats_take_no_time() -> None:
    matrix = np.random.default_rng(0).standard_normal((90, 100))
    assert linear_algebra.rank([[Fraction(a) for a in row] for row in matrix.tolist()]) == 90
