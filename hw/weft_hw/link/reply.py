"""Replies: the fields of each, byte by byte."""

from collections.abc import Mapping

from amaranth.hdl import Array, Cat, Module, Signal, Value
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from weft_hw.contract.packet import (
    HEADER_BYTES,
    REPLY,
    REPLY_FIELDS,
    STATUS_BYTES,
    Request,
    Status,
    field_bytes,
)
from weft_hw.link.cobs import Framed

__all__ = ["Reply", "ReplyFacts"]

_GROUP = 8  # bytes among which one cycle chooses
_BODY_BYTES = max(field_bytes(fields) for fields in REPLY_FIELDS.values())
_REPLY_BYTES = HEADER_BYTES + STATUS_BYTES + _BODY_BYTES
_HEAD = [("kind", 0), ("sequence", 0), ("status", 0)]
_REFUSED, _FAILED = 0, len(Request) + 1  # answers besides those to the requests themselves
_BODIES = {_REFUSED: [("expected", 0)], _FAILED: []} | {
    request: [(field.name, k) for field in fields for k in range(field.width // 8)]
    for request, fields in REPLY_FIELDS.items()
}


class ReplyFacts(data.StructLayout):
    """What replies tell besides constants."""

    def __init__(self):
        super().__init__(
            {
                "kind": 8,
                "sequence": 8,
                "expected": 8,
                "session": 32,
                "busy": 1,
                "run": 16,
                "cycles": 32,
                "label": 32,
                "frame_errors": 16,
                "overruns": 16,
                "expirations": 16,
            }
        )


class Reply(wiring.Component):
    """Send the fields of a reply, one byte in 2 cycles.

    In the first of the two the choice is prepared. What a reply consists of is decided a cycle
    late: ``facts.kind`` and ``status`` stand for a cycle before ``start``. The first byte of
    ``cycles``, which may count on, keeps the others.

    Parameters
    ----------
    constants : mapping
        Fields that do not change, by name.

    Members
    -------
    facts : In(ReplyFacts), status : In(Status)
    clear : In(1)
        Begin with the first byte.
    start : In(1)
        Prepare that byte; the reply is sent from the next cycle on.
    active : In(1)
        The reply is being sent; until ``done``.
    more : In(1)
        Data follow, so that the last byte of the fields is not the frame's.
    o : Out(stream.Signature(Framed()))
    done : Out(1)
        The last byte is taken.
    """

    facts: "data.View[ReplyFacts]"
    status: Signal
    clear: Signal
    start: Signal
    active: Signal
    more: Signal
    o: stream.Interface
    done: Signal

    def __init__(self, constants: Mapping[str, int]):
        self._constants = constants
        super().__init__(
            {
                "facts": In(ReplyFacts()),
                "status": In(Status),
                "clear": In(1),
                "start": In(1),
                "active": In(1),
                "more": In(1),
                "o": Out(stream.Signature(Framed())),
                "done": Out(1),
            }
        )

    def elaborate(self, platform):
        m = Module()
        position = Signal(range(_REPLY_BYTES + 1))
        settled, prepare, last = Signal(), Signal(), Signal()
        cycles_rest, status_byte = Signal(24), Signal(8)
        m.d.comb += [
            status_byte.eq(self.status),
            prepare.eq(self.start | (self.active & ~settled)),
        ]
        facts = self.facts
        values: dict[str, Value] = {
            "kind": facts.kind | REPLY,
            "sequence": facts.sequence,
            "status": status_byte,
            "expected": facts.expected,
            "session": facts.session,
            "busy": facts.busy,
            "run": facts.run,
            "cycles": Cat(facts.cycles[:8], cycles_rest),
            "label": facts.label,
            "frame_errors": facts.frame_errors,
            "overruns": facts.overruns,
            "expirations": facts.expirations,
        }
        # Every byte that is no constant has a number, so that one multiplexer serves all replies.
        sources = {
            (name, k): value[8 * k : 8 * k + 8]
            for name, value in values.items()
            for k in range(-(-len(value) // 8))
        }
        numbers = {place: number for number, place in enumerate(sources)}
        number, constant, end = self._decide(m, position, numbers)
        chosen = _choose(m, prepare, number, [*sources.values(), constant])
        with m.If(prepare):
            m.d.sync += [position.eq(position + 1), settled.eq(1), last.eq(position == end)]
            with m.If(number == numbers["cycles", 0]):
                m.d.sync += cycles_rest.eq(facts.cycles[8:])

        byte, is_last = Signal(8), Signal()  # what ``o`` holds
        m.d.comb += [
            self.o.payload.data.eq(byte),
            self.o.payload.last.eq(is_last & ~self.more),
            self.done.eq(self.active & self.o.valid & self.o.ready & is_last),
        ]
        with m.If(self.active & (~self.o.valid | self.o.ready)):
            m.d.sync += self.o.valid.eq(0)
            with m.If(~self.done & settled):
                m.d.sync += [
                    byte.eq(chosen),
                    self.o.valid.eq(1),
                    is_last.eq(last),
                    settled.eq(0),
                ]
        with m.If(self.clear):
            m.d.sync += position.eq(0)
        return m

    def _decide(
        self, m: Module, position: Signal, numbers: Mapping[tuple[str, int], int]
    ) -> tuple[Signal, Signal, Signal]:
        """Return the number of the byte at ``position``, a constant byte, and the last position.

        All are known a cycle after position, kind and status are.
        """
        answer = Signal(range(_FAILED + 1))
        with m.If(self.status == Status.SEQUENCE):
            m.d.sync += answer.eq(_REFUSED)
        with m.Elif(self.status != Status.OK):
            m.d.sync += answer.eq(_FAILED)
        with m.Else():
            m.d.sync += answer.eq(self.facts.kind)
        number, constant = Signal(range(len(numbers) + 1)), Signal(8)
        m.d.sync += [number.eq(0), constant.eq(0)]
        with m.Switch(position):
            for at, place in enumerate(_HEAD):
                with m.Case(at):
                    m.d.sync += number.eq(numbers[place])
            with m.Default(), m.Switch(answer):
                for request, body in _BODIES.items():
                    with m.Case(request), m.Switch(position):
                        for at, (name, k) in enumerate(body, start=len(_HEAD)):
                            with m.Case(at):
                                m.d.sync += number.eq(numbers.get((name, k), len(numbers)))
                                if name in self._constants:
                                    byte = self._constants[name] >> 8 * k & 0xFF
                                    m.d.sync += constant.eq(byte)
        end = Signal.like(position)
        with m.Switch(answer):
            for request, body in _BODIES.items():
                with m.Case(request):
                    m.d.sync += end.eq(len(_HEAD) + len(body) - 1)
        return number, constant, end


def _choose(m: Module, prepare: Signal, number: Signal, choices: list[Value]) -> Value:
    """Return choice ``number`` of the cycle of ``prepare``, from the next cycle on.

    That cycle takes one byte of each group, the next one of those.
    """
    groups = [choices[first : first + _GROUP] for first in range(0, len(choices), _GROUP)]
    within, group = number[: _GROUP.bit_length() - 1], number[_GROUP.bit_length() - 1 :]
    parts, chosen_group = Signal(8 * len(groups)), Signal.like(group)
    with m.If(prepare):
        m.d.sync += [
            parts.eq(Cat(Array(members)[within] for members in groups)),
            chosen_group.eq(group),
        ]
    return parts.word_select(chosen_group, 8)
