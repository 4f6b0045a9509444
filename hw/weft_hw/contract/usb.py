"""How a board shows itself on USB: numbers and names that host and gateware agree on."""

__all__ = [
    "ENDPOINT",
    "FULL_SPEED_PACKET",
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
FULL_SPEED_PACKET = 64

# Under which Windows programs find the interface; made once, at random.
INTERFACE_GUID = "{7D24E5B0-93C6-4E0E-9D0B-5E3D1B7C6A41}"
