"""Fully connected layers whose groups of output channels are spread over the array's pixels."""

from dataclasses import replace

import pytest
from weft.compiler import compile_graph
from weft.errors import ModelError
from weft.program.follow import follow
from weft_hw.contract.config import CONFIGS
from weft_hw.contract.descriptor import (
    DESCRIPTOR_BYTES,
    Wait,
    decode_descriptor,
    encode_descriptor,
)
from weft_hw.contract.layers import Mac
from weft_hw.contract.memory_map import Region

SHARED = CONFIGS["ulx3s-85f-wide"]
OWN = replace(SHARED, name="own", own_weights=True)
SMALL = replace(CONFIGS["tiny"], name="small-own", pixels=2, own_weights=True)


def layer(program):
    [mac] = [layer for layer in program.decoded if isinstance(layer, Mac)]
    return mac


@pytest.mark.parametrize("outputs", [17, 32, 63, 64, 65, 112, 128, 129])
@pytest.mark.parametrize("features", [1, 20, 144, 300])
def test_every_group_has_a_pixel(graphs, features, outputs):
    b = graphs.Builder(outputs)
    graph = b.build(b.fully_connected(b.input(features), outputs))
    mac = layer(graphs.check(graph, OWN, b.feeds()))
    groups = -(-outputs // OWN.columns)
    assert (mac.own_weights, mac.out_height, mac.groups) == (1, groups, 1)
    assert mac.weight_base % OWN.pixels == 0


@pytest.mark.parametrize("outputs", [1, 4, 5, 9, 40])
def test_two_pixels(graphs, outputs):
    b = graphs.Builder(outputs)
    x = b.fully_connected(b.fully_connected(b.input(30), 7), outputs)
    program = graphs.check(b.build(x), SMALL, b.feeds())
    assert [f.own_weights for f in program.decoded] == [1, int(outputs > SMALL.columns)]
    assert all(f.weight_base % 2 == 0 for f in program.decoded if f.own_weights)


def test_one_group_stays_with_one_pixel(graphs):
    b = graphs.Builder(1)
    graph = b.build(b.fully_connected(b.input(100), OWN.columns))
    assert layer(graphs.check(graph, OWN, b.feeds())).own_weights == 0


def test_a_last_block_that_would_waste_too_many_weights_does_not(graphs):
    b = graphs.Builder(2)
    graph = b.build(b.fully_connected(b.input(640), 5 * OWN.columns))
    assert layer(graphs.check(graph, OWN, b.feeds())).own_weights == 0


def test_four_pixels_take_a_quarter_of_the_steps(graphs):
    b = graphs.Builder(4)
    graph = b.build(b.fully_connected(b.input(640), 384))
    shared, own = (
        sum(info.predicted_cycles for info in compile_graph(graph, config).descriptors)
        for config in (SHARED, OWN)
    )
    steps = 24 * 72  # groups, and what a group takes
    assert shared - own >= 0.7 * steps


def test_a_layer_behind_another_reads_its_words_one_by_one(graphs):
    """Output rows of one layer are input rows of the next: each word is one."""
    b = graphs.Builder(6)
    x = b.fully_connected(b.input(640), 128)
    for _ in range(3):
        x = b.fully_connected(x, 128)
    program = graphs.check(b.build(x), OWN, b.feeds())
    first, *others = program.decoded
    assert first.wait == Wait.NOTHING
    for mac in others:
        assert (mac.row_words, mac.in_height, mac.fill_rows, mac.wait) == (1, 8, 8, Wait.ROW)


def test_a_layer_that_reads_words_otherwise_waits_for_all(graphs):
    """One group is no layer of several output rows, whose words are read as one row."""
    b = graphs.Builder(7)
    x = b.fully_connected(b.fully_connected(b.input(64), 128), OWN.columns)
    program = graphs.check(b.build(x), OWN, b.feeds())
    assert [mac.own_weights for mac in program.decoded] == [1, 0]
    assert program.decoded[1].wait == Wait.LAYER


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({}, None),
        ({"weight_base": 2}, "weights of 4 pixels cannot begin at word 2"),
        ({"weight_base": 2044}, "WEIGHT"),
        ({"stride_y": 1}, "one window over the same input"),
        ({"groups": 2}, "one window over the same input"),
        ({"last_beats": 1}, "one window over the same input"),
    ],
)
def test_files_whose_pixels_would_read_elsewhere_are_refused(graphs, change, text):
    b = graphs.Builder(5)
    program = compile_graph(b.build(b.fully_connected(b.input(40), 64)), OWN)
    [image] = [image for image in program.images if image.region is Region.DESCRIPTOR]
    first, others = image.data[:DESCRIPTOR_BYTES], image.data[DESCRIPTOR_BYTES:]
    data = encode_descriptor({**decode_descriptor(first), **change}) + others
    images = tuple(replace(i, data=data) if i is image else i for i in program.images)
    changed = replace(program, images=images)
    if text is None:
        follow(changed)
        text = "ulx3s-85f-wide have no weights of their own"
        changed = replace(changed, config=SHARED)
    with pytest.raises(ModelError, match=text):
        follow(changed)
