"""Theorems about programs with norms as generators of what they claim, next to variants that are wrong.

Each draws a form and slopes c that meet its hypotheses, and claims that g_c is a Clarke gradient; None where what was
drawn does not meet them.
"""

from __future__ import annotations

from collections.abc import Callable

from . import claims_along as along
from . import claims_of_adjoints as adjoints
from . import claims_of_rows as rows
from .drawn_forms import Claimed, Drawn

Claim = Callable[[Drawn], Claimed | None]

#: What holds, and for each what does not, with a seed that shows it.
THEOREMS: dict[Claim, dict[Claim, int]] = {
    rows.smooth: {rows.smooth_for_the_output: 14881},
    rows.likq: {rows.likq_by_row_spaces: 73, rows.likq_of_first_rows: 122},
    rows.private_directions: {
        rows.private_directions_twice_definite: 7,
        rows.private_directions_twice: 317,
        rows.private_directions_signed: 44,
        rows.private_directions_not_uniform: 57,
        rows.private_directions_reaching_back: 4217,
    },
    rows.layered: {rows.layered_reaching_back: 25, rows.layered_twice: 1624},
    adjoints.regular: {adjoints.regular_with_signs_of_each: 49, adjoints.regular_for_the_weights: 697},
    adjoints.supporting: {adjoints.supporting_with_signs_of_each: 49},
    along.supporting_along: {along.supporting_along_with_signs_of_each: 259},
    along.direction: {
        along.direction_with_zero_rates: 924, along.direction_with_positive_products: 138,
        along.direction_with_shorter_slopes: 208,
    },
    along.free_switches: {along.free_switches_dependent: 259},
    along.lexicographic: {},
    rows.even_part: {
        rows.even_part_behind: 91, rows.even_part_with_other_rows: 18, rows.even_part_with_other_slopes: 91,
    },
    rows.blocks_apart: {rows.blocks_apart_dependent: 49},
}  # fmt: skip
