"""The pictures by the name of their files."""

from diagrams.handover import handover
from diagrams.packet import packet
from diagrams.window import window

__all__ = ["PICTURES"]

PICTURES = {"window": window, "handover": handover, "packet": packet}
