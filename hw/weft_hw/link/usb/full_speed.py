"""A full-speed USB device at two pins of the FPGA, in place of the serial port."""

from typing import Any

from amaranth.hdl import Cat, Module, ResetInserter, Signal
from amaranth.lib import stream, wiring
from amaranth.lib.cdc import FFSynchronizer
from amaranth.lib.wiring import In, Out
from luna.gateware.interface.utmi import UTMIInterface, UTMIOperatingMode  # pyright: ignore

from weft_hw.link.usb.function import UsbFunction
from weft_hw.link.usb.transceiver import Receiver, Transmitter

__all__ = ["USB_HZ", "FullSpeedUsb"]

USB_HZ = 48_000_000  # of the domain ``usb``: four samples a bit


class FullSpeedUsb(wiring.Component):
    """What stands between D+ and D- and the core; bytes in ``sync``, the bus in ``usb``.

    ``usb`` has 48 MHz, within 0.25 %. Full speed only.

    Parameters
    ----------
    product, serial : str
        As for :func:`~weft_hw.link.usb.descriptors.descriptors_of`.

    Members
    -------
    reset : In(1)
        In ``sync``, for longer than a few cycles of both clocks: begin anew, unplugged meanwhile.
    d_p_i, d_n_i : In(1); d_p_o, d_n_o, drive : Out(1)
        The pins, synchronised here; both are driven while ``drive`` is 1.
    pullup : Out(1)
        For the resistor at D+ that tells the computer of a device.
    suspended : Out(1)
        The bus sleeps; in ``usb``.
    received : Out(stream.Signature(8)), sent : In(stream.Signature(8))
    """

    reset: Signal
    d_p_i: Signal
    d_n_i: Signal
    d_p_o: Signal
    d_n_o: Signal
    drive: Signal
    pullup: Signal
    suspended: Signal
    received: stream.Interface
    sent: stream.Interface

    def __init__(self, *, product: str, serial: str):
        self._names = {"product": product, "serial": serial}
        super().__init__(
            {
                "reset": In(1),
                "d_p_i": In(1),
                "d_n_i": In(1),
                "d_p_o": Out(1),
                "d_n_o": Out(1),
                "drive": Out(1),
                "pullup": Out(1),
                "suspended": Out(1),
                "received": Out(stream.Signature(8)),
                "sent": In(stream.Signature(8)),
            }
        )

    def elaborate(self, platform):
        m = Module()
        bus: Any = UTMIInterface()
        m.submodules.function = function = UsbFunction(bus, high_speed=False, **self._names)
        # What resets is no logic that another clock samples.
        m.d.sync += function.reset.eq(self.reset)
        begin_anew = ResetInserter({"usb": function.unplugged})
        receiver, transmitter = Receiver(), Transmitter()
        m.submodules.receiver, m.submodules.transmitter = (
            begin_anew(receiver),
            begin_anew(transmitter),
        )
        wiring.connect(m, function.received, wiring.flipped(self.received))
        wiring.connect(m, wiring.flipped(self.sent), function.sent)
        # The bus is idle while D+ is high.
        for name, outside, inside, init in [
            ("d_p", self.d_p_i, receiver.d_p, 1),
            ("d_n", self.d_n_i, receiver.d_n, 0),
        ]:
            m.submodules[f"{name}_synchronizer"] = FFSynchronizer(
                outside, inside, o_domain="usb", init=init
            )
        m.d.comb += [
            receiver.mute.eq(transmitter.drive),
            bus.line_state.eq(Cat(receiver.d_p, receiver.d_n)),
            bus.vbus_valid.eq(1),
            bus.rx_active.eq(receiver.active),
            bus.rx_data.eq(receiver.data),
            bus.rx_valid.eq(receiver.valid),
            transmitter.data.eq(bus.tx_data),
            transmitter.valid.eq(bus.tx_valid & (bus.op_mode == UTMIOperatingMode.NORMAL)),
            bus.tx_ready.eq(transmitter.ready),
            self.d_p_o.eq(transmitter.d_p),
            self.d_n_o.eq(transmitter.d_n),
            self.drive.eq(transmitter.drive),
            self.pullup.eq(bus.term_select),
            self.suspended.eq(function.suspended),
        ]
        return m
