"""The ONNX front end: a graph, read directly and written as a program."""
