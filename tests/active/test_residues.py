"""A batch of equal rows leaves a tool with 0 or with a residue: certificates are about what the tool computed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import torch
from torch.nn import functional as F

import absnormal as an

#: Normalisations of a batch, and what else is 0 on paper for equal rows.
TORCH: dict[str, Callable[[Any], Any]] = {
    "batch norm": lambda x: F.batch_norm(x, None, None, training=True),
    "layer norm": lambda x: F.layer_norm(x, x.shape[1:]),
    "group norm": lambda x: F.group_norm(x, 1),
    "instance norm": lambda x: F.instance_norm(x.t()[None]),
    "deviations": lambda x: x - x.mean(0),
    "cumulative sum": lambda x: x.cumsum(0)[-1] - len(x) * x[0],
    "softmax": lambda x: x.softmax(0) - 1 / len(x),
}
HEADS: dict[str, Callable[[Any], Any]] = {
    "relu": lambda u: torch.relu(u).sum(),
    "two relus": lambda u: (torch.relu(u) - torch.relu(-u)).sum(),
    "largest": torch.max,
}


def holds(report: an.Report) -> None:
    """Every proof has a certificate that is accepted."""
    assert report.verdict is an.Verdict.UNDECIDED or report.certificate.check(), report


@pytest.mark.parametrize("head", HEADS)
@pytest.mark.parametrize("layer", TORCH)
def test_equal_rows_in_torch(layer: str, head: str) -> None:
    for dtype, entry in ((torch.float64, 0.1), (torch.float32, 0.1), (torch.float32, 0.3)):
        row = torch.tensor([entry, entry, entry] if head == "relu" else [entry, -2.7, 1 / 3], dtype=dtype)
        budget = an.Budget(seconds=0.3)
        holds(an.verify(lambda x: HEADS[head](TORCH[layer](x)), row.expand(6, 3).clone(), budget=budget))


def test_equal_rows_in_jax_and_numpy() -> None:
    for entry in (0.1, 0.3):
        x = np.full((6, 3), entry)
        holds(an.verify(lambda x: jnp.abs(jax.nn.standardize(x, axis=0)).sum(), jnp.array(x, jnp.float32)))
        holds(an.verify(lambda x: jax.nn.relu((x - x.mean(0)) / jnp.sqrt(x.var(0) + 1e-5)).sum(), jnp.array(x)))
        holds(an.verify(lambda x: np.abs((x - x.mean(0)) / np.sqrt(x.var(0) + 1e-5)).sum(), x))


def test_a_residue_is_not_active_and_a_zero_is() -> None:
    """torch computes 3e-7 in float32 where the evaluation in float64 finds 0."""
    x = torch.full((6, 3), 0.1)
    report = an.verify(lambda x: torch.relu(TORCH["batch norm"](x)).sum(), x)
    sweeps = report.certificate.witness.sweeps
    assert not sweeps.program.switching(sweeps.program.evaluate([x.double().numpy()])).any()
    assert report.certificate.kind == "no active switch" and report.certificate.check()
    # Values in which one of these is 0 are no longer those of the claim.
    kink = sweeps.program.nodes[sweeps.program.kinked[0]]
    sweeps.own[kink.args[0]].flat[0] = 0.0
    assert not report.certificate.check()
