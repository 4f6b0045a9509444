"""MAX_POOL_2D, AVERAGE_POOL_2D and MEAN as depthwise windows."""

from dataclasses import replace

import numpy as np
from weft_hw.contract.descriptor import Rounding
from weft_sim.golden import mean_multiplier as golden_multiplier
from weft_sim.golden import requantize

from weft import reference
from weft.compiler.context import Lowering
from weft.compiler.convolution import linear_sums
from weft.compiler.ir import Place, Unsupported
from weft.compiler.kernel import depthwise_entries, maximum_entries
from weft.compiler.mac import Sums, Window, mac_command
from weft.compiler.requantize import Multipliers
from weft.graph import Node
from weft.layout import feature_map

__all__ = ["lower_average_pool", "lower_max_pool", "lower_mean", "mean_multiplier"]

_MOST_REGIONS = 9  # inner region, four sides and four corners


def _window(lowering: Lowering, node: Node, pad_value: int) -> Window:
    height, width, _ = feature_map(lowering.graph.tensors[node.outputs[0]].shape)
    top, _, left, _ = node.attributes["padding"]
    return Window(
        kernel=node.attributes["kernel"], stride=node.attributes["stride"],
        out_size=(height, width), top=top, left=left, pad_value=pad_value,
    )  # fmt: skip


def lower_max_pool(lowering: Lowering, index: int) -> None:
    """Lower MAX_POOL_2D: the maximum over one product per tap; padding is the least value."""
    node, config = lowering.graph.nodes[index], lowering.config
    source, target = lowering.place(lowering.tensor(node, 0)), lowering.target(node)
    stage = reference.output_stage(lowering.graph, node)
    channels, window = source.layout.channels, _window(lowering, node, -128)
    sums = Sums(
        entries=maximum_entries(config, source.layout, window.kernel, (1, 1)),
        weights=np.ones((channels, window.kernel[0] * window.kernel[1]), np.int8),
        bias=np.zeros(channels, np.int64), multipliers=Sums.identity(channels), zero_point=0,
        low=stage.low, high=stage.high, depthwise=True, maximum=True,
    )  # fmt: skip
    command = mac_command(lowering, index, source, target, window, sums)
    command.outputs = node.outputs
    lowering.emit(command)


def mean_multiplier(count: int) -> tuple[int, int]:
    """Return (multiplier, shift) that divide a sum of ``count`` int8, ties away from zero.

    The multiplier lies just above ``2**shift / count``, so that a tie falls on the far side of
    zero; that no other sum moves is checked over the whole range of the accumulator.

    Raises
    ------
    Unsupported
        If there is no such multiplier of 31 bits.
    """
    sums = np.arange(-128 * count, 127 * count + 1)
    wanted = np.sign(sums) * ((np.abs(sums) + count // 2) // count)
    for bits in range(30, 15, -1):
        shift = bits + count.bit_length() - 1
        for above in (1, 2, 3):
            multiplier = (1 << shift) // count + above
            if multiplier < 1 << 31 and shift < 64 and np.array_equal(
                requantize(sums, multiplier, shift, Rounding.HALF_UP), wanted
            ):
                return multiplier, shift
    raise Unsupported(f"no multiplier divides by {count} exactly")


def _runs(counts: list[int]) -> list[tuple[int, int, int]]:
    """Return (first, length, count) of each run of equal counts."""
    starts = [i for i, c in enumerate(counts) if i == 0 or c != counts[i - 1]]
    ends = [*starts[1:], len(counts)]
    return [(start, end - start, counts[start]) for start, end in zip(starts, ends, strict=True)]


def _overlaps(size: int, kernel: int, stride: int, before: int, out: int) -> list[int]:
    """Return how many of ``size`` pixels each of ``out`` windows covers along one axis."""
    starts = [i * stride - before for i in range(out)]
    return [min(start + kernel, size) - max(start, 0) for start in starts]


def lower_average_pool(lowering: Lowering, index: int) -> None:
    """Lower AVERAGE_POOL_2D: a region of the output for each number of pixels that count."""
    node = lowering.graph.nodes[index]
    if lowering.graph.rounding == "onnxruntime":
        raise Unsupported("ONNX Runtime averages in float32, where the order of sums matters")
    source, target = lowering.place(lowering.tensor(node, 0)), lowering.target(node)
    window = _window(lowering, node, 0)
    (kernel_h, kernel_w), (stride_y, stride_x) = window.kernel, window.stride
    read, (out_h, out_w) = source.layout, window.out_size
    rows = _runs(_overlaps(read.height, kernel_h, stride_y, window.top, out_h))
    columns = _runs(_overlaps(read.width, kernel_w, stride_x, window.left, out_w))
    if len(rows) * len(columns) > _MOST_REGIONS:
        raise Unsupported(
            f"padding gives {len(rows) * len(columns)} regions with their own divisor each "
            f"(at most {_MOST_REGIONS} run as descriptors)")  # fmt: skip
    regions = [(row, column) for row in rows for column in columns]
    for (y, height, count_y), (x, width, count_x) in regions:
        part = Window(
            kernel=window.kernel, stride=window.stride, out_size=(height, width),
            top=window.top - y * stride_y, left=window.left - x * stride_x, target=(y, x),
        )  # fmt: skip
        sums = _mean(lowering, node, source, part, count_y * count_x)
        command = mac_command(lowering, index, source, target, part, sums)
        if ((y, height, count_y), (x, width, count_x)) == regions[-1]:
            command.outputs = node.outputs
        lowering.emit(command)


def _mean(lowering: Lowering, node: Node, source: Place, window: Window, count: int) -> Sums:
    stage = reference.output_stage(lowering.graph, node)
    channels = source.layout.channels
    multiplier, shift = mean_multiplier(count)
    return Sums(
        entries=depthwise_entries(lowering.config, source.layout, window.kernel, (1, 1)),
        weights=np.ones((channels, window.kernel[0] * window.kernel[1]), np.int8),
        bias=np.zeros(channels, np.int64),
        multipliers=Multipliers.uniform(channels, Rounding.HALF_UP, multiplier, shift),
        zero_point=0, low=stage.low, high=stage.high, depthwise=True,
    )  # fmt: skip


def lower_mean(lowering: Lowering, index: int) -> None:
    """Lower MEAN over rows, columns or both: one window over all that is averaged."""
    node = lowering.graph.nodes[index]
    tensor = lowering.tensor(node, 0)
    source, target = lowering.place(tensor), lowering.target(node)
    axes = {axis % len(tensor.shape) for axis in node.attributes["axes"]}
    read = source.layout
    if len(tensor.shape) != 4 or not axes or not axes <= {1, 2}:
        raise Unsupported("it does not average over rows or columns alone")
    kernel = (read.height if 1 in axes else 1, read.width if 2 in axes else 1)
    out = (1 if 1 in axes else read.height, 1 if 2 in axes else read.width)
    if (target.layout.height, target.layout.width) != out:
        raise Unsupported("its result's rows would have to become columns")
    stage = reference.output_stage(lowering.graph, node)
    count, zero_point = kernel[0] * kernel[1], lowering.zero_point(tensor)
    sums = linear_sums(
        stage, zero_point, np.ones((read.channels, count), np.int8), 0, depthwise=True,
        entries=depthwise_entries(lowering.config, read, kernel, (1, 1)))  # fmt: skip
    if lowering.graph.rounding == "reference":
        sums = replace(sums, multipliers=_litert_mean(lowering, node, count, read.channels))
    window = Window(kernel=kernel, stride=(1, 1), out_size=out, pad_value=zero_point)
    command = mac_command(lowering, index, source, target, window, sums)
    command.outputs = node.outputs
    lowering.emit(command)


def _litert_mean(lowering: Lowering, node: Node, count: int, channels: int) -> Multipliers:
    """Return LiteRT's multiplier of a mean, into which the count is divided beforehand."""
    scales = [lowering.graph.tensors[str(name)].quantization
              for name in (node.inputs[0], node.outputs[0])]  # fmt: skip
    if scales[0] is None or scales[1] is None:
        raise Unsupported("it is not quantised")
    scale = float(scales[0].scale[0]) / float(scales[1].scale[0])
    multiplier, exponent = golden_multiplier(scale, count)
    # An exponent above 0 would shift the sum left before it is multiplied.
    if exponent > 0 or 31 - exponent > 63:
        raise Unsupported("its output's scale is out of the requantiser's range")
    return Multipliers.uniform(channels, Rounding.DOUBLE, multiplier, 31 - exponent)
