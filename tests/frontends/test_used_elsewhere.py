"""A program that is traced here and used there says what f says there, or that it cannot.

One table for each front end of the ways to write a jump.  A program is traced at one point and used at others: its
value and its verdict are those of the function of the framework there, or it is a GuardError; kinks on a segment and
near a point are never said to be all where the function was not seen.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import onnx.parser
import pytest
import torch
from jax import lax
from torch.nn import functional as F

import absnormal as an
from absnormal.arrays import Array

from .precision import double as double

Function = Callable[[Any], Any]
D = torch.float64
W = np.array([1.0, 2.0, 4.0])
T = torch.tensor(W)
EDGES = np.array([-1.0, 0.0, 1.0])
TABLE = np.array([3.0, -1.0, 2.0, 5.0, 7.0, -4.0, 1.0])

#: Where a program is traced, and where it is used: near by, and where orders, signs and whole parts are others.
TRACED = np.array([0.75, -0.4, 1.6])
USED = [
    TRACED, TRACED + np.array([1e-9, -1e-9, 2e-9]), np.array([-0.75, -0.4, 1.6]), np.array([0.75, 0.4, 1.6]),
    np.array([1.7, -0.4, 1.6]), np.array([0.75, -1.4, 0.6]), np.array([2.3, 3.1, -2.2]), np.array([0.8, -0.45, 1.55]),
    np.array([-0.3, -2.6, -1.2]),
]  # fmt: skip

NUMPY: dict[str, Function] = {
    "where": lambda x: W @ np.where(x > 0, x, 3 * x), "where of constants": lambda x: x @ np.where(x > 0, 1.0, 2.0),
    "mask": lambda x: W @ (x * (x > 0)), "mask as numbers": lambda x: W @ (x * (x > 0).astype(float)),
    "boolean index": lambda x: x[x > 0].sum() * 2, "overwritten": lambda x: W @ np.where(x < 0.5, 0, x),
    "sort": lambda x: W @ np.sort(x), "argsort": lambda x: W @ x[np.argsort(x)],
    "argmax": lambda x: x[np.argmax(x)] * 3,
    "argmin": lambda x: x[np.argmin(x)] - x[0], "median": lambda x: 2 * np.median(x),
    "floor": lambda x: x @ np.floor(x),
    "ceil": lambda x: x @ np.ceil(x), "rint": lambda x: x @ np.rint(x), "trunc": lambda x: x @ np.trunc(x),
    "sign": lambda x: x @ (W * np.sign(x)), "if": lambda x: 2 * x[0] if x[0] > x[1] else x[2],
    "while": lambda x: _doubled(x).sum(), "bool": lambda x: x[0] if bool(x[1] > 0) else -x[0],
    "max of Python": lambda x: max(x[0], x[1]) + x[2], "sorted of Python": lambda x: sorted(x)[1] * 2,
    "any": lambda x: x.sum() if np.any(x > 1.5) else -x.sum(),
    "select": lambda x: W @ np.select([x > 1, x > 0], [x, 2 * x], 0),
    "partition": lambda x: np.partition(x, 1)[1], "isclose": lambda x: x.sum() if np.allclose(x, 0.75) else 2 * x.sum(),
    "count": lambda x: x.sum() * np.sum(x > 0), "clip of an index": lambda x: x[int(np.argmax(x))] + x[0],
    "remainder": lambda x: W @ np.remainder(x, 0.5), "heaviside": lambda x: x @ np.heaviside(x, 0.5),
}  # fmt: skip


def _doubled(x: Any) -> Any:
    while x[0] < 2:
        x = x * 2 if isinstance(x, np.ndarray) or not hasattr(x, "detach") else x + 2
    return x


def _overwritten(x: Any) -> Any:
    y = x * 1
    y[y < 0.5] = 0
    return y


def _custom(x: Any) -> Any:
    class Straight(torch.autograd.Function):  # type: ignore[misc]
        @staticmethod
        def forward(ctx: Any, u: Any) -> Any:
            return u * (u > 0)

        @staticmethod
        def backward(ctx: Any, g: Any) -> Any:
            return g

    return Straight.apply(x)


TORCH: dict[str, Function] = {
    "where": lambda x: T @ torch.where(x > 0, x, 3 * x),
    "where of constants": lambda x: x @ torch.where(x > 0, 1.0, 2.0).to(D),
    "mask": lambda x: T @ (x * (x > 0)), "mask as numbers": lambda x: T @ (x * (x >= 0.5).double()),
    "masked_fill": lambda x: T @ x.masked_fill(x < 0, 0.5), "boolean index": lambda x: x[x > 0].sum() * 2,
    "masked_select": lambda x: torch.masked_select(x, x > 0).sum() * 2, "overwritten": lambda x: T @ _overwritten(x),
    "and": lambda x: T @ (x * ((x > 0) & (x < 1))), "not": lambda x: T @ (x * ~(x > 0)),
    "equal": lambda x: T @ (x * (x != 0.4)),
    "sort": lambda x: T @ x.sort().values, "sort, descending": lambda x: T @ x.sort(descending=True).values,
    "indices of sort": lambda x: x @ T[x.sort().indices], "argsort": lambda x: T @ x[torch.argsort(x)],
    "topk": lambda x: T[:2] @ x.topk(2).values, "indices of topk": lambda x: x.sum() * x.topk(1).indices[0],
    "kthvalue": lambda x: x.kthvalue(2).values * 3, "median": lambda x: x.median() * 3,
    "median, axis": lambda x: x.median(0).values,
    "argmax": lambda x: x[x.argmax()] * 3, "argmin": lambda x: x[x.argmin()] - x[0],
    "indices of max": lambda x: x @ F.one_hot(x.max(0).indices, 3).to(D),
    "gather": lambda x: x.gather(0, x.argsort()) @ T,
    "index_select": lambda x: x.index_select(0, x.argmax().reshape(1)).sum(),
    "take": lambda x: torch.take(x, x.argmin()) * 2,
    "scatter": lambda x: torch.zeros(3, dtype=D).scatter(0, x.argsort(), x) @ T,
    "embedding": lambda x: F.embedding((x + 3).long(), torch.tensor(TABLE)[:, None])[:, 0] @ x,
    "table": lambda x: torch.tensor(TABLE)[(x + 3).long()] @ x,
    "floor": lambda x: x @ torch.floor(x), "ceil": lambda x: x @ torch.ceil(x), "round": lambda x: x @ torch.round(x),
    "trunc": lambda x: x @ torch.trunc(x),
    "round to decimals": lambda x: x @ torch.round(x, decimals=1), "frac": lambda x: T @ torch.frac(x),
    "sign": lambda x: x @ (T * torch.sign(x)),
    "sgn": lambda x: x @ torch.sgn(x), "sign alone": lambda x: torch.sign(x[0]) + 0 * x.sum(),
    "remainder": lambda x: T @ (x % 0.5), "fmod": lambda x: T @ torch.fmod(x, 0.5),
    "div floor": lambda x: x @ torch.div(x, 0.5, rounding_mode="floor"),
    "div trunc": lambda x: x @ torch.div(x, 0.5, rounding_mode="trunc"),
    "floor_divide": lambda x: x @ (x.detach() // 0.5),
    "heaviside": lambda x: x @ torch.heaviside(x.detach(), torch.tensor(0.5, dtype=D)),
    "copysign": lambda x: torch.copysign(T, x) @ x, "long": lambda x: x @ x.long().to(D),
    "bool of numbers": lambda x: x @ (x.bool() * T),
    "int8": lambda x: x @ x.to(torch.int8).to(D),
    "bucketize": lambda x: x @ torch.bucketize(x, torch.tensor(EDGES)).to(D),
    "searchsorted": lambda x: x @ torch.searchsorted(torch.tensor(EDGES), x, right=True).to(D),
    "histc": lambda x: x[:3] @ torch.histc(x.detach(), 3, -3.0, 3.0),
    "isin": lambda x: x @ (torch.isin(x, torch.tensor([0.4], dtype=D)).to(D) + 1),
    "count_nonzero": lambda x: x.sum() * torch.count_nonzero(x > 0),
    "signbit": lambda x: T @ (x * torch.signbit(x)), "any": lambda x: x.sum() if (x > 1.5).any() else -x.sum(),
    "all": lambda x: x.sum() if (x > -1).all() else -x.sum(),
    "if": lambda x: 2 * x[0] if x[0] > x[1] else x[2], "while": lambda x: _doubled(x).sum(),
    "item": lambda x: x[0] if x[1].item() > 0 else -x[0],
    "float": lambda x: float(x[1]) * x[0], "int": lambda x: int(x[2]) * x[0], "tolist": lambda x: x.tolist()[1] * x[0],
    "detached item": lambda x: x[0] if x[1].detach().item() > 0 else -x[0],
    "bool": lambda x: x[0] if bool(x[1] > 0) else -x[0], "max of Python": lambda x: max(x[0], x[1]) + x[2],
    "sorted of Python": lambda x: sorted(x)[1] * 2,
    "size of a selection": lambda x: x.sum() * len(x[x > 0]), "nonzero": lambda x: x.sum() * len(torch.nonzero(x > 0)),
    "allclose": lambda x: x.sum() if torch.allclose(x, T * 0 + 0.75) else 2 * x.sum(),
    "numpy": lambda x: T @ (x * torch.from_numpy(x.detach().numpy() > 0)), "detached": lambda x: T @ (x * x.detach()),
    "no_grad": lambda x: T @ (x * _no_grad(x)),
    "data": lambda x: (x * x.data.clamp(0.0, 1.0)).sum(),
    "detached mask": lambda x: T @ (x * (x.detach() * 2 > 0).float()),
    "detached sign": lambda x: T @ (x * x.detach().sign()),
    "detached order": lambda x: T @ x[x.detach().argsort()],
    "detached bound": lambda x: x[0] + torch.clamp(x.sum(), max=float(x.detach().max())),
    "weights of a detached softmax": lambda x: x @ torch.softmax(x.detach(), 0),
    "detached in place": lambda x: x @ x.detach().clone().mul_(2).floor_(), "buffer": lambda x: x @ _buffer(x),
    "threshold": lambda x: T @ F.threshold(x, 0.5, 3.0), "hardshrink": lambda x: T @ F.hardshrink(x, 0.5),
    "elu": lambda x: T @ F.elu(x), "celu": lambda x: T @ F.celu(x, 0.5),
    "huber_loss": lambda x: F.huber_loss(x, T * 0, reduction="sum"),
    "smooth_l1_loss": lambda x: F.smooth_l1_loss(x, T * 0, reduction="sum"),
    "norm, p = 3": lambda x: torch.linalg.vector_norm(x, 3), "softplus": lambda x: T @ F.softplus(x, threshold=1.0),
    "max_pool": lambda x: F.max_pool1d(x[None, None], 2, 1).sum(),
    "indices of max_pool": lambda x: F.max_pool1d_with_indices(x[None, None], 2, 1)[1].sum() * x.sum(),
    "cummax": lambda x: T @ x.cummax(0).values, "indices of cummax": lambda x: x @ x.cummax(0).indices.to(D),
    "mode": lambda x: x.mode(0).values * 2, "unique": lambda x: torch.unique(x.detach().floor()).sum() * x.sum(),
    "bernoulli": lambda x: (x * torch.bernoulli(torch.sigmoid(x), generator=torch.Generator().manual_seed(0))).sum(),
    "multinomial": lambda x: x[torch.multinomial(x.abs(), 1, generator=torch.Generator().manual_seed(0))].sum(),
    "noise": lambda x: T @ (x * (x > torch.rand(3, dtype=D, generator=torch.Generator().manual_seed(0)))),
    "dropout": lambda x: (torch.manual_seed(0), T @ F.dropout(x, 0.5))[1],
    "nan_to_num": lambda x: T @ torch.nan_to_num(x), "quantile": lambda x: torch.quantile(x, 0.3),
    "custom": lambda x: T @ _custom(x), "msort": lambda x: T @ torch.msort(x),
    "kl_div": lambda x: F.kl_div(x, torch.sigmoid(x), reduction="sum"), "amax": lambda x: x.amax() * 2,
    "cdist": lambda x: torch.cdist(x[:1, None], x[1:, None], 1.0).sum(),
}  # fmt: skip


def _no_grad(x: Any) -> Any:
    with torch.no_grad():
        return torch.tanh(x) + (x > 0)


def _buffer(x: Any) -> Any:
    held = torch.zeros(3, dtype=D)
    held[1:] = x.detach()[:2]
    return held


JAX: dict[str, Function] = {
    "where": lambda x: W @ jnp.where(x > 0, x, 3 * x), "where of constants": lambda x: x @ jnp.where(x > 0, 1.0, 2.0),
    "mask": lambda x: W @ (x * (x > 0)), "mask as numbers": lambda x: W @ (x * (x > 0).astype(float)),
    "sort": lambda x: W @ jnp.sort(x), "argsort": lambda x: W @ x[jnp.argsort(x)],
    "argmax": lambda x: x[jnp.argmax(x)] * 3,
    "argmin": lambda x: x[jnp.argmin(x)] - x[0], "median": lambda x: 2 * jnp.median(x),
    "top_k": lambda x: W[:2] @ lax.top_k(x, 2)[0],
    "indices of top_k": lambda x: x.sum() * lax.top_k(x, 1)[1][0], "floor": lambda x: x @ jnp.floor(x),
    "ceil": lambda x: x @ jnp.ceil(x),
    "round": lambda x: x @ jnp.round(x), "trunc": lambda x: x @ jnp.trunc(x), "sign": lambda x: x @ (W * jnp.sign(x)),
    "int": lambda x: x @ x.astype(int).astype(float),
    "searchsorted": lambda x: x @ jnp.searchsorted(EDGES, x).astype(float),
    "digitize": lambda x: x @ jnp.digitize(x, EDGES).astype(float),
    "table": lambda x: jnp.array(TABLE)[(x + 3).astype(int)] @ x,
    "cond": lambda x: lax.cond(x[0] > x[1], lambda v: 2 * v[0], lambda v: v[2], x),
    "switch": lambda x: lax.switch((x[0] + 3).astype(int) % 3, [lambda v: v[0], lambda v: 2 * v[1], lambda v: v[2]], x),
    "while_loop": lambda x: lax.while_loop(lambda v: v[0] < 2, lambda v: v + 2, x).sum(),
    "fori_loop": lambda x: lax.fori_loop(0, 3, lambda i, v: jnp.where(v > 0, v, 2 * v), x).sum(),
    "scan": lambda x: lax.scan(lambda c, v: (jnp.where(c > v, c, 2 * v), c), x[0], x)[0],
    "gather": lambda x: W @ jnp.take(x, jnp.argsort(x)),
    "scatter": lambda x: W @ jnp.zeros(3).at[jnp.argsort(x)].set(x),
    "one_hot": lambda x: x @ jax.nn.one_hot(jnp.argmax(x), 3),
    "select": lambda x: W @ jnp.select([x > 1, x > 0], [x, 2 * x], 0.0),
    "any": lambda x: jnp.where(jnp.any(x > 1.5), x.sum(), -x.sum()),
    "remainder": lambda x: W @ (x % 0.5), "dynamic_slice": lambda x: lax.dynamic_slice(x, (jnp.argmax(x),), (1,)).sum(),
    "heaviside": lambda x: x @ jnp.heaviside(x, 0.5), "stopped": lambda x: W @ (x * lax.stop_gradient(x)),
    "stopped mask": lambda x: W @ (x * (lax.stop_gradient(x) * 2 > 0)), "elu": lambda x: W @ jax.nn.elu(x),
    "cummax": lambda x: W @ lax.cummax(x), "count": lambda x: x.sum() * jnp.count_nonzero(x > 0),
    "copysign": lambda x: jnp.copysign(W, x) @ x,
}  # fmt: skip

ONNX: dict[str, str] = {
    "Where": "z = Constant<value = double {0.0}>()  m = Greater(x, z)  t = Add(x, x)  y = Where(m, x, t)",
    "ArgMax": "i = ArgMax<axis = 0, keepdims = 1>(x)  y = Gather(x, i)",
    "TopK": "k = Constant<value = int64[1] {2}>()  y, i = TopK(x, k)",
    "indices of TopK": "k = Constant<value = int64[1] {1}>()  v, i = TopK(x, k)  y = Gather(x, i)",
    "Cast": "i = Cast<to = 7>(x)  d = Cast<to = 11>(i)  y = Mul(d, x)", "Floor": "d = Floor(x)  y = Mul(d, x)",
    "Ceil": "d = Ceil(x)  y = Mul(d, x)",
    "Round": "d = Round(x)  y = Mul(d, x)", "Sign": "d = Sign(x)  y = Mul(d, x)",
    "Mod": "h = Constant<value = double {0.5}>()  y = Mod<fmod = 1>(x, h)",
    "Less": "z = Constant<value = double {0.5}>()  m = Less(x, z)  d = Cast<to = 11>(m)  y = Mul(d, x)",
    "NonZero":
        "z = Constant<value = double {0.0}>()  m = Greater(x, z)  i = NonZero(m)  t = Transpose(i)  y = GatherND(x, t)",
    "Compress": "z = Constant<value = double {0.0}>()  m = Greater(x, z)  y = Compress<axis = 0>(x, m)",
    "Elu": "y = Elu(x)", "ThresholdedRelu": "y = ThresholdedRelu<alpha = 0.5>(x)",
    "Hardmax": "d = Hardmax(x)  y = Mul(d, x)", "Shrink": "y = Shrink<lambd = 0.5>(x)",
    "IsNaN": "m = IsNaN(x)  d = Cast<to = 11>(m)  y = Add(d, x)",
}  # fmt: skip


def onnx_model(body: str) -> Any:
    return onnx.parser.parse_model(
        '<ir_version: 10, opset_import: ["": 18]> f (double[3] x) => (double s) '
        f"{{ {body}  s = ReduceSum<keepdims = 0>(y) }}")


TABLES: dict[str, dict[str, Any]] = {"numpy": NUMPY, "torch": TORCH, "jax": JAX, "onnx": ONNX}
CASES = [(kind, name) for kind, table in TABLES.items() for name in table]


class Case:
    """A function in a framework, with its own value and gradient at any point, and its program."""

    def __init__(self, kind: str, name: str) -> None:
        self.kind, self.name = kind, name
        self.f = TABLES[kind][name]

    def point(self, x: Array) -> Any:
        return {"numpy": np.array, "onnx": np.array, "torch": torch.tensor, "jax": jnp.array}[self.kind](x)

    def program(self, x: Array) -> Any:
        return an.onnx.load(onnx_model(self.f), x) if self.kind == "onnx" else an.trace(self.f, self.point(x))

    def value(self, x: Array) -> float:
        if self.kind == "onnx":
            return float(self.evaluator.run(None, {"x": np.array(x)})[0])
        return float(self.f(self.point(x)))

    @functools.cached_property
    def evaluator(self) -> Any:
        """ONNX's own."""
        from onnx.reference import ReferenceEvaluator

        return ReferenceEvaluator(onnx_model(self.f))

    def gradient(self, x: Array) -> Array:
        """The framework's own; a difference quotient where it has none."""
        if self.kind == "torch" and self.name != "custom":
            leaf = torch.tensor(x, requires_grad=True)
            self.f(leaf).backward()
            return np.asarray(leaf.grad)
        if self.kind == "jax" and self.name != "while_loop":
            return np.asarray(jax.grad(self.f)(jnp.array(x)))
        steps = 1e-6 * np.eye(len(x))
        return np.array([(self.value(x + step) - self.value(x - step)) / 2e-6 for step in steps])


@functools.cache
def traced(kind: str, name: str) -> Any:
    """The program of a function, which several tests use."""
    try:
        return Case(kind, name).program(TRACED)
    except an.TraceError:
        return None


def either(ask: Callable[[], Any]) -> Any:
    """The answer, or None where the program says that it has none at this point."""
    try:
        return ask()
    except an.GuardError:
        return None


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(("kind", "name"), CASES)
def test_a_program_used_elsewhere_says_what_f_says_or_that_it_cannot(kind: str, name: str, double: None) -> None:
    case = Case(kind, name)
    program = traced(kind, name)
    if program is None:
        return
    for x in USED:
        value = either(lambda: program(x))
        assert value is None or value == pytest.approx(case.value(x), rel=1e-9, abs=1e-9), x
        report = either(lambda: an.verify(program, x, slope=0.0))
        found = either(lambda: an.generalized_gradient(program, x))
        form = either(lambda: program.abs_normal_form(x))
        if value is None:
            assert report is found is form is None
        if report is None or found is None:
            continue
        gradient = case.gradient(x)
        np.testing.assert_allclose(report.clarke_gradient, gradient, rtol=1e-5, atol=1e-5)
        np.testing.assert_allclose(found.limiting_gradients[0], gradient, rtol=1e-5, atol=1e-5)


def holds_at(case: Case, program: Any, x: Array) -> bool:
    """Whether the program that was traced elsewhere is that of the function at a point."""
    value = either(lambda: program(x))
    return value is not None and value == pytest.approx(case.value(x), rel=1e-7, abs=1e-7)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(("kind", "name"), CASES)
def test_kinks_are_never_said_to_be_all_where_the_function_was_not_seen(kind: str, name: str, double: None) -> None:
    """Where no kink is between two points, or within a distance, the function is the one that was traced."""
    case = Case(kind, name)
    program = traced(kind, name)
    if program is None:
        return
    asked = program if kind == "onnx" else case.f
    for other in USED[2:]:
        try:
            found = an.find_kink(asked, case.point(TRACED), case.point(other))
        except an.AbsNormalError:
            continue
        if found.complete and not len(list(found)):
            assert all(holds_at(case, program, TRACED + t * (other - TRACED)) for t in np.linspace(0.02, 0.98, 13))
    try:
        near = an.kinks_near(asked, case.point(TRACED), radius=2.0)
    except an.AbsNormalError:
        return
    if near.proved:
        reach = min(near.distance, 2.0)
        for seed in range(12):
            step = np.random.default_rng(seed).uniform(-1, 1, 3)
            assert holds_at(case, program, TRACED + 0.999 * reach * step / np.abs(step).max())


def test_a_kink_of_a_program_that_holds_its_variables_is_none_of_the_function() -> None:
    def f(x: Any) -> Any:
        return torch.relu(x[0] - float(x[1].detach()))

    begin, end = (torch.tensor(point, dtype=D) for point in ([3.0, 1.0], [1.0, 2.0]))
    for source in (f, an.trace(f, begin)):
        found = an.find_kink(source, begin, end)
        assert not found.complete and all(kink.x[0] == kink.x[1] for kink in found)


#: Rows that are tried in float32 too, on a batch of two points.
BATCHED = {
    "numpy": ("where", "sort", "floor", "argmax"),
    "torch": ("where", "sort", "floor", "detached mask", "overwritten", "max_pool"),
    "jax": ("where", "sort", "floor", "stopped mask", "cond"),
}


@pytest.mark.parametrize(("kind", "name"), [(kind, name) for kind, names in BATCHED.items() for name in names])
def test_a_batch_in_float32_used_elsewhere(kind: str, name: str, double: None) -> None:
    f = TABLES[kind][name]
    wide: Function = {"numpy": lambda x: x * 1.0, "torch": lambda x: x.double(), "jax": lambda x: x.astype(float)}[kind]
    case = Case(kind, name)
    case.f = lambda x: f(wide(x[0])) + 2 * f(wide(x[1]))
    case.point = {  # type: ignore[method-assign]
        "numpy": lambda x: np.array(x, np.float32), "torch": lambda x: torch.tensor(x, dtype=torch.float32),
        "jax": lambda x: jnp.array(x, jnp.float32),
    }[kind]
    program, answered = case.program(np.array([TRACED, USED[5]])), 0
    for first, second in ((TRACED, USED[5]), (USED[7], USED[5] + 0.01), (USED[2], USED[3]), (USED[5], TRACED)):
        x = np.array([first, second])
        value = either(lambda: program(case.point(x)))
        report = either(lambda: an.verify(program, np.asarray(case.point(x), float), slope=0.0))
        answered += value is not None
        assert (value is None) == (report is None)
        if value is None:
            continue
        assert value == pytest.approx(case.value(x), rel=1e-5)
        plain = Case(kind, name)
        rows = [plain.gradient(np.asarray(row, float)) for row in np.asarray(case.point(x))]
        np.testing.assert_allclose(report.clarke_gradient, [rows[0], 2 * rows[1]], rtol=1e-4, atol=1e-5)
    assert answered
