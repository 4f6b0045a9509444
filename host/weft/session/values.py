"""Arrays that have a place, in the shape of ONNX Runtime's: here always the host's memory."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from weft.errors import ConfigError, ModelError, WrongType
from weft.graph.signature import onnx_type

__all__ = ["OrtValue", "require_host"]


def require_host(device_type: str) -> None:
    """Raise :class:`ConfigError` for arrays in the memory of another device than the host."""
    if not isinstance(device_type, str) or device_type.lower() != "cpu":
        raise ConfigError(f"arrays are in the memory of 'cpu', not of {device_type!r}")


class OrtValue:
    """An array, fed to a session or returned by one.

    Parameters
    ----------
    array : ndarray
        Kept, not copied.
    """

    def __init__(self, array: NDArray[Any]):
        if not isinstance(array, np.ndarray):
            raise ModelError(f"an OrtValue is made of an array, not {type(array).__name__}")
        if array.dtype.kind not in "biufV":
            raise ModelError(f"an OrtValue holds real numbers, not {array.dtype}")
        self._array = array

    @classmethod
    def ortvalue_from_numpy(
        cls,
        numpy_obj: NDArray[Any],
        /,
        device_type: str = "cpu",
        device_id: int = 0,
        vendor_id: int = -1,
    ) -> "OrtValue":
        """Return a value that shares the array's memory where that is contiguous."""
        require_host(device_type)
        value = cls(numpy_obj)
        value._array = np.ascontiguousarray(numpy_obj).reshape(numpy_obj.shape)
        return value

    @classmethod
    def ortvalue_from_shape_and_type(
        cls,
        shape: Sequence[int],
        element_type: Any,
        device_type: str = "cpu",
        device_id: int = 0,
        vendor_id: int = -1,
    ) -> "OrtValue":
        """Return a value of zeros; ``element_type`` is a NumPy dtype or a number of ONNX's."""
        require_host(device_type)
        if any(size < 0 for size in shape):
            raise ConfigError(f"{tuple(shape)!r} is no shape of an array")
        return cls(np.zeros(tuple(shape), dtype_of(element_type)))

    @classmethod
    def from_dlpack(cls, data: Any, /) -> "OrtValue":
        """Return a value that shares the memory of another package's tensor, by DLPack."""
        try:
            return cls(np.from_dlpack(data))
        except (AttributeError, BufferError, RuntimeError, TypeError, ValueError) as error:
            raise WrongType(
                f"{type(data).__name__} gives no array of the host's: {error}"
            ) from None

    def __dlpack__(self, *, stream: Any = None) -> Any:
        return self._array.__dlpack__(stream=stream)

    def __dlpack_device__(self) -> tuple[int, int]:
        return self._array.__dlpack_device__()

    def numpy(self) -> NDArray[Any]:
        """Return the array, which :meth:`update_inplace` changes."""
        return self._array

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray[Any]:
        return np.array(self._array, dtype)

    def update_inplace(self, array: NDArray[Any]) -> None:
        """Write ``array``, of the same dtype and as many numbers, into the value.

        Raises
        ------
        ModelError
            If its dtype or size is another.
        """
        if array.dtype != self._array.dtype or array.size != self._array.size:
            raise ModelError(
                f"a value of {self._array.dtype} {self._array.shape} cannot hold {array.dtype} "
                f"{array.shape}"
            )
        self._array[...] = array.reshape(self._array.shape)

    def shape(self) -> list[int]:
        """Return the sizes of its dimensions."""
        return list(self._array.shape)

    def data_type(self) -> str:
        """Return its type as ``tensor(float)``."""
        return onnx_type(self._array.dtype)

    def element_type(self) -> int:
        """Return the number of its type in ONNX files."""
        import onnx

        return onnx.helper.np_dtype_to_tensor_dtype(self._array.dtype)

    def data_ptr(self) -> int:
        """Return the address of its first element."""
        return self._array.ctypes.data

    def tensor_size_in_bytes(self) -> int:
        """Return the bytes that it takes."""
        return self._array.nbytes

    def device_name(self) -> str:
        """Return ``"cpu"``."""
        return "cpu"

    def has_value(self) -> bool:
        """Return True."""
        return True

    def is_tensor(self) -> bool:
        """Return True."""
        return True

    def is_sparse_tensor(self) -> bool:
        """Return False."""
        return False

    def is_tensor_sequence(self) -> bool:
        """Return False."""
        return False


def dtype_of(element_type: Any) -> np.dtype[Any]:
    """Return the NumPy dtype of a dtype, or of a number of ONNX's types.

    Raises
    ------
    ConfigError
        If it is neither.
    """
    try:
        if isinstance(element_type, int):
            import onnx

            return onnx.helper.tensor_dtype_to_np_dtype(element_type)
        return np.dtype(element_type)
    except (KeyError, TypeError, ValueError):
        raise ConfigError(f"{element_type!r} is no type of an array") from None
