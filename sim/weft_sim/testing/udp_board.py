"""The complete design behind an RGMII transceiver: frames in, frames out."""

import ctypes
from collections.abc import Callable
from pathlib import Path
from typing import Any

from weft_hw.contract.config import Config
from weft_hw.contract.ethernet import ip_of, mac_of

from weft_sim.testing.timed_board import TimedBoard, build_system

__all__ = ["UdpBoard"]

_HARNESS = Path(__file__).with_suffix(".cpp")
_LONGEST = 4096  # bytes of a frame that are taken
_FAULTS = {
    -1: "a wrong preamble",
    -2: "too short a gap before it",
    -3: "half a byte",
    -4: "different things at the two edges",
}


class UdpBoard(TimedBoard):
    """A :class:`~weft_hw.system.System` behind Ethernet.

    Parameters
    ----------
    config : Config
        Without memory beside the chip.
    stand_in : bool, optional
        As for :class:`~weft_sim.virtual_board.VirtualBoard`.
    clock_hz : int, optional
        Of the core.
    bits_per_second : int, optional
        Of the network: 1,000, 100 or 10 million.
    serial : str, optional
        What the addresses are made of.
    silence : int, optional
        As for :class:`~weft_hw.link.ethernet.client.Client`, but short.
    buffer_bytes, buffer_frames : int, optional
        As for :class:`~weft_hw.core.Core`.
    progress : callable, optional
        Called with the name of each stage while the library is built.

    Attributes
    ----------
    mac : bytes
    ip : IPv4Address
    bits_per_second : int

    Raises
    ------
    ToolError
        If the library has to be built and a tool is missing or fails.
    """

    def __init__(
        self,
        config: Config,
        *,
        stand_in: bool = False,
        clock_hz: int = 120_000_000,
        bits_per_second: int = 1_000_000_000,
        serial: str = "7",
        silence: int = 200_000,
        buffer_bytes: int = 4096,
        buffer_frames: int = 16,
        progress: Callable[[str], None] = lambda stage: None,
    ):
        self.mac, self.ip = mac_of(serial).to_bytes(6, "big"), ip_of(serial)
        self.bits_per_second = bits_per_second

        def link():
            from weft_hw.link.ethernet.udp_link import UdpLink

            return UdpLink(clock_hz=clock_hz, mac=mac_of(serial), ip=ip_of(serial), silence=silence)

        library = build_system(
            config,
            link,
            f"UdpBoard {serial!r} {silence}",
            _HARNESS,
            progress,
            clock_hz=clock_hz,
            stand_in=stand_in,
            buffer_bytes=buffer_bytes,
            buffer_frames=buffer_frames,
        )
        super().__init__(library, self._functions())
        self._out = ctypes.create_string_buffer(_LONGEST)
        is_slow = bits_per_second < 1_000_000_000
        ethernet_hz = bits_per_second / (4 if is_slow else 8)
        self._call("board_clocks", clock_hz, ethernet_hz, is_slow)
        self.run(64 / ethernet_hz)  # until the clock was measured

    @staticmethod
    def _functions() -> dict[str, Any]:
        """Return result and arguments of the library's functions."""
        number, real = ctypes.c_int, ctypes.c_double
        return {
            "board_clocks": (None, [real, real, number]),
            "board_carrier": (None, [number]),
            "board_send": (None, [ctypes.c_char_p, number, number, number]),
            "board_owed": (number, []),
            "board_run": (None, [real]),
            "board_receive": (number, [ctypes.c_char_p, number, ctypes.POINTER(real)]),
        }

    @property
    def owed_seconds(self) -> float:
        """How long what was sent will take until it has come."""
        return self._call("board_owed") * 8 / self.bits_per_second

    def plug(self, on: bool):
        """Give or take the transceiver's clock, as some do when the cable is pulled."""
        self._call("board_carrier", on)

    def send(self, frame: bytes, *, preamble: int = 7, error_at: int = -1):
        """Queue a frame, its check sequence included, behind those that are on their way.

        ``error_at`` is the byte at which the transceiver tells of an error.
        """
        self._call("board_send", frame, len(frame), preamble, error_at)

    def run(self, seconds: float):
        """Advance for so long, or until the design has sent a frame."""
        self._call("board_run", seconds * 1e9)

    def receive(self) -> tuple[bytes, float]:
        """Return a frame of the design, with its check sequence, and when it began, in seconds.

        The frame is empty where there is none.

        Raises
        ------
        ValueError
            If the design breaks a rule of the line.
        """
        begin = ctypes.c_double()
        count = self._call("board_receive", self._out, _LONGEST, ctypes.byref(begin))
        if count < 0:
            raise ValueError(f"the design's frame has {_FAULTS[count]}")
        return self._out.raw[:count], begin.value / 1e9
