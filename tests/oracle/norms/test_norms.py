"""Is the oracle for norms right?  Closed forms, rational brute force and plain differentiation next to x say so."""

from __future__ import annotations

from fractions import Fraction
from itertools import count, islice

import numpy as np
import pytest

from ...record.programs import program as piecewise_linear
from ..expressions import norm, variables
from ..oracle import Oracle
from ..strategies import MIXED
from . import closed_forms
from .__main__ import cases, main, shown
from .claims import THEOREMS, Claim
from .drawn_forms import Drawn
from .form import Block, NormForm, norm_form
from .hull import climb, directions, gradients, opening, outer, under
from .nearby import gradient_near
from .programs import program
from .refuted import refuted
from .truth import Told, answer

WRONG = [(claim, seed) for variants in THEOREMS.values() for claim, seed in variants.items()]


def name(value: object) -> str:
    return getattr(value, "__name__", str(value))


def forms(coupled: float, seed: int) -> list[NormForm]:
    drawn = (Drawn(s) for s in count(seed))
    return [draw.form(draw.pick((1, 2, 3)), draw.pick((1, 2, 3)), coupled) for draw in islice(drawn, 60)]


def floats(g: object) -> np.ndarray:
    return np.array(g, dtype=float)


def test_gradients_are_those_next_to_the_point() -> None:
    """The form against the operations of the expression themselves, in high precision."""
    rng = np.random.default_rng(1)
    for seed in range(30):
        expr, point, _ = program(seed)
        form = norm_form(expr, point)
        d = rng.standard_normal((2, form.n))
        for along, found in zip(d, gradients(form, d), strict=True):
            np.testing.assert_allclose(found, gradient_near(expr, point, along), rtol=1e-9, atol=1e-9)


def test_the_backward_formula_is_the_gradient_of_an_open_cell() -> None:
    x, y, z = variables(3)
    form = norm_form(norm(norm(x, y) + z, x) - 2 * abs(y), (0, 0, 0))
    c = (tuple(map(Fraction, (3, 4))), (Fraction(1),))
    assert form.sizes == (2, 2, 1) and form.homogeneous
    unit = (Fraction(3, 5), Fraction(4, 5))
    along = np.array([[3.0, 4.0, -1.0]])  # z1 = 4, x = 3
    np.testing.assert_allclose(gradients(form, along)[0], floats(form.gradient((unit, (unit[1], unit[0]), *c[1:]))))


def test_the_outer_bound_is_reached_and_not_exceeded() -> None:
    rng = np.random.default_rng(2)
    for form in forms(0.5, 1):
        v = rng.standard_normal(form.n)
        most, slopes = outer(form, v)
        assert under(form, slopes) @ v == pytest.approx(most)
        assert all(np.linalg.norm(c) == pytest.approx(1) for c in slopes)
        for _ in range(20):
            units = [u / np.linalg.norm(u) for u in (rng.standard_normal(k) for k in form.sizes)]
            assert under(form, units) @ v <= most + 1e-9
        inner = gradients(form, directions(form.n, rng, 30))
        assert np.nanmax(inner @ v, initial=-np.inf) <= most + 1e-9


def test_sums_of_ellipsoids_have_their_support_function() -> None:
    rng, tried = np.random.default_rng(3), 0
    for form in forms(0.0, 2):
        if closed_forms.is_convex_sum(form) or closed_forms.is_apart(form):
            tried += 1
            v = rng.standard_normal(form.n)
            found = climb(form, v, np.concatenate([directions(form.n, rng), opening(form, v, rng)]), rng)[1][0] @ v
            assert found == pytest.approx(closed_forms.support(form, v), rel=2e-3, abs=2e-3)
            assert outer(form, v)[0] == pytest.approx(closed_forms.support(form, v))
    assert tried > 20


def test_membership_is_that_of_blocks_apart() -> None:
    told = set()
    for form in forms(0.0, 3):
        if closed_forms.is_apart(form):
            draw = Drawn(len(told))
            for factor in (Fraction(1, 2), Fraction(6, 5)):
                g = floats(form.gradient(tuple(tuple(factor * a for a in draw.slope(k, 0.7)) for k in form.sizes)))
                length, found = closed_forms.least_slopes(form, g), answer(form, g).told
                assert found is (Told.YES if length < 1 - 1e-9 else Told.SURELY_NO) or abs(length - 1) < 1e-9
                told.add(found)
    assert told == {Told.YES, Told.SURELY_NO}


def test_piecewise_linear_programs_are_judged_as_by_rational_brute_force() -> None:
    seen = set()
    for seed in range(25):
        expr, point, _, dice = piecewise_linear(seed)
        oracle, form = Oracle.of(expr, point), norm_form(expr, point)
        c = [dice.pick(MIXED) for _ in range(oracle.form.s)]
        g = oracle.gradient(c)
        assert form.gradient(tuple((c[i],) for i in oracle.active)) == g
        found, inside = answer(form, floats(g)), oracle.contains(g)
        assert found.told is Told.OPEN or (found.told is Told.YES) == inside
        assert (found.told is Told.SURELY_NO) <= (not oracle.outer_membership(g).inside)
        seen.add(found.told)
    assert seen >= {Told.YES, Told.NO}


@pytest.mark.parametrize("theorem", THEOREMS, ids=name)
def test_a_theorem_is_not_refuted(theorem: Claim) -> None:
    for seed, case in islice(cases(theorem, 1), 25):
        assert not refuted(*case, seed), shown(theorem, seed)


@pytest.mark.parametrize(("variant", "seed"), WRONG, ids=name)
def test_a_wrong_variant_is_refuted(variant: Claim, seed: int) -> None:
    drawn = variant(Drawn(seed))
    assert drawn is not None and refuted(*drawn, seed)


def test_a_group_of_norms_may_not_be_met_twice_even_by_unit_slopes() -> None:
    """f(p) = |p + e |p|| - |p| with c = (u, u), u = (0, -1): g_c = 0, and all limiting gradients have p_1' >= 19/27."""
    one, zero = Fraction(1), Fraction(0)
    both = ((one, zero), (zero, one))
    form = NormForm(2, (Block(both, ((), ())), Block(both, ((one,), (zero,)))), (zero, zero), (-one, one))
    u = (zero, -one)
    assert form.gradient((u, u)) == (0, 0)
    assert answer(form, np.zeros(2)).told is Told.NO
    turn = np.linspace(-3.14, 3.14, 1001)
    first = gradients(form, np.stack([np.cos(turn), np.sin(turn)], axis=1))[:, 0]
    assert np.nanmin(first) == pytest.approx(19 / 27, abs=1e-5)


def test_lexicographic_slopes_are_not_those_of_growing_powers() -> None:
    """|(x, y)| - x - z / 4 < 0 by slopes along x, y, z in turn, but > 0 along (1, e, e^2): the norm is curved."""
    e = 1e-3
    along = np.array([1, e, e * e])
    assert np.linalg.norm(along[:2]) - along[0] - along[2] / 4 > 0
    x, y, z = variables(3)
    form = norm_form(abs(norm(x, y) - x - z / 4), (0, 0, 0))
    one, zero = Fraction(1), Fraction(0)
    g = form.gradient(((one, zero), (-one,)))
    assert answer(form, floats(g)).told is Told.YES
    assert not np.allclose(gradients(form, along[None])[0], floats(g), atol=0.1)


def test_the_command_shows_a_counterexample(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["3", "57", "private_directions_not_uniform"]) == 0
    assert "57: z0 = [[0, 2]] d" in capsys.readouterr().out
    assert main(["3", "1", "likq"]) == 0 and main([]) == 2
