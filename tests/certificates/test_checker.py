"""The checker on hand-written certificates: each kind accepts what is true and refuses the nearest wrong thing."""

from __future__ import annotations

from typing import Any

import pytest

from absnormal.certificates.checker import NeedsProgram, check, digest, function, holds, within_rules

#: |x| - |2x|
PAIR = {"rows": [[1], [2]], "couplings": [[0, 0], [0, 0]], "weights": [1, -1], "slopes": [0, 0]}
#: |x| - |x + |y||, switches |y|, x, x + |y|
COUPLED = {
    "rows": [[0, 1], [1, 0], [1, 0]], "couplings": [[0, 0, 0], [0, 0, 0], [1, 0, 0]], "weights": [0, 1, -1],
    "slopes": [1, 1, 1],
}  # fmt: skip


def whole(system: dict[str, Any]) -> dict[str, Any]:
    """The system with names of its switches and columns, and J~ = 0."""
    width = len(system["rows"][0]) if system["rows"] else 0
    return {
        "switches": list(range(len(system["rows"]))), "columns": list(range(width)), "base": [0] * width, **system
    }  # fmt: skip


def says(kind: str, system: dict[str, Any], **evidence: Any) -> bool:
    return check({"kind": kind, "system": whole(system), **evidence})


def malformed(kind: str, system: dict[str, Any], **evidence: Any) -> bool:
    with pytest.raises(ValueError, match="malformed"):
        says(kind, system, **evidence)
    return True


def test_minor() -> None:
    plane = {"rows": [[1, 1], [1, 2]], "couplings": [[0, 0], [3, 0]], "weights": [1, 1], "slopes": [0, "1/2"]}
    assert says("minor", plane, minor=[0, 1])
    assert malformed("minor", plane, minor=[0, 0])
    assert malformed("minor", plane, minor=[0, 2])
    assert malformed("minor", plane, minor=[0, -1])
    assert not says("minor", plane, minor=[0])
    assert not says("minor", PAIR, minor=[0])


def test_zero_rows() -> None:
    nothing = {"rows": [[0], [0]], "couplings": [[0, 0], [1, 0]], "weights": [1, 1], "slopes": [1, 1]}
    assert says("zero rows", nothing)
    assert not says("zero rows", PAIR)
    assert not says("zero rows", {**PAIR, "kept": []})
    assert not says("zero rows", {**PAIR, "weights": [0, 0]})


def test_a_switch_is_dropped_only_when_it_is_out_of_play() -> None:
    """Which ones these are is worked out from the system, whatever the evidence says."""
    dead = {"rows": [[1], [1]], "couplings": [[0, 0], [0, 0]], "weights": [1, 0], "slopes": [1, "1/2"]}
    assert says("direction", dead, free=[], direction=[1])
    assert not says("direction", {**dead, "weights": [1, 1], "kept": [0]}, free=[], direction=[1])
    coupled = {**dead, "weights": [0, 1], "slopes": ["1/2", 1]}
    assert says("direction", coupled, free=[], direction=[1])
    assert not says("direction", {**coupled, "couplings": [[0, 0], [1, 0]], "kept": [1]}, free=[], direction=[1])


def test_direction() -> None:
    kinks = {**COUPLED, "slopes": [1, -1, 1]}
    assert says("direction", COUPLED, free=[], direction=[1, 1])
    assert not says("direction", COUPLED, free=[], direction=[0, 1])
    assert says("direction", kinks, free=[], direction=[-1, 2])
    assert not says("direction", kinks, free=[], direction=[-1, "1/2"])
    assert not says("direction", kinks, free=[], direction=[-1, 1])


def test_free_switches_need_independent_rows_that_the_direction_leaves_alone() -> None:
    mixed = {"rows": [[1, 0], [2, 0], [0, 1]], "couplings": [[0] * 3] * 3, "weights": [1, 1, 1], "slopes": [1, 1, 0]}
    assert says("direction", mixed, free=[2], direction=[1, 0])
    assert not says("direction", mixed, free=[2], direction=[1, 1])
    assert not says("direction", mixed, free=[], direction=[1, 1])
    assert not says("direction", {**PAIR, "slopes": [0, 0]}, free=[0, 1], direction=[0])
    assert malformed("direction", mixed, free=[2, 2], direction=[1, 0])
    assert malformed("direction", mixed, free=[-1], direction=[1, 0])
    assert malformed("direction", mixed, free=["2"], direction=[1, 0])
    hanging = {"rows": [[1], [0]], "couplings": [[0, 0], [1, 0]], "weights": [1, 1], "slopes": [0, 1]}
    assert not says("direction", hanging, free=[0], direction=[0])


def test_sign_definite_adjoints() -> None:
    assert says("sign-definite adjoints", {**PAIR, "weights": [1, 1]})
    assert not says("sign-definite adjoints", PAIR)
    assert says("sign-definite adjoints", {**COUPLED, "weights": [1, 1, 1]})
    assert not says("sign-definite adjoints", {**COUPLED, "weights": [0, 1, 1]})


def test_convex_weights() -> None:
    signatures, directions = [[1, 1], [-1, -1]], [[1], [-1]]
    good = {"signatures": signatures, "directions": directions}
    assert says("convex weights", PAIR, weights=["1/2", "1/2"], **good)
    assert not says("convex weights", PAIR, weights=["1/3", "2/3"], **good)
    assert not says("convex weights", PAIR, weights=["3/2", "-1/2"], **good)
    assert not says("convex weights", PAIR, weights=["1/2", "1/2"], signatures=signatures, directions=[[1], [1]])
    closed = {"signatures": [[1, -1], [-1, 1]], "directions": directions}
    assert not says("convex weights", PAIR, weights=["1/2", "1/2"], **closed)


def test_separated_from_the_open_cells_needs_the_whole_tree() -> None:
    wrong = {**PAIR, "slopes": [1, -1]}
    cuts = [{"signature": [1, -1], "weights": [2, 1]}, {"signature": [-1, 1], "weights": [2, 1]}]
    full: dict[str, Any] = {"signatures": [[1, 1], [-1, -1]], "cuts": cuts, "separator": [1]}
    assert says("separated from the open cells", wrong, **full)
    assert not says("separated from the open cells", wrong, **{**full, "cuts": cuts[:1]})
    assert not says("separated from the open cells", wrong, **{**full, "signatures": [[1, 1]]})
    assert not says("separated from the open cells", wrong, **{**full, "separator": [-1]})
    assert not says("separated from the open cells", {**PAIR, "slopes": [0, 0]}, **full)
    for weights in ([0, 0], [1, 1], [-2, -1]):
        forged = [{"signature": [1, -1], "weights": weights}, cuts[1]]
        assert not says("separated from the open cells", wrong, **{**full, "cuts": forged})


def test_separated_within_a_component() -> None:
    three = {
        "rows": [[1, 0], [2, 0], [0, 1]], "couplings": [[0] * 3] * 3, "weights": [1, -1, 5], "slopes": [1, -1, 0]
    }  # fmt: skip
    cuts = [{"signature": [1, -1], "weights": [2, 1]}, {"signature": [-1, 1], "weights": [2, 1]}]
    full: dict[str, Any] = {"members": [0, 1], "signatures": [[1, 1], [-1, -1]], "cuts": cuts}
    assert says("separated within a component", three, separator=[1, 0], **full)
    assert not says("separated within a component", three, separator=[1, 1], **full)
    # |x| - |2 x| + ...: a switch named twice would weigh twice.
    assert malformed("separated within a component", three, separator=[1, 0], **{**full, "members": [0, 0, 1]})
    linked = {**three, "couplings": [[0] * 3, [0] * 3, [1, 0, 0]]}
    assert not says("separated within a component", linked, separator=[1, 0], **full)


def test_separated_from_all_definite_signatures() -> None:
    single = {"rows": [[1]], "couplings": [[0]], "weights": [1], "slopes": [1], "columns": [0], "base": [0]}
    outside = {"vector": ["3/2"], "tolerance": ["1/4"]}
    assert says("separated from all definite signatures", single, separator=[1], **outside)
    assert not says("separated from all definite signatures", single, separator=[-1], **outside)
    near = {"vector": ["3/2"], "tolerance": ["1/2"]}
    assert not says("separated from all definite signatures", single, separator=[1], **near)


def component(members: list[int], **means: Any) -> dict[str, Any]:
    return {"members": members, "case": "a", **means}


def test_components() -> None:
    system = {
        "rows": [[1, 0], [2, 0], [0, 1], [0, 3]], "couplings": [[0] * 4] * 4, "weights": [1, -1, 1, 1],
        "slopes": [0, 0, 1, 1],
    }  # fmt: skip
    means = {"weights": ["1/2", "1/2"], "signatures": [[1, 1], [-1, -1]]}
    first = component([0, 1], directions=[[1, 0], [-1, 0]], **means)
    second = component([2, 3], weights=[1], signatures=[[1, 1]], directions=[[0, 1]])
    assert says("components", system, components=[first, second])
    assert says("components", system, components=[first, {"members": [2, 3], "case": "b"}])
    assert not says("components", system, components=[first])
    assert malformed("components", system, components=[first, first])
    assert not says("components", system, components=[{"members": [0, 1], "case": "b"}, second])
    assert not says("components", system, components=[component([0, 1], directions=[[1, 0], [1, 0]], **means), second])
    # The row spaces of [0] and [1] are one line.
    half: dict[str, Any] = {"weights": ["1/2", "1/2"], "signatures": [[1], [-1]], "directions": [[1, 0], [-1, 0]]}
    split = [component([i], **half) for i in (0, 1)]
    assert not says("components", system, components=[*split, second])


def test_a_regular_component_must_receive_no_coupling() -> None:
    wrong = {"rows": [[0, 1], [1, 0], [1, 0]], "couplings": [[0] * 3, [0] * 3, [1, 0, 0]], "weights": [-1, 1, 1],
             "slopes": [1, 1, -1]}  # fmt: skip
    regular = [{"members": [0], "case": "b"}, {"members": [1, 2], "case": "b"}]
    assert not says("components", wrong, components=regular)
    assert says("components", {**wrong, "couplings": [[0] * 3] * 3}, components=regular)


def test_an_outside_switch_must_not_decide_a_vanishing_row() -> None:
    """|x - x + |y|| with its own component: the internal row is 0 and |y| decides the sign."""
    system = {"rows": [[1], [0]], "couplings": [[0, 0], [1, 0]], "weights": [0, 1], "slopes": [1, -1]}
    parts = [component([0], weights=[1], signatures=[[1]], directions=[[1]]),
             component([1], weights=[1], signatures=[[-1]], directions=[[0]])]  # fmt: skip
    assert not says("components", system, components=parts)


def test_components_on_a_cycle() -> None:
    system = {
        "rows": [[1, 0], [0, 1], [1, 0]], "couplings": [[0] * 3, [1, 0, 0], [0, 1, 0]], "weights": [1, 1, 1],
        "slopes": [1, 1, 1],
    }  # fmt: skip
    parts = [component([0, 2], weights=[1], signatures=[[1, 1]], directions=[[1, 0]]),
             component([1], weights=[1], signatures=[[1]], directions=[[0, 1]])]  # fmt: skip
    assert not says("components", system, components=parts)


def test_lexicographic() -> None:
    assert says("lexicographic", COUPLED, signature=[1, 1, 1], directions=[[1, 0], [0, 1]])
    other = {**COUPLED, "slopes": [-1, 1, 1]}
    assert says("lexicographic", other, signature=[-1, 1, 1], directions=[[1, 0], [0, -1]])
    assert not says("lexicographic", COUPLED, signature=[-1, 1, 1], directions=[[1, 0], [0, -1]])
    assert not says("lexicographic", COUPLED, signature=[1, 1, 1], directions=[[1, 0]])
    assert not says("lexicographic", COUPLED, signature=[1, 1, -1], directions=[[1, 0], [0, 1]])
    assert not says("lexicographic", COUPLED, signature=[0, 1, 1], directions=[[1, 0], [0, 1]])


def test_a_vector_must_be_near_what_was_proved() -> None:
    system = {**PAIR, "slopes": [1, 1], "columns": [1], "base": [5, 7]}
    right = {"vector": [5, 6], "tolerance": [0, 0]}
    assert says("direction", system, free=[], direction=[1], **right)
    assert not says("direction", system, free=[], direction=[1], vector=[5, 7], tolerance=[0, "1/2"])


def chain(count: int, **system: Any) -> dict[str, Any]:
    """x_1, x_2 + |z_1|, x_3 + |z_2|, ..., with couplings of alternating signs and no weight but the last."""
    unit = [[int(i == j) for j in range(count)] for i in range(count)]
    links = [[(-1) ** i * int(i == j + 1) for j in range(count)] for i in range(count)]
    return {"rows": unit, "couplings": links, "weights": [0] * (count - 1) + [1], "slopes": [0] * count, **system}


def fan(count: int) -> dict[str, Any]:
    """One switch that couples to all others, which all have weight 1."""
    first = [[0] * (count + 1)] + [[1] + [0] * count for _ in range(count)]
    weights = [0] + [1] * count
    return {"rows": [[1]] * (count + 1), "couplings": first, "weights": weights, "slopes": [0] * (count + 1)}


def test_sign_definite_adjoints_of_many_switches() -> None:
    """No enumeration where intervals tell the sign; otherwise of the switches that a chain leads to."""
    many = {"rows": [[1]] * 40, "couplings": [[0] * 40] * 40, "weights": [1] * 40, "slopes": [0] * 40}
    assert says("sign-definite adjoints", many)
    assert not says("sign-definite adjoints", {**many, "weights": [1] * 39 + [-1]})
    assert not says("sign-definite adjoints", chain(10))
    with pytest.raises(ValueError, match="at most 10"):
        says("sign-definite adjoints", fan(12))


def test_private_columns() -> None:
    """relu(w x + b) on two samples: b is private to the group, x is not."""
    batch = {"rows": [[3, 1], [5, 1]], "couplings": [[0, 0], [0, 0]], "weights": [1, -1], "slopes": [0, 0]}
    both = [{"members": [0, 1], "column": 1}]
    assert says("private columns", batch, groups=both)
    assert not says("private columns", {**batch, "slopes": [0, 1]}, groups=both)
    assert not says("private columns", {**batch, "rows": [[3, 1], [5, -1]]}, groups=both)
    assert not says("private columns", {**batch, "rows": [[3, 1], [5, 0]]}, groups=both)
    assert not says("private columns", batch, groups=[{"members": [0], "column": 1}])
    assert malformed("private columns", batch, groups=[both[0], {"members": [0], "column": 0}])
    assert malformed("private columns", batch, groups=[{"members": [0, 1], "column": -1}])
    assert not says("private columns", batch, groups=[])
    assert not says("private columns", batch, groups=[both[0], {"members": [], "column": 0}])
    linked = {**batch, "couplings": [[0, 0], [2, 0]], "slopes": [1, 1]}
    assert not says("private columns", linked, groups=both), "|z_0| moves z_1 too"
    layers = {"rows": [[1, 0], [1, 1]], "couplings": [[0, 0], [1, 0]], "weights": [1, 1], "slopes": [0, 1]}
    ordered = [{"members": [0], "column": 0}, {"members": [1], "column": 1}]
    assert says("private columns", layers, groups=ordered)
    assert not says("private columns", layers, groups=ordered[::-1]), "the first column moves the later switch"


def test_a_chain_must_not_meet_a_group_twice() -> None:
    """|b + | |a| + ... | |: switches 0 and 2 share the column of a group, and a chain leads from one to the other."""
    tied = {
        "rows": [[1, 0], [0, 1], [1, 0]], "couplings": [[0] * 3, [1, 0, 0], [0, 1, 0]], "weights": [0, 0, 1],
        "slopes": [0, 0, 0],
    }  # fmt: skip
    groups = [{"members": [0, 2], "column": 0}, {"members": [1], "column": 1}]
    assert not says("private columns", tied, groups=groups)


def test_no_active_switch() -> None:
    nothing: dict[str, Any] = {"rows": [], "couplings": [], "weights": [], "slopes": []}
    assert says("no active switch", nothing)
    assert not says("no active switch", PAIR)
    assert not says("no active switch", {**PAIR, "weights": [0, 0]})


def test_what_hides_behind_leaves_has_no_weights() -> None:
    hidden = {**PAIR, "weights": [1, 1], "hidden": True}
    assert not says("sign-definite adjoints", hidden)
    assert says("direction", {**hidden, "slopes": [1, 1]}, free=[], direction=[1])
    with pytest.raises(NeedsProgram, match="not whole"):
        holds(document("direction", "CLARKE", system=whole({**hidden, "slopes": [1, 1]}), free=[], direction=[1]))


def test_points_are_never_believed() -> None:
    """Gradients of cells come from the form, or from the program that a certificate is next to."""
    single = whole({"rows": [[1]], "couplings": [[0]], "weights": [1], "slopes": [1]})
    cells = {"weights": [1], "signatures": [[1]], "directions": [[1]], "tolerance": [0], "leaves": [1], "rtol": 0}
    assert holds(document("convex weights", "CLARKE", system=single, vector=[1], points=[[5]], **cells))
    assert not holds(document("convex weights", "CLARKE", system=single, vector=[5], points=[[5]], **cells))
    bare = {name: value for name, value in single.items() if name != "base"}
    with pytest.raises(NeedsProgram):
        holds(document("convex weights", "CLARKE", system=bare, vector=[5], points=[[5]], **cells))


def test_the_form_names_each_switch_and_column_once() -> None:
    """One input named twice makes dependent rows look independent, one switch left out changes the function."""
    right = whole({"rows": [[1, 0], [0, -1]], "couplings": [[0, 0], [0, 0]], "weights": [1, 1], "slopes": [0, 0]})
    assert holds(document("minor", "CLARKE", system=right, minor=[0, 1]))
    for change in (
        {"columns": [0, 0]}, {"columns": [0]}, {"columns": [0, 2]}, {"columns": [-1, 0]}, {"columns": ["0", "1"]},
        {"switches": [3, 3]}, {"switches": [3]}, {"switches": [-1, 0]}, {"base": [0]},
    ):  # fmt: skip
        with pytest.raises(ValueError, match="malformed"):
            holds(document("minor", "CLARKE", system={**right, **change}, minor=[0, 1]))
    for name in ("columns", "base"):
        partial = {key: value for key, value in right.items() if key != name}
        with pytest.raises(NeedsProgram, match="not whole"):
            holds(document("minor", "CLARKE", system=partial, minor=[0, 1]))


@pytest.mark.parametrize("column", [float("inf"), float("nan"), 0.0, "0", None, True, [0], -1])
@pytest.mark.parametrize("based", [True, False])
def test_a_column_is_a_number_of_an_input(column: Any, based: bool) -> None:
    """With J~ and without, whatever stands there is refused as malformed."""
    system = {**whole(PAIR), "columns": [column]}
    if not based:
        del system["base"]
    with pytest.raises(ValueError, match="malformed"):
        holds(document("minor", "CLARKE", system=system, minor=[0]))


def test_systems_share_no_input_and_each_has_its_evidence() -> None:
    """|x| - |2x| + |y| - |2y| in two systems."""
    pair = {**PAIR, "slopes": [1, 1]}
    first, second = ({**pair, "switches": [2 * i, 2 * i + 1], "columns": [i]} for i in range(2))
    up = {"kind": "direction", "free": [], "direction": [1]}
    right = {"systems": [first, second], "base": [0, 0], "parts": [up, up]}
    kind = "independent parts"
    assert holds(document(kind, "CLARKE", **right))
    assert not holds(document(kind, "CLARKE", **{**right, "parts": [up, None]}))
    for change in (
        {"parts": [up]}, {"parts": []}, {"systems": [first]}, {"systems": [first, {**second, "columns": [0]}]},
        {"systems": [first, {**second, "switches": [1, 2]}]}, {"base": [0]},
    ):  # fmt: skip
        with pytest.raises(ValueError, match="malformed"):
            holds(document(kind, "CLARKE", **{**right, **change}))
    assert not holds(document(kind, "NOT_CLARKE", **{**right, "parts": [None, None]}))
    blocks = [{"blocks": [{"members": [0, 1], "weights": [1], "signatures": [[1, 1]], "directions": [[1]]}]}] * 2
    judged = {**right, "vector": [-1, -1], "tolerance": [0, 0], "leaves": [2], "rtol": 0}
    assert holds(document("convex weights in blocks", "CLARKE", **{**judged, "parts": blocks}))
    nothing = [{"blocks": []}] * 2
    assert not holds(document("convex weights in blocks", "CLARKE", **{**judged, "vector": [0, 0], "parts": nothing}))
    for parts in ([], blocks[:1]):
        with pytest.raises(ValueError, match="malformed"):
            holds(document("convex weights in blocks", "CLARKE", **{**judged, "vector": [0, 0], "parts": parts}))


def test_tolerances_have_a_size_and_a_sign() -> None:
    """CLARKE is said within 5 % of the largest entry of the leaf and within what is stated, or next to the program."""
    single = whole({"rows": [[1]], "couplings": [[0]], "weights": [1], "slopes": [1]})
    up = {"system": single, "free": [], "direction": [1], "leaves": [1]}
    assert holds(document("direction", "CLARKE", **up, vector=["51/50"], tolerance=["1/40"], rtol="1/20"))
    assert not holds(document("direction", "CLARKE", **up, vector=["51/50"], tolerance=["1/40"], rtol="1/50"))
    assert not holds(document("direction", "CLARKE", **up, vector=[2], tolerance=[1], rtol=1))
    with pytest.raises(NeedsProgram, match="tolerance"):
        holds(document("direction", "CLARKE", **up, vector=[2], tolerance=[1]))
    for tolerance in (["-1/40"], ["1/40", 0], []):
        with pytest.raises(ValueError, match="malformed"):
            holds(document("direction", "CLARKE", **up, vector=[1], tolerance=tolerance, rtol="1/20"))
    for leaves in ([2], [], [1, 1], [-1, 2], ["1"]):
        with pytest.raises(ValueError, match="malformed"):
            holds(document("direction", "CLARKE", **{**up, "leaves": leaves}, vector=[1], tolerance=[0], rtol=0))
    # The largest entry of another leaf is no scale.
    plane = whole({"rows": [[1, 0]], "couplings": [[0]], "weights": [1], "slopes": [1], "base": [100, 1]})
    far = {"system": plane, "free": [], "direction": [1, 0], "vector": [101, "1/2"], "tolerance": [0, "1/2"]}
    assert holds(document("direction", "CLARKE", **far, leaves=[2], rtol="1/20"))
    assert not holds(document("direction", "CLARKE", **far, leaves=[1, 1], rtol="1/20"))


def test_the_digest_of_the_function() -> None:
    """It depends on the function near x, not on slopes, names and evidence."""
    found = function({"kind": "minor", "system": whole(PAIR)})
    assert found is not None and (found.inputs, found.switches) == (1, 2)
    same = whole({**PAIR, "slopes": [1, "1/2"], "switches": [4, 7], "rows": [["2/2"], [2]]})
    assert function({"kind": "direction", "system": same}) == found
    for name, value in (("rows", [[1], [3]]), ("weights", [1, 1]), ("base", [1]), ("couplings", [[0, 0], [1, 0]])):
        assert function({"kind": "minor", "system": whole({**PAIR, name: value})}) != found
    assert function({"kind": "private inputs", "groups": []}) is None


@pytest.mark.parametrize("bad", ["1e999999999", "0x10", "1_0", "nan", 0.5, True, None, [], "1/0"])
def test_only_rational_numbers_are_read(bad: Any) -> None:
    with pytest.raises(ValueError, match="malformed"):
        says("zero rows", {**PAIR, "weights": [bad, 1]})


def document(kind: str, claim: str, **data: Any) -> dict[str, Any]:
    content = {"kind": kind, "claim": claim, "data": {"kind": kind, **data}}
    return {**content, "digest": digest(content)}


def test_claims_belong_to_kinds() -> None:
    wrong = {**PAIR, "slopes": [1, -1]}
    cuts = [{"signature": [1, -1], "weights": [2, 1]}, {"signature": [-1, 1], "weights": [2, 1]}]
    full: dict[str, Any] = {"signatures": [[1, 1], [-1, -1]], "cuts": cuts, "separator": [1], "system": whole(wrong)}
    assert holds(document("separated from the open cells", "NOT_CLARKE", **full))
    assert not holds(document("separated from the open cells", "CLARKE", **full))
    free = {"system": whole({**PAIR, "rows": [[1, 0], [0, 1]], "slopes": [0, 1]}), "free": [0], "direction": [0, 1]}
    assert holds(document("direction", "CLARKE", **free))
    assert not holds(document("direction", "limiting gradient", **free))


def test_the_digest() -> None:
    right = document("zero rows", "CLARKE", system=whole({**PAIR, "rows": [[0], [0]]}))
    assert holds(right)
    assert not holds({**right, "about": "another point"})
    assert not holds({**right, "digest": "sha256:0"})


def test_what_needs_its_program_says_so() -> None:
    with pytest.raises(NeedsProgram, match="next to its program"):
        holds(document("private inputs", "CLARKE", groups=[]))
    with pytest.raises(NeedsProgram, match="computed"):
        holds(document("zero rows", "CLARKE", system={**PAIR, "switches": [0, 1]}, vector=[1], tolerance=[0]))


@pytest.mark.parametrize(("stated", "holds"), [("1/25", True), ("1/26", False), ("1/101", False), ("1/20", True)])
def test_a_stated_tolerance_covers_every_leaf(stated: str, holds: bool) -> None:
    """The first of two leaves needs 4 per cent of its largest entry, the second 1 per cent."""
    data = {"vector": ["1", "-2", "10"], "tolerance": ["1/25", "2/25", "1/10"], "leaves": [2, 1], "rtol": stated}
    assert within_rules(data) is holds
