"""From what a user names as a model to what runs it on a device."""

import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from weft_hw.contract.config import Config

from weft.compiler import compile_graph
from weft.configuration import ConfigChoice, get_config
from weft.errors import LinkError, ModelError
from weft.graph import Graph
from weft.models.loading import ModelSource, find_model, load, require_exact
from weft.program import Program
from weft.runtime.board_runner import BoardRunner
from weft.runtime.device import OpenDevice
from weft.runtime.devices import open_device
from weft.runtime.fallback import FallbackRunner, Outside, load_in_parts
from weft.runtime.golden_runner import GoldenRunner
from weft.runtime.host_memory import (
    board_alone,
    by_host,
    require_model,
    weights_over_link,
    with_host_memory,
)
from weft.runtime.reading import SecondReading, open_reading

__all__ = ["AnyRunner", "Preparation", "Progress"]

Runner = GoldenRunner | BoardRunner
AnyRunner = Runner | FallbackRunner
Progress = Callable[[str], None]


class Preparation:
    """A model and a device that are to go together, once the model's shapes are known.

    Parameters
    ----------
    model : path, bytes, Graph or Program
    device : str or OpenDevice
    config : Config, str or Path, optional
    rounding : str, optional
        Whose bits are reproduced.
    fallback : bool
        Run unsupported layers at the head or tail in the model's own runtime.
    exact : bool
        Refuse float islands.
    weights : str, optional
        ``link``: what does not fit a board without memory beside it comes over the link.
    shadows : bool
        Compile so that every tensor can be read back.
    progress : callable, optional
        Called with a text whenever another stage begins.

    Attributes
    ----------
    name, device_name : str

    Raises
    ------
    ModelError
        If the model is nothing of this kind, or there is no such file.
    LinkError
        If the device is nothing of this kind.
    """

    def __init__(
        self,
        model: ModelSource,
        device: str | OpenDevice = "golden",
        config: ConfigChoice = None,
        rounding: str | None = None,
        *,
        fallback: bool = False,
        exact: bool = False,
        weights: str | None = None,
        shadows: bool = False,
        progress: Progress | None = None,
    ):
        if not isinstance(device, str | OpenDevice):
            found = type(device).__name__
            raise LinkError(f"a device is a name or an OpenDevice, not {found}")
        self.device_name = device if isinstance(device, str) else device.name
        given = model
        if not isinstance(model, bytes | Graph | Program):
            model = find_model(model)
            if model.suffix == ".weft":
                model = Program.load(model)
        self.name = _name(given)
        self.model: Path | bytes | Graph | Program = model
        self._device, self._config, self._rounding = device, config, rounding
        self._fallback, self._exact, self._shadows = fallback, exact, shadows
        self._over_link = weights_over_link(weights)
        self._board: OpenDevice | None = None
        self._progress = progress or (lambda text: None)

    def reading(self, against: str | None) -> SecondReading | None:
        """Return how the model's own runtime reads it, where that is wanted.

        Raises
        ------
        ModelError
            If ``against`` is unknown, the model is no file, or its runtime is not installed.
        """
        if against is None:
            return None
        if against != "runtime":
            raise ModelError(f"results are compared against a runtime, not {against!r}")
        if not isinstance(self.model, Path | bytes):
            raise ModelError("a runtime reads model files; a graph or a program is none")
        return open_reading(self.model, self._rounding)

    def open(self, shapes: Mapping[str, Sequence[int | None]]) -> AnyRunner:
        """Compile the model for ``shapes`` and load it; the device stays the one first opened.

        Raises
        ------
        OpenShapeError
            If an input's shape is open and ``shapes`` does not give it.
        ModelError, ConfigError, CapacityError, LinkError, DeviceMismatch
        """
        self._progress("reading the model")
        outside: Outside | None = None
        if self._fallback and isinstance(self.model, Path | bytes):
            loaded, outside = load_in_parts(self.model, self._rounding, shapes)
        else:
            loaded = load(self.model, self._config, self._rounding, shapes)
        if self._exact:
            require_exact(loaded)
        runner = self._runner(loaded)
        return runner if outside is None else FallbackRunner(runner, outside)

    def _runner(self, loaded: Graph | Program) -> Runner:
        if self._device == "golden":
            if isinstance(loaded, Program):
                return GoldenRunner(loaded.graph, loaded.config)
            return GoldenRunner(loaded, get_config(self._config))
        require_model(self.model, over_link=self._over_link)
        if isinstance(loaded, Graph):
            self._progress("compiling")
            board = self._board
            config = self._size() if board is None else board.config
            loaded = compile_graph(
                loaded, config, shadows=self._shadows, moved_by_host=self._over_link
            )
        if self._board is not None:  # others' programs for it may be in use
            return BoardRunner(loaded, self._board)
        board = self._device
        self._progress(f"opening {self.device_name}")
        size = board_alone(loaded.config) if self._over_link else loaded.config
        if isinstance(board, str):
            board = open_device(board, size, self._progress)
        if self._over_link:
            board = by_host(board, loaded.config)
        try:
            self._progress("loading the program")
            runner = BoardRunner(loaded, board)
        except BaseException:
            board.close()
            raise
        self._board = board
        return runner

    def _size(self) -> Config:
        """Return the configuration that a model is compiled for."""
        config = get_config(self._config)
        return with_host_memory(config) if self._over_link else config


def _name(model: ModelSource) -> str:
    if isinstance(model, bytes):
        return "model"
    if isinstance(model, str | os.PathLike):
        return Path(model).stem
    return model.name if isinstance(model, Graph) else model.graph.name
