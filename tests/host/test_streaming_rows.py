"""A layer of a list that streams waits for rows of the layer before, where those come in order."""

from dataclasses import replace

import numpy as np
import pytest
from weft.program.extents import rows_in_order
from weft_hw.contract.config import CONFIGS
from weft_hw.contract.descriptor import Kind, Wait, encode_descriptor
from weft_hw.contract.layers import Mac, decode_layer

pytestmark = pytest.mark.slow

CONFIG = replace(CONFIGS["tiny"], activation_words=256)


def words_of_rows(fields):
    """Return the set of words of each output row of a layer, from the contract's formula."""
    beats, rows = CONFIG.beats, []
    for y in range(fields["out_height"]):
        rows.append(
            {
                (fields["out_base"] + y * fields["out_row"] + x * fields["out_pixel"] + n) // beats
                for x in range(fields["out_width"])
                for n in range((fields["groups"] - 1) * beats + fields["last_beats"])
            }
        )
    return rows


def random_layers(rng):
    """Fields of two MAC layers, the second of which reads near what the first one writes."""
    beats, row = CONFIG.beats, int(rng.integers(1, 6))
    before = {
        "kind": int(Kind.MAC),
        "out_base": int(rng.integers(20, 40)) * beats,
        "out_row": (row + int(rng.integers(0, 2))) * beats,
        "out_pixel": beats,
        "out_width": row,
        "out_height": int(rng.integers(1, 6)),
        "groups": 1,
        "last_beats": beats,
    }
    pitch = before["out_row"] // beats if rng.random() < 0.8 else int(rng.integers(1, 6))
    words = int(rng.integers(1, pitch + 1))
    layer = {
        "kind": int(Kind.MAC),
        "in_base": before["out_base"] // beats - int(rng.integers(-pitch - 1, 3 * pitch)),
        "row_words": words,
        "row_gap": pitch - words,
        "fill_rows": int(rng.integers(1, 8)),
    }
    return before, layer


def test_rows_in_order_is_what_the_words_say():
    """It may refuse what would be right, never allow what would not."""
    rng, found = np.random.default_rng(3), {True: 0, False: 0}
    for _ in range(2000):
        before, layer = random_layers(rng)
        written, late = words_of_rows(before), False
        for number in range(layer["fill_rows"]):
            first = layer["in_base"] + number * (layer["row_words"] + layer["row_gap"])
            read = set(range(first, first + layer["row_words"]))
            late |= any(later & read for later in written[number + 1 :])
        found[late] += 1
        made = [decode_layer(encode_descriptor(fields)) for fields in (before, layer)]
        assert not (late and rows_in_order(CONFIG, *made)), made
    assert min(found.values()) > 100


def test_a_group_waits_for_rows(graphs):
    """Stripes of an inverted bottleneck: most of its layers begin before their input is whole."""
    b = graphs.Builder(1)
    x = b.input(24, 24, 16)
    deep = b.depthwise(b.conv(x, 96, kernel=(1, 1)), kernel=(3, 3), padding=(1, 1, 1, 1))
    graph = b.build(b.conv(deep, 16, kernel=(1, 1)))
    config = replace(CONFIGS["ulx3s-85f"], name="small", activation_words=2048, dram_bytes=1 << 20)
    program = graphs.check(graph, config, b.feeds(), shadows=True)
    layers = [layer for layer in program.decoded if isinstance(layer, Mac)]
    waits = [layer.wait for layer in layers]
    assert waits.count(Wait.ROW) > len(layers) / 3
