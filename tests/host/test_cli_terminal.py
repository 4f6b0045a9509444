"""What a terminal shows: help, completion, tables of 80 columns, milliseconds, class labels."""

import json
import os
import subprocess
import sys

import numpy as np
import pytest
import weft.runtime.prepare
from weft.cli import main
from weft.cli.columns import fit_columns
from weft.cli.output import milliseconds, time_note
from weft.models.digits import held_out_inputs
from weft.runtime.device import OpenDevice
from weft_hw.boards import clock_of
from weft_hw.contract.memory_map import Region
from weft_sim.testing.functional import FunctionalSimulator

COMMANDS = (
    "explain run bench report compile demo serve serve-sim build program devices doctor config"
)


def weft_process(*arguments, cwd=None, **environment):
    return subprocess.run(
        [sys.executable, "-m", "weft", *arguments],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        cwd=cwd,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), **environment},
    )


def test_without_a_command_there_is_help_of_several_lines():
    result = weft_process()
    assert (result.returncode, result.stdout) == (2, "")
    assert result.stderr.startswith("Usage: weft [OPTIONS] COMMAND [ARGS]...\n\n  Int8 networks")
    words = [line.split()[0] for line in result.stderr.partition("Commands:\n")[2].splitlines()]
    assert words == [*COMMANDS.split(), "models"]
    assert "..." not in result.stderr.partition("\n")[2]  # each command's sentence is whole
    shown = weft_process("--help")
    assert (shown.returncode, shown.stdout) == (0, result.stderr)


@pytest.mark.parametrize(
    "words, completions",
    [
        ("weft ex", ["explain"]),
        ("weft re", ["report"]),
        ("weft run --ch", ["--check"]),
        ("weft run digits -c iceb", ["icebreaker"]),
        ("weft explain --config icepi-", ["icepi-zero"]),
        ("weft build tang-nano-2", ["tang-nano-20k"]),
        ("weft models get kws", ["kws_dscnn_int8"]),
        ("weft run digits --rounding xnn", ["xnnpack"]),
        ("weft run digits --device gol", ["golden"]),
        ("weft run digits --against run", ["runtime"]),
    ],
)
def test_the_shell_completes_commands_options_and_configurations(words, completions):
    where = str(len(words.split()) - 1)
    result = weft_process(COMP_WORDS=words, COMP_CWORD=where, _WEFT_COMPLETE="complete_bash")
    assert (result.returncode, result.stderr) == (0, "")
    assert result.stdout.split() == completions


@pytest.mark.parametrize(
    "words, completions",
    [
        ("weft run di", ["digits"]),
        ("weft run ", []),
        ("weft bench digits ic_", ["ic_resnet8_int8"]),
        ("weft report mym", []),  # the shell completes files
        ("weft report ic_resnet8_int8.t", []),
        ("weft serve kws", []),  # where a file begins so
        ("weft run digits --labels di", []),
    ],
)
def test_where_nothing_is_known_the_shell_completes_files(words, completions, tmp_path):
    (tmp_path / "kws.onnx").touch()
    results = [
        weft_process(
            _WEFT_COMPLETE="complete_fish",
            _TYPER_COMPLETE_FISH_ACTION=action,
            _TYPER_COMPLETE_ARGS=words,
            cwd=tmp_path,
        )
        for action in ("get-args", "is-args")
    ]
    assert results[0].stdout.split() == completions
    assert [result.returncode for result in results] == [0, not completions]
    assert not any(result.stderr for result in results)


def test_a_shell_can_be_told_to_complete():
    result = weft_process(_WEFT_COMPLETE="source_bash")
    assert (result.returncode, result.stderr) == (0, "")
    assert "complete -o default -F _weft_completion weft" in result.stdout


@pytest.mark.parametrize(
    "config, megahertz",
    [
        ("ulx3s-85f", 100),
        ("ulx3s-85f-wide", 80),
        ("ulx3s-12f", 100),
        ("icebreaker", 24),
        ("tiny", 0),
    ],
)
def test_a_configuration_has_the_clock_of_its_board(config, megahertz):
    assert clock_of(config) == megahertz * 1_000_000


def test_milliseconds_say_that_the_link_is_not_in_them():
    assert milliseconds(55_000, 110_000_000) == "0.500"
    assert milliseconds(120_000_000, 24_000_000) == "5,000.000"
    assert milliseconds(None, 24_000_000) == milliseconds(5, 0) == time_note(5, 0) == ""
    assert time_note(36_000, 24_000_000) == " (1.500 ms at 24 MHz, without the link)"


@pytest.fixture
def counted(monkeypatch):
    """Device ``sim`` is the functional simulator; every counter is 24,000."""

    class Counting(FunctionalSimulator):
        def read(self, region, unit, count):
            if region is Region.COUNTER:
                return (24_000).to_bytes(4, "little") * count
            return super().read(region, unit, count)

    monkeypatch.setattr(
        weft.runtime.prepare,
        "open_device",
        lambda name, config, progress=None: OpenDevice(name, config, Counting(config)),
    )


def test_milliseconds_stand_beside_cycles(counted, capsys):
    assert main(["bench", "digits", "-c", "icebreaker"]) == 0
    text = capsys.readouterr().out
    rows = [line for line in text.splitlines() if "24,000" in line]
    assert rows and all("  24,000  1.000" in row for row in rows)
    # Each of the layers that are counted takes a millisecond at 24 MHz.
    assert (
        f"{24 * len(rows)},000 cycles counted ({len(rows)}.000 ms at 24 MHz, without the link)"
        in text
    )
    assert main(["run", "digits", "-d", "sim", "-c", "icebreaker"]) == 0
    text = capsys.readouterr().out
    assert f"cycles on icebreaker ({len(rows)}.000 ms at 24 MHz, without the link), " in text
    assert main(["bench", "digits", "-c", "tiny"]) == 0
    assert "MHz" not in capsys.readouterr().out


def test_explain_predicts_milliseconds(capsys):
    assert main(["explain", "digits", "-c", "ulx3s-12f", "--json"]) == 0
    cycles = json.loads(capsys.readouterr().out)["predicted_cycles"]
    assert main(["explain", "digits", "-c", "ulx3s-12f"]) == 0
    # 100 MHz: a hundred cycles are a microsecond.
    expected = f"{cycles:,} cycles predicted (0.{round(cycles / 100):03} ms at 100 MHz; "
    assert expected in capsys.readouterr().out


NAMES = ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"]


def test_labels_stand_beside_the_highest_scores(capsys, tmp_path):
    images, digits = held_out_inputs()
    np.save(tmp_path / "a.npy", images[:4])
    for text in ("\n".join(NAMES), "\ufeff" + "\r\n".join(NAMES) + "\r\n\r\n"):
        (tmp_path / "labels.txt").write_bytes(text.encode())
        arguments = ["run", "digits", "-i", str(tmp_path / "a.npy")]
        arguments += ["--labels", str(tmp_path / "labels.txt")]
        assert main(arguments) == 0
        lines = capsys.readouterr().out.splitlines()
        for line, digit in zip(lines, digits[:4], strict=False):
            ranked = line.partition("; highest: ")[2].split(", ")
            assert ranked[0].startswith(f"{digit} {NAMES[digit]} (") and len(ranked) == 5
        assert main([*arguments, "--json"]) == 0
        for result, digit in zip(
            json.loads(capsys.readouterr().out)["results"], digits[:4], strict=True
        ):
            best = result["outputs"][0]["top"][0]
            assert (best["index"], best["label"]) == (digit, NAMES[digit])


@pytest.mark.parametrize(
    "content, message",
    [
        (b"a\nb\n", "labels.txt has 2 labels, but output scores has 10 classes"),
        (b"", "labels.txt has no line; a file of labels has one for each class"),
        (b"\n \n", "labels.txt has no line; a file of labels has one for each class"),
        (b"a\n\xff\n", "labels.txt is not UTF-8: invalid start byte at byte 2"),
        (None, "labels.txt: No such file or directory"),
    ],
)
def test_labels_that_do_not_fit(content, message, capsys, tmp_path):
    if content is not None:
        (tmp_path / "labels.txt").write_bytes(content)
    assert main(["run", "digits", "--labels", str(tmp_path / "labels.txt")]) == 2
    output = capsys.readouterr()
    assert output.out == "" and message in output.err and len(output.err.splitlines()) == 1


def test_columns_go_in_order_until_the_rest_fits():
    names = ["layer", "a", "empty", "b", "c"]
    rows = [["x" * 10 + "y" * 10, "1" * 8, "", "22", "333"], ["short", "1", "", "2", "3"]]
    # Gaps are of two characters: 20 + 10 + 7 + 4 + 5 = 46 altogether, 39 without the empty one.
    whole = [[*row] for row in rows]
    assert fit_columns(names, rows, ["c", "a"], 46) == ([0, 1, 2, 3, 4], whole)
    kept, cells = fit_columns(names, rows, ["c", "a"], 39)
    assert (kept, cells[0]) == ([0, 1, 3, 4], ["x" * 10 + "y" * 10, "1" * 8, "22", "333"])
    kept, cells = fit_columns(names, rows, ["c", "a"], 37)
    assert (kept, cells[0][0]) == ([0, 1, 3, 4], "…" + "x" * 7 + "y" * 10)
    kept, cells = fit_columns(names, rows, ["c", "a"], 36)  # the first column keeps 18 characters
    assert (kept, cells[0][0]) == ([0, 1, 3], "x" * 10 + "y" * 10)
    kept, cells = fit_columns(names, rows, ["c", "a"], 5)
    assert (kept, cells[0]) == ([0, 3], ["…" + "x" * 7 + "y" * 10, "22"])


@pytest.mark.parametrize(
    "command", [["models"], ["config"], ["devices"], ["doctor"], ["explain", "digits", "--passes"]]
)
def test_other_tables_fit_80_columns(command, capsys, monkeypatch):
    """A row of a table has gaps; a sentence may be longer."""
    monkeypatch.setenv("WEFT_MODELS", "/nonexistent")
    assert main(command) == 0
    lines = capsys.readouterr().out.splitlines()
    rows = [line for line in lines if "  " in line]
    assert len(rows) > 2 and max(map(len, rows)) <= 80


@pytest.mark.parametrize("config", ["ulx3s-85f", "tiny", "icebreaker"])
def test_tables_fit_80_columns_or_show_all(counted, config, capsys):
    columns = {
        "explain": "layer operator window input output parameters if dense field MACs where cycles",
        "bench": "layer operator where output MACs cycles ms predicted use busy wait in wait out",
    }
    for command, words in columns.items():
        extra = ["--check"] if command == "bench" else []
        assert main([command, "digits", "-c", config, *extra]) == 0
        lines = capsys.readouterr().out.splitlines()
        end = next(at for at, line in enumerate(lines) if line.startswith("--wide adds "))
        assert max(map(len, lines[: end + 1])) <= 80
        assert lines[1].split()[:2] == ["layer", "operator"] and "cycles" in lines[1].split()
        assert main([command, "digits", "-c", config, "--wide", *extra]) == 0
        text = capsys.readouterr().out
        assert text.splitlines()[1].split()[: len(words.split())] == words.split()
        assert "--wide" not in text
