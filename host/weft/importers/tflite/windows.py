"""Operators with weights or a window."""

import math
from typing import Any

from weft.errors import ModelError
from weft.graph import ACTIVATIONS, Runtime
from weft.importers.tflite.layer import Layer
from weft.importers.tflite.table import Options

__all__ = ["activation", "convolution", "depthwise", "fully_connected", "pool", "transposed"]

Pair = tuple[int, int]


def activation(options: Options | None) -> str:
    """Return the name of the fused activation."""
    import tflite

    if options is None:
        return "NONE"
    code = options.FusedActivationFunction
    names = {
        value: name
        for name, value in vars(tflite.ActivationFunctionType).items()
        if isinstance(value, int)
    }
    name = names.get(code, f"activation {code}")
    if name not in ACTIVATIONS:
        raise ModelError(f"fused activation {name} is not supported")
    return name


def _size(layer: Layer, shape: tuple[int, ...], what: str) -> Pair:
    if len(shape) != 4:
        raise ModelError(f"{what} of {layer.kind} must have 4 dimensions, not {shape}")
    return shape[1], shape[2]


def _padding(
    code: int, size: Pair, kernel: Pair, stride: Pair, dilation: Pair = (1, 1)
) -> tuple[int, int, int, int]:
    """Explicit padding (top, bottom, left, right) of TFLite's SAME (0) or VALID (1)."""
    if code not in (0, 1):
        raise ModelError(f"padding {code} is neither SAME nor VALID")
    if min(*kernel, *stride, *dilation) < 1:
        raise ModelError(
            f"kernel {kernel}, stride {stride} and dilation {dilation} must be positive"
        )
    if code == 1:
        return 0, 0, 0, 0
    sides: list[int] = []
    for length, k, s, d in zip(size, kernel, stride, dilation, strict=True):
        outputs = -(-length // s)
        total = max(0, (outputs - 1) * s + (k - 1) * d + 1 - length)
        sides += [total // 2, total - total // 2]
    return sides[0], sides[1], sides[2], sides[3]


def _window(layer: Layer, options: Options) -> dict[str, Any]:
    size = _size(layer, layer.input(0).shape, "input 0")
    kernel = _size(layer, layer.input(1).shape, "input 1")
    stride = (options.StrideH, options.StrideW)
    dilation = (options.DilationHFactor, options.DilationWFactor)
    return {
        "stride": stride,
        "dilation": dilation,
        "activation": activation(options),
        "padding": _padding(options.Padding, size, kernel, stride, dilation),
    }


def convolution(layer: Layer) -> None:
    """Translate CONV_2D; fewer channels in the weights than in the image make groups."""
    window = _window(layer, layer.options("Conv2DOptions"))
    groups = layer.input(0).shape[3] // max(1, layer.input(1).shape[3])
    layer.emit("CONV_2D", layer.names(3), groups=groups, **window)


def depthwise(layer: Layer) -> None:
    """Translate DEPTHWISE_CONV_2D; the multiplier follows from the shapes, as in LiteRT."""
    options = layer.options("DepthwiseConv2DOptions")
    window = _window(layer, options)
    multiplier = layer.input(1).shape[3] // max(1, layer.input(0).shape[3])
    if layer.runtime == Runtime.XNNPACK and options.DepthMultiplier != multiplier:
        raise ModelError(
            f"XNNPACK's DEPTHWISE_CONV_2D with a depth multiplier of {options.DepthMultiplier}, "
            f"where its shapes say {multiplier}, is not supported"
        )
    layer.emit("DEPTHWISE_CONV_2D", layer.names(3), depth_multiplier=multiplier, **window)


def transposed(layer: Layer) -> None:
    """Translate TRANSPOSE_CONV, whose operands are output shape, weights, input, bias."""
    options = layer.options("TransposeConvOptions")
    if layer.has(0) and layer.input(0).data is not None:
        layer.require_shape(layer.output, layer.integers(0))
    size = _size(layer, layer.output.shape, "the output")
    kernel = _size(layer, layer.input(1).shape, "input 1")
    stride = (options.StrideH, options.StrideW)
    apart = any(s > k for s, k in zip(stride, kernel, strict=True))
    if apart and options.Padding == 0 and layer.runtime == Runtime.XNNPACK:
        raise ModelError("XNNPACK's TRANSPOSE_CONV with SAME padding and a stride above the kernel")
    _, weights, image, *bias = layer.names(4)
    layer.emit(
        "TRANSPOSE_CONV",
        (image, weights, *bias),
        stride=stride,
        padding=_padding(options.Padding, size, kernel, stride),
        activation=activation(options),
    )


def fully_connected(layer: Layer) -> None:
    """Translate FULLY_CONNECTED."""
    options = layer.optional("FullyConnectedOptions")
    x, y, weights = layer.input(0).shape, layer.output.shape, layer.input(1).shape
    kept = options is not None and bool(options.KeepNumDims)
    expected = (*x[:-1], *y[-1:]) if kept else (math.prod(x) // max(1, weights[-1]), *y[-1:])
    if y != expected:  # LiteRT gives the result that shape, whatever the file says
        raise ModelError(f"FULLY_CONNECTED has an output of {y}, its options say {expected}")
    layer.emit("FULLY_CONNECTED", layer.names(3), activation=activation(options))


def pool(layer: Layer) -> None:
    """Translate MAX_POOL_2D and AVERAGE_POOL_2D."""
    options = layer.options("Pool2DOptions")
    size = _size(layer, layer.input(0).shape, "input 0")
    kernel = (options.FilterHeight, options.FilterWidth)
    stride = (options.StrideH, options.StrideW)
    layer.emit(
        layer.kind,
        layer.names(1),
        kernel=kernel,
        stride=stride,
        padding=_padding(options.Padding, size, kernel, stride),
        activation=activation(options),
    )
