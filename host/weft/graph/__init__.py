"""The graph: operators and tensors, in which importers end and the compiler starts."""

from weft.graph.graph import OPERATORS, REAL, Graph, Node, Quantization, State, Tensor

__all__ = ["OPERATORS", "REAL", "Graph", "Node", "Quantization", "State", "Tensor"]
