// A design that is stepped cycle by cycle, its SDRAM with it.
//
// Behind its own `Board`, which derives from `ClockedBoard`, a harness includes `board_calls.h`.

#pragma once

#include <cstdint>

#include "Vtop.h"
#include "sdram_chip.h"
#include "verilated.h"

// What the linker wants of a program that never asks for simulated time.
double sc_time_stamp() { return 0; }

template <class Context>
struct ClockedBoard {
    Context context;
    Vtop top{&context};
    uint64_t cycles = 0;
    SdramBeside<Vtop> sdram;

    // What `top` shows for the inputs that are set, before the edge that `step` makes.
    void settle() {
        sdram.drive(top);
        top.clk = 0;
        top.eval();
    }

    void step() {
        sdram.step(top);
        top.clk = 1;
        top.eval();
        ++cycles;
    }
};
