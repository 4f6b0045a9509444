"""MAX_POOL_2D and MEAN as depthwise windows."""

from dataclasses import replace

import numpy as np
from weft_hw.contract.descriptor import Rounding

from weft.compiler.constants.decisions import fit_function
from weft.compiler.constants.pairs import Fit
from weft.compiler.constants.requantize import Multipliers
from weft.compiler.ir import Place, Unsupported
from weft.compiler.lowering.context import Lowering, require_one_map
from weft.compiler.lowering.convolution import linear_sums
from weft.compiler.lowering.kernel import depthwise_entries, maximum_entries
from weft.compiler.lowering.mac import Sums, Window, mac_command
from weft.golden import run as reference
from weft.golden.arithmetic import OutputStage, mean_float32
from weft.golden.arithmetic import mean_multiplier as golden_multiplier
from weft.graph import Node, Runtime
from weft.program.layout import feature_map

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
    """Lower MAX_POOL_2D: the maximum over one product per tap; padding is the least value."""
    node, config = lowering.graph.nodes[index], lowering.config
    source, target = lowering.place(lowering.tensor(node, 0)), lowering.target(node)
    stage = reference.output_stage(lowering.graph, node)
    channels, window = source.layout.channels, pool_window(lowering, node, -128)
    sums = Sums(
        entries=maximum_entries(config, source.layout, window.kernel, window.dilation),
        weights=np.ones((channels, window.kernel[0] * window.kernel[1]), np.int8),
        bias=np.zeros(channels, np.int64),
        multipliers=Sums.identity(channels),
        zero_point=0,
        low=stage.low,
        high=stage.high,
        depthwise=True,
        maximum=True,
    )
    command = mac_command(lowering, index, source, target, window, sums)
    command.outputs = node.outputs
    lowering.emit(command)


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


def lower_reduce_max(lowering: Lowering, index: int) -> None:
    """Lower REDUCE_MAX over rows, columns or both: the maximum over one window."""
    node = lowering.graph.nodes[index]
    source, target, kernel, out = _reduction(lowering, index)
    channels = source.layout.channels
    sums = Sums(
        entries=maximum_entries(lowering.config, source.layout, kernel, (1, 1)),
        weights=np.ones((channels, kernel[0] * kernel[1]), np.int8),
        bias=np.zeros(channels, np.int64),
        multipliers=Sums.identity(channels),
        zero_point=0,
        low=-128,
        high=127,
        depthwise=True,
        maximum=True,
    )
    window = Window(kernel=kernel, stride=(1, 1), out_size=out, pad_value=-128)
    command = mac_command(lowering, index, source, target, window, sums)
    command.outputs = node.outputs
    lowering.emit(command)


def lower_mean(lowering: Lowering, index: int) -> None:
    """Lower MEAN over rows, columns or both: one window over all that is averaged."""
    node = lowering.graph.nodes[index]
    tensor = lowering.tensor(node, 0)
    source, target, kernel, out = _reduction(lowering, index)
    read = source.layout
    stage = reference.output_stage(lowering.graph, node)
    count, zero_point = kernel[0] * kernel[1], lowering.zero_point(tensor)
    bias, multipliers = 0, None
    if lowering.graph.runtime == Runtime.REFERENCE:
        multipliers = _litert_mean(lowering, node, count, read.channels)
    elif lowering.graph.runtime == Runtime.XNNPACK:
        fit = _xnnpack_mean(lowering, node, count, stage)
        bias, stage = fit.bias, replace(stage, zero_point=fit.zero_point)
        multipliers = Multipliers.uniform(read.channels, fit.rounding, fit.multiplier, fit.shift)
    sums = linear_sums(
        stage,
        zero_point,
        np.ones((read.channels, count), np.int8),
        bias,
        depthwise=True,
        multipliers=multipliers,
        entries=depthwise_entries(lowering.config, read, kernel, (1, 1)),
    )
    window = Window(kernel=kernel, stride=(1, 1), out_size=out, pad_value=zero_point)
    command = mac_command(lowering, index, source, target, window, sums)
    command.outputs = node.outputs
    lowering.emit(command)


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
    if not 1 <= 31 - exponent <= 63 or 255 * count << max(exponent, 0) >= 1 << 31:
        raise Unsupported("its output's scale is out of the requantiser's range")
    return Multipliers.uniform(channels, Rounding.DOUBLE, multiplier, 31 - exponent)
