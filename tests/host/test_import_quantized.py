"""Networks that onnxruntime.quantization itself wrote, from float models."""

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper
from weft.golden import run as reference
from weft.importers import load_model

pytest.importorskip("onnxruntime")

from networks.calibration import Reader
from networks.ort import ort_session, run_ort
from onnxruntime.quantization import (
    QuantFormat,
    QuantType,
    quantize_static,
)

SEED = 9


def float_model() -> onnx.ModelProto:
    """A small residual classifier as a PyTorch export writes it."""
    rng = np.random.default_rng(SEED)
    tensors, nodes = [], []

    def constant(name, *shape, spread=None):
        data = rng.normal(0, spread or 1 / np.sqrt(np.prod(shape[1:])), shape)
        tensors.append(numpy_helper.from_array(data.astype(np.float32), name))
        return name

    def node(operator, inputs, output, **attributes):
        nodes.append(helper.make_node(operator, inputs, [output], name=output, **attributes))
        return output

    def conv(x, name, outputs, inputs, kernel=3, **attributes):
        pads = [(kernel - 1) // 2] * 4
        weights = constant(f"{name}.w", outputs, inputs, kernel, kernel)
        bias = constant(f"{name}.b", outputs, spread=0.2)
        return node("Conv", [x, weights, bias], name, pads=pads, **attributes)

    x = node("Relu", [conv("x", "c1", 8, 3)], "r1")
    y = node("Relu", [conv(x, "c2", 8, 1, group=8)], "r2")
    y = conv(y, "c3", 8, 8, kernel=1)
    x = node("Relu", [node("Add", [x, y], "a1")], "r3")
    x = node("MaxPool", [x], "p1", kernel_shape=[2, 2], strides=[2, 2])
    y = node("Relu", [conv(x, "c4", 4, 8)], "r4")
    x = node("Concat", [x, y], "cat", axis=1)
    g = node("Flatten", [node("GlobalAveragePool", [x], "gap")], "f1")
    f = node("Flatten", [x], "f2")
    a = node("Gemm", [g, constant("g1.w", 10, 12), constant("g1.b", 10)], "g1", transB=1)
    b = node("Gemm", [f, constant("g2.w", 10, 192), constant("g2.b", 10)], "g2", transB=1)
    node("Softmax", [node("Add", [a, b], "a2")], "y", axis=-1)
    graph = helper.make_graph(
        nodes,
        "float",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["batch", 3, 8, 8])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["batch", 10])],
        tensors,
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


@pytest.mark.timeout(60)
@pytest.mark.parametrize("form", [QuantFormat.QDQ, QuantFormat.QOperator])
@pytest.mark.parametrize("per_channel", [False, True])
@pytest.mark.parametrize("activations", [QuantType.QInt8, QuantType.QUInt8])
def test_scores_equal_onnx_runtime(tmp_path, form, per_channel, activations):
    images = np.random.default_rng(SEED).normal(0, 1, (24, 1, 3, 8, 8)).astype(np.float32)
    source, target = tmp_path / "float.onnx", tmp_path / "int8.onnx"
    onnx.save(float_model(), source)
    quantize_static(
        source,
        target,
        Reader(images[:16]),
        quant_format=form,
        per_channel=per_channel,
        activation_type=activations,
        weight_type=QuantType.QInt8,
        # Wider weights make ONNX Runtime's uint8 kernels saturate on CPUs without VNNI.
        reduce_range=activations == QuantType.QUInt8,
    )
    graph = load_model(target)
    session, names = ort_session(target.read_bytes())
    for image in images:
        expected = run_ort(session, image)[names[0]]
        actual = reference.run(graph, {graph.inputs[0]: image})[graph.outputs[0]]
        assert np.array_equal(actual, expected)
