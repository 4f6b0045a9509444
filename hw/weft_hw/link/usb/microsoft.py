"""The vendor request by which Windows reads the Microsoft OS 2.0 descriptor set."""

from typing import Any

from amaranth.hdl import Module, Signal
from luna.gateware.usb.usb2.descriptor import USBDescriptorStreamGenerator  # pyright: ignore
from luna.gateware.usb.usb2.request import USBRequestHandler  # pyright: ignore
from usb_protocol.types import USBRequestType  # pyright: ignore

from weft_hw.link.usb.descriptors import MICROSOFT_CODE, MICROSOFT_INDEX, microsoft_set

__all__ = ["MicrosoftHandler"]

_PACKET_BYTES = 64  # of endpoint 0


class MicrosoftHandler(USBRequestHandler):
    """Answers the request whose number the BOS descriptor names, in packets of 64 bytes."""

    def elaborate(self, platform):
        m = Module()
        interface, domain = self.interface, m.d.usb
        setup = interface.setup
        stream: Any = USBDescriptorStreamGenerator(microsoft_set())
        m.submodules.stream = stream
        position, expects = Signal(9), Signal()
        left = Signal(16)
        m.d.comb += [
            left.eq(setup.length - position),
            stream.start_position.eq(position),
            stream.max_length.eq(left),
        ]
        with m.If(left > _PACKET_BYTES):
            m.d.comb += stream.max_length.eq(_PACKET_BYTES)
        ours: Any = (
            (setup.type == USBRequestType.VENDOR)
            & setup.is_in_request
            & (setup.request == MICROSOFT_CODE)
            & (setup.index == MICROSOFT_INDEX)
        )
        with m.If(ours):
            m.d.comb += [interface.claim.eq(1), stream.stream.attach(interface.tx)]
            with m.If(setup.received):
                domain += [position.eq(0), expects.eq(0), interface.tx_data_pid.eq(1)]
            with m.If(interface.data_requested):
                m.d.comb += stream.start.eq(1)
                domain += expects.eq(1)
            # A packet that was not acknowledged is sent again, under the same number.
            with m.If(interface.handshakes_in.ack & expects):
                domain += [
                    expects.eq(0),
                    position.eq(position + _PACKET_BYTES),
                    interface.tx_data_pid.eq(~interface.tx_data_pid),
                ]
            with m.If(interface.status_requested):
                m.d.comb += interface.handshakes_out.ack.eq(1)
        return m
