"""The device on the bus: LUNA's core, a bulk endpoint each way, and the crossing to our clock."""

from typing import Any

from amaranth.hdl import DomainRenamer, Module, ResetInserter, Signal
from amaranth.lib import stream, wiring
from amaranth.lib.cdc import FFSynchronizer
from amaranth.lib.fifo import AsyncFIFO
from amaranth.lib.wiring import In, Out
from luna.gateware.usb.request.standard import StandardRequestHandler  # pyright: ignore
from luna.gateware.usb.usb2.device import USBDevice  # pyright: ignore
from luna.gateware.usb.usb2.endpoints.stream import USBStreamInEndpoint  # pyright: ignore

from weft_hw.contract.usb import ENDPOINT, FULL_SPEED_PACKET, HIGH_SPEED_PACKET
from weft_hw.link.usb.descriptors import descriptors_of
from weft_hw.link.usb.ending import Ending
from weft_hw.link.usb.microsoft import MicrosoftHandler
from weft_hw.link.usb.out_endpoint import OutEndpoint

__all__ = ["UsbFunction"]

_COUNTED_HZ = 60e6
# Of the bus's clock; the link's sender never pauses for longer within a reply.
_PAUSE_CYCLES = 64
_CROSSING_BYTES = 8  # what is on its way from clock to clock


class UsbFunction(wiring.Component):
    """A USB device whose endpoints are two streams in ``sync``; the bus is in ``usb``.

    Each packet is checked, numbered and acknowledged on the bus, so that what comes is complete
    and in order, but for a bus reset or an unplugged cable, which lose what is under way. A byte
    passes per cycle of either clock.

    Parameters
    ----------
    bus
        What LUNA's device takes, in ``usb``: UTMI at 48 MHz and full speed, or ULPI at 60 MHz.
    high_speed : bool
        Whether the bus is ULPI, and packets have 512 bytes.
    product, serial : str
        As for :func:`~weft_hw.link.usb.descriptors.descriptors_of`.

    Members
    -------
    reset : In(1)
        In ``sync``, from a register: begin anew, unplugged meanwhile.
    unplugged : Out(1)
        The same in ``usb``.
    suspended : Out(1)
        The bus sleeps; in ``usb``.
    received : Out(stream.Signature(8)), sent : In(stream.Signature(8))
    """

    reset: Signal
    unplugged: Signal
    suspended: Signal
    received: stream.Interface
    sent: stream.Interface

    def __init__(self, bus: Any, *, high_speed: bool, product: str, serial: str):
        self._bus, self._high_speed = bus, high_speed
        self._packet_bytes = HIGH_SPEED_PACKET if high_speed else FULL_SPEED_PACKET
        self._descriptors = descriptors_of(
            product=product, serial=serial, packet_bytes=self._packet_bytes, high_speed=high_speed
        )
        super().__init__(
            {
                "reset": In(1, init=1),  # pyright: ignore[reportCallIssue]
                "unplugged": Out(1),
                "suspended": Out(1),
                "received": Out(stream.Signature(8)),
                "sent": In(stream.Signature(8)),
            }
        )

    def elaborate(self, platform):
        m = Module()
        device = USBDevice(bus=self._bus, handle_clocking=False)
        if not self._high_speed:
            # LUNA counts times by the clock, and knows 12 and 60 MHz. By the latter's count
            # everything takes a quarter longer at 48: an answer waits for 2.5 bits (2 at least),
            # sleep begins after 3.75 ms of silence (3 at least), a reset after 6.25 us (2.5).
            device.data_clock = _COUNTED_HZ
        control = device.add_control_endpoint()
        token = control.interface.tokenizer
        # A request that the host gave up would be what LUNA's handler goes on with.
        anew = ResetInserter({"usb": token.new_token & token.is_setup})
        control.add_request_handler(anew(StandardRequestHandler(self._descriptors)))
        control.add_request_handler(MicrosoftHandler())
        # A bus reset and SET_CONFIGURATION begin each endpoint's packet numbers (DATA0, DATA1)
        # anew (USB 2.0, 9.1.1.5); LUNA's endpoints go on counting.
        again = Signal()
        from_host, to_host = (
            OutEndpoint(self._packet_bytes),
            USBStreamInEndpoint(endpoint_number=ENDPOINT, max_packet_size=self._packet_bytes),
        )
        device.add_endpoint(from_host)
        device.add_endpoint(ResetInserter({"usb": again})(to_host))
        m.submodules.reset_synchronizer = FFSynchronizer(
            self.reset, self.unplugged, o_domain="usb", init=1
        )
        m.d.comb += [
            from_host.restart.eq(again),
            again.eq(device.reset_detected | control.interface.config_changed),
            device.connect.eq(~self.unplugged),
            self.suspended.eq(device.suspended),
        ]

        begin_anew = ResetInserter({"sync": self.reset, "usb": self.unplugged})
        rx: Any = AsyncFIFO(width=8, depth=_CROSSING_BYTES, w_domain="usb", r_domain="sync")
        tx: Any = AsyncFIFO(width=8, depth=_CROSSING_BYTES, w_domain="sync", r_domain="usb")
        ending = DomainRenamer("usb")(Ending(_PAUSE_CYCLES))
        m.submodules.device, m.submodules.ending = begin_anew(device), begin_anew(ending)
        m.submodules.rx, m.submodules.tx = begin_anew(rx), begin_anew(tx)
        wiring.connect(m, from_host.o, rx.w_stream)
        wiring.connect(m, rx.r_stream, wiring.flipped(self.received))
        wiring.connect(m, wiring.flipped(self.sent), tx.w_stream)
        wiring.connect(m, tx.r_stream, ending.i)
        m.d.comb += [
            to_host.stream.payload.eq(ending.o.payload.data),
            to_host.stream.last.eq(ending.o.payload.last),
            to_host.stream.valid.eq(ending.o.valid),
            ending.o.ready.eq(to_host.stream.ready),
        ]
        return m
