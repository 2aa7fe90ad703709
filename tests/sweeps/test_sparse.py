"""Sparse rows against the pull with unit seeds, operation by operation."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import scipy.sparse
from scipy import special

from absnormal.errors import BudgetError
from absnormal.frontends.numpy.traced import trace
from absnormal.ops import TABLE
from absnormal.ops.convolution import Layout
from absnormal.program.builder import Builder
from absnormal.program.program import Program
from absnormal.program.tree import Tree
from absnormal.sweeps import sparse, sparse_kinks
from absnormal.sweeps.sparse import RULES
from absnormal.sweeps.table import Sweeps

RNG = np.random.default_rng(7)
W = RNG.normal(size=(5, 4))
X = {n: RNG.normal(size=n) for n in (3, 4, 5, 6, 12, 24, 60)}
POSITIVE = {6: 0.2 + 0.7 * RNG.random(6)}
KINK = np.abs


def loop(x: Any) -> Any:
    for _ in range(10):
        x = x + 0.1 * np.tanh(np.roll(x, 1)) + 0.1 * np.abs(x)
    return x


def network(x: Any) -> Any:
    hidden = np.maximum(x[40:60].reshape(5, 4) @ np.abs(W.T), 0.1)
    return np.maximum(x[:40].reshape(8, 5) @ hidden, 0).sum()


CASES: dict[str, tuple[Callable[[Any], Any], np.ndarray]] = {
    "add sub neg broadcast": (lambda x: KINK(x[:, None] - (-x)) + x[0], X[5]),
    "mul": (lambda x: KINK(x) * x[::-1] * x[0], X[5]),
    "div": (lambda x: KINK(x) / (2 + x * x) / (3 + x[0]), X[5]),
    "power": (lambda x: KINK(x) ** 3 + (1 + x * x) ** 1.5, X[5]),
    "square reciprocal sqrt": (lambda x: KINK(x) ** 2 + np.reciprocal(3 + x) + np.sqrt(4 + KINK(x)), X[5]),
    "two arguments": (
        lambda x: (
            np.logaddexp(x, x[0]) + np.logaddexp2(x, 1.0) + np.hypot(x, 2 + x) + np.arctan2(x, 3 + x[0])
            + special.xlogy(x, 3 + x[0])
        ),
        X[5],
    ),
    "on the line": (
        lambda x: sum(
            g(KINK(x))
            for g in (np.exp, np.exp2, np.expm1, np.sin, np.cos, np.tan, np.arctan, np.sinh, np.cosh, np.tanh,
                      np.arcsinh, np.sinc, special.expit, special.log_expit, special.erf, special.erfc,
                      special.ndtr)
        ),
        X[5],
    ),
    "on a half-line": (
        lambda x: sum(
            g(KINK(x))
            for g in (np.log, np.log1p, np.log2, np.log10, np.cbrt, np.arcsin, np.arccos, np.arctanh,
                      special.logit, special.gammaln)
        ) + np.arccosh(2 + x),
        POSITIVE[6],
    ),
    "special functions": (
        lambda x: sum(
            g(KINK(x))
            for g in (
                special.gamma, special.digamma, special.i0, special.i1, special.i1e, special.i0e, special.erfinv,
                special.ndtri, special.log_ndtr, special.erfcx, special.entr, special.j0, special.j1, special.y0,
                special.y1, special.k0, special.k1, special.k0e, special.k1e, special.exp1, special.expi,
                special.dawsn, special.spence, special.ellipk, special.ellipe, special.erfcinv, special.exprel,
                lambda u: special.lambertw(u).real,
            )
        ),
        POSITIVE[6],
    ),
    "special functions of two arguments": (
        lambda x: sum(
            g(0.7, KINK(x))
            for g in (special.gammainc, special.gammaincc, special.jv, special.yv, special.iv, special.kv,
                      special.ive, special.kve)
        ) + special.polygamma(1, KINK(x)) + special.zeta(2.5, KINK(x)) + special.betainc(0.7, 1.5, KINK(x)),
        POSITIVE[6],
    ),
    "special functions of several results": (
        lambda x: sum(u for g in (special.sici, special.fresnel, special.airy) for u in g(KINK(x))), POSITIVE[6],
    ),
    "reshape transpose": (lambda x: KINK(x.reshape(2, 3)).T * KINK(x.reshape(3, 2)), X[6]),
    "transpose of three axes": (lambda x: KINK(x.reshape(2, 3, 4)).transpose(2, 0, 1) * x[0], X[24]),
    "index": (lambda x: KINK(x[1:]) - x[:-1] + KINK(x[None, 2]) + x[-1], X[6]),
    "gather": (lambda x: KINK(x[np.array([[0, 0], [4, 2]])]) * x[np.array([1, 1])], X[5]),
    "broadcast": (lambda x: KINK(np.broadcast_to(x, (3, 5))) + np.broadcast_to(x[1], (3, 5)), X[5]),
    "concatenate": (lambda x: KINK(np.concatenate([x * KINK(x), np.ones(2), x[:1]])), X[5]),
    "a long row among short ones": (
        lambda x: KINK(np.concatenate([np.sum(KINK(x) * x)[None], x])) * x[0], X[60],
    ),
    "stack": (lambda x: np.stack([KINK(x[i]) * x[i - 1] for i in range(6)]), X[6]),
    "stack along another axis": (lambda x: KINK(np.stack([x, KINK(x), x * x], axis=1)), X[5]),
    "where": (lambda x: np.where(x > 0, x * x, KINK(x)), X[5]),
    "pad": (lambda x: KINK(np.pad(x, 2)), X[5]),
    "sum": (lambda x: KINK(x.reshape(2, 3, 4)).sum(axis=(0, 2)) + KINK(x.sum()), X[24]),
    "sum of long rows": (lambda x: np.sum((x * KINK(x)).reshape(5, 12) * x[:12], axis=0), X[60]),
    "cumsum": (lambda x: KINK(np.cumsum(KINK(x.reshape(3, 4)) * x[:4], axis=0)), X[12]),
    "prod": (lambda x: np.prod(KINK(x.reshape(2, 3)), axis=1) * np.prod(x), X[6]),
    "matrix vector": (lambda x: KINK(np.tanh(W @ KINK(W.T @ KINK(W @ x)))), X[4]),
    "vector matrix": (lambda x: KINK(x @ W.T) @ KINK(W * x), X[4]),
    "scalar product": (lambda x: KINK(x) @ np.maximum(x, 0.1), X[5]),
    "matrices, both varied": (lambda x: KINK(x.reshape(2, 3)) @ np.maximum(x.reshape(3, 2), 0.1), X[6]),
    "stacks of matrices": (lambda x: KINK(x.reshape(2, 3, 4)) @ KINK(x[:8].reshape(4, 2)), X[24]),
    "matrix and stack": (lambda x: W.T @ KINK(x[:20].reshape(2, 5, 2)), X[24]),
    "einsum of three": (
        lambda x: np.einsum("ij,jk,kl->il", x.reshape(2, 3), W[:3, :3], KINK(x.reshape(3, 2))), X[6],
    ),
    "einsum that sums alone": (lambda x: np.einsum("ij,k->kj", x.reshape(2, 3), KINK(x)), X[6]),
    "einsum of one": (lambda x: np.einsum("ijk->ki", KINK(x.reshape(2, 3, 4))), X[24]),
    "maximum": (lambda x: np.maximum(x, x[0]) - np.minimum(x[:, None], x), X[5]),
    "clip": (lambda x: np.clip(x * x, 0.1, 0.5) * KINK(x), X[5]),
    "select": (lambda x: np.where(x - x[0] > 0, x, x[0]) * KINK(x), X[5]),
    "fold": (lambda x: np.max(x.reshape(3, 2) * W[:3, :2], axis=0) + np.min(x), X[6]),
    "fold of kinks": (lambda x: np.max(KINK(x)) * np.min(x.reshape(3, 4), axis=1), X[12]),
    "fold at ties": (
        lambda x: np.max(KINK(x)) + np.min(np.concatenate([x, x])), np.array([1.0, -1.0, 1.0, 0.0]),
    ),
    "sort": (lambda x: np.sort(x) * np.median(x), X[5]),
    "loop": (loop, X[5]),
    "network": (network, X[60]),
    "number": (lambda x: KINK(x) * 2, np.array(0.7)),
    "empty": (lambda x: KINK(x[:0]).sum() + KINK(x[:1]), X[3]),
    "constant": (lambda x: 3.0, X[3]),
    "identity": (lambda x: x, X[3]),
    "guard": (lambda x: x * 2 if np.abs(x[0]) > -1 else x, X[3]),
}


def dense(sweeps: Sweeps, sigma: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """[Z, L] and [J, Y] from pulls with unit seeds."""
    s, m, n = sweeps.program.s, sweeps.program.m, sweeps.program.n
    of_z = np.hstack(sweeps.pull(sigma, np.eye(s), None)) if s else np.zeros((0, n))
    return of_z, np.hstack(sweeps.pull(sigma, None, np.eye(m)))


def setting(name: str) -> Sweeps:
    f, x = CASES[name]
    program = trace(f, x)
    return Sweeps(program, x.reshape(-1))


def rows(*args: Any, **options: Any) -> tuple[Any, Any]:
    """The rows of z and of y over the columns (x, |z|), each half in order."""
    halves = sparse.rows(*args, **options)
    assert all(half.has_canonical_format and half.data.all() for pair in halves for half in pair)
    z, y = (scipy.sparse.hstack(pair, format="csr") for pair in halves)
    return z, y


def assert_rows(found: Any, expected: np.ndarray) -> None:
    assert found.shape == expected.shape
    assert found.has_canonical_format
    assert (found.data != 0).all()
    np.testing.assert_allclose(found.toarray(), expected, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("name", CASES)
def test_rows_are_the_pulls_of_unit_seeds(name: str) -> None:
    sweeps = setting(name)
    found = rows(sweeps.program, sweeps)
    for matrix, expected in zip(found, dense(sweeps, np.zeros(sweeps.program.s)), strict=True):
        assert_rows(matrix, expected)


@pytest.mark.parametrize("every", [False, True])
@pytest.mark.parametrize("name", CASES)
def test_slopes_put_in_the_place_of_switches(name: str, every: bool) -> None:
    sweeps = setting(name)
    program = sweeps.program
    sigma = np.where(sweeps.active, 0.25, sweeps.signs)
    kept = np.random.default_rng(1).random(program.s) < 0.4
    of_z, of_y = dense(sweeps, np.where(kept, 0.0, sigma))
    columns = np.concatenate([np.ones(program.n), kept])
    found = rows(program, sweeps, np.where(kept, np.nan, sigma), every=every)
    assert_rows(found[0], of_z * columns * (True if every else kept[:, None]))
    assert_rows(found[1], of_y * columns)


@pytest.mark.parametrize("name", ["maximum", "select", "fold", "fold of kinks", "fold at ties", "sort", "empty"])
@pytest.mark.parametrize("slope", [np.nan, 0.5])
def test_a_kink_of_no_known_kind_has_the_same_rows(name: str, slope: float, monkeypatch: pytest.MonkeyPatch) -> None:
    sweeps = setting(name)
    sigma = np.where(np.arange(sweeps.program.s) % 3 == 0, slope, np.nan)
    expected = rows(sweeps.program, sweeps, sigma, every=True)
    for kind in ("EntrywiseDerivative", "FoldDerivative"):
        monkeypatch.setattr(sparse_kinks, kind, type(None))
    for found, own in zip(rows(sweeps.program, sweeps, sigma, every=True), expected, strict=True):
        np.testing.assert_allclose(found.toarray(), own.toarray(), rtol=1e-14, atol=1e-14)


@pytest.mark.parametrize("name", CASES)
def test_without_switches_the_row_of_y_is_the_gradient(name: str) -> None:
    sweeps = setting(name)
    sigma = sweeps.signature(0.5)
    of_z, of_y = rows(sweeps.program, sweeps, sigma)
    assert of_z.nnz == 0
    expected, _ = sweeps.pull(sigma, None, np.eye(sweeps.program.m))
    assert_rows(of_y[:, : sweeps.program.n], expected)


def test_every_operation_has_a_rule_and_is_in_a_case() -> None:
    without = {"convolve", "convolve_back", "opaque"}
    assert {name for name, row in TABLE.items() if row.kink is None} - set(RULES) == without
    used = {node.op for name in CASES for node in setting(name).program.nodes}
    # There are no rows in |.| of a 2-norm and of a long sort; powers of sizes are at 0 only.
    assert used | without | {"logsumexp", "standardized", "norm", "order", "size_power"} == set(TABLE)


@pytest.mark.parametrize("back", [False, True])
def test_convolutions(back: bool) -> None:
    rng = np.random.default_rng(1)
    x = [rng.standard_normal((2, 2, 4)), rng.standard_normal((2, 2, 2))]
    builder = Builder(*Tree.of(x))
    layout = Layout((2,), (1,), (1,))
    convolved = builder.add("convolve_back" if back else "convolve", (0, 1), {"layout": layout, "extra": (0,)}, "",
        None)
    program = builder.program(builder.add("kink", (convolved,), {"a": 0.5, "b": 0.5}, "relu", None))
    sweeps = Sweeps(program, np.concatenate([leaf.reshape(-1) for leaf in x]))
    of_z, of_y = rows(program, sweeps)
    _, dy = sweeps.push(sweeps.signs, np.eye(program.n))
    assert of_z.shape[0] == program.s and of_y.shape[0] == program.m
    inner = Sweeps(builder.program(convolved), np.concatenate([leaf.reshape(-1) for leaf in x]))
    assert_rows(rows(inner.program, inner)[1], inner.push(inner.signs, np.eye(program.n))[1].T)
    assert dy.shape == (program.n, program.m)


def standardized(u: np.ndarray, axes: tuple[int, ...]) -> np.ndarray:
    return (u - u.mean(axes, keepdims=True)) / np.sqrt(u.var(axes, keepdims=True) + 0.1)


@pytest.mark.parametrize("op, value", [
    ("logsumexp", lambda u, axes: np.log(np.exp(u).sum(axes, keepdims=True))), ("standardized", standardized),
])  # fmt: skip
@pytest.mark.parametrize("axes", [(1,), (0, 2), (0, 1, 2)])
def test_operations_of_all_entries_along_axes(axes: tuple[int, ...], op: str, value: Any) -> None:
    x = np.random.default_rng(2).standard_normal((2, 3, 4))
    builder = Builder(*Tree.of(x))
    bent = builder.add("kink", (0,), {"a": 0.5, "b": 0.5}, "relu", None)
    joined = builder.add(op, (bent,), {"axes": axes, "eps": 0.1}, "", None)
    program = builder.program(builder.add("kink", (joined,), {"a": 0.0, "b": 1.0}, "abs", None))
    sweeps = Sweeps(program, x.reshape(-1))
    np.testing.assert_allclose(sweeps.values[-2], value(np.maximum(x, 0), axes))
    for found, expected in zip(rows(program, sweeps), dense(sweeps, np.zeros(program.s)), strict=True):
        assert_rows(found, expected)


def test_a_maximum_of_one_entry_owns_no_switch() -> None:
    x = np.array([[2.0, 3.0]])
    builder = Builder(*Tree.of(x))
    program = builder.program(builder.add("fold", (0,), {"sign": 1}, "max", None))
    sweeps = Sweeps(program, x.reshape(-1))
    of_z, of_y = rows(program, sweeps)
    assert of_z.shape == (0, 2)
    assert_rows(of_y, np.eye(2))
    assert dense(sweeps, np.zeros(0))[1].tolist() == np.eye(2).tolist()


def test_a_loop_that_adds_things_up_stays_small() -> None:
    def f(x: Any) -> Any:
        y = x
        for _ in range(100):
            y = y + 0.1 * np.tanh(y) + 0.01 * x
        return y

    x = X[6]
    program = trace(f, x)
    sweeps = Sweeps(program, x)
    _, of_y = rows(program, sweeps, limit=500)
    assert_rows(of_y, dense(sweeps, np.zeros(0))[1])


def test_a_running_sum_of_many_terms() -> None:
    x = np.linspace(-1, 1, 300)
    program = trace(lambda x: sum(np.abs(x[i] - x[i - 1]) for i in range(300)), x)
    _, of_y = rows(program, Sweeps(program, x), limit=10_000)
    assert_rows(of_y, np.hstack([np.zeros(300), np.ones(300)])[None])


def test_a_long_maximum_without_ties_takes_few_entries() -> None:
    x = np.random.default_rng(3).normal(size=100_000)
    program = trace(np.max, x)
    sweeps = Sweeps(program, x)
    _, of_y = rows(program, sweeps, sweeps.signs, limit=500_000)
    assert of_y.indices.tolist() == [np.argmax(x)]
    assert of_y.data.tolist() == [1.0]


@pytest.mark.slow
@pytest.mark.parametrize(
    "f",
    [
        lambda x: np.max(x),
        lambda x: np.cumsum(x),
        lambda x: np.abs(x[:, None] - x),
        lambda x: np.ones((3000, 3000)) @ x,
        lambda x: np.concatenate([x * np.sum(x) for _ in range(5)]),
    ],
)
def test_a_limit_ends_it_before_memory_does(f: Callable[[Any], Any]) -> None:
    program = trace(f, np.arange(3000.0))
    with pytest.raises(BudgetError, match="the limit is 5000"):
        rows(program, Sweeps(program, np.arange(3000.0)), limit=5000)


def test_arguments_that_do_not_fit() -> None:
    sweeps = setting("maximum")
    with pytest.raises(ValueError, match="must have shape"):
        rows(sweeps.program, sweeps, np.zeros(1))
    with pytest.raises(ValueError, match=r"slopes in \[-1, 1\]"):
        rows(sweeps.program, sweeps, np.full(sweeps.program.s, 2.0))
    program: Program = trace(np.abs, np.array([0.0]))
    exact = Sweeps(program, np.array([0], dtype=object))
    with pytest.raises(ValueError, match="float"):
        rows(program, exact)
