"""Models of libraries for torch, and what trains them, by their inputs and by their parameters."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from tests.foreign.judging import Case

#: What an array is moved to where it shall be degenerate.
_DEGENERATE = {"random": lambda u: u, "zeros": np.zeros_like, "equal": lambda u: np.full_like(u, 0.5)}
Model = Callable[[], Any]


def points(array: Any, kinds: tuple[str, ...] = ("random", "zeros", "equal")) -> dict[str, Callable[[], Any]]:
    """A tensor of these numbers, of zeros, and of equal numbers."""
    import torch

    return {kind: lambda kind=kind: torch.tensor(_DEGENERATE[kind](array)) for kind in kinds}


def by_input(name: str, model: Model, array: Any, read: Callable[[Any], Any] = lambda out: out) -> Case:
    """The mean square of what a model makes of its input, by the input."""

    def made() -> Callable[[Any], Any]:
        return _loss(_seeded(model), read)

    return Case(name, made, points(array))


def by_parameters(name: str, model: Model, array: Any, read: Callable[[Any], Any] = lambda out: out) -> Case:
    """The same by the parameters: as they begin, and zeros."""
    import torch
    from torch.func import functional_call

    def made() -> Callable[[Any], Any]:
        network, x = _seeded(model), torch.tensor(array)
        return lambda weights: _loss(lambda given: functional_call(network, weights, (given,)), read)(x)

    def begun(factor: float) -> dict[str, Any]:
        return {key: factor * value.detach() for key, value in _seeded(model).named_parameters()}

    return Case(f"{name} by parameters", made, {"begun": lambda: begun(1.0), "zeros": lambda: begun(0.0)})


def _seeded(model: Model) -> Any:
    import torch

    torch.manual_seed(0)
    return model().double().eval()


def _loss(model: Callable[[Any], Any], read: Callable[[Any], Any]) -> Callable[[Any], Any]:
    def f(x: Any) -> Any:
        import torch

        torch.manual_seed(1)
        out = read(model(x))
        return out if out.dim() == 0 else out.square().mean()

    return f


def _random(*shape: int) -> Any:
    return np.random.default_rng(0).standard_normal(shape)


def of_torchvision() -> list[Case]:
    """Networks with few classes, boxes, and operations on pictures."""
    import torch
    from torchvision import models, ops, transforms

    picture, small = _random(1, 3, 32, 32), np.random.default_rng(0).uniform(0.1, 0.9, (1, 3, 12, 12))
    networks = {
        "resnet18": lambda: models.resnet18(num_classes=3), "mobilenet_v2": lambda: models.mobilenet_v2(num_classes=3),
        "mobilenet_v3": lambda: models.mobilenet_v3_small(num_classes=3),
        "squeezenet": lambda: models.squeezenet1_1(num_classes=3),
        "shufflenet": lambda: models.shufflenet_v2_x0_5(num_classes=3),
        "efficientnet": lambda: models.efficientnet_b0(num_classes=3),
        "mnasnet": lambda: models.mnasnet0_5(num_classes=3), "vit": lambda: models.VisionTransformer(
            32, 16, 2, 2, 16, 32, num_classes=3),
        "swin": lambda: models.SwinTransformer([4, 4], 8, [1, 1], [2, 2], [4, 4], num_classes=3),
    }  # fmt: skip
    boxes = np.array([[1.0, 1.0, 4.0, 5.0], [2.0, 2.0, 6.0, 7.0], [0.5, 3.0, 3.0, 8.0]])
    others = torch.tensor([[1.5, 1.0, 5.0, 5.0], [2.0, 3.0, 6.0, 8.0], [6.0, 6.0, 9.0, 9.0]]).double()
    rois = torch.tensor([[0.0, 1.0, 1.0, 8.0, 8.0]]).double()
    labels = torch.tensor(np.random.default_rng(1).integers(0, 2, (3, 4))).double()

    def on_boxes(name: str) -> Case:
        f = lambda x: getattr(ops, name)(x, others).sum()  # noqa: E731
        return Case(name, lambda: f, {"random": lambda: torch.tensor(boxes), "same": lambda: others.clone()})

    on_pictures: dict[str, Callable[[Any], Any]] = {
        "roi_align": lambda x: ops.roi_align(x, rois, (3, 3)).square().sum(),
        "roi_pool": lambda x: ops.roi_pool(x, rois, (3, 3)).square().sum(),
        "normalize": lambda x: transforms.functional.normalize(x, [0.5] * 3, [0.2] * 3).square().sum(),
        "adjust_brightness": lambda x: transforms.functional.adjust_brightness(x, 1.2).square().sum(),
        "adjust_contrast": lambda x: transforms.functional.adjust_contrast(x, 1.2).square().sum(),
        "adjust_saturation": lambda x: transforms.functional.adjust_saturation(x, 1.2).square().sum(),
        "gaussian_blur": lambda x: transforms.functional.gaussian_blur(x, [3, 3]).square().sum(),
        "resize": lambda x: transforms.functional.resize(x, [7, 9], antialias=True).square().sum(),
        "drop_block": lambda x: ops.drop_block2d(x, 0.2, 3, training=False).square().sum(),
        "StochasticDepth": lambda x: ops.StochasticDepth(0.2, "row").eval()(x).square().sum(),
        "solarize": lambda x: transforms.functional.solarize(x, 0.55).square().sum(),
        "deform_conv": lambda x: ops.deform_conv2d(
            x, 0.3 * torch.ones(1, 18, 10, 10).double(), torch.ones(2, 3, 3, 3).double()).square().sum(),
    }  # fmt: skip
    return [
        *(by_input(name, model, picture) for name, model in networks.items()),
        *(by_parameters(name, networks[name], picture) for name in ("squeezenet", "vit")),
        *map(on_boxes, ("box_iou", "generalized_box_iou", "generalized_box_iou_loss", "complete_box_iou_loss",
                        "distance_box_iou_loss")),
        Case("sigmoid_focal_loss", lambda: lambda x: ops.sigmoid_focal_loss(x, labels).sum(), points(_random(3, 4))),
        *(Case(name, lambda f=f: f, points(small)) for name, f in on_pictures.items()),
    ]  # fmt: skip


def of_timm() -> list[Case]:
    """Small networks, losses and layers."""
    import timm
    import torch
    from timm import layers, loss

    picture, labels = _random(1, 3, 32, 32), torch.tensor([0, 1, 2, 3, 0, 1, 2, 3])
    hot = torch.nn.functional.one_hot(labels, 4).double()
    names = ("test_resnet", "test_vit", "test_vit2", "test_efficientnet", "test_convnext", "test_byobnet", "test_nfnet",
             "test_mambaout", "test_efficientnet_evos")
    networks = {name: lambda name=name: timm.create_model(
        name, num_classes=3, **({"img_size": 32} if "vit" in name else {})) for name in names if name in
        timm.list_models("test_*")}
    losses = {
        "LabelSmoothing": lambda: loss.LabelSmoothingCrossEntropy(), "SoftTarget": loss.SoftTargetCrossEntropy,
        "BinaryCrossEntropy": loss.BinaryCrossEntropy, "JsdCrossEntropy": lambda: loss.JsdCrossEntropy(2),
        "AsymmetricMultiLabel": lambda: loss.AsymmetricLossMultiLabel(),
        "AsymmetricSingleLabel": lambda: loss.AsymmetricLossSingleLabel(),
    }  # fmt: skip
    of_hot = ("SoftTarget", "AsymmetricMultiLabel")
    acts = ("Mish", "Swish", "HardSwish", "HardSigmoid", "HardMish", "PReLU", "GELU", "QuickGELU")
    found = [by_input(name, model, picture) for name, model in networks.items()]
    found += [by_parameters(name, networks[name], picture) for name in ("test_resnet", "test_vit") if name in networks]
    for name, made in losses.items():
        target = hot if name in of_hot else labels
        found.append(Case(name, lambda made=made, target=target: _against(made(), target), points(_random(8, 4))))
    found += [by_input(name, lambda name=name: getattr(layers, name)(), _random(6)) for name in acts]
    shaped: dict[str, Callable[[], Any]] = {
        "EcaModule": lambda: layers.EcaModule(4), "SEModule": lambda: layers.SEModule(4, rd_channels=2),
        "CbamModule": lambda: layers.CbamModule(4, rd_channels=2), "BlurPool2d": lambda: layers.BlurPool2d(4),
        "GlobalResponseNorm": lambda: layers.GlobalResponseNorm(4, channels_last=False),
        "AvgPool2dSame": lambda: layers.AvgPool2dSame(2, 2), "StdConv2d": lambda: layers.StdConv2d(4, 4, 3),
        "SelectAdaptivePool2d": lambda: layers.SelectAdaptivePool2d(pool_type="catavgmax"),
        "SplitBatchNormAct2d": lambda: layers.BatchNormAct2d(4), "GroupNormAct": lambda: layers.GroupNormAct(4, 2),
        "FilterResponseNormTlu2d": lambda: layers.FilterResponseNormTlu2d(4),
    }  # fmt: skip
    return [*found, *(by_input(name, made, _random(1, 4, 6, 6)) for name, made in shaped.items()
                      if hasattr(layers, name) or name == "SplitBatchNormAct2d")]


def _against(loss: Callable[[Any, Any], Any], target: Any) -> Callable[[Any], Any]:
    return lambda x: loss(x, target).sum()


def of_transformers() -> list[Case]:
    """Small transformers of random weights, by the vectors of their tokens and by their parameters."""
    import torch
    import transformers as tf

    small = {"hidden_size": 8, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 16,
             "vocab_size": 11, "max_position_embeddings": 16}
    decoder = {**small, "num_key_value_heads": 2, "head_dim": 4}
    labels = torch.tensor([[1, 2, 3, 4]])
    made: dict[str, Callable[[], Any]] = {
        "Bert": lambda: tf.BertForMaskedLM(tf.BertConfig(**small)),
        "Roberta": lambda: tf.RobertaForMaskedLM(tf.RobertaConfig(**small)),
        "DistilBert": lambda: tf.DistilBertForMaskedLM(tf.DistilBertConfig(
            dim=8, n_layers=1, n_heads=2, hidden_dim=16, vocab_size=11, max_position_embeddings=16)),
        "Electra": lambda: tf.ElectraForMaskedLM(tf.ElectraConfig(**small, embedding_size=8)),
        "GPT2": lambda: tf.GPT2LMHeadModel(tf.GPT2Config(n_embd=8, n_layer=1, n_head=2, vocab_size=11, n_positions=16)),
        "GPTNeoX": lambda: tf.GPTNeoXForCausalLM(tf.GPTNeoXConfig(**small)),
        "OPT": lambda: tf.OPTForCausalLM(tf.OPTConfig(
            hidden_size=8, num_hidden_layers=1, num_attention_heads=2, ffn_dim=16, vocab_size=11,
            max_position_embeddings=16, word_embed_proj_dim=8)),
        "Llama": lambda: tf.LlamaForCausalLM(tf.LlamaConfig(**decoder)),
        "Mistral": lambda: tf.MistralForCausalLM(tf.MistralConfig(**decoder)),
        "Qwen2": lambda: tf.Qwen2ForCausalLM(tf.Qwen2Config(**small, num_key_value_heads=2)),
        "Gemma": lambda: tf.GemmaForCausalLM(tf.GemmaConfig(**decoder)),
        "Phi": lambda: tf.PhiForCausalLM(tf.PhiConfig(**small)),
        "Falcon": lambda: tf.FalconForCausalLM(tf.FalconConfig(
            hidden_size=8, num_hidden_layers=1, num_attention_heads=2, vocab_size=11)),
        "Mixtral": lambda: tf.MixtralForCausalLM(tf.MixtralConfig(
            **decoder, num_local_experts=3, num_experts_per_tok=2, experts_implementation="eager")),
        "Qwen2Moe": lambda: tf.Qwen2MoeForCausalLM(tf.Qwen2MoeConfig(
            **small, num_key_value_heads=2, num_experts=3, num_experts_per_tok=2, moe_intermediate_size=8,
            shared_expert_intermediate_size=8, experts_implementation="eager")),
    }  # fmt: skip

    def by_vectors(name: str) -> Case:
        def start() -> Callable[[Any], Any]:
            model = _seeded(made[name])
            return lambda x: model(inputs_embeds=x, labels=labels).loss

        return Case(name, start, points(_random(1, 4, 8)))

    def trained(name: str) -> Case:
        return by_parameters(name, lambda: _of_tokens(made[name]()), np.zeros(1))

    def _of_tokens(model: Any) -> Any:
        class Trained(torch.nn.Module):
            def __init__(self) -> None:
                super().__init__()
                self.model = model

            def forward(self, x: Any) -> Any:
                return self.model(input_ids=labels, labels=labels).loss

        return Trained()

    pictures: dict[str, Callable[[], Any]] = {
        "ViT": lambda: tf.ViTForImageClassification(tf.ViTConfig(
            hidden_size=8, num_hidden_layers=1, num_attention_heads=2, intermediate_size=16, image_size=8,
            patch_size=4)),
        "ConvNext": lambda: tf.ConvNextForImageClassification(tf.ConvNextConfig(
            hidden_sizes=[4, 8, 8, 8], depths=[1, 1, 1, 1], image_size=32)),
    }  # fmt: skip
    return [*map(by_vectors, made), *map(trained, ("Bert", "GPT2", "Llama", "Mixtral")),
            by_input("ViT", pictures["ViT"], _random(1, 3, 8, 8), lambda out: out.logits),
            by_input("ConvNext", pictures["ConvNext"], _random(1, 3, 32, 32), lambda out: out.logits)]


def of_segmentation() -> list[Case]:
    """Losses of segmentation_models_pytorch, and two networks."""
    import segmentation_models_pytorch as smp
    import torch

    labels = torch.tensor(np.random.default_rng(1).integers(0, 2, (1, 1, 6, 6)))
    classes = torch.tensor(np.random.default_rng(1).integers(0, 3, (1, 6, 6)))
    losses, found = smp.losses, []
    for mode, target, shape in (("binary", labels, (1, 1, 6, 6)), ("multiclass", classes, (1, 3, 6, 6))):
        made = {
            "Dice": losses.DiceLoss(mode), "Jaccard": losses.JaccardLoss(mode), "Tversky": losses.TverskyLoss(mode),
            "Lovasz": losses.LovaszLoss(mode), "Focal": losses.FocalLoss(mode),
            **({"SoftBCE": losses.SoftBCEWithLogitsLoss(), "MCC": losses.MCCLoss()} if mode == "binary" else
               {"SoftCrossEntropy": losses.SoftCrossEntropyLoss(smooth_factor=0.1)}),
        }  # fmt: skip
        for name, loss in made.items():
            given = target.double() if name == "SoftBCE" else target
            found.append(Case(f"{name} {mode}", lambda loss=loss, given=given: lambda x: loss(x, given),
                              points(_random(*shape))))
    networks = {"Unet": smp.Unet, "FPN": smp.FPN, "Linknet": smp.Linknet, "PSPNet": smp.PSPNet}
    return found + [by_input(name, lambda made=made: made("resnet18", encoder_weights=None, classes=1), _random(
        1, 3, 32, 32)) for name, made in networks.items()]


def of_solvers() -> list[Case]:
    """Differential equations of torchdiffeq, by what begins and by what drives them."""
    import torch
    from torchdiffeq import odeint, odeint_adjoint

    times = torch.linspace(0, 1, 5).double()
    matrix = torch.tensor(_random(3, 3))
    fields: dict[str, Callable[[Any], Any]] = {
        "linear": lambda y: matrix @ y, "tanh": lambda y: torch.tanh(matrix @ y), "relu": lambda y: torch.relu(y) - y,
        "abs": lambda y: -y.abs()}
    found = [
        Case(f"{method} {name}", lambda field=field, method=method: lambda x: odeint(
            lambda t, y: field(y), x, times, method=method).square().sum(), points(_random(3)))
        for name, field in fields.items() for method in ("euler", "midpoint", "rk4", "dopri5", "explicit_adams")]
    return [*found, Case("adjoint", lambda: lambda x: odeint_adjoint(
        lambda t, y: torch.tanh(y), x, times, method="rk4", adjoint_params=()).square().sum(), points(_random(3)))]


def of_stochastic_solvers() -> list[Case]:
    """Stochastic differential equations of torchsde."""
    import torch
    import torchsde

    times = torch.linspace(0, 1, 4).double()

    class Equation(torch.nn.Module):
        noise_type = "diagonal"

        def __init__(self, kind: str, f: Callable[[Any], Any], g: Callable[[Any], Any]) -> None:
            super().__init__()
            self.sde_type, self._f, self._g = kind, f, g

        def f(self, t: Any, y: Any) -> Any:
            return self._f(y)

        def g(self, t: Any, y: Any) -> Any:
            return self._g(y)

    fields = {"smooth": (torch.tanh, torch.sigmoid), "kinked": (torch.relu, lambda y: y.abs() + 0.1)}
    methods = {"euler": "ito", "milstein": "ito", "srk": "ito", "euler_heun": "stratonovich",
               "midpoint": "stratonovich"}

    def made(kind: str, method: str) -> Callable[[Any], Any]:
        equation = Equation(methods[method], *fields[kind])

        def f(x: Any) -> Any:
            motion = torchsde.BrownianInterval(0.0, 1.0, size=(2, 3), dtype=torch.float64, entropy=1,
                                               levy_area_approximation="space-time")
            return torchsde.sdeint(equation, x, times, bm=motion, dt=0.25, method=method).square().sum()

        return f

    return [Case(f"{method} {kind}", lambda kind=kind, method=method: made(kind, method), points(_random(2, 3)))
            for kind in fields for method in methods]


def of_adapters() -> list[Case]:
    """Adapters of peft around a small network, by its input and by the parameters."""
    import peft
    import torch

    def model(config: Any) -> Any:
        class Network(torch.nn.Module):
            def __init__(self) -> None:
                super().__init__()
                self.first, self.second = torch.nn.Linear(4, 6), torch.nn.Linear(6, 4)

            def forward(self, x: Any) -> Any:
                return self.second(torch.relu(self.first(x)))

        return peft.get_peft_model(Network(), config)

    layers = ["first", "second"]
    configs = {
        "LoRA": lambda: peft.LoraConfig(r=2, target_modules=layers), "DoRA": lambda: peft.LoraConfig(
            r=2, target_modules=layers, use_dora=True), "IA3": lambda: peft.IA3Config(
            target_modules=layers, feedforward_modules=[]), "LoHa": lambda: peft.LoHaConfig(
            r=2, target_modules=layers), "LoKr": lambda: peft.LoKrConfig(r=2, target_modules=layers),
        "OFT": lambda: peft.OFTConfig(oft_block_size=2, target_modules=layers), "BOFT": lambda: peft.BOFTConfig(
            boft_block_size=2, target_modules=layers), "VeRA": lambda: peft.VeraConfig(
            r=2, target_modules=["first"]), "HRA": lambda: peft.HRAConfig(r=2, target_modules=layers),
        "RandLoRA": lambda: peft.RandLoraConfig(r=2, target_modules=["first"]),
    }  # fmt: skip
    made = {name: lambda config=config: model(config()) for name, config in configs.items()}
    return [*(by_input(name, one, _random(5, 4)) for name, one in made.items()),
            *(by_parameters(name, one, _random(5, 4)) for name, one in made.items())]


def of_quantizers() -> list[Case]:
    """Quantizers of vector_quantize_pytorch: their outputs, and the losses that train them."""
    import vector_quantize_pytorch as vq

    made = {
        "VectorQuantize": lambda: vq.VectorQuantize(dim=4, codebook_size=6),
        "cosine": lambda: vq.VectorQuantize(dim=4, codebook_size=6, use_cosine_sim=True),
        "rotation": lambda: vq.VectorQuantize(dim=4, codebook_size=6, rotation_trick=True),
        "learnable": lambda: vq.VectorQuantize(dim=4, codebook_size=6, learnable_codebook=True, ema_update=False),
        "ResidualVQ": lambda: vq.ResidualVQ(dim=4, codebook_size=6, num_quantizers=2),
        "FSQ": lambda: vq.FSQ(levels=[5, 4, 3, 3]), "LFQ": lambda: vq.LFQ(codebook_size=16, dim=4),
        "SimVQ": lambda: vq.SimVQ(dim=4, codebook_size=6), "LatentQuantize": lambda: vq.LatentQuantize(
            levels=[4, 4, 4, 4], dim=4),
    }  # fmt: skip

    def read(out: Any) -> Any:
        quantized, *rest = out if isinstance(out, tuple) else (out,)
        losses = [part for part in rest if getattr(part, "requires_grad", False) and part.is_floating_point()]
        return quantized.square().mean() + sum(part.sum() for part in losses)

    return [by_input(name, model, _random(1, 5, 4), read) for name, model in made.items()]
