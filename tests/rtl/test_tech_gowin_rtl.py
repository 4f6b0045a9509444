"""Gowin components beside the portable ones under Verilator; tb_tech runs in the simulator."""

import pytest
from weft_hw.tech.gowin.family import Gowin
from weft_sim.testing.netlist_board import GOWIN_CELLS

BYTE = {"a": (8, True), "b": (8, True)}
CASES = [
    {"kind": "dsp", **BYTE},
    {"kind": "fabric", **BYTE},
    {"kind": "wide_multiplier", "a": (32, False), "b": (31, False)},
    {"kind": "wide_dsp", "a": (32, False), "b": (31, False)},
    {"kind": "wide_dsp", "a": (17, False), "b": (32, False)},
    *(
        {"kind": "block_ram", "width": width, "depth": depth, "granularity": granularity}
        for width, depth, granularity in [
            (69, 512, 0),
            (32, 600, 8),
            (64, 2048, 8),
            (24, 513, 12),
            (36, 1100, 0),
            (1, 2, 0),
            (8, 5000, 0),
            (18, 1024, 9),
            (2, 8192, 0),
            (3, 16384, 0),
        ]
    ),
    *(
        {"kind": "weight_column", "rows": rows, "depth": depth, "columns": columns}
        for rows, depth, columns in [(9, 2048, 1), (12, 600, 1), (9, 1024, 2), (9, 512, 4)]
    ),
]


@pytest.mark.tools
@pytest.mark.timeout(300)
def test_like_portable(check_like_portable):
    check_like_portable(Gowin(), CASES, [GOWIN_CELLS])
