"""Are smooth primitives of JAX right as opaque operations, refused where they are not smooth, and parts of devices?"""

from __future__ import annotations

import pickle
from collections.abc import Callable, Iterator
from typing import Any

import jax
import jax.numpy as jnp
import jax.scipy.linalg as jsl
import jax.scipy.special as jsp
import numpy as np
import pytest
from jax.sharding import Mesh, PartitionSpec

import absnormal as an

RNG = np.random.default_rng(0)
A = RNG.normal(size=(4, 4))
S = A @ A.T + np.eye(4)
TALL, BATCH, B = RNG.normal(size=(5, 3)), RNG.normal(size=(2, 3, 3)), RNG.normal(size=4)


@pytest.fixture(autouse=True)
def double() -> Iterator[None]:
    with jax.enable_x64(True):
        yield


def total(out: Any) -> Any:
    """One number that tells the entries of results apart."""
    return sum(jnp.sum(jnp.cos(jnp.arange(item.size).reshape(item.shape)) * item) for item in jax.tree.leaves(out)
               if jnp.issubdtype(item.dtype, jnp.floating))


#: name -> (function, point): smooth there.
SMOOTH: dict[str, tuple[Callable[..., Any], Any]] = {
    "solve": (lambda a: jnp.linalg.solve(a, jnp.asarray(B)), A),
    "batched solve": (lambda a: jnp.linalg.solve(a, jnp.ones((2, 3, 1))), BATCH),
    "right side": (lambda b: jnp.linalg.solve(jnp.asarray(A), b), B),
    "inv": (jnp.linalg.inv, A), "det": (jnp.linalg.det, A), "slogdet": (lambda a: jnp.linalg.slogdet(a)[1], A),
    "cholesky": (jnp.linalg.cholesky, S), "eigh": (lambda a: jnp.linalg.eigh(a)[0], S),
    "eigenvectors": (lambda a: jnp.linalg.eigh(a)[1] ** 2, S),
    "svd": (lambda a: jnp.linalg.svd(a, full_matrices=False)[1], TALL),
    "nuclear": (lambda a: jnp.linalg.norm(a, "nuc"), TALL), "qr": (jnp.linalg.qr, TALL[:3, :2]),
    "lu": (lambda a: jsl.lu(a)[1:], A),
    "triangular": (lambda a: jsl.solve_triangular(a, jnp.asarray(B), lower=True), A),
    "tridiagonal": (lambda d: jax.lax.linalg.tridiagonal_solve(d, d + 3, d, jnp.ones((4, 1))), B),
    "normal": (lambda m: jax.scipy.stats.multivariate_normal.logpdf(jnp.asarray(B), m, jnp.asarray(S)), B + 1),
    "cg": (lambda b: jax.scipy.sparse.linalg.cg(lambda v: jnp.asarray(S) @ v, b, tol=1e-14)[0], B),
    "digamma": (jsp.digamma, B**2 + 0.1), "erfinv": (jsp.erfinv, np.tanh(B)),
    "polygamma": (lambda x: jsp.polygamma(1, x), B**2),
    "gammainc": (lambda x: jsp.gammainc(1.5, x), B**2),
    "gammainc order": (lambda a: jsp.gammainc(a, 1.5), B**2), "gammaincc": (lambda x: jsp.gammaincc(1.5, x), B**2),
    "betainc": (lambda x: jsp.betainc(1.5, 2.0, x), np.abs(np.tanh(B))), "log_ndtr": (jsp.log_ndtr, B),
    "i0": (jnp.i0, np.array([0.0, 1.0, -2.0])), "i1e": (jsp.i1e, np.array([0.0, 1.0, -2.0])),
    "updates": (lambda x: [x.at[0].subtract(x[1]), x.at[0].multiply(3.0), x.at[1].divide(x[0]), x.at[0].power(2.0)], B),
    "reduce": (lambda x: jax.lax.reduce(x, np.float64(0.0), lambda a, b: a + b + 0.5 * a * b, (0,)), B),
    "ragged": (lambda a: jax.lax.ragged_dot(a, jnp.ones((2, 3, 2)), jnp.array([1, 2])), A[:3, :3]),
}  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(SMOOTH))
def test_a_smooth_operation_has_the_derivative_of_jax(name: str) -> None:
    f, x = SMOOTH[name]

    def loss(u: Any) -> Any:
        return total(f(u))

    point = jnp.asarray(x)
    report = an.verify(loss, point)
    assert report.verdict is an.Verdict.CLARKE, report
    np.testing.assert_allclose(report.clarke_gradient, jax.grad(loss)(point), rtol=1e-9, atol=1e-10)


def pooled(x: Any) -> Any:
    return jax.lax.reduce_window(x, -jnp.inf, jax.lax.max, (2,), (1,), "VALID")


#: name -> (function, point): no derivative there.
OPEN: dict[str, tuple[Callable[..., Any], Any]] = {
    "singular": (jnp.linalg.inv, np.ones((2, 2))), "equal eigenvalues": (lambda a: jnp.linalg.eigh(a)[0], np.eye(3)),
    "equal singular values": (lambda a: jnp.linalg.svd(a, compute_uv=False), np.eye(3)),
    "rank": (lambda a: jnp.linalg.norm(a, "nuc"), np.ones((3, 2))),
    "semidefinite": (jnp.linalg.cholesky, np.ones((2, 2))),
    "pivots": (lambda a: jsl.lu(a)[1:], np.ones((2, 2)) + np.eye(2) * [[0], [1]]),
    "column": (jnp.linalg.qr, np.eye(3, 2)), "pole": (jsp.digamma, np.array([0.0])),
    "edge": (jsp.erfinv, np.array([1.0])),
    "diagonal": (lambda a: jsl.solve_triangular(a, jnp.ones(2)), np.array([[0.0, 1.0], [0.0, 2.0]])),
    "pool backwards": (lambda x: jax.grad(lambda y: jnp.sum(pooled(y) ** 2))(x), np.array([1.0, 1.0, 0.0])),
    "free vectors": (lambda a: jnp.linalg.svd(a)[0], TALL),
}  # fmt: skip


@pytest.mark.parametrize("name", sorted(OPEN))
def test_where_it_is_not_smooth_it_is_refused(name: str) -> None:
    f, x = OPEN[name]
    with pytest.raises((an.TraceError, an.DomainError)):
        an.trace(lambda u: total(f(u)), jnp.asarray(x))


def test_eigenvectors_whose_signs_flip_are_refused() -> None:
    with pytest.raises(an.TraceError):
        an.trace(lambda b: jnp.linalg.eigh(jnp.diag(jnp.array([2.0, 1.0])) + b * jnp.eye(2)[::-1])[1][0, 0],
                 jnp.array(0.0))


@pytest.mark.slow
def test_signs_that_another_precision_chooses_otherwise_are_refused() -> None:
    """In single precision the kernel may give the negative of an eigenvector that it gives in double precision."""
    followed = []
    for size in (3, 20, 40):
        drawn = np.random.default_rng(size).normal(size=(size, size))
        with jax.enable_x64(False):
            a = jnp.asarray(drawn + drawn.T, jnp.float32)

            def loss(u: Any) -> Any:
                return total(jnp.linalg.eigh(u)[1])

            try:
                program = an.trace(loss, a)
            except an.TraceError:
                continue
            followed.append(size)
            np.testing.assert_allclose(program(np.asarray(a, float)), loss(a), rtol=1e-3)
    assert 3 in followed


def test_a_window_without_an_entry_has_the_tangent_zero() -> None:
    """Between entries that are two apart a window of one entry has none, forwards and backwards."""
    x = jnp.array([1.0, -2.0, 0.5])

    def stretched(u: Any) -> Any:
        return jax.lax.reduce_window(u, -jnp.inf, jax.lax.max, (1,), (1,), "VALID", base_dilation=(2,))

    def along(u: Any) -> Any:
        tangents = jax.jvp(stretched, (x,), (u,))[1]
        return jnp.sum(tangents * jnp.arange(1.0, 6.0))

    report = an.verify(along, x)
    assert report.verdict is an.Verdict.CLARKE
    np.testing.assert_allclose(an.trace(along, x)(x), along(x))
    np.testing.assert_allclose(report.clarke_gradient, jax.grad(along)(x))


def test_opaque_operations_pickle_and_hold_elsewhere() -> None:
    f = SMOOTH["cholesky"][0]
    program = pickle.loads(pickle.dumps(an.trace(lambda a: total(f(a)), jnp.asarray(S))))
    other = S + 0.1 * np.eye(4)
    np.testing.assert_allclose(program(other), total(f(jnp.asarray(other))))
    factors = an.trace(lambda a: total(jsl.lu(a)[1:]), jnp.asarray(A))
    with pytest.raises(an.GuardError):
        an.verify(factors, A[::-1])


def test_single_precision_is_differentiated_in_double() -> None:
    with jax.enable_x64(False):
        report = an.verify(lambda a: total(jnp.linalg.cholesky(a)), jnp.asarray(S, jnp.float32))
    assert report.verdict is an.Verdict.CLARKE and report.deviation < 1e-4


def test_a_bessel_function_of_a_modulus_has_a_kink_that_jax_takes_as_even() -> None:
    x = jnp.array([0.0, 1.0])
    report = an.verify(lambda u: jnp.sum(jsp.i0e(u)), x)
    assert report.verdict is an.Verdict.CLARKE and report.clarke_gradient[0] == 0.0
    # exp(|x|) i0e(x) is i0, smooth, and JAX takes 1 for its derivative 0.
    wrong = an.verify(lambda u: jnp.sum(jsp.i0(u)), x)
    assert wrong.verdict is an.Verdict.NOT_CLARKE and wrong.gradient[0] == 1.0
    np.testing.assert_allclose(wrong.clarke_gradient[0], 0.0, atol=1e-12)


@pytest.mark.slow
def test_what_reads_one_half_of_a_matrix_is_a_function_of_that_half() -> None:
    """JAX's own functions take the symmetric part first, unless they are told not to; those of SciPy's do not."""
    pair = np.stack([S, S + np.diag([1.0, 2.0, 3.0, 5.0])])
    of_one_half: list[tuple[Callable[..., Any], Any, bool]] = [
        (lambda a: jnp.linalg.cholesky(a, symmetrize_input=False), pair, True),
        (lambda a: jnp.linalg.eigh(a, "U", symmetrize_input=False)[0], S, False),
        (lambda a: jsl.cholesky(a), S, False),
    ]
    for f, point, lower in of_one_half:
        report = an.verify(lambda a, f=f: total(f(a)), jnp.asarray(point))
        assert report.verdict is an.Verdict.UNDECIDED
        assert "one half" in report.proof.reason and "test_jax_opaque.py" in report.proof.reason
        unread = np.triu(np.ones((4, 4), bool), 1)
        assert not np.asarray(report.clarke_gradient)[..., unread if lower else unread.T].any()
        assert an.verify(lambda a, f=f: total(f(a @ a.T + jnp.eye(4))), jnp.asarray(A))
    assert an.verify(lambda a: total(jnp.linalg.cholesky(a)), jnp.asarray(S))


@pytest.mark.slow
def test_a_wrong_derivative_of_jax_is_seen_by_differences_of_values(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its gradient and that of the program are wrong together."""
    primitive = jax.lax.linalg.cholesky_p
    right = jax.interpreters.ad.primitive_jvps[primitive]

    def wrong(primals: Any, tangents: Any, **params: Any) -> Any:
        out, tangent = right(primals, tangents, **params)
        return out, 1.5 * tangent

    def f(a: Any) -> Any:
        return total(jnp.linalg.cholesky(len(a) * jnp.eye(len(a)) + a * a.T))

    # JAX keeps what it compiled for a shape: no other test has this one.
    a = jnp.linspace(0.0, 1.0, 49).reshape(7, 7)
    with monkeypatch.context() as patched:
        patched.setitem(jax.interpreters.ad.primitive_jvps, primitive, wrong)
        with pytest.raises(an.TraceError, match="contradict") as raised:
            an.verify(f, a)
    assert "cholesky at test_jax_opaque.py" in str(raised.value)
    assert an.verify(f, a[:3, :3])


def test_parts_of_one_device_are_wholes() -> None:
    mesh = Mesh(np.array(jax.devices()[:1]), ("d",))

    def part(x: Any) -> Any:
        mean = jax.lax.pmean(jnp.sum(jnp.abs(x)), "d") + jax.lax.psum(x, "d").sum()
        whole = jax.lax.all_gather(x, "d").sum() * jax.lax.axis_index("d")
        return jax.lax.psum(mean + whole + jax.lax.ppermute(x, "d", [(0, 0)]).sum(), "d")

    f = jax.jit(jax.shard_map(part, mesh=mesh, in_specs=PartitionSpec("d"), out_specs=PartitionSpec()))
    x = jnp.array([0.0, -1.0, 2.0])
    report = an.verify(f, x)
    assert report.verdict is an.Verdict.CLARKE
    np.testing.assert_array_equal(report.gradient, jax.grad(f)(x))

    mapped = jax.pmap(lambda v: jax.lax.pmean(jnp.abs(v), "i"), axis_name="i")

    def spread(u: Any) -> Any:
        return jnp.sum(mapped(u[None]))

    assert an.verify(spread, x).verdict is an.Verdict.CLARKE


def test_pooling_backwards_and_forwards_takes_the_entry_of_the_point() -> None:
    x = jnp.array([1.0, 3.0, 2.0, -1.0])
    for f in (lambda u: total(jax.grad(lambda v: jnp.sum(pooled(v) ** 2))(u)),
              lambda u: total(jax.jvp(lambda v: pooled(v) ** 2, (u,), (u,))[1])):
        report = an.verify(f, x)
        assert report.verdict is an.Verdict.CLARKE
        np.testing.assert_allclose(report.clarke_gradient, jax.grad(f)(x))


def test_a_primitive_of_another_library_is_followed_and_its_rule_is_foreign() -> None:
    from jax.extend.core import Primitive
    from jax.interpreters import ad

    def made(slope: float) -> Any:
        """|x|, whose derivative at 0 is somebody's choice."""
        own = Primitive(f"own_modulus_{slope}")
        own.def_impl(jnp.abs)
        own.def_abstract_eval(lambda x: x)
        ad.defjvp(own, lambda t, x: t * jnp.where(x == 0, slope, jnp.sign(x)))
        return own

    x = jnp.array([0.0, -1.0])
    for slope, verdict in ((0.5, an.Verdict.CLARKE), (2.0, an.Verdict.NOT_CLARKE)):
        own = made(slope)
        report = an.verify(lambda u, own=own: jnp.sum(own.bind(u)), x)
        assert report.verdict is verdict
        assert any("a derivative rule of its own: own_modulus" in note for note in report.notes)

    stopped = made(0.25)
    with pytest.raises(an.TraceError, match="may differentiate by what stop_gradient holds"):
        an.verify(lambda u: jnp.sum(stopped.bind(jax.lax.stop_gradient(u) + u)), x)
    # Where it is the derivative of what is computed, what is held constant is constant for both.
    report = an.verify(lambda u: jnp.sum(stopped.bind(jax.lax.stop_gradient(u) + u)), x + 2)
    assert report.verdict is an.Verdict.CLARKE and report.gradient.tolist() == [1.0, 1.0]


def test_a_rule_that_differentiates_by_another_argument_than_the_implementation_is_refused() -> None:
    from jax.extend.core import Primitive
    from jax.interpreters import ad

    own = Primitive("own_square")
    own.def_impl(lambda x, held: held**2)
    own.def_abstract_eval(lambda x, held: x)
    ad.defjvp(own, lambda t, x, held: 2 * x * t, None)
    with pytest.raises(an.TraceError, match="may differentiate by what stop_gradient holds"):
        an.verify(lambda u: jnp.sum(own.bind(u, jax.lax.stop_gradient(u))), jnp.array([1.0, -2.0]))


def test_what_has_no_rule_and_is_held_constant_is_refused_where_it_is_used() -> None:
    from jax.extend.core import Primitive

    own = Primitive("own_order")
    own.def_impl(lambda x: jnp.asarray(np.sort(np.asarray(x))))
    own.def_abstract_eval(lambda x: x)
    with pytest.raises(an.TraceError, match="own_order"):
        an.verify(lambda u: jnp.sum(u * own.bind(jax.lax.stop_gradient(u))), jnp.array([2.0, 1.0]))


def test_formulas_for_the_same_number_are_one_function() -> None:
    for x in ([1.0, -1.0, 0.0], [2.0, 0.5, -0.3]):
        report = an.verify(lambda u: jnp.sum(jsp.ndtr(u)), jnp.array(x))
        assert report.verdict is an.Verdict.CLARKE
        np.testing.assert_allclose(report.clarke_gradient, np.exp(-np.square(x) / 2) / np.sqrt(2 * np.pi))
    program = an.trace(lambda u: jnp.sum(jsp.ndtr(u)), jnp.array([1.5]))
    np.testing.assert_allclose(program([3.0]), jsp.ndtr(3.0))
    with pytest.raises(an.GuardError):
        program([-3.0])


@pytest.mark.slow
def test_interpolation_has_kinks_at_its_knots() -> None:
    knots, values = jnp.array([0.0, 1.0, 2.0]), jnp.array([0.0, 1.0, 0.0])
    x = jnp.array([0.0, 1.0, -2.0])
    report = an.verify(lambda u: jnp.sum(jnp.interp(u, knots, values)), x)
    assert report.verdict is an.Verdict.CLARKE and report.gradient.tolist() == [1.0, -1.0, 0.0]

    def beyond(u: Any) -> Any:
        return jnp.sum(jnp.interp(u, knots, values, left="extrapolate"))

    away = x + 0.25
    np.testing.assert_allclose(an.verify(beyond, away).clarke_gradient, jax.grad(beyond)(away), rtol=1e-12)
