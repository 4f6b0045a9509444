"""What ``run`` and ``bench`` feed a model: files, or random values from a fixed seed."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from weft.cli.images import InputError, find_inputs, input_range, picture_rule, read_input
from weft.graph import Graph
from weft.graph.signature import TensorInfo, example_shape
from weft.npy import read_npy_shape

__all__ = ["gather_feeds", "input_rule", "random_feed", "shapes_of_files"]


def shapes_of_files(
    inputs: Sequence[TensorInfo], paths: Sequence[Path]
) -> dict[str, tuple[int | None, ...]]:
    """Return the shapes of ``inputs``, of which some are open, from the first arrays in ``paths``.

    Raises
    ------
    InputError
        If a shape is not an array's.
    """
    files = find_inputs(list(paths)) if paths else []
    shapes = {}
    for info, file in zip(inputs, files, strict=False):
        if file.suffix.lower() == ".npy":
            try:
                shape = read_npy_shape(file)
            except (OSError, ValueError) as error:
                raise InputError(f"{file} is no .npy array: {error}") from error
            one = shape[1:] if len(shape) == len(info.shape) else shape
            images = info.shape[0] if info.shape else None
            shapes[info.name] = (images if isinstance(images, int) else None, *one)
    for info in inputs:
        if info.name not in shapes:
            raise InputError(
                f"input {info.name} has open dimensions; give an array of its shape, or "
                f"--shape {info.name}={example_shape(info.shape)}"
            )
    return shapes


def gather_feeds(graph: Graph, paths: Sequence[Path]) -> list[tuple[str, dict[str, NDArray[Any]]]]:
    """Return labelled feeds: one for each array in ``paths``, or a random one without paths.

    For a model of several inputs, files are taken in turn: one for each input, then again.
    """
    if not paths:
        return [("random input, seed 0", random_feed(graph, 0))]
    files = find_inputs(list(paths))
    width = len(graph.inputs)
    if len(files) % width:
        raise InputError(f"{len(files)} files cannot be shared among {width} inputs")
    feeds = []
    for start in range(0, len(files), width):
        group = files[start : start + width]
        arrays = [read_input(f, graph, n) for f, n in zip(group, graph.inputs, strict=True)]
        if len({len(a) for a in arrays}) > 1:
            raise InputError(f"{', '.join(map(str, group))} hold different numbers of arrays")
        for index, values in enumerate(zip(*arrays, strict=True)):
            label = str(group[0]) + (f"[{index}]" if len(arrays[0]) > 1 else "")
            feeds.append((label, dict(zip(graph.inputs, values, strict=True))))
    return feeds


def input_rule(graph: Graph, paths: Sequence[Path]) -> str | None:
    """Return how pictures among ``paths`` become arrays; None if there are none."""
    files = find_inputs(list(paths)) if paths else []
    if all(path.suffix.lower() == ".npy" for path in files):
        return None
    return str(picture_rule(graph, graph.inputs[0]))


def random_feed(graph: Graph, seed: int) -> dict[str, NDArray[Any]]:
    """Return an array for each input, uniform over what its quantisation covers."""
    generator = np.random.default_rng(seed)
    feed: dict[str, NDArray[Any]] = {}
    for name in graph.inputs:
        tensor = graph.tensors[name]
        low, high = input_range(graph, name)
        if tensor.dtype.kind in "iu":
            feed[name] = generator.integers(
                int(low), int(high), graph.shape(name), tensor.dtype, endpoint=True
            )
        else:
            feed[name] = generator.uniform(low, high, graph.shape(name)).astype(tensor.dtype)
    return feed
