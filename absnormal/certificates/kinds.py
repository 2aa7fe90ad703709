"""The evidence that is checked next to its program: one class a kind, read back from what a certificate holds."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from absnormal.certificates import agreement, checker, separate_inputs
from absnormal.certificates.agreement import near
from absnormal.certificates.evidence import NextToProgram
from absnormal.certificates.witness import Witness
from absnormal.clarke.fallback import NoActiveSwitch, OpenAlong
from absnormal.theorems.even_part import EvenPart
from absnormal.theorems.layered_blocks import LayeredBlocks
from absnormal.theorems.likq import Independent, IndependentByInputs, IndependentModuloAPrime
from absnormal.theorems.membership import LimitingGradients
from absnormal.theorems.merging import BeyondMergedKinks, WithinMergedKinks
from absnormal.theorems.private_directions import PrivateInputs, PrivateInputsForTheseSlopes
from absnormal.theorems.regular import BoundedAdjoints
from absnormal.theorems.regular_vectors import BeyondDirectionalDerivative, MeanUnderRegular
from absnormal.theorems.separate_inputs import ApartInSubproblem, SeparateInputs
from absnormal.theorems.separation import FromAllSlopes, NonFinite, NotTheGradient
from absnormal.theorems.smooth import ZeroRowsByStructure
from absnormal.theorems.supporting import OwnAdjoints
from absnormal.theorems.variable_coefficients import BeyondStableCells

_CLASSES: tuple[type[NextToProgram], ...] = (
    NoActiveSwitch, ZeroRowsByStructure, PrivateInputs, PrivateInputsForTheseSlopes, BoundedAdjoints, OwnAdjoints,
    EvenPart, LayeredBlocks, Independent, IndependentByInputs, IndependentModuloAPrime, OpenAlong, LimitingGradients,
    MeanUnderRegular, BeyondDirectionalDerivative, FromAllSlopes, NotTheGradient, NonFinite,
    WithinMergedKinks, BeyondMergedKinks, BeyondStableCells,
)
#: Kind -> the class that reads it.
NEXT_TO_PROGRAM: dict[str, type[NextToProgram]] = {own.kind: own for own in _CLASSES}


def read(data: Mapping[str, Any]) -> NextToProgram:
    """The evidence in the data of a certificate that carries no form.

    Raises
    ------
    ValueError
        for evidence that is about a form, which is missing (`absnormal.certificates.checker.UnknownKind` where there is
        no such evidence at all)
    """
    kind = data["kind"]
    if kind not in NEXT_TO_PROGRAM:
        checker.claims(kind)
        raise ValueError(f"malformed certificate: evidence of kind {kind!r} without the form that it is about")
    return NEXT_TO_PROGRAM[kind].from_dict(data)


def proves(data: Mapping[str, Any], witness: Witness, rng: np.random.Generator) -> bool:
    """Whether the evidence in the data proves its claim of the slopes, or of the vector, that are judged."""
    evidence = read(data)
    return evidence.proves(witness, rng) and (evidence.about_the_vector or near(witness))


def holds(claim: str, data: Mapping[str, Any], witness: Witness, rng: np.random.Generator) -> bool:
    """Whether data of any kind prove a claim of what is judged, next to its program."""
    if not witness.judges(data) or not checker.can_prove(claim, data):
        return False
    if data["kind"] in (SeparateInputs.kind, ApartInSubproblem.kind):
        check = separate_inputs.in_all if claim == "CLARKE" else separate_inputs.in_one
        return check(data, witness, rng, lambda claim, data, witness: holds(claim, data, witness, rng))
    form = "system" in data or "systems" in data
    return (agreement.proves if form else proves)(data, witness, rng)
