"""How a board shows itself on USB: numbers and names that host and gateware agree on."""

__all__ = [
    "ENDPOINT",
    "FULL_SPEED_BYTES_PER_SECOND",
    "FULL_SPEED_PACKET",
    "HIGH_SPEED_BYTES_PER_SECOND",
    "HIGH_SPEED_PACKET",
    "INTERFACE",
    "INTERFACE_GUID",
    "MANUFACTURER",
    "PRODUCT",
    "VENDOR",
]

# For tests of open hardware (pid.codes); others use it too, so that INTERFACE is asked as well.
VENDOR, PRODUCT = 0x1209, 0x0001
MANUFACTURER = "Weft"
INTERFACE = "Weft link"

ENDPOINT = 1  # bulk, both ways
FULL_SPEED_PACKET, HIGH_SPEED_PACKET = 64, 512
# What goes through while a host asks for replies as well: docs/links.md says how it was measured.
FULL_SPEED_BYTES_PER_SECOND = 1.05e6
HIGH_SPEED_BYTES_PER_SECOND = 40e6

# Under which Windows programs find the interface; made once, at random.
INTERFACE_GUID = "{7D24E5B0-93C6-4E0E-9D0B-5E3D1B7C6A41}"
