"""The layer descriptor and the window program: everything that tells the gateware what to do.

Vocabulary. A *word* is ``columns`` bytes of activation memory, a *beat* ``lanes`` bytes of it. A
tensor lies row by row, channel-last; a pixel takes ``unit`` pieces of ``columns >> packing``
bytes each (``packing`` > 0 puts 2 or 4 pixels of few channels in one word), and every row starts
on a word. Input row ``r`` is the ``row_words`` words from ``in_base + r * (row_words + row_gap)``
on: with a gap, a layer reads some columns of a wider map.

What one ``MAC`` descriptor computes, for each output row ``y``, group ``g`` of ``columns`` output
channels and output column ``x``, nested in this order, and each column ``c`` of the array (the
gateware takes ``pixels`` output rows at a time)::

    acc = 0; weight = weight_base + g * (steps of all entries together)
    for entry in window_program[window_base : window_base + window_count]:
        for each i in range(tap_rows), j in range(entry.columns):
            row  = y * stride_y - pad_top + entry.dy + i * dilation_y
            col  = x * stride_x - pad_left + entry.dx + j * dilation_x
            unit = origin + x * unit_stride + entry.offset + g * group_step + j * unit_step
            tap[i][j] = line[row] bytes from unit * (columns >> packing) on
                        (all bytes pad_value where row or col lies outside the input)
        for s in range(entry.steps):                       # one cycle each
            feed taps:      act[i * tap_columns + k] = tap[i][entry.columns - 1 - k][s]
            feed channels:  act[r] = tap[0][0][s * channel_rows + r]        (entry.columns = 1)
            depthwise:      act[i * tap_columns + k] = tap[i][entry.columns - 1 - k][c]  (steps = 1)
            sum = sum over r of act[r] * W[weight][r][c];  weight += 1
            acc = max(acc, sum) if maximum (after the first step) else acc + sum

``act[r]`` is *unspecified* (never a fault) for ``k >= entry.columns``, for ``r >= channel_rows`` in
a channel feed, and for bytes past the tensor's channels: the compiler puts zero weights there.
Where the array's rows are ``paired``, a sum is larger by ``W[r] * W[r + 1]`` for each even ``r``,
which the compiler takes off the bias; and ``act[r]`` of a depthwise window is 0 in all steps but
number ``r % 2``, so that it has up to 2 steps.
Where ``keep`` > 0 and ``x`` > 0, only columns ``j >= keep`` are fetched; the others are those of
the same group's window before, moved on. That needs a single entry with
``entry.columns * dilation_x == keep * dilation_x + stride_x`` and ``dilation_x`` = 1.

With ``own_weights`` (one group, one output column, ``stride_y`` 0) rows share the input and differ
in their weights: step ``s`` of row ``y`` takes word
``weight_base + pixels * ((y // pixels) * (steps of all entries together) + s) + y % pixels``,
where ``weight_base`` is a multiple of ``pixels``; and ``y`` stands for ``g`` in ``n`` below.

Every result then passes, ``lanes`` at a time (beat ``h``, lane ``l``, column
``h * lanes + l``; groups before the last give ``beats`` = ``columns / lanes`` beats, the last
``last_beats``)::

    n = parameter_base + g * (columns / lanes) + h
    value = clamp(requantise(acc + bias[n][l], multiplier[n][l], shift[n][l]) + zero_point)
    value = table[value & 255] & 255  if use_table
    byte l of beat out_base + (y * out_row) + (x * out_pixel) + g * (columns / lanes) + h = value

(in the first beat of group 0 only lanes in ``first_mask``, in the last beat of the last group
only lanes in ``last_mask`` are written; for a single beat, lanes in both).

With ``adds`` (and without ``use_table``) such a value is not stored but added to byte ``l`` of the
beat at the same place of a map at word ``other_base``, which has the output's layout::

    first, second = (value, other) if adds_first else (other, value)
    total = (first << 19 if wide else first) + table[second & 255]
    value = clamp(requantise(total, multiplier[sum_parameter][l], shift[sum_parameter][l])
                  + sum_zero_point)  between sum_low and sum_high, by sum_rounding

An ``ELEMENTWISE`` descriptor takes ``word_count`` words from ``in_base`` (``a``) and, unless
``unary``, from ``other_base`` (``b``); element by element the value before requantisation is
``(a << 19 if wide else a) + (bias[parameter_base][l] if unary else table[b & 255])``
(the table's 32 bits, signed), or with ``multiply``
``(a - in_zero) * (b - other_zero) + bias[parameter_base][l]``. Results go to consecutive beats
from ``out_base`` on; multiplier and shift are those of ``parameter_base``.

A ``TABLE`` descriptor loads the 256 little-endian 32-bit entries of the table from
``256 * 4 / columns`` words at ``in_base``. So does a move, or the host, by the region of that name.
"""

from collections.abc import Mapping
from enum import IntEnum

from weft_hw.contract.fields import Field, Fields, pack, unpack

__all__ = [
    "DESCRIPTOR",
    "DESCRIPTOR_BYTES",
    "TABLE_BYTES",
    "TABLE_ENTRIES",
    "TABLE_ENTRY_BYTES",
    "WIDE_SHIFT",
    "WINDOW",
    "WINDOW_BYTES",
    "Kind",
    "Rounding",
    "Wait",
    "decode_descriptor",
    "decode_window",
    "encode_descriptor",
    "encode_window",
]


class Kind(IntEnum):
    """The kind of work that a descriptor asks of the engine."""

    MAC = 0
    ELEMENTWISE = 1
    TABLE = 2
    MOVE = 3  # no layer: see `weft_hw.contract.move`


class Rounding(IntEnum):
    """How ``accumulator * multiplier / 2**shift`` is rounded."""

    DOUBLE = 0  # gemmlowp: doubling high multiply, then a shift that rounds ties away from zero
    HALF_UP = 1  # one shift, ties towards plus infinity
    FLOAT32 = 2  # float32(accumulator) * float32(scale), then ties to even


class Wait(IntEnum):
    """What a layer's first read of activation memory waits for.

    Reads run ahead of the layer before by less than that layer: whatever was written earlier is
    complete in any case.
    """

    NOTHING = 0
    ROW = 1  # input row r waits for row r of the layer before, which writes this layer's input
    LAYER = 2  # waits until the layer before has written everything


WIDE_SHIFT = 19  # of a wide operand: LiteRT's ADD works with 20 more bits, and halves
TABLE_ENTRIES = 256  # one for each int8 value
TABLE_ENTRY_BYTES = 4
TABLE_BYTES = TABLE_ENTRIES * TABLE_ENTRY_BYTES

DESCRIPTOR_BYTES = 64
DESCRIPTOR = Fields(
    Field("kind", 2, "Kind"),
    Field("wait", 2, "Wait"),
    Field("in_base", 16, "first word of the input"),
    Field("row_words", 10, "words in an input row"),
    Field("fill_rows", 12, "input rows to read"),
    Field("row_bits", 4, "log2 of the words a row takes in a line buffer"),
    Field("in_height", 12, "rows of the input, beyond which lies padding"),
    Field("in_width", 12, "columns of the input, in pixels"),
    Field("packing", 2, "log2 of pixels in a word; 0 where a pixel takes whole words"),
    Field("out_height", 12, "rows of the output"),
    Field("out_width", 12, "columns of the output"),
    Field("groups", 12, "groups of `columns` output channels"),
    Field("stride_y", 3, "rows between windows"),
    Field("stride_x", 3, "columns between windows"),
    Field("pad_top", 8, "rows of padding above"),
    Field("pad_left", 8, "columns of padding on the left"),
    Field("span", 8, "rows that one output row's window covers"),
    Field("dilation_y", 4, "vertical dilation"),
    Field("dilation_x", 4, "horizontal dilation, in pixels"),
    Field("unit_step", 12, "horizontal dilation, in units"),
    Field("unit_stride", 12, "stride_x, in units"),
    Field("group_step", 12, "units by which the window moves for the next group"),
    Field("origin", 14, "unit of column 0 of the first window: -pad_left in units", True),
    Field("keep", 2, "columns of the window kept from the one before"),
    Field("pad_value", 8, "activation outside the input", True),
    Field("window_base", 12, "first entry of the window program"),
    Field("window_count", 12, "entries of the window program"),
    Field("depthwise", 1, "each column takes its own channel"),
    Field("maximum", 1, "accumulate by maximum"),
    Field("weight_base", 16, "first weight word"),
    Field("last_beats", 5, "beats of the last group, from 1"),
    Field("parameter_base", 12, "first parameter word"),
    Field("rounding", 2, "Rounding"),
    Field("zero_point", 8, "output zero point", True),
    Field("low", 8, "lower clamp", True),
    Field("high", 8, "upper clamp", True),
    Field("use_table", 1, "results pass through the table"),
    Field("out_base", 18, "first beat of the output"),
    Field("out_row", 18, "beats between output rows"),
    Field("out_pixel", 14, "beats between output columns"),
    Field("first_mask", 16, "lanes written in a pixel's first beat"),
    Field("last_mask", 16, "lanes written in a pixel's last beat"),
    Field("other_base", 16, "first word of the operand of ELEMENTWISE, or of a MAC that adds"),
    Field("word_count", 16, "ELEMENTWISE: words of each operand"),
    Field("unary", 1, "ELEMENTWISE: there is no second operand"),
    Field("wide", 1, "the first operand of a sum is shifted left by 19"),
    Field("multiply", 1, "ELEMENTWISE: multiply the operands"),
    Field("in_zero", 8, "ELEMENTWISE, multiply: zero point of the first operand", True),
    Field("other_zero", 8, "ELEMENTWISE, multiply: zero point of the second operand", True),
    Field("moves", 16, "moves of this run that are done before the layer begins"),
    Field("own_weights", 1, "each output row has weights and parameters of its own"),
    Field("row_gap", 12, "words between the end of an input row and the next row"),
    Field("adds", 1, "MAC: results are added to another map"),
    Field("adds_first", 1, "MAC that adds: results are the first operand, not the table's"),
    Field("sum_parameter", 12, "MAC that adds: parameter word of the sum"),
    Field("sum_rounding", 2, "MAC that adds: Rounding of the sum"),
    Field("sum_zero_point", 8, "MAC that adds: zero point of the sum", True),
    Field("sum_low", 8, "MAC that adds: lower clamp of the sum", True),
    Field("sum_high", 8, "MAC that adds: upper clamp of the sum", True),
)

WINDOW_BYTES = 4
WINDOW = Fields(
    Field("dy", 7, "rows below the window's first"),
    Field("dx", 7, "columns right of the window's first, in pixels"),
    Field("offset", 11, "units from the window's first"),
    Field("columns", 2, "columns of taps, from 1 to tap_columns"),
    Field("steps_minus_1", 4, "cycles spent on this entry, less one"),
    Field("channels", 1, "feed the channels of one tap instead of the taps of one channel"),
)


def encode_descriptor(values: Mapping[str, int]) -> bytes:
    """Return the ``DESCRIPTOR_BYTES`` little-endian bytes of a descriptor."""
    return pack(DESCRIPTOR, values).to_bytes(DESCRIPTOR_BYTES, "little")


def decode_descriptor(data: bytes) -> dict[str, int]:
    """Return the fields of :func:`encode_descriptor`."""
    return unpack(DESCRIPTOR, int.from_bytes(data, "little"))


def encode_window(values: Mapping[str, int]) -> bytes:
    """Return the ``WINDOW_BYTES`` little-endian bytes of a window-program entry."""
    return pack(WINDOW, values).to_bytes(WINDOW_BYTES, "little")


def decode_window(data: bytes) -> dict[str, int]:
    """Return the fields of :func:`encode_window`."""
    return unpack(WINDOW, int.from_bytes(data, "little"))
