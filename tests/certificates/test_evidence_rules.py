"""Does each kind of evidence prove what it says, and nothing next to it?  One number off, and it proves nothing.

The switches are those of a few one-line functions, whose gradients are worked out by hand.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from absnormal.certificates.checker.rules import RULES
from absnormal.certificates.checker.switches import Switches

Number = int | str


def switches(
    rows: Sequence[Sequence[Number]], weights: Sequence[Number], slopes: Sequence[Number], couplings: Any = None
) -> Switches:
    count = len(rows)
    return Switches({
        "switches": list(range(count)), "rows": rows, "weights": weights, "slopes": slopes,
        "couplings": couplings or [[0] * count for _ in range(count)],
    })  # fmt: skip


def proves(kind: str, a: Switches, **evidence: Any) -> bool:
    return RULES[kind][0]({"kind": kind, **evidence}, a)


def difference(*slopes: Number) -> Switches:
    """|x| - |2 x|: the open cells are (+, +) with gradient -1 and (-, -) with 1; under slopes c it is c0 - 2 c1."""
    return switches([[1], [2]], [1, -1], slopes)


CELLS: dict[str, Any] = {"signatures": [[1, 1], [-1, -1]], "directions": [[1], [-1]]}


# -- means of open cells ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("slopes", "weights", "holds"), [
    ((0, 0), ["1/2", "1/2"], True), ((1, 1), [1, 0], True), (("1/2", "1/2"), ["3/4", "1/4"], True),
    ((1, -1), [-1, 2], False),  # 3 = -1 (-1) + 2 (1)
    ((0, 0), [1, 1], False),  # 0 = -1 + 1, of weight 2
    ((0, 0), ["1/2", "1/3"], False), ((0, 0), [1, 0], False), ((1, "1/2"), ["1/3", "2/3"], False),
])  # fmt: skip
def test_convex_weights(slopes: Any, weights: Any, holds: bool) -> None:
    assert proves("convex weights", difference(*slopes), weights=weights, **CELLS) == holds


def test_weights_belong_to_open_cells() -> None:
    """(+, -) is open along no direction; along 0 nothing is."""
    for direction in ([1], [-1], [0]):
        assert not proves("convex weights", difference(1, -1), weights=[1], signatures=[[1, -1]],
                          directions=[direction])  # fmt: skip
    assert not proves("convex weights", difference(1, 1), weights=[1], signatures=[[1, 1]], directions=[[0]])


# -- separation ------------------------------------------------------------------------------------------------------

CUTS = [{"signature": [1, -1], "weights": [2, 1]}, {"signature": [-1, 1], "weights": [2, 1]}]


def outside(slopes: Any, separator: Any, signatures: Any = CELLS["signatures"], cuts: Any = None) -> bool:
    return proves("separated from the open cells", difference(*slopes), separator=separator, signatures=signatures,
                  cuts=CUTS if cuts is None else cuts)  # fmt: skip


@pytest.mark.parametrize(("slopes", "separator", "holds"), [
    ((1, -1), [1], True), ((-1, 1), [-1], True), ((1, -1), [-1], False), ((1, 1), [-1], False), ((-1, -1), [1], False),
    ((0, 0), [1], False), (("1/2", "-1/2"), [1], True), (("1/3", "-1/3"), [1], False), (("1/3", "-1/3"), [-1], False),
    ((1, -1), [0], False),
])  # fmt: skip
def test_a_separator(slopes: Any, separator: Any, holds: bool) -> None:
    """(1/3, -1/3) gives 1, on the boundary."""
    assert outside(slopes, separator) == holds


@pytest.mark.parametrize("weights", [[2, -1], [-2, 1], [0, 0], [1, 1], [2], [2, 1]])
def test_a_cell_that_is_there_cannot_be_cut_off(weights: Any) -> None:
    """Without the cell (+, +) its own gradient -1 would lie outside."""
    cut = {"signature": [1, 1], "weights": weights}
    assert not outside((1, 1), [-1], [[-1, -1]], [*CUTS, cut])


def test_every_branch_is_listed_or_cut_off() -> None:
    assert not outside((1, 1), [-1], [[-1, -1]])
    assert not outside((1, -1), [1], cuts=CUTS[:1])
    assert not outside((1, -1), [1], cuts=[])


def test_a_component_is_separated_by_what_moves_it_alone() -> None:
    """|x| - |2 x| + |y|: a separator that is not 0 on the row of y says nothing of the first two."""
    a = switches([[1, 0], [2, 0], [0, 1]], [1, -1, 1], [1, -1, 0])
    given = {"members": [0, 1], "signatures": CELLS["signatures"], "cuts": CUTS}
    assert proves("separated within a component", a, separator=[1, 0], **given)
    assert not proves("separated within a component", a, separator=[1, 1], **given)
    linked = switches([[1, 0], [2, 0], [0, 1]], [1, -1, 1], [1, -1, 0], [[0, 0, 0], [0, 0, 0], [1, 0, 0]])
    assert not proves("separated within a component", linked, separator=[1, 0], **given)


def test_all_definite_signatures() -> None:
    """Over all signs c0 - 2 c1 reaches from -3 to 3: nothing is outside."""
    assert not proves("separated from all definite signatures", difference(1, -1), separator=[1])
    assert proves("separated from all definite signatures", switches([[1]], [0], ["1/2"]), separator=[1]) is False


# -- kinks on one set --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("weights", "slopes", "holds"), [
    ((2, -1), (1, -1), False),  # 2 |x| - |2 x| = 0, and slopes (1, -1) give 4
    ((2, -1), (1, 1), True), ((2, -1), ("1/2", "1/2"), True), ((2, -1), ("1/2", "1/3"), False),
    ((3, -1), (1, 1), True), ((3, -1), (0, "1/2"), True), ((3, -1), (0, 1), False), ((3, -1), (1, 0), False),
])  # fmt: skip
def test_proportional_forms_are_one(weights: Any, slopes: Any, holds: bool) -> None:
    """|x| and |2 x| weigh w0 + 2 w1 together; c0 w0 + 2 c1 w1 may not be larger."""
    assert proves("merged kinks", switches([[1], [2]], weights, slopes)) == holds


def test_the_sign_of_a_multiple_counts() -> None:
    """relu(x) - relu(-x): slopes (1, -1) fit together, (1, 1) do not."""
    for slopes, holds in (((1, -1), True), ((1, 1), False), ((0, 0), True)):
        assert proves("merged kinks", switches([[1], [-1]], ["1/2", "-1/2"], slopes)) == holds


def test_merged_kinks_have_weights_of_one_sign_and_no_couplings() -> None:
    """|x| + |y| - |x + y| with slopes (1, 1, -1); and |x| that acts on a switch."""
    assert not proves("merged kinks", switches([[1, 0], [0, 1], [1, 1]], [1, 1, -1], [1, 1, -1]))
    coupled = switches([[1], [1]], [1, 1], [1, 1], [[0, 0], [1, 0]])
    assert not proves("merged kinks", coupled)
    assert not proves("separated from merged forms", switches([[1], [1]], [1, -1], [1, -1], [[0, 0], [1, 0]]),
                      separator=[1])  # fmt: skip


@pytest.mark.parametrize(("slopes", "separator", "holds"), [
    ((1, -1), [1], True), ((1, -1), [-1], False), ((1, 1), [1], False), ((1, 1), [-1], False), ((0, 1), [-1], True),
    ((0, 1), [1], False), ((1, -1), [0], False),
])  # fmt: skip
def test_a_separator_from_merged_forms(slopes: Any, separator: Any, holds: bool) -> None:
    """|x| - |2 x| = -|x|, from -1 to 1; under slopes c it is c0 - 2 c1."""
    assert proves("separated from merged forms", difference(*slopes), separator=separator) == holds


# -- directions ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("slopes", "free", "direction", "holds"), [
    ((1, 1), [], [1], True), ((-1, -1), [], [-1], True), ((1, 1), [], [-1], False), ((1, -1), [], [1], False),
    ((1, 1), [], [0], False), ((1, "1/2"), [], [1], False), (("1/2", "-1/2"), [0, 1], [0], False),
    (("1/2", 1), [0], [1], False), (("1/2", 1), [0], [0], False),
])  # fmt: skip
def test_one_direction(slopes: Any, free: Any, direction: Any, holds: bool) -> None:
    assert proves("direction", difference(*slopes), free=free, direction=direction) == holds


def test_free_switches_with_rows_of_their_own() -> None:
    """|x| + |y|, both free; and z1 = |x|, which a free switch below decides."""
    apart = switches([[1, 0], [0, 1]], [1, 1], ["1/2", "-1/3"])
    assert proves("direction", apart, free=[0, 1], direction=[0, 0])
    coupled = switches([[1], [0]], [0, 1], ["1/2", 1], [[0, 0], [1, 0]])
    assert not proves("direction", coupled, free=[0], direction=[0])


# -- private columns, minors, adjoints -------------------------------------------------------------------------------


@pytest.mark.parametrize(("first", "second", "holds"), [((0, 0), (1, 1), True), ((1, 1), (0, 0), False)])
def test_a_private_column_moves_no_earlier_group(first: Any, second: Any, holds: bool) -> None:
    """z0 = x, z1 = x + y: the column of x moves both, that of y the second alone."""
    a = switches([[1, 0], [1, 1]], [1, -1], ["1/2", "-1/2"])
    groups = [{"members": [member], "column": column} for member, column in (first, second)]
    assert proves("private columns", a, groups=groups) == holds


@pytest.mark.parametrize(("rows", "slopes", "holds"), [
    ([[1], [1]], ("1/2", "1/2"), True), ([[1], [1]], ("1/2", "-1/2"), False), ([[1], [-1]], ("1/2", "1/2"), False),
])  # fmt: skip
def test_a_group_has_one_slope_and_one_sense(rows: Any, slopes: Any, holds: bool) -> None:
    groups = [{"members": [0, 1], "column": 0}]
    assert proves("private columns", switches(rows, [1, -1], slopes), groups=groups) == holds


def test_every_switch_is_in_a_group() -> None:
    a = switches([[1, 0], [0, 1]], [1, 1], ["1/2", "1/2"])
    assert not proves("private columns", a, groups=[{"members": [0], "column": 0}])


@pytest.mark.parametrize(("corner", "holds"), [(4, False), ("4000001/1000000", True)])
def test_a_minor(corner: Number, holds: bool) -> None:
    assert proves("minor", switches([[1, 2], [2, corner]], [1, 1], [0, 0]), minor=[0, 1]) == holds
    assert not proves("minor", switches([[1, 2], [2, corner]], [1, 1], [0, 0]), minor=[0])


@pytest.mark.parametrize(("coupling", "holds"), [
    ("1/2", True), (1, True), (-1, True), ("1000001/1000000", False), (2, False), (-2, False),
])  # fmt: skip
def test_adjoints_of_one_sign(coupling: Number, holds: bool) -> None:
    """|x| + |y + l |x||: the adjoint of |x| is 1 + l or 1 - l."""
    a = switches([[1, 0], [0, 1]], [1, 1], ["1/2", "1/2"], [[0, 0], [coupling, 0]])
    assert proves("sign-definite adjoints", a) == holds
    turned = switches([[1, 0], [0, 1]], [1, -1], ["1/2", "1/2"], [[0, 0], [0, 0]])
    assert not proves("sign-definite adjoints", turned)


@pytest.mark.parametrize(("weight", "holds"), [("1/4", True), ("3/8", False)])
def test_adjoints_are_followed_through_chains(weight: Number, holds: bool) -> None:
    """|x| + b |u| + b |v| with u = y - 2 |x|, v = z + |u|: that of |u| is b +- b, that of |x| is 1 +- 2 (b +- b)."""
    couplings = [[0, 0, 0], [-2, 0, 0], [0, 1, 0]]
    a = switches([[1, 0, 0], [0, 1, 0], [0, 0, 1]], [1, weight, weight], [0, 0, 0], couplings)
    assert proves("sign-definite adjoints", a) == holds


@pytest.mark.parametrize(("slope", "holds"), [(1, True), ("1/2", True), ("499999/1000000", False), (-1, False)])
def test_adjoints_under_the_slopes_that_are_judged(slope: Number, holds: bool) -> None:
    """|x| / 2 - ||x| - y|: the adjoint of |x| is 1/2 - c under the slope c of the second kink."""
    a = switches([[1, 0], [0, -1]], ["1/2", -1], ["1/3", slope], [[0, 0], [1, 0]])
    assert proves("adjoints for these slopes", a) == holds and not proves("sign-definite adjoints", a)
    both = switches([[1, 0], [0, -1]], [-1, 1], [slope, slope], [[0, 0], [0, 0]])
    assert not proves("adjoints for these slopes", both)


@pytest.mark.parametrize(("row", "slopes", "holds"), [
    ([0, 0], (0, 0, 1), True), ([0, 0], (0, 0, "1/3"), True), ([0, 0], ("1/9", 0, 0), False),
    ([1, 0], (0, 0, 0), False), ([0, 0], (0, -1, 0), False),
])  # fmt: skip
def test_the_middle_of_an_even_part(row: Any, slopes: Any, holds: bool) -> None:
    """||x| - |y| + row . (x, y)|, -2 |x|, |y|: the outer switch may have no base row, and any slope."""
    a = switches([[1, 0], [0, 1], row], [-2, 1, 1], slopes, [[0, 0, 0], [0, 0, 0], [1, -1, 0]])
    assert proves("even part", a) == holds


def layers(*given: tuple[list[int], list[Number], list[list[Number]]]) -> list[dict[str, Any]]:
    return [{"members": m, "weights": w, "directions": d} for m, w, d in given]


BOTH: list[list[Number]] = [[0, 1], [0, -1]]


@pytest.mark.parametrize(("slopes", "second", "holds"), [
    ((1, 0), ([1], ["1/2", "1/2"], BOTH), True), ((1, "1/3"), ([1], ["2/3", "1/3"], BOTH), True),
    ((1, "1/4"), ([1], ["2/3", "1/3"], BOTH), False), ((1, 1), ([1], [1], [[0, 5]]), True),
    ((1, 1), ([1], [1], [[1, 5]]), False), ((1, 0), ([1], [1], [[0, 0]]), False),
    ((1, 1), ([1], [1], [[0, -5]]), False), ((-1, 1), ([1], [1], [[0, 5]]), False),
    ((1, 1), ([1], [2, -1], BOTH), False),
])  # fmt: skip
def test_layers(slopes: Any, second: Any, holds: bool) -> None:
    """|x| - |y - |x||: the direction of the second layer may not move the first."""
    a = switches([[1, 0], [0, 1]], [1, -1], slopes, [[0, 0], [-1, 0]])
    assert proves("layered blocks", a, layers=layers(([0], [1], [[1, 0]]), second)) == holds
    assert not proves("layered blocks", a, layers=layers(second, ([0], [1], [[1, 0]])))
    assert not proves("layered blocks", a, layers=layers(([0, 1], [1], [[1, 1]])))
    assert not proves("layered blocks", a, layers=layers(([0], [1], [[1, 0]])))


# -- components ------------------------------------------------------------------------------------------------------


def whole(member: int) -> dict[str, Any]:
    direction = [int(column == member) for column in range(2)]
    return {"members": [member], "case": "a", "weights": [1], "signatures": [[1]], "directions": [direction]}


def test_components_have_no_cycle_and_rows_of_their_own() -> None:
    a = switches([[1, 0], [0, 1]], [1, -1], [1, 1])
    assert proves("components", a, components=[whole(0), whole(1)])
    assert not proves("components", a, components=[whole(0)])
    assert not proves("components", difference(1, 1), components=[
        {"members": [i], "case": "a", "weights": [1], "signatures": [[1]], "directions": [[1]]} for i in (0, 1)])


def test_one_sign_of_a_component_that_receives_proves_nothing() -> None:
    """Case (b) asks that no coupling enters."""
    a = switches([[1, 0], [0, 1]], [1, 1], ["1/2", "1/2"], [[0, 0], [-3, 0]])
    parts = [{"members": [0], "case": "a", "weights": ["3/4", "1/4"], "signatures": [[1], [-1]],
              "directions": [[1, 0], [-1, 0]]}, {"members": [1], "case": "b"}]  # fmt: skip
    assert not proves("components", a, components=parts)
    alone = switches([[1, 0], [0, 1]], [1, 1], ["1/2", "1/2"])
    assert proves("components", alone, components=parts)


@pytest.mark.parametrize(("signature", "slopes", "holds"), [
    ([1, 1], (1, 1), True), ([-1, -1], (-1, -1), False), ([1, 1], (1, -1), False), ([1, -1], (1, -1), False),
])  # fmt: skip
def test_a_lexicographic_signature_is_open_and_that_of_the_slopes(signature: Any, slopes: Any, holds: bool) -> None:
    assert proves("lexicographic", difference(*slopes), signature=signature, directions=[[0], [1]]) == holds
