"""From a byte stream to the engine's memories and back: framing, checks, commands, UART."""
