"""What anybody may ask: our address (ARP), and an echo (ping)."""

from amaranth.hdl import Module, Mux, Signal, unsigned
from amaranth.lib import data, stream, wiring
from amaranth.lib.memory import Memory
from amaranth.lib.wiring import In, Out

from weft_hw.link.ethernet.header_check import ECHO_BYTES, ETHERNET_BYTES

__all__ = ["ECHO_WORD", "Question", "Questions"]

ECHO_WORD = 19  # of a frame: an echo's identifier
_LEAST_FRAME, _CHECK_BYTES = 64, 4


class Question(data.StructLayout):
    """An echo of ``length`` bytes of IP with this checksum, or a question for our address."""

    def __init__(self):
        super().__init__({"is_echo": 1, "length": 7, "checksum": 16})


class Questions(wiring.Component):
    """Hold one question until it is answered; those that come meanwhile are lost.

    Members
    -------
    word, at, valid, end, good, is_arp, is_echo, length, checksum
        As :class:`~weft_hw.link.ethernet.header_check.HeaderCheck` and
        :class:`~weft_hw.link.ethernet.client.Client` have them.
    bytes : In(7)
        Of the frame, when it ended; 126 or 127 for more.
    ask : Out(1)
        The frame that ended becomes the question.
    o : Out(stream.Signature(Question))
    echo_word : In(range(ECHO_BYTES // 2)), echo_data : Out(16)
        What the echo carries from its identifier on, in the same cycle.
    """

    word: Signal
    at: Signal
    valid: Signal
    end: Signal
    good: Signal
    is_arp: Signal
    is_echo: Signal
    length: Signal
    checksum: Signal
    bytes: Signal
    ask: Signal
    o: stream.Interface
    echo_word: Signal
    echo_data: Signal

    def __init__(self):
        super().__init__(
            {
                "word": In(16),
                "at": In(6),
                "valid": In(1),
                "end": In(1),
                "good": In(1),
                "is_arp": In(1),
                "is_echo": In(1),
                "length": In(16),
                "checksum": In(16),
                "bytes": In(7),
                "ask": Out(1),
                "o": Out(stream.Signature(Question())),
                "echo_word": In(range(ECHO_BYTES // 2)),
                "echo_data": Out(16),
            }
        )

    def elaborate(self, platform):
        m = Module()
        m.submodules.memory = memory = Memory(shape=unsigned(16), depth=ECHO_BYTES // 2, init=[])
        write, read = memory.write_port(), memory.read_port(domain="comb")
        place = Signal(6)
        m.d.comb += [
            place.eq(self.at - ECHO_WORD),
            write.addr.eq(place),
            write.data.eq(self.word),
            write.en.eq(self.valid & (place < ECHO_BYTES // 2) & ~self.o.valid),
            read.addr.eq(self.echo_word),
            self.echo_data.eq(read.data),
        ]
        # A frame must have all that its IP packet says. Of one that came while another question
        # was held, words are missing.
        needed, is_long, missed = Signal(7), Signal(), Signal()
        around = ETHERNET_BYTES + _CHECK_BYTES
        m.d.sync += [
            needed.eq(
                Mux(
                    self.is_echo & (self.length > _LEAST_FRAME - around),
                    self.length + around,
                    _LEAST_FRAME,
                )
            ),
            is_long.eq(self.bytes >= needed),
        ]
        with m.If(self.end):
            m.d.sync += missed.eq(0)
        with m.Elif(self.valid & self.o.valid):
            m.d.sync += missed.eq(1)
        m.d.comb += self.ask.eq(
            self.end & self.good & is_long & ~missed & ~self.o.valid & (self.is_arp | self.is_echo)
        )
        with m.If(self.o.valid & self.o.ready):
            m.d.sync += self.o.valid.eq(0)
        with m.If(self.ask):
            m.d.sync += [
                self.o.valid.eq(1),
                self.o.payload.is_echo.eq(self.is_echo),
                self.o.payload.length.eq(self.length),
                self.o.payload.checksum.eq(self.checksum),
            ]
        return m
