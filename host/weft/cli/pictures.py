"""Pixels of picture files: which formats are read, and what becomes of everything they can say."""

import warnings
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from weft.errors import WeftError

if TYPE_CHECKING:
    from PIL import Image

__all__ = ["MAX_PIXELS", "MAX_SIDE", "PICTURES", "PICTURE_RULE", "InputError", "read_pixels"]

PICTURES = (".bmp", ".gif", ".jpeg", ".jpg", ".pbm", ".pgm", ".png", ".ppm", ".webp")
# Pillow's names; of its other formats some start programs, such as Ghostscript for EPS.
_FORMATS = ("BMP", "GIF", "JPEG", "PNG", "PPM", "WEBP")
_PLAIN = ("1", "L", "LA", "P", "PA", "RGB", "RGBA", "RGBX")
# Reading takes up to 16 bytes a pixel (WebP), and Pillow resizes with a table as long as a side.
MAX_PIXELS, MAX_SIDE = 1 << 25, (1 << 16) - 1
_STRIP = 1 << 20  # pixels of which Weft itself has copies at a time
PICTURE_RULE = (
    f"read are BMP, GIF, JPEG, PNG, PPM, PGM, PBM and WebP of up to {MAX_PIXELS:,} pixels, turned "
    "as EXIF says, laid on white, 16-bit values cut to 8 (those of PPM rounded), of several frames "
    "the first"
)


class InputError(WeftError):
    """An input file cannot be read or does not fit the model; the message names the file."""


def read_pixels(path: Path, width: int, height: int, channels: int) -> NDArray[np.uint8]:
    """Return the picture at ``path``, resized, as uint8 (height, width, channels).

    The file's content decides what format it has, not its name.

    Raises
    ------
    InputError
        If it is no picture of those formats, is damaged, too large, or of other colours.
    """
    from PIL import Image, UnidentifiedImageError

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # what Pillow warns of is refused or understood
            with Image.open(path, formats=_FORMATS) as picture:
                if picture.width * picture.height > MAX_PIXELS:
                    raise Image.DecompressionBombError
                if max(picture.size) > MAX_SIDE:
                    raise InputError(f"{path} is more than {MAX_SIDE:,} pixels wide or high")
                picture = _plain(picture, path)
                mode = "L" if channels == 1 else "RGB"
                if picture.mode != mode:  # to convert always makes a copy
                    picture = picture.convert(mode)
                if picture.size != (width, height):
                    picture = picture.resize((width, height), Image.Resampling.BILINEAR)
                return np.asarray(picture, np.uint8).reshape(height, width, channels)
    except InputError:
        raise
    except UnidentifiedImageError:
        kinds = "BMP, GIF, JPEG, PNG, PPM, PGM, PBM or WebP"
        raise InputError(f"{path} is no picture of a format that is read ({kinds})") from None
    except Image.DecompressionBombError:
        raise InputError(f"{path} has more than {MAX_PIXELS:,} pixels") from None
    except Exception as error:  # a damaged file can raise anything in Pillow
        raise InputError(f"{path} cannot be read: {error or type(error).__name__}") from error


def _plain(picture: "Image.Image", path: Path) -> "Image.Image":
    """Return an upright picture of 8 bits a channel without transparency."""
    from PIL import ImageOps

    packing = str(picture.tile[0][3]) if picture.tile else ""  # type: ignore[attr-defined]
    ImageOps.exif_transpose(picture, in_place=True)  # which loads it
    transparent = picture.has_transparency_data
    if transparent and "transparency" in picture.info and _is_scaled(picture.mode, packing):
        # Pillow compares such a colour with pixels that it has scaled to 8 bits.
        raise InputError(f"{path} has a transparent colour in pixels of 2, 4 or 16 bits")
    if picture.mode.startswith("I"):  # 16 bits, whatever their order
        return _by_strips(picture, "L", _eight_bits)
    if picture.mode not in _PLAIN:
        raise InputError(f"{path} has {picture.mode} pixels; expected grey, RGB or a palette")
    if not transparent:
        return picture
    return _by_strips(picture, "RGB", _on_white)


def _by_strips(
    picture: "Image.Image", mode: str, change: "Callable[[Image.Image], Image.Image]"
) -> "Image.Image":
    """Return a picture of ``mode`` of what ``change`` makes of each strip of rows."""
    from PIL import Image

    width, height = picture.size
    result, rows = Image.new(mode, picture.size), max(1, _STRIP // width)
    for top in range(0, height, rows):
        strip = (0, top, width, min(height, top + rows))
        result.paste(change(picture.crop(strip)), strip)
    return result


def _eight_bits(picture: "Image.Image") -> "Image.Image":
    from PIL import Image

    return Image.fromarray((np.asarray(picture).astype(np.int64) >> 8).astype(np.uint8))


def _on_white(picture: "Image.Image") -> "Image.Image":
    from PIL import Image

    white = Image.new("RGBA", picture.size, "white")
    return Image.alpha_composite(white, picture.convert("RGBA")).convert("RGB")


def _is_scaled(mode: str, packing: str) -> bool:
    bits = packing.partition(";")[2][:2]
    return mode.startswith("I") or (mode != "P" and bits in ("2", "4", "16"))
