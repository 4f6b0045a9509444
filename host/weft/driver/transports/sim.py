"""The virtual board in this process."""

import os
from collections.abc import Callable
from typing import TYPE_CHECKING

from weft_hw.boards import BITS_PER_BYTE
from weft_hw.contract.config import Config
from weft_hw.contract.memory_map import Region

from weft.driver.transports.base import Transport
from weft.errors import LinkError
from weft.text import reason

if TYPE_CHECKING:
    from weft_sim.pin_board import PinBoard

__all__ = ["SimTransport"]

# Deadlines count simulated time at this clock, so that a hung design costs seconds, not hours.
NOMINAL_HZ = 1_000_000
_SLICE_CYCLES = 20_000


class SimTransport(Transport):
    """Simulates as many cycles as it takes to answer, and none while nothing goes on.

    Parameters
    ----------
    config : Config
    uart : (int, int), optional
        Clock and baud rate in hertz: go through the pins of the board's serial port, bit by bit
        (:class:`weft_sim.pin_board.PinBoard`). Seconds are then those of this clock.
    pins : PinBoard, optional
        Go through the pins of this board, which was built already.
    past_link : bool, optional
        Let programs be loaded past the link (:meth:`load`), which carries a byte a cycle.
    options
        As for :class:`weft_sim.virtual_board.VirtualBoard`.

    Attributes
    ----------
    board : SimulatedBoard
    hz : int
        Cycles of the simulated board in what counts as a second.

    Raises
    ------
    LinkError
        If the simulator or a tool that builds it is missing.
    """

    def __init__(
        self,
        config: Config,
        *,
        progress: Callable[[str], None] = lambda stage: None,
        uart: tuple[int, int] | None = None,
        pins: "PinBoard | None" = None,
        past_link: bool = False,
        **options,
    ):
        try:
            from weft_sim.pin_board import PinBoard
            from weft_sim.tools import ToolError
            from weft_sim.virtual_board import VirtualBoard
        except ImportError as error:
            raise LinkError(
                f"the simulator needs {error.name}: pip install 'weft-fpga[sim]'"
            ) from None
        try:
            if uart is not None:
                pins = PinBoard(
                    config, clock_hz=uart[0], baud=uart[1], progress=progress, **options
                )
            if pins is None:
                self.hz = NOMINAL_HZ
                self.board = VirtualBoard(config, progress=progress, **options)
            else:
                self.hz, self.board = pins.clock_hz, pins
                self.bytes_per_second = pins.baud / BITS_PER_BYTE
        except (ToolError, OSError) as error:
            waves = options.get("waves")
            if waves is not None and getattr(error, "filename", None) == str(waves):
                raise  # as at the end, where they cannot be written whole
            raise LinkError(f"cannot build the virtual board: {reason(error)}") from None
        self.process = os.getpid()  # a thread may have been simulating when a fork copied it
        self._past_link = past_link
        self._outgoing, self._incoming = bytearray(), bytearray()

    def write(self, data: bytes):
        """Queue ``data``; the simulation advances when an answer is asked for."""
        self._outgoing += data

    def read(self, limit: int, timeout: float) -> bytes:
        """Simulate until an answer comes, nothing can come, or ``timeout`` has passed."""
        end = self.board.cycles + max(1, int(timeout * self.hz))
        while not self._incoming and (start := self.board.cycles) < end:
            # In slices: a signal, such as Ctrl-C, waits until the simulation returns.
            budget = min(_SLICE_CYCLES, end - start)
            taken, answer = self.board.exchange(bytes(self._outgoing), budget)
            del self._outgoing[:taken]
            self._incoming += answer
            if self.board.cycles - start < budget:  # nothing can come any more
                break
        data = bytes(self._incoming[:limit])
        del self._incoming[:limit]
        return data

    @property
    def loads(self) -> bool:
        """Whether programs are loaded past the link."""
        return self._past_link and bool(getattr(self.board, "loads", False))

    def load(self, region: Region, address: int, data: bytes, unit_bytes: int):
        """Write whole units of the idle board's memory; takes a cycle or two for each."""
        self.board.load(region, address, data, unit_bytes)  # type: ignore[attr-defined]

    def close(self):
        """Free the virtual board; a forked process, where its threads are missing, leaves it."""
        if self.process == os.getpid():
            self.board.close()

    def simulated(self) -> tuple[int, float]:
        """Return the cycles simulated and the seconds that took."""
        return self.board.cycles, self.board.seconds

    def pass_time(self, seconds: float):
        """Advance the simulated clock."""
        self.board.wait(int(seconds * self.hz))

    def now(self) -> float:
        """Return simulated seconds."""
        return self.board.cycles / self.hz
