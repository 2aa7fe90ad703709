"""What was once refused of code for torch, kind by kind, and what becomes of it now.

    python -m tests.foreign.once_refused [--all]     a table, and with --all a line a case

Of 568 models and losses of 18 libraries 97 were refused.  These are cases of the same kinds from the same libraries, as
many of each kind, at random points and at the degenerate ones that were refused.
"""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Callable
from typing import Any

import numpy as np

from tests.foreign.jax_libraries import ROWS
from tests.foreign.judging import Case, Library, of_one
from tests.foreign.libraries import LIBRARIES
from tests.frontends.outcomes import DECIDED, FAULTS, UNDECIDED, Outcome, collected

Function = Callable[[Any], Any]
#: A function that is made anew, and the array that it is judged at.
Made = dict[str, tuple[Callable[[], Function], Any]]
_RANDOM = np.random.default_rng(3)


def _numbers(*shape: int) -> Any:
    return _RANDOM.standard_normal(shape)


def _of_library(library: str, point: str, names: tuple[str, ...]) -> Made:
    """Cases of a library, by their names, at a point."""
    known = {case.name: case for case in LIBRARIES[library].cases()}
    return {f"{library} {name} {point}": (known[name].made, known[name].points[point]()) for name in names}


def comparisons() -> Made:
    """A comparison that is tied: of values that do not move, of masked, clamped and padded entries, of boxes."""
    import torch
    from torchvision.models.detection.anchor_utils import AnchorGenerator, DefaultBoxGenerator
    from torchvision.models.detection.fcos import FCOS
    from torchvision.models.detection.ssd import SSD

    losses = (
        "AngularLoss", "CircleLoss", "ContrastiveLoss", "FastAPLoss", "GeneralizedLiftedStructureLoss",
        "IntraPairVarianceLoss", "LiftedStructureLoss", "MarginLoss", "MultiSimilarityLoss", "NCALoss", "NTXentLoss",
        "RankedListLoss", "SignalToNoiseRatioContrastiveLoss", "SmoothAPLoss", "SupConLoss",
        "ThresholdConsistentMarginLoss", "TripletMarginLoss", "TupletMarginLoss")
    mask = torch.tensor([[True, False, True], [False, True, True]])
    far = torch.full((2, 3), -torch.inf).double()
    picture = torch.tensor(_numbers(3, 32, 32))
    target = {"boxes": torch.tensor([[4.0, 4.0, 20.0, 22.0]]).double(), "labels": torch.tensor([1])}

    def detector(kind: Callable[[Any], Any], channels: Any) -> Callable[[], Function]:
        def made() -> Function:
            torch.manual_seed(0)
            backbone: Any = torch.nn.Sequential(torch.nn.Conv2d(3, 32, 3, 8, 1), torch.nn.ReLU())
            backbone.out_channels = channels
            model = kind(backbone).double().train()
            return lambda x: sum(model([x], [target]).values())

        return made

    return {
        **_of_library("pytorch_metric_learning", "random", losses),
        "kept where positive": (lambda: lambda x: x.relu()[x.relu() > 0].square().sum(), _numbers(6)),
        "counted where positive": (
            lambda: lambda x: x.relu().sum() / (x.relu() > 0).sum().clamp(min=1), _numbers(6)),
        "masked": (lambda: lambda x: (x * mask).relu().sum() / ((x * mask) > 0).sum(), _numbers(2, 3)),
        "clamped": (lambda: lambda x: torch.where(x.clamp(min=0.5) > 0.5, x - 0.5, 0.0).sum(), _numbers(6)),
        "filled with -inf": (
            lambda: lambda x: x.masked_fill(~mask, -torch.inf).max(1).values.sum() + (
                x.masked_fill(~mask, -torch.inf) == far).sum(), _numbers(2, 3)),
        "of zeros like it": (
            lambda: lambda x: torch.where(torch.zeros_like(x) > 0, x, x.square()).sum(), _numbers(6)),
        "logits of padded words": (
            lambda: lambda x: x.masked_fill(~mask, -1e9).log_softmax(1).masked_fill(~mask, 0).sum(), _numbers(2, 3)),
        **_of_library("torchvision", "same", ("distance_box_iou_loss",)),
        "FCOS": (detector(lambda net: FCOS(
            net, 3, min_size=32, max_size=32, anchor_generator=AnchorGenerator(((8,),), ((1.0,),))), 32),
            picture.numpy()),
        "SSD": (detector(lambda net: SSD(net, DefaultBoxGenerator([[2]]), (32, 32), 3), [32]), picture.numpy()),
    }  # fmt: skip


def scatters() -> Made:
    """scatter_reduce with amax, amin and mean: aggregations of graphs."""
    import torch
    from torch_geometric import nn

    edges = torch.tensor([[0, 1, 2, 3, 4, 5, 6, 7, 0, 2], [1, 2, 3, 4, 5, 6, 7, 0, 4, 6]])
    groups = torch.tensor([0, 0, 0, 1, 1, 2, 2, 2])

    def layer(made: Callable[[], Any], *more: Any) -> Callable[[], Function]:
        def start() -> Function:
            torch.manual_seed(0)
            held = made().double()
            return lambda x: held(x, *more).square().sum()

        return start

    def net(width: int) -> Any:
        return torch.nn.Sequential(torch.nn.Linear(width, 3), torch.nn.ReLU())

    degrees = torch.tensor([0, 6, 2])
    layers: dict[str, Callable[[], Any]] = {
        **{f"SAGEConv {kind}": lambda kind=kind: nn.SAGEConv(4, 3, aggr=kind) for kind in ("max", "min", "mean")},
        "GraphConv max": lambda: nn.GraphConv(4, 3, aggr="max"), "EdgeConv max": lambda: nn.EdgeConv(net(8), "max"),
        "EdgeConv mean": lambda: nn.EdgeConv(net(8), "mean"), "GINConv max": lambda: nn.GINConv(net(4), aggr="max"),
        "PNAConv": lambda: nn.PNAConv(4, 3, ["mean", "min", "max", "std"], ["identity"], degrees),
    }  # fmt: skip
    places = torch.tensor([[0, 1, 0, 1], [1, 1, 0, 0]])
    positions = torch.tensor(_numbers(8, 3))
    return {
        **{name: (layer(made, edges), ROWS) for name, made in layers.items()},
        "PointNetConv": (layer(lambda: nn.PointNetConv(net(7)), positions, edges), ROWS),
        **{f"global {kind} pool": (lambda kind=kind: lambda x: getattr(nn, f"global_{kind}_pool")(
            x, groups).square().sum(), ROWS) for kind in ("max", "mean")},
        "MaxAggregation of equal rows": (layer(nn.MaxAggregation, groups), np.repeat(ROWS[::2], 2, 0)),
        "MinAggregation of equal rows": (layer(nn.MinAggregation, groups), np.repeat(ROWS[::2], 2, 0)),
        **{f"scatter_reduce {kind}": (lambda kind=kind: lambda x: torch.zeros(2, 2).double().scatter_reduce(
            1, places[:, :4] % 2, x, kind, include_self=False).square().sum(), _numbers(2, 4))
           for kind in ("amax", "amin", "mean")},
    }  # fmt: skip


def roots() -> Made:
    """Norms, roots and deviations at 0."""
    import torch
    from torch.nn import functional as F

    eye, off = torch.eye(4, dtype=torch.bool), ~torch.eye(4, dtype=torch.bool)
    upper = torch.triu_indices(4, 4, 1)
    distances: dict[str, Function] = {
        "cdist": lambda x: torch.cdist(x, x).sum(), "cdist, picked": lambda x: torch.cdist(x, x)[off].sum(),
        "cdist, filled": lambda x: torch.cdist(x, x).masked_fill(eye, 0).sum(),
        "cdist, chosen": lambda x: torch.where(eye, 0, torch.cdist(x, x)).sum(),
        "cdist, above the diagonal": lambda x: torch.cdist(x, x)[upper[0], upper[1]].sum(),
        "cdist, weighted": lambda x: (torch.cdist(x, x) * off).sum(),
    }  # fmt: skip
    rows = _numbers(4, 3)
    return {
        **{name: (lambda f=f: f, rows) for name, f in distances.items()},
        "triplet with equal points": (
            lambda: lambda x: F.triplet_margin_loss(x[:2], x[2:], x[:2].flip(0)), rows[[0, 1, 0, 1]]),
        "group lasso": (lambda: lambda x: x.norm(dim=1).sum(), rows * [[1], [0], [1], [0]]),
        "normalize at 0": (lambda: lambda x: F.normalize(x).square().sum(), 0 * rows),
        "cosine similarity with 0": (lambda: lambda x: F.cosine_similarity(x[:2], x[2:]).sum(), rows * [
            [1], [0], [1], [1]]),
        "deviation of equal numbers": (lambda: lambda x: x.std(1).sum(), np.ones((4, 3))),
        "root of a square": (lambda: lambda x: x.square().sqrt().sum(), rows * [1, 0, 1]),
    }  # fmt: skip


def derivatives() -> Made:
    """Derivatives inside of the function."""
    import torch
    from torch.nn import functional as F

    weights, names = torch.tensor(_numbers(4, 4)), ("MAML", "func.grad", "func.jacrev", "func.hessian", "penalty",
                                                    "penalty of relu")

    def wasserstein() -> Function:
        torch.manual_seed(0)
        critic = torch.nn.Sequential(torch.nn.Linear(4, 6), torch.nn.LeakyReLU(0.2), torch.nn.Linear(6, 1)).double()

        def f(x: Any) -> Any:
            between = 0.3 * (x if x.requires_grad else x.clone().requires_grad_()) + 0.7 * weights
            (slope,) = torch.autograd.grad(critic(between).sum(), between, create_graph=True)
            return critic(x).mean() - critic(weights).mean() + 10 * (slope.norm(dim=1) - 1).square().mean()

        return f

    def equation() -> Function:
        def f(x: Any) -> Any:
            places = torch.linspace(0, 1, 5).double()[:, None].requires_grad_()
            u = torch.tanh(places @ x[:1]) @ x[1:].T
            (first,) = torch.autograd.grad(u.sum(), places, create_graph=True)
            (second,) = torch.autograd.grad(first.sum(), places, create_graph=True)
            return (second + F.softplus(u).sum(1, keepdim=True)).square().mean()

        return f

    return {**_of_library("torch", "random", names), "WGAN-GP": (wasserstein, _numbers(4, 4)),
            "PINN": (equation, _numbers(2, 4))}


def spectra() -> Made:
    """Fourier transforms, complex views, angles."""
    import torch

    other = torch.tensor(_numbers(4, 8))
    return {
        "spectral": (lambda: lambda x: (torch.fft.rfft(x).abs() - torch.fft.rfft(other).abs()).abs().sum(),
                     _numbers(4, 8)),
        "phase": (lambda: lambda x: torch.fft.fft(x).angle().sin().sum(), _numbers(4, 8)),
        "view_as_real": (lambda: lambda x: torch.view_as_real(torch.fft.rfft2(x)).square().sum(), _numbers(4, 8)),
        **_of_library("piq", "random", ("fsim", "vsi")),
    }  # fmt: skip


def algebra() -> Made:
    """Linear algebra."""
    import torch

    eye, right = torch.eye(4).double(), torch.tensor(_numbers(4, 1))

    def process(x: Any) -> Any:
        factor = torch.linalg.cholesky(x @ x.T + eye)
        return right.T @ torch.cholesky_solve(right, factor) + factor.diagonal().log().sum()

    return {
        "Gaussian process": (lambda: lambda x: process(x).sum(), _numbers(4, 4)),
        **_of_library("torch", "random", ("orthogonal", "nuclear norm", "slogdet", "solve")),
        "eigh": (lambda: lambda x: torch.linalg.eigh(x @ x.T).eigenvalues[-1], _numbers(4, 4)),
        "matrix_exp": (lambda: lambda x: torch.matrix_exp(x).sum(), _numbers(4, 4)),
    }  # fmt: skip


def grids() -> Made:
    """Samples of pictures between pixels."""
    import torch
    from torch.nn import functional as F

    picture = torch.tensor(_numbers(1, 1, 6, 6))

    def transformer(x: Any) -> Any:
        grid = F.affine_grid(x.reshape(1, 2, 3), [1, 1, 6, 6], align_corners=False)
        return F.grid_sample(picture, grid, align_corners=False).square().sum()

    turned = np.array([0.9, 0.1, 0.05, -0.1, 0.9, 0.02])
    return {"spatial transformer": (lambda: transformer, turned),
            "spatial transformer, untouched": (lambda: transformer, np.array([1.0, 0, 0, 0, 1.0, 0])),
            **_of_library("kornia", "random", ("warp",)), **_of_library("monai", "random", ("Warp",))}


def others() -> Made:
    """One operation each."""
    import torch
    import transformers as tf
    from torch import nn
    from torch.nn import functional as F

    labels, words = torch.tensor([[1, 2, 3, 4]]), torch.tensor([[0, 2, 1], [1, 1, 3]])
    small = {"hidden_size": 8, "num_hidden_layers": 1, "num_attention_heads": 2, "vocab_size": 11,
             "num_key_value_heads": 2, "max_position_embeddings": 16, "intermediate_size": 16, "head_dim": 4}

    def experts(implementation: str) -> Callable[[], Function]:
        def made() -> Function:
            torch.manual_seed(0)
            model = tf.MixtralForCausalLM(tf.MixtralConfig(
                **small, num_local_experts=3, num_experts_per_tok=2,
                experts_implementation=implementation)).eval()
            return lambda x: model(inputs_embeds=x, labels=labels).loss

        return made

    def normed(layer: Callable[[], Any], *shape: int) -> tuple[Callable[[], Function], Any]:
        def made() -> Function:
            torch.manual_seed(0)
            held = nn.utils.parametrizations.weight_norm(layer().double())
            return lambda x: held(x).square().sum()

        return made, _numbers(*shape)

    targets = torch.tensor([[0.0, 1.0, 1.0]]).double()
    sparse = torch.tensor(_numbers(3, 4)).relu().to_sparse()
    functions: dict[str, tuple[Function, Any]] = {
        "diag": (lambda x: torch.diag(x).square().sum(), _numbers(4)),
        "diag of a matrix": (lambda x: torch.diag(x).square().sum(), _numbers(4, 4)),
        "hardshrink": (lambda x: F.hardshrink(x).sum(), _numbers(4)),
        "hardshrink at its jump": (lambda x: F.hardshrink(x).sum(), np.array([0.5, 2.0])),
        "saturated BCE": (lambda x: F.binary_cross_entropy(x, targets), np.array([[0.0, 1.0, 0.3]])),
        "saturated BCE of a sigmoid": (
            lambda x: F.binary_cross_entropy(x.sigmoid(), targets), np.array([[800.0, -900.0, 0.3]])),
        "embedding_bag max": (lambda x: F.embedding_bag(words, x, mode="max").square().sum(), _numbers(4, 3)),
        "embedding_renorm": (lambda x: F.embedding(words, x, max_norm=0.5).square().sum(), _numbers(4, 3)),
        "fake_quantize": (lambda x: torch.fake_quantize_per_tensor_affine(x, 0.1, 0, -128, 127).sum(), _numbers(4)),
        "col2im": (lambda x: F.fold(x, (4, 4), 2).square().sum(), _numbers(1, 4, 9)),
        "sparse mm": (lambda x: torch.sparse.mm(sparse, x).square().sum(), _numbers(4, 2)),
        "nanmedian": (lambda x: x.nanmedian(), _numbers(5)),
    }  # fmt: skip
    return {
        "weight_norm linear": normed(lambda: nn.Linear(4, 3), 5, 4),
        "weight_norm convolution": normed(lambda: nn.Conv1d(2, 3, 3), 1, 2, 6),
        "weight_norm convolution of pictures": normed(lambda: nn.Conv2d(1, 2, 3), 1, 1, 5, 5),
        **{f"Mixtral {kind}": (experts(kind), _numbers(1, 4, 8).astype("f")) for kind in ("grouped_mm", "eager")},
        **{name: (lambda f=f: f, array) for name, (f, array) in functions.items()},
        **_of_library("torch", "random", ("CTC", "CTC, zero infinity")),
    }  # fmt: skip


def spellings() -> Made:
    """The same function in other words."""
    import torch

    y = torch.tensor([0.5, -1.0, 2.0]).double()

    def twice(x: Any) -> Any:
        return torch.where((x - y).abs() < 1, 0.5 * (x - y) * (x - y), (x - y).abs() - 0.5).sum()

    return {"Huber as .5 * d * d": (lambda: twice, np.array([1.5, -1.0, 0.0])),
            "|x - y| twice": (lambda: lambda x: ((x - y).abs() * torch.sign(x - y) * (x - y)).sum() + (
                x - y).abs().max(), np.array([1.5, -2.0, 2.0]))}


KINDS: dict[str, Callable[[], Made]] = {
    "a tied comparison": comparisons, "scatter_reduce": scatters, "not C1 at this point": roots,
    "derivatives inside": derivatives, "Fourier transforms, angles": spectra, "linear algebra": algebra,
    "grid samples": grids, "one operation each": others, "spelling": spellings,
}  # fmt: skip


def outcomes(kind: str) -> list[Outcome]:
    """What becomes of the cases of a kind."""
    import torch

    library = Library("torch", "torch", list, LIBRARIES["torch"].gradient)
    return collected(
        Outcome(kind, name, *of_one(library, Case(name, made, {}), lambda array=array: torch.as_tensor(array)))
        for name, (made, array) in KINDS[kind]().items())


def main() -> int:
    """0 where nothing is wrong."""
    bad, every = 0, Counter[str]()
    print(f"{'kind':28}{'once refused':>13}{'followed':>10}{'decided':>9}{'refused':>9}{'not run':>9}")
    for kind in KINDS:
        found = outcomes(kind)
        count = Counter("refused" if one.kind.startswith("refused") else one.kind for one in found)
        rest = len(found) - count[DECIDED] - count[UNDECIDED] - count["refused"]
        shown = {"once": len(found), "followed": count[DECIDED] + count[UNDECIDED], "decided": count[DECIDED],
                 "refused": count["refused"], "rest": rest}
        every.update(shown)
        bad += sum(one.kind in FAULTS for one in found)
        print(f"{kind:28}{shown['once']:13}{shown['followed']:10}{shown['decided']:9}{shown['refused']:9}{rest:9}")
        for one in found:
            if "--all" in sys.argv or one.kind not in (DECIDED, UNDECIDED):
                print(f"    {one.sample}: {one.kind} {one.text[:300]}", flush=True)
    print(f"{'all':28}" + "".join(f"{every[name]:{width}}" for name, width in (
        ("once", 13), ("followed", 10), ("decided", 9), ("refused", 9), ("rest", 9))))
    return int(bad > 0)


if __name__ == "__main__":
    sys.exit(main())
