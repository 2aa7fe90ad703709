"""Does one builder serve what is computed at once, and what a framework computed?"""

import pickle
from fractions import Fraction

import numpy as np
import pytest

from absnormal.errors import DomainError, TraceError
from absnormal.program.builder import Builder
from absnormal.program.nodes import Node
from absnormal.program.tree import Tree

LATER = frozenset({"movement", "linear", "bilinear", "smooth", "kinked"})


class Foreign:
    """An array of a framework, which counts how often it is read."""

    def __init__(self, *numbers, dtype=np.float32):
        self.array, self.shape, self.reads = np.array(numbers, dtype), (len(numbers),), 0


def read(foreign):
    foreign.reads += 1
    return foreign.array


def lazy(*leaves, checked=False, later=LATER):
    builder = Builder(Tree([*range(len(leaves))], tuple(leaf.shape for leaf in leaves)), (), read=read, later=later,
                      checked=checked)
    for number, leaf in enumerate(leaves):
        builder.append(Node("input", (), {"leaf": number}, leaf.shape, None, "", True), given=leaf)
    return builder


def add(builder, op, *args, **params):
    return builder.add(op, args, params, op, None)


def test_what_nobody_asks_for_is_neither_read_nor_computed():
    x = Foreign(1.0, 2.0)
    builder = lazy(x)
    double = add(builder, "add", 0, 0)
    other = add(builder, "exp", double)
    builder.give(other, y := Foreign(7.0, 8.0))
    total = add(builder, "sum", other, axes=(0,), shape=())
    assert (x.reads, y.reads) == (0, 0)
    assert builder.values[total] == 15.0
    assert (x.reads, y.reads) == (0, 1)
    np.testing.assert_array_equal(builder.values[double], [2.0, 4.0])
    assert builder.values[double].dtype == float


def test_operations_are_equal_in_one_precision_only():
    builder = lazy(Foreign(1.0))
    found = []
    for builder.precision in (np.float32, np.float64, np.float32):
        found.append(add(builder, "exp", 0))
    assert found[0] == found[2] != found[1]


def test_a_long_chain_needs_no_recursion():
    builder = lazy(Foreign(1.0))
    at = 0
    for _ in range(3000):
        at = add(builder, "add", at, 0)
    assert builder.values[at] == 3001.0


def test_values_in_other_precisions():
    builder = lazy(Foreign(1.0, 2.0**-30))
    moved = add(builder, "reshape", 0, shape=(2, 1))
    third = add(builder, "div", moved, builder.constant(np.array(3.0)))
    builder.give(output := add(builder, "sum", third, axes=(0, 1), shape=()), Foreign(0.25))
    found = builder.finished(output)
    own, single = found.values.in_precision(None), found.values.in_precision(np.float32)
    assert [value.dtype for value in own] == [np.float32, np.float32, float, float, np.float32]
    assert {value.dtype for value in single} == {np.dtype(np.float32)}
    assert {value.dtype for value in found.values} == {np.dtype(float)}
    assert found.values[output] == own[output] == 0.25
    for value, kept in zip(found.values, pickle.loads(pickle.dumps(found.values)), strict=True):
        np.testing.assert_array_equal(value, kept)


def test_equal_operations_are_one_node_where_they_are_in_one_precision():
    builder = lazy(Foreign(1.0, 2.0))
    key = np.arange(400) % 2
    first = add(builder, "gather", 0, index=key)
    assert add(builder, "gather", 0, index=key.copy()) == first
    # Beside the sample that is looked up, which is every third entry.
    other = key.copy()
    other[202] = 1
    assert add(builder, "gather", 0, index=other) != first
    assert add(builder, "gather", 0, index=key[:399]) != first
    builder.precision = 1e-3
    assert add(builder, "gather", 0, index=key) != first
    bent = add(builder, "kink", 0, a=0.0, b=1.0)
    assert add(builder, "kink", 0, a=0.0, b=1.0) != bent


def test_constants_that_are_small_are_one_node_and_zeros_keep_their_sign():
    builder = Builder(Tree(0, ((),)), [np.array(0.0)])
    zero, minus = builder.constant(np.array(0.0)), builder.constant(np.array(-0.0))
    assert builder.constant(np.array(0.0)) == zero != minus
    large = np.zeros(100)
    assert builder.constant(large) == (first := builder.constant(large))
    large[3] = 1.0
    assert builder.constant(large) != first


def test_a_domain_is_checked_where_nothing_is_computed():
    builder = lazy(Foreign(0.0, 1.0))
    root, log = add(builder, "sqrt", 0), add(builder, "log", 0)
    with pytest.raises(TraceError, match="not Lipschitz"):
        builder.finished(root)
    with pytest.raises(DomainError, match="NaN or infinite"):
        builder.finished(log)
    # Of both the second entry is in the domain.
    assert builder.program(add(builder, "index", root, key=(1,)))([1.0, 4.0]) == 2.0
    sure = lazy(Foreign(0.0, 1.0))
    assert sure.add("log", (0,), {}, "log", None, sure=True) not in sure.faults


def test_what_a_framework_found_infinite_is_computed_to_say_why():
    builder = lazy(Foreign(1e30, 1.0), checked=True, later=LATER - {"smooth"})
    product = add(builder, "mul", 0, 0)
    builder.give(product, Foreign(np.inf, 1.0))  # in single precision alone
    large = lazy(Foreign(1e300, dtype=float), checked=True, later=LATER - {"smooth"})
    square, exponential = add(large, "mul", 0, 0), add(large, "exp", 0)
    large.give(square, Foreign(np.inf))
    for node in (square, exponential):
        with pytest.raises(DomainError, match="overflow"):
            large.finished(node)


def test_an_infinite_result_is_that_of_the_operation_which_an_infinite_constant_reached():
    builder = Builder(Tree(0, ((),)), [np.array(1.0)])
    total = add(builder, "add", 0, builder.constant(np.array(np.inf)))
    with pytest.raises(DomainError, match="add"):
        builder.finished(add(builder, "neg", total))


def test_a_finished_program_has_what_is_needed_and_what_guards_compare():
    builder = lazy(Foreign(1.0), Foreign(2.0))
    kept = add(builder, "kink", 0, a=0.0, b=1.0)
    add(builder, "exp", 0)
    guarded = add(builder, "kink", 1, a=0.0, b=1.0)
    builder.guard(guarded, 1, ">=", np.array([True]), "if", None)
    builder.guard(guarded, 1, ">=", np.array([True]), "if", None)
    found = builder.finished(add(builder, "sum", kept, axes=(0,), shape=()))
    assert [node.op for node in found.program.nodes] == ["input", "input", "kink", "kink", "sum"]
    assert (found.program.s, len(found.program.guards)) == (1, 1)
    assert found.needed == {0, kept, 5}
    assert found.places[guarded] == 3
    found.program.check()


def test_combinations_of_nodes():
    builder = Builder(Tree(0, ((2,),)), [np.array([1.0, 2.0])])
    two, four = (builder.constant(np.array(number)) for number in (2.0, 4.0))
    half = add(builder, "div", 0, two)
    left = add(builder, "sub", add(builder, "mul", half, four), two)  # 2 x - 2
    right = add(builder, "neg", add(builder, "broadcast", 0, shape=(3, 2)))
    assert builder.affine(left) == {0: Fraction(2), "one": Fraction(-2)}
    assert builder.affine.difference(half, half) == {}
    assert builder.affine.multiple(left, builder.constant(np.array(-2.0)), right, half) == Fraction(-4, 3)
    assert builder.affine.multiple(left, two, right, half) is None
    assert builder.affine.multiple(left, right, half, two) is None  # 3 x - 2 and x / 2 - 2
    assert builder.affine.multiple(left, left, right, half) == 0
    assert builder.affine.multiple(left, right, half, half) is None
    for at in [0] * 500:
        left = add(builder, "add", left, at)
    assert len(builder.affine(left)) == 2
