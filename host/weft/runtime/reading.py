"""Results of this package beside those of the runtime that the model was made for."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from weft.errors import ModelError
from weft.graph import Graph, Runtime
from weft.graph.signature import join_images
from weft.importers import read_model
from weft.runtime.difference import Difference, find_difference, is_small
from weft.runtime.file_readings import Feeds, LitertReading, OnnxReading, Reading

__all__ = ["SecondReading", "open_reading"]

Arrays = dict[str, NDArray[Any]]


def open_reading(model: Path | bytes, rounding: str | None) -> "SecondReading":
    """Return the reading of ``model`` by the runtime whose bits ``rounding`` names.

    The runtime sees the model when :meth:`SecondReading.compare` is called first.

    Raises
    ------
    ModelError
        If the runtime is not installed, or ``rounding`` is none of the file's runtime.
    """
    data, name, source = read_model(model)
    tflite = data[4:8] == b"TFL3"
    usual = Runtime.REFERENCE if tflite else Runtime.ONNXRUNTIME
    runtime = usual if rounding is None else Runtime.named(rounding)
    if runtime.is_onnx == tflite:
        raise ModelError(f"no runtime reads {source} with rounding {runtime}")
    return SecondReading((LitertReading if tflite else OnnxReading)(data, name, runtime))


class SecondReading:
    """Compares results with a runtime's.

    Attributes
    ----------
    runtime : str
        Its name and version.
    """

    def __init__(self, reading: Reading):
        self._reading, self.runtime = reading, reading.name

    def reset(self) -> None:
        """Let the next call be the first one."""
        self._reading.reset()

    def compare(
        self, graph: Graph, feeds: Feeds, results: Sequence[NDArray[Any]]
    ) -> list[Difference]:
        """Return how ``results``, the graph's outputs for ``feeds``, differ from the runtime's.

        Raises
        ------
        ModelError
            If the runtime refuses the model or ``feeds``, or has another number of outputs.
        """
        runs = [self._reading.run(feed) for feed in self._calls(graph, feeds)]
        if len(runs[0]) != len(results):
            raise ModelError(f"{self.runtime} gives {len(runs[0])} outputs, not {len(results)}")
        found, behind = [], graph.behind_islands()
        for index, (name, result) in enumerate(zip(graph.outputs, results, strict=True)):
            expected = join_images(graph, name, [run[index] for run in runs])
            difference = find_difference(name, self.runtime, np.asarray(result), expected)
            if difference is not None:
                small = name in behind and is_small(difference.largest, expected)
                found.append(replace(difference, island=small))
        return found

    def _calls(self, graph: Graph, feeds: Feeds) -> list[Arrays]:
        """Return ``feeds`` in batches of the size that the file declares."""
        wanted = self._reading.inputs(graph.inputs)
        known = {name: feeds[name] for name in wanted if name in feeds}
        sizes = {size for name in known for size in wanted[name][1][:1] if size is not None}
        counts = {len(array) for array in known.values() if array.ndim}
        parts = 1
        if len(sizes) == len(counts) == 1 and sizes != counts:
            [size], [count] = sizes, counts
            if count % size:
                raise ModelError(f"{self.runtime} takes a batch of {size}, not {count}")
            parts = count // size
        # The runtime wants what no layer reads, too.
        for name, (dtype, shape) in wanted.items():
            if name not in known:
                first = shape[0] if shape and shape[0] else max(counts, default=1) // parts
                rest = [size or 1 for size in shape[1:]]
                whole = (first * parts, *rest) if shape else ()
                known[name] = np.zeros(whole, dtype)
        split = {name: np.split(a, parts) if a.ndim else [a] * parts for name, a in known.items()}
        return [{name: split[name][index] for name in wanted} for index in range(parts)]
