"""Blocks of torch, functions of JAX, models of ONNX."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any

import numpy as np

import absnormal as an

from .case import Case


def torch_cases() -> Iterator[Case]:
    """The blocks of image models, in training on random data and in evaluation with a blank sample."""
    from ..verify.torch_blocks import BLOCKS

    for name in BLOCKS:
        for blank in (False, True):
            yield Case(f"{name}{', a blank sample' * blank}", partial(_block, name, blank))


def _block(name: str, blank: bool) -> an.Report:
    from ..verify.test_torch_blocks import _case

    return an.torch.verify(*_case(name, blank))


#: Points of functions of three numbers: at ties, away from them.
POINTS = ([0.0, 0.0, 0.0], [1.0, -1.0, 0.5])


def jax_cases() -> Iterator[Case]:
    """A function for each operation of JAX that has a rule of its own, at a tie and away from one."""
    import jax.numpy as jnp

    from ..frontends.jax_functions import ALL, scalar

    for name, function in ALL.items():
        for point in POINTS:
            x = jnp.array(point, jnp.float32)
            yield Case(f"{name} at {point}", partial(an.verify, scalar(function), x))


#: name -> the body of a model from double[3] x to double y, with its further parameters.
MODELS = {
    "two relus": "a = Relu(x) n = Neg(x) b = Relu(n) c = Sub(a, b)",
    "relu": "c = Relu(x)",
    "leaky relu": "c = LeakyRelu<alpha = 0.25>(x)",
    "elu": "c = Elu<alpha = 2.0>(x)",
    "selu": "c = Selu(x)",
    "abs": "c = Abs(x)",
    "clip": "l = Constant<value = double {0.0}>() h = Constant<value = double {1.0}>() c = Clip(x, l, h)",
    "hard sigmoid": "c = HardSigmoid<alpha = 0.5, beta = 0.5>(x)",
    "hard swish": "c = HardSwish(x)",
    "softplus": "c = Softplus(x)",
    "sigmoid": "c = Sigmoid(x)",
    "tanh of abs": "a = Abs(x) c = Tanh(a)",
    "softmax": "c = Softmax(x)",
    "log softmax": "c = LogSoftmax(x)",
    "max of three": "n = Neg(x) z = Sub(x, x) c = Max(x, n, z)",
    "min": "n = Neg(x) c = Min(x, n)",
    "reduce max": "c = ReduceMax(x)",
    "reduce min": "c = ReduceMin(x)",
    "reduce l1": "c = ReduceL1(x)",
    "reduce l2": "c = ReduceL2(x)",
    "reduce log sum exp": "c = ReduceLogSumExp(x)",
    "where": "z = Sub(x, x) m = Greater(x, z) c = Where(m, x, z)",
    "prelu": "s = Constant<value = double[3] {0.5, -1.0, 1.0}>() c = PRelu(x, s)",
    "max pool": "s = Constant<value = int64[3] {1, 1, 3}>() r = Reshape(x, s) "
                "c = MaxPool<kernel_shape = [2], strides = [1]>(r)",
    "average pool": "s = Constant<value = int64[3] {1, 1, 3}>() r = Reshape(x, s) "
                    "c = AveragePool<kernel_shape = [2], strides = [1]>(r)",
    "top k": "k = Constant<value = int64[1] {2}>() c, i = TopK(x, k)",
    "gemm": "w = Constant<value = double[2, 3] {1.0, -2.0, 0.5, 2.0, 0.0, 1.0}>() "
            "s = Constant<value = int64[2] {1, 3}>() r = Reshape(x, s) g = Gemm<transB = 1>(r, w) c = Relu(g)",
    "slice": "s = Constant<value = int64[1] {1}>() e = Constant<value = int64[1] {9}>() a = Slice(x, s, e) c = Relu(a)",
    "floor": "a = Floor(x) c = Mul(a, x)",
    "sign": "a = Sign(x) c = Mul(a, x)",
}  # fmt: skip


def onnx_cases() -> Iterator[Case]:
    """Small models at a tie and away from one, under two tools' slopes."""
    for name, body in MODELS.items():
        for point in POINTS:
            for slope in ("torch", 0.0):
                yield Case(f"{name} at {point}, slope {slope}", partial(_model, body, np.array(point), slope))


def _model(body: str, x: Any, slope: Any) -> an.Report:
    import onnx.parser

    text = ('<ir_version: 10, opset_import: ["": 20]> f (double[3] x) => (double y) '
            f"{{ {body} y = ReduceSum<keepdims = 0>(c) }}")
    return an.verify(an.onnx.load(onnx.parser.parse_model(text)), x, slope=slope)
