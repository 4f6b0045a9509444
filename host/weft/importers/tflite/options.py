"""TFLite's options and constant operands, as attributes of the graph form."""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from weft.errors import ModelError
from weft.importers.tflite.flatbuffer import Operator, RawTensor

__all__ = ["TRANSLATIONS", "Translation"]

Tensors = tuple[RawTensor, ...]
_ACTIVATIONS = {0: "NONE", 1: "RELU", 2: "RELU_N1_TO_1", 3: "RELU6"}


class Translation(NamedTuple):
    """Operator of the graph form, how many inputs it keeps, and what fills its attributes."""

    operator: str
    inputs: int
    attributes: Callable[[Any, Operator, Tensors], dict[str, Any]]


def _options(operator: Operator, kind: str) -> Any:
    import tflite

    options = getattr(tflite, kind)()
    if operator.options is None:
        raise ModelError(f"{operator.name} has no {kind}")
    options.Init(operator.options.Bytes, operator.options.Pos)
    return options


def _activation(options: Any) -> str:
    code = options.FusedActivationFunction()
    if code not in _ACTIVATIONS:
        raise ModelError(f"fused activation {code} is not supported")
    return _ACTIVATIONS[code]


def _constant(operator: Operator, tensors: Tensors, position: int) -> np.ndarray:
    index = operator.inputs[position] if position < len(operator.inputs) else -1
    if index < 0 or tensors[index].data is None:
        raise ModelError(f"input {position} of {operator.name} must be a constant")
    return tensors[index].data  # type: ignore[return-value]


def _shape(operator: Operator, tensors: Tensors, position: int) -> tuple[int, ...]:
    index = operator.inputs[position] if position < len(operator.inputs) else -1
    if index < 0:
        raise ModelError(f"input {position} of {operator.name} is missing")
    shape = tensors[index].shape
    if len(shape) != 4:
        raise ModelError(f"input {position} of {operator.name} must have 4 dimensions, not {shape}")
    return shape


def _output_shape(operator: Operator, tensors: Tensors) -> tuple[int, ...]:
    shape = tensors[operator.outputs[0]].shape
    if len(shape) != 4:
        raise ModelError(f"the output of {operator.name} must have 4 dimensions, not {shape}")
    return shape


def _padding(
    code: int, size: tuple[int, int], kernel: tuple[int, int], stride: tuple[int, int],
    dilation: tuple[int, int] = (1, 1),
) -> tuple[int, int, int, int]:  # fmt: skip
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


def _conv2d(kind: str) -> Callable[[Any, Operator, Tensors], dict[str, Any]]:
    def attributes(_: Any, operator: Operator, tensors: Tensors) -> dict[str, Any]:
        options = _options(operator, kind)
        image, weights = _shape(operator, tensors, 0), _shape(operator, tensors, 1)
        stride = (options.StrideH(), options.StrideW())
        dilation = (options.DilationHFactor(), options.DilationWFactor())
        kernel = (weights[1], weights[2])
        padding = _padding(options.Padding(), (image[1], image[2]), kernel, stride, dilation)
        result = {
            "stride": stride, "dilation": dilation, "padding": padding,
            "activation": _activation(options),
        }  # fmt: skip
        if kind == "Conv2DOptions":
            result["groups"] = image[3] // max(1, weights[3])
        else:
            # LiteRT, too, takes it from the shapes.
            result["depth_multiplier"] = weights[3] // max(1, image[3])
        return result

    return attributes


def _pool(_: Any, operator: Operator, tensors: Tensors) -> dict[str, Any]:
    options = _options(operator, "Pool2DOptions")
    image = _shape(operator, tensors, 0)
    kernel = (options.FilterHeight(), options.FilterWidth())
    stride = (options.StrideH(), options.StrideW())
    padding = _padding(options.Padding(), (image[1], image[2]), kernel, stride)
    return {
        "kernel": kernel, "stride": stride, "padding": padding,
        "activation": _activation(options),
    }  # fmt: skip


def _transpose_conv(_: Any, operator: Operator, tensors: Tensors) -> dict[str, Any]:
    options = _options(operator, "TransposeConvOptions")
    image, weights = _output_shape(operator, tensors), _shape(operator, tensors, 1)
    stride = (options.StrideH(), options.StrideW())
    padding = _padding(
        options.Padding(), (image[1], image[2]), (weights[1], weights[2]), stride
    )
    return {"stride": stride, "padding": padding, "activation": _activation(options)}


def _fused(kind: str) -> Callable[[Any, Operator, Tensors], dict[str, Any]]:
    def attributes(_: Any, operator: Operator, tensors: Tensors) -> dict[str, Any]:
        if operator.options is None:
            return {"activation": "NONE"}
        return {"activation": _activation(_options(operator, kind))}

    return attributes


def _concatenation(_: Any, operator: Operator, tensors: Tensors) -> dict[str, Any]:
    options = _options(operator, "ConcatenationOptions")
    rank = len(tensors[operator.outputs[0]].shape)
    axis = options.Axis()
    return {"axis": axis + rank if axis < 0 else axis, "activation": _activation(options)}


def _axes(operator: Operator, tensors: Tensors) -> tuple[int, ...]:
    rank = len(tensors[operator.inputs[0]].shape)
    axes = {int(a) + (rank if a < 0 else 0) for a in _constant(operator, tensors, 1).reshape(-1)}
    return tuple(sorted(axes))


def _mean(_: Any, operator: Operator, tensors: Tensors) -> dict[str, Any]:
    options = _options(operator, "ReducerOptions") if operator.options is not None else None
    keep = bool(options.KeepDims()) if options else False
    return {"axes": _axes(operator, tensors), "keep_dims": keep}


def _arg_max(_: Any, operator: Operator, tensors: Tensors) -> dict[str, Any]:
    axes = _axes(operator, tensors)
    if len(axes) != 1:
        raise ModelError("ARG_MAX must have one axis")
    return {"axis": axes[0]}


def _pad(_: Any, operator: Operator, tensors: Tensors) -> dict[str, Any]:
    pairs = _constant(operator, tensors, 1)
    if pairs.ndim != 2 or pairs.shape[1] != 2:
        raise ModelError(f"the paddings of {operator.name} must be pairs, not {pairs.shape}")
    return {"paddings": tuple((int(before), int(after)) for before, after in pairs)}


def _pad_with(_: Any, operator: Operator, tensors: Tensors) -> dict[str, Any]:
    value = _constant(operator, tensors, 2)
    if value.size != 1 or value.dtype != np.int8:
        raise ModelError(f"the value of {operator.name} must be one int8 number")
    return {**_pad(_, operator, tensors), "value": int(value.reshape(-1)[0])}


def _transpose(_: Any, operator: Operator, tensors: Tensors) -> dict[str, Any]:
    return {"permutation": tuple(int(i) for i in _constant(operator, tensors, 1).reshape(-1))}


def _resize(_: Any, operator: Operator, tensors: Tensors) -> dict[str, Any]:
    options = _options(operator, "ResizeNearestNeighborOptions")
    return {
        "align_corners": bool(options.AlignCorners()),
        "half_pixel_centers": bool(options.HalfPixelCenters()),
    }


def _nothing(_: Any, operator: Operator, tensors: Tensors) -> dict[str, Any]:
    return {}


def _softmax(_: Any, operator: Operator, tensors: Tensors) -> dict[str, Any]:
    return {"beta": float(_options(operator, "SoftmaxOptions").Beta())}


def _leaky_relu(_: Any, operator: Operator, tensors: Tensors) -> dict[str, Any]:
    return {"alpha": float(_options(operator, "LeakyReluOptions").Alpha())}


def _gelu(_: Any, operator: Operator, tensors: Tensors) -> dict[str, Any]:
    if operator.options is None:
        return {"approximate": False}
    return {"approximate": bool(_options(operator, "GeluOptions").Approximate())}


TRANSLATIONS: dict[str, Translation] = {
    "CONV_2D": Translation("CONV_2D", 3, _conv2d("Conv2DOptions")),
    "DEPTHWISE_CONV_2D": Translation("DEPTHWISE_CONV_2D", 3, _conv2d("DepthwiseConv2DOptions")),
    "FULLY_CONNECTED": Translation("FULLY_CONNECTED", 3, _fused("FullyConnectedOptions")),
    "AVERAGE_POOL_2D": Translation("AVERAGE_POOL_2D", 1, _pool),
    "MAX_POOL_2D": Translation("MAX_POOL_2D", 1, _pool),
    "ADD": Translation("ADD", 2, _fused("AddOptions")),
    "SUB": Translation("SUB", 2, _fused("SubOptions")),
    "MUL": Translation("MUL", 2, _fused("MulOptions")),
    "CONCATENATION": Translation("CONCATENATION", 1 << 30, _concatenation),
    "MEAN": Translation("MEAN", 1, _mean),
    "PAD": Translation("PAD", 1, _pad),
    "PADV2": Translation("PAD", 1, _pad_with),
    "RESHAPE": Translation("RESHAPE", 1, _nothing),
    "SQUEEZE": Translation("RESHAPE", 1, _nothing),
    "EXPAND_DIMS": Translation("RESHAPE", 1, _nothing),
    "SOFTMAX": Translation("SOFTMAX", 1, _softmax),
    "LOGISTIC": Translation("LOGISTIC", 1, _nothing),
    "TANH": Translation("TANH", 1, _nothing),
    "ELU": Translation("ELU", 1, _nothing),
    "HARD_SWISH": Translation("HARD_SWISH", 1, _nothing),
    "RELU": Translation("RELU", 1, _nothing),
    "RELU6": Translation("RELU6", 1, _nothing),
    "RELU_N1_TO_1": Translation("RELU_N1_TO_1", 1, _nothing),
    "LEAKY_RELU": Translation("LEAKY_RELU", 1, _leaky_relu),
    "GELU": Translation("GELU", 1, _gelu),
    "TRANSPOSE": Translation("TRANSPOSE", 1, _transpose),
    "RESIZE_NEAREST_NEIGHBOR": Translation("RESIZE_NEAREST_NEIGHBOR", 1, _resize),
    "ARG_MAX": Translation("ARG_MAX", 1, _arg_max),
    "QUANTIZE": Translation("QUANTIZE", 1, _nothing),
    "DEQUANTIZE": Translation("DEQUANTIZE", 1, _nothing),
    "TRANSPOSE_CONV": Translation("TRANSPOSE_CONV", 4, _transpose_conv),
}
