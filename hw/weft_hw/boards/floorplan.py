"""Where the array lies on the chip: what the placer does not find by itself.

All pins of a board may lie at one edge. The analytic placer begins by drawing every cell to the
pins, and from there does not find back to an even spread; the array's multipliers and
weights, put where their columns belong, hold it in place.
"""

from collections.abc import Iterator
from itertools import count, islice

from weft_hw.contract.config import Config

__all__ = ["lfe5u_85f_floorplan"]

_ARRAY = "system.core.engine.array"
_SITES = 52  # of either kind in a row of the LFE5U-85F
_GROUP_STEP, _GAP_AFTER, _GAP = 9, 6, 2  # groups of four sites, wider apart in the middle
_MULTIPLIER_ROWS, _MULTIPLIER_SITES = (10, 34, 58), ((4, 0), (5, 1), (8, 4), (9, 5))
_MEMORY_ROWS, _MEMORY_SITES = (22, 46, 70), ((4, 0), (6, 1), (8, 2), (10, 3))
_COLUMNS, _ROWS = 16, 9
_FIRST = 2  # sites left free at either end


def lfe5u_85f_floorplan(config: Config) -> Iterator[tuple[str, str]]:
    """Yield (cell, site) for the 9x16 array on an LFE5U-85F, names as after flattening.

    The chip has three rows of 52 multipliers, with memories below each. A row of it takes three
    rows of the array, column beside column, so that a column's sums go straight down. The weights
    of the ninth row lie in the parity bits of the other eight.

    Sites are nextpnr's names for the part (Project Trellis).

    Raises
    ------
    ValueError
        If the array has another shape.
    """
    if (config.rows, config.columns) != (_ROWS, _COLUMNS):
        raise ValueError(f"the floorplan is for a {_ROWS}x{_COLUMNS} array, "
                         f"not {config.rows}x{config.columns}")  # fmt: skip
    multipliers = _sites(_MULTIPLIER_SITES, "MULT18_{}")
    memories = _sites(_MEMORY_SITES, "EBR{}")
    for column in range(_COLUMNS):
        tile, place = divmod(column, config.tile)
        for row in range(_ROWS):
            third, site = row // 3, _FIRST + 3 * column + row % 3
            yield (f"{_ARRAY}.pe_p0_r{row}_c{column}.multiplier.dsp",
                   multipliers[site].format(_MULTIPLIER_ROWS[third]))
            if row < _ROWS - 1:
                yield (f"{_ARRAY}.weights_{tile}.row_{row}.U${place}",
                       memories[site].format(_MEMORY_ROWS[third]))


def _sites(group: tuple[tuple[int, int], ...], name: str) -> list[str]:
    """Return the sites of a row from left to right, with a place for the row's number."""
    def sites():
        for number in count():
            left = _GROUP_STEP * number + (_GAP if number > _GAP_AFTER else 0)
            for x, index in group:
                yield f"X{x + left}/Y{{}}/{name.format(index)}"
    return list(islice(sites(), _SITES))
