"""Tables of what the board records say."""

from weft_hw.boards import BOARDS, Board
from weft_hw.boards.top import platform_of
from weft_hw.contract.config import Config, get_config

from tables.measured import markdown_table

__all__ = ["BOARD_FACTS", "boards_table"]

# Boards that are one board with several designs or parts have a page together.
_PAGES = {
    "ulx3s-85f": "ulx3s",
    "ulx3s-85f-wide": "ulx3s",
    "ulx3s-45f": "ulx3s",
    "ulx3s-12f": "ulx3s",
}


def _multipliers(config: Config) -> str:
    elements = len(config.stages) * config.columns * config.pixels
    text = str(elements)
    if elements != config.multipliers:
        text += f" for {config.multipliers} products a cycle"
    if config.dsp_multipliers < elements:
        text += f" ({config.dsp_multipliers} in DSP blocks)"
    return text


def boards_table() -> str:
    """Return a row for each board as Markdown."""
    rows = []
    for board in BOARDS.values():
        rows.append(
            [
                f"[`{board.name}`](boards/{_PAGES.get(board.name, board.name)}.md)",
                platform_of(board).device,
                _multipliers(get_config(board.config)),
                f"{board.clock_hz / 1e6:g} MHz",
                f"{board.baud / 1e6:g} Mbaud",
            ]
        )
    return markdown_table(["board", "part", "multipliers", "clock", "serial port"], rows)


def _facts(board: Board) -> str:
    lights = [(board.idle, "idle"), (board.busy, "busy"), (board.error, "error")]
    rows = [
        ["part", platform_of(board).device],
        ["configuration", f"`{board.config}`"],
        ["clock", f"{board.clock_hz / 1e6:g} MHz, from {board.oscillator_hz / 1e6:g} MHz"],
        ["serial port", f"{board.baud / 1e6:g} Mbaud"],
        ["USB vendor and product", f"`{board.usb}`"],
        ["openFPGALoader's name", f"`{board.loader}`"],
        *([f"`{place[0]} {place[1]}` is lit", meaning] for place, meaning in lights if place),
        ["reset", f"`{board.reset[0]} {board.reset[1]}`"],
    ]
    return markdown_table([f"`{board.name}`", board.title], rows)


BOARD_FACTS = {
    f"board-{board.name}": lambda board=board: _facts(board) for board in BOARDS.values()
}
