"""Where the array and the memories around it lie on a chip that they fill.

All pins of a board may lie at one edge. The analytic placer begins by drawing every cell to the
pins, and does not find back to an even spread when nearly every memory of the chip is in use.
Multipliers and memories, put where their columns belong, hold the rest in place.
"""

from collections.abc import Iterator
from itertools import product

from weft_hw.contract.config import Config

__all__ = ["lfe5u_85f_floorplan"]

_ENGINE = "system.core.engine"
# Rows and sites of the LFE5U-85F, as Project Trellis numbers them. Sites come in groups of four,
# 9 columns apart, with 2 more between the seventh group and the eighth.
_GROUPS = [9 * group + (2 if group > 6 else 0) for group in range(13)]
_MULTIPLIERS = [
    f"X{left + x}/Y{{}}/MULT18_{z}" for left in _GROUPS for x, z in ((4, 0), (5, 1), (8, 4), (9, 5))
]
_MEMORIES = [f"X{left + 4 + 2 * z}/Y{{}}/EBR{z}" for left in _GROUPS for z in range(4)]
_MULTIPLIER_ROWS, _MEMORY_ROWS, _LAST_MEMORY_ROW = (10, 34, 58), (22, 46, 70), 82
_MARGIN = 2  # sites left free at either end of a row

_OTHERS = [
    f"system.core.{memory}"
    for memory in (
        "engine.sequencer.counters.U$0",
        "sender.memory.U$0",
        "engine.sequencer.memory.U$0",
        "engine.sequencer.memory.U$1",
        "receiver.memory.U$0",
        "receiver.memory.U$1",
        "engine.program.memory.U$0",
    )
]
_SIZES = {
    "rows": 9,
    "columns": 16,
    "lanes": 8,
    "line_banks": 4,
    "line_words": 512,
    "weight_words": 2048,
    "activation_words": 4096,
    "parameter_words": 512,
}
_QUARTERS = 4  # of a word: a block of a line buffer holds 32 of its 128 bits
_ACTIVATION_BLOCKS = 8  # for a quarter of a word
# Rows without LUTs, from one column to another, beside the last memories.
_EMPTY = [(row, 8, 118) for row in (80, 83, 85, 87)]


def lfe5u_85f_floorplan(config: Config) -> Iterator[tuple[str, str]]:
    """Yield (cell, site) for a 9x16 array on an LFE5U-85F; cells are named as after flattening.

    The chip has three rows of 52 multipliers, each with a row of memories below, and one more row
    of memories. A row of multipliers takes three rows of the array, column beside column, so that
    sums go straight down; the weights lie below, the ninth row's in the parity bits of the others.
    That leaves room in the third row of memories for the lanes' parameters, and with ``dsp_lanes``
    two of each column's nine multipliers go to the lanes above. The last row has the activations,
    a quarter of a word beside the same quarter of each line buffer.

    With several pixels, wires are scarce. Then the tables of the lanes above lie there as well, in
    place of two of a quarter's eight blocks, whose few bits travel to the chip's edges; and all
    other memories have sites, as the placer would look minutes for the few that are left. Around
    the last memories some rows stay empty (without a cell): the placer fills a chip to three
    quarters from where it is drawn, does not see that the wires of line buffers and lanes run side
    by side there, and leaves the rows below free.

    Raises
    ------
    ValueError
        If the configuration has another array, or memories of other sizes.
    """
    for name, size in _SIZES.items():
        if getattr(config, name) != size:
            raise ValueError(
                f"the floorplan of the LFE5U-85F needs {name} = {size}, not {getattr(config, name)}"
            )
    multipliers = (7 if config.dsp_lanes else 9) * config.columns
    if config.dsp_multipliers != multipliers:
        raise ValueError(
            f"the floorplan of the LFE5U-85F needs dsp_multipliers = {multipliers}, "
            f"not {config.dsp_multipliers}"
        )
    yield from _array(config)
    for lane in range(config.lanes):
        for block in range(2):
            site = _MEMORIES[_MARGIN + 3 * (2 * lane + block) + 2]
            yield f"{_ENGINE}.lanes.lane_{lane}.parameters.U${block}", site.format(_MEMORY_ROWS[2])
        for part in range(4 if config.dsp_lanes else 0):
            site = _MULTIPLIERS[_MARGIN + 3 * (2 * lane + part // 2) + 1 + part % 2]
            yield (
                f"{_ENGINE}.lanes.lane_{lane}.requantize.product.dsp_{part}",
                site.format(_MULTIPLIER_ROWS[2]),
            )
    for quarter in range(_QUARTERS):
        yield from _activations(config, quarter)
    if config.pixels > 1:
        for row, left, right in _EMPTY:
            for x, part, lut in product(range(left, right), "ABCD", range(2)):
                yield "", f"X{x}/Y{row}/SLICE{part}.K{lut}"
        edges = (
            site.format(row)
            for row in _MEMORY_ROWS[:2]
            for site in (*_MEMORIES[:_MARGIN], *_MEMORIES[-_MARGIN:])
        )
        yield from zip(_OTHERS, edges, strict=False)


def _activations(config: Config, quarter: int) -> Iterator[tuple[str, str]]:
    lanes = config.lanes // _QUARTERS
    # The memory's word is as many activation words as are read at once.
    each = _ACTIVATION_BLOCKS // config.fill_words
    blocks = [
        f"{_ENGINE}.activations.memory.U${(word * _QUARTERS + quarter) * each + k}"
        for k in range(each)
        for word in range(config.fill_words)
    ]
    tables = [
        f"{_ENGINE}.lanes.lane_{quarter * lanes + k}.table.U$0"
        for k in range(lanes if config.pixels > 1 else 0)
    ]
    lines = [f"{_ENGINE}.lines.bank_{bank}.U${quarter}" for bank in range(config.line_banks)]
    count = len(blocks) - len(tables)
    near, far = blocks[:count], blocks[count:]
    left, right = tables[: lanes // 2], tables[lanes // 2 :]
    cells = [*near[: count // 2], *left, *lines, *right, *near[count // 2 :]]
    start = _MARGIN + quarter * len(cells)
    for cell, site in zip(cells, _MEMORIES[start : start + len(cells)], strict=True):
        yield cell, site.format(_LAST_MEMORY_ROW)
    edge = _MEMORIES[:_MARGIN] if quarter < _QUARTERS // 2 else _MEMORIES[-_MARGIN:]
    row = _LAST_MEMORY_ROW if quarter in (0, _QUARTERS - 1) else _MEMORY_ROWS[2]
    for cell, site in zip(far, edge, strict=False):
        yield cell, site.format(row)


def _array(config: Config) -> Iterator[tuple[str, str]]:
    for column in range(config.columns):
        tile, place = divmod(column, config.tile)
        multipliers = ("multiply_add.multiplier", "multiplier")  # of one row, and of a pair
        elements = [
            f"pe_p{pixel}_r{rows[0]}_c{column}.{multipliers[len(rows) - 1]}"
            for stage, rows in enumerate(config.stages)
            for pixel in range(config.pixels)
            if config.has_dsp(pixel, stage, column)
        ]
        weights = [f"weights_{tile}.row_{row}.U${place}" for row in range(config.rows - 1)]
        for cells, sites, rows in [
            ([f"{element}.dsp" for element in elements], _MULTIPLIERS, _MULTIPLIER_ROWS),
            (weights, _MEMORIES, _MEMORY_ROWS),
        ]:
            for index, cell in enumerate(cells):
                third, place_in_row = divmod(index, 3)
                site = sites[_MARGIN + 3 * column + place_in_row]
                yield f"{_ENGINE}.array.{cell}", site.format(rows[third])
