"""Proofs about Amaranth designs: yosys writes formulas, an SMT solver tries to break them."""

import importlib
import os
import re
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from amaranth.hdl import ClockDomain, Module, Signal
from weft_hw.processes import run_command

from weft_sim.tools import ToolError, run_tool, yosys

__all__ = ["Formulas"]

_rtlil = importlib.import_module("amaranth.back.rtlil")  # the stubs lack it
_SCRIPT = (
    "read_rtlil top.il; hierarchy -top top; proc; flatten; memory_map; async2sync; "
    "chformal -lower; opt_expr; opt_clean; dffunmap; write_smt2 -wires top.smt2"
)


@dataclass(frozen=True)
class Formulas:
    """A design and the rules that it is to keep in every cycle, as formulas in ``folder``."""

    folder: Path
    rules: tuple[str, ...]

    @classmethod
    def of(
        cls,
        m: Module,
        inputs: Sequence[Signal],
        rules: Mapping[str, Signal],
        folder: Path,
        *,
        alike: Mapping[str, Signal],
        states: Mapping[str, str],
        begun: Signal,
    ) -> "Formulas":
        """Write the formulas of a design.

        Parameters
        ----------
        m : Module
            The design; its domain ``sync`` is made here, without a reset.
        inputs : sequence of Signal
            Free in every cycle, as far as each ``Assume`` in ``m`` allows.
        rules : mapping of str to Signal
            1 where the rule of that name is kept.
        begun : Signal
            1 for ever from some cycle on.
        folder : Path
            An empty one.
        alike : mapping of str to Signal
            More rules: by its name in the flattened design (``dut.part.signal``), a signal within
            it, and one of ``m`` that has the same value in every cycle.
        states : mapping of str to str
            More rules, by name: SMT-LIB over such names in brackets.
        """
        clock: Any = ClockDomain("sync", reset_less=True)
        m.domains.sync = clock
        has_begun = Signal(name="has_begun")
        m.d.comb += has_begun.eq(begun)
        ports, lines = [*inputs, clock.clk, has_begun], []
        for name, value in {**rules, **alike}.items():
            port = Signal.like(value, name=f"rule_{len(lines)}")
            m.d.comb += port.eq(value)
            ports.append(port)
            lines.append(f"[{port.name}]" if name in rules else f"(= [{port.name}] [{name}])")
        lines += states.values()
        (folder / "top.il").write_text(_rtlil.convert(m, name="top", ports=ports, emit_src=False))
        text = "".join(f"always\nassert {line}\n" for line in lines)
        (folder / "from_reset.smtc").write_text(text)
        (folder / "from_any_state.smtc").write_text(f"{text}always\nassume [has_begun]\n")
        run_tool([*yosys(), "-q", "-l", "yosys.log", "-p", _SCRIPT], cwd=folder)
        return cls(folder, (*rules, *alike, *states))

    def broken(self, steps: int, *, induction: bool = False) -> set[str]:
        """Return rules that can be broken within ``steps`` cycles from the reset: the first ones.

        With ``induction``: in the cycle after ``steps`` that keep all rules, from whatever state in
        which ``begun`` is 1. A design that passes this, and as many cycles from the reset as
        ``begun`` may take and ``steps`` more, keeps its rules for ever.

        Raises
        ------
        ToolError
            If the solver is missing or gives no answer.
        """
        binaries = Path(sys.executable).parent
        environment = os.environ | {"PATH": f"{binaries}{os.pathsep}{os.environ['PATH']}"}
        rules = "from_any_state.smtc" if induction else "from_reset.smtc"
        command = [f"{yosys()[0]}-smtbmc", "-s", "yices", "-t", str(steps), *["-i"] * induction]
        done = run_command(
            [*command, "--smtc", rules, "top.smt2"],
            cwd=self.folder,
            env=environment,
            timeout=800,
        )
        if "Status: PASSED" in done.stdout:
            return set()
        found = re.findall(r"Assert .*\.smtc:(\d+) failed", done.stdout)
        if not found:
            raise ToolError(f"{command[0]} gave no answer: {done.stdout.strip()[-300:]}")
        return {self.rules[int(line) // 2 - 1] for line in found}
