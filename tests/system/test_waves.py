"""Waveforms of one layer: a file that names the gateware's parts and covers the layer's cycles."""

import json
import re
from pathlib import Path

import pytest
from weft.cli import main

PAGE = Path(__file__).parents[2] / "docs" / "how-to" / "debug-a-layer.md"
pytestmark = [pytest.mark.tools, pytest.mark.timeout(900)]


def names_and_times(path):
    """Return full names of a VCD's signals, and its times, by the format's own definition."""
    scopes, names, times = [], set(), []
    for line in path.read_text().splitlines():
        words = line.split()
        if words[:1] == ["$scope"]:
            scopes.append(words[2])
        elif words[:1] == ["$upscope"]:
            scopes.pop()
        elif words[:1] == ["$var"]:
            names.add(".".join([*scopes, words[4]]))
        elif re.fullmatch(r"#\d+", line):
            times.append(int(line[1:]))
    return names, times


def test_the_waveforms_of_one_layer(tmp_path, capsys):
    vcd, fst = tmp_path / "layer.vcd", tmp_path / "layer.fst"
    arguments = ["run", "digits", "-d", "sim", "-c", "tiny", "--json"]
    assert main([*arguments, "--waves", str(vcd)]) == 0
    profile = json.loads(capsys.readouterr().out)["profile"]
    names, times = names_and_times(vcd)
    assert "TOP.top.engine.feeder.left" in names
    page = PAGE.read_text()
    rows = re.findall(r"^\|(.*?)\|", page, re.MULTILINE)[2:]
    scopes = [scope for row in rows for scope in re.findall(r"`([\w.]+)`", row)]
    assert len(scopes) > 10
    heads = {name.rpartition(".")[0] for name in names}
    assert {scope for scope in scopes if f"TOP.top.{scope}" not in heads} == set()
    assert "weft run digits --device sim --config tiny --waves build/digits.vcd" in page
    # The whole inference, two samples a cycle; the link takes its cycles before and after.
    assert len(times) == len(set(times)) and len(times) > 2 * profile["cycles"]

    [layer] = [x for x in profile["layers"] if x["cycles"]][:1]
    assert main([*arguments, "--waves", str(vcd), "--layer", layer["name"]]) == 0
    capsys.readouterr()
    _, times = names_and_times(vcd)
    assert 2 * layer["cycles"] < len(times) < 2 * profile["cycles"]

    assert main([*arguments, "--waves", str(fst), "--layer", layer["name"]]) == 0
    assert fst.stat().st_size > 1000 and fst.read_bytes()[0] == 0  # the header block of an FST


@pytest.mark.parametrize(
    "arguments, sentence",
    [
        (["--waves", "x.fst"], "--waves goes with --device sim, not golden"),
        (["--layer", "conv"], "--layer goes with --waves FILE"),
        (
            ["-d", "sim", "--waves", "x.txt"],
            "x.txt: waveforms go to a file whose name ends in .fst ",
        ),
        (["-d", "sim", "--waves", "no/x.fst"], "no is no directory"),
    ],
)
def test_a_wrong_wish_gets_one_sentence(arguments, sentence, capsys):
    assert main(["run", "digits", *arguments]) == 2
    assert sentence in capsys.readouterr().err


@pytest.mark.parametrize("suffix", [".fst", ".vcd"])
def test_an_unknown_layer_leaves_the_old_file(suffix, tmp_path, capsys):
    old = tmp_path / f"layer{suffix}"
    old.write_bytes(b"of the run before")
    arguments = ["run", "digits", "-d", "sim", "-c", "tiny", "--waves", str(old)]
    assert main([*arguments, "--layer", "none"]) == 2
    assert "the model has no layer 'none'" in capsys.readouterr().err
    assert old.read_bytes() == b"of the run before" and list(tmp_path.iterdir()) == [old]
