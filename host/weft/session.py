"""A model ready to run on a device, in the shape of ONNX Runtime's API."""

import threading
import time
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from weft.compiler import compile_graph
from weft.configuration import ConfigChoice, get_config
from weft.errors import LinkError, ModelError, OpenShapeError, WeftError
from weft.graph import Graph
from weft.graph.signature import TensorInfo, batch_of
from weft.models.loading import find_model, load
from weft.program import Program
from weft.runtime.comparison import Comparison
from weft.runtime.devices import OpenDevice, open_device
from weft.runtime.fallback import FallbackRunner, Outside, load_in_parts
from weft.runtime.flow import ImageFlow
from weft.runtime.profile import Profile
from weft.runtime.runners import BoardRunner, GoldenRunner, Run, Runner

__all__ = ["InferenceSession", "TensorInfo"]

Arrays = dict[str, NDArray[Any]]


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
        ONNX Runtime (ONNX) or LiteRT (``.tflite``), one image after the other.
    shapes : mapping, optional
        Shapes of inputs whose dimensions an ONNX file leaves open. Without them the first image
        gives the shapes, and the model is prepared then.
    progress : callable, optional
        Called with a text whenever preparation enters another stage.

    Attributes
    ----------
    tensors : dict
        Tensors of the last image by name, if ``check`` or ``keep_tensors``.
    compared_values : int
        Values that the last :meth:`run` compared with the golden model.

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
        shapes: Mapping[str, Sequence[int]] | None = None,
        progress: Callable[[str], object] | None = None,
    ):
        if not isinstance(model, str | Path | Graph | Program):
            raise ModelError(f"a model is a path, Graph or Program, not {type(model).__name__}")
        if not isinstance(device, str | OpenDevice):
            raise LinkError(f"a device is a name or an OpenDevice, not {type(device).__name__}")
        report = progress or (lambda text: None)
        self.name = _name(model)
        self.device = device if isinstance(device, str) else device.name
        self.tensors: Arrays = {}
        self.compared_values = 0
        self._check, self._keep = check, keep_tensors
        self._profile: Profile | None = None
        self._lock = threading.RLock()
        self._opened: Runner | FallbackRunner | None = None
        self._open_inputs: list[TensorInfo] = []

        def prepare(shapes: Mapping[str, Sequence[int]]) -> Runner | FallbackRunner:
            report("reading the model")
            outside: Outside | None = None
            if fallback and isinstance(model, str | Path) and find_model(model).suffix != ".weft":
                loaded, outside = load_in_parts(find_model(model), rounding, shapes)
            else:
                loaded = load(model, config, rounding, shapes)
            runner = _make_runner(loaded, device, config, report, shadows=check or keep_tensors)
            return runner if outside is None else FallbackRunner(runner, outside)

        self._prepare = prepare
        try:
            self._opened = prepare(shapes or {})
        except OpenShapeError as error:
            if shapes:
                raise
            self._open_inputs = [
                TensorInfo(name, dtype, list(shape)) for name, dtype, shape in error.inputs
            ]

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
                self._opened.close()
            return
        with self._lock:
            if self._opened is not None:
                self._opened.close()

    def _check_usable(self) -> None:
        """Raise once the session is closed, or in a process that did not open its device."""
        if self._opened is not None:
            self._opened.check()

    def set_shapes(self, shapes: Mapping[str, Sequence[int]]) -> None:
        """Prepare a model whose inputs have open dimensions.

        Raises
        ------
        ModelError, CapacityError, LinkError
            If the shapes do not fit it, or are known already.
        """
        with self._lock:
            if self._opened is not None:
                raise ModelError("the shapes of this model's inputs are known")
            self._opened = self._prepare(shapes)
            self._open_inputs = []

    @property
    def _runner(self) -> Runner | FallbackRunner:
        if self._opened is None:
            names = ", ".join(info.name for info in self._open_inputs)
            raise ModelError(f"the shape of {names} is open; give shapes, or run an image first")
        return self._opened

    @property
    def graph(self) -> Graph:
        """The model; after the compiler's passes where there is a program."""
        return self._runner.graph

    @property
    def program(self) -> Program | None:
        """The compiled program; None on device ``golden``."""
        return self._runner.program

    @property
    def profile(self) -> Profile:
        """Cycles, utilisation and link time of the last image, per layer.

        Raises
        ------
        WeftError
            If nothing has run yet.
        """
        if self._profile is None:
            raise WeftError("there is no profile before the first run")
        return self._profile

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
        images = self._images(feeds)
        with self._lock:
            results = self._run_images(images)
        return [self._join(name, [values[name] for values in results]) for name in names]

    def _images(self, feeds: Mapping[str, NDArray[Any]]) -> list[Arrays]:
        """Return the images that ``feeds`` hold, as feeds of their own."""
        batch = batch_of(self.graph, feeds)
        if self.graph.declared is not None:
            return [dict(feeds)]
        return [
            {name: array[index : index + 1] for name, array in feeds.items()}
            for index in range(batch)
        ]

    def _join(self, name: str, values: Sequence[NDArray[Any]]) -> NDArray[Any]:
        """Return one output of all images; a constant one does not depend on them."""
        whole = self.graph.declared is not None or self.graph.tensors[name].data is not None
        return values[0] if whole else np.concatenate(values)

    def _learn_shapes(self, feeds: Mapping[str, NDArray[Any]]) -> None:
        """Take open dimensions from ``feeds``; each of its images is run by itself."""
        if self._opened is None:
            known = {info.name: info.shape for info in self._open_inputs}
            self.set_shapes(
                {
                    name: tuple(
                        1 if axis == 0 and None in known.get(name, [None])[:1] else size
                        for axis, size in enumerate(np.shape(array))
                    )
                    for name, array in feeds.items()
                }
            )

    def reset_state(self) -> None:
        """Let the next call be the first one for a network that keeps a state between calls."""
        with self._lock:
            if self._opened is not None:
                self._opened.reset_state()

    def _run_images(self, images: Sequence[Arrays]) -> list[Arrays]:
        """Run ``images``, compare them if that is asked for, and keep what describes them."""
        differences: dict[str, int] = {}
        self.compared_values = 0
        results = []
        for image in images:
            states = self._runner.states() if self._check or self._keep else {}
            start = time.perf_counter()
            run = self._runner.run(image)
            seconds = time.perf_counter() - start
            if self._check or self._keep:
                self.tensors = self._runner.inspect(image, states)
            if self._check and self.program is not None:
                self._compare(image, states, run, differences)
            self._profile = self._describe(run, differences, seconds)
            results.append(run.values)
        return results

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
        flow = None if self._check or self._keep else self._runner.flow()
        feeds = map(self._feed, images)
        outputs = self.graph.outputs
        results = (
            (self.run(None, feed) for feed in feeds) if flow is None else self._stream(flow, feeds)
        )
        for arrays in results:
            yield arrays[0] if len(outputs) == 1 else arrays

    def _feed(self, image: NDArray[Any] | Mapping[str, NDArray[Any]]) -> Mapping[str, NDArray[Any]]:
        if isinstance(image, Mapping):
            return image
        if len(self.graph.inputs) != 1:
            raise ModelError(f"the model has {len(self.graph.inputs)} inputs; stream feeds by name")
        return {self.graph.inputs[0]: image}

    def _stream(
        self, flow: ImageFlow, feeds: Iterable[Mapping[str, NDArray[Any]]]
    ) -> Iterator[list[NDArray[Any]]]:
        """Yield the outputs of each of ``feeds``, whose images go through ``flow``."""
        batches: deque[int] = deque()

        def images() -> Iterator[Arrays]:
            for feed in feeds:
                parts = self._images(feed)
                batches.append(len(parts))
                yield from parts

        done: list[Arrays] = []
        count, start, traffic = 0, time.perf_counter(), flow.traffic()
        results = flow.results(images())
        try:
            for values in results:
                done.append(values)
                count += 1
                if len(done) == batches[0]:
                    yield [
                        self._join(name, [values[name] for values in done])
                        for name in self.graph.outputs
                    ]
                    batches.popleft()
                    done.clear()
        finally:
            results.close()
            if count and flow.counters:
                cycles = sum(counter["cycles"] for counter in flow.counters.values())
                run = Run({}, cycles, flow.counters, flow.traffic() - traffic)
                profile = self._describe(run, {}, time.perf_counter() - start)
                self._profile = replace(profile, images=count)

    def _compare(
        self, image: Arrays, states: Arrays, run: Run, differences: dict[str, int]
    ) -> None:
        """Add to ``differences`` how both runs of ``image`` differ from the golden model."""
        expected = self._runner.expected(image, states)
        for tensors in (self.tensors, run.values):
            comparison = Comparison(expected)
            comparison.add({n: v for n, v in tensors.items() if n not in self.graph.inputs})
            for name, count in comparison.differences.items():
                differences[name] = differences.get(name, 0) + count
            self.compared_values += comparison.values

    def _stream_note(self) -> str:
        if self.program is None or (self.program.stream.sets and self._runner.flow() is None):
            return f"one image after the other on device {self.device}"
        return self.program.stream.note

    def _describe(self, run: Run, differences: Mapping[str, int], seconds: float) -> Profile:
        layers = self._runner.layers(run, differences)
        on_golden = self.program is None
        return Profile(
            model=self.name,
            config=self._runner.config.name,
            device=self.device,
            layers=layers,
            multipliers=self._runner.config.multipliers,
            macs=sum(row.macs for row in layers if on_golden or row.where == "accelerator"),
            cycles=run.cycles,
            link=run.link,
            seconds=seconds,
            stream=self._stream_note(),
            clock_hz=run.clock_hz,
        )


def _make_runner(
    loaded: Graph | Program,
    device: str | OpenDevice,
    config: ConfigChoice,
    report: Callable[[str], object],
    *,
    shadows: bool,
) -> Runner:
    if device == "golden":
        if isinstance(loaded, Program):
            return GoldenRunner(loaded.graph, loaded.config)
        return GoldenRunner(loaded, get_config(config))
    if isinstance(loaded, Graph):
        report("compiling")
        loaded = compile_graph(loaded, get_config(config), shadows=shadows)
    report(f"opening {device}")
    board = open_device(device, loaded.config, report) if isinstance(device, str) else device
    try:
        report("loading the program")
        return BoardRunner(loaded, board)
    except BaseException:
        board.close()
        raise


def _name(model: str | Path | Graph | Program) -> str:
    if isinstance(model, str | Path):
        return Path(model).stem
    return model.name if isinstance(model, Graph) else model.graph.name
