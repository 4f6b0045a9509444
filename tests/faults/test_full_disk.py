"""Every command that writes, where nothing more can be written: the old file stays, and it says so.

The limit on the size of files always does; a small file system shows that a real one is the same,
where the test may mount it.
"""

import hashlib
import subprocess
from dataclasses import replace

import pytest
from limited import main_limited, weft
from stand_in_tools import BOARD, stand_ins
from weft.models import public_models
from weft_sim import wave_file

OLD = b"what was there before"
WRITES = [
    (["run", "digits", "-o"], "x.npy"),
    (["run", "digits", "-o"], "x.npz"),
    (["compile", "digits", "-c", "tiny", "-o"], "x.weft"),
    (["report", "digits", "-c", "tiny", "-o"], "x.html"),
]
PRINTS = [
    ["explain", "digits"],
    ["run", "digits", "--json"],
    ["bench", "digits", "--device", "golden", "--json"],
    ["config", "show"],
    ["models", "list"],
    ["--version"],
]


@pytest.mark.parametrize("arguments, name", WRITES)
def test_outputs(tmp_path, arguments, name):
    path = tmp_path / name
    path.write_bytes(OLD)
    done = weft(*arguments, path, file_bytes=100)
    assert (done.returncode, done.stderr) == (2, f"weft: {path}: File too large\n")
    assert "wrote" not in done.stdout
    assert path.read_bytes() == OLD and [p.name for p in tmp_path.iterdir()] == [name]
    assert weft(*arguments, path).returncode == 0
    assert path.read_bytes() != OLD


def test_maps(tmp_path):
    done = weft("run", "digits", "--maps", tmp_path / "maps", file_bytes=100)
    assert done.returncode == 2 and "File too large" in done.stderr
    assert list((tmp_path / "maps").iterdir()) == []


@pytest.mark.parametrize("unbuffered", ["", "1"])
@pytest.mark.parametrize("arguments", PRINTS)
def test_what_is_printed_into_a_file(tmp_path, monkeypatch, arguments, unbuffered):
    monkeypatch.setenv("PYTHONUNBUFFERED", unbuffered)
    with (tmp_path / "out").open("w") as file:
        done = weft(*arguments, file_bytes=5, stdout=file)
    assert (done.returncode, done.stderr) == (2, "weft: standard output: File too large\n")


@pytest.mark.tools
@pytest.mark.parametrize("suffix", [".vcd", ".fst"])
def test_waveforms(tmp_path, suffix):
    """Verilator ends the process for the one, and leaves a part of the other."""
    path = tmp_path / f"x{suffix}"
    command = ["run", "digits", "-d", "sim", "-c", "tiny", "--waves", path]
    assert weft(*command).returncode == 0  # builds the simulator, too
    whole = path.stat().st_size
    path.write_bytes(OLD)
    # The writer of .fst maps its names, which take some hundred kilobytes.
    for limit in (0, 5000, 100_000, whole // 2, whole - 1000, whole - 100):
        done = weft(*command, file_bytes=limit)
        assert done.returncode == 2 and "wrote" not in done.stdout
        assert done.stderr.startswith(f"weft: {path}: ") and done.stderr.count("\n") == 1
        assert path.read_bytes() == OLD and [p.name for p in tmp_path.iterdir()] == [path.name]


def test_models_get(tmp_path, monkeypatch):
    content = b"a model" * 1000
    model = replace(
        public_models.PUBLIC_MODELS["kws_dscnn_int8"],
        size=len(content),
        sha256=hashlib.sha256(content).hexdigest(),
    )
    monkeypatch.setenv("WEFT_CACHE", str(tmp_path))
    monkeypatch.delenv("WEFT_MODELS", raising=False)
    monkeypatch.setattr(public_models, "PUBLIC_MODELS", {model.name: model})
    monkeypatch.setattr(public_models, "_download", lambda url, size: content)
    path = tmp_path / "models" / model.file
    code, error = main_limited(["models", "get", model.name], 100)
    assert (code, error.splitlines()[-1]) == (2, f"weft: {path}: File too large")
    assert list(path.parent.iterdir()) == []
    assert main_limited(["models", "get", model.name], 1 << 30)[0] == 0
    assert path.read_bytes() == content


@pytest.mark.parametrize("shell, name", [("bash", ".bashrc"), ("zsh", ".zshrc")])
def test_completion(tmp_path, monkeypatch, shell, name):
    """The user's own start-up file, which holds whatever it does."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("_TYPER_COMPLETE_TEST_DISABLE_SHELL_DETECTION", "1")  # it takes a name then
    path, old = tmp_path / name, b"alias l=ls # \xe9\n" * 20
    path.write_bytes(old)
    done = weft("--install-completion", shell, file_bytes=100)
    assert (done.returncode, done.stderr) == (2, f"weft: {path}: File too large\n")
    assert path.read_bytes() == old and list(tmp_path.iterdir()) == [path]
    done = weft("--install-completion", shell)
    assert done.returncode == 0, done.stderr
    assert path.read_bytes().startswith(old.strip()) and len(path.read_bytes()) > len(old)


@pytest.mark.parametrize("limit", [0, 10, 30, 100, 300])
def test_build(tmp_path, monkeypatch, limit):
    """With stand-ins for the tools, which meet the limit, too."""
    stand_ins(monkeypatch, tmp_path)()
    out = tmp_path / "out"
    out.mkdir()
    for name in (f"{BOARD}.bit", "report.json"):
        (out / name).write_bytes(OLD)
    code, error = main_limited(["build", BOARD, "--out", out], limit)
    last = error.splitlines()[-1]
    assert code == 2 and last.startswith("weft: ") and "Traceback" not in error, error
    assert str(out) in last  # what it is that is full
    bitstream, report = out / f"{BOARD}.bit", out / "report.json"
    assert bitstream.read_bytes() in (OLD, b"bits of 60.0") and report.read_bytes() == OLD
    assert not list(out.glob(".weft-*"))
    assert main_limited(["build", BOARD, "--out", out], 1 << 30)[0] == 0
    assert sorted(path.name for path in out.iterdir()) == ["log", "report.json", f"{BOARD}.bit"]


@pytest.fixture
def full(tmp_path):
    """Mount a file system of 64 KB with an old file for each output, and fill it."""
    folder = tmp_path / "small"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(folder)]
    try:
        done = subprocess.run(mount, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        pytest.skip("there is no program mount")
    if done.returncode:
        pytest.skip(f"this test may not mount: {done.stderr.strip()}")
    try:
        for _, name in WRITES:
            (folder / name).write_bytes(OLD)
        with (folder / "rest").open("wb", buffering=0) as rest, pytest.raises(OSError):
            while True:
                rest.write(bytes(4096))
        yield folder
    finally:
        subprocess.run(["umount", str(folder)], check=True)


def test_waveforms_without_room_for_nameless_files(full, tmp_path, monkeypatch):
    """Their writer maps some, in a folder that it chooses; the process ended by SIGBUS."""
    monkeypatch.setattr(wave_file, "_NAMELESS", full, raising=False)
    out = tmp_path / "x.fst"
    out.write_bytes(OLD)
    with pytest.raises(OSError, match=f"its writer needs 4 MiB in {full}") as caught:
        wave_file.WaveFile(out)
    assert caught.value.filename == str(out) and out.read_bytes() == OLD
    assert not list(tmp_path.glob(".weft-*"))


@pytest.mark.tools
def test_a_fleet(full, tmp_path, monkeypatch):
    """Its processes write below the temporary folder; without room there none is started."""
    pytest.importorskip("ray")
    done = weft("serve", "digits", "-c", "tiny", "--boards", "sim", "--port", 0, file_bytes=1 << 23)
    assert done.returncode == 3 and "no room for Ray in" in done.stderr
    assert done.stderr.endswith(": File too large\n")
    monkeypatch.setenv("TMPDIR", str(full))
    (full / "rest").unlink()
    done = weft("serve", "digits", "-c", "tiny", "--boards", "sim", "--port", 0)
    assert done.returncode == 3
    assert done.stderr.endswith(f"weft: no room for Ray in {full}: No space left on device\n")
    assert not list(full.glob("weft-*"))


@pytest.mark.tools
@pytest.mark.parametrize("command", ["run digits -d sim", "serve-sim --port 0", "doctor -d sim"])
def test_a_cache_that_is_full(full, monkeypatch, command):
    """The simulator cannot be built: the sentence names the folder."""
    monkeypatch.setenv("WEFT_CACHE", str(full))
    (full / "simulators").mkdir()
    done = weft(*command.split(), "--config", "tiny")
    assert done.returncode == 3 and done.stderr.count("\n") == 1
    assert done.stderr.endswith(f"{full}/simulators: No space left on device\n")
    assert list((full / "simulators").iterdir()) == []


def test_a_file_system_that_is_full(full):
    names = sorted(path.name for path in full.iterdir())
    for arguments, name in WRITES:
        done = weft(*arguments, full / name)
        assert done.returncode == 2 and "wrote" not in done.stdout
        assert done.stderr == f"weft: {full / name}: No space left on device\n"
        assert (full / name).read_bytes() == OLD
    done = weft("run", "digits", "--maps", full)
    assert done.returncode == 2 and "No space left on device" in done.stderr
    assert sorted(path.name for path in full.iterdir()) == names
    with (full / "rest").open("a") as file:
        done = weft("explain", "digits", stdout=file)
    assert done.stderr == "weft: standard output: No space left on device\n"
