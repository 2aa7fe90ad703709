"""The domain ai.onnx.ml: linear models, scalers and normalizers, as scikit-learn's are exported."""

from __future__ import annotations

from typing import Any

import numpy as np

from absnormal.arrays import Array
from absnormal.frontends.meanings.activations import clipped
from absnormal.frontends.meanings.reductions import softmax
from absnormal.frontends.numpy.order import largest
from absnormal.frontends.onnx.rule import Call, Rule, held, reading

#: Below this a norm does not divide.
_LEAST = 1e-30


def _numbers(call: Call, name: str) -> Array:
    return np.asarray(call.get(name) or [], dtype=float)


def _scores(call: Call, x: Any, rows: int) -> Any:
    """x times the coefficients, which are given row by row, plus the intercepts."""
    result = np.matmul(x, np.reshape(_numbers(call, "coefficients"), (rows, -1)).T)
    offsets = _numbers(call, "intercepts")
    return result + offsets if offsets.size else result


def _transformed(call: Call, scores: Any) -> Any:
    kind = call.choice("post_transform", "NONE", "LOGISTIC", "SOFTMAX")
    if kind == "LOGISTIC":
        return call.write.op("expit", scores)
    return softmax(call.write, scores, -1) if kind == "SOFTMAX" else scores


def _classifier(call: Call, x: Any) -> Any:
    names = call.get("classlabels_ints") or call.get("classlabels_strings") or []
    rows = _numbers(call, "coefficients").size // np.shape(x)[-1]
    scores = _scores(call, x, rows)
    if rows == 1 and len(names) == 2:
        scores = np.concatenate([-scores, scores], -1)
    scores = _transformed(call, scores)
    return [_labels(call, scores, names) if 0 in call.used else None, scores]


def _labels(call: Call, scores: Any, names: Any) -> Any:
    """The class with the largest score."""
    if scores.shape[-1] > 1:
        place = call.write.constant_piece("argmax", scores).astype(int)
        return np.asarray(names)[place] if names else place
    threshold = 0.0 if call.get("post_transform") in (None, "NONE") else 0.5
    above = np.asarray(np.greater_equal(scores, threshold)).ravel()
    return np.where(above, names[0] if names else 1, 0).astype(np.int64)


def _normalizer(call: Call, x: Any) -> Any:
    kind = call.choice("norm", "MAX", "L1", "L2")
    if kind == "L2":
        size = call.write.op("sqrt", np.sum(x * x, -1, keepdims=True), tie="norm")
    else:
        size = largest(np.abs(x), -1, keepdims=True) if kind == "MAX" else np.sum(np.abs(x), -1, keepdims=True)
    return x / clipped(call.write, size, _LEAST)


def _features(call: Call, x: Any, indices: Any) -> Any:
    index = np.reshape(held(call, indices, "Y"), -1).astype(int)
    taken = np.take(x, index, axis=-1)
    return np.reshape(taken, (1, -1)) if np.ndim(x) == 1 else taken


def _imputer(call: Call, x: Any) -> Any:
    """Entries that are equal to a number are replaced; NaN is no point."""
    values, replaced = _numbers(call, "imputed_value_floats"), float(call.get("replaced_value_float"))
    if np.isnan(replaced):
        return x
    return np.where(np.asarray(np.equal(x, replaced)), values, x)


def _joined(call: Call, *parts: Any) -> Any:
    """The first columns of each part, with zeros where there are fewer."""
    rows = []
    for part, count in zip(parts, call.get("inputdimensions"), strict=False):
        part = call.write.array(np.reshape(part, (-1, 1)) if np.ndim(part) == 1 else part)
        columns = part[:, :count]
        missing = count - columns.shape[1]
        rows.append(columns if missing <= 0 else np.concatenate([columns, np.zeros((len(part), missing))], 1))
    return np.concatenate(rows, 1)


def _kernel(call: Call, x: Any, vectors: Array) -> Any:
    """The kernel of a support vector machine, shape (rows of x, vectors)."""
    gamma, offset, degree = (*_numbers(call, "kernel_params"), 0.0, 0.0, 0.0)[:3]
    kind = call.choice("kernel_type", "LINEAR", "POLY", "RBF", "SIGMOID")
    if kind == "RBF":
        apart = call.write.array(x)[:, None, :] - vectors
        return np.exp(-gamma * np.sum(apart * apart, -1))
    product = np.matmul(x, vectors.T)
    if kind == "LINEAR":
        return product
    scaled = gamma * product + offset
    return np.tanh(scaled) if kind == "SIGMOID" else np.power(scaled, float(degree))


def _support_vectors(call: Call, x: Any) -> Any:
    coefficients, rho, count = _numbers(call, "coefficients"), _numbers(call, "rho"), int(call.get("n_supports"))
    if count:
        kernel = _kernel(call, x, np.reshape(_numbers(call, "support_vectors"), (count, -1)))
        score = np.matmul(kernel, coefficients[:, None])
    else:
        score = np.matmul(x, coefficients[:, None])
    score = _transformed(call, score + rho[0])
    return call.write.constant_piece("sign", score) if call.get("one_class") else score


_LINEAR = ("coefficients", "intercepts", "post_transform")

ML: dict[str, Rule] = {
    "LinearRegressor": reading(
        lambda call, x: _transformed(call, _scores(call, x, int(call.get("targets")))), *_LINEAR, "targets"),
    "LinearClassifier": reading(
        _classifier, *_LINEAR, "classlabels_ints", "classlabels_strings", idle=("multi_class",), outputs=2),
    "Normalizer": reading(_normalizer, "norm"),
    "Scaler": reading(lambda call, x: (x - _numbers(call, "offset")) * _numbers(call, "scale"), "offset", "scale"),
    "ArrayFeatureExtractor": Rule(_features),
    "Binarizer": reading(lambda call, x: np.greater(x, float(call.get("threshold"))), "threshold"),
    "Imputer": reading(
        _imputer, "imputed_value_floats", "replaced_value_float",
        idle=("imputed_value_int64s", "replaced_value_int64")),
    "FeatureVectorizer": reading(_joined, "inputdimensions"),
    "SVMRegressor": reading(
        _support_vectors, "coefficients", "kernel_params", "kernel_type", "n_supports", "one_class", "post_transform",
        "rho", "support_vectors"),
}
