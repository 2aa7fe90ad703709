"""What has no derivative is no constant: jumps are refused at their ties, noted near them, followed away from them."""

from __future__ import annotations

import copy
import ctypes
import io
import pickle
import struct
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional as F
from torch.utils.checkpoint import checkpoint

import absnormal as an
from absnormal.errors import AbsNormalError
from absnormal.frontends.torch.capture import capture

D = torch.float64
Function = Callable[[Any], Any]

#: Operations that jump at 1 and not at 1.3.
JUMPS: dict[str, Function] = {
    "long": lambda x: x.long(), "int": lambda x: x.int(), "to": lambda x: x.to(torch.uint8),
    "type": lambda x: x.type(torch.int16), "bool": lambda x: (x - 1).bool(),
    "copy into integers": lambda x: torch.zeros(1, dtype=torch.long).copy_(x),
    "detached": lambda x: x.detach().long(),
    "embedding": lambda x: F.embedding(x.long(), torch.eye(3, dtype=D)) * torch.arange(3.0, dtype=D),
    "index": lambda x: torch.arange(5.0, dtype=D)[x.long()], "one_hot": lambda x: F.one_hot(x.long(), 3),
    "gather": lambda x: torch.arange(5.0, dtype=D).gather(0, x.long()), "bincount": lambda x: torch.bincount(x.long()),
    "bucketize": lambda x: torch.bucketize(x, torch.tensor([0.0, 1.0], dtype=D)),
    "searchsorted": lambda x: torch.searchsorted(torch.tensor([0.0, 1.0], dtype=D), x),
    "searchsorted in rows": lambda x: torch.searchsorted(torch.tensor([[0.0, 1.0]], dtype=D), x[None]),
    "searchsorted in x": lambda x: torch.searchsorted(x, torch.ones(1, dtype=D)),
    "histc": lambda x: torch.histc(x.detach(), 4, 0.0, 2.0), "isin": lambda x: torch.isin(x, torch.ones(1, dtype=D)),
    "any": lambda x: torch.any(x - 1), "all": lambda x: torch.all(x - 1),
    "count_nonzero": lambda x: torch.count_nonzero(x - 1), "signbit": lambda x: torch.signbit(x - 1),
    "isclose": lambda x: torch.isclose(x, torch.zeros_like(x), rtol=0.0, atol=1.0),
    "logical_not": lambda x: torch.logical_not(x - 1), "logical_and": lambda x: torch.logical_and(x, x - 1),
    "logical_or": lambda x: torch.logical_or(x - 1, x - 1), "logical_xor": lambda x: torch.logical_xor(x, x - 1),
    "both": lambda x: (x > 0) & (x >= 1), "buffer": lambda x: (m := torch.zeros(2, dtype=torch.bool),
        m[:1].copy_(x > 1), m[1:].copy_(x > 0), m)[-1],
    "div floor": lambda x: torch.div(x, 0.5, rounding_mode="floor"),
    "div trunc": lambda x: torch.div(x, 0.5, rounding_mode="trunc"),
    "floor_divide": lambda x: (x.detach() // 0.5), "remainder": lambda x: x % 0.5,
    "fmod": lambda x: torch.fmod(x, 0.5), "floor": torch.floor, "ceil": torch.ceil, "trunc": torch.trunc,
    "round": lambda x: torch.round(x - 0.5), "round to decimals": lambda x: torch.round(x * 0.125, decimals=2),
    "frac": torch.frac, "sign": lambda x: torch.sign(x - 1), "sgn": lambda x: torch.sgn(x - 1),
    "softplus": lambda x: F.softplus(x, threshold=1.0), "hardshrink": lambda x: F.hardshrink(x, 1.0),
    "threshold": lambda x: F.threshold(x, 1.0, 0.0),
    "argmax": lambda x: torch.argmax(torch.cat([x, torch.ones(1, dtype=D)])),
    "argsort": lambda x: torch.argsort(torch.cat([x, torch.ones(1, dtype=D)])),
    "indices of max": lambda x: torch.cat([x, torch.ones(1, dtype=D)]).max(0).indices,
}  # fmt: skip


#: Those that jump where a difference is 0: how near to that it is for its rounding is not known.
AT_ZERO = {"bool", "any", "all", "count_nonzero", "signbit", "logical_not", "logical_and", "logical_or", "logical_xor",
           "sign", "sgn"}  # fmt: skip


def weighed(jump: Function) -> Function:
    def f(x: Any) -> Any:
        out = jump(x)
        return (out.reshape(-1) * torch.arange(1.0, out.numel() + 1, dtype=D)).sum() * x.sum()

    return f


@pytest.mark.parametrize("name", JUMPS)
def test_a_jump_is_refused_at_its_tie_noted_near_it_and_followed_away_from_it(name: str) -> None:
    f, one = weighed(JUMPS[name]), torch.ones(1, dtype=D)
    with pytest.raises(an.TraceError, match=r"test_torch_jumps\.py:\d+: (is tied|jumps|its condition)"):
        an.verify(f, one)
    away = an.verify(f, 1.3 * one)
    expected = torch.func.grad(f)(1.3 * one)
    assert away.verdict is an.Verdict.CLARKE and torch.allclose(away.gradient, expected)
    assert not any("within rounding" in note for note in away.notes) or name == "isclose"
    near = an.verify(f, one * (1 + 1e-15))
    assert name in AT_ZERO or any("within rounding" in note for note in near.notes)


def test_an_integer_is_no_constant() -> None:
    def f(x: Any) -> Any:
        return (x.long() * (x - 1) - torch.relu(x - 1)).sum()

    # Its two sides are 1 (x - 1) - (x - 1) and 0.
    report = an.verify(f, torch.ones(1, dtype=D))
    assert report.verdict is an.Verdict.NOT_CLARKE and report.gradient.tolist() == [1.0]
    assert report.clarke_gradient.tolist() == [0.0]
    with pytest.raises(an.TraceError, match="jumps at this point"):
        an.verify(lambda x: (x.long() * x).sum(), torch.ones(1, dtype=D))


def test_truncation_does_not_jump_at_zero() -> None:
    zero = torch.zeros(1, dtype=D)
    for cut in (lambda x: x.long(), torch.trunc, lambda x: x - torch.frac(x), lambda x: x - torch.fmod(x, 1.0)):
        assert an.verify(lambda x, cut=cut: ((cut(x) + 3) * x).sum(), zero).gradient.tolist() == [3.0]


UNKNOWN: dict[str, Function] = {
    "frexp": lambda x: torch.frexp(x)[1], "unique": lambda x: torch.unique(x, return_counts=True)[1],
    "bits": lambda x: x.view(torch.int64), "bits as numbers": lambda x: x.view(torch.float16).to(D),
    "quantized": lambda x: torch.fake_quantize_per_tensor_affine(x, 0.5, 0, -8, 8),
    "in place": lambda x: torch.ones(1, dtype=D).logical_and_(x - 1),
}  # fmt: skip


@pytest.mark.parametrize("name", UNKNOWN)
def test_a_jump_without_a_rule_is_refused_by_name(name: str) -> None:
    with pytest.raises(an.TraceError, match=r"test_torch_jumps\.py"):
        an.verify(weighed(UNKNOWN[name]), torch.full((1,), 1.3, dtype=D))


ARGUMENTS: tuple[Function, ...] = (
    lambda x: (x,), lambda x: (x, x.flip(0)), lambda x: (torch.ones_like(x.detach()), x), lambda x: (x, 1),
    lambda x: (x, 1.0), lambda x: (x, torch.ones_like(x.detach())), lambda x: (x, 0), lambda x: (x, [0]),
)  # fmt: skip
#: Results that are drawn, or whose values mean nothing, and operations that change what their argument is.
LEFT_OUT = ("rand", "drop", "normal", "bernoulli", "poisson", "multinomial", "empty", "resize", "set_", "sparse",
            "quant", "_nested", "detach", "data", "_print", "_to_copy")  # fmt: skip


def tensors(value: Any) -> Iterator[Any]:
    if isinstance(value, torch.Tensor):
        yield value
    elif isinstance(value, (list, tuple)):
        for item in value:
            yield from tensors(item)


def without_derivative() -> Iterator[tuple[str, Any, Function, int]]:
    """Every ATen operation with a result that requires no gradient though its argument does."""
    x = torch.tensor([0.3, -0.7, 1.2, 2.4], dtype=D, requires_grad=True)
    for name in dir(torch.ops.aten):
        packet = getattr(torch.ops.aten, name)
        if name.startswith("__") or name.endswith("_") or any(word in name for word in LEFT_OUT):
            continue
        for arguments in ARGUMENTS:
            try:
                outs = [*tensors(packet(*arguments(x * 1)))]
            except (RuntimeError, TypeError, IndexError, ValueError, AttributeError):
                continue
            yield from ((name, packet, arguments, i) for i, out in enumerate(outs)
                        if not out.requires_grad and out.layout is torch.strided and out.numel())  # fmt: skip


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_every_result_without_a_derivative_has_a_rule_or_is_refused() -> None:
    found = set()
    for name, packet, arguments, place in without_derivative():
        def f(x: Any, packet: Any = packet, arguments: Function = arguments, place: int = place) -> Any:
            out = [*tensors(packet(*arguments(x * 1)))][place].to(D)
            return (out * torch.arange(1.0, out.numel() + 1, dtype=D).reshape(out.shape)).sum() * x.sum() + x.sum()

        for point in ([0.0, 1.0, 1.0, -2.0], [0.5, 0.5, -1.5, 2.5], [0.3, -0.7, 1.2, 2.4]):
            x = torch.tensor(point, dtype=D)
            try:
                program = capture(f, x).program
            except (AbsNormalError, RuntimeError, ValueError):
                continue
            found.add(name)
            for seed in range(4):
                step = 1e-7 * np.random.default_rng(seed).standard_normal(4)
                close = float(f(x + torch.from_numpy(step)))
                try:
                    value = program(x.numpy() + step)
                except an.GuardError:
                    continue
                np.testing.assert_allclose(value, close, rtol=1e-9, atol=1e-9, err_msg=name)
    assert {"gt", "argmax", "sort", "any", "count_nonzero"} <= found


# -- Python ---------------------------------------------------------------------------------------------------------

BRANCHES: dict[str, tuple[Function, float]] = {
    "bool": (lambda x: bool(x[0]), 0.0), "is_nonzero": (lambda x: torch.is_nonzero(x[0]), 0.0),
    "item": (lambda x: x.item() > 0, 0.0), "float": (lambda x: float(x[0]) > 0, 0.0),
    "tolist": (lambda x: x.tolist()[0] > 0, 0.0), "int": (lambda x: int(x[0]) > 0, 1.0),
    "equal": (lambda x: torch.equal(x, torch.ones(1, dtype=D)), 1.0),
    "allclose": (lambda x: torch.allclose(x, torch.zeros(1, dtype=D), rtol=0.0, atol=1.0), 1.0),
    "size of a selection": (lambda x: len(x[x >= 1]) > 0, 1.0),
    "size of masked_select": (lambda x: torch.masked_select(x, x >= 1).numel() > 0, 1.0),
    "nonzero": (lambda x: len(torch.nonzero(x)) > 0, 0.0), "contains": (lambda x: 1.0 in x, 1.0),
}  # fmt: skip


def test_a_variable_is_equal_to_itself_wherever_it_stands() -> None:
    """Kernels of Gaussian processes ask whether both sides of a matrix are the same points."""
    held, x = torch.ones(2, dtype=D), torch.tensor([0.5, 3.0], dtype=D)

    def f(x: Any) -> Any:
        first, second = torch.cat([held, x])[2:], torch.cat([x, held])[:2]
        return (x * x).sum() if torch.equal(first, second) else x.sum()

    report = an.verify(f, x)
    assert report.method == "smooth" and torch.equal(report.gradient, 2 * x)
    with pytest.raises(an.TraceError, match=r"torch\.equal"):
        an.verify(lambda x: (x * x).sum() if torch.equal(x, 2 * x / 2) else x.sum(), x)


@pytest.mark.parametrize("name", BRANCHES)
def test_a_python_branch_is_refused_at_its_tie(name: str) -> None:
    asks, at = BRANCHES[name]

    def f(x: Any) -> Any:
        return x.sum() if asks(x) else -x.sum()

    with pytest.raises(an.TraceError, match=r"test_torch_jumps\.py"):
        an.verify(f, torch.full((1,), at, dtype=D))
    for value in (at + 1.5, at - 2.5):
        x = torch.full((1,), value, dtype=D)
        assert an.verify(f, x).gradient.tolist() == [1.0 if asks(x) else -1.0]


def gradient_of(f: Function) -> Function:
    """The derivative of f at values that are detached."""

    def slope(x: Any) -> Any:
        y = x.detach().requires_grad_()
        return torch.autograd.grad(f(y).sum(), y)[0]

    return slope


def without_grad(f: Function) -> Function:
    def silent(x: Any) -> Any:
        with torch.no_grad():
            return f(x)

    return silent


def saved(x: Any) -> Any:
    file = io.BytesIO()
    torch.save(x, file)
    file.seek(0)
    return torch.load(file)


#: Functions of detached values that jump at 0, though no comparison says so.
STEPS: dict[str, Function] = {
    "relu": gradient_of(torch.relu), "relu6": gradient_of(F.relu6), "leaky_relu": gradient_of(F.leaky_relu),
    "hardsigmoid": gradient_of(lambda y: F.hardsigmoid(y - 3)), "hardswish": gradient_of(lambda y: F.hardswish(y + 3)),
    "elu": gradient_of(lambda y: F.elu(y, 0.5)), "selu": gradient_of(F.selu), "abs": gradient_of(torch.abs),
    "prelu": gradient_of(lambda y: F.prelu(y, torch.zeros(1, dtype=D))),
    "softshrink": gradient_of(lambda y: F.softshrink(y, 0.0)), "l1": gradient_of(lambda y: F.l1_loss(y, 0 * y)),
    "max_pool1d": gradient_of(lambda y: F.max_pool1d(torch.stack([0 * y, y], -1).reshape(1, 1, 2), 2)),
    "sgn without grad": without_grad(lambda x: torch.relu(torch.sgn(x)) + 2),
    "a number without grad": without_grad(lambda x: (torch.sgn(x) + 2).item()),
    "angle": lambda x: torch.angle(x.detach()), "atan2": lambda x: torch.atan2(x, -torch.ones_like(x)).detach() + 0.5,
    "0 to the power": lambda x: torch.zeros(1, dtype=D) ** x.detach().clamp(min=0),
    "norm of order 0": lambda x: torch.linalg.vector_norm(x.detach(), ord=0),
    "distance of order 0": lambda x: torch.dist(x.detach(), torch.zeros(1, dtype=D), p=0),
    "distances of order 0": lambda x: torch.cdist(x.detach().reshape(1, 1), torch.zeros(1, 1, dtype=D), p=0).sum(),
    "xlogy": lambda x: torch.xlogy(x.detach(), torch.zeros(1, dtype=D)).clamp(min=-1),
    "a mask in a sum": lambda x: ((x > 0) + 0 * x).detach(),
    "divided": without_grad(lambda x: torch.nan_to_num(x / x.abs())), "reciprocal": lambda x: (1 / x.data).clamp(0, 1),
    "nan": without_grad(lambda x: torch.where((x / x.abs()).isnan(), x, x / x.abs())),
    "inf": without_grad(lambda x: torch.relu(x).reciprocal().isinf().double()),
    "nearest": lambda x: F.grid_sample(torch.arange(2, dtype=D).reshape(1, 1, 1, 2), torch.stack([x, x], -1).detach()
                                       .reshape(1, 1, 1, 2), mode="nearest", align_corners=True).reshape(1),
    "apply_": lambda x: x.detach().clone().apply_(lambda u: float(u > 0)),
    "map_": lambda x: x.detach().clone().map_(x.detach(), lambda u, v: float(v > 0)),
    "unique": lambda x: torch.unique(torch.cat([x.detach(), torch.zeros(1, dtype=D)])).numel(),
    "bincount": lambda x: torch.bincount((x.detach() > 0).long()).numel(),
    "pickled": lambda x: (pickle.loads(pickle.dumps(x.detach())) > 0).to(D),
    "saved": lambda x: (saved(x.data) > 0).to(D),
    "pointer": lambda x: float(ctypes.cast(x.detach().data_ptr(), ctypes.POINTER(ctypes.c_double))[0] > 0),
    "copied": lambda x: (copy.deepcopy(x.detach()) > 0).to(D),
    "bytes": lambda x: float(struct.unpack("d", bytes(x.detach().untyped_storage()))[0] > 0),
}  # fmt: skip


@pytest.mark.parametrize("dtype", [D, torch.float32])
@pytest.mark.parametrize("name", STEPS)
def test_what_jumps_behind_detached_values_is_no_constant(name: str, dtype: Any) -> None:
    jump = STEPS[name]
    with pytest.raises((an.TraceError, an.DomainError)):
        an.verify(lambda x: (x * jump(x.to(D))).sum() + x.sum(), torch.zeros(1, dtype=dtype))


@pytest.mark.parametrize("f", [
    torch.relu, torch.tanh, F.gelu, F.softplus, F.elu, lambda y: F.cross_entropy(y, torch.tensor([0, 1, 0])),
    lambda y: F.layer_norm(y, (2,)), lambda y: F.conv1d(y[:, None], torch.ones(1, 1, 2, dtype=D)),
    lambda y: F.smooth_l1_loss(y, 0 * y), lambda y: F.max_pool1d(y, 2), lambda y: torch.linalg.inv(y[:2]),
])  # fmt: skip
def test_derivatives_of_detached_values_may_be_held_constant(f: Function) -> None:
    x = torch.tensor([[0.3, -0.7], [1.2, -2.4], [-0.2, 0.9]], dtype=D)
    report = an.verify(lambda x: (x * gradient_of(f)(x)).sum(), x)
    assert report and torch.allclose(report.gradient, gradient_of(f)(x)) and "held constant" in report.notes[0]


def test_finite_numbers_are_not_near_infinity() -> None:
    def f(x: Any) -> Any:
        return x.sum() if torch.isfinite(x).all() and not torch.isinf(2 * x).any() else -x.sum()

    report = an.verify(f, torch.ones(2, dtype=D))
    assert report and report.notes == ()


def test_a_number_read_where_another_could_be_returned_is_no_log() -> None:
    def f(x: Any) -> Any:
        first, second = x.sum(), 2 * x.sum()
        return second if x.item() >= 0 else first

    with pytest.raises(an.TraceError, match="is 0 at this point"):
        an.verify(f, torch.zeros(1, dtype=D))


def test_what_is_logged_is_no_branch() -> None:
    def last(x: Any) -> Any:
        loss = torch.relu(x).sum()
        f"{loss.item():.3f} {(x > 0).double().mean().item()} {x.tolist()}"
        return loss

    def detached(x: Any) -> Any:
        loss = torch.relu(x).sum()
        x.detach().abs().sum().item(), x.detach().tolist()
        with torch.no_grad():
            (x > 0).double().mean().item()
        return loss

    report = an.verify(last, torch.zeros(1, dtype=D))
    assert report and any("a branch on it is not seen" in note for note in report.notes)
    assert an.verify(detached, torch.zeros(1, dtype=D)).notes == ()


@pytest.mark.parametrize("read", [
    lambda x: x.detach().item(), lambda x: float(x.data), lambda x: x.detach().numpy(),
    lambda x: np.asarray(x.detach()), lambda x: x.detach().tolist(), lambda x: (x.detach().clone() > 0).item(),
    lambda x: (x.detach() > 0).float().item(),
])  # fmt: skip
def test_what_is_read_before_the_result_is_there_may_be_used(read: Function) -> None:
    def f(x: Any) -> Any:
        read(x)
        return torch.relu(x).sum()

    with pytest.raises(an.TraceError, match=r"test_torch_jumps.py:\d+: is (0|tied) at this point.*read it last"):
        an.verify(f, torch.zeros(1, dtype=D))
    assert an.verify(f, torch.ones(1, dtype=D))


# -- kernels ----------------------------------------------------------------------------------------------------------


def test_slopes_that_a_kernel_draws_are_those_that_it_drew() -> None:
    x = torch.tensor([-1.0, 1.0, -2.0, 0.0], dtype=D)
    for inplace in (False, True):
        captured = capture(lambda x, inplace=inplace: F.rrelu(x * 1, training=True, inplace=inplace).sum(), x)
        drawn = captured.gradient
        assert 1 / 8 <= drawn[0] <= 1 / 3 and 1 / 8 <= drawn[2] <= 1 / 3 and drawn[1] == 1
        expected = np.where(x > 0, x, drawn * x.numpy()).sum()
        np.testing.assert_allclose(captured.program(x.numpy()), expected, rtol=1e-12)
    model = nn.Sequential(nn.Linear(3, 4), nn.RReLU())
    torch.manual_seed(0)
    an.torch.clarke_backward(model, lambda: model(torch.ones(2, 3)).sum())
    assert all(torch.isfinite(p.grad).all() and p.grad.abs().max() <= 2 for p in model.parameters())


def test_numbers_are_rounded_as_the_kernels_round_them() -> None:
    x = torch.tensor([0.1])
    zero = lambda x: (torch.clamp(x, min=0.1) - 0.1 - torch.relu(x - 0.1)).sum()  # noqa: E731
    report = an.verify(zero, x)
    assert report.gradient.tolist() == [1.0] and report.verdict is an.Verdict.NOT_CLARKE
    with pytest.raises(an.TraceError, match="tied at this point"):
        an.verify(lambda x: ((x > 0.1) * torch.cos(x)).sum(), x)


# -- errors -----------------------------------------------------------------------------------------------------------

SPARSE = torch.eye(2).to_sparse()
ERRORS: dict[str, tuple[Function, str]] = {
    "sparse": (lambda x: torch.sparse.mm(torch.eye(2, dtype=D).to_sparse(), x.reshape(2, 1)).sum(),
               r"_to_sparse at test_torch_jumps\.py:\d+: works on tensors that are not dense.*to_dense"),
    "sparse, in place": (lambda x: (SPARSE.mul_(1.0), x.sum())[1], r"mul_ at .*: works on tensors that are not dense"),
    "checkpoint": (lambda x: checkpoint(torch.relu, x, use_reentrant=True).sum(), r"use_reentrant=False"),
    "overwritten": (lambda x: (y := torch.exp(x), z := y.sum(), y.add_(1), z)[1], r"modified by an inplace operation"),
    "no derivative": (lambda x: torch.igamma(x + 1, x + 2).sum(), r"derivative for 'igamma"),
}  # fmt: skip


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", ERRORS)
def test_what_torch_refuses_is_an_error_with_a_fix(name: str) -> None:
    f, message = ERRORS[name]
    with pytest.raises(an.TraceError, match=message) as error:
        an.verify(f, torch.tensor([1.0, 2.0], dtype=D))
    assert error.value.fix


def test_an_infinite_derivative_is_no_rounding() -> None:
    with pytest.raises(an.DomainError, match="near this point"):
        an.verify(lambda x: torch.xlogy(x, torch.zeros(1, dtype=D)).sum(), torch.zeros(1, dtype=D))


def test_sparse_gradients_are_judged() -> None:
    table = nn.Embedding(3, 2, sparse=True, dtype=D)
    report = an.torch.verify(table, lambda: (table(torch.tensor([0, 2])) ** 2).sum())
    assert report and torch.equal(report.gradient["weight"][0], 2 * table.weight[0])


def test_a_parameter_that_is_not_used_keeps_no_gradient() -> None:
    model = nn.ModuleList([nn.Linear(1, 1), nn.Linear(1, 1)])
    an.torch.clarke_backward(model, lambda: model[0](torch.ones(1)).sum())
    assert [p.grad is None for p in model.parameters()] == [False, False, True, True]


# -- sides that meet --------------------------------------------------------------------------------------------------


def overwrite(x: Any) -> Any:
    y = x * 1
    y[y < 0] = 0
    return y


MEETING: dict[str, Function] = {
    "elu": lambda x: torch.where(x > 0, x, torch.exp(x) - 1),
    "elu, >=": lambda x: torch.where(x >= 0, x, torch.expm1(x)),
    "bent, <": lambda x: torch.where(x < 0, torch.expm1(2 * x), x),
    "bent, <=": lambda x: torch.where(x <= 0, torch.expm1(2 * x), x),
    "bent, not >": lambda x: torch.where(~(x > 0), torch.expm1(2 * x), x),
    "bent, logical_not": lambda x: torch.where(torch.logical_not(x > 0), torch.expm1(2 * x), x),
    "huber": lambda x: torch.where(x.abs() <= 1, 0.5 * x**2, x.abs() - 0.5),
    "huber, product": lambda x: torch.where(x.abs() < 1, (x * x) / 2, x.abs() - 0.5),
    "mask": lambda x: x * (x > 0).double(), "sine mask": lambda x: (x >= 0).to(D) * torch.sin(x),
    "masked_fill": lambda x: x.masked_fill(~(x > 0), 0.0), "overwritten": overwrite,
    "leaky": lambda x: torch.where(x > 0, x, 0.1 * x),
    "two masks, as a column": lambda x: torch.where(((x > 0) & (x > -5)).reshape(5, 1), x.sin()[:, None], 0.0)[:, 0],
    "a mask of a column": lambda x: torch.where(((x[:, None] > 0) & (x[:, None] > -5)).reshape(5), x.sin(), 0.0),
}  # fmt: skip


#: What is computed of a sign at its tie entry by entry, or of a table that is looked up there.
OF_SIGNS: dict[str, Function] = {
    "atan": torch.atan, "cosh": torch.cosh, "sinh": torch.sinh, "tan": torch.tan, "exp2": torch.exp2,
    "log2": lambda s: torch.log2(s + 3), "log10": lambda s: torch.log10(s + 3), "gelu": F.gelu, "silu": F.silu,
    "softplus": F.softplus, "elu": F.elu, "leaky_relu": F.leaky_relu, "lerp": lambda s: torch.lerp(s, 2 - s, 0.25),
}


def looked_up(x: Any) -> Any:
    knots, table = torch.tensor([-1.0, 0.0, 1.0, 2.0], dtype=D), torch.tensor([0.0, 1.0, -1.0, 0.5], dtype=D)
    above = torch.searchsorted(knots, x).clamp(1, 3)
    low, high = knots[above - 1], knots[above]
    return torch.lerp(table[above - 1], table[above], (x - low) / (high - low))


MEETING["lerp between knots"] = looked_up


@pytest.mark.parametrize("name", OF_SIGNS)
def test_what_is_computed_of_a_sign_is_its_slope_on_either_side(name: str) -> None:
    """x f(sign(x)) has the slopes f(-1) and f(1), and torch returns f(0)."""
    f, x = OF_SIGNS[name], torch.tensor([0.0, 1.0], dtype=D)
    report = an.verify(lambda x: (x * f(torch.sign(x))).sum(), x)
    slopes = {float(f(torch.tensor(side, dtype=D))) for side in (-1.0, 1.0)}
    at_zero = float(f(torch.tensor(0.0, dtype=D)))
    assert float(report.gradient[0]) == pytest.approx(at_zero)
    assert bool(report) == (min(slopes) <= at_zero <= max(slopes))
    assert min(slopes) - 1e-12 <= float(report.clarke_gradient[0]) <= max(slopes) + 1e-12


@pytest.mark.parametrize("name", OF_SIGNS)
def test_what_jumps_by_a_sign_is_refused(name: str) -> None:
    with pytest.raises(an.TraceError, match="is not seen to meet"):
        an.verify(lambda x: ((x + 1) * OF_SIGNS[name](torch.sign(x))).sum(), torch.tensor([0.0, 1.0], dtype=D))


@pytest.mark.parametrize("name", MEETING)
def test_sides_that_meet_are_a_kink(name: str) -> None:
    weights = torch.arange(1.0, 6, dtype=D)
    f = lambda x: (MEETING[name](x) * weights).sum()  # noqa: E731
    x = torch.tensor([0.0, 1.0, -1.0, 0.3, -2.5], dtype=D)
    captured = capture(f, x)
    for seed in range(8):
        near = x + 1e-3 * torch.from_numpy(np.random.default_rng(seed).standard_normal(5))
        np.testing.assert_allclose(captured.program(near.numpy()), float(f(near)), rtol=1e-12)
    report = an.verify(f, x)
    assert report and torch.allclose(report.gradient, torch.func.grad(f)(x))
    assert not any("not the gradient" in note for note in report.notes)


@pytest.mark.parametrize("f", [
    lambda x: torch.where((x > 0).t(), x, 0.0), lambda x: torch.where(x > 0, x, torch.exp(x)),
    lambda x: (x > 0).to(D) * torch.cos(x), lambda x: torch.where((m := x > 0, m.logical_not_(), m)[-1], x + 1, 0.0),
    lambda x: torch.where(x == 0, x, 2 * x + 1),
])  # fmt: skip
def test_sides_that_do_not_meet_are_refused(f: Function) -> None:
    with pytest.raises(an.TraceError, match=r"test_torch_jumps\.py:\d+: (its condition .* )?is tied at this point"):
        an.verify(lambda x: f(x).sum(), torch.tensor([[0.5, 0.0], [-2.0, 1.0]], dtype=D))


def test_sides_that_meet_in_one_entry_only_are_refused() -> None:
    edges = np.array([0.0, 1.0])

    def f(x: Any) -> Any:
        return (np.where(x > edges, x, np.exp(x) - 1) ** 2).sum()

    with pytest.raises(an.TraceError, match="nor are they seen to meet there"):
        an.verify(f, [0.0, 1.0])
    # Where an entry is not tied its sides need not meet.
    assert an.verify(f, [0.0, 5.0]).verdict is an.Verdict.CLARKE
    with pytest.raises(an.GuardError):
        an.trace(f, [0.0, 5.0])([0.0, 0.5])


def test_a_minimum_by_hand_of_a_minimum_by_hand_is_followed() -> None:
    """The second comparison looks at what the first one chose."""

    def smaller(u: Any, v: Any) -> Any:
        return torch.where(u < v, u, v)

    def f(x: Any) -> Any:
        return x.abs().sum() + smaller(smaller(x, 0 * x), 0.5 * x).sum()

    def further(x: Any) -> Any:
        return f(x) + smaller(smaller(x, 0 * x) + 1, 0 * x).sum()

    report, more = (an.verify(g, torch.zeros(1, dtype=torch.float64)) for g in (f, further))
    assert more.verdict.name == "CLARKE" and len(more.problem.sweeps.alpha) == 4
    # |x| + min(x, 0) has the slopes 1 and 0, and torch takes 0 for |.|' and the second side of a tie, x / 2.
    assert len(report.problem.sweeps.alpha) == 3 and report.verdict.name == "CLARKE"
    assert an.generalized_gradient(f, torch.zeros(1, dtype=torch.float64)).support([1.0]) == 1.0


@pytest.mark.parametrize("stop", [lambda y: y, torch.detach], ids=["followed", "detached"])
@pytest.mark.parametrize("level", [10.0, 5.0, 0.0])
def test_a_comparison_of_what_jumps_is_refused(level: float, stop: Any) -> None:
    """y jumps from 0 to 10 at x = 0, and with it the comparison that seems to be the only one that is tied, or none."""

    def f(x: Any) -> Any:
        y = torch.where(x < 0, x, x + 10)
        return torch.where(stop(y) > level, x, 2 * x).sum()

    x = torch.zeros(1, dtype=torch.float64)
    with pytest.raises(an.TraceError, match="tied at this point"):
        an.verify(f, x)


PRECISIONS = (torch.float64, torch.float32, torch.float16, torch.bfloat16)


@pytest.mark.parametrize("dtype", PRECISIONS, ids=str)
def test_masks_that_are_tied_in_any_precision(dtype: Any) -> None:
    def double(u: Any, mask: Any = torch.gt) -> Any:
        q = (u * u).sum()
        return torch.where(mask(q, 0), torch.sqrt(torch.where(mask(q, 0), q, torch.ones_like(q))), 0.0 * q)

    zero = torch.zeros(2, dtype=dtype)
    for mask in (torch.gt, torch.ne):
        report = an.verify(lambda u, mask=mask: double(u, mask), zero)
        assert (report.verdict.name, report.gradient.tolist()) == ("CLARKE", [0.0, 0.0])
    inner = an.verify(lambda u: torch.where(u > 0, 2 * torch.where(u > 0, u, torch.ones_like(u)), 0 * u).sum(), zero)
    assert inner.verdict.name == "CLARKE"
    with pytest.raises(an.TraceError):
        an.verify(lambda u: torch.where(u > 0, 2 * torch.where(u > 0, u, torch.ones_like(u)), 0 * u + 1).sum(), zero)


@pytest.mark.parametrize("dtype", PRECISIONS, ids=str)
def test_a_number_is_rounded_to_the_precision_that_it_is_compared_in(dtype: Any) -> None:
    """0.3 is no number of any of these, but what it is rounded to is tied with it, as torch compares."""
    x = torch.tensor([0.3], dtype=dtype)
    level = x.clone()

    def f(u: Any) -> Any:
        inner = torch.where(u > 0.3, u - level, torch.ones_like(u))
        return torch.where(u > 0.3, 2 * inner, 0 * u).sum()

    report = an.verify(f, x)
    assert (report.verdict.name, report.gradient.tolist(), len(report.slopes)) == ("CLARKE", [0.0], 1)


# -- truth values that no tie changes ----------------------------------------------------------------------------------

S = torch.tensor([[2.0, 0.5], [0.5, 1.0]], dtype=D)


def branched(mask: Callable[[Any], Any]) -> Function:
    return lambda x: x.square().sum() if bool(mask(x).all()) else x.sum()


def under_a_mask(x: Any) -> Any:
    mask = x >= 0
    mask.logical_or_(x > -9)
    return mask


@pytest.mark.parametrize("mask", [
    lambda x: torch.isclose(x @ x.T, (x @ x.T).T, atol=1e-6), lambda x: (x == 1) | (x > -100), under_a_mask,
    lambda x: torch.logical_or(x >= 1, x > -100), lambda x: (x >= 0) | (x <= 0), lambda x: ~((x == 1) & (x > 100)),
    lambda x: torch.tril(x @ x + 1).tril() == torch.tril(x @ x + 1),
])  # fmt: skip
@pytest.mark.parametrize("x", [torch.ones(2, 2, dtype=D), torch.zeros(2, 2, dtype=D), S], ids=["ones", "zeros", "S"])
def test_a_branch_on_what_no_tie_changes_is_followed(mask: Callable[[Any], Any], x: Any) -> None:
    report = an.verify(branched(mask), x)
    assert report and torch.equal(report.clarke_gradient, 2 * x)


def overlaid(x: Any) -> Any:
    mask = x >= 0
    part = mask[0]
    return part | (x > -9)[1] & (mask | (x > -9))[0] & part


@pytest.mark.parametrize("mask", [
    lambda x: (x >= 0) & (x <= 0), lambda x: (x >= 0) | (x <= 0).T, lambda x: (x >= 0) | (x[0] <= 0),
    lambda x: ((x >= 0) | (x > -9)) & (x >= 0), overlaid, lambda x: (x >= 0) ^ (x > 9), lambda x: x == x.T,
    lambda x: torch.tril(x) == torch.triu(x),
])  # fmt: skip
def test_a_branch_that_a_tie_may_change_is_refused(mask: Callable[[Any], Any]) -> None:
    with pytest.raises(an.TraceError, match="is tied at this point and was branched on"):
        an.verify(branched(mask), torch.zeros(2, 2, dtype=D))


NORMALS: dict[str, Callable[[Any], Any]] = {
    "covariance": lambda x: {"covariance_matrix": x @ x.T + S},
    "precision": lambda x: {"precision_matrix": x @ x.T + S},
    "factor": lambda x: {"scale_tril": torch.tril(x, -1) + torch.diag_embed(x.diagonal().exp())},
    "Cholesky factor": lambda x: {"scale_tril": torch.linalg.cholesky(x @ x.T + S)},
}  # fmt: skip


@pytest.mark.parametrize("name", NORMALS)
@pytest.mark.parametrize("x", [torch.zeros(2, 2, dtype=D), S], ids=["zeros", "S"])
def test_distributions_that_check_their_arguments_are_followed(name: str, x: Any) -> None:
    def f(x: Any) -> Any:
        normal = torch.distributions.MultivariateNormal(torch.zeros(2, dtype=D), **NORMALS[name](x))
        return normal.log_prob(torch.ones(2, dtype=D))

    report = an.verify(f, x)
    assert report.method == "smooth" and torch.allclose(report.clarke_gradient, torch.func.grad(f)(x))


def test_a_matrix_that_is_barely_positive_definite_may_lose_that() -> None:
    info = lambda x: torch.linalg.cholesky_ex(torch.outer(x, x)).info  # noqa: E731
    with pytest.raises(an.TraceError, match="linalg_cholesky_ex"):
        an.verify(lambda x: x.square().sum() + info(x).sum(), torch.ones(2, dtype=D))


@pytest.mark.parametrize(("f", "clarke"), [
    (lambda s, x: s**2 * x, False), (lambda s, x: s.square() * x, False), (lambda s, x: 2.0**s * x, True),
    (lambda s, x: s**s * x, True), (lambda s, x: (s + 1) ** 3 * x, True),
])  # fmt: skip
def test_a_power_of_what_jumps_is_another_one_on_each_side(f: Callable[[Any, Any], Any], clarke: bool) -> None:
    def total(x: Any) -> Any:
        return f(torch.sign(x), x).sum()

    x = torch.tensor([0.0, 1.0], dtype=D)
    program = an.trace(total, x)
    for d in ([0.1, 0.0], [-0.3, 0.25], [-0.5, -0.5]):
        assert program(x.numpy() + d) == pytest.approx(float(total(x + torch.tensor(d, dtype=D))))
    assert an.verify(total, x).verdict is (an.Verdict.CLARKE if clarke else an.Verdict.NOT_CLARKE)


def test_a_power_that_is_another_one_at_one_point_alone_is_refused() -> None:
    with pytest.raises(an.TraceError, match=r"torch.sign .* jumps at this point"):
        an.verify(lambda x: (torch.sign(x) ** 2).sum() + x.sum(), torch.tensor([0.0, 1.0], dtype=D))


def test_advice_is_in_words_of_torch() -> None:
    with pytest.raises(an.TraceError, match=r"with torch.maximum, torch.minimum or torch.abs\.$"):
        an.verify(lambda x: torch.where(x > 0, x, 1.0).sum(), torch.zeros(2))
