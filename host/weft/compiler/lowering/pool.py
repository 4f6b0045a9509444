"""MAX_POOL_2D and MEAN as depthwise windows."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
from weft_hw.contract.descriptor import Rounding

from weft.compiler.constants.decisions import fit_function
from weft.compiler.constants.multiplier import LARGEST_SHIFT
from weft.compiler.constants.pairs import Fit
from weft.compiler.constants.scaling import Multipliers
from weft.compiler.ir import Buffer, Entry, Place, TooLarge, Unsupported
from weft.compiler.lowering.columns import emit_window
from weft.compiler.lowering.context import Lowering, require_one_map
from weft.compiler.lowering.convolution import linear_sums
from weft.compiler.lowering.kernel import depthwise_entries, maximum_entries
from weft.compiler.lowering.whole import emit_whole
from weft.compiler.lowering.window import Sums, Window
from weft.golden import run as reference
from weft.golden.arithmetic import OutputStage, mean_float32
from weft.golden.arithmetic import mean_multiplier as golden_multiplier
from weft.graph import Node, Runtime
from weft.program.layout import default_layout, feature_map

__all__ = ["lower_max_pool", "lower_mean", "lower_reduce_max", "pool_window"]

Pair = tuple[int, int]


def pool_window(lowering: Lowering, node: Node, pad_value: int) -> Window:
    """Return how a pool's window moves."""
    require_one_map(lowering, node)
    height, width, _ = feature_map(lowering.graph.tensors[node.outputs[0]].shape)
    top, _, left, _ = node.attributes["padding"]
    return Window(
        kernel=node.attributes["kernel"],
        stride=node.attributes["stride"],
        dilation=node.attributes.get("dilation", (1, 1)),
        out_size=(height, width),
        top=top,
        left=left,
        pad_value=pad_value,
    )


def lower_max_pool(lowering: Lowering, index: int) -> None:
    """Lower MAX_POOL_2D: the maximum over one product per tap; padding is the least value.

    A window that the line buffers cannot hold goes over columns first, and over rows then.
    """
    node = lowering.graph.nodes[index]
    source, target = lowering.place(lowering.tensor(node, 0)), lowering.target(node)
    stage = reference.output_stage(lowering.graph, node)
    window, clamp = pool_window(lowering, node, -128), (stage.low, stage.high)
    try:
        _emit_max_pool(lowering, index, source, target, window, clamp, node.outputs)
    except TooLarge:
        if window.kernel[0] == 1:
            raise
        read = source.layout
        size = (window.out_size[0], read.width, read.channels)
        layout = default_layout(lowering.config, size, narrowest=lowering.config.lanes)
        between = Place(Buffer(f"{source.buffer.name} by rows", layout.words), layout)
        (kernel_h, kernel_w), (stride_y, stride_x) = window.kernel, window.stride
        high, wide = window.dilation
        rows = replace(
            window,
            kernel=(kernel_h, 1),
            stride=(stride_y, 1),
            dilation=(high, 1),
            out_size=size[:2],
            left=0,
        )
        columns = replace(
            window, kernel=(1, kernel_w), stride=(1, stride_x), dilation=(1, wide), top=0
        )
        _emit_max_pool(lowering, index, source, between, rows, (-128, 127), ())
        _emit_max_pool(lowering, index, between, target, columns, clamp, node.outputs)


def _emit_max_pool(
    lowering: Lowering,
    index: int,
    source: Place,
    target: Place,
    window: Window,
    clamp: Pair,
    outputs: tuple[str, ...],
) -> None:
    sums = _maxima(source.layout.channels, window.kernel, clamp)
    entries = maximum_entries(lowering.config, source.layout, window.kernel, window.dilation)
    sums = replace(sums, entries=entries)
    emit_window(lowering, index, source, target, window, sums, outputs=outputs)


def _maxima(channels: int, kernel: Pair, clamp: Pair) -> Sums:
    """Return what takes the maximum over a kernel, but for the window program."""
    return Sums(
        entries=[],
        weights=np.ones((channels, kernel[0] * kernel[1]), np.int8),
        bias=np.zeros(channels, np.int64),
        multipliers=Sums.identity(channels),
        zero_point=0,
        low=clamp[0],
        high=clamp[1],
        depthwise=True,
        maximum=True,
    )


def _reduction(lowering: Lowering, index: int) -> tuple[Place, Place, Pair, Pair]:
    """Return source, target, kernel and output size of a reduction over rows, columns or both."""
    node = lowering.graph.nodes[index]
    if node.attributes.get("real"):
        raise Unsupported("the runtime sums it in float, and a tie is in doubt")
    tensor = lowering.tensor(node, 0)
    source, target = lowering.place(tensor), lowering.target(node)
    axes = {axis % len(tensor.shape) for axis in node.attributes["axes"]}
    read = source.layout
    if len(tensor.shape) != 4 or not axes or not axes <= {1, 2}:
        raise Unsupported("it does not run over rows or columns alone")
    kernel = (read.height if 1 in axes else 1, read.width if 2 in axes else 1)
    out = (1 if 1 in axes else read.height, 1 if 2 in axes else read.width)
    if (target.layout.height, target.layout.width) != out:
        raise Unsupported("its result's rows would have to become columns")
    return source, target, kernel, out


def _emit_reduction(
    lowering: Lowering,
    index: int,
    sums: Sums,
    entries: Callable[..., list[Entry]],
    pad_value: int,
) -> None:
    """Emit a reduction over rows, columns or both."""
    source, target, kernel, out = _reduction(lowering, index)
    if out == (1, 1):
        emit_whole(lowering, index, source, target, sums, entries, pad_value=pad_value)
        return
    sums = replace(sums, entries=entries(lowering.config, source.layout, kernel, (1, 1)))
    window = Window(kernel=kernel, stride=(1, 1), out_size=out, pad_value=pad_value)
    outputs = lowering.graph.nodes[index].outputs
    emit_window(lowering, index, source, target, window, sums, outputs=outputs)


def lower_reduce_max(lowering: Lowering, index: int) -> None:
    """Lower REDUCE_MAX over rows, columns or both: the maximum over one window."""
    source, _, kernel, _ = _reduction(lowering, index)
    sums = _maxima(source.layout.channels, kernel, (-128, 127))
    _emit_reduction(lowering, index, sums, maximum_entries, -128)


def lower_mean(lowering: Lowering, index: int) -> None:
    """Lower MEAN over rows, columns or both: one window over all that is averaged."""
    node = lowering.graph.nodes[index]
    tensor = lowering.tensor(node, 0)
    source, _, kernel, _ = _reduction(lowering, index)
    channels = source.layout.channels
    stage = reference.output_stage(lowering.graph, node)
    count, zero_point = kernel[0] * kernel[1], lowering.zero_point(tensor)
    bias, multipliers = 0, None
    if lowering.graph.runtime == Runtime.REFERENCE:
        multipliers = _litert_mean(lowering, node, count, channels)
    elif lowering.graph.runtime == Runtime.XNNPACK:
        fit = _xnnpack_mean(lowering, node, count, stage)
        bias, stage = fit.bias, replace(stage, zero_point=fit.zero_point)
        multipliers = Multipliers.uniform(channels, fit.rounding, fit.multiplier, fit.shift)
    sums = linear_sums(
        stage,
        zero_point,
        np.ones((channels, count), np.int8),
        bias,
        depthwise=True,
        multipliers=multipliers,
        entries=[],
    )
    _emit_reduction(lowering, index, sums, depthwise_entries, zero_point)


def _edges(lowering: Lowering, node: Node) -> list[tuple[np.float32, int]]:
    """Return scale and zero point of the input and of the output."""
    edges = []
    for name in (node.inputs[0], node.outputs[0]):
        tensor = lowering.graph.tensors[str(name)]
        if tensor.quantization is None:
            raise Unsupported("it is not quantised")
        edges.append((tensor.quantization.scale[0], lowering.zero_point(tensor)))
    return edges


def _xnnpack_mean(lowering: Lowering, node: Node, count: int, stage: OutputStage) -> Fit:
    """Return what finishes sums as XNNPACK does, which rounds with the zero point added."""
    x, y = _edges(lowering, node)
    totals = np.arange(-128 * count, 127 * count + 1)
    results = mean_float32(totals, count, x, y).astype(np.int64)
    return fit_function(stage, totals - x[1] * count, results)


def _litert_mean(lowering: Lowering, node: Node, count: int, channels: int) -> Multipliers:
    """Return LiteRT's multiplier of a mean, into which the count is divided beforehand."""
    (x_scale, _), (y_scale, _) = _edges(lowering, node)
    scale = float(x_scale) / float(y_scale)
    multiplier, exponent = golden_multiplier(scale, count)
    # An exponent above 0 shifts the sum left before it is multiplied, within 32 bits.
    if not 1 <= 31 - exponent <= LARGEST_SHIFT or 255 * count << max(exponent, 0) >= 1 << 31:
        raise Unsupported("its output's scale is out of the requantiser's range")
    return Multipliers.uniform(channels, Rounding.DOUBLE, multiplier, 31 - exponent)
