"""Memories of Lattice ECP5: DP16KD blocks with their output registers."""

from amaranth.hdl import ClockSignal, Const, Instance, Module, Signal, Value

from weft_hw.tech.nine_bits import NineBitBlockRam, Shape

__all__ = ["Ecp5BlockRam", "block"]


def block(
    m: Module,
    shape: Shape,
    read_address: Value,
    write_address: Value,
    write_data: Value,
    enables: Value,
    also_read: Signal | None = None,
) -> Value:
    """Instantiate a DP16KD and return its bits of read data, 2 cycles after their address.

    ``also_read`` takes what the writing port reads at ``write_address`` while it does not write.
    """
    # Port A writes and port B reads. The widest shape takes both halves of the data pins: the
    # low half leaves at DOA, the high half at DOB.
    wide = shape.width == 36
    data_in, data_out = Signal(36), Signal(36)
    m.d.comb += data_in.eq(write_data)
    addresses = {"A": shape.pins(write_address, enables), "B": shape.pins(read_address)}
    ports: dict[str, Value] = {}
    for port in "AB":
        for bit in range(14):
            ports[f"i_AD{port}{bit}"] = addresses[port][bit]
        for bit in range(18):
            from_high = wide and port == "B"
            ports[f"i_DI{port}{bit}"] = (
                data_in[bit + 18 * from_high] if wide or port == "A" else Const(0, 1)
            )
            if wide or port == "B":
                ports[f"o_DO{port}{bit}"] = data_out[bit + 18 * from_high]
            elif also_read is not None:
                ports[f"o_DO{port}{bit}"] = also_read[bit]
        for bit in range(3):
            ports[f"i_CS{port}{bit}"] = Const(0, 1)
        ports[f"i_CLK{port}"] = ClockSignal()
        ports[f"i_CE{port}"] = ports[f"i_OCE{port}"] = Const(1, 1)
        ports[f"i_RST{port}"] = Const(0, 1)
    ports["i_WEA"] = Const(1, 1) if wide else enables.any()
    ports["i_WEB"] = Const(0, 1)
    m.submodules += Instance(
        "DP16KD",
        **ports,
        p_DATA_WIDTH_A=shape.width,
        p_DATA_WIDTH_B=shape.width,
        p_REGMODE_A="OUTREG",
        p_REGMODE_B="OUTREG",
        p_WRITEMODE_A="NORMAL",
        p_WRITEMODE_B="NORMAL",
        p_CSDECODE_A="0b000",
        p_CSDECODE_B="0b000",
        p_GSR="DISABLED",
    )
    return data_out[: shape.width]


class Ecp5BlockRam(NineBitBlockRam):
    """:class:`BlockRam` of DP16KD blocks."""

    def block(
        self,
        m: Module,
        shape: Shape,
        read_address: Value,
        write_address: Value,
        write_data: Value,
        enables: Value,
    ) -> Value:
        return block(m, shape, read_address, write_address, write_data, enables)
