"""Does the modelled gradient agree with autograd's, operation by operation, at ties and in-place too?

Where it does not, the lowering or the slope of a kernel is wrong.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn

from absnormal.errors import TraceError
from absnormal.frontends.torch.capture import capture
from absnormal.sweeps.table import Sweeps

D = torch.float64


def modelled(f: Callable[[Any], Any], x: Any) -> tuple[Any, Any]:
    """The modelled gradient and autograd's, flat."""
    captured = capture(f, x)
    captured.program.check()
    sweeps = Sweeps(captured.program, None, values=captured.values)
    evaluated = Sweeps(captured.program, captured.program.inputs([*captured.values]))
    exact = captured.dtype == np.dtype(float)
    np.testing.assert_allclose(evaluated.y, sweeps.y, rtol=1e-7 if exact else 1e-5, atol=1e-12)
    return sweeps.gradient(sweeps.signature(captured.slopes[sweeps.alpha])), captured.gradient


def agrees(f: Callable[[Any], Any], x: Any) -> None:
    found, expected = modelled(f, x)
    np.testing.assert_allclose(found, expected, rtol=1e-8, atol=1e-10)


def points(*shape: int) -> Any:
    return torch.linspace(-2.0, 2.0, int(np.prod(shape)), dtype=D).reshape(shape)[..., :] * 1.03 + 0.0137


def weighted(y: Any) -> Any:
    """One number that tells the entries apart."""
    return (y * torch.cos(torch.arange(y.numel(), dtype=D)).reshape(y.shape)).sum()


ACTIVATIONS = [
    nn.ReLU(), nn.ReLU6(), nn.LeakyReLU(0.1), nn.PReLU(dtype=D), nn.RReLU().eval(), nn.ELU(), nn.ELU(2.0), nn.CELU(2.0),
    nn.SELU(), nn.GELU(), nn.GELU("tanh"), nn.Hardtanh(), nn.Hardsigmoid(), nn.Hardswish(), nn.Softshrink(),
    nn.Hardshrink(),
    nn.Tanhshrink(), nn.Softsign(), nn.Softplus(), nn.Softplus(2.0, 1.0), nn.SiLU(), nn.Mish(), nn.Sigmoid(),
    nn.LogSigmoid(),
    nn.Tanh(), nn.Threshold(0.0, 0.0), nn.Threshold(0.1, 5.0), nn.GLU(), nn.Softmin(-1), nn.Softmax(-1), nn.Softmax2d(),
    nn.LogSoftmax(-1),
]  # fmt: skip


@pytest.mark.parametrize("layer", ACTIVATIONS, ids=str)
def test_activations(layer: Any) -> None:
    x = points(2, 4, 2, 4)
    agrees(lambda x: weighted(layer(x)), x)


TIED = {
    "relu": (F.relu, 0.0), "relu6": (F.relu6, 6.0), "leaky": (F.leaky_relu, 0.0), "elu": (lambda x: F.elu(x, 2.0), 0.0),
    "selu": (F.selu, 0.0), "celu": (lambda x: F.celu(x, 2.0), 0.0), "elu1": (F.elu, 0.0), "hardtanh": (F.hardtanh, 1.0),
    "hardtanh low": (F.hardtanh, -1.0), "hardsigmoid": (F.hardsigmoid, 3.0), "hardswish": (F.hardswish, -3.0),
    "hardswish high": (F.hardswish, 3.0), "softshrink": (F.softshrink, 0.5), "softshrink low": (F.softshrink, -0.5),
    "abs": (torch.abs, 0.0), "clamp": (lambda x: x.clamp(-1, 1), 1.0), "clamp low": (lambda x: x.clamp(-1, 1), -1.0),
    "clamp min": (lambda x: x.clamp(min=0), 0.0), "clamp max": (lambda x: x.clamp(max=0), 0.0),
    "clamp both": (lambda x: x.clamp(0.0, 0.0), 0.0), "maximum": (lambda x: torch.maximum(x, 0 * x), 0.0),
    "minimum": (lambda x: torch.minimum(x, 2 * x), 0.0), "fmax": (lambda x: torch.fmax(x, -x), 0.0),
    "fmin": (lambda x: torch.fmin(x, -x), 0.0), "where >": (lambda x: torch.where(x > 0, x, 0.0), 0.0),
    "where >=": (lambda x: torch.where(x >= 0, 3 * x, x), 0.0), "where <": (lambda x: torch.where(x < 0, -x, x), 0.0),
    "mask": (lambda x: x * (x > 0), 0.0), "masked_fill": (lambda x: x.masked_fill(x <= 0, 0.0), 0.0),
    "prelu": (lambda x: F.prelu(x, torch.full((1,), 0.25, dtype=D)), 0.0),
    "threshold": (lambda x: F.threshold(x, 0, 0), 0.0),
    "copysign": (lambda x: torch.copysign(x, torch.ones(1, dtype=D)), 0.0), "inplace": (lambda x: (1 * x).relu_(), 0.0),
    "inplace clamp": (lambda x: (2 * x).clamp_(0.0, 1.0), 0.0), "norm 1": (lambda x: x.norm(1).reshape(1), 0.0),
    "l1": (lambda x: F.l1_loss(x, torch.zeros(1, dtype=D)), 0.0),
    "smooth_l1 0": (lambda x: F.smooth_l1_loss(x, torch.zeros(1, dtype=D), beta=0.0), 0.0),
}  # fmt: skip


@pytest.mark.parametrize("name", TIED)
def test_kinks(name: str) -> None:
    f, at = TIED[name]
    x = torch.full((1,), at, dtype=D)
    captured = capture(lambda x: f(x).sum(), x)
    sweeps = Sweeps(captured.program, None, values=captured.values)
    assert len(sweeps.alpha) or name in ("elu1", "celu")
    agrees(lambda x: f(x).sum(), x)


ORDERED = {
    "amax": lambda z: weighted(z.amax(0)), "amin": lambda z: weighted(z.amin(1)), "max": lambda z: z.max(),
    "min": lambda z: z.min(), "max dim": lambda z: weighted(z.max(1).values),
    "min dim": lambda z: weighted(z.min(0).values),
    "sort": lambda z: weighted(z.sort(1).values), "sort down": lambda z: weighted(z.sort(0, descending=True).values),
    "topk": lambda z: weighted(z.topk(2, 1).values), "topk low": lambda z: weighted(z.topk(3, 1, largest=False).values),
    "kthvalue": lambda z: weighted(z.kthvalue(2, 1).values), "median": lambda z: weighted(z.median(1).values),
    "cummax": lambda z: weighted(z.cummax(1).values), "cummin": lambda z: weighted(z.cummin(0).values),
    "aminmax": lambda z: z.aminmax().max - 2 * z.aminmax().min, "inf norm": lambda z: z.norm(float("inf")),
    "max pool": lambda z: weighted(F.max_pool2d(z[None, None], 2, 1)),
    "padded pool": lambda z: weighted(F.max_pool2d(z[None, None], 3, 2, 1)),
    "pool 1d": lambda z: weighted(F.max_pool1d(z[None], 2)),
    "adaptive pool": lambda z: weighted(F.adaptive_max_pool2d(z[None, None], (1, 2))),
    "quantile": lambda z: z.quantile(0.3),
}  # fmt: skip


@pytest.mark.parametrize("name", ORDERED)
@pytest.mark.parametrize("tied", [True, False])
def test_order_statistics_take_the_entries_that_the_kernel_took(name: str, tied: bool) -> None:
    rng = np.random.default_rng(3)
    values = rng.integers(0, 3, (4, 6)) if tied else rng.permutation(24).reshape(4, 6)
    agrees(ORDERED[name], torch.tensor(values, dtype=D))


SMOOTH = {
    "arithmetic": lambda x: weighted((2 - x) * x / (3 + x) - x.pow(3) + 1 / (x + 5)),
    "powers": lambda x: weighted((x + 3) ** 1.5 + torch.sqrt(x + 4) + torch.rsqrt(x + 4) + 2.0 ** x),
    "exponentials": lambda x: weighted(torch.exp(x) + torch.log(x + 4) + torch.expm1(x) + torch.log1p(x + 3)),
    "trigonometry": lambda x: weighted(torch.sin(x) + torch.cos(x) + torch.tan(x / 3) + torch.atan(x) +
        torch.asin(x / 4)),
    "special": lambda x: weighted(torch.erf(x) + torch.lgamma(x + 4) + torch.logaddexp(x, -x) + torch.sinc(x)),
    "reductions": lambda x: x.var() + x.std(0).sum() + x.mean(1).prod() + x.logsumexp(1).sum() + x.norm() + x.norm(3),
    "matmul": lambda x: weighted(x @ x.T) + weighted((x @ x.T @ x)[0]) + torch.dot(x[0], x[1]),
    "einsum": lambda x: torch.einsum("ij,kj->ik", x, x).pow(2).sum(),
    "shapes": lambda x: weighted(torch.cat([x.T.reshape(4, -1), x.flip(0).view(4, -1)], 1)[:,
        1:].unsqueeze(0).expand(2, -1, -1)),
    "indexing": lambda x: weighted(x[[0, 1, 1]]) + weighted(x[:, [2, 0]]) + x[1, 2] + weighted(x.gather(1,
        torch.tensor([[0], [2]]))),
    "scatter": lambda x: weighted(torch.zeros(3, 4, dtype=D).index_add(0, torch.tensor([1, 1]), x[:, :4])),
    "index put": lambda x: weighted(torch.zeros(5, dtype=D).index_put((torch.tensor([1, 1, 3]),), x[0, :3],
        accumulate=True)),
    "pad": lambda x: weighted(F.pad(x, (1, 2, 0, 1), value=2.0)) + weighted(F.pad(x[None], (1, 1), mode="reflect")),
    "tri": lambda x: weighted(x.tril()) + weighted(x.triu(1)) + x[:, :2].trace() + weighted(torch.stack([x, 2 * x], 1)),
    "split": lambda x: sum(weighted(part) * (i + 1) for i, part in enumerate(x.split(2, 1))) + weighted(x.roll(1, 1)),
    "lerp": lambda x: weighted(torch.lerp(x, 2 * x, 0.3) + torch.addcmul(x, x, x, value=0.5) + torch.cumsum(x, 1)),
    "locally constant": lambda x: weighted(x * torch.sign(x) + torch.floor(x) * x + torch.frac(x) +
        torch.remainder(x, 0.7)),
    "norms": lambda x: weighted(F.layer_norm(x, (4,))) + weighted(F.normalize(x)) + weighted(F.cosine_similarity(x,
        x + 1)),
    "detached": lambda x: weighted(x * x.detach()) + weighted(x.clone() * torch.ones_like(x)),
}  # fmt: skip


@pytest.mark.parametrize("name", SMOOTH)
def test_smooth_operations(name: str) -> None:
    agrees(SMOOTH[name], points(2, 4))


LABELS = torch.tensor([1, 0, 3])
LOSSES = {
    "cross entropy": lambda x: F.cross_entropy(x, LABELS),
    "weighted": lambda x: F.cross_entropy(x, LABELS, weight=torch.arange(1.0, 5, dtype=D), label_smoothing=0.1),
    "ignored": lambda x: F.cross_entropy(x, LABELS, ignore_index=0, reduction="sum"),
    "soft": lambda x: F.cross_entropy(x, x.detach().softmax(1)),
    "mse": lambda x: F.mse_loss(x, x.detach() + 1), "l1": lambda x: F.l1_loss(x, x.detach().round()),
    "smooth l1": lambda x: F.smooth_l1_loss(x, 0 * x.detach()),
    "huber": lambda x: F.huber_loss(x, 0 * x.detach(), delta=0.7),
    "bce": lambda x: F.binary_cross_entropy(torch.sigmoid(x), x.detach().sigmoid()),
    "bce logits": lambda x: F.binary_cross_entropy_with_logits(x, x.detach().sigmoid(), pos_weight=torch.ones(4,
        dtype=D) * 2),
    "soft margin": lambda x: F.soft_margin_loss(x, x.detach().sign()),
    "kl": lambda x: F.kl_div(x.log_softmax(1), x.detach().softmax(1), reduction="batchmean"),
    "hinge": lambda x: F.hinge_embedding_loss(x, torch.where(x.detach() > 0, 1.0, -1.0)),
    "margin ranking": lambda x: F.margin_ranking_loss(x[0], x[1], torch.ones(4, dtype=D), margin=0.0),
    "multi margin": lambda x: F.multi_margin_loss(x, LABELS),
    "multi margin 2": lambda x: F.multi_margin_loss(x, LABELS, p=2),
    "multilabel": lambda x: F.multilabel_margin_loss(x, torch.tensor([[0, 2, -1, 1], [3, -1, 0, 0], [1, 0, -1, 0]])),
    "multilabel soft": lambda x: F.multilabel_soft_margin_loss(x, (x.detach() > 0).double()),
    "triplet": lambda x: F.triplet_margin_loss(x[:1], x[1:2], x[2:]),
    "poisson": lambda x: F.poisson_nll_loss(x, x.detach().abs()),
    "cosine": lambda x: F.cosine_embedding_loss(x, x.flip(0) + 1, torch.tensor([1.0, -1, 1], dtype=D)),
    "gaussian": lambda x: F.gaussian_nll_loss(x, 0 * x.detach(), torch.ones(3, 4, dtype=D)),
    "ctc free": lambda x: F.nll_loss(F.log_softmax(x, 1), LABELS),
    "multi margin tied": lambda x: F.multi_margin_loss(x * 0 + torch.tensor([0.0, 1, 0, 0], dtype=D) + 0 * x, LABELS),
}  # fmt: skip


@pytest.mark.parametrize("name", LOSSES)
def test_losses(name: str) -> None:
    agrees(LOSSES[name], points(3, 4))


def _modules() -> dict[str, tuple[Any, tuple[int, ...]]]:
    torch.manual_seed(0)
    return {
        "conv1d": (nn.Conv1d(2, 4, 3, padding=1), (2, 2, 7)), "conv2d": (nn.Conv2d(2, 4, 3, 2, 1, 1, 2), (2, 2, 6, 7)),
        "dilated": (nn.Conv2d(2, 3, 3, dilation=2, padding=2, padding_mode="circular"), (1, 2, 6, 6)),
        "conv3d": (nn.Conv3d(1, 2, 2), (1, 1, 3, 4, 3)),
        "transposed": (nn.ConvTranspose2d(2, 4, 3, 2, 1, 1, 2), (1, 2, 3, 4)),
        "unbatched": (nn.Conv2d(2, 3, 3), (2, 5, 5)), "batch norm": (nn.BatchNorm1d(4), (5, 4)),
        "batch norm 2d": (nn.BatchNorm2d(2), (3, 2, 3, 3)), "eval norm": (nn.BatchNorm1d(4).eval(), (5, 4)),
        "group norm": (nn.GroupNorm(2, 4), (2, 4, 3)), "layer norm": (nn.LayerNorm(4), (3, 4)),
        "rms norm": (nn.RMSNorm(4), (3, 4)),
        "instance norm": (nn.InstanceNorm2d(2, affine=True), (2, 2, 3, 3)),
        "local response": (nn.LocalResponseNorm(2), (2, 4, 3)),
        "avg pool": (nn.AvgPool2d(3, 2, 1), (1, 2, 7, 6)), "avg pool 1d": (nn.AvgPool1d(2), (2, 2, 6)),
        "count": (nn.AvgPool2d(3, 2, 1, count_include_pad=False), (1, 2, 7, 6)),
        "adaptive": (nn.AdaptiveAvgPool2d((2, 3)), (1, 2, 5, 7)),
        "global": (nn.AdaptiveAvgPool2d(1), (1, 2, 5, 7)), "lp pool": (nn.LPPool1d(2.0, 2), (1, 2, 6)),
        "bilinear": (nn.Upsample(scale_factor=2, mode="bilinear"), (1, 2, 3, 4)),
        "nearest": (nn.Upsample(scale_factor=2), (1, 2, 3)),
        "shuffle": (nn.PixelShuffle(2), (1, 4, 2, 3)), "unfold": (nn.Unfold(2), (1, 2, 3, 4)),
        "linear": (nn.Linear(4, 3), (2, 4)),
        "bilinear layer": (None, (2, 4)),
        "attention": (nn.TransformerEncoderLayer(4, 2, 8, 0.0, batch_first=True), (2, 3, 4)),
        "gelu block": (nn.TransformerEncoderLayer(4, 2, 8, 0.0, "gelu", batch_first=True, norm_first=True), (2, 3, 4)),
        "decoder": (None, (2, 3, 4)), "rnn": (nn.RNN(4, 3, nonlinearity="relu"), (3, 2, 4)),
        "gru": (nn.GRU(4, 3, 2), (3, 2, 4)),
        "lstm": (nn.LSTM(4, 3, bidirectional=True), (3, 2, 4)), "dropout": (nn.Dropout(0.5), (3, 4)),
        "flatten": (nn.Flatten(), (2, 3, 4)),
    }  # fmt: skip


@pytest.mark.parametrize("name", _modules())
def test_modules(name: str) -> None:
    layer, shape = _modules()[name]
    x = points(*shape)
    if name == "bilinear layer":
        held = nn.Bilinear(4, 4, 2).to(D)
        agrees(lambda x: weighted(held(x, x + 1)), x)
        return
    if name == "decoder":
        decoder = nn.TransformerDecoderLayer(4, 2, 8, 0.0, batch_first=True).to(D)
        agrees(lambda x: weighted(decoder(x, x.flip(0), tgt_is_causal=True,
                                          tgt_mask=nn.Transformer.generate_square_subsequent_mask(3, dtype=D))), x)
        return
    layer = layer.to(D)

    def f(x: Any) -> Any:
        y = layer(x)
        return weighted(y[0] if isinstance(y, tuple) else y)

    agrees(f, x)


def test_attention_kernel() -> None:
    def f(x: Any) -> Any:
        return weighted(F.scaled_dot_product_attention(x, 2 * x, x + 1, is_causal=True)) + weighted(
            F.scaled_dot_product_attention(x, x, x, attn_mask=torch.tensor([[0.0, 1, 2]] * 3, dtype=D)))

    agrees(f, points(2, 2, 3, 4))


def test_embeddings() -> None:
    index = torch.tensor([[0, 2], [2, 1]])
    agrees(lambda w: weighted(F.embedding(index, w)) + weighted(F.embedding_bag(index, w, mode="mean")), points(3, 4))


def test_fused_lstm_in_single_precision() -> None:
    torch.manual_seed(0)
    layer = nn.LSTM(3, 4, batch_first=True)
    found, expected = modelled(lambda x: layer(x)[0].pow(2).sum(), torch.randn(2, 5, 3))
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-6)


def _assigned(x: Any, mask: Any) -> Any:
    y = x.clone()
    y[mask] = y[mask] * 3
    return y


@pytest.mark.filterwarnings("ignore:indexing with dtype torch.uint8")
@pytest.mark.parametrize("mask", [[1, 0, 1], [1, 1, 1], [0, 0, 0]])
@pytest.mark.parametrize("f", [
    lambda x, mask: x[mask] ** 2, _assigned, lambda x, mask: torch.outer(x, x)[mask],
    lambda x, mask: x.expand(2, 3)[:, mask], lambda x, mask: torch.outer(x, x)[mask, 1],
])  # fmt: skip
def test_numbers_of_eight_bits_are_masks_where_they_are_keys(f: Any, mask: Any) -> None:
    """A deprecated spelling of torch.bool; as indices [1, 1, 1] would read the second entry three times."""
    x, key = torch.tensor([1.0, -2.0, 3.0], dtype=torch.float64), torch.tensor(mask, dtype=torch.uint8)
    ours, own = modelled(lambda x: f(x, key).sum() + x.sum(), x)
    np.testing.assert_allclose(ours, own)


@pytest.mark.parametrize("held", [
    lambda x: x.new().resize_as_(x).fill_(3), lambda x: x.new().resize_(x.size()).fill_(3),
    lambda x: torch.tensor([5.0, 6.0, 7.0], dtype=D).resize_as_(2 * x),
    lambda x: (x > 0).to(D).resize_as_(x * x), lambda x: torch.cat([x, x])[1:].detach().clone().resize_as_(x),
])  # fmt: skip
def test_memory_in_the_size_of_a_variable_does_not_depend_on_it(held: Any) -> None:
    """Targets of ranking losses are often made so."""
    ours, own = modelled(lambda x: (x**2 * held(x)).sum(), torch.tensor([1.0, -2.0], dtype=D))
    np.testing.assert_allclose(ours, own)


def test_a_jump_is_one_in_memory_of_another_size_too() -> None:
    with pytest.raises(TraceError, match=r"torch\.gt .* is tied"):
        capture(lambda x: (x * (x > 1).to(D).resize_as_(2 * x)).sum(), torch.tensor([1.0, -2.0], dtype=D))
