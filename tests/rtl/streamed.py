"""Programs whose memories are loaded by moves, made from random chains of resident layers."""

from dataclasses import replace
from math import ceil
from pathlib import Path

import numpy as np
from engine_cases import Case, simulator_result
from streamed_memory import Memory, Move, Space, Streamed, load_layer, ranges
from weft_hw.contract.config import Config
from weft_hw.contract.descriptor import DESCRIPTOR_BYTES, Kind, decode_descriptor, encode_descriptor
from weft_hw.contract.memory_map import DESCRIPTOR_WORDS, DRAM_BLOCK_BYTES, Region, memory_map
from weft_hw.contract.move import encode_move

__all__ = ["save_streams", "stream"]

_MOST_MOVES = 4  # of one layer's, besides those that load descriptors


def stream(case: Case, rng: np.random.Generator, *, dram_bytes: int) -> Streamed:
    """Return the program of ``case`` with all of its memories beside the chip at first.

    Raises
    ------
    LookupError
        If it does not fit.
    """
    config = replace(case.config, name=f"{case.config.name}-streamed", dram_bytes=dram_bytes)
    memory, images = Memory(rng), case.memories()
    layers = [decode_descriptor(data) for data in case.descriptors]
    macs = [k for k, layer in enumerate(layers) if layer["kind"] == Kind.MAC]
    finishes = [k for k, layer in enumerate(layers) if layer["kind"] != Kind.TABLE]
    used: list[dict[Region, range]] = [{} for _ in layers]
    for region, name, step, users in [
        (Region.WEIGHT, "weight_base", config.columns, macs),
        (Region.PARAMETER, "parameter_base", config.lanes, finishes),
        (Region.WINDOW, "window_base", 1, macs),
    ]:
        bases = [layers[k][name] * step for k in users]
        for k, units in zip(users, ranges(bases, len(images[region])), strict=True):
            used[k][region] = units
    spaces = {
        region: Space(memory_map(config)[region].units // 2, rng)
        for region in (Region.WEIGHT, Region.PARAMETER, Region.WINDOW)
    }

    # Moves by the layer that they come before: the input, then what layers need, some ahead.
    groups: list[list[Move]] = [[] for _ in [*layers, None]]  # the last one: behind all layers
    words = images[Region.ACTIVATION]
    half = int(rng.integers(1, len(words)))
    pitch = ceil(half * config.columns / DRAM_BLOCK_BYTES) + int(rng.integers(0, 3))
    rows = len(words) // half
    block = memory.add(
        b"".join(
            words[r * half : (r + 1) * half].tobytes().ljust(pitch * DRAM_BLOCK_BYTES, b"\xa5")
            for r in range(rows)
        )
    )
    groups[0].append(
        Move(
            {
                "region": Region.ACTIVATION,
                "count": half,
                "rows": rows,
                "unit_step": half,
                "block": block,
                "block_step": pitch,
            },
            0,
        )
    )
    if rows * half < len(words):
        block = memory.add(words[rows * half :].tobytes())
        groups[0].append(
            Move(
                {
                    "region": Region.ACTIVATION,
                    "unit": rows * half,
                    "rows": 1,
                    "count": len(words) - rows * half,
                    "block": block,
                },
                0,
            )
        )
    ready = 0
    for k, moves in enumerate(groups[:-1]):
        ahead = k + int(rng.integers(0, 3)) if k else 0
        while ready <= min(ahead, len(layers) - 1) and (ready <= k or len(moves) < _MOST_MOVES):
            fields, more = load_layer(
                case, layers[ready], used[ready], spaces, memory, ready, listed=k
            )
            layers[ready] |= fields
            moves += more
            ready += 1

    result = Streamed(config, [], 0, b"", simulator_result(case))
    # What earlier layers wrote stays; it is stored beside the layers, and once by itself.
    for k in range(1, len(layers) + 1):
        finished = layers[k]["out_base"] // config.beats if k < len(layers) else len(words)
        if finished and (rng.random() < 0.5 or k == len(layers)):
            _store(result, groups, k, int(rng.integers(0, finished)), finished, memory, rng)
    if len(layers) > 1 and rng.random() < 0.5:
        _spill(groups, int(rng.integers(1, len(layers))), len(words), config, memory)
    _list(result, case, layers, groups, memory, rng)
    result.memory = bytes(memory.bytes)
    if len(result.memory) > dram_bytes:
        raise LookupError
    return result


def _store(result: Streamed, groups, k: int, first: int, stop: int, memory: Memory, rng):
    """Store words that layers before ``k`` wrote; nobody waits for it."""
    columns = result.config.columns
    stop = int(rng.integers(first, stop)) + 1
    block = memory.add(bytes(-(-(stop - first) * columns // DRAM_BLOCK_BYTES) * DRAM_BLOCK_BYTES))
    groups[k].append(
        Move(
            {
                "region": Region.ACTIVATION,
                "store": 1,
                "unit": first,
                "count": stop - first,
                "rows": 1,
                "block": block,
                "layers": k,
            },
            len(groups),
        )
    )
    result.stored[block * DRAM_BLOCK_BYTES] = result.expected[first:stop].tobytes()


def _spill(groups, k: int, words: int, config: Config, memory: Memory):
    """Store all words before layer ``k``, spoil them, and fetch them again."""
    size = words * config.columns
    kept, noise = memory.add(bytes(size)), memory.add(memory.rng.bytes(size))
    move = {"region": Region.ACTIVATION, "count": words, "rows": 1, "layers": k}
    groups[k] += [
        Move(move | {"block": kept, "store": 1}, k),
        Move(move | {"block": noise}, k),
        Move(move | {"block": kept}, k),
    ]


def _list(result: Streamed, case: Case, layers, groups, memory: Memory, rng):
    """Put all into one list; two moves of each group load the descriptors of the next one."""
    slots = result.config.descriptor_count
    tail = groups.pop()
    sizes = [len(moves) + 1 + 2 * (0 < k < len(groups) - 1) for k, moves in enumerate(groups)]
    sizes[-1] += len(tail)
    starts = [sum(sizes[:k]) for k in range(len(sizes) + 1)]
    if max(sizes) > slots // 2 or starts[min(2, len(sizes))] > slots:
        raise LookupError
    result.resident = starts[min(2, len(sizes))]
    done = 0
    waits = [0] * len(layers)
    own: list[tuple[int, Move]] = []  # the moves of descriptors, whose place is not known yet
    listed: list[Move | int] = []
    for k, moves in enumerate(groups):
        loads = []
        if 0 < k < len(groups) - 1:
            start, stop = starts[k + 1], starts[k + 2]
            cut = next(
                (n for n in range(start + 1, stop) if n % slots == 0),
                int(rng.integers(start + 1, stop)),
            )
            for first, last in [(start, cut), (cut, stop)]:
                # What they replace has been fetched once a layer at or behind it is done.
                wait = next((q + 1 for q in range(k) if starts[q + 1] > last - slots - 1), 0)
                wait = wait if last > slots else 0
                loads.append(
                    Move(
                        {
                            "region": Region.DESCRIPTOR,
                            "rows": 1,
                            "layers": wait,
                            "unit": first % slots * DESCRIPTOR_WORDS,
                            "count": (last - first) * DESCRIPTOR_WORDS,
                        },
                        k,
                    )
                )
                own.append((first, loads[-1]))
        order = [*loads, *moves] if rng.random() < 0.5 else [*moves, *loads]
        for move in order:
            done += 1
            listed.append(move)
            for later in range(move.needed_by, len(layers)):
                waits[later] = max(waits[later], done)
        listed.append(k)
    listed += tail
    blocks = memory.add(bytes(len(listed) * DESCRIPTOR_BYTES))
    for first, move in own:
        move.fields["block"] = blocks + first * DESCRIPTOR_BYTES // DRAM_BLOCK_BYTES
    for position, item in enumerate(listed):
        if isinstance(item, int):
            result.layers.append((position, case.busy[item]))
            result.descriptors.append(encode_descriptor(layers[item] | {"moves": waits[item]}))
        else:
            result.descriptors.append(encode_move(item.fields))
    at = blocks * DRAM_BLOCK_BYTES
    memory.bytes[at : at + len(listed) * DESCRIPTOR_BYTES] = b"".join(result.descriptors)


def save_streams(path: Path, programs: list[Streamed]) -> None:
    """Save what ``tb_streamed`` needs."""
    arrays: dict[str, np.ndarray] = {"count": np.array(len(programs))}
    for n, program in enumerate(programs):
        memory = program.memory.ljust(-(-len(program.memory) // 16) * 16, b"\0")
        arrays |= {
            f"{n}_{Region.DRAM.name}": np.frombuffer(memory, np.uint8).reshape(-1, 16),
            f"{n}_{Region.DESCRIPTOR.name}": np.frombuffer(
                b"".join(program.descriptors[: program.resident]), np.uint8
            ).reshape(-1, 4),
            f"{n}_length": np.array(len(program.descriptors)),
            f"{n}_expected": program.expected,
            f"{n}_layers": np.array(program.layers),
            f"{n}_stored": np.array([[at, len(data)] for at, data in program.stored.items()]),
            f"{n}_bytes": np.frombuffer(b"".join(program.stored.values()), np.uint8),
        }
    np.savez(path, **arrays)  # pyright: ignore[reportArgumentType]
