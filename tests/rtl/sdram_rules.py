"""The rules of an SDR SDRAM's data sheet, as hardware that watches a controller's pins."""

from collections.abc import Mapping
from dataclasses import replace
from math import ceil

from amaranth.hdl import Assume, Cat, Module, Mux, Signal
from weft_hw.memory.port import BURST_WORDS
from weft_hw.memory.sdram.chips import SdramChip
from weft_hw.memory.sdram.controller import HALTING, SdramController

__all__ = ["WatchedController"]

BANKS = 4
LATEST = 24  # cycles from a refresh's being due to its command
_COMMANDS = {
    "nop": (0, 0, 0),
    "activate": (1, 0, 0),
    "read": (0, 1, 0),
    "write": (0, 1, 1),
    "precharge": (1, 0, 1),
    "refresh": (1, 1, 0),
    "mode": (1, 1, 1),
    "stop": (0, 0, 1),
}


class _Controller(SdramController):
    """The controller, whose module can be looked at."""

    def __init__(self, chip: SdramChip, clock_hz: float, wrong: Mapping[str, int]):
        super().__init__(chip, clock_hz)
        changed = {name: getattr(self.cycles, name) + by for name, by in wrong.items()}
        self.cycles = replace(self.cycles, **changed)
        self.made = super().elaborate(None)

    def elaborate(self, platform):
        return self.made


class WatchedController:
    """A controller that is asked for any bursts at any time, and what is to be true of its pins.

    Times are cycles of the chip's nanoseconds, reckoned here.

    Parameters
    ----------
    chip : SdramChip
    clock_hz : float
    **wrong : int
        Cycles by which the controller gets one of its figures wrong.

    Attributes
    ----------
    m : Module
    inputs : list of Signal
    rules : dict of str to Signal
    alike, states : dict
        What is true of the controller's own registers, for a proof from any state; see
        :class:`~weft_sim.testing.proof.Formulas`.
    mode_is_set : Signal
        The chip is ready for bursts.
    """

    def __init__(self, chip: SdramChip, clock_hz: float, **wrong: int):
        self.m, self.rules, self.alike = Module(), {}, {}
        self.chip, self.period = chip, 1e9 / clock_hz
        cas = chip.cycles(clock_hz).cas
        self.dut = _Controller(chip, clock_hz, wrong)
        self.m.submodules.dut = self.dut
        pins = self.dut.pins
        self._ask()
        lines = Cat(pins.ras, pins.cas, pins.we)
        self.given = {}
        for name, values in _COMMANDS.items():
            self.given[name] = Signal(name=name)
            self.m.d.comb += self.given[name].eq(lines == sum(v << n for n, v in enumerate(values)))
        self.mode_is_set = Signal()
        self.m.d.sync += self.mode_is_set.eq(self.mode_is_set | self.given["mode"])
        self._order(cas)
        for bank in range(BANKS):
            self._bank(bank)
        self._bus(cas)
        self._refresh()

    def _ask(self):
        """Let whoever uses the port do what it may."""
        m, port = self.m, self.dut.port
        command = Signal(port.command.p.shape().size, name="asked")
        valid, word, taken = (Signal(name=name) for name in ("valid", "word", "taken"))
        self.inputs = [command, valid, word, taken]
        burst = port.command.p
        m.d.comb += [
            burst.as_value().eq(command),
            port.command.valid.eq(valid),
            port.write.valid.eq(word),
            port.read.ready.eq(taken),
            Assume(
                ~valid | ((burst.length != 0) & (burst.address[:8] + burst.length <= BURST_WORDS)),
                "a burst leaves its block",
            ),
        ]

    def _rule(self, name: str, holds):
        self.rules[name] = Signal(name="holds")
        self.m.d.comb += self.rules[name].eq(holds)

    def _since(self, event, most: int):
        """Return the cycles since the last ``event``, this cycle's left out; at most ``most``."""
        since = Signal(range(most + 1), init=most)
        self.m.d.sync += since.eq(Mux(event, 1, Mux(since >= most, most, since + 1)))
        return since

    def _least(self, nanoseconds: float, cycles: int = 1) -> int:
        return max(cycles, ceil(nanoseconds / self.period - 1e-6))

    def _order(self, cas: int):
        given, chip, pins = self.given, self.chip, self.dut.pins
        rfc, rrd = self._least(chip.rfc), self._least(chip.rrd, 2)
        self._rule("known command", ~given["stop"])
        self._rule("tRFC", given["nop"] | (self._since(given["refresh"], rfc) >= rfc))
        mrd = chip.mode_cycles
        self._rule("tMRD", given["nop"] | (self._since(given["mode"], mrd) >= mrd))
        self._rule("tRRD", ~given["activate"] | (self._since(given["activate"], rrd) >= rrd))
        column = given["read"] | given["write"]
        self._rule("mode first", ~(given["activate"] | column) | self.mode_is_set)
        self._rule("mode", ~given["mode"] | ((pins.ba == 0) & (pins.a == cas << 4)))
        self._rule("no automatic precharge", ~column | ~pins.a[10])

    def _bank(self, bank: int):
        given, chip, pins, m = self.given, self.chip, self.dut.pins, self.m
        mine = pins.ba == bank
        opens, writes = given["activate"] & mine, given["write"] & mine
        closes = given["precharge"] & (mine | pins.a[10])
        column = (given["read"] | given["write"]) & mine
        idle = given["refresh"] | given["mode"]
        is_open, is_open_now = Signal(name=f"is_open_{bank}"), Signal(name=f"is_open_now_{bank}")
        m.d.comb += is_open_now.eq((is_open | opens) & ~closes)
        m.d.sync += is_open.eq(is_open_now)
        least = {name: self._least(getattr(chip, name)) for name in ("rcd", "rp", "ras", "rc")}
        wr = self._least(chip.wr, chip.write_cycles)
        opened = self._since(opens, max(least.values()))
        closed = self._since(closes & is_open, least["rp"])
        written = self._since(writes, wr)
        self._rule(f"open {bank} while open", ~opens | ~is_open)
        self._rule(f"tRP {bank}", ~(opens | idle) | (closed >= least["rp"]))
        self._rule(f"tRC {bank}", ~(opens | given["refresh"]) | (opened >= least["rc"]))
        self._rule(f"column {bank} while closed", ~column | is_open)
        self._rule(f"tRCD {bank}", ~column | (opened >= least["rcd"]))
        self._rule(f"tRAS {bank}", ~closes | (opened >= least["ras"]))
        self._rule(f"tWR {bank}", ~closes | (written >= wr))
        self._rule(f"refresh while {bank} is open", ~idle | ~is_open)
        self.alike[f"dut.banks.open_{bank}"] = is_open_now

    def _bus(self, cas: int):
        given, pins = self.given, self.dut.pins
        # The board drives from its cycle's begin on; the chip's clock rises half a cycle later.
        turn = cas + ceil(0.5 + self.chip.float_ / self.period)
        since = self._since(given["read"], turn)
        self._rule("one drives", ~pins.dq_oe | (~given["read"] & (since >= turn)))
        self._rule("one drives in a write", ~given["write"] | pins.dq_oe)
        self._rule("no mask", ~(given["read"] | given["write"]) | ~pins.dqm)

    def _refresh(self):
        """From the mode on, a refresh comes each time that one is due, soon and only then."""
        given, m = self.given, self.m
        every = int(self.chip.refresh_all / self.chip.rows / self.period) - 1
        time = Signal(range(every), init=every - 1)
        late = Signal(range(every))  # cycles since a refresh was due that has not come
        owed = Signal()
        m.d.comb += owed.eq(late != 0)
        m.d.sync += time.eq(Mux(time == 0, every - 1, time - 1))
        with m.If(given["refresh"]):
            m.d.sync += late.eq(0)
        with m.Elif((time == 0) | (late != 0)):
            m.d.sync += late.eq(late + 1)
        self._rule("tREF", ~self.mode_is_set | (late <= LATEST))
        self._rule("refresh when due", ~(self.mode_is_set & given["refresh"]) | owed)
        self.alike["dut.time"] = time
        mode = Signal()
        m.d.comb += mode.eq(self.mode_is_set | given["mode"])
        self.alike["dut.ready"] = mode
        self._states()

    def _states(self):
        """Say which states of the controller's own go together."""
        states = self.dut.made._generated["fsm"].encoding
        width = (len(states) - 1).bit_length()

        def one_of(names):
            numbers = (f"(= [dut.fsm_state] #b{states[name]:0{width}b})" for name in names)
            return f"(or {' '.join(numbers)})"

        refreshing = ("PRECHARGE-ALL", "WAIT-REFRESH", "REFRESH")
        self.states = {
            "known state": one_of(states),
            "power-up once": f"(=> [dut.ready] (not {one_of(['POWER-UP'])}))",
            "due is owed": "(=> [dut.due] [owed])",
            "due no more": f"(=> {one_of(refreshing)} (not [dut.due]))",
            "words halt": f"(= [dut.halts] {one_of(HALTING)})",
        }
