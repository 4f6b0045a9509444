"""Requests and responses as Protocol Buffers, whose classes ``tritonclient`` brings."""

from typing import Any

from numpy.typing import NDArray
from tritonclient.grpc import service_pb2

from weft.serving.messages import Query
from weft.serving.refused import Refused
from weft.serving.tensors import datatype_of, from_bytes, from_list, to_bytes

__all__ = ["parse", "pb", "render"]

pb: Any = service_pb2  # its classes are made when it is imported
# The field of InferTensorContents that a datatype's values are in.
_FIELDS = {
    "BOOL": "bool_contents",
    "INT8": "int_contents",
    "INT16": "int_contents",
    "INT32": "int_contents",
    "INT64": "int64_contents",
    "UINT8": "uint_contents",
    "UINT16": "uint_contents",
    "UINT32": "uint_contents",
    "UINT64": "uint64_contents",
    "FP32": "fp32_contents",
    "FP64": "fp64_contents",
}


def parse(request: Any) -> Query:
    """Return what a ``ModelInferRequest`` asks.

    Raises
    ------
    Refused
        If its tensors are not what they say, or it has a parameter.
    """
    raw = request.raw_input_contents
    if raw and len(raw) != len(request.inputs):
        raise Refused(f"raw_input_contents has {len(raw)} parts for {len(request.inputs)} inputs")
    for holder in (request, *request.inputs, *request.outputs):
        for name in holder.parameters:
            raise Refused(f"parameter {name!r} means nothing to this server")
    feeds = {}
    for number, entry in enumerate(request.inputs):
        if entry.name in feeds:
            raise Refused(f"input {entry.name} is given twice")
        shape = list(entry.shape)
        if any(size < 0 for size in shape):
            raise Refused(f"input {entry.name} has shape {shape}")
        given = [field.name for field, _ in entry.contents.ListFields()]
        if raw and given:
            raise Refused(f"input {entry.name} has contents beside raw_input_contents")
        if raw:
            array = from_bytes(entry.name, entry.datatype, shape, raw[number])
        else:
            field = _FIELDS.get(entry.datatype, "")
            if any(name != field for name in given):
                raise Refused(f"input {entry.name} has {given[0]}, which hold no {entry.datatype}")
            values = list(getattr(entry.contents, field)) if given else []
            array = from_list(entry.name, entry.datatype, shape, values)
        feeds[entry.name] = array
    names = tuple(output.name for output in request.outputs) or None
    return Query(feeds, names, request.id, True, {})


def render(
    model: str, version: str, query: Query, board: str, outputs: dict[str, NDArray[Any]]
) -> Any:
    """Return a ``ModelInferResponse`` with raw contents."""
    response = pb.ModelInferResponse(model_name=model, model_version=version, id=query.id)
    response.parameters["board"].string_param = board
    for name, array in outputs.items():
        response.outputs.add(name=name, datatype=datatype_of(array.dtype), shape=array.shape)
        response.raw_output_contents.append(to_bytes(array))
    return response
