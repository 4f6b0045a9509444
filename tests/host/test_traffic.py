"""What layers of a program that streams move, counted against the graph by hand."""

from dataclasses import replace

import pytest
from weft.compiler import compile_graph
from weft.reports.layer_table import layer_rows
from weft.reports.traffic import total, traffic
from weft_hw.contract.config import CONFIGS
from weft_hw.contract.memory_map import PARAMETER_BYTES, memory_map
from weft_hw.contract.move import Move

pytestmark = pytest.mark.slow

CHIP = replace(CONFIGS["ulx3s-85f"], name="small", activation_words=2048, dram_bytes=1 << 20)


def bottleneck(graphs):
    """Expand, depthwise and project on 24 x 24 x 16: only the ends can be in DRAM."""
    b = graphs.Builder(1)
    x = b.input(24, 24, 16)
    deep = b.depthwise(b.conv(x, 96, kernel=(1, 1)), kernel=(3, 3), padding=(1, 1, 1, 1))
    return b.build(b.conv(deep, 16, kernel=(1, 1)))


def test_bytes_of_a_group(graphs):
    graph = bottleneck(graphs)
    program = compile_graph(graph, CHIP)
    found = traffic(program)
    expand, deep, project = (found[node.name] for node in graph.nodes)
    assert expand.loaded == project.stored == 24 * 24 * 16
    assert expand.stored == deep.loaded == deep.stored == project.loaded == 0
    # Weight words have 9 rows and 16 columns; 16 channels take 2 steps, 96 take 12, 9 taps 1.
    for layer, words, channels, entries in (
        (expand, 6 * 2, 96, 1),
        (deep, 6 * 1, 96, 1),
        (project, 1 * 12, 16, 6),
    ):
        size = words * 9 * 16 + channels * PARAMETER_BYTES + entries * 4
        copied = layer.constants - size  # rows needed again pass through eight lanes
        assert copied in (0, 8 * PARAMETER_BYTES)
        assert layer.array == 24 * 24 * words
    assert [deep.output, project.output] == [24 * 24 * 6 * 2, 24 * 24 * 2]
    assert expand.output > 24 * 24 * 6 * 2  # and the rows that are copied
    assert project.bound == "array"


def test_every_move_is_some_layers_or_the_lists(graphs):
    program = compile_graph(bottleneck(graphs), CHIP)
    names = {node.name for node in program.graph.nodes}
    moves = [info for info in program.descriptors if info.operator == "MOVE"]
    assert {info.layer for info in moves} <= names | {""}
    assert sum(isinstance(item, Move) for item in program.decoded) == len(moves)
    everything = total(traffic(program).values())
    assert everything.memory >= (everything.constants + everything.loaded + everything.stored) / 2


def test_words_pass_while_layers_are_at_work(graphs):
    program = compile_graph(bottleneck(graphs), CHIP)
    memories = memory_map(CHIP)
    words, last = 0, 0
    for item in program.decoded:
        if isinstance(item, Move):
            blocks = -(-item.count * memories[item.region].unit_bytes // 16)
            last = item.rows * blocks * 8
            words += last
    passed = sum(info.words for info in program.descriptors)
    # All of the last store passes when no layer is left.
    assert passed <= words - last and passed > 0.9 * (words - last)
    assert all(0 <= info.words <= info.predicted_cycles for info in program.descriptors)


def test_a_layer_that_waits_for_weights_uses_what_the_pins_give(graphs):
    b = graphs.Builder(1)
    x = b.conv(b.input(1, 1, 64), 64, kernel=(1, 1))
    graph = b.build(b.conv(x, 6400, kernel=(1, 1)))
    program = compile_graph(graph, replace(CHIP, weight_words=256))
    _, large = layer_rows(graph, program, CHIP.multipliers)
    assert large["traffic"]["bound"] == "memory"
    assert 64 * 6400 / 2 / large["predicted_cycles"] <= large["pins"] <= 1
    assert large["pins"] >= 0.85
    on_host = compile_graph(graph, replace(CHIP, weight_words=256), moved_by_host=True)
    assert [row["pins"] for row in layer_rows(graph, on_host, CHIP.multipliers, 1.0)] == [None] * 2


def test_rows_of_explain_have_it_where_the_program_streams(graphs):
    graph = bottleneck(graphs)
    rows = layer_rows(graph, compile_graph(graph, CHIP), CHIP.multipliers)
    assert [row["traffic"]["stored"] for row in rows] == [0, 0, 24 * 24 * 16]
    over_link = layer_rows(graph, compile_graph(graph, CHIP), CHIP.multipliers, 1000.0)
    assert [row["traffic"]["bound"] for row in over_link] == ["link"] * 3
    for row in over_link:
        moved = sum(row["traffic"][name] for name in ("constants", "loaded", "stored"))
        assert row["traffic"]["memory"] >= 1000 * moved > row["predicted_cycles"]
    whole = compile_graph(graph, replace(CHIP, activation_words=1 << 14))
    assert [row["traffic"] for row in layer_rows(graph, whole, 144)] == [None] * 3


def test_a_sum_behind_a_layer_brings_its_weights_no_more_often(graphs):
    """Input and the map that is added exceed the chip together, so there would be more stripes."""
    config = CONFIGS["ulx3s-12f"]
    assert 8 * 8 * 160 < config.activation_words * config.columns < 2 * 8 * 8 * 160
    constants = []
    for with_sum in (False, True):
        b = graphs.Builder(2)
        x = b.input(8, 8, 160)
        y = b.conv(x, 160, kernel=(3, 3), padding=(1, 1, 1, 1))
        graph = b.build(b.binary("ADD", y, x) if with_sum else y)
        constants.append(total(traffic(compile_graph(graph, config)).values()).constants)
    assert constants[1] < 1.1 * constants[0]
