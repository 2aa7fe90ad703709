"""LSTM, GRU and RNN, step by step."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from scipy import special

from absnormal.frontends.onnx.rule import Call, Rule, reading

Step = Callable[[Any, list[Any]], list[Any]]


def _activation(call: Call, name: str) -> Callable[[Any], Any]:
    known: dict[str, Callable[[Any], Any]] = {
        "sigmoid": special.expit, "tanh": np.tanh, "relu": call.write.relu,
    }
    if name.lower() not in known:
        call.write.refuse(f"with the activation {name} is not supported", "use Sigmoid, Tanh or Relu")
    return known[name.lower()]


def _run(
    call: Call, x: Any, parts: list[Any], states: list[Any], defaults: list[str],
    cell: Callable[[Call, list[Any], list[Callable[[Any], Any]]], Step],
) -> list[Any]:
    """Both directions; ``parts`` are W, R and B, ``states`` the initial ones, by direction."""
    direction = call.choice("direction", "forward", "reverse", "bidirectional")
    ways = {"forward": [False], "reverse": [True], "bidirectional": [False, True]}[direction]
    names = call.get("activations") or defaults * len(ways)
    size, length, batch = np.shape(parts[1])[-1], np.shape(x)[0], np.shape(x)[1]
    outputs: list[Any] = []
    lasts: list[list[Any]] = []
    for way, backward in enumerate(ways):
        chosen = [_activation(call, name) for name in names[way * len(defaults) : (way + 1) * len(defaults)]]
        step = cell(call, [None if part is None else part[way] for part in parts], chosen)
        state = [np.zeros((batch, size)) if item is None else item[way] for item in states]
        rows: list[Any] = [None] * length
        for time in range(length - 1, -1, -1) if backward else range(length):
            state = step(x[time], state)
            rows[time] = state[0]
        outputs.append(np.stack([call.write.array(row) for row in rows]))
        lasts.append([call.write.array(item) for item in state])
    y = np.stack(outputs, 1)
    return [y, *(np.stack([last[i] for last in lasts]) for i in range(len(states)))]


def _biases(bias: Any, gates: int) -> tuple[list[Any], list[Any]]:
    if bias is None:
        return [0.0] * gates, [0.0] * gates
    pieces = np.split(bias, 2 * gates)
    return list(pieces[:gates]), list(pieces[gates:])


def _gates(call: Call, u: Any, weight: Any, gates: int) -> list[Any]:
    return list(np.split(call.write.op("matmul", u, np.transpose(weight)), gates, -1))


def _lstm_cell(call: Call, parts: list[Any], act: list[Callable[[Any], Any]]) -> Step:
    w, r, bias, peephole = parts
    left, right = _biases(bias, 4)
    pi, po, pf = (0.0, 0.0, 0.0) if peephole is None else np.split(peephole, 3)

    def step(x: Any, state: list[Any]) -> list[Any]:
        h, c = state
        i, o, f, g = (
            a + b + p + q
            for a, b, p, q in zip(_gates(call, x, w, 4), _gates(call, h, r, 4), left, right, strict=True)
        )
        gate, inner, outer = act
        i, f = gate(i + pi * c), gate(f + pf * c)
        c = f * c + i * inner(g)
        return [gate(o + po * c) * outer(c), c]

    return step


def _gru_cell(call: Call, parts: list[Any], act: list[Callable[[Any], Any]]) -> Step:
    w, r, bias = parts
    left, right = _biases(bias, 3)
    after = bool(call.get("linear_before_reset"))

    def step(x: Any, state: list[Any]) -> list[Any]:
        (h,) = state
        (xz, xr, xh), (rz, rr, rh) = _gates(call, x, w, 3), np.split(r, 3)
        gate, inner = act
        z = gate(xz + left[0] + h @ np.transpose(rz) + right[0])
        reset = gate(xr + left[1] + h @ np.transpose(rr) + right[1])
        if after:
            new = inner(xh + left[2] + reset * (h @ np.transpose(rh) + right[2]))
        else:
            new = inner(xh + left[2] + (reset * h) @ np.transpose(rh) + right[2])
        return [(1 - z) * new + z * h]

    return step


def _rnn_cell(call: Call, parts: list[Any], act: list[Callable[[Any], Any]]) -> Step:
    w, r, bias = parts
    left, right = _biases(bias, 1)
    return lambda x, state: [act[0](x @ np.transpose(w) + left[0] + state[0] @ np.transpose(r) + right[0])]


def _lengths(call: Call, lengths: Any, x: Any) -> None:
    if lengths is not None and np.any(np.asarray(lengths) != np.shape(x)[0]):
        call.write.refuse("with sequences of different lengths is not supported", "judge one length at a time")


def lstm(
    call: Call, x: Any, w: Any, r: Any, b: Any = None, lengths: Any = None, h: Any = None, c: Any = None,
    peepholes: Any = None,
) -> Any:
    """Gates in the order i, o, f, c."""
    _lengths(call, lengths, x)
    return _run(call, x, [w, r, b, peepholes], [h, c], ["Sigmoid", "Tanh", "Tanh"], _lstm_cell)


def gru(call: Call, x: Any, w: Any, r: Any, b: Any = None, lengths: Any = None, h: Any = None) -> Any:
    """Gates in the order z, r, h."""
    _lengths(call, lengths, x)
    return _run(call, x, [w, r, b], [h], ["Sigmoid", "Tanh"], _gru_cell)


def rnn(call: Call, x: Any, w: Any, r: Any, b: Any = None, lengths: Any = None, h: Any = None) -> Any:
    """One gate."""
    _lengths(call, lengths, x)
    return _run(call, x, [w, r, b], [h], ["Tanh"], _rnn_cell)


_SHARED = ("activations", "direction")
# The size of the hidden state is that of the recurrence weights.
RECURRENT: dict[str, Rule] = {
    "LSTM": reading(lstm, *_SHARED, idle=("hidden_size",), outputs=3),
    "GRU": reading(gru, *_SHARED, "linear_before_reset", idle=("hidden_size",), outputs=2),
    "RNN": reading(rnn, *_SHARED, idle=("hidden_size",), outputs=2),
}
