"""What the command processor does one after the other with each request."""

from typing import TYPE_CHECKING, NamedTuple

from amaranth.hdl import Module, Shape, Signal
from amaranth.lib import stream

from weft_hw.contract.memory_map import Region
from weft_hw.contract.packet import Request, Status
from weft_hw.link.checks import RequestCheck
from weft_hw.link.header import RequestHeader
from weft_hw.link.reply import Reply
from weft_hw.link.units import UnitReader, UnitWriter

if TYPE_CHECKING:
    from weft_hw.link.commands import Commands

__all__ = ["CommandParts", "CommandRegisters", "add_states"]


class CommandParts(NamedTuple):
    """The components between which the states pass a request."""

    check: RequestCheck
    request: RequestHeader
    answer: Reply
    writer: UnitWriter
    reader: UnitReader
    incoming: stream.Interface  # takes what a WRITE or PIXELS brings


class CommandRegisters:
    """What the states keep; ``length`` is the shape of a frame's length."""

    def __init__(self, length: Shape):
        self.status = Signal(Status)
        self.length = Signal(length)
        self.left, self.more = Signal(length), Signal()  # bytes that are still queued
        self.is_open, self.expected, self.run = Signal(), Signal(8), Signal(16)
        # Memories outlive a reset, and so does their label.
        self.label = Signal(32, reset_less=True)


def add_states(
    m: Module, ports: "Commands", parts: CommandParts, registers: CommandRegisters
) -> None:
    """Add the state machine of :class:`~weft_hw.link.commands.Commands` to its module."""
    header = parts.request.header
    touches_program = Signal()
    with m.If(ports.bytes.valid & ports.bytes.ready):
        m.d.sync += [
            registers.left.eq(registers.left - 1),
            registers.more.eq(registers.left != 1),
        ]
    with m.If(touches_program):
        m.d.sync += registers.label.eq(0)
    with m.FSM() as fsm:
        m.d.comb += ports.idle.eq(fsm.ongoing("IDLE"))
        m.d.sync += touches_program.eq(
            fsm.ongoing("WRITE") & (header.fields.WRITE.region != Region.ACTIVATION)
        )
        _take_and_check(m, ports, parts, registers)
        _carry_out(m, ports, parts, registers)
        _reply(m, ports, parts, registers)


def _take_and_check(m, ports, parts, registers):
    """Take a request's header; decide by its check what follows."""
    request, check, header = parts.request, parts.check, parts.request.header
    with m.State("IDLE"):
        m.d.comb += [request.clear.eq(1), parts.answer.clear.eq(1)]
        m.d.sync += registers.status.eq(Status.OK)
        with m.If(ports.greet):
            m.d.comb += ports.greeted.eq(1)
            m.d.sync += [
                registers.is_open.eq(1),
                registers.expected.eq(ports.sequence + 1),
            ]
            m.next = "GREET"
        with m.Elif(ports.lengths.valid):
            m.d.comb += ports.lengths.ready.eq(1)
            m.d.sync += [
                registers.length.eq(ports.lengths.payload),
                registers.left.eq(ports.lengths.payload),
                registers.more.eq(ports.lengths.payload != 0),
            ]
            m.next = "HEADER"
    with m.State("HEADER"):
        with m.If(~registers.more | request.complete):
            m.d.comb += check.start.eq(1)
            m.next = "CHECK"
        with m.Else():
            m.d.comb += [ports.bytes.ready.eq(1), request.take.eq(ports.bytes.valid)]
    with m.State("CHECK"):
        m.d.sync += registers.status.eq(check.status)
        with m.If(check.done):
            m.next = "DECIDE"
    with m.State("DECIDE"):
        m.next = "DISCARD"
        with m.If(registers.status == Status.OK):
            m.next = "COMPOSE"
            with m.If(header.kind != Request.HELLO):
                m.d.sync += registers.expected.eq(registers.expected + 1)
            with m.Switch(header.kind):
                with m.Case(Request.WRITE, Request.PIXELS):
                    m.next = "WRITE"
                with m.Case(Request.RUN):
                    m.next = "START"
                with m.Case(Request.WAIT):
                    m.next = "WAIT"
                with m.Case(Request.LABEL):
                    m.d.sync += registers.label.eq(header.fields.LABEL.label)


def _carry_out(m, ports, parts, registers):
    """Carry out what was asked; what is left of a refused request is thrown away."""
    with m.State("WRITE"):
        m.d.comb += [
            parts.writer.active.eq(1),
            parts.incoming.valid.eq(ports.bytes.valid & registers.more),
            ports.bytes.ready.eq(parts.incoming.ready & registers.more),
        ]
        with m.If(parts.writer.done):
            m.next = "COMPOSE"
    with m.State("START"):
        m.d.comb += ports.start.valid.eq(1)
        with m.If(ports.start.ready):
            m.d.sync += registers.run.eq(parts.request.header.fields.RUN.run)
            m.next = "COMPOSE"
    with m.State("WAIT"), m.If(~ports.busy):
        m.next = "COMPOSE"
    with m.State("DISCARD"):
        m.d.comb += ports.bytes.ready.eq(registers.more)
        with m.If(~registers.more):
            m.next = "COMPOSE"
    with m.State("GREET"):
        m.next = "COMPOSE"


def _reply(m, ports, parts, registers):
    """Send the reply, and behind it what a READ asked for."""
    answer, reader = parts.answer, parts.reader
    has_data = Signal()
    m.d.comb += [
        has_data.eq((parts.request.header.kind == Request.READ) & (registers.status == Status.OK)),
        answer.more.eq(has_data),
    ]
    with m.State("COMPOSE"):
        m.d.comb += answer.start.eq(1)
        m.next = "REPLY"
    with m.State("REPLY"):
        _send(m, ports, answer)
        with m.If(answer.done):
            m.next = "IDLE"
            with m.If(has_data):
                m.next = "DATA"
    with m.State("DATA"):
        _send(m, ports, reader)
        with m.If(reader.done):
            m.next = "IDLE"


def _send(m, ports, part):
    """Let ``part`` speak: what it gives is the reply."""
    m.d.comb += [
        part.active.eq(1),
        ports.reply.payload.eq(part.o.payload),
        ports.reply.valid.eq(part.o.valid),
        part.o.ready.eq(ports.reply.ready),
    ]
