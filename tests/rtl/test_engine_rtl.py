"""The whole engine under Verilator, layer by layer against the architectural simulator."""

from pathlib import Path

import numpy as np
import pytest
from engine_cases import random_convolution, save_cases
from weft_hw.contract.config import CONFIGS
from weft_hw.engine import Engine
from weft_hw.tech.portable import Portable
from weft_sim.rtl import run_cocotb

SEED = 20261122


@pytest.mark.rtl
@pytest.mark.parametrize("name", ["tiny"])
def test_random_convolutions(name, tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(Path(__file__).parent)
    config = CONFIGS[name]
    rng = np.random.default_rng(SEED)
    cases = [random_convolution(config, rng) for _ in range(48)]
    save_cases(tmp_path / "cases.npz", config, cases)
    monkeypatch.setenv("CASES", str(tmp_path / "cases.npz"))
    run_cocotb(Engine(config, Portable()), config=config, test_module="tb_engine",
               build_dir=tmp_path)
