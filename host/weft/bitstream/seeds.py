"""Place and route with several seeds, here or on other machines; what each seed gave is kept."""

import hashlib
import json
import platform
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from threading import Lock

from weft_hw.files import write_file

from weft.bitstream.results import Resource, SeedResult
from weft.bitstream.stage import run_stage
from weft.bitstream.tools import find_tool
from weft.errors import BuildError
from weft.spread import spread

__all__ = ["Design", "KeptSeeds", "route", "routed_elsewhere"]

_LOG = "place.log"
_REPORT = "report.json"


@dataclass(frozen=True)
class Design:
    """A design to be placed and routed.

    Parameters
    ----------
    command : tuple of str
        Nextpnr with its options, but for the seed.
    version : str
        Of nextpnr.
    files : mapping
        What it reads, by name.
    output : str
        The file that it writes in addition to its report.
    """

    command: tuple[str, ...]
    version: str
    files: Mapping[str, bytes]
    output: str

    @property
    def digest(self) -> str:
        """Digest of everything that a seed's result depends on."""
        known = hashlib.sha256(json.dumps([self.command, self.version]).encode())
        for name, data in sorted(self.files.items()):
            known.update(f"{name} {len(data)} ".encode() + data)
        return known.hexdigest()[:16]


class KeptSeeds:
    """Results of one design's seeds: files in a folder, ``SEED.json`` and the best one's output.

    Parameters
    ----------
    folder : Path
        Of this design alone; what is there already counts.
    read : callable
        Returns the result and the resources of a report and its seed.
    """

    def __init__(
        self,
        folder: Path,
        read: Callable[[Path, int], tuple[SeedResult, Mapping[str, Resource]]],
    ):
        folder.mkdir(parents=True, exist_ok=True)
        self._folder, self._read, self._lock = folder, read, Lock()
        self.found: dict[int, tuple[SeedResult, Mapping[str, Resource]]] = {}
        for path in folder.glob("*.json"):
            with suppress(
                ValueError, KeyError, TypeError, AttributeError
            ):  # as if it were not there
                self.found[int(path.stem)] = read(path, int(path.stem))
        while self.found and not self.output(self.best).exists():
            del self.found[self.best]

    @property
    def best(self) -> int:
        """The seed that is published."""
        return max(self.found, key=lambda seed: (self.found[seed][0].met, self._speed(seed), -seed))

    def output(self, seed: int) -> Path:
        """Return the routed design of ``seed``, which is kept for the best one."""
        return self._folder / f"{seed}.routed"

    def add(self, seed: int, report: bytes, output: bytes) -> SeedResult:
        """Keep what a seed gave."""
        path = self._folder / f"{seed}.json"
        with self._lock:
            write_file(self.output(seed), output)
            write_file(path, report)
            self.found[seed] = self._read(path, seed)
            for other in self.found.keys() - {self.best}:
                self.output(other).unlink(missing_ok=True)
            return self.found[seed][0]

    def _speed(self, seed: int) -> float:
        return self.found[seed][0].fmax_mhz


def route(design: Design, seed: int, log: Path, parent: Path | None = None) -> tuple[bytes, bytes]:
    """Place and route on this machine, in a folder in ``parent``; return report and output.

    Raises
    ------
    BuildError
        If nextpnr is missing or another one, or fails; what it printed is in ``log``.
    """
    program = find_tool(design.command[0])
    if program.version != design.version:
        raise BuildError(
            f"{platform.node()} has {program.version}, and the build began with {design.version}"
        )
    with tempfile.TemporaryDirectory(prefix=f"seed{seed}-", dir=parent) as name:
        folder = Path(name)
        for file, data in design.files.items():
            (folder / file).write_bytes(data)
        run_stage(program, [*design.command, "--seed", str(seed)], folder, log)
        return (folder / _REPORT).read_bytes(), (folder / design.output).read_bytes()


def routed_elsewhere(
    design: Design, seeds: Sequence[int], address: str, log: Callable[[int], Path]
) -> Iterator[tuple[int, bytes, bytes]]:
    """Yield seed, report and output as they come from the machines of a Ray cluster.

    Raises
    ------
    BuildError
        If a seed fails; what nextpnr printed is in its ``log``.
    """
    for seed, (printed, made, problem) in spread(_route_there, design, seeds, address=address):
        write_file(log(seed), printed)
        if made is None:
            raise BuildError(f"{problem}; see {log(seed)}")
        yield seed, *made


def _route_there(design: Design, seed: int) -> tuple[bytes, tuple[bytes, bytes] | None, str]:
    """Return what was printed, report and output, and what went wrong."""
    with tempfile.TemporaryDirectory(prefix="weft-") as folder:
        log, made, problem = Path(folder, _LOG), None, ""
        try:
            made = route(design, seed, log)
        except BuildError as error:
            problem = str(error).removesuffix(f"; see {log}")
        return log.read_bytes() if log.exists() else b"", made, problem
