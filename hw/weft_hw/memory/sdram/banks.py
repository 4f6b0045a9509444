"""The four banks of an SDRAM: which row is open in each, and when it may be left or used."""

from amaranth.hdl import Array, Cat, Module, Mux, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out
from amaranth.utils import ceil_log2

from weft_hw.memory.sdram.chips import SdramCycles

__all__ = ["BANKS", "Banks"]

BANKS = 4


class Banks(wiring.Component):
    """Follow the commands that are given and tell what the timing allows.

    PRECHARGE, ACTIVE, REFRESH and LOAD MODE are given in the cycle after the one in which they
    were found to be allowed; READ and WRITE in the same one.

    Parameters
    ----------
    cycles : SdramCycles
    rows : int
        Of each bank.

    Members
    -------
    row : In(range(rows)); activate, precharge, precharge_all : In(1)
        The command that is given, to the bank that was ``looked_at`` in the cycle before;
        ``precharge_all`` closes all rows.
    refresh, mode : In(1)
        Likewise; no bank is ready before they are over.
    using : In(2); writes : In(1)
        The bank that is read or written; a word is written to it.
    ends : In(1); begins : In(1), following : In(2)
        From the next cycle on ``using`` is no more; if ``begins``, it is ``following`` then.
    looked_at : In(2); is_open : Out(1); open_row : Out(range(rows)); used_row : Out(range(rows))
        Row of the bank ``looked_at``, and of the bank ``using``, open or left open last.
    usable : Out(1), ``using`` is in use, and has an open row that may be read and written
    may_close : Out(1), the row of ``looked_at``; may_close_all : Out(1)
    may_open : Out(1), in ``looked_at``; may_open_all : Out(1), no bank is being closed
    """

    row: Signal
    activate: Signal
    precharge: Signal
    precharge_all: Signal
    refresh: Signal
    mode: Signal
    using: Signal
    following: Signal
    ends: Signal
    begins: Signal
    writes: Signal
    looked_at: Signal
    is_open: Signal
    open_row: Signal
    used_row: Signal
    usable: Signal
    may_close: Signal
    may_close_all: Signal
    may_open: Signal
    may_open_all: Signal

    def __init__(self, cycles: SdramCycles, rows: int):
        self._cycles = cycles
        row = ceil_log2(rows)
        super().__init__(
            {
                "row": In(row),
                "activate": In(1),
                "precharge": In(1),
                "precharge_all": In(1),
                "refresh": In(1),
                "mode": In(1),
                "using": In(2),
                "following": In(2),
                "ends": In(1),
                "begins": In(1),
                "writes": In(1),
                "looked_at": In(2),
                "is_open": Out(1),
                "open_row": Out(row),
                "used_row": Out(row),
                "usable": Out(1),
                "may_close": Out(1),
                "may_close_all": Out(1),
                "may_open": Out(1),
                "may_open_all": Out(1),
            }
        )

    def elaborate(self, platform):
        m = Module()
        cycles = self._cycles
        # Zero is seen a cycle after it was loaded, and the command comes another cycle later.
        delayed = {
            name: max(0, getattr(cycles, name) - 2) for name in ("rp", "ras", "wr", "rfc", "mrd")
        }
        rows, opened, idle, closable, ready_banks = [], [], [], [], []
        for index in range(BANKS):
            row = Signal.like(self.row, name=f"row_{index}", reset_less=True)
            is_open = Signal(name=f"open_{index}")
            # Until its row may be used, or, closed, until one may be opened.
            wait = Signal(range(max(delayed["rfc"], cycles.rcd) + 1), name=f"wait_{index}")
            held = Signal(range(max(delayed["ras"], delayed["wr"]) + 1), name=f"held_{index}")
            # Found out a cycle ahead: whose turn it is, and whether its row may then be used.
            mine, ready = Signal(name=f"mine_{index}"), Signal(name=f"ready_{index}")
            m.d.sync += mine.eq(self.looked_at == index)
            m.d.comb += ready.eq(is_open & (wait <= 1))
            with m.If(wait != 0):
                m.d.sync += wait.eq(wait - 1)
            with m.If(held != 0):
                m.d.sync += held.eq(held - 1)
            with m.If(self.activate & mine):
                m.d.sync += [
                    row.eq(self.row),
                    is_open.eq(1),
                    wait.eq(cycles.rcd - 1),
                    held.eq(delayed["ras"]),
                ]
                m.d.comb += ready.eq(cycles.rcd == 1)
            with m.If((self.precharge & mine) | self.precharge_all):
                m.d.sync += [is_open.eq(0), wait.eq(delayed["rp"])]
                m.d.comb += ready.eq(0)
            with m.If(self.writes & (self.using == index) & (held <= delayed["wr"])):
                m.d.sync += held.eq(delayed["wr"])
            with m.If(self.refresh | self.mode):
                m.d.sync += wait.eq(Mux(self.refresh, delayed["rfc"], delayed["mrd"]))
            rows.append(row)
            opened.append(is_open)
            idle.append(wait == 0)
            closable.append(held == 0)
            ready_banks.append(ready)
        m.d.comb += [
            self.is_open.eq(Array(opened)[self.looked_at]),
            self.open_row.eq(Array(rows)[self.looked_at]),
            self.used_row.eq(Array(rows)[self.using]),
            self.may_close.eq(Array(closable)[self.looked_at]),
            self.may_open.eq(Array(idle)[self.looked_at]),
            self.may_close_all.eq(Cat(closable).all()),
            self.may_open_all.eq(Cat(idle).all()),
        ]
        m.d.sync += self.usable.eq(
            Mux(
                self.ends,
                self.begins & Array(ready_banks)[self.following],
                Array(ready_banks)[self.using],
            )
        )
        return m
