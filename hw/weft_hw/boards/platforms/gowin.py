"""Amaranth's platform of Gowin with nextpnr's present flow, himbaechel."""

from amaranth.vendor import GowinPlatform

__all__ = ["HimbaechelGowinPlatform"]


class HimbaechelGowinPlatform(GowinPlatform):
    """Amaranth 0.5 asks for ``nextpnr-gowin``, which is retired; the files that it writes stay."""

    @property
    def device(self):
        """The part, under the name that other vendors' platforms have."""
        return self.part

    @property
    def chip(self):
        """The die's name in nextpnr and Project Apicula: R stands for memory beside it."""
        return self.family.replace("R-", "-")

    @property
    def file_templates(self):
        """Files of a build; constraints may be added to the platform's own."""
        files = super().file_templates
        name = "{{name}}.cst"
        return files | {name: files[name] + '{{get_override("add_constraints")|default("")}}\n'}

    @property
    def required_tools(self):
        """Programs that a build starts."""
        return ["yosys", "nextpnr-himbaechel-gowin", "gowin_pack"]

    @property
    def command_templates(self):
        """Commands of a build."""
        synthesise = super().command_templates[0]
        place = r"""
        {{invoke_tool("nextpnr-himbaechel-gowin")}}
            {{quiet("--quiet")}}
            {{get_override("nextpnr_opts")|options}}
            --log {{name}}.tim
            --device {{platform.part}}
            --vopt family={{platform.chip}}
            --vopt cst={{name}}.cst
            --json {{name}}.syn.json
            --write {{name}}.pnr.json
        """
        pack = r"""
        {{invoke_tool("gowin_pack")}}
            -d {{platform.chip}}
            -o {{name}}.fs
            {{get_override("gowin_pack_opts")|options}}
            {{name}}.pnr.json
        """
        return [synthesise, place, pack]
