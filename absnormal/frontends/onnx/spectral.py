"""The discrete Fourier transform, with the real and the imaginary parts of numbers along the last axis."""

from __future__ import annotations

from typing import Any

import numpy as np

from absnormal.arrays import Array
from absnormal.frontends.meanings import complex_numbers as meaning
from absnormal.frontends.meanings.complex_numbers import Parts
from absnormal.frontends.onnx.rule import Call, Rule, held, reading


def _matrix(size: int, length: int, inverse: bool, rows: int) -> Array:
    """The first rows of the transform of so many numbers, which are cut or filled with zeros to a length."""
    signal = np.eye(length)[:, :size] if size <= length else np.eye(length, size)
    full = np.fft.ifft(signal, axis=0) if inverse else np.fft.fft(signal, axis=0)
    return np.asarray(full[:rows])


def _parts(call: Call, u: Any) -> Parts:
    """The parts of numbers along the last axis; one part is real."""
    return call.write.index(u, (..., 0)), call.write.index(u, (..., 1)) if np.shape(u)[-1] == 2 else None


def _transformed(call: Call, u: Any, matrix: Array, axis: int) -> Any:
    """A complex matrix along an axis of numbers whose parts are the last axis."""
    return meaning.joined(call.write, meaning.transformed(call.write, _parts(call, u), matrix, axis))


def _dft(call: Call, u: Any, length: Any = None, axis: Any = None) -> Any:
    where = call.get("axis") if axis is None else int(np.reshape(held(call, axis, "axis"), -1)[0])
    if where is None:
        where = -2
    where %= np.ndim(u)
    inverse, half = bool(call.get("inverse")), bool(call.get("onesided"))
    size = np.shape(u)[where]
    whole = 2 * (size - 1) if inverse and half else size
    count = whole if length is None else int(np.reshape(held(call, length, "dft_length"), -1)[0])
    if inverse and half:
        # What is left out is the conjugate of what is given: a real signal comes out.
        taken = np.fft.irfft(np.eye(count // 2 + 1, size), count, axis=0)
        turned = np.fft.irfft(1j * np.eye(count // 2 + 1, size), count, axis=0)
        real, imaginary = _parts(call, u)
        signal = meaning.along(call.write, real, taken, where)
        if imaginary is not None:
            signal = signal + meaning.along(call.write, imaginary, turned, where)
        return signal[..., None]
    return _transformed(call, u, _matrix(size, count, inverse, count // 2 + 1 if half else count), where)


def _short_time(call: Call, u: Any, step: Any, window: Any = None, length: Any = None) -> Any:
    """The transforms of windows of the signal, side by side."""
    hop = int(np.reshape(held(call, step, "frame_step"), -1)[0])
    given = None if length is None else int(np.reshape(held(call, length, "frame_length"), -1)[0])
    size = given or (np.shape(window)[0] if window is not None else np.shape(u)[-2])
    window = np.ones(size) if window is None else window
    starts = np.arange(0, np.shape(u)[-2] - size + 1, hop)
    frames = np.take(u, starts[:, None] + np.arange(size), axis=1)
    weighted = frames * np.reshape(window, (size, 1))
    rows = size // 2 + 1 if call.get("onesided") else size
    return _transformed(call, weighted, _matrix(size, size, False, rows), 2)


SPECTRAL: dict[str, Rule] = {
    "DFT": reading(_dft, "axis", "inverse", "onesided"),
    "STFT": reading(_short_time, "onesided"),
}
