"""The functional simulator, given layers in the contract's terms."""

from fractions import Fraction

import numpy as np
from weft_hw.contract.config import Config
from weft_hw.contract.descriptor import Rounding, encode_descriptor, encode_window
from weft_hw.contract.fields import pack
from weft_hw.contract.memory_map import DESCRIPTOR_WORDS, PARAMETER, PARAMETER_BYTES, Region
from weft_sim.testing.functional import FunctionalSimulator

CONFIG = Config(
    name="test",
    tap_rows=2,
    tap_columns=2,
    columns=8,
    lanes=4,
    activation_words=256,
    line_words=32,
    parameter_words=16,
    weight_words=64,
)


def rounded(acc, multiplier, shift, rounding):
    """One requantisation with exact rationals, as the contract states it."""
    exact = Fraction(int(acc) * int(multiplier), 1 << int(shift))
    if rounding is Rounding.HALF_UP:
        return (exact + Fraction(1, 2)).__floor__()
    assert rounding is Rounding.DOUBLE
    # gemmlowp: high = round(acc * M / 2**31), ties up; then a shift with ties away from zero.
    high = (Fraction(int(acc) * int(multiplier), 1 << 31) + Fraction(1, 2)).__floor__()
    low = Fraction(abs(high), 1 << (int(shift) - 31)) + Fraction(1, 2)
    return int(np.sign(high)) * low.__floor__()


class Bench:
    """A simulator, and a plain copy of what was written into it."""

    def __init__(self, seed):
        self.rng, self.simulator = np.random.default_rng(seed), FunctionalSimulator(CONFIG, seed)
        words, rows = CONFIG.activation_words, CONFIG.rows
        self.memory = self.rng.integers(-128, 128, (words, CONFIG.columns)).astype(np.int8)
        self.weights = self.rng.integers(-128, 128, (64, CONFIG.columns, rows)).astype(np.int8)
        self.parameters = [
            [
                (
                    int(self.rng.integers(-500, 500)),
                    int(self.rng.integers(1 << 30, 1 << 31)),
                    int(self.rng.integers(36, 40)),
                )
                for _ in range(CONFIG.lanes)
            ]
            for _ in range(16)
        ]
        write = self.simulator.write
        write(Region.ACTIVATION, 0, self.memory.tobytes())
        write(Region.WEIGHT, 0, self.weights.tobytes())
        names = [field.name for field in PARAMETER]
        write(
            Region.PARAMETER,
            0,
            b"".join(
                pack(PARAMETER, dict(zip(names, lane, strict=True))).to_bytes(
                    PARAMETER_BYTES, "little"
                )
                for entry in self.parameters
                for lane in entry
            ),
        )

    def run(self, fields, entries=()):
        fields = {"window_count": len(entries)} | fields
        self.simulator.write(Region.WINDOW, 0, b"".join(map(encode_window, entries)))
        self.simulator.write(Region.DESCRIPTOR, DESCRIPTOR_WORDS, encode_descriptor(fields))
        self.simulator.run(1, 1)
        data = self.simulator.read(Region.ACTIVATION, 0, CONFIG.activation_words)
        return np.frombuffer(data, np.int8).reshape(-1, CONFIG.lanes)
