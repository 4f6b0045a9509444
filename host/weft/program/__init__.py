"""The compiled program, its file format, and the layout of tensors in memory."""

from weft.program.program import *  # noqa: F403
from weft.program.program import __all__ as __all__
