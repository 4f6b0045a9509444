"""The ``.weft`` file: a program with its checksums.

An archive (:mod:`weft.program.archive`) of ``program.json`` (:mod:`weft.program.record`), one
``images/N`` for each memory image, one ``tensors/N.npy`` for each constant of the graph and one
``states/N.npy`` for the first value of each of its states.

A file may come from a stranger. What was loaded keeps every rule of :mod:`weft.program.check`.
"""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from weft_hw.files import write_file

from weft.errors import ModelError
from weft.graph import Graph, State, Tensor
from weft.importers.rules.check import check_rules
from weft.npy import npy_bytes, read_npy
from weft.program.archive import FILE_VERSION, pack_members, read_members
from weft.program.check import check_program
from weft.program.program import Image, Program
from weft.program.record import (
    GraphRecord,
    ImageRecord,
    NodeRecord,
    ProgramRecord,
    QuantizationRecord,
    StateRecord,
    TensorRecord,
    decode,
    encode,
)

__all__ = ["FILE_VERSION", "load", "save"]

_PROGRAM = "program.json"


def save(program: Program, path: str | Path) -> None:
    """Write ``program`` to ``path``, whole or not at all."""
    graph = _used(program)
    record = ProgramRecord(
        graph=_graph_out(graph),
        config=program.config,
        fingerprint=f"{program.fingerprint:016x}",
        images=tuple(ImageRecord(image.region, image.unit) for image in program.images),
        steps=program.steps,
        places=dict(program.places),
        descriptors=program.descriptors,
        layers=program.layers,
        usage=dict(program.usage),
        stream=program.stream,
        streamed=program.streamed,
        resident=program.resident,
    )
    members = {_PROGRAM: encode(record)}
    members |= {f"images/{n}": image.data for n, image in enumerate(program.images)}
    members |= {
        f"tensors/{n}.npy": npy_bytes(tensor.data)
        for n, tensor in enumerate(graph.tensors.values())
        if tensor.data is not None
    }
    members |= {f"states/{n}.npy": npy_bytes(state.initial) for n, state in enumerate(graph.states)}
    write_file(path, pack_members(members))


def load(path: str | Path) -> Program:
    """Read a program.

    Raises
    ------
    ModelError
        If the file cannot be read, is damaged, or was written by another version of Weft.
    """
    try:
        members = read_members(Path(path))
        program = _program_in(members)
        if members:
            raise ModelError(f"nothing refers to its member {min(members)!r}")
        check_program(program)
    except OSError as error:
        raise ModelError(f"cannot read {path}: {error.strerror or error}") from error
    except ModelError as error:
        # Names in a file can hold anything; the message stays one line.
        text = "".join(c if c.isprintable() else "?" for c in str(error))
        raise ModelError(f"cannot load {path}: {text}") from None
    return program


def _program_in(members: dict[str, bytes]) -> Program:
    """Return the program in ``members``, which are taken out as they are used."""
    record = decode(_take(members, _PROGRAM))
    return Program(
        graph=check_rules(_graph_in(record.graph, members)),
        config=record.config,
        fingerprint=int(record.fingerprint, 16),
        images=tuple(
            Image(image.region, image.unit, _take(members, f"images/{number}"))
            for number, image in enumerate(record.images)
        ),
        steps=record.steps,
        places=record.places,
        descriptors=record.descriptors,
        layers=record.layers,
        usage=record.usage,
        stream=record.stream,
        streamed=record.streamed,
        resident=record.resident,
    )


def _take(members: dict[str, bytes], name: str) -> bytes:
    if name not in members:
        raise ModelError(f"its member {name} is missing")
    return members.pop(name)


def _used(program: Program) -> Graph:
    """Return the graph without tensors that the compiler's passes left behind."""
    graph = program.graph
    used = {name for node in graph.nodes for name in (*node.inputs, *node.outputs)}
    used |= {*graph.sources, *graph.results, *program.places}
    used |= {name for layer in program.layers for name in layer.outputs}
    return replace(graph, tensors={n: t for n, t in graph.tensors.items() if n in used})


def _graph_out(graph: Graph) -> GraphRecord:
    tensors = []
    for name, tensor in graph.tensors.items():
        quantization = tensor.quantization and QuantizationRecord.of(tensor.quantization)
        constant = tensor.data is not None
        tensors.append(TensorRecord(name, tensor.shape, str(tensor.dtype), constant, quantization))
    return GraphRecord(
        name=graph.name,
        inputs=graph.inputs,
        outputs=graph.outputs,
        rounding=graph.runtime,
        tensors=tuple(tensors),
        states=tuple(StateRecord(state.name, state.next) for state in graph.states),
        declared=None if graph.declared is None else dict(graph.declared),
        nodes=tuple(NodeRecord.of(node) for node in graph.nodes),
    )


def _graph_in(record: GraphRecord, members: dict[str, bytes]) -> Graph:
    tensors: dict[str, Tensor] = {}
    for number, item in enumerate(record.tensors):
        data, dtype = None, np.dtype(item.dtype)
        if item.constant:
            data = _array_in(members, f"tensors/{number}.npy")
            if (data.dtype, data.shape) != (dtype, item.shape):
                raise ModelError(
                    f"constant {item.name!r} is {data.dtype} {data.shape}, not {dtype} {item.shape}"
                )
        quantization = item.quantization and item.quantization.read()
        if item.name in tensors:
            raise ModelError(f"two tensors are called {item.name!r}")
        tensors[item.name] = Tensor(item.name, item.shape, dtype, quantization, data)
    return Graph(
        record.name,
        tuple(node.read() for node in record.nodes),
        tensors,
        record.inputs,
        record.outputs,
        record.rounding,
        tuple(
            State(item.name, item.next, _array_in(members, f"states/{number}.npy"))
            for number, item in enumerate(record.states)
        ),
        record.declared,
    )


def _array_in(members: dict[str, bytes], name: str) -> NDArray[Any]:
    data = _take(members, name)
    try:
        return read_npy(data)
    except ValueError as error:
        raise ModelError(f"its member {name} is no array: {error}") from None
