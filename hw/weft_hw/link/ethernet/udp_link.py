"""A UDP port behind an RGMII transceiver, in place of the serial port."""

from ipaddress import IPv4Address
from typing import Any

from amaranth.hdl import DomainRenamer, Module, ResetInserter, Signal
from amaranth.lib import stream, wiring
from amaranth.lib.cdc import FFSynchronizer
from amaranth.lib.fifo import AsyncFIFO
from amaranth.lib.wiring import In, Out

from weft_hw.contract.ethernet import DATAGRAM_BYTES, NUMBER_BYTES
from weft_hw.link.cobs import Framed
from weft_hw.link.ethernet.client import SILENCE_CYCLES
from weft_hw.link.ethernet.datagram_queue import DatagramQueue
from weft_hw.link.ethernet.datagram_reader import DatagramReader
from weft_hw.link.ethernet.datagram_writer import DatagramWriter
from weft_hw.link.ethernet.frame_receiver import FrameReceiver
from weft_hw.link.ethernet.frame_sender import FrameSender
from weft_hw.link.ethernet.speed_meter import SpeedMeter
from weft_hw.parts.stream_buffer import StreamBuffer

__all__ = ["RGMII_100_HZ", "RGMII_HZ", "UdpLink"]

# Of the domain ``ethernet`` at gigabit, and at 100 Mbit/s: the transceiver makes it.
RGMII_HZ, RGMII_100_HZ = 125_000_000, 25_000_000
# What a burst of datagrams brings faster than a slower core takes it.
_CROSSING_BYTES, _REPLY_CROSSING_BYTES = 2048, 8


class UdpLink(wiring.Component):
    """What stands between RGMII and the core; bytes in ``sync``, RGMII in ``ethernet``.

    It answers ARP and ping, and serves one client at a time on UDP port ``PORT``. What comes goes
    through as it comes; a reply leaves as a datagram of its own once it is whole. A byte passes
    per cycle of either clock, each way.

    Parameters
    ----------
    clock_hz : int
        Of ``sync``.
    mac : int
    ip : IPv4Address
    silence : int, optional
        As for :class:`~weft_hw.link.ethernet.client.Client`.

    Members
    -------
    reset : In(1)
        In ``sync``: forget the client, and what is under way.
    rx_data : In(8), rx_control : In(2)
        In ``ethernet``, from the pins: the rising edge in the low half, then the falling one.
    tx_data : Out(8), tx_control : Out(2)
        The same, for the pins.
    received : Out(stream.Signature(8)), sent : In(stream.Signature(8))
    """

    reset: Signal
    rx_data: Signal
    rx_control: Signal
    tx_data: Signal
    tx_control: Signal
    received: stream.Interface
    sent: stream.Interface

    def __init__(self, *, clock_hz: int, mac: int, ip: IPv4Address, silence: int = SILENCE_CYCLES):
        self._clock_hz, self._addresses, self._silence = clock_hz, (mac, ip), silence
        super().__init__(
            {
                "reset": In(1),
                "rx_data": In(8),
                "rx_control": In(2),
                "tx_data": Out(8),
                "tx_control": Out(2),
                "received": Out(stream.Signature(8)),
                "sent": In(stream.Signature(8)),
            }
        )

    def elaborate(self, platform):
        m = Module()
        resets, forgets = Signal(init=1), Signal()
        m.d.sync += resets.eq(self.reset)
        m.submodules.reset_synchronizer = FFSynchronizer(
            resets, forgets, o_domain="ethernet", init=1
        )
        begin_anew = ResetInserter({"sync": resets, "ethernet": forgets})

        def add(name: str, part: Any) -> Any:
            m.submodules[name] = begin_anew(DomainRenamer("ethernet")(part))
            return part

        m.submodules.meter = meter = SpeedMeter(self._clock_hz)
        receiver, sender = add("receiver", FrameReceiver()), add("sender", FrameSender())
        reader = add("reader", DatagramReader(*self._addresses, silence=self._silence))
        writer = add("writer", DatagramWriter(*self._addresses))
        queue = add("queue", DatagramQueue(longest=DATAGRAM_BYTES - NUMBER_BYTES))
        buffer = add("buffer", StreamBuffer(Framed()))
        rx: Any = AsyncFIFO(width=8, depth=_CROSSING_BYTES, w_domain="ethernet", r_domain="sync")
        tx: Any = AsyncFIFO(
            width=8, depth=_REPLY_CROSSING_BYTES, w_domain="sync", r_domain="ethernet"
        )
        m.submodules.rx, m.submodules.tx = begin_anew(rx), begin_anew(tx)

        m.d.comb += [
            receiver.slow.eq(meter.slow),
            receiver.data.eq(self.rx_data),
            receiver.control.eq(self.rx_control),
            reader.valid.eq(receiver.valid),
            reader.byte.eq(receiver.byte),
            reader.end.eq(receiver.end),
            reader.good.eq(receiver.good),
            reader.echo_word.eq(writer.echo_word),
            reader.read_asker.eq(writer.read_asker),
            reader.read_word.eq(writer.read_word),
            writer.echo_data.eq(reader.echo_data),
            writer.read_data.eq(reader.read_data),
            writer.number.eq(reader.number),
            writer.served.eq(reader.served),
            sender.slow.eq(meter.slow),
            self.tx_data.eq(sender.data),
            self.tx_control.eq(sender.control),
        ]
        wiring.connect(m, reader.o, rx.w_stream)
        wiring.connect(m, rx.r_stream, wiring.flipped(self.received))
        wiring.connect(m, wiring.flipped(self.sent), tx.w_stream)
        wiring.connect(m, tx.r_stream, queue.i)
        wiring.connect(m, queue.lengths, writer.lengths)
        wiring.connect(m, queue.o, writer.bytes)
        wiring.connect(m, reader.question, writer.question)
        wiring.connect(m, writer.o, buffer.i)
        wiring.connect(m, buffer.o, sender.i)
        return m
