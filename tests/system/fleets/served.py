"""``weft serve`` in a process of its own, and what its processes are."""

import os
import re
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

__all__ = ["Fleet", "environment", "fleet", "wait_for"]

_REPLICA = "ray::ServeReplica:weft:Board"


def environment() -> dict[str, str]:
    """Return variables with which another Python finds what this one finds."""
    return os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))}


class Fleet:
    """A process that serves a fleet.

    Attributes
    ----------
    http, grpc : str
        ``HOST:PORT`` of each.
    """

    def __init__(self, process: subprocess.Popen[str], http: str, grpc: str):
        self.process, self.http, self.grpc = process, http, grpc

    def ask(
        self, path: str, body: bytes | None = None, headers: dict[str, str] | None = None
    ) -> tuple[int, bytes]:
        """Return status and body of the answer to a GET, or to a POST of ``body``."""
        request = urllib.request.Request(f"http://{self.http}{path}", body, headers or {})
        try:
            with urllib.request.urlopen(request, timeout=120) as response:
                return response.status, response.read()
        except urllib.error.HTTPError as error:
            return error.code, error.read()

    def measures(self) -> dict[str, float]:
        """Return what ``/metrics`` counts, by names with labels."""
        text = self.ask("/metrics")[1].decode()
        return {name: float(value) for name, value in re.findall(r"^(weft.*) (\S+)$", text, re.M)}

    def boards(self, measure: str) -> dict[str, float]:
        """Return what ``weft_board_MEASURE`` counts for each board."""
        pattern = re.compile(rf'weft_board_{measure}{{board="(.*)"}}')
        found = ((pattern.fullmatch(name), value) for name, value in self.measures().items())
        return {match[1]: value for match, value in found if match}

    def replicas(self) -> list[int]:
        """Return the process ids of the replicas that have a board, or wait for one."""
        return [pid for pid, words in descendants(self.process.pid) if words.startswith(_REPLICA)]


def descendants(ancestor: int) -> list[tuple[int, str]]:
    """Return id and command line of all processes that ``ancestor`` and its children started."""
    found = {}
    for folder in Path("/proc").iterdir():
        if folder.name.isdecimal():
            try:
                parent = int((folder / "stat").read_text().rpartition(")")[2].split()[1])
                words = (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode()
            except OSError:  # it has ended
                continue
            found[int(folder.name)] = (parent, words)
    family = {ancestor}
    while more := {pid for pid, (parent, _) in found.items() if parent in family} - family:
        family |= more
    return [(pid, found[pid][1]) for pid in sorted(family - {ancestor}) if pid in found]


def wait_for(condition, what: str) -> None:
    """Wait until ``condition()`` holds; an AssertionError after some minutes."""
    end = time.monotonic() + 300
    while not condition():
        assert time.monotonic() < end, what
        time.sleep(0.1)


@contextmanager
def fleet(*arguments: str) -> Iterator[Fleet]:
    """Start ``weft serve`` with ``arguments``; end it as Ctrl-C does, with all of its processes."""
    process = subprocess.Popen(
        [sys.executable, "-m", "weft", "serve", *arguments, "--port", "0", "--grpc-port", "0"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment(),
    )
    assert process.stdout is not None and process.stderr is not None
    others = []
    try:
        line = process.stdout.readline()
        if not line:
            raise AssertionError(process.stderr.read())
        http, grpc = (word.partition("://")[2] for word in line.split())
        yield Fleet(process, http, grpc)
        others = descendants(process.pid)
        assert others
        process.send_signal(signal.SIGINT)
        said = process.wait(60), process.stdout.read()
        assert said == (0, ""), (said, process.stderr.read())
        wait_for(lambda: not any(_runs(*other) for other in others), f"of {others} some run")
    finally:
        process.kill()
        process.wait()
        process.stdout.close()
        process.stderr.close()


def _runs(pid: int, words: str) -> bool:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode() == words
    except OSError:
        return False
