"""A short hash of the whole contract, so that program and board can be told apart."""

import hashlib
from dataclasses import asdict

from weft_hw.contract.config import CONFIGS, Config
from weft_hw.contract.descriptor import DESCRIPTOR, WINDOW
from weft_hw.contract.memory_map import COUNTERS, PARAMETER, memory_map
from weft_hw.contract.move import MOVE

__all__ = ["config_of", "fingerprint"]


def fingerprint(config: Config) -> int:
    """Return the 64-bit fingerprint of ``config`` together with every layout of the contract.

    Two sides with equal fingerprints agree on descriptors, memories and sizes. What only changes
    how fast a program runs is left out.
    """
    speed = ("dsp_multipliers", "dsp_lanes", "tile", "fill_words")
    sizes = {k: v for k, v in asdict(config).items() if k not in speed}
    text = repr((sizes, DESCRIPTOR, MOVE, WINDOW, PARAMETER, COUNTERS, memory_map(config)))
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "little")


def config_of(number: int) -> str:
    """Return the name of the configuration with this fingerprint; nothing if there is none."""
    return next((name for name, c in CONFIGS.items() if fingerprint(c) == number), "")
