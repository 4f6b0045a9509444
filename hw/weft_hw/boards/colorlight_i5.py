"""Colorlight i5: Lattice ECP5-25F on a module with Ethernet, an extension board with a debugger."""

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
    # In this part Ethernet's clock of 125 MHz is met by one seed of three, without an engine.
    rgmii=("eth_rgmii", 0),
    gigabit=False,
    idle=("led", 0),
    reset=("button", 0),
    buffer_bytes=2048,
    loader="colorlight-i5",
    usb="0d28:0204",
)
