"""Programs for the engine: memories before, descriptors, and activation memory afterwards."""

from dataclasses import dataclass, field
from math import ceil
from pathlib import Path

import numpy as np
from weft_hw.contract.config import Config
from weft_hw.contract.descriptor import Kind, Rounding, encode_descriptor, encode_window
from weft_hw.contract.fields import pack
from weft_hw.contract.memory_map import PARAMETER, PARAMETER_BYTES, Region
from weft_hw.contract.timing import LANE_CYCLES
from weft_sim.testing.functional import FunctionalSimulator

__all__ = ["Case", "Tensor", "save_cases", "simulator_result"]


@dataclass(frozen=True)
class Tensor:
    """A feature map in activation memory: rows of words, ``1 << packing`` pixels in a word.

    ``gap`` words lie between two rows.
    """

    base: int
    height: int
    width: int
    pixel_words: int = 1
    packing: int = 0
    gap: int = 0

    @property
    def row_words(self) -> int:
        return ceil(self.width / (1 << self.packing)) * self.pixel_words

    @property
    def words(self) -> int:
        return self.height * self.row_pitch - self.gap

    @property
    def row_pitch(self) -> int:
        """Words from one row to the next."""
        return self.row_words + self.gap


@dataclass
class Case:
    """A program under construction; memory starts with random bytes."""

    config: Config
    rng: np.random.Generator
    used_words: int = 0
    weights: list[np.ndarray] = field(default_factory=list)  # int8 (columns, rows) each
    parameters: list[bytes] = field(default_factory=list)
    entries: list[bytes] = field(default_factory=list)
    descriptors: list[bytes] = field(default_factory=list)
    busy: list[int] = field(default_factory=list)  # cycles of work, per descriptor
    notes: list[str] = field(default_factory=list)
    expected: np.ndarray | None = None

    def __post_init__(self):
        size = self.config.activation_words, self.config.columns
        self.activations = self.rng.integers(0, 256, size, dtype=np.uint8)

    def allocate(self, words: int) -> int:
        """Take the next ``words`` of activation memory; return the first."""
        self.used_words += words
        return self.used_words - words

    def add_parameters(self, entries: int, bias, multiplier, shift) -> int:
        """Append parameter words, each value made by a callable; return the index of the first."""
        base = len(self.parameters) // self.config.lanes
        for _ in range(entries * self.config.lanes):
            values = {"bias": int(bias()), "multiplier": int(multiplier()), "shift": int(shift())}
            self.parameters.append(pack(PARAMETER, values).to_bytes(PARAMETER_BYTES, "little"))
        return base

    def align_weights(self):
        """Fill weight memory up to a word that all pixels can read from."""
        missing = -len(self.weights) % self.config.pixels
        self.weights += [np.zeros((self.config.columns, self.config.rows), np.int8)] * missing

    def add(self, busy: int, note: str, **values: int):
        """Append a descriptor."""
        self.descriptors.append(encode_descriptor({k: int(v) for k, v in values.items()}))
        self.busy.append(int(busy))
        self.notes.append(note)

    def memories(self) -> dict[Region, np.ndarray]:
        """Bytes (units, unit bytes) of each memory that the host writes."""

        def rows(parts: list[bytes], unit: int) -> np.ndarray:
            return np.frombuffer(b"".join(parts), np.uint8).reshape(-1, unit)

        weights = np.array(self.weights, np.int8).reshape(-1, self.config.rows).view(np.uint8)
        return {
            Region.ACTIVATION: self.activations[: self.used_words],
            Region.WEIGHT: weights,
            Region.PARAMETER: rows(self.parameters, PARAMETER_BYTES),
            Region.DESCRIPTOR: rows(self.descriptors, 4),
            Region.WINDOW: rows(self.entries, 4),
        }

    @property
    def deadline(self) -> int:
        """Cycles that no correct engine exceeds."""
        beat_cycles = LANE_CYCLES if self.config.compact else 1
        exits = self.config.beats * self.config.pixels * beat_cycles + 8
        return 1000 * len(self.busy) + sum(self.busy) * exits + 20 * self.used_words


def add_mac(
    case: Case,
    source: Tensor,
    target: Tensor,
    entries: list[dict],
    weights: np.ndarray,
    *,
    groups: int,
    last_beats: int,
    parameter_base: int,
    note: str,
    **values: int,
):
    """Append a MAC layer.

    ``weights`` is int8 (groups * steps, columns, rows); what ``values`` does not say follows from
    the tensors.
    """
    config, beats = case.config, case.config.beats
    units = 1 if source.packing else source.pixel_words
    steps = sum(entry["steps_minus_1"] + 1 for entry in entries)
    fields = {
        "kind": Kind.MAC,
        "in_base": source.base,
        "row_words": source.row_words,
        "row_gap": source.gap,
        "fill_rows": source.height,
        "row_bits": (source.row_words - 1).bit_length(),
        "in_height": source.height,
        "in_width": source.width,
        "packing": source.packing,
        "out_height": target.height,
        "out_width": target.width,
        "groups": groups,
        "stride_y": 1,
        "stride_x": 1,
        "dilation_y": 1,
        "dilation_x": 1,
        "window_base": len(case.entries),
        "window_count": len(entries),
        "weight_base": len(case.weights),
        "last_beats": last_beats,
        "parameter_base": parameter_base,
        "rounding": Rounding.HALF_UP,
        "low": -128,
        "high": 127,
        "out_base": target.base * beats,
        "out_row": target.row_pitch * beats,
        "out_pixel": target.pixel_words * beats >> target.packing,
        "first_mask": (1 << config.lanes) - 1,
        "last_mask": (1 << config.lanes) - 1,
    } | values
    fields |= {
        "unit_step": fields["dilation_x"] * units,
        "unit_stride": fields["stride_x"] * units,
        "origin": -fields.get("pad_left", 0) * units,
    }
    case.weights += list(weights)
    case.entries += [encode_window(entry) for entry in entries]
    windows = ceil(target.height / config.pixels) * target.width
    case.add(windows * groups * steps, note, **fields)


def simulator_result(case: Case) -> np.ndarray:
    """Activation memory after the functional simulator has run ``case``."""
    simulator = FunctionalSimulator(case.config, seed=len(case.notes))
    for region, rows in case.memories().items():
        simulator.write(region, 0, rows.tobytes())
    simulator.run(0, len(case.descriptors))
    data = simulator.read(Region.ACTIVATION, 0, case.used_words)
    return np.frombuffer(data, np.uint8).reshape(-1, case.config.columns)


def save_cases(path: Path, cases: list[Case]) -> None:
    """Save what ``tb_engine`` needs; what is expected comes from the case or from the simulator."""
    arrays = {"count": np.array(len(cases))}
    for index, case in enumerate(cases):
        expected = simulator_result(case) if case.expected is None else case.expected
        arrays |= {f"{index}_{region.name}": rows for region, rows in case.memories().items()}
        arrays |= {
            f"{index}_expected": expected,
            f"{index}_busy": np.array(case.busy),
            f"{index}_deadline": np.array(case.deadline),
            f"{index}_note": np.array("; ".join(case.notes)),
        }
    np.savez(path, **arrays)  # pyright: ignore[reportArgumentType]
