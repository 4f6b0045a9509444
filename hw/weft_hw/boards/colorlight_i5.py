"""Colorlight i5: Lattice ECP5-25F on a module, and an extension board with a DAPLink debugger."""

from weft_hw.boards.board import Board

__all__ = ["COLORLIGHT_I5"]

COLORLIGHT_I5 = Board(
    name="colorlight-i5",
    title="Colorlight i5",
    platform="weft_hw.boards.platforms.colorlight_i5:ColorlightI5Platform",
    config="colorlight-i5",
    family="ecp5",
    constraints="colorlight-i5",
    oscillator_hz=25_000_000,
    clock_hz=100_000_000,
    # How much the debugger's firmware passes on without loss was not measured; this is a guess.
    baud=1_000_000,
    idle=("led", 0),
    reset=("button", 0),
    buffer_bytes=2048,
    loader="colorlight-i5",
    usb="0d28:0204",
)
