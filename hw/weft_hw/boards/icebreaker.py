"""iCEBreaker: Lattice iCE40UP5K on a board of 1BitSquared, with an FT2232H."""

from weft_hw.boards.board import Board

__all__ = ["ICEBREAKER"]

# The part with three buttons and five lights can be broken off; without it, two lights are left.
ICEBREAKER = Board(
    name="icebreaker", title="iCEBreaker",
    platform="amaranth_boards.icebreaker:ICEBreakerPlatform", extra_resources="break_off_pmod",
    config="icebreaker", family="ice40", oscillator_hz=12_000_000, clock_hz=16_000_000,
    baud=2_000_000, idle=("led", 2), busy=("led", 3), error=("led", 0), reset=("button", 0),
    buffer_bytes=512, buffer_frames=4, loader="ice40_generic", usb="0403:6010",
)
