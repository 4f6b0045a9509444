"""cocotb tests of Receiver; pytest starts them through test_packet_rtl."""

import random
import zlib

import cocotb
from cocotb.clock import Clock
from cocotb.triggers import FallingEdge, ReadOnly

DEPTH, FRAMES = 512, 4


def encode(data):
    """COBS as the paper has it, with the closing zero."""
    out, block = bytearray(), bytearray()
    for byte in [*data, 0]:
        if byte:
            block.append(byte)
        if not byte or len(block) == 254:
            out += bytes([len(block) + 1]) + block
            block.clear()
    return bytes(out) + b"\0"


def seal(content):
    return content + zlib.crc32(content).to_bytes(4, "little")


class Events:
    """Counts of the receiver's pulses, cycle by cycle."""

    NAMES = ("alive", "broken", "overrun", "reset")

    def __init__(self, dut):
        self.dut, self.counts = dut, dict.fromkeys(self.NAMES, 0)

    async def watch(self):
        while True:
            await FallingEdge(self.dut.clk)
            await ReadOnly()
            for name in self.NAMES:
                self.counts[name] += int(getattr(self.dut, name).value)

    def take(self):
        counts, self.counts = self.counts, dict.fromkeys(self.NAMES, 0)
        return tuple(counts.values())


async def start(dut):
    for name in ("rx__valid", "rx__payload", "clear", "lengths__ready", "bytes__ready"):
        getattr(dut, name).value = 0
    dut.rst.value = 1
    Clock(dut.clk, 10, unit="ns").start()
    for _ in range(2):
        await FallingEdge(dut.clk)
    dut.rst.value = 0
    events = Events(dut)
    cocotb.start_soon(events.watch())
    return events


async def send(dut, data, pause=lambda: False):
    """Every byte must be taken in the cycle in which it is offered."""
    for byte in data:
        while pause():
            await FallingEdge(dut.clk)
        dut.rx__payload.value = byte
        dut.rx__valid.value = 1
        await ReadOnly()
        assert dut.rx__ready.value
        await FallingEdge(dut.clk)
        dut.rx__valid.value = 0


async def take(dut, port, pause):
    """Return the next payload of a stream; an offered one must not change."""
    ready, valid, payload = (
        getattr(dut, f"{port}__{name}") for name in ("ready", "valid", "payload")
    )
    offered = None
    while True:
        ready.value = go = int(not pause())
        await ReadOnly()
        if offered is not None:
            assert valid.value and int(payload.value) == offered, "an offer was withdrawn"
        if valid.value:
            offered = int(payload.value)
        await FallingEdge(dut.clk)
        if go and offered is not None:
            ready.value = 0
            return offered


async def frames(dut, pause):
    while True:
        length = await take(dut, "lengths", pause)
        yield bytes([await take(dut, "bytes", pause) for _ in range(length)])


def random_content(rng, longest=100):
    size = rng.choice((2, 2, 3, rng.randrange(2, longest)))
    return bytes([rng.choice((1, 3, 4, 9, 200)), *rng.choices((0, 1, 255), k=size - 1)])


@cocotb.test(timeout_time=3, timeout_unit="ms")
@cocotb.parametrize(stall=[0.0, 0.5])
async def keeps_whole_frames_only(dut, stall):
    rng = random.Random(cocotb.RANDOM_SEED)
    cocotb.log.info("seed %d", cocotb.RANDOM_SEED)
    events = await start(dut)
    queue = frames(dut, lambda: rng.random() < stall)
    broken = 0
    for _ in range(250):
        content = random_content(rng)
        good = encode(seal(content))
        damage, wire = rng.randrange(8), good
        if damage == 0:
            wire = encode(content + bytes(4))
        elif damage == 1:
            at = rng.randrange(len(good) - 1)
            wire = good[:at] + bytes([good[at] ^ 1 << rng.randrange(8)]) + good[at + 1 :]
        elif damage == 2:
            wire = good[: rng.randrange(1, len(good) - 1)] + b"\0"
        elif damage == 3:
            wire = b"\0\0\0" + good
        if damage < 3:
            # A flipped bit can make two damaged frames of one; a lone code byte 1 is empty.
            broken += sum(raw != b"\1" for raw in wire.split(b"\0") if raw)
            await send(dut, wire)
            continue
        sending = cocotb.start_soon(send(dut, wire, lambda: rng.random() < stall))
        assert await anext(queue) == content
        await sending
    for _ in range(5):
        await FallingEdge(dut.clk)
    alive, seen_broken, overrun, reset = events.take()
    assert (seen_broken, overrun, reset) == (broken, 0, 0)
    assert alive > 100 and dut.idle.value


@cocotb.test(timeout_time=2, timeout_unit="ms")
async def drops_what_does_not_fit(dut):
    """More bytes, then more frames than the queue holds: the first ones stay, unharmed."""
    rng = random.Random(cocotb.RANDOM_SEED + 1)
    events = await start(dut)
    for sizes, kept in [
        ((200, 200, 200, 20), (200, 200, 20)),
        ((513, 9), (9,)),
        ((512,), (512,)),
        ((5,) * 7, (5,) * FRAMES),
    ]:
        contents = [bytes([3, *rng.randbytes(size - 1)]) for size in sizes]
        await send(dut, b"".join(encode(seal(content)) for content in contents))
        for _ in range(3):  # a frame is judged 3 cycles after its end
            await FallingEdge(dut.clk)
        queue = frames(dut, lambda: False)
        expected = [content for content in contents if len(content) in kept][: len(kept)]
        if len(sizes) == 4:
            expected = [contents[0], contents[1], contents[3]]
        for content in expected:
            assert await anext(queue) == content
        for _ in range(5):
            await FallingEdge(dut.clk)
        assert events.take() == (len(sizes), 0, len(sizes) - len(kept), 0)
        assert dut.idle.value


@cocotb.test(timeout_time=2, timeout_unit="ms")
async def obeys_a_reset_when_full(dut):
    rng = random.Random(cocotb.RANDOM_SEED + 2)
    events = await start(dut)
    for round_ in range(20):
        await send(dut, b"".join(encode(seal(random_content(rng, 400))) for _ in range(9)))
        await send(dut, rng.randbytes(rng.randrange(9)) + b"\0")
        for _ in range(3):
            await FallingEdge(dut.clk)
        events.take()
        session, number = rng.getrandbits(32), rng.randrange(256)
        reset = bytes([2, number]) + session.to_bytes(4, "little")
        await send(dut, encode(seal(reset + b"\0")) + encode(seal(reset[:-1])))
        for _ in range(3):
            await FallingEdge(dut.clk)
        assert events.take()[3] == 0, "a RESET of another length is none"
        await send(dut, encode(seal(reset)))
        for _ in range(4):
            await FallingEdge(dut.clk)
        assert events.take() == (1, 0, 0, 1)
        assert (dut.session.value.to_unsigned(), dut.sequence.value.to_unsigned()) == (
            session,
            number,
        )
        assert dut.idle.value and not dut.lengths__valid.value
        content = bytes([4, round_, 0, 7])
        await send(dut, encode(seal(content)))
        assert await anext(frames(dut, lambda: False)) == content


@cocotb.test(timeout_time=1, timeout_unit="ms")
async def moves_a_byte_per_cycle(dut):
    """The queue is read as fast as it is written, and a frame leaves 5 cycles after its end."""
    await start(dut)
    content = bytes([4]) + bytes(range(1, 251)) + bytes(200)
    await send(dut, encode(seal(content)))
    cycles = 0
    queue = frames(dut, lambda: False)
    while not dut.lengths__valid.value:
        await FallingEdge(dut.clk)
        cycles += 1
    assert cycles <= 2

    async def count():
        nonlocal cycles
        while True:
            await FallingEdge(dut.clk)
            cycles += 1

    cocotb.start_soon(count())
    assert await anext(queue) == content
    assert cycles <= len(content) + 6
