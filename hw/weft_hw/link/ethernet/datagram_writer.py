"""Frames out: replies to the client as datagrams, and answers to what anybody asks."""

from ipaddress import IPv4Address

from amaranth.hdl import Module, Mux, Signal
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from weft_hw.contract.ethernet import DATAGRAM_BYTES, NUMBER_BYTES, PORT
from weft_hw.link.cobs import Framed
from weft_hw.link.ethernet.header_check import (
    ECHO_BYTES,
    ETHERNET_BYTES,
    IP_BYTES,
    UDP_BYTES,
    words_of,
)
from weft_hw.link.ethernet.peers import IP_WORD, MAC_WORD, PORT_WORD
from weft_hw.link.ethernet.questions import ECHO_WORD, Question

__all__ = ["DatagramWriter"]

_ARP_BYTES = 28
_FIRST_SUMMED, _LAST_SUMMED = 7, 16  # words of the IP header
_CONTENT_WORD = 23  # where a datagram's bytes follow its number
_DECREASE = 0x0800  # of an echo's first word, from request to reply
_TIME_TO_LIVE = 64


class DatagramWriter(wiring.Component):
    """Put headers before a reply, or make an answer of a question.

    A byte per cycle. Behind the last byte of a frame the next one's first byte follows 18 cycles
    later, which the gap between frames and the preamble of the next one hide. Questions and
    replies take turns where both wait.

    Parameters
    ----------
    mac, ip
        As for :class:`~weft_hw.link.ethernet.header_check.HeaderCheck`.

    Members
    -------
    lengths : In(stream.Signature(range(DATAGRAM_BYTES))), bytes : In(stream.Signature(8))
        As :class:`~weft_hw.link.ethernet.datagram_queue.DatagramQueue` has them.
    question, echo_word, echo_data, number, served, read_asker, read_word, read_data
        As :class:`~weft_hw.link.ethernet.datagram_reader.DatagramReader` has them.
    o : Out(stream.Signature(Framed))
        From the destination's address on; does not pause within a frame.
    """

    lengths: stream.Interface
    bytes: stream.Interface
    question: stream.Interface
    echo_word: Signal
    echo_data: Signal
    number: Signal
    served: Signal
    read_asker: Signal
    read_word: Signal
    read_data: Signal
    o: stream.Interface

    def __init__(self, mac: int, ip: IPv4Address):
        self._mac, self._ip = words_of(mac, ip)
        super().__init__(
            {
                "lengths": In(stream.Signature(range(DATAGRAM_BYTES - NUMBER_BYTES + 1))),
                "bytes": In(stream.Signature(8)),
                "question": In(stream.Signature(Question())),
                "echo_word": Out(range(ECHO_BYTES // 2)),
                "echo_data": In(16),
                "number": In(32),
                "served": In(1),
                "read_asker": Out(1),
                "read_word": Out(3),
                "read_data": In(16),
                "o": Out(stream.Signature(Framed())),
            }
        )

    def elaborate(self, platform):
        m = Module()
        asked = self.question.payload
        is_reply, is_arp = Signal(), Signal()
        k, following = Signal(6), Signal(16)  # the number of the next word; and it, a cycle late
        word, half = Signal(16), Signal()
        length, udp_length, left = Signal(11), Signal(11), Signal(11)  # left: of the frame
        total, checksum, number = Signal(17), Signal(16), Signal(32)
        m.d.comb += [self.echo_word.eq(k - ECHO_WORD), self.read_asker.eq(~is_reply)]
        m.d.sync += following.eq(
            self._source(m, k, is_reply, is_arp, length, udp_length, checksum, number)
        )

        with m.FSM():
            with m.State("IDLE"):
                m.d.sync += [total.eq(0), checksum.eq(0), half.eq(0)]
                m.d.sync += [k.eq(_FIRST_SUMMED), number.eq(self.number)]
                replies = self.lengths.valid & self.served
                with m.If(replies & (~self.question.valid | ~is_reply)):
                    content = self.lengths.payload + NUMBER_BYTES
                    m.d.sync += [
                        is_reply.eq(1),
                        is_arp.eq(0),
                        udp_length.eq(content + UDP_BYTES),
                        length.eq(content + (UDP_BYTES + IP_BYTES)),
                        left.eq(content + (UDP_BYTES + IP_BYTES + ETHERNET_BYTES)),
                    ]
                    m.next = "SUM"
                with m.Elif(self.question.valid):
                    m.d.sync += [
                        is_reply.eq(0),
                        is_arp.eq(~asked.is_echo),
                        length.eq(asked.length),
                        left.eq(Mux(asked.is_echo, asked.length, _ARP_BYTES) + ETHERNET_BYTES),
                    ]
                    m.next = "SUM"
            with m.State("SUM"):  # ones' complement: two more steps take the carries in
                is_summed = (k > _FIRST_SUMMED) & (k <= _LAST_SUMMED + 1)
                m.d.sync += [
                    total.eq(total[:16] + Mux(is_summed, following, 0) + total[16]),
                    k.eq(k + 1),
                ]
                with m.If(k == _LAST_SUMMED + 3):
                    m.next = "CLOSE"
            with m.State("CLOSE"):
                m.d.sync += [checksum.eq(~total[:16]), k.eq(0)]
                m.next = "WAIT"
            with m.State("WAIT"):
                m.next = "FIRST"
            with m.State("FIRST"):
                m.d.sync += [word.eq(following), k.eq(1)]
                m.next = "HEADER"
            with m.State("HEADER"):
                m.d.comb += [
                    self.o.valid.eq(1),
                    self.o.payload.data.eq(Mux(half, word[:8], word[8:])),
                    self.o.payload.last.eq(left == 1),
                ]
                with m.If(self.o.ready):
                    m.d.sync += [half.eq(~half), left.eq(left - 1)]
                    with m.If(half):
                        m.d.sync += [word.eq(following), k.eq(k + 1)]
                        with m.If(is_reply & (k == _CONTENT_WORD)):
                            m.next = "CONTENT"
                    with m.If(left == 1):
                        m.d.comb += self.question.ready.eq(1)
                        m.next = "IDLE"
            with m.State("CONTENT"):
                m.d.comb += [
                    self.o.valid.eq(self.bytes.valid),
                    self.bytes.ready.eq(self.o.ready),
                    self.o.payload.data.eq(self.bytes.payload),
                    self.o.payload.last.eq(left == 1),
                ]
                with m.If(self.bytes.valid & self.o.ready):
                    m.d.sync += left.eq(left - 1)
                    with m.If(left == 1):
                        m.d.comb += self.lengths.ready.eq(1)
                        m.next = "IDLE"
        return m

    def _source(self, m, k, is_reply, is_arp, length, udp_length, checksum, number):
        """Return word ``k`` of the frame under way."""
        asked, source, peer = self.question.payload, Signal(16), self.read_data
        # An echo's checksum loses what its type loses, in ones' complement (RFC 1624).
        raised, echoed = Signal(17), Signal(16)
        m.d.sync += [raised.eq(asked.checksum + _DECREASE), echoed.eq(raised[:16] + raised[16])]
        protocol = _TIME_TO_LIVE << 8 | Mux(is_reply, 17, 1)
        arp = {
            6: 0x0806,
            7: 1,
            8: 0x0800,
            9: 0x0604,
            10: 2,
            **dict(enumerate(self._mac, 11)),
            **dict(enumerate(self._ip, 14)),
        }
        arp_peer = {16: MAC_WORD, 17: MAC_WORD + 1, 18: MAC_WORD + 2, 19: IP_WORD, 20: IP_WORD + 1}
        packet = {
            6: 0x0800,
            7: 0x4500,
            8: length,
            9: 0,
            10: 0x4000,  # not to be cut into fragments
            11: protocol,
            12: checksum,
            **dict(enumerate(self._ip, 13)),
            17: Mux(is_reply, PORT, 0),
            18: echoed,
            19: Mux(is_reply, udp_length, self.echo_data),
            20: Mux(is_reply, 0, self.echo_data),
            21: Mux(is_reply, number[16:], self.echo_data),
            22: Mux(is_reply, number[:16], self.echo_data),
        }
        packet_peer = {15: IP_WORD, 16: IP_WORD + 1}
        with m.Switch(k):
            for at in range(_CONTENT_WORD):
                with m.Case(at):
                    if at < 3:
                        m.d.comb += [self.read_word.eq(MAC_WORD + at), source.eq(peer)]
                        continue
                    if at < 6:
                        m.d.comb += source.eq(self._mac[at - 3])
                        continue
                    with m.If(is_arp):
                        if at in arp_peer:
                            m.d.comb += [self.read_word.eq(arp_peer[at]), source.eq(peer)]
                        else:
                            m.d.comb += source.eq(arp.get(at, 0))
                    with m.Else():
                        if at in packet_peer:
                            m.d.comb += [self.read_word.eq(packet_peer[at]), source.eq(peer)]
                        else:
                            m.d.comb += source.eq(packet.get(at, 0))
                        if at == 18:
                            m.d.comb += self.read_word.eq(PORT_WORD)
                            with m.If(is_reply):
                                m.d.comb += source.eq(peer)
            with m.Default():
                m.d.comb += source.eq(self.echo_data)
        return source
