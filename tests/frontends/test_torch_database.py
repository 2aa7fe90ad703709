"""Is every differentiable operator of torch's own database right, or refused by name?

Here for some samples of each; for all of them ``python -m tests.frontends.torch_database``.
"""

from __future__ import annotations

import pytest

from tests.frontends.outcomes import Outcome, collected, faults, wordless
from tests.frontends.torch_database import RECORD, decided, operators, outcomes, table

#: Of the samples of an operator so many are run, spread over all of them.
_MOST = 2

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def found() -> list[Outcome]:
    return collected(outcome for name, op in operators().items() for outcome in outcomes(name, op, _MOST))


def test_no_sample_is_wrong_and_no_error_is_untyped(found: list[Outcome]) -> None:
    print(table(found))
    assert not faults(found)


def test_every_refusal_names_the_operation_and_what_to_do(found: list[Outcome]) -> None:
    assert not wordless(found)


def test_what_was_decided_still_is(found: list[Outcome]) -> None:
    """The operators that were decided on all samples when they were recorded."""
    recorded = RECORD.read_text().split()
    assert len(recorded) > 500
    assert not sorted(set(recorded) - set(decided(found)))
