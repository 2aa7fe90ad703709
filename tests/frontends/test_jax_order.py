"""What jumps is refused where f uses it: indices of ties, what a sort carries along, and every other primitive that
returns a constant or an integer of a variable."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax import lax

import absnormal as an
from absnormal.frontends.jax.algebra import ALGEBRA
from absnormal.frontends.jax.primitives import COMPARISONS, MASKS, ROWS, RULES
from absnormal.frontends.jax.shapes import MOVES
from absnormal.frontends.jax.special import SPECIAL

from .precision import double as double

WRONG, RIGHT = an.Verdict.NOT_CLARKE, an.Verdict.CLARKE
WEIGHTS = np.array([1.0, -2.0])

#: Functions that use an index of x, or what is carried along with it, all of two numbers.
INDEXED: dict[str, Any] = {
    "ranks": lambda x: (jnp.argsort(jnp.argsort(x)) * x).sum(),
    "argsort, as a number": lambda x: 1.0 * jnp.argsort(x)[0],
    "argsort, compared": lambda x: x[0] * jnp.where(jnp.argsort(x)[0] > 0, 1.0, 2.0),
    "argsort, branched on": lambda x: lax.cond(jnp.argsort(x)[0] > 0, lambda: x[0], lambda: 2 + x[1]),
    "argsort, looped on": lambda x: lax.fori_loop(0, jnp.argsort(x)[0] + 1, lambda i, c: c + x[0], 0.0),
    "argsort, scanned": lambda x: lax.scan(lambda c, i: (2 * c + i * x[0], i), 0.0, jnp.argsort(x))[0],
    "argsort, scattered": lambda x: jnp.zeros(2).at[jnp.argsort(x)].set(x)[0],
    "argsort of another": lambda x: (x[jnp.argsort(x)] * jnp.asarray(WEIGHTS)[jnp.argsort(x)]).sum(),
    "argpartition": lambda x: jnp.argpartition(x, 0)[0] + x[0],
    "sort with a constant": lambda x: (lax.sort_key_val(x, jnp.arange(2.0))[1] * x).sum(),
    "sort with another variable": lambda x: lax.sort((x, x[::-1]), num_keys=1)[1][0],
}

#: Functions that look up what was sorted, which does not jump; with the verdict on JAX's gradient at a tie.
LOOKED_UP: dict[str, tuple[Any, an.Verdict]] = {
    "argsort": (lambda x: x[jnp.argsort(x)][0] - jnp.minimum(x[0], x[1]), WRONG),
    "argsort, weighted": (lambda x: (x[jnp.argsort(x)] * WEIGHTS).sum(), RIGHT),
    "argsort, compiled": (jax.jit(lambda x: x[jnp.argsort(x)][0]), RIGHT),
    "argsort, descending": (lambda x: x[jnp.argsort(x, descending=True)][0], RIGHT),
    "lexsort": (lambda x: x[jnp.lexsort((x,))][0], RIGHT),
    "top_k": (lambda x: x[lax.top_k(x, 1)[1][0]] - x.max(), WRONG),
    "top_k, all": (lambda x: x[lax.top_k(x, 2)[1]][0], RIGHT),
    "sort_key_val": (lambda x: lax.sort_key_val(x, -x)[1][0], RIGHT),
    "argmax": (lambda x: x[jnp.argmax(x)], RIGHT),
    "argmin": (lambda x: x[jnp.argmin(x)], RIGHT),
    "a scan": (lambda x: lax.scan(lambda c, i: (c + i * x[0], i), 0.0, jnp.argsort(x))[0], RIGHT),
    "argpartition": (lambda x: x[jnp.argpartition(x, 0)][0], RIGHT),
    "a branch": (lambda x: lax.cond(jnp.argsort(x)[0] > 0, lambda: x[0], lambda: x[1]), RIGHT),
    "unique": (lambda x: jnp.unique(x, size=2)[1], RIGHT),
}
#: Functions whose other branches or entries the tie does not show.
UNSEEN: dict[str, Any] = {
    "argsort, in a branch": lambda x: lax.cond(x[0] > x[1], lambda: x[jnp.argsort(x)[0]], lambda: x[0]),
}


@pytest.mark.parametrize("name", [*INDEXED, *UNSEEN])
def test_an_index_of_tied_entries_is_refused_where_it_is_used(name: str, double: None) -> None:
    with pytest.raises(an.TraceError, match=r"test_jax_order\.py:\d+.*Fix: ") as caught:
        an.verify((INDEXED | UNSEEN)[name], jnp.zeros(2))
    assert "np." not in str(caught.value).replace("jnp.", "")


@pytest.mark.slow
@pytest.mark.parametrize("name", LOOKED_UP)
def test_what_is_looked_up_in_what_was_sorted_does_not_jump(name: str, double: None) -> None:
    f, verdict = LOOKED_UP[name]
    report = an.verify(f, jnp.zeros(2))
    assert report.verdict is verdict
    np.testing.assert_array_equal(np.asarray(report.gradient), np.asarray(jax.grad(f)(jnp.zeros(2))))


@pytest.mark.parametrize("name", [*INDEXED, *UNSEEN, *LOOKED_UP])
def test_it_is_a_constant_where_nothing_is_tied(name: str, double: None) -> None:
    f, x = (INDEXED | UNSEEN)[name] if name not in LOOKED_UP else LOOKED_UP[name][0], jnp.array([0.5, -1.0])
    report = an.verify(f, x)
    assert report.verdict is RIGHT
    np.testing.assert_allclose(np.asarray(report.gradient), sampled(f, x, np.zeros(2)), atol=1e-6)


def test_several_keys_are_refused(double: None) -> None:
    with pytest.raises(an.TraceError, match="several keys"):
        an.verify(lambda x: x[jnp.lexsort((x, x + 1))][0], jnp.array([1.0, 2.0]))


@pytest.mark.parametrize(("f", "verdict"), [
    (lambda x: jnp.sort(x)[0] + jnp.argsort(x).shape[0], RIGHT),
    (lambda x: lax.sort((x, x[::-1]), num_keys=1)[0][0], RIGHT),
    (lambda x: lax.top_k(x, 1)[0][0] - x.max(), WRONG),
    (lambda x: lax.sort_key_val(jnp.array([2.0, 1.0]), x)[1][0] * 3, RIGHT),
    (lambda x: lax.scan(lambda c, i: (c, i), x[0], jnp.argsort(x))[0], RIGHT),
], ids=["argsort's shape", "sort alone", "values of top_k", "a constant key", "an index that is dropped"])  # fmt: skip
def test_what_is_not_used_may_jump(f: Any, verdict: an.Verdict, double: None) -> None:
    assert an.verify(f, jnp.zeros(2)).verdict is verdict


# -- jnp.select and jnp.piecewise --------------------------------------------------------------------------

#: name -> (f, verdict at 0)
SELECTED: dict[str, tuple[Any, an.Verdict]] = {
    "one": (lambda x: jnp.select([x < 0], [-x], 2 * x).sum(), RIGHT),
    "two": (lambda x: jnp.select([x < 0, x > 0], [-x, 3 * x], 2 * x).sum(), RIGHT),
    "the tie is a case of its own": (lambda x: jnp.select([x < 0, x <= 0], [-x, 3 * x], 2 * x).sum(), WRONG),
    "one is decided": (lambda x: jnp.select([x > 5, x < 0], [x**2, -x], 2 * x).sum(), RIGHT),
}


@pytest.mark.parametrize("name", SELECTED)
def test_select_is_followed_as_where(name: str, double: None) -> None:
    f, verdict = SELECTED[name]
    for point in ([0.0, 0.0], [1.0, 0.0], [1.0, -2.0]):
        x = jnp.array(point)
        report = an.verify(f, x)
        assert report.verdict is (RIGHT if all(point) else verdict)
        np.testing.assert_array_equal(np.asarray(report.gradient), jax.grad(f)(x))
        found = an.generalized_gradient(report.program, np.asarray(x))
        for direction in np.random.default_rng(0).normal(size=(8, 2)):
            assert found.contains(sampled(f, x, direction))


def test_select_with_a_jump_is_refused(double: None) -> None:
    with pytest.raises(an.TraceError, match=r"jnp\.where at test_jax_order\.py"):
        an.verify(lambda x: jnp.select([x < 0], [-x], 2 * x + 1).sum(), jnp.zeros(2))


def _of(conditions: Any, *pieces: Any) -> Any:
    return lambda x: jnp.piecewise(x, conditions(x), [*pieces]).sum()


def _same(x: Any) -> Any:
    return x


def _triangle(x: Any) -> Any:
    conditions = [x < 0, (x >= 0) & (x < 1), (x >= 1) & (x < 2), x >= 2]
    return jnp.piecewise(x, conditions, [0.0, lambda u: u, lambda u: 2 - u, 0.0]).sum()


#: name -> (f, points)
PIECES: dict[str, tuple[Any, Any]] = {
    "abs": (_of(lambda x: [x < 0, x >= 0], lambda u: -u, _same), [[0.0, 0.0], [1.0, 0.0], [1.0, -2.0]]),
    "compiled": (jax.jit(_of(lambda x: [x < 0, x >= 0], lambda u: -u, _same)), [[0.0, 0.0], [1.0, 0.0]]),
    "one condition": (_of(lambda x: [x < 0], lambda u: -u, _same), [[0.0, 0.0], [1.0, 0.0]]),
    "a default": (_of(lambda x: [x < 0, x > 1], 0.0, lambda u: 1 + 0 * u, _same), [[0.0, 1.0], [0.5, 1.0], [0.0, 2.0]]),
    "the last one holds": (_of(lambda x: [x < 1, x < 0], _same, 0.0, 1.0), [[0.0, 1.0], [0.5, 1.0], [0.0, 2.0]]),
    "curved": (_of(lambda x: [x <= 1, x > 1], lambda u: u - 1, jnp.log), [[1.0, 1.0], [-1.0, 1.0], [1.0, 3.0]]),
    "Huber": (_of(lambda x: [jnp.abs(x) <= 1], lambda u: u * u / 2, lambda u: jnp.abs(u) - 0.5), [[1.0, -1.0]]),
    "a number": (lambda x: jnp.piecewise(x[0], [x[0] < 0], [lambda u: -u, _same]) + x[1], [[0.0, 0.0]]),
    "triangle": (_triangle, [[0.0, 1.0], [1.0, 2.0], [0.5, 0.0]]),
}  # fmt: skip


@pytest.mark.parametrize("name", PIECES)
def test_piecewise_is_followed_as_where(name: str, double: None) -> None:
    f, points = PIECES[name]
    compiled = jax.jit(f)
    for point in points:
        x = jnp.array(point)
        report = an.verify(f, x)
        assert report.verdict is RIGHT
        np.testing.assert_array_equal(np.asarray(report.gradient), jax.grad(f)(x))
        if name not in ("curved", "Huber"):
            found = an.generalized_gradient(report.program, np.asarray(x))
            for direction in np.random.default_rng(0).normal(size=(5, 2)):
                assert found.contains(sampled(compiled, x, direction))


def test_pieces_that_are_wrong_at_the_tie_are_told(double: None) -> None:
    f = _of(lambda x: [x < 0, x == 0, x > 0], lambda u: -u, lambda u: 3 * u, _same)
    assert an.verify(f, jnp.zeros(2)).verdict is WRONG


@pytest.mark.parametrize("conditions", [lambda x: [x < 0], lambda x: [x < 0, x >= 0]])
def test_pieces_that_jump_are_refused(conditions: Any, double: None) -> None:
    with pytest.raises(an.TraceError, match=r"at test_jax_order\.py"):
        an.verify(_of(conditions, lambda u: -u, lambda u: u + 1), jnp.zeros(2))


def test_pieces_under_vmap_are_followed_or_refused(double: None) -> None:
    piece = _of(lambda x: [x < 0, x >= 0], lambda u: -u, _same)
    with pytest.raises(an.TraceError):
        an.verify(lambda x: jax.vmap(piece)(x).sum(), jnp.zeros((2, 2)))
    assert an.verify(lambda x: jax.vmap(piece)(x).sum(), jnp.ones((2, 2))).verdict is RIGHT


def test_bits_of_a_comparison_are_no_comparison(double: None) -> None:
    def f(x: Any) -> Any:
        return (x * ~(x > 0).astype(int)).sum()

    report = an.verify(f, jnp.ones(2))
    assert report.verdict is RIGHT and np.asarray(report.gradient).tolist() == [-2.0, -2.0]
    at_its_tie = an.generalized_gradient(f, jnp.zeros(1))
    assert sorted(np.asarray(at_its_tie.vertices).ravel()) == [-2.0, -1.0]


@pytest.mark.parametrize("f", [
    lambda x: jnp.where(jnp.pad(x > 0, (0, 1), constant_values=True), jnp.pad(x, (0, 1), constant_values=1.0), 0).sum(),
    lambda x: jnp.where(jnp.concatenate([x > 0, jnp.array([True])]), jnp.append(x, x[0] - x[0]), 0).sum(),
    lambda x: jnp.where((x > 0).at[0].set(True), x, 0)[1],
], ids=["pad", "concatenate", "scatter"])  # fmt: skip
def test_comparisons_move_beside_what_is_decided(f: Any, double: None) -> None:
    x = jnp.zeros(2)
    try:
        report = an.verify(f, x)
    except an.TraceError as error:
        assert "do not differ by a" in str(error)
        return
    G = an.generalized_gradient(report.program, np.zeros(2))
    assert report.program(np.zeros(2)) == f(x)
    for direction in np.random.default_rng(0).normal(size=(20, 2)):
        assert G.contains(sampled(f, x, direction))


# -- arrays as results -------------------------------------------------------------------------------------


def test_sets_and_forms_of_an_array(double: None) -> None:
    def f(x: Any) -> Any:
        return jnp.stack([jnp.abs(x[0]), x[0] + jnp.maximum(x[1], 0)])

    G, form = an.generalized_gradient(f, jnp.zeros(2)), an.abs_normal_form(f, jnp.zeros(2))
    assert G.limiting_gradients.shape == (4, 2, 2) and form.J.shape == (2, 2)
    assert form([1.0, 2.0]).tolist() == f(jnp.array([1.0, 2.0])).tolist() == an.trace(f, jnp.zeros(2))([1, 2]).tolist()
    assert G.contains(np.asarray(an.clarke_gradient(f, jnp.zeros(2))))


# -- every primitive that jumps ----------------------------------------------------------------------------


def _pooled(x: Any) -> Any:
    return lax.reduce_window(x, -jnp.inf, lax.max, (2,), (1,), "VALID")


#: primitive -> functions of x at 0 that it makes jump there, or that are refused for another reason that is named.
JUMPS: dict[str, list[Any]] = {
    "sign": [lambda x: jnp.sign(x[0]) * x[1]],
    "floor": [lambda x: jnp.floor(x[0]) * x[1]],
    "ceil": [lambda x: jnp.ceil(x[0]) * x[1]],
    "round": [lambda x: jnp.round(x[0] + 0.5) * x[1], lambda x: lax.round(x[0] + 0.5) * x[1]],
    "convert_element_type": [lambda x: (x[0] + 1).astype(int) * x[1], lambda x: x[0].astype(bool) * (x[1] + 1)],
    "reduce_and": [lambda x: (x == 0).all() * (x[1] + 1)],
    "reduce_or": [lambda x: (x != 0).any() * (x[1] + 1)],
    "argmax": [lambda x: jnp.argmax(x) * x[1], lambda x: jnp.argmax(x > 0) * (x[1] + 1)],
    "argmin": [lambda x: jnp.argmin(x) * x[1]],
    "sort": [lambda x: jnp.argsort(x)[0] * x[1]],
    "top_k": [lambda x: lax.top_k(x, 1)[1][0] * x[1]],
    "rem": [lambda x: jnp.fmod(x[0] + 1, 1.0), lambda x: x[0] // 1.0 * x[1]],
    "atan2": [lambda x: jnp.arctan2(x[0], x[1] - 1)],
    "gt": [lambda x: (x[0] > 0) * (x[1] + 1), lambda x: jnp.cumsum(x > 0)[0] * (x[1] + 1)],
    "ge": [lambda x: (x[0] >= 0) * (x[1] + 1), lambda x: jnp.all(x >= 0) * (x[1] + 1)],
    "lt": [lambda x: (x[0] < 0) * (x[1] + 1), lambda x: jnp.any(x < 0) * (x[1] + 1)],
    "le": [lambda x: (x[0] <= 0) * (x[1] + 1), lambda x: jnp.sum(x <= 0) * (x[1] + 1)],
    "eq": [lambda x: (x[0] == 0) * (x[1] + 1), lambda x: jnp.searchsorted(np.array([0.0, 1.0]), x[0]) * (x[1] + 1)],
    "ne": [lambda x: (x[0] != 0) * (x[1] + 1), lambda x: jnp.count_nonzero(x) * (x[1] + 1)],
    "lt_to": [lambda x: lax.lt_to_p.bind(x[0], 0.0 * x[1]) * (x[1] + 1)],
    "le_to": [lambda x: lax.le_to_p.bind(x[0], 0.0 * x[1]) * (x[1] + 1)],
    "select_n": [lambda x: jnp.where(x[0] > 0, 1.0, 2.0), lambda x: lax.select_n((x[0] > 0).astype(int), x[1], x[0])],
    "clamp": [lambda x: lax.clamp(0, (x[0] + 1).astype(int), 3) * x[1]],
    "stop_gradient": [lambda x: lax.stop_gradient(jnp.sign(x[0])) * x[1]],
    "not": [lambda x: ~(x[0] > 0) * (x[1] + 1)],
    "and": [lambda x: ((x[0] > 0) & (x[1] > -1)) * (x[1] + 1)],
    "or": [lambda x: ((x[0] > 0) | (x[1] > 1)) * (x[1] + 1)],
    "xor": [lambda x: ((x[0] > 0) ^ (x[1] > 1)) * (x[1] + 1)],
    "eq_to": [lambda x: lax.eq_to_p.bind(x[0], 0.0 * x[1]) * (x[1] + 1)],
    "select_and_scatter_add": [lambda x: jax.grad(lambda u: (_pooled(u) ** 2).sum())(x)[0]],
    "select_and_gather_add": [lambda x: jax.jvp(_pooled, (x,), (x + 1,))[1][0]],
    "stack": [lambda x: jnp.stack([x[0] > 0, x[1] > 0]).sum() * (x[1] + 1)],
    "dynamic_slice": [lambda x: lax.dynamic_slice(x, [(x[0] + 1).astype(int)], [1])[0]],
    "gather": [lambda x: x[(x + 1).astype(int)][0]],
    "cond": [lambda x: lax.cond(x[0] > 0, lambda: 1.0, lambda: x[1])],
    "while": [lambda x: lax.while_loop(lambda c: c < 1, lambda c: c + 1, x[0])],
    "scan": [lambda x: lax.scan(lambda c, y: (c + (y > 0), None), 0, x)[0] * (x[1] + 1)],
}

#: Where f is differentiable, or has kinks, or is constant, at every point where the rule writes it.
CONTINUOUS = {
    *ROWS, *MOVES, "rsqrt", "pow", "integer_pow", "abs", "max", "min", "reduce_precision", "copy", "copy_p", "name",
    "sharding_constraint", "reduce_sum", "reduce_prod", "reduce_max", "reduce_min", "cumsum", "cumprod",
    "cumlogsumexp", "cummax", "cummin", "dot_general", "conv_general_dilated", "scatter-add", "scatter-sub",
    "scatter-mul", "scatter-max", "scatter-min", "reduce_window_sum", "reduce_window_max", "reduce_window_min",
    "is_finite", "device_put", *ALGEBRA, *SPECIAL,
} - {"atan2"}  # fmt: skip


def test_no_rule_is_left_out() -> None:
    """A new rule is put among those that cannot jump, or gets a function that is refused."""
    assert set(RULES) | set(MASKS) <= CONTINUOUS | set(JUMPS)
    assert set(COMPARISONS) <= set(JUMPS)


def _jumping() -> Iterator[Any]:
    for primitive, functions in JUMPS.items():
        for number, f in enumerate(functions):
            yield pytest.param(primitive, f, id=f"{primitive} {number}")


def primitives(jaxpr: Any) -> set[str]:
    found = set()
    for eqn in jaxpr.eqns:
        found.add(eqn.primitive.name)
        for value in jax.tree.leaves(list(eqn.params.values()), is_leaf=lambda leaf: hasattr(leaf, "jaxpr")):
            found |= primitives(value.jaxpr) if hasattr(value, "jaxpr") else set()
    return found


@pytest.mark.parametrize(("primitive", "f"), list(_jumping()))
def test_a_jump_is_refused_at_its_tie(primitive: str, f: Any, double: None) -> None:
    x = jnp.zeros(2)
    assert primitive in primitives(jax.make_jaxpr(f)(x).jaxpr)
    with pytest.raises(an.TraceError, match=r"test_jax_order\.py"):
        an.verify(lambda x: 1.0 * f(x), x)


def sampled(f: Any, x: Any, direction: Any) -> Any:
    """The gradient of a piecewise-linear function close to x, by differences."""
    near = np.asarray(x) + 1e-3 * direction
    step = 1e-7
    slopes = [float(f(jnp.array(near + e)) - f(jnp.array(near - e))) / (2 * step) for e in step * np.eye(2)]
    return np.round(slopes, 5)
