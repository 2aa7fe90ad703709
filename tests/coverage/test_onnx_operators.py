"""Is the table of ONNX's operators true? ONNX's schemas, the rules and each operator itself are asked."""

from __future__ import annotations

import onnx
import onnx.defs
import pytest

import absnormal as an
from absnormal.frontends.onnx import control, interpret, refused
from absnormal.frontends.onnx.rules import OF_DOMAINS
from tests.coverage import onnx_operators as table

KNOWN = {(item.domain, item.name): item for item in onnx.defs.get_all_schemas()}
STATES = (table.FOLLOWED, table.DEFINED, table.CONTROL, table.CONSTANT, table.RANDOM, table.REFUSED)


def named(entries: list[str]) -> set[tuple[str, str]]:
    """Operators by domain and name."""
    return {(domain, kind) for domain, _, kind in (entry.rpartition(":") for entry in entries)}


def test_every_operator_is_in_the_table_once() -> None:
    listed = [entry for state in STATES for entry in state]
    assert len(listed) == len(set(listed))
    assert named(listed) == set(KNOWN)
    assert set(table.STEPS) <= set(table.FOLLOWED)


def test_the_table_is_what_the_front_end_has() -> None:
    assert named(table.FOLLOWED) == {(domain, kind) for domain, rules in OF_DOMAINS.items() for kind in rules}
    assert set(table.CONTROL) == set(control.CONTROL)
    assert set(table.RANDOM) == interpret.RANDOM
    assert named(table.REFUSED) == set(refused.REFUSED)
    for entry in named(table.DEFINED):
        schema = KNOWN[entry]
        assert schema.has_function or schema.has_context_dependent_function


@pytest.mark.parametrize("entry", sorted(named(table.REFUSED)))
def test_what_is_refused_is_refused_by_name(entry: tuple[str, str]) -> None:
    domain, kind = entry
    schema, helper = KNOWN[entry], onnx.helper
    node = helper.make_node(kind, ["x"] * max(1, schema.min_input), ["y"], domain=domain)
    x, y = (helper.make_tensor_value_info(name, onnx.TensorProto.DOUBLE, [2]) for name in "xy")
    opsets = [helper.make_opsetid("", 26), helper.make_opsetid(domain, schema.since_version)] if domain else [
        helper.make_opsetid("", 26)]
    model = helper.make_model(helper.make_graph([node], "f", [x], [y]), opset_imports=opsets, ir_version=10)
    with pytest.raises(an.TraceError) as caught:
        an.onnx.load(model, [1.0, 2.0])
    problem, fix = refused.REFUSED[entry]
    assert caught.value.operation == kind and problem in str(caught.value) and fix in str(caught.value)
