"""Random layers, as descriptors, with the memory that the architectural simulator leaves."""

from math import ceil

import numpy as np
from weft_hw.contract.config import Config
from weft_hw.contract.descriptor import Kind, encode_descriptor, encode_window
from weft_hw.contract.fields import pack
from weft_hw.contract.memory_map import PARAMETER, PARAMETER_BYTES, Region, memory_map
from weft_sim.machine import Machine

__all__ = ["random_convolution", "save_cases"]


def _rows(data: bytes, unit: int) -> np.ndarray:
    return np.frombuffer(data, np.uint8).reshape(-1, unit)


def random_convolution(config: Config, rng: np.random.Generator) -> dict:
    """One MAC layer with random geometry, weights and activations, in the contract's own terms."""
    columns, beats = config.columns, config.beats
    while True:
        kernel = rng.integers(1, 8, 2)
        stride = rng.integers(1, 4, 2)
        step = rng.integers(1, 4, 2)
        channels = int(rng.integers(1, 41))
        filters = int(rng.integers(1, 41))
        size = rng.integers(1, 11, 2)
        pad = np.array([rng.integers(0, k) for k in kernel])
        depthwise = bool(rng.random() < 0.3)
        maximum = depthwise and bool(rng.random() < 0.4)
        kernel_span = (kernel - 1) * step + 1
        out = (size + 2 * pad - kernel_span) // stride + 1
        pixel_words = ceil(channels / columns)
        packing = 0
        if pixel_words == 1 and rng.random() < 0.7:
            packing = max(p for p in (0, 1, 2) if channels <= columns >> p)
        row_words = ceil(size[1] / (1 << packing)) if packing else size[1] * pixel_words
        groups = pixel_words if depthwise else ceil(filters / columns)
        conflict = int(np.gcd(step[0], config.line_banks))
        taps_high = min(config.tap_rows, config.line_banks // conflict)
        row_bits = int(row_words - 1).bit_length()
        room = config.line_banks * (config.line_words >> row_bits)
        words = row_words * size[0] + groups * out.prod()
        if out.min() < 1 or room < kernel_span[0] + config.pixels * stride[0]:
            continue
        if words >= config.activation_words or groups * beats > config.parameter_words:
            continue

        one_word = [0] if depthwise else range(pixel_words)
        point = not depthwise and kernel.prod() == 1
        entries, keeps = [], []
        for ky in range(0, kernel[0], 1 if maximum else taps_high):
            for kx in range(0, kernel[1], 1 if maximum else config.tap_columns):
                for word in one_word:
                    here = min(columns, channels - word * columns)
                    wide = min(1 if maximum else config.tap_columns, kernel[1] - kx)
                    high = min(1 if maximum else taps_high, kernel[0] - ky)
                    feed = point or (wide == high == 1 and not depthwise and rng.random() < 0.5)
                    steps = 1 if depthwise else ceil(here / config.channel_rows) if feed else here
                    units = (kx * step[1]) * (1 if packing else pixel_words) + word
                    entries.append((dict(
                        dy=int(ky * step[0]), dx=int(kx * step[1]), offset=int(units),
                        columns=int(wide), steps_minus_1=int(steps - 1), channels=int(feed),
                    ), high, here))
        total = sum(e["steps_minus_1"] + 1 for e, _, _ in entries)
        keep = entries[0][0]["columns"] - stride[1]
        slides = len(entries) == 1 and step[1] == 1 and keep > 0 and rng.random() < 0.8
        if (len(entries) <= config.window_count and total * groups <= config.weight_words
                and total * groups * out.prod() <= 2000):
            break

    weights = np.zeros((groups * total, columns, config.rows), np.int8)
    position = 0
    for group in range(groups):
        for entry, high, here in entries:
            for s in range(entry["steps_minus_1"] + 1):
                word = weights[position]
                if maximum:
                    word[:, 0] = 1
                elif entry["channels"]:
                    used = min(config.channel_rows, here - s * config.channel_rows)
                    word[:, :used] = rng.integers(-128, 128, (columns, used))
                else:
                    for i in range(high):
                        for k in range(entry["columns"]):
                            word[:, i * config.tap_columns + k] = rng.integers(-128, 128, columns)
                if depthwise:  # what lies past the channels is unspecified
                    word[channels - group * columns if channels > group * columns else 0 :] = 0
                position += 1

    parameters = b"".join(
        pack(PARAMETER, {"bias": int(rng.integers(-5000, 5000)),
                         "multiplier": int(rng.integers(1 << 30, 1 << 31)),
                         "shift": int(rng.integers(37, 44)) if not maximum else 31,
                         }).to_bytes(PARAMETER_BYTES, "little")
        for _ in range(groups * config.columns))  # fmt: skip
    input_words = row_words * size[0]
    activations = rng.integers(0, 256, (input_words, columns), dtype=np.uint8)
    units = 1 if packing else pixel_words
    out_base, out_pixel = int(input_words * beats), int(groups * beats)
    last_beats = int(rng.integers(1, beats + 1))
    descriptor = encode_descriptor(dict(
        kind=Kind.MAC, in_base=0, row_words=int(row_words), fill_rows=int(size[0]),
        row_bits=row_bits, in_height=int(size[0]), in_width=int(size[1]), packing=packing,
        out_height=int(out[0]), out_width=int(out[1]), groups=groups, stride_y=int(stride[0]),
        stride_x=int(stride[1]), pad_top=int(pad[0]), pad_left=int(pad[1]),
        span=int(kernel_span[0]), row_step=int(step[0]), column_step=int(step[1]),
        unit_step=int(step[1] * units), unit_stride=int(stride[1] * units),
        group_step=int(depthwise), origin=int(-pad[1] * units), keep=int(keep) if slides else 0,
        pad_value=int(rng.integers(-128, 128)), window_base=0, window_count=len(entries),
        depthwise=int(depthwise), maximum=int(maximum), weight_base=0, last_beats=last_beats,
        parameter_base=0, rounding=int(rng.integers(0, 2)), zero_point=int(rng.integers(-20, 20)),
        low=int(rng.integers(-128, -60)), high=int(rng.integers(60, 128)),
        out_base=out_base, out_row=int(out[1] * out_pixel), out_pixel=out_pixel,
        first_mask=(1 << config.lanes) - 1, last_mask=(1 << config.lanes) - 1,
    ))  # fmt: skip
    memories = {
        Region.ACTIVATION: activations,
        Region.WEIGHT: weights.reshape(-1, config.rows).view(np.uint8),
        Region.PARAMETER: _rows(parameters, PARAMETER_BYTES),
        Region.DESCRIPTOR: _rows(descriptor, 4),
        Region.WINDOW: _rows(b"".join(encode_window(e) for e, _, _ in entries), 4),
    }
    results = np.arange(input_words, input_words + groups * out.prod())
    note = (f"kernel {kernel} stride {stride} step {step} pad {pad} {size}x{channels} -> "
            f"{out}x{groups} dw {depthwise} max {maximum} packing {packing} keep {slides} "
            f"entries {len(entries)} steps {total}")
    return {"memories": memories, "layers": 1, "results": results, "note": note,
            "deadline": 4000 + int(out.prod()) * groups * (total * 3 + 20) * config.pixels}


def save_cases(path, config: Config, cases: list[dict]) -> None:
    """Run each case on the architectural simulator and save what the test bench needs."""
    arrays = {"config": np.array(config.name), "count": np.array(len(cases))}
    for index, case in enumerate(cases):
        machine = Machine(config, seed=index + 1)
        whole = np.zeros((case["results"][-1] + 1, config.columns), np.uint8)
        for region, rows in case["memories"].items():
            if region is Region.ACTIVATION:
                whole[: len(rows)] = rows
                rows = whole
            machine.write(region, 0, rows.tobytes())
            arrays[f"{index}_{region.name}"] = rows
        machine.run(0, case["layers"])
        size = memory_map(config)[Region.ACTIVATION].units
        after = _rows(machine.read(Region.ACTIVATION, 0, size), config.columns)
        arrays |= {
            f"{index}_layers": np.array(case["layers"]),
            f"{index}_units": case["results"],
            f"{index}_expected": after[case["results"]],
            f"{index}_deadline": np.array(case["deadline"]),
            f"{index}_note": np.array(case["note"]),
        }
    np.savez(path, **arrays)
