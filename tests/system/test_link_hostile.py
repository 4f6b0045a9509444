"""Hostile bytes against a second reading of the protocol, reply for reply and write for write."""

import os
import random

import pytest
from links.attacker import Attacker
from links.model import TINY, Model
from links.wire import decode, encode, little
from weft_hw.contract.memory_map import Region
from weft_hw.contract.packet import Request, Status
from weft_sim.virtual_board import VirtualBoard

BYTES = int(os.environ.get("WEFT_HOSTILE_BYTES", "1000000"))
BUDGET = 200_000  # cycles in which a batch must be answered


@pytest.mark.tools
@pytest.mark.timeout(600 + BYTES // 5_000)
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
                read = encode(
                    bytes([Request.READ, model.expected]) + little((region, 1), (0, 3), (count, 2))
                )
                assert ask(read) == model.receive(read)
    print({status.name: count for status, count in answered.items()})
    answered.pop(Status.SESSION)  # there is always a session after the first RESET
    assert all(count > BYTES // 50_000 for count in answered.values())
    board.close()


@pytest.mark.tools
@pytest.mark.timeout(600 + BYTES // 5_000)
def test_a_reset_is_obeyed_in_the_middle_of_hostile_bytes():
    """Cut short at any cycle: reset works, and nothing changed but what was addressed."""
    seed, rounds = 22, BYTES // 2_000
    print(f"seed {seed}, {rounds} rounds")
    rng = random.Random(seed)
    board, model = VirtualBoard(TINY, stand_in=True), Model()
    attacker = Attacker(rng, model)
    cut, size = 0, {Region.ACTIVATION: 512, Region.COUNTER: len(Region)}

    def ask(kind, body):
        request = b"\0" + encode(bytes([kind, model.expected % 256]) + body)
        start, replies = board.cycles, b""
        while request or board.active:
            taken, answer = board.exchange(request, BUDGET)
            request, replies = request[taken:], replies + answer
            assert board.cycles - start < BUDGET
        return decode([raw for raw in replies.split(b"\0") if raw][-1])

    for _ in range(rounds):
        batch = attacker.batch()
        taken, _ = board.exchange(batch, rng.choice((rng.randrange(60), rng.randrange(3000))))
        cut += taken < len(batch) or board.active
        model.written.clear()
        model.receive(batch)
        number = rng.randbytes(4)
        sequence = model.expected = rng.randrange(256)
        assert ask(Request.RESET, number) == bytes([0x82, sequence, 0]) + number
        assert not board.busy and not board.active
        model.answer(bytes([Request.RESET, sequence]) + number)
        found = {}
        for region in size:
            reply = ask(Request.READ, little((region, 1), (0, 3), (size[region], 2)))
            assert reply is not None and reply[2] == Status.OK
            model.expected = (model.expected + 1) % 256
            found[region] = reply[3:]
        # What the batch asked for may have happened, or not, or in part: the rest stays.
        allowed = bytearray(model.memory)
        for region, first, count in model.written:
            if region == Region.ACTIVATION:
                allowed[4 * first : 4 * (first + count)] = found[region][
                    4 * first : 4 * (first + count)
                ]
        assert found[Region.ACTIVATION] == allowed
        model.memory[:] = allowed
        for region in Region:
            total = int.from_bytes(found[Region.COUNTER][4 * region : 4 * region + 4], "little")
            if region not in [place[0] for place in model.written]:
                assert total == model.sums[region]
            model.sums[region] = total
    print(f"{cut} cut short")
    assert cut > rounds // 4
    board.close()


@pytest.mark.tools
@pytest.mark.timeout(600)
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
        busy += encode(bytes([Request.RUN, 3]) + little((15, 2), (1, 2), (0, 2)))
        busy += encode(bytes([Request.WAIT, 4]))
        replies(busy, cycles)
        assert replies(b"\0" + reset, BUDGET)[-1] == bytes([0x82, 0, 0]) + b"anew"
        assert not board.busy
        read = encode(bytes([Request.READ, 1]) + little((0, 1), (0, 3), (512, 2)))
        [reply] = replies(read, BUDGET)
        assert reply is not None and reply[:3] == bytes([0x85, 1, 0])
        before, memory = memory, reply[3:]
        begin, end = 4 * first, 4 * (first + count)
        assert memory[:begin] == before[:begin] and memory[end:] == before[end:]
        written = next(
            (
                at
                for at in range(0, len(data), 4)
                if memory[begin + at : begin + at + 4] != data[at : at + 4]
            ),
            len(data),
        )
        assert memory[begin + written : end] == before[begin + written : end]
    board.close()
