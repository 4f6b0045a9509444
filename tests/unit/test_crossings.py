"""Clock-domain crossings of every board: a synchronised pin, a reset, and nothing else."""

from dataclasses import replace
from typing import Any

import pytest
from amaranth.hdl import ClockDomain, Module, Signal
from amaranth.lib.cdc import FFSynchronizer
from amaranth.lib.fifo import AsyncFIFO
from weft_hw.boards import BOARDS
from weft_hw.boards.top import BoardTop, platform_of
from weft_sim.testing.crossings import find_crossings
from weft_sim.testing.rtlil import to_rtlil

pytestmark = pytest.mark.tools


@pytest.mark.parametrize("board", BOARDS.values(), ids=BOARDS.keys())
def test_a_board_samples_three_pins(board):
    # The array's size changes nothing at the pins.
    small = replace(board, config="tiny")
    plan = platform_of(small).prepare(BoardTop(small), "top", emit_src=False)
    found = find_crossings(plan.files["top.il"])
    assert found.unsafe == []
    assert len(found.clocks) == 1
    assert sorted(found.synchronizers) == [
        "button_synchronizer.i",
        "lock_synchronizer.locked",
        "system.link.uart.receiver.synchronizer.rx",
    ]
    assert found.resets == []


def test_usb_has_a_clock_of_its_own():
    """Three pins more or less, and one queue each way between the clocks."""
    pytest.importorskip("luna", reason="USB needs luna-usb")
    board = replace(BOARDS["ulx3s-85f"], config="tiny", link="usb")
    plan = platform_of(board).prepare(BoardTop(board), "top", emit_src=False)
    found = find_crossings(plan.files["top.il"])
    assert found.unsafe == [] and found.resets == []
    assert len(found.clocks) == 2
    single = [
        name for name in found.synchronizers if "produce" not in name and "consume" not in name
    ]
    assert [name.rpartition(".")[2] for name in sorted(single)][:2] == ["i", "locked"]
    assert len(single) == 6  # button, two locks, D+, D-, reset
    assert sorted(found.memories) == [
        f"system.link.usb.function.{way}.storage" for way in ("rx", "tx")
    ]


def test_a_usb_transceiver_makes_its_own_clock():
    """Its pins belong to that clock, so that only the device may sample them as they are."""
    pytest.importorskip("luna", reason="USB needs luna-usb")
    board = replace(BOARDS["ecpix-5-85f"], config="tiny", link="usb")
    plan = platform_of(board).prepare(BoardTop(board), "top", emit_src=False)
    # The net behind the pin's buffer has another name after synthesis.
    assert 'FREQUENCY PORT "ulpi_0__clk__io" 60000000.0 HZ;' in plan.files["top.lpf"]
    found = find_crossings(plan.files["top.il"])
    assert len(found.clocks) == 2 and found.resets == []
    device = "(asynchronous) is sampled by system.link.usb.function.device."
    assert found.unsafe and all(device in sentence for sentence in found.unsafe)
    single = [
        name for name in found.synchronizers if "produce" not in name and "consume" not in name
    ]
    assert len(single) == 3  # button, lock, reset
    assert len(found.memories) == 2


def test_an_ethernet_transceiver_makes_its_own_clock():
    """Its pins are sampled at both edges of it; one queue each way, a reset and a speed cross."""
    board = replace(BOARDS["ecpix-5-85f"], config="tiny", link="udp")
    plan = platform_of(board).prepare(BoardTop(board), "top", emit_src=False)
    files = plan.files
    assert 'FREQUENCY PORT "eth_rgmii_0__rx_clk__io" 125000000.0 HZ;' in files["top.lpf"]
    # Data and control each way at both edges, and the clock that goes out 2 ns late.
    rtlil = files["top.il"]
    assert rtlil.count("cell \\IDDRX1F") == 5 and rtlil.count("cell \\ODDRX1F") == 6
    assert rtlil.count("cell \\DELAYG") == 1 and "parameter \\DEL_VALUE 80" in rtlil
    found = find_crossings(rtlil)
    assert len(found.clocks) == 2 and found.resets == []
    pins = "(asynchronous) is sampled by system.link.link.receiver."
    assert len(found.unsafe) == 3 and all(pins in sentence for sentence in found.unsafe)
    single = [
        name for name in found.synchronizers if "produce" not in name and "consume" not in name
    ]
    assert len(single) == 5  # button, lock, reset, the clock's speed each way
    assert sorted(found.memories) == [f"system.link.link.{way}.storage" for way in ("rx", "tx")]


def test_a_board_that_carries_no_gigabit_tells_its_transceiver():
    board = replace(BOARDS["colorlight-i5"], config="tiny", link="udp")
    files = platform_of(board).prepare(BoardTop(board), "top", emit_src=False).files
    assert 'FREQUENCY PORT "eth_rgmii_0__rx_clk__io" 25000000.0 HZ;' in files["top.lpf"]
    assert 'LOCATE COMP "eth_rgmii_0__mdio__io" SITE "P5";' in files["top.lpf"]
    found = find_crossings(files["top.il"])
    assert len(found.clocks) == 2 and found.resets == []
    assert sorted(found.memories) == [f"system.link.link.{way}.storage" for way in ("rx", "tx")]


def crossings_of(build):
    m = Module()
    ports = build(m)
    sync: Any = ClockDomain(reset_less=True)  # the stubs lack its clk
    m.domains.sync = sync
    return find_crossings(to_rtlil(m, ports=[sync.clk, *ports]))


def test_synchronisers_pass():
    def build(m):
        pin, led, inner = Signal(), Signal(), Signal()
        m.submodules.cdc = FFSynchronizer(pin, inner)
        m.d.sync += led.eq(led ^ inner)
        return pin, led

    found = crossings_of(build)
    assert len(found.synchronizers) == 1 and found.unsafe == []


@pytest.mark.parametrize("mistake", ["plain", "logic", "one stage", "fan-out", "twice"])
def test_mistakes_are_found(mistake):
    def build(m):
        pin, other, led, inner = (Signal(name=n) for n in ("pin", "other", "led", "inner"))
        again = Signal()
        first = Signal(reset_less=True)
        match mistake:
            case "plain":
                m.d.sync += led.eq(led ^ pin)
            case "logic":
                m.submodules.cdc = FFSynchronizer(pin & other, inner)
            case "one stage":
                m.d.sync += [first.eq(pin), led.eq(led ^ first)]
            case "fan-out":
                m.d.sync += [first.eq(pin), inner.eq(first), led.eq(first)]
            case "twice":
                m.submodules.cdc = FFSynchronizer(pin, inner)
                m.submodules.cdc_again = FFSynchronizer(pin, again)
        if mistake in ("logic", "twice"):
            m.d.sync += led.eq(inner ^ again)
        return pin, other, led, inner

    unsafe = crossings_of(build).unsafe
    expected = "sampled 2 times" if mistake == "twice" else "without a synchroniser"
    assert unsafe and all(expected in sentence for sentence in unsafe)


def test_another_clock_needs_a_synchroniser_too():
    def build(m):
        other: Any = ClockDomain(reset_less=True)
        m.domains.other = other
        flag, led = Signal(), Signal()
        m.d.other += flag.eq(~flag)
        m.d.sync += led.eq(led ^ flag)
        return other.clk, led

    found = crossings_of(build)
    assert any("(other_clk) is sampled by led" in sentence for sentence in found.unsafe)


def test_asynchronous_fifo_passes():
    def build(m):
        other: Any = ClockDomain(reset_less=True)
        m.domains.other = other
        m.submodules.fifo = fifo = AsyncFIFO(width=8, depth=4, w_domain="other", r_domain="sync")
        data, out = Signal(8), Signal(8)
        m.d.comb += [fifo.w_data.eq(data), fifo.w_en.eq(1), fifo.r_en.eq(1), out.eq(fifo.r_data)]
        return other.clk, data, out

    found = crossings_of(build)
    assert not [s for s in found.unsafe if not s.startswith("fifo.w_port__data (asynchronous)")]
    assert len(found.memories) == 1 and found.synchronizers
