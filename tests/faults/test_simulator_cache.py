"""A cached simulator counts only as it was built; what is damaged is built again."""

import multiprocessing
import os
import resource
import subprocess
import sys
import time

import pytest
from weft_sim import verilate

FORK = multiprocessing.get_context("fork")


@pytest.fixture
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("WEFT_CACHE", str(tmp_path))
    return tmp_path / "simulators"


@pytest.fixture
def library(cache, monkeypatch, tmp_path):
    """Build a library that is no library, so that a build takes no time."""
    made, builds = tmp_path / "made", []
    harness = tmp_path / "harness.cpp"
    harness.write_text("// nothing")
    made.write_bytes(b"library" * 1000)

    def tool(command, cwd, **options):
        (cwd / "top.v").write_text("verilog")

    def compile(build, harness, waves=""):
        builds.append(build)
        return made

    monkeypatch.setattr(verilate, "_write_rtlil", lambda component, path: path.write_text("il"))
    monkeypatch.setattr(verilate, "run_tool", tool)
    monkeypatch.setattr(verilate, "compile_library", compile)
    return lambda: (verilate.build_library(object, "key", harness), len(builds))


def damages(path):
    content = path.read_bytes()
    yield b""
    yield content[: len(content) // 2]
    yield content + b"\0"
    yield bytes([content[0] ^ 1]) + content[1:]
    yield b"\xff" * 40


def test_damaged_files_of_the_cache_are_made_again(cache, library):
    path, builds = library()
    whole = {p.name: p.read_bytes() for p in cache.iterdir()}
    assert builds == 1 and len(whole) == 3
    assert library() == (path, 1)
    for name in whole:
        for damage in list(damages(cache / name)):
            (cache / name).write_bytes(damage)
            assert library()[0] == path
            assert {p.name: p.read_bytes() for p in cache.iterdir()} == whole, (name, damage[:20])
        (cache / name).unlink()
        assert library()[0] == path
        assert {p.name: p.read_bytes() for p in cache.iterdir()} == whole


@pytest.mark.timeout(60)
@pytest.mark.parametrize("kind", ["pipe", "link to itself", "dangling link", "link to another"])
def test_what_is_no_file_in_the_cache_counts_as_missing(cache, library, tmp_path, kind):
    path, _ = library()
    whole = {p.name: p.read_bytes() for p in cache.iterdir()}
    (tmp_path / "other").write_bytes(b"other")
    for name in whole:
        (cache / name).unlink()
        if kind == "pipe":
            os.mkfifo(cache / name)
        else:
            targets = {"link to itself": name, "dangling link": tmp_path / "none"}
            (cache / name).symlink_to(targets.get(kind, tmp_path / "other"))
        assert library()[0] == path
        assert {p.name: p.read_bytes() for p in cache.iterdir()} == whole, name
        assert (tmp_path / "other").read_bytes() == b"other" and not (tmp_path / "none").exists()


def test_a_folder_in_the_place_of_a_library_is_an_error(cache, library):
    library()
    for name in [p.name for p in cache.iterdir()]:
        (cache / name).unlink()
        (cache / name).mkdir()
        with pytest.raises(OSError) as raised:
            library()
        assert str(cache / name) in str(raised.value)
        (cache / name).rmdir()
    library()


def test_an_index_of_another_build_is_not_followed(cache, library):
    path, _ = library()
    [index] = cache.glob("*.txt")
    other = path.with_name("0" * 24 + ".so")
    other.write_bytes(b"other")
    index.write_text(other.name + " " + index.read_text().split()[1])
    assert library()[0] == path


def test_several_processes_build_the_same(cache, library):
    """At the same moment; each gets a whole library, and nothing else is left."""
    barrier, queue = FORK.Barrier(4), FORK.Queue()

    def build():
        barrier.wait(60)
        path, _ = library()
        queue.put((path, path.read_bytes()))

    processes = [FORK.Process(target=build) for _ in range(4)]
    for process in processes:
        process.start()
    found = [queue.get(timeout=60) for _ in processes]
    for process in processes:
        process.join(60)
    assert {content for _, content in found} == {b"library" * 1000}
    assert sorted(p.suffix for p in cache.iterdir()) == [".sha256", ".so", ".txt"]


@pytest.mark.parametrize("limit", [0, 3, 1000, 6999])
def test_no_room_for_a_library(cache, library, limit):
    """What fits of it is not used; with room it is built again."""

    def build():
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
        try:
            library()
        except OSError:
            os._exit(3)
        os._exit(0)

    process = FORK.Process(target=build)
    process.start()
    process.join(60)
    assert process.exitcode == 3
    assert not list(cache.glob("*.so")) and not list(cache.glob(".weft-*"))
    path, _ = library()
    assert path.read_bytes() == b"library" * 1000


@pytest.mark.rtl
@pytest.mark.timeout(600)
def test_builds_that_are_killed_and_a_library_that_is_cut_short(cache):
    """What was cut off is never used; half of a library used to end in SIGBUS."""
    code = (
        "from weft_hw.contract.config import get_config\n"
        "from weft_sim.virtual_board import VirtualBoard\n"
        "VirtualBoard(get_config('tiny'), stand_in=True).close()"
    )
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(p for p in sys.path if p)}

    def build():
        return subprocess.Popen([sys.executable, "-c", code], env=environment)

    for seconds in (1.0, 3.0):
        process = build()
        time.sleep(seconds)
        process.kill()
        process.wait()
    assert build().wait(300) == 0
    assert sorted(p.suffix for p in cache.iterdir()) == [".sha256", ".so", ".txt"]
    [path] = cache.glob("*.so")
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    assert build().wait(300) == 0
    assert path.read_bytes()[:4] == b"\x7fELF"
    assert path.stat().st_size > len(whole) // 2
