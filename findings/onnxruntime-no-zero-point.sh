#!/usr/bin/env bash
# onnxruntime 1.32.0: int8 numbers whose DequantizeLinear leaves out the zero point, which then is 0 (the
# QuantizeLinear before names it, so the model is valid), and a Reshape, Transpose or MaxPool behind. One would
# expect the numbers that the file says. The optimiser moves the DequantizeLinear behind the Reshape and writes
# a new pair without a zero point, in which QuantizeLinear makes uint8: what is below zero becomes 0.
# The same DequantizeLinear keeps Gemm from its integer kernel, but not Conv and MatMul.
# Output seen: unoptimised: -1.0 1.0; optimised: 0.0 1.0
set -euo pipefail
folder=$(mktemp -d); trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q --disable-pip-version-check \
  onnx==1.23.2 onnxruntime==1.32.0 numpy==2.4.6
"$folder/venv/bin/python" - <<'PY'
import numpy as np, onnx, onnxruntime as ort
from onnx import helper as h, numpy_helper as nh

values = {"s": np.float32(0.5), "z": np.int8(0), "shape": np.array([2, 1], np.int64)}
node, info = h.make_node, h.make_tensor_value_info
nodes = [node("QuantizeLinear", ["x", "s", "z"], ["xq"]),
         node("DequantizeLinear", ["xq", "s"], ["xf"]),
         node("Reshape", ["xf", "shape"], ["y"])]
graph = h.make_graph(nodes, "g", [info("x", 1, [1, 2])], [info("y", 1, [2, 1])],
                     [nh.from_array(np.asarray(v), k) for k, v in values.items()])
model = h.make_model(graph, opset_imports=[h.make_opsetid("", 17)]); model.ir_version = 8
onnx.checker.check_model(model, full_check=True)
found = {}
for name, level in (("unoptimised", "ORT_DISABLE_ALL"), ("optimised", "ORT_ENABLE_ALL")):
    options = ort.SessionOptions(); options.log_severity_level = 4
    options.graph_optimization_level = getattr(ort.GraphOptimizationLevel, level)
    session = ort.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    [y] = session.run(None, {"x": np.array([[-1, 1]], np.float32)})
    found[name] = y.reshape(-1).tolist()
print(ort.__version__, found)
assert found == {"unoptimised": [-1.0, 1.0], "optimised": [0.0, 1.0]}, "it has changed"
PY
