"""Replies: which byte of which field comes next."""

from collections.abc import Mapping

from amaranth.hdl import Array, Cat, Module, Signal, Value

from weft_hw.contract.packet import REPLY_FIELDS, Request, Status

__all__ = ["choose_byte"]

_GROUP = 8  # bytes among which one cycle chooses


def choose_byte(
    m: Module,
    header,
    status,
    position,
    prepare,
    sources: Mapping[str, Value],
    *,
    constants: Mapping[str, int],
):
    """Return the reply's next byte, whether it is the last, and if ``cycles`` is about to begin.

    ``sources`` has the fields that change, ``constants`` those that do not, each by its name. All
    are looked at in the cycle of ``prepare``, in which ``position`` has stood for a cycle and may
    go on; byte and last are known from the next cycle on. The third, during ``prepare``, says that
    it takes the first byte of ``cycles``. What a reply consists of is decided a cycle late.
    """
    # Every byte that is no constant has a number, so that one multiplexer serves all replies.
    values = {
        (name, k): value[8 * k : 8 * k + 8]
        for name, value in sources.items()
        for k in range(-(-len(value) // 8))
    }
    numbers = {place: number for number, place in enumerate(values)}
    number, constant = Signal(range(len(numbers) + 1)), Signal(8)
    head = [("kind", 0), ("sequence", 0), ("status", 0)]
    refused, failed = 0, len(Request) + 1  # besides the requests themselves
    bodies = {refused: [("expected", 0)], failed: []} | {
        request: [(field.name, k) for field in fields for k in range(field.width // 8)]
        for request, fields in REPLY_FIELDS.items()
    }

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
    end, last = Signal.like(position), Signal()
    with m.Switch(answer):
        for request, body in bodies.items():
            with m.Case(request):
                m.d.sync += end.eq(len(head) + len(body) - 1)

    # One byte of each group, and a cycle later one of those.
    choices = [*values.values(), constant]
    groups = [choices[first : first + _GROUP] for first in range(0, len(choices), _GROUP)]
    within, group = number[: _GROUP.bit_length() - 1], number[_GROUP.bit_length() - 1 :]
    parts = Signal(8 * len(groups))
    chosen_group = Signal.like(group)
    with m.If(prepare):
        m.d.sync += [
            parts.eq(Cat(Array(members)[within] for members in groups)),
            chosen_group.eq(group),
            last.eq(position == end),
        ]
    return parts.word_select(chosen_group, 8), last, number == numbers["cycles", 0]
