"""What Weft understands of each ONNX operator: its domain, its versions, its attributes.

Nothing in a node is overlooked: what is declared nowhere is refused by name. Which attributes a
version has, of which type and with which default, is the ``onnx`` package's knowledge; that of
ONNX Runtime's own operators is written down here.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

__all__ = ["CONTRIB", "DECLARATIONS", "Attributes", "Declaration"]

CONTRIB = "com.microsoft"


@dataclass(frozen=True)
class Declaration:
    """Versions of an operator whose meaning is known, and the attributes that are understood.

    ``defaults`` gives an attribute of ONNX Runtime's operators its default; None where absence
    has a meaning of its own.
    """

    versions: tuple[int, ...]
    attributes: tuple[str, ...] = ()
    defaults: Mapping[str, Any] = field(default_factory=dict)


class Attributes(Mapping[str, Any]):
    """A node's attributes, defaults included, and the version of its operator.

    An attribute is absent where the file leaves it out and its opset has no default.
    """

    def __init__(self, values: Mapping[str, Any] | None = None, version: int = 1):
        self._values, self.version = dict(values or {}), version

    def __getitem__(self, name: str) -> Any:
        return self._values[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)


def _onnx(versions: str, attributes: str = "") -> Declaration:
    return Declaration(tuple(map(int, versions.split())), tuple(attributes.split()))


def _contrib(**defaults: Any) -> Declaration:
    return Declaration((1,), tuple(defaults), defaults)


_TYPES = "13 14 16 19 21 23 24 25"  # versions that only added types
_WINDOW = "auto_pad ceil_mode kernel_shape pads strides"
_POOL = {
    "auto_pad": "NOTSET",
    "ceil_mode": 0,
    "kernel_shape": None,
    "pads": None,
    "strides": None,
}

DECLARATIONS: Mapping[tuple[str, str], Declaration] = {
    ("", "Abs"): _onnx("6 13"),
    ("", "Add"): _onnx("7 13 14"),
    ("", "And"): _onnx("7"),
    ("", "ArgMax"): _onnx("1 11 12 13", "axis keepdims select_last_index"),
    ("", "ArgMin"): _onnx("1 11 12 13", "axis keepdims select_last_index"),
    ("", "AveragePool"): _onnx("7 10 11 19 22", f"{_WINDOW} count_include_pad dilations"),
    # The momentum counts in training alone.
    ("", "BatchNormalization"): _onnx("7 9 14 15", "epsilon momentum"),
    ("", "Cast"): _onnx("9 13 19 21 23 24 25", "to"),
    ("", "Ceil"): _onnx("6 13"),
    ("", "Celu"): _onnx("12", "alpha"),
    ("", "Clip"): _onnx("6 11 12 13", "max min"),
    ("", "Concat"): _onnx("4 11 13", "axis"),
    ("", "Constant"): _onnx(
        "1 9 11 12 13 19 21 23 24 25", "value value_float value_floats value_int value_ints"
    ),
    ("", "ConstantOfShape"): _onnx("9 20 21 23 24 25", "value"),
    ("", "Conv"): _onnx("1 11 22", "auto_pad dilations group kernel_shape pads strides"),
    # auto_pad and output_shape are read in order to be refused with the rest of the window.
    ("", "ConvTranspose"): _onnx(
        "1 11 22", "auto_pad dilations group kernel_shape output_padding output_shape pads strides"
    ),
    ("", "Cos"): _onnx("7 22"),
    ("", "DepthToSpace"): _onnx("1 11 13", "blocksize mode"),
    ("", "DequantizeLinear"): _onnx("10 13 19 21 23 24 25", "axis output_dtype"),
    ("", "Div"): _onnx("7 13 14"),
    # The ratio counts in training alone.
    ("", "Dropout"): _onnx("7 10 12 13 22", "ratio"),
    ("", "Einsum"): _onnx("12", "equation"),
    ("", "Elu"): _onnx("6 22", "alpha"),
    ("", "Equal"): _onnx("7 11 13 19"),
    ("", "Erf"): _onnx("9 13"),
    ("", "Exp"): _onnx("6 13"),
    ("", "Expand"): _onnx("8 13"),
    ("", "Flatten"): _onnx("1 9 11 13 21 23 24 25", "axis"),
    ("", "Floor"): _onnx("6 13"),
    ("", "Gather"): _onnx("1 11 13", "axis"),
    ("", "Gelu"): _onnx("20", "approximate"),
    ("", "Gemm"): _onnx("7 9 11 13", "alpha beta transA transB"),
    ("", "GlobalAveragePool"): _onnx("1 22"),
    ("", "GlobalMaxPool"): _onnx("1 22"),
    ("", "Greater"): _onnx("7 9 13"),
    ("", "GreaterOrEqual"): _onnx("12 16"),
    ("", "GroupNormalization"): _onnx("21", "epsilon num_groups"),
    ("", "HardSigmoid"): _onnx("6 22", "alpha beta"),
    ("", "HardSwish"): _onnx("14 22"),
    ("", "Identity"): _onnx(f"1 {_TYPES}"),
    ("", "InstanceNormalization"): _onnx("6 22", "epsilon"),
    ("", "LRN"): _onnx("1 13", "alpha beta bias size"),
    ("", "LayerNormalization"): _onnx("17", "axis epsilon"),
    ("", "LeakyRelu"): _onnx("6 16", "alpha"),
    ("", "Less"): _onnx("7 9 13"),
    ("", "LessOrEqual"): _onnx("12 16"),
    ("", "Log"): _onnx("6 13"),
    ("", "LogSoftmax"): _onnx("1 11 13", "axis"),
    ("", "MatMul"): _onnx("1 9 13"),
    ("", "Max"): _onnx("8 12 13"),
    # Its storage order concerns the second output, which nothing may read.
    ("", "MaxPool"): _onnx("8 10 11 12 22", f"{_WINDOW} dilations storage_order"),
    ("", "Mean"): _onnx("8 13"),
    ("", "Min"): _onnx("8 12 13"),
    ("", "Mish"): _onnx("18 22"),
    ("", "Mul"): _onnx("7 13 14"),
    ("", "Neg"): _onnx("6 13"),
    ("", "Not"): _onnx("1"),
    ("", "Or"): _onnx("7"),
    ("", "PRelu"): _onnx("7 9 16"),
    ("", "Pad"): _onnx("2 11 13 18 19 21 23 24 25", "mode pads value"),
    ("", "Pow"): _onnx("7 12 13 15"),
    ("", "QLinearConv"): _onnx("10", "auto_pad dilations group kernel_shape pads strides"),
    ("", "QLinearMatMul"): _onnx("10 21"),
    # Saturation concerns float8 alone.
    ("", "QuantizeLinear"): _onnx("10 13 19 21 23 24 25", "axis output_dtype precision saturate"),
    ("", "Range"): _onnx("11"),
    ("", "Reciprocal"): _onnx("6 13"),
    ("", "ReduceL1"): _onnx("1 11 13 18", "axes keepdims noop_with_empty_axes"),
    ("", "ReduceL2"): _onnx("1 11 13 18", "axes keepdims noop_with_empty_axes"),
    ("", "ReduceMax"): _onnx("1 11 12 13 18 20", "axes keepdims noop_with_empty_axes"),
    ("", "ReduceMean"): _onnx("1 11 13 18", "axes keepdims noop_with_empty_axes"),
    ("", "ReduceMin"): _onnx("1 11 12 13 18 20", "axes keepdims noop_with_empty_axes"),
    ("", "ReduceProd"): _onnx("1 11 13 18", "axes keepdims noop_with_empty_axes"),
    ("", "ReduceSum"): _onnx("1 11 13", "axes keepdims noop_with_empty_axes"),
    ("", "ReduceSumSquare"): _onnx("1 11 13 18", "axes keepdims noop_with_empty_axes"),
    ("", "Relu"): _onnx("6 13 14"),
    ("", "Reshape"): _onnx("5 13 14 19 21 23 24 25", "allowzero"),
    ("", "Resize"): _onnx(
        "10 11 13 18 19",
        "axes coordinate_transformation_mode cubic_coeff_a exclude_outside mode nearest_mode",
    ),
    ("", "Round"): _onnx("11 22"),
    ("", "Selu"): _onnx("6 22", "alpha gamma"),
    ("", "Shape"): _onnx("1 13 15 19 21 23 24 25", "end start"),
    ("", "Sigmoid"): _onnx("6 13"),
    ("", "Sign"): _onnx("9 13"),
    ("", "Sin"): _onnx("7 22"),
    ("", "Size"): _onnx("1 13 19 21 23 24 25"),
    ("", "Slice"): _onnx("1 10 11 13", "axes ends starts"),
    ("", "Softmax"): _onnx("1 11 13", "axis"),
    ("", "Softplus"): _onnx("1 22"),
    ("", "Softsign"): _onnx("1 22"),
    ("", "SpaceToDepth"): _onnx("1 13", "blocksize"),
    ("", "Split"): _onnx("2 11 13 18", "axis num_outputs split"),
    ("", "Sqrt"): _onnx("6 13"),
    ("", "Squeeze"): _onnx("1 11 13 21 23 24 25", "axes"),
    ("", "Sub"): _onnx("7 13 14"),
    ("", "Sum"): _onnx("6 8 13"),
    ("", "Tanh"): _onnx("6 13"),
    ("", "ThresholdedRelu"): _onnx("10 22", "alpha"),
    ("", "Tile"): _onnx("6 13"),
    ("", "Transpose"): _onnx("1 13 21 23 24 25", "perm"),
    ("", "Unsqueeze"): _onnx("1 11 13 21 23 24 25", "axes"),
    ("", "Where"): _onnx("9 16"),
    (CONTRIB, "DequantizeLinear"): _contrib(axis=1),
    (CONTRIB, "NhwcMaxPool"): _contrib(**_POOL, dilations=None),
    (CONTRIB, "QGemm"): _contrib(alpha=1.0, transA=0, transB=0),
    (CONTRIB, "QLinearAdd"): _contrib(),
    (CONTRIB, "QLinearAveragePool"): _contrib(**_POOL, channels_last=0, count_include_pad=0),
    (CONTRIB, "QLinearConcat"): _contrib(axis=None),
    (CONTRIB, "QLinearConv"): _contrib(
        auto_pad="NOTSET",
        channels_last=0,
        dilations=None,
        group=1,
        kernel_shape=None,
        pads=None,
        strides=None,
    ),
    (CONTRIB, "QLinearGlobalAveragePool"): _contrib(channels_last=0),
    (CONTRIB, "QLinearLeakyRelu"): _contrib(alpha=0.01),
    (CONTRIB, "QLinearMul"): _contrib(),
    (CONTRIB, "QLinearSigmoid"): _contrib(),
    (CONTRIB, "QLinearSoftmax"): _contrib(axis=-1, opset=None),
    (CONTRIB, "QuantizeLinear"): _contrib(axis=1),
}
