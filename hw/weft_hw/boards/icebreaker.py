"""iCEBreaker: Lattice iCE40UP5K with an FT2232H, whose second channel is the serial port."""

from weft_hw.boards.board import Board

__all__ = ["ICEBREAKER"]

ICEBREAKER = Board(
    name="icebreaker",
    title="iCEBreaker",
    platform="amaranth_boards.icebreaker:ICEBreakerPlatform",
    extra_resources="break_off_pmod",
    config="icebreaker",
    family="ice40",
    constraints="icebreaker",
    oscillator_hz=12_000_000,
    clock_hz=24_000_000,
    baud=3_000_000,
    idle=("led_g", 0),
    busy=("led_r", 0),
    error=("led_r", 1),
    reset=("button", 0),
    buffer_bytes=512,
    buffer_frames=2,
    loader="ice40_generic",
    usb="0403:6010",
)
