"""Watching in training loops that others write: a callback for PyTorch Lightning."""

from __future__ import annotations

import importlib
from typing import Any

from absnormal.torch.watch import Watch

_LIGHTNING = ("lightning.pytorch", "pytorch_lightning")


def lightning(watch: Watch) -> Any:
    """A callback for PyTorch Lightning's Trainer that watches its steps, with automatic optimization.

    A step that is verified runs ``training_step`` once more on its batch, so that what this logs is logged twice.

    Parameters
    ----------
    watch
        of the LightningModule that is trained

    Returns
    -------
    lightning.pytorch.Callback
        for ``Trainer(callbacks=[...])``

    Raises
    ------
    ImportError
        without Lightning: ``pip install lightning``

    Examples
    --------
    >>> import torch, absnormal as an
    >>> watch = an.torch.Watch(torch.nn.Linear(2, 1), repair=True)
    >>> try:
    ...     callbacks = [an.torch.lightning(watch)]          # trainer = Trainer(callbacks=callbacks)
    ... except ImportError:
    ...     callbacks = []
    >>> len(callbacks) < 2
    True
    """
    base: Any = _module().Callback

    class Watching(base):  # type: ignore[misc]
        """Counts in the forward pass, verifies before the backward pass, repairs after it."""

        step: Any = None
        report: Any = None

        def on_train_batch_start(self, trainer: Any, module: Any, batch: Any, batch_idx: int) -> None:
            self.step = lambda: _loss(module.training_step(batch, batch_idx)) / trainer.accumulate_grad_batches
            watch.__enter__()

        def on_before_backward(self, trainer: Any, module: Any, loss: Any) -> None:
            step = self.left()
            self.report = None if step is None else watch.judged(step)

        def on_train_batch_end(self, *arguments: Any) -> None:
            self.left()                                   # a step without a loss has no backward pass

        def on_exception(self, *arguments: Any) -> None:
            self.left()

        def left(self) -> Any:
            """End the count where it runs; the step that it ran for."""
            step, self.step = self.step, None
            if step is not None:
                watch.__exit__(None, None, None)
            return step

        def on_after_backward(self, trainer: Any, module: Any) -> None:
            if self.report is not None:
                watch.correct(self.report)
                self.report = None

    return Watching()


def _module() -> Any:
    for name in _LIGHTNING:
        try:
            return importlib.import_module(name)
        except ImportError:
            continue
    raise ImportError("lightning is not installed: pip install lightning")


def _loss(found: Any) -> Any:
    """The loss among what training_step returns."""
    return found["loss"] if isinstance(found, dict) else found
