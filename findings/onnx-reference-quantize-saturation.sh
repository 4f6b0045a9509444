#!/usr/bin/env bash
# onnx 1.23.2, reference evaluator: QuantizeLinear saturates, says its specification. The evaluator
# converts x / scale to int32 before it saturates. Where the quotient exceeds 32 bits, a large positive
# number becomes the smallest int8 on x86-64. ONNX Runtime saturates as specified.
# Output seen, for 1e6, 3e6, -3e6 and 5e6 with scale 0.001:
#   reference 127 -128 -128 -128, onnxruntime 127 127 -128 127.
set -euo pipefail
folder=$(mktemp -d); trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q --disable-pip-version-check \
  onnx==1.23.2 onnxruntime==1.32.0 numpy==2.4.6
"$folder/venv/bin/python" -W ignore - <<'PY'
import numpy as np, onnxruntime as ort
from onnx import helper as h, numpy_helper as nh
from onnx.reference import ReferenceEvaluator

node = h.make_node("QuantizeLinear", ["x", "scale", "zero"], ["y"])
graph = h.make_graph([node], "g", [h.make_tensor_value_info("x", 1, [4])],
                     [h.make_tensor_value_info("y", 3, [4])],
                     [nh.from_array(np.float32(1e-3), "scale"), nh.from_array(np.int8(5), "zero")])
model = h.make_model(graph, opset_imports=[h.make_opsetid("", 21)]); model.ir_version = 10
x = np.array([1e6, 3e6, -3e6, 5e6], np.float32)
[reference] = ReferenceEvaluator(model).run(None, {"x": x})
session = ort.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
[runtime] = session.run(None, {"x": x})
print("reference", *reference); print("onnxruntime", *runtime)
assert runtime.tolist() == [127, 127, -128, 127], "the runtime changed"
assert reference.tolist() == [127, -128, -128, -128], "the behaviour changed"
PY
