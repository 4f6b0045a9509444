"""ONNX's Resize, where TFLite's nearest-neighbour rule picks the same pixels."""

from dataclasses import replace
from typing import Any

import numpy as np

from weft.errors import ModelError
from weft.importers.onnx.builder import Builder
from weft.importers.onnx.values import Activation, Constant, Value, integers, take

__all__ = ["resize"]

Attributes = dict[str, Any]


def resize(
    builder: Builder, name: str, attributes: Attributes, operands: tuple[Value | None, ...],
    value: Activation, output: str,
) -> Activation:  # fmt: skip
    """Add RESIZE_NEAREST_NEIGHBOR where its rule picks the same pixels as ONNX's."""
    if attributes.get("mode", "nearest") != "nearest":
        raise ModelError(f"Resize with mode {attributes['mode']} is not supported")
    image = builder.channels_last(value)
    size = builder.tensors[image.tensor].shape[1:3]
    if len(value.shape) != 4:
        raise ModelError(f"Resize of shape {value.shape} is not supported")
    sizes = take(operands, 3)
    scales = take(operands, 2) if len(operands) > 2 else take(operands, 1)
    factors: tuple[float, float]
    if isinstance(sizes, Constant) and sizes.data.size == 4:
        target = integers(sizes, "the sizes of Resize")
        factors = (target[2] / size[0], target[3] / size[1])
        whole = target[:2] == value.shape[:2]
    elif isinstance(scales, Constant) and scales.data.size == 4:
        numbers = [float(x) for x in scales.data.reshape(-1)]
        if not all(0 < x < 1e4 for x in numbers):
            raise ModelError(f"Resize by {numbers} is not possible")
        factors = (numbers[2], numbers[3])
        target = (*value.shape[:2], int(size[0] * factors[0]), int(size[1] * factors[1]))
        whole = numbers[0] == numbers[1] == 1
    else:
        raise ModelError("Resize must have constant scales or sizes")
    if not whole or min(target[2:]) < 1 or max(target[2:]) > 1 << 16:
        raise ModelError(f"Resize from {value.shape} to {target} is not supported")
    for half_pixel in (False, True):
        if all(
            np.array_equal(
                _onnx_pixels(attributes, size[axis], target[2 + axis], factors[axis]),
                _tflite_pixels(size[axis], target[2 + axis], half_pixel),
            )
            for axis in (0, 1)
        ):
            break
    else:
        raise ModelError("this coordinate transformation of Resize is not supported")
    shape = (image.shape[0], target[2], target[3], image.shape[1])
    tensor = builder.emit(
        "RESIZE_NEAREST_NEIGHBOR", name, (image.tensor,), output,
        {"align_corners": False, "half_pixel_centers": half_pixel}, step=value.step, shape=shape,
    )  # fmt: skip
    return replace(image, tensor=tensor, shape=(image.shape[0], image.shape[1], *target[2:]))


def _onnx_pixels(attributes: Attributes, length: int, target: int, factor: float) -> np.ndarray:
    position = np.arange(target, dtype=np.float64)
    mode = attributes.get("coordinate_transformation_mode", "half_pixel")
    if mode == "asymmetric":
        source = position / factor
    elif mode == "half_pixel" or (mode == "pytorch_half_pixel" and target > 1):
        source = (position + 0.5) / factor - 0.5
    else:
        return np.full(target, -1)
    nearest = attributes.get("nearest_mode", "round_prefer_floor")
    rounded = {
        "floor": np.floor(source),
        "ceil": np.ceil(source),
        "round_prefer_floor": np.ceil(source - 0.5),
        "round_prefer_ceil": np.floor(source + 0.5),
    }.get(nearest)
    if rounded is None:
        return np.full(target, -1)
    return np.clip(rounded, 0, length - 1).astype(np.int64)


def _tflite_pixels(length: int, target: int, half_pixel: bool) -> np.ndarray:
    scale = np.float32(length) / np.float32(target)
    offset = np.float32(0.5 if half_pixel else 0)
    source = np.floor((np.arange(target, dtype=np.float32) + offset) * scale)
    return np.clip(source, 0, length - 1).astype(np.int64)
