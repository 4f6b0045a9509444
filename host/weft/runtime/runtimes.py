"""The runtimes whose bits are reproduced, where they are installed: ONNX Runtime and LiteRT."""

from typing import Any

from weft.errors import ModelError
from weft.graph import Runtime

__all__ = ["attempt", "litert", "onnx_runtime", "open_interpreter", "open_session"]

_EXTRA = "pip install 'weft-fpga[runtimes]'"


def onnx_runtime(purpose: str) -> Any:
    """Return the module ``onnxruntime``; a :class:`ModelError` says what needs it."""
    try:
        import onnxruntime
    except ImportError:
        raise ModelError(f"{purpose} needs ONNX Runtime: {_EXTRA}") from None
    return onnxruntime


def litert(purpose: str) -> Any:
    """Return LiteRT's module ``interpreter``; a :class:`ModelError` says what needs it."""
    try:
        from ai_edge_litert import interpreter
    except ImportError:
        raise ModelError(f"{purpose} needs LiteRT: {_EXTRA}") from None
    return interpreter


def open_session(
    runtime: Any, data: bytes, name: str, threads: int = 0, *, unsigned: bool = False
) -> Any:
    """Return ONNX Runtime's session for the model in ``data``; 0 threads: as many as it likes.

    With ``unsigned`` it is the default session on x86-64, which turns int8 into uint8; without,
    int8 stays.

    Raises
    ------
    ModelError
        If the runtime refuses the model.
    """
    options = runtime.SessionOptions()
    options.log_severity_level = 4
    options.intra_op_num_threads = options.inter_op_num_threads = threads
    options.add_session_config_entry("session.qdqisint8allowed", "0" if unsigned else "1")
    providers = ["CPUExecutionProvider"]
    return attempt(name, runtime.InferenceSession, data, options, providers=providers)


def attempt(name: str, function: Any, *arguments: Any, **options: Any) -> Any:
    """Call ONNX Runtime; what it raises becomes a :class:`ModelError` of the model ``name``."""
    # Its own exceptions share no base but Exception.
    try:
        return function(*arguments, **options)
    except Exception as error:
        raise ModelError(f"ONNX Runtime refuses {name}: {error}") from error


def open_interpreter(runtime: Any, data: bytes, name: str, bits: Runtime) -> Any:
    """Return LiteRT's interpreter for the model in ``data``.

    With ``bits`` of the reference it has the reference kernels, else XNNPACK.

    Raises
    ------
    ModelError
        If the runtime refuses the model.
    """
    kinds = runtime.OpResolverType
    kind = kinds.BUILTIN_REF if bits == Runtime.REFERENCE else kinds.AUTO
    try:
        interpreter = runtime.Interpreter(
            model_content=data, experimental_op_resolver_type=kind, num_threads=1
        )
        interpreter.allocate_tensors()
    except (RuntimeError, ValueError) as error:
        raise ModelError(f"LiteRT refuses {name}: {error}") from error
    return interpreter
