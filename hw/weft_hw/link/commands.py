"""The command processor: one queued request after the other, checked, carried out, answered."""

from amaranth.hdl import Module, Mux, Signal
from amaranth.lib import data, stream, wiring
from amaranth.lib.data import View
from amaranth.lib.wiring import In, Out

from weft_hw.contract.config import Config
from weft_hw.contract.fingerprint import fingerprint
from weft_hw.contract.memory_map import max_unit_bytes
from weft_hw.contract.packet import PROTOCOL_VERSION, Request
from weft_hw.engine.ports import RUN, link_address_bits, read_layout, write_layout
from weft_hw.link.checks import RequestCheck, SmallRequestCheck
from weft_hw.link.cobs import Framed
from weft_hw.link.command_states import CommandParts, CommandRegisters, add_states
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
        incoming = self._incoming(m, request.header, check, writer)
        parts = CommandParts(check, request, answer, writer, reader, incoming)
        registers = CommandRegisters(self.lengths.payload.shape())
        self._connect_request(m, parts, registers)
        self._connect_engine(m, parts)
        self._connect_answer(m, answer, request.header, registers)
        add_states(m, self, parts, registers)
        return m

    def _connect_request(self, m, parts, registers):
        """Connect what a request says with what checks it."""
        request, check = parts.request, parts.check
        m.d.comb += [
            request.byte.eq(self.bytes.payload),
            request.greet.eq(self.greet),
            request.sequence.eq(self.sequence),
            request.step.eq(parts.writer.step | parts.reader.step),
            parts.incoming.payload.eq(self.bytes.payload),
            check.header.eq(request.header),
            check.length.eq(registers.length),
            check.data_bytes.eq(registers.left),
            check.is_open.eq(registers.is_open),
            check.expected.eq(registers.expected),
        ]

    def _connect_engine(self, m, parts):
        """Connect the engine's ports, and where a transfer goes."""
        fields = parts.request.header.fields
        wiring.connect(m, parts.writer.o, wiring.flipped(self.write))
        wiring.connect(m, parts.reader.request, wiring.flipped(self.read))
        wiring.connect(m, wiring.flipped(self.data), parts.reader.data)
        transfer = Signal(Transfer(self.config))
        m.d.comb += [
            transfer.region.eq(fields.WRITE.region),
            transfer.address.eq(fields.WRITE.address),
            transfer.count.eq(fields.WRITE.count),
            transfer.unit_bytes.eq(parts.check.unit_bytes),
            parts.writer.transfer.eq(transfer),
            parts.reader.transfer.eq(transfer),
            self.start.payload.first.eq(fields.RUN.first),
            self.start.payload.count.eq(fields.RUN.count),
        ]

    def _connect_answer(self, m, answer, header, registers):
        """Connect what a reply can tell."""
        m.d.comb += [
            answer.status.eq(registers.status),
            answer.facts.kind.eq(header.kind),
            answer.facts.sequence.eq(header.sequence),
            answer.facts.expected.eq(registers.expected),
            answer.facts.session.eq(self.session),
            answer.facts.busy.eq(self.busy),
            answer.facts.run.eq(registers.run),
            answer.facts.cycles.eq(self.cycles),
            answer.facts.label.eq(registers.label),
            answer.facts.frame_errors.eq(self.counters.frame_errors),
            answer.facts.overruns.eq(self.counters.overruns),
            answer.facts.expirations.eq(self.counters.expirations),
        ]

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
