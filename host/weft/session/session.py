"""A session in the shape of ONNX Runtime's."""

import time
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from weft.configuration import ConfigChoice
from weft.errors import ConfigError, WeftError, WrongType
from weft.graph.signature import TensorInfo
from weft.models.loading import ModelSource
from weft.runtime.device import OpenDevice
from weft.runtime.prepare import Preparation, Progress
from weft.runtime.prepared import PreparedModel
from weft.session.calls import Calls
from weft.session.declaration import ModelMetadata, read_declaration
from weft.session.model import SessionModel, Shapes
from weft.session.options import RunOptions, SessionOptions
from weft.session.providers import CPU, WEFT, Providers, provider_options_of
from weft.session.trace import Trace
from weft.session.values import OrtValue

__all__ = ["InferenceSession"]


class InferenceSession(Calls):
    """Runs a model on a device. Threads may share it: images take turns.

    Scripts written for ``onnxruntime.InferenceSession`` run unchanged. What means something to
    ONNX Runtime alone, such as threads, is accepted.

    Parameters
    ----------
    path_or_bytes : path, bytes, Graph or Program
        A ``.tflite``, ONNX or ``.weft`` file, a known name, what a ``.tflite`` or ONNX file
        holds, or what is already loaded.
    sess_options : SessionOptions, optional
    providers, provider_options : sequence, optional
        As in ONNX Runtime. ``"WeftExecutionProvider"`` has the options ``device`` and ``config``.
    device : str or OpenDevice, optional
        ``"golden"``, the default: the golden model in NumPy; ``"sim"``: the gateware, simulated
        cycle by cycle; a board.
    config : Config, str or Path, optional
        The accelerator's configuration, its name, or a ``.toml`` file; a program has its own.
    rounding : str, optional
        ``"reference"``, ``"xnnpack"``, ``"onnxruntime"`` or ``"onnxruntime-uint8"``: whose bits are
        reproduced.
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
    weights : str, optional
        ``"link"``: what does not fit a board without memory beside the chip is kept by the host,
        and comes over the link for every image.
    against : str, optional
        ``"runtime"``: compare every output of each :meth:`run` with what ONNX Runtime or LiteRT
        makes of the file; ``differences`` says what differs.
    shapes : mapping, optional
        Shapes of inputs whose dimensions an ONNX file leaves open, to be prepared at once. Other
        shapes are prepared when they are fed first. A first dimension of None stays open.
    progress : callable, optional
        Called with a text whenever preparation enters another stage.

    Raises
    ------
    ModelError, ConfigError, CapacityError, LinkError, DeviceMismatch
    """

    def __init__(
        self,
        path_or_bytes: ModelSource,
        sess_options: SessionOptions | None = None,
        providers: Providers | None = None,
        provider_options: Sequence[Mapping[Any, Any]] | None = None,
        *,
        device: str | OpenDevice | None = None,
        config: ConfigChoice = None,
        rounding: str | None = None,
        check: bool = False,
        keep_tensors: bool = False,
        fallback: bool = False,
        exact: bool = False,
        weights: str | None = None,
        against: str | None = None,
        shapes: Shapes | None = None,
        progress: Progress | None = None,
        enable_fallback: int = 1,
        read_config_from_model: int = 0,
        disabled_optimizers: Collection[str] | None = None,
    ):
        options = SessionOptions() if sess_options is None else sess_options
        if not isinstance(options, SessionOptions):
            raise WrongType(f"sess_options are SessionOptions, not {type(options).__name__}")
        options.warn()
        self._options = options

        def open_model(asked: Mapping[str, str]) -> SessionModel:
            given = {"device": device, "config": config}
            if any(given[key] is not None for key in asked):
                raise ConfigError(f"give device and config, or options of {WEFT}, not both")
            preparation = Preparation(
                path_or_bytes,
                device if device is not None else asked.get("device", "golden"),
                config if config is not None else asked.get("config"),
                rounding,
                fallback=fallback,
                exact=exact,
                weights=weights,
                shadows=check or keep_tensors,
                progress=progress,
            )
            declaration = None
            if isinstance(preparation.model, Path | bytes):
                declaration = read_declaration(preparation.model, options.dimensions)
            prepared = PreparedModel(preparation, check=check, keep_tensors=keep_tensors)
            reading = preparation.reading(against)
            return SessionModel(prepared, declaration, shapes or {}, reading)

        self._open_model = open_model
        self._asked = provider_options_of(providers or options.providers, provider_options)
        super().__init__(open_model(self._asked))
        self._trace = Trace(options.profile_file_prefix) if options.enable_profiling else None

    def get_inputs(self) -> list[TensorInfo]:
        """Return the model's inputs as its file declares them, open dimensions by name."""
        return self._model.inputs

    def get_outputs(self) -> list[TensorInfo]:
        """Return the model's outputs."""
        return self._model.outputs

    def get_overridable_initializers(self) -> list[TensorInfo]:
        """Return inputs that have a value in the file; :meth:`run` takes no other."""
        return self._model.overridable

    def get_modelmeta(self) -> ModelMetadata:
        """Return who made the model, as its file says."""
        return self._model.metadata

    def get_session_options(self) -> SessionOptions:
        """Return the options that the session was opened with."""
        return self._options

    def get_providers(self) -> list[str]:
        """Return what computes: Weft's provider but for device ``golden``, and the host."""
        return list(self.get_provider_options())

    def get_provider_options(self) -> dict[str, dict[str, str]]:
        """Return the options of each provider."""
        if self.device == "golden":
            return {CPU: {}}
        return {WEFT: {"device": self.device, **self._asked}, CPU: {}}

    def set_providers(
        self,
        providers: Providers | None = None,
        provider_options: Sequence[Mapping[Any, Any]] | None = None,
    ) -> None:
        """Open the model again where other options of Weft's provider are asked for."""
        asked = provider_options_of(providers, provider_options)
        if asked != self._asked:
            with self._model.lock:
                self.close()
                self._model, self._asked = self._open_model(asked), asked

    def get_tuning_results(self) -> list[dict[str, Any]]:
        """Return none: nothing is tuned while a model runs."""
        return []

    def set_tuning_results(
        self, results: Sequence[Mapping[str, Any]], *, error_on_invalid: bool = False
    ) -> None:
        """Do nothing, as :meth:`get_tuning_results`."""

    def enable_fallback(self) -> None:
        """Do nothing: no provider is left for another when it fails."""

    def disable_fallback(self) -> None:
        """Do nothing, as :meth:`enable_fallback`."""

    def run(
        self,
        output_names: Collection[str] | None,
        input_feed: Mapping[str, Any],
        run_options: RunOptions | None = None,
    ) -> list[NDArray[Any]]:
        """Return the outputs named, or all of them for None or none.

        Parameters
        ----------
        output_names : collection of str, or None
        input_feed : mapping
            An array of the declared dtype and shape for each input, a list of such numbers, or
            an OrtValue. The first dimension may be another batch than the declared one. Images
            run one after the other, so for a network with a state they are successive calls.
        run_options : RunOptions, optional

        Raises
        ------
        ModelError
            If an input or output is unknown or missing, or has a wrong dtype or shape.
        LinkError
            If the device does not answer, or was opened by the process that forked this one.
        WeftError
            If the session was closed, or ``run_options.terminate`` is set.
        """
        self._model.prepared.check()
        if run_options is not None and not isinstance(run_options, RunOptions):
            raise WrongType(f"run_options are RunOptions, not {type(run_options).__name__}")
        if run_options is not None and run_options.terminate:
            raise WeftError("run_options.terminate is set")
        begin = time.monotonic_ns()
        arrays = self._model.arrays(_plain(input_feed))
        chosen = self._model.chosen(output_names)
        outputs = self._run(arrays)
        if self._trace is not None:
            self._trace.add(begin, self.profile)
        return outputs if chosen is None else [outputs[index] for index in chosen]

    def end_profiling(self) -> str:
        """Write the trace that ``enable_profiling`` asked for; return its name, or ``""``."""
        trace, self._trace = self._trace, None
        return "" if trace is None else trace.write()

    def get_profiling_start_time_ns(self) -> int:
        """Return when the trace begins, in ns of the monotonic clock; 0 without one."""
        return 0 if self._trace is None else self._trace.start_ns


def _plain(feeds: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return ``feeds`` with arrays in place of values."""
    if not isinstance(feeds, Mapping):
        return feeds
    return {
        name: value.numpy() if isinstance(value, OrtValue) else value
        for name, value in feeds.items()
    }
