#!/usr/bin/env bash
# onnxruntime 1.32.0: Conv (likewise ConvTranspose and Gemm) between DequantizeLinear and QuantizeLinear
# whose weights are plain float32 constants. A file that leaves weights in float keeps their precision on
# purpose. The optimiser quantises them nevertheless, when it loads the file, to int8 with one scale for
# the whole tensor and a zero point, and the bias to int32; the layer becomes a QLinearConv.
# Output seen: QLinearConv with int8 weights; 12 of 64 values differ from the unoptimised graph's
set -euo pipefail
folder=$(mktemp -d); trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q --disable-pip-version-check \
  onnx==1.23.2 onnxruntime==1.32.0 numpy==2.4.6
"$folder/venv/bin/python" - "$folder/optimised.onnx" <<'PY'
import sys
import numpy as np, onnx, onnxruntime as ort
from onnx import helper as h, numpy_helper as nh

STEP = np.float32(0.05)
rng = np.random.default_rng(0)
node, info = h.make_node, h.make_tensor_value_info
values = {"w": rng.normal(size=(4, 4, 3, 3)).astype(np.float32), "s": np.float32(0.05),
          "z": np.uint8(128), "t": STEP}
nodes = [node("QuantizeLinear", ["x", "s", "z"], ["xq"]),
         node("DequantizeLinear", ["xq", "s", "z"], ["xf"]),
         node("Conv", ["xf", "w"], ["c"]),
         node("QuantizeLinear", ["c", "t", "z"], ["cq"]),
         node("DequantizeLinear", ["cq", "t", "z"], ["y"])]
graph = h.make_graph(nodes, "g", [info("x", 1, [1, 4, 6, 6])], [info("y", 1, [1, 4, 4, 4])],
                     [nh.from_array(np.asarray(v), k) for k, v in values.items()])
model = h.make_model(graph, opset_imports=[h.make_opsetid("", 17)]); model.ir_version = 8
onnx.checker.check_model(model, full_check=True)
x = rng.normal(0, 1, (1, 4, 6, 6)).astype(np.float32)


def result(level, path=""):
    options = ort.SessionOptions(); options.log_severity_level = 3
    options.graph_optimization_level, options.optimized_model_filepath = level, path
    session = ort.InferenceSession(model.SerializeToString(), options, ["CPUExecutionProvider"])
    return session.run(None, {"x": x})[0]


levels = ort.GraphOptimizationLevel
away = np.abs(result(levels.ORT_ENABLE_ALL, sys.argv[1]) - result(levels.ORT_DISABLE_ALL)) / STEP
optimised = onnx.load(sys.argv[1]).graph
kinds = [n.op_type for n in optimised.node]
weights = [t for t in optimised.initializer if list(t.dims) == [4, 4, 3, 3]]
assert "QLinearConv" in kinds and [t.data_type for t in weights] == [3], "weights stay in float now"
print(f"QLinearConv with int8 weights; {(away > 0.5).sum()} of {away.size} values differ "
      "from the unoptimised graph's")
assert (away > 0.5).sum() > 4, "the behaviour changed"
PY
