"""Names of a stranger's file reach neither a terminal nor a page as what they are not."""

import ast
import json
import os
import re
import subprocess
import sys
import unicodedata
from pathlib import Path

import numpy as np
import onnx
import pytest
import weft.cli
from PIL import Image
from weft.cli import main
from weft.models.digits import MODEL
from weft.text import printable

# Sets a terminal's title, turns the text around, clears the screen, and goes up a line.
EVIL = "\x1b]0;owned\x07\u202egnp.exe\u2066\x9b2J\r\nweft: all is well\x1b[1A<script>[red]\x7f"


def harmful(text):
    """Return what of ``text`` a terminal obeys: all that Unicode calls control or format."""
    return {each for each in text if unicodedata.category(each)[0] in "CZ"} - set(" \n")


def renamed(path, operator=None):
    """Write the digits model with evil names for its nodes and tensors."""
    model = onnx.load(MODEL)
    names = {i.name for i in model.graph.input}
    for node in model.graph.node:
        node.name = f"{EVIL}/{node.name}{EVIL}"
        for side in (node.input, node.output):
            side[:] = [f"{EVIL}{name}{EVIL}" if name else "" for name in side]
    for each in (*model.graph.input, *model.graph.output, *model.graph.initializer):
        each.name = f"{EVIL}{each.name}{EVIL}"
    del model.graph.value_info[:]
    if operator is not None:
        model.graph.node[3].op_type = operator
    assert names
    onnx.save(model, path)
    return str(path)


@pytest.mark.parametrize(
    "text, expected",
    [
        ("conv_1/\u00e9\u4e2d", "conv_1/\u00e9\u4e2d"),
        ("a\x1b[2J\n", "a\\x1b[2J\\n"),
        ("\u202e\u2066\u200b", "\\u202e\\u2066\\u200b"),
        ("\udcff\x9b\u2028", "\\udcff\\x9b\\u2028"),
        ("\U000e0001", "\\U000e0001"),
    ],
)
def test_printable(text, expected):
    assert printable(text) == expected


@pytest.mark.parametrize(
    "arguments",
    [
        ["explain"],
        ["explain", "--passes"],
        ["explain", "-c", "tiny"],
        ["explain", "--json"],
        ["run"],
        ["run", "--json"],
        ["run", "--shape", EVIL],
        ["run", "-c", EVIL],
        ["run", "-d", EVIL],
        ["run", "-i", EVIL],
        ["run", "--" + EVIL],
        ["bench", "-d", "golden"],
        ["bench", "-d", "golden", "--debug", "-c", EVIL],
    ],
)
@pytest.mark.parametrize("operator", [None, EVIL, "Exp"])
def test_what_is_printed(tmp_path, monkeypatch, capsys, arguments, operator):
    monkeypatch.chdir(tmp_path)
    model = renamed(tmp_path / f"{EVIL.replace('/', '')}.onnx", operator)
    main([arguments[0], model, *arguments[1:]])
    printed = capsys.readouterr()
    assert printed.out or printed.err
    assert not harmful(printed.out + printed.err)
    assert "\nweft: all is well" not in printed.out + printed.err


def test_what_is_written(tmp_path, capsys):
    model = renamed(tmp_path / f"{EVIL.replace('/', '')}.onnx")
    picture = tmp_path / f"{EVIL.replace('/', '')}.png"
    Image.new("L", (8, 8), 99).save(picture)
    page, maps = tmp_path / "x.html", tmp_path / "maps"
    assert main(["report", model, "-o", str(page), "-i", str(picture)]) == 0
    assert main(["run", model, "--maps", str(maps), "-i", str(picture)]) == 0
    assert main(["compile", model, "-o", str(tmp_path / "x.weft")]) == 0
    printed = capsys.readouterr()
    text = page.read_text()
    assert not harmful(printed.out + printed.err) and not harmful(text)
    assert "<script" not in text and "&lt;script&gt;" in text
    assert all(re.fullmatch(r"[\w.]+", path.name, re.ASCII) for path in maps.iterdir())


def test_what_a_terminal_shows(tmp_path):
    """Rich draws tables and bars there; what it is given is text, not its own markup."""
    pty = pytest.importorskip("pty")
    model = renamed(tmp_path / "x.onnx")
    for arguments in (["explain", model, "--passes"], ["run", model], ["explain", "[/red].onnx"]):
        master, slave = pty.openpty()
        process = subprocess.Popen(
            [sys.executable, "-m", "weft", *arguments],
            stdout=slave,
            stderr=slave,
            env=os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
        )
        os.close(slave)
        shown = b""
        while True:
            try:
                part = os.read(master, 1 << 16)
            except OSError:
                break
            if not part:
                break
            shown += part
        process.wait(60)
        os.close(master)
        text = shown.decode()
        assert "owned" in text or "[/red].onnx" in text
        # Rich's own sequences are colours, erasing and the cursor; those of names are none.
        own = re.sub(r"\x1b\[[0-9;?]*[mKAhl]|\r\n|\r", "", text)
        assert not harmful(own)
        assert "\x1b]" not in text and "\x1b[2J" not in text and "Traceback" not in text


@pytest.mark.parametrize(
    "arguments",
    [
        ["explain", "\udcff.onnx"],
        ["explain", "\udcff.weft"],
        ["run", "digits", "-i", "\udcff.npy"],
        ["run", "digits", "-i", "\udcff.png"],
        ["run", "digits", "-c", "\udcff"],
        ["run", "digits", "-c", "\udcff.toml"],
        ["run", "digits", "-d", "\udcff"],
        ["run", "digits", "-d", "tcp:\udcff:1"],
        ["run", "digits", "-d", "serial:/dev/\udcff"],
        ["run", "digits", "-d", "usb:\udcff"],
        ["run", "digits", "--rounding", "\udcff"],
        ["run", "digits", "--shape", "x=\udcff"],
        ["run", "digits", "-o", "\udcff/x.npy"],
        ["build", "\udcff"],
        ["program", "\udcff"],
        ["models", "get", "\udcff"],
        ["config", "show", "\udcff"],
        ["\udcff"],
        ["run", "--\udcff"],
    ],
)
def test_words_that_are_no_text(tmp_path, monkeypatch, capsys, arguments):
    monkeypatch.chdir(tmp_path)
    code = main(arguments)
    printed = capsys.readouterr()
    assert code in (2, 3) and "internal error" not in printed.err
    [line] = printed.err.splitlines()
    assert line.startswith("weft: ") and "\\udcff" in line
    line.encode()


def test_files_whose_names_are_no_text(tmp_path, monkeypatch, capsys):
    """They are files like others."""
    monkeypatch.chdir(tmp_path)
    model = "m\udcff.onnx"
    Path(model).write_bytes(MODEL.read_bytes())
    Path("c\udcff.toml").write_text('base = "tiny"\n')
    np.save("x\udcff.npy", np.zeros((1, 1, 8, 8), np.float32))
    for arguments in (
        ["explain", model],
        ["explain", model, "--json"],
        ["run", model, "-i", "x\udcff.npy", "-o", "o\udcff.npy", "--maps", "m\udcff"],
        ["compile", model, "-o", "p\udcff.weft"],
        ["run", "p\udcff.weft"],
        ["compile", model, "-c", "c\udcff.toml", "-o", "q.weft"],
        ["report", model, "-i", "x\udcff.npy", "-o", "r\udcff.html"],
        ["bench", model, "-d", "golden", "--json"],
    ):
        assert main(arguments) == 0, capsys.readouterr().err
        printed = capsys.readouterr()
        if "--json" in arguments:
            json.loads(printed.out)
        assert not harmful(printed.out)
    for name in ("o\udcff.npy", "p\udcff.weft", "r\udcff.html"):
        assert Path(name).stat().st_size > 0


def test_commands_print_by_one_way():
    """No command prints by itself: what it prints would not be escaped."""
    for path in Path(weft.cli.__file__).parent.glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            name = getattr(getattr(node, "func", None), "id", "")
            written = ast.unparse(node) if isinstance(node, ast.Attribute) else ""
            assert path.name == "terminal.py" or (
                name != "print" and written not in ("sys.stdout.write", "sys.stderr.write")
            ), path
