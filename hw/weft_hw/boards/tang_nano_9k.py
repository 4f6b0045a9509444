"""Tang Nano 9K: Gowin GW1NR-9 on a board of Sipeed, whose BL702 is the serial port."""

from weft_hw.boards.board import Board

__all__ = ["TANG_NANO_9K"]

TANG_NANO_9K = Board(
    name="tang-nano-9k",
    title="Tang Nano 9K",
    platform="weft_hw.boards.platforms.tang_nano_9k:TangNano9kPlatform",
    config="tang-nano-9k",
    family="gowin",
    constraints="tang-nano-9k",
    oscillator_hz=27_000_000,
    clock_hz=40_500_000,
    baud=2_000_000,
    idle=("led", 0),
    busy=("led", 1),
    error=("led", 2),
    reset=("button", 0),
    buffer_bytes=512,
    buffer_frames=2,
    loader="tangnano9k",
    usb="0403:6010",
)
