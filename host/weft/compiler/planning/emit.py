"""Memory images: addresses are known now, so commands become descriptors, weights and tables."""

from collections.abc import Iterable, Mapping

from msgspec.structs import replace
from weft_hw.contract.config import Config
from weft_hw.contract.descriptor import WINDOW_BYTES
from weft_hw.contract.layers import Layer
from weft_hw.contract.memory_map import PARAMETER_BYTES, Region, memory_map

from weft.compiler.ir import Buffer, Command
from weft.errors import CapacityError
from weft.program import Image

__all__ = ["emit_images"]


class _Memory:
    """Blocks of bytes in the order in which they are first wanted; equal blocks are shared."""

    def __init__(self, unit_bytes: int):
        self.unit_bytes, self.data, self._known = unit_bytes, bytearray(), {}

    def add(self, block: bytes, multiple: int = 1) -> int:
        """Return the unit, a multiple of ``multiple``, at which ``block`` starts."""
        key = block, multiple
        if key not in self._known:
            self.data += bytes(-len(self.data) % (multiple * self.unit_bytes))
            self._known[key] = len(self.data) // self.unit_bytes
            self.data += block
        return self._known[key]


def emit_images(
    config: Config,
    commands: list[Command],
    constants: Iterable[Buffer],
    model: str,
    twins: Mapping[Buffer, Buffer],
    activation_words: int,
) -> tuple[tuple[Image, ...], dict[str, tuple[int, int]]]:
    """Return the images, and (used, available) bytes of memories.

    Where there are ``twins`` (second buffers, by the first), the descriptors come
    a second time, working on those. ``activation_words`` are used by what was placed.

    Raises
    ------
    CapacityError
        If a memory is too small; every such memory is named.
    """
    memories = memory_map(config)
    weights, windows = _Memory(config.rows * config.columns), _Memory(WINDOW_BYTES)
    parameters = _Memory(PARAMETER_BYTES * config.lanes)
    first: list[Layer] = []
    for command in commands:
        bases = _addresses(config, command, {})
        if command.entries:
            program = b"".join(entry.data for entry in command.entries)
            bases["window_base"] = windows.add(program)
            bases["window_count"] = len(command.entries)
        if command.weights is not None:
            multiple = config.pixels if command.mac.own_weights else 1
            bases["weight_base"] = weights.add(command.weights.data, multiple)
        if command.parameters is not None:
            bases["parameter_base"] = parameters.add(command.parameters.data)
        if command.sum_parameters is not None:
            bases["sum_parameter"] = parameters.add(command.sum_parameters.data)
        first.append(replace(command.descriptor, **bases))
    used = {
        Region.WEIGHT: bytes(weights.data),
        Region.PARAMETER: bytes(parameters.data),
        Region.WINDOW: bytes(windows.data),
    }
    usage = {region.name: (len(data), memories[region].bytes) for region, data in used.items()}
    one = memories[Region.DESCRIPTOR].bytes // config.descriptor_count
    second = [
        replace(layer, **_addresses(config, command, twins))
        for layer, command in zip(first, commands, strict=True)
        if twins
    ]
    count = len(first) + len(second)
    usage[Region.DESCRIPTOR.name] = (count * one, memories[Region.DESCRIPTOR].bytes)
    usage[Region.ACTIVATION.name] = (
        activation_words * config.columns,
        config.activation_words * config.columns,
    )
    full = [
        f"{needed} bytes of {name.lower()} memory ({available} available)"
        for name, (needed, available) in usage.items()
        if needed > available
    ]
    if full:
        raise CapacityError(f"{model} does not fit {config.name}: it needs {', '.join(full)}")
    used[Region.DESCRIPTOR] = b"".join(layer.encode() for layer in first + second)
    images = [Image(region, 0, data) for region, data in used.items() if data]
    for buffer in constants:
        data = (buffer.data or b"").ljust(buffer.words * config.columns, b"\0")
        images.append(Image(Region.ACTIVATION, buffer.base, data))
    return tuple(images), usage


def _addresses(config: Config, command: Command, twins: Mapping[Buffer, Buffer]) -> dict[str, int]:
    """Return the fields that say where operands and results lie."""

    def base(buffer: Buffer) -> int:
        return twins.get(buffer, buffer).base

    values = {"in_base": base(command.source[0]) + command.source[1]}
    if command.other is not None:
        values["other_base"] = base(command.other[0]) + command.other[1]
    if command.target is not None:
        values["out_base"] = base(command.target[0]) * config.beats + command.target[1]
    return values
