"""Is every differentiable use of a primitive in JAX's own harnesses right, or refused by name?

Here for one sample of every third primitive; for all of them ``python -m tests.frontends.jax_harness``, which takes
most of an hour.
"""

from __future__ import annotations

import pytest

from tests.frontends.jax_harness import one_each, outcomes, table
from tests.frontends.outcomes import DECIDED, Outcome, collected, faults, wordless

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def found() -> list[Outcome]:
    return collected(outcome for group in one_each()[::3] for outcome in outcomes(group, batched=False))


def test_no_sample_is_wrong_and_no_error_is_untyped(found: list[Outcome]) -> None:
    print(table(found))
    assert not faults(found)


def test_every_refusal_names_the_operation_and_what_to_do(found: list[Outcome]) -> None:
    assert not wordless(found)


def test_most_groups_are_decided(found: list[Outcome]) -> None:
    assert sum(outcome.kind == DECIDED for outcome in found) > 25
