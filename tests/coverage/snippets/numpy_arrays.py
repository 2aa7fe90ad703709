"""NumPy's functions that make, move and write entries."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy import array, concatenate, zeros

A = np.array([0.7, -1.3, 0.4])
W = np.array([[0.3, -1.1, 0.7], [1.2, 0.4, -0.6]])


def filled(x):
    y = np.zeros(6)
    for i in range(6):
        y[i] = x[i] ** 2 + i
    return y


def filled_by_slices(x):
    y = np.empty((2, 6))
    y[0] = x
    y[1, :3], y[1, 3:] = x[3:], 2 * x[:3]
    return y


def filled_full(x):
    y = np.full(4, 2.0)
    y[1:3] = x[:2]
    return y * x[2]


def filled_like(x):
    y = np.ones_like(x)
    y[::2] = x[::2] * x[1::2]
    return y


def imported_zeros(x):
    y = zeros(3)
    y[0], y[-1] = x[0], x[1]
    return concatenate([y, array([x[2], 1.0])])


def negative_steps(x):
    y = x.copy()
    y[::-1][:2] = 0.0
    return y


def window_sums(x):
    y = np.zeros(4)
    for k in range(3):
        y += x[k : k + 4] * (k + 1.0)
    return y


def doubled_entries(x):
    y = x.copy()
    y[[0, 2]] *= 2.0
    y[1:3] -= x[3:5]
    return y


def masked_assignment(x):
    y = x.copy()
    y[x < 0] = 0.0
    y[y > 2] = 2.0
    return y


def masked_selection(x):
    y = np.zeros_like(x)
    mask = x > 0
    y[mask] = np.log(x[mask])
    y[~mask] = -x[~mask]
    return y


def identity_with_an_entry(x):
    m = np.eye(3)
    m[0, 2] = x[0]
    m[1, 1] += x[1]
    return m @ x[:3]


def symmetric(x):
    m = np.zeros((3, 3))
    m[np.triu_indices(3)] = x
    return m + m.T - np.diag(np.diag(m))


def filled_diagonal(x):
    m = np.outer(x[:3], x[3:])
    np.fill_diagonal(m, 1.0)
    return m


def filled_grid(x):
    u = np.zeros((4, 4))
    u[0, :] = x[0]
    u[:, -1] = x[1]
    u[1:-1, 1:-1] = (u[:-2, 1:-1] + u[2:, 1:-1] + u[1:-1, :-2] + u[1:-1, 2:]) / 4
    return u


def recursion(x):
    y = np.zeros(7)
    y[0] = 1.0
    for i in range(6):
        y[i + 1] = 0.5 * y[i] + x[i] * y[max(i - 1, 0)]
    return y


def cumulative(x):
    total, out = 0.0, np.zeros(6)
    for i, value in enumerate(x):
        total = total + value
        out[i] = total / (i + 1)
    return out


def list_of_entries(x):
    values = []
    for a, b in itertools.pairwise(x):
        values.append(a * b)
    return np.array(values)


def comprehension(x):
    return np.array([np.sin(v) + k for k, v in enumerate(x)])


def nested_lists(x):
    return np.array([[x[0], x[1]], [0.0, x[2]]]) @ np.array([x[3], 1.0])


def rotation(x):
    c, s = np.cos(x[0]), np.sin(x[0])
    return np.array([[c, -s], [s, c]]) @ x[1:3]


def swapped(x):
    y = np.array(x)
    y[0], y[1] = y[1], y[0]
    return y * np.arange(6)


def in_place(x):
    y = x * 1.0
    y += 1
    y *= x
    y -= y.mean()
    y /= 2.0
    return y


def in_place_power(x):
    y = np.abs(x)
    y **= 2
    return y


def out_argument(x):
    y = np.zeros(6)
    np.multiply(x, 2.0, out=y)
    np.add(y, x, out=y)
    return y


def view_through(x):
    y = np.zeros((2, 3))
    row = y[0]
    row[:] = x[:3]
    column = y[:, 1]
    column += x[3]
    return y


def transposed_write(x):
    y = np.zeros((3, 2))
    y.T[0] = x[:3]
    y.reshape(-1)[1::2] = x[3:]
    return y


def added_at(x):
    y = np.zeros(3)
    np.add.at(y, [0, 1, 1, 2, 0, 2], x)
    return y


def tuple_of_results(x):
    return x[0] * x[1], np.sin(x[2])


def list_of_results(x):
    return [x[0], x[1] * 2, np.sum(x)]


def appended(x):
    y = np.array([])
    for v in x[:3]:
        y = np.append(y, v * 2)
    return y


def inserted(x):
    return np.insert(x, 2, x[0] * x[1])


def copied_constant(x):
    w = np.array(W)
    w[0, 0] = x[0]
    return w @ x[:3]


def object_entries(x):
    y = np.empty(3, dtype=object)
    for i in range(3):
        y[i] = x[i] * (i + 1)
    return np.sum(y)


SNIPPETS: dict[str, Callable[[Any], Any]] = {
    **{f.__name__: f for f in (
        filled, filled_by_slices, filled_full, filled_like, imported_zeros, negative_steps, window_sums,
        doubled_entries,
        masked_assignment, masked_selection, identity_with_an_entry, symmetric, filled_diagonal, filled_grid, recursion,
        cumulative, list_of_entries, comprehension, nested_lists, rotation, swapped, in_place, in_place_power,
        out_argument, view_through, transposed_write, added_at, tuple_of_results, list_of_results, appended, inserted,
        copied_constant, object_entries,
    )},
    "array of variables": lambda x: np.array([x[0], x[1], x[2]]) * A,
    "array with numbers": lambda x: np.array([1.0, x[0], 3]),
    "array of rows": lambda x: np.array([x[:3], x[3:]]),
    "array of an array": lambda x: np.array(x, dtype=float) * 2,
    "array of at least two axes": lambda x: np.array(x, ndmin=2) @ np.ones((6, 2)),
    "asarray": lambda x: np.asarray(x)[1] * np.asarray(x, dtype=np.float64)[0],
    "asarray of a list": lambda x: np.asarray([x[0] ** 2, x[1]]).sum(),
    "asanyarray, ascontiguousarray": lambda x: np.asanyarray(x) + np.ascontiguousarray(x[::-1]),
    "atleast_1d of a number": lambda x: np.atleast_1d(x[0]) * A,
    "atleast_2d of a list": lambda x: np.atleast_2d([x[0], x[1]]).T @ np.ones((1, 2)),
    "full": lambda x: np.full(3, x[0]) * A,
    "full_like": lambda x: np.full_like(A, 2.0) * x[:3],
    "a full matrix": lambda x: np.full((2, 2), x[1]) @ x[:2],
    "fromiter": lambda x: np.fromiter((v * v for v in x), float),
    "stack of lists": lambda x: np.stack([[x[0], x[1]], [x[2], 1.0]]),
    "vstack": lambda x: np.vstack([x[:3], A]) @ A,
    "hstack of numbers": lambda x: np.hstack([x[0], x[1:3], 1.0]),
    "column_stack": lambda x: np.column_stack([np.ones(6), x, x**2]).sum(0),
    "concatenate of lists": lambda x: np.concatenate([[x[0], 1.0], x[2:4]]),
    "r_": lambda x: np.r_[x[0], x[1:3], 0.0],
    "c_": lambda x: np.c_[x[:3], A],
    "block": lambda x: np.block([[np.eye(2), x[:2, None]], [x[None, 2:4], np.ones((1, 1))]]),
    "append": lambda x: np.append(x, [1.0, 2.0]),
    "insert of a number": lambda x: np.insert(x, 1, 5.0),
    "insert of several": lambda x: np.insert(x, [1, 3], [x[0], 2.0]),
    "delete": lambda x: np.delete(x, [0, 3]),
    "tile and repeat": lambda x: np.tile(x, 2) * np.repeat(x, 2),
    "roll": lambda x: x * np.roll(x, 1),
    "rolled rows": lambda x: np.roll(x.reshape(2, 3), 1, axis=1),
    "flip": lambda x: np.flip(x) + x[::-1],
    "pad": lambda x: np.pad(x, (1, 2)) + np.pad(x, (2, 1), mode="edge"),
    "pad reflect": lambda x: np.pad(x, 2, mode="reflect"),
    "pad with the mean": lambda x: np.pad(x, 1, mode="mean"),
    "pad with a ramp": lambda x: np.pad(x, 2, mode="linear_ramp"),
    "diag": lambda x: np.diag(x[:3]) @ A,
    "diag of a list": lambda x: np.diag([x[0], x[1], 1.0]) @ A,
    "diagonal": lambda x: np.diagonal(np.outer(x, x)),
    "triangles": lambda x: np.tril(np.outer(x, x)) - np.triu(np.outer(x, x), 1),
    "eye times a variable": lambda x: np.eye(3) * x[0] + np.diag(x[:2], 1),
    "vander": lambda x: np.vander(x[:3], 3),
    "vander increasing": lambda x: np.vander(x[:3], increasing=True) @ A,
    "meshgrid": lambda x: np.meshgrid(x[:2], x[2:5])[0] * np.meshgrid(x[:2], x[2:5])[1],
    "outer": lambda x: np.outer(x, A) + np.multiply.outer(x, A),
    "linspace of variables": lambda x: np.linspace(x[0], x[1], 5),
    "linspace to a variable": lambda x: np.linspace(0, x[0], 4) ** 2,
    "linspace without its end": lambda x: np.linspace(x[0], 2.0, 4, endpoint=False),
    "geomspace": lambda x: np.geomspace(np.abs(x[0]), 10.0, 4),
    "logspace": lambda x: np.logspace(x[0], x[1], 3),
    "arange times a variable": lambda x: np.arange(5) * x[0],
    "fancy indices": lambda x: x[[0, 2, 2]] * x[np.array([1, 3, 5])],
    "take": lambda x: np.take(x, [0, 5]) + x.take([1, 2]),
    "take_along_axis": lambda x: np.take_along_axis(x.reshape(2, 3), np.array([[0, 2], [1, 1]]), 1),
    "choose": lambda x: np.choose([0, 1, 0], [x[:3], x[3:]]),
    "compress": lambda x: np.compress([1, 0, 1], x[:3]),
    "extract": lambda x: np.extract(x > 0, x),
    "boolean index": lambda x: x[x > 0] ** 2,
    "ix_": lambda x: x.reshape(2, 3)[np.ix_([0, 1], [0, 2])],
    "newaxis": lambda x: x[:, np.newaxis] - x[np.newaxis, :],
    "ellipsis": lambda x: x.reshape(1, 2, 3)[..., 0],
    "reshape, swap, move": lambda x: np.moveaxis(x.reshape(1, 2, 3), 0, -1).swapaxes(0, 1).squeeze(),
    "split": lambda x: np.split(x, 2)[0] * np.split(x, [3])[1],
    "array_split": lambda x: np.array_split(x, 4)[0],
    "broadcast_to": lambda x: np.broadcast_to(x[:3], (2, 3)) * W,
    "broadcast_arrays": lambda x: np.broadcast_arrays(x[:3], W)[0] * W,
    "sliding_window_view": lambda x: np.lib.stride_tricks.sliding_window_view(x, 3).mean(-1),
    "rot90": lambda x: np.rot90(x.reshape(2, 3)),
    "item and tolist": lambda x: x[0].item() + sum(x.tolist()),
    "unravel": lambda x: x.reshape(2, 3)[np.unravel_index(4, (2, 3))],
    "resize": lambda x: np.resize(x, (2, 4)),
    "trim_zeros": lambda x: np.trim_zeros(np.concatenate([[0.0], x, [0.0]])),
    "ravel orders": lambda x: x.reshape(2, 3).ravel(order="F") * np.arange(6),
    "nditer by hand": lambda x: sum(v**2 for v in x.flat),
    "enumerate": lambda x: sum(i * v for i, v in enumerate(x)),
    "ndenumerate": lambda x: sum(i[0] * v for i, v in np.ndenumerate(x)),
    "unpacked": lambda x: (lambda a, b, *rest: a * b + sum(rest))(*x),
    "a loop over rows": lambda x: sum(np.linalg.norm(row) for row in x.reshape(2, 3)),
    "float32 and back": lambda x: x.astype(np.float32).astype(float),
    "astype float": lambda x: x.astype(float) + x.astype("float64"),
    "copy": lambda x: np.copy(x) * x.copy(),
    "hsplit, vsplit": lambda x: np.hsplit(x.reshape(2, 3), 3)[0] + np.vsplit(x.reshape(2, 3), 2)[0][:, :1],
    "an array of arrays": lambda x: np.array([[x[:2], x[2:4]], [x[4:], x[:2]]]).sum(axis=(0, 2)),
    "ones times": lambda x: np.ones((2, 3)) * x[:3] + np.zeros(3),
    "tri": lambda x: np.tri(3) @ x[:3],
    "asarray of a tuple": lambda x: np.asarray((x[0], 2.0, x[1]))[::-1],
    "array of a comprehension": lambda x: np.array([x @ np.roll(x, k) for k in range(6)]),
    "an outer list": lambda x: np.array([[a * b for a in x[:3]] for b in x[3:]]),
    "dtype object": lambda x: np.array([x[0], x[1]], dtype=object).sum(),
    "ndarray.put": lambda x: (lambda y: (y.put([0, 1], x[:2]), y)[1])(np.zeros(4)),
    "ndarray.fill": lambda x: (lambda y: (y.fill(x[0]), y)[1])(np.zeros(4)),
    "methods that write": lambda x: (lambda y: (y.put([0, 1], x[4:]), y[2:4].fill(x[0]), y.sort(), y)[-1])(x * 2.0),
    "copyto": lambda x: (lambda y: (np.copyto(y, x), y)[1])(np.zeros(6)),
    "put_along_axis": lambda x: (
        lambda y: (np.put_along_axis(y, np.array([[1], [0]]), x[:2, None], 1), y)[1])(np.array(W)),
    "put_along_axis of a variable": lambda x: (
        lambda y: (np.put_along_axis(y, np.array([0, 3]), 1.0, 0), y)[1])(x * 3),
}  # fmt: skip
