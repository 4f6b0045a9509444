"""Requantize's Verilog under Verilator; tb_requantize runs in the simulator."""

from dataclasses import dataclass
from pathlib import Path

import pytest
from weft_hw.engine.output.requantize import Requantize
from weft_hw.tech.portable import Portable
from weft_sim.testing.rtl import run_cocotb


@dataclass(frozen=True)
class NoConfig:
    """Requantize has no sizes."""


@pytest.mark.tools
@pytest.mark.timeout(300)
def test_requantize(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(Path(__file__).parent)  # the simulator imports tb_requantize
    run_cocotb(
        Requantize(Portable()), config=NoConfig(), test_module="tb_requantize", build_dir=tmp_path
    )
