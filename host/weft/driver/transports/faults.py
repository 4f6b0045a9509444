"""A link that damages what it carries, for tests of everything above it."""

import random
from collections.abc import Callable

from weft.driver.transports.base import Transport
from weft.errors import LinkError

__all__ = ["FAULTS", "FaultyTransport"]

Damage = Callable[[random.Random, bytes], bytes]


def _flip(rng: random.Random, data: bytes) -> bytes:
    at = rng.randrange(len(data))
    return data[:at] + bytes([data[at] ^ 1 << rng.randrange(8)]) + data[at + 1 :]


def _lose(rng: random.Random, data: bytes) -> bytes:
    at = rng.randrange(len(data))
    return data[:at] + data[at + rng.choice((1, 1, 1, 2, 9, 300)) :]


def _double(rng: random.Random, data: bytes) -> bytes:
    at, size = rng.randrange(len(data)), rng.choice((1, 1, 1, 5, 40, 2000))
    return data[: at + size] + data[at:]


def _insert(rng: random.Random, data: bytes) -> bytes:
    at = rng.randrange(len(data) + 1)
    return data[:at] + rng.choice((b"\0", rng.randbytes(1), rng.randbytes(20))) + data[at:]


def _swap(rng: random.Random, data: bytes) -> bytes:
    at, distance = rng.randrange(len(data)), rng.choice((1, 1, 2, 30))
    end = min(at + distance, len(data) - 1)
    middle = data[at + 1 : end]
    return data[:at] + data[end : end + 1] + middle + data[at : at + 1] + data[end + 1 :]


def _cut(rng: random.Random, data: bytes) -> bytes:
    return data[: rng.randrange(len(data))]


def _silence(rng: random.Random, data: bytes) -> bytes:
    return b""


FAULTS: dict[str, Damage] = {
    "flip": _flip,
    "lose": _lose,
    "double": _double,
    "insert": _insert,
    "swap": _swap,
    "cut": _cut,
    "silence": _silence,
}


class FaultyTransport(Transport):
    """Damage a part of the blocks that go through, each way.

    Besides the damages of :data:`FAULTS` there is ``delay``, which holds a block back until the
    next one, ``gone``, which makes the link fail once, and ``reconnect``, which also loses
    whatever is on its way, as when a cable is pulled and put back.

    Parameters
    ----------
    inner : Transport
        The link to spoil.
    seed : int
        The same seed does the same damage to the same blocks.
    rate : float
        Probability that a block is damaged; may be changed at any time.
    kinds : sequence of str, optional
        Which damages; all by default.

    Attributes
    ----------
    count : int
        Damages done.
    """

    def __init__(
        self,
        inner: Transport,
        *,
        seed: int,
        rate: float,
        kinds: tuple[str, ...] = (*FAULTS, "delay", "gone", "reconnect"),
    ):
        self.inner, self.rate, self.kinds, self.count = inner, rate, kinds, 0
        self.bytes_per_second = inner.bytes_per_second
        self._rng = random.Random(seed)
        self._late = {"write": b"", "read": b""}

    def _spoil(self, way: str, data: bytes) -> bytes:
        data, self._late[way] = self._late[way] + data, b""
        if not data or self._rng.random() >= self.rate:
            return data
        self.count += 1
        kind = self._rng.choice(self.kinds)
        if kind == "reconnect":
            self._late = {"write": b"", "read": b""}
            while self.inner.read(1 << 16, 0.0):
                pass
        if kind in ("gone", "reconnect"):
            raise LinkError("the link was cut (injected)")
        if kind == "delay":
            self._late[way] = data
            return b""
        return FAULTS[kind](self._rng, data)

    def write(self, data: bytes):
        """Send ``data``, damaged or not."""
        self.inner.write(self._spoil("write", data))

    def read(self, limit: int, timeout: float) -> bytes:
        """Return what came, damaged or not; damage may make it longer than ``limit``."""
        return self._spoil("read", self.inner.read(limit, timeout))

    def close(self):
        """Close the link behind."""
        self.inner.close()

    def now(self) -> float:
        """Return the time of the link behind."""
        return self.inner.now()
