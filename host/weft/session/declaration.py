"""The declarations of an ONNX file: inputs, outputs, open dimensions, who made it."""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from weft.graph.signature import TensorInfo
from weft.importers import read_model

__all__ = ["Declaration", "ModelMetadata", "read_declaration"]

Dimensions = Callable[[Mapping[str, str]], Mapping[str, int]]
_NO_VERSION = (1 << 63) - 1  # what ONNX Runtime reports where the file has none


@dataclass(frozen=True, kw_only=True)
class ModelMetadata:
    """Who made a model, in the words of its file."""

    producer_name: str = ""
    graph_name: str = ""
    graph_description: str = ""
    domain: str = ""
    description: str = ""
    version: int = _NO_VERSION
    custom_metadata_map: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Declaration:
    """Inputs, outputs and metadata of a file.

    Parameters
    ----------
    inputs, outputs : sequence of TensorInfo
        In the order of the file, inputs that no layer reads included.
    overridable : sequence of TensorInfo
        Inputs that have a value in the file.
    metadata : ModelMetadata
    open : collection of str
        Inputs of which the file leaves a dimension open, also where a size was given for it since.
    """

    inputs: Sequence[TensorInfo]
    outputs: Sequence[TensorInfo]
    overridable: Sequence[TensorInfo] = ()
    metadata: ModelMetadata = ModelMetadata()
    open: Collection[str] = ()


def read_declaration(model: Path | bytes, dimensions: Dimensions) -> Declaration | None:
    """Return what an ONNX file says; None where ``model`` is no ONNX file.

    ``dimensions`` gives sizes of open dimensions by their names. It is called with what the file
    says they mean, by name, too.
    """
    import onnx
    from google.protobuf.message import DecodeError

    data, _, _ = read_model(model)
    if data[4:8] == b"TFL3":
        return None
    try:
        proto = onnx.ModelProto.FromString(data)
    except (DecodeError, ValueError):
        return None
    graph = proto.graph
    constants = {tensor.name for tensor in graph.initializer}
    inputs = [value for value in graph.input if value.name not in constants]
    opened = [info.name for info in map(_info, inputs) if info.is_open]
    _close(proto, dimensions)
    overridable = [value for value in graph.input if value.name in constants]
    return Declaration(
        inputs=[_info(value) for value in inputs],
        outputs=_outputs(proto),
        overridable=[_info(value) for value in overridable] if proto.ir_version > 3 else [],
        metadata=ModelMetadata(
            producer_name=proto.producer_name,
            graph_name=graph.name,
            graph_description=graph.doc_string,
            domain=proto.domain,
            description=proto.doc_string,
            version=proto.model_version if proto.HasField("model_version") else _NO_VERSION,
            custom_metadata_map={entry.key: entry.value for entry in proto.metadata_props},
        ),
        open=opened,
    )


def _close(proto: Any, dimensions: Dimensions) -> None:
    """Write sizes into ``proto`` in place of names of open dimensions."""
    meanings = {d.dim_param: d.denotation for d in _dims(proto.graph.input) if d.denotation}
    sizes = dimensions(meanings)
    for dim in _dims([*proto.graph.input, *proto.graph.output]):
        if dim.dim_param in sizes:
            dim.dim_value = sizes[dim.dim_param]


def _dims(values: Iterable[Any]) -> Iterator[Any]:
    return (dim for value in values for dim in value.type.tensor_type.shape.dim)


def _outputs(proto: Any) -> list[TensorInfo]:
    """Describe the outputs; shapes that the file leaves out are inferred where that is possible."""
    import onnx

    outputs = proto.graph.output
    if not all(_is_whole(value) for value in outputs):
        try:
            outputs = onnx.shape_inference.infer_shapes(proto).graph.output
        except Exception:  # its C++ side throws what it likes; the file's own words remain
            outputs = proto.graph.output
    given = {dim.dim_param for dim in _dims([*proto.graph.input, *proto.graph.output])}
    infos = [_info(value) for value in outputs]
    return [  # names that the inference made up are no names
        replace(info, shape=[d if isinstance(d, int) or d in given else None for d in info.shape])
        for info in infos
    ]


def _is_whole(value: Any) -> bool:
    kind = value.type.tensor_type
    return kind.HasField("shape") and all(d.WhichOneof("value") for d in kind.shape.dim)


def _info(value: Any) -> TensorInfo:
    import onnx

    kind = value.type.tensor_type
    try:
        dtype = onnx.helper.tensor_dtype_to_np_dtype(kind.elem_type)
    except (KeyError, ValueError):
        dtype = np.dtype(object)
    shape = [
        d.dim_value
        if d.WhichOneof("value") == "dim_value" and d.dim_value > 0
        else d.dim_param or None
        for d in kind.shape.dim
    ]
    return TensorInfo(value.name, dtype, shape)
