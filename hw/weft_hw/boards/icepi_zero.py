"""Icepi Zero: Lattice ECP5-25F in the form of a Raspberry Pi Zero, with an FT231X and USB."""

from weft_hw.boards.board import Board

__all__ = ["ICEPI_ZERO"]

ICEPI_ZERO = Board(
    name="icepi-zero",
    title="Icepi Zero",
    platform="weft_hw.boards.platforms.icepi_zero:IcepiZeroPlatform",
    config="icepi-zero",
    family="ecp5",
    constraints="icepi-zero",
    oscillator_hz=50_000_000,
    clock_hz=100_000_000,
    baud=3_000_000,
    usb_pins=("usb", 0),
    spi=("spi", 0),
    idle=("led", 0),
    busy=("led", 1),
    error=("led", 2),
    reset=("button", 0),
    sdram=("W9825G6KH-6",),
    buffer_bytes=2048,
    loader="icepi-zero",
    usb="0403:6015",
)
