"""A board on USB, by libusb: transfers of bulk endpoints, several under way at a time."""

import os
import time
from collections import deque
from contextlib import suppress
from types import ModuleType
from typing import Any

from weft_hw.contract.usb import (
    ENDPOINT,
    FULL_SPEED_BYTES_PER_SECOND,
    HIGH_SPEED_BYTES_PER_SECOND,
    INTERFACE,
)

from weft.driver.lock import DeviceLock
from weft.driver.transports.base import Transport
from weft.driver.transports.usb_devices import find_device, interface_name, load_library
from weft.errors import LinkError
from weft.udev import rule_command

__all__ = ["UsbTransport"]

_OUT, _IN = ENDPOINT, 0x80 | ENDPOINT
_OUT_BYTES, _OUT_TRANSFERS = 16_384, 4
_IN_BYTES, _IN_TRANSFERS = 4_096, 8  # the former a multiple of every packet size
_WRITE_SECONDS = 10.0


class UsbTransport(Transport):
    """A board's two bulk endpoints.

    Parameters
    ----------
    vendor, product : int
        Numbers of the device.
    serial : str, optional
        Its serial number, where several have the same numbers.
    library : module, optional
        ``usb1``, or a stand-in.

    Raises
    ------
    LinkError
        If there is no such device, it may not be used, or it is no board of Weft.
    """

    kind = "usb"
    silence = ": it holds another bitstream; weft devices asks"

    def __init__(
        self, vendor: int, product: int, serial: str = "", *, library: ModuleType | Any = None
    ):
        self._usb = library if library is not None else load_library()
        self._name = f"usb:{vendor:04x}:{product:04x}" + (f":{serial}" if serial else "")
        self._context: Any = self._usb.USBContext()
        self._handle: Any = None
        self._lock: DeviceLock | None = None
        self._free: list[Any] = []  # transfers to the board that are done
        self._sending: set[Any] = set()
        self._taking: set[Any] = set()
        self._received: deque[bytes] = deque()
        self._problem = ""
        try:
            self._context.open()
            device = find_device(self._usb, self._context, vendor, product, serial)
            self._lock = DeviceLock(f"usb:{device.getBusNumber()}:{device.getPortNumberList()}")
            self._open(device, f"{vendor:04x}:{product:04x}")
        except self._usb.USBError as error:
            self.close()
            raise LinkError(f"cannot open {self._name}: {error}") from None
        except LinkError:
            self.close()
            raise
        self.process = os.getpid()
        is_high = device.getDeviceSpeed() >= self._usb.SPEED_HIGH
        self.bytes_per_second = (
            HIGH_SPEED_BYTES_PER_SECOND if is_high else FULL_SPEED_BYTES_PER_SECOND
        )

    @classmethod
    def from_name(cls, name: str, **options: Any) -> "UsbTransport":
        """Open ``VID:PID`` or ``VID:PID:SERIAL``, the numbers in hexadecimal digits."""
        vendor, _, rest = name.partition(":")
        product, _, serial = rest.partition(":")
        try:
            numbers = int(vendor, 16), int(product, 16)
        except ValueError:
            numbers = -1, -1
        if not all(0 <= number <= 0xFFFF for number in numbers):
            raise LinkError(f"usb: takes VID:PID or VID:PID:SERIAL, not {name!r}")
        return cls(numbers[0], numbers[1], serial, **options)

    def _open(self, device: Any, numbers: str):
        try:
            self._handle = device.open()
        except self._usb.USBErrorAccess:
            command = rule_command(numbers)
            raise LinkError(
                f"cannot open {self._name}: no permission" + (f"; {command}" if command else "")
            ) from None
        if (name := interface_name(self._usb, device, self._handle)) != INTERFACE:
            raise LinkError(
                f"{self._name} is no board of Weft: its interface is called {name!r}, not "
                f"{INTERFACE!r}"
            )
        try:
            self._handle.claimInterface(0)
        except self._usb.USBErrorBusy:
            raise LinkError(f"cannot open {self._name}: another program uses it") from None
        # An earlier owner may have stopped in the middle of a transfer.
        for endpoint in (_OUT, _IN):
            self._handle.clearHalt(endpoint)
        for _ in range(_OUT_TRANSFERS):
            self._free.append(self._handle.getTransfer())
        for _ in range(_IN_TRANSFERS):
            transfer = self._handle.getTransfer()
            transfer.setBulk(_IN, _IN_BYTES, callback=self._took)
            transfer.submit()
            self._taking.add(transfer)

    # Ends of transfers, called while events are handled.

    def _took(self, transfer: Any):
        size = transfer.getActualLength()
        if size:
            self._received.append(bytes(transfer.getBuffer()[:size]))
        if self._judge(transfer):
            with suppress(self._usb.USBErrorNoDevice):
                transfer.submit()
                return
            self._judge_gone()
        self._taking.discard(transfer)

    def _sent(self, transfer: Any):
        self._judge(transfer)
        self._sending.discard(transfer)
        self._free.append(transfer)

    def _judge(self, transfer: Any) -> bool:
        """Return whether a transfer went well; remember what was wrong."""
        status = transfer.getStatus()
        if status == self._usb.TRANSFER_COMPLETED:
            return True
        if status == self._usb.TRANSFER_NO_DEVICE:
            self._judge_gone()
        elif status != self._usb.TRANSFER_CANCELLED:
            names = {
                self._usb.TRANSFER_STALL: "the board refuses a transfer",
                self._usb.TRANSFER_OVERFLOW: "the board sent a packet that is too long",
            }
            reason = names.get(status, "a transfer failed, as when a cable is bad or pulled out")
            self._problem = self._problem or f"{self._name} is gone: {reason}"
        return False

    def _judge_gone(self):
        self._problem = self._problem or f"{self._name} is gone: it was unplugged"

    def _handle_events(self, seconds: float):
        try:
            self._context.handleEventsTimeout(seconds)
        except self._usb.USBErrorInterrupted:
            return
        except self._usb.USBError as error:
            self._problem = self._problem or f"{self._name} is gone: {error}"

    # The stream.

    def write(self, data: bytes):
        """Send ``data``; returns when its last transfers are on their way."""
        deadline = self.now() + _WRITE_SECONDS
        for at in range(0, len(data), _OUT_BYTES):
            while not self._free:
                self._check()
                if self.now() > deadline:
                    raise LinkError(f"{self._name} takes no more")
                self._handle_events(0.1)
            self._check()
            transfer = self._free.pop()
            transfer.setBulk(_OUT, data[at : at + _OUT_BYTES], callback=self._sent)
            try:
                transfer.submit()
            except self._usb.USBError:
                self._judge_gone()
                self._free.append(transfer)
                self._check()
            self._sending.add(transfer)

    def read(self, limit: int, timeout: float) -> bytes:
        """Return what came, waiting at most ``timeout`` seconds for the first byte."""
        deadline = self.now() + timeout
        self._handle_events(0)
        while not self._received:
            self._check()
            if (left := deadline - self.now()) <= 0:
                return b""
            self._handle_events(left)
        first = self._received.popleft()
        if len(first) > limit:
            self._received.appendleft(first[limit:])
        return first[:limit]

    def _check(self):
        if self._problem:
            raise LinkError(self._problem)

    def now(self) -> float:
        """Return the seconds of the system's clock."""
        return time.monotonic()

    def close(self):
        """End the transfers under way and give the device back."""
        if self._context is None:
            return
        if self.process not in (None, os.getpid()):
            # What libusb gave back would be the owner's: a fork has the same open file.
            if self._lock is not None:
                self._lock.release()
            return
        context, self._context = self._context, None
        under_way = [*self._sending, *self._taking]
        for transfer in under_way:
            with suppress(self._usb.USBError):
                transfer.cancel()
        deadline = self.now() + 1.0
        while (self._sending or self._taking) and self.now() < deadline:
            with suppress(self._usb.USBError):
                context.handleEventsTimeout(0.1)
        if self._handle is not None:
            with suppress(self._usb.USBError):
                self._handle.releaseInterface(0)
            self._handle.close()
        with suppress(self._usb.USBError):
            context.close()
        if self._lock is not None:
            self._lock.release()
