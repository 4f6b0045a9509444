"""SDR SDRAM chips that boards carry, with the timing of their data sheets."""

from collections.abc import Iterable
from dataclasses import dataclass, fields
from math import ceil

__all__ = ["CHIPS", "SdramChip", "SdramCycles", "slowest"]


@dataclass(frozen=True, kw_only=True)
class SdramCycles:
    """Least clock cycles from one command to another; names as in data sheets, ``t`` left out.

    Parameters
    ----------
    cas : int
        From READ to its data.
    turn : int
        From READ to WRITE, so that the chip has left the bus when the board begins to drive it,
        half a cycle before the chip's clock rises.
    rcd, rp, ras, wr, rfc, rrd, mrd : int
        ACTIVE to READ or WRITE, PRECHARGE to ACTIVE, ACTIVE to PRECHARGE, WRITE to PRECHARGE,
        REFRESH to anything, ACTIVE to ACTIVE in another bank, LOAD MODE to anything. ``ras`` is
        long enough for tRC as well, with ``rp`` behind it.
    refi : int
        From one REFRESH to the next, at most.
    power_up : int
        Before the first command.
    """

    cas: int
    turn: int
    rcd: int
    rp: int
    ras: int
    wr: int
    rfc: int
    rrd: int
    mrd: int
    refi: int
    power_up: int


@dataclass(frozen=True, kw_only=True)
class SdramChip:
    """One chip, 16 bits wide, in nanoseconds unless said otherwise.

    Parameters
    ----------
    rows, columns : int
        Of each of the four banks, powers of two.
    cl2, cl3 : float
        Shortest clock period at a CAS latency of 2 and of 3.
    rcd, rp, ras, rc, rfc, rrd, wr : float
        As in data sheets, ``t`` left out.
    access, hold, float_ : float
        Output data after the clock: valid from (tAC), valid until (tOH), high impedance from (tHZ).
    power_up : float
        From a stable clock to the first command.
    refresh_all : float
        In which every row is to be refreshed.
    """

    rows: int = 8192
    columns: int = 512
    cl2: float
    cl3: float
    rcd: float
    rp: float
    ras: float
    rc: float
    rfc: float
    rrd: float
    wr: float
    access: float = 5.4
    hold: float = 2.5
    float_: float = 6.0
    power_up: float = 200_000.0
    refresh_all: float = 64_000_000.0

    # The same for all of them.
    write_cycles = 2
    mode_cycles = 2
    power_up_refreshes = 8

    @property
    def memory_bytes(self) -> int:
        """Size of the four banks."""
        return 4 * self.rows * self.columns * 2

    def cycles(self, clock_hz: float) -> SdramCycles:
        """Return what a controller has to keep at ``clock_hz``.

        Raises
        ------
        ValueError
            If the clock is too fast for the chip.
        """
        period = 1e9 / clock_hz
        if period < self.cl3:
            raise ValueError(
                f"an SDRAM of {1e3 / self.cl3:.0f} MHz cannot run at {clock_hz / 1e6:g} MHz"
            )

        def least(nanoseconds: float, cycles: int = 1) -> int:
            return max(cycles, ceil(nanoseconds / period - 1e-6))

        rp = least(self.rp)
        # A cycle less than the average allows: a refresh may come up to 8,192 cycles late.
        refi = int(self.refresh_all / self.rows / period) - 1
        cas = 2 if period >= self.cl2 else 3
        return SdramCycles(
            cas=cas,
            turn=cas + ceil(0.5 + self.float_ / period),
            rcd=least(self.rcd),
            rp=rp,
            ras=max(least(self.ras), least(self.rc) - rp),
            wr=least(self.wr, self.write_cycles),
            rfc=least(self.rfc),
            rrd=least(self.rrd, 2),
            mrd=self.mode_cycles,
            refi=refi,
            power_up=least(self.power_up),
        )


def slowest(chips: Iterable[SdramChip]) -> SdramChip:
    """Return a chip that demands whatever any of ``chips`` does: a board may carry any of them."""
    chips = list(chips)
    least = {"rows", "columns", "hold", "refresh_all"}
    return SdramChip(
        **{
            field.name: (min if field.name in least else max)(getattr(c, field.name) for c in chips)
            for field in fields(SdramChip)
        }
    )


CHIPS = {
    "MT48LC16M16A2-6A": SdramChip(
        cl2=10, cl3=6, rcd=18, rp=18, ras=42, rc=60, rfc=60, rrd=12, wr=12
    ),
    "MT48LC16M16A2-7E": SdramChip(
        cl2=7.5, cl3=7, rcd=15, rp=15, ras=37, rc=60, rfc=66, rrd=14, wr=14
    ),
    "MT48LC16M16A2-75": SdramChip(
        cl2=10, cl3=7.5, rcd=20, rp=20, ras=44, rc=66, rfc=66, rrd=15, wr=15
    ),
    "W9825G6KH-6": SdramChip(cl2=7.5, cl3=6, rcd=15, rp=15, ras=42, rc=60, rfc=60, rrd=12, wr=12),
    # Sources differ about its write recovery, 14 or 20 ns: the longer one is kept.
    "IS42S16160G-7": SdramChip(cl2=10, cl3=7, rcd=15, rp=15, ras=37, rc=60, rfc=60, rrd=14, wr=20),
    # Twice as large; the upper half of each row's columns stays unused here.
    "AS4C32M16SB-7": SdramChip(
        columns=1024, cl2=10, cl3=7, rcd=21, rp=21, ras=42, rc=63, rfc=63, rrd=14, wr=14
    ),
}
