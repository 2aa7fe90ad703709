"""What counts of a program in which something is not finite."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from scipy import special

import absnormal as an
from absnormal.program import slicing
from absnormal.program.needs import Needs


def test_entries_of_sorted_columns_count_beside_a_root_that_is_not_taken() -> None:
    def f(x: torch.Tensor) -> torch.Tensor:
        return x.median(0).values.sum() + torch.where(x > 5, (x - 1).abs().sqrt(), x).sum()

    x = torch.ones(40, 2, dtype=torch.float64)
    d = np.arange(80.0).reshape(40, 2)
    program = an.trace(f, x)
    assert program(x) == 82.0
    assert an.directional_derivative(program, x, d) == d.sum() + np.sort(d, 0)[19].sum()


#: Functions of two variables at 0, and whether they are Lipschitz there, which the formula tells.
ROOTS = {
    "a p-norm": (lambda x: (np.abs(x) ** 3).sum() ** (1 / 3), True),
    "p = 1.5": (lambda x: (np.abs(x) ** 1.5).sum() ** (1 / 1.5), True),
    "np.linalg": (lambda x: np.linalg.norm(x, 2.5), True),
    "cubes as products": (lambda x: (np.abs(x) * np.abs(x) * np.abs(x)).sum() ** (1 / 3), True),
    "smoother": (lambda x: np.sqrt((np.abs(x) ** 3).sum()), True),
    "an ellipse": (lambda x: np.sqrt(x @ np.array([[2.0, 1.0], [1.0, 2.0]]) @ x), True),
    "its logarithm": (lambda x: special.xlogy(x[0] ** 2, x[0] ** 2), True),
    "a root": (lambda x: np.sqrt(np.abs(x)).sum(), False),
    "of a product": (lambda x: np.sqrt(np.abs(x[0]) * np.abs(x[1])), False),
    "one term of two": (lambda x: (np.abs(x[0]) ** 3 + np.abs(x[1])) ** (1 / 3), False),
    "p below 1": (lambda x: (np.abs(x) ** 0.5).sum() ** 2, False),
    "too small a power": (lambda x: (np.abs(x) ** 2.5).sum() ** (1 / 3), False),
    "u log(u)": (lambda x: special.xlogy(np.abs(x[0]), np.abs(x[0])), False),
    "an entropy": (lambda x: special.entr(np.abs(x[0])), False),
    "a relative entropy": (lambda x: special.rel_entr(np.abs(x[0]), 0.5), False),
}  # fmt: skip


@pytest.mark.parametrize("name", ROOTS)
def test_is_only_what_is_not_lipschitz_said_to_be_so(name: str) -> None:
    f, lipschitz = ROOTS[name]
    with pytest.raises(an.TraceError, match="neither .* nor a 2-norm" if lipschitz else "is not Lipschitz"):
        an.verify(f, np.zeros(2))
    t, s = 1e-12, 1e-24
    pairs = (([0.0, 0.0], [t, 0.0]), ([t, 0.0], [t, s]), ([0.0, t], [s, t]))
    with np.errstate(all="ignore"):
        slopes = [abs(f(np.array(b)) - f(np.array(a))) / np.subtract(b, a).max() for a, b in pairs]
    assert (max(slopes) < 4) == lipschitz


@pytest.mark.parametrize("f", [
    lambda x: np.maximum(np.arctan2(1 / np.abs(x[0]), 1 / np.abs(x[1])), 1.0),
    lambda x: np.maximum(np.tanh(1 / np.abs(x[0])), 0.5),
    lambda x: np.minimum(1 / x[0], 3.0),
    lambda x: np.where(1 / np.abs(x[0]) > 3, x[0], x[1]),
    lambda x: np.minimum(np.linalg.norm(1 / np.abs(x)), 3.0),
], ids=["no limit", "a limit that counts", "two signs", "a branch", "a norm"])  # fmt: skip
def test_is_infinity_refused_where_it_counts_or_has_no_limit(f: Any) -> None:
    with pytest.raises(an.DomainError, match="NaN or infinite"):
        an.verify(f, np.zeros(2))


@pytest.mark.parametrize("f", [
    lambda x: np.minimum(np.log1p(np.exp(1 / np.abs(x))), 3.0).sum(),
    lambda x: np.minimum(np.minimum(1 / np.abs(x[0]), 1 / np.abs(x[1])), 3.0),
    lambda x: np.sort(np.stack([1 / np.abs(x[0]), 1 / np.abs(x[1]), 3 + 0 * x[0]]))[0],
    lambda x: np.minimum(2 * np.abs(1 / np.abs(x) - 5), 3.0).sum(),
    lambda x: np.maximum(np.tanh(1 / np.abs(x)), 3.0).sum(),
    lambda x: np.sqrt(np.minimum(1 / np.abs(x), 4.0)).sum(),
    lambda x: np.clip(np.abs(x) ** -0.5 - 2, -1, 1).sum(),
    lambda x: np.minimum(x**-2.0, 3.0).sum(),
    lambda x: np.minimum((3 + x[1]) / (x * x).sum(), 3.0),
    lambda x: np.minimum((3 + x[1]) * (1 / (x * x).sum()), 3.0),
], ids=[
    "a chain", "two", "sorted", "|.|", "a limit", "a root", "a power", "an even power", "a quotient", "a product",
])  # fmt: skip
def test_what_has_grown_to_infinity_keeps_its_limit_beside_a_bound(f: Any) -> None:
    """All of these are constant near 0."""
    x = np.zeros(2)
    report = an.verify(lambda x: f(x) + np.abs(x[0]) + x[1], x)
    certified = report.clarke_gradient
    assert certified is not None and abs(certified[0]) <= 1 and certified[1] == 1
    outside = an.verify(lambda x: f(x) + np.abs(x[0]) + x[1], x, gradient=[0.0, 1.5])
    assert outside.verdict is an.Verdict.NOT_CLARKE
    for found in (report, outside):
        assert found.certificate is not None and found.certificate.check()
    with np.errstate(all="ignore"):
        for near in 1e-6 * np.random.default_rng(0).standard_normal((8, 2)):
            assert f(near) == pytest.approx(f(x), abs=1e-12)


MASK = torch.full((3, 3), -torch.inf, dtype=torch.float64).triu(1)


@pytest.mark.parametrize("f", [
    lambda x: (torch.softmax(x @ x.T + MASK, -1) @ torch.softmax(x.T @ x.relu() + MASK, 0)).abs().sum(),
    lambda x: ((x + MASK).exp() * torch.tensor([0.0, 1.0, 2.0]) * x).sum(),
    lambda x: ((x + MASK).exp() @ torch.tensor([0.0, 1.0, 2.0], dtype=torch.float64)).sum(),
    lambda x: torch.cat([(x + MASK).exp()[0, :2], (x[0] - x[0]) * x[1]]).cumsum(0)[:3].sum() - x.max(),
    lambda x: torch.conv1d((x + MASK).exp()[None], torch.ones(2, 3, 1, dtype=torch.float64), stride=2).sum(),
    lambda x: ((x + MASK).exp() + 2 * x.relu()).sum(),
    lambda x: torch.where(x > 0, (x + MASK).exp(), x.abs().sqrt() - 1.0).mean() + x.sort(0).values[1].sum(),
], ids=["attention", "zeros", "a product", "parts", "a convolution", "constants", "a side"])  # fmt: skip
def test_what_counts_of_all_of_a_node_is_what_counts_entry_by_entry(f: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    follow, count_all, shortened = Needs.follow, Needs._count_all, []

    def counted(needs: Needs, indices: Any) -> None:
        shortened.append(indices)
        count_all(needs, indices)

    def both(quick: Needs, output: int, guarded: Any) -> None:
        slow = Needs(quick.nodes, quick.values, quick.nearby, quick.asked)
        with monkeypatch.context() as patch:
            patch.setattr(Needs, "_uses_all", lambda *_: False)
            follow(slow, output, [*guarded])
        follow(quick, output, guarded)
        for found, entries in ((quick.counts, slow.counts), (quick.compared, slow.compared)):
            assert found.keys() == entries.keys()
            for index, which in entries.items():
                np.testing.assert_array_equal(found[index], which)

    monkeypatch.setattr(slicing, "_only_masks", lambda *_: False)
    monkeypatch.setattr(Needs, "follow", both)
    monkeypatch.setattr(Needs, "_count_all", counted)
    an.trace(f, torch.tensor([[0.3, -0.2, 0.9], [1.1, 0.4, -0.7], [0.2, 0.5, 0.6]], dtype=torch.float64))
    assert len(shortened) > 2


@pytest.mark.parametrize(("f", "only"), [
    (lambda x: (torch.softmax(x @ x.T + MASK, -1) @ x)[:2].square().sum(), True),
    (lambda x: F.scaled_dot_product_attention(x[None], x[None], x[None], is_causal=True)[0, :2].abs().sum(), True),
    (lambda x: torch.logsumexp((x + MASK).T - 1.0, 0)[1:].sum() + x.relu().sum(), True),
    (lambda x: ((-(x - MASK)).exp() * torch.tensor([0.0, 1.0, 2.0]) * x)[0].sum(), True),
    (lambda x: (x + MASK).exp().sum() + torch.log_softmax(x, 0).masked_fill(MASK < 0, 0.0).sum(), True),
    (lambda x: (x + MASK).clamp(min=-1.0)[:2].sum(), False),
    (lambda x: (x + MASK).tanh()[:2].sum(), False),
    (lambda x: ((x + MASK) * 2.0).exp()[:2].sum(), False),
    (lambda x: torch.where(x > -1, x, (x - 2).sqrt()).sum(), False),
    (lambda x: (torch.softmax(x + MASK, -1) + torch.where(x > -1, x, (x - 2).sqrt())).sum(), False),
], ids=["softmax", "attention", "logsumexp", "minus", "an unused mask", "a bound", "tanh", "a product",
        "a root", "both"])  # fmt: skip
def test_masks_that_exp_takes_are_let_alone(f: Any, only: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    x = torch.tensor([[0.3, -0.2, 0.9], [1.1, 0.4, -0.7], [0.2, 0.5, 0.6]], dtype=torch.float64)
    found, true = [], slicing._only_masks

    def told(*args: Any) -> bool:
        found.append(true(*args))
        return found[-1]

    monkeypatch.setattr(slicing, "_only_masks", told)
    quick, gradient = an.verify(f, x), an.clarke_gradient(f, x)
    assert any(found) == only
    monkeypatch.setattr(slicing, "_only_masks", lambda *_: False)
    slow = an.verify(f, x)
    assert (quick.verdict, quick.proof.method, quick.notes) == (slow.verdict, slow.proof.method, slow.notes)
    assert torch.isfinite(gradient).all()
    assert torch.equal(gradient, an.clarke_gradient(f, x))
