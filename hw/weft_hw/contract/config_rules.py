"""Rules that the fields of a configuration keep."""

from typing import TYPE_CHECKING

from weft_hw.contract.descriptor import DESCRIPTOR
from weft_hw.contract.fields import widths

if TYPE_CHECKING:
    from weft_hw.contract.config import Config

__all__ = ["ConfigError", "check_config", "largest_memories"]

_WIDTHS = widths(DESCRIPTOR)


class ConfigError(ValueError):
    """A configuration breaks a rule; the message names the field, the rule and the value."""


def largest_memories(config: "Config") -> dict[str, int]:
    """Return words of each memory that descriptors can address, and entries of a run's list."""
    return {
        "weight_words": 1 << _WIDTHS["weight_base"],
        # Operands are addressed by words, results by beats.
        "activation_words": min(1 << 15, (1 << _WIDTHS["out_base"]) // config.beats),
        "parameter_words": 1 << _WIDTHS["parameter_base"],
        "descriptor_count": 256,
        "window_count": 1 << _WIDTHS["window_base"],
    }


def check_config(config: "Config") -> None:
    """Check what a field may be, alone and beside the others.

    Raises
    ------
    ConfigError
        If a field breaks its rule.
    """

    def require(field: str, rule: str, holds: bool):
        if not holds:
            value = getattr(config, field)
            raise ConfigError(f"Config.{field} must be {rule}, not {value!r}")

    def is_power(value: int) -> bool:
        return value > 0 and value & value - 1 == 0

    require("name", "a text of 1 to 255 characters", 1 <= len(config.name) <= 255)
    require("tap_rows", "from 1 to 4", 1 <= config.tap_rows <= 4)
    require("tap_columns", "from 1 to 3", 1 <= config.tap_columns <= 3)
    require(
        "columns",
        "a power of two from 2 to 16",
        is_power(config.columns) and 2 <= config.columns <= 16,
    )
    require("pixels", "1, 2 or 4", config.pixels in (1, 2, 4))
    require(
        "lanes",
        "a power of two that divides columns",
        is_power(config.lanes) and config.lanes <= config.columns,
    )
    require(
        "tile",
        "a power of two that divides columns",
        is_power(config.tile) and config.tile <= config.columns,
    )
    require(
        "fill_words",
        "1, or 2 where there are at least 2 line buffers",
        1 <= config.fill_words <= min(2, config.line_banks),
    )
    require(
        "line_words",
        "a power of two from 4 to 512",
        is_power(config.line_words) and 4 <= config.line_words <= 512,
    )
    require(
        "compact",
        "False where there are several pixels or fill words, or pairs",
        not config.compact or (config.pixels == config.fill_words == 1 and not config.paired),
    )
    require(
        "dram_bytes",
        "0, or a power of two from 4096 to 256 MiB",
        config.dram_bytes == 0
        or (is_power(config.dram_bytes) and 4096 <= config.dram_bytes <= 1 << 28),
    )
    require(
        "descriptor_count",
        "a power of two from 16 on where there is memory beside the chip",
        not config.dram_bytes
        or (is_power(config.descriptor_count) and config.descriptor_count >= 16),
    )
    require(
        "compact",
        "False where there is memory beside the chip",
        not config.compact or not config.dram_bytes,
    )
    require(
        "paired", "False where the array has a single row", not config.paired or config.rows > 1
    )
    require(
        "own_weights",
        "False unless weight_words is a multiple of several pixels, without memory beside the chip",
        not config.own_weights
        or (
            config.pixels > 1 and config.weight_words % config.pixels == 0 and not config.dram_bytes
        ),
    )
    for field, limit in largest_memories(config).items():
        require(field, f"from 1 to {limit}", 1 <= getattr(config, field) <= limit)
    require("dsp_multipliers", "from 0 to 4096", 0 <= config.dsp_multipliers <= 1 << 12)
