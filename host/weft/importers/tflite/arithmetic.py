"""Operators that compute with activations alone."""

from weft.errors import ModelError
from weft.importers.tflite.layer import Layer
from weft.importers.tflite.windows import activation

__all__ = [
    "arg_max", "binary", "concatenation", "gelu", "leaky_relu", "mean", "reduction_axes",
    "softmax", "unary",
]  # fmt: skip


def unary(layer: Layer) -> None:
    """Translate an operator of one tensor without attributes."""
    layer.emit(layer.kind, layer.names(1))


def binary(layer: Layer) -> None:
    """Translate ADD, SUB and MUL."""
    options = layer.optional(f"{layer.kind.capitalize()}Options")
    layer.emit(layer.kind, layer.names(2), activation=activation(options))


def concatenation(layer: Layer) -> None:
    """Translate CONCATENATION."""
    options = layer.options("ConcatenationOptions")
    axis = layer.axis(options.Axis, len(layer.output.shape))
    layer.emit("CONCATENATION", layer.names(), axis=axis, activation=activation(options))


def reduction_axes(layer: Layer) -> tuple[int, ...]:
    """Return the dimensions that a reduction runs over, each once, in order."""
    rank = len(layer.input(0).shape)
    return tuple(sorted({layer.axis(axis, rank) for axis in layer.integers(1)}))


def mean(layer: Layer) -> None:
    """Translate MEAN."""
    options = layer.optional("ReducerOptions")
    keep = bool(options.KeepDims) if options is not None else False
    layer.emit("MEAN", layer.names(1), axes=reduction_axes(layer), keep_dims=keep)


def arg_max(layer: Layer) -> None:
    """Translate ARG_MAX."""
    axes = reduction_axes(layer)
    if len(axes) != 1:
        raise ModelError("ARG_MAX must have one axis")
    layer.emit("ARG_MAX", layer.names(1), axis=axes[0])


def softmax(layer: Layer) -> None:
    """Translate SOFTMAX."""
    layer.emit("SOFTMAX", layer.names(1), beta=float(layer.options("SoftmaxOptions").Beta))


def leaky_relu(layer: Layer) -> None:
    """Translate LEAKY_RELU."""
    layer.emit("LEAKY_RELU", layer.names(1), alpha=float(layer.options("LeakyReluOptions").Alpha))


def gelu(layer: Layer) -> None:
    """Translate GELU."""
    options = layer.optional("GeluOptions")
    approximate = options is not None and bool(options.Approximate)
    layer.emit("GELU", layer.names(1), approximate=approximate)
