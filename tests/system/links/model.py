"""A second reading of the protocol: what a board answers, and what it writes."""

from weft_hw.contract.config import get_config
from weft_hw.contract.fingerprint import fingerprint
from weft_hw.contract.memory_map import Memory, Region, memory_map
from weft_hw.contract.packet import Request, Status
from weft_sim.memory_engine import CYCLES_PER_DESCRIPTOR

from links.wire import decode, little

__all__ = ["MEMORIES", "TINY", "Model"]

TINY = get_config("tiny")
MEMORIES: dict[int, Memory] = {int(key): value for key, value in memory_map(TINY).items()}
NOWHERE = Memory(1, 0, False, False)
FIELDS = ((0, 1), (1, 4), (4, 6))  # bytes of region, address and count


class Model:
    """What docs/protocol.md says a board does, over plain memories."""

    def __init__(self):
        self.memory = bytearray(MEMORIES[Region.ACTIVATION].bytes)
        self.sums = [0] * len(Region)
        self.open, self.expected, self.run, self.cycles, self.label = False, 0, 0, 0, 0
        self.errors = 0
        self.written = []  # (region, first unit, units)

    def receive(self, stream):
        """Return the replies to a stream of whole batches, each closed by a zero."""
        frames = [raw for raw in stream.split(b"\0")[:-1] if raw]
        contents = [decode(raw) for raw in frames]
        self.errors += contents.count(None)
        return [self.answer(content) for content in contents if content]

    def answer(self, content):
        kind, sequence, body = content[0], content[1], content[2:]
        status, data = self.carry_out(kind, sequence, body)
        return bytes([kind | 0x80, sequence, status]) + data

    def carry_out(self, kind, sequence, body):
        if kind not in list(Request):
            return Status.TYPE, b""
        if kind == Request.RESET and len(body) == 4:
            self.open, self.expected, self.run, self.cycles = True, (sequence + 1) % 256, 0, 0
            return Status.OK, body
        if kind not in (Request.HELLO, Request.RESET):
            if not self.open:
                return Status.SESSION, b""
            if sequence != self.expected:
                return Status.SEQUENCE, bytes([self.expected])
        sizes = {
            Request.WRITE: 6,
            Request.PIXELS: 8,
            Request.READ: 6,
            Request.RUN: 6,
            Request.LABEL: 4,
        }
        if kind == Request.RESET or len(body) < sizes.get(kind, 0):
            return Status.LENGTH, b""
        if kind not in (Request.WRITE, Request.PIXELS) and len(body) != sizes.get(kind, 0):
            return Status.LENGTH, b""
        region, first, count, memory = 0, 0, 0, NOWHERE
        pixel, sent = 0, 0  # bytes of a pixel, and those of them that come
        if kind in (Request.WRITE, Request.READ, Request.PIXELS):
            region, first, count = (int.from_bytes(body[a:b], "little") for a, b in FIELDS)
            memory = MEMORIES.get(region, NOWHERE)
            allowed = memory.readable if kind == Request.READ else memory.writable
            if kind == Request.WRITE and allowed and len(body) - 6 != count * memory.unit_bytes:
                return Status.LENGTH, b""
            if kind == Request.PIXELS:
                sent, packing = body[6:8]
                pixel = memory.unit_bytes // 2**packing
                allowed = region == Region.ACTIVATION and packing <= 2 and 1 <= sent <= pixel
                if allowed and len(body) - 8 != count * 2**packing * sent:
                    return Status.LENGTH, b""
            if not allowed or count == 0 or first + count > memory.units:
                return Status.RANGE, b""
        if kind == Request.RUN:
            first, count = (int.from_bytes(body[a:b], "little") for a, b in [(0, 2), (2, 4)])
        if kind == Request.RUN and not 0 < count <= TINY.descriptor_count - first:
            return Status.RANGE, b""
        if kind != Request.HELLO:
            self.expected = (self.expected + 1) % 256
        match kind:
            case Request.HELLO:
                return Status.OK, little(
                    (3, 1), (fingerprint(TINY), 8), (4096, 2), (16, 1), (0, 4), (1 << 27, 4)
                )
            case Request.STATUS:
                return Status.OK, little(
                    (0, 1),
                    (self.run, 2),
                    (self.cycles, 4),
                    (self.errors % 65536, 2),
                    (0, 4),
                    (self.label, 4),
                )
            case Request.WRITE:
                self.write(region, first, body[6:], memory.unit_bytes)
            case Request.PIXELS:
                pixels = (body[at : at + sent] for at in range(8, len(body), sent))
                whole = b"".join(bytes(part).ljust(pixel, b"\0") for part in pixels)
                self.write(region, first, whole, memory.unit_bytes)
            case Request.READ:
                return Status.OK, self.read(region, first, count)
            case Request.RUN:
                self.run = int.from_bytes(body[4:], "little")
                self.cycles = count * CYCLES_PER_DESCRIPTOR
            case Request.WAIT:
                return Status.OK, little((self.run, 2), (self.cycles, 4))
            case Request.LABEL:
                self.label = int.from_bytes(body, "little")
        return Status.OK, b""

    def write(self, region, first, data, size):
        self.written.append((region, first, len(data) // size))
        if region == Region.ACTIVATION:
            self.memory[first * size : first * size + len(data)] = data
        else:
            self.label = 0
        for at in range(0, len(data), size):
            unit = int.from_bytes(data[at : at + size], "little")
            total = self.sums[region]
            total = (total << 1 | total >> 31) & 0xFFFFFFFF ^ first + at // size
            while unit:
                total, unit = total ^ unit & 0xFFFFFFFF, unit >> 32
            self.sums[region] = total

    def read(self, region, first, count):
        if region == Region.ACTIVATION:
            return bytes(self.memory[4 * first : 4 * (first + count)])
        return little(
            *((self.sums[at] if at < len(Region) else at, 4) for at in range(first, first + count))
        )
