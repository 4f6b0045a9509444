"""Waits and places: no result falls on what is still to be read."""

import numpy as np
import pytest
from small_network import PLAIN, network
from weft.compiler import compile_graph
from weft.program import HostStep, RunStep
from weft_hw.contract.config import Config
from weft_hw.contract.descriptor import DESCRIPTOR_BYTES, Kind, Wait, decode_descriptor
from weft_hw.contract.layers import Elementwise, Mac, Table
from weft_hw.contract.memory_map import Region
from weft_hw.contract.move import Move

LOADED, NOBODY = -10, -20  # writers of words other than descriptors


def spans(program, number):
    """Words that a descriptor reads at once, reads when the one before is done, and writes."""
    d, config = program.decoded[number], program.config
    if isinstance(d, Table):
        return set(range(d.in_base, d.in_base + 1024 // config.columns)), set(), set()
    if isinstance(d, Elementwise):
        count = d.word_count
        reads = set(range(d.in_base, d.in_base + count))
        if not d.unary:
            reads |= set(range(d.other_base, d.other_base + count))
        start = d.out_base // config.beats
        return reads, set(), set(range(start, start + count))
    assert isinstance(d, Mac)
    count = d.fill_rows * d.row_words
    node = program.graph.nodes[program.descriptors[number].node]
    if node.operator == "FULLY_CONNECTED":  # what lies behind the last word meets zero weights
        count = min(count, program.places[node.inputs[0]].units)
    reads = set(range(d.in_base, d.in_base + count))
    y, x = np.arange(d.out_height)[:, None, None], np.arange(d.out_width)[:, None]
    beats = np.arange((d.groups - 1) * config.beats + d.last_beats)
    places = (y * d.out_row + x * d.out_pixel + beats).reshape(-1)
    late = d.other_base + places // config.beats if d.adds else np.array([], int)
    return reads, set(late.tolist()), set(((d.out_base + places) // config.beats).tolist())


@pytest.mark.parametrize("seed", range(10))
def test_waits_and_places(graphs, seed):
    """No result falls on what is still to be read, and no descriptor reads too early.

    Each word's last writer must be the descriptor before (with a wait) or an older one; and what
    a layer reads must be what its writer left, until its last reader is done.
    """
    b, graph = network(graphs, seed)
    program = compile_graph(graph, PLAIN)
    constants = {
        word
        for image in program.images
        if image.region is Region.ACTIVATION
        for word in range(image.unit, image.unit + len(image.data) // PLAIN.columns)
    }
    run = next(step for step in program.steps if isinstance(step, RunStep))
    writer, waits = {}, []
    for name in run.loads:
        place = program.places[name]
        writer |= dict.fromkeys(range(place.base, place.base + place.units), LOADED)
    for number in range(run.first, run.first + run.count):
        reads, late, written = spans(program, number)
        assert not written & constants
        assert not written & (reads | late), "a layer overwrites its own input"
        sources = {writer.get(word, NOBODY) for word in reads - constants}
        assert NOBODY not in sources | {writer.get(word, NOBODY) for word in late}, "not written"
        layer = program.decoded[number]
        assert not isinstance(layer, Move)
        wait = layer.wait
        if number - 1 in sources:
            assert wait is not Wait.NOTHING
        if wait is Wait.ROW:
            before, after = (program.decoded[n] for n in (number - 1, number))
            assert isinstance(before, Mac) and isinstance(after, Mac)
            assert sources == {number - 1}
            assert before.out_height == after.in_height
            assert before.out_row == after.row_words * PLAIN.beats
            assert before.out_base == after.in_base * PLAIN.beats
        waits.append(wait)
        writer |= dict.fromkeys(written, number)
    assert waits[0] == Wait.NOTHING and Wait.ROW in waits and Wait.LAYER in waits
    del b


def test_steps_are_in_order_and_complete(graphs):
    program = compile_graph(network(graphs)[1], PLAIN)
    run, host = program.steps
    assert isinstance(run, RunStep) and isinstance(host, HostStep)
    assert (run.first, run.count) == (0, len(program.descriptors))
    assert [program.graph.nodes[i].operator for i in host.nodes] == ["SOFTMAX"]
    macs = sum(info.macs for info in program.descriptors)
    assert macs == sum(layer.macs for layer in program.layers)
    # 8x8 outputs: 3x3x3 to 12 channels, 3x3 depthwise on 12, 1x1 from 12 to 12; then 192 to 10.
    assert macs == 64 * (27 * 12 + 9 * 12 + 12 * 12) + 1920


def test_a_layer_on_the_host_counts_its_multiplications_too(graphs):
    b = graphs.Builder(3)
    x = b.input(4, 4, 3)
    weights = b.tensor((5, 2, 2, 3), b.quantization(0.01, 0), data=np.ones((5, 2, 2, 3), np.int8))
    strides = {"stride": (2, 2), "padding": (0, 0, 0, 0), "activation": "NONE"}
    up = b.node("TRANSPOSE_CONV", (x, weights), (1, 8, 8, 5), b.quantization(), **strides)
    program = compile_graph(b.build(b.conv(up, 4)), PLAIN)
    host = program.layers[0]
    assert (host.operator, host.where) == ("TRANSPOSE_CONV", "host")
    assert host.macs == 16 * 2 * 2 * 3 * 5  # each input pixel meets the whole kernel


def touched(program, numbers):
    """Return the words of activation memory that descriptors read and write."""
    words = set()
    beats = program.config.beats
    for number in numbers:
        fields = decode_descriptor(descriptor_bytes(program, number))
        if fields["kind"] == Kind.MAC:
            start, count = fields["in_base"], fields["fill_rows"] * fields["row_words"]
            words |= set(range(start, start + count))
            start, row = fields["out_base"] // beats, fields["out_row"] // beats
            words |= set(range(start, start + fields["out_height"] * row))
            if fields["adds"]:
                start = fields["other_base"]
                words |= set(range(start, start + fields["out_height"] * row))
        elif fields["kind"] == Kind.ELEMENTWISE:
            for start in (fields["in_base"], fields["other_base"], fields["out_base"] // beats):
                words |= set(range(start, start + fields["word_count"]))
        else:
            table = 1024 // program.config.columns
            words |= set(range(fields["in_base"], fields["in_base"] + table))
    return words


def descriptor_bytes(program, number):
    image = next(x for x in program.images if x.region is Region.DESCRIPTOR)
    return image.data[number * DESCRIPTOR_BYTES : (number + 1) * DESCRIPTOR_BYTES]


@pytest.mark.parametrize(
    ("words", "descriptors", "sets", "is_cut"),
    [
        (4096, 64, 2, False),
        (4096, 9, 1, True),
        (345, 64, 1, True),
        (325, 64, 1, True),
        (320, 64, 0, False),
    ],
)
def test_images_overlap_where_there_is_room(graphs, words, descriptors, sets, is_cut):
    """While one image is worked on, the next may be written and the last one's result read."""
    config = Config(name="some", activation_words=words, descriptor_count=descriptors)
    program = compile_graph(network(graphs)[1], config)
    run = next(step for step in program.steps if isinstance(step, RunStep))
    stream = program.stream
    assert len(stream.sets) == sets and bool(stream.cut) == is_cut
    assert ("no room" in stream.note) == (sets == 0)

    def place(name, images):
        base = images.bases.get(name, program.places[name].base)
        return set(range(base, base + program.places[name].units))

    for index, images in enumerate(stream.sets):
        numbers = range(images.first, images.first + run.count)
        first = touched(program, numbers[: stream.cut] if is_cut else numbers)
        second = touched(program, numbers[stream.cut :])
        other = stream.sets[1 - index] if sets == 2 else images
        for name in run.loads:
            assert place(name, images) <= touched(program, numbers)
            assert not place(name, other) & (second if is_cut else first)
        for name in run.reads:
            assert not place(name, other) & first
