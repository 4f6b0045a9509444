"""Requests and responses in JSON, with the extension for binary tensors behind it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any

import msgspec
from numpy.typing import NDArray

from weft.serving.refused import Refused
from weft.serving.tensors import datatype_of, from_bytes, from_list, to_bytes, to_list

__all__ = ["HEADER", "Query", "parse", "render"]

# How many bytes of the body are JSON; what follows are binary tensors.
HEADER = "Inference-Header-Content-Length"

Arrays = dict[str, NDArray[Any]]
_Size = Annotated[int, msgspec.Meta(ge=0, le=1 << 40)]
_Parameters = Mapping[str, Any]


class _Input(msgspec.Struct, forbid_unknown_fields=True):
    name: str
    datatype: str
    shape: Annotated[list[_Size], msgspec.Meta(max_length=16)]
    data: list[Any] | None = None
    parameters: _Parameters = {}


class _Output(msgspec.Struct, forbid_unknown_fields=True):
    name: str
    parameters: _Parameters = {}


class _Request(msgspec.Struct, forbid_unknown_fields=True):
    inputs: list[_Input]
    model_name: str | None = None  # kserve's client says once more what stands in the path
    model_version: str | None = None
    id: str | None = None
    outputs: list[_Output] | None = None
    parameters: _Parameters = {}


@dataclass(frozen=True)
class Query:
    """A request, whichever protocol brought it.

    Parameters
    ----------
    feeds : dict of ndarray
    outputs : tuple of str, or None
        Which ones are wanted; None for all.
    id : str
        What the client calls it; empty if nothing.
    as_bytes : bool
        Whether outputs go back as bytes, and not as numbers.
    binary : mapping
        The same for outputs of which the client says so.
    """

    feeds: Arrays
    outputs: tuple[str, ...] | None
    id: str
    as_bytes: bool
    binary: Mapping[str, bool]


def parse(body: bytes, json_bytes: int | None, model: str, version: str) -> Query:
    """Return the request in ``body``, whose first ``json_bytes`` are JSON, or all of them.

    It was sent to ``version`` of ``model``, and may say so itself.

    Raises
    ------
    Refused
        If it is no request of the protocol, or has a parameter that means nothing here.
    """
    size = len(body) if json_bytes is None else json_bytes
    if not 0 <= size <= len(body):
        raise Refused(f"{HEADER} is {size}, the body has {len(body)} bytes")
    try:
        request = msgspec.json.decode(memoryview(body)[:size], type=_Request)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise Refused(f"the body is no inference request: {error}") from None
    for word, said in ((model, request.model_name), (version, request.model_version)):
        if said not in (None, word):
            raise Refused(f"the body asks {said!r}, the path {word!r}")
    feeds, at = {}, size
    for entry in request.inputs:
        if entry.name in feeds:
            raise Refused(f"input {entry.name} is given twice")
        _only(entry.parameters, "binary_data_size")
        count = entry.parameters.get("binary_data_size")
        if (count is None) == (entry.data is None):
            raise Refused(f"input {entry.name} needs data, or binary_data_size, and not both")
        if entry.data is not None:
            array = from_list(entry.name, entry.datatype, entry.shape, entry.data)
        else:
            if type(count) is not int or not 0 <= count <= len(body) - at:
                raise Refused(f"input {entry.name} has {count!r} bytes, {len(body) - at} are left")
            array = from_bytes(entry.name, entry.datatype, entry.shape, body[at : at + count])
            at += count
        feeds[entry.name] = array
    if at != len(body):
        raise Refused(f"{len(body) - at} bytes of the body belong to no input")
    _only(request.parameters, "binary_data_output")
    usual = _flag(request.parameters, "binary_data_output", False)
    binary = {}
    for output in request.outputs or ():
        _only(output.parameters, "binary_data")
        binary[output.name] = _flag(output.parameters, "binary_data", usual)
    names = None if not request.outputs else tuple(output.name for output in request.outputs)
    return Query(feeds, names, request.id or "", usual, binary)


def render(
    model: str, version: str, query: Query, board: str, outputs: Arrays
) -> tuple[bytes, int]:
    """Return the body of a response and how many bytes of it are JSON."""
    entries, tail = [], []
    for name, array in outputs.items():
        entry: dict[str, Any] = {
            "name": name,
            "datatype": datatype_of(array.dtype),
            "shape": list(array.shape),
        }
        if query.binary.get(name, query.as_bytes):
            tail.append(to_bytes(array))
            entry["parameters"] = {"binary_data_size": len(tail[-1])}
        else:
            entry["data"] = to_list(name, array)
        entries.append(entry)
    response = {
        "model_name": model,
        "model_version": version,
        **({"id": query.id} if query.id else {}),
        "parameters": {"board": board},
        "outputs": entries,
    }
    head = msgspec.json.encode(response)
    return b"".join([head, *tail]), len(head)


def _only(parameters: _Parameters, known: str) -> None:
    for name in parameters:
        if name != known:
            raise Refused(f"parameter {name!r} means nothing to this server")


def _flag(parameters: _Parameters, name: str, usual: bool) -> bool:
    value = parameters.get(name, usual)
    if not isinstance(value, bool):
        raise Refused(f"parameter {name} is true or false, not {value!r}")
    return value
