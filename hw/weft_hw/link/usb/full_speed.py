"""A full-speed USB device at two pins of the FPGA, in place of the serial port."""

from types import SimpleNamespace
from typing import Any

from amaranth.hdl import DomainRenamer, EnableInserter, Module, ResetInserter, Signal
from amaranth.lib import stream, wiring
from amaranth.lib.cdc import FFSynchronizer
from amaranth.lib.fifo import AsyncFIFO
from amaranth.lib.wiring import In, Out

from weft_hw.contract.usb import FULL_SPEED_PACKET
from weft_hw.link.usb.function import UsbFunction

__all__ = ["USB_HZ", "FullSpeedUsb"]

USB_HZ = 48_000_000  # of the domain ``usb``
_SAMPLES = 4  # of each bit
_CROSSING_BYTES = 8  # what is on its way from clock to clock


class FullSpeedUsb(wiring.Component):
    """What stands between D+ and D- and the core; bytes in ``sync``, the bus in ``usb``.

    LUNA's transceiver wants two clocks in step, of 48 and 12 MHz. Here ``usb`` is both, at 48 MHz
    within 0.25 %: what belongs to the slow one is enabled in every fourth cycle. So nothing crosses
    between them, and no third clock is used.

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
    received : Out(stream.Signature(8)), sent : In(stream.Signature(8))
    """

    reset: Signal
    d_p_i: Signal
    d_n_i: Signal
    d_p_o: Signal
    d_n_o: Signal
    drive: Signal
    pullup: Signal
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
                "received": Out(stream.Signature(8)),
                "sent": In(stream.Signature(8)),
            }
        )

    def elaborate(self, platform):
        m = Module()
        d_p, d_n, pullup = _pin("d_p"), _pin("d_n"), _pin("pullup")
        bus = SimpleNamespace(d_p=d_p, d_n=d_n, pullup=pullup)
        function = UsbFunction(bus, packet_bytes=FULL_SPEED_PACKET, **self._names)
        slow, count = Signal(), Signal(range(_SAMPLES))
        m.d.usb += [count.eq(count + 1), slow.eq(count == 0)]
        # One register each side: what resets is no logic that another clock samples.
        here, reset = Signal(init=1), Signal(init=1)
        m.d.sync += here.eq(self.reset)
        m.submodules.function = DomainRenamer({"usb_io": "usb"})(
            ResetInserter({"usb": reset, "usb_io": reset})(EnableInserter({"usb": slow})(function))
        )
        controls = ResetInserter({"sync": here, "usb": reset})
        rx: Any = AsyncFIFO(width=8, depth=_CROSSING_BYTES, w_domain="usb", r_domain="sync")
        tx: Any = AsyncFIFO(width=8, depth=_CROSSING_BYTES, w_domain="sync", r_domain="usb")
        m.submodules.rx, m.submodules.tx = controls(rx), controls(tx)
        wiring.connect(m, wiring.flipped(self.sent), tx.w_stream)
        wiring.connect(m, rx.r_stream, wiring.flipped(self.received))
        m.d.comb += [
            rx.w_data.eq(function.received.payload),
            rx.w_en.eq(function.received.valid & slow),
            function.received.ready.eq(rx.w_rdy),
            function.sent.payload.eq(tx.r_data),
            function.sent.valid.eq(tx.r_rdy),
            tx.r_en.eq(function.sent.ready & slow),
        ]
        for name, outside, inside in [
            ("d_p", self.d_p_i, d_p.i),
            ("d_n", self.d_n_i, d_n.i),
            ("reset", here, reset),
        ]:
            m.submodules[f"{name}_synchronizer"] = FFSynchronizer(
                outside, inside, o_domain="usb", init=inside.init
            )
        m.d.comb += [
            function.connect.eq(~reset),
            self.d_p_o.eq(d_p.o),
            self.d_n_o.eq(d_n.o),
            self.drive.eq(d_p.oe),
            self.pullup.eq(pullup.o),
        ]
        return m


def _pin(name: str) -> SimpleNamespace:
    """Return the signals that LUNA looks for; the bus is idle while D+ is high."""
    return SimpleNamespace(
        i=Signal(name=f"{name}_i", init=name == "d_p"),
        o=Signal(name=f"{name}_o"),
        oe=Signal(name=f"{name}_oe"),
    )
