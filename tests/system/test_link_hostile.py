"""Hostile bytes against a second reading of the protocol, reply for reply and write for write."""

import os
import random
import zlib

import pytest
from weft_hw.contract.config import get_config
from weft_hw.contract.fingerprint import fingerprint
from weft_hw.contract.memory_map import Memory, Region, memory_map
from weft_hw.contract.packet import Request, Status
from weft_sim.memory_engine import CYCLES_PER_DESCRIPTOR
from weft_sim.virtual_board import VirtualBoard

TINY = get_config("tiny")
MEMORIES: dict[int, Memory] = {int(key): value for key, value in memory_map(TINY).items()}
NOWHERE = Memory(1, 0, False, False)
FIELDS = ((0, 1), (1, 4), (4, 6))  # bytes of region, address and count
BYTES = int(os.environ.get("WEFT_HOSTILE_BYTES", "1000000"))
BUDGET = 200_000  # cycles in which a batch must be answered


def little(*pairs):
    return b"".join(value.to_bytes(size, "little") for value, size in pairs)


def encode(content):
    """COBS with CRC and closing zero, byte by byte as the paper has it."""
    data = content + zlib.crc32(content).to_bytes(4, "little")
    out, block = bytearray(), bytearray()
    for byte in [*data, 0]:
        if byte:
            block.append(byte)
        if not byte or len(block) == 254:
            out += bytes([len(block) + 1]) + block
            block.clear()
    return bytes(out) + b"\0"


def decode(raw):
    """Return the content of a frame, b"" for an empty one, None for a damaged one."""
    out, at = bytearray(), 0
    while at < len(raw):
        code = raw[at]
        if at + code > len(raw):
            return None
        out += raw[at + 1 : at + code]
        at += code
        if code != 255 and at < len(raw):
            out.append(0)
    content, crc = bytes(out[:-4]), bytes(out[-4:])
    whole = len(out) >= 6 and zlib.crc32(content) == int.from_bytes(crc, "little")
    return content if whole or not out else None


class Model:
    """What docs/protocol.md says a board does, over plain memories."""

    def __init__(self):
        self.memory = bytearray(MEMORIES[Region.ACTIVATION].bytes)
        self.sums = [0] * len(Region)
        self.open, self.expected, self.run, self.cycles, self.label = False, 0, 0, 0, 0
        self.errors = 0

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
        sizes = {Request.WRITE: 6, Request.READ: 6, Request.RUN: 4, Request.LABEL: 4}
        if kind == Request.RESET or len(body) < sizes.get(kind, 0):
            return Status.LENGTH, b""
        if kind != Request.WRITE and len(body) != sizes.get(kind, 0):
            return Status.LENGTH, b""
        region, first, count, memory = 0, 0, 0, NOWHERE
        if kind in (Request.WRITE, Request.READ):
            region, first, count = (int.from_bytes(body[a:b], "little") for a, b in FIELDS)
            memory = MEMORIES.get(region, NOWHERE)
            allowed = memory.writable if kind == Request.WRITE else memory.readable
            if kind == Request.WRITE and allowed and len(body) - 6 != count * memory.unit_bytes:
                return Status.LENGTH, b""
            if not allowed or count == 0 or first + count > memory.units:
                return Status.RANGE, b""
        if kind == Request.RUN and not 0 < body[1] <= TINY.descriptor_count - body[0]:
            return Status.RANGE, b""
        if kind != Request.HELLO:
            self.expected = (self.expected + 1) % 256
        match kind:
            case Request.HELLO:
                return Status.OK, little((1, 1), (fingerprint(TINY), 8), (4096, 2), (16, 1),
                                         (0, 4), (1 << 27, 4))
            case Request.STATUS:
                return Status.OK, little((0, 1), (self.run, 2), (self.cycles, 4),
                                         (self.errors % 65536, 2), (0, 4), (self.label, 4))
            case Request.WRITE:
                self.write(region, first, body[6:], memory.unit_bytes)
            case Request.READ:
                return Status.OK, self.read(region, first, count)
            case Request.RUN:
                self.run = int.from_bytes(body[2:], "little")
                self.cycles = body[1] * CYCLES_PER_DESCRIPTOR
            case Request.WAIT:
                return Status.OK, little((self.run, 2), (self.cycles, 4))
            case Request.LABEL:
                self.label = int.from_bytes(body, "little")
        return Status.OK, b""

    def write(self, region, first, data, size):
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
        return little(*((self.sums[at] if at < len(Region) else at, 4)
                        for at in range(first, first + count)))


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
        elif kind == Request.RUN:
            body = bytes([rng.choice((0, 1, 14, 16, 255)), rng.choice((0, 1, 2, 17))])
            body += rng.randbytes(2)
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


@pytest.mark.rtl
@pytest.mark.timeout(120 + BYTES // 5_000)
def test_hostile_bytes():
    seed = 20
    print(f"seed {seed}, {BYTES} bytes")
    rng = random.Random(seed)
    board, model = VirtualBoard(TINY, stand_in=True), Model()
    attacker = Attacker(rng, model)
    sent, answered = 0, dict.fromkeys(Status, 0)
    board.exchange(b"", BUDGET)

    def ask(batch):
        nonlocal sent
        sent += len(batch)
        start, replies = board.cycles, b""
        while batch or board.active:
            taken, answer = board.exchange(batch, BUDGET)
            batch, replies = batch[taken:], replies + answer
            assert board.cycles - start < BUDGET
        return [decode(raw) for raw in replies.split(b"\0") if raw]

    while sent < BYTES:
        batch = attacker.batch()
        # What these two meet depends on how far the board has got; alone they are predictable.
        contents = [decode(raw) for raw in batch.split(b"\0") if raw]
        kinds = [content[0] for content in contents if content]
        if len(contents) > 1 and {Request.RESET, Request.STATUS} & set(kinds):
            continue
        got = ask(batch)
        expected = model.receive(batch)
        assert got == expected, batch.hex()
        for reply in expected:
            answered[Status(reply[2])] += 1
        if rng.random() < 0.02:
            sequence = model.expected
            reset = encode(bytes([Request.RESET, sequence]) + rng.randbytes(4))
            assert ask(reset) == model.receive(reset)
            for region, count in ((Region.ACTIVATION, 512), (Region.COUNTER, len(Region))):
                read = encode(bytes([Request.READ, model.expected]) + little(
                    (region, 1), (0, 3), (count, 2)))
                assert ask(read) == model.receive(read)
    print({status.name: count for status, count in answered.items()})
    answered.pop(Status.SESSION)  # there is always a session after the first RESET
    assert all(count > BYTES // 50_000 for count in answered.values())
    board.close()


@pytest.mark.rtl
@pytest.mark.timeout(120)
def test_reset_at_any_cycle():
    """A write, a read and an endless run, cut short after 0 to 1,199 cycles."""
    seed = 21
    print(f"seed {seed}")
    rng = random.Random(seed)
    board, memory = VirtualBoard(TINY, stand_in=True), bytes(2048)

    def replies(batch, cycles):
        start, got = board.cycles, b""
        while (batch or board.active) and (left := cycles - (board.cycles - start)) > 0:
            taken, answer = board.exchange(batch, left)
            batch, got = batch[taken:], got + answer
        return [decode(raw) for raw in got.split(b"\0") if raw]

    reset = encode(bytes([Request.RESET, 0]) + b"anew")
    for cycles in range(1200):
        replies(reset, BUDGET)
        first, count = rng.randrange(256), rng.randrange(1, 200)
        data = rng.randbytes(4 * count)
        busy = encode(bytes([Request.WRITE, 1]) + little((0, 1), (first, 3), (count, 2)) + data)
        busy += encode(bytes([Request.READ, 2]) + little((0, 1), (0, 3), (30, 2)))
        busy += encode(bytes([Request.RUN, 3, 15, 1, 0, 0])) + encode(bytes([Request.WAIT, 4]))
        replies(busy, cycles)
        assert replies(b"\0" + reset, BUDGET)[-1] == bytes([0x82, 0, 0]) + b"anew"
        assert not board.busy
        read = encode(bytes([Request.READ, 1]) + little((0, 1), (0, 3), (512, 2)))
        [reply] = replies(read, BUDGET)
        assert reply is not None and reply[:3] == bytes([0x85, 1, 0])
        before, memory = memory, reply[3:]
        begin, end = 4 * first, 4 * (first + count)
        assert memory[:begin] == before[:begin] and memory[end:] == before[end:]
        written = next((at for at in range(0, len(data), 4)
                        if memory[begin + at : begin + at + 4] != data[at : at + 4]), len(data))
        assert memory[begin + written : end] == before[begin + written : end]
    board.close()
