// iCE40 cells that yosys has as black boxes only, and one that Verilator cannot take from it, in the
// modes in which Weft uses them.
// After Lattice's FPGA-TN-02052 (PLL) and iCE Technology Library (SB_IO).

// The clock comes at the rate that the PLL makes.
module SB_PLL40_PAD #(
    parameter FEEDBACK_PATH = "SIMPLE", parameter DIVR = 0, parameter DIVF = 0, parameter DIVQ = 0,
    parameter FILTER_RANGE = 0
) (
    input PACKAGEPIN, RESETB, BYPASS,
    output PLLOUTCORE, PLLOUTGLOBAL, LOCK
);
    localparam LOCK_CYCLES = 20;
    integer cycles = 0;
    always @(posedge PACKAGEPIN) if (!RESETB) cycles <= 0; else if (!LOCK) cycles <= cycles + 1;
    assign PLLOUTCORE = PACKAGEPIN;
    assign PLLOUTGLOBAL = PACKAGEPIN;
    assign LOCK = cycles == LOCK_CYCLES;
    initial if (FEEDBACK_PATH != "SIMPLE") $fatal(1, "SB_PLL40_PAD: this mode is not modelled");
endmodule

// A pin that is an input, or an output that is always driven, both without registers.
module SB_IO #(
    parameter PIN_TYPE = 6'b000000, parameter PULLUP = 0, parameter IO_STANDARD = "SB_LVCMOS"
) (
    inout PACKAGE_PIN, input CLOCK_ENABLE, OUTPUT_ENABLE, D_OUT_0, output D_IN_0
);
    localparam INPUT = 6'b000001, OUTPUT = 6'b101001;
    assign D_IN_0 = PACKAGE_PIN;
    generate if (PIN_TYPE == OUTPUT) assign PACKAGE_PIN = D_OUT_0; endgenerate
    initial if (PIN_TYPE != INPUT && PIN_TYPE != OUTPUT)
        $fatal(1, "SB_IO: this type of pin is not modelled");
endmodule
