"""The rules of a configuration, and what is derived from its fields."""

from dataclasses import replace

import pytest
from weft_hw.contract.config import CONFIGS, Config, ConfigError, get_config
from weft_hw.contract.descriptor import decode_descriptor, encode_descriptor
from weft_hw.contract.memory_map import PARAMETER, Region, max_unit_bytes, memory_map


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
        Region.TABLE: (4, 256),
    }
    assert Region.TABLE not in memory_map(CONFIGS["icebreaker"])  # which has no tables
    assert max_unit_bytes(config) == 9
    assert sum(field.width for field in PARAMETER) == 69
