"""What is looked up by indices of tied entries: order statistics where it does not jump, refused where it does."""

import numpy as np
import pytest

import absnormal as an
from absnormal.errors import TraceError

jax = pytest.importorskip("jax")
torch = pytest.importorskip("torch")
jnp = jax.numpy

TIED = np.array([1.0, 2.0, 2.0, 0.0, 0.0, 0.0])
#: The weights of entries in order.
RISING = [1.0, 2.0, 3.0]

#: Entries of a matrix that are padding, which comes last where it is infinite.
PADDED = np.array([[False, False, True], [False, True, False]])
PAD = torch.tensor(PADDED)

#: Of a matrix of two rows: the largest entry, the sorted entries, what is looked up in a function of them.
NUMPY = {
    "largest": lambda u: np.take_along_axis(u, np.argmax(u, axis=1)[:, None], axis=1).sum(),
    "largest, by two indices": lambda u: u[np.arange(2), np.argmax(u, axis=1)].sum(),
    "largest of each column": lambda u: u[np.argmax(u, axis=0), np.arange(3)].sum(),
    "smallest of all": lambda u: u.ravel()[np.argmin(u)],
    "sorted": lambda u: (np.take_along_axis(u, np.argsort(u, axis=1), axis=1) * np.array(RISING)).sum(),
    "sorted, falling": lambda u: (np.take_along_axis(u, np.argsort(-u, axis=1), axis=1) * np.array(RISING)).sum(),
    "the two smallest of all": lambda u: u.reshape(-1)[np.argsort(u.ravel())[:2]].sum(),
    "probability of the largest": lambda u: (lambda p: p[np.arange(2), np.argmax(u, axis=1)].sum())(
        np.exp(u) / np.exp(u).sum(axis=1, keepdims=True)),
    "by the probabilities": lambda u: (
        u[np.arange(2), np.argmax(np.exp(u) / np.exp(u).sum(axis=1, keepdims=True), axis=1)].sum()),
    "one number": lambda u: u[0][np.argmax(u[0])],
    "the second of three": lambda u: u[1][np.argsort(u[1])[1]],
    "in a loop": lambda u: sum(u[1][place] * (1 + rank) for rank, place in enumerate(np.argsort(u[1]))),
    "before the padding": lambda u: (
        np.take_along_axis(u, np.argsort(np.where(PADDED, np.inf, u), axis=1)[:, :2], axis=1)
        * np.array(RISING[:2])).sum(),
}
TORCH = {
    "largest": lambda u: u.gather(1, u.argmax(1, keepdim=True)).sum(),
    "largest, by two indices": lambda u: u[torch.arange(2), u.max(1).indices].sum(),
    "largest of each column": lambda u: u[u.argmax(0), torch.arange(3)].sum(),
    "smallest of all": lambda u: u.flatten()[u.argmin()],
    "sorted": lambda u: (u.gather(1, u.argsort(1)) * torch.tensor(RISING)).sum(),
    "sorted, falling": lambda u: (torch.take_along_dim(u, (-u).argsort(1), 1) * torch.tensor(RISING)).sum(),
    "the two smallest of all": lambda u: u.reshape(-1)[u.detach().flatten().sort().indices[:2]].sum(),
    "probability of the largest": lambda u: torch.softmax(u, 1).gather(1, u.topk(1, 1).indices).sum(),
    "by the probabilities": lambda u: u[torch.arange(2), torch.softmax(u, 1).argmax(1)].sum(),
    "one number": lambda u: u[0][u[0].argmax()],
    "the second of three": lambda u: u[1][u[1].argsort()[1]],
    "in a loop": lambda u: sum(u[1][place] * (1 + rank) for rank, place in enumerate(u[1].argsort())),
    "before the padding": lambda u: (
        u.gather(1, u.masked_fill(PAD, torch.inf).argsort(1)[:, :2]) * torch.tensor(RISING[:2])).sum(),
}
JAX = {
    "largest": lambda u: jnp.take_along_axis(u, jnp.argmax(u, axis=1)[:, None], axis=1).sum(),
    "largest, by two indices": lambda u: u[jnp.arange(2), jnp.argmax(u, axis=1)].sum(),
    "largest of each column": lambda u: u[jnp.argmax(u, axis=0), jnp.arange(3)].sum(),
    "smallest of all": lambda u: u.ravel()[jnp.argmin(u)],
    "sorted": lambda u: (jnp.take_along_axis(u, jnp.argsort(u, axis=1), axis=1) * jnp.array(RISING)).sum(),
    "sorted, falling": lambda u: (jnp.take_along_axis(u, jnp.argsort(-u, axis=1), axis=1) * jnp.array(RISING)).sum(),
    "the two smallest of all": lambda u: u.reshape(-1)[jnp.argsort(jax.lax.stop_gradient(u).ravel())[:2]].sum(),
    "probability of the largest": lambda u: (
        jax.nn.softmax(u, axis=1)[jnp.arange(2), jax.lax.top_k(u, 1)[1][:, 0]].sum()),
    "by the probabilities": lambda u: u[jnp.arange(2), jnp.argmax(jax.nn.softmax(u, axis=1), axis=1)].sum(),
    "one number": lambda u: jax.vmap(lambda row: row[jnp.argmax(row)])(u)[0],
    "the second of three": lambda u: u[1][jnp.argsort(u[1])[1]],
    "in a loop": lambda u: (jax.lax.scan(lambda total, place: (total, u[1][place]), 0.0, jnp.argsort(u[1]))[1]
                            * jnp.array(RISING)).sum(),
    "before the padding": lambda u: (
        jnp.take_along_axis(u, jnp.argsort(jnp.where(PADDED, jnp.inf, u), axis=1)[:, :2], axis=1)
        * jnp.array(RISING[:2])).sum(),
}

#: What an index jumps for: other entries than those that were sorted, and the number itself.
JUMPING = {
    "weights": lambda m, u: (m.asarray(RISING)[m.argmax(u[0])] * u[0, 0]),
    "weighted": lambda m, u: (u[0] * m.asarray(RISING))[m.argmax(u[0])],
    "another row": lambda m, u: u[1][m.argmax(u[0])],
    "a number": lambda m, u: m.argmax(u[0]) * u[0, 0],
    "what is not increasing": lambda m, u: u[0][m.argmax(-((u[0] - 1.5) ** 2))],
    "padding that ties": lambda m, u: u[0][m.argmin(m.where(m.asarray(PADDED[0]), 2.0, u[0]))],
    "across lines": lambda m, u: u[m.argmax(u[0]) % 2, 0],
}

SPELLINGS = {"numpy": (NUMPY, np.array), "torch": (TORCH, torch.tensor), "jax": (JAX, jnp.array)}
NAMES = [(tool, name) for tool, (table, _) in SPELLINGS.items() for name in table]


@pytest.fixture(autouse=True)
def double_precision():
    with jax.enable_x64(True):
        yield


@pytest.mark.parametrize(("tool", "name"), NAMES)
def test_what_is_looked_up_in_what_is_sorted_is_an_order_statistic(tool, name):
    table, made = SPELLINGS[tool]

    def f(x):
        return table[name](x.reshape(2, 3))

    x = made(TIED) if tool != "torch" else torch.tensor(TIED, requires_grad=True)
    report = an.verify(f, x)
    assert report.verdict is an.Verdict.CLARKE
    program, random = report.program, np.random.default_rng(3)
    for _ in range(6):
        other = TIED + random.choice([-1e-3, 0.0, 1e-3], 6)
        there = other if tool == "numpy" else made(other)
        np.testing.assert_allclose(float(program(other)), float(f(there)), rtol=1e-12)


@pytest.mark.parametrize("name", JUMPING)
@pytest.mark.parametrize("m", [np, jnp], ids=["numpy", "jax"])
def test_what_an_index_chooses_elsewhere_is_refused(m, name):
    with pytest.raises(TraceError, match="jumps"):
        an.verify(lambda x: JUMPING[name](m, x.reshape(2, 3)), m.asarray(np.array([2.0, 2.0, 1.0, 0.0, 0.0, 1.0])))


@pytest.mark.parametrize(
    "f",
    [
        lambda u: torch.tensor(RISING, dtype=u.dtype)[u[0].argmax()] * u[0, 0],
        lambda u: (u[0] * torch.tensor(RISING))[u[0].argmax()],
        lambda u: u[1][u[0].argmax()],
        lambda u: u[0][(-((u[0] - 1.5) ** 2)).argmax()],
        lambda u: u[1].gather(0, u[0].argsort())[1],
        lambda u: u[0][u[0].argmax() - 1],
        lambda u: u[0][torch.remainder(u[0].argmax(), 2)],
    ],
)
def test_what_an_index_of_torch_chooses_elsewhere_is_refused(f):
    x = torch.tensor([2.0, 2.0, 1.0, 0.0, 0.5, 1.0], dtype=torch.float64, requires_grad=True)
    with pytest.raises(TraceError, match=r"tied|jumps"):
        an.verify(lambda x: f(x.reshape(2, 3)), x)


def test_an_index_that_no_tie_moves_is_a_constant():
    """The largest of [3, 1, 1] is the first one, though the others are tied."""
    weights = np.array([5.0, 6.0, 7.0])
    x = np.array([3.0, 1.0, 1.0])
    report = an.verify(lambda x: weights[np.argsort(x)[2]] * x[0], x)
    np.testing.assert_array_equal(report.gradient, [5.0, 0.0, 0.0])
    with pytest.raises(an.GuardError):
        an.trace(lambda x: weights[np.argsort(x)[2]] * x[0], x)(np.array([0.0, 1.0, 1.0]))
    tensor = torch.tensor(x, requires_grad=True)
    report = an.verify(lambda u: u[u.argsort()[2]] * torch.tensor(weights)[0], tensor)
    np.testing.assert_array_equal(report.gradient.numpy(), [5.0, 0.0, 0.0])


def test_rounding_that_ties_a_key_is_not_taken_for_a_tie():
    """tanh(40) and tanh(50) are both 1 in double precision: their order is not that of 40 and 50."""
    x = np.array([50.0, 40.0])
    with pytest.raises(TraceError, match="jumps"):
        an.verify(lambda x: x[np.argsort(np.tanh(x))][0], x)


def test_a_factor_that_may_change_its_sign_is_not_looked_through():
    """Where x[2] < 0 the largest product is the smallest factor."""
    with pytest.raises(TraceError, match="jumps"):
        an.verify(lambda x: x[:2][np.argmax(x[:2] * x[2])], np.ones(3))


def test_many_entries_are_looked_up():
    """The smallest half of a thousand equal losses, by their indices."""
    x = np.zeros(1000)
    report = an.verify(lambda x: ((x - 1.0) ** 2)[np.argsort((x - 1.0) ** 2)[:500]].mean(), x)
    assert report.verdict is an.Verdict.CLARKE
    np.testing.assert_allclose(report.gradient, np.repeat([-2 / 500, 0.0], 500))


#: The largest, or the next, of three numbers, of which two are tied, by an index that is used as a number.
NUMBERS = {
    "of a list": lambda x: [x[0], x[1], x[2]][np.argmax(x)],
    "as an integer": lambda x: x[int(np.argmax(x))],
    "by two indices": lambda x: x.reshape(1, 3)[np.unravel_index(np.argmax(x), (1, 3))],
    "the smallest": lambda x: [-x[0], -x[1], -x[2]][np.argmin(-x)],
    "the next": lambda x: [x[0], x[1], x[2]][np.argsort(-x)[1]],
    "the last": lambda x: [x[0], x[1], x[2]][np.argsort(x)[-1]],
    "without holes": lambda x: [x[0], x[1], x[2]][np.nanargmax(x)],
    "looked up": lambda x: x[np.nanargmin(-x)],
    "by several keys": lambda x: x[np.lexsort((np.array([2.0, 1.0, 0.0]), x))] @ np.array(RISING),
    "by one key": lambda x: x[np.lexsort((x,))] @ np.array(RISING),
}


@pytest.mark.parametrize("name", NUMBERS)
@pytest.mark.parametrize("x", [[1.0, 1.0, 0.0], [0.5, 2.0, 2.0], [3.0, 1.0, 3.0], [3.0, 1.0, 2.0]])
def test_an_index_that_is_one_of_two_is_followed_to_both(x, name):
    f, program, rng = NUMBERS[name], an.trace(NUMBERS[name], x), np.random.default_rng(0)
    for _ in range(6):
        near = np.array(x) + 1e-2 * rng.standard_normal(3)
        assert program(near) == pytest.approx(f(near), abs=1e-12)
    report = an.verify(f, x)
    step = np.eye(3) * 1e-7
    slopes = np.array([[(f(x + s * d) - f(np.array(x))) / 1e-7 * s for s in (-1, 1)] for d in step])
    assert report.verdict is an.Verdict.CLARKE
    for given in (report.gradient, report.clarke_gradient):
        assert (slopes.min(1) - 1e-6 <= given).all() and (given <= slopes.max(1) + 1e-6).all()


@pytest.mark.parametrize("f", [
    lambda x: np.array([5.0, 6.0, 7.0])[np.argmax(x)] * x[0], lambda x: [x[1], x[2], x[0]][np.argmax(x)],
    lambda x: x[np.argpartition(x, 1)] @ np.array(RISING), lambda x: x[np.lexsort((x[::-1], x))][0] * x[np.argmax(x)],
    lambda x: [x[0], 2 * x[1], x[2]][np.argmax(x)],
])
def test_an_index_that_is_one_of_two_and_jumps_is_refused(f):
    with pytest.raises(TraceError, match="jumps"):
        an.verify(f, [1.0, 1.0, 0.0])


def test_an_index_of_three_that_tie_is_refused_as_a_number():
    with pytest.raises(TraceError, match="jumps"):
        an.verify(NUMBERS["of a list"], [1.0, 1.0, 1.0])


def test_a_partition_without_ties_is_constant():
    report = an.verify(lambda x: x[np.argpartition(x, 1)[:2]].sum(), [3.0, 1.0, 2.0])
    assert report.verdict is an.Verdict.CLARKE
    np.testing.assert_array_equal(report.gradient, [0.0, 1.0, 1.0])


#: What an index of two tied entries chooses by a mask, or as a row of the identity.
BY_MASKS = {
    "a row": lambda m, x: m.eye(3)[m.argmax(x)] @ x,
    "a mask": lambda m, x: m.where(m.arange(3) == m.argmax(x), x, 0.0).sum(),
    "a product": lambda m, x: ((m.arange(3) == m.argmax(x)) * x).sum(),
    "weighted": lambda m, x: m.eye(3)[m.argmin(x)] @ (x @ m.asarray(np.diag([2.0, 2.0, 2.0]))),
}
#: The same, where it jumps.
JUMPING_BY_MASKS = {
    "another row": lambda m, x: m.asarray(np.eye(3)[[1, 2, 0]])[m.argmax(x)] @ x,
    "weights": lambda m, x: m.eye(3)[m.argmax(x)] @ (x * m.asarray(RISING)),
    "a constant": lambda m, x: m.eye(3)[m.argmax(x)] @ (x + m.asarray([0.0, 1.0, 0.0])),
    "one more": lambda m, x: m.eye(3)[m.argmax(x)] @ x + m.argmax(x),
    "others": lambda m, x: m.eye(3)[m.argmax(x)] @ x[::-1],
}


@pytest.mark.parametrize("name", BY_MASKS)
@pytest.mark.parametrize("m", [np, jnp], ids=["numpy", "jax"])
def test_what_an_index_of_two_chooses_by_a_mask_meets(m, name):
    f = BY_MASKS[name]
    for x in ([1.0, 1.0, 1.5 if "weighted" in name else 0.0], [2.0, 1.0, 0.5]):
        report = an.verify(lambda x: f(m, x), m.asarray(x))
        assert report.verdict is an.Verdict.CLARKE and (report.method == "smooth") == (x[0] != x[1])
        for d in ([1e-3, 0.0, 0.0], [0.0, 1e-3, 0.0], [1e-3, 2e-3, -1e-3]):
            assert float(report.program(np.add(x, d))) == pytest.approx(float(f(np, np.add(x, d))), abs=1e-12)


@pytest.mark.parametrize("name", JUMPING_BY_MASKS)
@pytest.mark.parametrize("m", [np, jnp], ids=["numpy", "jax"])
def test_what_an_index_of_two_chooses_by_a_mask_and_jumps_is_refused(m, name):
    with pytest.raises(TraceError, match="jumps"):
        an.verify(lambda x: JUMPING_BY_MASKS[name](m, x), m.asarray([1.0, 1.0, 0.0]))


def test_jax_looks_up_a_number_by_an_index_of_two():
    report = an.verify(lambda x: x[jnp.argmax(x)], jnp.asarray([1.0, 1.0, 0.0]))
    assert report.verdict is an.Verdict.CLARKE and len(report.slopes) == 1
    assert an.verify(lambda x: x[jnp.argmax(x)], jnp.ones(3)).verdict is an.Verdict.CLARKE
    report = an.verify(lambda x: jax.lax.switch(jnp.argmax(x), [lambda x: x[0], lambda x: x[1]], x), jnp.ones(2))
    assert report.verdict is an.Verdict.CLARKE and len(report.slopes) == 1


LABELS = torch.tensor([1.0, 0.0, 1.0], dtype=torch.float64)


@pytest.mark.parametrize("f", [
    lambda x: (torch.nn.functional.one_hot(x.argmax(), 3) * x).sum(),
    lambda x: (torch.nn.functional.one_hot(x.argmax(-1), 3).to(x.dtype) * 2 * x).sum(),
    lambda x: (torch.eye(3, dtype=x.dtype)[x.argmax()] * x).sum(),
    lambda x: (torch.zeros_like(x).scatter_(0, x.argmax(0, keepdim=True), 1.0) * x).sum(),
    lambda x: (torch.zeros(3, dtype=x.dtype).scatter(0, x.topk(1)[1], 1.0) * x).sum(),
    lambda x: LABELS[x.argmax()] * x[1],
    lambda x: (LABELS[torch.sort(x, descending=True)[1]].cumsum(0) * torch.sort(x, descending=True)[0]).sum(),
])  # fmt: skip
@pytest.mark.parametrize("x", [[1.0, 0.5, 1.0], [1.0, -1.0, 1.0]])
def test_what_indices_of_torch_choose_of_constants_meets(f, x):
    at, given = np.array(x), torch.tensor(x, dtype=torch.float64)
    program = an.trace(f, given)
    for d in (*np.eye(3), *-np.eye(3), *np.random.default_rng(0).standard_normal((3, 3))):
        slope = (f(torch.tensor(at + 1e-7 * d)) - f(given)) / 1e-7
        assert an.directional_derivative(program, given, d) == pytest.approx(float(slope), abs=1e-5)
        near = at + 1e-3 * d
        assert program(near) == pytest.approx(float(f(torch.tensor(near))))
    assert an.verify(f, given)


@pytest.mark.parametrize("f", [
    lambda x: (torch.nn.functional.one_hot(x.argmax(), 3) * LABELS).sum() * x.sum(),
    lambda x: (torch.eye(3, dtype=x.dtype)[x.argmax()] * LABELS).sum() * x.sum(),
    lambda x: (LABELS[torch.sort(x)[1]] * x).sum(),
    lambda x: torch.nn.functional.one_hot(x.argmax()).sum() * x[2],
    lambda x: (torch.nn.functional.one_hot(x.argmax(), 1) * x[:1]).sum(),
])  # fmt: skip
def test_what_indices_of_torch_choose_of_constants_and_jumps_is_refused(f):
    with pytest.raises(TraceError, match=r"tied|jumps"):
        an.verify(f, torch.tensor([1.0, 1.0, 0.5], dtype=torch.float64))


def test_an_order_in_numpy_that_entries_of_one_label_share_does_not_jump():
    def f(x):
        order = np.argsort(-x)
        return x[order] @ np.cumsum(LABELS.numpy()[order])

    assert np.array_equal(an.verify(f, [0.5, 2.0, 0.5]).clarke_gradient, [1.0, 0.0, 2.0])
    with pytest.raises(TraceError, match="jumps"):
        an.verify(lambda x: x @ np.cumsum(LABELS.numpy()[np.argsort(-x)]), [0.5, 0.5, 2.0])


def test_indices_of_two_rows_that_tie_are_not_those_of_one():
    weights = torch.tensor([[1.0, 1.0], [1.0, 2.0]], dtype=torch.float64)
    with pytest.raises(TraceError, match="tied"):
        an.verify(
            lambda x: (torch.nn.functional.one_hot(x.reshape(2, 2).argmax(-1), 2) * weights).sum() * x[0],
            torch.tensor([1.0, 1.0, 2.0, 2.0], dtype=torch.float64))
