"""Results of a build: resources, and the clock that each seed reached."""

import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from weft.errors import BuildError

__all__ = ["BuildResult", "Resource", "SeedResult", "read_report"]

# What nextpnr calls a resource, the first of them first, and of how many of the first it takes the
# place. A logic cell of iCE40 holds a LUT, a flip-flop, or both.
_NAMES: dict[str, dict[str, dict[str, int]]] = {
    "ecp5": {
        "lut4": {"TRELLIS_COMB": 1},
        "ff": {"TRELLIS_FF": 1},
        "dsp": {"MULT18X18D": 1},
        "block_ram": {"DP16KD": 1},
    },
    "ice40": {
        "lut4": {"ICESTORM_LC": 1},
        "ff": {},
        "dsp": {"ICESTORM_DSP": 1},
        "block_ram": {"ICESTORM_RAM": 1},
    },
    "gowin": {
        "lut4": {"LUT4": 1, "ALU": 1, "RAM16SDP4": 4},
        "ff": {"DFF": 1},
        "dsp": {"MULT9X9": 1, "MULT18X18": 2},
        "block_ram": {"BSRAM": 1},
    },
}
# Relative difference between a constraint and the clock that it is for: nextpnr-ice40 counts the
# period of a PLL's oscillator in whole picoseconds.
_SAME_CLOCK = 0.002
_ASSUMED_MHZ = 12.0  # what nextpnr-ecp5 asks of a clock for which nothing is asked


@dataclass(frozen=True, kw_only=True)
class Resource:
    """How many of one resource are used, and how many the part has."""

    used: int
    available: int


@dataclass(frozen=True, kw_only=True)
class SeedResult:
    """One run of place and route.

    Parameters
    ----------
    seed : int
    fmax_mhz, target_mhz : float
        What the design's clock reaches, and what it runs at.
    others : mapping
        What other clocks reach, a link's transceiver's for one, by the MHz that are wanted.
    met : bool
        Every clock reaches what is wanted.
    """

    seed: int
    fmax_mhz: float
    target_mhz: float
    others: Mapping[str, float]
    met: bool

    @property
    def clocks(self) -> list[tuple[float, float]]:
        """MHz that each clock is wanted to have, and reaches; the design's is the first."""
        beside = [(float(wanted), reached) for wanted, reached in self.others.items()]
        return [(self.target_mhz, self.fmax_mhz), *beside]


@dataclass(frozen=True, kw_only=True)
class BuildResult:
    """What ``weft build`` reports; ``bitstream`` is None where no seed met the clock."""

    board: str
    config: str
    link: str
    device: str
    seeds: tuple[SeedResult, ...]
    resources: Mapping[str, Resource]
    bitstream: Path | None
    tools: Mapping[str, str]

    def as_dict(self) -> dict[str, Any]:
        """Return what ``build --json`` prints."""
        return {
            **asdict(self),
            "seeds": [asdict(seed) for seed in self.seeds],
            "bitstream": str(self.bitstream) if self.bitstream else None,
        }


def read_report(
    path: Path, *, family: str, seed: int, target_mhz: float, flip_flops: int
) -> tuple[SeedResult, dict[str, Resource]]:
    """Return what nextpnr's JSON report says of one run.

    Parameters
    ----------
    path : Path
        The file written by ``--report``.
    family : str
    seed : int
    target_mhz : float
        Clock of the design.
    flip_flops : int
        Counted after synthesis, for a family whose report has none.

    Raises
    ------
    BuildError
        If the design's clock has no constraint, or another clock of an ECP5 has none: then its
        timing was not checked.
    """
    report = json.loads(path.read_text())
    clocks = report["fmax"].values()
    ours, others = [], {}
    for clock in clocks:
        if abs(clock["constraint"] - target_mhz) <= _SAME_CLOCK * target_mhz:
            ours.append(clock["achieved"])
        else:
            wanted = f"{clock['constraint']:g}"
            others[wanted] = min(round(clock["achieved"], 2), others.get(wanted, math.inf))
    if not ours:
        known = ", ".join(f"{clock['constraint']:g} MHz" for clock in clocks) or "none"
        raise BuildError(
            f"nextpnr knows no constraint of {target_mhz:g} MHz (only {known}), so the clock was "
            f"not checked"
        )
    for name, clock in report["fmax"].items():
        if family == "ecp5" and clock["constraint"] == _ASSUMED_MHZ:
            raise BuildError(f"nextpnr knows no constraint of clock {name}, so it was not checked")
    met = all(clock["achieved"] >= clock["constraint"] for clock in clocks)
    found = report["utilization"]
    resources = {}
    for name, theirs in _NAMES[family].items():
        if theirs:
            used = sum(int(found[kind]["used"]) * count for kind, count in theirs.items())
            available = int(found[next(iter(theirs))]["available"])
        else:  # one in each logic cell
            used, available = flip_flops, int(found["ICESTORM_LC"]["available"])
        resources[name] = Resource(used=used, available=available)
    result = SeedResult(
        seed=seed,
        fmax_mhz=round(min(ours), 2),
        target_mhz=round(target_mhz, 3),
        others=others,
        met=met,
    )
    return result, resources
