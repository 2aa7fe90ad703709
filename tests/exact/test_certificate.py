"""Certificates: round trips, claims, and numbers that are tampered with."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from fractions import Fraction
from itertools import product
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import absnormal as an
from absnormal.exact import checker
from absnormal.exact.certificate import Certificate

from ..oracle.rational import Vector, membership
from ..theorems.generators import nests, network_cases
from ..theorems.judge import Case, cases, fuzz


class Brute:
    """The claim of a certificate, decided from its snapshot by trying every definite signature."""

    def __init__(self, data: dict[str, Any]) -> None:
        system = data["system"]
        self.rows = [tuple(map(Fraction, row)) for row in system["rows"]]
        self.couplings = [list(map(Fraction, row)) for row in system["couplings"]]
        self.weights = list(map(Fraction, system["weights"]))
        self.slopes = list(map(Fraction, system["slopes"]))
        self.width = len(self.rows[0]) if self.rows else 0

    def of(self, sigma: Any) -> tuple[list[Vector], Vector]:
        """The rows and the gradient of a signature."""
        rows: list[Vector] = []
        for row, coupling in zip(self.rows, self.couplings, strict=True):
            terms = [(a * s, r) for a, s, r in zip(coupling, sigma, rows, strict=False) if a]
            rows.append(tuple(row[j] + sum(f * r[j] for f, r in terms) for j in range(self.width)))
        g = tuple(
            sum((b * s * r[j] for b, s, r in zip(self.weights, sigma, rows, strict=True)), Fraction(0))
            for j in range(self.width)
        )
        return rows, g

    def open_gradients(self) -> list[Vector]:
        """The gradients of all open cells."""
        found = []
        for sigma in product((-1, 1), repeat=len(self.rows)):
            rows, g = self.of(sigma)
            signed = [tuple(s * v for v in row) for s, row in zip(sigma, rows, strict=True) if any(row)]
            if not signed or not membership(signed, (Fraction(0),) * self.width).inside:
                found.append(g)
        return found

    def clarke(self) -> bool:
        """Whether g_c is a mean of gradients of open cells."""
        return membership(self.open_gradients(), self.of(self.slopes)[1]).inside


def numbers(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The places of all numbers in plain data."""
    if isinstance(value, dict):
        for name, entry in value.items():
            if name not in ("kind", "case", "switches", "signs", "columns", "hidden"):
                yield from numbers(entry, (*path, name))
    elif isinstance(value, list):
        for i, entry in enumerate(value):
            yield from numbers(entry, (*path, i))
    elif isinstance(value, str | int) and not isinstance(value, bool):
        yield path


def changed(data: dict[str, Any], path: tuple[Any, ...], step: Fraction) -> dict[str, Any]:
    """The data with one number moved."""
    result = copy.deepcopy(data)
    place = result
    for name in path[:-1]:
        place = place[name]
    old = place[path[-1]]
    place[path[-1]] = old + int(step) if isinstance(old, int) and step.denominator == 1 else str(Fraction(old) + step)
    return result


@fuzz(120)
@given(st.data())
def test_one_number_changed_is_refused_or_still_true(data: st.DataObject) -> None:
    """The judge of the checker: whatever it accepts is true of the numbers that it was given."""
    a = data.draw(cases() | cases(nests()))
    certificate = an.verify(a.program, a.point, slope=a.slopes).certificate
    assert certificate is not None
    if "system" not in certificate.data:
        return
    plain = json.loads(certificate.to_json())["data"]
    assert checker.check(plain)
    places = list(numbers(plain))
    for _ in range(8):
        step = data.draw(st.sampled_from((1, -1, 2, -2, Fraction(1, 2), -3)))
        forged = changed(plain, data.draw(st.sampled_from(places)), Fraction(step))
        try:
            accepted = checker.check(forged)
        except ValueError:
            continue
        if accepted:
            assert Brute(forged).clarke() == (certificate.claim == "CLARKE"), (forged, a)


@fuzz(60)
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
    assert not Certificate(
        certificate.kind, certificate.arithmetic, certificate.claim, forged, "", certificate.witness
    ).check()


@fuzz(60)
@given(cases() | cases(nests()))
def test_round_trip(a: Case) -> None:
    report = an.verify(a.program, a.point, slope=a.slopes)
    for certificate in (report.certificate, report.clarke_certificate):
        assert certificate is not None
        again = Certificate.from_json(certificate.to_json())
        assert again.to_dict() == certificate.to_dict()
        if "system" in certificate.data:
            assert again.check()
        elif certificate.kind != "nonfinite":
            with pytest.raises(ValueError, match="next to its program"):
                again.check()


@fuzz(60)
@given(cases())
def test_the_opposite_claim_is_refused(a: Case) -> None:
    certificate = an.verify(a.program, a.point, slope=a.slopes).certificate
    assert certificate is not None
    other = "NOT_CLARKE" if certificate.claim == "CLARKE" else "CLARKE"
    forged = Certificate(certificate.kind, certificate.arithmetic, other, certificate.data, "", certificate.witness)
    assert not forged.check()


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
        lambda d: d["system"].update(kept=[7]),
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

    tree = ast.parse(Path(checker.__file__).read_text())
    names = {node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    names |= {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    assert names == {"__future__", "collections.abc", "fractions", "itertools", "typing"}
