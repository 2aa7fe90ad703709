"""Are operators of ONNX right where they have a kink, a jump or a pole, and is what jumps refused?"""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
import onnx.parser
import pytest

import absnormal as an

DIRECTIONS = np.random.default_rng(3)


def loaded(text: str, x: Any, opset: int = 20, domain: str = "", **options: Any) -> an.Program:
    """The program of a graph that is written as text, at x."""
    header = f'<ir_version: 10, opset_import: ["": {opset}{domain}]> '
    return an.onnx.load(onnx.parser.parse_model(header + text), x, **options)


def assert_slopes(program: an.Program, x: Any, trials: int = 8) -> None:
    """f'(x; d) of the form is the difference quotient of the program itself, for d in all directions."""
    x = np.asarray(x, dtype=float)
    form, step = program.abs_normal_form(x), 1e-7
    for _ in range(trials):
        d = DIRECTIONS.normal(size=x.shape)
        quotient = (np.asarray(program(x + step * d)) - np.asarray(program(x))) / step
        model = (form(x + step * d) - form(x)) / step
        np.testing.assert_allclose(np.reshape(model, quotient.shape), quotient, rtol=2e-5, atol=2e-5)


IMAGE = "<double[1,1,3,3] u = {1.0, -2.0, 4.0, 0.5, 3.0, -1.0, 2.0, 2.5, -3.0}>"


@pytest.mark.parametrize("padding", ["zeros", "border", "reflection"])
@pytest.mark.parametrize("corners", [0, 1])
def test_samples_on_pixels_have_a_kink(padding: str, corners: int) -> None:
    text = f"""f (double[1,2,2,2] x) => (double y) {IMAGE} {{
        y = GridSample<mode = "linear", padding_mode = "{padding}", align_corners = {corners}>(u, x) }}"""
    whole = [0.0, 0.5, -0.25, 0.75] if corners else [0.0, 1 / 3, -1 / 3, 0.25]
    for grid in (np.reshape([0.0, 0.0, *whole, 0.125, 0.0], (1, 2, 2, 2)), np.full((1, 2, 2, 2), 0.1)):
        program = loaded(text, grid)
        assert_slopes(program, grid)
        assert (program.s > 0) == (grid[0, 0, 0, 0] == 0.0)


def test_samples_beyond_the_border_are_reflected() -> None:
    text = f"""f (double[1,1,2,2] x) => (double y) {IMAGE} {{
        y = GridSample<mode = "MODE", padding_mode = "reflection", align_corners = 1>(u, x) }}"""
    grid = np.array([[[[1.3, -1.4], [2.7, -3.2]]]])
    for mode in ("linear", "cubic"):
        assert_slopes(loaded(text.replace("MODE", mode), grid), grid)
    nearest = loaded(text.replace("MODE", "nearest"), grid)
    assert not np.any(nearest.abs_normal_form(grid).J.toarray())
    with pytest.raises(an.TraceError, match=r"GridSample at model.onnx:1: has a coordinate on an entry"):
        loaded(text.replace("MODE", "cubic"), np.zeros((1, 1, 2, 2)))


@pytest.mark.parametrize("kind", ["max", "min", "mul", "add"])
def test_scattered_values_that_tie(kind: str) -> None:
    for x in ([1.0, 1.0, 2.0, 0.0], [0.0, 0.0, 0.0, 0.0], [1.0, 2.0, 3.0, 4.0]):
        for node in (f'ScatterElements<reduction = "{kind}">(u, i, x)', f'ScatterND<reduction = "{kind}">(u, j, x)'):
            program = loaded(
                f"""f (double[4] x) => (double y) <double[3] u = {{1.0, 0.0, 2.0}}, int64[4] i = {{0, 0, 1, 2}},
                int64[4,1] j = {{0, 0, 1, 2}}> {{ y = {node} }}""", x)
            assert_slopes(program, x)
            combine: Any = {"max": np.maximum, "min": np.minimum, "mul": np.multiply, "add": np.add}[kind]
            expected = np.array([1.0, 0.0, 2.0])
            combine.at(expected, [0, 0, 1, 2], x)
            np.testing.assert_array_equal(program(np.array(x)), expected)


def test_norms_of_windows() -> None:
    pool = "f (double[1,1,4] x) => (double y) {{ y = LpPool<kernel_shape = [2], strides = [2], p = {}>(x) }}"
    whole = "f (double[1,1,4] x) => (double y) {{ y = GlobalLpPool<p = {}>(x) }}"
    x = np.array([[[0.0, 0.0, 3.0, -4.0]]])
    for text in (pool, whole):
        assert_slopes(loaded(text.format(1), x), x)
        off = x + 0.5
        assert_slopes(loaded(text.format(3), off), off)
    two = loaded(pool.format(2), x)
    np.testing.assert_allclose(two(x), [[[0.0, 5.0]]])
    np.testing.assert_allclose(loaded(whole.format(3), x)(x), [[[(27 + 64) ** (1 / 3)]]])
    with pytest.raises(an.TraceError, match=r"LpPool at model.onnx:1: has a kink"):
        loaded(pool.format(3), x)


def test_what_jumps_is_constant_between_its_jumps_and_refused_on_them() -> None:
    nodes = {
        "h = Hardmax(x)  y = Mul(h, x)": ([1.0, 3.0, 2.0], [1.0, 3.0, 3.0]),
        "q = QuantizeLinear(x, s, z)  y = DequantizeLinear(q, s, z)": ([1.1, 3.2, 2.3], [0.25, 1.1, 2.2]),
        "n = NonZero(x)  y = Cast<to = 11>(n)": ([1.0, 3.0, 2.0], [1.0, 0.0, 2.0]),
        "y = Mod<fmod = 1>(x, s)": ([1.1, 3.2, 2.3], [1.0, 1.1, 2.3]),
        "p = Pow(k, x)  y = Cast<to = 11>(p)": ([0.3, 0.4, 0.5], [1.0, 1.1, 1.2]),
    }  # fmt: skip
    for node, (free, tied) in nodes.items():
        text = ("f (double[3] x) => (double y) <double s = {0.5}, uint8 z = {7}, int64 k = {2}> {" + node + "}")
        assert_slopes(loaded(text, free), free)
        with pytest.raises(an.TraceError, match=r"jumps|equal|tied"):
            loaded(text, tied)


def test_a_scale_is_followed_where_integers_are_read_back() -> None:
    text = """f (double[2] s) => (double y) <int8[2,2] q = {1, -2, 3, 4}, int8[2] z = {1, 0}> {
        y = DequantizeLinear<axis = 1>(q, s, z) }"""
    np.testing.assert_array_equal(loaded(text, [0.5, 2.0])([0.5, 2.0]), [[0.0, -4.0], [1.0, 8.0]])
    assert_slopes(loaded(text, [0.5, 2.0]), [0.5, 2.0])


@pytest.mark.parametrize("node", [
    "y = Resize<mode = \"linear\">(x, r, s)", "y = Resize<mode = \"cubic\", antialias = 1>(x, r, t)",
    "y = Col2Im(x, i, b)", "y = LRN<size = 3>(x)", "d = Squeeze(x, a)  e = Unsqueeze(d, a)  y = DFT<axis = 2>(e)",
    "y = CumProd<exclusive = 1, reverse = 1>(x, k)", "m, i2 = MaxPool<kernel_shape = [2, 1]>(x)  y = Neg(m)",
])  # fmt: skip
def test_derivatives_of_operators_that_mix_entries(node: str) -> None:
    text = """f (double[1,4,2,2] x) => (double y) <float[0] r = {}, float[4] s = {1.0, 1.0, 1.7, 2.5},
        float[4] t = {1.0, 1.0, 1.0, 0.5}, int64[2] i = {3, 2}, int64[2] b = {2, 1}, int64[1] a = {0}, int64 k = {1}>"""
    if "Col2Im" in node:
        text = text.replace("[1,4,2,2] x", "[1,2,4] x")
    if "DFT" in node:
        text = text.replace("[1,4,2,2] x", "[1,4,2,1] x")
        node = "y = DFT(x, , w)"
        text = text.replace("int64 k", "int64 w = {1}, int64 k")
    shape = (1, 2, 4) if "Col2Im" in node else (1, 4, 2, 1) if "DFT" in node else (1, 4, 2, 2)
    x = np.random.default_rng(0).normal(size=shape)
    x.reshape(-1)[:3] = 0.0
    assert_slopes(loaded(text + "{" + node + "}", x, 26), x)


def test_before_opset_13_a_softmax_is_one_over_all_axes_from_its_own() -> None:
    x = np.random.default_rng(0).normal(size=(2, 3, 2))
    text = "f (double[2,3,2] x) => (double y) { y = Softmax(x) }"
    rows = np.exp(x.reshape(2, 6))
    np.testing.assert_allclose(loaded(text, x, 11)(x), (rows / rows.sum(1, keepdims=True)).reshape(x.shape))
    last = np.exp(x)
    np.testing.assert_allclose(loaded(text, x, 13)(x), last / last.sum(-1, keepdims=True))
    held = "f (double[1] x) => (double y) <double[2,3,2] c = {%s}> { s = Softmax(c)  y = Mul(s, x) }"
    constant = loaded(held % ", ".join(map(str, x.ravel())), [1.0], 12)
    np.testing.assert_allclose(constant([1.0]), (rows / rows.sum(1, keepdims=True)).reshape(x.shape))


def test_axes_and_sizes_were_attributes_before_opset_13() -> None:
    x = np.arange(6.0).reshape(1, 2, 3)
    for node, expected in (("Squeeze<axes = [0]>(x)", x[0]), ("Unsqueeze<axes = [0]>(x)", x[None]),
                           ("ReduceSum<axes = [2], keepdims = 0>(x)", x.sum(2))):
        np.testing.assert_array_equal(
            loaded(f"f (double[1,2,3] x) => (double y) {{ y = {node} }}", x, 12)(x), expected)
    text = "f (double[1,2,3] x) => (double y) { a, b = Split<axis = 2, split = [2, 1]>(x)  y = Neg(b) }"
    np.testing.assert_array_equal(loaded(text, x, 11)(x), -x[:, :, 2:])


def test_a_recurrent_layer_may_have_the_batch_first() -> None:
    rng = np.random.default_rng(0)
    x, w, r = rng.normal(size=(2, 5, 3)), rng.normal(size=(1, 8, 3)), rng.normal(size=(1, 8, 2))
    held = ", ".join(f"double[{','.join(map(str, item.shape))}] {name} = {{{', '.join(map(str, item.ravel()))}}}"
                     for name, item in (("w", w), ("r", r)))
    for output in ("y, h, c", "h, y, c", "h, c, y"):
        text = "f (double[{}] x) => (double y) <{}> {{ {} = LSTM<hidden_size = 2, layout = {}>(x, w, r) }}"
        first = loaded(text.format("2,5,3", held, output, 1), x, 14)(x)
        steps = x.swapaxes(0, 1)
        last = loaded(text.format("5,2,3", held, output, 0), steps, 14)(steps)
        moved = np.transpose(last, (2, 0, 1, 3)) if np.ndim(last) == 4 else np.swapaxes(last, 0, 1)
        np.testing.assert_allclose(first, moved)


ML = ', "ai.onnx.ml": 3'


def test_linear_models_of_scikit_learn() -> None:
    x = np.array([[1.0, -2.0], [0.5, 0.25]])
    scaled = "a = ai.onnx.ml.Scaler<offset = [1.0, 2.0], scale = [0.5, 2.0]>(x)"
    model = """y = ai.onnx.ml.LinearRegressor<
        coefficients = [1.0, 2.0, 3.0, 4.0], intercepts = [0.5, -1.0], targets = 2>(a)"""
    program = loaded(f"f (double[2,2] x) => (double y) {{ {scaled} {model} }}", x, domain=ML)
    inner = (x - [1.0, 2.0]) * [0.5, 2.0]
    np.testing.assert_allclose(program(x), inner @ [[1.0, 3.0], [2.0, 4.0]] + [0.5, -1.0])
    assert_slopes(program, x)
    classes = """f (double[2,2] x) => (double y) { OUT = ai.onnx.ml.LinearClassifier<coefficients = [1.0, 2.0],
        intercepts = [0.25], classlabels_ints = [0, 1], post_transform = "LOGISTIC">(x) }"""
    scores = loaded(classes.replace("OUT", "l, y"), x, domain=ML)
    margin = x @ [1.0, 2.0] + 0.25
    np.testing.assert_allclose(scores(x), 1 / (1 + np.exp(-np.stack([-margin, margin], 1))))
    assert_slopes(scores, x)
    np.testing.assert_array_equal(loaded(classes.replace("OUT", "y, s"), x, domain=ML)(x), [0, 1])
    with pytest.raises(an.TraceError, match="jumps at this point"):
        loaded(classes.replace("OUT", "y, s"), [[0.0, -0.125], [1.0, 1.0]], domain=ML)


@pytest.mark.parametrize("norm", ["MAX", "L1", "L2"])
def test_normalizers_have_kinks(norm: str) -> None:
    text = f'f (double[2,3] x) => (double y) {{ y = ai.onnx.ml.Normalizer<norm = "{norm}">(x) }}'
    x = np.array([[1.0, -2.0, 0.0], [3.0, 0.0, -3.0]])
    program = loaded(text, x, domain=ML)
    size = {"MAX": np.abs(x).max(1), "L1": np.abs(x).sum(1), "L2": np.sqrt((x * x).sum(1))}[norm]
    np.testing.assert_allclose(program(x), x / size[:, None])
    assert_slopes(program, x)


def test_trees_and_steps_of_training_are_refused_by_name() -> None:
    tree = """f (double[1,2] x) => (double y) { y = ai.onnx.ml.TreeEnsembleRegressor<n_targets = 1>(x) }"""
    with pytest.raises(an.TraceError, match=r"TreeEnsembleRegressor at model.onnx:1: is constant between its"):
        loaded(tree, np.zeros((1, 2)), domain=ML)
    step = "f (double[2] x) => (double y) { y = ai.onnx.preview.training.Adam(r, t, x, g, v, h) }"
    with pytest.raises(an.TraceError, match=r"Adam at model.onnx:1: is a step of training"):
        loaded(step.replace("r, t, x, g, v, h", "x, x, x, x, x, x"), [1.0, 2.0],
               domain=', "ai.onnx.preview.training": 1')


def test_a_masked_row_of_attention_is_not_looked_at() -> None:
    text = """f (double[1,1,2,2] q) => (double y) <bool[2,2] m = {1, 0, 0, 0}> {
        y = Attention(q, q, q, m) }"""
    x = np.random.default_rng(0).normal(size=(1, 1, 2, 2))
    program = loaded(text, x, 24)
    np.testing.assert_allclose(program(x), [[[x[0, 0, 0], [0.0, 0.0]]]], atol=1e-12)
    assert_slopes(program, x)


def test_a_report_says_for_which_function_of_torch_an_operator_is_taken() -> None:
    for node, said in (("ReduceMax<keepdims = 0>(x)", "ReduceMax at model.onnx:1 is taken for torch.amax, which"),
                       ("TopK(x, k)", "TopK at model.onnx:1 is taken for torch.topk that takes tied entries in order")):
        text = f"f (double[3] x) => (double z) <int64[1] k = {{1}}> {{ {'y, i' if 'TopK' in node else 'y'} = {node}"
        program = loaded(text + "  z = ReduceSum<keepdims = 0>(y) }", [1.0, 1.0, 0.0])
        said = said.replace("in order", "in their order")
        assert any(said in note for note in an.verify(program, [1.0, 1.0, 0.0], slope="torch").notes)
        assert not an.verify(program, [2.0, 1.0, 0.0], slope="torch").notes
        assert not any("taken for" in note for note in an.verify(program, [1.0, 1.0, 0.0], slope="jax").notes)
