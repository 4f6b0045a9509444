"""What libusb1's module ``usb1`` offers, over devices that a test makes."""

from collections import deque
from typing import Any


class USBError(Exception):
    def __str__(self):
        return type(self).__name__


class USBErrorAccess(USBError):
    pass


class USBErrorBusy(USBError):
    pass


class USBErrorNoDevice(USBError):
    pass


class USBErrorNotFound(USBError):
    pass


class USBErrorInterrupted(USBError):
    pass


class Usb1:
    """The module: ``library=Usb1([device, ...])``."""

    USBError, USBErrorAccess, USBErrorBusy = USBError, USBErrorAccess, USBErrorBusy
    USBErrorNoDevice, USBErrorNotFound = USBErrorNoDevice, USBErrorNotFound
    USBErrorInterrupted = USBErrorInterrupted
    SPEED_FULL, SPEED_HIGH = 2, 3
    TRANSFER_COMPLETED, TRANSFER_ERROR, TRANSFER_TIMED_OUT, TRANSFER_CANCELLED = range(4)
    TRANSFER_STALL, TRANSFER_NO_DEVICE, TRANSFER_OVERFLOW = 4, 5, 6

    def __init__(self, devices):
        self.devices = devices

    def USBContext(self):
        return Context(self)

    def loadLibrary(self):
        return True


class Context:
    def __init__(self, usb1):
        self.usb1, self.closed = usb1, False

    def open(self):
        return self

    def close(self):
        assert not self.closed
        self.closed = True

    def getDeviceIterator(self, skip_on_error=False):
        return iter(self.usb1.devices)

    def handleEventsTimeout(self, tv=0):
        assert not self.closed
        for device in self.usb1.devices:
            device.handle_events(tv)


class Setting:
    def getDescriptor(self):
        return 4


class Device:
    """A device whose ``peer`` carries transfers on.

    ``peer.advance(outgoing, incoming, seconds)`` gets the transfers under way, in order, and ends
    those that it can end.
    """

    def __init__(self, peer=None, *, numbers=(0x1209, 1), serial="7", interface="Weft link"):
        self.peer: Any = peer
        self.numbers, self.serial, self.interface = numbers, serial, interface
        self.open_error: Any = None
        self.claim_error: Any = None
        self.unplugged = self.claimed = False
        self.speed = Usb1.SPEED_FULL
        self.outgoing, self.incoming = deque(), deque()
        self.halts_cleared, self.handles = [], 0

    def getVendorID(self):
        return self.numbers[0]

    def getProductID(self):
        return self.numbers[1]

    def getBusNumber(self):
        return 1

    def getPortNumberList(self):
        return [id(self) % 1_000_003]

    def getDeviceSpeed(self):
        return self.speed

    def getSerialNumber(self):
        if self.open_error:
            raise self.open_error()
        return self.serial

    def iterSettings(self):
        return iter([Setting()])

    def open(self):
        if self.open_error:
            raise self.open_error()
        self.handles += 1
        return Handle(self)

    def handle_events(self, seconds):
        for queue in (self.outgoing, self.incoming):
            for transfer in list(queue):
                if self.unplugged:
                    transfer.end(Usb1.TRANSFER_NO_DEVICE)
                elif transfer.cancelled:
                    transfer.end(Usb1.TRANSFER_CANCELLED)
        if self.peer is not None and not self.unplugged and (self.outgoing or self.incoming):
            self.peer.advance(self.outgoing, self.incoming, seconds)


class Handle:
    def __init__(self, device):
        self.device = device

    def claimInterface(self, number):
        if self.device.claim_error or self.device.claimed:
            raise (self.device.claim_error or USBErrorBusy)()
        self.device.claimed = True

    def releaseInterface(self, number):
        if self.device.unplugged:
            raise USBErrorNoDevice()
        self.device.claimed = False

    def clearHalt(self, endpoint):
        self.device.halts_cleared.append(endpoint)
        if self.device.peer is not None:
            self.device.peer.clear_halt(endpoint)

    def getASCIIStringDescriptor(self, index):
        return self.device.interface

    def getTransfer(self):
        return Transfer(self.device)

    def close(self):
        device = self.device
        assert not device.outgoing and not device.incoming, "closed with transfers under way"
        device.handles -= 1


class Transfer:
    def __init__(self, device):
        self.device, self.cancelled = device, False
        self.queue: Any = None
        self.callback: Any = None
        self.status = self.actual = 0
        self.content = bytearray()

    def setBulk(self, endpoint, buffer_or_len, callback=None, user_data=None, timeout=0):
        assert self.queue is None, "set while under way"
        self.endpoint, self.callback = endpoint, callback
        is_in = endpoint >= 0x80
        self.content = bytearray(buffer_or_len) if is_in else bytearray(bytes(buffer_or_len))
        self.size = len(self.content)

    def submit(self):
        assert self.queue is None, "submitted twice"
        if self.device.unplugged:
            raise USBErrorNoDevice()
        self.actual, self.cancelled = 0, False
        self.queue = self.device.incoming if self.endpoint >= 0x80 else self.device.outgoing
        self.queue.append(self)

    def cancel(self):
        if self.queue is None:
            raise USBErrorNotFound()
        self.cancelled = True

    def end(self, status):
        self.queue.remove(self)
        self.queue, self.status = None, status
        self.callback(self)

    def getStatus(self):
        return self.status

    def getActualLength(self):
        return self.actual

    def getBuffer(self):
        return self.content


class Pipe:
    """A peer that hands bytes to ``answer`` and gives back what that returns, without a bus."""

    def __init__(self, answer=lambda data: b"", packet=64):
        self.answer, self.packet = answer, packet
        self.waiting = bytearray()

    def clear_halt(self, endpoint):
        pass

    def advance(self, outgoing, incoming, seconds):
        while outgoing:
            transfer = outgoing[0]
            transfer.actual = transfer.size
            self.waiting += self.answer(bytes(transfer.content))
            transfer.end(Usb1.TRANSFER_COMPLETED)
        while incoming and self.waiting:
            transfer = incoming[0]
            part = bytes(self.waiting[: transfer.size])
            del self.waiting[: len(part)]
            transfer.content[: len(part)] = part
            transfer.actual = len(part)
            transfer.end(Usb1.TRANSFER_COMPLETED)


class BusPipe:
    """A peer that is the simulated bus behind a :class:`weft_sim.testing.usb.host.UsbHost`."""

    def __init__(self, host):
        self.host = host

    def clear_halt(self, endpoint):
        self.host.clear_halt(self.host.into if endpoint >= 0x80 else self.host.out)

    def advance(self, outgoing, incoming, seconds):
        host = self.host
        end, ended = host.board.now + seconds, False
        while not ended and host.board.now < end:
            if outgoing:
                ended |= self._send(outgoing[0])
            if incoming:
                ended |= self._take(incoming[0])

    def _send(self, transfer):
        size = self.host.out.packet_bytes
        part = bytes(transfer.content[transfer.actual : transfer.actual + size])
        if self.host.bulk_out(part):
            transfer.actual += len(part)
        return self._ends(transfer, self.host.out, transfer.actual == transfer.size)

    def _take(self, transfer):
        part = self.host.bulk_in()
        if part is None:
            return self._ends(transfer, self.host.into, False)
        transfer.content[transfer.actual : transfer.actual + len(part)] = part
        transfer.actual += len(part)
        is_short = len(part) < self.host.into.packet_bytes
        return self._ends(transfer, self.host.into, is_short or transfer.actual == transfer.size)

    def _ends(self, transfer, pipe, done):
        if pipe.halted:
            transfer.end(Usb1.TRANSFER_STALL if pipe.errors == 0 else Usb1.TRANSFER_ERROR)
        elif done:
            transfer.end(Usb1.TRANSFER_COMPLETED)
        return done or pipe.halted
