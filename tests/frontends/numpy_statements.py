"""Random programs that make arrays, take views of them and write through these, a statement a line."""

from __future__ import annotations

import copy
from collections.abc import Callable
from random import Random
from typing import Any

import numpy as np

W = np.arange(12.0).reshape(3, 4) / 7

MAKERS = (
    "np.zeros((3, 4))", "np.ones((3, 4))", "np.full((3, 4), x[1])", "x.copy().reshape(3, 4)", "np.array(W)",
    "np.outer(x[:3], x[:4])", "np.eye(3, 4)", "np.zeros((4, 3)).T", "np.ones_like(W)", "x.reshape(3, 4)",
    "np.arange(12.0).reshape(3, 4)", "np.zeros((3, 4), order='F')",
)  # fmt: skip

#: Expressions of arrays a and b, and of numbers i and j.
NEW = {
    "views": (
        "a[:, ::-1]", "a[::-1]", "a.reshape(4, 3).T", "np.flip(a, 0)", "a.T.reshape(3, 4)",
        "np.ravel(a).reshape(3, 4)", "a[...]", "np.broadcast_to(a[0], (3, 4))", "a.T.T", "np.swapaxes(a, 0, 1).T",
        "np.asarray(a)", "np.atleast_2d(a)", "np.squeeze(a[None])", "a.transpose()[::-1].T",
    ),
    "results": (
        "a + b", "a * 0.7 - b", "np.sin(a)", "np.where(W > 0.8, a, b)", "np.maximum(a, b + 10.0)",
        "np.cumsum(a, axis=1)", "(a @ b.T) @ np.ones((3, 4))", "np.abs(a + 0.123)", "a / (1 + b**2)",
    ),
    "copies": (
        "a.copy()", "np.array(a)", "np.copy(a)", "copy.deepcopy(a)", "a.astype(float)", "a.flatten().reshape(3, 4)",
        "+a", "np.concatenate([a[:1], b[1:]])", "np.vstack([a[0], b[1], a[2]])",
    ),
}  # fmt: skip

#: Statements.
CHANGES = {
    "assignments": (
        "a[i, j] = x[i + j] * b[i, j]", "a[i] = b[i][::-1]", "a[:, j] = b[:, j] + x[2]", "a[1:] = b[:-1]",
        "a[i, j] = 2.5", "a[...] = b * 0.5", "a[i] = [x[0], 1.0, x[3], b[0, 0]]", "a.T[j] = b[:, j]",
        "a[i, 1:3] = b[i, :2]", "a[i][j] = b[j % 3, i] ** 2", "s = a[i, j]; a[i, j] = b[0, 0]; b[0, 0] = s",
    ),
    "in place": (
        "a += b", "a *= 0.5", "a[i] += b[i]", "a[:, j] -= x[j]", "a[i, j] *= 3.0", "a[::2] += b[::-2]",
        "np.multiply(a, 1.5, out=a)", "np.add(a, b, out=a)", "a.T[1] *= x[1]", "r = a[i]; r += 1.0; b[0] = r",
    ),
    "masks": (
        "a[W > 0.9] = x[5]", "a[W < 0.5] = b[W < 0.5]", "a[W > 1.2] *= 2.0", "np.copyto(a, b, where=W > 0.4)",
        "np.putmask(a, W > 1.0, b)",
    ),
    "indices": (
        "a[[0, 2]] = b[[2, 1]]", "a[[0, 1, 2], [3, 1, 0]] += b[[0, 0, 1], [1, 2, 3]]", "a[:, [0, 0]] = b[:, [1, 2]]",
        "np.add.at(a, ([0, 0], [1, 1]), x[3])", "a[np.ix_([0, 1], [2, 3])] = b[1:, :2]",
    ),
    "loops": (
        "for r in a: r[0] = r[1] * 1.1", "for q in range(4): a[i, q] = a[i, q - 1] + x[q]",
    ),
    "methods": (
        "a.ravel()[3] = x[0]", "np.fill_diagonal(a[:3, :3], x[1])", "a.reshape(-1)[2:5] = b.reshape(-1)[1:4]",
        "a.fill(0.7)", "a[i].fill(x[1])", "np.put(a, [1, 5], b[0, :2])",
    ),
}  # fmt: skip


def source(random: Random) -> str:
    """A function f of twelve numbers."""
    names = ["v0", "v1", "v2"]
    lines = [f"{name} = {random.choice(MAKERS)}" for name in names]
    for _ in range(random.randint(4, 12)):
        own = {"a": random.choice(names), "b": random.choice(names)}
        own |= {"i": str(random.randint(0, 2)), "j": str(random.randint(0, 3))}
        kind = random.choice([*NEW, *CHANGES, "assignments", "assignments"])
        statement = random.choice((NEW | CHANGES)[kind])
        if kind in NEW:
            names.append(f"v{len(names)}")
            statement = f"{names[-1]} = {statement}"
        lines += [f"{', '.join(own)} = {', '.join(own.values())}", statement]
    lines.append("return " + " + ".join(f"np.sum({name} * (W + {place}))" for place, name in enumerate(names)))
    return "def f(x):\n" + "\n".join(f"    {line}" for line in lines)


def function(seed: int) -> Callable[[Any], Any]:
    """The function of a random source."""
    space: dict[str, Any] = {"np": np, "W": W, "copy": copy}
    exec(source(Random(seed)), space)
    found: Callable[[Any], Any] = space["f"]
    return found
