"""The contract: fields and their packing, descriptors, what it imports."""

import subprocess
import sys

import pytest
from weft_hw.contract.config import Config
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
from weft_hw.contract.memory_map import DESCRIPTOR_WORDS
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
