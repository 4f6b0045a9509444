"""Profile of an inference: cycles, utilisation and link time, per layer and in all."""

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, fields
from operator import add, sub
from typing import Any

from weft_hw.boards import BITS_PER_BYTE

__all__ = ["LayerProfile", "LinkProfile", "Profile"]


@dataclass(frozen=True, kw_only=True)
class LayerProfile:
    """One layer of one inference.

    Parameters
    ----------
    name, operator : str
    where : str
        ``"accelerator"``, ``"host"``, ``"fused"`` (part of another layer) or ``"free"``.
    reason : str
        Why, unless it is the accelerator.
    output_shape : tuple of int
        Without the batch.
    macs : int
    cycles : int or None
        Counted by the hardware; 0 for an operator that is fused, free or on the host, None where
        nothing counts cycles (device ``golden``).
    predicted_cycles : int
        What the cycle model says.
    multipliers : int
        In the array.
    busy, wait_input, wait_output, wait_setup, wait_memory : int or None
        Cycles in which the array worked (or operands passed), waited for input, waited for
        results to leave, waited for the layer's descriptor or table, and waited for moves from
        memory beside the chip; together ``cycles``.
    mismatches : int or None
        Values that differ from the golden model; None when not compared.
    """

    name: str
    operator: str
    where: str
    reason: str
    output_shape: tuple[int, ...]
    macs: int
    cycles: int | None
    predicted_cycles: int
    multipliers: int
    busy: int | None = None
    wait_input: int | None = None
    wait_output: int | None = None
    wait_setup: int | None = None
    wait_memory: int | None = None
    mismatches: int | None = None

    @property
    def utilization(self) -> float | None:
        """``macs / (multipliers * cycles)``; None without cycles."""
        return _utilization(self.macs, self.multipliers, self.cycles)

    def as_dict(self) -> dict[str, Any]:
        """Return the fields and the utilisation as ``bench --json`` prints them."""
        values = asdict(self)
        del values["multipliers"]
        return {**values, "output_shape": list(self.output_shape), "utilization": self.utilization}


@dataclass(frozen=True, kw_only=True)
class LinkProfile:
    """Bytes that one inference sent and received (without the program), and their time.

    Where the board is simulated, also its clock cycles (those of the link included) and the
    seconds that simulating them took. ``bytes_per_second`` is the rate of the link or, where there
    is no board, of that of the board with this configuration; 0 where there is none either.
    ``kind`` is what link that is, ``"uart"``, ``"usb"``, ``"udp"`` or ``"spi"``.
    """

    bytes_to_board: int = 0
    bytes_from_board: int = 0
    seconds: float = 0.0
    retries: int = 0
    simulated_cycles: int = 0
    simulation_seconds: float = 0.0
    bytes_per_second: float = 0.0
    kind: str = "uart"

    @property
    def rate(self) -> str:
        """Its rate with a unit, as ``3 Mbaud`` or ``40 MB/s``."""
        millions = self.bytes_per_second / 1e6
        if self.kind == "uart":
            return f"{millions * BITS_PER_BYTE:g} Mbaud"
        return f"{millions:.3g} MB/s"

    @property
    def wire_seconds(self) -> float | None:
        """Seconds for the bytes at the link's rate, one way after the other; None without a rate.

        It predicts ``seconds`` before there is a board, without what a host takes to answer.
        """
        if not self.bytes_per_second:
            return None
        return (self.bytes_to_board + self.bytes_from_board) / self.bytes_per_second

    @property
    def simulated_hz(self) -> float | None:
        """Cycles simulated per second; None where nothing is simulated."""
        if not self.simulated_cycles or not self.simulation_seconds:
            return None
        return self.simulated_cycles / self.simulation_seconds

    def __add__(self, other: "LinkProfile") -> "LinkProfile":
        """Return both together."""
        return self._with(other, add)

    def __sub__(self, before: "LinkProfile") -> "LinkProfile":
        """Return what came after ``before``."""
        return self._with(before, sub)

    def _with(self, other: "LinkProfile", operation: Callable[[Any, Any], Any]) -> "LinkProfile":
        sums = {
            f.name: operation(getattr(self, f.name), getattr(other, f.name))
            for f in fields(self)
            if f.name not in ("bytes_per_second", "kind")
        }
        known = self if self.bytes_per_second else other
        return LinkProfile(**sums, bytes_per_second=known.bytes_per_second, kind=known.kind)


@dataclass(frozen=True, kw_only=True)
class Profile:
    """One inference.

    Parameters
    ----------
    macs : int
        Multiplications by a weight that the device makes.
    cycles : int or None
        From the cycle in which the hardware accepts the start of the inference to the cycle in
        which the result can be read.
    seconds : float
        Wall-clock time on the host.
    stream : str
        How images overlap in a stream, or why they do not.
    images : int
        Those of a stream that ``link`` and ``seconds`` stand for.
    clock_hz : int
        What the board says of its clock; 0 in simulation.
    """

    model: str
    config: str
    device: str
    layers: Sequence[LayerProfile]
    multipliers: int
    macs: int
    cycles: int | None
    link: LinkProfile
    seconds: float
    stream: str = ""
    images: int = 1
    clock_hz: int = 0

    @property
    def milliseconds(self) -> float | None:
        """What ``cycles`` take at the board's clock; None without a clock."""
        return 1000 * self.cycles / self.clock_hz if self.cycles and self.clock_hz else None

    @property
    def predicted_cycles(self) -> int:
        """Cycles of the whole inference, by the cycle model."""
        return sum(layer.predicted_cycles for layer in self.layers)

    @property
    def utilization(self) -> float | None:
        """``macs / (multipliers * cycles)``; None without cycles."""
        return _utilization(self.macs, self.multipliers, self.cycles)

    @property
    def mismatches(self) -> int | None:
        """Values that differ from the golden model; None when nothing was compared."""
        counts = [layer.mismatches for layer in self.layers if layer.mismatches is not None]
        return sum(counts) if counts else None

    @property
    def bit_exact(self) -> bool | None:
        """Whether every compared value is equal; None when nothing was compared."""
        return None if self.mismatches is None else self.mismatches == 0

    def as_dict(self) -> dict[str, Any]:
        """Return what ``bench --json`` prints for one model."""
        return {
            "model": self.model,
            "config": self.config,
            "device": self.device,
            "macs": self.macs,
            "cycles": self.cycles,
            "utilization": self.utilization,
            "predicted_cycles": self.predicted_cycles,
            "bit_exact": self.bit_exact,
            "mismatches": self.mismatches,
            "layers": [layer.as_dict() for layer in self.layers],
            "link": asdict(self.link) | {"wire_seconds": self.link.wire_seconds},
            "seconds": self.seconds,
            "stream": self.stream,
            "clock_hz": self.clock_hz,
            "milliseconds": self.milliseconds,
        }


def _utilization(macs: int, multipliers: int, cycles: int | None) -> float | None:
    return macs / (multipliers * cycles) if cycles else None
