"""Replies: which byte of which field comes next."""

from collections.abc import Mapping

from amaranth.hdl import Module, Signal, Value

from weft_hw.contract.packet import REPLY_FIELDS, Request, Status

__all__ = ["choose_byte"]


def choose_byte(
    m: Module, header, status, position, end, sources: Mapping[str, Value], *,
    constants: Mapping[str, int],
):
    """Return the reply's byte at ``position``, and whether that is the first one of ``cycles``.

    ``sources`` has the fields that change, ``constants`` those that do not, each by its name.
    ``end`` becomes the last byte's position. What a reply consists of, and where its bytes come
    from, is decided a cycle late.
    """
    # Every byte that is no constant has a number, so that one multiplexer serves all replies.
    values = {(name, k): value[8 * k:8 * k + 8] for name, value in sources.items()
              for k in range(-(-len(value) // 8))}  # fmt: skip
    numbers = {place: number for number, place in enumerate(values)}
    number, constant, chosen = Signal(range(len(numbers) + 1)), Signal(8), Signal(8)
    head = [("kind", 0), ("sequence", 0), ("status", 0)]
    refused, failed = 0, len(Request) + 1  # besides the requests themselves
    bodies = {refused: [("expected", 0)], failed: []} | {
        request: [(field.name, k) for field in fields for k in range(field.width // 8)]
        for request, fields in REPLY_FIELDS.items()
    }  # fmt: skip

    answer = Signal(range(failed + 1))
    with m.If(status == Status.SEQUENCE):
        m.d.sync += answer.eq(refused)
    with m.Elif(status != Status.OK):
        m.d.sync += answer.eq(failed)
    with m.Else():
        m.d.sync += answer.eq(header.kind)
    m.d.sync += [number.eq(0), constant.eq(0)]
    with m.Switch(position):
        for at, place in enumerate(head):
            with m.Case(at):
                m.d.sync += number.eq(numbers[place])
        with m.Default(), m.Switch(answer):
            for request, body in bodies.items():
                with m.Case(request), m.Switch(position):
                    for at, (name, k) in enumerate(body, start=len(head)):
                        with m.Case(at):
                            m.d.sync += number.eq(numbers.get((name, k), len(numbers)))
                            if name in constants:
                                m.d.sync += constant.eq(constants[name] >> 8 * k & 0xFF)
    with m.Switch(answer):
        for request, body in bodies.items():
            with m.Case(request):
                m.d.sync += end.eq(len(head) + len(body) - 1)
    with m.Switch(number):
        for place, value in values.items():
            with m.Case(numbers[place]):
                m.d.comb += chosen.eq(value)
        with m.Default():
            m.d.comb += chosen.eq(constant)
    return chosen, number == numbers["cycles", 0]
