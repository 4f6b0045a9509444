"""The tutorial is followed from top to bottom: its code and its commands, in their order."""

import re
from pathlib import Path

import pytest
from weft.cli import main

PAGE = Path(__file__).parents[2] / "docs" / "tutorial.md"


@pytest.mark.tools
def test_tutorial(tmp_path, monkeypatch, capsys):
    pytest.importorskip("torch")
    monkeypatch.chdir(tmp_path)
    names: dict = {}
    printed, kinds = "", []
    text = PAGE.read_text(encoding="utf-8")
    for language, block in re.findall(r"^```(\w+)\n(.*?)^```$", text, re.DOTALL | re.MULTILINE):
        kinds.append(language)
        if language == "python":
            capsys.readouterr()
            exec(block, names)
            printed = capsys.readouterr().out
        elif language == "console":
            for line in block.splitlines():
                assert line.startswith("$ weft "), line
                assert main(line.split()[2:]) == 0, line
        else:
            assert language == "text" and printed == block
    assert kinds.count("python") >= 4 and kinds.count("console") >= 3 and kinds.count("text") >= 3
    assert (tmp_path / "digits.html").exists() and (tmp_path / "mine.onnx").exists()
