#!/usr/bin/env bash
# onnxruntime 1.32.0: MatMul or Gemm of a float tensor with weights of 8 bits behind a DequantizeLinear.
# The file quantises the weights only, so one would expect float32 arithmetic on the activations. The
# optimiser makes a MatMulNBits of both, whose CPU kernel also rounds the activations to 8 bits, in blocks.
# Without optimisation the activations stay what they are. Nothing warns, and no option was set.
# Output seen, for 64 products of about 1 in a sum: MatMul, Gemm: MatMulNBits, largest difference 0.068.
set -euo pipefail
folder=$(mktemp -d); trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q --disable-pip-version-check \
  onnx==1.23.2 onnxruntime==1.32.0 numpy==2.4.6
"$folder/venv/bin/python" - "$folder/optimised.onnx" <<'PY'
import sys
import numpy as np, onnx, onnxruntime as ort
from onnx import helper as h, numpy_helper as nh

LEVELS = ort.GraphOptimizationLevel


def compare(operator):
    """Return the operator that runs, and how far it is from the unoptimised graph."""
    rng = np.random.default_rng(0)
    values = {"w": rng.integers(-100, 100, (64, 16)).astype(np.int8), "s": np.float32(0.01),
              "z": np.int8(0)}
    nodes = [h.make_node("DequantizeLinear", ["w", "s", "z"], ["f"]),
             h.make_node(operator, ["x", "f"], ["y"])]
    info = h.make_tensor_value_info
    graph = h.make_graph(nodes, "g", [info("x", 1, [4, 64])], [info("y", 1, [4, 16])],
                         [nh.from_array(np.asarray(v), k) for k, v in values.items()])
    model = h.make_model(graph, opset_imports=[h.make_opsetid("", 17)]); model.ir_version = 8
    x = {"x": rng.normal(0, 1, (4, 64)).astype(np.float32)}
    results = []
    for level in (LEVELS.ORT_ENABLE_ALL, LEVELS.ORT_DISABLE_ALL):
        options = ort.SessionOptions()
        options.graph_optimization_level, options.log_severity_level = level, 3
        if level == LEVELS.ORT_ENABLE_ALL:
            options.optimized_model_filepath = sys.argv[1]
        session = ort.InferenceSession(model.SerializeToString(), options, ["CPUExecutionProvider"])
        results.append(session.run(None, x)[0])
    return [n.op_type for n in onnx.load(sys.argv[1]).graph.node], abs(results[0] - results[1]).max()


for operator in ("MatMul", "Gemm"):
    found, away = compare(operator)
    print(f"{operator}: {', '.join(found)}, largest difference {away:.3f}")
    assert "MatMulNBits" in found and 0.01 < away < 1, "the behaviour changed"
PY
