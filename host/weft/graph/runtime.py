"""The runtimes whose bits can be reproduced."""

from enum import StrEnum

from weft.errors import ModelError

__all__ = ["Runtime"]


class Runtime(StrEnum):
    """Whose arithmetic a graph follows, by the name that users give."""

    REFERENCE = "reference"  # LiteRT's reference kernels
    XNNPACK = "xnnpack"  # LiteRT's default engine
    ONNXRUNTIME = "onnxruntime"  # int8 stays int8, as with ``session.qdqisint8allowed``
    # The default session on x86-64, which computes int8 as uint8: other nodes, the same arithmetic.
    ONNXRUNTIME_UINT8 = "onnxruntime-uint8"

    @classmethod
    def named(cls, name: str) -> "Runtime":
        """Return the runtime that users call ``name``.

        Raises
        ------
        ModelError
            If there is none.
        """
        if name not in set(cls):
            raise ModelError(f"rounding must be one of {', '.join(cls)}, not {name!r}")
        return cls(name)

    @property
    def is_onnx(self) -> bool:
        """Whether it is ONNX Runtime's arithmetic."""
        return self in (Runtime.ONNXRUNTIME, Runtime.ONNXRUNTIME_UINT8)
