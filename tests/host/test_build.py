"""weft build and weft program, with stand-ins for the tools: errors, seeds, what is published."""

import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from stand_in_tools import BOARD, TARGET_MHZ, stand_ins
from weft import udev
from weft.bitstream import check
from weft.bitstream.elaborate import elaborate
from weft.bitstream.flow import build_bitstream
from weft.cli import main
from weft.errors import BuildError
from weft_hw.boards import get_board


@pytest.fixture
def tools(monkeypatch, tmp_path):
    """Put stand-ins first on PATH; returns a function that makes them."""
    return stand_ins(monkeypatch, tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("routing", "router"),
    [
        ("", "router1"),
        ("--router router2", "router2"),
    ],
)
def test_a_board_may_have_routing_options_of_its_own(tmp_path, routing, router):
    board = replace(get_board(BOARD), config="tiny", routing=routing)
    _, _, (_, place, _), empty = elaborate(board, tmp_path)
    assert place[place.index("--router") + 1] == router and place.count("--router") == 1
    assert empty == []


@pytest.mark.slow
def test_multiplier_blocks_are_instantiated_and_not_inferred(tmp_path):
    elaborate(replace(get_board(BOARD), config="tiny"), tmp_path)
    assert "synth_ecp5 -nodsp" in (tmp_path / "top.ys").read_text()


def test_the_fastest_seed_is_published(tools, tmp_path):
    tools(speeds=(55.0, 61.5, 52.0))
    stages = []
    result = build_bitstream(BOARD, out=tmp_path / "out", seeds=(1, 2, 3), progress=stages.append)
    assert result.bitstream is not None and result.bitstream.read_text() == "bits of 61.5"
    assert [seed.fmax_mhz for seed in result.seeds] == [55.0, 61.5, 52.0]
    assert sum("place and route" in stage for stage in stages) == 3
    assert any("synthesis" in stage for stage in stages) and "packing seed 2" in stages[-1]
    # Nothing but the bitstream, the report and the logs is left.
    assert sorted(p.name for p in (tmp_path / "out").iterdir()) == [
        "log",
        "report.json",
        "ulx3s-12f.bit",
    ]
    assert (tmp_path / "out" / "log" / "netlist.v").read_text() == "module top; endmodule"


@pytest.mark.slow
def test_seeds_that_are_done_are_not_placed_again(tools, tmp_path, monkeypatch):
    """Here as by Ray, of which one is started; another design, or another tool, begins anew."""
    pytest.importorskip("ray")
    # Ray starts its workers by a shell.
    monkeypatch.setenv("PATH", f"{os.environ['PATH']}:/usr/bin:/bin")
    tools(speeds=(55.0, 61.5, 52.0, 66.0, 50.5))
    out, stages = tmp_path / "out", []

    def build(seeds, **options):
        stages.clear()
        made = build_bitstream(BOARD, out=out, seeds=seeds, progress=stages.append, **options)
        assert made.bitstream is not None
        return made.bitstream.read_text(), [seed.fmax_mhz for seed in made.seeds]

    assert build((1, 2), resume=True) == ("bits of 61.5", [55.0, 61.5])
    assert build((1, 2, 3), resume=True) == ("bits of 61.5", [55.0, 61.5, 52.0])
    assert sum("place and route" in stage for stage in stages) == 1
    # What Ray's machines give is merged with it.
    assert build((2, 3, 4, 5), ray="local") == ("bits of 66.0", [55.0, 61.5, 52.0, 66.0, 50.5])
    assert any("by Ray, 2 seeds" in stage for stage in stages)
    assert "exit code 0" in (out / "log" / "place-seed4.log").read_text()
    [folder] = (out / "seeds").iterdir()
    assert sorted(path.name for path in folder.glob("*.routed")) == ["4.routed"]
    (folder / "1.json").write_text("no report")
    assert build((1, 2), resume=True) == ("bits of 66.0", [55.0, 61.5, 52.0, 66.0, 50.5])
    assert sum("place and route" in stage for stage in stages) == 1
    tools(speeds=(70.0,))
    nextpnr = tmp_path / "bin" / "nextpnr-ecp5"
    nextpnr.write_text(nextpnr.read_text().replace("ecp5 1.2", "ecp5 1.3"))
    assert build((1,), resume=True) == ("bits of 70.0", [70.0])


def test_a_cluster_that_is_not_there(tools, tmp_path, capsys):
    pytest.importorskip("ray")
    tools()
    for address in ("127.0.0.1:1", "nowhere", "ray://127.0.0.1:99999"):
        assert main(["build", BOARD, "--out", str(tmp_path / "out"), "--ray", address]) == 3
        assert f"no Ray cluster at {address}" in capsys.readouterr().err.splitlines()[-1]


def test_json_is_as_documented(tools, tmp_path, capsys):
    tools()
    assert main(["build", BOARD, "--out", str(tmp_path / "out"), "--json"]) == 0
    printed = capsys.readouterr()
    report = json.loads(printed.out)
    assert set(report) == {
        "board",
        "config",
        "link",
        "device",
        "seeds",
        "resources",
        "bitstream",
        "tools",
    }
    assert report["seeds"] == [
        {"seed": 1, "fmax_mhz": 60.0, "target_mhz": TARGET_MHZ, "others": {}, "met": True}
    ]
    assert report["resources"] == {
        "lut4": {"used": 40, "available": 100},
        "ff": {"used": 30, "available": 100},
        "dsp": {"used": 20, "available": 100},
        "block_ram": {"used": 10, "available": 100},
    }
    assert report["tools"] == {
        "yosys": "yosys 1.2",
        "nextpnr-ecp5": "nextpnr-ecp5 1.2",
        "ecppack": "ecppack 1.2",
    }
    assert (report["board"], report["link"], report["device"]) == (BOARD, "uart", "LFE5U-12F")
    assert json.loads((tmp_path / "out" / "report.json").read_text()) == report
    assert "synthesis (yosys 1.2)" in printed.err


def test_a_missed_clock_is_an_error_and_publishes_nothing(tools, tmp_path, capsys):
    tools(speeds=(49.0, 41.0))
    out = tmp_path / "out"
    out.mkdir()
    (out / "ulx3s-12f.bit").write_text("of yesterday")
    assert main(["build", BOARD, "--out", str(out), "--seeds", "2"]) == 2
    message = capsys.readouterr().err.splitlines()[-1]
    assert "no seed reaches the 50 MHz at which ulx3s-12f runs" in message
    assert "the best, 1, reaches 49.0 MHz" in message and "--allow-timing-fail" in message
    assert not (out / "ulx3s-12f.bit").exists()
    report = json.loads((out / "report.json").read_text())
    assert report["bitstream"] is None and not report["seeds"][0]["met"]

    assert main(["build", BOARD, "--out", str(out), "--allow-timing-fail", "--seeds", "2"]) == 0
    assert (out / "ulx3s-12f.bit").read_text() == "bits of 49.0"


@pytest.mark.parametrize(
    "name, log",
    [("yosys", "synthesis.log"), ("nextpnr-ecp5", "place-seed1.log"), ("ecppack", "pack.log")],
)
def test_a_failing_stage_says_its_last_message(tools, tmp_path, capsys, name, log):
    tools(failing={name: "thing"})
    out = tmp_path / "out"
    assert main(["build", BOARD, "--out", str(out)]) == 2
    message = capsys.readouterr().err.splitlines()[-1]
    assert message == f"weft: {name} failed: no room for the thing; see {out / 'log' / log}"
    assert (out / "log" / log).read_text().startswith("Info: so far so good")
    assert [p.name for p in out.iterdir()] == ["log"]


def test_an_unconstrained_clock_is_an_error(tools, tmp_path):
    tools(constraint=12.0)
    with pytest.raises(BuildError, match=r"no constraint of 50 MHz \(only 12 MHz\)"):
        build_bitstream(BOARD, out=tmp_path / "out")


def test_a_clock_beside_it_is_held_to_its_constraint_too(tools, tmp_path):
    tools(others=[("usb", 60.0)])
    assert build_bitstream(BOARD, out=tmp_path / "out").bitstream
    tools(others=[("usb", 60.0), ("ethernet", 125.0)])
    with pytest.raises(BuildError, match=r"no seed reaches the 125 MHz .* reaches 90\.0 MHz"):
        build_bitstream(BOARD, out=tmp_path / "out")
    report = json.loads((tmp_path / "out" / "report.json").read_text())
    assert report["seeds"][0]["others"] == {"60": 90.0, "125": 90.0}
    tools(others=[("usb", 12.0)])
    with pytest.raises(BuildError, match="no constraint of clock usb"):
        build_bitstream(BOARD, out=tmp_path / "out")


def test_an_unknown_board_is_one_sentence(tmp_path, capsys):
    for command in (["build", "de10", "--out", str(tmp_path / "out")], ["program", "de10"]):
        assert main(command) == 2
        [message] = capsys.readouterr().err.splitlines()
        assert message.startswith("weft: there is no board 'de10'; choose from ulx3s-85f, ")
    assert list(tmp_path.iterdir()) == []


def test_program_starts_the_loader(tools, tmp_path, monkeypatch, capsys):
    tools()
    monkeypatch.chdir(tmp_path)
    assert main(["program", BOARD]) == 2
    assert "weft build ulx3s-12f makes one" in capsys.readouterr().err
    loader = tmp_path / "bin" / "openFPGALoader"
    loader.write_text(
        f"#!{sys.executable}\nimport sys\nprint(*sys.argv[1:])\n"
        "print('unable to open ftdi device'); print('JTAG init failed')\n"
        "sys.exit('bad' in sys.argv[-1])\n"
    )
    loader.chmod(0o755)
    for name, code in [("good.bit", 0), ("bad.bit", 3)]:
        (tmp_path / name).write_text("bits")
        assert main(["program", BOARD, "--bitstream", name]) == code
    assert "openFPGALoader: JTAG init failed; weft doctor" in capsys.readouterr().err


def test_doctor_names_what_boards_need(monkeypatch, tmp_path):
    found = {finding.name: finding for finding in check.examine_boards()}
    assert {"yosys", "nextpnr-ecp5", "openFPGALoader", "libusb-1.0", "libftdi1"} <= set(found)
    if sys.platform == "linux":
        rules = tmp_path / "rules"
        rules.mkdir()
        monkeypatch.setattr(udev, "_FOLDERS", (str(rules),))
        before = {f.name: f for f in check.examine_boards()}["udev rule 0403:6015"]
        assert before.found is None and "sudo tee -a" in before.repair
        # The repair's own text is a rule that is then found.
        rule = before.repair.split("'")[1]
        (rules / "70-weft.rules").write_text(rule + "\n")
        after = {f.name: f for f in check.examine_boards()}["udev rule 0403:6015"]
        assert after.found == str(rules / "70-weft.rules")


def test_make_synth_starts_a_build():
    root = Path(__file__).parents[2]
    done = subprocess.run(
        ["/usr/bin/env", "make", "-n", "synth", "BOARD=icepi-zero"],
        cwd=root,
        text=True,
        capture_output=True,
        check=False,
    )
    if done.returncode == 127:
        pytest.skip("make is missing")
    assert "weft build icepi-zero --seeds 1" in done.stdout


def test_a_build_where_only_the_core_is_installed(tools, tmp_path, monkeypatch):
    """One hint brings all that a build needs, Amaranth among it."""
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(BuildError, match=r"pip install 'weft-fpga\[build\]'$"):
        build_bitstream("icebreaker", out=tmp_path / "out")
    assert not (tmp_path / "out").exists()
