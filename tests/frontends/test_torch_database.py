"""Is every differentiable operator of torch's own database right, or refused by name?

Here for some samples of each; for all of them ``python -m tests.frontends.torch_database``.
"""

from __future__ import annotations

import warnings

import pytest

from tests.frontends.torch_database import RECORD, UNTYPED, WRONG, Outcome, decided, operators, outcomes, table

#: Of the samples of an operator so many are run, spread over all of them.
_MOST = 2


@pytest.fixture(scope="module")
def found() -> list[Outcome]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return [outcome for name, op in operators().items() for outcome in outcomes(name, op, _MOST)]


def test_no_sample_is_wrong_and_no_error_is_untyped(found: list[Outcome]) -> None:
    print(table(found))
    assert not [str(outcome) for outcome in found if outcome.kind in (WRONG, UNTYPED)]


def test_every_refusal_names_the_operation_and_what_to_do(found: list[Outcome]) -> None:
    for outcome in found:
        if outcome.kind.startswith("refused"):
            assert ": " in outcome.text and "Fix: " in outcome.text, str(outcome)


def test_what_was_decided_still_is(found: list[Outcome]) -> None:
    """The operators that were decided on all samples when they were recorded."""
    recorded = RECORD.read_text().split()
    assert len(recorded) > 350
    assert not sorted(set(recorded) - set(decided(found)))
