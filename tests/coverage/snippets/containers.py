"""Variables in containers, objects, closures; pandas and xarray where they are installed are asked elsewhere."""

from __future__ import annotations

import functools
import itertools
import operator
from collections import defaultdict, deque, namedtuple
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

Pair = namedtuple("Pair", "a b")
A = np.arange(6.0)


@dataclass
class Model:
    weights: Any
    bias: Any = 0.0
    history: list[Any] = field(default_factory=list)

    def __call__(self, x):
        y = self.weights * x + self.bias
        self.history.append(y)
        return y


class Vector:
    def __init__(self, data):
        self.data = np.asarray(data)

    def __add__(self, other):
        return Vector(self.data + other.data)

    @property
    def norm(self):
        return np.sqrt(np.sum(self.data**2))


def a_model(x):
    model = Model(x[:3], x[3])
    return sum(model(A[:3])) + model.history[0][1]


def a_vector(x):
    return (Vector(x) + Vector([1.0] * 6)).norm


def a_vector_of_a_list(x):
    return Vector([x[0], x[1], 1.0]).norm


def a_dictionary(x):
    p = {"w": x[:3], "b": x[3]}
    return p["w"] @ p["w"] + p["b"]


def a_default_dictionary(x):
    sums = defaultdict(float)
    for k, v in zip("abaabb", x, strict=True):
        sums[k] += v
    return sums["a"] * sums["b"]


def a_queue(x):
    window, out = deque(maxlen=3), []
    for v in x:
        window.append(v)
        out.append(sum(window) / len(window))
    return np.array(out)


def a_named_tuple(x):
    p = Pair(x[0], x[1:3])
    return p.a * p.b.sum()


def a_closure(x):
    def scaled(factor):
        return lambda v: factor * v

    return sum(scaled(v)(k) for k, v in enumerate(x))


def a_generator(x):
    def walk():
        y = 0.0
        for v in x:
            y = 0.5 * y + v
            yield y

    return np.array(list(walk()))


def a_partial(x):
    return functools.partial(np.dot, x)(A)


def reduced(x):
    return functools.reduce(lambda a, b: a * 0.5 + b, x) + functools.reduce(operator.mul, x)


def accumulated(x):
    return np.array(list(itertools.accumulate(x)))


def mapped(x):
    return np.array(list(map(np.square, x)))


def sorted_by_key(x):
    pairs = sorted(zip(x, A, strict=True), key=lambda pair: pair[0])
    return sum(v * k for v, k in pairs)


def cached(x):
    @functools.cache
    def fibonacci(n):
        return x[n] if n < 2 else fibonacci(n - 1) + fibonacci(n - 2)

    return fibonacci(8)


def recursive(x):
    def total(values):
        return values[0] if len(values) == 1 else total(values[::2]) + 2 * total(values[1::2])

    return total(x)


def a_matrix_of_lists(x):
    m = [[0.0] * 3 for _ in range(2)]
    for i in range(2):
        for j in range(3):
            m[i][j] = x[3 * i + j] * (i + j)
    return np.array(m)


def formatted(x):
    assert f"{x[0]:.3f}" and str(x.shape) == "(6,)"
    return x.sum()


def with_a_test(x):
    if x.ndim != 1 or len(x) != 6 or not np.all(np.isfinite(x)):
        raise ValueError("six numbers")
    return x @ x


def with_an_error(x):
    try:
        return np.linalg.norm(x[10:11][0])
    except IndexError:
        return x[0] ** 2


def matched(x):
    match x.shape:
        case (n,):
            return x.sum() / n
        case _:
            return 0.0


def keyword_arguments(x):
    return (lambda *, a, b=2.0: a @ a * b)(a=x)


def set_item_of_a_list(x):
    parts = [1.0, 2.0, 3.0]
    parts[1] = x[0] * x[1]
    return np.prod(parts)


def zipped_windows(x):
    return np.array([(a + b + c) / 3 for a, b, c in zip(x, x[1:], x[2:], strict=False)])


def product_of_choices(x):
    return max(a * b for a, b in itertools.product(x[:3], x[3:]))


def early_return(x):
    for v in x:
        if v < -1:
            return v**2
    return 0.0


def while_loop(x):
    y, steps = np.abs(x[0]) + 1, 0
    while y < 20:
        y = y * 1.7 + x[1] ** 2
        steps += 1
    return y + steps


SNIPPETS: dict[str, Callable[[Any], Any]] = {f.__name__: f for f in (
    a_model, a_vector, a_vector_of_a_list, a_dictionary, a_default_dictionary, a_queue, a_named_tuple, a_closure,
    a_generator, a_partial, reduced, accumulated, mapped, sorted_by_key, cached, recursive, a_matrix_of_lists,
    formatted, with_a_test, with_an_error, matched, keyword_arguments, set_item_of_a_list, zipped_windows,
    product_of_choices, early_return, while_loop,
)}  # fmt: skip
