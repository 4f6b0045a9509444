"""The engine of compact configurations against the functional simulator."""

from dataclasses import replace

import numpy as np
import pytest
from random_chains import random_chain
from random_layers import random_layer
from weft_hw.contract.config import get_config

SEED = 20261124
COMPACT = replace(get_config("tiny"), name="compact", columns=2, lanes=1, compact=True)
# The largest memories, whose addresses take all bits of the descriptor's fields, or more.
GRID = replace(
    COMPACT,
    name="compact-grid",
    tap_rows=2,
    columns=4,
    lanes=2,
    activation_words=1 << 15,
    line_words=512,
    parameter_words=1 << 12,
    window_count=1 << 12,
)
CONFIGS = pytest.mark.parametrize("config", [COMPACT, GRID], ids=lambda config: config.name)


@pytest.mark.tools
@CONFIGS
def test_random_layers(config, run_engine):
    rng = np.random.default_rng(SEED)
    run_engine(config, [random_layer(config, rng) for _ in range(24)])


@pytest.mark.tools
@CONFIGS
def test_random_chains(config, run_engine):
    rng = np.random.default_rng(SEED)
    run_engine(config, [random_chain(config, rng, macs_only=True) for _ in range(12)])
