"""The build-time size of one accelerator, and the named sizes that boards use."""

from dataclasses import dataclass, replace

from weft_hw.contract.config_rules import ConfigError, check_config

__all__ = ["CONFIGS", "Config", "ConfigError", "get_config"]


def _log2(value: int) -> int:
    return value.bit_length() - 1


@dataclass(frozen=True, kw_only=True)
class Config:
    """Size of the array, its memories and its output path.

    A *word* is ``columns`` int8 activations: the unit of the activation memory and of the line
    buffers. A *beat* is ``lanes`` int8 results: the unit in which results leave.

    Parameters
    ----------
    name : str
        What users type after ``--config``.
    tap_rows, tap_columns : int
        Grid of kernel taps that the window former holds; the array has one row per tap.
    columns : int
        Output channels computed at once; a power of two, at least 2.
    pixels : int
        Output rows computed at once with the same weights; 1, 2 or 4.
    lanes : int
        Results requantised per cycle; a power of two that divides ``columns``.
    tile : int
        Columns that an activation reaches per cycle on its way across the array.
    fill_words : int
        Words of input that are read into the line buffers per cycle, 1 or 2.
    weight_words : int
        Depth of the weight memory; a word is one byte per processing element.
    activation_words, line_words : int
        Depth of the activation memory and of each line buffer, in words; powers of two for
        line buffers.
    parameter_words : int
        Depth of each lane's memory of (bias, multiplier, shift).
    descriptor_count, window_count : int
        Layers in a program, and window-program entries of all its layers together.
    dsp_multipliers : int
        Processing elements whose multiplier is a vendor DSP; the rest are built from fabric.
    dsp_lanes : bool
        Output lanes multiply in vendor DSPs, too.
    paired : bool
        A processing element takes two rows with one multiplication, and depthwise windows two
        cycles (:mod:`weft_hw.engine.compute.pe`).
    own_weights : bool
        Several weight words are read in a cycle, one for each pixel, so that fully connected
        layers, whose weights are used once, keep all pixels busy.
    dram_bytes : int
        Memory beside the chip, a power of two; 0 where there is none.
    compact : bool
        Smallest instead of fastest: one layer, one column of taps and, in each lane, one result
        after the other, and no ELEMENTWISE or TABLE layers.

    Raises
    ------
    ConfigError
        If a field breaks its rule.
    """

    name: str
    tap_rows: int = 3
    tap_columns: int = 3
    columns: int = 16
    pixels: int = 1
    lanes: int = 8
    tile: int = 4
    fill_words: int = 1
    weight_words: int = 2048
    activation_words: int = 4096
    line_words: int = 512
    parameter_words: int = 512
    descriptor_count: int = 64
    window_count: int = 512
    dsp_multipliers: int = 0
    dsp_lanes: bool = False
    paired: bool = False
    own_weights: bool = False
    dram_bytes: int = 0
    compact: bool = False

    def __post_init__(self):
        check_config(self)

    @property
    def rows(self) -> int:
        """Rows of the array: taps whose products are summed in one cycle."""
        return self.tap_rows * self.tap_columns

    @property
    def stages(self) -> tuple[tuple[int, ...], ...]:
        """Rows that a processing element takes at once, from the top of a column down.

        Each stage of the chain of partial sums works a cycle behind the one above it.
        """
        step = 2 if self.paired else 1
        return tuple(
            tuple(range(row, min(row + step, self.rows))) for row in range(0, self.rows, step)
        )

    def lag(self, row: int) -> int:
        """Cycles by which ``row`` works behind row 0: the number of its stage."""
        return row // 2 if self.paired else row

    def has_dsp(self, pixel: int, stage: int, column: int) -> bool:
        """Whether a processing element's multiplier is one of the ``dsp_multipliers``."""
        index = (pixel * len(self.stages) + stage) * self.columns + column
        return index < self.dsp_multipliers

    @property
    def channel_rows(self) -> int:
        """Rows that a channel feed uses: the largest power of two not above rows or columns."""
        return 1 << _log2(min(self.rows, self.columns))

    @property
    def line_banks(self) -> int:
        """Line buffers that are read at once; a power of two, so a row's bank is a bit field."""
        return 1 << (self.fetch_rows - 1).bit_length()

    @property
    def fetch_rows(self) -> int:
        """Input rows that are read in the same cycle: a word per tap row, or per pixel."""
        return max(self.tap_rows, self.pixels)

    @property
    def beats(self) -> int:
        """Beats in a word."""
        return self.columns // self.lanes

    @property
    def multipliers(self) -> int:
        """Products that the array sums per cycle: MACs at full utilisation."""
        return self.rows * self.columns * self.pixels


_SDRAM_BYTES = 32 << 20  # of the ULX3S and the Icepi Zero

_WIDE = Config(
    name="ulx3s-85f-wide",
    pixels=4,
    fill_words=2,
    tile=16,
    dsp_multipliers=112,
    dsp_lanes=True,
    paired=True,
)

CONFIGS = {
    config.name: config
    for config in [
        *(
            Config(name=name, dsp_multipliers=144, dram_bytes=dram_bytes)
            for name, dram_bytes in (
                ("ulx3s-85f", _SDRAM_BYTES),
                ("orangecrab-85f", 0),
                ("ecpix-5-85f", 0),
            )
        ),
        _WIDE,
        # The same with a weight for every product of a fully connected layer; not yet routed.
        replace(_WIDE, name="ulx3s-85f-wide-fc", own_weights=True),
        # 107 of 108 block RAMs, all 72 multipliers.
        Config(
            name="ulx3s-45f",
            columns=8,
            lanes=4,
            weight_words=1536,
            activation_words=8192,
            dsp_multipliers=72,
        ),
        # 56 block RAMs, all of them used, and 28 multipliers.
        *(
            Config(
                name=name,
                columns=4,
                lanes=2,
                weight_words=2048,
                activation_words=4096,
                dsp_multipliers=28,
                dram_bytes=dram_bytes,
            )
            for name, dram_bytes in (
                ("ulx3s-12f", _SDRAM_BYTES),
                ("icepi-zero", _SDRAM_BYTES),
                ("colorlight-i5", 0),
            )
        ),
        # 46 block RAMs, 44 of them used; 72 of 96 MULT9X9, and the rest is two lanes' products.
        Config(
            name="tang-nano-20k",
            columns=8,
            lanes=2,
            tile=8,
            weight_words=512,
            activation_words=2048,
            line_words=256,
            dsp_multipliers=72,
            dsp_lanes=True,
        ),
        Config(
            name="tang-nano-9k",
            tap_rows=1,
            tap_columns=3,
            columns=4,
            lanes=4,
            weight_words=1024,
            activation_words=2048,
            line_words=256,
            parameter_words=256,
            descriptor_count=16,
            window_count=256,
            dsp_multipliers=12,
            compact=True,
        ),
        # 8 SB_MAC16: six elements and two accumulators; weights in SPRAM.
        Config(
            name="icebreaker",
            tap_rows=1,
            tap_columns=3,
            columns=2,
            lanes=1,
            tile=2,
            weight_words=4096,
            activation_words=2048,
            line_words=256,
            parameter_words=256,
            descriptor_count=16,
            window_count=256,
            dsp_multipliers=6,
            compact=True,
        ),
        Config(
            name="tiny",
            tap_rows=1,
            tap_columns=3,
            columns=4,
            lanes=2,
            tile=2,
            weight_words=2048,
            activation_words=512,
            line_words=128,
            parameter_words=64,
            descriptor_count=16,
            window_count=128,
        ),
    ]
}


def get_config(name: str) -> Config:
    """Return the configuration called ``name``, or raise :class:`ConfigError` with the choices."""
    if name not in CONFIGS:
        raise ConfigError(f"there is no configuration {name!r}; choose from {', '.join(CONFIGS)}")
    return CONFIGS[name]
