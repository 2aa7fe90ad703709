"""Is a gradient inside of the function followed: gradient penalties, inner steps, differential equations, torch.func?

The derivative of a kink jumps there, and is refused; it is constant next to it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F

import absnormal as an

_RNG = np.random.default_rng(0)
_MATRIX = torch.tensor(_RNG.standard_normal((5, 6)))
_IMAGE, _LINE = torch.tensor(_RNG.standard_normal((2, 4, 6, 6))), torch.tensor(_RNG.standard_normal((2, 3, 8)))
_LABELS = torch.tensor([0, 5, 2, 2, 1])
_FILTERS, _GROUPED = torch.tensor(_RNG.standard_normal((4, 3, 3))), torch.tensor(_RNG.standard_normal((6, 2, 3, 3)))
_SPREAD, _TARGET = torch.tensor(_RNG.standard_normal((4, 3, 3, 2))), torch.tensor(_RNG.standard_normal((5, 6)))
_WEIGHT = torch.arange(1.0, 7.0, dtype=torch.float64)
_ONES = torch.ones(4, dtype=torch.float64)

#: Functions whose gradient runs a kernel of derivatives, and where.
CASES: dict[str, tuple[Callable[[Any], Any], Any]] = {
    **{f.__name__: (f, _MATRIX) for f in (
        F.relu, F.hardtanh, F.hardswish, F.hardshrink, F.softshrink, F.leaky_relu, F.elu, F.selu, F.softplus, F.gelu,
        F.mish, F.silu, F.glu, F.logsigmoid, torch.sigmoid, torch.tanh,
    )},
    "prelu": (lambda x: F.prelu(x, x[0, :1].exp()), _MATRIX), "celu": (lambda x: F.celu(x, 0.5), _MATRIX),
    "elu with another slope": (lambda x: F.elu(x, 0.5), _MATRIX),
    "gelu by tanh": (lambda x: F.gelu(x, approximate="tanh"), _MATRIX),
    "softplus past its threshold": (lambda x: F.softplus(x, 2, 1.0), _MATRIX),
    "softmax": (lambda x: F.softmax(x, 1), _MATRIX), "log_softmax": (lambda x: F.log_softmax(x, 0), _MATRIX),
    "mse_loss": (lambda x: F.mse_loss(x, _TARGET), _MATRIX),
    "huber_loss": (lambda x: F.huber_loss(x, _TARGET, delta=0.7), _MATRIX),
    "smooth_l1_loss": (lambda x: F.smooth_l1_loss(x, _TARGET, reduction="sum", beta=0.5), _MATRIX),
    "binary_cross_entropy": (lambda x: F.binary_cross_entropy(x.sigmoid(), _TARGET.sigmoid()), _MATRIX),
    "soft_margin_loss": (lambda x: F.soft_margin_loss(x, _TARGET.sign()), _MATRIX),
    "cross_entropy": (lambda x: F.cross_entropy(x, _LABELS, _WEIGHT, ignore_index=2), _MATRIX),
    "cross_entropy of images": (lambda x: F.cross_entropy(x, (x[:, 0] > 0).long()), _IMAGE),
    "nll_loss of rows": (lambda x: F.nll_loss(x.log_softmax(1), _LABELS, reduction="none"), _MATRIX),
    "layer_norm": (lambda x: F.layer_norm(x, [6], _WEIGHT * x[0, 0], _WEIGHT), _MATRIX),
    "rms_norm": (lambda x: F.rms_norm(x, [6]), _MATRIX),
    "group_norm": (lambda x: F.group_norm(x, 2, _WEIGHT[:4]), _IMAGE),
    "batch_norm": (lambda x: F.batch_norm(x, None, None, training=True), _IMAGE),
    "batch_norm for evaluation": (lambda x: F.batch_norm(x, _ONES, 2 * _ONES, 3 * _ONES), _IMAGE),
    "conv1d": (lambda x: F.conv1d(x, _FILTERS * x[0, 0, 0], _ONES, stride=2, padding=1), _LINE),
    "conv2d": (lambda x: F.conv2d(x, _GROUPED * x.mean(), groups=2, dilation=2, padding=1, stride=2), _IMAGE),
    "conv_transpose2d": (lambda x: F.conv_transpose2d(
        x, _SPREAD * x.mean(), stride=2, padding=1, output_padding=1, groups=2), _IMAGE),
    "max_pool2d": (lambda x: F.max_pool2d(x, 3, 2, 1), _IMAGE),
    "adaptive_max_pool2d": (lambda x: F.adaptive_max_pool2d(x, 2), _IMAGE),
    "avg_pool2d": (lambda x: F.avg_pool2d(x, 3, 2, 1, count_include_pad=False), _IMAGE),
    "adaptive_avg_pool2d": (lambda x: F.adaptive_avg_pool2d(x, 4), _IMAGE),
    "bilinear": (lambda x: F.interpolate(x, scale_factor=1.5, mode="bilinear"), _IMAGE),
    "bicubic": (lambda x: F.interpolate(x, size=9, mode="bicubic", align_corners=True), _IMAGE),
    "nearest": (lambda x: F.interpolate(x, size=8, mode="nearest-exact"), _IMAGE),
    "linear": (lambda x: F.interpolate(x, size=11, mode="linear"), _LINE),
    "reflect": (lambda x: F.pad(x, (1, 2, 1, 0), mode="reflect"), _IMAGE),
    "replicate": (lambda x: F.pad(x, (1, 2, 1, 0), mode="replicate"), _IMAGE),
    "embedding": (lambda x: F.embedding(torch.tensor([[0, 1], [1, 4]]), x), _MATRIX),
    "views": (lambda x: x[1] * x[:, 2].sum() + x[1:4:2] * x.diagonal().sum() + x.unfold(1, 3, 2).sum(), _MATRIX),
    "masked_scatter": (lambda x: (2 * x).masked_scatter(_TARGET > 0, x), _MATRIX),
    "fold": (lambda x: F.fold(F.unfold(x, 2), (6, 6), 2), _IMAGE), "sort": (lambda x: x.sort(1).values, _MATRIX),
    "max": (lambda x: x.max(1).values, _MATRIX), "solve": (lambda x: torch.linalg.solve(x[:, :5], x[:, 5]), _MATRIX),
}  # fmt: skip


def penalty(f: Callable[[Any], Any], x: Any) -> Any:
    """A loss on the gradient of f."""
    y = f(x).pow(3)
    weights = torch.arange(1, y.numel() + 1, dtype=y.dtype).reshape(y.shape).cos()
    (grad,) = torch.autograd.grad((y * weights).sum(), x, create_graph=True)
    return (grad.square() * torch.arange(1, grad.numel() + 1, dtype=y.dtype).reshape(grad.shape).sin()).sum()


@pytest.mark.parametrize("name", CASES)
def test_the_gradient_of_a_gradient_is_torch_s_and_the_program_is_the_function(name: str) -> None:
    f, x = CASES[name]
    report = an.verify(lambda x: penalty(f, x), x)
    assert report.verdict is an.Verdict.CLARKE and report.method == "smooth"
    program = an.trace(lambda x: penalty(f, x), x)
    moved = x + 1e-5 * torch.tensor(np.random.default_rng(1).standard_normal(x.shape))
    try:
        found = float(program(moved.numpy()))
    except an.GuardError:
        # Of the entries that windows take, and of rows that are held, nothing is known elsewhere.
        assert "pool" in name
        return
    assert np.isclose(found, float(penalty(f, moved.requires_grad_()).detach()), rtol=1e-9)


def test_where_a_derivative_jumps_it_is_refused_also_in_single_precision() -> None:
    jumps: list[tuple[Callable[[Any], Any], float]] = [
        (F.relu, 0.0), (F.leaky_relu, 0.0), (F.hardtanh, 1.0), (F.hardtanh, -1.0), (F.hardswish, 3.0),
        (F.hardswish, -3.0), (lambda x: F.elu(x, 0.5), 0.0), (F.selu, 0.0), (F.softshrink, 0.5), (F.relu6, 6.0),
        (lambda x: F.prelu(x, torch.full((1,), 0.25, dtype=x.dtype)), 0.0),
        (lambda x: F.smooth_l1_loss(x, 0 * x, beta=0.0), 0.0), (lambda x: F.rrelu(x, training=True), 0.0),
    ]
    for f, knot in jumps:
        for dtype in (torch.float64, torch.float32):
            x = torch.tensor([knot, 0.3, -0.7], dtype=dtype)
            with pytest.raises(an.TraceError, match=r"jump|tied"):
                an.verify(lambda x, f=f: penalty(lambda x: f(x) + 1.0, x), x)


def test_derivatives_with_kinks_have_torch_s_slopes_there() -> None:
    """elu' is exp(min(x, 0)), and the derivative of Huber's loss is a clamp."""
    kinks: list[tuple[Callable[[Any], Any], float]] = [
        (F.elu, 0.0), (lambda x: F.huber_loss(x, 0 * x.detach(), reduction="none"), 1.0),
        (lambda x: F.huber_loss(x, 0 * x.detach(), reduction="none"), -1.0),
        (lambda x: F.smooth_l1_loss(x, 0 * x.detach(), reduction="none"), 1.0),
    ]
    for f, knot in kinks:
        for sign in (1.0, -1.0):
            def loss(x: Any, f: Any = f, sign: float = sign) -> Any:
                (grad,) = torch.autograd.grad(f(x).sum(), x, create_graph=True)
                return sign * grad.sum()

            x = torch.tensor([knot, 0.3, -1.7], dtype=torch.float64)
            report = an.verify(loss, x)
            assert report.verdict is an.Verdict.CLARKE and report.deviation == 0.0
            found = an.generalized_gradient(loss, x).limiting_gradients[:, 0]
            step = 1e-6 * torch.tensor([1.0, 0.0, 0.0], dtype=torch.float64)
            sides = [float((loss((x + s * step).requires_grad_()) - loss(x.clone().requires_grad_())) / s / 1e-6)
                     for s in (1, -1)]
            assert np.allclose(sorted(found), sorted(sides), atol=1e-5)


def test_gradient_penalties_inner_steps_and_differential_equations() -> None:
    torch.manual_seed(0)
    critic = torch.nn.Sequential(torch.nn.Linear(3, 8), torch.nn.LeakyReLU(0.2), torch.nn.Linear(8, 1)).double()
    points = torch.randn(5, 3).double()

    def wgan() -> Any:
        x = points.clone().requires_grad_()
        (grad,) = torch.autograd.grad(critic(x).sum(), x, create_graph=True)
        return ((grad.norm(2, dim=1) - 1) ** 2).mean()

    assert an.torch.verify(critic, wgan).verdict is an.Verdict.CLARKE
    net = torch.nn.Sequential(torch.nn.Linear(1, 6), torch.nn.Tanh(), torch.nn.Linear(6, 1)).double()
    line = torch.linspace(0, 1, 5).double()[:, None]

    def pinn() -> Any:
        x = line.clone().requires_grad_()
        u = net(x)
        (first,) = torch.autograd.grad(u.sum(), x, create_graph=True)
        (second,) = torch.autograd.grad(first.sum(), x, create_graph=True)
        return (second + u - x).square().mean()

    assert an.torch.verify(net, pinn).verdict is an.Verdict.CLARKE
    learner = torch.nn.Sequential(torch.nn.Linear(2, 6), torch.nn.ReLU(), torch.nn.Linear(6, 1)).double()
    given, wanted = torch.randn(6, 2).double(), torch.randn(6, 1).double()

    def maml() -> Any:
        own = dict(learner.named_parameters())
        inner = F.mse_loss(torch.func.functional_call(learner, own, given), wanted)
        grads = torch.autograd.grad(inner, [*own.values()], create_graph=True)
        moved = {name: p - 0.1 * grad for (name, p), grad in zip(own.items(), grads, strict=True)}
        return F.mse_loss(torch.func.functional_call(learner, moved, given), wanted)

    assert an.torch.verify(learner, maml).verdict is an.Verdict.CLARKE


def test_gradients_of_torch_func() -> None:
    w = torch.tensor([0.5, -1.0, 2.0], dtype=torch.float64)
    x = torch.tensor([0.3, 0.7, -0.2], dtype=torch.float64)
    for f in (
        lambda x: torch.func.grad(lambda y: torch.tanh(y * w).sum())(x).square().sum(),
        lambda x: torch.func.jacrev(lambda y: torch.tanh(y * w))(x).square().sum(),
        lambda x: torch.func.grad(lambda y: torch.relu(y * w).square().sum())(x).square().sum(),
    ):
        assert an.verify(f, x).verdict is an.Verdict.CLARKE
