"""The device on the bus: LUNA's core, and a bulk endpoint each way."""

from typing import Any

from amaranth.hdl import DomainRenamer, Module, ResetInserter, Signal
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out
from luna.gateware.usb.usb2.device import USBDevice  # pyright: ignore
from luna.gateware.usb.usb2.endpoints.stream import USBStreamInEndpoint, USBStreamOutEndpoint  # pyright: ignore

from weft_hw.contract.usb import ENDPOINT
from weft_hw.link.usb.descriptors import descriptors_of
from weft_hw.link.usb.ending import Ending
from weft_hw.link.usb.microsoft import MicrosoftHandler

__all__ = ["UsbFunction"]

_COUNTED_HZ = 60e6
# Of the bus's clock; the link's sender never pauses for longer within a reply.
_PAUSE_CYCLES = 64


class UsbFunction(wiring.Component):
    """A USB device whose endpoints are two streams, in ``usb`` as the bus.

    Each packet is checked, numbered and acknowledged on the bus, so that what comes is complete
    and in order, but for a bus reset or an unplugged cable, which lose what is under way.

    Parameters
    ----------
    bus
        UTMI, in ``usb``, at 48 MHz and full speed.
    product, serial, packet_bytes
        As for :func:`~weft_hw.link.usb.descriptors.descriptors_of`.

    Members
    -------
    connect : In(1)
        Show the computer that there is a device.
    suspended : Out(1)
        The bus sleeps.
    received : Out(stream.Signature(8)), sent : In(stream.Signature(8))
    """

    connect: Signal
    suspended: Signal
    received: stream.Interface
    sent: stream.Interface

    def __init__(self, bus: Any, *, product: str, serial: str, packet_bytes: int):
        self._bus, self._packet_bytes = bus, packet_bytes
        self._descriptors = descriptors_of(
            product=product, serial=serial, packet_bytes=packet_bytes
        )
        super().__init__(
            {
                "connect": In(1),
                "suspended": Out(1),
                "received": Out(stream.Signature(8)),
                "sent": In(stream.Signature(8)),
            }
        )

    def elaborate(self, platform):
        m = Module()
        m.submodules.device = device = USBDevice(bus=self._bus, handle_clocking=False)
        # LUNA counts times by the clock, and knows 12 and 60 MHz. By the latter's count everything
        # takes a quarter longer at 48: an answer waits for 2.5 bits (2 at least), sleep begins
        # after 3.75 ms of silence (3 at least), a reset after 6.25 us (2.5 at least).
        device.data_clock = _COUNTED_HZ
        control = device.add_standard_control_endpoint(self._descriptors)
        control.add_request_handler(MicrosoftHandler())
        # A bus reset and SET_CONFIGURATION begin each endpoint's packet numbers (DATA0, DATA1)
        # anew (USB 2.0, 9.1.1.5); LUNA's endpoints go on counting.
        again = Signal()
        m.d.comb += [
            again.eq(device.reset_detected | control.interface.config_changed),
            device.connect.eq(self.connect),
            self.suspended.eq(device.suspended),
        ]
        options = {"endpoint_number": ENDPOINT, "max_packet_size": self._packet_bytes}
        from_host, to_host = USBStreamOutEndpoint(**options), USBStreamInEndpoint(**options)
        for endpoint in (from_host, to_host):
            device.add_endpoint(ResetInserter({"usb": again})(endpoint))

        m.submodules.ending = ending = DomainRenamer("usb")(Ending(_PAUSE_CYCLES))
        wiring.connect(m, wiring.flipped(self.sent), ending.i)
        m.d.comb += [
            self.received.payload.eq(from_host.stream.payload),
            self.received.valid.eq(from_host.stream.valid),
            from_host.stream.ready.eq(self.received.ready),
            to_host.stream.payload.eq(ending.o.payload.data),
            to_host.stream.last.eq(ending.o.payload.last),
            to_host.stream.valid.eq(ending.o.valid),
            ending.o.ready.eq(to_host.stream.ready),
        ]
        return m
