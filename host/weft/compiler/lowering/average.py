"""AVERAGE_POOL_2D: a depthwise window for each number of pixels that count."""

import numpy as np
from weft_hw.contract.descriptor import Rounding

from weft.compiler.constants.decisions import fit_function
from weft.compiler.constants.pairs import Fit
from weft.compiler.constants.scaling import Multipliers
from weft.compiler.ir import Place, Unsupported
from weft.compiler.lowering.columns import emit_window
from weft.compiler.lowering.context import Lowering
from weft.compiler.lowering.kernel import depthwise_entries
from weft.compiler.lowering.pool import pool_window
from weft.compiler.lowering.whole import emit_whole
from weft.compiler.lowering.window import Sums, Window
from weft.golden import run as reference
from weft.golden.arithmetic import (
    OutputStage,
    Rule,
    average,
    float32_average,
    float32_sums,
    requantize,
)
from weft.graph import Node

__all__ = ["lower_average_pool", "mean_multiplier"]

_MOST_TAPS = 64  # of a window whose float32 sums are enumerated


def mean_multiplier(count: int, *, lowest: int = -128) -> tuple[int, int]:
    """Return (multiplier, shift) that divide a sum of ``count`` values, ties away from zero.

    The values are of 8 bits from ``lowest`` on. The multiplier lies just above
    ``2**shift / count``, so that a tie falls on the far side of zero; that no other sum moves is
    checked over the whole range of the accumulator.

    Raises
    ------
    Unsupported
        If there is no such multiplier of 31 bits.
    """
    sums = np.arange(lowest * count, (lowest + 255) * count + 1)
    wanted = average(sums, count)
    for bits in range(30, 15, -1):
        shift = bits + count.bit_length() - 1
        for above in (1, 2, 3):
            multiplier = (1 << shift) // count + above
            if (
                multiplier < 1 << 31
                and shift < 64
                and np.array_equal(requantize(sums, multiplier, shift, Rounding.HALF_UP), wanted)
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
    if node.attributes.get("real"):
        raise Unsupported("the runtime computes it in float")
    source, target = lowering.place(lowering.tensor(node, 0)), lowering.target(node)
    window = pool_window(lowering, node, 0)
    (kernel_h, kernel_w), (stride_y, stride_x) = window.kernel, window.stride
    read, (out_h, out_w) = source.layout, window.out_size
    rows = _runs(_overlaps(read.height, kernel_h, stride_y, window.top, out_h))
    columns = _runs(_overlaps(read.width, kernel_w, stride_x, window.left, out_w))
    regions = [(row, column) for row in rows for column in columns]
    most = lowering.config.descriptor_count // 2
    if len(regions) > most:
        raise Unsupported(
            f"padding gives {len(regions)} regions with their own divisor each "
            f"(at most {most} run as descriptors)"
        )
    fits: dict[int, Fit] = {}
    if regions == [((0, 1, read.height), (0, 1, read.width))]:  # all pixels make one
        sums = _mean(
            lowering, node, source, window, _average(lowering, node, read.height * read.width)
        )
        emit_whole(lowering, index, source, target, sums, depthwise_entries, pad_value=0)
        return
    for (y, height, count_y), (x, width, count_x) in regions:
        part = Window(
            kernel=window.kernel,
            stride=window.stride,
            out_size=(height, width),
            top=window.top - y * stride_y,
            left=window.left - x * stride_x,
            target=(y, x),
        )
        count = count_y * count_x
        if count not in fits:
            fits[count] = _average(lowering, node, count)
        sums = _mean(lowering, node, source, part, fits[count])
        last = ((y, height, count_y), (x, width, count_x)) == regions[-1]
        outputs = node.outputs if last else ()
        emit_window(lowering, index, source, target, part, sums, outputs=outputs)


def _average(lowering: Lowering, node: Node, count: int) -> Fit:
    """Return what makes an average of the plain sum of ``count`` pixels."""
    if lowering.graph.in_onnxruntime:
        return _onnx_average(lowering, node, count)
    # The ties of uint8 values go up, as those of a sum that is never negative do.
    raised = 128 if node.attributes.get("unsigned", False) else 0
    multiplier, shift = mean_multiplier(count, lowest=raised - 128)
    return Fit(Rounding.HALF_UP, multiplier, shift, -raised, raised * count)


def _onnx_average(lowering: Lowering, node: Node, count: int) -> Fit:
    """Return what makes ONNX Runtime's average, if it follows from the sum of the integers.

    Its kernel adds real numbers in float32, so that a sum depends on the values and their order.
    Float32 addition is monotonic: the least and the greatest real sum of each integer sum are
    found exactly, and where both give the same output for every integer sum, all do.
    """
    if count > _MOST_TAPS:
        raise Unsupported(
            f"ONNX Runtime averages {count} pixels in float32 "
            f"(proved equal to integers for at most {_MOST_TAPS})"
        )
    x, y = lowering.tensor(node, 0), lowering.graph.tensors[node.outputs[0]]
    zero_point, output_zero_point = lowering.zero_point(x), lowering.zero_point(y)
    if x.quantization is None or y.quantization is None:
        raise Unsupported("it is not quantised")
    x_scale, y_scale = x.quantization.scale[0], y.quantization.scale[0]
    unsigned = bool(node.attributes.get("unsigned", False))
    least, most = (
        float32_average(total, count, (y_scale, output_zero_point), unsigned=unsigned)
        for total in float32_sums(count, x_scale, zero_point)
    )
    if not np.array_equal(least, most):
        raise Unsupported(
            "ONNX Runtime averages in float32, where the order of the values decides some ties"
        )
    scale = float(x_scale) / (float(y_scale) * count)
    stage = OutputStage(Rule.FLOAT32, np.array([scale]), output_zero_point, -128, 127)
    sums = np.arange(-128 * count, 127 * count + 1)
    fit = fit_function(stage, sums - zero_point * count, least.astype(np.int64))
    return Fit(
        fit.rounding, fit.multiplier, fit.shift, fit.zero_point, fit.bias - zero_point * count
    )


def _mean(lowering: Lowering, node: Node, source: Place, window: Window, fit: Fit) -> Sums:
    stage = reference.output_stage(lowering.graph, node)
    channels = source.layout.channels
    return Sums(
        entries=depthwise_entries(lowering.config, source.layout, window.kernel, (1, 1)),
        weights=np.ones((channels, window.kernel[0] * window.kernel[1]), np.int8),
        bias=np.full(channels, fit.bias, np.int64),
        multipliers=Multipliers.uniform(channels, fit.rounding, fit.multiplier, fit.shift),
        zero_point=fit.zero_point,
        low=stage.low,
        high=stage.high,
        depthwise=True,
    )
