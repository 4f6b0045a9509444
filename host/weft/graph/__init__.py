"""The graph: operators and tensors, in which importers end and the compiler starts."""

from weft.graph.graph import BROADCASTING, OPERATORS, REAL, Graph, Node, Quantization, State, Tensor

__all__ = ["BROADCASTING", "OPERATORS", "REAL", "Graph", "Node", "Quantization", "State", "Tensor"]
