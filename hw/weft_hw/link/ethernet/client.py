"""Whom the board serves: one peer at a time, whose datagrams are numbered."""

from amaranth.hdl import Module, Mux, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from weft_hw.contract.packet import Request
from weft_hw.link.ethernet.peers import IP_WORD, MAC_WORD, PORT_WORD, Peers

__all__ = ["FIRST_WORD", "SILENCE_CYCLES", "Client"]

SILENCE_CYCLES = 1 << 27  # a second at gigabit, five at 100 Mbit/s
_NUMBER_WORD, FIRST_WORD = 21, 23  # of a frame: a datagram's number, and what follows it
# How a RESET of sequence number 0 begins once it is encoded: one byte up to the first zero.
_RESET_WORD = 0x0200 | Request.RESET


class Client(wiring.Component):
    """Decide which datagrams to let through, at their first word behind the number.

    The client's are let through if their number is beyond the last one's, so that the network
    doubles and swaps nothing. Who sends a RESET becomes the client: from the same host with
    another port at any time, and from anywhere after ``silence`` cycles without a datagram.

    Parameters
    ----------
    silence : int, optional

    Members
    -------
    word : In(16), at : In(6), valid : In(1)
        As :class:`~weft_hw.link.ethernet.header_check.HeaderCheck` has them.
    end : In(1), good : In(1)
        The frame ended; it was whole.
    is_arp, is_datagram : In(1)
        What it is, if its words before this one are right.
    accept : Out(1)
        Let the frame through from this word on; in the same cycle.
    number : Out(32)
        Of the last datagram that came whole.
    ask : In(1)
        Remember who sent the frame that ended: it asks for something.
    served, read_asker, read_word, read_data
        As :class:`Peers` has them.
    """

    word: Signal
    at: Signal
    valid: Signal
    end: Signal
    good: Signal
    is_arp: Signal
    is_datagram: Signal
    accept: Signal
    number: Signal
    ask: Signal
    served: Signal
    read_asker: Signal
    read_word: Signal
    read_data: Signal

    def __init__(self, *, silence: int = SILENCE_CYCLES):
        self._silence = silence
        super().__init__(
            {
                "word": In(16),
                "at": In(6),
                "valid": In(1),
                "end": In(1),
                "good": In(1),
                "is_arp": In(1),
                "is_datagram": In(1),
                "accept": Out(1),
                "number": Out(32),
                "ask": In(1),
                "served": Out(1),
                "read_asker": In(1),
                "read_word": In(3),
                "read_data": Out(16),
            }
        )

    def elaborate(self, platform):
        m = Module()
        m.submodules.peers = peers = Peers()
        m.d.comb += [
            peers.data.eq(self.word),
            peers.ask.eq(self.ask),
            self.served.eq(peers.served),
            peers.read_asker.eq(self.read_asker),
            peers.read_word.eq(self.read_word),
            self.read_data.eq(peers.read_data),
        ]
        same_host, same_port = Signal(init=1), Signal(init=1)
        with m.Switch(self.at):
            for word, at in enumerate((3, 4, 5), MAC_WORD):
                with m.Case(at):
                    m.d.comb += [peers.word.eq(word), peers.write.eq(self.valid)]
            with m.Case(13):  # ARP has the next two one word later
                m.d.comb += [peers.word.eq(IP_WORD), peers.write.eq(self.valid & ~self.is_arp)]
            with m.Case(14):
                m.d.comb += [
                    peers.word.eq(Mux(self.is_arp, IP_WORD, IP_WORD + 1)),
                    peers.write.eq(self.valid),
                ]
            with m.Case(15):
                m.d.comb += [peers.word.eq(IP_WORD + 1), peers.write.eq(self.valid & self.is_arp)]
            with m.Case(17):
                m.d.comb += [peers.word.eq(PORT_WORD), peers.write.eq(self.valid)]
        # A cycle for the memory, and one for the comparison.
        said, known, was_written, of_port = Signal(16), Signal(16), Signal(), Signal()
        m.d.sync += [
            said.eq(peers.data),
            known.eq(peers.known),
            was_written.eq(peers.write),
            of_port.eq(self.at == 17),
        ]
        with m.If(was_written & (said != known)):
            with m.If(of_port):
                m.d.sync += same_port.eq(0)
            with m.Else():
                m.d.sync += same_host.eq(0)

        number, ahead = Signal(32), Signal(32)
        with m.If(self.valid & (self.at == _NUMBER_WORD)):
            m.d.sync += number[16:].eq(self.word)
        with m.If(self.valid & (self.at == _NUMBER_WORD + 1)):
            m.d.sync += number[:16].eq(self.word)
        m.d.comb += ahead.eq(number - self.number)
        is_new = Signal()
        m.d.sync += is_new.eq(~ahead[-1] & (number != self.number))

        silent, silence = Signal(), Signal(range(self._silence + 1))
        m.d.sync += silent.eq(silence == self._silence)
        # All but the number is known words before.
        taken, is_client, may_begin = Signal(), Signal(), Signal()
        m.d.sync += [
            is_client.eq(self.is_datagram & self.served & same_host & same_port),
            may_begin.eq(self.is_datagram & (~self.served | silent | (same_host & ~same_port))),
        ]
        m.d.comb += [
            self.accept.eq(
                self.valid
                & (self.at == FIRST_WORD)
                & ((is_client & is_new) | (may_begin & (self.word == _RESET_WORD)))
            ),
            peers.serve.eq(self.end & self.good & taken),
        ]
        with m.If(self.accept):
            m.d.sync += taken.eq(1)
        with m.If(peers.serve):
            m.d.sync += [self.number.eq(number), silence.eq(0), silent.eq(0)]
        with m.Elif(silence != self._silence):
            m.d.sync += silence.eq(silence + 1)
        with m.If(self.end):
            m.d.sync += [taken.eq(0), same_host.eq(1), same_port.eq(1)]
        return m
