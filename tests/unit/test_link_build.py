"""Building the virtual board: what is missing is said, what is there is found again."""

import shutil
from pathlib import Path

import pytest
from amaranth.hdl import Module, Signal
from amaranth.lib import wiring
from amaranth.lib.memory import Memory
from weft.driver.transports.sim import SimTransport
from weft.errors import LinkError
from weft_hw.contract.config import get_config
from weft_sim import compile, tools, verilate

TINY = get_config("tiny")


def test_missing_compiler_is_one_sentence(monkeypatch, tmp_path):
    monkeypatch.setenv("WEFT_CACHE", str(tmp_path))
    monkeypatch.delenv("CXX", raising=False)
    monkeypatch.setattr(shutil, "which", lambda name: None)
    with pytest.raises(LinkError, match=r"a C\+\+ compiler is missing .*: install g\+\+"):
        SimTransport(TINY)


def test_failing_tool_says_its_last_error():
    with pytest.raises(tools.ToolError, match="sh failed with exit code 3: Error: no such luck"):
        tools.run_tool(["sh", "-c", "echo Error: no such luck; echo more; exit 3"])
    with pytest.raises(tools.ToolError, match="sleep took longer than 0 s"):
        tools.run_tool(["sleep", "5"], timeout=0.1)


def test_library_appears_whole_or_not_at_all(monkeypatch, tmp_path):
    """A build that fails leaves nothing; one that succeeds is found again without a tool."""
    monkeypatch.setenv("WEFT_CACHE", str(tmp_path))
    harness, stages = tmp_path / "harness.cpp", []
    harness.write_text("// nothing")

    class Nothing:
        pass

    monkeypatch.setattr(verilate, "_write_rtlil", lambda component, path: path.write_text("il"))
    made = tmp_path / "made"
    made.write_text("library")

    def tool(command, cwd, **options):
        (cwd / "top.v").write_text("verilog")

    def fail(build, harness, waves):
        raise tools.ToolError("killed")

    monkeypatch.setattr(verilate, "run_tool", tool)
    monkeypatch.setattr(verilate, "compile_library", fail)
    with pytest.raises(tools.ToolError, match="killed"):
        verilate.build_library(Nothing, "key", harness)
    assert list((tmp_path / "simulators").iterdir()) == []

    monkeypatch.setattr(verilate, "compile_library", lambda build, harness, waves: made)
    library = verilate.build_library(Nothing, "key", harness, stages.append)
    assert library.read_text() == "library" and len(stages) == 3
    assert verilate.build_library(Nothing, "key", harness, stages.append) == library
    assert len(stages) == 3
    # Another key, the same Verilog: compiled once.
    monkeypatch.setattr(verilate, "compile_library", fail)
    assert verilate.build_library(Nothing, "other key", harness) == library
    assert len(list(Path(tmp_path / "simulators").iterdir())) == 4  # library, its digest, two keys


def test_memories_of_zeros_are_not_spelt_out(tmp_path):
    """Megabytes of zeros took two thirds of the tools' time; what a memory holds stays."""

    class Memories(wiring.Component):
        o: Signal

        def __init__(self):
            super().__init__({"o": wiring.Out(4)})

        def elaborate(self, platform):
            m = Module()
            for name, init in (("none", []), ("zeros", [0] * 5), ("some", [0, 0, 9, 0, 0])):
                memory = m.submodules[name] = Memory(shape=4, depth=5, init=init)
                memory.write_port()
                m.d.sync += self.o.eq(self.o ^ memory.read_port().data)
            return m

    verilate._write_rtlil(Memories(), tmp_path / "top.il")
    text = (tmp_path / "top.il").read_text()
    assert text.count("$meminit_v2") == 1 and f"20'{9 << 8:020b}" in text
    assert text.count("memory width 4 size 5") == 3 and text.count("cell $memwr_v2") == 3


def test_few_units_and_the_gateware_in_full(monkeypatch, tmp_path):
    """Each unit of C++ reads the headers again: there is one where there were nine."""
    monkeypatch.setattr(compile, "_UNIT_BYTES", 100)
    model = tmp_path / "model"
    model.mkdir()
    files = {f"a{i}.cpp": 45 for i in range(5)} | {"b__Slow.cpp": 45, "c__Syms.cpp": 1000}
    for name, size in files.items():
        (model / name).write_text("//" + "." * (size - 2))
    harness = tmp_path / "harness.cpp"
    harness.write_text("//")
    units = compile._units(tmp_path, harness, [tmp_path / "runtime.cpp"])
    included = [
        [Path(line.split('"')[1]).name for line in unit.read_text().splitlines()]
        for unit, _ in units
    ]
    assert [level for _, level in units] == ["-O2"] * 3 + ["-Og"] + ["-O0"] * 2
    every = [name for names in included for name in names]
    assert sorted(every) == sorted([*files, "harness.cpp", "runtime.cpp"])
    assert [len(names) for names in included] == [3, 2, 1, 1, 1, 1]
    monkeypatch.undo()
    assert len(compile._units(tmp_path, harness, [tmp_path / "runtime.cpp"])) == 3
