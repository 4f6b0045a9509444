"""From what a user names as a model to what runs it on a device."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from weft.compiler import compile_graph
from weft.configuration import ConfigChoice, get_config
from weft.errors import LinkError, ModelError
from weft.graph import Graph
from weft.models.loading import find_model, load, require_exact
from weft.program import Program
from weft.runtime.devices import OpenDevice, open_device
from weft.runtime.fallback import FallbackRunner, Outside, load_in_parts
from weft.runtime.reading import SecondReading, open_reading
from weft.runtime.runners import BoardRunner, GoldenRunner, Runner

__all__ = ["AnyRunner", "Preparation", "Report"]

AnyRunner = Runner | FallbackRunner
Report = Callable[[str], object]


@dataclass(frozen=True, kw_only=True)
class Preparation:
    """What is wanted: a model, a device, and how they go together.

    Parameters
    ----------
    model : path, Graph or Program
    device : str or OpenDevice
    config : Config, str or Path, optional
    rounding : str, optional
        Whose bits are reproduced.
    fallback : bool
        Run unsupported layers at the head or tail in the model's own runtime.
    exact : bool
        Refuse float islands.
    shadows : bool
        Compile so that every tensor can be read back.
    report : callable
        Called with a text whenever another stage begins.
    """

    model: str | Path | Graph | Program
    device: str | OpenDevice
    config: ConfigChoice
    rounding: str | None
    fallback: bool
    exact: bool
    shadows: bool
    report: Report

    def __post_init__(self):
        if not isinstance(self.model, str | Path | Graph | Program):
            found = type(self.model).__name__
            raise ModelError(f"a model is a path, Graph or Program, not {found}")
        if not isinstance(self.device, str | OpenDevice):
            found = type(self.device).__name__
            raise LinkError(f"a device is a name or an OpenDevice, not {found}")

    @property
    def name(self) -> str:
        """What the model is called."""
        if isinstance(self.model, str | Path):
            return Path(self.model).stem
        return self.model.name if isinstance(self.model, Graph) else self.model.graph.name

    @property
    def device_name(self) -> str:
        """What the device is called."""
        return self.device if isinstance(self.device, str) else self.device.name

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
        path = find_model(self.model) if isinstance(self.model, str | Path) else None
        if path is None or path.suffix == ".weft":
            raise ModelError("a runtime reads model files; a graph or a program is none")
        return open_reading(path, self.rounding)

    def open(self, shapes: Mapping[str, Sequence[int | None]]) -> AnyRunner:
        """Read the model, compile it, and load it into the device.

        Raises
        ------
        OpenShapeError
            If an input's shape is open and ``shapes`` does not give it.
        ModelError, ConfigError, CapacityError, LinkError, DeviceMismatch
        """
        self.report("reading the model")
        outside: Outside | None = None
        model = self.model
        if self.fallback and isinstance(model, str | Path) and find_model(model).suffix != ".weft":
            loaded, outside = load_in_parts(find_model(model), self.rounding, shapes)
        else:
            loaded = load(model, self.config, self.rounding, shapes)
        if self.exact:
            require_exact(loaded)
        runner = self._runner(loaded)
        return runner if outside is None else FallbackRunner(runner, outside)

    def _runner(self, loaded: Graph | Program) -> Runner:
        if self.device == "golden":
            if isinstance(loaded, Program):
                return GoldenRunner(loaded.graph, loaded.config)
            return GoldenRunner(loaded, get_config(self.config))
        if isinstance(loaded, Graph):
            self.report("compiling")
            loaded = compile_graph(loaded, get_config(self.config), shadows=self.shadows)
        self.report(f"opening {self.device_name}")
        board = self.device
        if isinstance(board, str):
            board = open_device(board, loaded.config, self.report)
        try:
            self.report("loading the program")
            return BoardRunner(loaded, board)
        except BaseException:
            board.close()
            raise
