"""Inputs and outputs of ONNX networks that are no batches of images."""

import math
from collections.abc import Callable

import numpy as np

from networks.onnx_nodes import Writer, nchw

__all__ = ["as_image", "as_output"]

Image = Callable[[str], str]


def as_image(w: Writer) -> tuple[list[int], Image]:
    """Return the shape of the input, and what makes the plan's image of it."""
    shape = nchw(w.plan.shape)
    if not w.style.reshaped:
        return shape, lambda name: name
    ones = [axis for axis, size in enumerate(shape) if size == 1]
    if ones and w.rng.random() < 0.5:
        drop = ones[: int(w.rng.integers(1, min(len(ones), 3) + 1))]
        rest = [size for axis, size in enumerate(shape) if axis not in drop]
        return rest, lambda name: _with_axes(w, "Unsqueeze", name, "image", drop)
    other = _joined(w, shape)
    return other, lambda name: _reshape(w, name, "image", shape)


def _joined(w: Writer, shape: list[int]) -> list[int]:
    """Return a shape in which some neighbours of ``shape`` are one dimension."""
    result = [shape[0]]
    for size in shape[1:]:
        if w.rng.random() < 0.5:
            result[-1] *= size
        else:
            result.append(size)
    return result


def as_output(w: Writer, name: str) -> tuple[str, list[int]]:
    """Return the model's output, and its shape."""
    shape = nchw(w.plan.layers[-1].shape)
    if not w.style.reshaped:
        return name, shape
    form = w.rng.choice(["none", "squeeze", "vector", "rows", "joined"])
    if form == "squeeze":
        rest = [size for size in shape if size != 1]
        return w.node("Squeeze", [name], "output"), rest
    if form == "vector":
        return _reshape(w, name, "output", [math.prod(shape)], [-1]), [math.prod(shape)]
    if form == "rows" and len(shape) == 4:
        batch, channels, rows, columns = shape
        turned = w.node("Transpose", [name], "turned", perm=[0, 2, 3, 1])
        size = [batch * rows * columns, channels]
        return _reshape(w, turned, "output", size, [-1, channels]), size
    if form == "joined":
        size = _joined(w, shape)
        return _reshape(w, name, "output", size), size
    return name, shape


def _reshape(w: Writer, name: str, output: str, shape, target=None) -> str:
    numbers = w.constant(f"{output}/shape", np.array(target or shape, np.int64))
    return w.node("Reshape", [name, numbers], output)


def _with_axes(w: Writer, operator: str, name: str, output: str, axes: list[int]) -> str:
    if w.opset < 13:
        return w.node(operator, [name], output, axes=axes)
    return w.node(operator, [name, w.constant(f"{output}/axes", np.array(axes))], output)
