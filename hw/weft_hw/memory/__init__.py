"""The memory beside the chip: its port, who uses it, and what lies behind it."""
