"""Functional simulator: executes descriptors on memory images, exactly, without a clock."""

import numpy as np
from numpy.typing import ArrayLike, NDArray
from weft_hw.contract.config import Config
from weft_hw.contract.descriptor import (
    TABLE_BYTES,
    TABLE_ENTRIES,
    WIDE_SHIFT,
    Kind,
    Rounding,
    decode_descriptor,
)
from weft_hw.contract.fields import unpack
from weft_hw.contract.memory_map import (
    DESCRIPTOR_WORDS,
    PARAMETER,
    Region,
    memory_map,
)
from weft_hw.contract.move import decode_move

from weft_sim.testing.mac import mac
from weft_sim.testing.moves import HardwareFault, Moves

__all__ = ["FunctionalSimulator", "HardwareFault", "requantize"]


def requantize(
    accumulator: ArrayLike, multiplier: ArrayLike, shift: ArrayLike, rounding: int
) -> NDArray[np.int64]:
    """Return ``accumulator * multiplier / 2**shift``, rounded as ``rounding`` says.

    Parameters
    ----------
    accumulator : int64 array of signed 32-bit values
    multiplier, shift : int64 arrays that broadcast against it; 31 and 6 bits
    rounding : Rounding
        DOUBLE is gemmlowp's double rounding written as one.
    """
    accumulator, multiplier, shift = (
        np.asarray(values).astype(np.int64) for values in (accumulator, multiplier, shift)
    )
    if rounding == Rounding.FLOAT32:
        scale = np.ldexp(multiplier.astype(np.float64), -shift).astype(np.float32)
        return np.asarray(np.rint(accumulator.astype(np.float32) * scale), np.int64)
    product = accumulator * multiplier
    if rounding == Rounding.DOUBLE:
        nudge = np.where(accumulator < 0, -(1 << 30), 1 << 30)
        product = product + np.where(shift > 31, nudge, 0)
    half = np.where(shift > 0, np.int64(1) << np.maximum(shift - 1, 0), 0)
    return np.asarray((product + half) >> shift, np.int64)


Snapshot = dict[Region, NDArray[np.uint8]]


class FunctionalSimulator:
    """Memories of one accelerator, and descriptors executed on them.

    Whatever the contract leaves unspecified (rows that no layer filled, bytes past a tensor's
    channels, unused rows of the array) is filled with noise, so that a program that depends on
    it gives wrong results.

    Parameters
    ----------
    config : Config
    seed : int
        Seed of the noise and of the memories' first contents.
    late : float
        Chance that a move which may begin is put off. From 0, as early as its waits allow, to 1,
        as late as others' waits allow. A program is right only if it is for any.
    """

    def __init__(self, config: Config, seed: int = 1, *, late: float = 0.5):
        self.config, self.late = config, late
        self.noise = np.random.default_rng(seed)
        self._memory = {
            region: self.noise.integers(0, 256, (m.units, m.unit_bytes), dtype=np.uint8)
            for region, m in memory_map(config).items()
        }

    def write(self, region: Region, unit: int, data: bytes | NDArray[np.uint8]) -> None:
        """Write whole units from ``unit`` on."""
        memory = self._memory[region]
        rows = np.frombuffer(bytes(data), np.uint8).reshape(-1, memory.shape[1])
        if not 0 <= unit <= unit + len(rows) <= len(memory):
            raise HardwareFault(
                f"{region.name} {unit}+{len(rows)} lies outside {len(memory)} units"
            )
        memory[unit : unit + len(rows)] = rows

    def read(self, region: Region, unit: int, count: int) -> bytes:
        """Return ``count`` units from ``unit`` on."""
        memory = self._memory[region]
        if not 0 <= unit <= unit + count <= len(memory):
            raise HardwareFault(f"{region.name} {unit}+{count} lies outside {len(memory)} units")
        return memory[unit : unit + count].tobytes()

    def run(self, first: int, count: int) -> None:
        """Execute ``count`` descriptors from number ``first`` on."""
        moves = Moves(self)
        for index in range(first, first + count):
            slot = index % self.config.descriptor_count
            data = self.read(Region.DESCRIPTOR, slot * DESCRIPTOR_WORDS, DESCRIPTOR_WORDS)
            if Kind(data[0] & 3) is Kind.MOVE:
                moves.add(decode_move(data))
                continue
            descriptor = decode_descriptor(data)
            moves.before_layer(descriptor["moves"])
            before = self.snapshot()
            self.layer(descriptor)
            moves.after_layer(descriptor, before)
        moves.finish()

    def snapshot(self) -> Snapshot:
        """Return a copy of what lies in the memories on the chip."""
        return {
            region: memory.copy()
            for region, memory in self._memory.items()
            if region is not Region.DRAM
        }

    def restore(self, before: Snapshot) -> None:
        """Put back what :meth:`snapshot` returned."""
        for region, memory in before.items():
            self._memory[region][:] = memory

    def layer(self, descriptor: dict[str, int]) -> None:
        """Execute one layer."""
        kind = Kind(descriptor["kind"])
        if kind is Kind.MAC:
            mac(self, descriptor)
        elif kind is Kind.ELEMENTWISE:
            self._elementwise(descriptor)
        else:
            words = TABLE_BYTES // self.config.columns
            self.write(Region.TABLE, 0, self.read(Region.ACTIVATION, descriptor["in_base"], words))

    def table(self) -> NDArray[np.int64]:
        """Return the table's entries, int64 (256,)."""
        return np.frombuffer(self.read(Region.TABLE, 0, TABLE_ENTRIES), "<i4").astype(np.int64)

    def beats(self) -> NDArray[np.uint8]:
        """Return activation memory as beats, (beats, lanes), to be written to."""
        return self._memory[Region.ACTIVATION].reshape(-1, self.config.lanes)

    def parameters(self, base: int, entries: int) -> dict[str, NDArray[np.int64]]:
        """Return bias, multiplier and shift, int64 (entries, lanes)."""
        lanes = self.config.lanes
        size = memory_map(self.config)[Region.PARAMETER].unit_bytes
        data = self.read(Region.PARAMETER, base * lanes, entries * lanes)
        words = [int.from_bytes(data[i : i + size], "little") for i in range(0, len(data), size)]
        fields = [unpack(PARAMETER, word) for word in words]
        return {
            field.name: np.array([f[field.name] for f in fields], np.int64).reshape(-1, lanes)
            for field in PARAMETER
        }

    def finish(
        self, d: dict[str, int], values: NDArray[np.int64], parameters: dict[str, NDArray[np.int64]]
    ) -> NDArray[np.uint8]:
        """Add the bias (32 bits, wrapping), requantise, clamp, look up; (..., entries * lanes)."""
        bias, multiplier, shift = (parameters[f.name].reshape(-1) for f in PARAMETER)
        total = (values + bias + (1 << 31)) % (1 << 32) - (1 << 31)
        rounded = requantize(total, multiplier, shift, d["rounding"])
        result = np.clip(rounded + d["zero_point"], d["low"], d["high"])
        if d["use_table"]:
            result = self.table()[result & 255]
        return (result & 255).astype(np.uint8)

    def add(
        self, d: dict[str, int], first: NDArray[np.int64], second: NDArray[np.int64]
    ) -> NDArray[np.uint8]:
        """Add two operands (..., lanes) as a MAC layer that adds does."""
        parameters = self.parameters(d["sum_parameter"], 1)
        total = (first << WIDE_SHIFT if d["wide"] else first) + self.table()[second & 255]
        names = ("rounding", "zero_point", "low", "high")
        sums = d | {name: d[f"sum_{name}"] for name in names}
        return self.finish(sums, total - parameters["bias"].reshape(-1), parameters)

    def _elementwise(self, d: dict[str, int]) -> None:
        config, count = self.config, d["word_count"]
        operand = {}
        for name in ("in_base",) if d["unary"] else ("in_base", "other_base"):
            data = self.read(Region.ACTIVATION, d[name], count)
            operand[name] = np.frombuffer(data, np.int8).astype(np.int64)
        a = operand["in_base"].reshape(-1, config.lanes)
        parameters = self.parameters(d["parameter_base"], 1)
        if d["multiply"]:
            b = operand["other_base"].reshape(a.shape)
            value = (a - d["in_zero"]) * (b - d["other_zero"])
        else:
            value = a << WIDE_SHIFT if d["wide"] else a
            if not d["unary"]:
                # The table takes the bias's place.
                b = operand["other_base"].reshape(a.shape)
                value = value + self.table()[b & 255] - parameters["bias"]
        out = self.beats()
        if d["out_base"] + len(a) > len(out):
            raise HardwareFault(f"beat {d['out_base'] + len(a) - 1} lies outside {len(out)}")
        out[d["out_base"] : d["out_base"] + len(a)] = self.finish(d, value, parameters)
