"""Reads an ONNX model, with a batch where that is proved."""

from collections.abc import Mapping, Sequence
from typing import Any

from weft.errors import ModelError, OpenShapeError
from weft.graph import Graph, Runtime
from weft.graph.images import as_one_image
from weft.importers.onnx.functions import inline_functions
from weft.importers.onnx.no_ops import take_out_no_ops
from weft.importers.onnx.prepare import (
    open_batch,
    open_tensors,
    ordered_nodes,
    require_shapes,
    set_shapes,
)
from weft.importers.onnx.shape_reads import unread_shapes
from weft.importers.onnx.unsigned import as_unsigned
from weft.importers.onnx.walk import Importer, Shape

__all__ = ["import_onnx"]


def import_onnx(
    data: bytes,
    name: str,
    rounding: str,
    *,
    source: str,
    shapes: Mapping[str, Sequence[int | None]] | None = None,
) -> Graph:
    """Return the graph of the ONNX model in ``data``.

    ``shapes`` gives inputs their dimensions where the file leaves them open.

    Raises
    ------
    ModelError
        If ``data`` is no ONNX model, or holds what is not supported; everything is named.
    """
    import onnx
    from google.protobuf.message import DecodeError

    runtime = Runtime.named(rounding)
    try:
        model = onnx.ModelProto.FromString(data)
    except (DecodeError, ValueError) as error:
        raise ModelError(f"{source} is neither a .tflite nor a readable ONNX model") from error
    if not model.graph.node or not model.graph.input or not model.graph.output:
        raise ModelError(f"{source} is neither a .tflite nor an ONNX model with layers")
    try:
        model = inline_functions(model)
        take_out_no_ops(model)
        unknown = open_tensors(model)
        unread = unread_shapes(model, unknown)
        set_shapes(model.graph, shapes or {})
        if runtime == Runtime.ONNXRUNTIME_UINT8:
            as_unsigned(model.graph, unread)
        batch = open_batch(model.graph)
        importer = Importer(model, name, runtime, unknown, unread)
    except OpenShapeError as error:
        raise OpenShapeError(f"cannot import {name}: {error}", error.inputs) from error
    except ModelError as error:
        raise ModelError(f"cannot import {name}: {error}") from error
    try:
        graph = importer.run()
    except ModelError as error:
        if batch:
            _require_first(model, name, runtime, unknown, unread, batch, error)
        raise
    if not batch or graph.declared is not None:
        return graph
    # What keeps one image apart may still mix several: a Reshape to (1, -1).
    set_shapes(model.graph, batch)
    try:
        several = Importer(model, name, runtime, unknown, unread).run()
    except ModelError:
        return as_one_image(graph)
    return graph if several.declared is None else as_one_image(graph)


def _require_first(
    model: Any,
    name: str,
    runtime: Runtime,
    unknown: frozenset[str],
    unread: frozenset[str],
    batch: Mapping[str, Shape],
    error: ModelError,
) -> None:
    """Ask for the whole shapes of inputs where 1 is too small for their first dimension."""
    nodes = ordered_nodes(model.graph)
    several = type(model)()
    several.CopyFrom(model)
    set_shapes(several.graph, batch)
    try:
        Importer(several, name, runtime, unknown, unread).run()
    except ModelError:
        return
    try:
        require_shapes(model.graph, nodes, open_first=False)
    except OpenShapeError as missing:
        raise OpenShapeError(f"cannot import {name}: {missing}", missing.inputs) from error
