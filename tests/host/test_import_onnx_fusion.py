"""Groups that ONNX Runtime leaves in float, against the runtime: scales whose ties are frequent."""

import numpy as np
import onnx
import pytest
import weft
from onnx import helper, numpy_helper

onnxruntime = pytest.importorskip("onnxruntime")
SHAPE = (1, 8, 16, 16)


def model_of(operator, *, relu=False, results=1, types=("int8", "int8", "int8"), zero_out=0):
    """Q-DQ pairs before and behind one operator; scales are powers of two, so that ties occur."""
    binary = operator in ("Add", "Sub", "Mul")
    nodes, constants = [], []

    def constant(name, value):
        constants.append(numpy_helper.from_array(np.asarray(value), name))
        return name

    def pair(x, scale, zero, kind, output):
        dtype = np.dtype(kind)
        zero += 128 if kind == "uint8" else 0
        edge = [
            constant(f"{output}_s", np.float32(scale)),
            constant(f"{output}_z", np.array(zero, dtype)),
        ]
        nodes.append(helper.make_node("QuantizeLinear", [x, *edge], [f"{output}_q"]))
        nodes.append(helper.make_node("DequantizeLinear", [f"{output}_q", *edge], [output]))
        return output

    names = ["a", "b"] if binary else ["a"]
    operands = [
        pair(n, 0.25 if i else 0.5, 3 - i, types[i], f"{n}_dq") for i, n in enumerate(names)
    ]
    if binary:
        nodes.append(helper.make_node(operator, operands, ["real"]))
    else:
        nodes.append(
            helper.make_node(operator, operands, ["real"], kernel_shape=[2, 2], strides=[2, 2])
        )
    last = "real"
    if relu:
        nodes.append(helper.make_node("Relu", [last], ["kept"]))
        last = "kept"
    outputs = [pair(last, 1.0 + i, zero_out, types[2], f"y{i}") for i in range(results)]
    graph = helper.make_graph(
        nodes,
        operator,
        [helper.make_tensor_value_info(n, onnx.TensorProto.FLOAT, SHAPE) for n in names],
        [helper.make_tensor_value_info(n, onnx.TensorProto.FLOAT, None) for n in outputs],
        constants,
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)])
    model.ir_version = 8
    return onnx.shape_inference.infer_shapes(model)


def compare(model, tmp_path):
    path = tmp_path / "m.onnx"
    path.write_bytes(model.SerializeToString())
    options = onnxruntime.SessionOptions()
    options.add_session_config_entry("session.qdqisint8allowed", "1")
    runtime = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    rng = np.random.default_rng(1)
    feeds = {i.name: rng.uniform(-40, 40, SHAPE).astype(np.float32) for i in runtime.get_inputs()}
    expected = runtime.run(None, feeds)
    with weft.InferenceSession(path, device="golden") as session:
        for got, right in zip(session.run(None, feeds), expected, strict=True):
            np.testing.assert_array_equal(got, right)


@pytest.mark.parametrize("operator", ["Add", "Sub", "Mul"])
@pytest.mark.parametrize(
    "options",
    [
        {"relu": True},
        {"relu": True, "zero_out": -100},
        {"relu": True, "zero_out": -128},
        {"results": 2},
        {"types": ("int8", "int8", "uint8")},
        {"types": ("uint8", "uint8", "int8")},
        {"types": ("uint8", "int8", "int8")},
        {},
    ],
    ids=str,
)
def test_two_operands(operator, options, tmp_path):
    compare(model_of(operator, **options), tmp_path)


@pytest.mark.parametrize(
    "options",
    [
        {"results": 2},
        {"types": ("int8", None, "uint8")},
        {"types": ("uint8", None, "int8")},
        {},
    ],
    ids=str,
)
def test_average_pool(options, tmp_path):
    compare(model_of("AveragePool", **options), tmp_path)
