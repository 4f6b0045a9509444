"""The lock of a device: in a folder of the user's own, and whatever lies there comes to no harm."""

import fcntl
import multiprocessing
import os
import resource
import stat

import pytest
from weft.driver import lock
from weft.driver.lock import DeviceLock
from weft.errors import LinkError

OLD = b"somebody's file\n"


@pytest.fixture
def folder(tmp_path, monkeypatch):
    (tmp_path / "weft").mkdir(mode=0o700)
    monkeypatch.setattr(lock, "runtime_folder", lambda: tmp_path / "weft")
    return tmp_path / "weft"


def test_only_the_user_may_open_it(folder):
    before = os.umask(0)
    try:
        first = DeviceLock("serial:x")
    finally:
        os.umask(before)
    [path] = folder.iterdir()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    with pytest.raises(LinkError, match=f"serial:x is in use by process {os.getpid()}$"):
        DeviceLock("serial:x")
    first.release()
    first.release()
    DeviceLock("serial:x").release()


@pytest.mark.parametrize("kind", ["hard link", "symbolic link", "dangling link", "pipe", "folder"])
def test_links_are_not_followed(folder, tmp_path, kind):
    DeviceLock("x").release()
    [path] = folder.iterdir()
    path.unlink()
    victim = tmp_path / "victim"
    if kind != "dangling link":
        victim.write_bytes(OLD)
    if kind == "hard link":
        os.link(victim, path)
    elif kind == "pipe":
        os.mkfifo(path)
    elif kind == "folder":
        path.mkdir()
    else:
        path.symlink_to(victim)
    with pytest.raises(LinkError, match=r"^cannot lock x: "):
        DeviceLock("x")
    if kind == "dangling link":
        assert not victim.exists()
    else:
        assert victim.read_bytes() == OLD


def test_no_folder_is_one_sentence(monkeypatch):
    def runtime_folder():
        raise PermissionError(1, "it is no folder of this user's own", "/run/weft")

    monkeypatch.setattr(lock, "runtime_folder", runtime_folder)
    message = r"^cannot lock x: /run/weft it is no folder of this user's own$"
    with pytest.raises(LinkError, match=message):
        DeviceLock("x")


def test_a_full_disk_takes_the_owners_name_only(folder):
    def hold():
        resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
        lock = DeviceLock("x")
        held.set()
        end.wait(30)
        lock.release()

    fork = multiprocessing.get_context("fork")
    held, end = fork.Event(), fork.Event()
    process = fork.Process(target=hold)
    process.start()
    assert held.wait(10)
    with pytest.raises(LinkError, match=r"x is in use by process unknown$"):
        DeviceLock("x")
    end.set()
    process.join(10)
    assert process.exitcode == 0
    DeviceLock("x").release()


def test_a_file_system_without_locks_is_one_sentence(folder, monkeypatch):
    def refuse(*_):
        raise OSError(37, "No locks available")

    monkeypatch.setattr(fcntl, "flock", refuse)
    with pytest.raises(LinkError, match=r"^cannot lock x: No locks available$"):
        DeviceLock("x")


def test_names_that_are_no_text(folder):
    DeviceLock("serial:/dev/\udcff").release()
