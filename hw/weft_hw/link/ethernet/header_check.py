"""What a frame's headers make of it: a question for our address, an echo, a datagram."""

from ipaddress import IPv4Address

from amaranth.hdl import Cat, Module, Mux, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from weft_hw.contract.ethernet import NUMBER_BYTES, PORT

__all__ = ["ECHO_BYTES", "ETHERNET_BYTES", "IP_BYTES", "UDP_BYTES", "HeaderCheck", "words_of"]

ETHERNET_BYTES, IP_BYTES, UDP_BYTES = 14, 20, 8  # of headers
_LONGEST = 1500  # of an IP packet
ECHO_BYTES = 64  # of an echo from its identifier on: what ping sends, and a little more
_ECHO_HEAD = 4  # bytes of an echo before its identifier


def words_of(mac: int, ip: IPv4Address) -> tuple[list[int], list[int]]:
    """Return both addresses in words of 16 bits, in network order."""
    address = int(ip)
    return [mac >> shift & 0xFFFF for shift in (32, 16, 0)], [address >> 16, address & 0xFFFF]


class HeaderCheck(wiring.Component):
    """Compare the words of a frame with what they must be; all are known when the next one comes.

    Ethernet II, ARP (RFC 826), IPv4 without options and fragments (RFC 791), ICMP echo (RFC 792),
    UDP (RFC 768), whose checksum is left alone: each frame of the protocol has a better one.

    Parameters
    ----------
    mac : int
    ip : IPv4Address
        Our own.

    Members
    -------
    word : In(16), at : In(6), valid : In(1)
        A word of the frame, in network order, and how many came before.
    end : In(1)
        The frame ended.
    is_arp, is_echo, is_datagram : Out(1)
        What it is, if its words so far are right.
    length : Out(16)
        Bytes of the IP packet.
    checksum : Out(16)
        An echo's.
    """

    word: Signal
    at: Signal
    valid: Signal
    end: Signal
    is_arp: Signal
    is_echo: Signal
    is_datagram: Signal
    length: Signal
    checksum: Signal

    def __init__(self, mac: int, ip: IPv4Address):
        self._mac, self._ip = words_of(mac, ip)
        super().__init__(
            {
                "word": In(16),
                "at": In(6),
                "valid": In(1),
                "end": In(1),
                "is_arp": Out(1),
                "is_echo": Out(1),
                "is_datagram": Out(1),
                "length": Out(16),
                "checksum": Out(16),
            }
        )

    def elaborate(self, platform):
        m = Module()
        word, mac, ip = self.word, self._mac, self._ip
        names = ("to_us", "to_all", "arp", "packet", "echo", "datagram")
        fits = {name: Signal(name=f"fits_{name}", init=1) for name in names}
        holds = {name: Signal(name=f"holds_{name}", init=1) for name in names}

        def expect(at: int, **facts):
            with m.Case(at):
                m.d.comb += [fits[name].eq(fact) for name, fact in facts.items()]

        udp_bytes, is_sized, is_echo_sized = Signal(16), Signal(), Signal()
        m.d.sync += [
            udp_bytes.eq(self.length - IP_BYTES),
            is_sized.eq(
                (self.length > IP_BYTES + UDP_BYTES + NUMBER_BYTES) & (self.length <= _LONGEST)
            ),
            is_echo_sized.eq(
                (self.length >= IP_BYTES + 2 * _ECHO_HEAD)
                & (self.length <= IP_BYTES + _ECHO_HEAD + ECHO_BYTES)
            ),
        ]
        with m.Switch(self.at):
            for k in range(3):
                expect(k, to_us=word == mac[k], to_all=word == 0xFFFF)
            expect(6, packet=word == 0x0800, arp=word == 0x0806)
            expect(7, packet=word[8:] == 0x45, arp=word == 1)
            expect(8, arp=word == 0x0800)
            expect(9, arp=word == 0x0604)
            expect(10, packet=Cat(word[:14], word[15]) == 0, arp=word == 1)  # but "don't fragment"
            expect(11, datagram=word[:8] == 17, echo=word[:8] == 1)
            expect(15, packet=word == ip[0])
            expect(16, packet=word == ip[1])
            expect(17, echo=word == 0x0800)
            expect(18, datagram=word == PORT)
            expect(
                19, arp=word == ip[0], datagram=(word == udp_bytes) & is_sized, echo=is_echo_sized
            )
            expect(20, arp=word == ip[1])

        # The header's checksum: a sum in ones' complement that comes to -0.
        total, sums = Signal(17), Signal()
        m.d.comb += sums.eq((self.at >= 7) & (self.at <= 16))
        is_summed = Signal()
        m.d.sync += is_summed.eq((total == 0x0FFFF) | (total == 0x1FFFE))
        with m.If(self.end):
            m.d.sync += [total.eq(0), *(holds[name].eq(1) for name in names)]
        with m.Elif(self.valid):
            m.d.sync += [holds[name].eq(holds[name] & fits[name]) for name in names]
            m.d.sync += total.eq(Mux(sums, total[:16] + word + total[16], total))
            with m.If(self.at == 8):
                m.d.sync += self.length.eq(word)
            with m.If(self.at == 18):
                m.d.sync += self.checksum.eq(word)
        is_packet = Signal()
        m.d.comb += [
            is_packet.eq(holds["to_us"] & holds["packet"] & is_summed),
            self.is_arp.eq(holds["arp"] & (holds["to_us"] | holds["to_all"])),
            self.is_echo.eq(is_packet & holds["echo"]),
            self.is_datagram.eq(is_packet & holds["datagram"]),
        ]
        return m
