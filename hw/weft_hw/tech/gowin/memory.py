"""Memories of Gowin: SDPB and SDPX9B, a block RAM's two ports of 1 to 36 bits.

Port and parameter names are those of Gowin's block RAM user guide (UG285).
"""

from amaranth.hdl import Cat, ClockSignal, Const, Instance, Module, Signal, Value

from weft_hw.parts.delay import delay
from weft_hw.tech.nine_bits import NineBitBlockRam, Shape

__all__ = ["GowinBlockRam"]


class GowinBlockRam(NineBitBlockRam):
    """:class:`BlockRam` of blocks, with the output registers of those that are 36 bits wide.

    In narrower ones they do not work on several chips, by Project Apicula's findings: the data of
    those have registers beside the block.
    """

    def block(
        self,
        m: Module,
        shape: Shape,
        read_address: Value,
        write_address: Value,
        write_data: Value,
        enables: Value,
    ) -> Value:
        # With ninth bits the pins are 36 (SDPX9B), without them 32 (SDPB).
        kind, pins = ("SDPX9B", 36) if shape.width % 9 == 0 else ("SDPB", 32)
        registered = shape.width == 36
        data_out = Signal(pins)
        m.submodules += Instance(
            kind,
            i_CLKA=ClockSignal(),
            i_CEA=enables.any(),
            i_RESETA=Const(0, 1),
            i_ADA=shape.pins(write_address, enables),
            i_BLKSELA=Const(0, 3),
            i_DI=Cat(write_data, Const(0, pins - len(write_data))),
            i_CLKB=ClockSignal(),
            i_CEB=Const(1, 1),
            i_OCE=Const(1, 1),
            i_RESETB=Const(0, 1),
            i_ADB=shape.pins(read_address),
            i_BLKSELB=Const(0, 3),
            o_DO=data_out,
            p_READ_MODE=Const(registered, 1),
            p_BIT_WIDTH_0=shape.width,
            p_BIT_WIDTH_1=shape.width,
            p_BLK_SEL_0=Const(0, 3),
            p_BLK_SEL_1=Const(0, 3),
            p_RESET_MODE="SYNC",
        )
        return delay(m, data_out[: shape.width], 0 if registered else 1, name="data")
