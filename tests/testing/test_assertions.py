"""Do the assertions pass, fail, warn and skip as they say, with a text that helps?"""

from __future__ import annotations

import unittest
import warnings
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings

import absnormal as an
from absnormal import gallery
from tests.oracle.expressions import numpy_callable
from tests.oracle.strategies import programs


def undecided(x: Any) -> Any:
    return np.abs(np.abs(x[1]) - x[0] ** 2) - np.abs(x[1])


def test_a_proof_returns_the_report() -> None:
    report = an.testing.assert_clarke_gradient(gallery.hinge_loss, np.zeros(2), slope=-1)
    assert report.verdict is an.Verdict.CLARKE


def test_a_wrong_gradient_fails_with_the_text_of_the_report() -> None:
    with pytest.raises(AssertionError) as caught:
        an.testing.assert_clarke_gradient(gallery.identity, [0.0], slope=-1)
    assert str(caught.value) == str(an.verify(gallery.identity, [0.0], slope=-1))
    assert "kinks.py:20" in str(caught.value)


def test_a_given_gradient() -> None:
    an.testing.assert_clarke_gradient(gallery.identity, [0.0], gradient=[1.0])
    with pytest.raises(AssertionError, match="as given"):
        an.testing.assert_clarke_gradient(gallery.identity, [0.0], gradient=[0.5])


def test_what_undecided_means() -> None:
    arguments: Any = (undecided, [0.0, 0.0])
    with pytest.raises(AssertionError, match=r"^UNDECIDED"):
        an.testing.assert_clarke_gradient(*arguments, slope=-1)
    with pytest.raises(unittest.SkipTest, match=r"^UNDECIDED"):
        an.testing.assert_clarke_gradient(*arguments, slope=-1, undecided="skip")
    with pytest.warns(an.UndecidedWarning, match=r"^UNDECIDED") as caught:
        report = an.testing.assert_clarke_gradient(*arguments, slope=-1, undecided="warn")
    assert report.verdict is an.Verdict.UNDECIDED and caught[0].filename == __file__


@pytest.mark.parametrize("meaning", ["warn", "skip"])
def test_a_wrong_gradient_fails_whatever_undecided_means(meaning: Any) -> None:
    with warnings.catch_warnings(), pytest.raises(AssertionError, match=r"^NOT_CLARKE"):
        warnings.simplefilter("error")
        an.testing.assert_clarke_gradient(gallery.identity, [0.0], slope=-1, undecided=meaning)


def test_bad_arguments() -> None:
    with pytest.raises(ValueError, match="undecided must be one of fail, warn, skip, got 'pass'"):
        an.testing.assert_clarke_gradient(gallery.identity, [0.0], undecided="pass")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="desired must have Z, L, J, Y, c, b, got a dict without Z"):
        an.testing.assert_abs_normal_close(an.abs_normal_form(gallery.identity, [0.0]), {})


@settings(max_examples=12, deadline=None)
@given(programs())
def test_a_form_is_close_to_itself_and_to_no_changed_one(drawn: Any) -> None:
    expression, point = drawn
    form = an.abs_normal_form(numpy_callable(expression), np.array(point, dtype=float))
    an.testing.assert_abs_normal_close(form, form)
    parts = {name: getattr(form, name).toarray() for name in "ZLJY"} | {"c": form.c, "b": form.b}
    an.testing.assert_abs_normal_close(parts, form, rtol=0.0)
    for name, value in parts.items():
        if value.size:
            changed = value.copy()
            changed.flat[-1] += 1.0
            with pytest.raises(AssertionError, match=rf"{name}: 1 of {value.size} entries, by up to 1"):
                an.testing.assert_abs_normal_close({**parts, name: changed}, form)
            changed.flat[-1] = np.nan
            with pytest.raises(AssertionError, match=f"{name}: 1 of"):
                an.testing.assert_abs_normal_close({**parts, name: changed}, form)


def test_shapes_that_differ() -> None:
    forms = [an.abs_normal_form(lambda x: np.sum(np.abs(x)), np.zeros(n)) for n in (1, 2)]
    with pytest.raises(AssertionError, match=r"Z: shape \(1, 1\), desired \(2, 2\)"):
        an.testing.assert_abs_normal_close(*forms)
