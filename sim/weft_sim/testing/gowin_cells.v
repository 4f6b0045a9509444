// Gowin cells that yosys has as black boxes only (and one that Verilator cannot take from it), in the
// modes in which Weft uses them.
// After Gowin's UG285 (block RAM), UG287 (DSP) and UG286 (clock).
// A mode that is not modelled ends the simulation. What the chip does not promise is garbage: words
// of a memory and registers before they are written (by the simulator's --x-initial), and a word
// that is read while the other port writes it.

// One of a multiplier's registers; its synchronous reset wins over the clock enable.
module WEFT_DSP_REGISTER #(
    parameter USED = 0, parameter WIDTH = 1
) (
    input clk, ce, rst, input [WIDTH-1:0] d, output [WIDTH-1:0] q
);
    reg [WIDTH-1:0] state;
    always @(posedge clk) if (rst) state <= 0; else if (ce) state <= d;
    assign q = USED ? state : d;
endmodule

// A multiplier of either size; operands come from the pins, not from the neighbour.
module WEFT_MULT #(
    parameter SIDE = 9, parameter [0:0] AREG = 0, parameter [0:0] BREG = 0,
    parameter [0:0] PIPE_REG = 0, parameter [0:0] OUT_REG = 0, parameter MODELLED = 1
) (
    input [SIDE-1:0] a, b, input asign, bsign, asel, bsel, ce, clk, rst,
    output [2*SIDE-1:0] dout
);
    // One more bit, so that one signed product serves signed and unsigned operands.
    wire signed [SIDE:0] input_a, input_b;
    wire signed [2*SIDE+1:0] product = input_a * input_b;
    wire [2*SIDE-1:0] pipeline;
    WEFT_DSP_REGISTER #(.USED(AREG), .WIDTH(SIDE + 1)) register_a (
        .clk(clk), .ce(ce), .rst(rst), .d({asign & a[SIDE-1], a}), .q(input_a));
    WEFT_DSP_REGISTER #(.USED(BREG), .WIDTH(SIDE + 1)) register_b (
        .clk(clk), .ce(ce), .rst(rst), .d({bsign & b[SIDE-1], b}), .q(input_b));
    WEFT_DSP_REGISTER #(.USED(PIPE_REG), .WIDTH(2 * SIDE)) register_pipeline (
        .clk(clk), .ce(ce), .rst(rst), .d(product[2*SIDE-1:0]), .q(pipeline));
    WEFT_DSP_REGISTER #(.USED(OUT_REG), .WIDTH(2 * SIDE)) register_output (
        .clk(clk), .ce(ce), .rst(rst), .d(pipeline), .q(dout));
    always @(posedge clk) if (asel | bsel) $fatal(1, "MULT: operands of a neighbour are not modelled");
    initial if (!MODELLED) $fatal(1, "MULT: this mode is not modelled");
endmodule

module MULT9X9 #(
    parameter AREG = 1'b0, parameter BREG = 1'b0, parameter OUT_REG = 1'b0,
    parameter PIPE_REG = 1'b0, parameter ASIGN_REG = 1'b0, parameter BSIGN_REG = 1'b0,
    parameter SOA_REG = 1'b0, parameter MULT_RESET_MODE = "SYNC"
) (
    input [8:0] A, SIA, B, SIB, input ASIGN, BSIGN, ASEL, BSEL, CE, CLK, RESET,
    output [17:0] DOUT, output [8:0] SOA, SOB
);
    WEFT_MULT #(.SIDE(9), .AREG(AREG), .BREG(BREG), .PIPE_REG(PIPE_REG), .OUT_REG(OUT_REG),
                .MODELLED(!ASIGN_REG && !BSIGN_REG && MULT_RESET_MODE == "SYNC")) mult (
        .a(A), .b(B), .asign(ASIGN), .bsign(BSIGN), .asel(ASEL), .bsel(BSEL), .ce(CE), .clk(CLK),
        .rst(RESET), .dout(DOUT));
endmodule

module MULT18X18 #(
    parameter AREG = 1'b0, parameter BREG = 1'b0, parameter OUT_REG = 1'b0,
    parameter PIPE_REG = 1'b0, parameter ASIGN_REG = 1'b0, parameter BSIGN_REG = 1'b0,
    parameter SOA_REG = 1'b0, parameter MULT_RESET_MODE = "SYNC"
) (
    input [17:0] A, SIA, B, SIB, input ASIGN, BSIGN, ASEL, BSEL, CE, CLK, RESET,
    output [35:0] DOUT, output [17:0] SOA, SOB
);
    WEFT_MULT #(.SIDE(18), .AREG(AREG), .BREG(BREG), .PIPE_REG(PIPE_REG), .OUT_REG(OUT_REG),
                .MODELLED(!ASIGN_REG && !BSIGN_REG && MULT_RESET_MODE == "SYNC")) mult (
        .a(A), .b(B), .asign(ASIGN), .bsign(BSIGN), .asel(ASEL), .bsel(BSEL), .ce(CE), .clk(CLK),
        .rst(RESET), .dout(DOUT));
endmodule

// Port A writes, port B reads; both have the same width.
module WEFT_SDP #(
    parameter PINS = 36, parameter WIDTH = 36, parameter [0:0] READ_MODE = 0, parameter MODELLED = 1
) (
    input clka, cea, clkb, ceb, oce, rstb, input [13:0] ada, adb, input [2:0] blksela, blkselb,
    input [PINS-1:0] di, output [PINS-1:0] dout
);
    // Bits of a byte with one enable; the enables are the lowest address bits.
    localparam LANE = PINS == 36 ? 9 : 8;
    localparam LANES = WIDTH > LANE ? WIDTH / LANE : 1;
    localparam SKIP = WIDTH >= 32 ? 5 : WIDTH >= 16 ? 4 : WIDTH >= 8 ? 3 : WIDTH == 4 ? 2
                      : WIDTH == 2 ? 1 : 0;
    localparam BITS = WIDTH / LANES;
    wire [13:0] write_word = ada >> SKIP, read_word = adb >> SKIP;
    wire [3:0] enables = LANES > 1 ? ada[3:0] & ((1 << LANES) - 1) : 4'b0001;
    wire collides = cea & (write_word == read_word) & |enables;
    reg [WIDTH-1:0] words [(1 << (14 - SKIP))-1:0];
    reg [WIDTH-1:0] latched, registered;
    integer lane;
    always @(posedge clka)
        if (cea)
            for (lane = 0; lane < LANES; lane = lane + 1)
                if (enables[lane]) words[write_word][lane*BITS +: BITS] <= di[lane*BITS +: BITS];
    always @(posedge clkb) begin
        if (rstb) latched <= 0;
        else if (ceb) latched <= collides ? ~words[read_word] : words[read_word];
        if (rstb) registered <= 0;
        else if (oce) registered <= latched;
        if (|blksela | |blkselb) $fatal(1, "SDP: a block select is not modelled");
    end
    assign dout = {{PINS - WIDTH{1'b0}}, READ_MODE ? registered : latched};
    initial if (!MODELLED) $fatal(1, "SDP: this mode is not modelled");
endmodule

module SDPB #(
    parameter READ_MODE = 1'b0, parameter BIT_WIDTH_0 = 32, parameter BIT_WIDTH_1 = 32,
    parameter BLK_SEL_0 = 3'b000, parameter BLK_SEL_1 = 3'b000, parameter RESET_MODE = "SYNC"
) (
    input CLKA, CEA, CLKB, CEB, OCE, RESETA, RESETB, input [13:0] ADA, ADB, input [31:0] DI,
    input [2:0] BLKSELA, BLKSELB, output [31:0] DO
);
    WEFT_SDP #(.PINS(32), .WIDTH(BIT_WIDTH_0), .READ_MODE(READ_MODE),
               .MODELLED(BIT_WIDTH_0 == BIT_WIDTH_1 && BIT_WIDTH_0 <= 32
                         && RESET_MODE == "SYNC" && BLK_SEL_0 == 0 && BLK_SEL_1 == 0)) memory (
        .clka(CLKA), .cea(CEA), .clkb(CLKB), .ceb(CEB), .oce(OCE), .rstb(RESETB), .ada(ADA), .adb(ADB),
        .blksela(BLKSELA), .blkselb(BLKSELB), .di(DI), .dout(DO));
endmodule

module SDPX9B #(
    parameter READ_MODE = 1'b0, parameter BIT_WIDTH_0 = 36, parameter BIT_WIDTH_1 = 36,
    parameter BLK_SEL_0 = 3'b000, parameter BLK_SEL_1 = 3'b000, parameter RESET_MODE = "SYNC"
) (
    input CLKA, CEA, CLKB, CEB, OCE, RESETA, RESETB, input [13:0] ADA, ADB, input [35:0] DI,
    input [2:0] BLKSELA, BLKSELB, output [35:0] DO
);
    WEFT_SDP #(.PINS(36), .WIDTH(BIT_WIDTH_0), .READ_MODE(READ_MODE),
               .MODELLED(BIT_WIDTH_0 == BIT_WIDTH_1 && BIT_WIDTH_0 % 9 == 0
                         && RESET_MODE == "SYNC" && BLK_SEL_0 == 0 && BLK_SEL_1 == 0)) memory (
        .clka(CLKA), .cea(CEA), .clkb(CLKB), .ceb(CEB), .oce(OCE), .rstb(RESETB), .ada(ADA), .adb(ADB),
        .blksela(BLKSELA), .blkselb(BLKSELB), .di(DI), .dout(DO));
endmodule

// The simulation's clock is the one that the PLL makes, whatever the oscillator is; it locks late.
module rPLL #(
    parameter FCLKIN = "100.0", parameter DEVICE = "GW1N-1", parameter DYN_IDIV_SEL = "false",
    parameter IDIV_SEL = 0, parameter DYN_FBDIV_SEL = "false", parameter FBDIV_SEL = 0,
    parameter DYN_ODIV_SEL = "false", parameter ODIV_SEL = 8, parameter PSDA_SEL = "0000",
    parameter DYN_DA_EN = "false", parameter DUTYDA_SEL = "1000", parameter CLKOUT_FT_DIR = 1'b1,
    parameter CLKOUTP_FT_DIR = 1'b1, parameter CLKOUT_DLY_STEP = 0, parameter CLKOUTP_DLY_STEP = 0,
    parameter CLKFB_SEL = "internal", parameter CLKOUT_BYPASS = "false",
    parameter CLKOUTP_BYPASS = "false", parameter CLKOUTD_BYPASS = "false",
    parameter DYN_SDIV_SEL = 2, parameter CLKOUTD_SRC = "CLKOUT", parameter CLKOUTD3_SRC = "CLKOUT"
) (
    input CLKIN, CLKFB, RESET, RESET_P, input [5:0] FBDSEL, IDSEL, ODSEL,
    input [3:0] PSDA, DUTYDA, FDLY, output CLKOUT, LOCK, CLKOUTP, CLKOUTD, CLKOUTD3
);
    localparam LOCK_CYCLES = 20;
    integer cycles = 0;
    always @(posedge CLKIN) if (RESET) cycles <= 0; else if (!LOCK) cycles <= cycles + 1;
    assign CLKOUT = CLKIN;
    assign LOCK = cycles == LOCK_CYCLES;
    initial if (DYN_IDIV_SEL != "false" || DYN_FBDIV_SEL != "false" || DYN_ODIV_SEL != "false"
                || CLKFB_SEL != "internal" || CLKOUT_BYPASS != "false")
        $fatal(1, "rPLL: this mode is not modelled");
endmodule

// Yosys's model gives 1'bz while OEN is 1, which Verilator takes for a second driver.
module TBUF (input I, OEN, output O);
    assign O = I;
    always @(*) if (OEN) $fatal(1, "TBUF: an output that is off is not modelled");
endmodule
