"""Real trainers of Lightning and transformers: is a wrong first step caught and repaired, accumulated gradients too?"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn
from torch.nn import functional
from torch.utils.data import DataLoader, Dataset

import absnormal as an


def library(name: str) -> Any:
    """A library that takes seconds to import, which only the process waits for that runs these tests."""
    return pytest.importorskip(name, reason="needs absnormal[test]")


class Data(Dataset):  # type: ignore[type-arg]
    def __init__(self) -> None:
        self.x = torch.randn(32, 4, generator=torch.Generator().manual_seed(0))

    def __len__(self) -> int:
        return len(self.x)

    def __getitem__(self, index: int) -> Any:
        return {"x": self.x[index], "labels": (self.x[index, :1] > 0).float()}


class Head(nn.Module):
    """A head that starts at zero, with the cross-entropy that people write by hand."""

    def __init__(self, right: bool) -> None:
        super().__init__()
        self.right = right
        self.linear = nn.Linear(4, 1)
        nn.init.zeros_(self.linear.weight)
        nn.init.zeros_(self.linear.bias)

    def forward(self, x: Any, labels: Any) -> Any:
        z = self.linear(x)
        if self.right:
            return {"loss": functional.binary_cross_entropy_with_logits(z, labels), "logits": z}
        loss = torch.relu(z) - z * labels + torch.log1p(torch.exp(-z.abs()))
        return {"loss": loss.mean(), "logits": z}


def by_lightning(folder: Path, head: Head, watch: Any, accumulated: int, steps: int) -> None:
    pl = library("lightning.pytorch")

    class Module(pl.LightningModule):
        def __init__(self) -> None:
            super().__init__()
            self.head = head

        def training_step(self, batch: Any, index: int) -> Any:
            return self.head(**batch)["loss"]

        def configure_optimizers(self) -> Any:
            return torch.optim.SGD(self.parameters(), lr=0.5)

    trainer = pl.Trainer(
        max_steps=steps, accumulate_grad_batches=accumulated, logger=False, enable_checkpointing=False,
        enable_progress_bar=False, enable_model_summary=False, accelerator="cpu", default_root_dir=folder,
        callbacks=[] if watch is None else [an.torch.lightning(watch)],
    )  # fmt: skip
    trainer.fit(Module(), DataLoader(Data(), batch_size=8))


def by_transformers(folder: Path, head: Head, watch: Any, accumulated: int, steps: int) -> None:
    transformers = library("transformers")
    arguments = transformers.TrainingArguments(
        output_dir=str(folder), max_steps=steps, per_device_train_batch_size=8, gradient_accumulation_steps=accumulated,
        optim="sgd", learning_rate=0.5, lr_scheduler_type="constant", report_to="none", save_strategy="no",
        use_cpu=True, disable_tqdm=True, max_grad_norm=0.0, eval_strategy="steps", eval_steps=1,
    )  # fmt: skip
    trainer = transformers.Trainer(head, arguments, train_dataset=Data(), eval_dataset=Data())
    trainer._get_train_sampler = lambda *_: torch.utils.data.SequentialSampler(Data())
    if watch is not None:
        an.torch.transformers(watch, trainer)
    trainer.train()
    assert "compute_loss" not in vars(trainer) and "backward" not in vars(trainer.accelerator)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("train", [by_lightning, by_transformers])
@pytest.mark.parametrize("accumulated", [1, 2])
def test_a_zero_head_is_repaired_as_the_loss_of_the_library_trains_it(
    train: Any, accumulated: int, tmp_path: Path
) -> None:
    right, wrong = Head(True), Head(False)
    train(tmp_path, right, None, accumulated, 3)
    watch = an.torch.Watch(wrong, repair=True)
    train(tmp_path, wrong, watch, accumulated, 3)
    assert [(step.number, step.verdict, step.repaired) for step in watch.steps] == [
        (number, "NOT_CLARKE", True) for number in range(accumulated)
    ]
    assert watch.number == 3 * accumulated
    assert torch.allclose(wrong.linear.weight, right.linear.weight, atol=1e-5)
    assert not torch.overrides._get_current_function_mode_stack()


@pytest.mark.filterwarnings("ignore")
def test_a_transformer_of_the_library(tmp_path: Path) -> None:
    transformers = library("transformers")
    config = transformers.BertConfig(
        vocab_size=20, hidden_size=8, num_hidden_layers=1, num_attention_heads=2, intermediate_size=8,
        hidden_act="relu", attn_implementation="eager",
    )  # fmt: skip
    torch.manual_seed(0)
    model = transformers.BertForSequenceClassification(config)
    data = [{"input_ids": torch.arange(4) + k, "labels": k % 2} for k in range(8)]
    arguments = transformers.TrainingArguments(
        output_dir=str(tmp_path), max_steps=2, per_device_train_batch_size=4, report_to="none", save_strategy="no",
        use_cpu=True, disable_tqdm=True,
    )  # fmt: skip
    trainer, watch = transformers.Trainer(model, arguments, train_dataset=data), an.torch.Watch(model, every=1)
    an.torch.transformers(watch, trainer)
    trainer.train()
    assert [step.verdict for step in watch.steps] == ["CLARKE", "CLARKE"]
