"""Holds exported files to LiteRT and ONNX Runtime: ``python check.py FOLDER [--record FILE]``.

Prints a line a file: equal, how many values differ, or why it is refused. ``--record`` writes name,
SHA-256 and result of each. Behind float islands of an ONNX file values may differ a little.
"""

import argparse
import hashlib
import re
from collections import Counter
from pathlib import Path

import numpy as np
import onnxruntime
import weft
from ai_edge_litert.interpreter import Interpreter, OpResolverType
from weft.errors import WeftError
from weft.golden import run as reference
from weft.graph import Graph
from weft.importers.tflite.walk import import_tflite

CALLS = 3
OPEN = 3  # in the place of a dimension that is open
TYPES = {
    "tensor(float)": np.float32,
    "tensor(int8)": np.int8,
    "tensor(uint8)": np.uint8,
}


def random(rng: np.random.Generator, shape, dtype) -> np.ndarray:
    if dtype == np.float32:
        return rng.normal(size=shape).astype(dtype)
    limits = np.iinfo(dtype)
    return rng.integers(limits.min, int(limits.max) + 1, shape).astype(dtype)


def kind_of(text: str) -> str:
    """Return the kind of a result."""
    kind = text.split(":")[0].split(" (")[0]
    return "differs" if kind[0].isdigit() else kind


def shape_of(x) -> list[int]:
    return [size if isinstance(size, int) and size > 0 else OPEN for size in x.shape]


def refusal(error: WeftError) -> str:
    return "refused: " + re.sub(r"; replace these layers.*", "", str(error))[:160]


def onnx_result(path: Path) -> str:
    """Return what becomes of one ONNX file."""
    try:
        session = weft.InferenceSession(path)
    except WeftError as error:
        return refusal(error)
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    options.add_session_config_entry("session.qdqisint8allowed", "1")
    oracle = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    rng, different, size, largest = np.random.default_rng(1), 0, 0, 0.0
    for _ in range(CALLS):
        feeds = {x.name: random(rng, shape_of(x), TYPES[x.type]) for x in oracle.get_inputs()}
        pairs = zip(session.run(None, feeds), oracle.run(None, feeds), strict=True)
        for result, expected in (map(np.asarray, pair) for pair in pairs):
            if result.shape != expected.shape:
                return f"shape {result.shape}, not {expected.shape}"
            different += int(np.count_nonzero(result != expected))
            size += expected.size
            largest = max(largest, float(np.abs(result - expected).max() / np.ptp(expected)))
    if not different:
        return "equal"
    islands = " behind float islands" if session.graph.behind_islands() else ""
    return f"{different} of {size} values differ{islands}, by {largest:.0e} of their range at most"


def tflite_result(path: Path) -> str:
    """Return what becomes of one ``.tflite`` file.

    LiteRT's default engine is asked where its reference kernels refuse the file, or have SUM,
    which they compute wrongly below zero.
    """
    data = path.read_bytes()
    try:
        graph = import_tflite(data, "m", "reference")
    except WeftError as error:
        return refusal(error)
    if all(node.operator != "SUM" for node in graph.nodes):
        try:
            return _compared(graph, data, OpResolverType.BUILTIN_REF)
        except (RuntimeError, ValueError) as error:
            said = f"imports, but LiteRT refuses it: {str(error)[:100]}".replace("\n", " ")
    else:
        said = ""
    try:
        text = _compared(import_tflite(data, "m", "xnnpack"), data, OpResolverType.AUTO)
    except WeftError as error:
        return said or f"imports; not compared: {str(error)[:100]}"
    except (RuntimeError, ValueError) as error:
        return said or f"imports, but LiteRT refuses it: {str(error)[:100]}".replace("\n", " ")
    return f"{text} (default engine)"


def _compared(graph: Graph, data: bytes, resolver: OpResolverType) -> str:
    interpreter = Interpreter(model_content=data, experimental_op_resolver_type=resolver)
    interpreter.allocate_tensors()
    rng, states, different, size = np.random.default_rng(1), reference.initial_states(graph), 0, 0
    islands, largest = graph.behind_islands(), 0.0
    for _ in range(CALLS):
        feeds = {}
        for name, detail in zip(graph.inputs, interpreter.get_input_details(), strict=True):
            feeds[name] = random(rng, detail["shape"], detail["dtype"])
            interpreter.set_tensor(detail["index"], feeds[name])
        interpreter.invoke()
        values = reference.run(graph, feeds, states)
        states = reference.next_states(graph, values)
        for name, detail in zip(graph.outputs, interpreter.get_output_details(), strict=True):
            expected = interpreter.get_tensor(detail["index"])
            if values[name].shape != expected.shape:
                return f"shape {values[name].shape}, not {expected.shape}"
            away = np.abs(values[name].astype(np.float64) - expected)
            different += int(np.count_nonzero(away))
            size += expected.size
            largest = max(largest, float(away.max() / max(np.ptp(expected.astype(float)), 1)))
    if not different:
        return "equal"
    behind = " behind float islands" if islands & {*graph.outputs} else ""
    return f"{different} of {size} values differ{behind}, by {largest:.0e} of their range at most"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--record", type=Path)
    arguments = parser.parse_args()
    lines, counts = [], Counter()
    for path in sorted(p for p in arguments.folder.iterdir() if p.suffix in (".tflite", ".onnx")):
        text = (tflite_result if path.suffix == ".tflite" else onnx_result)(path)
        counts[kind_of(text)] += 1
        print(f"{path.stem}: {text}")
        lines.append(f"{path.stem}\t{hashlib.sha256(path.read_bytes()).hexdigest()}\t{text}\n")
    print(dict(counts))
    if arguments.record:
        arguments.record.write_text("".join(lines))


if __name__ == "__main__":
    main()
