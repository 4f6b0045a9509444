"""A program in a device's memories: loaded once, found again by its label, never taken on trust."""

import zlib

from weft_hw.contract.memory_map import Region

from weft.errors import LinkError
from weft.program import Program
from weft.runtime.devices import OpenDevice
from weft.runtime.execute import check_device

__all__ = ["Resident", "program_label"]


def program_label(program: Program) -> int:
    """Return the checksum by which a board tells what it holds: CRC-32 of all images, never 0."""
    checksum = 0
    for image in program.images:
        head = f"{image.region} {image.unit} {len(image.data)} ".encode()
        checksum = zlib.crc32(image.data, zlib.crc32(head, checksum))
    return checksum or 1


class Resident:
    """A program that is to be in the memories of ``device`` whenever it runs.

    The board keeps the label of a program over resets and clears it with the first write to any
    memory but ACTIVATION, so a label that is found stands for a program that was written whole.

    Raises
    ------
    DeviceMismatch
        If the device was built for another configuration or contract.
    """

    def __init__(self, program: Program, device: OpenDevice):
        check_device(program, device.config)
        self.label = program_label(program)
        self._program, self._device = program, device
        self._session: int | None = None

    def ensure(self) -> bool:
        """Load the program unless it is there; return whether all of it was loaded.

        Costs nothing while the link stays open and no other program ran on the device. After a
        link that broke, or another program, the board is asked what it holds.

        Raises
        ------
        LinkError
            If the device does not answer, or holds something else after it was loaded.
        """
        device, marks = self._device, self._device.marks
        session = marks.session if marks else 0
        if device.holder is self and session == self._session:
            return False
        device.holder = None
        loads = marks is None or marks.label() != self.label
        for image in self._program.images:
            # No label speaks for ACTIVATION, which inferences write; constants there are few.
            if loads or image.region == Region.ACTIVATION:
                device.memories.write(image.region, image.unit, image.data)
        if marks and loads:
            marks.set_label(self.label)
            if (found := marks.label()) != self.label:
                raise LinkError(f"the board says that it holds program {found:08x} after "
                                f"{self.label:08x} was loaded")  # fmt: skip
        self._session = marks.session if marks else 0
        device.holder = self
        return loads
