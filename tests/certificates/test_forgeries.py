"""Certificates that state what is false do not hold, and those that state what is true do.

The fuzzer of forgeries is a command; a sample of it runs here.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

import absnormal as an
from absnormal.certificates import agreement, checker, next_to_program
from absnormal.certificates.certificate import Certificate

from . import forgeries

SAMPLE = 1000


@pytest.fixture(scope="module")
def pool() -> list[forgeries.Specimen]:
    return forgeries.specimens(150, 0)


@pytest.mark.slow
def test_true_certificates_hold(pool: list[forgeries.Specimen]) -> None:
    """Next to their program; from JSON alone, or they say that they need it; and what they claim is true."""
    for one in pool:
        assert one.true(dict(one.certificate.data), one.certificate.claim)
        assert one.certificate.check(), one.certificate
        try:
            assert Certificate.from_json(one.certificate.to_json()).check(), one.certificate
        except checker.NeedsProgram:
            assert not one.witness.sweeps.program.is_piecewise_linear


def judged(pool: list[forgeries.Specimen], count: int) -> Certificate | None:
    """The first forgery that holds and states what is false."""
    rng = random.Random(0)
    for _ in range(count):
        one, other = rng.choice(pool), rng.choice(pool)
        fake = forgeries.forged(one, other, rng)
        if forgeries.judged(one, fake) == "FALSE":
            return fake
    return None


def test_forgeries_are_refused_or_true(pool: list[forgeries.Specimen]) -> None:
    fake = judged(pool, SAMPLE)
    assert fake is None, (fake.claim, dict(fake.data))


@pytest.mark.parametrize(("module", "name", "broken"), [
    (agreement, "_identical", lambda form, witness, rng: True),
    pytest.param(next_to_program, "opens", lambda sweeps, slopes, direction, rng: True, marks=pytest.mark.slow),
    (checker, "can_prove", lambda claim, evidence: True),
], ids=["another program", "closed cells", "any claim"])  # fmt: skip
def test_the_fuzzer_catches_a_broken_checker(
    module: Any, name: str, broken: Callable[..., bool], pool: list[forgeries.Specimen], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, name, broken)
    assert judged(pool, 8 * SAMPLE) is not None


def holds(certificate: Certificate, **changes: Any) -> bool:
    """Whether a changed certificate holds, next to its program or alone."""
    forged = replace(certificate, digest="", **changes)
    return forgeries.accepted(forged) or forgeries.accepted(replace(forged, witness=None))


def relu(u: Any) -> Any:
    return np.maximum(u, 0)


#: Gradients that are none, under slope -1 or 0: x written with two relus, -x with two |.|, two relus on one bias.
WRONG: list[tuple[Callable[[Any], Any], int, float]] = [
    (lambda x: relu(x[0]) - relu(-x[0]), 1, -1.0),
    (lambda x: 2 * np.abs(x[0]) - np.abs(2 * x[0] + np.abs(x[0])), 1, 0.0),
    (lambda x: relu(x[0] + x[1]) - relu(-x[0] - x[1]) + np.abs(x[1]), 2, -1.0),
    (lambda x: relu(np.sin(x[0])) - relu(-np.sin(x[0])), 1, -1.0),
]
MADE_UP: list[dict[str, Any]] = [
    {"kind": "private inputs", "groups": []},
    {"kind": "private inputs for these slopes", "groups": []},
    {"kind": "private inputs", "groups": [{"switch": 0, "inputs": [0], "sign": 1}]},
    {"kind": "private inputs", "groups": [{"switch": 0, "inputs": [0], "sign": 1}] * 2},
    {"kind": "private inputs", "groups": [{"switch": 0, "inputs": [], "sign": 1}]},
    {"kind": "direction", "direction": [0.0], "needed": []},
    {"kind": "direction", "direction": [0.0, 0.0], "needed": []},
    {"kind": "direction", "direction": [1.0], "needed": [0]},
    {"kind": "zero rows", "switches": []},
    {"kind": "no active switch"},
    {"kind": "independent"},
    {"kind": "independent by inputs", "rounds": []},
    {"kind": "independent by inputs", "rounds": [[[0], [0]]]},
    {"kind": "independent by inputs", "rounds": [[[0], [0]], [[1], [0]]]},
    {"kind": "independent modulo a prime"},
    {"kind": "limiting gradients", "weights": [], "signatures": [], "directions": []},
    {"kind": "limiting gradients", "weights": [1.0], "signatures": [[]], "directions": [[1.0]], "needed": []},
    {"kind": "sign-definite adjoints", "sign": 1, "set aside": [0, 1], "deviation": 1e9},
    {"kind": "sign-definite adjoints", "sign": -1, "set aside": [0, 1, 2], "deviation": float("inf")},
    {"kind": "adjoints for these slopes", "sign": 1, "set aside": [0, 1], "deviation": 1e9},
    {"kind": "adjoints for these slopes", "sign": -1, "set aside": [], "deviation": 0.0},
    {"kind": "even part", "switches": []},
    {"kind": "layered blocks", "layers": []},
    {"kind": "layered blocks", "layers": [
        {"switches": [0, 1], "weights": [1.0], "directions": [{"inputs": [0], "numbers": [1.0]}]}]},
    {"kind": "layered blocks", "layers": [
        {"switches": [i], "weights": [0.5, 0.5], "directions": [{"inputs": [0], "numbers": [a]} for a in (1.0, -1.0)]}
        for i in (0, 1)]},
    {"kind": "layered blocks", "layers": [
        {"switches": own, "weights": [0.5, 0.5], "directions": [{"inputs": [0], "numbers": [a]} for a in (1.0, -1.0)]}
        for own in ([0, 1], [2])]},
    {"kind": "components", "components": [], "system": {"switches": [], "rows": [], "couplings": [], "weights": [],
     "slopes": [], "signs": []}},
    {"kind": "minor", "minor": [0], "system": {"switches": [0], "signs": [1], "rows": [["1"]], "couplings": [["0"]],
     "weights": ["1"], "slopes": ["0"]}},
    {"kind": "independent parts", "parts": [], "switches": []},
    {"kind": "independent parts", "parts": [], "systems": [], "base": ["0"]},
]  # fmt: skip


@pytest.mark.parametrize("place", range(len(WRONG)))
@pytest.mark.parametrize("data", MADE_UP, ids=[f"{i} {data['kind']}" for i, data in enumerate(MADE_UP)])
def test_nothing_proves_a_wrong_gradient(place: int, data: dict[str, Any]) -> None:
    """What evidence must cover is worked out from the program."""
    f, n, slope = WRONG[place]
    certificate = an.verify(f, np.zeros(n), slope=slope).certificate
    assert certificate is not None and certificate.claim == "NOT_CLARKE" and certificate.check()
    for claim in ("CLARKE", "limiting gradient"):
        assert not holds(certificate, kind=data["kind"], claim=claim, data=data)


def test_a_right_gradient_is_not_proved_wrong_by_a_tolerance() -> None:
    """Deviations and tolerances have a size and a sign, and are those of the verdict."""
    right = an.verify(lambda x: np.abs(x[0]), [0.0], gradient=[0.5]).certificate
    assert right is not None and right.claim == "CLARKE"
    for tolerance in (-9.0, 0.0, float("nan"), float("inf"), 9.0):
        for kind in ("separated from all slopes", "not the gradient", "separated from all definite signatures"):
            data = {**right.data, "kind": kind, "separator": [1.0], "gap": 0.5, "tolerance": [tolerance]}
            assert not holds(right, kind=kind, claim="NOT_CLARKE", data=data)


def test_blocks_that_are_left_out() -> None:
    f = lambda x: 2 * np.abs(x[0]) - np.abs(2 * x[0] + np.abs(x[0])) + np.abs(x[1])  # noqa: E731
    right = an.verify(f, [0.0, 0.0], gradient=[-1.0, 0.5]).certificate
    assert right is not None and right.check() and "parts" in right.data
    data = dict(right.data)
    assert not holds(right, data={**data, "vector": data["base"], "parts": [], "switches": []})
    assert not holds(right, data={**data, "vector": data["base"], "parts": [{"blocks": []} for _ in data["parts"]]})
    assert not holds(right, data={**data, "vector": ["0", "1/2"]})


def test_a_certificate_is_about_its_program_point_slopes_and_vector() -> None:
    """|x| + |y| at 0 and elsewhere, under other slopes, and a vector: no certificate passes for another one's."""
    def f(x: Any) -> Any:
        return np.abs(x[0]) + np.abs(x[1])

    reports = [
        an.verify(f, [0.0, 0.0], slope=0.5), an.verify(f, [0.0, 1.0], slope=0.5), an.verify(f, [0.0, 0.0], slope=1.0),
        an.verify(lambda x: np.abs(x[0]) + np.abs(3 * x[1]), [0.0, 0.0], slope=0.5),
        an.verify(f, [0.0, 0.0], gradient=[0.5, 0.25]),
    ]  # fmt: skip
    certificates = [report.certificate for report in reports]
    for i, one in enumerate(certificates):
        for j, other in enumerate(certificates):
            assert one is not None and other is not None
            assert replace(one, witness=other.witness).check() == (i == j)
            swapped = replace(one, witness=other.witness, program=other.program)
            assert i == j or not forgeries.accepted(swapped)
    functions = [certificate.function for certificate in certificates if certificate is not None]
    assert functions[0] == functions[2] == functions[4] and len({*functions}) == 3
