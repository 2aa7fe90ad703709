"""Are verdicts the same in threads, after many calls, and whatever warnings, NumPy, PyTorch and JAX are set to?"""

from __future__ import annotations

import gc
import sys
import warnings
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import torch

import absnormal as an
from absnormal.judgement import descent


def identity(x: Any) -> Any:
    return np.maximum(x[0], 0) - np.maximum(-x[0], 0) + np.abs(x[1] - x[2])


def sorted_and_normed(x: Any) -> Any:
    return np.sort(x)[-1] - np.linalg.norm(x) + np.log(1 + np.exp(-np.abs(x[0])))


def in_torch(x: Any) -> Any:
    return torch.relu(x[0]) - torch.relu(-x[0]) + (x[1] - x[2]).abs()


def in_jax(x: Any) -> Any:
    return jax.nn.relu(x[0]) - jax.nn.relu(-x[0]) + jnp.abs(x[1] - x[2])


def shown(report: Any) -> tuple[Any, ...]:
    """What a person reads of a report, and whether its certificate holds."""
    texts = (str(report), report.explanation, report._repr_html_(), str(report.to_dict()))
    return report.verdict, report.method, *texts, report.certificate.check()


def of_a_model() -> Any:
    model = torch.nn.Linear(2, 1, dtype=torch.float32)
    torch.nn.init.zeros_(model.weight)
    torch.nn.init.zeros_(model.bias)
    X = torch.ones(3, 2, dtype=torch.float32)
    return shown(an.torch.verify(model, lambda: (torch.relu(model(X)) + model(X).abs()).sum()))


def of_a_set() -> Any:
    G = an.generalized_gradient(identity, np.zeros(3))
    return str(G.vertices.tolist()), str(G.min_norm().tolist()), G._repr_html_(), G.contains(np.ones(3))


CALLS: dict[str, Callable[[], Any]] = {
    "NumPy": lambda: shown(an.verify(identity, np.zeros(3), slope=-1)),
    "NumPy, exact": lambda: shown(an.verify(identity, np.zeros(3), exact=True)),
    "norms": lambda: shown(an.verify(sorted_and_normed, np.zeros(3))),
    "torch": lambda: shown(an.verify(in_torch, torch.zeros(3, dtype=torch.float32))),
    "a model": of_a_model,
    "JAX": lambda: shown(an.verify(in_jax, jnp.zeros(3, jnp.float32))),
    "a set": of_a_set,
    "a search for a minimum": lambda: an.minimize(lambda x: np.maximum(abs(x[0]), abs(x[1] - 1)), [1.0, 2.0]).fun,
    "a sweep": lambda: [*an.sweep(identity, np.eye(3) - 1, slope=-1)],
    "large numbers": lambda: shown(an.verify(lambda x: 1e200 * (np.abs(x[0]) - np.abs(x[1])), [0.0, 0.0], slope=-1)),
    "a set of large numbers": lambda: an.generalized_gradient(
        lambda x: 1e200 * (np.abs(x[0]) + np.abs(x[1])), np.zeros(2)).is_stationary(),
    "tiny numbers": lambda: shown(an.verify(lambda x: np.abs(x[0] * 1e-200) - np.abs(x[1]), [0.0, 0.0])),
}


@pytest.fixture(scope="module", autouse=True)
def time_for_sentences() -> Iterator[None]:
    """Sentences are looked for within a second, of which a busy machine may leave a thread too little."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(descent, "_FOR_A_SENTENCE", replace(descent._FOR_A_SENTENCE, seconds=600.0))
        yield


@pytest.fixture(scope="module")
def plain() -> dict[str, Any]:
    return {name: call() for name, call in CALLS.items()}


@pytest.mark.slow
def test_in_eight_threads(plain: dict[str, Any]) -> None:
    before, names = sys.getswitchinterval(), 8 * [*CALLS]
    sys.setswitchinterval(1e-5)
    try:
        with ThreadPoolExecutor(8) as pool:
            found = [*pool.map(lambda name: CALLS[name](), names)]
    finally:
        sys.setswitchinterval(before)
    assert [name for name, one in zip(names, found, strict=True) if one != plain[name]] == []


@pytest.mark.parametrize("name", CALLS)
def test_where_every_floating_point_event_and_every_warning_raises(name: str, plain: dict[str, Any]) -> None:
    with np.errstate(all="raise"), warnings.catch_warnings():
        warnings.simplefilter("error")
        assert CALLS[name]() == plain[name]


def test_sums_that_overflow_warn_of_nothing() -> None:
    """x0 / x1^4 has derivatives that float64 does not hold."""
    with np.errstate(all="raise"), warnings.catch_warnings():
        warnings.simplefilter("error")
        report = an.verify(lambda x: abs(x[0] / (x[1] * x[1]) ** 2) - abs(2 * x[0]), [0.0, 1e-80], slope=-1.0)
        assert report.verdict is not an.Verdict.CLARKE


@pytest.fixture
def settings() -> Iterator[None]:
    kept = torch.get_default_dtype(), jax.config.jax_enable_x64, torch.get_default_device()
    yield
    torch.set_default_dtype(kept[0])
    torch.set_default_device(None if kept[2].type == "cpu" else kept[2])
    jax.config.update("jax_enable_x64", kept[1])


@pytest.mark.usefixtures("settings")
def test_default_precisions_change_nothing(plain: dict[str, Any]) -> None:
    for dtype in (torch.float64, torch.bfloat16, torch.float16, torch.float32):
        torch.set_default_dtype(dtype)
        for name in ("torch", "a model"):
            # Tensors show their precision where it is not the default.
            verdict, *rest = CALLS[name]()
            assert [verdict, rest[0], rest[-1]] == [plain[name][0], plain[name][1], plain[name][-1]]
    for wide in (True, False, True):
        jax.config.update("jax_enable_x64", wide)
        assert CALLS["JAX"]() == plain["JAX"]


@pytest.mark.usefixtures("settings")
def test_the_precision_of_the_point_is_the_one_that_is_judged() -> None:
    """0.1 + 0.2 - 0.3 is 0 in single precision only; flipping x64 between two calls of one function is seen."""
    found = []
    for wide in (False, True, False):
        jax.config.update("jax_enable_x64", wide)
        report = an.verify(lambda x: jnp.abs(x[0] + x[1] - x[2]), jnp.array([0.1, 0.2, 0.3]))
        found.append(len(report.tool.alpha))
    plain_sum = np.float32(0.1) + np.float32(0.2) - np.float32(0.3)
    assert found[0] == found[2] == int(plain_sum == 0) and found[1] == int(0.1 + 0.2 - 0.3 == 0)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["NumPy", "torch", "a model", "JAX"])
def test_nothing_is_kept_of_a_call(name: str) -> None:
    call = CALLS[name]
    for _ in range(3):
        call()

    def objects() -> int:
        gc.collect()
        return len(gc.get_objects())

    before, count = objects(), 20
    for _ in range(count):
        call()
    # JAX keeps two dead references of every derivative that it takes.
    assert objects() - before <= 3 * count
