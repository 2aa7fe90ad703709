"""Watching in training loops that others write: callbacks for PyTorch Lightning and for the Trainer of transformers."""

from __future__ import annotations

import copy
import importlib
from collections.abc import Callable
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
            self.report = None if step is None else watch.judged(step, loss)

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


def transformers(watch: Watch, trainer: Any) -> Any:
    """Let a watch see the steps of a Trainer of transformers: call it once, before ``trainer.train()``.

    A callback of transformers sees neither the batch nor the loss.  This one puts itself around ``compute_loss`` and
    the backward pass of this trainer while it trains.  A step that is verified runs ``compute_loss`` once more on its
    batch.  Gradients that a scaler of float16 multiplies are verified, and not repaired.

    Parameters
    ----------
    watch
        of the model that is trained
    trainer
        a transformers.Trainer, or one of a class of its kind

    Returns
    -------
    transformers.TrainerCallback
        which the trainer has now

    Raises
    ------
    ImportError
        without transformers: ``pip install 'transformers[torch]'``

    Examples
    --------
    >>> import torch, absnormal as an
    >>> watch = an.torch.Watch(torch.nn.Linear(2, 1), repair=True)
    >>> def train(trainer):                                            # a transformers.Trainer of the same model
    ...     an.torch.transformers(watch, trainer)
    ...     trainer.train()
    """
    try:
        base: Any = importlib.import_module("transformers").TrainerCallback
    except ImportError as error:
        raise ImportError("transformers is not installed: pip install 'transformers[torch]'") from error

    class Watching(base):  # type: ignore[misc]
        """Counts in compute_loss, verifies before the backward pass, repairs after it."""

        step: tuple[Callable[[], Any], Any] | None = None

        def on_train_begin(self, *arguments: Any, **keywords: Any) -> None:
            self.on_train_end()
            self.loss, self.backward = trainer.compute_loss, trainer.accelerator.backward
            trainer.compute_loss, trainer.accelerator.backward = self.counted, self.verified

        def on_train_end(self, *arguments: Any, **keywords: Any) -> None:
            # After an error the trainer has them still.
            for owner, name in ((trainer, "compute_loss"), (trainer.accelerator, "backward")):
                if getattr(vars(owner).get(name), "__self__", None) is self:
                    delattr(owner, name)

        def counted(self, model: Any, inputs: Any, *arguments: Any, **keywords: Any) -> Any:
            # compute_loss may take labels out of the batch.
            def again() -> Any:
                return self.loss(model, copy.copy(inputs), *arguments, **keywords)

            if not model.training:
                return again()
            with watch:
                found = again()
            self.step = again, found
            return found

        def verified(self, loss: Any, **keywords: Any) -> None:
            step, self.step = self.step, None
            report = None
            if step is not None:
                again, found = step
                parts = 1 if loss is _loss(found) else trainer.current_gradient_accumulation_steps

                def closure() -> Any:
                    with trainer.compute_loss_context_manager():
                        return _loss(again()) / parts

                report = watch.judged(closure, loss)
            self.backward(loss, **keywords)
            if report is not None and getattr(trainer.accelerator, "scaler", None) is None:
                watch.correct(report)

    callback = Watching()
    trainer.add_callback(callback)
    return callback


def _module() -> Any:
    for name in _LIGHTNING:
        try:
            return importlib.import_module(name)
        except ImportError:
            continue
    raise ImportError("lightning is not installed: pip install lightning")


def _loss(found: Any) -> Any:
    """The loss among what training_step or compute_loss returns."""
    return found["loss"] if isinstance(found, dict) else found[0] if isinstance(found, tuple) else found
