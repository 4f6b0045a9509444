"""Damages model files at random, and says what an importer makes of them."""

import math
import time
from pathlib import Path

import numpy as np
from weft.errors import ModelError
from weft.golden import run as reference
from weft.graph import Graph
from weft.importers import load_model

from networks.compare import onnx_network, tflite_network
from networks.menagerie import menagerie

__all__ = ["base_files", "mutate", "outcome_of"]

INTERESTING = (0, 1, 2, 3, 4, 8, 127, 128, 255, 256, 65535, 2**31 - 1, 2**31, 2**32 - 1, 2**32 - 4)
# An import that takes longer hangs, as far as a user is concerned.
LIMIT_SECONDS = 10.0
MAX_WORK = 3e7


def base_files(count: int) -> list[bytes]:
    """Valid files of every format, to be damaged."""
    files = [menagerie()]
    for seed in range(count):
        files.append(tflite_network(seed)[1])
        files.append(onnx_network(seed, "qdq")[1])
        files.append(onnx_network(seed, "qoperator")[1])
    return files


def mutate(data: bytes, rng: np.random.Generator) -> bytes:
    """Return ``data`` with one to eight random defects."""
    result = bytearray(data)
    for _ in range(int(rng.integers(1, 9))):
        size = len(result)
        if size < 8:
            break
        at = int(rng.integers(size))
        kind = int(rng.integers(7))
        if kind == 0:
            result[at] = int(rng.integers(256))
        elif kind == 1:
            result[at] ^= 1 << int(rng.integers(8))
        elif kind == 2:
            # Counts and offsets of a .tflite file are aligned 32-bit words.
            at = min(at & ~3, size - 4)
            value = INTERESTING[int(rng.integers(len(INTERESTING)))]
            result[at : at + 4] = value.to_bytes(4, "little")
        elif kind == 3:
            at = min(at & ~3, size - 4)
            value = int.from_bytes(result[at : at + 4], "little") + int(rng.integers(-8, 9))
            result[at : at + 4] = (value % 2**32).to_bytes(4, "little")
        elif kind == 4:
            del result[at : at + int(rng.integers(1, 9))]
        elif kind == 5:
            source = int(rng.integers(size))
            result[at:at] = result[source : source + int(rng.integers(1, 17))]
        elif rng.random() < 0.2:
            del result[at:]
    return bytes(result)


def _work(graph: Graph) -> float:
    total = 0.0
    for node in graph.nodes:
        size = math.prod(graph.tensors[node.outputs[0]].shape)
        for name in node.inputs[:2]:
            tensor = graph.tensors[name] if name is not None else None
            if tensor is not None:
                total += math.prod(tensor.shape)
        weights = graph.tensors[node.inputs[1]] if len(node.inputs) > 1 and node.inputs[1] else None
        factor = math.prod(weights.shape[1:]) if weights is not None and weights.shape else 1
        factor *= math.prod(node.attributes.get("kernel", (1,)))
        total += size * max(factor, 1)
    return total


def outcome_of(data: bytes, folder: Path, *, run: bool = True) -> str:
    """Return "imported" or "refused"; anything else that happens raises.

    Raises
    ------
    AssertionError
        If the import takes longer than ``LIMIT_SECONDS``, or an error is not one sentence.
    """
    path = folder / "damaged.model"
    path.write_bytes(data)
    started = time.perf_counter()
    try:
        graph = load_model(path)
    except ModelError as error:
        text = str(error)
        assert text and "\n" not in text, repr(text)
        return "refused"
    finally:
        elapsed = time.perf_counter() - started
        assert elapsed < LIMIT_SECONDS, f"took {elapsed:.1f} s"
    if run and _work(graph) < MAX_WORK:
        inputs = {
            name: np.zeros(graph.tensors[name].shape, graph.tensors[name].dtype)
            for name in graph.inputs
        }
        try:
            reference.run(graph, inputs)
        except ModelError:
            return "refused"
    return "imported"
