"""The ``.weft`` file: a program with its checksums, readable with NumPy and the standard library.

A zip archive of ``manifest.json`` (version, and the SHA-256 of every other member),
``program.json``, one ``images/N`` for each memory image, one ``tensors/N.npy`` for each constant of
the graph and one ``states/N.npy`` for the first value of each of its states.
"""

import hashlib
import io
import json
import zipfile
from collections.abc import Mapping
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from weft_hw.contract.config import Config
from weft_hw.contract.memory_map import Region
from weft_hw.files import write_file

from weft.errors import ModelError
from weft.graph import Graph, Node, Quantization, State, Tensor
from weft.program import (
    DescriptorInfo,
    HostStep,
    Image,
    LayerInfo,
    Program,
    RunStep,
    StreamPlan,
    StreamSet,
    TensorPlace,
)
from weft.program.layout import Fold, Layout

__all__ = ["FILE_VERSION", "load", "save"]

FILE_VERSION = 3
_MANIFEST, _PROGRAM = "manifest.json", "program.json"
_LARGEST_MEMBER = 1 << 28
_EPOCH = (1980, 1, 1, 0, 0, 0)  # the same program gives the same bytes


def save(program: Program, path: str | Path) -> None:
    """Write ``program`` to ``path``, whole or not at all."""
    members: dict[str, bytes] = {}
    body = {
        "graph": _graph_out(program.graph, members),
        "config": asdict(program.config),
        "fingerprint": f"{program.fingerprint:016x}",
        "images": [],
        "steps": [{"kind": type(step).__name__, **asdict(step)} for step in program.steps],
        "places": {
            name: {"base": place.base, "layout": asdict(place.layout), "region": place.region.name}
            for name, place in program.places.items()
        },
        "descriptors": [asdict(info) for info in program.descriptors],
        "layers": [asdict(info) for info in program.layers],
        "usage": program.usage,
        "stream": asdict(program.stream),
        "streamed": program.streamed,
        "resident": program.resident,
    }
    for number, image in enumerate(program.images):
        members[f"images/{number}"] = image.data
        body["images"].append({"region": image.region.name, "unit": image.unit})
    members[_PROGRAM] = json.dumps(body, default=_plain).encode()
    manifest = {
        "version": FILE_VERSION,
        "sha256": {name: hashlib.sha256(data).hexdigest() for name, data in members.items()},
    }
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in {_MANIFEST: json.dumps(manifest).encode(), **members}.items():
            archive.writestr(zipfile.ZipInfo(name, _EPOCH), data, zipfile.ZIP_DEFLATED)
    write_file(path, stream.getvalue())


def load(path: str | Path) -> Program:
    """Read a program.

    Raises
    ------
    ModelError
        If the file cannot be read, is damaged, or was written by another version of Weft.
    """
    try:
        members = _read_members(Path(path))
        return _program_in(members)
    except OSError as error:
        raise ModelError(f"cannot read {path}: {error.strerror or error}") from error
    except ModelError as error:
        raise ModelError(f"cannot load {path}: {error}") from None
    except Exception as error:  # whatever a damaged archive makes the readers raise
        raise ModelError(f"cannot load {path}: it is damaged ({error})") from error


def _read_members(path: Path) -> dict[str, bytes]:
    with zipfile.ZipFile(path) as archive:
        if any(info.file_size > _LARGEST_MEMBER for info in archive.infolist()):
            raise ModelError("it is damaged (a member is too large)")
        members = {info.filename: archive.read(info) for info in archive.infolist()}
    manifest = json.loads(members.pop(_MANIFEST))
    if manifest["version"] != FILE_VERSION:
        raise ModelError(
            f"its version is {manifest['version']}, this Weft reads {FILE_VERSION}; "
            f"compile the model again"
        )
    digests = {name: hashlib.sha256(data).hexdigest() for name, data in members.items()}
    if digests != manifest["sha256"]:
        raise ModelError("it is damaged (a checksum differs)")
    return members


def _program_in(members: Mapping[str, bytes]) -> Program:
    body = json.loads(members[_PROGRAM])
    known = {field.name for field in fields(Config)}
    if set(body["config"]) != known:
        raise ModelError("it was compiled by another version of Weft; compile the model again")
    steps = {"HostStep": HostStep, "RunStep": RunStep}
    return Program(
        graph=_graph_in(body["graph"], members),
        config=Config(**body["config"]),
        fingerprint=int(body["fingerprint"], 16),
        images=tuple(
            Image(Region[image["region"]], image["unit"], members[f"images/{number}"])
            for number, image in enumerate(body["images"])
        ),
        steps=tuple(steps[step.pop("kind")](**_tuples(step)) for step in body["steps"]),
        places={
            name: TensorPlace(place["base"], _layout_in(place["layout"]), Region[place["region"]])
            for name, place in body["places"].items()
        },
        descriptors=tuple(DescriptorInfo(**_tuples(info)) for info in body["descriptors"]),
        layers=tuple(LayerInfo(**_tuples(info)) for info in body["layers"]),
        usage={name: (used, available) for name, (used, available) in body["usage"].items()},
        stream=StreamPlan(
            tuple(StreamSet(**item) for item in body["stream"]["sets"]),
            body["stream"]["cut"],
            body["stream"]["note"],
        ),
        streamed=bool(body["streamed"]),
        resident=tuple(body["resident"]),
    )


def _layout_in(record: Mapping[str, Any]) -> Layout:
    fold = record["fold"]
    return Layout(**{**record, "fold": None if fold is None else Fold(**fold)})


def _plain(value: Any) -> Any:
    """Turn NumPy's scalars and arrays into what JSON knows."""
    if isinstance(value, np.ndarray | np.generic):
        return value.tolist()
    raise TypeError(f"{type(value).__name__} cannot be saved")


def _tuples(record: Mapping[str, Any]) -> dict[str, Any]:
    """Return ``record`` with lists turned back into tuples, at every depth."""

    def convert(value: Any) -> Any:
        return tuple(convert(item) for item in value) if isinstance(value, list) else value

    return {name: convert(value) for name, value in record.items()}


def _graph_out(graph: Graph, members: dict[str, bytes]) -> dict[str, Any]:
    tensors = []
    for number, (name, tensor) in enumerate(graph.tensors.items()):
        record: dict[str, Any] = {
            "name": name,
            "shape": tensor.shape,
            "dtype": tensor.dtype.str,
            "constant": tensor.data is not None,
        }
        if tensor.quantization is not None:
            # A float32 survives the way through JSON's float64 unchanged.
            record["scale"] = tensor.quantization.scale.astype(float).tolist()
            record["zero_point"] = tensor.quantization.zero_point.tolist()
            record["axis"] = tensor.quantization.axis
        if tensor.data is not None:
            members[f"tensors/{number}.npy"] = _array_out(tensor.data)
        tensors.append(record)
    return {
        "name": graph.name,
        "inputs": graph.inputs,
        "outputs": graph.outputs,
        "rounding": graph.rounding,
        "tensors": tensors,
        "states": [_state_out(state, number, members) for number, state in enumerate(graph.states)],
        "declared": graph.declared,
        "nodes": [
            {
                "operator": n.operator,
                "name": n.name,
                "inputs": n.inputs,
                "outputs": n.outputs,
                "attributes": dict(n.attributes),
            }
            for n in graph.nodes
        ],
    }


def _state_out(state: State, number: int, members: dict[str, bytes]) -> dict[str, str]:
    members[f"states/{number}.npy"] = _array_out(state.initial)
    return {"name": state.name, "next": state.next}


def _array_out(array: NDArray[Any]) -> bytes:
    stream = io.BytesIO()
    np.save(stream, array, allow_pickle=False)
    return stream.getvalue()


def _array_in(data: bytes) -> NDArray[Any]:
    return np.load(io.BytesIO(data), allow_pickle=False)


def _graph_in(record: Mapping[str, Any], members: Mapping[str, bytes]) -> Graph:
    tensors = {}
    for number, item in enumerate(record["tensors"]):
        data, quantization = None, None
        if item["constant"]:
            data = _array_in(members[f"tensors/{number}.npy"])
        if "scale" in item:
            quantization = Quantization(
                np.array(item["scale"], np.float32),
                np.array(item["zero_point"], np.int64),
                item["axis"],
            )
        tensors[item["name"]] = Tensor(
            item["name"], tuple(item["shape"]), np.dtype(item["dtype"]), quantization, data
        )
    nodes = []
    for node in record["nodes"]:
        attributes = _tuples(node.pop("attributes"))
        nodes.append(Node(**_tuples(node), attributes=attributes))
    states = tuple(
        State(item["name"], item["next"], _array_in(members[f"states/{number}.npy"]))
        for number, item in enumerate(record["states"])
    )
    return Graph(
        record["name"],
        tuple(nodes),
        tensors,
        tuple(record["inputs"]),
        tuple(record["outputs"]),
        record["rounding"],
        states,
        None
        if record["declared"] is None
        else {name: tuple(shape) for name, shape in record["declared"].items()},
    )
