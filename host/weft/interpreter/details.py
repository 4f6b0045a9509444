"""Details of a ``.tflite`` file's tensors, in LiteRT's dictionaries."""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from weft.errors import ModelError, WrongType
from weft.importers.tflite.flatbuffer import read_model, well_formed

__all__ = ["Details", "Signature", "TensorDetails", "read_details", "sizes_of"]

_MOST = 1 << 31  # of a tensor's number, or of a size in a .tflite file


@dataclass(frozen=True, kw_only=True)
class TensorDetails:
    """A tensor of the file; ``data`` is its value where it is a constant."""

    name: str
    index: int
    shape: tuple[int, ...]
    shape_signature: tuple[int, ...]
    dtype: np.dtype[Any] | None
    scales: NDArray[np.float32]
    zero_points: NDArray[np.int32]
    quantized_dimension: int
    data: NDArray[Any] | None

    def resized(self, shape: tuple[int, ...]) -> "TensorDetails":
        """Return it with another shape; one that the file leaves open nowhere follows it."""
        signature = self.shape_signature if -1 in self.shape_signature else shape
        return replace(self, shape=shape, shape_signature=signature)

    def as_dict(self) -> dict[str, Any]:
        """Return LiteRT's dictionary."""
        one = len(self.scales) == len(self.zero_points) == 1
        return {
            "name": self.name,
            "index": self.index,
            "shape": np.array(self.shape, np.int32),
            "shape_signature": np.array(self.shape_signature, np.int32),
            "dtype": object if self.dtype is None else self.dtype.type,
            "quantization": (
                (float(self.scales[0]), int(self.zero_points[0])) if one else (0.0, 0)
            ),
            "quantization_parameters": {
                "scales": self.scales.copy(),
                "zero_points": self.zero_points.copy(),
                "quantized_dimension": self.quantized_dimension,
                "block_size": 0,
            },
            "sparsity_parameters": {},
        }


@dataclass(frozen=True)
class Signature:
    """A name for the network's inputs and outputs: tensor numbers by the names there."""

    inputs: Mapping[str, int]
    outputs: Mapping[str, int]


@dataclass(frozen=True)
class Details:
    """Tensors of the network, which of them are inputs and outputs, and its signatures."""

    tensors: tuple[TensorDetails, ...]
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    signatures: Mapping[str, Signature]

    def tensor(self, index: int, subgraph: int = 0) -> TensorDetails:
        """Return a tensor; a ModelError where there is no such one."""
        if not isinstance(index, int | np.integer) or not -_MOST <= index < _MOST:
            raise WrongType(f"a tensor has a number, not {index!r}")
        if subgraph or not 0 <= index < len(self.tensors):
            raise ModelError(f"the model has {len(self.tensors)} tensors, no {index}")
        return self.tensors[index]

    def input(self, index: int) -> TensorDetails:
        """Return a tensor that is an input; a ModelError where it is none."""
        details = self.tensor(index)
        if index not in self.inputs:
            raise ModelError(f"tensor {index} ({details.name}) is no input")
        return details

    def signature(self, key: str | None) -> Signature:
        """Return a signature, for None the only one; a ModelError where there is no such one."""
        known = self.signatures
        if key is None and len(known) == 1:
            [key] = known
        if key is None or key not in known:
            names = ", ".join(known) or "none"
            raise ModelError(f"the model has no signature {key!r}; it has {names}")
        return known[key]


def read_details(data: bytes) -> Details:
    """Return the details of the ``.tflite`` file in ``data``.

    Raises
    ------
    ModelError
        If it is no such file, or malformed.
    """
    import tflite

    if data[4:8] != b"TFL3":
        raise ModelError("the model is not a .tflite file; InferenceSession takes other models")
    network, *_ = read_model(data)
    with well_formed():
        model: Any = tflite.Model.GetRootAs(data, 0)
        graph = model.Subgraphs(0)
        tensors = tuple(
            _tensor(graph.Tensors(index), index, raw) for index, raw in enumerate(network.tensors)
        )
        signatures = [model.SignatureDefs(i) for i in range(model.SignatureDefsLength())]
        named = {
            bytes(signature.SignatureKey()).decode(): Signature(
                _names(signature.Inputs, signature.InputsLength()),
                _names(signature.Outputs, signature.OutputsLength()),
            )
            for signature in signatures
            if signature.SubgraphIndex() == 0
        }
    return Details(tensors, network.inputs, network.outputs, named)


def sizes_of(sizes: Sequence[int]) -> tuple[int, ...]:
    """Return sizes of a shape; a ModelError where they are none."""
    with suppress(TypeError, ValueError, OverflowError):
        shape = tuple(int(size) for size in sizes)
        if all(0 <= size < _MOST for size in shape):
            return shape
    raise WrongType(f"a shape is a sequence of sizes, not {sizes!r}")


def _tensor(tensor: Any, index: int, raw: Any) -> TensorDetails:
    signature = tensor.ShapeSignatureAsNumpy()
    quantization = tensor.Quantization()
    scales = zeros = None
    axis = 0
    if quantization is not None:
        scales, zeros = quantization.ScaleAsNumpy(), quantization.ZeroPointAsNumpy()
        axis = quantization.QuantizedDimension()
    return TensorDetails(
        name=(tensor.Name() or b"").decode(errors="replace"),
        index=index,
        shape=raw.shape,
        shape_signature=(
            tuple(map(int, signature)) if isinstance(signature, np.ndarray) else raw.shape
        ),
        dtype=raw.dtype,
        scales=_vector(scales, np.float32),
        zero_points=_vector(zeros, np.int32),
        quantized_dimension=int(axis),
        data=raw.data,
    )


def _vector(values: Any, dtype: Any) -> NDArray[Any]:
    return np.array(values, dtype) if isinstance(values, np.ndarray) else np.zeros(0, dtype)


def _names(item: Any, count: int) -> dict[str, int]:
    entries = [item(index) for index in range(count)]
    found = {bytes(entry.Name()).decode(): int(entry.TensorIndex()) for entry in entries}
    return dict(sorted(found.items()))
