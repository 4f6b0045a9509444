"""Which variant of a part of the link a configuration has: chosen here, and nowhere else."""

from dataclasses import dataclass

from weft_hw.contract.config import Config
from weft_hw.link.commands import Commands, SmallCommands
from weft_hw.link.receiver import Receiver, SmallReceiver
from weft_hw.link.sender import Sender, SmallSender

__all__ = ["LinkVariants", "link_variants_of"]


@dataclass(frozen=True)
class LinkVariants:
    """Parts of the link that exist twice: for speed, and for few cells."""

    receiver: type[Receiver]
    commands: type[Commands]
    sender: type[Sender]


_FAST = LinkVariants(Receiver, Commands, Sender)
_COMPACT = LinkVariants(SmallReceiver, SmallCommands, SmallSender)


def link_variants_of(config: Config) -> LinkVariants:
    """Return those of a configuration."""
    return _COMPACT if config.compact else _FAST
