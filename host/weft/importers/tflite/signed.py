"""uint8 tensors as int8: values and zero points 128 lower, which changes no difference of them."""

from dataclasses import replace

import numpy as np

from weft.graph import Node, Quantization
from weft.importers.tflite.flatbuffer import Subgraph
from weft.importers.tflite.tensors import RawTensor

__all__ = ["Signed", "with_signed_tensors"]

_UINT8 = np.dtype(np.uint8)
_CONVERSIONS = ("QUANTIZE", "DEQUANTIZE", "CAST")
Names = tuple[str, ...]
Signed = tuple[Subgraph, set[str], list[Node], list[Node], tuple[Names, Names]]


def with_signed_tensors(subgraph: Subgraph) -> Signed:
    """Return ``subgraph`` with int8 tensors, and what joins it to edges that stay uint8.

    Returns
    -------
    subgraph : Subgraph
        Its edges are uint8 only where the file itself converts them.
    unsigned : set of str
        Names of the tensors that were uint8.
    before, after : list of Node
        QUANTIZE nodes at the inputs and outputs.
    edges : (names, names)
        The graph's inputs and outputs.
    """
    tensors, count = list(subgraph.tensors), len(subgraph.tensors)
    inputs, outputs = ([i for i in ends if i >= 0] for ends in (subgraph.inputs, subgraph.outputs))
    edges = tuple(tensors[i].name for i in inputs), tuple(tensors[i].name for i in outputs)
    ends = {i for i in (*inputs, *outputs) if tensors[i].dtype == _UINT8}
    kept = {
        i
        for i in ends
        if all(
            operator.name in _CONVERSIONS
            for operator in subgraph.operators
            if i in (*operator.inputs, *operator.outputs)
        )
    }
    unsigned, before, after = set(), [], []
    for index, tensor in enumerate(tensors[:count]):
        if tensor.dtype != _UINT8 or index in kept:
            continue
        inner = _signed(tensor)
        if index in ends and tensor.data is None:
            name = f"{tensor.name}/int8"
            while any(other.name == name for other in tensors):
                name += "#"
            inner = replace(inner, name=name)
            tensors.append(tensor)
            if index in inputs:
                before.append(_conversion(tensor, tensor.name, inner.name))
            else:
                after.append(_conversion(tensor, inner.name, tensor.name))
        tensors[index] = inner
        unsigned.add(inner.name)
    return replace(subgraph, tensors=tuple(tensors)), unsigned, before, after, edges


def _conversion(tensor: RawTensor, source: str, target: str) -> Node:
    return Node("QUANTIZE", f"{tensor.name}/edge", (source,), (target,))


def _signed(tensor: RawTensor) -> RawTensor:
    quantization = tensor.quantization
    if quantization is not None:
        quantization = Quantization(
            quantization.scale, quantization.zero_point - 128, quantization.axis
        )
    data = tensor.data
    if data is not None:
        data = (data ^ np.uint8(128)).view(np.int8)
    return replace(tensor, dtype=np.dtype(np.int8), quantization=quantization, data=data)
