"""Operations for which there is no rule: all that a result needs are named in one error."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from absnormal.errors import TraceError
from absnormal.frontends.torch.arguments import rule_name
from absnormal.frontends.torch.kinds import is_complex
from absnormal.frontends.torch.rules import RULES
from absnormal.frontends.torch.steps import Step
from absnormal.frontends.torch.tape import Record
from absnormal.frontends.torch.writer import Writer
from absnormal.program.nodes import Source


def refuse_unknown(steps: Iterable[Step], at: Callable[[Any], None], write: Writer) -> None:
    """Raise where a step has no rule; ``at`` makes the writer name an operation."""
    missing: dict[tuple[str, str], str] = {}
    source: Source | None = None
    for step in steps:
        record = step.record
        if record is not None and not _known(step, record):
            at(record)
            source = source or write.source
            what = f"{record.name} on complex numbers" if is_complex(record) else record.name
            missing[what, str(write.source)] = f"{what} at {write.source}"
    if missing:
        listed = ", ".join(missing.values())
        raise TraceError(
            "torch", f"these operations are not supported: {listed}",
            "write them with supported ones, or ask for them", source,
        )


def _known(step: Step, record: Record) -> bool:
    """Whether there is a rule for an operation, or for where it jumps."""
    return step.jumps or rule_name(record) in RULES
