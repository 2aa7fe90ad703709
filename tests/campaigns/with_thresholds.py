"""Functions with thresholds of |x| and x^2, in each framework: soft and hard thresholding, Huber's function, clipping.

They are judged as those with masks are, by values of f alone, and their programs at other points, too.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

import absnormal as an

from .with_masks import SIZE, MaskCase


class ThresholdCase(MaskCase):
    """A case with thresholds."""

    def faults(self, report: an.Report) -> Iterator[str]:
        yield from super().faults(report)
        program, random = an.trace(self.function, self.x), np.random.default_rng(2)
        for step in (*random.integers(-4, 5, (20, SIZE)) * 0.5, *random.standard_normal((20, SIZE)) * 1e-2):
            at = np.asarray(self.x, float) + step
            try:
                found = program(at)
            except (an.GuardError, an.DomainError):
                continue
            value = self.plain(at)
            # Zero times infinity counts for nothing in a program.
            if np.isfinite(value) and not abs(found - value) <= 1e-9 * (1 + abs(found)):
                yield f"the program is {found:.6g} at {at.tolist()}, and f {value:.6g}"


#: Expressions that are equal where |v| is the threshold.
_MEETING = (
    ("0.0 * v", "v - lam * sign(v)", "sign(v) * (abs(v) - lam)", "abs(v) - lam", "v * (abs(v) - lam)",
     "v - lam * lam / v", "v * v - lam * lam"),
    ("v", "lam * sign(v)", "lam * v / abs(v)", "lam * lam / v"),
    ("abs(v)", "lam + 0.0 * v", "sign(v) * v", "lam * sign(v) ** 2"),
    ("v * v", "lam * abs(v)", "lam * lam + 0.0 * v", "v * abs(v) * sign(v)", "lam * lam * abs(v) / lam"),
    ("0.5 * v * v", "lam * (abs(v) - 0.5 * lam)", "lam * (sign(v) * v - 0.5 * lam)"),
)  # fmt: skip


def _text(random: np.random.Generator) -> str:
    def one(*choices: str) -> str:
        return str(choices[random.integers(len(choices))])

    vectors, lines = ["x", "x", "x - c", "2.0 * x", "-x"], list[str]()
    for number in range(random.integers(1, 4)):
        lam = one("1.0", "0.5", "c", "t", "abs(x[0])", "0.25", "2.0")
        size = one("abs(v)", "abs(v)", "v ** 2", "v * v", "2.0 * abs(v)", "abs(v) - lam", "lam - abs(v)", "abs(-v)")
        bound = "0.0" if "lam" in size else "lam * lam" if "v *" in size else "2.0 * lam" if "2.0" in size else "lam"
        group = _MEETING[random.integers(len(_MEETING))]
        first, second = (one(*(group if random.random() < 0.9 else (*_MEETING[0], *_MEETING[1]))) for _ in range(2))
        condition = f"{size} {one('>', '>=', '<', '<=')} {bound}"
        made = one(f"where({condition}, {first}, {second})", f"where({condition}, {first}, {second})",
                   f"({condition}) * ({one(*_MEETING[0])})")  # fmt: skip
        lines += [f"v, lam = {one(*vectors)}, {lam}", f"r{number} = {made}"]
        vectors += [f"r{number}"] * 2
    lines.append(f"return (w * {vectors[-1]}).sum() + (w * x).sum()")
    return "\n    ".join(["def f(x):", "t = x[1] + 0.0", *lines])


def of_thresholds(seed: int) -> Iterator[ThresholdCase]:
    """A function in NumPy, torch and JAX, at a point where something is likely to be tied."""
    import jax
    import jax.numpy as jnp
    import torch

    random = np.random.default_rng(seed)
    text = _text(random)
    x = random.choice([0.0, 0.5, -0.5, 1.0, -1.0, 2.0], SIZE)
    c, w = random.integers(0, 3, SIZE) * 0.5, random.integers(-2, 3, SIZE) * 1.0
    shown = f"x = {x.tolist()}, c = {c.tolist()}, w = {w.tolist()}\n{text}"

    def made(module: Any, given: Callable[[Any], Any]) -> Any:
        inside = {name: getattr(module, name) for name in ("where", "abs", "sign")} | {"c": given(c), "w": given(w)}
        exec(text, inside)
        return inside["f"]

    f = made(np, np.asarray)

    def plain(at: Any) -> float:
        with np.errstate(all="ignore"):
            return float(f(at))

    with jax.enable_x64(True):
        for module, given in ((np, np.asarray), (torch, torch.tensor), (jnp, jnp.asarray)):
            if module is not jnp or seed % 10 == 0:
                yield ThresholdCase(made(module, given), plain, given(x), f"{module.__name__}: {shown}")
