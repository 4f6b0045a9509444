"""A signal at any moment: one line, the right exit code, and nothing is left behind."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from weft.cli import Ended, main

LINES = {signal.SIGINT: b"weft: interrupted\n", signal.SIGTERM: b"weft: terminated\n"}
# Sends itself a signal at a given import, as counted from the first one after Weft itself.
_AT_IMPORT = """
import os, sys
number, at = int(sys.argv[1]), int(sys.argv[2])
sys.argv[:3] = ["weft"]
count = -1
def hook(event, arguments):
    global count
    if event == "import" and (count >= 0 or arguments[0] == "signal"):
        count += 1
        if count == at:
            os.kill(os.getpid(), number)
sys.addaudithook(hook)
from weft.cli import main
code = main()
print(count, file=sys.stderr) if count < at else None
sys.exit(code)
"""


def environment(tmp_path):
    return os.environ | {
        "PYTHONPATH": os.pathsep.join(filter(None, sys.path)),
        "TMPDIR": str(tmp_path),
        # Else the folder of locks, which stays, is made in the one for what must go.
        "XDG_RUNTIME_DIR": str(tmp_path.parent),
    }


def at_import(tmp_path, number, at, *arguments):
    return subprocess.run(
        [sys.executable, "-c", _AT_IMPORT, str(int(number)), str(at), *arguments],
        capture_output=True,
        timeout=120,
        check=False,
        env=environment(tmp_path),
    )


def signalled(tmp_path, number, seconds, module, *words):
    """Return exit code and lines of ``python -m words``, signalled after an import and a time.

    ``module`` ends the line that tells of the import: before that Python itself starts.
    """
    process = subprocess.Popen(
        [sys.executable, "-X", "importtime", "-m", *words],
        env=environment(tmp_path),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert process.stderr is not None
    while not process.stderr.readline().endswith(module):
        pass
    time.sleep(seconds)
    process.send_signal(number)
    _, error = process.communicate(timeout=60)
    own = [line for line in error.splitlines(True) if not line.startswith(b"import time:")]
    return process.returncode, own


@pytest.mark.parametrize(
    "command, rounds",
    [
        ("report digits -o {}/x.html", 12),
        ("compile digits -c tiny -o {}/x.weft", 3),
        ("devices", 3),
        ("models list", 3),
        ("--help", 3),
    ],
)
def test_at_imports(tmp_path, command, rounds):
    """At some of all imports of a command; the last ones come while it runs."""
    arguments = command.format(tmp_path).split()
    whole = at_import(tmp_path, signal.SIGINT, 1 << 30, *arguments)
    assert whole.returncode == 0
    count = int(whole.stderr)
    for path in tmp_path.iterdir():
        path.unlink()
    rounds = int(os.environ.get("WEFT_SIGNALS") or rounds)
    for at in [0, 1, 2, *(count * step // rounds for step in range(1, rounds))]:
        # The first imports are those of what catches signals: SIGTERM then ends it by itself.
        number = signal.SIGINT if at < 12 else list(LINES)[at % 2]
        done = at_import(tmp_path, number, at, *arguments)
        assert (done.returncode, done.stderr) == (128 + number, LINES[number]), at
        assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("arguments", [["run", "digits"], ["bench", "digits", "-d", "golden"]])
def test_at_moments(tmp_path, arguments):
    """After times from the first output of Python's start-up on, in steps."""
    start = time.monotonic()
    subprocess.run(
        [sys.executable, "-m", "weft", *arguments],
        env=environment(tmp_path),
        stdout=subprocess.DEVNULL,
        check=True,
        timeout=120,
    )
    seconds = time.monotonic() - start
    rounds, codes = 8, set()
    for step in range(rounds):
        number = list(LINES)[step % 2]
        code, own = signalled(
            tmp_path, number, seconds * step / rounds, b" signal\n", "weft", *arguments
        )
        codes.add(code)
        assert code in (128 + number, 0)
        assert own == ([LINES[number]] if code else [])
        assert not list(tmp_path.iterdir())
    assert codes & {130, 143}


def children(process):
    """Return the processes of all sessions whose parents lead to ``process``."""
    listed = subprocess.run(["ps", "-eo", "pid=,ppid="], capture_output=True, text=True, check=True)
    parents = {int(a): int(b) for a, b in (line.split() for line in listed.stdout.splitlines())}
    found, level = set(), {process}
    while level:
        level = {pid for pid, parent in parents.items() if parent in level} - found
        found |= level
    return found


@pytest.mark.tools
@pytest.mark.parametrize("number, stage", [(signal.SIGINT, "yosys"), (signal.SIGTERM, "cc1plus")])
def test_while_a_simulator_is_built(tmp_path, number, stage):
    """The tools that run then end with it, and what they wrote goes."""
    process = subprocess.Popen(
        [sys.executable, "-m", "weft", "run", "digits", "-d", "sim", "-c", "tiny"],
        env=environment(tmp_path) | {"WEFT_CACHE": str(tmp_path / "cache")},
        stderr=subprocess.PIPE,
    )
    try:
        deadline, seen = time.monotonic() + 300, set()
        while not seen and process.poll() is None and time.monotonic() < deadline:
            seen = {pid for pid in children(process.pid) if stage in command(pid)}
            time.sleep(0.02)
        assert seen
        below = children(process.pid)
        process.send_signal(number)
        begin = time.monotonic()
        _, error = process.communicate(timeout=60)
        assert (process.returncode, error) == (128 + number, LINES[number])
        assert time.monotonic() - begin < 10
        assert not [pid for pid in below if command(pid)]
        left = [path for path in tmp_path.rglob("*") if path.is_file()]
        assert not [path for path in left if "build" in str(path)]
        assert not [path for path in tmp_path.iterdir() if path.name != "cache"]
    finally:
        process.kill()


def command(pid):
    """Return the command line of a process, or nothing once it has ended."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_text(errors="replace")
    except OSError:
        return ""


@pytest.mark.tools
@pytest.mark.parametrize("number", LINES)
def test_while_a_board_is_simulated(tmp_path, number):
    """The simulation gives way; the device's lock is free afterwards."""
    process = subprocess.Popen(
        [sys.executable, "-m", "weft", "demo", "-d", "sim", "-c", "tiny", "--maps", str(tmp_path)],
        env=environment(tmp_path),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    maps = tmp_path
    while not list(maps.glob("*.png")) and process.poll() is None:
        time.sleep(0.02)
    process.send_signal(number)
    begin = time.monotonic()
    _, error = process.communicate(timeout=60)
    assert (process.returncode, error) == (128 + number, LINES[number])
    assert time.monotonic() - begin < 5
    assert all(path.suffix == ".png" for path in tmp_path.iterdir())


def test_a_signal_that_is_ignored_stays_ignored(tmp_path):
    """As SIGINT is for what a script starts in its background, and SIGHUP under nohup."""
    done = subprocess.run(
        [sys.executable, "-c", _AT_IMPORT, str(int(signal.SIGHUP)), "40", "explain", "digits"],
        preexec_fn=lambda: signal.signal(signal.SIGHUP, signal.SIG_IGN),
        capture_output=True,
        check=False,
        timeout=60,
        env=environment(tmp_path),
    )
    assert done.returncode == 0
    done = at_import(tmp_path, signal.SIGHUP, 40, "explain", "digits")
    assert (done.returncode, done.stderr) == (129, b"weft: hung up\n")


def check_terminated(source, folder):
    """Run ``source``, which gets SIGTERM, in a Python of its own."""
    done = subprocess.run(
        [sys.executable, "-c", source],
        capture_output=True,
        check=False,
        timeout=60,
        env=environment(folder),
    )
    assert (done.returncode, done.stderr) == (143, b"weft: terminated\n")


def test_a_signal_that_python_drops_comes_again(tmp_path):
    """What is raised in a __del__ is only reported; the process still ends."""
    source = """
import os, signal, sys, time
from weft.cli import app, main
class Dropping:
    def __del__(self):
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(0.001)
def run(words):
    Dropping()
    time.sleep(20)
app.run = run
sys.argv = ["weft"]
sys.exit(main())
"""
    check_terminated(source, tmp_path)


def test_a_signal_that_an_early_import_drops_comes_again(tmp_path):
    """The import of a module has a callback, and Python drops what that raises."""
    source = """
import os, signal, sys, time
from weft.cli import main
class Dropping:
    def __del__(self):
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(0.001)
def hook(event, arguments):
    if event == "import" and arguments[0] == "weft.cli.terminal":
        Dropping()
sys.addaudithook(hook)
sys.argv = ["weft", "demo", "-d", "golden"]
sys.exit(main())
"""
    check_terminated(source, tmp_path)


def test_a_signal_that_a_library_wraps_ends_the_command(monkeypatch, capsys):
    """Ray's compiled code makes a SystemError of what a signal's handler raises in it."""

    def wrapped(*_, **__):
        try:
            raise Ended(signal.SIGTERM)
        except Ended as end:
            raise SystemError("returned a result with an exception set") from end

    monkeypatch.setattr("weft.cli.app.app", wrapped)
    assert main(["devices"]) == 143
    assert capsys.readouterr().err == "weft: terminated\n"


@pytest.mark.parametrize("seconds", [0, 0.5, 4])
@pytest.mark.parametrize("words", ["networks.fuzz tflite --count 100000", "kills"])
def test_programs_of_the_tests(tmp_path, words, seconds):
    """Amid their imports, and while they run."""
    code, own = signalled(tmp_path, signal.SIGINT, seconds + 0.01, b" interrupts\n", *words.split())
    assert (code, own) == (130, [b"interrupted\n"])


_AMID_ELABORATION = """
import os, sys
from weft_hw.core import Core
number, sys.argv[1:] = int(sys.argv[1]), ["serve-sim", "-c", "tiny"]
whole = Core.elaborate
Core.elaborate = lambda *arguments: (whole(*arguments), os.kill(os.getpid(), number))
from weft.cli import main
sys.exit(main())
"""


@pytest.mark.parametrize("number", LINES)
def test_amid_elaboration(tmp_path, number):
    """Amaranth warns of each component that was made and not used."""
    done = subprocess.run(
        [sys.executable, "-c", _AMID_ELABORATION, str(int(number))],
        capture_output=True,
        timeout=120,
        check=False,
        env=environment(tmp_path) | {"WEFT_CACHE": str(tmp_path / "cache")},
    )
    assert (done.returncode, done.stderr) == (128 + number, LINES[number])
