"""Variable coefficients: what is closed at a point and not next to it, and what is closed there, too."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction
from functools import cached_property, reduce
from operator import add
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

import absnormal as an
from absnormal.active.variable import Variable, variable
from absnormal.certificates.certificate import Certificate
from absnormal.certificates.checker import NeedsProgram
from absnormal.certificates.witness import Witness
from absnormal.sweeps.table import Sweeps
from absnormal.theorems.problem import Problem, Proof
from absnormal.theorems.variable_coefficients import BeyondStableCells, variable_coefficients

from ..oracle.expressions import Expr, Kink, evaluate, fold, numpy_callable, variables
from ..oracle.oracle import Oracle
from ..oracle.rational import membership
from ..oracle.strategies import times
from .generators import SMALL, nests
from .judge import Case, cases, fuzz, never_wrong
from .test_layered_blocks import KINKS, SLOPES, stacks

#: Values of weights next to the point that the oracle looks at, and how near they are.
_DRAWS, _STEP = 16, Fraction(1, 2**20)


def with_weights(expr: Expr, weights: Mapping[Expr, Fraction]) -> Expr:
    """The expression with some nodes times numbers."""

    def visit(node: Expr, args: list[Expr]) -> Expr:
        new = replace(node, args=tuple(args))
        return weights[node] * new if node in weights else new

    return fold(expr, visit)


@dataclass(frozen=True, eq=False, repr=False)
class Weighted(Case):
    """An expression in the first inputs with weights, the other inputs, in front of kinks that are 0 at the point.

    For weights that are held the function is piecewise linear, and its active switches are the same for all of them.
    So the signatures that occur next to the point are the open ones of the functions for weights near to its own.
    """

    unweighted: Expr = field(kw_only=True)
    kinks: tuple[Expr, ...] = field(kw_only=True)

    def __repr__(self) -> str:
        shown = [(str(w), f"{kink!r}") for w, kink in zip(self.weights, self.kinks, strict=True)]
        return f"{super().__repr__()} with weights {shown}"

    @property
    def weights(self) -> tuple[Fraction, ...]:
        return self.x[len(self.x) - len(self.kinks) :]

    @cached_property
    def near(self) -> set[tuple[Fraction, ...]]:
        """Signatures that are open at the point, or for weights next to it."""
        drawn = random.Random(0)
        found = set(self.oracle.open_signatures)
        for _ in range(_DRAWS if self.kinks else 0):
            close = [w + _STEP * drawn.choice((-3, -2, -1, 1, 2, 3)) for w in self.weights]
            expr = with_weights(self.unweighted, dict(zip(self.kinks, close, strict=True)))
            found |= set(Oracle.of(expr, self.x).open_signatures)
        return found

    @cached_property
    def limiting(self) -> list[tuple[Fraction, ...]]:
        """Limiting gradients."""
        return sorted({self.oracle.gradient(sigma) for sigma in self.near})

    @cached_property
    def clarke(self) -> bool:
        return membership(self.limiting, self.gradient).inside


@st.composite
def two_layers(draw: st.DrawFn) -> tuple[Case, tuple[Expr, ...]]:
    """Kinks of sums of kinks, some of which have a weight; slopes of one value a layer, mostly."""
    inputs = variables(draw(st.integers(1, 2)))

    def kinked(z: Expr) -> Expr:
        return KINKS[draw(st.sampled_from(list(KINKS)))](z)

    def form() -> Expr:
        return reduce(add, [times(draw(st.sampled_from(SMALL[:-1])), v) for v in inputs])

    first = [kinked(form()) for _ in range(draw(st.integers(2, 3)))]
    second = [
        kinked(reduce(add, [times(draw(st.sampled_from((1, -1, 1, 2, -2))), u) for u in first]))
        for _ in range(draw(st.integers(1, 2)))
    ]
    out = [*second, form()] if draw(st.booleans()) else second
    expr = reduce(add, [times(draw(st.sampled_from(SMALL[:-1])), node) for node in out])
    layer = [draw(st.sampled_from(SLOPES)) for _ in range(2)]
    c = [layer[int(any(row))] for row in Oracle.of(expr, (0,) * len(inputs)).form.L]
    weighted = [node for node in first if isinstance(node, Kink) and draw(st.booleans())]
    return Case(expr, (Fraction(0),) * len(inputs), tuple(c), numpy_callable(expr)), tuple(weighted)


@st.composite
def any_program(draw: st.DrawFn) -> tuple[Case, tuple[Expr, ...]]:
    """A random program, and some of its kinks that are 0 at the point."""
    a = draw(cases(nests()) | stacks() | cases())
    zeros: list[Expr] = []

    def collect(node: Expr, _: list[None]) -> None:
        if isinstance(node, Kink) and node is not a.expr and not evaluate(node, a.x):
            zeros.append(node)

    fold(a.expr, collect)
    return a, tuple(node for node in zeros if draw(st.integers(0, 3)))


@st.composite
def weighted(draw: st.DrawFn) -> Weighted:
    """A program with weights in front of some kinks; some slopes are those of a cell that is open next to the point
    only."""
    a, kinks = draw(two_layers() | any_program())
    weights = tuple(Fraction(draw(st.sampled_from((0, 0, 1, -1, 2)))) for _ in kinks)
    places = {node: len(a.x) + i for i, node in enumerate(kinks)}

    def after(node: Expr, value: Any, v: Any) -> Any:
        return v[places[node]] * value if node in places else value

    expr = with_weights(a.expr, dict(zip(kinks, weights, strict=True)))
    found = Weighted(expr, (*a.x, *weights), a.c, numpy_callable(a.expr, after), unweighted=a.expr, kinks=kinks)
    if len(found.oracle.active) > 6:
        return found
    thin = sorted(found.near - set(found.oracle.open_signatures))
    return replace(found, c=draw(st.sampled_from(thin))) if thin and draw(st.booleans()) else found


def along(evidence: BeyondStableCells, g: Sequence[Fraction]) -> Fraction:
    return sum((Fraction(p) * q for p, q in zip(evidence.separator, g, strict=True)), Fraction(0))


@given(weighted().filter(lambda a: len(a.oracle.active) <= 6))
@fuzz(8)
def test_it_is_never_wrong(a: Weighted) -> None:
    proof = never_wrong(variable_coefficients, a)
    if proof is not None:
        assert isinstance(proof.evidence, BeyondStableCells)
        separated = along(proof.evidence, a.gradient)
        assert separated > max(along(proof.evidence, g) for g in a.limiting)


def _plain(found: Variable, signature: Sequence[int], weights: Mapping[int, int]) -> set[int]:
    """Whatever Gordan weights there are."""
    return set(weights)


def proof_of(f: Callable[[Any], Any], x: Any, slope: Any) -> Proof | None:
    program = an.trace(f, x)
    sweeps = Sweeps(program, np.asarray(x, dtype=float))
    return variable_coefficients(Problem(sweeps, np.broadcast_to(slope, len(sweeps.alpha)).astype(float), an.Budget()))


THIN: dict[str, Callable[[Any, Any, Any], Any]] = {
    # Weights that are 0; a kink between that has no row; three kinks of which the weighted one is on for x > 0 only.
    "a weight": lambda x, y, w: np.abs(y) + w * np.abs(x),
    "no row": lambda x, y, w: np.abs(y) - np.abs(w * np.abs(x)),
    "relu": lambda x, y, w: np.abs(y) + w * np.maximum(x, 0) + 0 * x,
}


@pytest.mark.parametrize("name", THIN)
def test_what_is_open_next_to_the_point_only_is_not_cut_off(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """z >= 0 at w = 0, and max(-z, 0) has the limiting gradients 0 and (0, -1, 0), where z < 0 and y > 0."""
    slopes = {"a weight": [1, 0, 1], "no row": [1, 0, 0, 1], "relu": [1, 0, 1]}[name]

    def f(v: Any) -> Any:
        return np.maximum(-THIN[name](*v), 0)

    assert np.allclose(an.trace(f, np.zeros(3)).s, len(slopes))
    assert proof_of(f, np.zeros(3), slopes) is None
    assert an.verify(f, np.zeros(3), slope=np.array(slopes, float)).verdict.name != "NOT_CLARKE"
    monkeypatch.setattr(Variable, "closes", _plain)
    proof = proof_of(f, np.zeros(3), slopes)
    assert proof is not None and not proof.clarke


def test_weights_are_asked_for_what_moves() -> None:
    """w moves what x adds to z, for |x| on both sides: there a weight of x has to be positive."""
    for name, moves in (("a weight", (1, -1)), ("relu", (1,))):
        f = THIN[name]
        found = variable(Sweeps(an.trace(lambda v, f=f: np.maximum(-f(*v), 0), np.zeros(3)), np.zeros(3)))
        assert found is not None
        for sign in (1, -1):
            assert (found.closes([1, sign, 1], {0: 1, 2: 1}) is None) == (sign in moves)
            assert found.closes([1, sign, 1], {0: 1, 1: 1, 2: 1}) == {0, 1, 2}
            assert found.closes([1, 0, 1], {0: 1, 2: 1}) is None


@pytest.mark.parametrize("name", THIN)
def test_such_cells_count_in_a_separation(name: str) -> None:
    """Beside them |y| + (2 + w)|x| >= 0 near the point, so that max(-., 0) of it is 0, whose slopes give 2 x."""

    def f(v: Any) -> Any:
        x, y, w = v
        return np.maximum(-THIN[name](x, y, w), 0) - np.maximum(-(np.abs(y) + (2 + w) * np.abs(x)), 0)

    report = an.verify(f, np.zeros(3), slope=1.0)
    assert (report.verdict.name, report.method) == ("NOT_CLARKE", "separation"), report
    assert isinstance(report.proof.evidence, BeyondStableCells)
    certificate = report.certificate
    assert certificate is not None and certificate.check()
    with pytest.raises(NeedsProgram):
        Certificate.from_json(certificate.to_json()).check()


def network(seed: int, framework: Any = np) -> tuple[Callable[[Any], Any], np.ndarray]:
    """Two hidden layers of relu without biases on three samples, of all weights, where the first ones are 0."""
    rng = np.random.default_rng(seed)
    data, y = rng.integers(-3, 4, (3, 3)).astype(float), rng.integers(-2, 3, 3).astype(float)
    rest = [rng.integers(-2, 3, shape).astype(float).ravel() for shape in ((3, 2), 2)]
    if framework is torch:
        data, y = torch.tensor(data), torch.tensor(y)
    relu = torch.relu if framework is torch else lambda u: np.maximum(u, 0)

    def f(w: Any) -> Any:
        first = relu(data @ w[:9].reshape(3, 3))
        return ((relu(first @ w[9:15].reshape(3, 2)) @ w[15:] - y) ** 2).sum()

    return f, np.concatenate([np.zeros(9), *rest])


def test_a_network_is_refuted_with_respect_to_all_its_weights() -> None:
    f, x = network(2)
    in_torch, _ = network(2, torch)
    for report in (an.verify(f, x, slope=1.0), an.verify(in_torch, torch.tensor(x), slope=1.0)):
        assert (report.verdict.name, report.method) == ("NOT_CLARKE", "separation")
        assert report.certificate is not None and report.certificate.check()
        assert "no Clarke gradient gives more than" in " ".join(str(report).split())


def test_a_tree_that_is_changed_proves_nothing() -> None:
    """Bounds in place of weights, weights of one switch alone, a plain weight where more are asked for."""
    f, x = network(2)
    report = an.verify(f, x, slope=1.0)
    certificate = report.certificate
    assert certificate is not None and certificate.check()
    tree = certificate.data["tree"]
    refuted = [place for place, item in enumerate(tree) if isinstance(item, list)]

    def with_tree(new: list[Any]) -> bool:
        return replace(certificate, data={**certificate.data, "tree": new}).check()

    for place in refuted[:3]:
        before, after, item = tree[:place], tree[place + 1 :], tree[place]
        for other in (-1, item[:1], [[i, 0] for i, _ in item], [[i, -w] for i, w in item]):
            assert not with_tree([*before, other, *after]), (item, other)
    assert not with_tree(tree[:-1])
    backwards = [-a for a in certificate.data["separator"]]
    assert not replace(certificate, data={**certificate.data, "separator": backwards}).check()


def test_weights_that_close_at_the_point_alone_are_refused() -> None:
    """z = |y| + w |x| < 0 has the Gordan weights 1 and 1 at w = 0; the switch of max(-z, 0) is -z."""

    def f(v: Any) -> Any:
        return np.maximum(-(np.abs(v[1]) + v[2] * np.abs(v[0])), 0)

    # Of |y|, then of -z: the sides + and - of either.
    evidence = BeyondStableCells([0.0, -1.0, 0.0], 1.0, [0, 2, [[0, 1], [2, 1]], -1, 2, [[0, 1], [2, 1]], -1])
    sweeps = Sweeps(an.trace(f, np.zeros(3)), np.zeros(3))
    witness = Witness(sweeps, np.array([1.0, 0.0, 1.0]))
    assert sweeps.gradient(sweeps.signature(witness.c)).tolist() == [0, -1, 0]
    assert not evidence.proves(witness, np.random.default_rng(0))
