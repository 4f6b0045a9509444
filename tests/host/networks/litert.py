"""LiteRT as the oracle for .tflite networks."""

from typing import Any

import numpy as np
from ai_edge_litert.interpreter import Interpreter, OpResolverType

__all__ = ["reference_interpreter", "run_litert", "xnnpack_interpreter"]


def _source(model: bytes | str) -> dict[str, Any]:
    return {"model_content": model} if isinstance(model, bytes) else {"model_path": str(model)}


def reference_interpreter(model: bytes | str) -> Interpreter:
    """LiteRT's reference kernels, every tensor kept."""
    interpreter = Interpreter(
        **_source(model),
        experimental_op_resolver_type=OpResolverType.BUILTIN_REF,
        experimental_preserve_all_tensors=True,
        num_threads=1,
    )
    interpreter.allocate_tensors()
    return interpreter


def xnnpack_interpreter(model: bytes | str) -> Interpreter:
    """LiteRT as it comes: XNNPACK where it can."""
    interpreter = Interpreter(**_source(model), num_threads=1)
    interpreter.allocate_tensors()
    return interpreter


def run_litert(interpreter: Interpreter, x: np.ndarray, names: list[str]) -> dict[str, np.ndarray]:
    """Run one input and return the named tensors."""
    index = {d["name"]: d["index"] for d in interpreter.get_tensor_details()}
    interpreter.set_tensor(interpreter.get_input_details()[0]["index"], x)
    interpreter.invoke()
    return {name: interpreter.get_tensor(index[name]) for name in names}
