// Behaviour of the ECP5 primitives that weft_hw instantiates, in the modes in which it does so.
// After Lattice's FPGA-TN-02204 (memory), FPGA-TN-02205 (sysDSP) and FPGA-TN-02187 (CCU2C).
// Reading a word while the other port writes it gives garbage here, as it may on the chip.

module CCU2C #(
    parameter [15:0] INIT0 = 0, parameter [15:0] INIT1 = 0,
    parameter INJECT1_0 = "YES", parameter INJECT1_1 = "YES"
) (
    input CIN, A0, B0, C0, D0, A1, B1, C1, D1,
    output S0, S1, COUT
);
    wire propagate0 = INIT0[{D0, C0, B0, A0}], propagate1 = INIT1[{D1, C1, B1, A1}];
    wire generate0 = INIT0[{2'b00, B0, A0}], generate1 = INIT1[{2'b00, B1, A1}];
    wire carry0 = propagate0 ? CIN : generate0;
    assign S0 = propagate0 ^ CIN;
    assign S1 = propagate1 ^ carry0;
    assign COUT = propagate1 ? carry0 : generate1;
    initial if (INJECT1_0 != "NO" || INJECT1_1 != "NO") $fatal(1, "CCU2C: INJECT1 is not modelled");
endmodule

module MULT18X18D #(
    parameter REG_INPUTA_CLK = "NONE", parameter REG_INPUTB_CLK = "NONE",
    parameter REG_PIPELINE_CLK = "NONE", parameter REG_OUTPUT_CLK = "NONE",
    parameter GSR = "ENABLED"
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
    wire signed [18:0] wide_a = {SIGNEDA & a[17], a}, wide_b = {SIGNEDB & b[17], b};
    reg signed [18:0] input_a, input_b;
    reg signed [37:0] pipeline;
    reg [35:0] result;
    always @(posedge CLK0) begin
        if (RST0) begin
            input_a <= 0; input_b <= 0; pipeline <= 0; result <= 0;
        end else if (CE0) begin
            input_a <= wide_a; input_b <= wide_b;
            pipeline <= input_a * input_b; result <= pipeline[35:0];
        end
    end
    assign {P35, P34, P33, P32, P31, P30, P29, P28, P27, P26, P25, P24, P23, P22, P21, P20, P19, P18,
            P17, P16, P15, P14, P13, P12, P11, P10, P9, P8, P7, P6, P5, P4, P3, P2, P1, P0} = result;
    initial if (REG_INPUTA_CLK != "CLK0" || REG_INPUTB_CLK != "CLK0" || REG_PIPELINE_CLK != "CLK0"
                || REG_OUTPUT_CLK != "CLK0") $fatal(1, "MULT18X18D: all registers must be used");
endmodule

// Port A writes, port B reads. With 36 bits, DIB and DOA carry one half of the word:
// in DIA the low and DIB the high one, out DOA the low and DOB the high one.
module DP16KD #(
    parameter DATA_WIDTH_A = 18, parameter DATA_WIDTH_B = 18,
    parameter REGMODE_A = "NOREG", parameter REGMODE_B = "NOREG",
    parameter WRITEMODE_A = "NORMAL", parameter WRITEMODE_B = "NORMAL",
    parameter CSDECODE_A = "0b000", parameter CSDECODE_B = "0b000", parameter GSR = "ENABLED"
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
    wire [3:0] enables = LANES > 1 ? ada[3:0] : 4'b0001;
    reg [WIDTH-1:0] words [(1 << (14 - SKIP))-1:0];
    reg [WIDTH-1:0] latched, registered;
    wire writes = CEA & WEA & ~|{CSA2, CSA1, CSA0};
    wire collides = writes & (write_word == read_word) & |(enables & ((1 << LANES) - 1));
    integer lane;
    always @(posedge CLKA)
        if (writes)
            for (lane = 0; lane < LANES; lane = lane + 1)
                if (enables[lane]) words[write_word][lane*LANE +: LANE] <= data[lane*LANE +: LANE];
    always @(posedge CLKB) begin
        if (CEB) latched <= collides ? ~words[read_word] : words[read_word];
        if (OCEB & (OCEA | WIDTH != 36)) registered <= latched;
    end
    wire [35:0] out = {{36 - WIDTH{1'b0}}, registered};
    assign {DOB17, DOB16, DOB15, DOB14, DOB13, DOB12, DOB11, DOB10, DOB9,
            DOB8, DOB7, DOB6, DOB5, DOB4, DOB3, DOB2, DOB1, DOB0}
        = WIDTH == 36 ? out[35:18] : out[17:0];
    assign {DOA17, DOA16, DOA15, DOA14, DOA13, DOA12, DOA11, DOA10, DOA9,
            DOA8, DOA7, DOA6, DOA5, DOA4, DOA3, DOA2, DOA1, DOA0} = WIDTH == 36 ? out[17:0] : 18'b0;
    integer index;
    initial begin
        for (index = 0; index < 1 << (14 - SKIP); index = index + 1) words[index] = 0;
        latched = 0; registered = 0;
        if (DATA_WIDTH_A != DATA_WIDTH_B || REGMODE_A != "OUTREG" || REGMODE_B != "OUTREG"
            || WRITEMODE_A != "NORMAL" || CSDECODE_A != "0b000" || CSDECODE_B != "0b000")
            $fatal(1, "DP16KD: this mode is not modelled");
    end
endmodule
