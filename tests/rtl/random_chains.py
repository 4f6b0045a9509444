"""Random chains of layers, in the contract's own terms."""

import numpy as np
from engine_cases import Case, Tensor
from random_layers import add_random_mac, between, random_tensor
from weft_hw.contract.config import Config
from weft_hw.contract.descriptor import Kind, Wait

__all__ = ["random_chain"]


def _add_elementwise(case: Case, tensors: list[Tensor], table: bool) -> Tensor | None:
    """Append a random ELEMENTWISE layer that reads the last tensor; return its output."""
    config, rng = case.config, case.rng
    a, b = tensors[-1], tensors[between(rng, 0, len(tensors) - 1)]
    if rng.random() < 0.5:
        a, b = b, a
    count = min(a.words, b.words)
    kinds = ["unary", "multiply", *["add"] * (2 * table)]
    kind = str(rng.choice(kinds))
    wide = kind == "add"
    target = Tensor(case.used_words, 1, count)
    if (
        target.words + case.used_words > config.activation_words
        or len(case.parameters) + config.lanes > config.parameter_words * config.lanes
    ):
        return None
    case.allocate(count)
    bits = {"unary": 0, "multiply": 8, "add": 20}[kind]
    base = case.add_parameters(
        1,
        bias=lambda: rng.integers(-20, 20) << max(0, bits - 1),
        multiplier=lambda: rng.integers(1 << 23, 1 << 24) << 7,
        shift=lambda: 31 + bits + int(rng.integers(0, 2)),
    )
    case.add(
        count * config.beats,
        f"{kind} {count} words",
        kind=Kind.ELEMENTWISE,
        in_base=a.base,
        other_base=b.base,
        word_count=count,
        unary=kind == "unary",
        wide=wide,
        multiply=kind == "multiply",
        in_zero=between(rng, -128, 127),
        other_zero=between(rng, -128, 127),
        out_base=target.base * config.beats,
        parameter_base=base,
        rounding=between(rng, 0, 1),
        zero_point=between(rng, -20, 20),
        low=-128,
        high=between(rng, 60, 127),
        wait=between(rng, 0, 2),
        use_table=kind != "add" and table and bool(rng.random() < 0.4),
    )
    return target


def random_chain(config: Config, rng: np.random.Generator, macs_only: bool) -> Case:
    """Two to six layers that read each other's outputs as early as their waits allow.

    Feature maps are small, so that the results of a layer are still on their way when the next
    one could read them.
    """
    while True:
        case = Case(config, rng)
        channels = between(rng, 1, 2 * config.columns)
        tensor = random_tensor(case, between(rng, 1, 5), between(rng, 1, 4), channels)
        case.allocate(tensor.words)
        tensors, table = [tensor], False
        table_words = 256 * 4 // config.columns
        if not macs_only and case.used_words + table_words < config.activation_words * 3 // 4:
            base = case.allocate(table_words)
            entries = rng.integers(-(1 << 26), 1 << 26, 256).astype("<i4")
            case.activations[base : case.used_words] = entries.view(np.uint8).reshape(
                -1, config.columns
            )
            case.add(0, "table", kind=Kind.TABLE, in_base=base)
            table = True
        written, by_mac = None, False  # what the layer before wrote
        for _ in range(between(rng, 2, 5)):
            if not macs_only and rng.random() < 0.4:
                made, by_mac = _add_elementwise(case, tensors, table), False
            else:
                source = tensors[-1 if rng.random() < 0.8 else between(rng, 0, len(tensors) - 1)]
                wait = Wait.LAYER
                if source is not written:
                    wait = Wait(between(rng, 0, 1) * Wait.LAYER)
                elif by_mac and rng.random() < 0.7:
                    wait = Wait.ROW
                most = config.columns * source.pixel_words >> source.packing
                made = add_random_mac(
                    case,
                    source,
                    between(rng, max(1, most // 2), most),
                    wait,
                    table,
                    filters_most=2 * config.columns,
                )
                by_mac = True
            if made is None:
                break
            tensors.append(made)
            written = made
        if len(case.descriptors) >= 2:
            return case
