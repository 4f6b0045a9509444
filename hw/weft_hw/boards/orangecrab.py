"""OrangeCrab 85F: Lattice ECP5 in the form of a Feather, with USB, a serial port at its header."""

from weft_hw.boards.board import Board

__all__ = ["ORANGECRAB_85F"]

ORANGECRAB_85F = Board(
    name="orangecrab-85f",
    title="OrangeCrab 85F",
    platform="weft_hw.boards.platforms.orangecrab:OrangeCrab85fPlatform",
    config="orangecrab-85f",
    family="ecp5",
    constraints="orangecrab-85f",
    oscillator_hz=48_000_000,
    clock_hz=120_000_000,
    # What most cables with a UART of 3.3 V reach.
    baud=3_000_000,
    usb_pins=("usb", 0),
    idle=("led", 0),
    busy=("led", 1),
    error=("led", 2),
    reset=("button", 0),
    floorplan="weft_hw.tech.ecp5.floorplan:lfe5u_85f_floorplan",
    loader="orangeCrab",
    usb="1209:5af0",
)
