"""A session in the shape of ONNX Runtime's."""

import threading
from collections.abc import Generator, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from weft.configuration import ConfigChoice
from weft.errors import ModelError, OpenShapeError, WeftError
from weft.graph import Graph
from weft.graph.signature import TensorInfo
from weft.program import Program
from weft.runtime.devices import OpenDevice
from weft.runtime.inference import Arrays, Inference
from weft.runtime.prepare import Preparation, Report
from weft.runtime.profile import Profile
from weft.runtime.reading import Difference

__all__ = ["InferenceSession"]


class InferenceSession:
    """Runs a model on a device. Threads may share it: images take turns.

    Parameters
    ----------
    model : path, Graph or Program
        A ``.tflite``, ONNX or ``.weft`` file, a known name, or what is already loaded.
    device : str or OpenDevice
        ``"golden"``: the golden model in NumPy; ``"sim"``: the gateware, simulated cycle by cycle.
    config : Config, str or Path, optional
        The accelerator's configuration, its name, or a ``.toml`` file; a program has its own.
    rounding : str, optional
        ``"reference"``, ``"xnnpack"`` or ``"onnxruntime"``: whose bits are reproduced.
    check : bool
        Run each image a second time, descriptor by descriptor, and compare every tensor with
        the golden model; ``profile.mismatches`` says how many values differ.
    keep_tensors : bool
        Keep every layer's tensor of the last image in ``tensors``.
    fallback : bool
        Run layers that Weft does not support, if they are at the head or tail of the network, in
        ONNX Runtime (ONNX) or LiteRT (``.tflite``). Arrays then have the file's shapes exactly;
        only a batch that the file leaves open may be any.
    exact : bool
        Refuse a network of which ONNX Runtime computes a layer in float32 (a *float island*), so
        that its results are not the runtime's bit for bit.
    against : str, optional
        ``"runtime"``: compare every output of each :meth:`run` with what ONNX Runtime or LiteRT
        makes of the file; ``differences`` says what differs.
    shapes : mapping, optional
        Shapes of inputs whose dimensions an ONNX file leaves open. Without them the first image
        gives the shapes, and the model is prepared then. A first dimension of None stays open.
    progress : callable, optional
        Called with a text whenever preparation enters another stage.

    Attributes
    ----------
    runtime : str or None
        Name and version of the runtime that ``against`` compares with.
    differences : list of Difference
        Outputs of the last :meth:`run` that differ from the runtime's; each prints as a sentence.

    Raises
    ------
    ModelError, ConfigError, CapacityError, LinkError, DeviceMismatch
    """

    def __init__(
        self,
        model: str | Path | Graph | Program,
        device: str | OpenDevice = "golden",
        config: ConfigChoice = None,
        rounding: str | None = None,
        *,
        check: bool = False,
        keep_tensors: bool = False,
        fallback: bool = False,
        exact: bool = False,
        against: str | None = None,
        shapes: Mapping[str, Sequence[int | None]] | None = None,
        progress: Report | None = None,
    ):
        self._preparation = Preparation(
            model=model,
            device=device,
            config=config,
            rounding=rounding,
            fallback=fallback,
            exact=exact,
            shadows=check or keep_tensors,
            report=progress or (lambda text: None),
        )
        self.name, self.device = self._preparation.name, self._preparation.device_name
        self._check, self._keep_tensors = check, keep_tensors
        self._reading = self._preparation.reading(against)
        self.runtime = None if self._reading is None else self._reading.runtime
        self.differences: list[Difference] = []
        self._lock = threading.RLock()
        self._opened: Inference | None = None
        self._open_inputs: list[TensorInfo] = []
        try:
            self._prepare(shapes or {})
        except OpenShapeError as error:
            if shapes:
                raise
            self._open_inputs = [
                TensorInfo(name, dtype, list(shape)) for name, dtype, shape in error.inputs
            ]

    def _prepare(self, shapes: Mapping[str, Sequence[int | None]]) -> None:
        runner = self._preparation.open(shapes)
        self._opened = Inference(
            runner, self.name, self.device, check=self._check, keep_tensors=self._keep_tensors
        )
        self._open_inputs = []

    def __enter__(self) -> "InferenceSession":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the device, once an image under way is done."""
        try:
            self._check_usable()
        except WeftError:  # in a forked process, where a lock may be held for ever
            if self._opened is not None:
                self._opened.runner.close()
            return
        with self._lock:
            if self._opened is not None:
                self._opened.runner.close()

    def _check_usable(self) -> None:
        """Raise once the session is closed, or in a process that did not open its device."""
        if self._opened is not None:
            self._opened.runner.check()

    def set_shapes(self, shapes: Mapping[str, Sequence[int | None]]) -> None:
        """Prepare a model whose inputs have open dimensions.

        Raises
        ------
        ModelError, CapacityError, LinkError
            If the shapes do not fit it, or are known already.
        """
        with self._lock:
            if self._opened is not None:
                raise ModelError("the shapes of this model's inputs are known")
            self._prepare(shapes)

    @property
    def _inference(self) -> Inference:
        if self._opened is None:
            names = ", ".join(info.name for info in self._open_inputs)
            raise ModelError(f"the shape of {names} is open; give shapes, or run an image first")
        return self._opened

    @property
    def graph(self) -> Graph:
        """The model; after the compiler's passes where there is a program."""
        return self._inference.graph

    @property
    def program(self) -> Program | None:
        """The compiled program; None on device ``golden``."""
        return self._inference.program

    @property
    def tensors(self) -> Arrays:
        """Tensors of the last image by name, if ``check`` or ``keep_tensors``."""
        return {} if self._opened is None else self._opened.tensors

    @property
    def compared_values(self) -> int:
        """Values that the last :meth:`run` compared with the golden model."""
        return 0 if self._opened is None else self._opened.compared_values

    @property
    def profile(self) -> Profile:
        """Cycles, utilisation and link time of the last image, per layer.

        Raises
        ------
        WeftError
            If nothing has run yet.
        """
        if self._opened is None:
            raise WeftError("there is no profile before the first run")
        return self._opened.profile

    def get_inputs(self) -> list[TensorInfo]:
        """Return the model's inputs; what the file leaves open is None before the first image."""
        if self._opened is None:
            return list(self._open_inputs)
        return [TensorInfo.of(self.graph, name) for name in self.graph.inputs]

    def get_outputs(self) -> list[TensorInfo]:
        """Return the model's outputs."""
        return [TensorInfo.of(self.graph, name) for name in self.graph.outputs]

    def run(
        self, output_names: Sequence[str] | None, feeds: Mapping[str, NDArray[Any]]
    ) -> list[NDArray[Any]]:
        """Return the outputs named, or all of them for None.

        Parameters
        ----------
        output_names : sequence of str, or None
        feeds : mapping
            An array of the declared dtype and shape for each input; the first dimension may be
            another batch than the declared one. Images run one after the other, so for a network
            with a state they are successive calls.

        Raises
        ------
        ModelError
            If an input or output is unknown or missing, or has a wrong dtype or shape.
        LinkError
            If the device does not answer, or was opened by the process that forked this one.
        WeftError
            If the session was closed.
        """
        self._check_usable()
        if not isinstance(feeds, Mapping):
            raise ModelError(f"feeds are arrays by the names of inputs, not {type(feeds).__name__}")
        self._learn_shapes(feeds)
        names = self.graph.outputs if output_names is None else output_names
        if isinstance(names, str) or not isinstance(names, Sequence):
            raise ModelError(f"output names are a list or None, not {type(names).__name__}")
        for name in names:
            if name not in self.graph.outputs:
                raise ModelError(
                    f"the model has no output {name!r}, only {', '.join(self.graph.outputs)}"
                )
        inference = self._inference
        images = inference.images(feeds)
        with self._lock:
            results = inference.run(images)
            if self._reading is not None:
                outputs = [inference.join(name, results) for name in self.graph.outputs]
                self.differences = self._reading.compare(self.graph, feeds, outputs)
        return [inference.join(name, results) for name in names]

    def _learn_shapes(self, feeds: Mapping[str, NDArray[Any]]) -> None:
        """Take open dimensions from ``feeds``, but the batch."""
        if self._opened is None:
            known = {info.name: info.shape for info in self._open_inputs}
            self.set_shapes(
                {
                    name: tuple(
                        None if axis == 0 and None in known.get(name, [None])[:1] else size
                        for axis, size in enumerate(np.shape(array))
                    )
                    for name, array in feeds.items()
                }
            )

    def reset_state(self) -> None:
        """Let the next call be the first one for a network that keeps a state between calls."""
        with self._lock:
            if self._opened is not None:
                self._opened.runner.reset_state()
            if self._reading is not None:
                self._reading.reset()

    def stream(
        self, images: Iterable[NDArray[Any] | Mapping[str, NDArray[Any]]]
    ) -> Generator[NDArray[Any] | list[NDArray[Any]], None, None]:
        """Yield the result of each of ``images``, in order.

        Where program and device allow it, the next image goes to the device, and the result before
        comes back, while the device computes: ``profile.stream`` says how, or why not. Up to
        two images (of batches, too) are then taken before the result of an earlier one is given.
        :meth:`run` may be called in between. The profile is that of the last image, once the
        stream has ended.

        Parameters
        ----------
        images : iterable of arrays, or of feeds as :meth:`run` takes them
            An array stands for the only input of a model.

        Yields
        ------
        ndarray, or list of ndarray
            The output, or all of them where the model has several.

        Raises
        ------
        ModelError, LinkError
            As :meth:`run`; the results of the images before come first.
        """
        self._check_usable()
        if not isinstance(images, Iterable):
            raise ModelError(f"stream takes images one by one, not {type(images).__name__}")
        inference = self._inference
        flow = inference.flow() if self._reading is None else None
        feeds = map(self._feed, images)
        outputs = self.graph.outputs
        results = (
            (self.run(None, feed) for feed in feeds)
            if flow is None
            else inference.stream(flow, feeds)
        )
        for arrays in results:
            yield arrays[0] if len(outputs) == 1 else arrays

    def _feed(self, image: NDArray[Any] | Mapping[str, NDArray[Any]]) -> Mapping[str, NDArray[Any]]:
        if isinstance(image, Mapping):
            return image
        if len(self.graph.inputs) != 1:
            raise ModelError(f"the model has {len(self.graph.inputs)} inputs; stream feeds by name")
        return {self.graph.inputs[0]: image}
