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
