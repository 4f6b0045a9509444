"""What a terminal shows: help, completion, tables of 80 columns, milliseconds, class labels."""

import os
import subprocess
import sys

import pytest

COMMANDS = "explain run bench report compile demo serve-sim build program devices doctor config"


def weft_process(*arguments, **environment):
    return subprocess.run(
        [sys.executable, "-m", "weft", *arguments],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), **environment},
    )


def test_without_a_command_there_is_help_of_several_lines():
    result = weft_process()
    assert (result.returncode, result.stdout) == (2, "")
    assert result.stderr.startswith("Usage: weft [OPTIONS] COMMAND [ARGS]...\n\n  Int8 networks")
    words = [line.split()[0] for line in result.stderr.partition("Commands:\n")[2].splitlines()]
    assert words == [*COMMANDS.split(), "models"]
    shown = weft_process("--help")
    assert (shown.returncode, shown.stdout) == (0, result.stderr)


@pytest.mark.parametrize(
    "words, completions",
    [
        ("weft ex", ["explain"]),
        ("weft re", ["report"]),
        ("weft run --ch", ["--check"]),
        ("weft run digits -c iceb", ["icebreaker"]),
        ("weft explain --config icepi-zero-", ["icepi-zero-sdram"]),
    ],
)
def test_the_shell_completes_commands_options_and_configurations(words, completions):
    where = str(len(words.split()) - 1)
    result = weft_process(COMP_WORDS=words, COMP_CWORD=where, _WEFT_COMPLETE="complete_bash")
    assert (result.returncode, result.stderr) == (0, "")
    assert result.stdout.split() == completions


def test_a_shell_can_be_told_to_complete():
    result = weft_process(_WEFT_COMPLETE="source_bash")
    assert (result.returncode, result.stderr) == (0, "")
    assert "complete -o default -F _weft_completion weft" in result.stdout
