"""Weft's models of ECP5 cells under Verilator; tb_ecp5_cells runs in the simulator."""

from itertools import product
from pathlib import Path

import pytest
from weft_sim.testing.netlist_board import ECP5_CELLS
from weft_sim.testing.rtl import run_cocotb


@pytest.mark.tools
@pytest.mark.timeout(300)
def test_as_documented(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(Path(__file__).parent)  # for tb_ecp5_cells
    from ecp5_bench import Cells, Ecp5Bench

    cells = Cells(
        multipliers=list(product((False, True), repeat=3)),
        memories=list(product((1, 2, 4, 9, 18, 36), ("NOREG", "OUTREG"))),
    )
    run_cocotb(
        Ecp5Bench(cells),
        config=cells,
        test_module="tb_ecp5_cells",
        build_dir=tmp_path,
        models=[ECP5_CELLS],
    )
