"""Certificates: round trips, claims, and numbers that are tampered with."""

from __future__ import annotations

import contextlib
import copy
import json
from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

import absnormal as an
from absnormal.active.system import MANY
from absnormal.certificates import checker
from absnormal.certificates.certificate import Certificate, certificate_of_fallback

from ..frontier.losses import warping
from ..theorems.generators import nests, network_cases
from ..theorems.judge import Case, cases, fuzz
from . import truth

#: Places whose numbers are names only.
NAMES = ("kind", "case", "switches", "signs", "hidden")


def numbers(value: Any, path: tuple[Any, ...] = (), names: bool = False) -> Iterator[tuple[Any, ...]]:
    """The places of all numbers in plain data; also those that are ``names``."""
    if isinstance(value, dict):
        for name, entry in value.items():
            if name not in ("kind", "case") and (names or name not in NAMES):
                yield from numbers(entry, (*path, name), names)
    elif isinstance(value, list):
        for i, entry in enumerate(value):
            yield from numbers(entry, (*path, i), names)
    elif isinstance(value, str | int | float) and not isinstance(value, bool):
        yield path


def changed(data: dict[str, Any], path: tuple[Any, ...], step: Fraction) -> dict[str, Any]:
    """The data with one number moved."""
    result = copy.deepcopy(data)
    place = result
    for name in path[:-1]:
        place = place[name]
    old = place[path[-1]]
    if isinstance(old, float):
        place[path[-1]] = old + float(step)
    else:
        new = Fraction(old) + step
        place[path[-1]] = int(new) if isinstance(old, int) and new.denominator == 1 else str(new)
    return result


def signed(document: dict[str, Any]) -> dict[str, Any]:
    """The document with a digest that fits."""
    return {**document, "digest": checker.digest(document)}


@st.composite
def certificates(draw: st.DrawFn) -> Certificate:
    """Of a verdict on slopes or on a vector, or of the gradient that is offered instead."""
    a = draw(cases() | cases(nests()) | network_cases())
    how = draw(st.sampled_from(("slopes", "slopes", "vector", "fallback")))
    if how != "vector":
        report = an.verify(a.program, a.point, slope=a.slopes)
        found = report.certificate if how == "slopes" else certificate_of_fallback(report)
    else:
        g = [float(v) for v in a.gradient]
        g[0] += draw(st.sampled_from((0, 0, 0.5, -2)))
        found = an.verify(a.program, a.point, gradient=g).certificate
    assert found is not None
    # Rare kinds, for vectors, that only their program can check.
    assume(found.data["kind"] not in ("slopes of merged kinks", "mean under regular"))
    return found


@fuzz(15)
@given(certificates())
def test_every_certificate_of_a_small_program_stands_alone(certificate: Certificate) -> None:
    """It checks next to its program, and from its JSON; what it claims is true."""
    assert certificate.check()
    document = json.loads(certificate.to_json())
    assert checker.holds(document)
    if truth.small(document["data"]):
        assert truth.alone(document["data"], certificate.claim)


@fuzz(20)
@given(st.data())
def test_one_number_changed_is_refused(data: st.DataObject) -> None:
    """By its digest, whether the evidence would still prove the claim or not."""
    document = json.loads(data.draw(certificates()).to_json())
    places = list(numbers(document["data"], names=True))
    if not places:
        return
    for _ in range(8):
        path, step = data.draw(st.sampled_from(places)), data.draw(st.sampled_from((1, -1, 2)))
        forged = {**document, "data": changed(document["data"], path, Fraction(step))}
        assert not checker.holds(forged)
        assert not Certificate.from_dict(forged).check()
    for name in ("about", "assumes", "arithmetic"):
        assert not checker.holds({**document, name: "other"})


@pytest.mark.slow
@fuzz(20)
@given(st.data())
def test_one_number_changed_with_a_new_digest_is_refused_or_still_true(data: st.DataObject) -> None:
    """The judge of the checker: whatever it accepts is true of the numbers that it was given."""
    certificate = data.draw(certificates())
    document = json.loads(certificate.to_json())
    if not truth.small(document["data"]):
        return
    places = list(numbers(document["data"]))
    if not places:
        return
    for _ in range(8):
        step = data.draw(st.sampled_from((1, -1, 2, -2, Fraction(1, 2), -3)))
        forged = signed(
            {**document, "data": changed(document["data"], data.draw(st.sampled_from(places)), Fraction(step))}
        )
        try:
            accepted = checker.holds(forged)
        except ValueError:
            continue
        if accepted:
            assert truth.alone(forged["data"], certificate.claim), forged


@fuzz(12)
@given(st.data())
def test_a_number_changed_in_a_part(data: st.DataObject) -> None:
    """Refused by the digest; with a new digest, refused or still true of every part."""
    factors = data.draw(st.lists(st.sampled_from((1.0, 2.0, -3.0)), min_size=35, max_size=35))
    slopes = data.draw(st.sampled_from(((1.0, 1.0), (0.5, 0.5), (1.0, -1.0), (-1.0, 1.0))))

    def f(v: Any) -> Any:
        return np.abs(v).sum() - np.abs(np.array(factors) * v).sum()

    report = an.verify(f, np.zeros(35), slope=np.repeat(slopes, 35))
    certificate = report.certificate
    if certificate is None or certificate.kind != "independent parts":
        return
    document = json.loads(certificate.to_json())
    assert checker.holds(document)
    systems, parts = document["data"]["systems"], document["data"]["parts"]
    for _ in range(5):
        number = data.draw(st.integers(0, len(parts) - 1))
        forged = copy.deepcopy(document)
        place = data.draw(st.sampled_from((systems, parts)))
        places = list(numbers(place[number] or {}))
        if not places:
            continue
        path, step = data.draw(st.sampled_from(places)), data.draw(st.sampled_from((1, -1, Fraction(1, 2), -2)))
        name = "systems" if place is systems else "parts"
        forged["data"][name][number] = changed(place[number], path, Fraction(step))
        assert not checker.holds(forged)
        try:
            accepted = checker.holds(signed(forged))
        except ValueError:
            continue
        if accepted:
            ends = ({"system": {**system, "base": document["data"]["base"]}} for system in forged["data"]["systems"])
            assert all(truth.alone(one, "CLARKE") for one in ends) == (certificate.claim == "CLARKE")


@fuzz(12)
@given(certificates(), st.sampled_from(checker.CLAIMS))
def test_another_claim_is_refused_or_true(certificate: Certificate, claim: str) -> None:
    document = json.loads(certificate.to_json())
    if not truth.small(document["data"]):
        return
    forged = signed({**document, "claim": claim})
    if checker.holds(forged):
        assert truth.alone(forged["data"], claim)


@fuzz(12)
@given(cases() | cases(nests()) | network_cases())
def test_a_certificate_does_not_fit_another_program(a: Case) -> None:
    """Numbers that belong to other switches are noticed next to the program."""
    report = an.verify(a.program, a.point, slope=a.slopes)
    certificate = report.certificate
    assert certificate is not None
    if "system" not in certificate.data or not any(any(map(Fraction, r)) for r in certificate.data["system"]["rows"]):
        return
    forged = copy.deepcopy(dict(certificate.data))
    forged["system"]["rows"] = [[str(-Fraction(v)) for v in row] for row in forged["system"]["rows"]]
    assert not replace(certificate, data=forged).check()


@fuzz(15)
@given(certificates())
def test_round_trip(certificate: Certificate) -> None:
    again = Certificate.from_json(certificate.to_json())
    assert again.to_dict() == certificate.to_dict()
    assert again.check()


@pytest.mark.parametrize(
    ("f", "x"),
    [
        (lambda v: np.abs(np.sin(v[0])) - np.abs(v[1] * np.cos(v[0])) + np.exp(np.abs(v[0] * v[1])), [0.0, 0.0]),
        (lambda v: np.abs(v - 1.0).sum(), np.ones(300)),
    ],
    ids=["smooth operations", "many active"],
)  # fmt: skip
def test_what_only_its_program_can_check_says_so(f: Any, x: Any) -> None:
    certificate = an.verify(f, x, slope=1.0).certificate
    assert certificate is not None and certificate.check()
    again = Certificate.from_json(certificate.to_json())
    with pytest.raises(checker.NeedsProgram, match="next to its program"):
        again.check()


@fuzz(12)
@given(cases())
def test_the_opposite_claim_is_refused(a: Case) -> None:
    certificate = an.verify(a.program, a.point, slope=a.slopes).certificate
    assert certificate is not None
    other = "NOT_CLARKE" if certificate.claim == "CLARKE" else "CLARKE"
    assert not replace(certificate, claim=other).check()


@pytest.mark.parametrize("exact", [False, True])
def test_no_active_switch_among_many(exact: bool) -> None:
    certificate = an.verify(lambda x: np.abs(x).sum(), np.ones(5000), exact=exact).certificate
    assert certificate is not None and certificate.check()
    with pytest.raises(checker.NeedsProgram):
        checker.holds(certificate.to_dict())


def test_undecided_has_no_certificate() -> None:
    report = an.verify(lambda v: np.abs(np.abs(v[1]) - v[0] ** 2), [0.0, 0.0], slope=[1, -1])
    if report.verdict.name == "UNDECIDED":
        assert report.certificate is None


@pytest.mark.parametrize(
    "forge",
    [
        lambda d: d.pop("kind"),
        lambda d: d.update(kind="belief"),
        lambda d: d["system"].pop("rows"),
        lambda d: d["system"].update(rows=[["x"]]),
        lambda d: d["system"].update(couplings=[["1"]]),
        lambda d: d["system"].update(weights=[]),
        lambda d: d["system"].update(slopes=["2"]),
        lambda d: d["system"].update(columns=[0, 0]),
        lambda d: d["system"].update(columns=[1]),
        lambda d: d["system"].update(switches=[0, 0]),
        lambda d: d["system"].update(switches=[0]),
    ],
)
def test_what_is_no_certificate_is_an_error(forge: Any) -> None:
    certificate = an.verify(lambda v: np.abs(v[0]) - np.abs(2 * v[0]), [0.0]).certificate
    assert certificate is not None
    data = json.loads(certificate.to_json())["data"]
    forge(data)
    with pytest.raises(ValueError, match=r"malformed|Invalid literal"):
        checker.check(data)


def test_the_checker_shares_no_code_with_the_search() -> None:
    import ast
    from pathlib import Path

    folder = Path(checker.__file__).parent
    names = set()
    for path in folder.glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            names |= {node.module} if isinstance(node, ast.ImportFrom) else set()
            names |= {alias.name for alias in node.names} if isinstance(node, ast.Import) else set()
    own = {name for name in names if name.startswith("absnormal.certificates.checker")}
    standard = {"collections.abc", "fractions", "hashlib", "itertools", "json", "re", "typing"}
    assert names - own == {"__future__", *standard}


@pytest.mark.parametrize("slope", [0.0, 1.0])
def test_a_system_is_written_out_where_its_cells_are_too_many_to_be_listed(slope: float) -> None:
    report = an.verify(warping(6, lambda u, v: abs(u - v)), np.zeros(12), slope=slope)
    certificate = report.certificate
    assert report and report.problem.system is None and certificate is not None
    assert len(certificate.data["system"]["switches"]) > MANY
    document = certificate.to_dict()
    assert certificate.check() and checker.holds(document)
    document["data"]["system"]["slopes"] = [-1 if slope else 1] * len(report.problem.c)
    with contextlib.suppress(ValueError):
        assert not checker.holds({**document, "digest": checker.digest(document)})
