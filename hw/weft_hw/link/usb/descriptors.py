"""What a board answers when a computer asks what has been plugged in.

Besides the standard descriptors (USB 2.0, chapter 9) there is a BOS descriptor of two platform
capabilities: one lets web pages ask for the device (WebUSB 1.0), the other sends Windows to a
descriptor set by which it binds WinUSB, so that no driver is installed (Microsoft OS 2.0).
"""

import struct
import uuid

from usb_protocol.emitters import DeviceDescriptorCollection  # pyright: ignore

from weft_hw.contract.usb import (
    ENDPOINT,
    INTERFACE,
    INTERFACE_GUID,
    MANUFACTURER,
    PRODUCT,
    VENDOR,
)

__all__ = ["MICROSOFT_CODE", "MICROSOFT_INDEX", "descriptors_of", "microsoft_set"]

MICROSOFT_CODE, MICROSOFT_INDEX = 0x57, 7  # request of our choice; index as Microsoft numbers it
_WEBUSB_CODE = 0x58  # never asked: there is no page to land on
_BOS, _DEVICE_CAPABILITY, _PLATFORM = 0x0F, 0x10, 0x05
_WEBUSB = uuid.UUID("3408b638-09a9-47a0-8bfd-a0768815b665")
_MICROSOFT = uuid.UUID("d8dd60df-4589-4cc7-9cd2-659d9e648a9f")
_WINDOWS_8_1 = 0x06030000
_MULTI_STRING = 7  # type of a registry value
_BULK = 2
_QUALIFIER = 6


def descriptors_of(
    *,
    product: str,
    serial: str,
    packet_bytes: int,
    high_speed: bool = False,
    vendor_id: int = VENDOR,
    product_id: int = PRODUCT,
) -> DeviceDescriptorCollection:
    """Return the descriptors of a device with one interface and a bulk endpoint each way.

    Parameters
    ----------
    product, serial : str
        Name and number that users see; two boards on one computer need different numbers.
    packet_bytes : int
        Largest packet of the endpoints.
    high_speed : bool
        Whether it can do that, so that computers ask what it is at full speed: the same.
    vendor_id, product_id : int
    """
    collection = DeviceDescriptorCollection()
    with collection.DeviceDescriptor() as device:
        device.bcdUSB = 2.10  # from here on, computers ask for the BOS descriptor
        device.idVendor, device.idProduct = vendor_id, product_id
        device.iManufacturer, device.iProduct, device.iSerialNumber = MANUFACTURER, product, serial
        device.bNumConfigurations = 1
    with collection.ConfigurationDescriptor() as configuration:
        configuration.bMaxPower = 250  # of 2 mA each
        with configuration.InterfaceDescriptor() as interface:
            interface.bInterfaceNumber = 0
            interface.bInterfaceClass = interface.bInterfaceSubclass = 0xFF
            interface.bInterfaceProtocol = 0xFF
            interface.iInterface = INTERFACE
            for address in (ENDPOINT, 0x80 | ENDPOINT):
                with interface.EndpointDescriptor() as endpoint:
                    endpoint.bEndpointAddress = address
                    endpoint.bmAttributes = _BULK
                    endpoint.wMaxPacketSize = packet_bytes
                    endpoint.bInterval = 0
    collection.add_descriptor(_bos(), descriptor_type=_BOS)
    if high_speed:
        qualifier = struct.pack("<BBHBBBBBB", 10, _QUALIFIER, 0x0210, 0, 0, 0, 64, 1, 0)
        collection.add_descriptor(qualifier, descriptor_type=_QUALIFIER)
    return collection


def _bos() -> bytes:
    webusb = _capability(_WEBUSB, struct.pack("<HBB", 0x0100, _WEBUSB_CODE, 0))
    windows = struct.pack("<IHBB", _WINDOWS_8_1, len(microsoft_set()), MICROSOFT_CODE, 0)
    capabilities = [webusb, _capability(_MICROSOFT, windows)]
    size = 5 + sum(map(len, capabilities))
    return struct.pack("<BBHB", 5, _BOS, size, len(capabilities)) + b"".join(capabilities)


def _capability(platform: uuid.UUID, data: bytes) -> bytes:
    size = 4 + len(platform.bytes_le) + len(data)
    return bytes([size, _DEVICE_CAPABILITY, _PLATFORM, 0]) + platform.bytes_le + data


def microsoft_set() -> bytes:
    """Return the Microsoft OS 2.0 descriptor set: bind WinUSB, under our interface's GUID."""
    name = "DeviceInterfaceGUIDs\0".encode("utf-16-le")
    value = f"{INTERFACE_GUID}\0\0".encode("utf-16-le")
    compatible = struct.pack("<HH8s8s", 20, 3, b"WINUSB", b"")
    registry = (
        struct.pack("<HHHH", 10 + len(name) + len(value), 4, _MULTI_STRING, len(name))
        + name
        + struct.pack("<H", len(value))
        + value
    )
    size = 10 + len(compatible) + len(registry)
    return struct.pack("<HHIH", 10, 0, _WINDOWS_8_1, size) + compatible + registry
