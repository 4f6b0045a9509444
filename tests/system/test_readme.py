"""README's commands and code work as they stand there."""

import os
import re
import tomllib
from pathlib import Path

import numpy as np
import pytest
from weft.cli import main

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")


def blocks(language: str = "") -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", README, re.DOTALL | re.MULTILINE)


@pytest.mark.tools
def test_python(capsys):
    digits, own = blocks("python")
    exec(digits, {})
    assert capsys.readouterr().out.split()[:2] == ["6", "6"]
    torch = pytest.importorskip("torch")
    images = np.random.default_rng(1).random((8, 1, 8, 8), np.float32)
    module = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(64, 3))
    names = {"module": module, "calibration": images, "images": images, "weft": __import__("weft")}
    exec(own, names)
    assert names["scores"].shape == (8, 3)


def test_commands():
    """On the golden model in place of ``sim``, where tests of its own run these networks."""
    if not os.environ.get("WEFT_MODELS"):
        pytest.skip("WEFT_MODELS is not set: the commands would fetch a model")
    lines = [line for block in blocks() for line in block.splitlines()]
    commands = [line.split()[1:] for line in lines if line.startswith(".venv/bin/weft ")]
    assert len(commands) >= 2
    for command in commands:
        golden = ["golden" if word == "sim" else word for word in command]
        assert main(golden) == 0, command


def test_table_of_commands():
    rows = re.findall(r"^\| (`weft .*?) \|", README, re.MULTILINE)
    commands = {command for row in rows for command in re.findall(r"`weft ([\w-]+)", row)}
    for command in commands:
        assert main([command, "--help"]) == 0, command
    assert {"explain", "run", "bench", "compile", "report", "build", "doctor"} <= commands


def test_extras_and_make_targets_exist():
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    named = {name for names in re.findall(r"\.\[([\w,]+)\]", README) for name in names.split(",")}
    assert named and named <= set(extras["optional-dependencies"])
    makefile = (ROOT / "Makefile").read_text()
    targets = set(re.findall(r"^(?:`)?make (\w+)", README, re.MULTILINE))
    targets |= set(re.findall(r"`make (\w+)`", README))
    assert "demo" in targets
    for target in targets:
        assert re.search(rf"^[\w -]*\b{target}\b[\w -]*:", makefile, re.MULTILINE), target
