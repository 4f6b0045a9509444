"""Line buffers: the last rows of the input feature map, several of them readable at once."""

from typing import Any

from amaranth.hdl import Module
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from weft_hw.contract.config import Config
from weft_hw.tech.portable import Portable

__all__ = ["LineBuffer", "line_write"]


def line_write(config: Config) -> wiring.Signature:
    """One word on its way to the line buffers, as its producer has it."""
    return wiring.Signature(
        {
            "enable": Out(1),
            "bank": Out(range(max(2, config.line_banks))),
            "address": Out(range(config.line_words)),
            "data": Out(config.columns * 8),
        }
    )


class LineBuffer(wiring.Component):
    """``line_banks`` memories of ``line_words`` words; row ``y`` lies in bank ``y % line_banks``.

    Where two words of a row are written at once (``fill_words`` = 2), the odd ones lie half of the
    banks further on, so that both the words of a pair and the rows of a window differ in bank.

    One write and one read in every bank per cycle; data 2 cycles after its address.

    Parameters
    ----------
    config : Config
    tech : Portable

    Members
    -------
    write : In(line_write(config)), as many as ``fill_words``, to different banks
    read_address, read_data : one per bank
    """

    write: list[Any]  # interfaces of line_write
    read_address: data.View
    read_data: data.View

    def __init__(self, config: Config, tech: Portable):
        self.config, self.tech = config, tech
        super().__init__(
            {
                "write": In(line_write(config)).array(config.fill_words),
                "read_address": In(
                    data.ArrayLayout((config.line_words - 1).bit_length(), config.line_banks)
                ),
                "read_data": Out(data.ArrayLayout(config.columns * 8, config.line_banks)),
            }
        )

    def elaborate(self, platform):
        m = Module()
        for index in range(self.config.line_banks):
            m.submodules[f"bank_{index}"] = bank = self.tech.block_ram(
                width=self.config.columns * 8, depth=self.config.line_words
            )
            for write in self.write:
                hit = write.enable & (write.bank == index)
                with m.If(hit):
                    m.d.comb += bank.write_enable.eq(1)
                with m.If(hit if len(self.write) > 1 else 1):
                    m.d.comb += [
                        bank.write_address.eq(write.address),
                        bank.write_data.eq(write.data),
                    ]
            m.d.comb += [
                bank.read_address.eq(self.read_address[index]),
                self.read_data[index].eq(bank.read_data),
            ]
        return m
