"""Recording figures: a wrong word or file is refused in one sentence, and nothing is written."""

import json
import runpy
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[2] / "docs" / "tables" / "record.py"


def record(monkeypatch, folder, *words):
    """Run the script with ``folder`` in the place of docs/figures."""
    monkeypatch.setattr(sys, "argv", [str(SCRIPT), *words])
    found = runpy.run_path(str(SCRIPT))
    monkeypatch.setitem(found["record"].__globals__, "FIGURES", folder)
    found["record"]("".join(words[:1]), [Path(word) for word in words[1:]])


@pytest.mark.parametrize(
    "words, sentence",
    [
        ([], "usage: "),
        (["bench"], "usage: "),
        (["benches"], "usage: "),
        (["benches", "{}/good.json"], "usage: "),
        (["../bench", "{}/good.json"], "usage: "),
        (["bench", "{}/none.json"], "none.json: No such file or directory"),
        (["bench", "{}/text.json"], "text.json holds no figures of the kind bench"),
        (["builds", "{}/good.json"], "good.json holds no figures of the kind builds"),
        (["links", "{}/good.json"], "good.json holds no figures of the kind links"),
    ],
)
def test_what_is_refused(tmp_path, monkeypatch, words, sentence):
    (tmp_path / "good.json").write_text(json.dumps([{"config": "tiny", "model": "x"}]))
    (tmp_path / "text.json").write_text("no JSON")
    before = {path: path.read_bytes() for path in tmp_path.iterdir()}
    with pytest.raises(SystemExit) as error:
        record(monkeypatch, tmp_path, *(word.format(tmp_path) for word in words))
    assert sentence in str(error.value) and "\n" not in str(error.value)
    assert {path: path.read_bytes() for path in tmp_path.iterdir()} == before


def bench(path, equal, cycles):
    """Write what ``weft bench --json`` prints of one layer."""
    layer = dict.fromkeys(("busy", "wait_input", "wait_output", "wait_setup", "wait_memory"), 1)
    run = {"config": "c", "model": "m", "cycles": cycles, "predicted_cycles": cycles}
    path.write_text(json.dumps([run | {"bit_exact": equal, "layers": [layer, layer]}]))
    return str(path)


def test_cycles_are_of_the_run_without_a_check(tmp_path, monkeypatch):
    checked = bench(tmp_path / "checked.json", equal=True, cycles=20)
    plain = bench(tmp_path / "plain.json", equal=None, cycles=10)
    record(monkeypatch, tmp_path, "bench", checked, plain)
    (row,) = json.loads((tmp_path / "bench.json").read_text())
    assert (row["cycles"], row["busy"], row["wait_memory"]) == (10, 2, 2)
    assert "equal" not in row and "commit" in row


@pytest.mark.parametrize("runs", [[None], [True], [None, False], [False]])
def test_no_cycles_without_an_equal_check(tmp_path, monkeypatch, runs):
    files = [bench(tmp_path / f"{equal}.json", equal, cycles=10) for equal in runs]
    with pytest.raises(SystemExit, match="m on c: give a run without --check"):
        record(monkeypatch, tmp_path, "bench", *files)
    assert not (tmp_path / "bench.json").exists()
