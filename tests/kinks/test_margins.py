"""Is what is claimed of a ball outward rounded, and true at its rim?"""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import numpy as np
import pytest
import torch
from torch.nn import functional as F

import absnormal as an
from absnormal.kinks.enclosure import enclose
from absnormal.kinks.near import _below as below
from absnormal.sweeps.table import Sweeps


def at(f: Any, x: list[float]) -> Sweeps:
    return Sweeps(an.trace(f, x), np.array(x))


def test_the_radius_of_a_value_holds_what_rounding_moves() -> None:
    """3 |0.1 x| + ... in floats: even a ball of radius 0 has the rounding of the values in it."""
    sweeps = at(lambda x: np.abs(np.abs(0.1 * x[0]) - 0.3), [3.0])
    z = Fraction(0.1) * 3 - Fraction(0.3)
    assert abs(Fraction(float(sweeps.z[1])) - z) <= Fraction(float(enclose(sweeps, 0.0).z[1]))
    assert enclose(sweeps, 0.0).z[1] > 0


def test_rounding_inside_a_kink_is_carried_on() -> None:
    """The slope 1/10 of a leaky unit rounds: its value is off, though its argument is exact."""
    x = torch.tensor([-3.0], dtype=torch.float64)
    program = an.trace(lambda x: (F.leaky_relu(x, 0.1) + 0.3).abs().sum(), x)
    sweeps = Sweeps(program, x.numpy())
    inner = program.nodes[program.kinked[0]]
    slope = Fraction(inner.params["a"]) - Fraction(inner.params["b"])
    z = slope * -3 + Fraction(0.3)
    assert inner.op == "kink"
    assert abs(Fraction(float(sweeps.z[-1])) - z) <= Fraction(float(enclose(sweeps, 0.0).z[-1]))
    assert enclose(sweeps, 0.0).nodes[program.kinked[0]].max() > 0


@pytest.mark.parametrize("radius", [0.25, 1.0])
def test_an_entry_that_can_come_to_lead_gives_its_radius(radius: float) -> None:
    """max(x, 10 y) at (1, 0): with y = 1 it is 10, which the leader alone does not reach."""
    sweeps = at(lambda x: np.max(np.stack([x[0], 10 * x[1]])), [1.0, 0.0])
    enclosed = float(enclose(sweeps, radius).nodes[sweeps.program.output])
    assert 1 + enclosed >= 10 * radius


@pytest.mark.parametrize(("radius", "sure"), [(0.4, True), (0.6, False)])
def test_a_branch_holds_while_its_sides_stay_apart(radius: float, sure: bool) -> None:
    """x0 < x1 at (0, 1): both sides move, and meet at radius 1/2."""

    def f(x: Any) -> Any:
        return np.abs(x[0] + 8) if x[0] < x[1] else np.abs(x[0] - 8)

    assert an.kinks_near(f, [0.0, 1.0], radius=radius).proved == sure


def test_a_distance_in_floats_is_a_lower_bound() -> None:
    """The switching variable 0.1 x - 0.3 + ... of a program too large for rationals, against its exact root."""
    big = np.zeros(6000)

    def f(x: Any) -> Any:
        return np.abs(0.1 * x[0] - 0.3 + 2.0**-40) + np.sum(big * x[1])

    near = an.kinks_near(f, [3.0, 0.0], radius=1.0)
    root = (Fraction(0.3) - Fraction(2) ** -40) / Fraction(0.1)
    assert near.arithmetic == "float64"
    assert Fraction(near.distance) <= abs(root - 3)


def test_a_fraction_is_rounded_down() -> None:
    for value in (Fraction(1, 3), Fraction(2, 3), Fraction(1, 10), Fraction(3, 10)):
        assert Fraction(below(value)) <= value
