// Behaviour of the iCE40 primitives that weft_hw instantiates, in the modes in which it does so.
// After Lattice's "DSP Function Usage Guide for iCE40 Devices".

// Three modes: a byte product in the upper half, a 16x16 product and an addend with all registers,
// and an accumulator without product.
module SB_MAC16 #(
    parameter [0:0] A_REG = 0, parameter [0:0] B_REG = 0, parameter [0:0] TOP_8x8_MULT_REG = 0,
    parameter [0:0] BOT_8x8_MULT_REG = 0, parameter [0:0] PIPELINE_16x16_MULT_REG1 = 0,
    parameter [0:0] PIPELINE_16x16_MULT_REG2 = 0, parameter [0:0] MODE_8x8 = 0,
    parameter [0:0] A_SIGNED = 0, parameter [0:0] B_SIGNED = 0,
    parameter [0:0] TOPADDSUB_UPPERINPUT = 0, parameter [1:0] TOPADDSUB_LOWERINPUT = 0,
    parameter [1:0] TOPADDSUB_CARRYSELECT = 0, parameter [1:0] TOPOUTPUT_SELECT = 0,
    parameter [0:0] BOTADDSUB_UPPERINPUT = 0, parameter [1:0] BOTADDSUB_LOWERINPUT = 0,
    parameter [1:0] BOTOUTPUT_SELECT = 0
) (
    input CLK, CE, input [15:0] A, B, C, D,
    input AHOLD, BHOLD, CHOLD, DHOLD, IRSTTOP, IRSTBOT, ORSTTOP, ORSTBOT, OLOADTOP, OLOADBOT,
    input ADDSUBTOP, ADDSUBBOT, OHOLDTOP, OHOLDBOT, CI, ACCUMCI, SIGNEXTIN,
    output [31:0] O
);
    localparam BYTES = MODE_8x8 & A_REG & B_REG & TOP_8x8_MULT_REG & A_SIGNED & B_SIGNED
                       & TOPADDSUB_UPPERINPUT & TOPADDSUB_LOWERINPUT == 1 & TOPOUTPUT_SELECT == 1;
    localparam CHAIN = !MODE_8x8 & TOPADDSUB_CARRYSELECT == 2 & TOPOUTPUT_SELECT == 1
                       & BOTOUTPUT_SELECT == 1;
    localparam PRODUCT = CHAIN & A_REG & B_REG & TOP_8x8_MULT_REG & BOT_8x8_MULT_REG
                         & PIPELINE_16x16_MULT_REG1 & PIPELINE_16x16_MULT_REG2 & A_SIGNED & B_SIGNED
                         & TOPADDSUB_UPPERINPUT & BOTADDSUB_UPPERINPUT
                         & TOPADDSUB_LOWERINPUT == 2 & BOTADDSUB_LOWERINPUT == 2;
    localparam ACCUMULATE = CHAIN & !A_REG & !B_REG & !TOPADDSUB_UPPERINPUT & !BOTADDSUB_UPPERINPUT
                            & TOPADDSUB_LOWERINPUT == 0 & BOTADDSUB_LOWERINPUT == 0;
    reg signed [15:0] a, b;
    reg signed [31:0] first, product;
    reg [31:0] total;
    wire signed [7:0] high_a = a[15:8], high_b = b[15:8];
    always @(posedge CLK)
        if (CE) begin
            if (!AHOLD) a <= A;
            if (!BHOLD) b <= B;
            first <= BYTES ? (high_a * high_b) << 16 : a * b;
            product <= first;
            if (!OHOLDTOP)
                total <= OLOADTOP ? {C, D} : BYTES ? {C, 16'b0} + first
                         : PRODUCT ? {C, D} + product : total + {A, B};
        end
    assign O = total;
    always @(posedge CLK)
        if (OLOADTOP != OLOADBOT || OHOLDTOP != OHOLDBOT || ADDSUBTOP || ADDSUBBOT)
            $fatal(1, "SB_MAC16: these controls are not modelled");
    initial if (!(BYTES | PRODUCT | ACCUMULATE)) $fatal(1, "SB_MAC16: this mode is not modelled");
endmodule

// After Lattice's "Memory Usage Guide for iCE40 Devices": narrow modes use every second, fourth or
// eighth data pin, and a mask in the widest mode only.
module SB_RAM40_4K #(
    parameter [1:0] READ_MODE = 0, parameter [1:0] WRITE_MODE = 0
) (
    input RCLK, RCLKE, RE, input [10:0] RADDR, output [15:0] RDATA,
    input WCLK, WCLKE, WE, input [10:0] WADDR, input [15:0] MASK, WDATA
);
    localparam STEP = 1 << READ_MODE, FIRST = STEP - 1 >> 1;
    reg [15:0] words [0:255], word;
    reg [2:0] part;
    integer pin;
    always @(posedge RCLK)
        if (RCLKE & RE) begin
            word <= words[RADDR[7:0]];
            part <= RADDR[10:8];
        end
    always @(posedge WCLK)
        if (WCLKE & WE)
            for (pin = 0; pin < 16; pin = pin + STEP)
                if (READ_MODE != 0 || !MASK[pin])
                    words[WADDR[7:0]][pin + (WADDR[10:8] & STEP - 1)] <= WDATA[pin + FIRST];
    generate
        for (genvar k = 0; k < 16; k = k + 1)
            assign RDATA[k] = k % STEP == FIRST ? word[k - FIRST + (part & STEP - 1)] : 1'b0;
    endgenerate
    initial if (READ_MODE != WRITE_MODE) $fatal(1, "SB_RAM40_4K: this mode is not modelled");
endmodule

// After Lattice's "iCE40 SPRAM Usage Guide": one port, a mask bit per nibble.
module SB_SPRAM256KA (
    input CLOCK, input [13:0] ADDRESS, input [15:0] DATAIN, input [3:0] MASKWREN,
    input WREN, CHIPSELECT, STANDBY, SLEEP, POWEROFF, output reg [15:0] DATAOUT
);
    reg [15:0] words [0:16383];
    integer k;
    always @(posedge CLOCK)
        if (CHIPSELECT) begin
            DATAOUT <= WREN ? ~DATAOUT : words[ADDRESS];
            for (k = 0; k < 4; k = k + 1)
                if (WREN & MASKWREN[k]) words[ADDRESS][4 * k +: 4] <= DATAIN[4 * k +: 4];
        end
    always @(posedge CLOCK)
        if (STANDBY | SLEEP | !POWEROFF) $fatal(1, "SB_SPRAM256KA: it is switched off");
endmodule
