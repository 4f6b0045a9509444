"""Boards: the table, their clocks, and that each one elaborates with its platform."""

import importlib
import re
from collections import Counter
from dataclasses import replace
from functools import cache

import pytest
from weft_hw.boards import BOARDS, get_board
from weft_hw.boards.constraints import constraints_of
from weft_hw.boards.top import BoardTop, clock_hz, floorplan_of, platform_of
from weft_hw.contract.config import get_config
from weft_hw.tech.ecp5.floorplan import lfe5u_85f_floorplan
from weft_hw.tech.ecp5.pll import ecp5_pll_settings
from weft_hw.tech.gowin.pll import gowin_pll_settings
from weft_hw.tech.ice40.pll import filter_range, ice40_pll_settings
from weft_sim.tools import run_tool, yosys

EACH = pytest.mark.parametrize("board", BOARDS.values(), ids=BOARDS.keys())
CONSTRAINT_FILES = {
    "ecp5": (".lpf", "top.lpf"),
    "ice40": (".pcf", "top.pcf"),
    "gowin": (".cst", "top.cst"),
}


@cache
def files_of(name):
    """Return what a board's platform makes of it, by name; several tests look at it."""
    board = get_board(name)
    return platform_of(board).prepare(BoardTop(board), "top", emit_src=False).files


@pytest.mark.parametrize(
    "input_hz, wanted_hz",
    [
        (25e6, 75e6),
        (25e6, 80e6),
        (25e6, 62.5e6),
        (25e6, 110e6),
        (50e6, 75e6),
        (12e6, 48e6),
        (100e6, 33e6),
        (25e6, 25e6),
        (10e6, 20e6),
    ],
)
def test_ecp5_pll_stays_within_the_data_sheet(input_hz, wanted_hz):
    s = ecp5_pll_settings(input_hz, wanted_hz)
    assert 1 <= s.divide <= 128 and 1 <= s.output_divide <= 128
    assert s.detector_hz == input_hz / s.divide and 10e6 <= s.detector_hz <= 400e6
    assert s.oscillator_hz == pytest.approx(input_hz * s.multiply / s.divide)
    assert s.output_hz == pytest.approx(s.oscillator_hz / s.output_divide)
    assert any(s.multiply % k == 0 and s.multiply // k <= 128 for k in range(2, 129))
    assert 400e6 <= s.oscillator_hz <= 800e6
    assert 0.95 * wanted_hz <= s.output_hz <= wanted_hz * (1 + 1e-9)


@pytest.mark.parametrize(
    "input_hz, wanted_hz, exact",
    [
        (12e6, 16e6, False),
        (12e6, 24e6, True),
        (12e6, 48e6, True),
        (100e6, 60e6, True),
        (12e6, 20.25e6, True),
    ],
)
def test_ice40_pll_stays_within_the_data_sheet(input_hz, wanted_hz, exact):
    s = (
        ice40_pll_settings(input_hz, wanted_hz)
        if exact
        else ice40_pll_settings(input_hz, wanted_hz * 1.02)
    )
    assert 1 <= s.divide <= 16 and 1 <= s.multiply <= 128
    assert s.output_divide in (2, 4, 8, 16, 32, 64)
    assert 10e6 <= s.detector_hz <= 133e6 and 533e6 <= s.oscillator_hz <= 1066e6
    assert s.output_hz == pytest.approx(input_hz * s.multiply / s.divide / s.output_divide)
    assert 16e6 <= s.output_hz <= 275e6
    if exact:
        assert s.output_hz == pytest.approx(wanted_hz)


@pytest.mark.parametrize("wanted_hz", [54e6, 60e6, 74.25e6, 81e6, 100e6])
def test_gowin_pll_stays_within_the_data_sheet(wanted_hz):
    s = gowin_pll_settings(27e6, wanted_hz)
    assert 1 <= s.divide <= 64 and s.multiply % s.output_divide == 0
    assert 1 <= s.multiply // s.output_divide <= 64
    assert s.output_divide in (2, 4, 8, 16, 32, 48, 64, 80, 96, 112, 128)
    assert s.detector_hz == 27e6 / s.divide and 3e6 <= s.detector_hz <= 400e6
    assert s.oscillator_hz == pytest.approx(27e6 * s.multiply / s.divide)
    assert s.output_hz == pytest.approx(s.oscillator_hz / s.output_divide)
    assert 500e6 <= s.oscillator_hz <= 1200e6
    assert 0.95 * wanted_hz <= s.output_hz <= wanted_hz * (1 + 1e-9)


def test_filter_range_of_the_phase_detector():
    assert [filter_range(f) for f in (10e6, 16.9e6, 17e6, 26e6, 44e6, 66e6, 101e6, 133e6)] == [
        1,
        1,
        2,
        3,
        4,
        5,
        6,
        6,
    ]


@pytest.mark.parametrize(
    "settings, input_hz, wanted_hz, text",
    [
        (ecp5_pll_settings, 25e6, 1e6, "a PLL cannot make 1 MHz of 25 MHz"),
        (ecp5_pll_settings, 25e6, 500e6, "a PLL cannot make 500 MHz of 25 MHz"),
        (ecp5_pll_settings, 5e6, 50e6, "a PLL cannot make 50 MHz of 5 MHz"),
        (ice40_pll_settings, 12e6, 8e6, "a PLL cannot make 8 MHz of 12 MHz"),
        (gowin_pll_settings, 27e6, 700e6, "a PLL cannot make 700 MHz of 27 MHz"),
    ],
)
def test_impossible_clocks_are_refused(settings, input_hz, wanted_hz, text):
    with pytest.raises(ValueError, match=re.escape(text)):
        settings(input_hz, wanted_hz)


def test_unknown_board_is_one_sentence():
    with pytest.raises(KeyError) as caught:
        get_board("de10")
    assert caught.value.args[0] == (f"there is no board 'de10'; choose from {', '.join(BOARDS)}")


def test_table_is_consistent():
    for name, board in BOARDS.items():
        assert board.name == name
        config = get_config(board.config)
        assert config.name == board.config
        assert clock_hz(board) >= 4 * board.baud
        assert 0.95 * board.clock_hz <= clock_hz(board) <= board.clock_hz


@pytest.mark.slow
@EACH
def test_elaborates_with_its_platform(board):
    importlib.import_module(board.platform.partition(":")[0])
    platform = platform_of(board)
    assert platform.default_clk_frequency == board.oscillator_hz
    suffix, constraints = CONSTRAINT_FILES[board.family]
    files = files_of(board.name)
    rtlil, pins = files["top.il"], files[constraints]
    for place in (board.uart, board.idle, board.busy, board.error, board.reset):
        assert place is None or f"{place[0]}_{place[1]}__" in pins
    pll = {"ecp5": r"cell \EHXPLLL", "ice40": r"cell \SB_PLL40_PAD", "gowin": r"cell \rPLL"}[
        board.family
    ]
    assert rtlil.count(pll) == 1
    assert constraints_of(board.constraints, suffix), "a board states its constraints"


@pytest.mark.slow
@pytest.mark.parametrize("name", ["ulx3s-12f", "icepi-zero"])
def test_sdram_has_a_register_at_each_pin(name):
    files = files_of(name)
    pads = [
        line
        for line in files["top.lpf"].splitlines()
        if "sdram_0__" in line and line.startswith("LOCATE")
    ]
    # Clock, 6 signals, 2 masks, 2 of the bank, 13 of the address, 16 of data.
    assert len(pads) == 39
    rtlil = files["top.il"]
    assert rtlil.count(r"cell \ODDRX1F") == 1
    # Each pin has a tristate register, each but the clock's an output register as well.
    assert rtlil.count(r"cell \OFS1P3DX") == 39 + 38 and rtlil.count(r"cell \IFS1P3DX") == 16


@pytest.mark.tools
@pytest.mark.parametrize("name", ["ulx3s-85f", "ulx3s-85f-wide"])
def test_floorplan_places_each_multiplier_and_large_memory_once(tmp_path, name):
    board = get_board(name)
    floorplan = floorplan_of(board)
    places = [(cell, site) for cell, site in floorplan if cell]
    (tmp_path / "top.il").write_text(files_of(name)["top.il"])
    wide = get_config(board.config).pixels > 1
    memories = " ".join(
        f"c:*.{part}.U$* %u"
        for part in (
            "array.weights_*.row_*",
            "lanes.lane_*.parameters",
            "activations.memory",
            "lines.bank_*",
            *(
                (
                    "table",
                    "program.memory",
                    "sequencer.memory",
                    "sequencer.counters",
                    "receiver.memory",
                    "sender.memory",
                )
                if wide
                else ()
            ),
        )
    )
    (tmp_path / "names.ys").write_text(
        "\n".join(
            [
                "read_rtlil top.il",
                "hierarchy -top top",
                "flatten",
                "tee -o names.txt select -list "
                f"t:MULT18X18D {memories} t:MULT18X18D t:DP16KD %u %i",
            ]
        )
    )
    run_tool([*yosys(), "-q", "-s", "names.ys"], cwd=tmp_path)
    found = {line.partition("/")[2] for line in (tmp_path / "names.txt").read_text().splitlines()}
    assert Counter(cell for cell, _ in places) == Counter(found)
    empty = {site for cell, site in floorplan if not cell}
    assert len(empty) == len(floorplan) - len(places) == (4 * 110 * 8 if wide else 0)
    assert all(re.fullmatch("X[0-9]+/Y8[0357]/SLICE[A-D].K[01]", site) for site in empty)
    # Rows of sites as Project Trellis has them: three of multipliers, four of memories.
    assert (
        len({site for _, site in places})
        == len(places)
        == 144 + (207 if wide else 128 + 16 + 32 + 16)
    )
    for cell, site in places:
        is_multiplier = cell.rpartition(".")[2].startswith("dsp")
        kind, rows = ("MULT18_[0145]", "10|34|58") if is_multiplier else ("EBR[0-3]", "22|46|70|82")
        place = re.fullmatch(f"X([0-9]+)/Y(?:{rows})/{kind}", site)
        assert place and 4 <= int(place[1]) <= 120
        assert wide or 8 <= int(place[1]) <= 118


def test_floorplan_of_another_array_is_refused():
    with pytest.raises(ValueError, match="needs columns = 16, not 4"):
        list(lfe5u_85f_floorplan(replace(get_config("ulx3s-85f"), columns=4, lanes=2)))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "link", "pins"),
    [
        ("ulx3s-12f", "usb", "D15 E15 B12"),
        ("orangecrab-85f", "usb", "N1 M2 N2"),
        ("icepi-zero", "usb", "F15 E16 H14"),
        ("icepi-zero", "spi", "H2 J1 L2 G2"),  # GPIO 8 to 11
    ],
)
def test_links_at_the_fpgas_own_pins(name, link, pins):
    if link == "usb":
        pytest.importorskip("luna", reason="USB needs luna-usb")
    board = replace(get_board(name), config="tiny", link=link)
    files = platform_of(board).prepare(BoardTop(board), "top", emit_src=False).files
    places = re.findall(rf'LOCATE COMP "{link}_0__\S+" SITE "(\w+)"', files["top.lpf"])
    assert set(pins.split()) <= set(places)
    # USB's clock is made of the design's.
    assert files["top.il"].count(r"cell \EHXPLLL") == (2 if link == "usb" else 1)
    assert "uart_0__" not in files["top.lpf"]
