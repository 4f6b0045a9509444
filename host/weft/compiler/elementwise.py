"""ADD, SUB and MUL of two tensors, and any int8 function of one as a table of 256 entries."""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from weft_hw.contract.descriptor import Kind, Rounding
from weft_sim.golden import OutputStage, Rule, multiply, quantize_multiplier

from weft import reference
from weft.compiler.context import Lowering
from weft.compiler.ir import Command, Unsupported
from weft.compiler.mac import Sums
from weft.compiler.requantize import choose_multipliers, parameter_words
from weft.graph import Node
from weft.layout import Layout

__all__ = ["emit_table", "function_table", "lower_binary", "lower_function"]

_BYTES = np.arange(256, dtype=np.uint8).view(np.int8)  # the value of each table index


def function_table(lowering: Lowering, node: Node, input_index: int = 0) -> NDArray[np.int8]:
    """Return what ``node`` makes of every int8 value, int8 (256,), indexed by its byte.

    Raises
    ------
    Unsupported
        If the node is not a function of each element of one tensor alone.
    """
    graph = lowering.graph
    variable = node.inputs[input_index]
    tensors = dict(graph.tensors)
    for name in (variable, *node.outputs):
        if name is not None:
            tensors[name] = replace(tensors[name], shape=(1, 256))
    small = graph.replace(tensors=tensors)
    [result] = reference.run_node(small, node, {str(variable): _BYTES.reshape(1, 256)})
    return result.reshape(256).astype(np.int8)


def emit_table(lowering: Lowering, index: int, values: NDArray[np.int64]) -> None:
    """Emit the descriptor that loads a table of 256 32-bit values."""
    name = f"table of {lowering.graph.nodes[index].name}"
    buffer = lowering.constant_buffer(name, values.astype("<i4").tobytes())
    lowering.emit(Command(index, {"kind": int(Kind.TABLE)}, (buffer, 0)))


def lower_function(lowering: Lowering, index: int) -> None:
    """Lower an element-wise function of one tensor: values pass through a table."""
    node = lowering.graph.nodes[index]
    variable = _variable_input(lowering, node)
    source = lowering.place(lowering.tensor(node, variable))
    target = lowering.target(node, layout=source.layout)
    _require_whole(source.layout, target.layout)
    table = function_table(lowering, node, variable)
    emit_table(lowering, index, table.astype(np.int64))
    ones = np.ones(lowering.config.lanes, np.int64)
    lowering.emit(Command(
        index,
        {
            **_fields(source.layout), "unary": 1, "use_table": 1, "low": -128, "high": 127,
            "rounding": int(Rounding.HALF_UP),
        },
        (source.buffer, 0), (target.buffer, 0),
        parameters=parameter_words(ones * 0, Sums.identity(len(ones)), len(ones)),
        outputs=node.outputs,
    ))  # fmt: skip


def _variable_input(lowering: Lowering, node: Node) -> int:
    """Return which input is not constant; constants must be single numbers."""
    variable = []
    for i, name in enumerate(node.inputs):
        if name is None:
            continue
        data = lowering.graph.tensors[name].data
        if data is None:
            variable.append(i)
        elif data.size != 1:
            raise Unsupported("its constant operand is not a single number")
    if len(variable) != 1:
        raise Unsupported("it does not have one variable operand")
    return variable[0]


def _fields(layout: Layout) -> dict[str, int]:
    return {"kind": int(Kind.ELEMENTWISE), "word_count": layout.words}


def _require_whole(*layouts: Layout) -> None:
    if not all(layout.whole for layout in layouts):
        raise Unsupported("an operand or the result is a part of a concatenation")


def lower_binary(lowering: Lowering, index: int) -> None:
    """Lower ADD, SUB or MUL of two tensors of one shape, or of a tensor and a number."""
    node = lowering.graph.nodes[index]
    tensors = [lowering.tensor(node, 0), lowering.tensor(node, 1)]
    if any(tensor.data is not None for tensor in tensors):
        lower_function(lowering, index)
        return
    if tensors[0].shape != tensors[1].shape:
        raise Unsupported("its operands differ in shape")
    a, b = (lowering.place(tensor) for tensor in tensors)
    if a.layout != b.layout:
        raise Unsupported("its operands lie differently in memory")
    target = lowering.target(node, layout=a.layout)
    _require_whole(a.layout, target.layout)
    stage = reference.output_stage(lowering.graph, node)
    lanes, zeros = lowering.config.lanes, [lowering.zero_point(tensor) for tensor in tensors]
    if node.operator == "MUL":
        low, high = _product_bounds(*zeros)
        multipliers = choose_multipliers(stage, np.full(lanes, low), np.full(lanes, high))
        fields = {"multiply": 1, "in_zero": zeros[0], "other_zero": zeros[1]}
    else:
        swapped, table, rule, scale = _addition(lowering, node, stage)
        emit_table(lowering, index, table)
        a, b = (b, a) if swapped else (a, b)
        bound = np.full(lanes, 1 << 29)
        multipliers = choose_multipliers(
            OutputStage(rule, np.array([scale]), stage.zero_point, stage.low, stage.high),
            -bound, bound)  # fmt: skip
        fields = {"wide": 1}
    if multipliers.constant.any():
        raise Unsupported("its result does not depend on its operands")
    lowering.emit(Command(
        index,
        {
            **_fields(a.layout), **fields, "rounding": int(multipliers.rounding),
            "zero_point": stage.zero_point, "low": stage.low, "high": stage.high,
        },
        (a.buffer, 0), (target.buffer, 0), (b.buffer, 0),
        parameters=parameter_words(np.zeros(lanes, np.int64), multipliers, lanes),
        outputs=node.outputs,
    ))  # fmt: skip


def _product_bounds(zero_a: int, zero_b: int) -> tuple[int, int]:
    ends = [(a - zero_a) * (b - zero_b) for a in (-128, 127) for b in (-128, 127)]
    return min(ends), max(ends)


def _addition(
    lowering: Lowering, node: Node, stage: OutputStage
) -> tuple[bool, NDArray[np.int64], Rule, float]:
    """Return whether operands are swapped, the second one's table, and the output's scaling.

    LiteRT shifts both operands left by 20 bits and scales them to twice the larger scale. For
    the operand of larger scale that is a shift by 19, which is what ``wide`` does; the other
    one's scaled value, less the first one's zero point, is what the table holds.
    """
    if stage.rule not in (Rule.DOUBLE, Rule.HALF_UP):
        raise Unsupported("this runtime adds in floating point")
    scales = [_scale(lowering, node, i) for i in (0, 1)]
    zeros = [lowering.zero_point(lowering.tensor(node, i)) for i in (0, 1)]
    first = int(np.argmax(scales))
    if node.operator == "SUB" and first == 1:
        raise Unsupported("it subtracts the operand of larger scale")
    second, common = 1 - first, 2.0 * max(scales)
    other = (_BYTES.astype(np.int64) - zeros[second]) << 20
    scaled = multiply(other, scales[second] / common, stage.rule)
    if node.operator == "SUB":
        scaled = -scaled
    table = scaled - (zeros[first] << 19)
    output = lowering.graph.tensors[node.outputs[0]].quantization
    assert output is not None
    scale = common / ((1 << 20) * float(output.scale[0]))
    if quantize_multiplier(scale)[0] == 0:
        raise Unsupported("its output's scale is out of range")
    return first == 1, table, stage.rule, scale


def _scale(lowering: Lowering, node: Node, index: int) -> float:
    quantization = lowering.tensor(node, index).quantization
    if quantization is None:
        raise Unsupported("an operand is not quantised")
    return float(quantization.scale[0])
