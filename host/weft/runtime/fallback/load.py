"""Reads a model, and where Weft cannot have all of it, cuts it into head, middle and tail."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from weft.errors import ModelError
from weft.graph import Graph, Runtime, Tensor
from weft.importers import load_model, read_model
from weft.importers.rules.problems import ADVICE
from weft.models.loading import require_exact
from weft.runtime.fallback.onnx_file import OnnxFile
from weft.runtime.fallback.parts import FallbackLayer, Outside, Part
from weft.runtime.fallback.split import Split, edges, split_layers
from weft.runtime.fallback.tflite_file import TfliteFile

__all__ = ["load_in_parts"]

File = OnnxFile | TfliteFile
# With these the packages that read and write model files answer to what a damaged one holds.
_MALFORMED = (ValueError, TypeError, LookupError, AttributeError, OverflowError)


def load_in_parts(
    model: Path | bytes,
    rounding: str | None = None,
    shapes: Mapping[str, Sequence[int | None]] | None = None,
) -> tuple[Graph, Outside | None]:
    """Return the graph for the accelerator, and what a runtime must run around it.

    A model that Weft supports as a whole has nothing outside. Float islands at its head or tail go
    to the runtime, which computes its own bits; others follow their rule.

    Raises
    ------
    ModelError
        If an unsupported layer lies between supported ones, the runtime is not installed, or it
        refuses the model; the unsupported layers are named.
    """
    whole = None
    try:
        whole = load_model(model, rounding, shapes)
        require_exact(whole)
        return whole, None
    except ModelError as error:
        if not error.layers:
            raise
        refusal = error
    try:
        file = _read(model, rounding, shapes)
        return _cut(file, refusal, islands=whole is None)
    except ModelError:
        if whole is None:
            raise
        return whole, None
    except _MALFORMED as error:
        raise ModelError(f"the file is malformed ({error}); {refusal}") from error


def _read(
    model: Path | bytes, rounding: str | None, shapes: Mapping[str, Sequence[int | None]] | None
) -> File:
    runtime = None if rounding is None else Runtime.named(rounding)
    data, name, _ = read_model(model)
    if data[4:8] == b"TFL3":
        return TfliteFile(data, name, runtime or Runtime.REFERENCE)
    return OnnxFile(data, name, runtime or Runtime.ONNXRUNTIME, shapes)


def _cut(file: File, refusal: ModelError, *, islands: bool) -> tuple[Graph, Outside]:
    """Leave out what the importer names until it takes the rest, ``islands`` or none."""
    bad = file.find(refusal.layers)
    while True:
        try:
            split = split_layers(file.layers, bad, lambda name: _is_cut(file, name))
        except ModelError as error:
            text = str(refusal).replace(ADVICE, "")
            raise ModelError(f"{text}; {error}", refusal.layers) from refusal
        inputs, outputs = _edges(file, split.middle)
        try:
            graph = file.load_graph(file.extract(split.middle, inputs, outputs))
            if not islands:
                require_exact(graph)
        except ModelError as error:
            more = file.find(error.layers) - bad
            if not more:
                raise
            bad |= more
            text = f"{refusal}; {error}".replace(ADVICE, "")
            refusal = ModelError(text, (*refusal.layers, *error.layers))
            continue
        return graph, _outside(file, split, graph, inputs, outputs)


def _outside(
    file: File, split: Split, graph: Graph, inputs: list[str], outputs: list[str]
) -> Outside:
    inner_outputs = dict(zip(graph.outputs, outputs, strict=True))
    inner_names = {name: inner for inner, name in inner_outputs.items()}

    def outer(name: str) -> Tensor:
        # What the middle makes is called as without a fallback.
        inner = inner_names.get(name)
        if inner is not None:
            return graph.tensors[inner]
        dtype, shape = file.tensor_type(name)
        return Tensor(name, shape, dtype)

    return Outside(
        runtime=file.runtime_name,
        head=_part(file, split.head),
        tail=_part(file, split.tail),
        head_layers=_describe(file, split.head),
        tail_layers=_describe(file, split.tail),
        inputs=tuple(map(outer, file.inputs)),
        outputs=tuple(map(outer, file.outputs)),
        inner_inputs=dict(zip(graph.inputs, inputs, strict=True)),
        inner_outputs=inner_outputs,
        open_batch=file.open_batch,
    )


def _part(file: File, part: tuple[int, ...]) -> Part | None:
    if not part:
        return None
    return file.open_part(file.extract(part, *_edges(file, part)))


def _edges(file: File, part: tuple[int, ...]) -> tuple[list[str], list[str]]:
    """Return the names of a part's inputs, and of its outputs with the model's among them."""
    inputs, given = edges(file.layers, part)
    made = {name for i in part for name in file.layers[i].outputs}
    final = [name for name, source in file.outputs.items() if source in made]
    return inputs, list(dict.fromkeys([*given, *final]))


def _describe(file: File, part: tuple[int, ...]) -> tuple[FallbackLayer, ...]:
    described = []
    for layer in (file.layers[i] for i in part):
        shape = file.tensor_type(layer.outputs[0])[1][1:] if layer.outputs else ()
        described.append(FallbackLayer(layer.name, layer.operator, shape))
    return tuple(described)


def _is_cut(file: File, name: str) -> bool:
    dtype, shape = file.tensor_type(name)
    return dtype in (np.dtype(np.int8), np.dtype(np.uint8)) and len(shape) > 0
