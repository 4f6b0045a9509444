"""A USB host controller, written from the specification (USB 2.0, chapters 5, 7, 8 and 9).

It keeps frames of 1 ms, or an eighth at high speed, tries again what is not answered or refused for
the moment, and takes OUT and IN transfers in turns, as the controllers of computers do.
"""

import struct
from collections.abc import Callable
from dataclasses import dataclass, field

from weft_sim.testing.usb_board import BIT_HZ, HIGH_SPEED_BIT_HZ, UlpiBoard, UsbBoard

__all__ = [
    "ACK",
    "DATA0",
    "DATA1",
    "NAK",
    "STALL",
    "BulkPipe",
    "HighSpeedHost",
    "Refused",
    "UsbHost",
    "crc5",
    "crc16",
    "data",
    "token",
]

OUT, IN, SOF, SETUP, PING = 0x1, 0x9, 0x5, 0xD, 0x4
DATA0, DATA1 = 0x3, 0xB
ACK, NAK, STALL = 0x2, 0xA, 0xE
_ERRORS = 3  # transactions in a row that fail before a pipe is halted
_CONTROL_BYTES = 64


@dataclass(frozen=True)
class _Speed:
    """What a speed asks of the host, in bits of the bus.

    ``transaction`` is what the largest one takes, which ends before the frame does. ``gap`` lies
    between two packets of the host, ``turn`` behind one of the device (7.1.18).
    """

    bit_hz: int
    frame: int
    frames: int  # that have the same number
    gap: int
    turn: int
    timeout: float
    transaction: int


_FULL = _Speed(BIT_HZ, 12_000, 1, gap=3, turn=3, timeout=18, transaction=700)
_HIGH = _Speed(HIGH_SPEED_BIT_HZ, 60_000, 8, gap=88, turn=8, timeout=816, transaction=5400)


def _reflected(value: int, bits: int, polynomial: int, count: int) -> int:
    """Return the remainder of ``count`` bits, least significant first, inverted (8.3.5)."""
    crc = (1 << bits) - 1
    for place in range(count):
        crc = crc >> 1 ^ (polynomial if (crc ^ value >> place) & 1 else 0)
    return crc ^ (1 << bits) - 1


def crc5(value: int) -> int:
    """Return the check of a token's 11 bits: x^5 + x^2 + 1."""
    return _reflected(value, 5, 0x14, 11)


def crc16(content: bytes) -> bytes:
    """Return the check of a data packet: x^16 + x^15 + x^2 + 1."""
    value = _reflected(int.from_bytes(content, "little"), 16, 0xA001, 8 * len(content))
    return value.to_bytes(2, "little")


def _pid(kind: int) -> bytes:
    return bytes([kind | (kind ^ 0xF) << 4])


def token(kind: int, address: int, endpoint: int) -> bytes:
    """Return a token packet; ``address`` and ``endpoint`` of a frame's start are its number."""
    value = address | endpoint << 7
    return _pid(kind) + (value | crc5(value) << 11).to_bytes(2, "little")


def data(kind: int, content: bytes) -> bytes:
    """Return a data packet."""
    return _pid(kind) + content + crc16(content)


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
class UsbHost:
    """The only host on the bus, with one device.

    Parameters
    ----------
    board : UsbBoard
    damage : callable, optional
        Takes (what the packet is, the packet) and returns what arrives: the same bytes, others, or
        none. What it is: ``"token"``, ``"data"`` and ``"handshake"`` of the host, ``"answer"`` of
        the device.

    Attributes
    ----------
    counts : dict
        Transactions by what came of them.
    shortest_gap, longest_gap : float
        Bits from the end of the host's packet, after its last J, to the device's answer.
    sync : int
        Bits of the sync pattern that arrive at the device.
    """

    board: UsbBoard
    damage: Callable[[str, bytes], bytes] = lambda what, packet: packet
    address: int = 0
    counts: dict[str, int] = field(default_factory=dict)
    shortest_gap: float = 1e9
    longest_gap: float = 0.0
    sync: int = 8
    out: BulkPipe = field(default_factory=BulkPipe)
    into: BulkPipe = field(default_factory=BulkPipe)

    def __post_init__(self):
        self._speed, self._frame = _FULL, 0
        self._frame_start = self.board.now

    # Frames.

    def _bits_left(self) -> float:
        speed = self._speed
        return speed.frame - (self.board.now - self._frame_start) * speed.bit_hz

    def reserve(self, bits: float = 0):
        """Begin the next frame if what takes so many bits does not fit into this one."""
        speed = self._speed
        while (left := self._bits_left()) < (bits or speed.transaction):
            if left > 0:
                self.board.wait(left / speed.bit_hz)
            self._frame_start += speed.frame / speed.bit_hz
            self._frame = (self._frame + 1) % (2048 * speed.frames)
            number = self._frame // speed.frames
            self.board.send(token(SOF, number & 0x7F, number >> 7))
            self._pause(speed.gap)

    def idle(self, seconds: float):
        """Let frames pass without any transaction."""
        end = self.board.now + seconds
        while (left := end - self.board.now) > 0:
            self.reserve(1)
            self.board.wait(min(left, max(self._bits_left(), 1) / self._speed.bit_hz))

    def silence(self, seconds: float):
        """Send nothing at all: 3 ms later the device is to sleep."""
        self.board.wait(seconds)
        self._frame_start = self.board.now

    def reset(self, seconds: float = 0.01):
        """Reset the bus; the device loses its address."""
        self.board.reset_bus(seconds)
        self.board.wait(50e-6)
        self._frame_start = self.board.now
        self.address, self.out, self.into = 0, BulkPipe(), BulkPipe()

    # Transactions.

    def _pause(self, bits: float):
        self.board.wait(bits / self._speed.bit_hz)

    def _send(self, what: str, packet: bytes):
        packet = self.damage(what, packet)
        if packet:
            self.board.send(packet, sync=self.sync)

    def _answer(self) -> bytes:
        answer, gap = self.board.receive(self._speed.timeout)
        if answer:
            self.shortest_gap = min(self.shortest_gap, gap)
            self.longest_gap = max(self.longest_gap, gap)
            answer = self.damage("answer", answer)
        if answer and answer[0] & 0xF != answer[0] >> 4 ^ 0xF:
            answer = b""
        return answer

    def _count(self, what: str):
        self.counts[what] = self.counts.get(what, 0) + 1

    def send_data(self, kind: int, endpoint: int, number: int, content: bytes) -> int:
        """Make one OUT or SETUP transaction; return the handshake, 0 for none."""
        self.reserve()
        self._send("token", token(kind, self.address, endpoint))
        self._pause(self._speed.gap)
        self._send("data", data((DATA0, DATA1)[number], content))
        return self._shake()

    def ping(self, endpoint: int) -> int:
        """Ask whether there is room for a packet; return the handshake, 0 for none."""
        self.reserve()
        self._send("token", token(PING, self.address, endpoint))
        return self._shake()

    def _shake(self) -> int:
        answer = self._answer()
        self._pause(self._speed.turn)
        shake = answer[0] & 0xF if len(answer) == 1 else 0
        self._count({ACK: "ack", NAK: "nak", STALL: "stall"}.get(shake, "silence"))
        return shake

    def take_data(self, endpoint: int, number: int) -> tuple[int, bytes | None]:
        """Make one IN transaction; return what came: ACK and new data, None for data had before.

        0 where nothing whole came, which is not acknowledged.
        """
        self.reserve()
        self._send("token", token(IN, self.address, endpoint))
        answer = self._answer()
        kind = answer[0] & 0xF if answer else 0
        if kind in (DATA0, DATA1) and len(answer) >= 3 and crc16(answer[1:-2]) == answer[-2:]:
            self._pause(self._speed.turn)
            self._send("handshake", _pid(ACK))
            self._pause(self._speed.gap)
            self._count("data")
            return ACK, answer[1:-2] if kind == (DATA0, DATA1)[number] else None
        self._pause(self._speed.turn)
        shake = kind if kind in (NAK, STALL) and len(answer) == 1 else 0
        self._count({NAK: "nak", STALL: "stall"}.get(shake, "silence"))
        return shake, None

    # Control transfers.

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
        """Choose configuration 1; endpoint numbers begin anew."""
        self.control_out(0x00, 9, 1)
        for pipe in (self.out, self.into):
            pipe.toggle, pipe.errors, pipe.halted, pipe.pings = 0, 0, False, False

    def clear_halt(self, pipe: BulkPipe):
        """Let an endpoint begin anew."""
        direction = 0x80 if pipe is self.into else 0
        self.control_out(0x02, 1, 0, pipe.endpoint | direction)
        pipe.toggle, pipe.errors, pipe.halted = 0, 0, False

    # Bulk transfers.

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
        pipe.pings = self._speed is _HIGH and shake == NAK
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


@dataclass
class HighSpeedHost(UsbHost):
    """The same that speaks high speed with a device that can (7.1.7.5).

    Parameters
    ----------
    board : UlpiBoard
    chirps : bool
        Whether it answers the device's chirp; an old hub does not.
    """

    board: UlpiBoard  # pyright: ignore[reportIncompatibleVariableOverride]
    chirps: bool = True

    def reset(self, seconds: float = 0.01):
        """Reset the bus, and learn what the device can."""
        board, began = self.board, self.board.now
        self._choose(_FULL)

        def hold(chirping: bool) -> bool:
            while board.chirping == chirping and board.now < began + 0.011:
                board.drive_bus(0, 20e-6)
            return board.chirping != chirping

        answers = hold(False) and hold(True) and self.chirps
        if answers:
            for level in (2, 1) * 5:
                board.drive_bus(level, 50e-6)
            board.drive_bus(0, 200e-6)
            self._choose(_HIGH)
        else:
            board.drive_bus(0, max(began + seconds - board.now, 0))
            board.wait(50e-6)
        self._frame_start = board.now
        packet = 512 if answers else 64
        self.address, self.out = 0, BulkPipe(packet_bytes=packet)
        self.into = BulkPipe(packet_bytes=packet)

    def resume(self):
        """Wake the device, which goes on at the speed that it had (7.1.7.7)."""
        self._choose(_FULL)
        self.board.drive_bus(2, 0.001)
        self.board.drive_bus(0, 100e-6)
        self._choose(_HIGH)
        self._frame_start = self.board.now

    def _choose(self, speed: _Speed):
        self._speed = speed
        self.board.choose_speed(speed.bit_hz)
