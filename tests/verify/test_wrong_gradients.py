"""Are the measured gradients of real frameworks judged right?  The cases of wrong_gradients.json that NumPy can
express.

Each is written with NumPy; the slopes make backward mode return what the framework returned.  Where one program mixes
conventions, the slopes are given switch by switch.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import absnormal as an

DATA = Path(__file__).parents[1] / "data/wrong_gradients.json"
CASES = {case["name"]: case for case in json.loads(DATA.read_text())}


def relu(u: Any) -> Any:
    return np.maximum(u, 0.0)


def cross_entropy(x: Any) -> Any:
    return np.sum(relu(x) - x + np.log1p(np.exp(-np.abs(x))))


def layer_norm(x: Any) -> Any:
    return (x - np.mean(x)) / np.sqrt(np.var(x) + 1e-5)



ANTIPODAL = np.array([[1.0, 2.0], [-1.0, -2.0]])

#: name -> (function, slopes): a number or a tool's name for all switches, a list for one each.
PROGRAMS: dict[str, tuple[Callable[[Any], Any], Any]] = {
    "identity_relu_minus_relu_neg": (lambda x: np.sum(relu(x) - relu(-x)), -1),
    "identity_clamp_min": (lambda x: np.sum(np.clip(x, 0, None) - np.clip(-x, 0, None)), "torch"),
    "identity_clamp_min_plus_clamp_max": (lambda x: np.sum(np.clip(x, 0, None) + np.clip(x, None, 0)), "torch"),
    "identity_fmax_fmin": (lambda x: np.sum(np.fmax(x, 0) + np.fmin(x, 0)), "torch"),
    "identity_maximum_minimum": (lambda x: np.sum(np.maximum(x, 0) + np.minimum(x, 0)), "torch"),
    "abs_minus_two_relu": (lambda x: np.sum(np.abs(x) - 2 * relu(x)), [0, -1]),
    "relu_vs_maximum": (lambda x: np.sum(np.maximum(x, 0) - relu(x)), [0, -1]),
    "relu6_from_relus": (lambda x: np.sum(np.minimum(relu(x), 6) - relu(x) + relu(x - 6)), [-1, 1, -1, -1]),
    "double_maximum": (lambda x: np.sum(np.maximum(np.maximum(x, 0), 0) - np.maximum(x, 0)), "torch"),
    "cdist_inf_tie": (lambda z: np.max(np.abs(z)), None),
    "pdist_inf_tie": (lambda z: np.max(np.abs(z)), None),
    "maxmin_groupsort_dim": (
        lambda x: np.sum(np.max(x.reshape(-1, 2), 1)) + np.sum(np.min(x.reshape(-1, 2), 1)), [1, -1]),
    "maxpool_plus_minpool": (lambda x: np.max(x) - np.max(-x), [1, 1]),
    "sort_asc_vs_desc": (lambda z: np.sort(z)[0] - np.min(z[::-1]), None),
    "residual_minus_parts": (lambda x: np.sum(x - np.clip(x, 0, None) + np.clip(-x, 0, None)), "torch"),
    "residual_relu_block": (
        lambda x: np.sum(x + np.array([[-1.0, 1.0]]) @ relu(np.array([[1.0], [-1.0]]) @ x)), -1),
    "layernorm_constant_token": (lambda x: relu(layer_norm(x)) @ np.array([1.0, -1.0]), -1),
    "antipodal_batch_zero_weight": (lambda w: np.array([1.0, -1.0]) @ relu(ANTIPODAL @ w), -1),
    "nonzero_const_net_min_of_relu": (
        lambda x: np.sum(np.minimum(relu(x), relu(-x))) + np.sum(relu(x) - relu(-x)), [-1, -1, 0, -1, -1]),
    "intransitive_relu_cycle": (
        lambda z: relu(z[0] - z[1]) + relu(z[1] - z[2]) - 2 * relu(z[2] - z[0]) + (z[2] - z[0]), -1),
    "stable_bce_with_logits_relu": (cross_entropy, [-1, 0]),
    "stable_bce_with_logits_clamp": (cross_entropy, [1, 0]),
    "stable_bce_with_logits_maximum": (cross_entropy, "torch"),
    "elu_by_hand_minimum": (lambda x: np.sum(relu(x) + np.exp(np.minimum(x, 0)) - 1), [-1, 0]),
    "jax_stable_bce_maximum": (cross_entropy, "jax"),
    "jax_logaddexp_by_hand": (
        lambda z: np.maximum(z[0], z[1]) + np.log1p(np.exp(-np.abs(z[0] - z[1]))), "jax"),
    "jax_abs_minus_abs_neg": (lambda x: np.sum(np.abs(x) - np.abs(-x)), "jax"),
    "jax_relu_identity": (lambda x: np.sum(relu(x) - relu(-x)), -1),
    "jax_double_clip": (
        lambda x: np.sum(np.clip(np.clip(x, -1.0, 1.0), -1.0, 1.0) - np.clip(x, -1.0, 1.0)), "jax"),
    "jax_abs_minus_two_relu": (lambda x: np.sum(np.abs(x) - 2 * relu(x)), [1, -1]),
    "autograd_where_vs_maximum": (lambda z: np.where(z[0] > 0, z[0], 0.0) - np.maximum(z[0], 0.0), "autograd"),
    "autograd_double_maximum": (
        lambda z: np.maximum(np.maximum(z[0], 0.0), 0.0) - np.maximum(z[0], 0.0), "autograd"),
    "casadi_if_else_vs_fmax": (lambda z: np.where(z[0] > 0, z[0], 0.0) - np.fmax(z[0], 0.0), "casadi"),
    "clamp_degenerate_box": (lambda x: np.sum(np.clip(x, 0.0, 0.0)), "torch"),
}  # fmt: skip

#: Wrong single operations, whose slopes are no choice in [-1, 1] of this program: only the vector can be judged.
ONLY_THE_VECTOR = {"cdist_inf_tie", "pdist_inf_tie", "sort_asc_vs_desc"}

#: copysign and sign jump at 0, where a tool takes them for constants, and no slope of a kink for that.
JUMPING = {"copysign_self", "sign_prox", "jax_copysign_negzero"}


#: Top-k has no counterpart in NumPy.
NOT_IN_NUMPY = {"max_dim_vs_topk_n16"}


def test_every_case_is_written_or_jumps() -> None:
    assert set(CASES) == set(PROGRAMS) | JUMPING | NOT_IN_NUMPY


@pytest.mark.parametrize("name", sorted(set(PROGRAMS) - ONLY_THE_VECTOR))
def test_the_modelled_gradient_is_what_the_framework_returned_and_is_judged_right(name: str) -> None:
    function, slope = PROGRAMS[name]
    case = CASES[name]
    report = an.verify(function, case["x"], slope=slope)
    np.testing.assert_allclose(report.gradient, case["returned_gradient"], rtol=0, atol=1e-14)
    assert report.verdict is (an.Verdict.NOT_CLARKE if case["wrong"] else an.Verdict.CLARKE)


@pytest.mark.parametrize("name", sorted(PROGRAMS))
def test_the_returned_vector_is_judged_right(name: str) -> None:
    function, _ = PROGRAMS[name]
    case = CASES[name]
    report = an.verify(function, case["x"], gradient=case["returned_gradient"])
    assert report.verdict is (an.Verdict.NOT_CLARKE if case["wrong"] else an.Verdict.CLARKE)


@pytest.mark.parametrize("name", sorted(PROGRAMS))
def test_the_certified_gradient_is_accepted(name: str) -> None:
    function, _ = PROGRAMS[name]
    x = CASES[name]["x"]
    assert an.verify(function, x, gradient=an.clarke_gradient(function, x))


@pytest.mark.parametrize(
    "function", [lambda x: np.sum(np.copysign(x, x)), lambda x: np.sum(np.sign(x) * relu(np.abs(x)))]
)
def test_a_jump_that_cancels_is_no_constant(function: Callable[[Any], Any]) -> None:
    """Both are x, and a tool to which the sign is a constant returns 0."""
    report = an.verify(function, [0.0])
    assert report.verdict is an.Verdict.NOT_CLARKE and report.gradient.tolist() == [0.0]
    assert report.clarke_gradient.tolist() == [1.0] and "counts as a constant" in str(report)
