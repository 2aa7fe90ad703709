"""Is every row of the operation table right: value, derivative both ways, signs, kinks at ties?"""

import itertools
from fractions import Fraction
from functools import partial

import numpy as np
import pytest
from scipy import special

from absnormal.arrays import exactly
from absnormal.ops import SMOOTH, TABLE, kink_of
from absnormal.ops.convolution import Layout
from absnormal.ops.kinks.running import running
from absnormal.program.nodes import Node
from absnormal.program.program import Program
from absnormal.program.tree import Tree
from absnormal.sweeps.table import Sweeps

RNG = np.random.default_rng(7)


def normal(*shape):
    return np.random.default_rng(sum(shape) + 3).standard_normal(shape)


def positive(*shape):
    return 0.3 + abs(normal(*shape))


def inside(*shape):
    return np.tanh(normal(*shape)) * 0.9


def unit(*shape):
    return special.expit(normal(*shape))


U, V = normal(2, 3), normal(1, 3)
MASK = np.array([[True, False, True], [False, False, True]])

# row name, parameters, arguments, NumPy's value
def windows(x, weight):
    """A convolution in one dimension, by its definition; the layout is told by the shapes of the cases."""
    stride, pad, dilation, groups = (2, 1, 1, 1) if len(x) == 2 else (1, 0, 2, 2)
    padded = np.pad(x, ((0, 0), (0, 0), (pad, pad)))
    per_in, per_out, width = weight.shape[1], len(weight) // groups, weight.shape[2]
    count = (padded.shape[2] - dilation * (width - 1) - 1) // stride + 1
    result = np.zeros((len(x), len(weight), count))
    for n, o, i in np.ndindex(result.shape):
        for c, k in np.ndindex(per_in, width):
            result[n, o, i] += weight[o, c, k] * padded[n, o // per_out * per_in + c, stride * i + dilation * k]
    return result


def standardized(u, axes, eps):
    return (u - u.mean(axes, keepdims=True)) / np.sqrt(u.var(axes, keepdims=True) + eps)


def spread(y, weight):
    """The transpose of a convolution of stride 2 and padding 1."""
    result = np.zeros((len(y), weight.shape[1], 2 * (y.shape[2] - 1) + weight.shape[2]))
    for n, o, i in np.ndindex(y.shape):
        result[n, :, 2 * i : 2 * i + weight.shape[2]] += y[n, o, i] * weight[o]
    return result[:, :, 1:-1]


CASES = [
    ("reshape", {"shape": (3, 2)}, [U], lambda u: u.reshape(3, 2)),
    ("transpose", {"axes": (2, 0, 1)}, [normal(2, 3, 4)], lambda u: u.transpose(2, 0, 1)),
    ("index", {"key": (slice(None), 1)}, [U], lambda u: u[:, 1]),
    ("index", {"key": (None, Ellipsis, slice(None, None, -2))}, [U], lambda u: u[None, ..., ::-2]),
    ("index", {"key": (0, 1)}, [U], lambda u: u[0, 1]),
    ("gather", {"index": np.array([[0, 5], [5, 5]])}, [U], lambda u: u.reshape(-1)[[[0, 5], [5, 5]]]),
    ("gather", {"index": np.array(2)}, [U], lambda u: u.reshape(-1)[2]),
    ("gather", {"index": np.zeros((0, 2), int)}, [U], lambda u: np.zeros((0, 2))),
    ("broadcast", {"shape": (4, 2, 3)}, [V], lambda u: np.broadcast_to(u, (4, 2, 3))),
    ("broadcast", {"shape": (2,)}, [normal()], lambda u: np.broadcast_to(u, (2,))),
    ("concatenate", {"axis": 1}, [U, normal(2, 1), U], lambda *a: np.concatenate(a, 1)),
    ("where", {"mask": MASK}, [U, V], lambda u, v: np.where(MASK, u, v)),
    ("where", {"mask": np.array(True)}, [normal(), normal(1)[0]], lambda u, v: np.asarray(u)),
    ("sum", {"axes": (0,), "shape": (1, 3)}, [U], lambda u: u.sum(0, keepdims=True)),
    ("sum", {"axes": (0, 1), "shape": ()}, [U], lambda u: u.sum()),
    ("sum", {"axes": (), "shape": (2, 3)}, [U], lambda u: u),
    ("cumsum", {"axis": 1}, [U], lambda u: np.cumsum(u, 1)),
    ("prod", {"axis": 0}, [normal(4, 2)], lambda u: np.prod(u, 0)),
    ("prod", {"axis": 1}, [normal(2, 1)], lambda u: np.prod(u, 1)),
    ("prod", {"axis": 0}, [np.array([2.0, 0.0, 3.0])], lambda u: np.prod(u, 0)),
    ("prod", {"axis": 0}, [np.array([0.0, 0.0, 3.0])], lambda u: np.prod(u, 0)),
    ("logsumexp", {"axes": (1,)}, [normal(3, 4)], lambda u: np.log(np.exp(u).sum(1, keepdims=True))),
    ("logsumexp", {"axes": (0, 2)}, [normal(2, 3, 2)], lambda u: np.log(np.exp(u).sum((0, 2), keepdims=True))),
    ("logsumexp", {"axes": (0,)}, [np.array([800.0, 1.0, 799.0])], lambda u: 800 + np.log(1 + np.exp([-1.0]))),
    ("standardized", {"axes": (1,), "eps": 0.1}, [normal(3, 4)], partial(standardized, axes=(1,), eps=0.1)),
    ("standardized", {"axes": (0, 2), "eps": 1e-5}, [normal(2, 3, 2)], partial(standardized, axes=(0, 2), eps=1e-5)),
    ("standardized", {"axes": (0,), "eps": 1e-5}, [np.full((3, 2), 0.5)], lambda u: 0 * u),
    ("convolve", {"layout": Layout((2,), (1,), (1,))}, [normal(2, 3, 5), normal(4, 3, 2)], windows),
    ("convolve", {"layout": Layout((1,), (0,), (2,), 2)}, [normal(1, 4, 6), normal(2, 2, 2)], windows),
    ("convolve_back", {"layout": Layout((2,), (1,), (1,)), "extra": (0,)}, [normal(2, 4, 3), normal(4, 3, 2)], spread),
    ("matmul", {}, [normal(2, 3), normal(3, 4)], np.matmul),
    ("matmul", {}, [normal(3), normal(3, 4)], np.matmul),
    ("matmul", {}, [normal(2, 3), normal(3)], np.matmul),
    ("matmul", {}, [normal(3), normal(3)], np.matmul),
    ("matmul", {}, [normal(5, 1, 2, 3), normal(4, 3, 2)], np.matmul),
    ("matmul", {}, [normal(3), normal(2, 3, 4)], np.matmul),
    ("einsum", {"terms": ("ij", "kj"), "result": "ki"}, [normal(2, 3), normal(4, 3)], lambda a, b: b @ a.T),
    ("einsum", {"terms": ("ij",), "result": "j"}, [U], lambda u: u.sum(0)),
    (
        "einsum",
        {"terms": ("i", "j", "ij"), "result": ""},
        [normal(2), normal(3), U],
        lambda a, b, c: a @ c @ b,
    ),
    ("einsum", {"terms": ("ij", "k"), "result": "ki"}, [U, normal(2)], lambda a, b: np.outer(b, a.sum(1))),
    ("add", {}, [U, V], np.add),
    ("sub", {}, [V, normal(2, 1)], np.subtract),
    ("neg", {}, [U], np.negative),
    ("mul", {}, [U, V], np.multiply),
    ("mul", {}, [normal(), U], np.multiply),
    ("div", {}, [U, V], np.divide),
    ("power", {}, [positive(3), np.array([1.5, -0.5, 3.0])], np.power),
    ("power", {}, [np.array([-2.0, 0.0, 0.0, 0.0]), np.array([3.0, 2.0, 1.0, 0.0])], np.power),
    ("size_power", {}, [np.array([-2.0, 0.0, 0.5]), np.array([1.5, 2.5, 3.0])], lambda u, e: np.abs(u) ** e),
    ("logaddexp", {}, [U, V], np.logaddexp),
    ("logaddexp2", {}, [U, V], np.logaddexp2),
    ("hypot", {}, [U, V], np.hypot),
    ("xlogy", {}, [np.array([0.0, -2.0, 0.7]), np.array([0.5, 1.0, 3.0])], special.xlogy),
    ("arctan2", {}, [U, V], np.arctan2),
    ("polygamma", {}, [np.array([0.0, 1.0, 2.0]), np.array([-0.4, 2.5, 0.7])], special.polygamma),
    ("zeta", {}, [np.array([2.5, 3.0]), np.array([0.7, 4.0])], special.zeta),
    ("gammainc", {}, [np.array([0.5, 2.5]), np.array([0.3, 4.0])], special.gammainc),
    ("gammaincc", {}, [np.array([0.5, 2.5]), np.array([0.3, 4.0])], special.gammaincc),
    ("betainc", {}, [np.array([0.5, 2.5]), np.array([1.5, 0.7]), np.array([0.3, 0.9])], special.betainc),
    ("i0_exp", {}, [np.array([0.0, 0.3, 4.0, -0.2])], lambda u: np.exp(-u) * special.i0(u)),
    ("i1", {}, [np.array([0.0, 0.3, -4.0])], special.i1),
    ("i1e", {}, [np.array([0.0, 0.3, -4.0])], special.i1e),
    *((name, {}, [np.array([0.0, 1.0, 2.0]), np.array([0.3, 2.5, 0.7])], getattr(special, name)) for name in (
        "jv", "yv", "iv", "kv", "ive", "kve")),
    ("lambertw", {}, [np.array([-0.3, 0.0, 2.5])], lambda u: special.lambertw(u).real),
    ("ellipk", {}, [np.array([0.0, -2.5, 0.7])], special.ellipk),
    ("ellipe", {}, [np.array([0.0, -2.5, 0.7])], special.ellipe),
    ("exprel", {}, [np.array([0.0, 0.005, -0.02, 2.0])], special.exprel),
    ("spence", {}, [np.array([1.0, 0.3, 2.5])], special.spence),
    ("sinint", {}, [np.array([0.0, 0.3, -2.5])], lambda u: special.sici(u)[0]),
    ("cosint", {}, [np.array([0.3, 2.5])], lambda u: special.sici(u)[1]),
    ("fresnel_s", {}, [np.array([0.0, 0.3, -2.5])], lambda u: special.fresnel(u)[0]),
    ("fresnel_c", {}, [np.array([0.0, 0.3, -2.5])], lambda u: special.fresnel(u)[1]),
    *((f"airy_{name}", {}, [np.array([0.0, 0.3, -2.5])], lambda u, place=place: special.airy(u)[place])
      for place, name in enumerate(("ai", "aip", "bi", "bip"))),
    ("sinc", {}, [np.array([0.0, 1e-9, 1e-3, 0.03, 0.0319, 0.7, -2.0])], np.sinc),
]
_NAMED = {case[0] for case in CASES}
for _row in SMOOTH:
    if _row.name not in _NAMED:
        _tried = (normal(2, 3), positive(2, 3), inside(2, 3), unit(2, 3), 1 + positive(2, 3))
        _u = next(u for u in _tried if _row.domain is None or np.all(_row.domain({}, u)))
        CASES.append((_row.name, {}, [_u], getattr(np, _row.name, None) or getattr(special, _row.name)))

KINKED = [
    ("kink", {"a": 0.0, "b": 1.0}, [U], np.abs),
    ("kink", {"a": 0.625, "b": 0.375}, [U], lambda u: np.where(u > 0, u, 0.25 * u)),
    ("max", {"sign": 1}, [U, V], np.maximum),
    ("max", {"sign": -1}, [U, normal()], np.minimum),
    ("fold", {"sign": 1}, [normal(5, 2)], lambda u: u.max(0)),
    ("fold", {"sign": -1}, [normal(70)], lambda u: u.min(0)),
    ("order", {"entries": 4, "ranks": (1, 3)}, [normal(5, 2)], lambda u: np.sort(u, axis=0)[[1, 3]]),
    ("norm", {"entries": 5}, [normal(5, 2)], lambda u: np.linalg.norm(u, axis=0)),
    ("norm", {"entries": 3}, [1e200 * normal(3)], lambda u: 1e200 * np.linalg.norm(1e-200 * u)),
]


def names(case):
    return f"{case[0]}-{'-'.join('x'.join(map(str, np.shape(a))) for a in case[2])}"


def maps_of(case):
    name, params, args, _ = case
    out = TABLE[name].value(params, *args)
    return args, out, TABLE[name].maps(params, args, out, out.shape)


def full(linear, t, shape):
    return np.broadcast_to(linear.push(t), (len(t), *shape))


def dense(linear, shape, out):
    """The matrix of a linear map, a row an argument entry."""
    size = int(np.prod(shape))
    return full(linear, np.eye(size).reshape(size, *shape), out).reshape(size, -1)


def _varied(case):
    """The exponent of a power is constant, and so are the parameters of special functions."""
    if case[0] in ("polygamma", "zeta", "gammainc", "gammaincc", "betainc", "jv", "yv", "iv", "kv", "ive", "kve"):
        return [len(case[2]) - 1]
    return [0] if case[0] in ("power", "size_power") else range(len(case[2]))


def test_has_every_row_a_case():
    assert {case[0] for case in CASES + KINKED} == set(TABLE) - {"input", "constant", "select", "opaque"}


@pytest.mark.parametrize("case", CASES + KINKED, ids=names)
def test_is_the_value_that_of_numpy(case):
    name, params, args, expected = case
    value = TABLE[name].value(params, *args)
    assert isinstance(value, np.ndarray)
    np.testing.assert_allclose(value, expected(*args), rtol=1e-14)
    domain = TABLE[name].domain
    assert domain is None or np.all(domain(params, *args))
    assert TABLE[name].shape(params, *map(np.shape, args)) == value.shape


@pytest.mark.parametrize("case", CASES, ids=names)
def test_is_push_the_derivative(case):
    name, params, _, _ = case
    args, out, maps = maps_of(case)
    h = 1e-6
    for place in _varied(case):
        t = np.random.default_rng(place).standard_normal(np.shape(args[place]))
        ends = [[arg + s * h * t if i == place else arg for i, arg in enumerate(args)] for s in (1, -1)]
        with np.errstate(all="ignore"):
            ahead, behind = (TABLE[name].value(params, *end) for end in ends)
        pushed = full(maps[place], np.asarray(t)[None], out.shape)[0]
        np.testing.assert_allclose(pushed, (ahead - behind) / (2 * h), rtol=1e-6, atol=2e-8)


@pytest.mark.parametrize("case", CASES, ids=names)
def test_is_pull_the_transpose_of_push(case):
    args, out, maps = maps_of(case)
    for place in _varied(case):
        shape = np.shape(args[place])
        t, w = RNG.standard_normal((2, *shape)), RNG.standard_normal((4, *out.shape))
        pushed, pulled = full(maps[place], t, out.shape), maps[place].pull(w)
        assert pulled.shape == (4, *shape)
        left = np.tensordot(pushed.reshape(2, -1), w.reshape(4, -1), (1, 1))
        right = np.tensordot(t.reshape(2, -1), pulled.reshape(4, -1), (1, 1))
        np.testing.assert_allclose(left, right, rtol=1e-12, atol=1e-12)
        total = np.ones((4, *shape))
        maps[place].pull_into(w, total)
        np.testing.assert_allclose(total, 1 + pulled, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("case", CASES, ids=names)
def test_do_shapes_tell_how_often_a_term_is_rounded(case):
    op, params, args, _ = case
    args, out, maps = maps_of(case)
    leaves, places = tuple(np.shape(arg) for arg in args), tuple(range(len(args)))
    varied = [place in _varied(case) for place in places]
    inputs = [Node("input", (), {"leaf": i}, leaves[i], None, "", varied[i]) for i in places]
    node = Node(op, places, params, out.shape, None, op, True)
    program = Program((*inputs, node), len(args), Tree([*places], leaves))
    sweeps = Sweeps(program, None, values=[*args, out])
    for found, linear, counts in zip(sweeps.shaped_maps(len(args)), maps, varied, strict=True):
        depths = None if found is None else (found.push_depth, found.pull_depth)
        assert depths == ((linear.push_depth, linear.pull_depth) if counts else None)


@pytest.mark.parametrize("case", CASES, ids=names)
def test_are_absolute_and_parts_bounds_of_the_entries(case):
    args, out, maps = maps_of(case)
    for place in _varied(case):
        shape = np.shape(args[place])
        matrix = dense(maps[place], shape, out.shape)
        size = dense(maps[place].absolute(), shape, out.shape)
        positive, negative = (
            np.zeros_like(matrix) if part is None else dense(part, shape, out.shape)
            for part in maps[place].parts()
        )
        assert (size >= abs(matrix) * (1 - 1e-12)).all()
        if case[0] not in ("einsum", "standardized"):  # where a coefficient may be a sum, which is only bounded
            np.testing.assert_allclose(size, abs(matrix), rtol=1e-12)
        assert (positive >= 0).all()
        assert (negative >= 0).all()
        assert (positive >= np.maximum(matrix, 0) * (1 - 1e-12)).all()
        assert (negative >= np.maximum(-matrix, 0) * (1 - 1e-12)).all()
        if len(args) < 3 or case[0] == "concatenate":
            np.testing.assert_allclose(positive - negative, matrix, rtol=1e-12)


EXACT = [
    case for case in CASES if TABLE[case[0]].family in ("movement", "linear", "bilinear") or case[0] == "prod"
]


@pytest.mark.parametrize(
    "case", EXACT + [case for case in CASES if case[0] in ("div", "square", "reciprocal")], ids=names
)
def test_are_rational_numbers_kept(case):
    name, params, args, _ = case
    exact = [exactly(np.asarray(arg)) for arg in args]
    out, value = TABLE[name].value(params, *args), TABLE[name].value(params, *exact)
    assert isinstance(value, np.ndarray)
    assert all(isinstance(item, (Fraction, int)) for item in value.ravel())
    np.testing.assert_allclose(value.astype(float), out, rtol=1e-12, atol=1e-14)
    maps, rational = (
        TABLE[name].maps(params, args, out, out.shape),
        TABLE[name].maps(params, exact, value, out.shape),
    )
    for place, arg in enumerate(args):
        t, w = RNG.integers(-3, 4, (2, *np.shape(arg))) / 4, RNG.integers(-3, 4, (2, *out.shape)) / 4
        pairs = [
            (full(maps[place], t, out.shape), full(rational[place], exactly(t), out.shape)),
            (maps[place].pull(w), rational[place].pull(exactly(w))),
        ]
        for near, precise in pairs:
            assert all(isinstance(item, (Fraction, int)) for item in precise.ravel())
            np.testing.assert_allclose(precise.astype(float), near, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("name, args", [
    ("exp", [-800.0]), ("tanh", [400.0]), ("expit", [-800.0]), ("expit", [800.0]), ("erf", [40.0]),
    ("erfc", [40.0]),
    ("ndtr", [60.0]), ("arctan", [1e200]), ("logaddexp", [-900.0, 0.0]), ("hypot", [1e-300, 1e300]),
    ("expm1", [-900.0]),
    ("power", [1e-200, 3.0]), ("div", [1e-200, 1e300]), ("arctan2", [1e-200, 1e200]), ("exp2", [-2000.0]),
    ("log_expit", [900.0]), ("logaddexp2", [-2000.0, 0.0]), ("reciprocal", [1e200]),
])  # fmt: skip
def test_does_a_derivative_that_underflows_not_count_as_zero(name, args):
    args = [np.asarray(arg) for arg in args]
    with np.errstate(all="ignore"):
        out = TABLE[name].value({}, *args)
        maps = TABLE[name].maps({}, args, out, out.shape)
    assert all(np.all(m.push(np.ones(1)) != 0) for m in maps[: 1 if name == "power" else None])


def test_does_a_product_that_underflows_not_count_as_zero():
    args = [np.array([1e-200, 1e-200, 1e-200])]
    maps = TABLE["prod"].maps({"axis": 0}, args, np.zeros(()), ())
    assert (dense(maps[0], (3,), ()) != 0).all()
    args = [np.array([1e-200, 0.0, 1e-200])]
    maps = TABLE["prod"].maps({"axis": 0}, args, np.zeros(()), ())
    np.testing.assert_array_equal(dense(maps[0], (3,), ())[:, 0] != 0, [False, True, False])


def test_does_a_small_term_of_a_sum_of_exponentials_count():
    u = np.array([0.0, -900.0])
    out = TABLE["logsumexp"].value({"axes": (0,)}, u)
    (linear,) = TABLE["logsumexp"].maps({"axes": (0,)}, [u], out, (1,))
    assert (dense(linear, (2,), (1,)) != 0).all()
    masked = np.array([[0.0, -np.inf], [-np.inf, -np.inf]])
    np.testing.assert_array_equal(TABLE["logsumexp"].domain({"axes": (1,)}, masked), [[True], [False]])


@pytest.mark.parametrize("name, bad", [
    ("sqrt", [0.0]), ("log", [0.0]), ("cbrt", [0.0]), ("arcsin", [1.0]), ("arccos", [-1.0]), ("arccosh",
    [1.0]),
    ("arctanh", [1.0]), ("logit", [0.0]), ("log1p", [-1.0]), ("reciprocal", [0.0]), ("hypot", [0.0, 0.0]),
    ("div", [1.0, 0.0]), ("arctan2", [0.0, -1.0]), ("arctan2", [0.0, 0.0]), ("power", [0.0, 1.5]),
    ("power", [0.0, -1.0]),
    ("power", [-1.0, 0.5]), ("gammaln", [-1.0]), ("log2", [-1.0]), ("log10", [0.0]),
    ("gamma", [0.0]), ("digamma", [-2.0]), ("polygamma", [1.0, 0.0]), ("zeta", [2.0, 0.0]), ("gammainc", [0.5, 0.0]),
    ("gammaincc", [-1.0, 1.0]), ("betainc", [1.0, 2.0, 1.0]), ("erfinv", [1.0]), ("ndtri", [0.0]), ("entr", [0.0]),
    ("y0", [0.0]), ("k1", [-1.0]), ("jv", [0.5, 0.0]), ("iv", [1.5, -1.0]), ("kv", [0.0, 0.0]), ("yv", [1.0, 0.0]),
    ("ive", [1.0, 0.0]), ("kve", [1.0, 0.0]), ("exp1", [0.0]), ("expi", [0.0]), ("spence", [0.0]), ("ellipk", [1.0]),
    ("ellipe", [1.0]), ("lambertw", [-0.4]), ("erfcinv", [2.0]), ("cosint", [0.0]), ("y1", [0.0]), ("k0", [0.0]),
    ("xlogy", [0.0, 0.0]),
])  # fmt: skip
def test_does_the_domain_end_where_the_derivative_does(name, bad):
    assert not np.all(TABLE[name].domain({}, *(np.asarray(arg) for arg in bad)))


# -- kinks at ties ---------------------------------------------------------------------------------------

HALF = Fraction(1, 2)
SLOPES = [Fraction(-1), Fraction(-1, 3), Fraction(0), Fraction(2, 7), Fraction(1)]


def program_of(op, params, args, shape, switches):
    """One kinked operation on its own inputs."""
    leaves = tuple(np.shape(arg) for arg in args)
    inputs = [Node("input", (), {"leaf": i}, s, None, "", True) for i, s in enumerate(leaves)]
    node = Node(op, tuple(range(len(args))), params, shape, None, op, True, 0, switches)
    program = Program((*inputs, node), len(args), Tree(list(range(len(args))), leaves))
    program.check()
    return program


def exact_sweeps(program, args):
    x = np.concatenate([exactly(np.asarray(arg, dtype=float)).reshape(-1) for arg in args])
    return Sweeps(program, x)


@pytest.mark.parametrize("slope", SLOPES, ids=str)
@pytest.mark.parametrize("op, params, rewritten", [
    ("kink", {"a": 0.0, "b": 1.0}, lambda c, du, dv: (du, c * du)),
    ("kink", {"a": 0.625, "b": 0.375}, lambda c, du, dv: (du, Fraction(5, 8) * du + Fraction(3, 8) * c * du)),
    ("max", {"sign": 1}, lambda c, du, dv: (du - dv, HALF * (du + dv + c * (du - dv)))),
    ("max", {"sign": -1}, lambda c, du, dv: (du - dv, HALF * (du + dv - c * (du - dv)))),
])  # fmt: skip
def test_is_the_derivative_at_a_tie_that_of_the_rewriting(op, params, rewritten, slope):
    args = [np.zeros(1)] if op == "kink" else [np.ones(1), np.ones(1)]
    program = program_of(op, params, args, (1,), 1)
    sweeps = exact_sweeps(program, args)
    assert sweeps.active.all()
    sigma = np.array([slope], dtype=object)
    for d in itertools.product([Fraction(-2), Fraction(1, 3)], repeat=program.n):
        dz, dy = sweeps.push(sigma, np.array([d], dtype=object))
        expected = rewritten(slope, d[0], d[-1])
        assert (dz[0, 0], dy[0, 0]) == expected
        assert isinstance(dy[0, 0], Fraction)
    _duality(sweeps, sigma)


@pytest.mark.parametrize("k", [1.0, 0.75, -2.0])
@pytest.mark.parametrize("slope", SLOPES, ids=str)
def test_is_the_derivative_of_a_select_that_of_the_rewriting(slope, k):
    # y = a where u > 0, otherwise b, with a = b + k u.
    x = [Node("input", (), {"leaf": i}, (1,), None, "", True) for i in range(2)]
    nodes = (
        *x,
        Node("constant", (), {"value": np.array(k)}, (), None, "", False),
        Node("mul", (0, 2), {}, (1,), None, "", True),
        Node("add", (1, 3), {}, (1,), None, "", True),
        Node("select", (0, 4, 1), {"k": k}, (1,), None, "", True, 0, 1),
    )
    sweeps = exact_sweeps(Program(nodes, 5, Tree([0, 1], ((1,), (1,)))), [np.zeros(1), np.ones(1)])
    sigma = np.array([slope], dtype=object)
    du, db, exact = Fraction(1, 3), Fraction(-2), Fraction(k)
    dz, dy = sweeps.push(sigma, np.array([[du, db]], dtype=object))
    assert dz[0, 0] == du
    assert dy[0, 0] == HALF * (2 * db + exact * du + exact * slope * du)
    _, weights = sweeps.pull(sigma, None, np.array([[Fraction(1)]], dtype=object))
    assert weights[0, 0] == exact / 2
    _duality(sweeps, sigma)


def _duality(sweeps, sigma):
    """y-seeds and z-seeds pulled back equal directions pushed, and g_sigma = J + Y sigma r."""
    program = sweeps.program
    numbers = np.random.default_rng(program.n).integers(-3, 4, (2, program.n + program.s + program.m))
    numbers = exactly(numbers / 4)
    d, zbar, ybar = np.split(numbers, [program.n, program.n + program.s], axis=1)
    dz, dy = sweeps.push(sigma, d)
    xbar, _ = sweeps.pull(sigma, zbar, ybar)
    assert (d @ xbar.T == dz @ zbar.T + dy @ ybar.T).all()
    xbar, _ = sweeps.pull(sigma, zbar, None)
    assert (d @ xbar.T == dz @ zbar.T).all()
    # The adjoint of |z_i| is the derivative with respect to its slope, divided by z_i'.
    _, weights = sweeps.pull(sigma, None, ybar)
    for i in range(min(program.s, 6)):
        moved = sigma.copy()
        moved[i] += Fraction(1, 5)
        _, changed = sweeps.push(moved, d)
        assert (((changed - dy) * ybar).sum(axis=1) == Fraction(1, 5) * weights[:, i] * dz[:, i]).all()


def folded_by_hand(sign, sigma, t):
    """The derivative of m = max(m, u_j), one after the other."""
    m, rates = t[0], []
    for c, u in zip(sigma, t[1:], strict=True):
        rates.append(m - u)
        m = HALF * (m + u + sign * c * (m - u))
    return rates, m


def tied_column(count, seed, sign):
    """The first and the last entry are the largest (smallest); others tie with them and below."""
    values = np.random.default_rng(seed).integers(0, 3, count).astype(float)
    values[[0, -1]] = 2.0 if sign > 0 else 0.0
    return values


@pytest.mark.parametrize("count", [2, 3, 70])
@pytest.mark.parametrize("sign", [1, -1])
@pytest.mark.parametrize("slope", SLOPES, ids=str)
def test_is_the_derivative_of_a_fold_with_ties_that_of_the_rewriting(count, sign, slope):
    u = tied_column(count, count, sign)
    program = program_of("fold", {"sign": sign}, [u], (), count - 1)
    sweeps = exact_sweeps(program, [u])
    assert sweeps.active.any()
    sigma = exactly(sweeps.signs)
    sigma[sweeps.alpha] = slope
    d = exactly(np.random.default_rng(1).integers(-3, 4, (2, count)) / 4)
    dz, dy = sweeps.push(sigma, d)
    for row in range(2):
        rates, derivative = folded_by_hand(sign, sigma, d[row])
        assert dy[row, 0] == derivative
        assert list(dz[row]) == rates
    _duality(sweeps, sigma)


@pytest.mark.parametrize("count", [2, 3, 70])
@pytest.mark.parametrize("sign", [1, -1])
def test_are_float_folds_the_same_by_steps_and_by_doubling(count, sign):
    u = np.stack([tied_column(count, 1, sign), tied_column(count, 2, sign)], axis=1)
    params = {"sign": sign}
    z = kink_of("fold").switching(params, [u]).reshape(count - 1, 2)
    sigma = np.where(z == 0, 0.25, np.sign(z))
    fold = kink_of("fold").derivative(params, [u.shape], u.shape[1:], sigma.reshape(-1)).fold
    t = RNG.standard_normal((3, count, 2))
    for k in range(3):
        for column in range(2):
            _, m = folded_by_hand(sign, sigma[:, column], t[k, :, column])
            np.testing.assert_allclose(fold.push(t)[k, column], float(m), rtol=1e-12, atol=1e-12)
    w = RNG.standard_normal((3, 2))
    np.testing.assert_allclose(
        np.einsum("kj,lj->kl", fold.push(t), w),
        np.einsum("kij,lij->kl", t, fold.pull(w)),
        rtol=1e-12,
        atol=1e-12,
    )
    np.testing.assert_allclose(
        dense(fold.absolute(), u.shape, (2,)), abs(dense(fold, u.shape, (2,))), rtol=1e-12, atol=1e-14
    )
    np.testing.assert_array_equal(running(sign, u)[-1], u.max(0) if sign > 0 else u.min(0))


@pytest.mark.parametrize("count", [2, 3, 70])
@pytest.mark.parametrize("sign", [1, -1])
def test_does_the_directional_sweep_choose_the_signs(count, sign):
    u = tied_column(count, count, sign)
    program = program_of("fold", {"sign": sign}, [u], (), count - 1)
    sweeps = Sweeps(program, u)
    for seed in range(5):
        d = np.random.default_rng(seed).standard_normal(count)
        found = sweeps.directional(d)
        best = u.max() if sign > 0 else u.min()
        tied = d[u == best]
        assert found.dy[0] == pytest.approx(tied.max() if sign > 0 else tied.min())
        t = 1e-7
        ahead = TABLE["fold"].value({"sign": sign}, u + t * d)
        assert (ahead - best) / t == pytest.approx(found.dy[0], abs=1e-6)
        ahead_z = kink_of("fold").switching({"sign": sign}, [u + t * d])
        np.testing.assert_array_equal(found.sigma, np.sign(ahead_z))


@pytest.mark.parametrize(
    "op, params", [("kink", {"a": 0.0, "b": 1.0}), ("max", {"sign": 1}), ("max", {"sign": -1})]
)
def test_does_the_directional_sweep_give_the_one_sided_derivative(op, params):
    args = [np.array([0.0, 1.0])] if op == "kink" else [np.array([1.0, 1.0]), np.array([1.0, 0.0])]
    x = np.concatenate(args)
    sweeps = Sweeps(program_of(op, params, args, (2,), 2), x)
    for seed in range(5):
        d = np.random.default_rng(seed).standard_normal(sweeps.program.n)
        found = sweeps.directional(d)
        ahead = sweeps.program.evaluate(x + 1e-7 * d)[-1]
        np.testing.assert_allclose((ahead - sweeps.values[-1]) / 1e-7, found.dy, atol=1e-6)


def test_are_pieces_broadcast():
    found = kink_of("max").derivative({"sign": 1}, [(2, 3), (3,)], (2, 3), np.zeros(6))
    np.testing.assert_array_equal(found.maps[1].pull(np.ones((1, 2, 3))), np.ones((1, 3)))


def test_is_an_infinite_constant_no_kink():
    u = np.array([-np.inf, -np.inf, 1.0])
    np.testing.assert_array_equal(kink_of("fold").switching({"sign": 1}, [u]), [np.inf, -np.inf])
    np.testing.assert_array_equal(kink_of("max").switching({"sign": 1}, [u, u]), [np.inf, np.inf, 0.0])


def test_is_a_second_row_of_one_name_an_error():
    from absnormal.ops.table import Table

    table = Table()
    table.add(TABLE["add"])
    with pytest.raises(ValueError, match="two rows"):
        table.add(TABLE["add"])
