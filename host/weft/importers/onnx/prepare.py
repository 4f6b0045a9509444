"""Turns an ONNX file into a plain one: nodes in order, every input with a shape."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from weft.errors import ModelError, OpenShapeError
from weft.graph.signature import example_shape
from weft.importers.onnx.values import ELEMENT_TYPES

__all__ = [
    "dimensions_of",
    "known_shapes",
    "open_batch",
    "open_tensors",
    "ordered_nodes",
    "require_shapes",
    "set_shapes",
]

_SEVERAL = 31  # images; more than a file would name one by one


def ordered_nodes(graph: Any) -> list[tuple[int, Any]]:
    """Return the nodes on which an output depends, each after those that it reads from.

    With each comes its place in the file; nodes that are in order stay so.

    Raises
    ------
    ModelError
        If nodes read from each other in a circle.
    """
    maker = {name: i for i, node in enumerate(graph.node) for name in node.output if name}
    done: dict[int, bool] = {}  # False while what a node reads is under way
    result = []
    wanted = {maker[value.name] for value in graph.output if value.name in maker}
    for start in _reached(graph, maker, wanted):
        waiting = [start]
        while waiting:
            index = waiting[-1]
            if index in done:
                waiting.pop()
                if not done[index]:
                    done[index] = True
                    result.append((index, graph.node[index]))
                continue
            done[index] = False
            before = {maker[name] for name in graph.node[index].input if name in maker}
            if any(done.get(i) is False for i in before):
                raise ModelError(f"node {graph.node[index].name or index} depends on itself")
            waiting += sorted((i for i in before if i not in done), reverse=True)
    return result


def _reached(graph: Any, maker: Mapping[str, int], wanted: set[int]) -> list[int]:
    found, waiting = set(wanted), list(wanted)
    while waiting:
        node = graph.node[waiting.pop()]
        new = {maker[name] for name in node.input if name in maker} - found
        found |= new
        waiting += new
    return sorted(found)


def set_shapes(graph: Any, shapes: Mapping[str, Sequence[int | None]]) -> None:
    """Write ``shapes`` into the inputs of ``graph``; what is None stays open.

    Raises
    ------
    ModelError
        If there is no such input, or its dimensions are others.
    """
    inputs = {value.name: value for value in graph.input}
    for name, shape in shapes.items():
        if name not in inputs:
            raise ModelError(f"there is no input {name}, only {', '.join(inputs)}")
        kind = inputs[name].type.tensor_type
        dims = [d.dim_value if d.HasField("dim_value") else None for d in kind.shape.dim]
        known = kind.HasField("shape")
        if known and (
            len(dims) != len(shape)
            or any(
                d is not None and d > 0 and d != size for d, size in zip(dims, shape, strict=True)
            )
        ):
            raise ModelError(f"input {name} cannot have shape {tuple(shape)}")
        if any(size is not None and size < 1 for size in shape):
            raise ModelError(f"input {name} cannot have shape {tuple(shape)}")
        del kind.shape.dim[:]
        for size in shape:
            dim = kind.shape.dim.add()
            if size is not None:
                dim.dim_value = size


def open_batch(graph: Any) -> dict[str, tuple[int, ...]]:
    """Return shapes of several images for the inputs whose first dimension alone is open."""
    found = {}
    for value in graph.input:
        dims = [int(d.dim_value) for d in value.type.tensor_type.shape.dim]
        if dims and dims[0] < 1 and min(dims[1:], default=1) > 0:
            found[value.name] = (_SEVERAL, *dims[1:])
    return found


def open_tensors(model: Any) -> frozenset[str]:
    """Return the tensors of which the file leaves a dimension open, as far as they are read."""
    from onnx import shape_inference

    graph = model.graph
    constants = {tensor.name for tensor in graph.initializer}
    if all(_is_closed(value) for value in graph.input if value.name not in constants):
        return frozenset()
    names = {name for node in graph.node for name in node.input} - constants
    try:
        inferred = shape_inference.infer_shapes(model, data_prop=True).graph
    except Exception:  # the package raises what its C++ side threw
        return frozenset(names)
    known = (*inferred.value_info, *inferred.input, *inferred.output)
    return frozenset(names - {value.name for value in known if _is_closed(value)})


def known_shapes(model: Any) -> dict[str, tuple[int, ...]]:
    """Return the shapes of tensors that ``onnx`` infers; an open batch of an input is 1."""
    from onnx import shape_inference

    closed = type(model)()
    closed.CopyFrom(model)
    for value in closed.graph.input:
        dims = value.type.tensor_type.shape.dim
        if dims and dims[0].dim_value < 1:
            dims[0].dim_value = 1
    del closed.graph.value_info[:], closed.graph.output[:]  # what a file says of an open batch
    try:
        inferred = shape_inference.infer_shapes(closed, data_prop=True).graph
    except Exception:  # the package raises what its C++ side threw
        return {}
    return {
        value.name: tuple(dim.dim_value for dim in value.type.tensor_type.shape.dim)
        for value in inferred.value_info
        if _is_closed(value)
    }


def dimensions_of(model: Any) -> dict[str, tuple[int | str, ...]]:
    """Return dimensions as ``onnx`` infers them: numbers, and names of open ones."""
    from onnx import shape_inference

    try:
        graph = shape_inference.infer_shapes(model, data_prop=True).graph
    except Exception:  # the package raises what its C++ side threw
        return {}
    return {
        value.name: tuple(
            dim.dim_param or (dim.dim_value if dim.HasField("dim_value") else "?")
            for dim in value.type.tensor_type.shape.dim
        )
        for value in (*graph.value_info, *graph.input, *graph.output)
    }


def _is_closed(value: Any) -> bool:
    kind = value.type.tensor_type
    return kind.HasField("shape") and all(dim.dim_value > 0 for dim in kind.shape.dim)


def require_shapes(
    graph: Any, nodes: Sequence[tuple[int, Any]], *, open_first: bool = True
) -> None:
    """Check that every input that ``nodes`` read has a shape; ``open_first``: but dimension 0.

    Raises
    ------
    OpenShapeError
        If another dimension of one is open.
    """
    constants = {tensor.name for tensor in graph.initializer}
    read = {name for _, node in nodes for name in node.input}
    found, first = [], None
    for value in graph.input:
        if value.name in constants or value.name not in read:
            continue
        kind = value.type.tensor_type
        shape = tuple(
            int(d.dim_value) if d.HasField("dim_value") and d.dim_value > 0 else None
            for d in kind.shape.dim
        )
        dtype = np.dtype(ELEMENT_TYPES.get(kind.elem_type, object))
        found.append((value.name, str(dtype), shape))
        needed = shape[1:] if open_first else shape
        if first is None and (None in needed or not kind.HasField("shape")):
            first = value.name, shape
    if first is not None:
        name, shape = first
        given = example_shape(shape)
        raise OpenShapeError(
            f"input {name} has open dimensions; give its shape, as in --shape {name}={given} "
            f"(in Python shapes={{{name!r}: ({given})}})",
            found,
        )
