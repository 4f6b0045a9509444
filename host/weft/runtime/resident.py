"""A program in a device's memories: loaded once, found again by its label, never taken on trust."""

import zlib
from collections.abc import Mapping
from typing import Any

from numpy.typing import NDArray
from weft_hw.contract.memory_map import Region

from weft.errors import LinkError
from weft.golden.run import initial_states
from weft.program import Program, RunStep
from weft.runtime.device import OpenDevice
from weft.runtime.execute import check_device, read_tensor, write_tensor

__all__ = ["Resident", "program_label"]

Arrays = dict[str, NDArray[Any]]


def program_label(program: Program) -> int:
    """Return the checksum by which a board tells what it holds: CRC-32 of all images, never 0."""
    checksum = 0
    for image in program.images:
        head = f"{image.region} {image.unit} {len(image.data)} ".encode()
        checksum = zlib.crc32(image.data, zlib.crc32(head, checksum))
    return checksum or 1


def _predicted(program: Program, step: RunStep) -> int:
    infos = program.descriptors[step.first : step.first + step.count]
    return sum(info.predicted_cycles for info in infos)


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
        steps = [step for step in program.steps if isinstance(step, RunStep)]
        self._cycles = max((_predicted(program, step) for step in steps), default=0)
        self._session: int | None = None
        # States that are not on the board; None while they are there, or nowhere.
        self._states: Arrays | None = self._initial()

    def _initial(self) -> Arrays:
        return {
            name: value
            for name, value in initial_states(self._program.graph).items()
            if name in self._program.resident
        }

    def reset(self) -> None:
        """Let the next call be the first one."""
        self._states = self._initial()

    def lose(self) -> None:
        """Trust the states on the board no more: a call was broken off."""
        if self._program.resident:
            self._states, self._device.holder = None, None

    def read(self) -> Arrays:
        """Return the states that lie on the board."""
        return {
            name: read_tensor(self._program, self._device.memories, name)
            for name in self._program.resident
        }

    def write(self, states: Mapping[str, NDArray[Any]]) -> None:
        """Write those of ``states`` that lie on the board."""
        for name in self._program.resident:
            write_tensor(self._program, self._device.memories, name, states[name])

    def save(self) -> None:
        """Take the states from the board, as another program is about to be loaded."""
        if self._program.resident and self._states is None:
            self._states = self.read()

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
        device.expect(self._cycles)
        if device.holder is self and session == self._session:
            self._restore()
            return False
        holder = device.holder
        if isinstance(holder, Resident) and holder is not self and session == holder._session:
            holder.save()
        device.holder = None
        loads = marks is None or marks.label() != self.label
        if marks and loads:
            marks.set_label(0)  # a load past the link leaves it alone
        load = device.load or device.memories.write
        for image in self._program.images:
            # No label speaks for ACTIVATION, which inferences write; constants there are few.
            if loads or image.region == Region.ACTIVATION:
                load(image.region, image.unit, image.data)
        if marks and loads:
            marks.set_label(self.label)
            if (found := marks.label()) != self.label:
                raise LinkError(
                    f"the board says that it holds program {found:08x} after "
                    f"{self.label:08x} was loaded"
                )
        self._session = marks.session if marks else 0
        device.holder = self
        if self._states is None:
            device.holder = None
            raise LinkError(
                "the state of the network was lost with the link; call reset_state() to start again"
            )
        self._restore()
        return loads

    def _restore(self) -> None:
        """Write the states to the board unless they are there."""
        if self._states is not None:
            self.write(self._states)
            self._states = None if self._program.resident else {}
