"""From model files to the graph form."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from weft.errors import ModelError, OpenShapeError
from weft.graph import Graph, Runtime
from weft.text import printable

__all__ = ["load_model", "read_model"]

# Larger files are refused before they are read.
_MAX_BYTES = 1 << 30


def read_model(model: str | Path | bytes) -> tuple[bytes, str, str]:
    """Return what a model file holds, the model's name, and what messages call the file.

    Tensors that an ONNX model keeps in other files of its folder are in what is returned.

    Raises
    ------
    ModelError
        If it or such a file cannot be read, or all is too large.
    """
    folder = None
    if isinstance(model, bytes):
        data, name, source = model, "model", "the model given as bytes"
    else:
        path = Path(model)
        folder = path.parent
        name, source = printable(path.stem), str(path)
        try:
            if path.stat().st_size > _MAX_BYTES:
                raise ModelError(f"{path} is larger than {_MAX_BYTES >> 20} MiB")
            data = path.read_bytes()
        except OSError as error:
            raise ModelError(f"cannot read {path}: {error.strerror or error}") from error
    if len(data) > _MAX_BYTES:
        raise ModelError(f"{source} is larger than {_MAX_BYTES >> 20} MiB")
    if data[4:8] != b"TFL3":
        from weft.importers.onnx.external import in_one_file

        data = in_one_file(data, source, folder, _MAX_BYTES)
    return data, name, source


def load_model(
    model: str | Path | bytes,
    rounding: str | None = None,
    shapes: Mapping[str, Sequence[int | None]] | None = None,
) -> Graph:
    """Read a quantised ``.tflite`` or ONNX model.

    Parameters
    ----------
    model : path-like or bytes
        A file, or what it holds. The kind of file is told by its contents, not by its name.
    rounding : str, optional
        Whose bits to reproduce: ``"reference"`` (the default for ``.tflite``), ``"xnnpack"``,
        ``"onnxruntime"`` (the default for ONNX: int8 stays int8, as in a session with
        ``session.qdqisint8allowed``), or ``"onnxruntime-uint8"`` (the default session on x86-64,
        which computes int8 between QuantizeLinear and DequantizeLinear as uint8).
    shapes : mapping, optional
        Shapes of inputs whose dimensions the file leaves open (ONNX alone); None stays open.

    Raises
    ------
    OpenShapeError
        If such a shape is missing.
    ModelError
        If the file cannot be read, is malformed, or holds what Weft does not support.
    """
    runtime = None if rounding is None else Runtime.named(rounding)
    data, name, source = read_model(model)
    try:
        if data[4:8] == b"TFL3":
            from weft.importers.tflite.walk import import_tflite

            if shapes:
                raise ModelError("the shapes of a .tflite model's inputs are those of the file")

            return import_tflite(data, name, runtime or Runtime.REFERENCE)
        from weft.importers.onnx.file import import_onnx

        runtime = runtime or Runtime.ONNXRUNTIME
        return import_onnx(data, name, runtime, source=source, shapes=shapes)
    except ModelError as error:
        # Names in a damaged file can hold anything; the message stays one line.
        text = str(error)
        printable = "".join(c if c.isprintable() else "?" for c in text)
        if printable == text:
            raise
        if isinstance(error, OpenShapeError):
            raise OpenShapeError(printable, error.inputs) from error
        raise ModelError(printable, error.layers) from error
