"""One function in every front end: it is written with the names of a namespace, and its operators."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import onnx
import torch
from onnx import TensorProto, helper, numpy_helper

import absnormal as an

#: A function of a namespace and a vector; it returns one number.
Function = Callable[[Any, Any], Any]


class Numpy:
    """NumPy's names."""

    name = "numpy"
    array = staticmethod(lambda c: np.asarray(c, float))
    relu = staticmethod(lambda u: np.maximum(u, 0.0))
    real = staticmethod(lambda mask: mask * 1.0)
    any = staticmethod(np.any)
    taken = staticmethod(lambda table, place: table[place.astype(int)])

    def __getattr__(self, name: str) -> Any:
        return getattr(np, name)

    def report(self, f: Function, x: Any, **options: Any) -> Any:
        return an.verify(lambda v: f(self, v), self.array(x), **options)

    def program(self, f: Function, x: Any) -> Any:
        return an.trace(lambda v: f(self, v), self.array(x))


class Torch(Numpy):
    """torch's names."""

    name = "torch"
    array = staticmethod(lambda c: torch.tensor(np.asarray(c, float)))
    relu = staticmethod(torch.relu)
    real = staticmethod(lambda mask: mask.double())
    any = staticmethod(torch.any)
    clip = staticmethod(torch.clamp)
    taken = staticmethod(lambda table, place: table[place.long()])

    def __getattr__(self, name: str) -> Any:
        return getattr(torch, name)

    def maximum(self, u: Any, v: Any) -> Any:
        return torch.maximum(u, torch.as_tensor(v, dtype=torch.float64))


class Jax(Numpy):
    """JAX's names."""

    name = "jax"
    array = staticmethod(lambda c: jnp.asarray(np.asarray(c, float)))
    relu = staticmethod(jax.nn.relu)
    real = staticmethod(lambda mask: mask.astype(float))
    any = staticmethod(jnp.any)

    def __getattr__(self, name: str) -> Any:
        return getattr(jnp, name)


class Tensor:
    """The name of a tensor in a model that is being written."""

    def __init__(self, model: Onnx, name: str) -> None:
        self.model, self.name = model, name

    def _node(self, kind: str, *others: Any) -> Tensor:
        return self.model.node(kind, self, *others)

    def __add__(self, v: Any) -> Tensor:
        return self._node("Add", v)

    def __sub__(self, v: Any) -> Tensor:
        return self._node("Sub", v)

    def __rsub__(self, v: Any) -> Tensor:
        return self.model.node("Sub", v, self)

    def __mul__(self, v: Any) -> Tensor:
        return self._node("Mul", v)

    def __truediv__(self, v: Any) -> Tensor:
        return self._node("Div", v)

    def __rtruediv__(self, v: Any) -> Tensor:
        return self.model.node("Div", v, self)

    def __pow__(self, v: Any) -> Tensor:
        return self._node("Pow", v)

    def __neg__(self) -> Tensor:
        return self._node("Neg")

    def __gt__(self, v: Any) -> Tensor:
        return self._node("Greater", v)

    def __ge__(self, v: Any) -> Tensor:
        return self._node("GreaterOrEqual", v)

    def __lt__(self, v: Any) -> Tensor:
        return self._node("Less", v)

    def __le__(self, v: Any) -> Tensor:
        return self._node("LessOrEqual", v)

    def __eq__(self, v: Any) -> Tensor:  # type: ignore[override]
        return self._node("Equal", v)

    def __ne__(self, v: Any) -> Tensor:  # type: ignore[override]
        return self.model.node("Not", self._node("Equal", v))

    __hash__ = None  # type: ignore[assignment]
    __array_ufunc__ = None
    __radd__, __rmul__ = __add__, __mul__

    def sum(self) -> Tensor:
        return self.model.node("ReduceSum", self, keepdims=0)


class Onnx:
    """Operators of ONNX, which write a model."""

    name = "onnx"
    real = staticmethod(lambda mask: mask.model.node("Cast", mask, to=TensorProto.DOUBLE))

    def __init__(self) -> None:
        self.nodes: list[Any] = []
        self.constants: list[Any] = []

    def node(self, kind: str, *inputs: Any, **attributes: Any) -> Tensor:
        names = [self._input(item) for item in inputs]
        out = f"t{len(self.nodes)}"
        self.nodes.append(helper.make_node(kind, names, [out], **attributes))
        return Tensor(self, out)

    def _input(self, item: Any) -> str:
        if isinstance(item, Tensor):
            return item.name
        name = f"c{len(self.constants)}"
        value = np.asarray(item)
        self.constants.append(numpy_helper.from_array(value if value.dtype.kind == "b" else value.astype(float), name))
        return name

    array = staticmethod(lambda c: np.asarray(c, float))

    def __getattr__(self, name: str) -> Any:
        kinds = {
            "relu": "Relu", "abs": "Abs", "maximum": "Max", "minimum": "Min", "where": "Where", "sign": "Sign",
            "floor": "Floor", "ceil": "Ceil", "round": "Round", "sqrt": "Sqrt", "log": "Log", "exp": "Exp",
            "sin": "Sin",
        }  # fmt: skip
        if name not in kinds:
            raise AttributeError(name)
        return lambda *args: self.node(kinds[name], *args)

    def clip(self, u: Any, low: float, high: float) -> Tensor:
        return self.node("Clip", u, low, high)

    def taken(self, table: Any, place: Any) -> Tensor:
        return self.node("Gather", table, self.node("Cast", place, to=TensorProto.INT64))

    def any(self, mask: Any) -> Tensor:
        return self.node("ReduceMax", self.node("Cast", mask, to=TensorProto.DOUBLE), keepdims=0) > 0.5

    def sum(self, u: Any) -> Tensor:
        return self.node("ReduceSum", u, keepdims=0)

    def loaded(self, f: Function, size: int) -> Any:
        """The function as a model."""
        out = f(self, Tensor(self, "x"))
        graph = helper.make_graph(
            self.nodes, "f", [helper.make_tensor_value_info("x", TensorProto.DOUBLE, [size])],
            [helper.make_tensor_value_info(out.name, TensorProto.DOUBLE, [])], self.constants,
        )
        return onnx.shape_inference.infer_shapes(
            helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10)
        )

    def report(self, f: Function, x: Any, **options: Any) -> Any:
        return an.verify(self.program(f, x), np.array(x), **options)

    def program(self, f: Function, x: Any) -> Any:
        written = Onnx()
        return an.onnx.load(written.loaded(f, len(x)), inputs={"x": np.array(x)})


FRAMEWORKS = {"numpy": Numpy, "torch": Torch, "jax": Jax, "onnx": Onnx}
