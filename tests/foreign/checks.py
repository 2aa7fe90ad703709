"""Nothing that other libraries compute is judged wrongly, and what is refused is refused by name with a fix."""

from __future__ import annotations

import pytest

from tests.foreign.judging import outcomes
from tests.foreign.libraries import LIBRARIES
from tests.frontends.outcomes import DECIDED, collected, faults, wordless


@pytest.mark.parametrize("name", [name for name, library in LIBRARIES.items() if library.installed])
def test_what_a_library_computes_is_judged_or_refused_by_name(name: str) -> None:
    found = collected(outcomes(LIBRARIES[name]))
    assert faults(found) == [] and wordless(found) == []
    assert any(outcome.kind == DECIDED for outcome in found)
