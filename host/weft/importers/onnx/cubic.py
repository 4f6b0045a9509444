"""ONNX's Resize with mode cubic: a layer of a float island."""

import numpy as np

from weft.errors import ModelError
from weft.importers.onnx.builder import Builder
from weft.importers.onnx.declarations import Attributes
from weft.importers.onnx.floats import real
from weft.importers.onnx.resize import positions_of, target_of
from weft.importers.onnx.values import Activation, Constant, Pending, Value

__all__ = ["CUBIC_RESIZE", "cubic_resize"]

CUBIC_RESIZE = "cubic Resize"


def cubic_resize(
    builder: Builder, name: str, attributes: Attributes, operands: tuple[Value | None, ...]
) -> Value:
    """Return Resize with mode cubic: columns, then rows, times a constant matrix, in float."""
    value = operands[0]
    if isinstance(value, Pending):
        value = real(builder, value, value.name)
    if not isinstance(value, Activation):
        raise ModelError("the input of Resize is not quantised")
    target, factors = target_of(attributes, operands, value.shape)
    if len(target) != 4 or factors[:2] != (1.0, 1.0):
        raise ModelError(f"cubic Resize from {value.shape} to {target} is not supported")
    matrices = [
        Constant(_cubic_weights(attributes, value.shape[axis], target[axis], factors[axis]))
        for axis in (2, 3)
    ]
    wide = Pending("MatMul", f"{name}/columns", Attributes(), (value, matrices[1]), shared=True)
    plain = real(builder, wide, f"{name}/columns")
    turned = builder.transposed(plain, (0, 1, 3, 2), f"{name}/turned", f"{name}/turned")
    high = Pending("MatMul", name, Attributes(), (turned, matrices[0]), shared=True)
    return Pending("Transpose", f"{name}/back", Attributes({"perm": (0, 1, 3, 2)}), (high,))


def _cubic_weights(attributes: Attributes, length: int, target: int, factor: float) -> np.ndarray:
    """Return how much each pixel counts in each of the result, float32 (length, target)."""
    at = positions_of(attributes, length, target, factor)
    at = np.arange(target, dtype=np.float32) if factor == 1 else at
    before = np.floor(at).astype(np.int64)
    s, a = at.astype(np.float64) - before, float(attributes["cubic_coeff_a"])
    # Keys' kernel at the distances 1 + s, s, 1 - s and 2 - s.
    far = [((a * d - 5 * a) * d + 8 * a) * d - 4 * a for d in (1 + s, 2 - s)]
    near = [((a + 2) * d - (a + 3)) * d * d + 1 for d in (s, 1 - s)]
    weights = np.stack([far[0], *near, far[1]])
    places = before + np.arange(-1, 3)[:, None]
    if attributes["exclude_outside"]:
        weights = np.where((places >= 0) & (places < length), weights, 0)
        weights = weights / weights.sum(axis=0)
    matrix = np.zeros((length, target))
    np.add.at(matrix, (places.clip(0, length - 1), np.arange(target)), weights)
    return matrix.astype(np.float32)
