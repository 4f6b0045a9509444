"""iCE40 components beside the portable ones under Verilator; tb_tech runs in the simulator."""

from pathlib import Path

import pytest
from weft_hw.tech.ice40.family import Ice40

HERE = Path(__file__).parent
BYTE = {"a": (8, True), "b": (8, True)}
CASES = [
    {"kind": "dsp", **BYTE},
    {"kind": "fabric", **BYTE},
    {"kind": "wide_multiplier", "a": (9, True), "b": (9, True)},
    *(
        {"kind": "block_ram", "width": width, "depth": depth, "granularity": granularity}
        for width, depth, granularity in [
            (69, 64, 0),
            (32, 600, 8),
            (16, 1024, 8),
            (24, 513, 12),
            (16, 256, 8),
            (1, 2, 0),
            (8, 5000, 0),
            (32, 256, 4),
            (38, 128, 0),
            (4, 1024, 0),
            (2, 2048, 0),
            (8, 512, 0),
        ]
    ),
    *(
        {"kind": "weight_column", "rows": rows, "depth": depth, "columns": columns}
        for rows, depth, columns in [(9, 2048, 1), (3, 64, 2)]
    ),
    *(
        {"kind": "loaded_column", "rows": rows, "depth": depth, "columns": 2}
        for rows, depth in [(3, 4096), (4, 16384)]
    ),
    *(
        {"kind": kind, "a": (width, True)}
        for kind in ("multiply_add", "accumulator")
        for width in (16, 18, 20)
    ),
]


@pytest.mark.tools
@pytest.mark.timeout(300)
def test_like_portable(check_like_portable):
    check_like_portable(Ice40(), CASES, [HERE / "models" / "ice40.v"])
