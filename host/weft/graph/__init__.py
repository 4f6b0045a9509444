"""The graph: operators and tensors, in which importers end and the compiler starts."""

from weft.graph.activations import ACTIVATIONS
from weft.graph.graph import REAL, Graph, Node, Quantization, State, Tensor
from weft.graph.operator import Operator
from weft.graph.operators import OPERATORS, computes_floats
from weft.graph.runtime import Runtime

__all__ = [
    "ACTIVATIONS",
    "OPERATORS",
    "REAL",
    "Graph",
    "Node",
    "Operator",
    "Quantization",
    "Runtime",
    "State",
    "Tensor",
    "computes_floats",
]
