"""Seconds that other tools take for an abs-normal form: a first time, with tracing, and again at a new point.

Each gives z, y and the Jacobian of the extended function (x, |z|) -> (z, y) at (x, |z(x)|).
"""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from tests.benchmarks.measure import best
from tests.benchmarks.problems import Arrays, Problem, Symbols

#: Entries of dense matrices that are asked of a peer: 1.2 GB.
_DENSE = 150_000_000
#: Variables past which CasADi takes longer for the first time than all other lines together.
_COLOURED = 20_000

Times = tuple[float, float] | str


def _timed(prepare: Callable[[], Callable[[], Any]]) -> Times:
    first = best(lambda: prepare()(), 0.2, 1)
    again = prepare()
    again()
    return first, best(again, 0.3)


def autograd(problem: Problem) -> Times:
    """Jacobian of the extended function, dense; what it traced is not kept."""
    import autograd.numpy as anp
    from autograd import jacobian

    if problem.entries > _DENSE:
        return f"dense, {8 * problem.entries / 1e9:.0f} GB"
    xp, n = Arrays(anp), len(problem.x)

    def extended(v: Any) -> Any:
        z, y = problem.recorded(xp, v[:n], v[n:])
        return anp.concatenate([anp.ravel(part) for part in (*z, y)])

    def again() -> Any:
        z, y = problem.recorded(xp, problem.x)
        w = np.abs(np.concatenate([np.ravel(part) for part in z]))
        return z, y, jacobian(extended)(np.concatenate([problem.x, w]))

    return _timed(lambda: again)


def jax(problem: Problem) -> Times:
    """jacrev or jacfwd of the extended function, whichever has fewer seeds, dense, compiled, in float64."""
    import jax
    import jax.numpy as jnp

    if problem.entries > _DENSE:
        return f"dense, {8 * problem.entries / 1e9:.0f} GB"
    xp = Arrays(jnp)
    jacobian = jax.jacrev if problem.s < len(problem.x) else jax.jacfwd

    def flat(z: list[Any], y: Any) -> Any:
        return jnp.concatenate([jnp.ravel(part) for part in (*z, y)])

    def form(x: Any) -> Any:
        values = flat(*problem.recorded(xp, x))
        extended = lambda x, w: flat(*problem.recorded(xp, x, w))  # noqa: E731
        return values, jacobian(extended, (0, 1))(x, jnp.abs(values[:-1]))

    def prepare() -> Callable[[], Any]:
        x, compiled = jnp.asarray(problem.x), jax.jit(form)
        return lambda: jax.block_until_ready(compiled(x))

    with jax.enable_x64(True):
        return _timed(prepare)


def casadi(problem: Problem) -> Times:
    """The sparse Jacobian of the extended function, coloured once."""
    import casadi as ca

    if len(problem.x) > _COLOURED or (problem.name == "network" and len(problem.x) > 10_000):
        return "minutes of colouring"
    xp, n = Symbols(ca), len(problem.x)

    def prepare() -> Callable[[], Any]:
        x, w = ca.MX.sym("x", n), ca.MX.sym("w", problem.s)
        z, y = problem.recorded(xp, x, w)
        jacobian = ca.jacobian(ca.vertcat(*z, y), ca.vertcat(x, w))
        extended = ca.Function("extended", [x, w], [jacobian])
        values, result = problem.recorded(xp, x)
        switching = ca.vertcat(*values)
        form = ca.Function("form", [x], [switching, result, extended(x, ca.fabs(switching))])
        return lambda: form(problem.x)

    return _timed(prepare)


@cache
def _adolc_program() -> str:
    """The compiled program, or why there is none."""
    compiler = shutil.which("g++")
    if compiler is None:
        return "no compiler"
    target = Path(tempfile.mkdtemp()) / "adolc"
    source = Path(__file__).with_name("adolc.cpp")
    done = subprocess.run([compiler, "-O2", "-std=c++17", "-o", target, source, "-ladolc"], capture_output=True)
    return str(target) if done.returncode == 0 else "not installed (libadolc-dev)"


def adolc(problem: Problem, driver: str = "abs_normal") -> Times:
    """`abs_normal`, dense, or `directional_active_gradient`, whose workspace is as large."""
    if problem.s * (problem.s + len(problem.x)) > _DENSE:
        return f"dense, {8 * problem.entries / 1e9:.0f} GB"
    program = _adolc_program()
    if not Path(program).exists():
        return program
    words = [program, driver, problem.name, *map(str, problem.sizes)]
    # Tapes may go to files in the current directory.
    done = subprocess.run(words, capture_output=True, text=True, cwd=Path(program).parent)
    if done.returncode:
        return "failed"
    first, again = (float(word) / 1e3 for word in done.stdout.split())
    return first, again


def attempted(peer: Callable[[Problem], Times], problem: Problem) -> Times:
    """The times of a peer, or a word where it is not installed."""
    try:
        return peer(problem)
    except ImportError:
        return "not installed"


PEERS: dict[str, Callable[[Problem], Times]] = {"ADOL-C": adolc, "autograd": autograd, "JAX": jax, "CasADi": casadi}
