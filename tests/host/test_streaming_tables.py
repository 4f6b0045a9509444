"""Tables of networks that stream: moves load them, and no layer does."""

from dataclasses import replace

import pytest
from weft.compiler.streaming.pieces import SHARING
from weft.program.follow import follow
from weft_hw.contract.config import CONFIGS
from weft_hw.contract.layers import Mac, Table
from weft_hw.contract.memory_map import Region
from weft_hw.contract.move import Move

CONFIG = replace(CONFIGS["ulx3s-85f"], name="small", dram_bytes=1 << 20)


@pytest.mark.parametrize("blocks", [1, 2])
def test_a_table_comes_when_another_one_was_in_use(graphs, blocks, monkeypatch):
    """Of one block it comes once, for all stripes; those of two take turns."""

    def together(planner, *_):
        return planner.regroup([range(len(planner.commands))], {}, 0, SHARING[0])

    monkeypatch.setattr("weft.compiler.streaming.planner.improved", together)
    b = graphs.Builder(1)
    x = b.conv(b.input(26, 12, 16), 16, kernel=(1, 1))
    for _ in range(blocks):
        deep = b.depthwise(x, kernel=(3, 3), padding=(1, 1, 1, 1))
        x = b.binary("ADD", b.conv(deep, 16, kernel=(1, 1)), x)
    graph = b.build(b.conv(x, 16, kernel=(1, 1)))
    config = replace(CONFIG, activation_words=480)
    program = graphs.check(graph, config, b.feeds(), shadows=True)
    listed = follow(program)
    assert not any(isinstance(item, Table) for item in listed)
    users = [
        info.layer
        for info, item in zip(program.descriptors, listed, strict=True)
        if isinstance(item, Mac) and item.adds
    ]
    changes = sum(a != b for a, b in zip(["", *users], users, strict=False))
    loads = [m for m in listed if isinstance(m, Move) and m.region is Region.TABLE]
    assert len(users) > 2 * blocks and len(loads) == changes
    assert changes == (1 if blocks == 1 else len(users))
    assert all((move.unit, move.count, move.rows) == (0, 256, 1) for move in loads)
