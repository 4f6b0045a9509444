"""Building the virtual board: what is missing is said, what is there is found again."""

import shutil
from pathlib import Path

import pytest
from weft.driver.transports.sim import SimTransport
from weft.errors import LinkError
from weft_hw.contract.config import get_config
from weft_sim import tools, verilate

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
    monkeypatch.setattr(verilate, "_compile", fail)
    with pytest.raises(tools.ToolError, match="killed"):
        verilate.build_library(Nothing, "key", harness)
    assert list((tmp_path / "simulators").iterdir()) == []

    monkeypatch.setattr(verilate, "_compile", lambda build, harness, waves: made)
    library = verilate.build_library(Nothing, "key", harness, stages.append)
    assert library.read_text() == "library" and len(stages) == 3
    assert verilate.build_library(Nothing, "key", harness, stages.append) == library
    assert len(stages) == 3
    # Another key, the same Verilog: compiled once.
    monkeypatch.setattr(verilate, "_compile", fail)
    assert verilate.build_library(Nothing, "other key", harness) == library
    assert len(list(Path(tmp_path / "simulators").iterdir())) == 4  # library, its digest, two keys
