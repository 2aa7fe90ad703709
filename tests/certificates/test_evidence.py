"""Has every kind of evidence a class of its theorem, and are the kinds those of the format that the checker reads?"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Iterator
from dataclasses import FrozenInstanceError, fields, is_dataclass, replace
from typing import Any

import numpy as np
import pytest

import absnormal as an
from absnormal.certificates import checker, kinds
from absnormal.certificates.checker.blocks import IN_BLOCKS
from absnormal.certificates.checker.rules import RULES
from absnormal.certificates.evidence import Evidence, InSystems, NextToProgram, OnForm
from absnormal.clarke.fallback import NoActiveSwitch, OpenAlong
from absnormal.theorems.even_part import EvenPart
from absnormal.theorems.layered_blocks import Layer, LayeredBlocks
from absnormal.theorems.likq import Independent, IndependentByInputs, IndependentModuloAPrime
from absnormal.theorems.membership import LimitingGradients
from absnormal.theorems.merging import BeyondMergedKinks, WithinMergedKinks
from absnormal.theorems.private_directions import Group, PrivateInputs, PrivateInputsForTheseSlopes
from absnormal.theorems.regular import BoundedAdjoints
from absnormal.theorems.regular_vectors import BeyondDirectionalDerivative, MeanUnderRegular
from absnormal.theorems.separate_inputs import ApartInSubproblem, SeparateInputs
from absnormal.theorems.separation import FromAllSlopes, NonFinite, NotTheGradient
from absnormal.theorems.smooth import ZeroRowsByStructure
from absnormal.theorems.supporting import OwnAdjoints
from absnormal.theorems.variable_coefficients import BeyondStableCells

#: One of every class that is checked next to its program, as it comes from JSON.
EXAMPLES: list[NextToProgram] = [
    NoActiveSwitch(), ZeroRowsByStructure([0, 2]), PrivateInputs([Group(0, [1, 2], -1)]),
    PrivateInputsForTheseSlopes([Group(3, [0], 1)]), BoundedAdjoints(1, [2], False), OwnAdjoints(-1, [2]),
    EvenPart([0, 1]), LayeredBlocks([Layer([0, 1], [1.0], [([2], [1.0])])]),
    Independent([0, 1]), IndependentByInputs([[[0], [1]]]), IndependentModuloAPrime(), OpenAlong([1.0, -2.0]),
    LimitingGradients([0.5, 0.5], [[1.0], [-1.0]], [[1.0], [-1.0]]),
    MeanUnderRegular(1, [0.5, 0.5], [[1.0], [0.25]]), BeyondDirectionalDerivative(-1, [1.0, 0.5], 0.25),
    FromAllSlopes([1.0, 0.0], 0.5), NotTheGradient({"switches": [0]}, [0.0, 1.0], 1.0), NonFinite(),
    WithinMergedKinks(1, [0.5]), BeyondMergedKinks([1.0, 0.0], 0.5), BeyondStableCells([1.0], 0.5, [0, [[0, 1]], -1]),
]  # fmt: skip


def classes(above: type[Evidence] = Evidence) -> Iterator[type[Evidence]]:
    """All classes that name a kind."""
    for name in ("theorems", "clarke", "judgement"):
        package = importlib.import_module(f"absnormal.{name}")
        for info in pkgutil.iter_modules(package.__path__, f"absnormal.{name}."):
            importlib.import_module(info.name)
    for own in above.__subclasses__():
        if hasattr(own, "kind") and is_dataclass(own):
            yield own
        yield from classes(own)


def kinds_of(above: type[Evidence]) -> set[str]:
    return {own.kind for own in classes(above)}


def test_the_kinds_are_those_that_the_checker_reads() -> None:
    assert kinds_of(Evidence) == set(checker.KINDS)


def test_evidence_about_a_form_is_what_the_checker_judges_alone() -> None:
    alone = {*RULES, *IN_BLOCKS, "independent parts"}
    assert kinds_of(OnForm) | kinds_of(InSystems) | {NoActiveSwitch.kind} == alone
    of_others = {SeparateInputs.kind, ApartInSubproblem.kind}
    assert set(checker.KINDS) - alone - of_others <= set(kinds.NEXT_TO_PROGRAM)


def test_what_is_checked_next_to_its_program_is_read_back() -> None:
    assert kinds_of(NextToProgram) == set(kinds.NEXT_TO_PROGRAM)
    assert [type(own) for own in EXAMPLES] == list(kinds.NEXT_TO_PROGRAM.values())


@pytest.mark.parametrize("evidence", EXAMPLES, ids=lambda own: own.kind)
def test_reading_is_the_inverse_of_writing(evidence: NextToProgram) -> None:
    written = evidence.to_dict()
    read = kinds.read(written)
    assert type(read) is type(evidence) and read.to_dict() == written
    for name in fields(evidence):  # type: ignore[arg-type]
        with pytest.raises(FrozenInstanceError):
            setattr(evidence, name.name, None)
        if name.name != "known":
            with pytest.raises(KeyError):
                kinds.read({key: value for key, value in written.items() if key != name.name.replace("_", " ")})


@pytest.mark.parametrize("kind", ["belief", "", "Minor", "private input"])
def test_an_unknown_kind_is_one_error(kind: str) -> None:
    certificate = an.verify(lambda v: np.abs(v[0]) - np.abs(2 * v[0]), [0.0]).certificate
    assert certificate is not None
    for data in ({**certificate.data, "kind": kind}, {"kind": kind}):
        forged = replace(certificate, kind=kind, data=data)
        document: dict[str, Any] = replace(forged, witness=None).to_dict()
        for judged in (forged.check, lambda given=document: checker.holds(given), lambda given=data: kinds.read(given)):
            with pytest.raises(checker.UnknownKind, match="malformed certificate: unknown kind"):
                judged()
    with pytest.raises(checker.UnknownKind):
        checker.check({**certificate.data, "kind": kind})


@pytest.mark.parametrize("kind", sorted(set(checker.KINDS) - set(kinds.NEXT_TO_PROGRAM)))
def test_evidence_about_a_form_needs_one(kind: str) -> None:
    with pytest.raises(ValueError, match="without the form"):
        kinds.read({"kind": kind})
