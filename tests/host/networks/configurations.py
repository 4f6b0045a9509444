"""Configurations that no board has, for tests."""

from dataclasses import replace

from weft_hw.contract.config import CONFIGS, Config

__all__ = ["FEW", "ODD"]

# 2x2 taps, 8 columns and two pixels at a time.
ODD = Config(
    name="odd",
    tap_rows=2,
    tap_columns=2,
    columns=8,
    pixels=2,
    lanes=8,
    line_words=256,
    weight_words=1 << 15,
    activation_words=1 << 14,
    window_count=2048,
)
# Memories so small that networks stream; line buffers and window programs cannot.
FEW = replace(
    CONFIGS["tiny"],
    name="few",
    weight_words=512,
    parameter_words=24,
    line_words=512,
    window_count=512,
    descriptor_count=32,
    dram_bytes=1 << 20,
)
