"""ADD, SUB and MUL of two tensors, and any int8 function of one as a table of 256 entries."""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from weft_hw.contract.descriptor import Rounding
from weft_hw.contract.layers import Elementwise, Table

from weft.compiler.constants.decisions import fit_function
from weft.compiler.constants.pair_sum import fit_sum
from weft.compiler.constants.pairs import VALUES
from weft.compiler.constants.requantize import parameter_words
from weft.compiler.ir import Command, Unsupported
from weft.compiler.lowering.context import Lowering
from weft.compiler.lowering.operands import place_operands
from weft.compiler.lowering.window import Sums
from weft.compiler.words import Parameters
from weft.golden import run as reference
from weft.graph import Node
from weft.program.layout import Layout

__all__ = ["emit_table", "function_table", "lower_binary", "lower_function", "pair_table"]

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
    lowering.emit(Command(index, Table(), (buffer, 0)))


def lower_function(lowering: Lowering, index: int) -> None:
    """Lower an element-wise function of one tensor: values pass through a table."""
    node = lowering.graph.nodes[index]
    if len(node.attributes.get("table", ())) > 256:
        raise Unsupported("it has a table for each channel")
    variable = _variable_input(lowering, node)
    source = lowering.place(lowering.tensor(node, variable))
    target = lowering.target(node, layout=source.layout)
    _require_whole(source.layout, target.layout)
    table = function_table(lowering, node, variable)
    emit_table(lowering, index, table.astype(np.int64))
    ones = np.ones(lowering.config.lanes, np.int64)
    lowering.emit(
        Command(
            index,
            Elementwise(
                word_count=source.layout.words,
                unary=True,
                use_table=True,
                rounding=Rounding.HALF_UP,
                low=-128,
                high=127,
            ),
            (source.buffer, 0),
            (target.buffer, 0),
            parameters=Parameters(parameter_words(ones * 0, Sums.identity(len(ones)), len(ones))),
            outputs=node.outputs,
        )
    )


def _variable_input(lowering: Lowering, node: Node) -> int:
    """Return which input is not constant; constants must be single numbers."""
    variable = []
    for i, name in enumerate(node.inputs):
        if name is None:
            continue
        data = lowering.graph.tensors[name].data
        if data is None:
            if name not in node.inputs[:i]:
                variable.append(i)
        elif data.size != 1:
            raise Unsupported("its constant operand is not a single number")
    if len(variable) != 1:
        raise Unsupported("it does not have one variable operand")
    return variable[0]


def _require_whole(*layouts: Layout) -> None:
    if not all(layout.whole for layout in layouts):
        raise Unsupported("an operand or the result is a part of a concatenation")


def lower_binary(lowering: Lowering, index: int) -> None:
    """Lower ADD, SUB or MUL of two tensors, of one with itself, or of a tensor and a number."""
    node = lowering.graph.nodes[index]
    tensors = [lowering.tensor(node, 0), lowering.tensor(node, 1)]
    single = any(tensor.data is not None and tensor.data.size == 1 for tensor in tensors)
    if single or tensors[0].name == tensors[1].name:
        lower_function(lowering, index)
        return
    a, b = place_operands(lowering, index, node, tensors)
    target = lowering.target(node, layout=a.layout)
    _require_whole(a.layout, target.layout)
    stage = reference.output_stage(lowering.graph, node)
    lanes, zeros = lowering.config.lanes, [lowering.zero_point(tensor) for tensor in tensors]
    results = pair_table(lowering, node).astype(np.int64)
    product = node.operator == "MUL"
    if product:
        a_values, b_values = VALUES - zeros[0], VALUES - zeros[1]
        fit = fit_function(stage, np.multiply.outer(a_values, b_values), results)
    else:
        scales = [_scale(lowering, node, i) for i in (0, 1)]
        sign = -1 if node.operator == "SUB" else 1
        first, table, fit = fit_sum(
            stage, scales, zeros, _output_scale(lowering, node), results, sign
        )
        emit_table(lowering, index, table)
        a, b = (a, b) if first == 0 else (b, a)
    lowering.emit(
        Command(
            index,
            Elementwise(
                word_count=a.layout.words,
                wide=fit.wide and not product,
                multiply=product,
                in_zero=zeros[0] if product else 0,
                other_zero=zeros[1] if product else 0,
                rounding=fit.rounding,
                zero_point=fit.zero_point,
                low=stage.low,
                high=stage.high,
            ),
            (a.buffer, 0),
            (target.buffer, 0),
            (b.buffer, 0),
            parameters=Parameters(
                np.broadcast_to(np.array([fit.bias, fit.multiplier, fit.shift]), (1, lanes, 3))
            ),
            outputs=node.outputs,
        )
    )


def pair_table(lowering: Lowering, node: Node) -> NDArray[np.int8]:
    """Return what ``node`` makes of every pair of int8 values, int8 (256, 256)."""
    graph, names = lowering.graph, [str(name) for name in node.inputs[:2]]
    tensors = dict(graph.tensors)
    for name in (*names, *node.outputs):
        tensors[name] = replace(tensors[name], shape=(1, 256, 256), data=None)
    a, b = np.meshgrid(_BYTES, _BYTES, indexing="ij")
    feeds = dict(zip(names, (a[None], b[None]), strict=True))
    [result] = reference.run_node(graph.replace(tensors=tensors), node, feeds)
    return result.reshape(256, 256)


def _scale(lowering: Lowering, node: Node, index: int) -> float:
    quantization = lowering.tensor(node, index).quantization
    if quantization is None:
        raise Unsupported("an operand is not quantised")
    return float(quantization.scale[0])


def _output_scale(lowering: Lowering, node: Node) -> float:
    quantization = lowering.graph.tensors[node.outputs[0]].quantization
    if quantization is None:
        raise Unsupported("its result is not quantised")
    return float(quantization.scale[0])
