"""verify and clarke_gradient against hand-written gradients and evaluations, measured in the same run.

    python -m tests.benchmarks.bench_verify
"""

from __future__ import annotations

from tests.benchmarks.measure import best, peak  # isort: skip  (sets the number of threads before NumPy loads)

import numpy as np

import absnormal as an
from absnormal.gallery import digits, networks

SLOPES = (-1.0, 0.0, 1.0)


def network() -> None:
    """784-256-128-10, one sample, all parameters."""
    print("\n784-256-128-10 ReLU network, one sample, 235,146 parameters")
    for flat in (False, True):
        problem = networks.dense_network(flat=flat)
        hand = best(lambda p=problem: p.hand_gradient(p.point, -1.0))
        full = best(lambda p=problem: an.verify(p.function, p.point, slope=-1))
        program = an.trace(problem.function, problem.point)
        again = best(lambda p=problem, q=program: an.verify(q, p.point, slope=-1))
        report = an.verify(problem.function, problem.point, slope=-1)
        memory = peak(lambda p=problem: an.verify(p.function, p.point, slope=-1))
        kind = "flat vector" if flat else "dict"
        print(
            f"  {kind:<12} hand {hand * 1e3:7.2f} ms   verify {full / hand:5.1f} x   traced {again / hand:5.1f} x"
            f"   peak {memory:6.1f} MB   {report.verdict.name} by {report.method}"
        )


def on_digits() -> None:
    """All 1,797 images at once."""
    print("\nthe 1,797 digits, verify against the hand-written value and gradient")
    problems = [
        digits.hinge(),
        digits.hinge("weston-watkins"),
        digits.hinge("weston-watkins", margin=0.0),
        digits.l1_regression(),
        digits.stable_cross_entropy(),
        digits.network(1),
        digits.network(64),
        digits.network(),
        digits.network_without_biases(),
    ]
    for problem in problems:
        for slope in SLOPES:
            hand = best(lambda p=problem, s=slope: p.hand_gradient(p.point, s), 0.2)
            full = best(lambda p=problem, s=slope: an.verify(p.function, p.point, slope=s), 0.3)
            report = an.verify(problem.function, problem.point, slope=slope)
            print(
                f"  {problem.name:<44} slope {slope:4.1f}  active {problem.active:6d}  hand {hand * 1e3:7.2f} ms"
                f"  verify {full / hand:6.1f} x  {report.verdict.name} by {report.method},"
                f" deviation {report.deviation:.1e}"
            )


FUNCTIONS = {
    "sum |x|": lambda x: np.sum(np.abs(x)),
    "rosenbrock": lambda x: np.abs(x[0] - 1) / 4 + np.sum(np.abs(x[1:] - 2 * np.abs(x[:-1]) + 1)),
    "total variation": lambda x: np.sum(np.abs(np.diff(x))) + np.sum(np.square(x)) / 2,
    "soft hinge": lambda x: np.sum(np.log1p(np.exp(-np.abs(x))) + np.maximum(-x, 0.0)),
    "max of |x|": lambda x: np.max(np.abs(x)),
}


def fallback() -> None:
    """clarke_gradient, tracing counted, against evaluating f."""
    print("\nclarke_gradient, tracing counted, in evaluations of f: at ones (kinks) and at a random point")
    for name, f in FUNCTIONS.items():
        line = f"  {name:<16}"
        for n in (10, 1_000, 10_000, 100_000, 1_000_000):
            ratios = []
            for x in (np.ones(n), np.random.default_rng(0).standard_normal(n)):
                floor = best(lambda f=f, x=x: f(x), 0.1)
                ratios.append(best(lambda f=f, x=x: an.clarke_gradient(f, x), 0.2) / floor)
            line += f"   n={n:<9,}" + " / ".join(f"{ratio:6.1f}" for ratio in ratios)
        print(line)


def main() -> None:
    """Print every table."""
    network()
    on_digits()
    fallback()


if __name__ == "__main__":
    main()
