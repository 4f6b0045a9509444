"""An SDR SDRAM as its data sheet describes it, which refuses whatever that forbids."""

from collections.abc import Callable
from dataclasses import dataclass, field
from math import inf
from typing import Any

from amaranth.hdl import Cat
from weft_hw.memory.sdram.chips import SdramChip

__all__ = ["SdramModel", "Violation", "at_the_pins"]

_NEVER = -inf
_NAMES = {
    (0, 0, 0): "NOP",
    (1, 0, 0): "ACTIVE",
    (0, 1, 0): "READ",
    (0, 1, 1): "WRITE",
    (1, 0, 1): "PRECHARGE",
    (1, 1, 0): "REFRESH",
    (1, 1, 1): "LOAD MODE",
    (0, 0, 1): "STOP",
}
_HIGH_IMPEDANCE = 0xA55A


class Violation(AssertionError):
    """A command that the data sheet forbids in this state, at this time, or an undriven bus."""


@dataclass
class _Bank:
    """Times in ns; ``row`` is None while no row is open."""

    row: int | None = None
    activated: float = _NEVER
    precharged: float = _NEVER
    written: float = _NEVER


@dataclass
class SdramModel:
    """One chip; :meth:`cycle` is called with the pins of each cycle of the board's clock.

    The chip's clock rises in the middle of the cycle. Times are compared in nanoseconds, so that
    nothing is shared with the controller but the numbers of the data sheet.

    Parameters
    ----------
    chip : SdramChip
    clock_hz : float

    Attributes
    ----------
    words : dict
        Written words, at (bank, row, column).
    counts : dict
        How often each command came.
    """

    chip: SdramChip
    clock_hz: float
    words: dict[tuple[int, int, int], int] = field(default_factory=dict)
    counts: dict[str, int] = field(default_factory=lambda: dict.fromkeys(_NAMES.values(), 0))

    def __post_init__(self):
        self.period = 1e9 / self.clock_hz
        self.banks = [_Bank() for _ in range(4)]
        self.cycles = 0
        self.latency = 0  # none while the mode was not set
        self.refreshed = self.activated = self.mode_set = _NEVER
        self.precharged_all = False
        self.power_up_refreshes = 0
        self.answers: dict[int, int] = {}  # at the cycle in which the board takes them
        self.driven_until = _NEVER  # by the chip

    def _require(self, holds: bool, text: str):
        if not holds:
            raise Violation(f"cycle {self.cycles}: {text}")

    def _since(self, event: float, least: float, name: str):
        # A thousandth of a ns is for rounding.
        self._require(
            self.now - event >= least - 1e-3, f"{name} is {least:g} ns, not {self.now - event:g}"
        )

    def cycle(
        self, *, ras: int, cas: int, we: int, ba: int, a: int, dqm: int, dq: int, driven: int
    ) -> int:
        """Take the pins of one cycle; return the word that the chip shows in the next one.

        Raises
        ------
        Violation
            With what the data sheet says.
        """
        self.now = (self.cycles + 0.5) * self.period
        name = _NAMES[ras, cas, we]
        self.counts[name] += 1
        if driven:
            self._require(
                self.cycles * self.period >= self.driven_until,
                "the board drives the bus, and so does the chip",
            )
        if name != "NOP":
            self._require(self.now >= self.chip.power_up, "a command before the end of power-up")
            self._since(self.refreshed, self.chip.rfc, "tRFC")
            self._since(self.mode_set, self.chip.mode_cycles * self.period, "tMRD")
            getattr(self, f"_{name.lower().replace(' ', '_')}")(
                self.banks[ba], ba, a, dqm, dq, driven
            )
        if self.latency:
            # One refresh may be late; their number must keep up.
            each = self.chip.refresh_all / self.chip.rows
            owed = (
                (self.now - self.mode_set) / each - self.counts["REFRESH"] + self.power_up_refreshes
            )
            self._require(owed < 2, "tREF: a refresh is missing")
        self.cycles += 1
        return self.answers.pop(self.cycles, _HIGH_IMPEDANCE)

    def _active(self, bank: _Bank, ba, a, dqm, dq, driven):
        self._require(self.latency > 0, "ACTIVE before the mode was set")
        self._require(bank.row is None, "ACTIVE in a bank that has an open row")
        self._require(a < self.chip.rows, "there is no such row")
        self._since(bank.precharged, self.chip.rp, "tRP")
        self._since(bank.activated, self.chip.rc, "tRC")
        self._since(self.activated, max(self.chip.rrd, 2 * self.period), "tRRD")
        bank.row, bank.activated, self.activated = a, self.now, self.now

    def _column(self, bank: _Bank, a: int):
        self._require(bank.row is not None, "READ or WRITE in a bank without an open row")
        self._require(not a >> 10, "automatic precharge")
        self._require(a < self.chip.columns, "there is no such column")
        self._since(bank.activated, self.chip.rcd, "tRCD")

    def _read(self, bank: _Bank, ba, a, dqm, dq, driven):
        self._column(bank, a)
        self._require(not driven, "the board drives the bus in a READ")
        self._require(not dqm, "READ of a masked byte")
        taken = self.cycles + self.latency
        assert bank.row is not None
        self.answers[taken] = self.words.get((ba, bank.row, a), _HIGH_IMPEDANCE)
        self.driven_until = (taken + 0.5) * self.period + self.chip.float_

    def _write(self, bank: _Bank, ba, a, dqm, dq, driven):
        self._column(bank, a)
        self._require(bool(driven), "WRITE, but nobody drives the bus")
        self._require(not dqm, "WRITE of a masked byte")
        assert bank.row is not None
        self.words[ba, bank.row, a] = dq
        bank.written = self.now

    def _precharge(self, bank: _Bank, ba, a, dqm, dq, driven):
        for closed in self.banks if a >> 10 & 1 else [bank]:
            self._since(closed.activated, self.chip.ras, "tRAS")
            self._since(
                closed.written, max(self.chip.wr, self.chip.write_cycles * self.period), "tWR"
            )
            if closed.row is not None or not self.latency:
                closed.precharged = self.now
            closed.row = None
        self.precharged_all |= bool(a >> 10 & 1)

    def _idle(self, name: str):
        for bank in self.banks:
            self._require(bank.row is None, f"{name} while a row is open")
            self._since(bank.precharged, self.chip.rp, "tRP")

    def _refresh(self, bank: _Bank, ba, a, dqm, dq, driven):
        self._require(self.precharged_all, "REFRESH before the first PRECHARGE of all banks")
        self._idle("REFRESH")
        for each in self.banks:
            self._since(each.activated, self.chip.rc, "tRC")
        self.refreshed = self.now

    def _load_mode(self, bank: _Bank, ba, a, dqm, dq, driven):
        self._idle("LOAD MODE")
        self._require(
            self.counts["REFRESH"] >= self.chip.power_up_refreshes,
            "LOAD MODE before the refreshes of power-up",
        )
        self._require(ba == 0 and a & ~0x70 == 0, "a mode other than single words")
        latency = a >> 4
        least = {2: self.chip.cl2, 3: self.chip.cl3}.get(latency, inf)
        self._require(self.period >= least, f"a CAS latency of {latency} at this clock")
        self.latency, self.mode_set = latency, self.now
        self.power_up_refreshes = self.counts["REFRESH"]

    def _stop(self, bank: _Bank, ba, a, dqm, dq, driven):
        self._require(False, "BURST TERMINATE")


def at_the_pins(pins: Any, model: SdramModel) -> Callable:
    """Return a bench that plays the chip at a controller's ``pins``, in the background.

    The pads' registers show what the controller gave a cycle before, and the other way round.
    """
    names = ("ras", "cas", "we", "ba", "a", "dqm", "dq", "driven")
    signals = (*(getattr(pins, name) for name in names[:-2]), pins.dq_o, pins.dq_oe)

    async def chip(ctx):
        pad, shown = None, 0
        async for *_, values in ctx.tick().sample(Cat(*signals)):
            ctx.set(pins.dq_i, shown)
            shown = _HIGH_IMPEDANCE if pad is None else model.cycle(**pad)
            pad = {}
            for name, signal in zip(names, signals, strict=True):
                pad[name], values = values & (1 << len(signal)) - 1, values >> len(signal)

    return chip
