"""ONNX's Resize by nearest neighbours: TFLite's rule, or rows and columns one by one."""

from dataclasses import replace

import numpy as np

from weft.errors import ModelError
from weft.importers.onnx.builder import Builder
from weft.importers.onnx.declarations import Attributes
from weft.importers.onnx.values import Activation, Constant, Value, integers, take

__all__ = ["resize"]


def resize(
    builder: Builder,
    name: str,
    attributes: Attributes,
    operands: tuple[Value | None, ...],
    value: Activation,
    output: str,
) -> Activation:
    """Add RESIZE_NEAREST_NEIGHBOR where its rule picks the same pixels as ONNX's, else GATHER."""
    if attributes["mode"] != "nearest":
        raise ModelError(f"Resize with mode {attributes['mode']} is not supported")
    if len(value.shape) != 4:
        raise ModelError(f"Resize of shape {value.shape} is not supported")
    target, factors = _target(attributes, operands, value.shape)
    if target[:2] != value.shape[:2] or min(target[2:]) < 1 or max(target[2:]) > 1 << 16:
        raise ModelError(f"Resize from {value.shape} to {target} is not supported")
    image = builder.channels_last(value)
    shape = (image.shape[0], target[2], target[3], image.shape[1])
    pixels = [
        _onnx_pixels(attributes, value.shape[axis], target[axis], factors[axis]) for axis in (2, 3)
    ]
    tensor = image.tensor
    for half_pixel in (False, True):
        if all(
            np.array_equal(pixels[i], _tflite_pixels(value.shape[2 + i], target[2 + i], half_pixel))
            for i in (0, 1)
        ):
            tensor = builder.emit(
                "RESIZE_NEAREST_NEIGHBOR",
                name,
                (tensor,),
                output,
                {"align_corners": False, "half_pixel_centers": half_pixel},
                step=value.step,
                shape=shape,
            )
            break
    else:
        dtype = builder.tensors[tensor].dtype
        for axis, label in ((1, f"{output}/rows"), (2, output)):
            picked = {"axis": axis, "indices": tuple(pixels[axis - 1].tolist())}
            tensor = builder.emit(
                "GATHER", label, (tensor,), label, picked, step=value.step, dtype=dtype
            )
    return replace(image, tensor=tensor, shape=(image.shape[0], image.shape[1], *target[2:]))


def _target(
    attributes: Attributes, operands: tuple[Value | None, ...], shape: tuple[int, ...]
) -> tuple[tuple[int, ...], tuple[float, ...]]:
    """Return the output's shape, and by how much each dimension grows."""
    # Up to opset 10 there was no region of interest before the scales, and no sizes.
    places = (1, None) if attributes.version == 10 else (2, 3)
    scales = take(operands, places[0])
    sizes = None if places[1] is None else take(operands, places[1])
    rank = len(shape)
    axes = tuple(axis + rank * (axis < 0) for axis in attributes.get("axes", range(rank)))
    if len(set(axes)) != len(axes) or not set(axes) <= {*range(rank)}:
        raise ModelError(f"Resize of axes {axes} of {rank} dimensions is not possible")
    target, factors = list(shape), [1.0] * rank
    if isinstance(sizes, Constant) and sizes.data.size == len(axes):
        for axis, size in zip(axes, integers(sizes, "the sizes of Resize"), strict=True):
            target[axis], factors[axis] = size, float(np.float32(size) / np.float32(shape[axis]))
    elif isinstance(scales, Constant) and scales.data.size == len(axes):
        for axis, factor in zip(axes, scales.data.reshape(-1).tolist(), strict=True):
            if not 0 < factor < 1e4:
                raise ModelError(f"Resize by {factor} is not possible")
            target[axis], factors[axis] = int(shape[axis] * factor), factor
    else:
        raise ModelError("Resize must have constant scales or sizes")
    return tuple(target), tuple(factors)


def _onnx_pixels(attributes: Attributes, length: int, target: int, factor: float) -> np.ndarray:
    """Return which pixel each pixel of the result is; positions are float32, as the runtime's."""
    position = np.arange(target, dtype=np.float32)
    half, scale = np.float32(0.5), np.float32(factor)
    if attributes.version == 10:
        # ONNX Runtime rounds down where it enlarges, up where it reduces.
        source = position / scale
        rounded = np.ceil(source) if factor < 1 else np.floor(source)
        return np.clip(rounded, 0, length - 1).astype(np.int64)
    mode = attributes["coordinate_transformation_mode"]
    if mode == "asymmetric":
        source = position / scale
    elif mode == "half_pixel" or (mode == "pytorch_half_pixel" and target > 1):
        source = (position + half) / scale - half
    elif mode == "pytorch_half_pixel" or (mode == "align_corners" and target == 1):
        source = np.zeros(target, np.float32)
    elif mode == "align_corners":
        source = position * np.float32(length - 1) / np.float32(target - 1)
    else:
        raise ModelError(f"Resize with coordinates of kind {mode} is not supported")
    source, nearest = source.astype(np.float64), attributes["nearest_mode"]
    rounded = {
        "floor": np.floor(source),
        "ceil": np.ceil(source),
        "round_prefer_floor": np.ceil(source - 0.5),
        "round_prefer_ceil": np.floor(source + 0.5),
    }.get(nearest)
    if rounded is None:
        raise ModelError(f"Resize with nearest_mode {nearest} is not supported")
    return np.clip(rounded, 0, length - 1).astype(np.int64)


def _tflite_pixels(length: int, target: int, half_pixel: bool) -> np.ndarray:
    scale = np.float32(length) / np.float32(target)
    offset = np.float32(0.5 if half_pixel else 0)
    source = np.floor((np.arange(target, dtype=np.float32) + offset) * scale)
    return np.clip(source, 0, length - 1).astype(np.int64)
