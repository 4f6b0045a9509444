"""No field of a .tflite file is overlooked: what the parser leaves out or fills in by itself."""

from typing import Any

import numpy as np
import pytest

pytest.importorskip("ai_edge_litert")

import tflite
from ai_edge_litert import schema_py_generated as schema
from networks.tflite_net import Net
from weft.errors import ModelError
from weft.graph import Graph
from weft.importers.tflite.flatbuffer import Operator, read_model
from weft.importers.tflite.table import _REDUNDANT, unread
from weft.importers.tflite.walk import import_tflite

STEP = (0.05, -3)


def added(kind: str = "MUL", **options: Any) -> tuple[Net, int]:
    net = Net()
    tensors = [net.input((1, 2, 2, 4)), net.input((1, 2, 2, 4), (0.1, 4))]
    y = net.tensor((1, 2, 2, 4), (0.4, 1))
    return net, net.op(kind, tensors, y, options.pop("table", "MulOptions"), **options)


def constant(graph: Graph, position: int) -> np.ndarray:
    return np.asarray(graph.tensors[str(graph.nodes[0].inputs[position])].data)


def refused(net: Net, y: int, pattern: str) -> None:
    with pytest.raises(ModelError, match=pattern):
        import_tflite(net.bytes(y), "m", "reference")


@pytest.mark.parametrize("kind", ["MUL", "SUB"])
def test_operator_code_in_the_newer_field_alone(kind):
    net, y = added(kind, table=f"{kind.capitalize()}Options")
    net.writer.model.operatorCodes[0].deprecatedBuiltinCode = 0
    assert net.differences(y) == 0


def test_operator_code_in_the_older_field_alone():
    net, y = added()
    net.writer.model.operatorCodes[0].builtinCode = 0
    assert net.differences(y) == 0


def test_options_of_another_kind_are_refused():
    net, y = added(table="AddOptions", fusedActivationFunction=1)
    refused(net, y, "MUL has no MulOptions")


def test_weights_in_another_format_are_refused():
    net = Net()
    x = net.input((1, 8))
    weights = net.weights(np.ones((4, 8), np.int8), [0.01])
    y = net.op(
        "FULLY_CONNECTED",
        [x, weights],
        net.tensor((1, 4), STEP),
        "FullyConnectedOptions",
        weightsFormat=1,
    )
    refused(net, y, "option WeightsFormat of FULLY_CONNECTED is not supported")


def test_fused_activation_is_refused_by_name():
    net, y = added(fusedActivationFunction=4)
    refused(net, y, "fused activation TANH is not supported")


def test_type_is_refused_by_name():
    net = Net()
    x = net.input((1, 4))
    y = net.op("QUANTIZE", [x], net.tensor((1, 4), STEP, dtype=np.int16))
    net.writer.graph.tensors[y].type = schema.TensorType.FLOAT16
    refused(net, y, "tensors of type FLOAT16 are not supported")


def test_quantisation_without_zero_points_is_refused_as_by_litert():
    net, y = added()
    net.writer.graph.tensors[net.inputs[0]].quantization.zeroPoint = None
    refused(net, y, "has 1 scales but 0 zero points")


def test_quantisation_of_another_kind_is_refused():
    net, y = added()
    quantization = net.writer.graph.tensors[net.inputs[0]].quantization
    quantization.detailsType = schema.QuantizationDetails.CustomQuantization
    quantization.details = schema.CustomQuantizationT()
    refused(net, y, "has a quantisation of its own kind")


def test_schema_version_is_checked():
    net, y = added()
    net.writer.model.version = 2
    refused(net, y, "schema version 2")


def test_bytes_of_a_constant_behind_the_flatbuffer():
    net = Net()
    x = net.input((1, 4, 4, 2))
    data = np.random.default_rng(3).integers(-128, 128, (3, 1, 1, 2)).astype(np.int8)
    weights = net.weights(data, [0.01] * 3)
    y = net.op(
        "CONV_2D",
        [x, weights, net.constant(np.zeros(3, np.int32), (0.0005, 0))],
        net.tensor((1, 4, 4, 3), STEP),
        "Conv2DOptions",
        strideH=1,
        strideW=1,
        dilationHFactor=1,
        dilationWFactor=1,
    )
    buffer = net.writer.model.buffers[net.writer.graph.tensors[weights].buffer]
    inside = net.bytes(y)
    buffer.data, buffer.offset, buffer.size = None, 2, data.size  # in place of any size
    length = len(net.bytes(y))
    buffer.offset = length
    behind = net.bytes(y)
    assert len(behind) == length
    graphs = [import_tflite(x, "m", "reference") for x in (inside, behind + data.tobytes())]
    for graph in graphs:
        assert np.array_equal(constant(graph, 1), data)


def test_bias_with_the_weights_quantized_dimension():
    net = Net()
    x = net.input((1, 4, 4, 2))
    data = np.random.default_rng(3).integers(-128, 128, (1, 1, 1, 2)).astype(np.int8)
    weights = net.weights(data, [0.01, 0.02], axis=3)
    bias = net.weights(np.array([3, 4], np.int32), [0.0005, 0.001], axis=3)
    y = net.op(
        "DEPTHWISE_CONV_2D",
        [x, weights, bias],
        net.tensor((1, 4, 4, 2), STEP),
        "DepthwiseConv2DOptions",
        strideH=1,
        strideW=1,
        dilationHFactor=1,
        dilationWFactor=1,
        depthMultiplier=1,
    )
    graph = import_tflite(net.bytes(y), "m", "reference")
    assert np.array_equal(constant(graph, 2), [3, 4])


KINDS = sorted(
    kind
    for kind in vars(schema.BuiltinOptions)
    if kind.endswith("Options") and hasattr(tflite, kind)
)


def read_back(kind: str, **fields: Any) -> Operator:
    net = Net()
    x = net.input((1, 4))
    y = net.op("CUSTOM", [x], net.tensor((1, 4), STEP), kind, **fields)
    [graph] = read_model(net.bytes(y))
    return graph.operators[0]


@pytest.mark.parametrize("kind", KINDS)
def test_a_field_that_nobody_reads_is_found(kind):
    assert unread(read_back(kind), set()) == []
    for field, default in vars(getattr(schema, kind + "T")()).items():
        if isinstance(default, bool | int | float):
            value = not default if isinstance(default, bool) else default + 1
            name = field[0].upper() + field[1:]
            expected = [] if name in _REDUNDANT else [name]
            operator = read_back(kind, **{field: value})
            assert unread(operator, set()) == expected
            assert unread(operator, {name}) == []


def test_weights_of_four_bits():
    """LiteRT's default engine leaves them to kernels that round otherwise than XNNPACK's."""
    net, rng = Net(), np.random.default_rng(5)
    steps = rng.integers(-7, 8, (6, 8)).astype(np.int8)
    w = net.weights(steps, [0.01] * 6)
    tensor = net.writer.graph.tensors[w]
    low, high = (steps.reshape(-1)[i::2].view(np.uint8) & 15 for i in (0, 1))
    tensor.type = schema.TensorType.INT4
    net.writer.model.buffers[tensor.buffer].data = low | high << 4
    y = net.op(
        "FULLY_CONNECTED",
        [net.input((3, 8)), w, -1],
        net.tensor((3, 6), (0.02, 3)),
        "FullyConnectedOptions",
    )
    net.compare(y)
    with pytest.raises(ModelError, match="FULLY_CONNECTED with weights of 4 bits is supported wit"):
        import_tflite(net.bytes(y), "m", "xnnpack")
