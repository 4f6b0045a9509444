"""A USB host controller, written from the specification (USB 2.0, chapters 5, 8 and 9).

It tries again what is not answered or refused for the moment, and takes OUT and IN transfers in
turns, as the controllers of computers do.
"""

import struct
from collections.abc import Callable
from dataclasses import dataclass, field

from weft_sim.testing.usb.packets import ACK, NAK, OUT, SETUP, STALL
from weft_sim.testing.usb.transactions import HIGH_SPEED, Transactions

__all__ = ["BulkPipe", "Refused", "UsbHost"]

_ERRORS = 3  # transactions in a row that fail before a pipe is halted
_CONTROL_BYTES = 64


class Refused(Exception):
    """The device stalls a control request."""


@dataclass
class BulkPipe:
    """One direction of a bulk endpoint: the next packet's number, and whether it has failed."""

    endpoint: int = 1
    packet_bytes: int = 64
    toggle: int = 0
    errors: int = 0
    halted: bool = False
    pings: bool = False  # whether to ask for room before the next packet


@dataclass
class UsbHost(Transactions):
    """The only host on the bus, with one device: control and bulk transfers.

    Parameters
    ----------
    board, damage
        As for :class:`~weft_sim.testing.usb.transactions.Transactions`.

    Attributes
    ----------
    out, into : BulkPipe
        To the device and from it.
    """

    out: BulkPipe = field(default_factory=BulkPipe)
    into: BulkPipe = field(default_factory=BulkPipe)

    def reset(self, seconds: float = 0.01):
        """Reset the bus; the device loses its address."""
        self.board.reset_bus(seconds)
        self.board.wait(50e-6)
        self._frame_start = self.board.now
        self.address, self.out, self.into = 0, BulkPipe(), BulkPipe()

    def control_in(self, kind: int, request: int, value: int, index: int, length: int) -> bytes:
        """Return what a control request is answered with.

        Raises
        ------
        Refused
            If the device stalls it.
        """
        self._setup(struct.pack("<BBHHH", kind, request, value, index, length))
        content, number, errors = b"", 1, 0
        while len(content) < length:
            shake, part = self.take_data(0, number)
            if shake == STALL:
                raise Refused(f"request {request:#04x} of type {kind:#04x}")
            errors = errors + 1 if shake == 0 else 0
            if errors == _ERRORS:
                raise TimeoutError("the device does not answer a control request")
            if part is not None:
                content, number = content + part, 1 - number
                if len(part) < _CONTROL_BYTES:
                    break
        self._until_ack(lambda: self.send_data(OUT, 0, 1, b""))
        return content

    def control_out(self, kind: int, request: int, value: int, index: int = 0) -> bool:
        """Make a control request without data; return whether the device obeys."""
        self._setup(struct.pack("<BBHHH", kind, request, value, index, 0))
        return self._until_ack(lambda: self.take_data(0, 1)[0]) == ACK

    def _setup(self, packet: bytes):
        self._until_ack(lambda: self.send_data(SETUP, 0, 0, packet))

    def _until_ack(self, transaction: Callable[[], int]) -> int:
        errors = 0
        while errors < _ERRORS:
            shake = transaction()
            if shake in (ACK, STALL):
                return shake
            errors = errors + 1 if shake == 0 else 0
        raise TimeoutError("the device does not answer a control request")

    def enumerate(self, address: int = 5, reset: float = 0.01) -> dict[str, bytes]:
        """Reset, address and configure the device; return its descriptors by name."""
        self.reset(reset)
        found: dict[str, bytes] = {}
        found["first"] = self.control_in(0x80, 6, 0x0100, 0, 64)
        self.control_out(0x00, 5, address)
        self.idle(0.002)
        self.address = address
        found["device"] = self.control_in(0x80, 6, 0x0100, 0, 18)
        head = self.control_in(0x80, 6, 0x0200, 0, 9)
        found["configuration"] = self.control_in(0x80, 6, 0x0200, 0, head[2] | head[3] << 8)
        head = self.control_in(0x80, 6, 0x0F00, 0, 5)
        found["bos"] = self.control_in(0x80, 6, 0x0F00, 0, head[2] | head[3] << 8)
        for index in range(5):
            found[f"string {index}"] = self.control_in(0x80, 6, 0x0300 | index, 0x0409, 255)
        self.configure()
        return found

    def configure(self):
        """Choose configuration 1; endpoint numbers begin again at 0."""
        self.control_out(0x00, 9, 1)
        for pipe in (self.out, self.into):
            pipe.toggle, pipe.errors, pipe.halted, pipe.pings = 0, 0, False, False

    def clear_halt(self, pipe: BulkPipe):
        """Clear the halt of an endpoint, whose numbers begin again at 0."""
        direction = 0x80 if pipe is self.into else 0
        self.control_out(0x02, 1, 0, pipe.endpoint | direction)
        pipe.toggle, pipe.errors, pipe.halted = 0, 0, False

    def bulk_out(self, content: bytes) -> bool:
        """Try to send a packet; return whether it was taken."""
        pipe = self.out
        if pipe.pings:
            shake = self.ping(pipe.endpoint)
            self._judge(pipe, shake)
            pipe.pings = shake != ACK
            return False
        shake = self.send_data(OUT, pipe.endpoint, pipe.toggle, content)
        self._judge(pipe, shake)
        if shake == ACK:
            pipe.toggle ^= 1
        pipe.pings = self._speed is HIGH_SPEED and shake == NAK
        return shake == ACK

    def bulk_in(self) -> bytes | None:
        """Try to take a packet; return what is new."""
        pipe = self.into
        shake, content = self.take_data(pipe.endpoint, pipe.toggle)
        self._judge(pipe, shake)
        if content is not None:
            pipe.toggle ^= 1
        return content

    def _judge(self, pipe: BulkPipe, shake: int):
        pipe.errors = pipe.errors + 1 if shake == 0 else 0
        pipe.halted = pipe.halted or shake == STALL or pipe.errors == _ERRORS
