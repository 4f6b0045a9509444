"""Where rows of a group lie on the chip: what shares a place, and what need not be copied."""

from dataclasses import replace

import pytest
from weft.compiler.ir import Buffer
from weft.compiler.lowering.lower import lower
from weft.compiler.lowering.sums import fuse_sums
from weft.compiler.streaming.band import Band
from weft.compiler.streaming.chain import Chain
from weft.compiler.streaming.pieces import SHARING, Uses
from weft.compiler.streaming.planner import roomy
from weft.compiler.streaming.rows import motion, row_words
from weft.compiler.streaming.shared_place import SharedPlace
from weft.compiler.streaming.striping import Striping
from weft.compiler.streaming.tables import with_tables
from weft.compiler.streaming.tasks import cut
from weft.program.follow import follow
from weft_hw.contract.config import CONFIGS
from weft_hw.contract.layers import Mac
from weft_hw.contract.memory_map import Region
from weft_hw.contract.move import Move

CONFIG = replace(CONFIGS["ulx3s-85f"], name="small", activation_words=2048, dram_bytes=1 << 20)


def residual_blocks(graphs):
    """Return a builder and its network: two blocks whose input is added to their result."""
    b = graphs.Builder(1)
    x = b.conv(b.input(26, 12, 16), 16, kernel=(1, 1))
    for _ in range(2):
        deep = b.depthwise(x, kernel=(3, 3), padding=(1, 1, 1, 1))
        x = b.binary("ADD", b.conv(deep, 16, kernel=(1, 1)), x)
    return b, b.build(b.conv(x, 16, kernel=(1, 1)))


def striping(graph, count, *, fused=False):
    """Return all of a network's commands, sums ``fused`` or not, in ``count`` stripes."""
    lowering, _ = lower(graph, roomy(CONFIG))
    if fused:
        fuse_sums(lowering)
    commands = with_tables(lowering.commands)
    rows, uses = row_words(CONFIG, commands), Uses(commands)
    motions = [motion(CONFIG, command, rows) for command in commands]
    fixed = {b for b in uses.readers if b not in uses.writers}
    fixed |= {b for b in uses.writers if b not in uses.readers}
    numbers = range(len(commands))
    chain = Chain.of(CONFIG, numbers, commands, motions, set(), uses, rows, fixed)
    assert chain is not None
    return Striping(chain, count, SHARING[0])


def copied(made):
    """Return the rows that are copied, stripe by stripe."""
    tasks = cut(made)
    assert tasks is not None
    words = [0] * made.count
    for task in tasks:
        if task.copy is not None:
            words[task.stripe] += task.piece.command.elementwise.word_count
    return [count // 12 for count in words]


def test_residual_blocks_that_stream(graphs):
    b, graph = residual_blocks(graphs)
    for words in (480, 700):
        config = replace(CONFIG, activation_words=words)
        assert graphs.check(graph, config, b.feeds(), shadows=True).streamed


@pytest.mark.parametrize("fused", [False, True])
def test_rows_of_a_residual_block_follow_each_other(graphs, fused):
    """A block's result lies a row above its input, in the same place.

    A row has 12 words, a stripe 4 rows. What comes and what goes has two places. The blocks' input
    and the first result have 4 rows, and 4 that the next stripe's 3x3 windows need; what lies
    between has a place of 4 rows in turn.
    """
    made = striping(residual_blocks(graphs)[1], 7, fused=fused)
    assert made.place() == 12 * (2 * 4 + 8 + 4 + 2 * 4)
    assert copied(made) == [0, 4, 4, 4, 4, 4, 4]


def test_rows_stay_where_there_is_room(graphs):
    """With room for 4 rows more, rows are copied before every second stripe, if moves have time."""
    made = striping(residual_blocks(graphs)[1], 7)
    made.chain.memory_bound = False
    least = made.place()
    assert made.place(least + 12 * 4) == least + 12 * 4
    assert copied(made) == [0, 0, 4, 0, 4, 0, 4]


def test_no_stripe_is_higher_than_the_others(graphs):
    """What comes first must get ahead of what comes last, by the rows below two windows."""
    made = striping(residual_blocks(graphs)[1], 7)
    for ends in made.ends.values():
        assert max(b - a for a, b in zip([0, *ends], ends, strict=False)) == 4


@pytest.mark.parametrize("lap", range(1, 8))
def test_a_place_holds_what_each_stripe_needs(lap):
    """Two rows a stripe, of three that it needs; followed by another band two rows above."""
    root, follower = (Band(Buffer(name, 64), 8, 0, [1]) for name in ("root", "follower"))
    for stripe in range(7):
        root.low.append(max(0, 2 * stripe - 1))
        root.high.append(2 * stripe + 2)
        follower.low.append(2 * stripe)
        follower.high.append(2 * stripe + 1)
    root.words, follower.root, follower.behind = 24, root, 2
    place = SharedPlace(root, [follower])
    for _ in range(lap - 1):
        place.extend()
    place.settle()
    assert root.room == 8 * (4 + 2 * (lap - 1))
    for stripe in range(7):
        for band, low, high in (
            (root, max(0, 2 * stripe - 1), 2 * stripe + 2),
            (follower, 2 * stripe, 2 * stripe + 1),
        ):
            assert 8 * low - band.origins[stripe] >= 0
            assert 8 * high - band.origins[stripe] <= root.room
    moved = [a != b for a, b in zip(root.origins, root.origins[1:], strict=False)]
    assert sum(moved) == (7 - 1) // lap


def test_the_first_rows_do_not_wait_for_the_others(graphs):
    """A run's first layer begins when a part of its first stripe's input is there."""
    b = graphs.Builder(2)
    x = b.conv(b.input(40, 16, 16), 32, kernel=(3, 3), padding=(1, 1, 1, 1))
    graph = b.build(b.conv(x, 16, kernel=(3, 3), padding=(1, 1, 1, 1)))
    config = replace(CONFIG, activation_words=1000)
    program = graphs.check(graph, config, b.feeds(), shadows=True)
    listed = follow(program)
    moves = [item for item in listed if isinstance(item, Move)]
    first, second = [item for item in listed if isinstance(item, Mac)][:2]
    rows = [sum(_rows_that_come(moves[: layer.moves])) for layer in (first, second)]
    assert first.in_base < second.in_base and rows[0] < rows[1]
    # A 3x3 window of the last row reaches one row further, but for the map's last.
    assert rows[0] == first.out_height + 1
    assert rows[1] == first.out_height + second.out_height + 1


def _rows_that_come(moves):
    """Return the rows, of 16 words, that each load of activations brings."""
    return [m.count // 16 for m in moves if m.region is Region.ACTIVATION and not m.store]
