"""A high-speed USB device behind a ULPI transceiver, in place of the serial port."""

from types import SimpleNamespace

from amaranth.hdl import Module, Signal
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from weft_hw.link.usb.function import UsbFunction

__all__ = ["ULPI_HZ", "HighSpeedUsb"]

ULPI_HZ = 60_000_000  # of the domain ``usb``: the transceiver makes it
_RESET_SECONDS = 10e-6
# Until the transceiver's clock stands and it holds DIR; the USB334x's data sheet asks for most.
_START_SECONDS = 1e-3


class HighSpeedUsb(wiring.Component):
    """What stands between ULPI (revision 1.1) and the core; bytes in ``sync``, ULPI in ``usb``.

    Parameters
    ----------
    clock_hz : int
        Of ``sync``.
    product, serial : str
        As for :func:`~weft_hw.link.usb.descriptors.descriptors_of`.

    Members
    -------
    reset : In(1)
        In ``sync``: begin anew, unplugged for a millisecond more.
    data_i : In(8), data_o : Out(8), drive : Out(1)
        The bus of bytes, driven here while ``drive`` is 1.
    dir, nxt : In(1); stp : Out(1)
        As ULPI names them, from and to the pins.
    phy_reset : Out(1)
        Resets the transceiver; in ``sync``, from a register.
    suspended : Out(1)
        The bus sleeps; in ``usb``.
    received : Out(stream.Signature(8)), sent : In(stream.Signature(8))
    """

    reset: Signal
    data_i: Signal
    data_o: Signal
    drive: Signal
    dir: Signal
    nxt: Signal
    stp: Signal
    phy_reset: Signal
    suspended: Signal
    received: stream.Interface
    sent: stream.Interface

    def __init__(self, *, clock_hz: int, product: str, serial: str):
        self._clock_hz, self._names = clock_hz, {"product": product, "serial": serial}
        super().__init__(
            {
                "reset": In(1),
                "data_i": In(8),
                "data_o": Out(8),
                "drive": Out(1),
                "dir": In(1),
                "nxt": In(1),
                "stp": Out(1),
                "phy_reset": Out(1, init=1),  # pyright: ignore[reportCallIssue]
                "suspended": Out(1),
                "received": Out(stream.Signature(8)),
                "sent": In(stream.Signature(8)),
            }
        )

    def elaborate(self, platform):
        m = Module()
        # LUNA asks for the pins of a platform. The transceiver's reset is not among them: LUNA
        # would take it from a reset of ``usb``, whose clock it may stop.
        ulpi = SimpleNamespace(
            data=SimpleNamespace(i=self.data_i, o=self.data_o, oe=self.drive),
            dir=SimpleNamespace(i=self.dir),
            nxt=SimpleNamespace(i=self.nxt),
            stp=SimpleNamespace(o=self.stp),
        )
        m.submodules.function = function = UsbFunction(ulpi, high_speed=True, **self._names)
        wait = round(self._clock_hz * (_RESET_SECONDS + _START_SECONDS))
        left = Signal(range(wait + 1), init=wait)
        with m.If(self.reset):
            m.d.sync += left.eq(wait)
        with m.Elif(left != 0):
            m.d.sync += left.eq(left - 1)
        m.d.sync += [
            self.phy_reset.eq(left > round(self._clock_hz * _START_SECONDS)),
            function.reset.eq(left != 0),
        ]
        m.d.comb += self.suspended.eq(function.suspended)
        wiring.connect(m, function.received, wiring.flipped(self.received))
        wiring.connect(m, wiring.flipped(self.sent), function.sent)
        return m
