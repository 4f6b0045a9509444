"""What a name in an ONNX graph can stand for while it is imported."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from weft.errors import ModelError
from weft.graph import Quantization

__all__ = [
    "ELEMENT_TYPES",
    "Activation",
    "Affine",
    "Constant",
    "Origin",
    "Pending",
    "QParams",
    "QuantizedConstant",
    "Value",
    "float32_of",
    "integers",
    "qparams_of",
    "qparams_of_constant",
    "real_of",
    "take",
    "type_name",
]

# Types of tensors by their number in the file.
ELEMENT_TYPES = {1: np.float32, 2: np.uint8, 3: np.int8, 6: np.int32, 7: np.int64}


@dataclass(frozen=True, eq=False)
class Constant:
    """An initialiser, the output of a Constant node, or what is computed of such alone.

    ``dequantised`` says that it was computed of what a DequantizeLinear gives.
    """

    data: NDArray[Any]
    dequantised: bool = False


@dataclass(frozen=True)
class QParams:
    """Scale and zero point of an activation, one each for the whole tensor, as int8 has them.

    ``unsigned`` remembers that the file's type is uint8, whose zero point is 128 higher;
    ``scalar`` that its scale and zero point have no dimensions, not one of 1; ``bare`` that the
    node that has it names no zero point.
    """

    scale: np.float32
    zero_point: int
    unsigned: bool
    scalar: bool = field(default=True, compare=False)
    bare: bool = field(default=False, compare=False)

    @property
    def quantization(self) -> Quantization:
        """The same, as the graph form has it."""
        return Quantization(np.array([self.scale], np.float32), np.array([self.zero_point]))


@dataclass(frozen=True, eq=False)
class QuantizedConstant:
    """Weights or a bias: int8 or int32 values, scales and zero points along ``axis``.

    ``unsigned``, ``scalar`` and ``bare`` remember what :class:`QParams` does. ``moved`` says that
    an operator other than Transpose stands between DequantizeLinear and its reader.
    """

    data: NDArray[Any]
    quantization: Quantization
    unsigned: bool = False
    scalar: bool = True
    bare: bool = False
    moved: bool = False


@dataclass(frozen=True, eq=False)
class Activation:
    """A quantised activation, float32 at the graph's edge, or real numbers of a float island.

    Only the first has ``qparams``.

    ``shape`` is ONNX's; ``layout`` says how ``tensor`` holds it: ``"plain"`` in that order,
    ``"channels_last"`` (4 dimensions NHWC, 3 as N1LC), or ``"flat"``: shape (N, C * H * W), but
    ``tensor`` still is the NHWC image that was flattened. ``moved_by`` names an operator between
    DequantizeLinear and its reader, past which ONNX Runtime does not bring the former.
    """

    tensor: str
    shape: tuple[int, ...]
    layout: str
    qparams: QParams | None
    moved_by: str = ""


@dataclass(frozen=True, eq=False)
class Affine:
    """``factor * x + offset`` of each channel: float64, shape (channels,)."""

    factor: NDArray[np.float64]
    offset: NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Origin:
    """What copies of a :class:`Pending` have in common."""


@dataclass(frozen=True, eq=False)
class Pending:
    """A float operator whose result has not been quantised yet.

    ``affine`` comes behind the operator, ``activation`` behind that. ``shared`` says that more
    than one node, or an output of the model, reads it. Copies have the same ``origin``.
    """

    operator: str
    name: str
    attributes: Any  # declarations.Attributes
    operands: tuple["Value | None", ...]
    activation: str = "NONE"
    shared: bool = False
    affine: "Affine | None" = None
    origin: Origin = field(default_factory=Origin)


Value = Constant | QuantizedConstant | Activation | Pending


def take(operands: tuple[Value | None, ...], index: int) -> Value | None:
    """Return operand ``index``; None where it is absent."""
    return operands[index] if index < len(operands) else None


def type_name(kind: Any) -> str:
    """Return the name of a type: a NumPy dtype, or a number in the file."""
    if not isinstance(kind, int):
        return str(np.dtype(kind))
    from onnx import TensorProto

    try:
        return TensorProto.DataType.Name(kind).lower()  # type: ignore[arg-type]
    except ValueError:
        return f"of the unknown type {kind}"


def real_of(value: "Constant | QuantizedConstant") -> NDArray[np.float64]:
    """Return the real numbers that a constant expresses."""
    if isinstance(value, Constant):
        return value.data.astype(np.float64)
    data, quantization = value.data.astype(np.int64), value.quantization
    form = [1] * data.ndim
    if quantization.scale.size > 1:
        form[quantization.axis] = -1
    steps = data - quantization.zero_point.reshape(
        form if quantization.zero_point.size > 1 else [1] * data.ndim
    )
    return quantization.scale.astype(np.float64).reshape(form) * steps


def float32_of(value: "Constant | QuantizedConstant") -> NDArray[np.float32]:
    """Return the numbers that a constant expresses, as ONNX Runtime dequantises them."""
    if isinstance(value, Constant):
        return value.data.astype(np.float32)
    quantization = value.quantization
    form = [1] * value.data.ndim
    if quantization.scale.size > 1:
        form[quantization.axis] = -1
    steps = value.data.astype(np.int64) - quantization.zero_point.reshape(form)
    return quantization.scale.reshape(form) * steps.astype(np.float32)


def integers(value: Value | None, what: str) -> tuple[int, ...]:
    """Return a constant's integers."""
    if not isinstance(value, Constant) or value.data.dtype.kind not in "iu":
        raise ModelError(f"{what} must be constant integers")
    if value.data.size > 64:
        raise ModelError(f"{what} has {value.data.size} numbers")
    return tuple(int(x) for x in value.data.reshape(-1))


def qparams_of(
    scale: Value | None, zero_point: Value | None, kind: int = 0, *, unsigned: bool = True
) -> QParams:
    """Return the quantisation that a scalar scale and zero point express.

    Parameters
    ----------
    scale, zero_point : values
    kind : int
        The type that a QuantizeLinear asks for; 0 where it does not.
    unsigned : bool
        Whether the tensor is uint8 where neither the zero point nor ``kind`` says so.

    Raises
    ------
    ModelError
        If they are not constants, not scalar, or not int8 or uint8.
    """
    if not isinstance(scale, Constant) or scale.data.size != 1:
        raise ModelError("an activation's scale must be one constant number")
    if scale.data.dtype != np.float32:
        raise ModelError(f"an activation's scale must be float32, not {scale.data.dtype}")
    value, scalar = np.float32(scale.data.reshape(-1)[0]), scale.data.ndim == 0
    wanted = ELEMENT_TYPES.get(kind)
    if kind and wanted not in (np.int8, np.uint8):
        raise ModelError(f"activations must be int8 or uint8, not {type_name(kind)}")
    if zero_point is None:
        unsigned = wanted == np.uint8 if kind else unsigned
        return QParams(value, -128 if unsigned else 0, unsigned, scalar, bare=True)
    if not isinstance(zero_point, Constant) or zero_point.data.size != 1:
        raise ModelError("an activation's zero point must be one constant number")
    dtype = zero_point.data.dtype
    if dtype not in (np.int8, np.uint8):
        raise ModelError(f"activations must be int8 or uint8, not {dtype}")
    if kind and dtype != wanted:
        raise ModelError(f"its zero point is {dtype}, its output_dtype {type_name(kind)}")
    data = int(zero_point.data.reshape(-1)[0])
    scalar = scalar and zero_point.data.ndim == 0
    return QParams(value, data - 128 * int(dtype == np.uint8), dtype == np.uint8, scalar)


def qparams_of_constant(value: QuantizedConstant) -> QParams | None:
    """Return the qparams of int8 or uint8 numbers with one scale, else None."""
    quantization = value.quantization
    if value.data.dtype != np.int8 or quantization.scale.size != 1:
        return None
    return QParams(quantization.scale[0], int(quantization.zero_point[0]), value.unsigned)
