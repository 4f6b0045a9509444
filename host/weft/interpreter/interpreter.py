"""An interpreter in the shape of LiteRT's."""

import os
from collections.abc import Callable, Sequence
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from weft.configuration import ConfigChoice
from weft.errors import ConfigError, ModelError, WrongType
from weft.importers import read_model
from weft.interpreter.details import read_details, sizes_of
from weft.interpreter.engine import OpResolverType, engine_of
from weft.interpreter.signature import SignatureRunner
from weft.models.loading import find_model
from weft.program import Program
from weft.runtime.device import OpenDevice
from weft.runtime.prepare import Preparation
from weft.runtime.prepared import PreparedModel
from weft.runtime.profile import Profile

__all__ = ["Interpreter"]


class Interpreter:
    """Runs a ``.tflite`` model on a device, tensor by tensor.

    Scripts written for LiteRT's ``Interpreter`` run unchanged. **The default is LiteRT's own
    default engine, XNNPACK**, whose bits differ from its reference kernels'.

    Parameters
    ----------
    model_path : path, optional
        A ``.tflite`` file, or a known name.
    model_content : bytes, optional
        What a ``.tflite`` file holds, in place of a path.
    num_threads : int, optional
        Accepted; it means nothing here.
    experimental_op_resolver_type : OpResolverType
        ``BUILTIN_REF`` is the same as ``like="reference"``.
    experimental_preserve_all_tensors : bool
        Keep every layer's tensor, for :meth:`get_tensor`.
    like : str, optional
        Whose bits: ``"xnnpack"``, the default, or ``"reference"``.
    device : str or OpenDevice
        As of :class:`weft.InferenceSession`.
    config : Config, str or Path, optional
    experimental_delegates, experimental_... : optional
        Delegates are refused, the rest means nothing here.

    Raises
    ------
    ModelError, ConfigError, CapacityError, LinkError, DeviceMismatch
    """

    def __init__(
        self,
        model_path: str | bytes | os.PathLike[str] | None = None,
        model_content: bytes | None = None,
        experimental_delegates: Sequence[object] | None = None,
        num_threads: int | None = None,
        experimental_op_resolver_type: Any = OpResolverType.AUTO,
        experimental_preserve_all_tensors: bool = False,
        experimental_disable_delegate_clustering: bool = False,
        experimental_default_delegate_latest_features: bool = False,
        experimental_compress_quantization_zero_points: bool = False,
        experimental_disable_delegate_node_fusion: bool = False,
        experimental_force_delegate_node_profiling: bool = False,
        *,
        like: str | None = None,
        device: str | OpenDevice = "golden",
        config: ConfigChoice = None,
    ):
        if bool(model_path) == bool(model_content):
            raise ModelError("give either model_path or model_content")
        if num_threads is not None and (not isinstance(num_threads, int) or num_threads < 1):
            raise ConfigError(f"num_threads must be at least 1, not {num_threads!r}")
        if experimental_delegates:
            raise ConfigError("Weft runs no delegates; the device is given by device=")
        if not isinstance(model_content, bytes | bytearray | memoryview | None):
            raise WrongType(f"model_content is bytes, not {type(model_content).__name__}")
        if isinstance(model_path, bytes):
            model_path = os.fsdecode(model_path)
        model = find_model(model_path) if model_path else bytes(model_content or b"")
        self._details = read_details(read_model(model)[0])
        engine = engine_of(experimental_op_resolver_type, like)
        keep = experimental_preserve_all_tensors
        preparation = Preparation(model, device, config, engine, shadows=keep)
        self._prepared = PreparedModel(preparation, check=False, keep_tensors=keep)
        self._inference = self._prepared.prepare({})
        self._shapes = {d.index: d.shape for d in self._details.tensors}
        self._values: dict[int, NDArray[Any]] = {}
        self._keeps = keep
        self._kept: dict[str, NDArray[Any]] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the device."""
        self._prepared.close()

    @property
    def profile(self) -> Profile:
        """Cycles, utilisation and link time of the last image; a WeftError before the first."""
        return self._inference.profile

    @property
    def program(self) -> Program | None:
        """The compiled program; None on device ``golden``."""
        return self._inference.program

    def allocate_tensors(self) -> None:
        """Make room for inputs and outputs, which :meth:`tensor` shows.

        Raises
        ------
        ModelError
            If an input was resized in more than a first dimension that counts images.
        """
        arrays = {i: np.zeros(self._shapes[i], self._dtype(i)) for i in self._details.inputs}
        batch = self._batch(arrays)
        graph = self._inference.graph
        for index, name in zip(self._details.outputs, graph.outputs, strict=True):
            self._shapes[index] = graph.shape(name)
        if graph.declared is None:  # every tensor of images has as many
            names = {d.index: d.name for d in self._details.tensors}
            names |= dict(zip(self._details.outputs, graph.outputs, strict=True))
            for index, name in names.items():
                if name in graph.tensors and graph.tensors[name].data is None:
                    self._shapes[index] = (batch, *self._shapes[index][1:])
        for index in (*self._details.inputs, *self._details.outputs):
            known = self._values.get(index)
            if known is None or known.shape != self._shapes[index]:
                self._values[index] = np.zeros(self._shapes[index], self._dtype(index))

    def resize_tensor_input(
        self, input_index: int, tensor_size: Sequence[int], strict: bool = False
    ) -> None:
        """Give an input another shape; :meth:`allocate_tensors` must follow.

        Parameters
        ----------
        input_index : int
        tensor_size : sequence of int
        strict : bool
            Change only what ``shape_signature`` leaves open.

        Raises
        ------
        ModelError
            If it is no input, this is no shape, or ``strict`` and the dimension is not open.
        """
        details, shape = self._details.input(input_index), sizes_of(tensor_size)
        given = details.shape_signature
        fits = len(shape) == len(given) and all(
            size == wanted or wanted < 0 for size, wanted in zip(shape, given, strict=True)
        )
        if strict and not fits:
            raise ModelError(f"input {details.name} has the shape {given}, not {shape}")
        if shape != self._shapes[input_index]:
            self._shapes[input_index] = shape
            self._values.clear()

    def set_tensor(self, tensor_index: int, value: Any) -> None:
        """Copy ``value``, of the declared dtype and shape, to an input (or an output)."""
        details, place = self._details.tensor(tensor_index), self._place(tensor_index)
        try:
            array = np.asarray(value)
        except (ValueError, TypeError, OverflowError) as error:
            raise ModelError(f"tensor {details.name} is no array ({error})") from None
        if array.dtype != place.dtype:
            raise ModelError(f"input {details.name} must be {place.dtype}, not {array.dtype}")
        if array.shape != place.shape:
            raise ModelError(
                f"input {details.name} must have shape {place.shape}, not {array.shape}"
            )
        place[...] = array

    def invoke(self) -> None:
        """Run the model on what its inputs hold."""
        self._prepared.check()
        names = self._inference.graph.inputs
        indices = self._details.inputs
        feeds = {n: self._place(i).copy() for n, i in zip(names, indices, strict=True)}
        images = self._inference.images(feeds)
        if self._keeps:
            results, self._kept = self._inference.run_and_keep(images)
        else:
            results = self._inference.run(images)
        for index, name in zip(self._details.outputs, self._inference.graph.outputs, strict=True):
            self._values[index][...] = self._inference.join(name, results)

    def get_tensor(self, tensor_index: int, subgraph_index: int = 0) -> NDArray[Any]:
        """Return a copy of an input, an output, a constant, or of any tensor that is kept."""
        details = self._details.tensor(tensor_index, subgraph_index)
        if details.data is not None:
            return details.data.copy()
        if tensor_index in (*self._details.inputs, *self._details.outputs):
            return self._place(tensor_index).copy()
        kept = self._kept.get(details.name)
        if kept is None or kept.dtype != details.dtype:
            raise ModelError(
                f"tensor {tensor_index} ({details.name}) is not kept; "
                "experimental_preserve_all_tensors=True keeps those that Weft computes"
            )
        return kept.copy()

    def tensor(self, tensor_index: int) -> Callable[[], NDArray[Any]]:
        """Return a function that returns the memory of an input or output, or a constant."""

        def memory() -> NDArray[Any]:
            data = self._details.tensor(tensor_index).data
            return self._place(tensor_index) if data is None else data

        return memory

    def get_input_details(self) -> list[dict[str, Any]]:
        """Return a dictionary for each input: name, index, shape, dtype, quantisation."""
        return [self._describe(index) for index in self._details.inputs]

    def get_output_details(self) -> list[dict[str, Any]]:
        """Return a dictionary for each output."""
        return [self._describe(index) for index in self._details.outputs]

    def get_tensor_details(self, subgraph_index: int = 0) -> list[dict[str, Any]]:
        """Return a dictionary for each tensor of the file."""
        if subgraph_index:
            raise ModelError(f"Weft shows the tensors of subgraph 0, not of {subgraph_index}")
        return [self._describe(d.index) for d in self._details.tensors]

    def get_signature_list(self) -> dict[str, dict[str, list[str]]]:
        """Return the names of inputs and outputs of each signature."""
        return {
            key: {"inputs": list(signature.inputs), "outputs": list(signature.outputs)}
            for key, signature in self._details.signatures.items()
        }

    def get_signature_runner(self, signature_key: str | None = None) -> SignatureRunner:
        """Return what runs the model by the names of a signature; None stands for the only one."""
        return SignatureRunner(self, self._details.signature(signature_key))

    def reset_all_variables(self) -> None:
        """Let the next call be the first one for a network that keeps a state between calls."""
        self._prepared.reset_state()

    def num_subgraphs(self) -> int:
        """Return 1: the others initialise variables."""
        return 1

    def _place(self, index: int) -> NDArray[Any]:
        if index not in self._values:
            raise ModelError("call allocate_tensors() first")
        return self._values[index]

    def _dtype(self, index: int) -> Any:
        return self._details.tensors[index].dtype

    def _batch(self, arrays: dict[int, NDArray[Any]]) -> int:
        """Return how many images the inputs hold; a ModelError where they fit no model."""
        names = self._inference.graph.inputs
        feeds = {name: arrays[i] for name, i in zip(names, self._details.inputs, strict=True)}
        return len(self._inference.images(feeds))

    def _describe(self, index: int) -> dict[str, Any]:
        return self._details.tensors[index].resized(self._shapes[index]).as_dict()
