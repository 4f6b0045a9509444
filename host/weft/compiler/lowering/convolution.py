"""CONV_2D and DEPTHWISE_CONV_2D: dense, grouped and depthwise, with any depth multiplier."""

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from weft.compiler.constants.requantize import choose_multipliers
from weft.compiler.constants.scaling import Multipliers
from weft.compiler.ir import Buffer, Place, Unsupported
from weft.compiler.lowering.columns import emit_window
from weft.compiler.lowering.context import Lowering, require_one_map
from weft.compiler.lowering.fold_input import fold_input
from weft.compiler.lowering.kernel import dense_entries, depthwise_entries
from weft.compiler.lowering.regroup import regroup_pixels
from weft.compiler.lowering.window import Sums, Window
from weft.golden import run as reference
from weft.golden.arithmetic import OutputStage
from weft.graph import Node
from weft.program.layout import default_layout, feature_map

__all__ = ["linear_sums", "lower_convolution", "lower_depthwise", "weights_and_bias"]


def weights_and_bias(
    lowering: Lowering, node: Node
) -> tuple[NDArray[np.integer], NDArray[np.int64] | int]:
    """Return a node's constant weights, less their zero point, and bias."""
    weights, bias = lowering.constant(node, 1), lowering.constant(node, 2)
    quantization = lowering.tensor(node, 1).quantization
    if weights is None or weights.dtype != np.int8:
        raise Unsupported("its weights are not constant int8")
    if quantization is not None and quantization.zero_point.any():
        along = [1] * weights.ndim
        along[quantization.axis] = -1
        weights = weights.astype(np.int64) - quantization.zero_point.reshape(along)
    if bias is not None and bias.dtype == np.float32:
        raise Unsupported("its bias is a real number, as ONNX Runtime leaves the layer in float")
    return weights, 0 if bias is None else bias.astype(np.int64)


def linear_sums(
    stage: OutputStage,
    zero_point: int,
    weights: NDArray[np.integer],
    bias: Any,
    *,
    multipliers: Multipliers | None = None,
    **changes: Any,
) -> Sums:
    """Return sums over taps (weights (out, taps)) with the zero point folded into the bias.

    Without ``multipliers`` they are chosen for all sums that can be.
    """
    wide = weights.astype(np.int64)
    bias = np.broadcast_to(np.asarray(bias, np.int64), (len(wide),))
    at_least, at_most = wide * (-128 - zero_point), wide * (127 - zero_point)
    low = bias + np.minimum(at_least, at_most).sum(axis=1)
    high = bias + np.maximum(at_least, at_most).sum(axis=1)
    if low.min() < -(1 << 31) or high.max() >= 1 << 31:
        raise Unsupported("its accumulators can exceed 32 bits")
    if multipliers is None:
        multipliers = choose_multipliers(stage, low, high)
    return Sums(
        weights=weights,
        bias=bias - zero_point * wide.sum(axis=1),
        multipliers=multipliers,
        zero_point=stage.zero_point,
        low=stage.low,
        high=stage.high,
        **changes,
    )


def _window(lowering: Lowering, node: Node, kernel: tuple[int, int]) -> Window:
    height, width, _ = feature_map(lowering.graph.tensors[node.outputs[0]].shape)
    require_one_map(lowering, node)
    top, _, left, _ = node.attributes["padding"]
    return Window(
        kernel=kernel,
        stride=node.attributes["stride"],
        dilation=node.attributes["dilation"],
        out_size=(height, width),
        top=top,
        left=left,
        pad_value=lowering.zero_point(lowering.tensor(node, 0)),
    )


def lower_convolution(lowering: Lowering, index: int) -> None:
    """Lower CONV_2D; grouped ones as dense with zero weights unless groups are whole words."""
    node, config = lowering.graph.nodes[index], lowering.config
    tensor, target = lowering.tensor(node, 0), lowering.target(node)
    weights, bias = weights_and_bias(lowering, node)
    groups = node.attributes["groups"]
    window = _window(lowering, node, (weights.shape[1], weights.shape[2]))
    stage = reference.output_stage(lowering.graph, node)
    zero_point = window.pad_value
    macs = weights.size * window.out_size[0] * window.out_size[1]
    folded = fold_input(lowering, index, tensor, weights, window) if groups == 1 else None
    if folded is None:
        source = lowering.place(tensor)
    else:
        source, weights, window = folded
    if groups == 1:
        source, target, window = regroup_pixels(lowering.config, source, target, window)
    out, kernel_h, kernel_w, depth = weights.shape
    if groups > 1 and depth == 1:
        flat = weights.reshape(out, -1)
        _lower_per_channel(
            lowering, index, source, target, window, stage, flat, bias, out // groups, macs
        )
        return
    per_group = out // groups
    aligned = groups > 1 and depth % config.columns == 0 and per_group % config.lanes == 0
    if groups > 1 and not aligned:
        dense = np.zeros((out, kernel_h, kernel_w, groups * depth), weights.dtype)
        for group in range(groups):
            rows = slice(group * per_group, (group + 1) * per_group)
            dense[rows, ..., group * depth : (group + 1) * depth] = weights[rows]
        weights, depth, groups, per_group = dense, groups * depth, 1, out
    sums = linear_sums(stage, zero_point, weights.reshape(out, -1), bias, entries=[])
    for group in range(groups):
        rows = slice(group * per_group, (group + 1) * per_group)
        read = Place(source.buffer, source.layout.slice(group * depth, depth))
        write = Place(target.buffer, target.layout.slice(group * per_group, per_group))
        entries = dense_entries(
            config,
            read.layout,
            window.kernel,
            window.dilation,
            times=window.times(config),
            slide=window.slide,
        )
        part = replace(sums if groups == 1 else sums.some(rows), entries=entries)
        outputs = node.outputs if group == groups - 1 else ()
        emit_window(
            lowering, index, read, write, window, part, macs=macs // groups, outputs=outputs
        )


def lower_depthwise(lowering: Lowering, index: int) -> None:
    """Lower DEPTHWISE_CONV_2D."""
    node = lowering.graph.nodes[index]
    source, target = lowering.place(lowering.tensor(node, 0)), lowering.target(node)
    weights, bias = weights_and_bias(lowering, node)
    _, kernel_h, kernel_w, out = weights.shape
    window = _window(lowering, node, (kernel_h, kernel_w))
    stage = reference.output_stage(lowering.graph, node)
    flat = weights[0].reshape(-1, out).T
    macs = weights.size * window.out_size[0] * window.out_size[1]
    _lower_per_channel(
        lowering,
        index,
        source,
        target,
        window,
        stage,
        flat,
        bias,
        node.attributes["depth_multiplier"],
        macs,
    )


def _lower_per_channel(
    lowering: Lowering,
    index: int,
    source: Place,
    target: Place,
    window: Window,
    stage: OutputStage,
    weights: NDArray[np.integer],
    bias: Any,
    multiplier: int,
    macs: int,
) -> None:
    """Lower a convolution whose output channel o reads input channel o // multiplier alone.

    With a multiplier above 1, few channels go as a dense convolution with zero weights, many
    are first repeated by a 1x1 convolution that selects them.
    """
    config, node = lowering.config, lowering.graph.nodes[index]
    out, taps = weights.shape
    channels = out // multiplier
    if multiplier > 1 or _misaligned(lowering, source, target):
        dense = np.zeros((out, taps, channels), weights.dtype)
        dense[np.arange(out), :, np.arange(out) // multiplier] = weights
        entries = dense_entries(
            config,
            source.layout,
            window.kernel,
            window.dilation,
            times=window.times(config),
            slide=window.slide,
        )
        steps = sum(len(entry.taps) for entry in entries)
        selection = 2 * -(-channels // config.channel_rows) + taps
        if channels <= config.channel_rows or steps <= selection or multiplier == 1:
            sums = linear_sums(
                stage, window.pad_value, dense.reshape(out, -1), bias, entries=entries
            )
            emit_window(
                lowering, index, source, target, window, sums, macs=macs, outputs=node.outputs
            )
            return
        source = _repeat_channels(lowering, index, source, multiplier)
    sums = linear_sums(
        stage,
        window.pad_value,
        weights,
        bias,
        depthwise=True,
        entries=depthwise_entries(config, source.layout, window.kernel, window.dilation),
    )
    emit_window(lowering, index, source, target, window, sums, macs=macs, outputs=node.outputs)


def _misaligned(lowering: Lowering, source: Place, target: Place) -> bool:
    """Whether a channel's byte in its word differs between input and output."""
    config = lowering.config
    shift = source.layout.first % config.columns
    start = target.layout.first - shift
    return start < 0 or start % config.lanes != 0 or shift > config.lanes


def _repeat_channels(lowering: Lowering, index: int, source: Place, multiplier: int) -> Place:
    """Emit a 1x1 convolution that writes every channel ``multiplier`` times."""
    read, config = source.layout, lowering.config
    out = read.channels * multiplier
    weights = np.zeros((out, read.channels), np.int8)
    weights[np.arange(out), np.arange(out) // multiplier] = 1
    layout = default_layout(config, (read.height, read.width, out), narrowest=config.lanes)
    target = Place(Buffer(f"{source.buffer.name} repeated", layout.words), layout)
    window = Window(kernel=(1, 1), stride=(1, 1), out_size=(read.height, read.width))
    sums = Sums(
        entries=dense_entries(config, read, (1, 1), (1, 1), times=window.times(config)),
        weights=weights,
        bias=np.zeros(out, np.int64),
        multipliers=Sums.identity(out),
        zero_point=0,
        low=-128,
        high=127,
    )
    emit_window(lowering, index, source, target, window, sums)
    return target
