"""Standard streams that are closed, full, gone or ASCII: no traceback, the right exit code."""

import os
import subprocess
import sys

import numpy as np
import pytest

COMPLETE = ["explain", "digits"]
WRONG = ["explain", "nothing.onnx"]
SENTENCE = "weft: there is no model nothing.onnx\n"


def weft(arguments, redirection="", **environment):
    """Run the command with a shell's ``redirection``."""
    words = " ".join([sys.executable, "-m", "weft", *arguments, redirection])
    return subprocess.run(
        ["bash", "-c", f"set -o pipefail; {words}"],
        capture_output=True,
        timeout=120,
        check=False,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))} | environment,
    )


@pytest.mark.parametrize(
    "arguments, redirection, code, error",
    [
        (COMPLETE, "| head -n 1", 0, ""),
        (COMPLETE, "| true", 0, ""),
        (COMPLETE, ">&-", 0, ""),
        (COMPLETE, "<&- >&- 2>&-", 0, ""),
        (COMPLETE, "2>&-", 0, ""),
        (["--help"], "| true", 0, ""),
        (["--help"], ">&-", 0, ""),
        (COMPLETE, ">/dev/full", 2, "weft: standard output: No space left on device\n"),
        (["explain", "digits", "--json"], ">/dev/full", 2, None),
        (["--version"], ">/dev/full", 2, None),
        (["--help"], ">/dev/full", 2, "weft: No space left on device\n"),
        (WRONG, "", 2, SENTENCE),
        (WRONG, ">&-", 2, SENTENCE),
        (WRONG, "<&-", 2, SENTENCE),
        (WRONG, "2>&-", 2, ""),
        (WRONG, ">&- 2>&-", 2, ""),
        (WRONG, "2>/dev/full", 2, ""),
        (WRONG, "2> >(true)", 2, ""),
        (["explain", "nothing.onnx", "--debug"], "2>/dev/full", 2, ""),
        (["paint"], "2>&-", 2, ""),
    ],
)
def test_streams(arguments, redirection, code, error):
    done = weft(arguments, redirection)
    assert done.returncode == code, done.stderr
    if error is not None:
        assert done.stderr.decode() == error
    assert b"Traceback" not in done.stderr and b"Exception" not in done.stderr


def test_what_a_closed_stream_leaves_free_gets_nothing_of_it(tmp_path):
    """A file that is opened in place of standard output would receive the table."""
    page = tmp_path / "x.html"
    for redirection in (">&-", ">&- 2>&-", "<&- >&- 2>&-"):
        whole = weft(["report", "digits", "-c", "tiny", "-o", str(page)])
        assert whole.returncode == 0, whole.stderr
        expected = page.read_bytes()
        page.unlink()
        done = weft(["report", "digits", "-c", "tiny", "-o", str(page)], redirection)
        assert (done.returncode, done.stdout) == (0, b"")
        assert page.read_bytes() == expected


@pytest.mark.parametrize(
    "environment",
    [
        {"PYTHONIOENCODING": "ascii"},
        {"PYTHONIOENCODING": "ascii:strict"},
        {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
    ],
)
def test_streams_of_few_characters(tmp_path, environment):
    np.save(tmp_path / "\u00e9\u4e2d.npy", np.zeros((1, 1, 8, 8), np.float32))
    utf8 = {"PYTHONUTF8": "1"} if "LC_ALL" not in environment else {}
    done = weft(["run", "digits", "-i", f"{tmp_path}/*.npy"], **environment | utf8)
    assert done.returncode == 0, done.stderr
    done.stdout.decode("ascii")
    assert b"npy" in done.stdout
    done = weft(["run", "digits", "-i", "'\u00e9.npy'"], **environment | utf8)
    assert done.returncode == 2 and b"does not exist" in done.stderr
    done.stderr.decode("ascii")
    assert weft(["explain", "digits"], **environment).returncode == 0


def test_warnings_of_libraries_are_not_the_users(tmp_path):
    """Values that overflow, and a picture whose data Pillow warns of."""
    np.save(tmp_path / "x.npy", np.full((1, 1, 8, 8), np.float32(3e38)))
    np.save(tmp_path / "y.npy", np.full((1, 1, 8, 8), np.float32(np.nan)))
    for name in ("x", "y"):
        for command in ("run", "report"):
            output = ["-o", str(tmp_path / "o.html")] if command == "report" else []
            done = weft([command, "digits", "-i", str(tmp_path / f"{name}.npy"), *output])
            assert b"arning" not in done.stderr, done.stderr
