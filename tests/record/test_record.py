"""Is behaviour what is on record, for a fixed sample?  Does the comparison tell digits from behaviour?"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import absnormal as an

from .__main__ import differences
from .case import Case, Outcome, digests, normal, outcome, vector
from .comparison import compare
from .files import read
from .groups import GROUPS


@pytest.mark.slow
@pytest.mark.parametrize("group", GROUPS)
def test_a_sample_behaves_as_recorded(group: str) -> None:
    found, count = differences(group, sample=True)
    assert count
    wrong = [str(difference) for difference in found if difference.counts(bits=False)]
    assert not wrong, "\n".join([*wrong, "python -m tests.record shows all; --write records what is meant"])


def test_the_record_holds_twenty_thousand_programs_and_every_verdict() -> None:
    programs = read("programs")
    assert sum(name.isdigit() for name in programs) == 20_000
    assert {found["verdict"] for found in programs.values()} >= {"CLARKE", "NOT_CLARKE"}


REPORT: Outcome = {
    "verdict": "CLARKE", "method": "regular", "gradient": [1, 0.5], "clarke": "gradient", "certificate": "a1 b1",
    "deviation": 1e-3, "notes": ["an entry differs by 0.25"],
}  # fmt: skip


@pytest.mark.parametrize(("field", "value", "digits"), [
    ("verdict", "UNDECIDED", False), ("method", "likq", False), ("gradient", [1, 0.5 + 1e-9], True),
    ("gradient", [1, 0.51], False), ("gradient", [1], False), ("gradient", [1, float("nan")], False),
    ("certificate", "a1 b2", True), ("certificate", "a2 b1", False), ("deviation", 1.01e-3, True),
    ("deviation", 2e-3, False), ("notes", ["an entry differs by 0.251"], True), ("notes", [], False),
    ("notes", ["a hook differs by 0.25"], False), ("notes", ["an entry differs by 3"], False),
])  # fmt: skip
def test_digits_are_told_from_behaviour(field: str, value: Any, digits: bool) -> None:
    new = {**REPORT, field: value}
    found = [d for d in compare("case", REPORT, new, exact=False) if d.field == field]
    assert [d.digits for d in found] == [digits]
    assert found[0].counts(bits=False) is not digits and found[0].counts(bits=True)
    proposed = field in ("certificate", "deviation")
    (difference,) = (d for d in compare("case", REPORT, new, exact=True) if d.field == field)
    assert difference.digits is (digits and proposed)


@pytest.mark.parametrize(("notes", "digits"), [
    (["activity is decided by the bfloat16 values that torch computed"], True),
    (["activity is decided by the float32 values that torch computed"], False),
])  # fmt: skip
def test_half_precision_has_fewer_digits(notes: list[str], digits: bool) -> None:
    old, new = ({**REPORT, "gradient": [1, half], "notes": notes} for half in (0.5, 0.5003))
    assert [d.digits for d in compare("case", old, new, exact=False) if d.field == "gradient"] == [digits]


def test_nothing_differs_from_itself() -> None:
    same = {**REPORT, "gradient": [float("nan"), -0.0, float("inf")]}
    assert not list(compare("case", same, dict(same), exact=True))
    (zero,) = {d.field for d in compare("case", {"gradient": [0]}, {"gradient": [-0.0]}, exact=True)}
    assert zero == "gradient"


def test_a_case_that_vanished_counts_and_a_new_one_is_shown() -> None:
    (gone,) = compare("case", REPORT, None, exact=False)
    (new,) = compare("case", None, REPORT, exact=False)
    assert gone.counts(bits=False) and not new.counts(bits=True)
    assert "was CLARKE regular" in str(gone) and "is  absent" in str(gone)


def test_a_difference_shows_both_sides() -> None:
    (difference,) = compare("relu", REPORT, {**REPORT, "method": "likq"}, exact=False)
    assert str(difference) == "relu: method\n    was regular\n    is  likq"


def test_lines_and_folders_are_no_behaviour() -> None:
    assert normal("np.abs at /tmp/a-b/model.py:12, 0x7f00aa00bb00") == "np.abs at model.py, 0x"
    def certificate(line: int, *numbers: float) -> dict[str, Any]:
        return {"kind": "minor", "about": f"model.py:{line}", "data": {"z": [*numbers, "3/4"]}, "digest": str(line)}

    assert digests(certificate(1, 0.5)) == digests(certificate(2, 0.5))
    assert digests(certificate(1, 0.5)).split()[0] == digests(certificate(1, 2.0)).split()[0]
    assert digests(certificate(1, 0.5)) != digests(certificate(1, 2.0))
    assert digests(certificate(1, 0.5)).split()[0] == digests(certificate(1, 0.5, -1.5e-7)).split()[0]
    parts = [{"z": [[0, 1], ["1/2", 2.5]]}, {"z": [[3]]}]
    assert len({digests({"data": given}).split()[0] for given in (parts, parts[:1], [*parts, parts[1]])}) == 1
    assert digests({"data": parts}).split()[0] != digests({"data": [*parts, {"y": [[3]]}]}).split()[0]


def test_what_is_raised_is_kept() -> None:
    found = outcome(Case("sign", lambda: an.verify(lambda x: np.sum(np.sign(x)), [0.0]), "np.sign"))
    assert (found["verdict"], found["method"]) == ("ERROR", "TraceError") and "np.sign" in found["notes"][0]


def test_a_long_vector_is_kept_as_a_sketch() -> None:
    long = np.linspace(0, 1, 1000)
    other = long.copy()
    other[500] += 1
    (difference,) = compare("long", {"gradient": vector(long)}, {"gradient": vector(other)}, exact=False)
    assert not difference.digits
    other[500] = long[500] + 1e-12
    (difference,) = compare("long", {"gradient": vector(long)}, {"gradient": vector(other)}, exact=False)
    assert difference.digits
