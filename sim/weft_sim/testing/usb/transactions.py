"""Frames and transactions of a USB host (USB 2.0, chapters 7 and 8).

Frames take 1 ms, or an eighth at high speed.
"""

from collections.abc import Callable
from dataclasses import dataclass, field

from weft_sim.testing.usb import full_speed, high_speed
from weft_sim.testing.usb.full_speed import UsbBoard
from weft_sim.testing.usb.packets import (
    ACK,
    DATA0,
    DATA1,
    IN,
    NAK,
    PING,
    SOF,
    STALL,
    crc16,
    data,
    pid,
    token,
)

__all__ = ["FULL_SPEED", "HIGH_SPEED", "Speed", "Transactions"]


@dataclass(frozen=True)
class Speed:
    """Times of a speed, in bits of the bus.

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


FULL_SPEED = Speed(full_speed.BIT_HZ, 12_000, 1, gap=3, turn=3, timeout=18, transaction=700)
HIGH_SPEED = Speed(high_speed.BIT_HZ, 60_000, 8, gap=88, turn=8, timeout=816, transaction=5400)


@dataclass
class Transactions:
    """One transaction at a time, within frames, with the one device on the bus.

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

    def __post_init__(self):
        self._speed, self._frame = FULL_SPEED, 0
        self._frame_start = self.board.now

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
            self._send("handshake", pid(ACK))
            self._pause(self._speed.gap)
            self._count("data")
            return ACK, answer[1:-2] if kind == (DATA0, DATA1)[number] else None
        self._pause(self._speed.turn)
        shake = kind if kind in (NAK, STALL) and len(answer) == 1 else 0
        self._count({NAK: "nak", STALL: "stall"}.get(shake, "silence"))
        return shake, None
