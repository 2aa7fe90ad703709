"""The cases of a front end one after the other."""

from __future__ import annotations

import traceback
from collections import Counter
from collections.abc import Callable, Iterable, Iterator

import absnormal as an

from .drawn import Drawn, of_numpy
from .frameworks import of_jax, of_onnx, of_torch
from .judged import told
from .with_claims import of_claims
from .with_masks import MaskCase, of_masks
from .with_norms import NormCase, of_norms, of_norms_in_jax, of_norms_in_torch
from .with_thresholds import of_thresholds
from .with_weights import WeightCase, of_weights

Seen = Counter[tuple[str, str]]
FRONTS: dict[str, Callable[[int], Iterator[Drawn | MaskCase | NormCase | WeightCase]]] = {
    "numpy": of_numpy, "torch": of_torch, "jax": of_jax, "onnx": of_onnx, "norms": of_norms,
    "torch-norms": of_norms_in_torch, "jax-norms": of_norms_in_jax, "weights": of_weights,
    "claims": of_claims, "masks": of_masks, "thresholds": of_thresholds,
}  # fmt: skip


def run(front: str, seeds: Iterable[int]) -> Iterator[tuple[tuple[str, str], list[str]]]:
    """Of each case what was found, and what is wrong with it."""
    for seed in seeds:
        for drawn in FRONTS[front](seed):
            verdict, found = outcome(drawn)
            yield verdict, [f"{front} {seed}: {fault}: {drawn.text}" for fault in found]


def outcome(drawn: Drawn | MaskCase | NormCase | WeightCase) -> tuple[tuple[str, str], list[str]]:
    """The verdict with the kind of its certificate, or what was refused; and what is wrong with it."""
    try:
        report = drawn.verify()
        return told(report), [*drawn.faults(report)]
    except (an.TraceError, an.DomainError) as error:
        return ("refused", " ".join(str(error).split()[:2])), []
    except Exception:
        return ("ERROR", ""), [traceback.format_exc()]
