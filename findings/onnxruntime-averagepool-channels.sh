#!/usr/bin/env bash
# onnxruntime 1.32.0, x86-64 with AVX-512: AveragePool over 2 by 2 windows in float32. The mean of a
# window of a channel should not depend on how many other channels there are. It does: where their
# number is a multiple of 16 the optimiser puts the pool in a blocked layout (ReorderInput), whose
# kernel adds row by row. The kernel of all other numbers adds the columns first. So a padded
# or pruned layer gives other values, and a QuantizeLinear behind it other integers.
# Output seen: 15, 17: AveragePool, 0 of 400 means differ; 16, 32: ReorderInput, AveragePool,
# ReorderOutput, 153 of 400 differ.
set -euo pipefail
grep -qw avx512f /proc/cpuinfo || { echo "This needs a CPU with AVX-512." >&2; exit 2; }
folder=$(mktemp -d); trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q --disable-pip-version-check \
  onnx==1.23.2 onnxruntime==1.32.0 numpy==2.4.6
"$folder/venv/bin/python" - "$folder/optimised.onnx" <<'PY'
import sys
import numpy as np, onnx, onnxruntime as ort
from onnx import helper as h


def pool(channel, count):
    """Pool count copies of a channel; return the operators and the means of the first."""
    node = h.make_node("AveragePool", ["x"], ["y"], kernel_shape=[2, 2], strides=[2, 2])
    graph = h.make_graph([node], "g", [h.make_tensor_value_info("x", 1, [1, count, 40, 40])],
                         [h.make_tensor_value_info("y", 1, [1, count, 20, 20])])
    model = h.make_model(graph, opset_imports=[h.make_opsetid("", 17)]); model.ir_version = 8
    options = ort.SessionOptions(); options.optimized_model_filepath = sys.argv[1]
    options.log_severity_level = 3
    session = ort.InferenceSession(model.SerializeToString(), options, ["CPUExecutionProvider"])
    [y] = session.run(None, {"x": np.repeat(channel[None, None], count, 1)})
    return [n.op_type for n in onnx.load(sys.argv[1]).graph.node], y[0, 0]


channel = np.random.default_rng(0).integers(-128, 128, (40, 40)).astype(np.float32)
channel *= np.float32(0.0371)
_, alone = pool(channel, 1)
for count in (15, 16, 17, 32):
    found, means = pool(channel, count)
    differ = int((means != alone).sum())
    print(f"{count} channels: {found}, {differ} of {means.size} means differ from one channel's")
    assert (differ > 50) == (count % 16 == 0), "the behaviour changed"
PY
