"""ONNX's pools, and the mean of an image."""

import math
from typing import Any

import numpy as np

from weft.errors import ModelError
from weft.importers.onnx.builder import Builder, nhwc_shape
from weft.importers.onnx.declarations import Attributes as Declared
from weft.importers.onnx.values import Activation, Pending, QParams, Value, take
from weft.importers.onnx.windows import Attributes, Window, image_of, pair_of, window_of

__all__ = [
    "average_pool",
    "global_average_pool",
    "max_pool",
    "mean_of_image",
    "refuse_empty_windows",
]


def _pool_window(
    attributes: Attributes, image: Activation, operator: str
) -> tuple[Window, tuple[int, int]]:
    kernel = pair_of(attributes.get("kernel_shape", ()), operator)
    _, height, width, _ = nhwc_shape(image.shape)
    window = window_of(attributes, (height, width), kernel, operator)
    if "SAME" in attributes.get("auto_pad", ""):
        # ONNX Runtime stops, or reads what it should not.
        for side, size, stride in zip((height, width), kernel, window["stride"], strict=True):
            if (-(-side // stride) - 1) * stride + size < side:
                raise ModelError(f"{operator} with padding SAME that leaves out the last pixels")
    if attributes.get("ceil_mode", 0):
        window["padding"] = _ceiling(window, (height, width), kernel)
    dilation = window["dilation"] if operator == "MaxPool" else window.pop("dilation")
    # Of SAME, ONNX Runtime's pools leave the dilation out.
    if dilation != (1, 1) and (operator != "MaxPool" or "SAME" in attributes.get("auto_pad", "")):
        raise ModelError(f"{operator} with dilation {dilation} is not supported")
    window["kernel"] = kernel
    window["activation"] = "NONE"
    return window, kernel


def _ceiling(window: Window, size: tuple[int, int], kernel: tuple[int, int]) -> tuple[int, ...]:
    """Return padding with which rounding down gives as many windows as rounding up would."""
    padding = list(window["padding"])
    for axis in (0, 1):
        stride = window["stride"][axis]
        extent = (kernel[axis] - 1) * window["dilation"][axis] + 1
        padded = size[axis] + padding[2 * axis] + padding[2 * axis + 1]
        outputs = -(-(padded - extent) // stride) + 1
        # A window that would start in the padding behind the image is left out.
        if (outputs - 1) * stride >= size[axis] + padding[2 * axis]:
            outputs -= 1
        padding[2 * axis + 1] += max(0, (outputs - 1) * stride + extent - padded)
    return tuple(padding)


def _pooled(
    builder: Builder, image: Activation, tensor: str, qparams: QParams | None
) -> Activation:
    batch, rows, columns, channels = builder.tensors[tensor].shape
    shape = (
        (batch, channels, rows, columns) if len(image.shape) == 4 else (batch, channels, columns)
    )
    return Activation(tensor, shape, "channels_last", qparams)


def max_pool(
    builder: Builder, name: str, attributes: Attributes, x: Value | None, output: str
) -> Activation:
    """Add MAX_POOL_2D."""
    image = image_of(builder, x, "MaxPool")
    qparams = image.qparams
    window, _ = _pool_window(attributes, image, "MaxPool")
    tensor = builder.emit("MAX_POOL_2D", name, (image.tensor,), output, window, qparams=qparams)
    return _pooled(builder, image, tensor, qparams)


def refuse_empty_windows(attributes: Attributes, image: Activation) -> None:
    """Refuse a MaxPool of real numbers that has a window in the padding alone.

    Dilation brings a window past the image. The greatest of no integers is -128, but of no real
    numbers the least float32, which int8 with a scale cannot hold. Where ONNX Runtime takes which
    depends on who else reads the result.

    Raises
    ------
    ModelError
    """
    if len(image.shape) not in (3, 4):
        return
    window, kernel = _pool_window(attributes, image, "MaxPool")
    _, *sides, _ = nhwc_shape(image.shape)
    for axis, size in enumerate(sides):
        before, behind = window["padding"][2 * axis : 2 * axis + 2]
        taps = np.arange(kernel[axis]) * window["dilation"][axis]
        starts = np.arange(-before, size + behind - taps[-1], window["stride"][axis])
        places = starts[:, None] + taps
        if not ((places >= 0) & (places < size)).any(axis=1).all():
            raise ModelError("a window of MaxPool that lies in the padding alone")


def average_pool(
    builder: Builder, layer: Pending, qparams: QParams | None, output: str, *, real: bool = False
) -> Activation:
    """Add AVERAGE_POOL_2D; where padding counts, a PAD goes before it.

    ``real`` says that the runtime has no integer kernel here (:mod:`weft.importers.onnx.fusion`).
    Without ``qparams`` the result is real.
    """
    name, attributes = layer.name, layer.attributes
    image = image_of(builder, take(layer.operands, 0), "AveragePool", real=qparams is None)
    window, kernel = _pool_window(attributes, image, "AveragePool")
    padding = window["padding"]
    if kernel == nhwc_shape(image.shape)[1:3] and not any(padding):
        # ONNX Runtime, too, takes its global pool for a window that covers the image.
        order = ("sequence" if _in_blocks(image) else "lanes") if real else None
        return mean_of_image(builder, name, image, qparams, output, order)
    tensor = image.tensor
    if attributes.get("count_include_pad", 0) and any(padding):
        if attributes.get("ceil_mode", 0):
            raise ModelError("AveragePool with ceil_mode and count_include_pad is not supported")
        pairs = ((0, 0), padding[:2], padding[2:], (0, 0))
        tensor = builder.emit(
            "PAD",
            f"{name}/pad",
            (tensor,),
            f"{name}/pad",
            {"paddings": pairs},
            qparams=image.qparams,
        )
        window["padding"] = (0, 0, 0, 0)
    window["unsigned"] = qparams is not None and qparams.unsigned
    if real:
        # The kernel of opset 19 knows dilation and has no columns.
        newer = isinstance(attributes, Declared) and attributes.version >= 19
        apart = newer or _in_blocks(image) or window["stride"][1] > 2
        window["real"] = "sequence" if apart else "columns"
    tensor = builder.emit("AVERAGE_POOL_2D", name, (tensor,), output, window, qparams=qparams)
    return _pooled(builder, image, tensor, qparams)


def _in_blocks(image: Activation) -> bool:
    """Whether ONNX Runtime's AveragePool in float takes 16 channels at once, in row order.

    So it does on a CPU with AVX-512; with AVX2 alone it takes 8. GlobalAveragePool behind a
    DequantizeLinear does not.
    """
    return len(image.shape) == 4 and image.shape[1] % 16 == 0


def global_average_pool(
    builder: Builder, layer: Pending, qparams: QParams | None, output: str, *, real: bool = False
) -> Activation:
    """Add MEAN over both spatial dimensions; with ``real`` as the runtime's float pool gives it.

    Without ``qparams`` the result is real.
    """
    image, order = take(layer.operands, 0), "lanes" if real else None
    return mean_of_image(builder, layer.name, image, qparams, output, order)


def mean_of_image(
    builder: Builder,
    name: str,
    x: Value | None,
    qparams: QParams | None,
    output: str,
    order: str | None,
) -> Activation:
    """Add MEAN over both spatial dimensions, in this ``order`` of float32 sums if there is one."""
    image = image_of(builder, x, "GlobalAveragePool", real=qparams is None)
    if math.prod(image.shape) == 0:
        raise ModelError("GlobalAveragePool of an empty tensor")
    attributes: dict[str, Any] = {"axes": (1, 2), "keep_dims": True}
    if order is not None:
        attributes["real"] = order
    tensor = builder.emit("MEAN", name, (image.tensor,), output, attributes, qparams=qparams)
    return _pooled(builder, image, tensor, qparams)
