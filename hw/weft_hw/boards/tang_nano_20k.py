"""Tang Nano 20K: Gowin GW2AR-18 on a board of Sipeed, whose BL616 is the serial port."""

from weft_hw.boards.board import Board

__all__ = ["TANG_NANO_20K"]

TANG_NANO_20K = Board(
    name="tang-nano-20k",
    title="Tang Nano 20K",
    platform="weft_hw.boards.platforms.tang_nano_20k:TangNano20kPlatform",
    config="tang-nano-20k",
    family="gowin",
    constraints="tang-nano-20k",
    oscillator_hz=27_000_000,
    clock_hz=54_000_000,
    baud=2_000_000,
    idle=("led", 0),
    busy=("led", 1),
    error=("led", 2),
    reset=("button", 0),
    buffer_bytes=2048,
    loader="tangnano20k",
    usb="0403:6010",
)
