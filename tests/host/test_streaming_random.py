"""Networks that stream from DRAM on the functional simulator, against the golden model."""

from dataclasses import replace

import numpy as np
import pytest
from networks.configurations import FEW
from test_compiler_random import random_branches, random_layer
from weft.compiler import compile_graph
from weft.errors import CapacityError
from weft.golden import run as reference
from weft.program import Program, RunStep
from weft.program.follow import follow
from weft.runtime.board_runner import BoardRunner
from weft.runtime.device import OpenDevice
from weft.runtime.execute import load_program, run_counters, run_program
from weft_hw.contract.config import CONFIGS
from weft_hw.contract.descriptor import (
    DESCRIPTOR_BYTES,
    Kind,
    decode_descriptor,
    encode_descriptor,
)
from weft_hw.contract.memory_map import COUNTER_BYTES, Region, memory_map
from weft_hw.contract.move import Move, decode_move, encode_move
from weft_sim.testing.functional import FunctionalSimulator, HardwareFault

pytestmark = pytest.mark.slow

MORE = replace(
    CONFIGS["ulx3s-85f"], name="more", weight_words=256, parameter_words=24, dram_bytes=1 << 20
)


def smallest(graph, config):
    """Return ``config`` with the smallest activation memory for which ``graph`` compiles."""
    for words in (16, 24, 32, 48, 64, 96, 128, 192, 256, 384, 512, 1024, 2048):
        small = replace(config, activation_words=words)
        try:
            compile_graph(graph, small)
        except CapacityError:
            continue
        return small
    raise AssertionError("no memory is large enough")


@pytest.mark.parametrize("config", [FEW, MORE], ids=lambda c: c.name)
@pytest.mark.parametrize("seed", range(25))
def test_random_layer(graphs, config, seed):
    b, out = random_layer(graphs, seed)
    graph = b.build(out)
    graphs.check(graph, smallest(graph, config), b.feeds(), shadows=True)


@pytest.mark.parametrize("config", [FEW, MORE], ids=lambda c: c.name)
@pytest.mark.parametrize("seed", range(12))
def test_random_network(graphs, config, seed):
    b, outputs = random_branches(graphs, seed)
    graph = b.build(*outputs)
    program = graphs.check(graph, smallest(graph, config), b.feeds(), shadows=True)
    assert program.streamed


@pytest.mark.parametrize("field", ["layers", "moves"])
def test_a_wait_left_out_turns_red(graphs, field):
    """Each kind of wait, taken from programs, gives wrong values for some timing of the moves."""
    assert any(_turns_red(graphs, field, number) for number in range(1, 12))


def _turns_red(graphs, field, number):
    b, outputs = random_branches(graphs, number)
    graph = b.build(*outputs)
    feeds, config = b.feeds(), smallest(graph, MORE)
    program = compile_graph(graph, config)
    expected = reference.run(graph, feeds)

    def right(images, seed):
        simulator = FunctionalSimulator(config, seed)
        load_program(replace(program, images=images), simulator, config)
        try:
            values = run_program(program, simulator, feeds)
        except HardwareFault:
            return False
        return all(np.array_equal(values[name], expected[name]) for name in graph.outputs)

    def without():
        """Return the images with every wait of one kind taken out of the list in DRAM."""
        size = len(program.descriptors) * DESCRIPTOR_BYTES
        images = []
        for image in program.images:
            chunks = [
                image.data[i : i + DESCRIPTOR_BYTES]
                for i in range(0, len(image.data), DESCRIPTOR_BYTES)
            ]
            if image.region is Region.DESCRIPTOR or len(image.data) == size:
                chunks = [taken_out(chunk) for chunk in chunks]
            images.append(replace(image, data=b"".join(chunks)))
        return tuple(images)

    def taken_out(data):
        is_move = data[0] & 3 == Kind.MOVE
        if is_move and field == "layers":
            return encode_move(decode_move(data) | {"layers": 0})
        if not is_move and field == "moves":
            return encode_descriptor(decode_descriptor(data) | {"moves": 0})
        return data

    assert all(right(program.images, seed) for seed in range(3))
    return not all(right(without(), seed) for seed in range(6))


def test_two_hundred_layers(graphs, monkeypatch):
    """Their descriptors, parameters and window programs stream as well as their weights."""
    monkeypatch.setattr("weft.compiler.streaming.planner.LOOKS", 0)
    b = graphs.Builder(8)
    x = b.input(4, 4, 4)
    for number in range(200):
        x = b.conv(x, 4, kernel=(1 + number % 3, 1), padding=(number % 3, 0, 0, 0))
    config = replace(CONFIGS["tiny"], name="tiny with memory", dram_bytes=1 << 20)
    program = graphs.check(b.build(x), config, b.feeds(), shadows=True)
    assert len(program.descriptors) > 3 * config.descriptor_count
    loaded = dict.fromkeys((Region.PARAMETER, Region.WINDOW), 0)
    for move in follow(program):
        if isinstance(move, Move) and move.region in loaded:
            loaded[move.region] += move.count
    units = {region: memory_map(config)[region].units for region in loaded}
    assert all(loaded[region] > units[region] for region in loaded)


def test_layers_that_need_no_move_wait_for_their_descriptors(graphs, monkeypatch):
    """Pools have no weights: what they wait for is the part of the list that comes next."""
    monkeypatch.setattr("weft.compiler.streaming.planner.LOOKS", 0)
    b = graphs.Builder(8)
    x = b.input(4, 4, 4)
    for _ in range(40):
        x = b.pool("MAX_POOL_2D", x, (1, 1), (1, 1))
    config = replace(CONFIGS["tiny"], name="tiny with memory", dram_bytes=1 << 20)
    program = graphs.check(b.build(x), config, b.feeds())
    layers = [item.moves for item in program.decoded if not isinstance(item, Move)]
    assert len(layers) >= 40 and layers == sorted(layers)
    assert len(set(layers)) > 40 / config.descriptor_count


def test_weights_of_a_group_that_do_not_fit(graphs):
    """Alone or among others: the board is too small, which is said in a sentence."""
    b = graphs.Builder(7)
    x = b.conv(b.input(6, 6, 24), 24)
    graph = b.build(b.conv(x, 24))
    for config in (replace(FEW, weight_words=32), replace(MORE, weight_words=8)):
        text = f"^the weights of {config.columns} of its channels do not fit"
        with pytest.raises(CapacityError, match=text):
            compile_graph(graph, config)


@pytest.mark.parametrize("stripes", [False, True])
def test_a_window_program_that_does_not_fit(graphs, stripes):
    """Alone or in a group that goes in one stripe; as many entries as there are fit."""
    b = graphs.Builder(3)
    x = b.input(8, 8, 12)
    y = b.conv(x, 12, padding=(1, 1, 1, 1))
    graph = b.build(b.conv(b.binary("ADD", x, y), 20))
    config = replace(
        CONFIGS["tiny"],
        name="tiny with memory",
        dram_bytes=1 << 20,
        activation_words=300 if stripes else 1024,
        parameter_words=256,
    )
    graphs.check(graph, replace(config, window_count=9), b.feeds(), shadows=True)
    for count in (1, 8):
        text = f"^a window program of 9 entries does not fit {count} on the chip$"
        with pytest.raises(CapacityError, match=text):
            compile_graph(graph, replace(config, window_count=count))


def test_a_compiled_file_streams_as_well(graphs, tmp_path):
    b, outputs = random_branches(graphs, 2)
    graph = b.build(*outputs)
    feeds, config = b.feeds(), smallest(graph, MORE)
    compile_graph(graph, config).save(tmp_path / "n.weft")
    program, simulator = Program.load(tmp_path / "n.weft"), FunctionalSimulator(config)
    load_program(program, simulator, config)
    for _ in range(2):  # a run leaves the first descriptors of the next one
        values = run_program(program, simulator, feeds)
        for name in graph.outputs:
            np.testing.assert_array_equal(values[name], reference.run(graph, feeds)[name])
    [step] = [step for step in program.steps if isinstance(step, RunStep)]
    assert set(run_counters(program, simulator, step)) == {
        number for number, info in enumerate(program.descriptors) if info.operator != "MOVE"
    }


def test_counters_of_each_run_are_its_own(graphs):
    """The second run takes the first one's slots; all that run ``n`` counts is ``n`` here."""

    class Numbered(FunctionalSimulator):
        def run(self, first, count):
            self.runs = getattr(self, "runs", 0) + 1
            units = memory_map(self.config)[Region.COUNTER].units
            self.write(Region.COUNTER, 0, self.runs.to_bytes(COUNTER_BYTES, "little") * units)
            super().run(first, count)

    b = graphs.Builder(20)
    x = b.input(8, 8, 6)
    for _ in range(8):
        x = b.conv(x, 6, kernel=(3, 3), padding=(1, 1, 1, 1))
    x = b.node("TRANSPOSE", (x,), (1, 8, 8, 6), b.tensors[x].quantization, permutation=(0, 2, 1, 3))
    for _ in range(8):
        x = b.conv(x, 6, kernel=(3, 3), padding=(1, 1, 1, 1))
    graph = b.build(x)
    program = compile_graph(graph, smallest(graph, FEW))
    runs = [step for step in program.steps if isinstance(step, RunStep)]
    assert len(runs) == 2 and None not in {step.counters for step in runs}

    runner = BoardRunner(program, OpenDevice("simulator", program.config, Numbered(program.config)))
    run = runner.run(b.feeds())
    layers = [info.operator != "MOVE" for info in program.descriptors]
    sums = [sum(layers[step.first : step.first + step.count]) for step in runs]
    assert len(run.counters) == sum(sums) and run.cycles == sums[0] + 2 * sums[1]
    convolutions = [row for row in runner.layers(run, {}) if row.where == "accelerator"]
    for number, row in enumerate(convolutions):
        layer = next(layer for layer in program.layers if layer.name == row.name)
        wanted = 1 if number < 8 else 2
        assert row.cycles == wanted * len(layer.descriptors) > 0


def test_what_lies_between_layers_of_a_group_stays_on_the_chip(graphs):
    """Of an inverted bottleneck, whose wide tensors do not fit, only the result is stored."""
    b = graphs.Builder(1)
    x = b.input(24, 24, 16)
    wide = b.conv(x, 96, kernel=(1, 1))
    deep = b.depthwise(wide, kernel=(3, 3), padding=(1, 1, 1, 1))
    graph = b.build(b.conv(deep, 16, kernel=(1, 1)))
    config = replace(CONFIGS["ulx3s-85f"], name="small", activation_words=2048, dram_bytes=1 << 20)
    program = compile_graph(graph, config)
    assert program.streamed
    descriptors = [
        image.data[at : at + DESCRIPTOR_BYTES]
        for image in program.images
        if image.region is Region.DESCRIPTOR
        or len(image.data) == len(program.descriptors) * DESCRIPTOR_BYTES
        for at in range(0, len(image.data), DESCRIPTOR_BYTES)
    ]
    moves = [decode_move(data) for data in descriptors if data[0] & 3 == Kind.MOVE]
    stored = [m for m in moves if m["store"] and m["region"] == Region.ACTIVATION]
    assert sum(move["count"] * move["rows"] for move in stored) == 24 * 24
