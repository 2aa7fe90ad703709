"""The support function of the outer set, kink by kink, against the oracle for norms; and what it separates."""

from __future__ import annotations

import numpy as np
import pytest

import absnormal as an
from absnormal.certificates.interval import highest_by_signs
from absnormal.sweeps.outer import BLOCKS, blocks, outer_support
from absnormal.sweeps.table import Sweeps
from tests.oracle.norms.hull import outer
from tests.oracle.norms.programs import program
from tests.oracle.norms.truth import Told, answer, scale
from tests.sweeps.test_norms import drawn, kept_whole

SEEDS = range(60)


@pytest.mark.slow
def test_it_is_that_of_the_oracle() -> None:
    for seed in SEEDS:
        sweeps, form, _ = drawn(seed)
        v = np.random.default_rng(seed).integers(-2, 3, form.n).astype(float)
        expected = outer(form, v, above=True)[0]
        found, slopes = outer_support(sweeps, v)
        assert blocks(sweeps) == len(form.blocks), seed
        for above in (found, highest_by_signs(sweeps, v)):
            assert expected <= above + 1e-12 and above == pytest.approx(expected, rel=1e-9, abs=1e-9), seed
        np.testing.assert_allclose(sweeps.gradient(slopes) @ v, expected, rtol=1e-9, atol=1e-9)


@pytest.mark.slow
def test_a_vector_just_outside_is_separated_and_one_on_the_boundary_is_not() -> None:
    decided = 0
    for seed in SEEDS[:20]:
        expr, point, _ = program(seed)
        sweeps, form, _ = drawn(seed)
        x, v = [float(a) for a in point], np.random.default_rng(seed).standard_normal(form.n)
        if not sweeps.lanes:
            continue
        top = sweeps.gradient(outer_support(sweeps, v)[1])
        f, size = kept_whole(expr), scale(form)
        on, beyond = (an.verify(f, x, gradient=top + far * size * v) for far in (0.0, 1e-4))
        # Norms that are multiples of each other leave less than the outer set.
        assert on.verdict is not an.Verdict.NOT_CLARKE or answer(form, top).told is not Told.YES, seed
        assert beyond.verdict is not an.Verdict.CLARKE, seed
        if beyond.verdict is an.Verdict.NOT_CLARKE:
            decided += 1
            assert beyond.certificate is not None and beyond.certificate.check()
    assert decided >= 12


def test_many_norms_are_left_to_an_interval() -> None:
    count = BLOCKS + 1

    def f(x: np.ndarray) -> np.ndarray:
        return sum(np.sqrt(x[2 * k] ** 2 + x[2 * k + 1] ** 2) for k in range(count))

    sweeps = Sweeps(an.trace(f, np.zeros(2 * count)), np.zeros(2 * count))
    assert blocks(sweeps) == count
    assert highest_by_signs(sweeps, np.ones(2 * count)) == np.inf
