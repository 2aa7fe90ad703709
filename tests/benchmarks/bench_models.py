"""Models that people have: verify and clarke_backward in units of torch's own loss.backward(), in turns.

    python -m tests.benchmarks models

Own models need torch alone; nets of torchvision and of transformers are measured where these are installed.  Weights
are random, float32, on one thread, in processor time.  Below each model stand the phases of `verify` in the same units,
and the peaks of newly resident memory of backward and of verify.
"""

from __future__ import annotations

from tests.benchmarks.measure import in_turns, resident_peak  # isort: skip  (it fixes the number of threads)

import importlib
import importlib.util
import statistics
import time
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from typing import Any

import torch
import torch.nn.functional as F

import absnormal as an
from tests.benchmarks.bench_torch import backward, clarke_backward, dominating, transformer
from tests.benchmarks.bench_watch import Block
from tests.benchmarks.table import Growth, Line, Remark
from tests.verify.test_torch_models import IMAGES, LABELS, LeNet, mlp, zero_biases

TITLE = "Models, in units of torch's own backward pass with its forward pass"
#: The largest ratios wanted of verify and of clarke_backward.
_VERIFY, _CURE = 6.0, 4.0
#: Small members of torchvision's families, at 64 x 64 pixels with 4 images.
_NETS = (
    "alexnet", "convnext_tiny", "densenet121", "efficientnet_b0", "googlenet", "mnasnet0_5", "mobilenet_v2",
    "mobilenet_v3_small", "regnet_x_400mf", "regnet_y_400mf", "resnet18", "resnet50", "shufflenet_v2_x0_5",
    "squeezenet1_0", "squeezenet1_1", "swin_t",
)  # fmt: skip

#: Two layers of transformers' families: the head of the model, and what its configuration calls 64 features, 2 layers,
#: 4 heads and 128 hidden units.
_SMALL = {"hidden_size": 64, "num_hidden_layers": 2, "num_attention_heads": 4, "intermediate_size": 128}
_GPT = {"n_embd": 64, "n_layer": 2, "n_head": 4}
_BART = {"d_model": 64, "encoder_layers": 2, "decoder_layers": 2, "encoder_attention_heads": 4,
         "decoder_attention_heads": 4, "encoder_ffn_dim": 128, "decoder_ffn_dim": 128}  # fmt: skip
_TRANSFORMERS: dict[str, tuple[str, dict[str, Any]]] = {
    "bert": ("SequenceClassification", _SMALL),
    "roberta": ("SequenceClassification", _SMALL),
    "electra": ("SequenceClassification", {**_SMALL, "embedding_size": 64}),
    "albert": ("SequenceClassification", {**_SMALL, "embedding_size": 64}),
    "distilbert": ("SequenceClassification", {"dim": 64, "n_layers": 2, "n_heads": 4, "hidden_dim": 128}),
    "gpt2": ("CausalLM", _GPT),
    "opt": ("CausalLM", {**_SMALL, "ffn_dim": 128, "word_embed_proj_dim": 64}),
    "llama": ("CausalLM", {**_SMALL, "num_key_value_heads": 2}),
    "gpt_neox": ("CausalLM", _SMALL),
    "t5": ("Seq2SeqLM", {"d_model": 64, "num_layers": 2, "num_heads": 4, "d_ff": 128, "d_kv": 16,
                         "decoder_start_token_id": 0}),
    "bart": ("Seq2SeqLM", _BART),
    "vit": ("ImageClassification", {**_SMALL, "image_size": 32, "patch_size": 8}),
}

Case = tuple[Any, Callable[[], Any]]


class Graph(torch.nn.Module):
    """Two graph convolutions that sum messages along edges with index_add, and a sum over the nodes."""

    def __init__(self, edges: Any) -> None:
        super().__init__()
        self.edges = edges
        self.first, self.second, self.head = (torch.nn.Linear(a, b) for a, b in ((16, 64), (64, 64), (64, 4)))

    def forward(self, x: Any) -> Any:
        source, target = self.edges
        for layer in (self.first, self.second):
            x = torch.relu(layer(x))
            x = x + torch.zeros_like(x).index_add(0, target, x[source])
        return self.head(x)


class Recurrent(torch.nn.Module):
    """An LSTM and a linear head on its last state."""

    def __init__(self) -> None:
        super().__init__()
        self.lstm, self.head = torch.nn.LSTM(28, 64, batch_first=True), torch.nn.Linear(64, 10)

    def forward(self, x: Any) -> Any:
        return self.head(torch.relu(self.lstm(x)[0][:, -1]))


class ActorCritic(torch.nn.Module):
    """A policy and a value function on one body."""

    def __init__(self) -> None:
        super().__init__()
        self.body = torch.nn.Sequential(
            torch.nn.Linear(8, 64), torch.nn.ReLU(), torch.nn.Linear(64, 64), torch.nn.ReLU())
        self.policy, self.value = torch.nn.Linear(64, 4), torch.nn.Linear(64, 1)

    def forward(self, states: Any) -> tuple[Any, Any]:
        h = self.body(states)
        return self.policy(h).log_softmax(-1), self.value(h)[:, 0]


def ppo() -> Case:
    """The clipped surrogate, the clipped loss of the values, and the entropy (Schulman et al. 2017)."""
    model, count = ActorCritic(), 256
    states, actions = torch.randn(count, 8), torch.randint(4, (count,))
    gains, returns = torch.randn(count), torch.randn(count)
    with torch.no_grad():
        logits, before = model(states)
        old = logits.gather(1, actions[:, None])[:, 0]

    def loss() -> Any:
        logits, value = model(states)
        ratio = (logits.gather(1, actions[:, None])[:, 0] - old).exp()
        surrogate = torch.min(ratio * gains, ratio.clamp(0.8, 1.2) * gains).mean()
        near = before + (value - before).clamp(-0.2, 0.2)
        misfit = torch.max((value - returns) ** 2, (near - returns) ** 2).mean()
        return 0.5 * misfit - surrogate + 0.01 * (logits.exp() * logits).sum(-1).mean()

    return model, loss


def graph() -> Case:
    """A graph of 200 nodes and 800 edges."""
    model = Graph(torch.randint(200, (2, 800)))
    x, y = torch.randn(200, 16), torch.randint(4, (200,))
    return model, lambda: F.cross_entropy(model(x), y)


def residual() -> Case:
    """Two blocks with batch norm behind a max pool, 8 images."""
    model = torch.nn.Sequential(
        torch.nn.Conv2d(3, 16, 3, padding=1), torch.nn.BatchNorm2d(16), torch.nn.ReLU(), torch.nn.MaxPool2d(3, 2, 1),
        Block(16), Block(16), torch.nn.AdaptiveAvgPool2d(1), torch.nn.Flatten(), torch.nn.Linear(16, 10),
    )
    return model, _classified(model, torch.randn(8, 3, 32, 32))


def _classified(model: Any, images: Any, labels: Any = None) -> Callable[[], Any]:
    labels = torch.arange(len(images)) % 10 if labels is None else labels
    return lambda: F.cross_entropy(model(images), labels)


def _on_digits(make: Callable[[], Any], count: int = 64) -> Case:
    model = make()
    return model, _classified(model, IMAGES[:count], LABELS[:count])


def _recurrent() -> Case:
    model = Recurrent()
    return model, _classified(model, IMAGES[:64].reshape(64, 28, 28), LABELS[:64])


#: Models of our own, by what they are.
OWN: dict[str, Callable[[], Case]] = {
    "MLP 784-256-128-10": partial(_on_digits, mlp),
    "LeNet, zero biases, raw digits": partial(_on_digits, lambda: zero_biases(LeNet())),
    "residual blocks, batch norm": residual,
    "transformer encoder layer": partial(_on_digits, transformer),
    "LSTM on rows of digits": _recurrent,
    "graph convolution": graph,
    "PPO's loss at its first step": ppo,
}


def of_torchvision(name: str) -> Case:
    """A net with random weights on 4 random images; dropout draws the same numbers each time."""
    import torchvision

    more = {"aux_logits": False, "init_weights": True} if name == "googlenet" else {}
    model = torchvision.models.get_model(name, weights=None, num_classes=10, **more)
    images, labels = torch.randn(4, 3, 64, 64), torch.arange(4)

    def loss() -> Any:
        torch.manual_seed(0)
        return F.cross_entropy(model(images), labels)

    return model, loss


def of_transformers(name: str) -> Case:
    """A small model of a family with random weights: 4 sequences of 16 tokens, or 4 images, without dropout."""
    import transformers

    head, sizes = _TRANSFORMERS[name]
    config = transformers.AutoConfig.for_model(name, vocab_size=500, num_labels=4, **sizes)
    model = getattr(transformers, f"AutoModelFor{head}").from_config(config).eval()
    if head == "ImageClassification":
        given = {"pixel_values": torch.randn(4, 3, 32, 32), "labels": torch.arange(4)}
    else:
        tokens = torch.randint(4, 500, (4, 16))
        given = {"input_ids": tokens, "labels": torch.arange(4) if head == "SequenceClassification" else tokens}
    return model, lambda: model(**given).loss


def _installed(library: str) -> str:
    """The version of a library, or "" where it is not there or does not load."""
    if importlib.util.find_spec(library) is None:
        return ""
    try:
        return str(importlib.import_module(library).__version__)
    except (ImportError, RuntimeError):
        return ""


def lines() -> Iterator[Line | Growth | Remark]:
    """Two lines a model, its phases and its memory, then what the nets come to."""
    torch.set_num_threads(1)
    for name, make in OWN.items():
        yield from _measured(name, make, [])
    yield _growth()
    yield from _of_library("torchvision", _NETS, of_torchvision)
    yield from _of_library("transformers", _TRANSFORMERS, of_transformers)


def _of_library(library: str, names: Iterable[str], make: Callable[[str], Case]) -> Iterator[Line | Remark]:
    version = _installed(library)
    if not version:
        yield Remark(f"{library} is not installed, or does not load beside this torch: its nets were not measured")
        return
    ratios: list[tuple[float, float]] = []
    for name in names:
        yield from _measured(name, partial(make, name), ratios)
    for what, found, wanted in zip(("verify", "clarke_backward"), zip(*ratios, strict=True), (3.0, 2.2), strict=True):
        yield Remark(f"{len(found)} nets of {library} {version}: {what} median {statistics.median(found):.1f}"
                     f" (wanted {wanted}), max {max(found):.1f}")


def _measured(
    name: str, make: Callable[[], Case], ratios: list[tuple[float, float]]
) -> Iterator[Line | Remark]:
    torch.manual_seed(0)
    model, closure = make()
    report = an.torch.verify(model, closure)
    actions = [partial(action, model, closure) for action in (backward, an.torch.verify, clarke_backward)]
    unit, verify, cure = in_turns(*actions, seconds=1.0, clock=time.process_time)
    ratios.append((verify / unit, cure / unit))
    size = f"{len(report.problem.sweeps.alpha)} of {report.program.s} active"
    yield Line(f"verify, {name}", size, verify, "backward", unit, _VERIFY)
    yield Line(f"clarke_backward, {name}", size, cure, "backward", unit, _CURE)
    phases = ", ".join(f"{phase} {seconds / unit:.1f}" for phase, seconds in dominating(model, closure, 3).items())
    peaks = [resident_peak(action) for action in actions[:2]]
    memory = "" if None in peaks else f"; memory {peaks[0]:.0f} MB of backward, {peaks[1]:.0f} MB of verify"
    yield Remark(f"    {report.verdict.name} by {report.proof.method}; {phases}{memory}")


def _growth() -> Growth:
    """verify on LeNet by the number of images, beside backward."""
    sizes, seconds, floor = (16, 64, 256), [], []
    for count in sizes:
        model, closure = _on_digits(lambda: zero_biases(LeNet()), count)
        unit, verify = in_turns(partial(backward, model, closure), partial(an.torch.verify, model, closure),
                                seconds=1.0, clock=time.process_time)
        seconds.append(verify)
        floor.append(unit)
    return Growth("verify, LeNet on raw digits", "images", sizes, seconds, floor)
