#!/usr/bin/env bash
# onnxruntime 1.32.0, CPU: ReduceMean over the last axis of a float tensor. Rows of the same numbers
# should have the same mean. They need not: rows lie one behind the other in memory, and the order
# in which a row is summed depends on how it lies to a 16-byte boundary.
# Output seen, of 8 equal rows: up to 4 different means for 49 numbers, 2 for 30, 50 and 98.
set -euo pipefail
folder=$(mktemp -d); trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q --disable-pip-version-check \
  onnx==1.23.2 onnxruntime==1.32.0 numpy==2.4.6
"$folder/venv/bin/python" - <<'PY'
import numpy as np, onnxruntime as ort
from onnx import helper as h

seen = {}
for count in (30, 49, 50, 98):
    node = h.make_node("ReduceMean", ["x"], ["y"], axes=[-1], keepdims=0)
    graph = h.make_graph([node], "g", [h.make_tensor_value_info("x", 1, [8, count])],
                         [h.make_tensor_value_info("y", 1, [8])])
    model = h.make_model(graph, opset_imports=[h.make_opsetid("", 13)]); model.ir_version = 8
    session = ort.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    most = 1
    for seed in range(50):
        row = np.random.default_rng(seed).normal(size=count).astype(np.float32)
        [y] = session.run(None, {"x": np.tile(row, (8, 1))})
        most = max(most, len(set(y.tolist())))
    seen[count] = most
    print(f"rows of {count} numbers: up to {most} different means of 8 equal rows")
assert max(seen.values()) > 1, "equal rows have equal means now"
PY
