"""Waveforms of the simulated accelerator: of a whole inference, or of one layer."""

from collections.abc import Callable, Collection
from pathlib import Path
from typing import Any

from weft_hw.contract.config import Config
from weft_hw.contract.memory_map import Region

from weft.driver.transports.sim import SimTransport
from weft.errors import ModelError, WeftError
from weft.program import Program
from weft.runtime.device import OpenDevice
from weft.runtime.devices import open_over
from weft.runtime.execute import Memories

__all__ = ["Tracer", "layer_descriptors", "open_traced"]


def layer_descriptors(program: Program, name: str) -> tuple[int, ...]:
    """Return the descriptors of the layer called ``name``.

    Raises
    ------
    ModelError
        If there is no such layer, or the accelerator does not run it.
    """
    layers = {layer.name: layer for layer in program.layers}
    if name not in layers:
        known = ", ".join(layer.name for layer in program.layers if layer.descriptors)
        raise ModelError(f"the model has no layer {name!r}; the accelerator runs {known}")
    layer = layers[name]
    if not layer.descriptors:
        raise ModelError(f"layer {name} is {layer.where} ({layer.reason}): it has no waveforms")
    return layer.descriptors


class Tracer:
    """A device's memories, whose runs are written to a waveform file.

    Attributes
    ----------
    wanted : collection of int, or None
        Descriptors whose runs are written, alone or together; None for every run.
    """

    def __init__(self, memories: Memories, board: Any):
        self._memories, self._board = memories, board
        self.wanted: Collection[int] | None = None

    @property
    def cycles(self) -> int:
        """Cycles of all runs."""
        return self._memories.cycles  # type: ignore[attr-defined]

    def write(self, region: Region, unit: int, data: bytes) -> None:
        """Write whole units."""
        self._memories.write(region, unit, data)

    def read(self, region: Region, unit: int, count: int) -> bytes:
        """Return ``count`` units."""
        return self._memories.read(region, unit, count)

    def run(self, first: int, count: int) -> None:
        """Run descriptors and wait for their end."""
        wanted = self.wanted is None or set(range(first, first + count)) <= set(self.wanted)
        self._board.traced = wanted
        try:
            self._memories.run(first, count)
        finally:
            self._board.traced = False


def open_traced(
    config: Config, path: Path, progress: Callable[[str], None] = lambda text: None
) -> tuple[OpenDevice, Tracer]:
    """Open a simulated board that writes waveforms to ``path``.

    Parameters
    ----------
    config : Config
    path : Path
        A new ``.fst`` or ``.vcd`` file. A clock cycle takes 2 ns of its time.
    progress : callable
        Called with a text for each stage of long work.

    Raises
    ------
    WeftError
        If the file's name ends in something else, or its folder is missing.
    LinkError
        If the simulated board cannot be built.
    """
    if path.suffix not in (".fst", ".vcd"):
        raise WeftError(f"{path}: waveforms go to a file whose name ends in .fst or .vcd")
    if not path.parent.is_dir():
        raise WeftError(f"{path.parent} is no directory")

    transport = SimTransport(config, progress=progress, waves=path)
    device = open_over(transport, config, name="sim")
    tracer = Tracer(device.memories, transport.board)
    device.memories = tracer
    return device, tracer
