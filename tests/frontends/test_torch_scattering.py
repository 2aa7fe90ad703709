"""Are values that are combined where they are sent followed, with torch's slopes at ties, and is torch right there?"""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest
import torch

import absnormal as an
from absnormal.frontends.meanings import movements

_INDEX = torch.tensor([0, 0, 2, 0])
_WEIGHTS = torch.tensor([1.0, 2.0, -3.0])
_COMBINED = {
    "sum": np.sum, "mean": np.mean, "prod": np.prod, "amax": np.max, "amin": np.min,
}  # fmt: skip


def _sent(x: Any, kind: str, own: bool, name: str = "scatter_reduce") -> Any:
    """The first four entries sent to the last three."""
    return getattr(x[4:], name)(0, _INDEX, x[:4], kind, include_self=own)


def _by_hand(x: Any, kind: str, own: bool) -> Any:
    sent = [[x[i] for i in range(4) if _INDEX[i] == place] for place in range(3)]
    return np.array([_COMBINED[kind](line + [x[4 + place]] * (own or not line)) for place, line in enumerate(sent)])


@pytest.mark.parametrize("kind", _COMBINED)
def test_the_program_is_the_function_elsewhere_too(kind: str) -> None:
    rng = np.random.default_rng(0)
    for own, name in itertools.product((True, False), ("scatter_reduce", "index_reduce")):
        if (name, kind) == ("index_reduce", "sum"):
            continue
        x = torch.tensor(rng.integers(-2, 3, 7) / 2)
        program = an.trace(lambda x, own=own, name=name: (_sent(x, kind, own, name) * _WEIGHTS).sum(), x)
        for _ in range(5):
            point = rng.integers(-2, 3, 7) / 2
            assert np.isclose(float(program(point)), float(_by_hand(point, kind, own) @ _WEIGHTS.numpy()))


def test_ties_are_split_evenly_and_the_gradient_is_an_element() -> None:
    rng = np.random.default_rng(1)
    for own, kind, dtype in itertools.product((True, False), ("amax", "amin"), (torch.float64, torch.float32)):
        for _ in range(4):
            x = torch.tensor(rng.integers(1, 3, 7), dtype=dtype)
            if not own:
                # What torch starts from is another number; see below.
                x[4:] = 5
            report = an.verify(lambda x, kind=kind, own=own: (_sent(x, kind, own) * _WEIGHTS).sum(), x)
            assert report.verdict is an.Verdict.CLARKE
            assert report.deviation < 1e-6


def test_what_does_not_count_takes_a_share_in_torch() -> None:
    """Without include_self torch counts the entry that is left out among the ties all the same."""
    for x in (torch.tensor([0.0, 0.0, 0.0, -1.0, 0.0, 0.0, 0.0]), torch.tensor([0.0, -1.0, 0.0, -1.0, 0.0, 0.0, 0.0])):
        report = an.verify(lambda x: _sent(x, "amax", False).sum(), x.double())
        assert report.verdict is an.Verdict.NOT_CLARKE
        assert np.isclose(float(report.clarke_gradient[:4].sum()), 2.0)


def test_nothing_sent_and_one_number() -> None:
    x, none = torch.tensor([1.0, 2.0], dtype=torch.float64), torch.zeros(0, dtype=torch.long)
    one = torch.tensor(1.0, dtype=torch.float64)
    for kind in _COMBINED:
        empty = an.verify(lambda x, kind=kind: x.scatter_reduce(0, none, x[:0], kind, include_self=False).sum(), x)
        assert empty.verdict is an.Verdict.CLARKE and empty.gradient.tolist() == [1.0, 1.0]
        single = an.verify(lambda x, kind=kind: (2 * one).scatter_reduce(0, torch.tensor(0), x, kind), one)
        assert single.verdict is an.Verdict.CLARKE


def test_the_maximum_over_neighbours_of_a_graph() -> None:
    """GraphSAGE's aggregation: messages that relu made 0 tie with each other, and with what they are combined into."""
    torch.manual_seed(0)
    edges = torch.tensor([[0, 1, 2, 3, 0, 1], [1, 0, 1, 2, 3, 3]])
    features, target = torch.randn(4, 3).double(), torch.randn(4).double()
    own, neighbours = torch.nn.Linear(3, 5).double(), torch.nn.Linear(5, 5).double()
    first = torch.nn.Linear(3, 5).double()
    model = torch.nn.ModuleList([own, neighbours, first])

    def loss(start: float) -> Any:
        messages = torch.relu(first(features))[edges[0]]
        place = edges[1][:, None].expand_as(messages)
        most = messages.new_full((4, 5), start).scatter_reduce(0, place, messages, "amax", include_self=False)
        return ((own(features) + neighbours(most)).relu().sum(1) - target).square().sum()

    assert an.torch.verify(model, lambda: loss(-1.0)).verdict is an.Verdict.CLARKE
    assert an.torch.verify(model, lambda: loss(0.0)).verdict is not an.Verdict.UNDECIDED


def test_a_hub_of_a_graph_widens_no_other_node() -> None:
    """2,000 edges that end at one of 600 nodes: what is made of them is as long as they are many."""
    torch.manual_seed(0)
    source = torch.randint(600, (2600,))
    target = torch.cat([torch.zeros(2000, dtype=torch.int64), torch.randint(1, 300, (600,))])
    features, goal = torch.randn(600).double(), torch.randn(600).double()
    w = torch.tensor([0.7, -0.2], dtype=torch.float64)

    def f(w: Any) -> Any:
        h = torch.relu(w[0] * features + w[1])
        return ((h + torch.zeros_like(h).index_add(0, target, h[source])) * goal).sum()

    program = an.trace(f, w)
    assert sum(np.prod(node.shape) for node in program.nodes) < 60_000
    other = w + 0.01
    assert program(other) == pytest.approx(float(f(other)), rel=1e-12)
    report = an.verify(f, w)
    assert report.verdict is an.Verdict.CLARKE and report.consistent


@pytest.mark.parametrize("seed", range(4))
def test_what_is_sent_is_added_by_length_as_in_a_table(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    rng = torch.Generator().manual_seed(seed)
    index, weights = torch.randint(7, (12,), generator=rng), torch.randn(9, generator=rng).double()
    x = torch.randn(21, generator=rng).double()
    f = lambda x: (x[12:].index_add(0, index, x[:12]).relu() * weights).sum()  # noqa: E731
    table = an.trace(f, x)
    monkeypatch.setattr(movements, "_WIDE", 0)
    monkeypatch.setattr(movements, "_PADDED", 0)
    by_length, other = an.trace(f, x), x + 0.1
    assert len(by_length.nodes) > len(table.nodes)
    assert by_length(other) == pytest.approx(float(f(other)))
    np.testing.assert_allclose(an.verify(f, x).flat_gradient, torch.func.grad(f)(x).numpy())
