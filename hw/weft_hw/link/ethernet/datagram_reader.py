"""Frames in: the bytes of the client's datagrams, and what anybody asks."""

from ipaddress import IPv4Address

from amaranth.hdl import Cat, Module, Mux, Signal
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from weft_hw.contract.ethernet import NUMBER_BYTES
from weft_hw.link.ethernet.client import SILENCE_CYCLES, Client
from weft_hw.link.ethernet.header_check import ECHO_BYTES, IP_BYTES, UDP_BYTES, HeaderCheck
from weft_hw.link.ethernet.questions import Question, Questions

__all__ = ["DatagramReader"]


class DatagramReader(wiring.Component):
    """Pass on what the client sends to our port, each datagram closed by a zero byte.

    One byte per cycle, 5 cycles behind ``byte``, before the frame's check is known: what a damaged
    frame brings, the protocol's own check refuses. Nothing else is taken from a damaged frame.

    Parameters
    ----------
    mac, ip
        As for :class:`~weft_hw.link.ethernet.header_check.HeaderCheck`.
    silence : int, optional
        As for :class:`~weft_hw.link.ethernet.client.Client`.

    Members
    -------
    valid : In(1), byte : In(8), end : In(1), good : In(1)
        As :class:`~weft_hw.link.ethernet.frame_receiver.FrameReceiver` has them.
    o : Out(stream.Signature(8))
        Does not wait: what finds no room is lost.
    question : Out(stream.Signature(Question)), echo_word : In, echo_data : Out(16)
        As :class:`~weft_hw.link.ethernet.questions.Questions` has them.
    number : Out(32), served : Out(1), read_asker : In(1), read_word : In(3), read_data : Out(16)
        As :class:`~weft_hw.link.ethernet.client.Client` has them.
    """

    valid: Signal
    byte: Signal
    end: Signal
    good: Signal
    o: stream.Interface
    question: stream.Interface
    echo_word: Signal
    echo_data: Signal
    number: Signal
    served: Signal
    read_asker: Signal
    read_word: Signal
    read_data: Signal

    def __init__(self, mac: int, ip: IPv4Address, *, silence: int = SILENCE_CYCLES):
        self._addresses, self._silence = (mac, ip), silence
        super().__init__(
            {
                "valid": In(1),
                "byte": In(8),
                "end": In(1),
                "good": In(1),
                "o": Out(stream.Signature(8)),
                "question": Out(stream.Signature(Question())),
                "echo_word": In(range(ECHO_BYTES // 2)),
                "echo_data": Out(16),
                "number": Out(32),
                "served": Out(1),
                "read_asker": In(1),
                "read_word": In(3),
                "read_data": Out(16),
            }
        )

    def elaborate(self, platform):
        m = Module()
        m.submodules.check = check = HeaderCheck(*self._addresses)
        m.submodules.client = client = Client(silence=self._silence)
        m.submodules.questions = questions = Questions()

        # Words, whose first byte is the high one; the count ends, but even and odd go on.
        index, high = Signal(7), Signal(8)
        word, at, is_word = Signal(16), Signal(6), Signal()
        end, good = Signal(), Signal()
        m.d.sync += [is_word.eq(self.valid & index[0]), end.eq(self.end), good.eq(self.good)]
        with m.If(self.end):
            m.d.sync += index.eq(0)
        with m.Elif(self.valid):
            m.d.sync += [high.eq(self.byte), index.eq(Mux(index == 127, 126, index + 1))]
            with m.If(index[0]):
                m.d.sync += [word.eq(Cat(self.byte, high)), at.eq(index[1:])]
        for part in (check, client, questions):
            m.d.comb += [
                part.word.eq(word),
                part.at.eq(at),
                part.valid.eq(is_word),
                part.end.eq(end),
            ]
        m.d.comb += [
            client.good.eq(good),
            client.is_arp.eq(check.is_arp),
            client.is_datagram.eq(check.is_datagram),
            client.ask.eq(questions.ask),
            self.number.eq(client.number),
            self.served.eq(client.served),
            client.read_asker.eq(self.read_asker),
            client.read_word.eq(self.read_word),
            self.read_data.eq(client.read_data),
            questions.good.eq(good),
            questions.bytes.eq(index),
            questions.is_arp.eq(check.is_arp),
            questions.is_echo.eq(check.is_echo),
            questions.length.eq(check.length),
            questions.checksum.eq(check.checksum),
            questions.echo_word.eq(self.echo_word),
            self.echo_data.eq(questions.echo_data),
        ]
        wiring.connect(m, questions.o, wiring.flipped(self.question))
        self._pass_on(m, check.length, client.accept, word, is_word, end)
        return m

    def _pass_on(self, m, length, accept, word, is_word, end):
        """Hand on the two bytes of a word, one after the other, and the zero behind the last."""
        content, left = Signal(11), Signal(11)
        passing, second, over = Signal(), Signal(), Signal()
        m.d.sync += [
            content.eq(length - (IP_BYTES + UDP_BYTES + NUMBER_BYTES)),
            self.o.valid.eq(0),
            second.eq(0),
        ]
        with m.If(end):
            m.d.sync += over.eq(1)

        def hand_on(byte):
            m.d.sync += [self.o.valid.eq(1), self.o.payload.eq(byte), left.eq(left - 1)]

        with m.If(accept):
            hand_on(word[8:])
            m.d.sync += [left.eq(content - 1), passing.eq(1), second.eq(1), over.eq(0)]
        with m.Elif(passing & is_word & (left != 0)):
            hand_on(word[8:])
            m.d.sync += second.eq(1)
        with m.Elif(second & (left != 0)):
            hand_on(word[:8])
        with m.Elif(passing & ((left == 0) | over)):
            hand_on(0)
            m.d.sync += passing.eq(0)
