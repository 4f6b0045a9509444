// ECP5 cells that yosys has as black boxes only (and one that Verilator cannot take from it), in the
// modes in which Weft uses them.
// After Lattice's FPGA-TN-02204 (memory), FPGA-TN-02205 (sysDSP) and FPGA-TN-02200 (PLL).
// A mode that is not modelled ends the simulation. What the chip does not promise is garbage: words
// of a memory and registers before they are written (by the simulator's --x-initial), and a word
// that is read while the other port writes it.

// One of a multiplier's registers; reset wins over clock enable.
module WEFT_DSP_REGISTER #(
    parameter CLK = "NONE", parameter WIDTH = 1
) (
    input clk, ce, rst, input [WIDTH-1:0] d, output [WIDTH-1:0] q
);
    reg [WIDTH-1:0] state;
    always @(posedge clk) if (rst) state <= 0; else if (ce) state <= d;
    assign q = CLK == "NONE" ? d : state;
    initial if (CLK != "NONE" && CLK != "CLK0") $fatal(1, "MULT18X18D: not clocked by CLK0");
endmodule

module MULT18X18D #(
    parameter REG_INPUTA_CLK = "NONE", parameter REG_INPUTB_CLK = "NONE",
    parameter REG_PIPELINE_CLK = "NONE", parameter REG_OUTPUT_CLK = "NONE",
    parameter RESETMODE = "SYNC", parameter GSR = "ENABLED"
) (
    input A17, A16, A15, A14, A13, A12, A11, A10, A9, A8, A7, A6, A5, A4, A3, A2, A1, A0,
    input B17, B16, B15, B14, B13, B12, B11, B10, B9, B8, B7, B6, B5, B4, B3, B2, B1, B0,
    input C17, C16, C15, C14, C13, C12, C11, C10, C9, C8, C7, C6, C5, C4, C3, C2, C1, C0,
    input SIGNEDA, SIGNEDB, SOURCEA, SOURCEB,
    input CLK3, CLK2, CLK1, CLK0, CE3, CE2, CE1, CE0, RST3, RST2, RST1, RST0,
    output P35, P34, P33, P32, P31, P30, P29, P28, P27, P26, P25, P24, P23, P22, P21, P20, P19, P18,
    output P17, P16, P15, P14, P13, P12, P11, P10, P9, P8, P7, P6, P5, P4, P3, P2, P1, P0
);
    wire [17:0] a = {A17, A16, A15, A14, A13, A12, A11, A10, A9, A8, A7, A6, A5, A4, A3, A2, A1, A0};
    wire [17:0] b = {B17, B16, B15, B14, B13, B12, B11, B10, B9, B8, B7, B6, B5, B4, B3, B2, B1, B0};
    // A 19th bit, so that one signed product serves signed and unsigned operands.
    wire signed [18:0] input_a, input_b;
    wire signed [37:0] product = input_a * input_b;
    wire [35:0] pipeline, result;
    WEFT_DSP_REGISTER #(.CLK(REG_INPUTA_CLK), .WIDTH(19)) register_a (
        .clk(CLK0), .ce(CE0), .rst(RST0), .d({SIGNEDA & a[17], a}), .q(input_a));
    WEFT_DSP_REGISTER #(.CLK(REG_INPUTB_CLK), .WIDTH(19)) register_b (
        .clk(CLK0), .ce(CE0), .rst(RST0), .d({SIGNEDB & b[17], b}), .q(input_b));
    WEFT_DSP_REGISTER #(.CLK(REG_PIPELINE_CLK), .WIDTH(36)) register_pipeline (
        .clk(CLK0), .ce(CE0), .rst(RST0), .d(product[35:0]), .q(pipeline));
    WEFT_DSP_REGISTER #(.CLK(REG_OUTPUT_CLK), .WIDTH(36)) register_output (
        .clk(CLK0), .ce(CE0), .rst(RST0), .d(pipeline), .q(result));
    assign {P35, P34, P33, P32, P31, P30, P29, P28, P27, P26, P25, P24, P23, P22, P21, P20, P19, P18,
            P17, P16, P15, P14, P13, P12, P11, P10, P9, P8, P7, P6, P5, P4, P3, P2, P1, P0} = result;
    initial if (RESETMODE != "SYNC") $fatal(1, "MULT18X18D: this reset mode is not modelled");
endmodule

// Port A writes, port B reads. With 36 bits, DIB and DOA carry one half of the word:
// in DIA the low and DIB the high one, out DOA the low and DOB the high one.
module DP16KD #(
    parameter DATA_WIDTH_A = 18, parameter DATA_WIDTH_B = 18,
    parameter REGMODE_A = "NOREG", parameter REGMODE_B = "NOREG",
    parameter WRITEMODE_A = "NORMAL", parameter WRITEMODE_B = "NORMAL",
    parameter CSDECODE_A = "0b000", parameter CSDECODE_B = "0b000",
    parameter RESETMODE = "SYNC", parameter GSR = "ENABLED"
) (
    input DIA17, DIA16, DIA15, DIA14, DIA13, DIA12, DIA11, DIA10, DIA9,
    input DIA8, DIA7, DIA6, DIA5, DIA4, DIA3, DIA2, DIA1, DIA0,
    input DIB17, DIB16, DIB15, DIB14, DIB13, DIB12, DIB11, DIB10, DIB9,
    input DIB8, DIB7, DIB6, DIB5, DIB4, DIB3, DIB2, DIB1, DIB0,
    input ADA13, ADA12, ADA11, ADA10, ADA9, ADA8, ADA7, ADA6, ADA5, ADA4, ADA3, ADA2, ADA1, ADA0,
    input ADB13, ADB12, ADB11, ADB10, ADB9, ADB8, ADB7, ADB6, ADB5, ADB4, ADB3, ADB2, ADB1, ADB0,
    input CEA, OCEA, CLKA, WEA, RSTA, CSA2, CSA1, CSA0,
    input CEB, OCEB, CLKB, WEB, RSTB, CSB2, CSB1, CSB0,
    output DOA17, DOA16, DOA15, DOA14, DOA13, DOA12, DOA11, DOA10, DOA9,
    output DOA8, DOA7, DOA6, DOA5, DOA4, DOA3, DOA2, DOA1, DOA0,
    output DOB17, DOB16, DOB15, DOB14, DOB13, DOB12, DOB11, DOB10, DOB9,
    output DOB8, DOB7, DOB6, DOB5, DOB4, DOB3, DOB2, DOB1, DOB0
);
    localparam WIDTH = DATA_WIDTH_A;
    // Address bits below the word's; the lowest are the byte enables of words of several bytes.
    localparam SKIP = WIDTH == 36 ? 5 : WIDTH == 18 ? 4 : WIDTH == 9 ? 3 : WIDTH == 4 ? 2
                      : WIDTH == 2 ? 1 : 0;
    localparam LANES = WIDTH > 9 ? WIDTH / 9 : 1;
    localparam LANE = WIDTH > 9 ? 9 : WIDTH;
    wire [13:0] ada = {ADA13, ADA12, ADA11, ADA10, ADA9, ADA8, ADA7, ADA6, ADA5, ADA4, ADA3, ADA2,
                       ADA1, ADA0};
    wire [13:0] adb = {ADB13, ADB12, ADB11, ADB10, ADB9, ADB8, ADB7, ADB6, ADB5, ADB4, ADB3, ADB2,
                       ADB1, ADB0};
    wire [35:0] data = {DIB17, DIB16, DIB15, DIB14, DIB13, DIB12, DIB11, DIB10, DIB9,
                        DIB8, DIB7, DIB6, DIB5, DIB4, DIB3, DIB2, DIB1, DIB0,
                        DIA17, DIA16, DIA15, DIA14, DIA13, DIA12, DIA11, DIA10, DIA9,
                        DIA8, DIA7, DIA6, DIA5, DIA4, DIA3, DIA2, DIA1, DIA0};
    wire [13:0] write_word = ada >> SKIP, read_word = adb >> SKIP;
    wire [3:0] enables = LANES > 1 ? ada[3:0] & ((1 << LANES) - 1) : 4'b0001;
    wire writes = CEA & WEA & ~|{CSA2, CSA1, CSA0};
    wire reads = CEB & ~|{CSB2, CSB1, CSB0};
    wire collides = writes & (write_word == read_word) & |enables;
    reg [WIDTH-1:0] words [(1 << (14 - SKIP))-1:0];
    reg [WIDTH-1:0] latched, registered, latched_a, registered_a;
    integer lane;
    always @(posedge CLKA) begin
        if (writes)
            for (lane = 0; lane < LANES; lane = lane + 1)
                if (enables[lane]) words[write_word][lane*LANE +: LANE] <= data[lane*LANE +: LANE];
        // Port A reads where it does not write.
        if (CEA & ~WEA) latched_a <= words[write_word];
        if (OCEA) registered_a <= latched_a;
    end
    always @(posedge CLKB) begin
        if (RSTB) latched <= 0;
        else if (reads) latched <= collides ? ~words[read_word] : words[read_word];
        if (RSTB) registered <= 0;
        else if (OCEB & (OCEA | WIDTH != 36)) registered <= latched;
        if (WEB) $fatal(1, "DP16KD: port B only reads");
    end
    wire [35:0] out = {{36 - WIDTH{1'b0}}, REGMODE_B == "OUTREG" ? registered : latched};
    wire [35:0] out_a = {{36 - WIDTH{1'b0}}, REGMODE_A == "OUTREG" ? registered_a : latched_a};
    assign {DOB17, DOB16, DOB15, DOB14, DOB13, DOB12, DOB11, DOB10, DOB9,
            DOB8, DOB7, DOB6, DOB5, DOB4, DOB3, DOB2, DOB1, DOB0}
        = WIDTH == 36 ? out[35:18] : out[17:0];
    assign {DOA17, DOA16, DOA15, DOA14, DOA13, DOA12, DOA11, DOA10, DOA9,
            DOA8, DOA7, DOA6, DOA5, DOA4, DOA3, DOA2, DOA1, DOA0} = WIDTH == 36 ? out[17:0] : out_a[17:0];
    initial
        if (DATA_WIDTH_A != DATA_WIDTH_B || REGMODE_A != REGMODE_B || WRITEMODE_A != "NORMAL"
            || CSDECODE_A != "0b000" || CSDECODE_B != "0b000" || RESETMODE != "SYNC")
            $fatal(1, "DP16KD: this mode is not modelled");
endmodule

// The simulation's clock is the one that the PLL makes, whatever the oscillator is; it locks late.
module EHXPLLL #(
    parameter CLKI_DIV = 1, parameter CLKFB_DIV = 1,
    parameter CLKOP_DIV = 8, parameter CLKOS_DIV = 8,
    parameter CLKOP_CPHASE = 0, parameter CLKOP_FPHASE = 0,
    parameter CLKOS_CPHASE = 0, parameter CLKOS_FPHASE = 0,
    parameter CLKOP_ENABLE = "ENABLED", parameter CLKOS_ENABLE = "DISABLED",
    parameter FEEDBK_PATH = "CLKOP", parameter PLLRST_ENA = "DISABLED",
    parameter INTFB_WAKE = "DISABLED", parameter STDBY_ENABLE = "DISABLED",
    parameter DPHASE_SOURCE = "DISABLED", parameter OUTDIVIDER_MUXA = "DIVA"
) (
    input CLKI, CLKFB, PHASESEL1, PHASESEL0, PHASEDIR, PHASESTEP, PHASELOADREG,
    input STDBY, PLLWAKESYNC, RST, ENCLKOP,
    output CLKOP, CLKOS, LOCK
);
    localparam LOCK_CYCLES = 20;
    integer cycles = 0;
    always @(posedge CLKI) if (!LOCK) cycles <= cycles + 1;
    assign CLKOP = CLKI;
    assign CLKOS = CLKI;
    assign LOCK = cycles == LOCK_CYCLES;
endmodule

// A pad that shows D0 in the first half of a cycle and D1 in the second. Weft ties both to constants:
// the two registers in front of them are left out.
module ODDRX1F(input SCLK, RST, D0, D1, output Q);
    assign Q = SCLK ? D0 : D1;
endmodule

// Yosys's model drives the pad of an input with 1'bz, which Verilator takes for a second driver.
module TRELLIS_IO #(
    parameter DIR = "INPUT"
) (
    inout B, input I, T, output O
);
    generate
        if (DIR == "INPUT") assign O = B;
        else if (DIR == "BIDIR") begin
            assign B = T ? 1'bz : I;
            assign O = B;
        end else begin
            assign B = I;
            always @(*) if (T) $fatal(1, "TRELLIS_IO: an output that is off is not modelled");
        end
    endgenerate
    initial if (DIR != "INPUT" && DIR != "OUTPUT" && DIR != "BIDIR") $fatal(1, "TRELLIS_IO: no such direction");
endmodule
