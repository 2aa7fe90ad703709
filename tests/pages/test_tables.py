"""Do the tables of the pages say what the package does?"""

from __future__ import annotations

import re

import pytest

import absnormal as an
from absnormal.frontends.ties.slopes import TABLES
from absnormal.gallery import digits
from absnormal.judgement.ladder import RUNGS, theorem_of
from tests.pages import text_of


def test_every_theorem_is_listed() -> None:
    listed = set(re.findall(r"^\| ([a-z ]+) \|", text_of("theorems"), re.MULTILINE))
    assert {theorem_of(rung) for rung in RUNGS} <= listed - {"method"}


def test_slopes_are_those_of_the_tables() -> None:
    slopes = r"^\| (abs|maximum, minimum|fmax, fmin|clip, [a-z ]+) \| (.*) \|$"
    rows = re.findall(slopes, text_of("verdicts"), re.MULTILINE)
    keys = {"abs": ["abs"], "maximum, minimum": ["maximum"], "fmax, fmin": ["fmax", "fmin"]}
    assert len(rows) == 4
    for name, cells in rows:
        for tool, cell in zip(["autograd", "torch", "jax", "casadi"], cells.split(" | "), strict=True):
            values = [TABLES[tool][key] for key in keys.get(name, ["clip.low", "clip.high"])]
            assert [float(number) for number in cell.split(", ")] == values


_CELLS = r"(\S+) \| (\w+) \| (\w+)"
COMPARED = re.findall(rf"^\| `([^`]*x[^`]*)` \| {_CELLS} \| {_CELLS} \|$", text_of("comparison"), re.MULTILINE)


@pytest.mark.parametrize("row", COMPARED, ids=[row[0] for row in COMPARED])
def test_comparison_with_torch(row: tuple[str, ...]) -> None:
    import torch

    names = {name: getattr(torch, name) for name in ("relu", "abs", "log1p", "exp")}
    names["maximum"] = lambda u, v: torch.maximum(u, torch.full_like(u, v))

    def f(x):
        return eval(row[0], {**names, "x": x}).sum()

    x = torch.zeros(1, dtype=torch.float64, requires_grad=True)
    (gradient,) = torch.autograd.grad(f(x), x)
    passes = torch.autograd.gradcheck(f, (x,), raise_exception=False)
    found = (f"{gradient.item():g}", "passes" if passes else "fails", an.verify(f, x.detach()).verdict.name)
    assert found == row[1:4]


@pytest.mark.parametrize("row", COMPARED, ids=[row[0] for row in COMPARED])
def test_comparison_with_jax(row: tuple[str, ...]) -> None:
    import jax
    from jax.test_util import check_grads

    names = {name: getattr(jax.numpy, name) for name in ("abs", "maximum", "log1p", "exp")} | {"relu": jax.nn.relu}

    def f(x):
        return eval(row[0], {**names, "x": x})

    with jax.enable_x64(True):
        gradient = jax.grad(f)(0.0)
        try:
            check_grads(f, (0.0,), order=1, modes=["rev"])
            passes = "passes"
        except AssertionError:
            passes = "fails"
        found = (f"{float(gradient):g}", passes, an.verify(f, jax.numpy.zeros(())).verdict.name)
    assert found == row[4:]


def test_the_comparison_was_found() -> None:
    assert len(COMPARED) == 7


DIGITS = re.findall(
    r"^\| `(.*?)`(.*?) \| (\S+) \| (\S+) \| (\S+) \| (\w+) \| (.*?) \|$", text_of("digits"), re.MULTILINE
)


def test_the_table_of_digits_was_found() -> None:
    assert len(DIGITS) == 8


#: A row holds for both slopes, unless it names one.
SLOPED = [
    (*row, slope) for row in DIGITS for slope in (-1.0, 0.0)
    if "slope" not in row[1] or f"slope {slope:g}" in row[1]
]


@pytest.mark.slow
@pytest.mark.parametrize(("call", "point", "variables", "switches", "active", "verdict", "method", "slope"), SLOPED)
def test_digits(
    call: str, point: str, variables: str, switches: str, active: str, verdict: str, method: str, slope: float
) -> None:
    problem = eval(call, vars(digits))
    # So much time that the verdict is the same on a machine that is busy.
    report = an.verify(problem, problem.point, slope=slope, budget=an.Budget(seconds=600))
    found = (report.program.n, report.program.s, len(report.problem.sweeps.alpha))
    assert [f"{count:,}" for count in found] == [variables, switches, active]
    assert (report.verdict.name, report.method) == (verdict, method)
    assert report.deviation < 2e-9
