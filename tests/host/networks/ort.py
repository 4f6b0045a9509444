"""ONNX Runtime as the oracle for ONNX networks."""

from typing import Any

import numpy as np
import onnx
import onnxruntime

__all__ = ["ort_session", "run_ort"]


def ort_session(model: bytes, keep: str = "") -> tuple[onnxruntime.InferenceSession, list[str]]:
    """Return a session and its outputs; tensors named ``keep`` and a number become outputs."""
    proto = onnx.ModelProto.FromString(model)
    known = {output.name for output in proto.graph.output}
    names = [name for node in proto.graph.node for name in node.output]
    for name in names:
        if keep and name.startswith(keep) and name[len(keep) :].isdigit() and name not in known:
            proto.graph.output.append(onnx.ValueInfoProto(name=name))
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 4
    # Without it, int8 activations on x86 leave some convolutions in float32.
    options.add_session_config_entry("session.qdqisint8allowed", "1")
    session = onnxruntime.InferenceSession(
        proto.SerializeToString(), options, providers=["CPUExecutionProvider"]
    )
    return session, [output.name for output in session.get_outputs()]


def run_ort(session: onnxruntime.InferenceSession, x: np.ndarray) -> dict[str, Any]:
    """Run one input and return every output by name."""
    names = [output.name for output in session.get_outputs()]
    return dict(zip(names, session.run(names, {session.get_inputs()[0].name: x}), strict=True))
