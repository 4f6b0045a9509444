"""How fast a board's SPI is: what host and gateware agree on."""

__all__ = ["DEFAULT_SPI_HZ", "SPI_CYCLES"]

# Cycles of the design in a bit, at least: the lines are sampled, and answers leave 4 cycles late.
SPI_CYCLES = 6
DEFAULT_SPI_HZ = 4_000_000  # which the slowest board takes
