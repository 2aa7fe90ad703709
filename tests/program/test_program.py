"""Is a program flat, checked, printable, stable, and right at other points?"""

import dataclasses
import pickle
import re

import numpy as np
import pytest

from absnormal.errors import GuardError
from absnormal.frontends.numpy.traced import trace
from absnormal.ops import TABLE
from absnormal.program.nodes import Guard, Node
from absnormal.program.program import Program

X = np.array([0.5, -1.0, 2.0])
M = np.array([[1.0, 2.0, -1.0], [0.5, -0.5, 3.0]])


def network(x):
    hidden = np.maximum(M @ x, 0)
    hidden = np.where(hidden > 0, hidden, 0.1 * hidden) if x[0] > 0 else hidden
    return np.sum(np.abs(hidden - 1)) + np.max(x) - np.clip(x[1], -1, 1) + np.median(x)


def line_of(f, offset):
    return f.__code__.co_firstlineno + offset


def test_does_the_listing_show_abs_only_lines_with_their_sources():
    program = trace(network, X)
    text = str(program)
    lines = text.splitlines()
    assert lines[0] == f"program: n = 3 variables, s = {program.s} switches, m = 1 outputs"
    assert lines[-1] == f"y = v{program.output}"
    assert "max(" not in text
    assert "min(" not in text
    kinked = [line for line in lines if re.search(r"# z\d", line)]
    assert len(kinked) == len(program.kinked)
    assert all("|" in line for line in kinked)
    here = "test_program.py"
    assert f"np.maximum at {here}:{line_of(network, 1)}" in text
    assert f"np.where at {here}:{line_of(network, 2)}" in text
    assert f"np.max at {here}:{line_of(network, 3)}" in text
    assert f"guard: v{program.guards[0].left} > " in text
    operations = lines[1 : 1 + len(program.nodes)]
    assert [line.split(" = ")[0] for line in operations] == [f"v{i}" for i in range(len(program.nodes))]
    assert program.nodes[program.kinked[0]].source.text == "hidden = np.maximum(M @ x, 0)"


def test_is_every_operation_listed():
    program = trace(
        lambda x: np.sum(np.where([True, False, True], x, 2.0)[None, ..., ::-1].T * np.arange(8.0)), X
    )
    assert "where(mask, v0, v1)" in str(program)
    assert "None, ..., ::-1" in str(program)
    assert "<float64 array 8>" in str(program)
    assert repr(program) == f"<Program n=3 m=1 s=0 operations={len(program.nodes)}>"
    assert set(TABLE) == {name for name in TABLE if TABLE[name].show}


@pytest.mark.parametrize("seed", range(20))
def test_does_a_program_evaluate_f_at_other_points(seed):
    program = trace(network, X)
    x = np.random.default_rng(seed).standard_normal(3)
    if x[0] > 0 and not np.any(M @ x < 0):
        assert program(x) == pytest.approx(network(x), rel=1e-14)
    elif x[0] < 0:
        with pytest.raises(GuardError):
            program(x)


def test_does_a_result_keep_its_shape():
    assert isinstance(trace(np.sum, X)(X), float)
    assert trace(lambda x: np.outer(x, x), X)(X).shape == (3, 3)
    result = trace(lambda x: x, X)(X)
    result += 1
    np.testing.assert_array_equal(X, [0.5, -1.0, 2.0])


def test_is_a_program_the_same_after_pickling():
    program = trace(network, X)
    again = pickle.loads(pickle.dumps(program))
    assert str(again) == str(program)
    assert again(X) == program(X)
    assert again.s == program.s


def test_are_switches_numbered_in_evaluation_order_and_stably():
    first, second = trace(network, X), trace(network, X * 1.5)
    assert str(first) == str(second)
    switches = [first.nodes[index].switch for index in first.kinked]
    assert switches == sorted(switches)
    owned = [
        s
        for i in first.kinked
        for s in range(first.nodes[i].switch, first.nodes[i].switch + first.nodes[i].switches)
    ]
    assert owned == list(range(first.s))
    assert all(first.node_of(s).switch <= s for s in range(first.s))
    with pytest.raises(IndexError):
        first.node_of(first.s)


def unused(x):
    dead = np.abs(x) * np.exp(x)
    dead = dead + 1
    return x[0] + 0 * len(dead)


def test_is_dead_code_dropped():
    program = trace(unused, X)
    assert program.s == 0
    assert not any(node.op in ("exp", "kink") for node in program.nodes)


def test_do_unused_inputs_stay():
    program = trace(lambda p: p["a"] * 2, {"a": 1.0, "b": X})
    assert program.n == 4
    assert program({"a": 3.0, "b": X}) == 6.0


def test_do_kinks_that_only_guards_need_own_no_switch():
    program = trace(lambda x: x[0] if np.abs(x[1]) > 0.5 else x[1], X)
    assert program.s == 0
    assert any(node.op == "kink" and node.switch == -1 for node in program.nodes)
    with pytest.raises(GuardError):
        program(np.array([0.5, 0.25, 2.0]))


def test_are_equal_smooth_operations_one_node_and_kinks_their_own():
    program = trace(lambda x: np.exp(x[1:]) @ np.exp(x[1:]) + np.sum(np.abs(x[1:]) * np.abs(x[1:])), X)
    assert [node.op for node in program.nodes].count("exp") == 1
    assert [node.op for node in program.nodes].count("index") == 1
    assert program.s == 4


def test_are_different_operations_different_nodes():
    program = trace(
        lambda x: np.maximum(x[0], 0) + np.maximum(0, x[0]) + np.fmax(x[0], 0) + x[True][0, 1] - x[1], X
    )
    assert program.s == 3
    assert program(X) == 1.5


def test_does_a_buffer_that_is_used_twice_count_twice():
    def f(x):
        buffer = np.arange(100.0)
        first = np.sum(x[0] * buffer)
        buffer[:] = 0
        return first + np.sum(x[0] * buffer)

    assert trace(f, X)(X) == 4950 * 0.5


def test_is_a_result_without_variables_constant():
    program = trace(lambda x: 2.0, X)
    assert program(X + 1) == 2.0
    assert (program.n, program.s, program.m) == (3, 0, 1)


def changed(program, index, **fields):
    nodes = list(program.nodes)
    nodes[index] = nodes[index]._replace(**fields)
    return Program(tuple(nodes), program.output, program.tree, program.guards)


@pytest.mark.parametrize("fields, complaint", [
    ({"op": "nothing"}, "not in the table"),
    ({"args": (99,)}, "not all earlier"),
    ({"args": (1,)}, "not all earlier"),
    ({"switch": 5}, "owns 3 switches from 5, expected 3 from 0"),
    ({"switches": 2}, "owns 2 switches from 0, expected 3 from 0"),
])  # fmt: skip
def test_does_check_find_a_malformed_line(fields, complaint):
    program = trace(lambda x: np.abs(x) * 2, X)
    assert program.nodes[1].op == "kink"
    with pytest.raises(AssertionError, match=complaint) as caught:
        changed(program, 1, **fields).check()
    assert fields.get("op") or "> v1 = " in str(caught.value)


def test_does_check_find_a_wrong_varied_flag():
    program = trace(lambda x: x * 2, X)
    with pytest.raises(AssertionError, match="varied=False"):
        changed(program, 2, varied=False).check()


def test_are_nodes_and_guards_values():
    with pytest.raises(AttributeError):
        Node("add", (), {}, (), None, "", True).op = "sub"
    with pytest.raises(dataclasses.FrozenInstanceError):
        Guard(0, 1, ">", True, None, "").left = 2


@pytest.mark.parametrize("bad", [[1.0], np.zeros((3, 3)), {"a": 1.0}])
def test_is_a_point_of_another_shape_refused(bad):
    with pytest.raises(ValueError):
        trace(np.sum, X)(bad)
