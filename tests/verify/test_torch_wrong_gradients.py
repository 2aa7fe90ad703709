"""Are the gradients that torch really returns judged right?  The cases of wrong_gradients.json, as they stand there."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F

import absnormal as an

DATA = Path(__file__).parents[1] / "data/wrong_gradients.json"
CASES = {case["name"]: case for case in json.loads(DATA.read_text()) if case["framework"].startswith("torch")}


def function(case: Any) -> Callable[[Any], Any]:
    scope: dict[str, Any] = {"torch": torch, "F": F}
    exec(case["code"], scope)
    f: Callable[[Any], Any] = scope["f"]
    return f


@pytest.mark.parametrize("name", sorted(CASES))
def test_what_torch_returns_is_judged_right(name: str) -> None:
    case = CASES[name]
    x = torch.tensor(case["x"], dtype=torch.float64)
    f = function(case)
    report = an.verify(f, x)
    assert isinstance(report.gradient, torch.Tensor) and report.gradient.dtype == x.dtype
    np.testing.assert_allclose(report.gradient, case["returned_gradient"], atol=1e-12)
    assert report.verdict is (an.Verdict.NOT_CLARKE if case["wrong"] else an.Verdict.CLARKE)
    assert report.certificate is not None and report.certificate.check()
    assert an.verify(f, x, gradient=report.clarke_gradient)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_the_same_in_other_precisions(dtype: Any) -> None:
    report = an.verify(lambda x: (torch.relu(x) - torch.relu(-x)).sum(), torch.zeros(2, dtype=dtype))
    assert report.verdict is an.Verdict.NOT_CLARKE
    assert report.clarke_gradient.dtype == dtype and report.clarke_gradient.tolist() == [1.0, 1.0]
    assert str(dtype).removeprefix("torch.") in str(report)
