"""Loads changed program files: ``python -m program_files.fuzz COUNT FIRST``.

Each ends in :class:`weft.ModelError`, or loads; what loads runs on the golden model and, where
``simulator`` says so, on the functional simulator, which raises for what a board cannot do. Any
other error, more than ``SECONDS`` of CPU time or more than ``BYTES`` is a failure.
"""

if __name__ == "__main__":
    from interrupts import end_with_one_line

    end_with_one_line()

import re
import resource
import signal
import sys
import tempfile
import time
import traceback
from collections import Counter
from pathlib import Path

import numpy as np
import weft
from weft.cli.feeds import random_feed
from weft.program import Program
from weft.program.archive import pack_members
from weft.reports.layer_table import layer_rows, memory_use
from weft.runtime.device import OpenDevice
from weft_sim.testing.functional import FunctionalSimulator

from program_files.mutate import mutate
from program_files.samples import members_of, samples

__all__ = ["fuzz"]

SECONDS, BYTES = 5, 1_000_000_000


class _TooSlow(BaseException):
    """No ``except Exception`` hides it."""


def _stop(*_: object) -> None:
    raise _TooSlow


def fuzz(count: int, first: int) -> Counter[str]:
    """Return how many of ``count`` files ended in which way; failures are printed."""
    programs = {name: members_of(program) for name, program in samples().items()}
    names = list(programs)
    used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(
        resource.RLIMIT_AS, (used + BYTES, resource.getrlimit(resource.RLIMIT_AS)[1])
    )
    signal.signal(signal.SIGPROF, _stop)
    ends: Counter[str] = Counter()
    slowest = 0.0
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "x.weft")
        for name in names:  # unchanged, each of them loads and runs
            path.write_bytes(pack_members(programs[name]))
            if not _end_of(path, 0).startswith("loaded"):
                raise AssertionError(f"{name} does not load")
        for seed in range(first, first + count):
            name, rng = names[seed % len(names)], np.random.default_rng(seed)
            path.write_bytes(mutate(programs[name], rng))
            start = time.process_time()
            signal.setitimer(signal.ITIMER_PROF, SECONDS)
            try:
                end = _end_of(path, seed)
            except BaseException as error:
                signal.setitimer(signal.ITIMER_PROF, 0)
                if isinstance(error, SystemExit):
                    raise
                end = f"FAILED: {type(error).__name__}"
                print(f"seed {seed} ({name}):", flush=True)
                traceback.print_exc(limit=-4)
            signal.setitimer(signal.ITIMER_PROF, 0)
            ends[end] += 1
            slowest = max(slowest, time.process_time() - start)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10
    print(f"slowest {slowest:.2f} s, peak {peak} MiB")
    return ends


def _end_of(path: Path, seed: int) -> str:
    """Return how a file ends: loaded, or the rule that refuses it."""
    try:
        program = Program.load(path)
    except weft.ModelError as error:
        text = str(error)
        if "\n" in text or len(text) > 4000:
            raise AssertionError(f"this is no sentence: {text[:500]}") from None
        return "refused: " + re.sub(r"'.*'|\d+|[tT]ensors?/.*", "#", text.split(": ", 1)[1])[:60]
    layer_rows(program.graph, program, program.config.multipliers)
    memory_use(program)
    feed = random_feed(program.graph, seed)
    _run(program, "golden", feed)
    simulator = seed % 5 == 0
    if simulator:
        _run(
            program,
            OpenDevice("simulator", program.config, FunctionalSimulator(program.config)),
            feed,
        )
    return "loaded and ran" + " on both" * simulator


def _run(program: Program, device: str | OpenDevice, feed: dict[str, np.ndarray]) -> None:
    with np.errstate(all="ignore"), weft.InferenceSession(program, device=device) as session:
        outputs = session.run(None, feed)
        assert [x.shape for x in outputs] == [tuple(i.shape) for i in session.get_outputs()]
        _ = session.profile.layers


if __name__ == "__main__":
    found = fuzz(int(sys.argv[1]), int(sys.argv[2]))
    for text, number in found.most_common():
        print(f"{number:7} {text}")
    sys.exit(any(text.startswith("FAILED") for text in found))
