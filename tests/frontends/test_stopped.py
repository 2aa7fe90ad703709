"""detach, no_grad, stop_gradient have one meaning: values are held constant, with a note, or followed where asked."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import torch
from jax import lax, nn

import absnormal as an

from .precision import double as double

D = torch.float64
Function = Callable[[Any], Any]


def _no_grad(x: Any) -> Any:
    with torch.no_grad():
        square = x * x
    return (x * square).sum()


def _in_place(x: Any) -> Any:
    y = (x * x).detach_()
    return (x * y).sum()


def _times_stopped(x: Any) -> Any:
    return x * lax.stop_gradient(x)


@jax.custom_vjp
def _with_rule(x: Any) -> Any:
    return _times_stopped(x)


_with_rule.defvjp(lambda x: (_with_rule(x), x), lambda x, g: (g * x,))

#: In torch and JAX: a function, a point, the gradient with the stopped values held, and that of the function.
STOPPED: dict[str, tuple[Function, float, float, float]] = {
    "torch, product": (lambda x: (x * x.detach()).sum(), 2.0, 2.0, 4.0),
    "torch, data": (lambda x: (x * (2 * x.data)).sum(), 3.0, 6.0, 12.0),
    "torch, no_grad": (_no_grad, 2.0, 4.0, 12.0), "torch, in place": (_in_place, 2.0, 4.0, 12.0),
    "torch, straight through": (lambda x: (x + (x.round() - x).detach()).sum(), 0.3, 1.0, 0.0),
    "torch, a buffer": (lambda x: (x * torch.zeros(1, dtype=D).copy_(x.detach())).sum(), 3.0, 3.0, 6.0),
    "jax, product": (lambda x: jnp.sum(x * lax.stop_gradient(x)), 2.0, 2.0, 4.0),
    "jax, later": (lambda x: jnp.sum(jnp.tanh(x) * jnp.square(lax.stop_gradient(x * x))), 1.5,
                   (1 - np.tanh(1.5) ** 2) * 1.5**4, (1 - np.tanh(1.5) ** 2) * 1.5**4 + 4 * np.tanh(1.5) * 1.5**3),
    "jax, straight through": (lambda x: jnp.sum(x + lax.stop_gradient(jnp.round(x) - x)), 0.3, 1.0, 0.0),
    "jax, at an integer": (lambda x: jnp.sum(x + lax.stop_gradient(jnp.round(x) - x)), 1.0, 1.0, 0.0),
    "jax, clipped": (lambda x: jnp.sum(jnp.clip(x, -1, 1) + lax.stop_gradient(jnp.round(x) - jnp.clip(x, -1, 1))),
                     1.0, 0.5, 0.0),
    "jax, sum": (lambda x: (2 * x + lax.stop_gradient(-x)).sum(), 0.5, 2.0, 1.0),
    "jax, a kink": (lambda x: jnp.sum(nn.relu(x) - lax.stop_gradient(nn.relu(-x))), 0.0, 0.0, 1.0),
    "jax, jit": (lambda x: jax.jit(_times_stopped)(x).sum(), 2.0, 2.0, 4.0),
    "jax, vmap": (lambda x: jax.vmap(_times_stopped)(x).sum(), 2.0, 2.0, 4.0),
    "jax, checkpoint": (lambda x: jax.checkpoint(_times_stopped)(x).sum(), 2.0, 2.0, 4.0),
    "jax, custom_vjp": (lambda x: _with_rule(x).sum(), 2.0, 2.0, 4.0),
    "jax, cond": (lambda x: lax.cond(x[0] > 0, _times_stopped, jnp.negative, x).sum(), 2.0, 2.0, 4.0),
    "jax, scan": (lambda x: lax.scan(lambda c, _: (_times_stopped(c), None), x, None, length=2)[0].sum(), 1.5,
                  1.5**3, 4 * 1.5**3),
}  # fmt: skip


def at(name: str, x: float) -> Any:
    return torch.tensor([x], dtype=D) if name.startswith("torch") else jnp.array([x])


@pytest.mark.parametrize("name", STOPPED)
def test_a_stopped_value_is_held_with_a_note_or_followed(name: str, double: None) -> None:
    f, x, held, followed = STOPPED[name]
    report = an.verify(f, at(name, x))
    assert report.verdict is an.Verdict.CLARKE and float(report.gradient[0]) == pytest.approx(held)
    assert float(report.clarke_gradient[0]) == pytest.approx(held) and report.certificate.check()
    (note,) = report.notes
    assert note.startswith("held constant") and "test_stopped.py:" in note
    report = an.verify(f, at(name, x), stopped="followed")
    assert report.verdict is an.Verdict.NOT_CLARKE and float(report.clarke_gradient[0]) == pytest.approx(followed)
    assert any("test_stopped.py:" in note for note in report.notes)


#: Values on which the result does not depend, and functions without any.
FREE: dict[str, Function] = {
    "jax, log_softmax": lambda x: -nn.log_softmax(jnp.append(x, 1.0))[0], "jax, relu": lambda x: nn.relu(x).sum(),
    "jax, by hand": lambda x: jnp.log(jnp.exp(x - lax.stop_gradient(x.max())).sum()) + lax.stop_gradient(x.max()),
    "torch, relu": lambda x: torch.relu(x).sum(), "torch, softmax": lambda x: torch.softmax(x, 0)[0],
}  # fmt: skip


@pytest.mark.parametrize("name", FREE)
@pytest.mark.parametrize("stopped", ["constant", "followed"])
def test_what_does_not_count_needs_no_note(name: str, stopped: Any, double: None) -> None:
    report = an.verify(FREE[name], at(name, 2.0), stopped=stopped)
    assert report.verdict is an.Verdict.CLARKE and report.notes == ()


@pytest.mark.parametrize("stopped", ["constant", "followed"])
def test_a_comparison_of_stopped_values_is_one_of_values(stopped: Any, double: None) -> None:
    """x, written with two masks of what was stopped: the gradient 0 at 0 is never called right."""
    for f, x in (
        (lambda x: (x * (x.detach() > 0) - (-x) * (-x.detach() > 0)).sum(), torch.zeros(1, dtype=D)),
        (lambda x: jnp.sum(jnp.where(lax.stop_gradient(x) * 2 > 0, x, 0) + jnp.where(lax.stop_gradient(x) < 0, x, 0)),
         jnp.zeros(1)),
        (lambda x: jnp.sum(jnp.where(lax.stop_gradient(x)[:1] * 2 > 0, x[:1], 0)
                           + jnp.where(lax.stop_gradient(x)[:1] < 0, x[:1], 0)), jnp.zeros(2)),
    ):  # fmt: skip
        try:
            assert an.verify(f, x, stopped=stopped).verdict is not an.Verdict.CLARKE
        except an.TraceError:
            continue


def test_a_program_with_held_values_is_of_no_use_elsewhere(double: None) -> None:
    for name in ("torch, product", "jax, product"):
        program = an.trace(STOPPED[name][0], at(name, 2.0))
        assert program([2.0]) == 4.0
        with pytest.raises(an.GuardError):
            program([3.0])


def test_models_and_assertions_take_the_same_argument() -> None:
    w = torch.tensor([2.0], dtype=D, requires_grad=True)
    loss = lambda: (w * w.detach()).sum()  # noqa: E731
    assert an.torch.verify(w, loss).verdict is an.Verdict.CLARKE
    assert an.torch.verify(w, loss, stopped="followed").verdict is an.Verdict.NOT_CLARKE
    with pytest.raises(AssertionError):
        an.testing.assert_clarke_gradient(STOPPED["torch, product"][0], at("torch", 2.0), stopped="followed")
    with pytest.raises(ValueError, match="stopped must be"):
        an.verify(lambda x: x[0], np.ones(1), stopped="held")
    with pytest.raises(ValueError, match="stopped must be"):
        an.torch.verify(w, loss, stopped="")


def _put(x: Any) -> Any:
    u, v = x[:1] - x[1:2], x[2:]
    mask, out = (u > 0) & (v > 0), torch.zeros_like(u)
    out[mask] = u[mask] * v[mask]
    return out


#: Functions of three numbers with a kink where the first two are equal, whose branches a mask chooses.
CHOSEN: dict[str, Function] = {
    "where": lambda x: torch.where(x[0] > x[1], (x[0] - x[1]) * x[2], 0 * x[2]), "put": _put,
    "masked": lambda x: (x[:1] > x[1:2]) * (x[:1] - x[1:2]) * x[2],
}


@pytest.mark.parametrize("name", CHOSEN)
@pytest.mark.parametrize("enabled", [False, True])
@pytest.mark.parametrize("point", [[1.0, 1.0, 2.0], [1.0, 1.0, 0.0]])
def test_a_kink_that_a_mask_chooses_is_continuous_where_it_is_stopped(name: str, enabled: bool, point: Any) -> None:
    def f(x: Any) -> Any:
        kink = CHOSEN[name](x)
        with torch.set_grad_enabled(enabled):
            held = 1 / (1 + kink)
        return ((held.detach() if enabled else held) * (kink + x[0])).sum()

    x = torch.tensor(point, dtype=D)
    report = an.verify(f, x)
    assert report and report.notes
    vertices = an.generalized_gradient(f, x).vertices
    for side in (-1, 1):
        near = np.asarray(torch.func.grad(f)(x + 1e-7 * torch.tensor([side, 0.0, 1.0], dtype=D)))
        assert np.abs(vertices - near).max(axis=1).min() < 1e-5


def _jump(x: Any) -> Any:
    return torch.where(x[0] > x[1], x[0], 0 * x[0] - 1).detach() * x[2]


def _beside(x: Any) -> Any:
    return (torch.where(x[0] > x[1], x[0] - x[1], 0 * x[0]).detach() + (x[0] > x[1]).double()) * x[2]


def _written_later(x: Any) -> Any:
    held = torch.where(x[0] > x[1], x[0] - x[1], 0 * x[0]).detach()
    held.copy_((x[0] > x[1]).double())
    return held * x[2]


def _a_pole(x: Any) -> Any:
    return torch.where(x[0] > x[1], (x[0] - x[1]) / (x[0] - x[1]).abs(), 0 * x[0]).detach() * x[2]


def _by_values(x: Any) -> Any:
    return torch.sign((x[0] - x[1]).detach() * (x[0] - x[1])) * x[2]


@pytest.mark.parametrize("f", [_jump, _beside, _written_later, _a_pole, _by_values])
def test_what_jumps_by_its_values_is_not_held(f: Function) -> None:
    with pytest.raises((an.TraceError, an.DomainError)):
        an.verify(f, torch.tensor([1.0, 1.0, 2.0], dtype=D))
