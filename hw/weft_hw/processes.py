"""Other programs: each runs to its end, or is ended with everything that it started."""

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import IO, TypeVar

__all__ = ["find_wheels_program", "in_parallel", "run_command"]

_Item = TypeVar("_Item")
_Result = TypeVar("_Result")

_GRACE_SECONDS = 2.0
_running: set[subprocess.Popen[str]] = set()


def find_wheels_program(name: str) -> str | None:
    """Return the program that a wheel installed: beside this Python, else on PATH."""
    beside = Path(sys.executable).with_name(name)
    return str(beside) if beside.exists() else shutil.which(name)


def run_command(
    command: Sequence[str | Path],
    *,
    timeout: float,
    cwd: Path | None = None,
    env: Mapping[str, str] | None = None,
    output: IO[str] | None = None,
) -> subprocess.CompletedProcess[str]:
    """Run ``command``; return its exit code, and what it printed unless that goes to ``output``.

    It has a session of its own: a signal to this process group is not one to it, and if this call
    ends early, by a signal or ``timeout`` seconds, so does every process that it started.

    Raises
    ------
    OSError
        If it does not start.
    subprocess.TimeoutExpired
        If it takes too long.
    """
    with subprocess.Popen(
        [str(part) for part in command],
        cwd=cwd,
        env=env,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE if output is None else output,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        start_new_session=True,
    ) as process:
        _running.add(process)
        try:
            printed, _ = process.communicate(timeout=timeout)
        except BaseException:
            _end(process)
            raise
        finally:
            _running.discard(process)
    return subprocess.CompletedProcess(process.args, process.returncode, printed or "")


def in_parallel(
    function: Callable[[_Item], _Result], items: Iterable[_Item], workers: int | None = None
) -> list[_Result]:
    """Return ``function`` of each of ``items``, in order, computed side by side in threads.

    As many as cores that this process may use: ``taskset`` and containers take some away.
    If one fails, or a signal comes, the programs that run are ended and the rest is left out.
    """
    with ThreadPoolExecutor(workers or _cores()) as pool:
        try:
            return list(pool.map(function, items))
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            for process in list(_running):
                _end(process)
            raise


def _cores() -> int | None:
    """Return how many this process may use, or how many there are where nobody tells."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()


def _end(process: "subprocess.Popen[str]") -> None:
    """End a program and its children: asked first, so that they clear up."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        if process.poll() is None:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, number)
            with suppress(subprocess.TimeoutExpired):
                process.wait(_GRACE_SECONDS)
