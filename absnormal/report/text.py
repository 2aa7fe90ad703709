"""A report as text: the verdict first, then the gradients, the switches, why, and how it was proved."""

from __future__ import annotations

from textwrap import wrap
from typing import TYPE_CHECKING, Any

import numpy as np

from absnormal.program.values import OVERFLOWS
from absnormal.report.explanation import sentences
from absnormal.report.left_open import known, what_would_settle
from absnormal.report.plain import number, tree
from absnormal.report.verdict import STATEMENTS, Verdict

if TYPE_CHECKING:
    from absnormal.report.report import Report

_GROUPS = 5
_WIDTH = 110
#: The tool of functions of NumPy's, which is not run: backward mode takes its slopes.
_MODELLED = "autograd"
#: LIKQ is stated where it costs little.
_FEW = 64
#: What comes next is said of points with at most so many entries.
_SHORT = 10_000


def text(report: Report) -> str:
    """The whole report."""
    lines = [headline(report), *_block("gradient", tree(report.arrays(report.flat_gradient)), whose(report))]
    if report.verdict is not Verdict.CLARKE or report.given:
        lines += _block("Clarke gradient", tree(report.arrays(report.flat_clarke_gradient)), certified(report))
    lines.append(f"active switches: {counted(report)}")
    lines += groups(report)
    lines += nearby(report)
    if not report.consistent:
        lines.append(inconsistent())
    for note in report.notes:
        lines += wrap(f"note: {note}", _WIDTH, subsequent_indent="  ")
    lines.append("why")
    for sentence in sentences(report):
        lines += wrap(sentence, _WIDTH, initial_indent="  ", subsequent_indent="    ")
    lines += wrap(following(report), _WIDTH, subsequent_indent="  ")
    lines += wrap(by_convention(report), _WIDTH, subsequent_indent="  ")
    for name, said in facts(report):
        open_ = report.verdict is Verdict.UNDECIDED
        lines += wrap(f"{name}: {said}", _WIDTH, subsequent_indent="  ") if open_ else [f"{name}: {said}"]
    return "\n".join(lines)


def following(report: Report) -> str:
    """What a reader asks next, where an answer takes no time.

    Of a Clarke gradient it is only said that the tool steps away from a stationary point.
    """
    right = report.verdict is Verdict.CLARKE
    leads_away = len(report.problem.sweeps.alpha) > 0 and report.flat_gradient.any()
    said = report.next_step if _at_once(report) and (leads_away or not right) else ""
    return f"next: {said}" if said and not (right and said.startswith("f falls")) else ""


def by_convention(report: Report) -> str:
    """What other slopes would give, where slopes were proved wrong and an answer takes no time."""
    wrong = report.verdict is Verdict.NOT_CLARKE and not report.given
    return f"by convention: {report.conventions}" if wrong and _at_once(report) else ""


def _at_once(report: Report) -> bool:
    """Whether what comes next takes no time to say."""
    return len(report.problem.sweeps.alpha) <= _FEW and report.program.n <= _SHORT


def headline(report: Report) -> str:
    """The verdict and what it means."""
    return f"{report.verdict.name}: {report.verdict.value}"


def whose(report: Report) -> str:
    """Where the gradient comes from."""
    if report.framework not in ("", _MODELLED):
        return f"as {report.framework} returned it"
    if report.given and not report.framework:
        return "as given"
    slope: Any = report.slope
    if isinstance(slope, str):
        return f"backward mode with the slopes of {slope} at ties"
    how = f"slope {number(slope)}" if np.ndim(slope) == 0 else "the given slopes"
    return f"backward mode with {how} at ties"


def certified(report: Report) -> str:
    """What is known of the gradient that is offered instead."""
    if report.fallback.proved:
        return "certified: a limiting gradient"
    if not report.fallback.finite:
        return "NOT certified: a derivative is larger than float64 can hold"
    return "NOT certified: a kink could not be resolved"


def counted(report: Report) -> str:
    """How many switches are active, and what decided it."""
    sweeps = report.problem.sweeps
    rational = sweeps.rational
    ran = report.framework and report.framework != _MODELLED and not report.finer and OVERFLOWS not in report.notes
    computed = f"values that {report.framework} computed" if ran else "float64 values"
    by = "decided in rational arithmetic" if rational else f"decided by the {computed}"
    reach = np.abs(sweeps.z[sweeps.alpha]).max(initial=0.0)
    near = f", |z| up to {number(reach)} counted as 0" if reach else ""
    return f"{len(sweeps.alpha)} of {report.program.s}, {by}{near}"


def groups(report: Report) -> list[str]:
    """The active switches by line, the largest groups first."""
    found = sorted(report.active, key=lambda group: -group.count)
    lines = []
    for group in found[:_GROUPS]:
        lines += beside(str(group), group.line)
    rest = found[_GROUPS:]
    if rest:
        lines.append(f"  ... and {sum(group.count for group in rest)} on {len(rest)} more lines")
    return lines


def nearby(report: Report) -> list[str]:
    """The switches whose float64 sign is one of rounding, and what was made of them."""
    found = report.near
    if not found:
        return []
    exact = report.problem.sweeps.rational
    wrong = len(found.wrong)
    count = f"{len(found)} switch{'es' if len(found) > 1 else ''}"
    what = f"{wrong} with a float64 sign that is not the exact one" if wrong else "within rounding of 0"
    taken = "exact signs" if exact else "float64 signs"
    lines = [f"near a kink: {count}, {what}; the verdict takes the {taken}"]
    for switch in found[:_GROUPS]:
        lines += beside(str(switch), switch.line)
    return lines + ([f"  ... and {len(found) - _GROUPS} more"] if len(found) > _GROUPS else [])


def beside(said: str, code: str) -> list[str]:
    """What is said of a line of code, with that line beside it, or below it where it is long.

    >>> beside("relu at net.py:3: 2 of 2 active", "return relu(x)")
    ['  relu at net.py:3: 2 of 2 active   | return relu(x)']
    """
    together = f"  {said}   | {code}" if code else f"  {said}"
    if len(together) <= _WIDTH:
        return [together]
    return [_cut(f"  {said}"), *wrap(code, _WIDTH, initial_indent="    | ", subsequent_indent="    |   ")]


def inconsistent() -> str:
    """What it means that float signs differ from the exact ones."""
    return (
        "note: at an exactly inactive switch the tool's float64 sign is 0 or wrong, so that\n"
        "  its gradient belongs to no choice of slopes; the vector itself is judged"
    )


def facts(report: Report) -> list[tuple[str, str]]:
    """How it was proved: name and text."""
    proof, found = report.proof, []
    if report.verdict is Verdict.UNDECIDED:
        tried = ", ".join(dict.fromkeys(report.tried))
        found.append(("tried", tried or "the vector against the generalized gradient"))
        found += [("known", line) for line in known(report)]
        advice = "; ".join(what_would_settle(report))
        found += [("to settle it", advice)] if advice else []
    else:
        statement = STATEMENTS.get(proof.method, proof.reason)
        found += [("proved by", f"{proof.method} ({statement})"), ("arithmetic", proof.arithmetic)]
    if 0 < len(report.problem.sweeps.alpha) <= _FEW:
        holds = {True: "holds", False: "fails", None: "not known"}[report.likq]
        found.append(("LIKQ", holds))
    if report.deviation:
        found.append(("deviation", f"{report.deviation:.2g} in an entry was set aside as rounding"))
    if report.tolerance:
        found.append(("tolerance", f"up to {report.tolerance:.2g} in an entry was allowed as rounding"))
    return found


def _block(name: str, lines: list[str], note: str) -> list[str]:
    if len(lines) == 1:
        return [f"{name}: {lines[0]}  ({note})"]
    return [f"{name}: ({note})", *(f"  {_cut(line)}" for line in lines)]


def _cut(line: str) -> str:
    return line if len(line) <= _WIDTH else line[: _WIDTH - 3] + "..."
