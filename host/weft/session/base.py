"""The part of a session that ONNX Runtime lacks: device, profile, streams of images."""

from collections.abc import Generator, Iterable, Mapping
from typing import Any, Self

from numpy.typing import NDArray

from weft.errors import ModelError
from weft.graph import Graph
from weft.graph.signature import TensorInfo
from weft.program import Program
from weft.runtime.difference import Difference
from weft.runtime.inference import Arrays
from weft.runtime.profile import Profile
from weft.session.model import SessionModel, Shapes

__all__ = ["Session"]

_Image = NDArray[Any] | list[Any] | Mapping[str, Any]


class Session:
    """A model on a device. Threads may share it: images take turns.

    Parameters
    ----------
    model : SessionModel

    Attributes
    ----------
    differences : list of Difference
        Outputs of the last run that differ from those of the model's own runtime, where that is
        asked; each prints as a sentence.
    """

    def __init__(self, model: SessionModel):
        self._model = model
        self.differences: list[Difference] = []

    @property
    def name(self) -> str:
        """The model's name."""
        return self._model.prepared.preparation.name

    @property
    def device(self) -> str:
        """The device's name."""
        return self._model.prepared.preparation.device_name

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the device, once an image under way is done."""
        with self._model.lock:
            self._model.prepared.close()

    @property
    def open_inputs(self) -> list[TensorInfo]:
        """Inputs whose shapes must be known before the model can be compiled; none afterwards."""
        return self._model.open_inputs

    def set_shapes(self, shapes: Shapes) -> None:
        """Prepare a model whose inputs have open dimensions.

        Raises
        ------
        ModelError, CapacityError, LinkError
            If the shapes do not fit it, or it is prepared already.
        """
        self._model.set_shapes(shapes)

    @property
    def graph(self) -> Graph:
        """The model; after the compiler's passes where there is a program."""
        return self._model.inference.graph

    @property
    def program(self) -> Program | None:
        """The compiled program; None on device ``golden``."""
        return self._model.inference.program

    @property
    def tensors(self) -> Arrays:
        """Tensors of the last image by name, if ``check`` or ``keep_tensors``."""
        return self._model.inference.tensors

    @property
    def compared_values(self) -> int:
        """Values that the last run compared with the golden model."""
        return self._model.inference.compared_values

    @property
    def profile(self) -> Profile:
        """Cycles, utilisation and link time of the last image, per layer.

        Raises
        ------
        WeftError
            If nothing has run yet.
        """
        return self._model.inference.profile

    @property
    def runtime(self) -> str | None:
        """Name and version of the runtime with which outputs are compared."""
        return None if self._model.reading is None else self._model.reading.runtime

    def reset_state(self) -> None:
        """Let the next call be the first one for a network that keeps a state between calls."""
        with self._model.lock:
            self._model.prepared.reset_state()
            if self._model.reading is not None:
                self._model.reading.reset()

    def stream(
        self, images: Iterable[_Image]
    ) -> Generator[NDArray[Any] | list[NDArray[Any]], None, None]:
        """Yield the result of each of ``images``, in order.

        Where program and device allow it, the next image goes to the device, and the result before
        comes back, while the device computes: ``profile.stream`` says how, or why not. Up to
        two images (of batches, too) are then taken before the result of an earlier one is given.
        Other runs may come in between. The profile is that of the last image, once the
        stream has ended.

        Parameters
        ----------
        images : iterable of arrays, or of feeds by the names of inputs
            An array stands for the only input of a model.

        Yields
        ------
        ndarray, or list of ndarray
            The output, or all of them where the model has several.

        Raises
        ------
        ModelError, LinkError
            As a run; the results of the images before come first.
        """
        self._model.prepared.check()
        if not isinstance(images, Iterable):
            raise ModelError(f"stream takes images one by one, not {type(images).__name__}")
        model, inference = self._model, self._model.inference
        stream = inference.image_stream() if model.reading is None else None
        feeds = (model.arrays(self._feed(image)) for image in images)
        results = (
            (self._run(feed) for feed in feeds)
            if stream is None
            else inference.stream(stream, feeds)
        )
        for arrays in results:
            yield arrays[0] if len(arrays) == 1 else arrays

    def _run(self, feeds: Arrays) -> list[NDArray[Any]]:
        """Return every output."""
        self._model.prepared.check()
        inference, images = self._model.ready(feeds)
        with self._model.lock:
            results = inference.run(images)
            outputs = [inference.join(name, results) for name in inference.graph.outputs]
            if self._model.reading is not None:
                self.differences = self._model.reading.compare(inference.graph, feeds, outputs)
        return outputs

    def _feed(self, image: _Image) -> Mapping[str, Any]:
        if isinstance(image, Mapping):
            return image
        names = self._model.needed
        if len(names) != 1:
            raise ModelError(f"the model has {len(names)} inputs; stream feeds by name")
        return {names[0]: image}
