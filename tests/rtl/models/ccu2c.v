// A slice of an ECP5 carry chain, after Lattice's FPGA-TN-02187, without its injection multiplexers.

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
