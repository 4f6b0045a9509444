"""Architectural simulator: executes descriptors on memory images, exactly, without a clock."""

import numpy as np
from numpy.typing import ArrayLike, NDArray
from weft_hw.contract.config import Config
from weft_hw.contract.descriptor import (
    Kind,
    Rounding,
    decode_descriptor,
    decode_window,
)
from weft_hw.contract.fields import unpack
from weft_hw.contract.memory_map import (
    DESCRIPTOR_WORDS,
    PARAMETER,
    Region,
    memory_map,
)
from weft_hw.contract.move import decode_move

from weft_sim.testing.moves import MachineFault, Moves

__all__ = ["Machine", "MachineFault", "requantize"]


def requantize(
    accumulator: ArrayLike, multiplier: ArrayLike, shift: ArrayLike, rounding: int
) -> NDArray[np.int64]:
    """Return ``accumulator * multiplier / 2**shift``, rounded as ``rounding`` says.

    Parameters
    ----------
    accumulator : int64 array of signed 32-bit values
    multiplier, shift : int64 arrays that broadcast against it; 31 and 6 bits
    rounding : Rounding
        DOUBLE is gemmlowp's double rounding written as one (engineering notes, section 3).
    """
    accumulator, multiplier, shift = (
        np.asarray(values).astype(np.int64) for values in (accumulator, multiplier, shift)
    )
    if rounding == Rounding.FLOAT32:
        scale = np.ldexp(multiplier.astype(np.float64), -shift).astype(np.float32)
        return np.asarray(np.rint(accumulator.astype(np.float32) * scale), np.int64)
    product = accumulator * multiplier
    if rounding == Rounding.DOUBLE:
        nudge = np.where(accumulator < 0, -(1 << 30), 1 << 30)
        product = product + np.where(shift > 31, nudge, 0)
    half = np.where(shift > 0, np.int64(1) << np.maximum(shift - 1, 0), 0)
    return np.asarray((product + half) >> shift, np.int64)


class Machine:
    """Memories of one accelerator, and descriptors executed on them.

    Whatever the contract leaves unspecified (rows that no layer filled, bytes past a tensor's
    channels, unused rows of the array) is filled with noise, so that a program that depends on
    it gives wrong results.

    Parameters
    ----------
    config : Config
    seed : int
        Seed of the noise and of the memories' first contents.
    late : float
        Chance that a move which may begin is put off. From 0, as early as its waits allow, to 1,
        as late as others' waits allow. A program is right only if it is for any.
    """

    def __init__(self, config: Config, seed: int = 1, *, late: float = 0.5):
        self.config, self.late = config, late
        self.noise = np.random.default_rng(seed)
        self._memory = {
            region: self.noise.integers(0, 256, (m.units, m.unit_bytes), dtype=np.uint8)
            for region, m in memory_map(config).items()
        }
        self._table = self.noise.integers(-(1 << 31), 1 << 31, 256)

    def write(self, region: Region, unit: int, data: bytes | NDArray[np.uint8]) -> None:
        """Write whole units from ``unit`` on."""
        memory = self._memory[region]
        rows = np.frombuffer(bytes(data), np.uint8).reshape(-1, memory.shape[1])
        if not 0 <= unit <= unit + len(rows) <= len(memory):
            raise MachineFault(f"{region.name} {unit}+{len(rows)} lies outside {len(memory)} units")
        memory[unit : unit + len(rows)] = rows

    def read(self, region: Region, unit: int, count: int) -> bytes:
        """Return ``count`` units from ``unit`` on."""
        memory = self._memory[region]
        if not 0 <= unit <= unit + count <= len(memory):
            raise MachineFault(f"{region.name} {unit}+{count} lies outside {len(memory)} units")
        return memory[unit : unit + count].tobytes()

    def run(self, first: int, count: int) -> None:
        """Execute ``count`` descriptors from number ``first`` on."""
        moves = Moves(self)
        for index in range(first, first + count):
            slot = index % self.config.descriptor_count
            data = self.read(Region.DESCRIPTOR, slot * DESCRIPTOR_WORDS, DESCRIPTOR_WORDS)
            if Kind(data[0] & 3) is Kind.MOVE:
                moves.add(decode_move(data))
                continue
            descriptor = decode_descriptor(data)
            moves.before_layer(descriptor["moves"])
            before = self.snapshot()
            self.layer(descriptor)
            moves.after_layer(descriptor, before)
        moves.finish()

    def snapshot(self) -> dict[Region, NDArray[np.uint8]]:
        """Return a copy of what lies in the memories on the chip."""
        return {
            region: memory.copy()
            for region, memory in self._memory.items()
            if region is not Region.DRAM
        }

    def restore(self, memories: dict[Region, NDArray[np.uint8]]) -> None:
        """Put back what :meth:`snapshot` returned."""
        for region, memory in memories.items():
            self._memory[region][:] = memory

    def layer(self, descriptor: dict[str, int]) -> None:
        """Execute one layer."""
        kind = Kind(descriptor["kind"])
        if kind is Kind.MAC:
            self._mac(descriptor)
        elif kind is Kind.ELEMENTWISE:
            self._elementwise(descriptor)
        else:
            words = 256 * 4 // self.config.columns
            table = self.read(Region.ACTIVATION, descriptor["in_base"], words)
            self._table = np.frombuffer(table, "<i4").astype(np.int64)

    def _parameters(self, base: int, entries: int) -> dict[str, NDArray[np.int64]]:
        """Return bias, multiplier and shift, int64 (entries, lanes)."""
        lanes = self.config.lanes
        size = memory_map(self.config)[Region.PARAMETER].unit_bytes
        data = self.read(Region.PARAMETER, base * lanes, entries * lanes)
        words = [int.from_bytes(data[i : i + size], "little") for i in range(0, len(data), size)]
        fields = [unpack(PARAMETER, word) for word in words]
        return {
            field.name: np.array([f[field.name] for f in fields], np.int64).reshape(-1, lanes)
            for field in PARAMETER
        }

    def _finish(
        self, d: dict[str, int], values: NDArray[np.int64], parameters: dict[str, NDArray[np.int64]]
    ) -> NDArray[np.uint8]:
        """Add the bias (32 bits, wrapping), requantise, clamp, look up; (..., entries * lanes)."""
        bias, multiplier, shift = (parameters[f.name].reshape(-1) for f in PARAMETER)
        total = (values + bias + (1 << 31)) % (1 << 32) - (1 << 31)
        rounded = requantize(total, multiplier, shift, d["rounding"])
        result = np.clip(rounded + d["zero_point"], d["low"], d["high"])
        if d["use_table"]:
            result = self._table[result & 255]
        return (result & 255).astype(np.uint8)

    def _lines(self, d: dict[str, int]) -> NDArray[np.int8]:
        """Return the input rows, int8 (in_height, row bytes); rows not filled are noise."""
        config, words = self.config, d["row_words"]
        pitch = 1 << d["row_bits"]
        room = config.line_banks * (config.line_words // pitch)
        needed = d["span"] + (config.pixels - 1) * d["stride_y"]
        if words > pitch or min(needed, d["fill_rows"]) > room:
            raise MachineFault(f"{needed} rows of {words} words do not fit the line buffers")
        filled = min(d["fill_rows"], d["in_height"])
        data = self.read(Region.ACTIVATION, d["in_base"], filled * words)
        rows = self.noise.integers(-128, 128, (d["in_height"], words * config.columns), np.int8)
        rows[:filled] = np.frombuffer(data, np.int8).reshape(filled, -1)
        return rows

    def _tap(
        self, d: dict[str, int], lines: NDArray[np.int8], group: int, dy: int, dx: int, offset: int
    ) -> NDArray[np.int8]:
        """Return one tap of every window, int8 (out_height, out_width, columns)."""
        width, size = self.config.columns, self.config.columns >> d["packing"]
        y, x = np.arange(d["out_height"]), np.arange(d["out_width"])
        row = y * d["stride_y"] - d["pad_top"] + dy
        col = x * d["stride_x"] - d["pad_left"] + dx
        start = (d["origin"] + x * d["unit_stride"] + offset + group * d["group_step"]) * size
        byte = start[:, None] + np.arange(width)
        known = (byte >= 0) & (byte < lines.shape[1]) & (np.arange(width) < size)
        row_inside = (row >= 0) & (row < d["in_height"])
        col_inside = (col >= 0) & (col < d["in_width"])
        tap = lines[np.where(row_inside, row, 0)][:, np.where(known, byte, 0)]
        tap = np.where(known, tap, self.noise.integers(-128, 128, tap.shape, np.int8))
        inside = row_inside[:, None, None] & col_inside[:, None]
        return np.where(inside, tap, np.int8(d["pad_value"]))

    def _windows(self, d: dict[str, int], lines: NDArray[np.int8], group: int) -> NDArray[np.int8]:
        """Return what enters the array: int8 (out_height, out_width, steps, rows, 1 or columns)."""
        config, steps = self.config, []
        program = self.read(Region.WINDOW, d["window_base"], d["window_count"])
        for at in range(0, len(program), 4):
            entry = decode_window(program[at : at + 4])
            count, columns = entry["steps_minus_1"] + 1, entry["columns"]
            self._check_entry(d, entry)
            shape = (d["out_height"], d["out_width"], count, config.rows, config.columns)
            act = self.noise.integers(-128, 128, shape, np.int8)
            if not d["depthwise"]:
                act = act[..., :1].copy()
            elif config.paired:  # one row of each pair in the first step, the other in the second
                act[..., 0, 1::2, :] = 0
                act[..., 1:, 0::2, :] = 0
            if entry["channels"]:
                tap = self._tap(d, lines, group, entry["dy"], entry["dx"], entry["offset"])
                feed = config.channel_rows
                act[..., :feed, 0] = tap[..., : count * feed].reshape(*tap.shape[:2], count, feed)
                steps.append(act)
                continue
            banks: set[int] = set()
            for i in range(config.tap_rows):
                bank = i * d["row_step"] % config.line_banks
                if bank in banks:  # two rows of one bank: the second is not read
                    continue
                banks.add(bank)
                for j in range(columns):
                    tap = self._tap(
                        d,
                        lines,
                        group,
                        entry["dy"] + i * d["row_step"],
                        entry["dx"] + j * d["column_step"],
                        entry["offset"] + j * d["unit_step"],
                    )
                    r = i * config.tap_columns + columns - 1 - j
                    if d["depthwise"] and config.paired:
                        act[..., r % 2 : r % 2 + 1, r, :] = tap[..., None, :]
                    elif d["depthwise"]:
                        act[..., 0, r, :] = tap
                    else:
                        act[..., r, 0] = tap[..., :count]
            steps.append(act)
        return np.concatenate(steps, axis=2)

    def _check_entry(self, d: dict[str, int], entry: dict[str, int]) -> None:
        """Raise where an entry breaks a rule of the contract."""
        columns = entry["columns"]
        if not 1 <= columns <= self.config.tap_columns or (entry["channels"] and columns != 1):
            raise MachineFault(f"window entry with {columns} columns of taps")
        if d["depthwise"] and (
            entry["steps_minus_1"] > int(self.config.paired) or entry["channels"]
        ):
            raise MachineFault("depthwise takes one step of a tap feed, or two of paired rows")
        if d["keep"] and (
            d["window_count"] != 1
            or d["column_step"] != 1
            or columns != d["keep"] + d["stride_x"]
            or d["unit_stride"] != d["stride_x"] * d["unit_step"]
        ):
            raise MachineFault(f"a window that slides cannot keep {d['keep']} columns")

    def _mac(self, d: dict[str, int]) -> None:
        config = self.config
        lines = self._lines(d)
        windows = self._windows(d, lines, 0)
        values = self._own_sums(d, windows) if d["own_weights"] else self._sums(d, lines, windows)
        out = self._memory[Region.ACTIVATION].reshape(-1, config.lanes)
        y, x = np.arange(d["out_height"])[:, None], np.arange(d["out_width"])
        pixel = d["out_base"] + y * d["out_row"] + x * d["out_pixel"]
        values = values.reshape(d["out_height"], d["out_width"], -1, config.lanes)
        for n in range(values.shape[2]):
            mask = (1 << config.lanes) - 1
            mask &= d["first_mask"] if n == 0 else mask
            mask &= d["last_mask"] if n == values.shape[2] - 1 else mask
            if (pixel + n).max() >= len(out):
                raise MachineFault(f"beat {int((pixel + n).max())} lies outside {len(out)}")
            for lane in range(config.lanes):
                if mask >> lane & 1:
                    out[pixel + n, lane] = values[:, :, n, lane]

    def _sums(
        self, d: dict[str, int], lines: NDArray[np.int8], windows: NDArray[np.int8]
    ) -> NDArray[np.uint8]:
        """Return the results of every window, uint8 (windows, beats * lanes)."""
        config, groups, beats = self.config, d["groups"], self.config.beats
        size, steps = d["out_height"] * d["out_width"], windows.shape[2]
        data = self.read(
            Region.WEIGHT, d["weight_base"] * config.columns, groups * steps * config.columns
        )
        weights = np.frombuffer(data, np.int8).reshape(groups, steps, config.columns, config.rows)
        entries = (groups - 1) * beats + d["last_beats"]
        results = []
        for g in range(groups):
            if d["group_step"] and g:
                windows = self._windows(d, lines, g)
            sums = _array(windows.reshape(size, *windows.shape[2:]), weights[g], bool(d["maximum"]))
            results.append(sums + self._excess(weights[g]))
        values = np.concatenate(results, axis=1)[:, : entries * config.lanes]
        return self._finish(d, values, self._parameters(d["parameter_base"], entries))

    def _own_sums(self, d: dict[str, int], windows: NDArray[np.int8]) -> NDArray[np.uint8]:
        """Return those of a layer whose output rows have weights of their own."""
        config, height, beats = self.config, d["out_height"], d["last_beats"]
        if not config.own_weights or d["weight_base"] % config.pixels or d["depthwise"]:
            raise MachineFault(f"no weights of their own from word {d['weight_base']} on")
        if d["groups"] != 1 or d["out_width"] != 1 or d["stride_y"]:
            raise MachineFault("rows with weights of their own share one window and one group")
        blocks, steps = -(-height // config.pixels), windows.shape[2]
        data = self.read(
            Region.WEIGHT,
            d["weight_base"] * config.columns,
            blocks * config.pixels * steps * config.columns,
        )
        words = np.frombuffer(data, np.int8).reshape(
            blocks, steps, config.pixels, config.columns, config.rows
        )
        rows = words.swapaxes(1, 2).reshape(-1, steps, config.columns, config.rows)[:height]
        results = []
        for y, (window, weights) in enumerate(zip(windows, rows, strict=True)):
            sums = _array(window, weights, bool(d["maximum"])) + self._excess(weights)
            base = d["parameter_base"] + y * config.beats
            parameters = self._parameters(base, beats)
            results.append(self._finish(d, sums[:, : beats * config.lanes], parameters))
        return np.concatenate(results)

    def _excess(self, weights: NDArray[np.int8]) -> NDArray[np.int64]:
        """Return what paired rows add to each column's sum: ``weights`` (steps, columns, rows)."""
        pairs = self.config.rows // 2 if self.config.paired else 0
        wide = weights.astype(np.int64)
        return sum(
            (wide[..., 2 * k] * wide[..., 2 * k + 1] for k in range(pairs)),
            np.zeros(wide.shape[:2], np.int64),
        ).sum(axis=0)

    def _elementwise(self, d: dict[str, int]) -> None:
        config, count = self.config, d["word_count"]
        operand = {}
        for name in ("in_base",) if d["unary"] else ("in_base", "other_base"):
            data = self.read(Region.ACTIVATION, d[name], count)
            operand[name] = np.frombuffer(data, np.int8).astype(np.int64)
        a = operand["in_base"].reshape(-1, config.lanes)
        parameters = self._parameters(d["parameter_base"], 1)
        if d["multiply"]:
            b = operand["other_base"].reshape(a.shape)
            value = (a - d["in_zero"]) * (b - d["other_zero"])
        else:
            value = a << 19 if d["wide"] else a
            if not d["unary"]:
                # The table takes the bias's place.
                b = operand["other_base"].reshape(a.shape)
                value = value + self._table[b & 255] - parameters["bias"]
        out = self._memory[Region.ACTIVATION].reshape(-1, config.lanes)
        if d["out_base"] + len(a) > len(out):
            raise MachineFault(f"beat {d['out_base'] + len(a) - 1} lies outside {len(out)}")
        out[d["out_base"] : d["out_base"] + len(a)] = self._finish(d, value, parameters)


def _array(
    windows: NDArray[np.int8], weights: NDArray[np.int8], maximum: bool
) -> NDArray[np.int64]:
    """Return the accumulators (windows, columns) of one group.

    ``windows`` (windows, steps, rows, 1 or columns), ``weights`` (steps, columns, rows); sums are
    exact in float64, as they stay far below 2**53.
    """
    act, weight = windows.astype(np.float64), weights.astype(np.float64)
    if maximum:
        sums = np.einsum(
            "nsrc,scr->nsc", np.broadcast_to(act, (*act.shape[:3], weight.shape[1])), weight
        )
        return sums.max(axis=1).astype(np.int64)
    if act.shape[3] == 1:
        flat = weight.transpose(0, 2, 1).reshape(-1, weight.shape[1])
        return (act.reshape(len(act), -1) @ flat).astype(np.int64)
    return np.einsum("nsrc,scr->nc", act, weight).astype(np.int64)
