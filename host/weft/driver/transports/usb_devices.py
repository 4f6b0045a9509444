"""Which USB devices are plugged in, as libusb sees them."""

import importlib
from collections.abc import Iterator
from typing import Any

from weft_hw.contract.usb import INTERFACE, PRODUCT, VENDOR

from weft.errors import LinkError

__all__ = ["find_device", "interface_name", "list_boards", "load_library", "with_numbers"]


def load_library() -> Any:
    """Return the module ``usb1``, with libusb loaded.

    Raises
    ------
    LinkError
        If either is missing.
    """
    try:
        usb1 = importlib.import_module("usb1")
    except ImportError:
        raise LinkError("USB devices need libusb1: pip install 'weft-fpga[usb]'") from None
    try:
        usb1.loadLibrary()
    except OSError:
        raise LinkError(
            "USB devices need libusb, which is not installed (Debian: apt install libusb-1.0-0)"
        ) from None
    return usb1


def with_numbers(context: Any, vendor: int, product: int) -> Iterator[Any]:
    """Yield the devices with these numbers."""
    for device in context.getDeviceIterator(skip_on_error=True):
        if (device.getVendorID(), device.getProductID()) == (vendor, product):
            yield device


def find_device(usb1: Any, context: Any, vendor: int, product: int, serial: str) -> Any:
    """Return the device with these numbers; of several boards, the one with the serial number.

    Raises
    ------
    LinkError
        If there is none, or more than one.
    """
    name = f"usb:{vendor:04x}:{product:04x}"
    devices = list(with_numbers(context, vendor, product))
    if not devices:
        raise LinkError(f"cannot open {name}: nothing is plugged in there; weft devices lists them")
    if not serial and len(devices) == 1:
        return devices[0]
    numbers = [_text(usb1, device, "getSerialNumber") for device in devices]
    fitting = [
        device for device, number in zip(devices, numbers, strict=True) if serial in ("", number)
    ]
    if len(fitting) == 1:
        return fitting[0]
    known = ", ".join(number or "one that cannot be read" for number in numbers)
    if not fitting:
        raise LinkError(f"cannot open {name}: no device has serial number {serial!r}, but {known}")
    raise LinkError(
        f"cannot open {name}: there are {len(fitting)}; choose by {name}:SERIAL, one of {known}"
    )


def interface_name(usb1: Any, device: Any, handle: Any) -> str:
    """Return what an open device calls its first interface; nothing if it has no name."""
    try:
        setting = next(iter(device.iterSettings()))
        return handle.getASCIIStringDescriptor(setting.getDescriptor()) or ""
    except (usb1.USBError, StopIteration):
        return ""


def list_boards(usb1: Any, context: Any) -> Iterator[tuple[Any, str]]:
    """Yield each device that may be a board on USB, and its serial number.

    Their numbers are for tests, and others use them: those that say another interface's name are
    left out.
    """
    for device in with_numbers(context, VENDOR, PRODUCT):
        try:
            handle = device.open()
        except usb1.USBError:
            yield device, ""
            continue
        try:
            is_board = interface_name(usb1, device, handle) == INTERFACE
        finally:
            handle.close()
        if is_board:
            yield device, _text(usb1, device, "getSerialNumber")


def _text(usb1: Any, device: Any, method: str) -> str:
    try:
        return getattr(device, method)() or ""
    except usb1.USBError:
        return ""
