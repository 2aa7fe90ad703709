"""The libraries, and the functions of theirs that are judged.  Each is loaded when its cases are made."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from tests.foreign.judging import Case, Library

_RANDOM = np.random.default_rng(0)
_ROWS = _RANDOM.standard_normal((8, 4))
_IMAGE = _RANDOM.uniform(0.1, 0.9, (1, 2, 12, 12))


def _torch_gradient(f: Callable[[Any], Any], x: Any) -> Any:
    import torch

    leaf = x.clone().requires_grad_()
    return torch.autograd.grad(f(leaf), leaf)[0].detach().numpy()


def _jax_gradient(f: Callable[[Any], Any], x: Any) -> Any:
    import jax

    return np.asarray(jax.grad(f)(x))


def _tensors(arrays: dict[str, Any]) -> dict[str, Callable[[], Any]]:
    import torch

    return {name: lambda array=array: torch.tensor(array) for name, array in arrays.items()}


def _degenerate(rows: Any) -> dict[str, Any]:
    """A random point, zeros, equal rows, and rows that occur twice."""
    twice = np.concatenate([rows[: len(rows) // 2]] * 2) if len(rows) > 1 else np.repeat(rows[..., ::2], 2, -1)
    return {"random": rows, "zeros": np.zeros_like(rows), "equal": np.ones_like(rows) * rows[:1], "twice": twice}


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

    points = _tensors(_degenerate(_ROWS))
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
    points = _tensors(_degenerate(_ROWS))
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


def _jax_points(rows: Any) -> dict[str, Callable[[], Any]]:
    import jax.numpy as jnp

    return {name: lambda array=array: jnp.asarray(array) for name, array in _degenerate(rows).items()}


def of_optax() -> list[Case]:
    """Losses of optax, and its projections."""
    import jax
    import jax.numpy as jnp
    import optax

    jax.config.update("jax_enable_x64", True)
    labels, targets = jnp.asarray([0, 1, 2, 3, 0, 1, 2, 3]), jnp.asarray(np.random.default_rng(1).random((8, 4)))
    hot, signs = jax.nn.one_hot(labels, 4), jnp.where(targets > 0.5, 1.0, -1.0)
    losses, lists = optax.losses, optax.projections
    functions: dict[str, Callable[[Any], Any]] = {
        "l2_loss": lambda x: losses.l2_loss(x, targets).sum(), "huber": lambda x: losses.huber_loss(x, targets).sum(),
        "squared_error": lambda x: losses.squared_error(x, targets).sum(),
        "log_cosh": lambda x: losses.log_cosh(x, targets).sum(),
        "cosine similarity": lambda x: losses.cosine_similarity(x, targets, epsilon=1e-3).sum(),
        "cosine distance": lambda x: losses.cosine_distance(x, targets, epsilon=1e-3).sum(),
        "hinge": lambda x: losses.hinge_loss(x, signs).sum(),
        "perceptron": lambda x: losses.perceptron_loss(x, signs).sum(),
        "sparsemax": lambda x: losses.sparsemax_loss(x[:, 0], (signs[:, 0] + 1) / 2).sum(),
        "multiclass hinge": lambda x: losses.multiclass_hinge_loss(x, labels).sum(),
        "multiclass perceptron": lambda x: losses.multiclass_perceptron_loss(x, labels).sum(),
        "multiclass sparsemax": lambda x: losses.multiclass_sparsemax_loss(x, labels).sum(),
        "sigmoid cross entropy": lambda x: losses.sigmoid_binary_cross_entropy(x, targets).sum(),
        "sigmoid focal": lambda x: losses.sigmoid_focal_loss(x, targets).sum(),
        "softmax cross entropy": lambda x: losses.softmax_cross_entropy(x, hot).sum(),
        "softmax of labels": lambda x: losses.softmax_cross_entropy_with_integer_labels(x, labels).sum(),
        "poly": lambda x: losses.poly_loss_cross_entropy(x, hot).sum(),
        "convex KL": lambda x: losses.convex_kl_divergence(jax.nn.log_softmax(x), targets).sum(),
        "KL": lambda x: losses.kl_divergence(jax.nn.log_softmax(x), targets).sum(),
        "triplet": lambda x: losses.triplet_margin_loss(x[:2], x[2:4], x[4:6]).sum(),
        "ranking": lambda x: losses.ranking_softmax_loss(x, targets).sum(),
        "NT-Xent": lambda x: losses.ntxent(x, labels),
        "global norm": lambda x: optax.global_norm([x[:3], x[3:]]),
        "smooth labels": lambda x: losses.softmax_cross_entropy(x, optax.smooth_labels(hot, 0.1)).sum(),
        "simplex": lambda x: (lists.projection_simplex(x[0]) * targets[0]).sum(),
        "l1 ball": lambda x: (lists.projection_l1_ball(x[0]) * targets[0]).sum(),
        "l2 ball": lambda x: (lists.projection_l2_ball(x) * targets).sum(),
        "box": lambda x: (lists.projection_box(x, 0.0, 1.0) * targets).sum(),
        "non-negative": lambda x: (lists.projection_non_negative(x) * targets).sum(),
        "clipped": lambda x: (optax.clip_by_global_norm(1.0).update(x, optax.EmptyState())[0] * targets).sum(),
    }  # fmt: skip
    return [Case(name, lambda f=f: f, _jax_points(_ROWS)) for name, f in functions.items()]


def of_jaxopt() -> list[Case]:
    """Losses, proximal operators, projections and objectives of jaxopt."""
    import jax
    import jax.numpy as jnp
    import jaxopt

    jax.config.update("jax_enable_x64", True)
    random = np.random.default_rng(1)
    labels, targets = jnp.asarray([0, 1, 2, 3, 0, 1, 2, 3]), jnp.asarray(random.random(8))
    data = jnp.asarray(random.standard_normal((8, 4)))
    loss, prox, projection, objective = jaxopt.loss, jaxopt.prox, jaxopt.projection, jaxopt.objective
    functions: dict[str, Callable[[Any], Any]] = {
        "binary hinge": lambda x: sum(loss.binary_hinge_loss(labels[i] % 2, x[i, 0]) for i in range(8)),
        "binary logistic": lambda x: sum(loss.binary_logistic_loss(labels[i] % 2, x[i, 0]) for i in range(8)),
        "binary sparsemax": lambda x: sum(loss.binary_sparsemax_loss(labels[i] % 2, x[i, 0]) for i in range(8)),
        "huber": lambda x: loss.huber_loss(targets, x[:, 0]).sum(),
        "multiclass logistic": lambda x: sum(loss.multiclass_logistic_loss(labels[i], x[i]) for i in range(8)),
        "multiclass sparsemax": lambda x: loss.multiclass_sparsemax_loss(labels[0], x[0]),
        "lasso": lambda x: (prox.prox_lasso(x, 0.5) * data).sum(),
        "elastic net": lambda x: (prox.prox_elastic_net(x, (0.5, 1.0)) * data).sum(),
        "group lasso": lambda x: (prox.prox_group_lasso(x[0], 0.5) * data[0]).sum(),
        "ridge": lambda x: (prox.prox_ridge(x, 0.5) * data).sum(),
        "non-negative lasso": lambda x: (prox.prox_non_negative_lasso(x, 0.5) * data).sum(),
        "simplex": lambda x: (projection.projection_simplex(x[0]) * data[0]).sum(),
        "l1 ball": lambda x: (projection.projection_l1_ball(x[0]) * data[0]).sum(),
        "l2 ball": lambda x: (projection.projection_l2_ball(x[0]) * data[0]).sum(),
        "box": lambda x: (projection.projection_box(x, (0.0, 1.0)) * data).sum(),
        "hyperplane": lambda x: (projection.projection_hyperplane(x[0], (data[1], 1.0)) * data[0]).sum(),
        "half space": lambda x: (projection.projection_halfspace(x[0], (data[1], 1.0)) * data[0]).sum(),
        "least squares": lambda x: objective.least_squares(x[0], (data, targets)),
        "multiclass logreg": lambda x: objective.multiclass_logreg(x[:4], (data, labels)),
        "ridge regression": lambda x: objective.ridge_regression(x[0], 0.5, (data, targets)),
    }  # fmt: skip
    return [Case(name, lambda f=f: f, _jax_points(_ROWS)) for name, f in functions.items()]


LIBRARIES: dict[str, Library] = {
    "pytorch_metric_learning": Library(
        "pytorch_metric_learning", "pytorch_metric_learning", metric_learning, _torch_gradient),
    "torch_geometric": Library("torch_geometric", "torch_geometric", geometric, _torch_gradient),
    "kornia": Library("kornia", "kornia", of_images, _torch_gradient),
    "optax": Library("optax", "optax", of_optax, _jax_gradient),
    "jaxopt": Library("jaxopt", "jaxopt", of_jaxopt, _jax_gradient),
}
