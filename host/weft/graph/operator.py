"""The record of an operator: attributes, shape rule, types, traits."""

from collections.abc import Callable
from dataclasses import dataclass

from weft.graph.graph import Graph, Node

__all__ = ["Operator"]


@dataclass(frozen=True, kw_only=True)
class Operator:
    """One operator of the graph form.

    Parameters
    ----------
    shape : callable
        The output's shape from a graph and a node; raises :class:`weft.errors.ModelError` where
        inputs and attributes do not fit each other.
    types : callable
        Raises :class:`weft.errors.ModelError` where a tensor of a node has the wrong type or
        quantisation.
    attributes, optional : tuple of str
        What a node must carry, and what it may carry on top.
    operands : (int, int)
        Fewest and most inputs.
    results : int
    weighted : bool
        Whether input 1 holds constant weights, and input 2, if there is one, the bias.
    channel_axis : int
        Dimension of the weights that counts output channels.
    windowed : bool
        Whether the accelerator computes it window by window: it reads its input pixel by pixel
        and writes whole beats.
    broadcasts : bool
        Whether smaller operands are repeated as NumPy does.
    tabulated : bool
        Whether it is a function of one int8 value, so that a table of 256 computes it.
    floats : bool
        Whether it may be float32 throughout in a ``.tflite`` file.
    """

    shape: Callable[[Graph, Node], tuple[int, ...]]
    types: Callable[[Graph, Node, "Operator"], None]
    attributes: tuple[str, ...] = ()
    optional: tuple[str, ...] = ()
    operands: tuple[int, int] = (1, 1)
    results: int = 1
    weighted: bool = False
    channel_axis: int = 0
    windowed: bool = False
    broadcasts: bool = False
    tabulated: bool = False
    floats: bool = False
