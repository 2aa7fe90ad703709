"""Programs from ONNX models: `load` a graph, and the `parameters` at which it is judged."""

from absnormal.frontends.onnx.load import load, parameters

__all__ = ["load", "parameters"]
