"""Operators that compute with activations alone."""

import numpy as np

from weft.errors import ModelError
from weft.golden.arithmetic import double_rounding, quantize_multiplier
from weft.graph import Runtime, Tensor
from weft.importers.tflite.layer import Layer
from weft.importers.tflite.windows import activation

__all__ = [
    "arg_max",
    "batch_matmul",
    "binary",
    "comparison",
    "concatenation",
    "dequantize",
    "gelu",
    "leaky_relu",
    "normalise",
    "quantize",
    "reduction",
    "select",
    "softmax",
    "unary",
]


def quantize(layer: Layer) -> None:
    """Translate QUANTIZE."""
    x, y = layer.input(0), layer.output
    unsigned = np.dtype(np.uint8)
    kinds = {unsigned if layer.is_unsigned(tensor) else tensor.dtype for tensor in (x, y)}
    wide = {np.dtype(np.int16), np.dtype(np.int32)} & kinds
    if len(kinds) == 1 and not wide:
        layer.emit("QUANTIZE", layer.names(1))
        return
    floats = np.dtype(np.float32) in kinds
    if layer.runtime == Runtime.XNNPACK and not wide and not floats:
        _require_no_tie(layer)
    layer.emit("QUANTIZE", layer.names(1), retyped=True)


def _require_no_tie(layer: Layer) -> None:
    """Refuse a change between int8 and uint8 in which LiteRT's kernel meets ties below zero.

    It scales by a product and a shift, and rounds both. Ties of the shift go up in blocks of 16
    values, away from zero in the rest of the tensor.
    """
    a, b = layer.input(0).quantization, layer.output.quantization
    if a is None or b is None:
        raise ModelError("QUANTIZE must have scales")
    least = 0 if layer.input(0).dtype == np.uint8 else -128
    multiplier, exponent = quantize_multiplier(float(a.scale[0]) / float(b.scale[0]))
    steps = np.arange(least, least + 256, dtype=np.int64) - a.zero_point[0]
    products, shift = double_rounding(steps, multiplier, max(exponent, 0)), max(-exponent, 0)
    if shift and np.any((products < 0) & (products % (1 << shift) == 1 << shift - 1)):
        raise ModelError(
            "XNNPACK's QUANTIZE between int8 and uint8 of these scales is not supported"
        )


def unary(layer: Layer) -> None:
    """Translate an operator of one tensor without attributes."""
    layer.emit(layer.kind, layer.names(1))


def dequantize(layer: Layer) -> None:
    """Translate DEQUANTIZE; of a constant it is one."""
    x, y, known = layer.input(0), layer.output, layer.input(0).quantization
    several = known is not None and known.scale.size > 1
    if x.data is None or known is None or (x.dtype != np.int8 and (several or x.dtype != np.int16)):
        unary(layer)
        return
    layer.require_shape(y, x.shape)
    sides = [1] * len(x.shape)
    if several:
        sides[known.axis] = -1
    steps = x.data.astype(np.int64) - known.zero_point.reshape(sides)
    data = known.scale.reshape(sides) * steps.astype(np.float32)
    layer.tensors[y.name] = Tensor(y.name, y.shape, np.dtype(np.float32), None, data)


def binary(layer: Layer) -> None:
    """Translate ADD, SUB and MUL."""
    options = layer.optional(f"{layer.kind.capitalize()}Options")
    if layer.runtime == Runtime.XNNPACK and layer.kind != "SUB":
        _require_few_steps(layer)
    layer.emit(layer.kind, layer.names(2), activation=activation(options))


def _require_few_steps(layer: Layer) -> None:
    """Refuse a sum or product that XNNPACK leaves to a kernel whose results wrap at 16 bits."""
    known = [t.quantization for t in (layer.input(0), layer.input(1), layer.output)]
    steps = [q.scale[0] for q in known if q is not None]
    if len(steps) < len(known):
        return  # which is refused elsewhere
    a, b, y = steps
    with np.errstate(all="ignore"):
        ratios = (a * b / y,) if layer.kind == "MUL" else (a / y, b / y)
    if max(ratios) >= 1 << 8:
        raise ModelError(f"XNNPACK's {layer.kind} with so fine a scale is not supported")


def concatenation(layer: Layer) -> None:
    """Translate CONCATENATION."""
    options = layer.options("ConcatenationOptions")
    axis = layer.axis(options.Axis, len(layer.output.shape))
    names = tuple(_rescaled(layer, i) for i in range(len(layer.operator.inputs)))
    layer.emit("CONCATENATION", names, axis=axis, activation=activation(options))


def _rescaled(layer: Layer, position: int) -> str:
    """Return an operand of CONCATENATION in the scale of the output, which differs in uint8 alone.

    LiteRT rescales it in float32, where 0 is that of uint8.
    """
    x, y = layer.input(position), layer.output
    a, b = x.quantization, y.quantization
    if a is None or b is None or a.scale.size > 1 or not layer.is_unsigned(y) or x.data is not None:
        return x.name
    if a.scale == b.scale and a.zero_point == b.zero_point:
        return x.name
    scale = a.scale * (np.float32(1) / b.scale)
    offset = -(a.zero_point + 128).astype(np.float32) * scale
    stored = np.arange(256, dtype=np.uint8).view(np.int8).astype(np.float32) + np.float32(128)
    steps = stored * scale + offset
    rounded = np.sign(steps) * np.floor(np.abs(steps) + np.float32(0.5))
    table = np.clip(rounded + b.zero_point, -128, 127).astype(np.int64)
    name = layer.add(x.shape, b)
    layer.emit("TABLE", (x.name,), name, table=tuple(table.tolist()))
    return name


def _axes(layer: Layer) -> tuple[int, ...]:
    """Return the dimensions that a reduction runs over, each once, in order."""
    rank = len(layer.input(0).shape)
    return tuple(sorted({layer.axis(axis, rank) for axis in layer.integers(1)}))


def reduction(layer: Layer) -> None:
    """Translate MEAN, SUM, REDUCE_MAX and REDUCE_MIN."""
    options = layer.optional("ReducerOptions")
    keep = bool(options.KeepDims) if options is not None else False
    layer.emit(layer.kind, layer.names(1), axes=_axes(layer), keep_dims=keep)


def arg_max(layer: Layer) -> None:
    """Translate ARG_MAX and ARG_MIN."""
    axes = _axes(layer)
    if len(axes) != 1:
        raise ModelError(f"{layer.kind} must have one axis")
    layer.emit(layer.kind, layer.names(1), axis=axes[0])


def comparison(layer: Layer) -> None:
    """Translate MAXIMUM, MINIMUM and SQUARED_DIFFERENCE."""
    layer.emit(layer.kind, layer.names(2))


def select(layer: Layer) -> None:
    """Translate SELECT and SELECT_V2; SELECT repeats a vector of conditions along the front."""
    condition, names = layer.input(0), layer.names(3)
    shape = layer.input(1).shape
    if layer.kind == "SELECT" and condition.shape != shape and len(condition.shape) == 1:
        if condition.data is None:
            raise ModelError("SELECT by rows must have constant conditions")
        data = condition.data.reshape(-1, *(1,) * (len(shape) - 1))
        names = (layer.add(data.shape, None, data, condition.dtype), *names[1:])
    layer.emit("SELECT", names)


def batch_matmul(layer: Layer) -> None:
    """Translate BATCH_MATMUL: by one constant matrix, or of two tensors of matrices."""
    options, weights = layer.options("BatchMatMulOptions"), layer.input(1)
    matrix, adjoint = weights.data, (bool(options.AdjX), bool(options.AdjY))
    if matrix is None or adjoint[0] or matrix.size != np.prod(matrix.shape[-2:]):
        _products(layer, adjoint)
        return
    if weights.quantization is None or matrix.dtype != np.int8:
        raise ModelError("the matrix of BATCH_MATMUL must be quantised to int8")
    matrix = matrix.reshape(matrix.shape[-2:])
    if not adjoint[1]:
        matrix = matrix.T
    name = layer.add(matrix.shape, weights.quantization, np.ascontiguousarray(matrix))
    layer.emit("FULLY_CONNECTED", (layer.input(0).name, name), activation="NONE", fixed_point=True)


def _products(layer: Layer, adjoint: tuple[bool, bool]) -> None:
    """Add BATCH_MATMUL of two tensors of as many dimensions, at least three."""
    rank = max(3, *(len(layer.input(i).shape) for i in (0, 1)))
    names = []
    for position, turned in enumerate(adjoint):
        tensor = layer.input(position)
        name, shape, step = tensor.name, list(tensor.shape), tensor.quantization
        if len(shape) < 2:
            raise ModelError(f"BATCH_MATMUL of shape {tensor.shape} is not possible")
        data = tensor.data
        if len(shape) < rank:
            shape = [*(1,) * (rank - len(shape)), *shape]
            data = None if data is None else data.reshape(shape)
            name = layer.add(tuple(shape), step, data)
            if data is None:
                layer.emit("RESHAPE", (tensor.name,), name)
        if turned:
            source, order = name, (*range(rank - 2), rank - 1, rank - 2)
            shape[-2:] = shape[:-3:-1]
            data = None if data is None else np.ascontiguousarray(data.transpose(order))
            name = layer.add(tuple(shape), step, data)
            if data is None:
                layer.emit("TRANSPOSE", (source,), name, permutation=order)
        names.append(name)
    output = layer.output
    if len(output.shape) == rank:
        layer.emit("BATCH_MATMUL", tuple(names), fixed_point=True)
        return
    wide = (*(1,) * (rank - len(output.shape)), *output.shape)
    product = layer.add(wide, output.quantization)
    layer.emit("BATCH_MATMUL", tuple(names), product, fixed_point=True)
    layer.emit("RESHAPE", (product,))


def softmax(layer: Layer) -> None:
    """Translate SOFTMAX."""
    layer.emit("SOFTMAX", layer.names(1), beta=float(layer.options("SoftmaxOptions").Beta))


def leaky_relu(layer: Layer) -> None:
    """Translate LEAKY_RELU."""
    layer.emit("LEAKY_RELU", layer.names(1), alpha=float(layer.options("LeakyReluOptions").Alpha))


def normalise(layer: Layer) -> None:
    """Translate L2_NORMALIZATION."""
    options = layer.optional("L2NormOptions")
    if activation(options) != "NONE":
        raise ModelError("L2_NORMALIZATION with an activation is not supported")
    layer.emit("L2_NORMALIZATION", layer.names(1))


def gelu(layer: Layer) -> None:
    """Translate GELU."""
    options = layer.optional("GeluOptions")
    approximate = options is not None and bool(options.Approximate)
    layer.emit("GELU", layer.names(1), approximate=approximate)
