"""ULX3S: Lattice ECP5 on a board of Radiona, with an FT231X as its serial port."""

from dataclasses import replace

from weft_hw.boards.board import Board

__all__ = ["ULX3S_12F", "ULX3S_45F", "ULX3S_85F", "ULX3S_85F_WIDE"]

_COMMON = {
    "family": "ecp5",
    "constraints": "ulx3s",
    "oscillator_hz": 25_000_000,
    "baud": 3_000_000,
    "idle": ("led", 0),
    "busy": ("led", 1),
    "error": ("led", 2),
    "reset": ("button_fire", 0),
    "usb_pins": ("usb", 0),
    "loader": "ulx3s",
    "usb": "0403:6015",
    # Makers took what they could get; one bitstream serves them all.
    "sdram": ("MT48LC16M16A2-75", "W9825G6KH-6", "IS42S16160G-7", "AS4C32M16SB-7"),
}

ULX3S_85F = Board(
    name="ulx3s-85f",
    title="ULX3S 85F",
    platform="amaranth_boards.ulx3s:ULX3S_85F_Platform",
    config="ulx3s-85f",
    clock_hz=100_000_000,
    floorplan="weft_hw.tech.ecp5.floorplan:lfe5u_85f_floorplan",
    **_COMMON,
)
# It fills three quarters of the chip: only with shorter wires than nextpnr's placer aims for can it
# be routed.
ULX3S_85F_WIDE = replace(
    ULX3S_85F,
    name="ulx3s-85f-wide",
    title="ULX3S 85F, four pixels at a time",
    config="ulx3s-85f-wide",
    clock_hz=80_000_000,
    routing="--placer-heap-timingweight 1 --placer-heap-alpha 0.025 --router router1",
)
ULX3S_45F = Board(
    name="ulx3s-45f",
    title="ULX3S 45F",
    platform="amaranth_boards.ulx3s:ULX3S_45F_Platform",
    config="ulx3s-45f",
    clock_hz=100_000_000,
    **_COMMON,
)
ULX3S_12F = Board(
    name="ulx3s-12f",
    title="ULX3S 12F",
    platform="amaranth_boards.ulx3s:ULX3S_12F_Platform",
    config="ulx3s-12f",
    clock_hz=100_000_000,
    buffer_bytes=2048,
    **_COMMON,
)
