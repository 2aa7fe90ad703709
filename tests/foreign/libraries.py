"""The libraries, and the functions of theirs that are judged.  Each is loaded when its cases are made."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from tests.foreign import flax_networks, jax_libraries, torch_losses, torch_models
from tests.foreign.jax_libraries import ROWS, degenerate
from tests.foreign.judging import Case, Library

_RANDOM = np.random.default_rng(0)
_IMAGE = _RANDOM.uniform(0.1, 0.9, (1, 2, 12, 12))


def _torch_gradient(f: Callable[[Any], Any], x: Any) -> Any:
    import torch

    if not isinstance(x, dict):
        leaf = x.clone().requires_grad_()
        return torch.autograd.grad(f(leaf), leaf)[0].detach()
    leaves = {name: value.clone().requires_grad_() for name, value in x.items()}
    found = torch.autograd.grad(f(leaves), [*leaves.values()], allow_unused=True, materialize_grads=True)
    return dict(zip(leaves, found, strict=True))


def _jax_gradient(f: Callable[[Any], Any], x: Any) -> Any:
    import jax

    return jax.grad(f)(x)


def _tensors(arrays: dict[str, Any]) -> dict[str, Callable[[], Any]]:
    import torch

    return {name: lambda array=array: torch.tensor(array) for name, array in arrays.items()}


def metric_learning() -> list[Case]:
    """Losses of embeddings with labels, two of each."""
    import torch
    from pytorch_metric_learning import losses

    labels = torch.tensor([0, 0, 1, 1, 2, 2, 3, 3])
    given: dict[str, dict[str, Any]] = {
        **{name: {} for name in (
            "AngularLoss", "CircleLoss", "ContrastiveLoss", "DynamicSoftMarginLoss", "FastAPLoss",
            "GeneralizedLiftedStructureLoss", "InstanceLoss", "IntraPairVarianceLoss", "LiftedStructureLoss",
            "MarginLoss", "MultiSimilarityLoss", "NCALoss", "NPairsLoss", "NTXentLoss", "PNPLoss",
            "SignalToNoiseRatioContrastiveLoss", "SmoothAPLoss", "SupConLoss", "ThresholdConsistentMarginLoss",
            "TripletMarginLoss", "TupletMarginLoss")},
        **{name: {"num_classes": 4, "embedding_size": 4} for name in (
            "ArcFaceLoss", "CosFaceLoss", "LargeMarginSoftmaxLoss", "NormalizedSoftmaxLoss", "ProxyAnchorLoss",
            "ProxyNCALoss", "SoftTripleLoss", "SphereFaceLoss", "SubCenterArcFaceLoss")},
        "HistogramLoss": {"n_bins": 5}, "RankedListLoss": {"margin": 0.4, "Tn": 10},
        "P2SGradLoss": {"descriptors_dim": 4, "num_classes": 4},
    }  # fmt: skip

    def made(name: str) -> Callable[[Any], Any]:
        torch.manual_seed(0)
        loss = getattr(losses, name)(**given[name]).double()

        def f(x: Any) -> Any:
            torch.manual_seed(1)
            return loss(x, labels)

        return f

    points = _tensors(degenerate(ROWS))
    return [Case(name, lambda name=name: made(name), points) for name in sorted(given)]


_LAYERS: dict[str, dict[str, Any]] = {
    "GCNConv": {}, "SAGEConv": {}, "GATConv": {}, "GATv2Conv": {}, "GraphConv": {}, "TransformerConv": {},
    "TAGConv": {}, "SGConv": {}, "ChebConv": {"K": 2}, "ARMAConv": {}, "ClusterGCNConv": {}, "LEConv": {},
    "FeaStConv": {},
    "GENConv": {}, "HypergraphConv": {}, "MFConv": {}, "ResGatedGraphConv": {}, "SuperGATConv": {},
}  # fmt: skip
_AGGREGATIONS: dict[str, dict[str, Any]] = {
    **{name: {} for name in (
        "SumAggregation", "MeanAggregation", "MaxAggregation", "MinAggregation", "MulAggregation", "VarAggregation",
        "StdAggregation", "SoftmaxAggregation", "PowerMeanAggregation", "MedianAggregation")},
    "SortAggregation": {"k": 2}, "QuantileAggregation": {"q": 0.25},
}  # fmt: skip


def geometric() -> list[Case]:
    """Layers of graph networks, aggregations, and layers with each aggregation."""
    import torch
    from torch_geometric import nn

    edges = torch.tensor([[0, 1, 2, 3, 4, 5, 6, 7, 0, 2, 4, 6], [1, 2, 3, 4, 5, 6, 7, 0, 4, 6, 0, 2]])
    groups = torch.tensor([0, 0, 0, 1, 1, 2, 2, 2])

    def layer(name: str, **more: Any) -> Callable[[Any], Any]:
        torch.manual_seed(0)
        made = getattr(nn, name)(4, 3, **_LAYERS[name], **more).double()
        return lambda x: torch.relu(made(x, edges)).square().sum()

    def aggregation(name: str) -> Callable[[Any], Any]:
        made = getattr(nn, name)(**_AGGREGATIONS[name])
        return lambda x: made(x, groups).square().sum() + made(x, groups).sum()

    def edge(pool: str) -> Callable[[Any], Any]:
        torch.manual_seed(0)
        inner = torch.nn.Sequential(torch.nn.Linear(8, 3), torch.nn.ReLU()).double()
        made = nn.EdgeConv(inner, aggr=pool)
        return lambda x: made(x, edges).square().sum()

    layers = {name: lambda name=name: layer(name) for name in _LAYERS}
    kinds = {f"SAGEConv {pool}": lambda pool=pool: layer("SAGEConv", aggr=pool) for pool in (
        "max", "min", "add", "mean", "mul", "std", "var", "median", "softmax", "powermean")}
    edged = {f"EdgeConv {pool}": lambda pool=pool: edge(pool) for pool in ("max", "mean", "add")}
    pools = {name: lambda name=name: aggregation(name) for name in _AGGREGATIONS}
    points = _tensors(degenerate(ROWS))
    return [Case(name, made, points) for name, made in {**layers, **kinds, **edged, **pools}.items()]


def of_images() -> list[Case]:
    """Losses and filters of kornia's."""
    import kornia
    import torch

    other = torch.tensor(_RANDOM.uniform(0.1, 0.9, _IMAGE.shape))
    classes = torch.tensor(_RANDOM.integers(0, 2, (1, 12, 12)))
    losses, filters, color = kornia.losses, kornia.filters, getattr(kornia, "color", None)
    functions: dict[str, Callable[[Any], Any]] = {
        **{name: (lambda x, name=name: getattr(losses, f"{name}_loss")(x, other, reduction="mean")) for name in (
            "cauchy", "charbonnier", "geman_mcclure", "welsch")},
        "ssim": lambda x: losses.ssim_loss(x, other, 5), "ms_ssim": lambda x: losses.MS_SSIMLoss(
            sigmas=[0.5, 1.0], compensation=1.0)(x, other).mean(),
        "psnr": lambda x: losses.psnr_loss(x, other, 1.0), "total_variation": lambda x: losses.total_variation(x).sum(),
        "focal": lambda x: losses.focal_loss(x, classes, 0.5, reduction="mean"),
        "binary_focal": lambda x: losses.binary_focal_loss_with_logits(x, other.round(), reduction="mean"),
        "dice": lambda x: losses.dice_loss(x, classes), "tversky": lambda x: losses.tversky_loss(x, classes, 0.5, 0.5),
        "lovasz_softmax": lambda x: losses.lovasz_softmax_loss(x, classes),
        "lovasz_hinge": lambda x: losses.lovasz_hinge_loss(x[:, :1], classes.double()),
        "js_div": lambda x: losses.js_div_loss_2d(x, other), "kl_div": lambda x: losses.kl_div_loss_2d(x, other),
        "depth smoothness": lambda x: losses.inverse_depth_smoothness_loss(x[:, :1], x),
        "gaussian blur": lambda x: filters.gaussian_blur2d(x, (3, 3), (1.0, 1.0)).square().sum(),
        "box blur": lambda x: filters.box_blur(x, (3, 3)).square().sum(), "sobel": lambda x: filters.sobel(x).sum(),
        "laplacian": lambda x: filters.laplacian(x, 3).abs().sum(),
        "median blur": lambda x: filters.median_blur(x, (3, 3)).square().sum(),
        "spatial gradient": lambda x: filters.spatial_gradient(x).abs().sum(),
        "max blur pool": lambda x: filters.max_blur_pool2d(x, 3).square().sum(),
        "bilateral blur": lambda x: filters.bilateral_blur(x, (3, 3), 0.1, (1.0, 1.0)).square().sum(),
        "unsharp mask": lambda x: filters.unsharp_mask(x, (3, 3), (1.0, 1.0)).square().sum(),
        "motion blur": lambda x: filters.motion_blur(x, 3, 35.0, 0.5).square().sum(),
        "dilation": lambda x: kornia.morphology.dilation(x, torch.ones(3, 3).double()).square().sum(),
        "erosion": lambda x: kornia.morphology.erosion(x, torch.ones(3, 3).double()).square().sum(),
        "warp": lambda x: kornia.geometry.transform.warp_affine(
            x, torch.tensor([[[0.9, 0.1, 0.3], [-0.1, 0.9, 0.2]]]).double(), (12, 12)).square().sum(),
        "resize": lambda x: kornia.geometry.transform.resize(x, (7, 9)).square().sum(),
        "histogram": lambda x: kornia.enhance.histogram(x.reshape(1, -1), torch.linspace(0, 1, 5).double(),
                                                        torch.tensor(0.1).double()).square().sum(),
    }  # fmt: skip
    if color is not None:
        three = lambda x: torch.cat([x, 0.3 + 0.5 * x[:, :1]], 1)  # noqa: E731
        functions |= {name: (lambda x, name=name: getattr(color, name)(three(x)).square().sum()) for name in (
            "rgb_to_grayscale", "rgb_to_hsv", "rgb_to_lab", "rgb_to_yuv", "rgb_to_hls", "rgb_to_xyz")}
    points = _tensors({"random": _IMAGE, "zeros": np.zeros_like(_IMAGE), "equal": np.full_like(_IMAGE, 0.5),
                       "twice": np.repeat(_IMAGE[..., ::2], 2, -1)})
    return [Case(name, lambda f=f: f, points) for name, f in functions.items()]


_TORCH: dict[str, Callable[[], list[Case]]] = {
    "pytorch_metric_learning": metric_learning, "torch_geometric": geometric, "kornia": of_images,
    "torchvision": torch_models.of_torchvision, "timm": torch_models.of_timm,
    "transformers": torch_models.of_transformers, "monai": torch_losses.of_monai,
    "torchmetrics": torch_losses.of_torchmetrics, "piq": torch_losses.of_piq,
    "segmentation_models_pytorch": torch_models.of_segmentation, "torchdiffeq": torch_models.of_solvers,
    "torchsde": torch_models.of_stochastic_solvers, "stable_baselines3": torch_losses.of_agents,
    "torchrl": torch_losses.of_torchrl, "peft": torch_models.of_adapters,
    "vector_quantize_pytorch": torch_models.of_quantizers, "torch": torch_losses.of_torch,
}  # fmt: skip
_JAX: dict[str, Callable[[], list[Case]]] = {
    "optax": jax_libraries.of_optax, "jaxopt": jax_libraries.of_jaxopt, "haiku": jax_libraries.of_haiku,
    "equinox": jax_libraries.of_equinox, "flax": flax_networks.of_flax, "numpyro": jax_libraries.of_numpyro,
    "diffrax": jax_libraries.of_diffrax, "lineax": jax_libraries.of_lineax, "jax": jax_libraries.of_jax,
}  # fmt: skip
LIBRARIES: dict[str, Library] = {
    name: Library(name, name, cases, gradient)
    for held, gradient in ((_TORCH, _torch_gradient), (_JAX, _jax_gradient)) for name, cases in held.items()}
