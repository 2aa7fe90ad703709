"""PyGRANSO, BFGS with gradient sampling at its end, on the gradients that backward mode gives.

    python3 -m venv peers && peers/bin/pip install --no-deps pygranso gurobipy osqp qdldl

It was written for NumPy 1, whose names for infinity it imports, and imports Gurobi, which it does not use here.
"""

from __future__ import annotations

import contextlib
import io
from typing import Any

import numpy as np

import absnormal as an


def minimized(f: Any, x0: Any) -> tuple[float, int, str]:
    """The least value, how often f was called, and how it ended."""
    import numpy.core.numeric as names
    import torch

    for module in (np, names):
        for name in ("Inf", "infty", "NaN"):
            setattr(module, name, np.nan if name == "NaN" else np.inf)
    from pygranso.pygranso import pygranso
    from pygranso.pygransoStruct import pygransoStruct

    calls = 0

    def combined(point: Any) -> list[Any]:
        nonlocal calls
        calls += 1
        x = point.x.detach().numpy().reshape(-1)
        gradient = np.asarray(an.gradient(f, x), dtype=float)
        return [float(f(x)), torch.tensor(gradient).reshape(-1, 1), None, None, None, None]

    options = pygransoStruct()
    options.torch_device, options.globalAD, options.print_level = torch.device("cpu"), False, 0
    options.x0, options.maxit = torch.tensor(np.asarray(x0, dtype=float)).reshape(-1, 1), 2_000
    with contextlib.redirect_stdout(io.StringIO()):
        found = pygranso(var_spec={"x": [len(x0), 1]}, combined_fn=combined, user_opts=options)
    return float(found.best.f), calls, str(found.termination_code)
