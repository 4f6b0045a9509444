// Behaviour of the iCE40 primitives that weft_hw instantiates, in the modes in which it does so.
// After Lattice's "DSP Function Usage Guide for iCE40 Devices".

module SB_MAC16 #(
    parameter [0:0] A_REG = 0, parameter [0:0] B_REG = 0, parameter [0:0] TOP_8x8_MULT_REG = 0,
    parameter [0:0] MODE_8x8 = 0, parameter [0:0] A_SIGNED = 0, parameter [0:0] B_SIGNED = 0,
    parameter [0:0] TOPADDSUB_UPPERINPUT = 0, parameter [1:0] TOPADDSUB_LOWERINPUT = 0,
    parameter [1:0] TOPOUTPUT_SELECT = 0
) (
    input CLK, CE, input [15:0] A, B, C, D,
    input AHOLD, BHOLD, CHOLD, DHOLD, IRSTTOP, IRSTBOT, ORSTTOP, ORSTBOT, OLOADTOP, OLOADBOT,
    input ADDSUBTOP, ADDSUBBOT, OHOLDTOP, OHOLDBOT, CI, ACCUMCI, SIGNEXTIN,
    output [31:0] O
);
    reg signed [7:0] a, b;
    reg signed [15:0] product;
    reg [15:0] sum;
    always @(posedge CLK)
        if (CE) begin
            if (!AHOLD) a <= A[15:8];
            if (!BHOLD) b <= B[15:8];
            product <= a * b;
            if (!OHOLDTOP) sum <= OLOADTOP ? C : ADDSUBTOP ? C - product : C + product;
        end
    assign O = {sum, 16'b0};
    initial if (!(A_REG & B_REG & TOP_8x8_MULT_REG & MODE_8x8 & A_SIGNED & B_SIGNED
                  & TOPADDSUB_UPPERINPUT) || TOPADDSUB_LOWERINPUT != 1 || TOPOUTPUT_SELECT != 1)
        $fatal(1, "SB_MAC16: this mode is not modelled");
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
