"""Means of rows in float32, against ONNX Runtime's ReduceMean: every length and start of a row."""

import numpy as np
import pytest
from onnx import TensorProto, helper
from weft.golden.arithmetic.row_means import row_means_float32

onnxruntime = pytest.importorskip("onnxruntime")


@pytest.mark.parametrize("length", [*range(1, 41), 64, 100, 196])
@pytest.mark.parametrize("channels", [3, 64])
def test_row_means(length, channels):
    shape = [1, channels, 1, length]
    graph = helper.make_graph(
        [helper.make_node("ReduceMean", ["x"], ["y"], axes=[2, 3])],
        "g",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, shape)],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, None)],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)])
    model.ir_version = 9
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(
        model.SerializeToString(), options, ["CPUExecutionProvider"]
    )
    x = np.random.default_rng(length).integers(-125, 131, shape).astype(np.float32)
    x *= np.float32(0.0123)
    [expected] = session.run(None, {"x": x})
    got = row_means_float32(x.reshape(channels, length))
    np.testing.assert_array_equal(got, expected.reshape(-1))
