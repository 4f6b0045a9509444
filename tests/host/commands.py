"""What tests of commands share: the folder of MLPerf's models, and commands that fail."""

import os
from pathlib import Path

from weft.cli import main

MODELS = Path(os.environ.get("WEFT_MODELS", "/nonexistent"))


def failing(arguments, capsys):
    """Run a command that fails; return its exit code and its one sentence."""
    code = main([str(argument) for argument in arguments])
    output = capsys.readouterr()
    assert output.out == "" and "Traceback" not in output.err
    [line] = output.err.splitlines()
    assert line.startswith("weft: ")
    return code, line.removeprefix("weft: ")
