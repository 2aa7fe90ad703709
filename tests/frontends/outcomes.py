"""What becomes of the samples of a framework's own tests, and what must not become of them."""

from __future__ import annotations

import traceback
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from absnormal.errors import AbsNormalError, TraceError
from absnormal.frontends.traced_call import TracedCall
from absnormal.ops import TABLE

DECIDED, UNDECIDED = "decided", "undecided"
#: What must not be there.
WRONG, UNTYPED = "wrong", "untyped error"
FAULTS = (WRONG, UNTYPED)


class Wrong(Exception):
    """Something that is claimed is not so."""


@dataclass(frozen=True)
class Outcome:
    """What became of one sample of a group."""

    group: str
    sample: str
    kind: str
    text: str = ""

    def __str__(self) -> str:
        return f"{self.group} {self.sample}: {self.kind} {self.text}"


def judged_or_refused(judge: Callable[[], tuple[str, str]], known: tuple[type[Exception], ...] = ()) -> tuple[str, str]:
    """What a judge says, or the kind of its error; a refusal with another cause than the known ones is untyped."""
    try:
        return judge()
    except Wrong as error:
        return WRONG, str(error)
    except AbsNormalError as error:
        if error.__cause__ is not None and not isinstance(error.__cause__, known):
            return UNTYPED, str(error)
        reason = error.problem if isinstance(error, TraceError) else type(error).__name__
        return f"refused: {reason.partition(': ')[0]}", str(error)
    except Exception:
        return UNTYPED, traceback.format_exc()


def check_same_values(call: TracedCall, rtol: float) -> None:
    """Every node computed from its arguments, against the value that the framework computed."""
    values = call.values
    for node, value in zip(call.program.nodes, values, strict=True):
        if node.op in ("input", "constant"):
            continue
        with np.errstate(all="ignore"):
            made = np.asarray(TABLE[node.op].value(node.params, *(values[arg] for arg in node.args)))
        if made.shape != value.shape or not _close(made, value, rtol):
            raise Wrong(f"the value of {node.op} for {node.operation}")


def _close(made: Any, value: Any, rtol: float) -> bool:
    scale = max(1.0, float(np.abs(value[np.isfinite(value)]).max(initial=0.0)))
    return bool(np.allclose(made, value, rtol=rtol, atol=rtol * scale, equal_nan=True))


def collected(outcomes: Iterator[Outcome], told: bool = False) -> list[Outcome]:
    """All outcomes, without the frameworks' warnings; faults are printed as they come where they are to be ``told``."""
    found = []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for outcome in outcomes:
            found.append(outcome)
            if told and outcome.kind in FAULTS:
                print(outcome, flush=True)
    return found


def faults(found: Sequence[Outcome]) -> list[str]:
    """What is wrong, or an untyped error."""
    return [str(outcome) for outcome in found if outcome.kind in FAULTS]


def wordless(found: Sequence[Outcome]) -> list[str]:
    """The refusals that do not name the operation and what to do."""
    refused = [outcome for outcome in found if outcome.kind.startswith("refused")]
    return [str(outcome) for outcome in refused if not (": " in outcome.text and "Fix: " in outcome.text)]
