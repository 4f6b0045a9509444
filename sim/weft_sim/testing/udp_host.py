"""A computer beside a simulated board, and the network between them, which may lose and swap."""

import random
from collections import deque
from collections.abc import Callable
from ipaddress import IPv4Address

from weft_hw.contract.ethernet import PORT

from weft_sim.testing.ethernet import arp, ethernet, ip, open_datagram, seal, udp
from weft_sim.testing.udp_board import UdpBoard

__all__ = ["Lan", "Network", "UdpSocket"]

Deliver = Callable[[str, bytes], list[bytes]]
_STEP_SECONDS = 1e-3


def _deliver(way: str, frame: bytes) -> list[bytes]:
    return [frame]


class Network:
    """Lose, double, swap, hold back, damage and cut frames, each with the same probability.

    Parameters
    ----------
    seed : int
    rate : float
        Of frames that something happens to; may be changed at any time.
    kinds : sequence of str, optional
        What happens; everything by default.

    Attributes
    ----------
    count : dict
        How often each has happened.
    """

    KINDS = ("lost", "doubled", "swapped", "late", "damaged", "cut")

    def __init__(self, *, seed: int, rate: float, kinds: tuple[str, ...] = KINDS):
        self.rate, self.kinds, self.count = rate, kinds, dict.fromkeys(kinds, 0)
        self._rng = random.Random(seed)
        self._held: dict[str, list[tuple[int, bytes]]] = {"out": [], "in": []}

    def __call__(self, way: str, frame: bytes) -> list[bytes]:
        """Return what arrives when a frame is sent ``"out"`` to the board, or ``"in"``."""
        arrives, rng = [frame], self._rng
        held = [(left - 1, other) for left, other in self._held[way]]
        if rng.random() < self.rate:
            kind = rng.choice(self.kinds)
            self.count[kind] += 1
            if kind == "lost":
                arrives = []
            elif kind == "doubled":
                arrives = [frame, frame]
            elif kind == "swapped":
                arrives = []
                held.append((1, frame))
            elif kind == "late":  # a copy comes when its numbers may come again
                held.append((rng.choice((3, 20, 256, 300)), frame))
            elif kind == "damaged":
                at = rng.randrange(len(frame))
                wrong = bytes([frame[at] ^ 1 << rng.randrange(8)])
                arrives = [frame[:at] + wrong + frame[at + 1 :]]
            else:
                arrives = [frame[: rng.randrange(len(frame))]]
        self._held[way] = [entry for entry in held if entry[0] > 0]
        return arrives + [other for left, other in held if left <= 0]


class Lan:
    """A computer on the same network as a board.

    Parameters
    ----------
    board : UdpBoard
    deliver : callable, optional
        What becomes of each frame: called with ``"out"`` or ``"in"`` and the frame.
    mac, address
        The computer's.

    Attributes
    ----------
    seen : list
        (seconds, frame) of all frames as they arrived, if ``keep`` is set.
    """

    def __init__(
        self,
        board: UdpBoard,
        deliver: Deliver = _deliver,
        *,
        mac: bytes = bytes.fromhex("0a0000000001"),
        address: str = "169.254.1.1",
    ):
        self.board, self.deliver = board, deliver
        self.mac, self.address = mac, IPv4Address(address)
        self.keep, self.seen = False, []
        self._came: deque[bytes] = deque()

    def send(self, frame: bytes, *, sealed: bool = False) -> None:
        """Send a frame; it is sealed first unless it is already."""
        for each in self.deliver("out", frame if sealed else seal(frame)):
            if self.keep:
                self.seen.append((self.board.now + self.board.owed_seconds, each))
            self.board.send(each)

    def send_ip(self, protocol: int, content: bytes, **changes) -> None:
        """Send an IP packet to the board."""
        packet = ip(self.address, self.board.ip, protocol, content, **changes)
        self.send(ethernet(self.board.mac, self.mac, 0x0800, packet))

    def send_datagram(self, port: int, content: bytes) -> None:
        """Send a UDP datagram to the board's port."""
        self.send_ip(17, udp(self.address, self.board.ip, (port, PORT), content))

    def receive(self, seconds: float) -> bytes:
        """Return the next frame that comes within so many seconds of the board, or nothing."""
        end = self.board.now + seconds
        while not self._came:
            frame, begin = self.board.receive()
            if frame:
                for each in self.deliver("in", frame):
                    if self.keep:
                        self.seen.append((begin, each))
                    self._came.append(each)
            elif self.board.now >= end:
                return b""
            else:
                self.board.run(min(_STEP_SECONDS, end - self.board.now))
        return self._came.popleft()

    def resolve(self) -> bytes:
        """Return who answers for the board's address (ARP), or nothing."""
        self.send(arp(self.mac, self.address, self.board.ip))
        reply = self.receive(1e-3)
        return reply[22:28] if reply[12:14] == b"\x08\x06" else b""


class UdpSocket:
    """What the driver asks of a socket, in the board's time."""

    def __init__(self, lan: Lan, port: int = 40_000):
        self.lan, self.port, self.closed = lan, port, False
        self.wrong = 0  # frames that no computer would take
        self._timeout = 0.0

    def settimeout(self, seconds: float) -> None:
        """Set how long :meth:`recv` waits."""
        self._timeout = seconds

    def send(self, content: bytes) -> int:
        """Send a datagram."""
        self.lan.send_datagram(self.port, content)
        return len(content)

    def recv(self, limit: int) -> bytes:
        """Return the content of the next datagram for this socket."""
        end = self.lan.board.now + self._timeout
        while (left := end - self.lan.board.now) >= 0:
            frame = self.lan.receive(left)
            if not frame:
                break
            try:
                datagram = open_datagram(frame)
            except (ValueError, IndexError):
                self.wrong += 1
                continue
            if datagram.macs == (self.lan.mac, self.lan.board.mac) and datagram.ports == (
                PORT,
                self.port,
            ):
                return datagram.content[:limit]
        raise TimeoutError

    def close(self) -> None:
        """Close it."""
        self.closed = True
