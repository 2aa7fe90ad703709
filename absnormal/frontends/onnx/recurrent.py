"""LSTM, GRU and RNN of ONNX: the order of the gates, activations of choice, directions."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from scipy import special

from absnormal.frontends.meanings.recurrent import Cell, gates, layer, lstm
from absnormal.frontends.onnx.rule import Call, Rule, reading

Function = Callable[[Any], Any]
#: From the activations, the transposed weights of the recurrence, its bias, and what else there is in one direction.
MakeCell = Callable[..., Cell]


def _activation(call: Call, name: str) -> Function:
    known: dict[str, Function] = {"sigmoid": special.expit, "tanh": np.tanh, "relu": call.write.relu}
    if name.lower() not in known:
        call.write.refuse(f"with the activation {name} is not supported", "use Sigmoid, Tanh or Relu")
    return known[name.lower()]


def _run(
    call: Call, x: Any, weights: tuple[Any, Any, Any], lengths: Any, states: list[Any], defaults: list[str],
    cell: MakeCell, *others: Any,
) -> list[Any]:
    """Both directions; the weights are W, R and B, which come with all others by direction."""
    batch_first = bool(call.get("layout"))
    if batch_first:
        x, states = np.swapaxes(x, 0, 1), [None if state is None else np.swapaxes(state, 0, 1) for state in states]
    if lengths is not None and np.any(np.asarray(lengths) != np.shape(x)[0]):
        call.write.refuse("with sequences of different lengths is not supported", "judge one length at a time")
    direction = call.choice("direction", "forward", "reverse", "bidirectional")
    ways = {"forward": [False], "reverse": [True], "bidirectional": [False, True]}[direction]
    names = call.get("activations") or defaults * len(ways)
    outputs, lasts = [], []
    for way, backward in enumerate(ways):
        act = [_activation(call, name) for name in names[way * len(defaults) : (way + 1) * len(defaults)]]
        given: list[Any] = [None if part is None else part[way] for part in (*weights, *others)]
        w, r, bias, *rest = given
        own, recurrent = (0.0, np.zeros(np.shape(r)[0])) if bias is None else np.split(bias, 2)
        zeros = np.zeros((np.shape(x)[1], np.shape(r)[1]))
        first = [zeros if state is None else state[way] for state in states]
        inputs = call.write.op("matmul", x, np.transpose(w)) + own
        steps, last = layer(call.write, inputs, first, cell(call, act, np.transpose(r), recurrent, *rest), backward)
        outputs.append(steps)
        lasts.append(last)
    made = [np.stack(outputs, 1), *(np.stack([last[i] for last in lasts]) for i in range(len(states)))]
    if batch_first:
        made = [np.moveaxis(made[0], 2, 0), *(np.swapaxes(state, 0, 1) for state in made[1:])]
    return made


def _lstm_cell(call: Call, act: list[Function], r: Any, bias: Any, peepholes: Any = None) -> Cell:
    if peepholes is not None:
        pi, po, pf = np.split(peepholes, 3)
        peepholes = pi, pf, po

    def cell(x: Any, states: Any) -> Any:
        h, c = states
        i, o, f, g = gates(call.write, x + h @ r + bias, 4)
        return lstm(call.write, (i, f, o, g), c, act, peepholes)

    return cell


def _gru_cell(call: Call, act: list[Function], r: Any, bias: Any) -> Cell:
    (wz, wr, wh), (bz, br, bh) = np.split(r, 3, -1), np.split(bias, 3)
    gate, inner = act
    after = bool(call.get("linear_before_reset"))

    def cell(x: Any, states: Any) -> Any:
        (h,) = states
        z, reset, new = gates(call.write, x, 3)
        z, reset = gate(z + h @ wz + bz), gate(reset + h @ wr + br)
        new = inner(new + (reset * (h @ wh + bh) if after else (reset * h) @ wh + bh))
        return [(1 - z) * new + z * h]

    return cell


def _rnn_cell(call: Call, act: list[Function], r: Any, bias: Any) -> Cell:
    return lambda x, states: [act[0](x + states[0] @ r + bias)]


def _lstm(
    call: Call, x: Any, w: Any, r: Any, b: Any = None, lengths: Any = None, h: Any = None, c: Any = None,
    peepholes: Any = None,
) -> Any:
    """Gates in the order i, o, f, c."""
    return _run(call, x, (w, r, b), lengths, [h, c], ["Sigmoid", "Tanh", "Tanh"], _lstm_cell, peepholes)


def _gru(call: Call, x: Any, w: Any, r: Any, b: Any = None, lengths: Any = None, h: Any = None) -> Any:
    """Gates in the order z, r, h."""
    return _run(call, x, (w, r, b), lengths, [h], ["Sigmoid", "Tanh"], _gru_cell)


def _rnn(call: Call, x: Any, w: Any, r: Any, b: Any = None, lengths: Any = None, h: Any = None) -> Any:
    """One gate."""
    return _run(call, x, (w, r, b), lengths, [h], ["Tanh"], _rnn_cell)


_SHARED = ("activations", "direction", "layout")
# The size of the hidden state is that of the recurrence weights.
RECURRENT: dict[str, Rule] = {
    "LSTM": reading(_lstm, *_SHARED, idle=("hidden_size",), outputs=3),
    "GRU": reading(_gru, *_SHARED, "linear_before_reset", idle=("hidden_size",), outputs=2),
    "RNN": reading(_rnn, *_SHARED, idle=("hidden_size",), outputs=2),
}
