"""A file that is written is afterwards the new one, whole, or the old one; nothing else is left."""

import multiprocessing
import os
import resource
import stat
import time
from pathlib import Path

import pytest
from weft_hw import files
from weft_hw.files import runtime_folder, scratch_folder, write_file

NEW, OLD = b"new" * 50_000, b"old"


def names(folder):
    return sorted(path.name for path in folder.iterdir())


class Failing:
    """Counts calls that reach the system and makes number ``at`` fail."""

    def __init__(self, at=-1):
        self.at, self.count = at, 0

    def step(self, call):
        def stepped(*arguments, **options):
            self.count += 1
            if self.count - 1 == self.at:
                raise OSError(5, "Input/output error")
            return call(*arguments, **options)

        return stepped

    def install(self, patch):
        failing = self

        class Os:
            def __getattr__(self, name):
                found = getattr(os, name)
                return (
                    failing.step(found)
                    if name in ("open", "fsync", "fstat", "close", "access")
                    else found
                )

        patch.setattr(files, "os", Os())
        for name in ("replace", "chmod", "stat", "open"):
            call = getattr(Path, name)
            patch.setattr(Path, name, self.step(call))


@pytest.mark.parametrize("there", [False, True])
def test_every_call_fails_once(tmp_path, monkeypatch, there):
    path, at = tmp_path / "x.npy", 0
    for at in range(100):
        path.unlink(missing_ok=True)
        if there:
            path.write_bytes(OLD)
        failing, failed = Failing(at), False
        with monkeypatch.context() as patch:
            failing.install(patch)
            try:
                write_file(path, NEW)
            except OSError as error:
                failed = error.filename == str(path)
                assert str(error).endswith(f": {str(path)!r}")
        content = path.read_bytes() if path.exists() else None
        assert content in ((NEW, OLD if there else None) if failed else (NEW,))
        assert set(names(tmp_path)) <= {"x.npy"}
        if failing.count <= at:  # there are no more calls
            break
        assert failed
    assert at >= 7


def limited(path, limit):
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
    try:
        write_file(path, NEW)
    except OSError as error:
        os._exit(3 if error.filename == str(path) else 4)
    os._exit(0)


@pytest.mark.parametrize("limit", [0, 1, 4096, len(NEW) - 1, len(NEW)])
def test_no_room(tmp_path, limit):
    path = tmp_path / "x.npy"
    path.write_bytes(OLD)
    process = multiprocessing.get_context("fork").Process(target=limited, args=(path, limit))
    process.start()
    process.join()
    fits = limit >= len(NEW)
    assert process.exitcode == (0 if fits else 3)
    assert path.read_bytes() == (NEW if fits else OLD) and names(tmp_path) == ["x.npy"]


def test_a_link_stays_and_its_target_is_written(tmp_path):
    (tmp_path / "there").mkdir()
    for name in ("real", "new"):  # a target that is there, and one that is not
        link = tmp_path / f"to-{name}"
        link.symlink_to(tmp_path / "there" / name)
    (tmp_path / "there" / "real").write_bytes(OLD)
    for name in ("real", "new"):
        write_file(tmp_path / f"to-{name}", NEW)
        assert (tmp_path / f"to-{name}").is_symlink()
        assert (tmp_path / "there" / name).read_bytes() == NEW
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    with pytest.raises(OSError):
        write_file(tmp_path / "loop", NEW)


def test_nothing_of_a_guessable_name_is_used(tmp_path):
    """What used to be the temporary name is a link to somebody's file."""
    victim = tmp_path / "victim"
    victim.write_bytes(OLD)
    (tmp_path / "x.npy.part").symlink_to(victim)
    write_file(tmp_path / "x.npy", NEW)
    assert victim.read_bytes() == OLD and (tmp_path / "x.npy").read_bytes() == NEW


@pytest.mark.parametrize("mask, mode", [(0o022, 0o644), (0o077, 0o600), (0o002, 0o664)])
def test_permissions(tmp_path, mask, mode):
    before = os.umask(mask)
    try:
        write_file(tmp_path / "new", NEW)
        (tmp_path / "old").write_bytes(OLD)
        (tmp_path / "old").chmod(0o640)
        write_file(tmp_path / "old", NEW)
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "new").stat().st_mode) == mode
    assert stat.S_IMODE((tmp_path / "old").stat().st_mode) == 0o640


def test_pipes_and_devices_are_written_to(tmp_path):
    write_file("/dev/null", NEW)
    assert Path("/dev/null").is_char_device()
    receive, send = os.pipe()
    write_file(f"/dev/fd/{send}", OLD)
    assert os.read(receive, 100) == OLD
    with pytest.raises(IsADirectoryError):
        write_file(tmp_path, NEW)


def write_for_ever(path):
    while True:
        write_file(path, NEW)


def test_killed_while_it_writes(tmp_path):
    path = tmp_path / "x"
    write_file(path, NEW)
    for round in range(20):
        process = multiprocessing.get_context("fork").Process(target=write_for_ever, args=(path,))
        process.start()
        time.sleep(0.005 + 0.001 * round)
        process.kill()
        process.join()
        assert path.read_bytes() == NEW


def hold(parent, ready):
    with scratch_folder(parent) as folder:
        (folder / "half").write_bytes(OLD)
        ready.set()
        time.sleep(60)


def test_the_scratch_of_the_dead_is_cleared_and_of_the_living_kept(tmp_path):
    context = multiprocessing.get_context("fork")
    processes = []
    for _ in range(2):
        ready = context.Event()
        processes.append(context.Process(target=hold, args=(tmp_path, ready)))
        processes[-1].start()
        assert ready.wait(10)
    assert len(names(tmp_path)) == 2
    processes[0].kill()
    processes[0].join()
    with scratch_folder(tmp_path) as folder:
        assert folder.parent == tmp_path and len(names(tmp_path)) == 2
    assert len(names(tmp_path)) == 1
    processes[1].terminate()
    processes[1].join()


@pytest.fixture
def runtime(tmp_path, monkeypatch):
    folder = tmp_path / "run"
    place = str(folder / "weft")
    monkeypatch.setattr(files.platformdirs, "user_runtime_dir", lambda *_, **__: place)
    return folder


def test_the_runtime_folder_is_private(runtime):
    (runtime / "weft").mkdir(parents=True)
    (runtime / "weft").chmod(0o755)
    assert runtime_folder() == runtime / "weft"
    assert stat.S_IMODE((runtime / "weft").stat().st_mode) == 0o700


def test_a_runtime_folder_that_others_can_change_is_not_used(runtime):
    runtime.mkdir()
    runtime.chmod(0o777)
    with pytest.raises(PermissionError, match="other users can change it"):
        runtime_folder()
    runtime.chmod(0o700)
    (runtime / "weft").rmdir()
    (runtime / "weft").symlink_to(runtime)
    with pytest.raises(PermissionError, match="no folder of this user's own"):
        runtime_folder()
