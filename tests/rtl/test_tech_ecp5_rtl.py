"""ECP5 components beside the portable ones under Verilator; tb_tech runs in the simulator."""

from pathlib import Path

import pytest
from weft_hw.tech.ecp5.family import Ecp5
from weft_sim.testing.netlist_board import ECP5_CELLS

HERE = Path(__file__).parent
BYTE = {"a": (8, True), "b": (8, True)}
CASES = [
    {"kind": "dsp", **BYTE},
    {"kind": "fabric", **BYTE},
    {"kind": "dense", **BYTE},
    {"kind": "pair_dsp"},
    {"kind": "pair_fabric"},
    {"kind": "wide_multiplier", "a": (32, False), "b": (31, False)},
    {"kind": "wide_dsp", "a": (32, False), "b": (31, False)},
    {"kind": "wide_dsp", "a": (17, False), "b": (32, False)},
    {"kind": "wide_multiplier", "a": (9, True), "b": (9, True)},
    *({"kind": "accumulator", "a": (width, True)} for width in (20, 21)),
    *(
        {"kind": "block_ram", "width": width, "depth": depth, "granularity": granularity}
        for width, depth, granularity in [
            (69, 512, 0),
            (32, 600, 8),
            (32, 4096, 8),
            (24, 513, 12),
            (36, 1100, 0),
            (1, 2, 0),
            (8, 5000, 0),
            (18, 1024, 9),
            (27, 300, 9),
            (3, 16384, 0),
        ]
    ),
    *(
        {"kind": "weight_column", "rows": rows, "depth": depth, "columns": columns}
        for rows, depth, columns in [
            (9, 2048, 1),
            (3, 64, 1),
            (12, 600, 1),
            (9, 2049, 1),
            (9, 1024, 2),
            (9, 512, 4),
            (4, 300, 4),
        ]
    ),
    {"kind": "weight_column", "rows": 9, "depth": 1024, "columns": 2, "at_once": 2},
    {"kind": "loaded_column", "rows": 9, "depth": 2048, "columns": 2, "at_once": 2, "words": 4},
    {"kind": "loaded_column", "rows": 4, "depth": 64, "columns": 2, "words": 2},
]


@pytest.mark.tools
@pytest.mark.timeout(300)
def test_like_portable(check_like_portable):
    check_like_portable(Ecp5(), CASES, [ECP5_CELLS, HERE / "models" / "ccu2c.v"])
