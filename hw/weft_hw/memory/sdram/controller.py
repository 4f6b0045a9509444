"""The controller of an SDR SDRAM: bursts of the memory port become commands of the chip."""

from typing import Any

from amaranth.hdl import C, Module, Mux, Signal
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out
from amaranth.utils import ceil_log2

from weft_hw.memory.port import BURST_WORDS, Port
from weft_hw.memory.sdram.banks import Banks
from weft_hw.memory.sdram.chips import SdramChip
from weft_hw.memory.sdram.pins import pins_of
from weft_hw.parts.delay import delay
from weft_hw.parts.queue import Queue

__all__ = ["HALTING", "SdramController"]

_PRECHARGE_ALL = 1 << 10  # address bit that means all banks
_PLACES = 16  # words that were read and wait to be taken
# States in which no word passes.
HALTING = {"PRECHARGE", "ACTIVATE", "CLOSE", "PRECHARGE-ALL", "REOPEN"}
_LEAST_RRD = 4  # cycles from one ACTIVE to the next, whatever the commands are


class SdramController(wiring.Component):
    """Carry out bursts in order, a word per cycle, while the next burst's row is opened.

    Rows stay open until another one of the same bank is needed, or a refresh. Consecutive rows
    lie in different banks. Each word has a READ or WRITE of its own, so that a burst may pause at
    any word, be it for the sides of the port or for a refresh, which waits for neither.

    A read needs ``latency`` cycles and a few to get there; from a read to a write ``turn - 1``
    cycles are lost, in each change of rows one or two, and about 2 % to refresh.

    Commands pass a register here and one at the pads; data to be read one at the pads. The chip's
    clock is the inverse of ``sync``: it takes what the pads' registers show half a cycle later.

    Parameters
    ----------
    chip : SdramChip
    clock_hz : float
        Of ``sync`` and of the chip.

    Members
    -------
    port : In(Port(chip.memory_bytes))
    pins : Out(pins_of(chip)), active high, to the pads' registers

    Raises
    ------
    ValueError
        If the clock is too fast for the chip.
    """

    port: Any  # interfaces
    pins: Any

    def __init__(self, chip: SdramChip, clock_hz: float):
        self.chip, self.cycles = chip, chip.cycles(clock_hz)
        if self.cycles.rrd > _LEAST_RRD:
            raise ValueError(
                f"SdramCycles.rrd must be at most {_LEAST_RRD}, not {self.cycles.rrd!r}"
            )
        # From the decision to read until the word can be seen here: a register here and one at the
        # pads, half a cycle there and, with the chip's answer, back, and the pads' other register.
        self.latency = 1 + 1 + self.cycles.cas + 1
        super().__init__({"port": In(Port(chip.memory_bytes)), "pins": Out(pins_of(chip))})

    def elaborate(self, platform):
        m = Module()
        chip, cycles, port = self.chip, self.cycles, self.port
        place = data.StructLayout(
            {"column": ceil_log2(chip.columns), "bank": 2, "row": ceil_log2(chip.rows)}
        )
        burst = data.StructLayout({"write": 1, "place": place, "length": range(BURST_WORDS + 1)})
        m.submodules.banks = banks = Banks(cycles, chip.rows)
        m.submodules.words = words = Queue(16, depth=_PLACES)
        coming = Signal(burst, reset_less=True)  # the burst whose row is being opened
        current = Signal(burst, reset_less=True)  # the one whose words pass
        is_last = Signal(reset_less=True)
        has_coming, has_current, takes, halts = (
            Signal(name=name) for name in ("has_coming", "has_current", "takes", "halts")
        )

        # Words of the current burst.
        room, turning = Signal(range(_PLACES + 1), init=_PLACES), Signal(range(cycles.turn))
        may_read, may_write = Signal(), Signal()
        m.d.comb += may_write.eq(turning == 0)
        column, reading, writing = Signal(), Signal(), Signal()
        can = Signal()  # as far as the chip goes
        other = Signal()  # command in this cycle
        m.d.comb += [
            can.eq(banks.usable & ~halts),
            reading.eq(can & ~current.write & may_read),
            port.write.ready.eq(can & current.write & may_write),
            writing.eq(port.write.valid & port.write.ready),
            column.eq(reading | writing),
            words.item.eq(self.pins.dq_i),
            words.put.eq(delay(m, reading, self.latency)),
            banks.using.eq(current.place.bank),
            banks.writes.eq(writing),
        ]
        wiring.connect(m, words.o, wiring.flipped(port.read))
        m.d.sync += [room.eq(room - reading + words.taken), may_read.eq(room > 1)]
        with m.If(reading):
            m.d.sync += turning.eq(cycles.turn - 1)
        with m.Elif(turning != 0):
            m.d.sync += turning.eq(turning - 1)
        with m.If(column):
            m.d.sync += [
                current.place.column.eq(current.place.column + 1),
                current.length.eq(current.length - 1),
                is_last.eq(current.length == 2),
            ]
        free = Signal()
        m.d.comb += [
            free.eq(~has_current | (column & is_last)),
            banks.following.eq(coming.place.bank),
            banks.ends.eq(free),
            banks.begins.eq(takes),
        ]
        with m.If(free):
            m.d.sync += has_current.eq(takes)
        with m.If(takes & free):
            m.d.sync += [current.eq(coming), is_last.eq(coming.length == 1)]

        # Time of the next refresh; it also measures the wait after power-up.
        time = Signal(range(cycles.refi), init=cycles.refi - 1)
        due = Signal()
        pauses = Signal(
            range(cycles.power_up // cycles.refi + 1), init=cycles.power_up // cycles.refi
        )
        refreshes = Signal(range(chip.power_up_refreshes), init=chip.power_up_refreshes - 1)
        ready = Signal()  # the mode is set
        m.d.sync += time.eq(time - 1)
        with m.If(time == 0):
            m.d.sync += [time.eq(cycles.refi - 1), due.eq(1)]

        # Rows: one state looks whether a command is allowed, the next one gives it.
        is_open, is_hit = Signal(), Signal()
        reopens = Signal()
        row = Signal.like(coming.place.row)
        m.d.comb += [
            banks.looked_at.eq(Mux(reopens, current.place.bank, coming.place.bank)),
            row.eq(Mux(reopens, banks.used_row, coming.place.row)),
            banks.row.eq(row),
            other.eq(banks.activate | banks.precharge | banks.precharge_all),
        ]
        m.d.sync += [is_open.eq(banks.is_open), is_hit.eq(banks.open_row == coming.place.row)]
        in_use = Signal()
        m.d.comb += in_use.eq(has_current & (current.place.bank == coming.place.bank))

        def go(state):
            """Enter a state; words halt where it closes rows or gives a command of its own."""
            m.next = state
            m.d.sync += halts.eq(state in HALTING)

        def accept():
            """Take the next burst, if there is one."""
            m.d.comb += port.command.ready.eq(1)
            m.d.sync += [coming.eq(port.command.p), has_coming.eq(port.command.valid)]
            with m.If(port.command.valid):
                go("LOOK")
            with m.Else():
                go("IDLE")

        with m.FSM():
            with m.State("POWER-UP"), m.If(due):
                m.d.sync += [due.eq(0), pauses.eq(pauses - 1)]
                with m.If(pauses == 0):
                    go("CLOSE")
            with m.State("IDLE"):
                with m.If(due):
                    go("CLOSE")
                with m.Else():
                    accept()
            with m.State("LOOK"):
                go("DECIDE")
            with m.State("DECIDE"):
                with m.If(~is_open):
                    go("WAIT-ACTIVATE")
                with m.Elif(is_hit):
                    go("HAND-OVER")
                with m.Else():
                    go("WAIT-PRECHARGE")
            with m.State("WAIT-PRECHARGE"):
                with m.If(due):
                    go("CLOSE")
                with m.Elif(banks.may_close & ~in_use):
                    go("PRECHARGE")
            with m.State("PRECHARGE"):
                m.d.comb += banks.precharge.eq(1)
                go("WAIT-ACTIVATE")
            with m.State("WAIT-ACTIVATE"), m.If(banks.may_open):
                go("ACTIVATE")
            with m.State("ACTIVATE"):
                m.d.comb += banks.activate.eq(1)
                go("HAND-OVER")
            with m.State("HAND-OVER"):
                with m.If(due):
                    go("CLOSE")
                with m.Else():
                    m.d.comb += takes.eq(1)
                    with m.If(free):
                        accept()
            with m.State("CLOSE"):
                m.d.sync += due.eq(0)
                with m.If(banks.may_close_all):
                    go("PRECHARGE-ALL")
            with m.State("PRECHARGE-ALL"):
                m.d.comb += banks.precharge_all.eq(1)
                go("WAIT-REFRESH")
            with m.State("WAIT-REFRESH"), m.If(banks.may_open_all):
                go("REFRESH")
            with m.State("REFRESH"):
                m.d.comb += banks.refresh.eq(1)
                m.d.sync += refreshes.eq(Mux(ready, 0, refreshes - 1))
                go("WAIT-REFRESH")
                with m.If(refreshes == 0):
                    go("WAIT-MODE")
                with m.If(ready):
                    go("RESUME")
            with m.State("WAIT-MODE"), m.If(banks.may_open_all):
                go("LOAD-MODE")
            with m.State("LOAD-MODE"):
                m.d.comb += banks.mode.eq(1)
                m.d.sync += ready.eq(1)
                go("RESUME")
            with m.State("RESUME"):
                m.d.comb += reopens.eq(1)
                with m.If(~has_current):
                    go("RETURN")
                with m.Elif(banks.may_open):
                    go("REOPEN")
            with m.State("REOPEN"):
                m.d.comb += [reopens.eq(1), banks.activate.eq(1)]
                go("RETURN")
            with m.State("RETURN"):
                go("IDLE")
                with m.If(has_coming):
                    go("LOOK")

        # What the pads get.
        pins = self.pins
        mode = C(cycles.cas << 4, len(pins.a))  # bursts of one word
        m.d.sync += [
            pins.ras.eq(other | banks.refresh | banks.mode),
            pins.cas.eq(column | banks.refresh | banks.mode),
            pins.we.eq(writing | banks.precharge | banks.precharge_all | banks.mode),
            pins.ba.eq(Mux(banks.mode, 0, Mux(other, banks.looked_at, current.place.bank))),
            pins.a.eq(current.place.column),
            pins.dq_o.eq(port.write.p),
            pins.dq_oe.eq(writing),
            pins.dqm.eq(~ready),
        ]
        with m.If(banks.activate):
            m.d.sync += pins.a.eq(row)
        with m.If(banks.precharge | banks.precharge_all):
            m.d.sync += pins.a.eq(Mux(banks.precharge_all, _PRECHARGE_ALL, 0))
        with m.If(banks.mode):
            m.d.sync += pins.a.eq(mode)
        return m
