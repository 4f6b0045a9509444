"""Line buffers: the last rows of the input feature map, several of them readable at once."""

from amaranth.hdl import Module
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from weft_hw.contract.config import Config
from weft_hw.tech.portable import Portable

__all__ = ["LineBuffer"]


class LineBuffer(wiring.Component):
    """``line_banks`` memories of ``line_words`` words; row ``y`` lies in bank ``y % line_banks``.

    One write and one read in every bank per cycle; data 2 cycles after its address.

    Parameters
    ----------
    config : Config
    tech : Portable

    Members
    -------
    write : In, ``enable``, ``bank``, ``address`` and ``data`` of one word
    read_address, read_data : one per bank
    """

    def __init__(self, config: Config, tech: Portable):
        self.config, self.tech = config, tech
        address, word = range(config.line_words), config.columns * 8
        super().__init__({
            "write": In(wiring.Signature({
                "enable": Out(1),
                "bank": Out(range(max(2, config.line_banks))),
                "address": Out(address),
                "data": Out(word),
            })),
            "read_address": In(data.ArrayLayout(
                (config.line_words - 1).bit_length(), config.line_banks)),
            "read_data": Out(data.ArrayLayout(word, config.line_banks)),
        })  # fmt: skip

    def elaborate(self, platform):
        m = Module()
        for index in range(self.config.line_banks):
            m.submodules[f"bank_{index}"] = bank = self.tech.block_ram(
                width=self.config.columns * 8, depth=self.config.line_words)
            m.d.comb += [
                bank.write_enable.eq(self.write.enable & (self.write.bank == index)),
                bank.write_address.eq(self.write.address),
                bank.write_data.eq(self.write.data),
                bank.read_address.eq(self.read_address[index]),
                self.read_data[index].eq(bank.read_data),
            ]
        return m
