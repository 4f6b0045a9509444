"""The command processor: one queued request after the other, checked, carried out, answered."""

from amaranth.hdl import Module, Mux, Signal
from amaranth.lib import data, stream, wiring
from amaranth.lib.data import View
from amaranth.lib.wiring import In, Out

from weft_hw.contract.config import Config
from weft_hw.contract.fingerprint import fingerprint
from weft_hw.contract.memory_map import Region, max_unit_bytes
from weft_hw.contract.packet import PROTOCOL_VERSION, Request, Status
from weft_hw.engine.ports import RUN, link_address_bits, read_layout, write_layout
from weft_hw.link.checks import RequestCheck, SmallRequestCheck
from weft_hw.link.cobs import Framed
from weft_hw.link.header import RequestHeader
from weft_hw.link.pixels import PixelPadder
from weft_hw.link.reply import Reply
from weft_hw.link.units import SmallUnitWriter, Transfer, UnitReader, UnitWriter

__all__ = ["Commands", "LinkCounters", "SmallCommands"]


class LinkCounters(data.StructLayout):
    """What STATUS tells about the link; each counts modulo 2^16."""

    def __init__(self):
        super().__init__({"frame_errors": 16, "overruns": 16, "expirations": 16})


class Commands(wiring.Component):
    """Carry out the queued requests in order; each gets one reply with its sequence number.

    A request is checked before anything is done. The expected sequence number advances only with
    a request that passes, so whatever follows a failed or a lost request is refused until that
    one was repeated. About 30 cycles per request besides its data, which moves at a byte per
    cycle.

    Parameters
    ----------
    config : Config
    buffer_bytes, buffer_frames, clock_hz, watchdog_cycles : int
        What HELLO tells.

    Members
    -------
    lengths, bytes : In(stream)
        Frames, from :class:`~weft_hw.link.receiver.Receiver`.
    greet : In(1), session : In(32), sequence : In(8)
        Answer a RESET, begin a session; ``greeted`` (Out(1)) says when that was seen.
    counters : In(LinkCounters)
    reply : Out(stream.Signature(Framed))
    write, read, data, start, busy, cycles
        As the engine's, seen from the other side.
    idle : Out(1)
        No request is being carried out.
    """

    CHECK, WRITER = RequestCheck, UnitWriter

    lengths: stream.Interface
    bytes: stream.Interface
    reply: stream.Interface
    write: stream.Interface
    read: stream.Interface
    data: stream.Interface
    start: stream.Interface
    counters: "View[LinkCounters]"
    greet: Signal
    greeted: Signal
    session: Signal
    sequence: Signal
    busy: Signal
    cycles: Signal
    idle: Signal

    def __init__(
        self,
        config: Config,
        *,
        buffer_bytes: int,
        buffer_frames: int,
        clock_hz: int = 0,
        watchdog_cycles: int,
    ):
        self.config, bits = config, link_address_bits(config)
        self._hello = {
            "version": PROTOCOL_VERSION,
            "fingerprint": fingerprint(config),
            "buffer_bytes": buffer_bytes,
            "buffer_frames": buffer_frames,
            "clock_hz": clock_hz,
            "watchdog_cycles": watchdog_cycles,
        }
        super().__init__(
            {
                "lengths": In(stream.Signature(range(buffer_bytes + 1))),
                "bytes": In(stream.Signature(8)),
                "greet": In(1),
                "greeted": Out(1),
                "session": In(32),
                "sequence": In(8),
                "counters": In(LinkCounters()),
                "reply": Out(stream.Signature(Framed())),
                "write": Out(stream.Signature(write_layout(config, bits))),
                "read": Out(stream.Signature(read_layout(bits))),
                "data": In(stream.Signature(8 * max_unit_bytes(config))),
                "start": Out(stream.Signature(RUN)),
                "busy": In(1),
                "cycles": In(32),
                "idle": Out(1),
            }
        )

    def elaborate(self, platform):
        m = Module()
        m.submodules.check = check = self.CHECK(self.config)
        m.submodules.request = request = RequestHeader(self.config)
        m.submodules.answer = answer = Reply(self._hello)
        m.submodules.writer = writer = self.WRITER(self.config)
        m.submodules.reader = reader = UnitReader(self.config)
        wiring.connect(m, writer.o, wiring.flipped(self.write))
        wiring.connect(m, reader.request, wiring.flipped(self.read))
        wiring.connect(m, wiring.flipped(self.data), reader.data)

        header, status = request.header, Signal(Status)
        length = Signal(self.lengths.payload.shape())
        left, more = Signal.like(length), Signal()  # bytes of the request that are still queued
        is_open, expected, run = Signal(), Signal(8), Signal(16)
        label = Signal(32, reset_less=True)  # memories outlive a reset, and so does their label

        incoming = self._incoming(m, header, check, writer)
        place = header.fields.WRITE
        touches_program, has_data = Signal(), Signal()
        transfer = Signal(Transfer(self.config))
        m.d.comb += [
            request.byte.eq(self.bytes.payload),
            request.greet.eq(self.greet),
            request.sequence.eq(self.sequence),
            request.step.eq(writer.step | reader.step),
            check.header.eq(header),
            check.length.eq(length),
            check.data_bytes.eq(left),
            check.is_open.eq(is_open),
            check.expected.eq(expected),
            transfer.region.eq(place.region),
            transfer.address.eq(place.address),
            transfer.count.eq(place.count),
            transfer.unit_bytes.eq(check.unit_bytes),
            writer.transfer.eq(transfer),
            reader.transfer.eq(transfer),
            incoming.payload.eq(self.bytes.payload),
            self.start.payload.first.eq(header.fields.RUN.first),
            self.start.payload.count.eq(header.fields.RUN.count),
            has_data.eq((header.kind == Request.READ) & (status == Status.OK)),
            answer.status.eq(status),
            answer.more.eq(has_data),
            answer.facts.kind.eq(header.kind),
            answer.facts.sequence.eq(header.sequence),
            answer.facts.expected.eq(expected),
            answer.facts.session.eq(self.session),
            answer.facts.busy.eq(self.busy),
            answer.facts.run.eq(run),
            answer.facts.cycles.eq(self.cycles),
            answer.facts.label.eq(label),
            answer.facts.frame_errors.eq(self.counters.frame_errors),
            answer.facts.overruns.eq(self.counters.overruns),
            answer.facts.expirations.eq(self.counters.expirations),
        ]
        taken = self.bytes.valid & self.bytes.ready
        with m.If(taken):
            m.d.sync += [left.eq(left - 1), more.eq(left != 1)]
        with m.If(touches_program):
            m.d.sync += label.eq(0)

        with m.FSM() as fsm:
            m.d.comb += self.idle.eq(fsm.ongoing("IDLE"))
            m.d.sync += touches_program.eq(
                fsm.ongoing("WRITE") & (place.region != Region.ACTIVATION)
            )
            with m.State("IDLE"):
                m.d.comb += [request.clear.eq(1), answer.clear.eq(1)]
                m.d.sync += status.eq(Status.OK)
                with m.If(self.greet):
                    m.d.comb += self.greeted.eq(1)
                    m.d.sync += [is_open.eq(1), expected.eq(self.sequence + 1)]
                    m.next = "GREET"
                with m.Elif(self.lengths.valid):
                    m.d.comb += self.lengths.ready.eq(1)
                    m.d.sync += [
                        length.eq(self.lengths.payload),
                        left.eq(self.lengths.payload),
                        more.eq(self.lengths.payload != 0),
                    ]
                    m.next = "HEADER"
            with m.State("HEADER"):
                with m.If(~more | request.complete):
                    m.d.comb += check.start.eq(1)
                    m.next = "CHECK"
                with m.Else():
                    m.d.comb += [self.bytes.ready.eq(1), request.take.eq(self.bytes.valid)]
            with m.State("CHECK"):
                m.d.sync += status.eq(check.status)
                with m.If(check.done):
                    m.next = "DECIDE"
            with m.State("DECIDE"):
                m.next = "DISCARD"
                with m.If(status == Status.OK):
                    m.next = "COMPOSE"
                    with m.If(header.kind != Request.HELLO):
                        m.d.sync += expected.eq(expected + 1)
                    with m.Switch(header.kind):
                        with m.Case(Request.WRITE, Request.PIXELS):
                            m.next = "WRITE"
                        with m.Case(Request.RUN):
                            m.next = "START"
                        with m.Case(Request.WAIT):
                            m.next = "WAIT"
                        with m.Case(Request.LABEL):
                            m.d.sync += label.eq(header.fields.LABEL.label)
            with m.State("WRITE"):
                m.d.comb += [
                    writer.active.eq(1),
                    incoming.valid.eq(self.bytes.valid & more),
                    self.bytes.ready.eq(incoming.ready & more),
                ]
                with m.If(writer.done):
                    m.next = "COMPOSE"
            with m.State("START"):
                m.d.comb += self.start.valid.eq(1)
                with m.If(self.start.ready):
                    m.d.sync += run.eq(header.fields.RUN.run)
                    m.next = "COMPOSE"
            with m.State("WAIT"), m.If(~self.busy):
                m.next = "COMPOSE"
            with m.State("DISCARD"):
                m.d.comb += self.bytes.ready.eq(more)
                with m.If(~more):
                    m.next = "COMPOSE"
            with m.State("GREET"):
                m.next = "COMPOSE"
            with m.State("COMPOSE"):
                m.d.comb += answer.start.eq(1)
                m.next = "REPLY"
            with m.State("REPLY"):
                m.d.comb += [
                    answer.active.eq(1),
                    self.reply.payload.eq(answer.o.payload),
                    self.reply.valid.eq(answer.o.valid),
                    answer.o.ready.eq(self.reply.ready),
                ]
                with m.If(answer.done):
                    m.next = "IDLE"
                    with m.If(has_data):
                        m.next = "DATA"
            with m.State("DATA"):
                m.d.comb += [
                    reader.active.eq(1),
                    self.reply.payload.eq(reader.o.payload),
                    self.reply.valid.eq(reader.o.valid),
                    reader.o.ready.eq(self.reply.ready),
                ]
                with m.If(reader.done):
                    m.next = "IDLE"
        return m

    def _incoming(self, m, header, check, writer):
        """Return the stream that takes what a WRITE or PIXELS brings."""
        pixels = header.fields.PIXELS
        m.submodules.padder = padder = PixelPadder(max_unit_bytes(self.config))
        wiring.connect(m, padder.o, writer.i)
        m.d.comb += padder.active.eq(writer.active)
        is_pixels = header.kind == Request.PIXELS
        m.d.sync += [
            padder.channels.eq(Mux(is_pixels, pixels.channels, 0)),
            padder.size.eq(check.unit_bytes >> pixels.packing[:2]),
        ]
        return padder.i


class SmallCommands(Commands):
    """The same for few cells: it knows no PIXELS."""

    CHECK, WRITER = SmallRequestCheck, SmallUnitWriter

    def _incoming(self, m, header, check, writer):
        """Return the stream that takes what a WRITE brings."""
        return writer.i
