"""The contract: fields and their packing, the rules of a configuration, the fingerprint."""

import subprocess
import sys
from dataclasses import fields, replace

import pytest
from weft_hw.contract import fingerprint as fingerprint_module
from weft_hw.contract.config import CONFIGS, Config, ConfigError, get_config
from weft_hw.contract.descriptor import (
    DESCRIPTOR,
    DESCRIPTOR_BYTES,
    WINDOW,
    WINDOW_BYTES,
    decode_descriptor,
    decode_window,
    encode_descriptor,
    encode_window,
)
from weft_hw.contract.field_widths import field_widths
from weft_hw.contract.fields import Field, Fields, largest, offsets, pack, unpack, widths
from weft_hw.contract.fingerprint import fingerprint
from weft_hw.contract.memory_map import (
    DESCRIPTOR_WORDS,
    PARAMETER,
    Region,
    max_unit_bytes,
    memory_map,
)
from weft_sim.testing import bench

SOME = Fields(Field("a", 3, ""), Field("b", 5, "", True), Field("c", 1, ""))


def test_packs_from_the_least_significant_bit_up():
    assert offsets(SOME) == {"a": 0, "b": 3, "c": 8}
    assert pack(SOME, {"a": 5}) == 5
    assert pack(SOME, {"b": -1}) == 0b11111 << 3
    assert pack(SOME, {"c": 1, "b": -16, "a": 7}) == 1 << 8 | 16 << 3 | 7
    assert unpack(SOME, 1 << 8 | 16 << 3 | 7) == {"a": 7, "b": -16, "c": 1}
    assert unpack(SOME, 0b01111 << 3)["b"] == 15
    assert [largest(SOME, name) for name in "abc"] == [7, 15, 1]


@pytest.mark.parametrize(
    "values,message",
    [
        ({"a": 8}, r"a must be from 0 to 7, not 8"),
        ({"a": -1}, r"a must be from 0 to 7, not -1"),
        ({"b": 16}, r"b must be from -16 to 15, not 16"),
        ({"b": -17}, r"b must be from -16 to 15, not -17"),
        ({"y": 0, "a": 1, "x": 0}, r"no such field: x, y"),
    ],
)
def test_refuses_what_does_not_fit(values, message):
    with pytest.raises(ValueError, match=f"^{message}$"):
        pack(SOME, values)


@pytest.mark.parametrize(
    "layout,size,encode,decode",
    [
        (DESCRIPTOR, DESCRIPTOR_BYTES, encode_descriptor, decode_descriptor),
        (WINDOW, WINDOW_BYTES, encode_window, decode_window),
    ],
    ids=["descriptor", "window"],
)
def test_descriptors_survive_encoding(layout, size, encode, decode):
    rng = bench.generator()
    assert sum(field.width for field in layout) <= 8 * size
    assert len({field.name for field in layout}) == len(layout)
    limits = {
        f.name: (-(1 << f.width - 1), (1 << f.width - 1) - 1)
        if f.signed
        else (0, (1 << f.width) - 1)
        for f in layout
    }
    draws = [
        {name: int(rng.integers(low, high, endpoint=True)) for name, (low, high) in limits.items()}
        for _ in range(20)
    ]
    draws += [{name: limit[k] for name, limit in limits.items()} for k in (0, 1)]
    for values in draws:
        assert len(encode(values)) == size
        assert decode(encode(values)) == values
    assert decode(encode({})) == {field.name: 0 for field in layout}


@pytest.mark.parametrize("compact", [False, True])
def test_no_configuration_reads_beyond_a_field(compact):
    largest = Config(
        name="x",
        lanes=2,
        weight_words=1 << 16,
        activation_words=1 << 15,
        line_words=512,
        parameter_words=1 << 12,
        descriptor_count=256,
        window_count=1 << 12,
        compact=compact,
    )
    widths = field_widths(largest)
    least = {"row_gap": 0 if compact else 1}  # a compact configuration has no such field
    assert all(least.get(f.name, 1) <= widths[f.name] <= f.width for f in DESCRIPTOR)


def test_known_bytes_of_a_window_entry():
    # dy, dx: 7 bits each, then offset: 11, columns: 2, steps_minus_1: 4, channels: 1.
    word = 3 | 5 << 7 | 9 << 14 | 2 << 25 | 7 << 27 | 1 << 31
    assert encode_window(
        {"dy": 3, "dx": 5, "offset": 9, "columns": 2, "steps_minus_1": 7, "channels": 1}
    ) == word.to_bytes(4, "little")


@pytest.mark.parametrize(
    "field,value,rule",
    [
        ("tap_rows", 0, "from 1 to 4"),
        ("tap_rows", 5, "from 1 to 4"),
        ("tap_columns", 0, "from 1 to 3"),
        ("tap_columns", 4, "from 1 to 3"),
        ("columns", 1, "a power of two from 2 to 16"),
        ("columns", 12, "a power of two from 2 to 16"),
        ("columns", 32, "a power of two from 2 to 16"),
        ("columns", 0, "a power of two from 2 to 16"),
        ("pixels", 3, "1, 2 or 4"),
        ("pixels", 0, "1, 2 or 4"),
        ("lanes", 3, "a power of two that divides columns"),
        ("lanes", 32, "a power of two that divides columns"),
        ("lanes", 0, "a power of two that divides columns"),
        ("tile", 5, "a power of two that divides columns"),
        ("tile", 32, "a power of two that divides columns"),
        ("fill_words", 0, "1, or 2 where there are at least 2 line buffers"),
        ("fill_words", 3, "1, or 2 where there are at least 2 line buffers"),
        ("line_words", 2, "a power of two from 4 to 512"),
        ("line_words", 100, "a power of two from 4 to 512"),
        ("line_words", 1024, "a power of two from 4 to 512"),
        ("weight_words", 0, "from 1 to 65536"),
        ("weight_words", 65537, "from 1 to 65536"),
        ("activation_words", 0, "from 1 to 32768"),
        ("activation_words", 32769, "from 1 to 32768"),
        ("parameter_words", 0, "from 1 to 4096"),
        ("parameter_words", 4097, "from 1 to 4096"),
        ("descriptor_count", 0, "from 1 to 256"),
        ("descriptor_count", 257, "from 1 to 256"),
        ("window_count", 0, "from 1 to 4096"),
        ("window_count", 4097, "from 1 to 4096"),
    ],
)
def test_a_configuration_keeps_its_rules(field, value, rule):
    with pytest.raises(ConfigError, match=f"^Config.{field} must be {rule}, not {value}$"):
        Config(name="x", **{field: value})


def test_the_descriptors_reach_every_beat():
    """Sixteen beats in a word leave 14 of out_base's 18 bits for the word."""
    rule = r"^Config.activation_words must be from 1 to 16384, not 32768$"
    with pytest.raises(ConfigError, match=rule):
        Config(name="x", columns=16, lanes=1, activation_words=32768)
    largest = Config(name="x", columns=16, lanes=1, activation_words=16384)
    last = largest.activation_words * largest.beats - 1
    assert decode_descriptor(encode_descriptor({"out_base": last}))["out_base"] == last


@pytest.mark.parametrize("count", [1, 2, 4, 8, 24])
def test_a_list_that_goes_round_needs_room(count):
    """A quarter of it holds what loads and saves a quarter, a layer, and something else."""
    rule = f"a power of two from 16 on where there is memory beside the chip, not {count}"
    with pytest.raises(ConfigError, match=f"^Config.descriptor_count must be {rule}$"):
        Config(name="x", descriptor_count=count, dram_bytes=1 << 20)
    assert Config(name="x", descriptor_count=count).dram_bytes == 0


def test_pairs_of_words_need_two_line_buffers():
    with pytest.raises(ConfigError, match=r"^Config\.fill_words must be .*, not 2$"):
        Config(name="x", tap_rows=1, fill_words=2)
    Config(name="x", tap_rows=2, fill_words=2)


def test_weights_of_their_own_need_pixels_that_divide_them():
    rule = r"^Config\.own_weights must be False unless weight_words is a multiple of several pixels"
    for values in [{}, {"pixels": 4, "weight_words": 2046}, {"pixels": 2, "dram_bytes": 4096}]:
        with pytest.raises(ConfigError, match=rule):
            Config(name="x", own_weights=True, **values)
    Config(name="x", pixels=2, weight_words=2046, own_weights=True)


def test_limits_are_allowed():
    for values in [
        {
            "tap_rows": 4,
            "tap_columns": 3,
            "columns": 16,
            "pixels": 4,
            "lanes": 16,
            "tile": 16,
            "line_words": 512,
            "weight_words": 1 << 16,
            "activation_words": 1 << 15,
            "parameter_words": 1 << 12,
            "descriptor_count": 256,
            "window_count": 1 << 12,
            "fill_words": 2,
        },
        {
            "tap_rows": 1,
            "tap_columns": 1,
            "columns": 2,
            "lanes": 1,
            "tile": 1,
            "line_words": 4,
            "weight_words": 1,
            "activation_words": 1,
            "parameter_words": 1,
            "descriptor_count": 1,
            "window_count": 1,
        },
    ]:
        replace(Config(name="x"), **values)


def test_unknown_names_come_with_the_choices():
    choices = ", ".join(CONFIGS)
    with pytest.raises(
        ConfigError, match=f"^there is no configuration 'huge'; choose from {choices}$"
    ):
        get_config("huge")
    assert all(get_config(name).name == name for name in CONFIGS)


@pytest.mark.parametrize(
    "taps,columns,pixels,rows,channel_rows,banks",
    [
        ((3, 3), 16, 1, 9, 8, 4),
        ((3, 3), 16, 4, 9, 8, 4),
        ((1, 3), 4, 1, 3, 2, 1),
        ((1, 1), 2, 1, 1, 1, 1),
        ((4, 3), 8, 2, 12, 8, 4),
        ((2, 2), 2, 2, 4, 2, 2),
        ((1, 2), 4, 4, 2, 2, 4),
    ],
)
def test_derived_sizes(taps, columns, pixels, rows, channel_rows, banks):
    config = Config(
        name="x",
        tap_rows=taps[0],
        tap_columns=taps[1],
        columns=columns,
        lanes=1,
        tile=1,
        pixels=pixels,
    )
    assert (config.rows, config.channel_rows, config.line_banks) == (rows, channel_rows, banks)
    assert config.beats == columns and config.multipliers == rows * columns * pixels


def test_memories_follow_from_the_sizes():
    config = Config(
        name="x",
        tap_rows=2,
        tap_columns=2,
        columns=8,
        lanes=4,
        weight_words=10,
        activation_words=7,
        parameter_words=3,
        descriptor_count=5,
        window_count=6,
    )
    sizes = {region: (m.unit_bytes, m.units) for region, m in memory_map(config).items()}
    assert sizes == {
        Region.ACTIVATION: (8, 7),
        Region.WEIGHT: (4, 80),
        Region.PARAMETER: (9, 12),
        Region.DESCRIPTOR: (4, 80),
        Region.WINDOW: (4, 6),
        Region.COUNTER: (4, 40),
    }
    assert max_unit_bytes(config) == 9
    assert sum(field.width for field in PARAMETER) == 69


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


def test_the_contract_needs_no_amaranth():
    code = (
        "import sys; sys.path[:] = sys.argv[1].split(chr(10)); "
        "import weft_hw.contract.fingerprint, weft_hw.contract.packet; "
        "print(sorted(m for m in sys.modules if m.split('.')[0] in ('amaranth', 'numpy')))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, "\n".join(sys.path)],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert done.stdout.strip() == "[]"


def test_a_descriptor_tells_early_how_many_moves_its_layer_waits_for():
    """The scoreboard takes that from one word, and decides before the last two have come."""
    bit, width = offsets(DESCRIPTOR)["moves"], widths(DESCRIPTOR)["moves"]
    assert width == 16
    assert bit // 32 == (bit + width - 1) // 32 < DESCRIPTOR_WORDS - 2
