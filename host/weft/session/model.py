"""A model as a session sees it: what its file declares, and what is compiled for its feeds."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from weft.errors import ModelError, OpenShapeError, WrongType
from weft.forks import ThreadLock
from weft.graph.signature import TensorInfo, as_arrays
from weft.runtime.inference import Arrays, Inference
from weft.runtime.prepared import PreparedModel
from weft.runtime.reading import SecondReading
from weft.session.declaration import Declaration, ModelMetadata

__all__ = ["SessionModel", "Shapes"]

Shapes = Mapping[str, Sequence[int | None]]


class SessionModel:
    """Inputs and outputs of a model, and the inference that fits what is fed.

    Parameters
    ----------
    prepared : PreparedModel
    declaration : Declaration or None
        What the file says; None where it has no open dimensions, as ``.tflite`` files.
    shapes : mapping
        Shapes of inputs whose dimensions the file leaves open, to be prepared at once.
    reading : SecondReading or None
        How the model's own runtime reads the file, where outputs are compared with that.

    Attributes
    ----------
    lock : ThreadLock
        To be held while an image runs.

    Raises
    ------
    ModelError, ConfigError, CapacityError, LinkError, DeviceMismatch
    """

    def __init__(
        self,
        prepared: PreparedModel,
        declaration: Declaration | None,
        shapes: Shapes,
        reading: SecondReading | None = None,
    ):
        self.prepared, self.reading, self.lock = prepared, reading, ThreadLock()
        self._declaration = declaration
        try:
            prepared.prepare({**self._known_shapes(), **_checked(shapes)})
        except OpenShapeError:
            if shapes:
                raise

    @property
    def inference(self) -> Inference:
        """The inference that ran last, or was prepared; a ModelError while shapes are missing."""
        if self.prepared.current is None:
            names = ", ".join(info.name for info in self.open_inputs)
            raise ModelError(f"the shape of {names} is open; give shapes, or run an image first")
        return self.prepared.current

    @property
    def inputs(self) -> list[TensorInfo]:
        """The inputs, as the file declares them."""
        if self._declaration is not None:
            return list(self._declaration.inputs)
        graph = self.inference.graph
        return [TensorInfo.of(graph, name) for name in graph.inputs]

    @property
    def needed(self) -> Sequence[str]:
        """Names of the inputs that layers read; of all where nothing is prepared yet."""
        if self.prepared.current is None:
            return [info.name for info in self.inputs]
        return self.prepared.current.graph.inputs

    @property
    def outputs(self) -> list[TensorInfo]:
        """The outputs; where inputs are open as the file declares them, else as they come out."""
        if self._declaration is not None and self._declaration.open:
            return list(self._declaration.outputs)
        graph = self.inference.graph
        return [TensorInfo.of(graph, name) for name in graph.outputs]

    @property
    def overridable(self) -> list[TensorInfo]:
        """Inputs that have a value in the file, which is compiled."""
        return [] if self._declaration is None else list(self._declaration.overridable)

    @property
    def metadata(self) -> ModelMetadata:
        """Who made the model."""
        if self._declaration is not None:
            return self._declaration.metadata
        return ModelMetadata(graph_name=self.inference.graph.name)

    @property
    def open_inputs(self) -> list[TensorInfo]:
        """Inputs whose shapes must be known before anything is prepared; none afterwards."""
        if self._declaration is None or self.prepared.current is not None:
            return []
        return [info for info in self._declaration.inputs if info.is_open]

    def set_shapes(self, shapes: Shapes) -> None:
        """Prepare a model whose inputs have open dimensions."""
        with self.lock:
            if self.prepared.current is not None:
                raise ModelError("the shapes of this model's inputs are known")
            self.prepared.prepare({**self._known_shapes(), **_checked(shapes)})

    def arrays(self, feeds: Mapping[str, Any]) -> Arrays:
        """Return ``feeds`` as arrays of the declared types; a ModelError where they do not fit."""
        if isinstance(feeds, Mapping):
            for info in self.overridable:
                if info.name in feeds:
                    raise ModelError(f"{info.name} is a constant of the model and is compiled")
        return as_arrays(self.inputs, feeds, self.needed)

    def chosen(self, output_names: Collection[str] | None) -> list[int] | None:
        """Return the numbers of the outputs named, None for all; a ModelError for other names."""
        if output_names is None:
            return None
        if isinstance(output_names, str) or not isinstance(output_names, Collection):
            raise WrongType(f"output names are a list or None, not {type(output_names).__name__}")
        known = [info.name for info in self.outputs]
        for name in output_names:
            if not isinstance(name, str):
                raise WrongType(f"the name of an output is a text, not {name!r}")
            if name not in known:
                raise ModelError(f"the model has no output {name!r}, only {', '.join(known)}")
        return [known.index(name) for name in output_names] or None

    def ready(self, arrays: Arrays) -> tuple[Inference, list[Arrays]]:
        """Return an inference that fits ``arrays``, and the images that they are for it.

        Raises
        ------
        ModelError, CapacityError, LinkError
        """
        if self._declaration is None or not self._declaration.open:
            return self.inference, self.inference.images(arrays)
        with self.lock:
            infos = [i for i in self._declaration.inputs if i.name in self._declaration.open]
            shapes = {i.name: arrays[i.name].shape for i in infos if i.name in arrays}
            one = {i.name: _one_image(i, shapes[i.name]) for i in infos if i.name in shapes}
            try:
                inference = self.prepared.prepare(one)
            except OpenShapeError:
                inference = self.prepared.prepare(shapes)
            declared = inference.graph.declared or {}
            if any(shapes.get(name, shape) != shape for name, shape in declared.items()):
                inference = self.prepared.prepare(shapes)  # dimension 0 does not count images
            return inference, inference.images(arrays)

    def _known_shapes(self) -> dict[str, Sequence[int | None]]:
        """Return shapes of the inputs of which the first dimension alone is open."""
        if self._declaration is None:
            return {}
        return {
            info.name: (info.shape[0] if isinstance(info.shape[0], int) else None, *sizes)
            for info in self._declaration.inputs
            if info.name in self._declaration.open
            for sizes in [[size for size in info.shape[1:] if isinstance(size, int)]]
            if info.shape and len(sizes) == len(info.shape) - 1
        }


def _one_image(info: TensorInfo, shape: tuple[int, ...]) -> tuple[int | None, ...]:
    """Return ``shape``, a first dimension left open where the file does."""
    is_batch = bool(info.shape) and not isinstance(info.shape[0], int)
    return (None, *shape[1:]) if is_batch else shape


def _checked(shapes: Shapes) -> Shapes:
    if not isinstance(shapes, Mapping) or not all(
        isinstance(shape, Sequence) and not isinstance(shape, str) for shape in shapes.values()
    ):
        raise ModelError("shapes are sequences of sizes by the names of inputs")
    return shapes
