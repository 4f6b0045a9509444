"""Tensors that an ONNX model keeps in other files of its folder."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from weft.errors import ModelError

__all__ = ["in_one_file"]

_KEYS = {"location", "offset", "length"}


def in_one_file(data: bytes, source: str, folder: Path | None, most: int) -> bytes:
    """Return the ONNX model in ``data`` with all its tensors inside.

    Parameters
    ----------
    data : bytes
        What is no ONNX model comes back as it is.
    source : str
        What messages call the model.
    folder : Path or None
        Where the model lies; None if it has no place.
    most : int
        Bytes that the model may have with all its tensors.

    Raises
    ------
    ModelError
        If a file is missing, lies elsewhere or is too short, or all is too large.
    """
    if b"location" not in data:  # the key that names the file
        return data
    from google.protobuf.message import DecodeError
    from onnx import ModelProto, TensorProto, checker, external_data_helper

    try:
        model = ModelProto.FromString(data)
        apart = [
            (tensor, f"{source} keeps tensor {tensor.name!r}", _fields(tensor))
            for tensor in _tensors(model)
            if tensor.data_location == TensorProto.EXTERNAL and tensor.external_data
        ]
    except (DecodeError, ValueError):  # a damaged file, of which the importer speaks
        return data
    if not apart:
        return data
    total = len(data)
    for tensor, told, fields in apart:
        told += f" in {fields.get('location', '')!r}"
        if folder is None:
            raise ModelError(f"{told}; give the model as a path, or save it in one file")
        if len(fields) != len(tensor.external_data) or not {*fields} <= _KEYS:
            raise ModelError(f"{told} and says more of it than {', '.join(sorted(_KEYS))}")
        total += _size(fields, told, folder.resolve())
        if total > most:
            raise ModelError(f"{source} and its tensors are larger than {most >> 20} MiB")
        try:
            external_data_helper.load_external_data_for_tensor(tensor, str(folder.resolve()))
        except (OSError, TypeError, ValueError, checker.ValidationError) as error:
            raise ModelError(f"{told}, which cannot be read ({str(error)!r})") from error
        tensor.data_location = TensorProto.DEFAULT  # older versions of onnx leave both
        del tensor.external_data[:]
    return model.SerializeToString()


def _tensors(message: Any) -> Iterator[Any]:
    """Return all tensors of a model, those in its functions and attributes too."""
    from onnx import TensorProto

    if isinstance(message, TensorProto):
        yield message
        return
    for field, value in message.ListFields():
        if field.message_type is not None:
            parts = [value] if hasattr(value, "ListFields") else value
            for part in parts:
                yield from _tensors(part)


def _fields(tensor: Any) -> dict[str, str]:
    return {entry.key: entry.value for entry in tensor.external_data}


def _size(fields: Mapping[str, str], told: str, folder: Path) -> int:
    """Return the bytes of a tensor; its file is there, in ``folder``, and long enough."""
    location = fields.get("location", "")
    try:
        offset, length = (int(fields.get(key, 0)) for key in ("offset", "length"))
        path = (folder / location).resolve()  # a damaged name is bytes
        # A link or ".." leads to another path than the one that is written.
        if path != folder / location or folder not in path.parents:
            raise ModelError(f"{told}, which is not a file of the model's own folder")
        if not path.is_file():
            raise ModelError(f"{told}, which is missing")
        rest = path.stat().st_size - offset
    except ModelError:
        raise
    except (OSError, TypeError, ValueError) as error:
        raise ModelError(f"{told}, which cannot be read ({str(error)!r})") from error
    if offset < 0 or not 0 <= length <= rest:
        raise ModelError(f"{told}, which has no {length} bytes from {offset} on")
    return length if "length" in fields else rest
