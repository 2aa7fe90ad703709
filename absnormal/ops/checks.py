"""Is a new operation what it says: its value, its derivative against differences, pull against push?

Each check raises a ValueError that says what differs, and where.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from absnormal.arrays import Array
from absnormal.ops.differences import along_entries, kinked

#: Relative to the size of what is compared; differences are taken in steps of the cube root of epsilon.
_CLOSE = 1e-5
#: Where kinks usually are, and a step to both sides of them.
_ROUND, _SMALL = [-3.0, -2.0, -1.0, -0.5, 0.0, 0.5, 1.0, 2.0, 3.0, 6.0], 2.0**-18
_STEP = float(np.finfo(float).eps) ** (1 / 3)


def numbers(count: int, domain: Callable[..., Any] | None) -> list[tuple[Array, ...]]:
    """Random arguments of all sizes, inside the domain."""
    rng = np.random.default_rng(0)
    found = []
    for scale in (1e-3, 0.3, 1.0, 3.0):
        args = tuple(scale * rng.standard_normal(40) for _ in range(count))
        for signed in (args, tuple(np.abs(a) for a in args)):
            inside = np.ones(40, bool) if domain is None else np.broadcast_to(domain(*signed), (40,))
            if inside.any():
                found.append(tuple(a[inside] for a in signed))
    if not found:
        raise ValueError("no random number lies in the domain: give examples=")
    return found


def smooth_entries(value: Callable[..., Any], domain: Callable[..., Any] | None) -> Callable[..., Array]:
    """The domain without the arguments at which the value has a kink, or jumps, along one of them."""

    def smooth_at(*given: Any) -> Array:
        args = [np.asarray(a, dtype=float) for a in given]
        inside = np.ones(np.broadcast_shapes(*(a.shape for a in args)), bool)
        if domain is not None:
            inside &= np.asarray(domain(*args), dtype=bool)
        for own in range(len(args)):
            inside &= ~kinked(value, args, _along(args, own))
        return inside

    return smooth_at


def _along(args: Sequence[Array], own: int) -> list[Array]:
    """The direction of one argument."""
    return [along_entries(a) if i == own else np.zeros(a.shape) for i, a in enumerate(args)]


def check_round_numbers(
    name: str, value: Callable[..., Any], partials: Callable[..., Any], domain: Callable[..., Any] | None, count: int
) -> None:
    """Is the value smooth at the numbers at which kinks usually are, and are the partial derivatives its own there?"""
    of_each = np.array(_ROUND if count < 3 else [-1.0, 0.0, 1.0])
    args = [a.reshape(-1) for a in np.meshgrid(*[of_each] * count)]
    with np.errstate(all="ignore"):
        inside = np.ones(args[0].shape, bool) if domain is None else np.broadcast_to(domain(*args), args[0].shape)
        args = [a[inside] for a in args]
        here = np.asarray(value(*args), dtype=float)
        found = [np.broadcast_to(np.asarray(p, dtype=float), here.shape) for p in partials(*args)]
    for own, partial in enumerate(found):
        directions = _along(args, own)
        bent = kinked(value, args, directions)
        with np.errstate(all="ignore"):
            above, below = (np.asarray(value(*(a + h * d for a, d in zip(args, directions, strict=True))), dtype=float)
                            for h in (_SMALL, -_SMALL))
            change = (above - below) / (2 * _SMALL * directions[own])
        known = np.isfinite(change) & np.isfinite(partial)
        if (bent & known).any():
            raise ValueError(
                f"{name}: the value has a kink by argument {own + 1} at {_at(args, bent & known)}: leave it out with"
                " domain=, or write the operation with absnormal.extend.kink, np.abs, np.maximum or np.minimum"
            )
        size = np.maximum(np.abs(change), np.abs(partial))
        floor = 1e-6 * np.abs(np.where(known, partial, 0.0)).max(initial=0.0) + 1e-4 * np.abs(here)
        _refuse(name, args, own, partial, change, (np.abs(change - partial) > 100 * _CLOSE * size + floor) & known)


def _refuse(name: str, args: Sequence[Array], own: int, partial: Array, change: Array, wrong: Array) -> None:
    """Refuse a partial derivative where it is wrong."""
    if wrong.any():
        worst = int(np.argmax(wrong.reshape(-1)))
        raise ValueError(
            f"{name}: the partial derivative with respect to argument {own + 1} is {partial.reshape(-1)[worst]:.6g} at"
            f" {_at(args, wrong)}, and differences of the value give {change.reshape(-1)[worst]:.6g}"
        )


def _at(args: Sequence[Array], places: Array) -> tuple[float, ...]:
    """The arguments at the first of some places."""
    first = int(np.argmax(places.reshape(-1)))
    return tuple(float(np.broadcast_to(a, places.shape).reshape(-1)[first]) for a in args)


def check_entrywise(
    name: str, value: Callable[..., Any], partials: Callable[..., Any], args: tuple[Array, ...]
) -> None:
    """Is every entry of the value made of its own arguments alone, and are the partial derivatives its own?"""
    with np.errstate(all="ignore"):
        whole = np.asarray(value(*args), dtype=float)
    shape = np.broadcast_shapes(*(a.shape for a in args))
    if whole.shape != shape:
        raise ValueError(f"{name}: the value of arguments of shape {shape} has shape {whole.shape}")
    if not np.isfinite(whole).all():
        raise ValueError(f"{name}: the value is NaN or infinite inside its domain; give domain= or examples=")
    flat = [np.broadcast_to(a, shape).reshape(-1) for a in args]
    alone = [np.asarray(value(*(a[i : i + 1] for a in flat)), dtype=float) for i in range(whole.size)]
    if not np.allclose(whole.reshape(-1), np.concatenate(alone), rtol=1e-12, atol=0):
        raise ValueError(f"{name}: the value of an entry depends on other entries: use linear or opaque")
    found = [np.broadcast_to(np.asarray(p, dtype=float), shape) for p in partials(*args)]
    if len(found) != len(args):
        raise ValueError(f"{name}: partials must return {len(args)} arrays, got {len(found)}")
    for own, partial in enumerate(found):
        _check_differences(name, value, args, own, partial)


def _check_differences(name: str, value: Callable[..., Any], args: tuple[Array, ...], own: int, partial: Array) -> None:
    step = _STEP * np.maximum(np.abs(args[own]), _STEP)
    up, down = ([a + side * step if i == own else a for i, a in enumerate(args)] for side in (1, -1))
    with np.errstate(all="ignore"):
        change = (np.asarray(value(*up)) - np.asarray(value(*down))) / (2 * step)
    size = np.abs(partial) + np.abs(np.asarray(value(*args))) * _STEP**2 / step + np.abs(change)
    wrong = ~(np.abs(change - partial) <= 100 * _CLOSE * size) & np.isfinite(change)
    _refuse(name, args, own, partial, change, wrong)


def taken(name: str, value: Callable[[Array], Any], examples: list[Array]) -> list[Array]:
    """Arrays that the operation takes."""
    rng = np.random.default_rng(0)
    if examples:
        return examples
    found = []
    for shape in ((4,), (3, 3), (2, 4)):
        u = rng.standard_normal(shape)
        try:
            value(u)
        except (ValueError, IndexError, np.linalg.LinAlgError):
            continue
        found.append(u)
    if not found:
        raise ValueError(f"{name}: takes arrays of other shapes than those that were tried: give examples=")
    return found


def check_linear(name: str, value: Callable[[Array], Any], transpose: Callable[..., Any], u: Array) -> None:
    """Is the value linear, and the transpose its own?"""
    rng = np.random.default_rng(1)
    v = rng.standard_normal(u.shape)
    both, one, other = (np.asarray(value(a), dtype=float) for a in (2 * u - 3 * v, u, v))
    if not np.allclose(both, 2 * one - 3 * other, rtol=1e-9, atol=1e-12 * (1 + np.abs(one).max(initial=0))):
        raise ValueError(f"{name}: the value is not linear: value(2 u - 3 v) is not 2 value(u) - 3 value(v)")
    w = rng.standard_normal(one.shape)
    back = np.asarray(transpose(w, u.shape), dtype=float)
    if back.shape != u.shape:
        raise ValueError(f"{name}: the transpose returns shape {back.shape} for an argument of shape {u.shape}")
    _check_pair(name, "transpose", np.vdot(w, one), np.vdot(back, u), np.abs(w).sum() * np.abs(one).max(initial=0))


def check_opaque(
    name: str, value: Callable[..., Any], jvp: Callable[..., Any], vjp: Callable[..., Any], args: tuple[Array, ...]
) -> None:
    """Is jvp the derivative of the value, and vjp its transpose?"""
    rng = np.random.default_rng(2)
    tangents = tuple(rng.standard_normal(a.shape) for a in args)
    along = np.asarray(jvp(args, tangents), dtype=float)
    size = max((float(np.abs(a).max(initial=0)) for a in args), default=0.0)
    step = _STEP * max(size, 1.0)
    up, down = (value(*(a + side * step * t for a, t in zip(args, tangents, strict=True))) for side in (1, -1))
    change = (np.asarray(up, dtype=float) - np.asarray(down, dtype=float)) / (2 * step)
    if along.shape != change.shape:
        raise ValueError(f"{name}: jvp returns shape {along.shape}, the value has shape {change.shape}")
    if not np.allclose(along, change, rtol=0, atol=100 * _CLOSE * (1e-6 + np.abs(change).max(initial=0))):
        raise ValueError(f"{name}: jvp is not the derivative of the value: {along} against differences {change}")
    w = rng.standard_normal(along.shape)
    back = [np.asarray(b, dtype=float) for b in vjp(args, w)]
    if [b.shape for b in back] != [a.shape for a in args]:
        raise ValueError(f"{name}: vjp must return one array an argument, shaped like it")
    pulled = sum(float(np.vdot(b, t)) for b, t in zip(back, tangents, strict=True))
    _check_pair(name, "vjp", np.vdot(w, along), pulled, np.abs(w).sum() * np.abs(along).max(initial=0))


def _check_pair(name: str, what: str, pushed: float, pulled: float, size: float) -> None:
    if not abs(pushed - pulled) <= 1e-9 * (size + abs(pulled)):
        raise ValueError(f"{name}: {what} is not the transpose: w . A t is {pushed:.6g}, t . A'w is {pulled:.6g}")
