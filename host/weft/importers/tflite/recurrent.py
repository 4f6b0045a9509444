"""Operators whose own states are inputs that the file marks as variable, zero at first."""

import numpy as np

from weft.errors import ModelError
from weft.graph import State
from weft.importers.tflite.layer import Layer

__all__ = ["lstm", "svdf"]

_GATES = 4  # input, forget, cell, output
_TANH = 4  # in the schema's enumeration of activations


def _state(layer: Layer, position: int) -> State:
    """Return the state that input ``position`` is, and add the tensor of its next value."""
    tensor = layer.input(position)
    quantization, dtype = tensor.quantization, tensor.dtype
    if quantization is None or dtype is None or not tensor.variable:
        raise ModelError(f"a state of {layer.kind} must be a quantised variable")
    following = layer.add(tensor.shape, quantization, dtype=dtype)
    return State(tensor.name, following, np.full(tensor.shape, quantization.zero_point[0], dtype))


def svdf(layer: Layer) -> list[State]:
    """Translate SVDF."""
    options = layer.options("SVDFOptions")
    # The kernel clamps to int8, whatever it says.
    if options.FusedActivationFunction not in (0, 1):
        raise ModelError("SVDF with an activation other than RELU is not supported")
    state = _state(layer, 4)
    layer.emit("SVDF", layer.names(5), rank=int(options.Rank), outputs=(state.next,))
    return [state]


def lstm(layer: Layer) -> list[State]:
    """Translate UNIDIRECTIONAL_SEQUENCE_LSTM without peepholes, projection or normalisation."""
    options = layer.options("UnidirectionalSequenceLSTMOptions")
    if options.FusedActivationFunction != _TANH:
        raise ModelError(f"{layer.kind} with an activation other than TANH is not supported")
    if options.TimeMajor or options.ProjClip:
        raise ModelError(f"{layer.kind} with time in front, or a projection, is not supported")
    needed = [*range(9), *range(12, 16), 18, 19]
    given = [position for position in range(len(layer.operator.inputs)) if layer.has(position)]
    if given != needed:
        raise ModelError(
            f"{layer.kind} without an input gate, or with peepholes, a projection or "
            "normalisation, is not supported"
        )
    hidden = layer.intermediate(_GATES).quantization
    states = [_state(layer, position) for position in needed[-2:]]
    cell = layer.input(needed[-1]).quantization
    output = layer.output.quantization
    if hidden is None or cell is None or output is None:
        raise ModelError(f"{layer.kind} must be quantised")
    if any(
        not np.array_equal(a, b)
        for a, b in ((hidden.scale, output.scale), (hidden.zero_point, output.zero_point))
    ):
        raise ModelError(f"{layer.kind} must be quantised inside as its output is")
    layer.emit(
        "LSTM",
        tuple(layer.input(position).name for position in needed),
        outputs=tuple(state.next for state in states),
        cell_limit=_limit(options.CellClip, cell.scale[0]),
    )
    return states


def _limit(clip: float, scale: np.float32) -> int:
    """Return the greatest size of a cell in its steps, 0 for none."""
    return int(min(max(np.float32(clip) / scale, -(1 << 15)), (1 << 15) - 1)) if clip > 0 else 0
