#!/usr/bin/env bash
# onnxruntime 1.32.0: operators that only move values, between a DequantizeLinear and a MatMul. The
# optimiser brings a DequantizeLinear past them, so that the MatMul becomes a QLinearMatMul. One would
# expect this of Flatten and Split as of Reshape and Slice, which can say the same. It knows the latter
# only; behind Flatten and Split the quantised layer runs in float32. Nothing warns.
# Output seen: Reshape, Slice: QLinearMatMul; Flatten, Split: MatMul between DequantizeLinear and
# QuantizeLinear.
set -euo pipefail
folder=$(mktemp -d); trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q --disable-pip-version-check \
  onnx==1.23.2 onnxruntime==1.32.0 numpy==2.4.6
"$folder/venv/bin/python" - "$folder/optimised.onnx" <<'PY'
import sys
import numpy as np, onnx, onnxruntime as ort
from onnx import helper as h, numpy_helper as nh


def operators(move, shape, **indices):
    """Put move between a uint8 tensor x of this shape and a quantised MatMul of 32 columns."""
    weights = np.random.default_rng(0).integers(0, 256, (32, 8)).astype(np.uint8)
    values = {"s": np.float32(0.05), "z": np.uint8(128), "w": weights}
    values |= {k: np.array(v, np.int64) for k, v in indices.items()}
    nodes = [h.make_node("DequantizeLinear", ["x", "s", "z"], ["a"]), move,
             h.make_node("DequantizeLinear", ["w", "s", "z"], ["wd"]),
             h.make_node("MatMul", ["b", "wd"], ["c"]),
             h.make_node("QuantizeLinear", ["c", "s", "z"], ["y"])]
    info = h.make_tensor_value_info
    graph = h.make_graph(nodes, "g", [info("x", 2, shape)], [info("y", 2, [1, 8])],
                         [nh.from_array(np.asarray(v), k) for k, v in values.items()])
    model = h.make_model(graph, opset_imports=[h.make_opsetid("", 17)]); model.ir_version = 8
    options = ort.SessionOptions(); options.optimized_model_filepath = sys.argv[1]
    options.log_severity_level = 3
    ort.InferenceSession(model.SerializeToString(), options, ["CPUExecutionProvider"])
    return [n.op_type for n in onnx.load(sys.argv[1]).graph.node]


node = h.make_node
runs = {
    "Reshape": operators(node("Reshape", ["a", "to"], ["b"]), [1, 2, 4, 4], to=[1, 32]),
    "Flatten": operators(node("Flatten", ["a"], ["b"]), [1, 2, 4, 4]),
    "Slice": operators(node("Slice", ["a", "i", "j", "k"], ["b"]), [1, 64], i=[0], j=[32], k=[1]),
    "Split": operators(node("Split", ["a"], ["b", "rest"], axis=1), [1, 64]),
}
for name, found in runs.items():
    print(f"{name}:", found)
assert all("QLinearMatMul" in runs[k] for k in ("Reshape", "Slice")), "these are in float now"
assert all("MatMul" in runs[k] for k in ("Flatten", "Split")), "these are integer now"
PY
