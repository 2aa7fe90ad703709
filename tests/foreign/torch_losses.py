"""Losses and measures of libraries for torch, and torch's own layers and losses."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from tests.foreign.judging import Case
from tests.foreign.torch_models import by_input, by_parameters, points


def _random(*shape: int) -> Any:
    return np.random.default_rng(0).standard_normal(shape)


def _pictures(size: int, channels: int = 1) -> tuple[Any, Any]:
    random = np.random.default_rng(0)
    return random.uniform(0.1, 0.9, (1, channels, size, size)), random.uniform(0.1, 0.9, (1, channels, size, size))


def _against(functions: dict[str, Callable[[Any, Any], Any]], array: Any, other: Any) -> list[Case]:
    """Functions of a tensor and of another one, at the usual points and where both are the same."""
    import torch

    fixed = torch.tensor(other)
    where = {**points(array), "same": lambda: torch.tensor(other)}
    return [Case(name, lambda f=f: lambda x: f(x, fixed).sum(), where) for name, f in functions.items()]


def of_torchmetrics() -> list[Case]:
    """Measures of torchmetrics that are differentiable, as losses."""
    import torch
    from torchmetrics import functional as F

    chosen: dict[str, list[str]] = {
        "regression": ["mean_absolute_error", "mean_squared_error", "cosine_similarity", "concordance_corrcoef",
                       "pearson_corrcoef", "explained_variance", "r2_score", "mean_absolute_percentage_error",
                       "symmetric_mean_absolute_percentage_error", "weighted_mean_absolute_percentage_error",
                       "log_cosh_error", "relative_squared_error", "minkowski_distance",
                       "normalized_root_mean_squared_error"],
        "audio": ["signal_noise_ratio", "scale_invariant_signal_distortion_ratio", "signal_distortion_ratio",
                  "scale_invariant_signal_noise_ratio"],
    }  # fmt: skip
    more = {"minkowski_distance": {"p": 3.0}}
    rows = {name: lambda x, y, name=name: getattr(F, name)(x, y, **more.get(name, {})) for names in chosen.values()
            for name in names if hasattr(F, name)}
    short = {"signal_distortion_ratio": {"filter_length": 4}}
    spans = {name: lambda x, y, name=name: getattr(F.audio, name)(x, y, **short.get(name, {}))
             for name in chosen["audio"]}
    pictures = ("structural_similarity_index_measure", "peak_signal_noise_ratio", "total_variation",
                "universal_image_quality_index", "error_relative_global_dimensionless_synthesis",
                "spectral_angle_mapper", "relative_average_spectral_error",
                "root_mean_squared_error_using_sliding_window")
    given = {"structural_similarity_index_measure": {"kernel_size": 5, "sigma": 0.8, "data_range": 1.0},
             "peak_signal_noise_ratio": {"data_range": 1.0}, "universal_image_quality_index": {"kernel_size": (5, 5)},
             "root_mean_squared_error_using_sliding_window": {"window_size": 3}}
    images = {name: lambda x, y, name=name: getattr(F.image, name)(
        x, *(() if name == "total_variation" else (y,)), **given.get(name, {})) for name in pictures}
    pairwise = ("pairwise_cosine_similarity", "pairwise_euclidean_distance", "pairwise_linear_similarity",
                "pairwise_manhattan_distance", "pairwise_minkowski_distance")
    pairs = {name: lambda x, y, name=name: getattr(F, name)(x, y) for name in pairwise}
    labels = torch.tensor([0, 1, 2, 0, 1, 2])
    hinge = {"multiclass_hinge_loss": lambda x: F.classification.multiclass_hinge_loss(x, labels, 3),
             "binary_hinge_loss": lambda x: F.classification.binary_hinge_loss(x[:, 0], labels % 2),
             "kl_divergence": lambda x: F.kl_divergence(x.softmax(1), x.flip(0).softmax(1))}
    return [
        *_against({name: f for name, f in rows.items() if name not in chosen["audio"] and name != "cosine_similarity"},
                  _random(8), _random(9)[1:]),
        *_against(spans, _random(20), _random(21)[1:]), *_against(images, *_pictures(12, 3)),
        *_against(pairs, _random(4, 3), _random(5, 3)[1:]),
        *(Case(name, lambda f=f: f, points(_random(6, 3))) for name, f in hinge.items())]  # fmt: skip


def of_piq() -> list[Case]:
    """Measures of the quality of pictures."""
    import piq

    names = {
        "ssim": {"kernel_size": 5}, "multi_scale_ssim": {"kernel_size": 3, "scale_weights": None}, "psnr": {},
        "gmsd": {}, "multi_scale_gmsd": {}, "vsi": {}, "fsim": {}, "haarpsi": {}, "mdsi": {}, "vif_p": {},
        "information_weighted_ssim": {"kernel_size": 3}, "dss": {}, "srsim": {},
    }  # fmt: skip
    wide = {"multi_scale_ssim", "multi_scale_gmsd", "vif_p", "information_weighted_ssim", "srsim"}
    small = {name: lambda x, y, name=name: getattr(piq, name)(x, y, **names[name]) for name in names.keys() - wide}
    large = {name: lambda x, y, name=name: getattr(piq, name)(x, y, **names[name]) for name in wide}
    return [*_against(small, *_pictures(32, 3)), *_against(large, *_pictures(48, 3)),
            *_against({"total_variation": lambda x, y: piq.total_variation(x)}, *_pictures(12))]


def of_monai() -> list[Case]:
    """Losses and small networks of monai."""
    import torch
    from monai import losses
    from monai.networks import blocks, nets

    random = np.random.default_rng(1)
    hot = torch.nn.functional.one_hot(torch.tensor(random.integers(0, 3, (1, 6, 6))), 3).movedim(-1, 1).double()
    made: dict[str, Callable[[], Any]] = {
        "Dice": lambda: losses.DiceLoss(softmax=True), "Dice squared": lambda: losses.DiceLoss(
            sigmoid=True, squared_pred=True), "Dice jaccard": lambda: losses.DiceLoss(sigmoid=True, jaccard=True),
        "GeneralizedDice": lambda: losses.GeneralizedDiceLoss(softmax=True), "Tversky": lambda: losses.TverskyLoss(
            softmax=True), "Focal": lambda: losses.FocalLoss(), "Focal softmax": lambda: losses.FocalLoss(
            use_softmax=True), "DiceCE": lambda: losses.DiceCELoss(softmax=True),
        "DiceFocal": lambda: losses.DiceFocalLoss(softmax=True), "Hausdorff": lambda: losses.LogHausdorffDTLoss(
            softmax=True), "clDice": lambda: losses.SoftclDiceLoss(), "soft Dice clDice": lambda:
            losses.SoftDiceclDiceLoss(), "unified focal": lambda: losses.AsymmetricUnifiedFocalLoss(),
        "GeneralizedDiceFocal": lambda: losses.GeneralizedDiceFocalLoss(softmax=True),
        "NACL": lambda: losses.NACLLoss(3, 2),
    }  # fmt: skip
    two = {"unified focal": hot[:, :2]}
    labels = {"NACL": hot.argmax(1)}

    def of(name: str) -> Callable[[Any], Any]:
        loss, target = made[name](), labels.get(name, two.get(name, hot))
        return lambda x: loss(x[:, :2] if name in two else x, target)

    found = [Case(name, lambda name=name: of(name), points(_random(1, 3, 6, 6))) for name in made]
    registration = {
        "LNCC": lambda: losses.LocalNormalizedCrossCorrelationLoss(spatial_dims=2, kernel_size=3),
        "mutual information": lambda: losses.GlobalMutualInformationLoss(num_bins=5),
        "SSIM": lambda: losses.SSIMLoss(spatial_dims=2, win_size=5), "multi scale": lambda: losses.MultiScaleLoss(
            torch.nn.MSELoss(), scales=[0, 1]),
    }  # fmt: skip
    found += [case for name, loss in registration.items() for case in _against(
        {name: lambda x, y, loss=loss: loss()(x, y)}, *_pictures(12))]
    flow = _random(1, 2, 6, 6)
    found += [by_input("bending energy", losses.BendingEnergyLoss, flow), by_input(
        "diffusion", losses.DiffusionLoss, flow), by_input("Warp", lambda: _Warped(blocks.Warp()), flow)]
    networks = {
        "UNet": lambda: nets.UNet(2, 1, 1, (4, 8), (2,)), "BasicUNet": lambda: nets.BasicUNet(
            2, 1, 1, features=(4, 4, 4, 4, 4, 4)), "SegResNet": lambda: nets.SegResNet(2, 8, 1, 1, blocks_down=(1, 1),
                                                                                    blocks_up=(1,)),
        "AttentionUnet": lambda: nets.AttentionUnet(2, 1, 1, (4, 8), (2,)), "VNet": lambda: nets.VNet(2, 1, 1),
        "DenseNet": lambda: nets.DenseNet(2, 1, 2, 4, 2, (1, 1)), "HighResNet": lambda: nets.HighResNet(2, 1, 1),
    }  # fmt: skip
    return found + [by_input(name, network, _random(1, 1, 32, 32)) for name, network in networks.items()]


class _Warped:
    """A picture that is warped by a flow, as a model of the flow."""

    def __init__(self, warp: Any) -> None:
        import torch

        self.warp, self.picture = warp, torch.tensor(_random(1, 1, 6, 6))

    def double(self) -> _Warped:
        return self

    eval = double

    def __call__(self, flow: Any) -> Any:
        return self.warp(self.picture, flow)


def of_torch() -> list[Case]:
    """Torch's own layers by input and parameters, its losses, and what people compute with derivatives of models."""
    import torch
    from torch import nn
    from torch.nn import functional as F

    layers: dict[str, tuple[Callable[[], Any], Any]] = {
        "MLP": (lambda: nn.Sequential(nn.Linear(4, 6), nn.ReLU(), nn.Linear(6, 1)), _random(5, 4)),
        "CNN": (lambda: nn.Sequential(nn.Conv2d(1, 3, 3), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(12, 2)),
                _random(2, 1, 6, 6)),
        "batch norm": (lambda: nn.Sequential(nn.Linear(4, 4), nn.BatchNorm1d(4), nn.ReLU()), _random(5, 4)),
        "weight norm": (lambda: nn.utils.parametrizations.weight_norm(nn.Linear(4, 3)), _random(5, 4)),
        "spectral norm": (lambda: nn.utils.parametrizations.spectral_norm(nn.Linear(4, 3)), _random(5, 4)),
        "orthogonal": (lambda: nn.utils.parametrizations.orthogonal(nn.Linear(4, 4)), _random(5, 4)),
        "transformer": (lambda: nn.TransformerEncoderLayer(4, 2, 8, 0.0, batch_first=True), _random(1, 3, 4)),
        "bilinear": (lambda: nn.Sequential(nn.Upsample(scale_factor=2, mode="bilinear"), nn.Conv2d(1, 1, 3)),
                     _random(1, 1, 4, 4)),
        "embedding distances": (lambda: _Distances(), _random(5, 4)),
    }  # fmt: skip
    other, labels = torch.tensor(_random(7, 4)[1:]), torch.tensor([0, 1, 2, 3, 0, 1])
    signs = torch.where(other > 0, 1.0, -1.0).double()
    losses: dict[str, Callable[[Any], Any]] = {
        "l1": lambda x: F.l1_loss(x, other), "mse": lambda x: F.mse_loss(x, other), "huber": lambda x: F.huber_loss(
            x, other), "smooth l1": lambda x: F.smooth_l1_loss(x, other, beta=0.5),
        "cross entropy": lambda x: F.cross_entropy(x, labels, label_smoothing=0.1),
        "margin": lambda x: F.multi_margin_loss(x, labels), "multilabel": lambda x: F.multilabel_margin_loss(
            x, labels[:, None].expand(6, 4) * 0 + torch.tensor([1, 2, -1, 0])),
        "soft margin": lambda x: F.soft_margin_loss(x, signs), "hinge": lambda x: F.hinge_embedding_loss(x, signs),
        "triplet": lambda x: F.triplet_margin_loss(x[:2], x[2:4], x[4:]),
        "cosine": lambda x: F.cosine_embedding_loss(x[:3], x[3:], signs[:3, 0]),
        "ranking": lambda x: F.margin_ranking_loss(x[:3], x[3:], signs[:3]),
        "BCE": lambda x: F.binary_cross_entropy_with_logits(x, (signs + 1) / 2),
        "BCE of sigmoid": lambda x: F.binary_cross_entropy(x.sigmoid(), (signs + 1) / 2),
        "KL": lambda x: F.kl_div(x.log_softmax(1), other.softmax(1)), "Poisson": lambda x: F.poisson_nll_loss(
            x, other.abs()), "Gaussian": lambda x: F.gaussian_nll_loss(x[:3], other[:3], x[3:].exp()),
        "CTC": lambda x: F.ctc_loss(x.reshape(6, 1, 4).log_softmax(2), torch.tensor([[1, 2]]), [6], [2]),
        "CTC, zero infinity": lambda x: F.ctc_loss(
            x.reshape(6, 1, 4).log_softmax(2), torch.tensor([[1, 2]]), [6], [2], zero_infinity=True),
        "CTC that is infinite": lambda x: F.ctc_loss(x.reshape(6, 1, 4).log_softmax(2), torch.tensor(
            [[1, 2, 1, 2, 1, 2, 1]]), [6], [7], zero_infinity=True),
        "Huber by hand": lambda x: torch.where((x - other).abs() < 1, 0.5 * (x - other) * (x - other),
                                               (x - other).abs() - 0.5).sum(),
        "masked": lambda x: F.relu(x)[F.relu(x) > 0].sum(), "masked mean": lambda x: F.relu(x).masked_select(
            x > 5).sum() + x.mean(), "top losses": lambda x: (x - other).abs().flatten().topk(5).values.mean(),
        "hard examples": lambda x: (x - other).square().sum(1)[(x - other).square().sum(1).argsort()[-2:]].mean(),
        "distances": lambda x: torch.cdist(x, x).sum(), "nuclear norm": lambda x: torch.linalg.matrix_norm(x, "nuc"),
        "group lasso": lambda x: x.norm(dim=1).sum(), "normalized": lambda x: (F.normalize(x) * other).sum(),
        "slogdet": lambda x: torch.slogdet(x[:4] + 3 * torch.eye(4).double())[1],
        "slogdet by hand": lambda x: -torch.logdet(x[:4] @ x[:4].T + torch.eye(4).double()),
        "solve": lambda x: torch.linalg.solve(x[:4] + 3 * torch.eye(4).double(), other[:4]).sum(),
        "FFT": lambda x: torch.fft.rfft(x).abs().sum(), "STFT": lambda x: torch.stft(
            x.reshape(-1), 8, return_complex=True, window=torch.hann_window(8).double()).abs().square().sum(),
        "entropic": lambda x: torch.special.entr(x.softmax(1)).sum(),
    }  # fmt: skip
    found = [by_input(name, *given) for name, given in layers.items()]
    found += [by_parameters(name, *given) for name, given in layers.items()]
    found += [Case(name, lambda f=f: f, {**points(_random(6, 4)), "same": lambda: other.clone()})
              for name, f in losses.items()]
    return found + _of_derivatives()


def _of_derivatives() -> list[Case]:
    """Penalties of gradients, equations with derivatives, a step of training inside, transforms of torch.func."""
    import torch
    from torch.nn import functional as F

    weights = torch.tensor(_random(4, 4))

    def net(x: Any, w: Any, act: Callable[[Any], Any] = torch.tanh) -> Any:
        return act(x @ w).sum()

    def penalty(x: Any, act: Callable[[Any], Any]) -> Any:
        leaf = x if x.requires_grad else x.clone().requires_grad_()
        (gradient,) = torch.autograd.grad(net(leaf, weights, act), leaf, create_graph=True)
        return (gradient.norm(dim=1) - 1).square().mean()

    def adapted(x: Any) -> Any:
        own = x[:4] if x.requires_grad else x[:4].clone().requires_grad_()
        (gradient,) = torch.autograd.grad(net(weights, own).square(), own, create_graph=True)
        return net(weights, own - 0.1 * gradient).square()

    functions = {
        "penalty": lambda x: penalty(x, torch.tanh), "penalty of relu": lambda x: penalty(x, F.relu), "MAML": adapted,
        "func.grad": lambda x: torch.func.grad(lambda u: net(u, weights))(x).square().sum(),
        "func.jacrev": lambda x: torch.func.jacrev(lambda u: torch.tanh(u @ weights).sum(1))(x).square().sum(),
        "func.hessian": lambda x: torch.func.hessian(lambda u: net(u, weights))(x).square().sum(),
        "func.vmap": lambda x: torch.func.vmap(lambda u: F.relu(u @ weights).sum())(x).square().sum(),
    }  # fmt: skip
    return [Case(name, lambda f=f: f, points(_random(4, 4))) for name, f in functions.items()]


class _Distances:
    """Distances of the input to learned centres."""

    def __new__(cls) -> Any:
        import torch

        class Distances(torch.nn.Module):
            def __init__(self) -> None:
                super().__init__()
                self.centres = torch.nn.Parameter(torch.randn(3, 4))

            def forward(self, x: Any) -> Any:
                return torch.cdist(x, self.centres).min(1).values

        return Distances()


def of_torchrl() -> list[Case]:
    """Returns and losses of torchrl, by values and rewards."""
    import torch
    from torchrl.objectives.utils import distance_loss
    from torchrl.objectives.value import functional as V

    done = torch.zeros(1, 6, 1, dtype=torch.bool)
    reward = torch.tensor(_random(1, 7, 1))[:, 1:]
    functions: dict[str, Callable[[Any], Any]] = {
        "GAE": lambda x: V.generalized_advantage_estimate(0.9, 0.8, x, x.roll(-1, 1), reward, done)[0].square().sum(),
        "TD0": lambda x: V.td0_return_estimate(0.9, x, reward, done).square().sum(),
        "TD lambda": lambda x: V.td_lambda_return_estimate(0.9, 0.8, x, reward, done).square().sum(),
        "returns": lambda x: V.reward2go(x, done, 0.9).square().sum(),
        **{f"distance {kind}": lambda x, kind=kind: distance_loss(x, reward, kind).sum() for kind in (
            "l1", "l2", "smooth_l1")},
    }  # fmt: skip
    return [Case(name, lambda f=f: f, points(_random(1, 6, 1))) for name, f in functions.items()]


def of_agents() -> list[Case]:
    """Losses of reinforcement learning, as stable_baselines3 writes them, by the outputs of its networks."""
    import torch
    from stable_baselines3.common import distributions

    random = np.random.default_rng(1)
    actions, advantages, old = (torch.tensor(random.standard_normal((6, 2))) for _ in range(3))
    old = old.sum(1)

    def gaussian(x: Any) -> Any:
        made = distributions.DiagGaussianDistribution(2).proba_distribution(x, torch.zeros(2).double())
        return made.log_prob(actions)

    def clipped(x: Any) -> Any:
        ratio = (gaussian(x) - old).exp()
        first, second = advantages[:, 0] * ratio, advantages[:, 0] * ratio.clamp(0.8, 1.2)
        return -torch.min(first, second).mean()

    def squashed(x: Any) -> Any:
        made = distributions.SquashedDiagGaussianDistribution(2).proba_distribution(x, torch.zeros(2).double())
        return made.log_prob(torch.tanh(actions)).sum()

    chosen = torch.tensor([0, 1, 1, 0, 0, 1])
    functions: dict[str, Callable[[Any], Any]] = {
        "PPO": clipped, "A2C": lambda x: -(gaussian(x) * advantages[:, 0]).mean(), "squashed": squashed,
        "value, clipped": lambda x: (old + (x[:, 0] - old).clamp(-0.2, 0.2) - advantages[:, 0]).square().mean(),
        "categorical": lambda x: distributions.CategoricalDistribution(2).proba_distribution(x).log_prob(chosen).sum(),
        "entropy": lambda x: distributions.CategoricalDistribution(2).proba_distribution(x).entropy().sum(),
        "bernoulli": lambda x: distributions.BernoulliDistribution(2).proba_distribution(x).log_prob(
            (actions > 0).double()).sum(),
        "DQN": lambda x: torch.nn.functional.smooth_l1_loss(
            x.gather(1, chosen[:, None])[:, 0], x.max(1).values.detach()),
        "quantiles": lambda x: quantiles(x),
    }  # fmt: skip

    def quantiles(x: Any) -> Any:
        gap = actions[:, None, :].expand(6, 2, 2) - x[:, :, None]
        levels = (torch.arange(2).double() + 0.5)[None, :, None] / 2
        huber = torch.where(gap.abs() > 1, gap.abs() - 0.5, gap**2 * 0.5)
        return (torch.abs(levels - (gap.detach() < 0).double()) * huber).sum()

    return [Case(name, lambda f=f: f, points(_random(6, 2))) for name, f in functions.items()]
