"""A training that is watched: ties at kinks are counted in every step, and gradients are verified where they matter."""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Callable
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any

from absnormal._optional import require
from absnormal.clarke.budget import Budget
from absnormal.errors import AbsNormalError, TraceError
from absnormal.report.record import ERROR
from absnormal.report.report import Report
from absnormal.report.verdict import Verdict

Closure = Callable[[], Any]
_LOG = logging.getLogger("absnormal")
#: Windows of pooling, and large arrays, are counted in every so many steps.
_WINDOWS, _LARGE = 16, 4
#: Places that a log line names.
_NAMED = 3


@dataclass(frozen=True)
class Step:
    """What was seen in a step of a training.

    Attributes
    ----------
    number
        counted from 0
    ties
        how many exact ties there were, by place: "features.1.relu at model.py:12"
    verdict
        "CLARKE", "NOT_CLARKE", "UNDECIDED", "ERROR" where the step could not be followed, "" where it was not verified
    method, reason
        as in a `Record`
    repaired
        whether the gradient was replaced by a certified one

    Examples
    --------
    >>> import absnormal as an
    >>> step = an.torch.Step(3, {"relu at model.py:4": 2})
    >>> step.to_dict()["ties"], step.total
    ({'relu at model.py:4': 2}, 2)
    """

    number: int
    ties: dict[str, int] = field(default_factory=dict)
    verdict: str = ""
    method: str = ""
    reason: str = ""
    repaired: bool = False

    @property
    def total(self) -> int:
        """The number of ties at all places."""
        return sum(self.ties.values())

    def to_dict(self) -> dict[str, Any]:
        """Plain data that `json.dumps` takes."""
        return {"step": self.number, "ties": self.ties, "verdict": self.verdict, "method": self.method,
                "reason": self.reason, "repaired": self.repaired}  # fmt: skip


class Watch:
    """Watches the training of a model: counts exact ties at kinks, verifies gradients, and repairs wrong ones.

    ``watch.backward(closure)`` takes the place of ``closure().backward()``.  Ties are counted in every step, by module,
    operation and line.  The gradient is verified in every N-th step, and in a step with ties at a place that no
    verified step had before; a place where a gradient was wrong is verified until it is right.

    Parameters
    ----------
    model
        a torch.nn.Module, or leaf tensors, as for `absnormal.torch.verify`
    every
        verify every so many steps; 0: only where ties are new
    repair
        put a certified Clarke gradient in the place of one that is proved to be none
    to
        where steps go besides the logger "absnormal": the name of a JSON Lines file, a TensorBoard writer (anything
        with ``add_scalar``), a function of a `Step`, or a list of these
    budget, seed
        as for `absnormal.torch.verify`

    Attributes
    ----------
    steps
        the steps with ties, or with a verdict, so far
    number
        the number of the next step

    Notes
    -----
    A verified step costs the time of some more steps.  Verification leaves everything
    as it was found and sees the random numbers of the step, so that dropout is the same.  Counting takes a few percent
    of a step: arrays with more than 65,536 entries are counted in every 4th step, and windows of max pooling, whose
    count costs a good part of the pooling, in every 16th.  Operations that run compiled are not counted, nor those
    inside of losses other than l1_loss.  A step that `verify` cannot follow, or whose closure computes another loss
    when it is called again, as on another batch, is logged with the reason, and trained as it is.

    Examples
    --------
    >>> import torch, absnormal as an
    >>> head = torch.nn.Linear(2, 1)
    >>> _ = torch.nn.init.zeros_(head.weight), torch.nn.init.zeros_(head.bias)
    >>> X, Y = torch.ones(1, 2), torch.ones(1, 1)
    >>> def loss():
    ...     z = head(X)                                          # 0: a kink of relu and of abs
    ...     return (torch.relu(z) - z * Y + torch.log1p(torch.exp(-z.abs()))).mean()      # cross-entropy by hand
    >>> watch = an.torch.Watch(head, repair=True)
    >>> value = watch.backward(loss)
    >>> watch.steps[0].total, watch.steps[0].verdict, watch.steps[0].repaired
    (2, 'NOT_CLARKE', True)
    >>> head.bias.grad                                           # loss().backward() gives -1
    tensor([-0.5000])
    """

    def __init__(
        self, model: Any, *, every: int = 0, repair: bool = False, to: Any = (), budget: Budget | None = None,
        seed: int = 0,
    ) -> None:
        require("torch", "torch")
        if not (isinstance(every, int) and every >= 0):
            raise ValueError(f"every must be an integer >= 0, got {every!r}")
        from absnormal.frontends.torch.counting import TieCounter

        self.model, self.every, self.repair = model, every, repair
        self.steps: list[Step] = []
        self.number = 0
        self._budget, self._seed = budget, seed
        self._sinks = [_sink(each) for each in (to if isinstance(to, (list, tuple)) else (to,))]
        names = {id(module): name for name, module in model.named_modules()} if hasattr(model, "named_modules") else {}
        self._counter = TieCounter(names)
        #: Places that a verified step had ties at, whose gradient was not proved to be wrong.
        self._cleared: set[str] = set()
        self._state: Any = None

    def __enter__(self) -> Watch:
        """Count the ties of what runs inside; a forward pass."""
        import torch

        self._state = torch.random.get_rng_state()
        self._counter.windows, self._counter.large = self.number % _WINDOWS == 0, self.number % _LARGE == 0
        self._counter.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._counter.__exit__(kind, error, trace)

    def backward(self, closure: Closure) -> Any:
        """In the place of ``closure().backward()``: add the gradient to ``.grad``, and say what was seen.

        Returns
        -------
        torch.Tensor
            the loss, detached
        """
        with self:
            loss = closure()
        report = self.judged(closure, loss)
        loss.backward() if report is None else self._backward(loss, report)
        return loss.detach()

    def judged(self, closure: Closure, loss: Any) -> Report | None:
        """End a step whose forward pass ran inside of ``with watch``; the report where its gradient is to be replaced.

        ``closure`` computes ``loss``, that of this step, again.  Callbacks of training loops call it.
        """
        ties = {str(place): count for place, count in self._counter.taken().items()}
        due = (self.every and self.number % self.every == 0) or not self._cleared.issuperset(ties)
        report, step = None, Step(self.number, ties)
        if due:
            try:
                report = self._verified(closure)
                step = self._step(ties, report)
                self._refuse_another(loss, report, step.repaired)
            except AbsNormalError as error:
                step = Step(self.number, ties, ERROR, type(error).__name__, str(error))
            if step.verdict != Verdict.NOT_CLARKE.name:
                self._cleared |= ties.keys()
        self.number += 1
        if ties or step.verdict:
            self.steps.append(step)
            _log(step)
        for sink in self._sinks:
            sink(step)
        return report if step.repaired else None

    def correct(self, report: Report) -> None:
        """Add to ``.grad``, after a backward pass, what makes its gradient the certified one of a report."""
        import torch

        from absnormal.program.tree import taken_apart
        from absnormal.torch import _variables

        variables = _variables(self.model)[0]
        parts = (taken_apart(gradient)[1] for gradient in (report.clarke_gradient, report.gradient))
        with torch.no_grad():
            for variable, right, wrong in zip(variables, *parts, strict=True):
                if variable.grad is not None:
                    variable.grad += right - wrong

    def _step(self, ties: dict[str, int], report: Report) -> Step:
        wrong = report.verdict is Verdict.NOT_CLARKE
        repaired = wrong and self.repair and report.fallback.proved
        reason = report.explanation if report.verdict is not Verdict.CLARKE else ""
        return Step(self.number, ties, report.verdict.name, report.method, reason, repaired)

    def _verified(self, closure: Closure) -> Report:
        """The verdict on the gradient of this step, with the random numbers that its forward pass saw."""
        import torch

        from absnormal.torch import verify

        now = torch.random.get_rng_state()
        try:
            torch.random.set_rng_state(self._state)
            return verify(self.model, closure, budget=self._budget, seed=self._seed)
        finally:
            torch.random.set_rng_state(now)

    def _refuse_another(self, loss: Any, report: Report, gradient: bool) -> None:
        """Refuse a closure that computed another loss than that of the step, or the same number with another gradient.

        Raises
        ------
        TraceError
            which the step is logged with
        """
        import torch

        from absnormal.judgement.tolerances import relative
        from absnormal.program.tree import taken_apart
        from absnormal.torch import _variables

        pairs = [(loss.detach(), torch.as_tensor(report.tool.y).reshape(loss.shape))]
        if gradient:
            own = torch.autograd.grad(loss, _variables(self.model)[0], retain_graph=True, allow_unused=True)
            again = taken_apart(report.gradient)[1]
            pairs += [(a.to_dense(), b) for a, b in zip(own, again, strict=True) if a is not None and a.numel()]
        for once, again in pairs:
            allowed = relative(torch.finfo(once.dtype).eps) * float(once.abs().max())
            if not torch.allclose(once, again.to(once), rtol=0.0, atol=allowed, equal_nan=True):
                raise TraceError("closure", "computes another loss when it is called again",
                                 "take the batch, and draw random numbers that are not torch's, outside of it")

    def _backward(self, loss: Any, report: Report) -> None:
        """Fill in the certified gradient where loss.backward() fills in its own."""
        from absnormal.program.tree import taken_apart
        from absnormal.torch import _add, _variables

        variables = _variables(self.model)[0]
        held = [variable.grad for variable in variables]
        for variable in variables:
            variable.grad = None
        loss.backward()
        _, parts = taken_apart(report.clarke_gradient)
        for variable, part, before in zip(variables, parts, held, strict=True):
            own, variable.grad = variable.grad, before
            if own is not None:
                _add(variable, part, own.coalesce().indices()[0] if own.is_sparse else None)


def _log(step: Step) -> None:
    ties = sorted(step.ties.items(), key=lambda item: -item[1])
    named = ", ".join(f"{count} at {place}" for place, count in ties[:_NAMED])
    more = f" and {len(ties) - _NAMED} more places" if len(ties) > _NAMED else ""
    if not step.verdict:
        _LOG.debug("step %d: ties: %s%s", step.number, named, more)
        return
    level = logging.INFO if step.verdict == Verdict.CLARKE.name else logging.WARNING
    done = ", repaired" if step.repaired else ""
    _LOG.log(level, "step %d: %s by %s%s; ties: %s%s%s", step.number, step.verdict, step.method, done, named or "none",
             more, f"; {step.reason}" if step.reason else "")


def _sink(to: Any) -> Callable[[Step], Any]:
    """What takes the steps: a file, a TensorBoard writer, a function."""
    if isinstance(to, (str, os.PathLike)):
        return _lines(os.fspath(to))
    if hasattr(to, "add_scalar"):
        return lambda step: _scalars(to, step)
    if callable(to):
        found: Callable[[Step], Any] = to
        return found
    raise ValueError(f"to must be the name of a file, a TensorBoard writer or a function, got {type(to).__name__}")


def _lines(file: str) -> Callable[[Step], Any]:
    """Steps with ties or a verdict, a line each, appended as they come."""

    def write(step: Step) -> None:
        if step.ties or step.verdict:
            with open(file, "a", encoding="utf-8") as out:
                out.write(json.dumps(step.to_dict()) + "\n")

    return write


def _scalars(writer: Any, step: Step) -> None:
    writer.add_scalar("clarke/ties", step.total, step.number)
    if step.verdict:
        writer.add_scalar("clarke/wrong", float(step.verdict == Verdict.NOT_CLARKE.name), step.number)
