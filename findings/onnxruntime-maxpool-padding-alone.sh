#!/usr/bin/env bash
# onnxruntime 1.32.0: a MaxPool between DequantizeLinear and QuantizeLinear, with dilation, so that a window has
# both of its taps in the padding. Of real numbers the maximum there is the least float32. One would expect an
# output to be the same whatever other outputs a model has. But with one reader the optimiser moves the
# DequantizeLinear behind the MaxPool, which then takes integers: the maximum is -128, here -65.5 as a number.
# A second reader, which only quantises the same tensor once more, keeps the pool in float32.
# Output seen: one reader: -65.5; two readers: -3.4028234663852886e+38
set -euo pipefail
folder=$(mktemp -d); trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q --disable-pip-version-check \
  onnx==1.23.2 onnxruntime==1.32.0 numpy==2.4.6
"$folder/venv/bin/python" - <<'PY'
import numpy as np, onnx, onnxruntime as ort
from onnx import helper as h, numpy_helper as nh

values = {"s": np.float32(0.5), "z": np.int8(3)}
node, info = h.make_node, h.make_tensor_value_info
found = {}
for readers in (1, 2):
    nodes = [node("QuantizeLinear", ["x", "s", "z"], ["xq"]),
             node("DequantizeLinear", ["xq", "s", "z"], ["xf"]),
             # Taps at -1 and 5 of a row of five.
             node("MaxPool", ["xf"], ["y"], kernel_shape=[1, 2], dilations=[1, 6], pads=[0, 1, 0, 1])]
    outputs = [info("y", 1, [1, 1, 1, 1])]
    if readers == 2:
        nodes += [node("QuantizeLinear", ["y", "s", "z"], ["yq"]),
                  node("DequantizeLinear", ["yq", "s", "z"], ["again"])]
        outputs += [info("again", 1, [1, 1, 1, 1])]
    graph = h.make_graph(nodes, "g", [info("x", 1, [1, 1, 1, 5])], outputs,
                         [nh.from_array(np.asarray(v), k) for k, v in values.items()])
    model = h.make_model(graph, opset_imports=[h.make_opsetid("", 17)]); model.ir_version = 8
    onnx.checker.check_model(model, full_check=True)
    options = ort.SessionOptions(); options.log_severity_level = 4
    session = ort.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    found[readers] = float(session.run(["y"], {"x": np.ones((1, 1, 1, 5), np.float32)})[0].item())
print(ort.__version__, found)
assert found == {1: -65.5, 2: float(np.finfo(np.float32).min)}, "it has changed"
PY
