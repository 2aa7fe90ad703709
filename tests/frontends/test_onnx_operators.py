"""Does every rule account for all of its operator? ONNX's own node tests and schemas are the judges."""

from __future__ import annotations

import dis
import functools
import inspect
import pickle
import warnings
from collections.abc import Iterator
from types import CodeType
from typing import Any

import numpy as np
import onnx
import onnx.defs
import onnx.parser
import pytest
from onnx.backend.test.loader import load_model_tests

import absnormal as an
from absnormal.frontends.onnx.graph import OLDEST, REAL, read
from absnormal.frontends.onnx.interpret import program_of
from absnormal.frontends.onnx.rule import NEWEST, Call, Rule, account, default_of
from absnormal.frontends.onnx.rules import RULES
from absnormal.frontends.writing import Writer
from absnormal.program.builder import Builder
from absnormal.program.tree import Tree

#: Types in which a digit is lost soon.
COARSE = ("float16", "bfloat16")


def real(case: Any) -> bool:
    """Whether a case has an input of real numbers."""
    return any(item.type.tensor_type.elem_type in REAL for item in case.model.graph.input)


@functools.cache
def cases() -> list[Any]:
    """The node tests of the onnx package with an input of real numbers, or an operator that has a rule."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = load_model_tests(kind="node")
    taken = []
    for case in found:
        if not real(case) and not {node.op_type for node in case.model.graph.node} & set(RULES):
            continue
        for item in case.model.opset_import:
            if not item.domain and item.version < OLDEST:
                item.version = OLDEST
        taken.append(case)
    return taken


def array(value: Any) -> Any:
    """A test's value as an array."""
    return onnx.numpy_helper.to_array(value) if isinstance(value, onnx.TensorProto) else np.asarray(value)


def results(case: Any) -> Iterator[tuple[str, str, str]]:
    """(output, "right", "wrong" or "refused", what is said) of a case.

    Its real inputs are the variables, or one of them alone where that is refused; where there is none the constants
    are folded.
    """
    (inputs, outputs), graph = case.data_sets[0], read(case.model)
    given = {item.name: array(value) for item, value in zip(case.model.graph.input, inputs, strict=True)
             if not isinstance(value, list)}
    names = [name for name, item in graph.inputs.items() if item.real]
    for item, expected in zip(case.model.graph.output, outputs, strict=True):
        found = outcome(case, graph, given, names, item.name, expected)
        for name in names if len(names) > 1 else ():
            if found[0] == "refused":
                alone = outcome(case, graph, given, [name], item.name, expected)
                found = found if alone[0] == "refused" else alone
        yield item.name, *found


def outcome(case: Any, graph: Any, given: Any, names: list[str], output: str, expected: Any) -> tuple[str, str]:
    """What comes out of the program, against the expected value."""
    if isinstance(expected, list) or array(expected).dtype.kind in "SUO":
        return "refused", "a sequence or text"
    expected = array(expected)
    digits = 2e-2 if any(value.dtype.name in COARSE for value in (expected, *given.values())) else 1e-3
    try:
        if names:
            program = an.onnx.load(case.model, given, variables=names, output=output)
            point = {name: np.asarray(given[name], dtype=float) for name in names}
            value = program(point if len(names) > 1 else point[names[0]])
        else:
            value = program_of(graph, np.zeros(1), given, "no variable", output)(np.zeros(1))
    except (an.TraceError, an.DomainError) as error:
        return "refused", str(error)
    value, wanted = np.asarray(value), expected.astype(float)
    # What one number is, is a number.
    value = value.reshape(wanted.shape) if wanted.size == 1 == value.size else value
    close = value.shape == wanted.shape and np.allclose(value, wanted, digits, digits * 1e-2)
    return "right" if close else "wrong", f"{value.shape} {value.ravel()[:4]} for {wanted.shape} {wanted.ravel()[:4]}"


@functools.cache
def found() -> dict[str, list[tuple[str, str]]]:
    """What comes out of each node test: (kind, what is said) of each of its outputs."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return {case.name: [(kind, said) for _, kind, said in results(case)] for case in cases()}


@pytest.mark.slow
def test_node_tests_have_their_expected_values() -> None:
    wrong = [f"{name}: {said}" for name, made in found().items() for kind, said in made if kind == "wrong"]
    assert not wrong, "\n".join(wrong)
    refused = [f"{name}: {said}" for name, made in found().items() for kind, said in made if kind == "refused"]
    judged = [found()[case.name] for case in cases() if real(case)]
    # The others have NaN, infinite or tied entries, operators that jump there, or lists of tensors.
    assert sum(all(kind == "right" for kind, _ in made) for made in judged) >= 0.85 * len(judged), "\n".join(refused)
    right = {node.op_type for case in cases() for node in case.model.graph.node
             if any(kind == "right" for kind, _ in found()[case.name])}
    # The points of these hold a zero, NaN or infinity; there is no test of a global LpPool.
    assert set(RULES) - right == {"Sign", "IsNaN", "IsInf", "GlobalLpPool"}


# -- the whole table against the schemas -------------------------------------------------------------------

OPERATORS = sorted(RULES)


@functools.cache
def histories() -> dict[str, list[Any]]:
    """The schemas of each operator, the oldest first."""
    found: dict[str, list[Any]] = {}
    for item in sorted(onnx.defs.get_all_schemas_with_history(), key=lambda item: item.since_version):
        if not item.domain:
            found.setdefault(item.name, []).append(item)
    return found


def history(kind: str) -> list[Any]:
    """The schemas of an operator, the oldest first."""
    return histories().get(kind, [])


def versions(kind: str) -> list[Any]:
    """The schemas of an operator that models of a supported opset use."""
    older = [item for item in history(kind) if item.since_version <= OLDEST]
    return [*older[-1:], *(item for item in history(kind) if OLDEST < item.since_version <= NEWEST)]


def texts(function: Any, seen: set[Any]) -> set[str]:
    """The texts in a function of ours, and in those that it calls."""
    if not inspect.isfunction(function) or function in seen or "onnx" not in function.__module__:
        return set()
    seen.add(function)
    found: set[str] = set()
    codes = [function.__code__]
    while codes:
        code = codes.pop()
        found.update(item for item in code.co_consts if isinstance(item, str))
        codes.extend(item for item in code.co_consts if isinstance(item, CodeType))
        for name in code.co_names:
            found |= texts(function.__globals__.get(name), seen)
    for cell in function.__closure__ or ():
        held = cell.cell_contents
        found |= {*held} if isinstance(held, tuple) else texts(held, seen)
    return found


@pytest.mark.parametrize("kind", OPERATORS)
def test_a_rule_declares_what_its_schema_has(kind: str) -> None:
    rule, schemas = RULES[kind], versions(kind)
    known = {name for schema in history(kind) for name in schema.attributes}
    assert set(rule.reads) | set(rule.idle) <= known
    assert set(rule.reads) <= texts(rule.write, set()), "it declares an attribute that it does not read"
    for schema in schemas:
        required = {name for name, item in schema.attributes.items() if item.required}
        assert required <= {*rule.reads, *rule.idle}
        assert rule.inputs is None or schema.min_input <= rule.inputs
        assert (rule.inputs is None) == (schema.max_input > 9), "any number of inputs is read where there may be any"
    most = max(schema.max_output for schema in schemas)
    assert rule.outputs is None or rule.outputs <= most


@pytest.mark.parametrize("kind", OPERATORS)
def test_no_input_of_a_rule_is_left_unread(kind: str) -> None:
    write = RULES[kind].write
    inputs = [name for name, item in inspect.signature(write).parameters.items()
              if item.kind is not inspect.Parameter.KEYWORD_ONLY][1:]
    steps = [item.argval for item in dis.get_instructions(write) if item.opname.startswith("LOAD")]
    # Python 3.13 loads two at once.
    assert set(inputs) <= {name for found in steps for name in (found if type(found) is tuple else (found,))}


def call_of(kind: str, schema: Any, attributes: dict[str, Any]) -> Call:
    """A node of an operator, for its rule."""
    builder = Builder(*Tree.of(np.zeros(1)))
    return Call(Writer(builder, kind, None), kind, RULES[kind], schema, attributes, 1, frozenset({0}))


def another(attribute: Any, default: Any) -> Any:
    """A value of an attribute that is not its default."""
    kinds = {"INT": 7, "FLOAT": 0.7, "STRING": "other", "INTS": [7], "FLOATS": [0.7], "STRINGS": ["other"]}
    return kinds[str(attribute.type).rpartition(".")[-1]]


@pytest.mark.parametrize("kind", OPERATORS)
def test_what_a_rule_does_not_read_is_refused_by_name(kind: str) -> None:
    rule: Rule = RULES[kind]
    for schema in versions(kind):
        for name in set(schema.attributes) - set(rule.reads) - set(rule.idle):
            default = default_of(schema, name)
            with pytest.raises(an.TraceError, match=f"{kind}: the attribute {name} = "):
                account(call_of(kind, schema, {name: another(schema.attributes[name], default)}), 1)
            if default is not None:
                account(call_of(kind, schema, {name: default}), 1)
        if rule.inputs is not None and schema.max_input > rule.inputs:
            with pytest.raises(an.TraceError, match=f"the input {schema.inputs[rule.inputs].name} is not"):
                account(call_of(kind, schema, {}), rule.inputs + 1)
        with pytest.raises(an.TraceError, match="the attribute unheard_of = 1 is not supported"):
            account(call_of(kind, schema, {"unheard_of": 1}), 1)


def test_a_rule_cannot_read_an_attribute_that_it_does_not_declare() -> None:
    with pytest.raises(AssertionError, match="reads the attribute alpha"):
        call_of("Relu", versions("Relu")[-1], {}).get("alpha")


def test_a_version_newer_than_the_rules_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("absnormal.frontends.onnx.rule.NEWEST", 13)
    with pytest.raises(an.TraceError, match="version 14 of the operator is newer than its rule"):
        account(call_of("Relu", versions("Relu")[-1], {}), 1)


# -- operators of which an argument was once forgotten -----------------------------------------------------


def loaded(text: str, opset: int = 18, **options: Any) -> an.Program:
    """The program of a graph that is written as text."""
    header = f'<ir_version: 10, opset_import: ["": {opset}]>'
    return an.onnx.load(onnx.parser.parse_model(header + text), **options)


X = np.array([[1.5, -2.5, 0.5], [-0.25, 3.5, -1.0]])


def of_one(node: str, opset: int, more: str = "") -> an.Program:
    """The program of one node, x -> y, at `X`."""
    return loaded(f"f (double[2,3] x) => (double y) {more} {{ {node} }}", opset, inputs=X)


def test_a_sign_is_constant_where_it_does_not_jump() -> None:
    np.testing.assert_array_equal(of_one("y = Sign(x)", 13)(X), np.sign(X))


@pytest.mark.parametrize(("kind", "alone"), [
    ("ReduceL1", np.abs), ("ReduceL2", np.abs), ("ReduceSum", lambda x: x), ("ReduceMean", lambda x: x),
    ("ReduceProd", lambda x: x), ("ReduceMax", lambda x: x), ("ReduceMin", lambda x: x),
    ("ReduceSumSquare", np.square), ("ReduceLogSumExp", lambda x: x),
])  # fmt: skip
def test_a_reduction_over_no_axes_works_entry_by_entry(kind: str, alone: Any) -> None:
    nothing = "<int64[0] none = {}>"
    for node, more in ((f"{kind}<noop_with_empty_axes = 1>(x)", ""),
                       (f"{kind}<noop_with_empty_axes = 1>(x, none)", nothing),
                       (f"{kind}<noop_with_empty_axes = 1, keepdims = 0>(x)", "")):
        np.testing.assert_allclose(of_one(f"y = {node}", 18, more=more)(X), alone(X), rtol=1e-15)
    whole = of_one(f"y = {kind}<keepdims = 0>(x, none)", 18, more=nothing)(X)
    assert np.ndim(whole) == 0
    np.testing.assert_allclose(whole, of_one(f"y = {kind}<keepdims = 0>(x)", 18)(X), rtol=1e-15)
    if kind != "ReduceSum":
        before = of_one(f"y = {kind}<axes = [1], keepdims = 0>(x)", 13)(X)
        since = of_one(f"y = {kind}<keepdims = 0>(x, a)", 18, more="<int64[1] a = {1}>")(X)
        np.testing.assert_array_equal(before, since)


@pytest.mark.parametrize(("like", "expected"), [
    ("int64[1] k = {3}", [1.0, -2.0]), ("int8[1] k = {3}", [1.0, -2.0]), ("bool[1] k = {1}", [1.0, 1.0]),
    ("float[1] k = {1.0}", [1.5, -2.5]), ("double[1] k = {1.0}", [1.5, -2.5]),
])  # fmt: skip
def test_a_cast_like_another_tensor_casts(like: str, expected: list[float]) -> None:
    x = np.array([1.5, -2.5])
    text = f"f (double[2] x) => (double y) <{like}> {{ a = CastLike(x, k)  y = CastLike(a, x) }}"
    np.testing.assert_array_equal(loaded(text, 19, inputs=x)(x), expected)
    np.testing.assert_array_equal(loaded(text, 19, inputs=x - 0.25)(x), expected)
    to = {"int64": 7, "int8": 3, "bool": 9, "float": 1, "double": 11}[like.partition("[")[0]]
    casts = f"f (double[2] x) => (double y) {{ a = Cast<to = {to}>(x)  y = Cast<to = 11>(a) }}"
    np.testing.assert_array_equal(loaded(casts, 19, inputs=x)(x), expected)
    if to in (7, 3, 9):
        for jumping in (text, casts):
            with pytest.raises(an.TraceError, match=r"Cast.* at model.onnx:\d: (jumps|its condition .* is tied)"):
                loaded(jumping, 19, inputs=[0.0 if to == 9 else 1.0, 2.5])


def test_casts_that_are_no_rounding_are_refused() -> None:
    for to in (8, 17, 20, 22):
        with pytest.raises(an.TraceError, match=r"Cast at model.onnx:1: to .* is not supported"):
            loaded(f"f (double[2] x) => (double y) {{ y = Cast<to = {to}>(x) }}", 23)
    with pytest.raises(an.TraceError, match="to int8 of a number that it cannot hold"):
        loaded("f (double[1] x) => (double y) { y = Cast<to = 3>(x) }", 19, inputs=[300.5])


def test_dropout_keeps_everything_unless_it_trains() -> None:
    for training in (0, 1):
        text = (f"f (double[2,3] x) => (double y) <float r = {{0.5}}, bool t = {{{training}}}> "
                "{ y = Dropout<seed = 3>(x, r, t) }")
        if training:
            with pytest.raises(an.TraceError, match=r"Dropout at model.onnx:1: drops entries at random"):
                loaded(text)
        else:
            np.testing.assert_array_equal(loaded(text)(X), X)
    held = "f (double[3] x) => (double y) <double[3] c = {1.0, 2.0, 3.0}, float r = {0.5}, bool t = {1}>"
    with pytest.raises(an.TraceError, match=r"Dropout at model.onnx:1: drops entries at random"):
        loaded(held + "{ d = Dropout(c, r, t)  y = Mul(x, d) }")


def test_what_is_random_is_refused() -> None:
    for node in ("RandomNormalLike(x)", "RandomUniform<shape = [3]>()", "Bernoulli(c)"):
        with pytest.raises(an.TraceError, match=f"{node.partition('Like')[0][:9]}.* is random"):
            loaded(f"f (double[3] x) => (double y) <double[3] c = {{0.5, 0.5, 0.5}}> {{ d = {node}  y = Mul(x, d) }}")


def test_lstm_arguments_are_read_or_refused() -> None:
    weights = ", ".join(f"double[1,{a},{b}] {n} = {{{', '.join(['0.1'] * (a * b))}}}" for n, a, b in
                        (("w", 8, 3), ("r", 8, 2)))
    for attribute in ("input_forget = 1", "clip = 0.5", "activation_alpha = [0.5, 0.5, 0.5]"):
        with pytest.raises(an.TraceError, match=f"LSTM at model.onnx:1: the attribute {attribute.split()[0]} = "):
            loaded(f"f (double[4,2,3] x) => (double y) <{weights}> "
                   f"{{ y = LSTM<hidden_size = 2, {attribute}>(x, w, r) }}")


def test_depth_and_space_in_both_modes() -> None:
    image = np.random.default_rng(0).normal(size=(2, 3, 4, 6))
    for mode in ("DCR", "CRD"):
        there, here = (f'{name}<blocksize = 2, mode = "{mode}">' for name in ("SpaceToDepth", "DepthToSpace"))
        back = loaded(f"f (double[2,3,4,6] x) => (double y) {{ a = {there}(x)  y = {here}(a) }}", 28)
        np.testing.assert_array_equal(back(image), image)
    with pytest.raises(an.TraceError, match="the attribute mode = 'XYZ' is not supported"):
        loaded('f (double[2,3,4,6] x) => (double y) { y = SpaceToDepth<blocksize = 2, mode = "XYZ">(x) }', 28)


def test_further_outputs_are_made_or_refused_by_name() -> None:
    mean = "f (double[2,3] x) => (double y) <double[3] s = {1.0, 2.0, 3.0}> { a, y, b = LayerNormalization(x, s) }"
    np.testing.assert_allclose(loaded(mean)(X), X.mean(1, keepdims=True))
    inverse = mean.replace("a, y, b", "a, b, y")
    np.testing.assert_allclose(loaded(inverse)(X), 1 / np.sqrt(X.var(1, keepdims=True) + 1e-5), rtol=1e-6)
    pool = "f (double[1,1,4] x) => (double y) { a, i = MaxPool<kernel_shape = [2]>(x)  y = "
    assert loaded(pool + "Neg(a) }").n == 4
    with pytest.raises(an.TraceError, match=r"MaxPool at model.onnx:1: the two sides are equal"):
        loaded(pool + "Cast<to = 11>(i) }")
    held = loaded(pool + "Cast<to = 11>(i) }", inputs=[[[1.0, 2.0, 4.0, 3.0]]])
    np.testing.assert_array_equal(held([[[1.0, 2.0, 4.0, 3.0]]]), [[[1, 2, 2]]])
    top = "f (double[4] x) => (double y) <int64[1] k = {2}> { v, i = TopK(x, k)  y = "
    assert loaded(top + "ReduceSum<keepdims = 0>(v) }").s > 0
    with pytest.raises(an.TraceError, match=r"TopK at model.onnx:1: jumps at this point, .*Fix: use its values"):
        loaded(top + "Cast<to = 11>(i) }")
    np.testing.assert_array_equal(loaded(top + "Cast<to = 11>(i) }", inputs=[1.0, 4.0, 3.0, 2.0])([1, 4, 3, 2]), [1, 2])


@pytest.mark.parametrize("largest", [0, 1])
@pytest.mark.parametrize("axis", [0, 1])
@pytest.mark.parametrize("gather", ["Gather", "GatherElements"])
def test_what_the_indices_of_equal_entries_look_up_of_them_is_sorted(gather: str, axis: int, largest: int) -> None:
    shape = (3,) if gather == "Gather" else (3, 3)
    axis = axis if len(shape) == 2 else 0
    text = f"""f (double[{','.join(map(str, shape))}] x) => (double y) <int64[1] k = {{2}}> {{
        v, i = TopK<axis = {axis}, largest = {largest}>(x, k)
        e = Exp(x)  g = {gather}<axis = {axis}>(%s, i)  t = Mul(g, v)  y = ReduceSum<keepdims = 0>(t)
    }}"""
    x = np.array([1.0, 1.0, 0.0] if len(shape) == 1 else [[1.0, 1.0, 0.0], [1.0, 0.0, 0.0], [0.0, 1.0, 1.0]])
    for looked_up, value in (("x", lambda v: v * v), ("e", lambda v: v * np.exp(v))):
        program = loaded(text % looked_up, inputs=x)
        for point in (x, x + np.random.default_rng(0).standard_normal(shape)):
            ordered = np.sort(point * (-1) ** largest, axis) * (-1) ** largest
            np.testing.assert_allclose(program(point), np.take(value(ordered), range(2), axis).sum())
        assert an.verify(program, x, gradient=an.clarke_gradient(program, x))
        assert not an.verify(program, x, gradient=np.ones(shape) * 9)
    with pytest.raises(an.TraceError, match=r"TopK at model.onnx:1: jumps at this point"):
        other = text.replace("e = Exp(x)", "e = CumSum(x, a)").replace("k = {2}>", f"k = {{2}}, int64 a = {{{axis}}}>")
        loaded(other % "e", inputs=x)


@pytest.mark.parametrize(("here", "there"), [
    ([5.0, 4.0, 3.0, 1.0], [5.0, 4.0, 3.0, 6.0]), ([5.0, 5.0, 3.0, 3.0], [1.0, 5.0, 3.0, 2.0]),
    ([5.0, 4.0, 4.0, 4.0], [5.0, 1.0, 2.0, 3.0]), ([4.0, 4.0, 4.0, 1.0], [1.0, 5.0, 3.0, 4.0]),
])  # fmt: skip
def test_the_largest_entries_are_those_of_the_point(here: list[float], there: list[float]) -> None:
    for count in (1, 2, 3, 4):
        for largest in (1, 0):
            text = (f"f (double[4] x) => (double y) <int64[1] k = {{{count}}}> "
                    f"{{ y, i = TopK<largest = {largest}>(x, k) }}")
            program, sign = loaded(text, inputs=here), -1 if largest else 1
            for x in (np.array(here), np.array(there)):
                np.testing.assert_array_equal(program(x), sign * np.sort(sign * x)[:count])


def test_a_node_that_does_not_fit_is_an_error_with_its_place() -> None:
    with pytest.raises(an.TraceError, match=r"Reshape at model.onnx:2: cannot be followed: cannot reshape .* Fix: "):
        loaded("f (double[2,3] x) => (double y) <int64[1] s = {5}> { a = Relu(x)  y = Reshape(a, s) }")
    with pytest.raises(an.TraceError, match=r"MatMul at model.onnx:1: cannot be followed"):
        loaded("f (double[2,3] x) => (double y) <double[2] c = {1.0, 2.0}, double[3] d = {1.0, 2.0, 3.0}> "
               "{ b = MatMul(c, d)  y = Mul(x, b) }")


# -- control flow ------------------------------------------------------------------------------------------


def test_a_branch_on_a_constant_sees_the_tensors_around_it() -> None:
    text = """f (double[3] x) => (double y) <bool c = {1}, double w = {2.0}> {
        a = Abs(x)
        b = If(c) <then_branch = g () => (double[3] p) { p = Mul(a, w) },
                   else_branch = h () => (double[3] q) { q = Neg(a) }>
        y = ReduceSum<keepdims = 0>(b)
    }"""
    x = np.array([1.0, -2.0, 0.0])
    assert loaded(text)(x) == 6.0
    assert loaded(text.replace("{1}", "{0}"))(x) == -3.0
    report = an.verify(loaded(text), x, slope="torch")
    assert report.verdict is an.Verdict.CLARKE and report.gradient.tolist() == [2.0, -2.0, 0.0]


def test_a_branch_on_a_variable_is_a_guard() -> None:
    text = """f (double[2] x) => (double y) <double z = {0.0}> {
        s = ReduceSum<keepdims = 0>(x)  c = Greater(s, z)
        y = If(c) <then_branch = g () => (double p) { p = Identity(s) },
                   else_branch = h () => (double q) { q = Neg(s) }>
    }"""
    program = loaded(text, inputs=[1.0, 2.0])
    assert program([1.0, 2.0]) == 3.0 == program([-1.0, -2.0])
    assert pickle.loads(pickle.dumps(program))([-1.0, -2.0]) == 3.0
    assert an.verify(program, [-1.0, -2.0]).gradient.tolist() == [-1.0, -1.0] == list(
        an.generalized_gradient(program, [-1.0, -2.0]).min_norm())
    assert an.clarke_jacobian(program)(np.array([-1.0, -2.0])).tolist() == [-1.0, -1.0]
    assert an.minimize(program, np.array([-1.0, -2.0])).fun < 1e-9
    records = list(an.sweep(program, [np.array(point) for point in ([1.0, 2.0], [-1.0, -2.0], [1.0, -1.0])]))
    assert [record.verdict for record in records] == ["CLARKE"] * 3 and records[2].active
    # At a tie both branches are followed: |s|.
    assert program([1.0, -1.0]) == 0.0 and an.verify(loaded(text, inputs=[1.0, -1.0]), [1.0, -1.0])
    assert loaded(text)([1.0, 2.0]) == 3.0 == loaded(text)([-1.0, -2.0])
    with pytest.raises(an.TraceError, match=r"If at model.onnx:3"):
        loaded(text.replace("Neg(s)", "Exp(s)"))


def test_jumps_lie_elsewhere_than_at_the_zeros_that_stand_for_inputs() -> None:
    text = """f (double[2] x) => (double y) {
        a = ThresholdedRelu<alpha=1.0>(x)  b = Shrink<lambd=1.0>(a)  y = ReduceSum<keepdims = 0>(b)
    }"""
    program = loaded(text)
    assert program([2.0, 3.0]) == 5.0
    for used in (an.gradient, an.clarke_gradient):
        assert used(program, [2.0, 3.0]).tolist() == [1.0, 1.0]
        with pytest.raises(an.TraceError, match=r"ThresholdedRelu .*tied at this point, and"):
            used(program, [1.0, 3.0])
    jumping = text.replace("ThresholdedRelu<alpha=1.0>(x)", "Hardmax(x)").replace("Shrink<lambd=1.0>(a)", "Mul(a, x)")
    assert loaded(jumping)([2.0, 3.0]) == 3.0
    with pytest.raises(an.TraceError, match=r"jumps at this point, where zeros stand for x: give values with inputs="):
        loaded(jumping.replace("Mul(a, x)", "Mul(a, w)").replace("(double y)", "(double y) <double[2] w = {1.0, 2.0}>"))


def test_a_loop_runs_its_steps() -> None:
    text = """f (double[2] x) => (double y, double z) <int64 n = {3}, bool go = {1}> {
        y, z = Loop(n, go, x) <body = g (int64 i, bool c, double[2] s) => (bool d, double[2] t, double[2] r) {
            d = Identity(c)  a = Abs(s)  t = Sub(a, x)  r = Relu(t)
        }>
    }"""
    x = np.array([1.5, -0.5])
    values, rows = x, []
    for _ in range(3):
        values = np.abs(values) - x
        rows.append(np.maximum(values, 0))
    np.testing.assert_array_equal(loaded(text)(x), values)
    np.testing.assert_array_equal(loaded(text, output="z")(x), rows)
    with pytest.raises(an.TraceError, match=r"Unique at model.onnx:1: sorts and counts entries"):
        loaded(text.replace("a = Abs(s)", "a = Unique(s)"))
    with pytest.raises(an.TraceError, match=r"Loop at model.onnx:1: makes no step"):
        loaded(text.replace("{3}", "{0}"), output="z")


def test_a_scan_goes_along_its_inputs() -> None:
    text = """f (double[3,2] x) => (double y, double z) <double[2] s = {0.0, 0.0}> {
        y, z = Scan(s, x) <num_scan_inputs = 1, scan_input_directions = [1], scan_output_axes = [1],
            body = g (double[2] a, double[2] b) => (double[2] c, double[2] d) { c = Add(a, b)  d = Relu(c) }>
    }"""
    x = np.array([[1.0, -2.0], [-3.0, 4.0], [0.5, 0.25]])
    sums = np.cumsum(x[::-1], 0)
    np.testing.assert_array_equal(loaded(text)(x), sums[-1])
    np.testing.assert_array_equal(loaded(text, output="z")(x), np.maximum(sums, 0).T)


# -- inputs ------------------------------------------------------------------------------------------------


def test_integers_are_no_variables() -> None:
    text = """f (int64[2] ids, double[2] x) => (double y) <double[3,2] table = {1.0, 2.0, 3.0, 4.0, 5.0, 6.0}> {
        e = Gather(table, ids)  p = Mul(e, x)  y = ReduceSum<keepdims = 0>(p) }"""
    program = loaded(text, inputs={"ids": [2, 0], "x": [1.0, 1.0]})
    assert program.n == 2 and program([1.0, 1.0]) == 14.0
    assert loaded(text, inputs={"ids": [2, 0]}, variables="table").n == 6
    with pytest.raises(ValueError, match="'ids' is int64, which has no gradient: give its value with inputs="):
        loaded(text, variables=["ids", "x"])
    with pytest.raises(ValueError, match="'ids' is int64, got numbers that are not"):
        loaded(text, inputs={"ids": [0.5, 1.0]})
    alone = text.replace(", double[2] x", "").replace("Mul(e, x)", "Neg(e)")
    with pytest.raises(ValueError, match=r"no input holds real numbers \('ids' is int64\): give variables="):
        loaded(alone, inputs=[0, 1])
    assert loaded(alone, inputs=[0, 1], variables="parameters").n == 6


def model_of(shape: Any) -> Any:
    """y = |x|, with the shape of x declared as it is given."""
    helper = onnx.helper
    x, y = (helper.make_tensor_value_info(name, onnx.TensorProto.DOUBLE, shape) for name in "xy")
    graph = helper.make_graph([helper.make_node("Abs", ["x"], ["y"])], "f", [x], [y])
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10)


@pytest.mark.parametrize("shape", [None, [-1, 3], ["batch", 3], [None, 3]])
def test_inputs_whose_shape_is_open_need_a_value(shape: Any) -> None:
    with pytest.raises(ValueError, match=r"input 'x' has .* give its value with inputs="):
        an.onnx.load(model_of(shape))
    assert an.onnx.load(model_of(shape), X)(X).shape == (2, 3)


def test_sparse_initializers_are_written_out() -> None:
    for indices in (np.array([1, 5]), np.array([[0, 1], [1, 2]])):
        model = onnx.parser.parse_model(
            '<ir_version: 10, opset_import: ["": 18]> f (double[2,3] x) => (double[2,3] y) { y = Mul(x, w) }')
        values = onnx.numpy_helper.from_array(np.array([2.0, -3.0]), "w")
        places = onnx.numpy_helper.from_array(indices, "places")
        model.graph.sparse_initializer.append(onnx.helper.make_sparse_tensor(values, places, [2, 3]))
        np.testing.assert_array_equal(an.onnx.load(model)(X), X * [[0, 2.0, 0], [0, 0, -3.0]])
        assert an.onnx.load(model, X, variables="parameters").n == 6


def test_real_types_are_variables_and_parameters() -> None:
    for kind in REAL:
        helper = onnx.helper
        x, y = (helper.make_tensor_value_info(name, kind, [2]) for name in "xy")
        w = helper.make_tensor("w", kind, [2], [1.5, -2.0])
        graph = helper.make_graph([helper.make_node("Mul", ["x", "w"], ["y"])], "f", [x], [y], [w])
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10)
        np.testing.assert_array_equal(an.onnx.load(model)([2.0, 3.0]), [3.0, -6.0])
        np.testing.assert_array_equal(an.onnx.parameters(model)["w"], [1.5, -2.0])
