// Steps the complete design as an SPI device: a host with a clock of its own moves bytes both ways.

#include <cstdint>
#include <random>

#include "Vtop.h"
#include "verilated.h"

// What the linker wants of a program that never asks for simulated time.
double sc_time_stamp() { return 0; }

namespace {

// What the host's pads, the board's, and the wires between take from the time of half a bit.
constexpr double WAY_NS = 15;

struct Board {
    VerilatedContext context;
    Vtop top{&context};
    double now = 0, next_core = 0, core_ns = 10;  // nanoseconds
    double bit_ns = 60;
    uint64_t cycles = 0, faults = 0;
    double interval = 0;  // bits between faults, on average; 0: none
    std::mt19937_64 random;

    void run(double end) {
        for (; next_core < end; next_core += core_ns) {
            top.eval();
            top.clk = 1;
            top.eval();
            top.clk = 0;
            top.eval();
            ++cycles;
        }
        now = end;
    }
    void pass(double ns) { run(now + ns); }

    void select(bool on) {
        top.select = on;
        pass(bit_ns);
    }

    // Moves a bit, most significant first; returns what the host reads.
    int bit(int out) {
        enum { COPI, CIPO, GLITCH, MISSING, SELECT, NONE } fault = NONE;
        if (interval && std::uniform_real_distribution<>()(random) * interval < 1) {
            fault = decltype(fault)(random() % NONE);
            ++faults;
        }
        const double half = bit_ns / 2;
        top.copi = out ^ (fault == COPI);
        if (fault == GLITCH) {
            top.clock = 1, pass(core_ns * 1.5);
            top.clock = 0, pass(core_ns * 2);
        }
        if (fault == SELECT) select(false), select(true);
        pass(half - WAY_NS);
        const int in = top.cipo ^ (fault == CIPO);
        pass(WAY_NS);
        top.clock = fault != MISSING;
        pass(half);
        top.clock = 0;
        return in;
    }
};

}  // namespace

#include "timed_board.h"

extern "C" {

int board_driven(const Board* board) { return board->top.drive; }

// Clocks of the core and of the host.
void board_clocks(Board* board, double core_hz, double spi_hz) {
    board->core_ns = 1e9 / core_hz;
    board->bit_ns = 1e9 / spi_hz;
}

// Faults from now on, about once in `interval` bits: a bit wrong either way, a clock's edge too many or too
// few, a moment without select.
void board_noise(Board* board, uint64_t seed, double interval) {
    board->random.seed(seed);
    board->interval = interval;
}
uint64_t board_faults(const Board* board) { return board->faults; }

void board_run(Board* board, double ns) { board->pass(ns); }

// One transfer: `count` bytes each way, or less if `bits` ends it before.
void board_transfer(Board* board, const uint8_t* out, uint8_t* in, int count, int bits) {
    board->select(true);
    for (int at = 0; at < count; ++at) {
        in[at] = 0;
        for (int index = 7; index >= 0 && bits; --index, --bits)
            in[at] |= board->bit(out[at] >> index & 1) << index;
    }
    board->select(false);
}

}  // extern "C"
