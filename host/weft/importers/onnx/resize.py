"""ONNX's Resize: nearest neighbours, which move, or linear between pixels, which computes."""

from dataclasses import replace

import numpy as np

from weft.errors import ModelError
from weft.importers.onnx.builder import Builder
from weft.importers.onnx.declarations import Attributes
from weft.importers.onnx.picks import picked
from weft.importers.onnx.values import (
    Activation,
    Constant,
    Pending,
    QParams,
    Value,
    integers,
    take,
)

__all__ = ["linear_resize", "positions_of", "resize", "target_of"]


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
    if attributes.get("exclude_outside", 0):
        raise ModelError("Resize with exclude_outside and another mode than cubic is not supported")
    target, factors = target_of(attributes, operands, value.shape)
    if len(target) != 4 or target[:2] != value.shape[:2]:
        for axis, size in enumerate(target):
            pixels = _onnx_pixels(attributes, value.shape[axis], size, factors[axis]).tolist()
            value = picked(builder, f"{name}/{axis}", value, axis, pixels, f"{output}/{axis}")
        return value
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
                qparams=value.qparams,
                shape=shape,
            )
            break
    else:
        dtype = builder.tensors[tensor].dtype
        for axis, label in ((1, f"{output}/rows"), (2, output)):
            chosen = {"axis": axis, "indices": tuple(pixels[axis - 1].tolist())}
            tensor = builder.emit(
                "GATHER", label, (tensor,), label, chosen, qparams=value.qparams, dtype=dtype
            )
    return replace(image, tensor=tensor, shape=(image.shape[0], image.shape[1], *target[2:]))


def linear_resize(
    builder: Builder, layer: Pending, qparams: QParams | None, output: str
) -> Activation:
    """Add RESIZE_BETWEEN for Resize with mode linear; without ``qparams`` its result is real."""
    attributes, value = layer.attributes, take(layer.operands, 0)
    if not isinstance(value, Activation) or (value.qparams is None and qparams is not None):
        raise ModelError("the input of Resize is not quantised")
    if attributes.get("exclude_outside", 0):
        raise ModelError("Resize with exclude_outside and another mode than cubic is not supported")
    target, factors = target_of(attributes, layer.operands, value.shape)
    if len(target) != 4 or factors[:2] != (1.0, 1.0):
        raise ModelError(f"linear Resize from {value.shape} to {target} is not supported")
    image = builder.channels_last(value)
    places = {}
    for key, axis in (("rows", 2), ("columns", 3)):
        length = value.shape[axis]
        at = positions_of(attributes, length, target[axis], factors[axis])
        at = np.arange(target[axis]) if factors[axis] == 1 else np.clip(at, 0, length - 1)
        places[key] = tuple(at.astype(np.float64).tolist())
    tensor = builder.emit(
        "RESIZE_BETWEEN", layer.name, (image.tensor,), output, places, qparams=qparams
    )
    return replace(image, tensor=tensor, shape=target, qparams=qparams)


def target_of(
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
    if min(target, default=1) < 1 or max(target, default=1) > 1 << 16:
        raise ModelError(f"Resize from {shape} to {tuple(target)} is not supported")
    return tuple(target), tuple(factors)


def positions_of(attributes: Attributes, length: int, target: int, factor: float) -> np.ndarray:
    """Return where each pixel of the result lies; float32, as the runtime computes it."""
    position = np.arange(target, dtype=np.float32)
    half, scale = np.float32(0.5), np.float32(factor)
    # Opset 10 has no other mode.
    mode = attributes.get("coordinate_transformation_mode", "asymmetric")
    if mode == "asymmetric":
        return position / scale
    if mode == "half_pixel" or (mode == "pytorch_half_pixel" and target > 1):
        return (position + half) / scale - half
    if mode == "pytorch_half_pixel" or (mode == "align_corners" and target == 1):
        return np.zeros(target, np.float32)
    if mode == "align_corners":
        return position * np.float32(length - 1) / np.float32(target - 1)
    raise ModelError(f"Resize with coordinates of kind {mode} is not supported")


def _onnx_pixels(attributes: Attributes, length: int, target: int, factor: float) -> np.ndarray:
    """Return which pixel each pixel of the result is."""
    source = positions_of(attributes, length, target, factor)
    if attributes.version == 10:
        # ONNX Runtime rounds down where it enlarges, up where it reduces.
        rounded = np.ceil(source) if factor < 1 else np.floor(source)
        return np.clip(rounded, 0, length - 1).astype(np.int64)
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
