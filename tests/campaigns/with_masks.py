"""Programs that read and write entries by masks that are tied: what is drawn from a seed, and what is wrong.

The same text runs in NumPy and in torch.  A verdict claims that f is Lipschitz near the point, and a program has its
one-sided slopes: values of f alone, next to the point along some directions, tell where either is wrong.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

import absnormal as an

SIZE = 4
_STEP = 2.0**-20


@dataclass(frozen=True)
class MaskCase:
    """A function of a front end, the same on plain arrays, and a point."""

    function: Callable[[Any], Any]
    plain: Callable[[Any], float]
    x: Any
    text: str

    def verify(self) -> an.Report:
        return an.verify(self.function, self.x, budget=an.Budget(seconds=5))

    def faults(self, report: an.Report) -> Iterator[str]:
        """What differences of values say against a verdict."""
        at, program = np.asarray(self.x, float), an.trace(self.function, self.x)
        with np.errstate(all="ignore"):
            value = self.plain(at)
            for d in _directions():
                gaps = [self.plain(at + t * d) - value for t in (_STEP, _STEP / 2)]
                if not np.isfinite(gaps).all() or abs(gaps[1]) > 1e-3 * (1 + abs(value)):
                    yield f"{report.verdict.name}, and f jumps by {gaps[1]:.4g} along {d.tolist()}"
                    continue
                found = float(an.directional_derivative(program, self.x, d))
                slope = 2 * gaps[1] / _STEP * 2 - gaps[0] / _STEP
                if abs(slope - found) > 1e-3 * (1 + abs(slope)):
                    yield f"the slope along {d.tolist()} is {found:.6g}, that of values {slope:.6g}"


def _directions() -> list[Any]:
    random = np.random.default_rng(1)
    units = [sign * row for row in np.eye(SIZE) for sign in (1.0, -1.0)]
    return [*units, *(random.integers(-2, 3, SIZE) * 0.5 for _ in range(4)), *random.standard_normal((4, SIZE))]


class _Drawn:
    """A program, statement by statement: vectors, masks and numbers by name."""

    def __init__(self, random: np.random.Generator) -> None:
        self.random = random
        self.lines: list[str] = []
        self.vectors, self.masks, self.numbers = ["x", "x", "c"], list[str](), list[str]()

    def one(self, choices: Any) -> str:
        return str(choices[self.random.integers(len(choices))])

    def number(self) -> str:
        return self.one(["0.0", "0.0", "0.5", "-0.5", "1.0"])

    def name(self, kind: str, held: list[str]) -> str:
        name = f"{kind}{len(self.lines)}"
        held.append(name)
        return name

    def vector(self) -> None:
        a, b, k = self.one(self.vectors), self.one(self.vectors), self.number()
        made = self.one([f"{a} + {k} * {b}", f"{a} - {b}", f"{k} * {a}", f"abs({a})", f"relu({a} - {k})", f"{a} * {b}",
                         f"fresh({a})", f"{a} * {a}", f"where({a} > {k}, {a}, {k} + 0 * {a})"])
        self.lines.append(f"{self.name('v', self.vectors)} = {made}")

    def mask(self) -> None:
        a, b, k = self.one(["x", "x", *self.vectors]), self.one(self.vectors), self.number()
        relation = self.one([">", ">=", "<", "<=", "==", "!="] if self.random.random() < 0.3 else [">", "<", ">="])
        made = f"{a} {relation} {self.one([b, k, k])}"
        if self.masks and self.random.random() < 0.5:
            old = self.one(self.masks)
            made = self.one([f"~{old}", f"{old} & ({made})", f"{old} | ({made})", f"({made}) ^ {old}"])
        self.lines.append(f"{self.name('m', self.masks)} = {made}")

    def changed_mask(self) -> None:
        if self.masks:
            a, k = self.one(self.vectors), self.number()
            self.lines.append(f"{self.one(self.masks)} {self.one(['&=', '|='])} {a} {self.one(['>', '<'])} {k}")

    def write(self) -> None:
        """A vector that is new, and is then written where a mask holds, and perhaps where it does not."""
        if not self.masks:
            return self.mask()
        m, a = self.one(self.masks), self.one(self.vectors)
        made = self.name("v", self.vectors)
        self.lines.append(f"{made} = {self.one([f'copy({a})', f'zeros({a})', f'copy({a})'])}")
        for mask in [m, f"~{m}"][: self.random.integers(1, 3)]:
            self.lines.append(self.one([
                f"{made}[{mask}] = {self.picked(mask)}", f"{made}[{mask}] = {self.number()}",
                f"{made}[{mask}] *= {self.number()}", f"{made}[{mask}] -= {self.one(self.vectors)}[{mask}]",
                f"{made}[{mask}] = {self.picked(mask)}"]))

    def picked(self, m: str) -> str:
        a, b, k = self.one(self.vectors), self.one(self.vectors), self.number()
        return self.one([f"{a}[{m}]", f"{a}[{m}] * {k}", f"{a}[{m}] + {k}", f"{a}[{m}] * {b}[{m}]", f"abs({a}[{m}])",
                         f"({a}[{m}] - c[{m}]) ** 2", f"-{a}[{m}]", f"{a}[{m}] - {b}[{m}]", f"{a}[{m}]"])

    def reduced(self) -> None:
        if not self.masks:
            return self.mask()
        m = self.one(self.masks)
        p = self.picked(m)
        made = self.one([
            f"({p}).sum()", f"({p}).sum()", f"({p}).mean()", f"({p}).mean() * {m}.sum()", f"x[0] * len({p})",
            f"({p}).sum() / ({m}.sum() + 1)", f"({p}).sum() / len({p})", f"x[0] * ones(({p})).sum()",
            f"({self.one(self.vectors)} * {m}).sum()",
            f"x[1] * {m}.sum()", f"x[2] * ones(c[{m}]).sum()", f"(x[0] * ones({p})).sum()", f"(c[{m}]).sum() * x[1]",
            f"{self.one(self.vectors)}[{m}].sum() + (c[{m}] * {self.one(self.vectors)}[{m}]).sum()",
        ])
        self.lines.append(f"{self.name('s', self.numbers)} = {made}")

    def text(self) -> str:
        steps = [self.vector, self.vector, self.mask, self.changed_mask, self.write, self.write, self.reduced]
        self.mask()
        for _ in range(self.random.integers(2, 7)):
            steps[self.random.integers(len(steps))]()
        self.lines.append(f"r = ({self.vectors[-1]} * w).sum() + (w * x).sum()")
        result = " + ".join(["r", *self.numbers])
        return "\n    ".join(["def f(x):", *self.lines, f"return {result}"])


def of_masks(seed: int) -> Iterator[MaskCase]:
    """A program, in torch and in NumPy, at a point where something is likely to be tied."""
    import torch

    random = np.random.default_rng(seed)
    text = _Drawn(random).text()
    x = random.choice([0.0, 0.0, 0.5, -0.5, 1.0], SIZE)
    c, w = random.integers(-1, 3, SIZE) * 0.5, random.integers(-2, 3, SIZE) * 1.0

    def relu(u: Any) -> Any:
        return np.maximum(u, 0.0)

    inside = {"c": c, "w": w, "relu": relu, "abs": np.abs, "where": np.where, "copy": np.copy, "zeros": np.zeros_like,
              "ones": np.ones_like, "fresh": np.array}
    exec(text, inside)
    own = {"c": torch.tensor(c), "w": torch.tensor(w), "relu": torch.relu, "abs": torch.abs, "where": torch.where,
           "copy": torch.clone, "zeros": torch.zeros_like, "ones": torch.ones_like, "fresh": lambda u: u.clone()}
    exec(text, own)
    f: Any = inside["f"]

    def plain(at: Any) -> float:
        return float(f(at))

    shown = f"x = {x.tolist()}, c = {c.tolist()}, w = {w.tolist()}\n{text}"
    yield MaskCase(own["f"], plain, torch.tensor(x), f"torch: {shown}")  # type: ignore[arg-type]
    yield MaskCase(f, plain, x, f"NumPy: {shown}")
