"""Operations for which there is no rule: all that a result needs are named in one error."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from absnormal.errors import TraceError
from absnormal.frontends.torch.arguments import rule_name
from absnormal.frontends.torch.rules import RULES
from absnormal.frontends.torch.steps import Step
from absnormal.frontends.torch.tape import Record
from absnormal.frontends.torch.writer import Writer
from absnormal.program.nodes import Source, placed

_ROUNDED = ("rounds, and jumps between the numbers that it rounds to", "verify the network without it, in float64")
#: Operations that have no rule for a reason, with what to do.
REASONS: dict[str, tuple[str, str]] = {
    **dict.fromkeys((
        "fake_quantize_per_tensor_affine_cachemask", "_fake_quantize_per_tensor_affine_cachemask_tensor_qparams",
        "fake_quantize_per_channel_affine_cachemask", "_fake_quantize_learnable_per_tensor_affine",
        "_fake_quantize_learnable_per_channel_affine"), _ROUNDED),
    "mode": ("jumps where another value becomes the most frequent one", "use torch.median, or a mean"),
    "renorm": ("keeps a norm below a bound by a factor that torch holds constant",
               "write it with torch.linalg.vector_norm and torch.clamp"),
    "nextafter": ("works on the bits of numbers", "leave it out, or detach its argument"),
    "frexp": ("works on the bits of numbers", "leave it out, or detach its argument"),
    **dict.fromkeys(("fractional_max_pool2d", "fractional_max_pool3d"), (
        "pools over windows that are drawn at random", "use torch.nn.functional.adaptive_max_pool2d or max_pool2d")),
}


def refuse_unknown(steps: Iterable[Step], at: Callable[[Any], None], write: Writer) -> None:
    """Raise where a step has no rule; ``at`` makes the writer name an operation."""
    missing: dict[tuple[str, str], str] = {}
    names: list[str] = []
    source: Source | None = None
    for step in steps:
        record = step.record
        if record is not None and not _known(step, record):
            at(record)
            source = source or write.source
            what = f"{record.name} on complex numbers" if record.pairs else record.name
            names.append(record.name)
            missing[what, str(write.source)] = placed(what, write.source)
    if len(set(names)) == 1 and names[0] in REASONS:
        raise TraceError(f"torch.{names[0]}", *REASONS[names[0]], source)
    if missing:
        listed = ", ".join(missing.values())
        raise TraceError(
            "torch", f"these operations are not supported: {listed}",
            "write them with supported ones, or say what they compute with absnormal.extend.rule", source,
        )


def _known(step: Step, record: Record) -> bool:
    """Whether there is a rule for an operation, or for where it jumps."""
    return step.jumps or rule_name(record) in RULES
