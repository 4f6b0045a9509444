#!/usr/bin/env bash
# pillow 13.0.0: a greyscale PNG of 2 or 4 bits whose tRNS chunk names one transparent grey. Values of
# the file are levels (0 to 3 for 2 bits), and the PNG specification compares them with the chunk's.
# One would expect the pixel of that level to be transparent, as it is for 8 bits. Pillow scales the
# pixels to 8 bits and leaves the chunk's level as it is, so they meet for level 0 only. For 1 bit it
# scales both.
# Output seen, transparent levels of 0 1 2 3 when the chunk names 1: 8 bits: 1; 2 bits: none; 4 bits:
# none. When it names 0: 0 for all three.
set -euo pipefail
folder=$(mktemp -d); trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q --disable-pip-version-check pillow==13.0.0
"$folder/venv/bin/python" - <<'PY'
import io, struct, zlib
from PIL import Image


def chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def transparent(bits, key):
    """Return which of the levels 0 to 3, in one row, are transparent if the chunk names key."""
    row = sum(level << bits * (3 - level) for level in range(4)).to_bytes(bits // 2, "big")
    file = b"\x89PNG\r\n\x1a\n"
    file += chunk(b"IHDR", struct.pack(">IIBBBBB", 4, 1, bits, 0, 0, 0, 0))
    file += chunk(b"tRNS", struct.pack(">H", key)) + chunk(b"IDAT", zlib.compress(b"\0" + row))
    alpha = Image.open(io.BytesIO(file + chunk(b"IEND", b""))).convert("RGBA").getchannel("A")
    return [level for level in range(4) if alpha.getpixel((level, 0)) == 0]


for bits in (8, 4, 2):
    for key in (0, 1):
        found = transparent(bits, key)
        print(f"{bits} bits, transparent level {key}: found {found}")
        assert found == ([key] if bits == 8 or key == 0 else []), "the behaviour changed"
PY
