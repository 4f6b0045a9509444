"""The packet decoder's Verilog under Verilator; tb_packet runs in the simulator."""

from dataclasses import dataclass
from pathlib import Path

import pytest
from weft_hw.link.receiver import Receiver
from weft_hw.tech.portable import Portable
from weft_sim.testing.rtl import run_cocotb


@dataclass(frozen=True)
class NoConfig:
    """The sizes stand in the bench."""


@pytest.mark.tools
@pytest.mark.timeout(300)
def test_packet_decoder(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(Path(__file__).parent)  # the simulator imports tb_packet
    run_cocotb(
        Receiver(Portable(), depth=512, frames=4),
        config=NoConfig(),
        test_module="tb_packet",
        build_dir=tmp_path,
    )
