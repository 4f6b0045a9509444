"""The packets between host and board: request and reply types, their fields, their limits.

A frame is ``type (1) sequence (1) body CRC-32 (4)``, the CRC being zlib's over everything before
it, little-endian; on the wire it is COBS-encoded and closed by a zero byte. The length of a frame
is therefore implied by its end, and whatever came before, a zero starts again. Fields are packed
little-endian in the order of the tables below; variable data follows the fields.
"""

import zlib
from enum import IntEnum

from weft_hw.contract.fields import Field, Fields
from weft_hw.contract.memory_map import Region

__all__ = [
    "CRC_BYTES",
    "HEADER_BYTES",
    "MAX_PAYLOAD_BYTES",
    "OVERHEAD_BYTES",
    "PIXEL_REGIONS",
    "PROTOCOL_VERSION",
    "REPLY",
    "REPLY_FIELDS",
    "REQUEST_FIELDS",
    "STATUS_BYTES",
    "STATUS_MEANING",
    "Request",
    "Status",
    "field_bytes",
    "open_frame",
    "seal_frame",
]

PROTOCOL_VERSION = 3
HEADER_BYTES = 2
STATUS_BYTES = 1
CRC_BYTES = 4
OVERHEAD_BYTES = HEADER_BYTES + CRC_BYTES
MAX_PAYLOAD_BYTES = 1024  # data bytes that a host puts in a WRITE or asks of a READ
REPLY = 0x80  # added to a request's type in its reply


class Request(IntEnum):
    """Type byte of a request."""

    HELLO = 1
    RESET = 2
    STATUS = 3
    WRITE = 4
    READ = 5
    RUN = 6
    WAIT = 7
    LABEL = 8
    PIXELS = 9


class Status(IntEnum):
    """First byte of every reply's body; ``STATUS_MEANING`` says what each means."""

    OK = 0
    SEQUENCE = 1
    SESSION = 2
    TYPE = 3
    LENGTH = 4
    RANGE = 5


STATUS_MEANING = {
    Status.OK: "done; the reply's fields follow",
    Status.SEQUENCE: "not the expected sequence number, nothing was done; one byte follows, the "
    "number that is expected",
    Status.SESSION: "no session: RESET first",
    Status.TYPE: "no such request",
    Status.LENGTH: "the frame is too short or too long for its request",
    Status.RANGE: "no such region or descriptor, not allowed there, none at all, or beyond the end",
}


_PLACE = Fields(
    Field("region", 8, "Region"),
    Field("address", 24, "first unit"),
    Field("count", 16, "units, at least 1"),
)

# Whose units PIXELS may write: feature maps lie there.
PIXEL_REGIONS = (Region.ACTIVATION, Region.DRAM)

REQUEST_FIELDS: dict[Request, Fields] = {
    Request.HELLO: Fields(),
    Request.RESET: Fields(Field("session", 32, "any number; the reply returns it")),
    Request.STATUS: Fields(),
    Request.WRITE: _PLACE,
    Request.READ: _PLACE,
    Request.RUN: Fields(
        Field("first", 16, "slot of the first descriptor"),
        Field("count", 16, "descriptors, at least 1"),
        Field("run", 16, "any number; WAIT and STATUS return it"),
    ),
    Request.WAIT: Fields(),
    Request.LABEL: Fields(Field("label", 32, "checksum of the program now resident")),
    Request.PIXELS: Fields(
        *_PLACE,
        Field("channels", 8, "bytes of each pixel that come, at least 1; the others are 0"),
        Field("packing", 8, "log2 of the pixels in a unit, at most 2"),
    ),
}

# Fields of the reply whose status is OK. That of SEQUENCE is the one field `expected` (8 bits),
# the other errors have none.
REPLY_FIELDS: dict[Request, Fields] = {
    Request.HELLO: Fields(
        Field("version", 8, "PROTOCOL_VERSION"),
        Field("fingerprint", 64, "fingerprint of the contract and the configuration"),
        Field("buffer_bytes", 16, "bytes of unanswered requests that the board holds"),
        Field("buffer_frames", 8, "unanswered requests that the board holds"),
        Field("clock_hz", 32, "clock frequency; 0 in simulation"),
        Field("watchdog_cycles", 32, "cycles of silence after which work is abandoned"),
    ),
    Request.RESET: Fields(Field("session", 32, "as in the request")),
    Request.STATUS: Fields(
        Field("busy", 8, "1 while the engine runs"),
        Field("run", 16, "number of the last run that was started"),
        Field("cycles", 32, "cycles of the running or last run"),
        Field("frame_errors", 16, "frames dropped for a wrong CRC or COBS code, modulo 2^16"),
        Field("overruns", 16, "frames dropped because the buffer was full, modulo 2^16"),
        Field("expirations", 16, "times that the watchdog expired, modulo 2^16"),
        Field("label", 32, "last LABEL; 0 once anything but ACTIVATION was written since"),
    ),
    Request.WRITE: Fields(),
    Request.READ: Fields(),
    Request.RUN: Fields(),
    Request.WAIT: Fields(
        Field("run", 16, "number of the run that ended"),
        Field("cycles", 32, "its cycles"),
    ),
    Request.LABEL: Fields(),
    Request.PIXELS: Fields(),
}


def field_bytes(fields: tuple[Field, ...]) -> int:
    """Bytes that packed ``fields`` take."""
    return (sum(field.width for field in fields) + 7) // 8


def seal_frame(content: bytes) -> bytes:
    """Return ``content`` followed by its CRC-32."""
    return content + zlib.crc32(content).to_bytes(CRC_BYTES, "little")


def open_frame(frame: bytes) -> bytes | None:
    """Return the content of :func:`seal_frame`, or None if the CRC or the length is wrong."""
    content = frame[:-CRC_BYTES]
    if len(frame) < OVERHEAD_BYTES or seal_frame(content) != frame:
        return None
    return content
