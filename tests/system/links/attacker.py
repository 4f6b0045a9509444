"""Bytes that mean harm to a packet decoder."""

from weft_hw.contract.memory_map import Region
from weft_hw.contract.packet import Request

from links.model import MEMORIES
from links.wire import encode, little

__all__ = ["Attacker"]


class Attacker:
    """Frames that are right, nearly right, and anything but."""

    def __init__(self, rng, model):
        self.rng, self.model = rng, model

    def place(self):
        """A region, an address and a count about its limits."""
        rng = self.rng
        region = rng.choice([*Region, 6, 7, 255]) if rng.random() < 0.9 else rng.randrange(256)
        units = MEMORIES[region].units if region in MEMORIES else 9
        address = rng.choice((0, 1, rng.randrange(units), units - 1, units, 1 << 20, 0xFFFFFF))
        left = max(0, units - address)
        count = rng.choice((1, 1, 2, min(left, 60), left + 1, rng.randrange(65536), 0))
        if rng.random() < 0.2:  # legal perhaps, but for one bit far up
            address, count = rng.choice(
                (
                    (address | 1 << rng.randrange(12, 24), count),
                    (address, count | 1 << rng.randrange(12, 16)),
                )
            )
        return region, address, min(count, 65535)

    def content(self):
        rng = self.rng
        kind = rng.choice(list(Request)) if rng.random() < 0.95 else rng.randrange(256)
        sequence = (self.model.expected if rng.random() < 0.9 else rng.randrange(256)) % 256
        body = b""
        if kind in (Request.WRITE, Request.READ):
            region, address, count = self.place()
            body = little((region, 1), (address, 3), (count, 2))
            size = MEMORIES[region].unit_bytes if region in MEMORIES else 1
            if kind == Request.WRITE:
                right = count * size if count * size < 900 else rng.randrange(900)
                right += rng.choice((0, 0, 0, 0, 0, 0, 0, -1, 1))
                body += rng.choice((rng.randbytes, bytes))(max(0, right))
        elif kind == Request.PIXELS:
            region, address, count = self.place()
            region = Region.ACTIVATION if rng.random() < 0.8 else region
            sent, packing = rng.choice(((1, 0), (2, 0), (3, 0), (4, 0), (1, 1), (2, 1), (1, 2)))
            if rng.random() < 0.2:
                sent, packing = rng.choice((0, 1, 3, 5, 128, 255)), rng.choice((0, 1, 2, 3, 4, 128))
            right = sent << packing if packing <= 2 else 1
            right = count * right if count * right < 900 else rng.randrange(900)
            right += rng.choice((0, 0, 0, 0, 0, 0, 0, -1, 1))
            body = little((region, 1), (address, 3), (count, 2), (sent, 1), (packing, 1))
            body += rng.randbytes(max(0, right))
        elif kind == Request.RUN:
            body = little(
                (rng.choice((0, 1, 14, 16, 255, 256, 4096)), 2),
                (rng.choice((0, 1, 2, 17, 257, 32769)), 2),
            ) + rng.randbytes(2)
        elif kind in (Request.RESET, Request.LABEL):
            body = rng.randbytes(4)
        if rng.random() < 0.05:
            body = body[: rng.randrange(12)] + rng.randbytes(rng.randrange(3))
        return bytes([kind, sequence]) + body

    def batch(self):
        """Some bytes, at most 15 frames that are whole, closed by a zero."""
        rng, out = self.rng, b""
        for _ in range(rng.choice((1, 1, 3))):
            wire = encode(self.content())
            match rng.randrange(10):
                case 0:
                    wire = rng.randbytes(rng.randrange(200)) + wire
                case 1:
                    at = rng.randrange(len(wire))
                    wire = wire[:at] + bytes([wire[at] ^ 1 << rng.randrange(8)]) + wire[at + 1 :]
                case 2:
                    wire = wire[: rng.randrange(len(wire))]
                case 3:
                    wire = b"\xff" * rng.randrange(600) + wire
            out += wire
        return out + b"\0"
