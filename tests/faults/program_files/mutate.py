"""Changes the members of a program file at random; checksums are right afterwards."""

import io
import json
import zipfile
from collections.abc import Callable
from typing import Any

import numpy as np
from weft.npy import npy_bytes
from weft.program.archive import pack_members
from weft_hw.contract.descriptor import (
    DESCRIPTOR,
    DESCRIPTOR_BYTES,
    Kind,
    decode_descriptor,
    encode_descriptor,
)
from weft_hw.contract.fields import Field
from weft_hw.contract.memory_map import Region
from weft_hw.contract.move import MOVE, decode_move, encode_move

__all__ = ["change_descriptor", "mutate"]

Members = dict[str, bytes]
Random = np.random.Generator

_NUMBERS = (0, 1, -1, 2, 3, 7, 8, 16, 127, 128, 255, 4096, 65535, 65536, 2**24, 2**28, 2**31)
_HUGE = (2**31 - 1, 2**32, 2**62, 2**63, 2**64, -(2**63), 10**30)
_OTHER: tuple[Any, ...] = (None, True, False, "", "x", "\x1b[2J", "é" * 9, [], {}, 0.5, 1e300, -0.0)


def mutate(members: Members, rng: Random) -> bytes:
    """Return the file with one to three changes."""
    members = dict(members)
    for _ in range(int(rng.choice((1, 1, 1, 2, 3)))):
        change = _CHANGES[int(rng.choice(len(_CHANGES), p=_WEIGHTS))]
        change(members, rng)
    data = pack_members(members)
    kind = rng.random()
    if kind < 0.02:
        return _compressed(members)
    if kind < 0.06:
        at = int(rng.integers(len(data)))
        return data[:at] + rng.bytes(int(rng.integers(0, 9))) + data[at + int(rng.integers(9)) :]
    return data


def _pick(items: Any, rng: Random) -> Any:
    return items[int(rng.integers(len(items)))]


def _places(value: Any) -> list[tuple[Any, Any]]:
    """Return (container, key) of every value below ``value``."""
    found = []
    items = value.items() if isinstance(value, dict) else enumerate(value)
    for key, item in items:
        found.append((value, key))
        if isinstance(item, dict | list) and item:
            found += _places(item)
    return found


def _number(value: int, rng: Random) -> int:
    kind = int(rng.integers(6))
    if kind == 0:
        return int(_pick(_NUMBERS, rng))
    if kind == 1 and rng.random() < 0.3:
        return int(_pick(_HUGE, rng))
    if kind == 2:
        return value * 2
    if kind == 3:
        return value // 2
    return value + int(rng.integers(-2, 3))


def _change_json(members: Members, rng: Random) -> None:
    """Change a value of ``program.json``, mostly to another one of its type."""
    body = json.loads(members.get("program.json", b"{}"))
    # Not where the most values are, but in any of the parts.
    parts = [key for key in body if isinstance(body[key], dict | list) and body[key]]
    if not parts:
        return
    part = body[_pick(parts, rng)]
    if part is body.get("graph"):
        inside = [key for key in part if isinstance(part[key], dict | list) and part[key]]
        part = part[_pick(inside, rng)] if inside and rng.random() < 0.9 else part
    places = _places(part)
    holder, key = _pick(places, rng)
    value, kind = holder[key], rng.random()
    if kind < 0.08:
        del holder[key]
    elif kind < 0.14 and isinstance(holder, list):
        holder.insert(int(rng.integers(len(holder) + 1)), _pick(holder, rng))
    elif kind < 0.18 and isinstance(holder, list):
        rng.shuffle(holder)
    elif kind < 0.2 and isinstance(holder, dict):
        holder["more"] = value
    elif kind < 0.25:
        holder[key] = _pick(_OTHER, rng)
    elif kind < 0.4:
        same = [h[k] for h, k in places if type(h[k]) is type(value)]
        holder[key] = _pick(same, rng)
    elif isinstance(value, bool):
        holder[key] = not value
    elif isinstance(value, int):
        holder[key] = _number(value, rng)
    elif isinstance(value, float):
        holder[key] = _pick((0.0, -value, value * 2, value * 1e6, value / 1e6, 1e38, 1e-45), rng)
    elif isinstance(value, str):
        texts = [h[k] for h, k in _places(body) if isinstance(h[k], str)]
        holder[key] = _pick(texts, rng)
    else:
        holder[key] = _pick((*_OTHER, _pick([h[k] for h, k in places], rng)), rng)
    members["program.json"] = json.dumps(
        body, ensure_ascii=False, separators=(",", ":"), allow_nan=False
    ).encode()


def _image(members: Members, rng: Random, *regions: Region) -> str | None:
    """Return the name of an image of one of ``regions``."""
    body = json.loads(members.get("program.json", b"{}"))
    found = body.get("images") if isinstance(body, dict) else None
    names = [
        f"images/{number}"
        for number, item in enumerate(found if isinstance(found, list) else ())
        if isinstance(item, dict) and item.get("region") in regions
    ]
    names = [name for name in names if members.get(name)]
    return _pick(names, rng) if names else None


def change_descriptor(members: Members, rng: Random) -> None:
    """Change a field of a descriptor, or some of its bits."""
    name = _image(members, rng, Region.DESCRIPTOR, Region.DRAM)
    if name is None or len(members[name]) < DESCRIPTOR_BYTES:
        return
    data = bytearray(members[name])
    at = int(rng.integers(len(data) // DESCRIPTOR_BYTES)) * DESCRIPTOR_BYTES
    piece = bytes(data[at : at + DESCRIPTOR_BYTES])
    if rng.random() < 0.15:
        other = int(rng.integers(len(data) // DESCRIPTOR_BYTES)) * DESCRIPTOR_BYTES
        new = bytes(data[other : other + DESCRIPTOR_BYTES])
    elif rng.random() < 0.15:
        flipped = bytearray(piece)
        flipped[int(rng.integers(DESCRIPTOR_BYTES))] ^= 1 << int(rng.integers(8))
        new = bytes(flipped)
    elif piece[0] & 3 == Kind.MOVE:
        new = _with_field(MOVE, decode_move(piece), encode_move, rng)
    else:
        new = _with_field(DESCRIPTOR, decode_descriptor(piece), encode_descriptor, rng)
    data[at : at + DESCRIPTOR_BYTES] = new
    members[name] = bytes(data)


def _with_field(
    table: tuple[Field, ...],
    fields: dict[str, int],
    encode: Callable[[dict[str, int]], bytes],
    rng: Random,
) -> bytes:
    used = [f for f in table if fields[f.name]]
    field = _pick(used if used and rng.random() < 0.7 else table, rng)
    low = -(1 << field.width - 1) if field.signed else 0
    choices = (low, low + (1 << field.width) - 1, 0, 1, int(rng.integers(1 << field.width)) + low)
    value = _number(fields[field.name], rng) if rng.random() < 0.6 else _pick(choices, rng)
    value = min(max(value, low), low + (1 << field.width) - 1)
    return encode({**fields, field.name: value})


def _change_image(members: Members, rng: Random) -> None:
    """Change bytes of an image: weights, window programs, parameters, whatever lies in DRAM."""
    name = _image(members, rng, *Region)
    if name is None:
        return
    data = bytearray(members[name])
    kind = int(rng.integers(5))
    at = int(rng.integers(len(data)))
    if kind == 0:
        data[at] ^= 1 << int(rng.integers(8))
    elif kind == 1:
        data[at : at + 4] = rng.bytes(len(data[at : at + 4]))
    elif kind == 2:
        del data[at:]
    elif kind == 3:
        data += data[: int(rng.integers(1, 65))]
    else:
        data[:] = bytes([int(rng.integers(256))]) * len(data)
    members[name] = bytes(data)


def _change_array(members: Members, rng: Random) -> None:
    """Change values, shape, type or header of a constant or a state."""
    names = [name for name in members if name.endswith(".npy")]
    if not names:
        return
    name = _pick(names, rng)
    data = members[name]
    kind = int(rng.integers(7))
    if kind == 0:
        at = data.find(b"'shape': (") + 10
        size = data.find(b")", at)
        text = _pick((b"", b"-1,", b"0,", b"1,1,", b"9" * 30 + b",", b"True,"), rng)
        members[name] = data[:at] + text.ljust(size - at)[: size - at] + data[size:]
    elif kind == 1:
        old, new = b"'<i4'", _pick((b"'|O8'", b"'<f4'", b"'>i4'", b"'<U1'"), rng)
        members[name] = data.replace(old, new).replace(b"'|i1'", b"'|u1'")
    elif kind == 2:
        at = int(rng.integers(len(data)))
        members[name] = data[:at] + rng.bytes(1) + data[at + 1 :]
    else:
        array = np.load(io.BytesIO(data)) if data[:6] == b"\x93NUMPY" else np.zeros(1, np.int8)
        lowest, highest = np.iinfo(np.int32).min, np.iinfo(np.int32).max
        if kind == 3 and array.dtype.kind == "i":
            limits = np.iinfo(array.dtype)
            array = np.full_like(array, _pick((limits.min, limits.max, 0), rng))
        elif kind == 4:
            array = array.astype(_pick(("int8", "int32", "int64", "float32", "bool"), rng))
        elif kind == 5:
            array = array.reshape(-1) if rng.random() < 0.5 else array[..., :-1]
        else:
            array = np.clip(rng.permuted(array), lowest, highest)
        members[name] = npy_bytes(array)


def _change_members(members: Members, rng: Random) -> None:
    """Lose, add, rename or exchange members."""
    one, other = _pick(list(members), rng), _pick(list(members), rng)
    kind = int(rng.integers(5))
    if kind == 0:
        del members[one]
    elif kind == 1:
        members[_pick(("more", "images/99", "tensors/0.npy", "../x", "é", ""), rng)] = members[one]
    elif kind == 2:
        members[one], members[other] = members[other], members[one]
    elif kind == 3:
        members[one] = b""
    else:
        members[one + "x"] = members.pop(one)


def _safe(change: Callable[[Members, Random], None]) -> Callable[[Members, Random], None]:
    """Leave members alone that an earlier change has made unreadable."""

    def changed(members: Members, rng: Random) -> None:
        try:
            change(members, rng)
        except (ValueError, KeyError, TypeError, AttributeError, IndexError, OverflowError):
            return

    return changed


def _compressed(members: Members) -> bytes:
    """Return the file with members that are compressed, and one that is large."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members.items():
            archive.writestr(name or "-", data)
        archive.writestr("bomb", bytes(1 << 22))
    return stream.getvalue()


_CHANGES = tuple(
    map(
        _safe,
        (_change_json, change_descriptor, _change_image, _change_array, _change_members),
    )
)
_WEIGHTS = (0.6, 0.17, 0.09, 0.1, 0.04)
