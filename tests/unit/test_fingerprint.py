"""The fingerprint, which changes with the contract and the sizes."""

from dataclasses import fields, replace

import pytest
from weft_hw.contract import fingerprint as fingerprint_module
from weft_hw.contract.config import Config
from weft_hw.contract.fingerprint import fingerprint

SIZES = {
    "name": "other",
    "tap_rows": 2,
    "tap_columns": 2,
    "columns": 8,
    "pixels": 2,
    "lanes": 4,
    "weight_words": 1024,
    "activation_words": 1000,
    "line_words": 256,
    "parameter_words": 100,
    "descriptor_count": 32,
    "window_count": 100,
    "compact": True,
    "paired": True,
    "dram_bytes": 1 << 20,
}
WITH_PIXELS = {"own_weights": True}
NO_MATTER = {"tile": 8, "dsp_multipliers": 7, "dsp_lanes": True, "fill_words": 2}


def test_any_size_changes_the_fingerprint():
    base = Config(name="x")
    names = {*SIZES, *WITH_PIXELS, *NO_MATTER}
    assert {f.name for f in fields(Config)} == names  # a new one is decided on here
    prints = {fingerprint(replace(base, **{name: value})) for name, value in SIZES.items()}
    pixels = replace(base, pixels=SIZES["pixels"])
    prints |= {fingerprint(replace(pixels, **{k: v})) for k, v in WITH_PIXELS.items()}
    assert len(prints | {fingerprint(base)}) == len(SIZES) + len(WITH_PIXELS) + 1
    assert all(0 <= value < 1 << 64 for value in prints)
    for name, value in NO_MATTER.items():
        assert fingerprint(replace(base, **{name: value})) == fingerprint(base)


@pytest.mark.parametrize("table", ["DESCRIPTOR", "MOVE", "WINDOW", "PARAMETER", "COUNTERS"])
def test_any_field_changes_the_fingerprint(table, monkeypatch):
    base = fingerprint(Config(name="x"))
    layout = getattr(fingerprint_module, table)
    prints = set()
    for index, field in enumerate(layout):
        for change in [
            {"name": field.name + "_"},
            {"width": field.width + 1},
            {"signed": not field.signed},
        ]:
            changed = (*layout[:index], field._replace(**change), *layout[index + 1 :])
            monkeypatch.setattr(fingerprint_module, table, changed)
            prints.add(fingerprint(Config(name="x")))
    monkeypatch.setattr(fingerprint_module, table, layout[::-1])
    prints.add(fingerprint(Config(name="x")))
    assert len(prints) == 3 * len(layout) + 1 and base not in prints
