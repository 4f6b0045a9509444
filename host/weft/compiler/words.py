"""Weights and parameters of a command: arrays, and the bytes that memories hold of them."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from weft_hw.contract.fields import pack
from weft_hw.contract.memory_map import PARAMETER, PARAMETER_BYTES

__all__ = ["Parameters", "Weights"]

_NAMES = [field.name for field in PARAMETER]


@dataclass(frozen=True, eq=False)
class Weights:
    """Words of weight memory, int8, shape (words, columns, rows)."""

    words: NDArray[np.int8]

    def __len__(self) -> int:
        return len(self.words)

    def __getitem__(self, part: slice) -> "Weights":
        piece = Weights(self.words[part])
        piece.__dict__["used"] = self.used[part]  # known already
        return piece

    @cached_property
    def data(self) -> bytes:
        """Their bytes; pieces of a command share them."""
        return self.words.tobytes()

    @cached_property
    def used(self) -> NDArray[np.bool_]:
        """Whether a word has a weight that is not zero, shape (words,)."""
        return np.any(self.words, axis=(1, 2))


@dataclass(frozen=True, eq=False)
class Parameters:
    """Words of parameter memory: bias, multiplier and shift, int64, shape (words, lanes, 3)."""

    words: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.words)

    def __getitem__(self, part: slice) -> "Parameters":
        return Parameters(self.words[part])

    @cached_property
    def data(self) -> bytes:
        """Their bytes; pieces of a command share them."""
        lanes = self.words.reshape(-1, len(_NAMES)).tolist()
        packed = (pack(PARAMETER, dict(zip(_NAMES, lane, strict=True))) for lane in lanes)
        return b"".join(number.to_bytes(PARAMETER_BYTES, "little") for number in packed)
