"""Is every differentiable use of a primitive in JAX's own harnesses right, or refused by name?

Here for one sample of each primitive; for all of them ``python -m tests.frontends.jax_harness``.
"""

from __future__ import annotations

import warnings

import pytest

from tests.frontends.jax_harness import DECIDED, UNTYPED, WRONG, Outcome, one_each, outcomes, table


@pytest.fixture(scope="module")
def found() -> list[Outcome]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return [outcome for group in one_each() for outcome in outcomes(group, batched=False)]


def test_no_sample_is_wrong_and_no_error_is_untyped(found: list[Outcome]) -> None:
    print(table(found))
    assert not [str(outcome) for outcome in found if outcome.kind in (WRONG, UNTYPED)]


def test_every_refusal_names_the_operation_and_what_to_do(found: list[Outcome]) -> None:
    for outcome in found:
        if outcome.kind.startswith("refused"):
            assert ": " in outcome.text and "Fix: " in outcome.text, str(outcome)


def test_most_groups_are_decided(found: list[Outcome]) -> None:
    assert sum(outcome.kind == DECIDED for outcome in found) > 80
