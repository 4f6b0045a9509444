"""Devices by name: everything that can be opened and asked to run descriptors."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from weft_hw.contract.config import Config

from weft.errors import LinkError
from weft.execute import Device
from weft.profile import LinkProfile

__all__ = ["OpenDevice", "open_device"]


@dataclass(eq=False)
class OpenDevice:
    """An accelerator at hand.

    Parameters
    ----------
    name : str
        As users type it.
    config : Config
        What the device was built for.
    memories : Device
        Reads, writes, runs.
    traffic : callable
        Returns what the link has carried since it was opened.
    close : callable
    """

    name: str
    config: Config
    memories: Device
    traffic: Callable[[], LinkProfile] = LinkProfile
    close: Callable[[], Any] = field(default=lambda: None)


def open_device(
    name: str, config: Config, report: Callable[[str], object] = lambda text: None
) -> OpenDevice:
    """Open the device called ``name`` for programs of ``config``.

    Raises
    ------
    LinkError
        If there is no such device, or it does not answer.
    """
    raise LinkError(f"there is no device {name!r}; choose from golden, sim")
