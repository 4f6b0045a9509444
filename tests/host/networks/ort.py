"""ONNX Runtime as the oracle for ONNX networks."""

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime

__all__ = ["AVX_512", "VNNI", "open_ort", "ort_session", "run_ort"]

_FLAGS = Path("/proc/cpuinfo")
# Without it the runtime sums a Softmax in 8 lanes, not in 16, and pools 8 channels at once.
AVX_512 = _FLAGS.exists() and "avx512f" in _FLAGS.read_text()
# Without it the runtime saturates sums of two products of uint8 and of 8-bit weights.
VNNI = _FLAGS.exists() and "vnni" in _FLAGS.read_text()


def open_ort(model: bytes | Path, *, int8: bool = True, optimised: Path | None = None) -> Any:
    """Return a session of one thread; ``optimised`` is where it writes the model that it runs.

    With ``int8`` such activations stay int8. Without it, as by default on x86-64, they become
    uint8, and some convolutions are left in float32.
    """
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 4
    options.add_session_config_entry("session.qdqisint8allowed", "1" if int8 else "0")
    if optimised is not None:
        options.optimized_model_filepath = str(optimised)
    return onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])


def ort_session(model: bytes, keep: str = "") -> tuple[onnxruntime.InferenceSession, list[str]]:
    """Return a session and its outputs; tensors named ``keep`` and a number become outputs."""
    proto = onnx.ModelProto.FromString(model)
    known = {output.name for output in proto.graph.output}
    names = [name for node in proto.graph.node for name in node.output]
    for name in names:
        if keep and name.startswith(keep) and name[len(keep) :].isdigit() and name not in known:
            proto.graph.output.append(onnx.ValueInfoProto(name=name))
    session = open_ort(proto.SerializeToString())
    return session, [output.name for output in session.get_outputs()]


def run_ort(session: onnxruntime.InferenceSession, x: np.ndarray) -> dict[str, Any]:
    """Run one input and return every output by name."""
    names = [output.name for output in session.get_outputs()]
    return dict(zip(names, session.run(names, {session.get_inputs()[0].name: x}), strict=True))
