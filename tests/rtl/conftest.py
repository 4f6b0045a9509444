"""Engines under Verilator, built once for all tests that run on them."""

import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from weft_hw.contract.config import Config
from weft_hw.engine.engine import Engine
from weft_hw.tech.portable import Portable
from weft_sim.testing.rtl import build_cocotb, run_cocotb, simulate_cocotb

HERE = str(Path(__file__).parent)
sys.path.insert(0, HERE)  # test modules import the generators beside them


@pytest.fixture(scope="session")
def run_engine(tmp_path_factory) -> Callable[[Config, list], None]:
    """Return a function that runs cases (see ``engine_cases``) on the engine of a configuration."""
    runners = {}

    def run(config: Config, cases: list):
        from engine_cases import save_cases

        if config not in runners:
            folder = tmp_path_factory.mktemp(f"engine_{config.name}")
            runners[config] = build_cocotb(Engine(config, Portable()), build_dir=folder)
        folder = tmp_path_factory.mktemp("cases")
        save_cases(folder / "cases.npz", cases)
        simulate_cocotb(
            runners[config],
            config=config,
            test_module="tb_engine",
            environment={"CASES": str(folder / "cases.npz")},
        )

    return run


@pytest.fixture
def check_like_portable(tmp_path) -> Callable[[Portable, list[dict], list[Path]], None]:
    """Return a function that holds components of a family to the portable ones.

    It takes the family, the cases of ``tech_pair``, and models of the cells that Verilator lacks.
    """

    def check(tech: Portable, cases: list[dict], models: list[Path]):
        from tech_pair import Cases, TechPairs

        config = Cases(cases=cases)
        run_cocotb(
            TechPairs(config, tech),
            config=config,
            test_module="tb_tech",
            build_dir=tmp_path,
            models=models,
        )

    return check
