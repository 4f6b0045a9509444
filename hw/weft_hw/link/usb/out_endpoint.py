"""What comes from the host: a bulk endpoint that takes a packet whole or not at all."""

from typing import Any

from amaranth.hdl import Elaboratable, Module, ResetInserter, Signal
from amaranth.lib import stream
from luna.gateware.memory import TransactionalizedFIFO  # pyright: ignore
from luna.gateware.usb.usb2.endpoint import EndpointInterface  # pyright: ignore

from weft_hw.contract.usb import ENDPOINT

__all__ = ["OutEndpoint"]

_PACKETS = 2  # that are held


class OutEndpoint(Elaboratable):
    """Packets of the host into a stream, in ``usb``; one byte per cycle.

    Whether there is room is decided when a packet is announced, and holds for its data and for its
    handshake: ACK if it was kept, NAK if there is no room, none if it is too long. LUNA's own
    endpoint forgets that bytes were lost before it answers at full speed, and acknowledges them.

    Parameters
    ----------
    packet_bytes : int
        Of the largest packet, a power of two.

    Attributes
    ----------
    interface : EndpointInterface
        As LUNA's device core wants it.
    restart : Signal
        Forget all, and expect DATA0.
    o : stream.Interface
        The bytes of packets that were acknowledged, in order.
    """

    def __init__(self, packet_bytes: int):
        self._packet_bytes = packet_bytes
        self.interface: Any = EndpointInterface()
        self.restart = Signal()
        self.o: Any = stream.Signature(8).create()

    def elaborate(self, platform):
        m = Module()
        interface, domain = self.interface, m.d.usb
        token, shake = interface.tokenizer, interface.handshakes_out
        depth = _PACKETS * self._packet_bytes - 1
        queue = TransactionalizedFIFO(width=8, depth=depth, domain="usb", name="bytes")
        m.submodules.queue = ResetInserter({"usb": self.restart})(queue)
        m.d.comb += [
            self.o.payload.eq(queue.read_data),
            self.o.valid.eq(~queue.empty),
            queue.read_en.eq(self.o.ready),
            queue.read_commit.eq(1),
        ]

        number, count = Signal(), Signal(range(self._packet_bytes + 1))
        has_room, takes, too_long = Signal(), Signal(), Signal()
        acks, naks = Signal(), Signal()  # what the packet that ended is answered with
        ours: Any = token.endpoint == ENDPOINT
        is_new: Any = interface.rx_pid_toggle[0] == number
        arrives = ours & token.is_out & interface.rx.valid & interface.rx.next
        is_whole = ours & token.is_out & interface.rx_complete
        keeps = is_whole & is_new & takes & ~too_long
        domain += has_room.eq(queue.space_available >= self._packet_bytes)
        m.d.comb += [
            queue.write_data.eq(interface.rx.payload),
            queue.write_en.eq(arrives & takes & (count != self._packet_bytes)),
            queue.write_commit.eq(keeps),
            queue.write_discard.eq(interface.rx_invalid | (is_whole & ~keeps)),
        ]
        with m.If(arrives):
            domain += [
                count.eq(count + (count != self._packet_bytes)),
                too_long.eq(count == self._packet_bytes),
            ]
        # A packet that came before is acknowledged again (USB 2.0, 8.6.3).
        with m.If(is_whole & ~too_long):
            domain += [acks.eq(takes | ~is_new), naks.eq(~takes & is_new)]
        with m.If(keeps):
            domain += number.eq(~number)
        with m.If(token.new_token):
            domain += [takes.eq(has_room), count.eq(0), too_long.eq(0), acks.eq(0), naks.eq(0)]

        pings = ours & token.is_ping & token.ready_for_response
        answers = ours & token.is_out & interface.rx_ready_for_response
        m.d.comb += [
            shake.ack.eq((answers & acks) | (pings & has_room)),
            shake.nak.eq((answers & naks) | (pings & ~has_room)),
        ]
        clear = interface.clear_endpoint_halt_in
        with m.If(clear.enable & ~clear.direction & (clear.number == ENDPOINT)):
            domain += number.eq(0)
        with m.If(self.restart):
            domain += [number.eq(0), takes.eq(0), acks.eq(0), naks.eq(0)]
        return m
