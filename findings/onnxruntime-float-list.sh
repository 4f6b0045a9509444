#!/usr/bin/env bash
# onnxruntime 1.32.0, Python: InferenceSession.run with a list of floats for an integer input. A NumPy
# array of float32 is refused there, and so is a list with a number out of range. One would expect a
# list of fractions to be refused too. It is accepted and cut towards zero, without rounding or a
# word. So real values given to a quantised network in place of integers pass unseen.
# Output seen: int8, 1.9 -1.9 2.5 -0.5: 1 -1 2 0; uint8, 1.9 1.9 2.5 0.5: 1 1 2 0; int8 list with 300:
# RuntimeError; float32 array: InvalidArgument.
set -euo pipefail
folder=$(mktemp -d); trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q --disable-pip-version-check \
  onnx==1.23.2 onnxruntime==1.32.0 numpy==2.4.6
"$folder/venv/bin/python" - <<'PY'
import numpy as np, onnxruntime as ort
from onnx import TensorProto, helper as h


def identity(dtype, values):
    """Give values to an Identity of this type; return what comes out, or the error's name."""
    kind = getattr(TensorProto, dtype)
    graph = h.make_graph([h.make_node("Identity", ["x"], ["y"])], "g",
                         [h.make_tensor_value_info("x", kind, [4])],
                         [h.make_tensor_value_info("y", kind, [4])])
    model = h.make_model(graph, opset_imports=[h.make_opsetid("", 17)]); model.ir_version = 8
    session = ort.InferenceSession(model.SerializeToString(), None, ["CPUExecutionProvider"])
    try:
        return session.run(None, {"x": values})[0].tolist()
    except Exception as error:
        return type(error).__name__


signed, positive = [1.9, -1.9, 2.5, -0.5], [1.9, 1.9, 2.5, 0.5]
for dtype, values, want in (("INT8", signed, [1, -1, 2, 0]), ("INT32", signed, [1, -1, 2, 0]),
                            ("UINT8", positive, [1, 1, 2, 0]),
                            ("INT8", [1, 2, 300, 4], "RuntimeError"),
                            ("INT8", np.array(signed, np.float32), "InvalidArgument")):
    got = identity(dtype, values)
    print(dtype, type(values).__name__, values, "gives", got)
    assert got == want, "the behaviour changed"
PY
