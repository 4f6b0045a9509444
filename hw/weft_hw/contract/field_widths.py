"""The bits of a descriptor that a configuration's gateware reads, and what it cannot run."""

from collections.abc import Mapping

from weft_hw.contract.config import Config
from weft_hw.contract.descriptor import DESCRIPTOR, Kind, encode_descriptor

__all__ = ["check_descriptor", "field_widths"]

_COMPACT_EXTENT_BITS = 7
_EXTENTS = (
    "fill_rows",
    "in_height",
    "in_width",
    "out_height",
    "out_width",
    "groups",
    "pad_top",
    "pad_left",
    "span",
)


def field_widths(config: Config) -> dict[str, int]:
    """Return how many bits of each field a configuration's gateware looks at.

    A compact one leaves out the top bits: those that its memories do not need, and those of feature
    maps of more than 127 rows, columns or groups. It reads whole rows alone. Large memories do not
    widen a field: the bits above it are the next field's.
    """
    widths = {field.name: field.width for field in DESCRIPTOR}
    if not config.compact:
        return widths
    line_bits = (config.line_words - 1).bit_length()
    beats = (config.activation_words * config.beats - 1).bit_length()
    needed = dict.fromkeys(_EXTENTS, _COMPACT_EXTENT_BITS) | {
        "in_base": (config.activation_words - 1).bit_length(),
        "row_words": config.line_words.bit_length(),
        "row_bits": line_bits.bit_length(),
        # Units count modulo the pieces of a line buffer.
        **dict.fromkeys(("unit_step", "unit_stride", "group_step", "origin"), line_bits + 2),
        "row_gap": 0,
        "window_base": (config.window_count - 1).bit_length(),
        "window_count": config.window_count.bit_length(),
        "weight_base": (config.weight_words - 1).bit_length(),
        "last_beats": config.beats.bit_length(),
        "parameter_base": (config.parameter_words - 1).bit_length(),
        "out_base": beats,
        "out_row": beats,
        "out_pixel": beats,
        "first_mask": config.lanes,
        "last_mask": config.lanes,
    }
    return {name: min(width, needed.get(name, width)) for name, width in widths.items()}


def check_descriptor(config: Config, values: Mapping[str, int]) -> None:
    """Check what ``config`` rules out and its memories' sizes do not.

    Raises
    ------
    ValueError
        If a field does not fit, or the kind of layer is missing.
    """
    encode_descriptor(values)
    if values.get("own_weights", 0) and not config.own_weights:
        raise ValueError(f"pixels of {config.name} have no weights of their own")
    if config.compact and values.get("adds", 0):
        raise ValueError(f"layers of {config.name} cannot add to another map")
    if config.compact and values["kind"] != Kind.MAC:
        raise ValueError(f"{config.name} has no {Kind(values['kind']).name} layers")
    if not config.compact:  # whose fields have all of their bits
        return
    widths = field_widths(config)
    for name in (*_EXTENTS, "row_gap"):
        most = (1 << widths[name]) - 1
        if values.get(name, 0) > most:
            raise ValueError(f"{name} must be at most {most}, not {values[name]}")
