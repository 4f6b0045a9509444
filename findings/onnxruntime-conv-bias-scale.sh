#!/usr/bin/env bash
# onnxruntime 1.32.0: a Conv between DequantizeLinear and QuantizeLinear whose int32 bias has a scale
# of its own. One would expect that the runtime either honours that scale or leaves the Conv in float.
# It compares scales with an absolute tolerance of 1e-6 (besides 1 %). So where x_scale * w_scale is
# small, a bias of nearly twice the scale is added as if it had the product's scale.
# Output seen: plain 0.000380, optimised 0.000200 (for a bias that stands for 0.00019, twice over).
set -euo pipefail
folder=$(mktemp -d); trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q --disable-pip-version-check \
  onnx==1.23.2 onnxruntime==1.32.0 numpy==2.4.6
"$folder/venv/bin/python" - <<'PY'
import numpy as np, onnx, onnxruntime as ort
from onnx import helper as h, numpy_helper as nh
one = 1e-3  # scale of input and of weights: their product is 1e-6
values = {"xs": np.float32(one), "xz": np.uint8(0), "w": np.zeros((1, 1, 1, 1), np.int8),
          "ws": np.float32(one), "wz": np.int8(0), "b": np.array([200], np.int32),
          "bs": np.float32(1.9e-6), "ys": np.float32(1e-5), "yz": np.uint8(0)}
nodes = [h.make_node("QuantizeLinear", ["x", "xs", "xz"], ["xq"]),
         h.make_node("DequantizeLinear", ["xq", "xs", "xz"], ["xd"]),
         h.make_node("DequantizeLinear", ["w", "ws", "wz"], ["wd"]),
         h.make_node("DequantizeLinear", ["b", "bs"], ["bd"]),
         h.make_node("Conv", ["xd", "wd", "bd"], ["c"]),
         h.make_node("QuantizeLinear", ["c", "ys", "yz"], ["yq"]),
         h.make_node("DequantizeLinear", ["yq", "ys", "yz"], ["y"])]
graph = h.make_graph(nodes, "g", [h.make_tensor_value_info("x", 1, [1, 1, 2, 2])],
                     [h.make_tensor_value_info("y", 1, [1, 1, 2, 2])],
                     [nh.from_array(np.asarray(v), k) for k, v in values.items()])
model = h.make_model(graph, opset_imports=[h.make_opsetid("", 17)]); model.ir_version = 8
got = {}
for name, level in [("plain", ort.GraphOptimizationLevel.ORT_DISABLE_ALL),
                    ("optimised", ort.GraphOptimizationLevel.ORT_ENABLE_ALL)]:
    options = ort.SessionOptions(); options.graph_optimization_level = level
    session = ort.InferenceSession(model.SerializeToString(), options, ["CPUExecutionProvider"])
    got[name] = float(session.run(None, {"x": np.zeros((1, 1, 2, 2), np.float32)})[0].flat[0])
    print(name, f"{got[name]:.6f}")
assert abs(got["plain"] - 0.00038) < 1e-6, "the plain meaning changed"
assert abs(got["optimised"] - 0.00020) < 1e-6, "the behaviour changed"
PY
