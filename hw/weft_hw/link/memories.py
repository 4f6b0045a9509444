"""What synthesis is told of the memories of USB and Ethernet: they are made of LUTs.

The engines of the boards leave one block RAM or none. Packets, at most 4 kB, become distributed
memory, the texts of USB's descriptors logic.
"""

__all__ = ["MEMORIES_IN_LUTS"]

# For yosys, once the design is read: modules, and their memories.
MEMORIES_IN_LUTS = "\n".join(
    f'setattr -set ram_style "{style}" {memories}'
    for style, memories in (
        ("distributed", "*.function.device.*/m:*"),
        ("logic", "*.function.device.*/m:rom"),
        ("distributed", "*.queue.memory/m:* *.rx/m:storage"),
    )
)
