"""PyTorch models at the start of their training, where backward() returns what is no generalized gradient.

Each function returns a `TorchExample`: a model, and a closure that computes the loss, ready for `absnormal.torch`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from absnormal._optional import require


@dataclass(frozen=True, eq=False)
class TorchExample:
    """A model with its loss.

    Attributes
    ----------
    model
        a torch.nn.Module at its starting point
    loss
        a function of no argument that computes the loss
    why
        what goes wrong, and what would be right
    """

    model: Any
    loss: Callable[[], Any]
    why: str


def stable_cross_entropy(logits: Any, targets: Any) -> Any:
    """Binary cross-entropy with logits as textbooks write it: max(u, 0) - u t + log(1 + exp(-|u|)), the mean over all.

    It is smooth: softplus(u) - u t.  At u = 0 its derivative is 1/2 - t; torch returns -t.

    Parameters
    ----------
    logits, targets
        tensors of one shape; targets are 0 or 1
    """
    torch = require("torch", "torch")
    return (torch.relu(logits) - logits * targets + torch.log1p(torch.exp(-logits.abs()))).mean()


def zero_initialised_head(images: int = 256) -> TorchExample:
    """A linear head that starts at zero and tells even digits from odd ones, under `stable_cross_entropy`.

    Every logit is exactly 0, so backward() returns -t times the pixels in the place of (1/2 - t): all even digits are
    ignored in the first step, and the bias is pushed in one direction only.

    Parameters
    ----------
    images
        how many of the digits that ship with scikit-learn
    """
    torch, datasets = require("torch", "torch"), require("sklearn.datasets", "digits")
    digits = datasets.load_digits()
    pixels = torch.tensor(digits.data[:images] / 16.0, dtype=torch.float64)
    odd = torch.tensor(digits.target[:images] % 2, dtype=torch.float64)[:, None]
    model = torch.nn.Linear(pixels.shape[1], 1, dtype=torch.float64)
    torch.nn.init.zeros_(model.weight)
    torch.nn.init.zeros_(model.bias)
    return TorchExample(
        model, lambda: stable_cross_entropy(model(pixels), odd),
        "every logit is 0, where relu'(0) = 0 and |.|'(0) = 0 give -t in the place of 1/2 - t",
    )  # fmt: skip


def crelu_readout(width: int = 8) -> TorchExample:
    """A concatenated relu, (relu(u), relu(-u)), read out with weights v and -v, at u = 0: together it is v . u.

    backward() returns 0 for the weights below, so training does not start; the gradient is v times the input.

    Parameters
    ----------
    width
        the number of units below the concatenated relu
    """
    torch = require("torch", "torch")
    generator = torch.Generator().manual_seed(0)
    x, t = (torch.randn(32, 4, generator=generator, dtype=torch.float64) for _ in range(2))
    model = torch.nn.Linear(4, width, bias=False, dtype=torch.float64)
    torch.nn.init.zeros_(model.weight)
    v = torch.linspace(0.5, 1.5, width, dtype=torch.float64)

    def loss() -> Any:
        u = model(x)
        read = torch.cat([torch.relu(u), torch.relu(-u)], dim=1) @ torch.cat([v, -v])
        return ((read - t[:, 0]) ** 2).mean()

    return TorchExample(model, loss, "relu(u) and relu(-u) are both taken to have slope 0 at 0, together they are u")
